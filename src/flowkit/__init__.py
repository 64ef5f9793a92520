"""flowkit: an embeddable library for e-mail marketing automation.

Everything that a host needs is here; nothing is loaded before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flowkit.adapters.clock import VirtualClock
    from flowkit.adapters.consent import MemoryConsent
    from flowkit.adapters.console import ConsoleSender
    from flowkit.adapters.http import HttpWebhooks
    from flowkit.adapters.logs import LoggedAlerts, LoggedFaults
    from flowkit.adapters.profiles import MemoryProfiles
    from flowkit.adapters.smtp import SmtpSender
    from flowkit.adapters.templates import DictTemplates, DirectoryTemplates
    from flowkit.analytics.explain import Door, Explanation, Reason
    from flowkit.analytics.metrics import WorkflowMetrics
    from flowkit.analytics.monitor import Lookout
    from flowkit.conditions import (
        AllOf,
        AnyOf,
        Condition,
        Custom,
        Duration,
        EngagementAtLeast,
        Equals,
        EventHas,
        EventIs,
        Not,
        Ops,
        Performed,
        RunHas,
        Sample,
        Segments,
        Sequence,
        SequenceStep,
        SubscriberHas,
        ValueAtLeast,
    )
    from flowkit.conditions import dump as dump_condition
    from flowkit.conditions import parse as parse_condition
    from flowkit.engine.aio import AsyncEngine
    from flowkit.engine.clock import SystemClock
    from flowkit.engine.controls import Controlled
    from flowkit.engine.dead_letters import Requeue
    from flowkit.engine.migration import Migration, NodeMigration
    from flowkit.engine.monitoring import Monitor
    from flowkit.engine.stop import Stop
    from flowkit.engine.suppressing import Suppressed
    from flowkit.engine.sweeps import Progress
    from flowkit.engine.sync import Engine
    from flowkit.engine.versions import Version, VersionState
    from flowkit.errors import (
        ConfigurationError,
        ConflictError,
        DocumentError,
        EventsRejected,
        FlowkitError,
        MigrationRefused,
        PortSuspended,
        Problem,
        RetryTransaction,
        StoreBusy,
        StoreError,
        StoreUnavailable,
        StoreVersionError,
        UnknownHandler,
        UnknownTarget,
        UnknownWorkflow,
    )
    from flowkit.event_documents import dump_event, load_event, load_events
    from flowkit.events import Event, Facts, Needs
    from flowkit.experiments.analysis import analyse
    from flowkit.experiments.documents import dump_experiment, load_experiment
    from flowkit.experiments.model import Experiment, Metric, Variant
    from flowkit.experiments.report import ExperimentReport
    from flowkit.experiments.tracking import Conversion, Tracker
    from flowkit.experiments.weaving import weave
    from flowkit.ports.records import Hold, HoldKind
    from flowkit.rendering.engine import subject_names, template_names
    from flowkit.rendering.model import OutgoingMessage, Template
    from flowkit.runs.consent import ConsentStatus, Suppression, SuppressionReason, SuppressionScope
    from flowkit.runs.effects import Outcome, PauseClock, Result
    from flowkit.runs.feedback import FeedbackKind, feedback
    from flowkit.runs.model import Entry, Kind, Line, Run, Status
    from flowkit.runs.policy import FrequencyCap, RateLimit, SendPolicy
    from flowkit.stores.memory import MemoryStore
    from flowkit.stores.sqlite import SqliteStore
    from flowkit.triggers.calendar import Offset, Unit, Weekday
    from flowkit.triggers.model import Backfill, EntryPolicy, On, Reentry, Schedule, Trigger, TriggerType
    from flowkit.triggers.rules import At, Cron, DateProperty, Every, Repeat
    from flowkit.triggers.windows import Window
    from flowkit.worker.aio import AsyncWorker
    from flowkit.worker.loop import Worker
    from flowkit.worker.pool import WorkerPool
    from flowkit.workflows.check import check, check_together
    from flowkit.workflows.codec import dump as dump_workflow
    from flowkit.workflows.codec import load as load_workflow
    from flowkit.workflows.control import Awaited, Branch, Case, Exit, LookBack, Split, WaitForEvent, Way
    from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
    from flowkit.workflows.links import EmitEvent, StartWorkflow
    from flowkit.workflows.model import (
        Action,
        CallHandler,
        CallWebhook,
        CheckEngagement,
        Delivery,
        MessageClass,
        Node,
        OnSkip,
        SendEmail,
        UpdateProfile,
        UpdateSegments,
        Wait,
        WaitUntil,
        Workflow,
    )
    from flowkit.workflows.pictures import NodeCounts
    from flowkit.workflows.waits import CalendarDays, GoTo, Instead, LocalTime, PreferredTime, ProfileDate


__all__ = [
    "Action",
    "AllOf",
    "AnyOf",
    "AsyncEngine",
    "AsyncWorker",
    "At",
    "Awaited",
    "Backfill",
    "Branch",
    "CalendarDays",
    "CallHandler",
    "CallWebhook",
    "Case",
    "CheckEngagement",
    "Condition",
    "ConfigurationError",
    "ConflictError",
    "ConsentStatus",
    "ConsoleSender",
    "Controlled",
    "Conversion",
    "Cron",
    "Custom",
    "DateProperty",
    "Delivery",
    "DictTemplates",
    "DirectoryTemplates",
    "DocumentError",
    "Door",
    "Duration",
    "EmitEvent",
    "EngagementAtLeast",
    "Engine",
    "Entry",
    "EntryPolicy",
    "Equals",
    "Event",
    "EventHas",
    "EventIs",
    "EventsRejected",
    "Every",
    "Exit",
    "ExitCriterion",
    "Experiment",
    "ExperimentReport",
    "Explanation",
    "Facts",
    "FeedbackKind",
    "FlowkitError",
    "FrequencyCap",
    "GoTo",
    "Goal",
    "Hold",
    "HoldKind",
    "Holdout",
    "HttpWebhooks",
    "Instead",
    "Kind",
    "Line",
    "LocalTime",
    "LoggedAlerts",
    "LoggedFaults",
    "LookBack",
    "Lookout",
    "MemoryConsent",
    "MemoryProfiles",
    "MemoryStore",
    "MessageClass",
    "Metric",
    "Migration",
    "MigrationRefused",
    "Monitor",
    "Needs",
    "Node",
    "NodeCounts",
    "NodeMigration",
    "Not",
    "Offset",
    "On",
    "OnSkip",
    "Ops",
    "Outcome",
    "OutgoingMessage",
    "PauseClock",
    "Performed",
    "PortSuspended",
    "PreferredTime",
    "Problem",
    "ProfileDate",
    "Progress",
    "RateLimit",
    "Reason",
    "Reentry",
    "Repeat",
    "Requeue",
    "Result",
    "RetryTransaction",
    "Run",
    "RunHas",
    "Sample",
    "Schedule",
    "Segments",
    "SendEmail",
    "SendPolicy",
    "Sequence",
    "SequenceStep",
    "SmtpSender",
    "Split",
    "SqliteStore",
    "StartWorkflow",
    "Status",
    "Stop",
    "StoreBusy",
    "StoreError",
    "StoreUnavailable",
    "StoreVersionError",
    "SubscriberHas",
    "Suppressed",
    "Suppression",
    "SuppressionReason",
    "SuppressionScope",
    "SystemClock",
    "Template",
    "Tracker",
    "Trigger",
    "TriggerType",
    "Unit",
    "UnknownHandler",
    "UnknownTarget",
    "UnknownWorkflow",
    "UpdateProfile",
    "UpdateSegments",
    "ValueAtLeast",
    "Variant",
    "Version",
    "VersionState",
    "VirtualClock",
    "Wait",
    "WaitForEvent",
    "WaitUntil",
    "Way",
    "Weekday",
    "Window",
    "Worker",
    "WorkerPool",
    "Workflow",
    "WorkflowMetrics",
    "analyse",
    "check",
    "check_together",
    "dump_condition",
    "dump_event",
    "dump_experiment",
    "dump_workflow",
    "feedback",
    "load_event",
    "load_events",
    "load_experiment",
    "load_workflow",
    "parse_condition",
    "subject_names",
    "template_names",
    "weave",
]

_HOMES: Final = {
    "Action": "flowkit.workflows.model:Action",
    "AllOf": "flowkit.conditions:AllOf",
    "AnyOf": "flowkit.conditions:AnyOf",
    "AsyncEngine": "flowkit.engine.aio:AsyncEngine",
    "AsyncWorker": "flowkit.worker.aio:AsyncWorker",
    "At": "flowkit.triggers.rules:At",
    "Awaited": "flowkit.workflows.control:Awaited",
    "Backfill": "flowkit.triggers.model:Backfill",
    "Branch": "flowkit.workflows.control:Branch",
    "CalendarDays": "flowkit.workflows.waits:CalendarDays",
    "CallHandler": "flowkit.workflows.model:CallHandler",
    "CallWebhook": "flowkit.workflows.model:CallWebhook",
    "Case": "flowkit.workflows.control:Case",
    "CheckEngagement": "flowkit.workflows.model:CheckEngagement",
    "Condition": "flowkit.conditions:Condition",
    "ConfigurationError": "flowkit.errors:ConfigurationError",
    "ConflictError": "flowkit.errors:ConflictError",
    "ConsentStatus": "flowkit.runs.consent:ConsentStatus",
    "ConsoleSender": "flowkit.adapters.console:ConsoleSender",
    "Controlled": "flowkit.engine.controls:Controlled",
    "Conversion": "flowkit.experiments.tracking:Conversion",
    "Cron": "flowkit.triggers.rules:Cron",
    "Custom": "flowkit.conditions:Custom",
    "DateProperty": "flowkit.triggers.rules:DateProperty",
    "Delivery": "flowkit.workflows.model:Delivery",
    "DictTemplates": "flowkit.adapters.templates:DictTemplates",
    "DirectoryTemplates": "flowkit.adapters.templates:DirectoryTemplates",
    "DocumentError": "flowkit.errors:DocumentError",
    "Door": "flowkit.analytics.explain:Door",
    "Duration": "flowkit.conditions:Duration",
    "EmitEvent": "flowkit.workflows.links:EmitEvent",
    "EngagementAtLeast": "flowkit.conditions:EngagementAtLeast",
    "Engine": "flowkit.engine.sync:Engine",
    "Entry": "flowkit.runs.model:Entry",
    "EntryPolicy": "flowkit.triggers.model:EntryPolicy",
    "Equals": "flowkit.conditions:Equals",
    "Event": "flowkit.events:Event",
    "EventHas": "flowkit.conditions:EventHas",
    "EventIs": "flowkit.conditions:EventIs",
    "EventsRejected": "flowkit.errors:EventsRejected",
    "Every": "flowkit.triggers.rules:Every",
    "Exit": "flowkit.workflows.control:Exit",
    "ExitCriterion": "flowkit.workflows.goals:ExitCriterion",
    "Experiment": "flowkit.experiments.model:Experiment",
    "ExperimentReport": "flowkit.experiments.report:ExperimentReport",
    "Explanation": "flowkit.analytics.explain:Explanation",
    "Facts": "flowkit.events:Facts",
    "FeedbackKind": "flowkit.runs.feedback:FeedbackKind",
    "FlowkitError": "flowkit.errors:FlowkitError",
    "FrequencyCap": "flowkit.runs.policy:FrequencyCap",
    "GoTo": "flowkit.workflows.waits:GoTo",
    "Goal": "flowkit.workflows.goals:Goal",
    "Hold": "flowkit.ports.records:Hold",
    "HoldKind": "flowkit.ports.records:HoldKind",
    "Holdout": "flowkit.workflows.goals:Holdout",
    "HttpWebhooks": "flowkit.adapters.http:HttpWebhooks",
    "Instead": "flowkit.workflows.waits:Instead",
    "Kind": "flowkit.runs.model:Kind",
    "Line": "flowkit.runs.model:Line",
    "LocalTime": "flowkit.workflows.waits:LocalTime",
    "LoggedAlerts": "flowkit.adapters.logs:LoggedAlerts",
    "LoggedFaults": "flowkit.adapters.logs:LoggedFaults",
    "LookBack": "flowkit.workflows.control:LookBack",
    "Lookout": "flowkit.analytics.monitor:Lookout",
    "MemoryConsent": "flowkit.adapters.consent:MemoryConsent",
    "MemoryProfiles": "flowkit.adapters.profiles:MemoryProfiles",
    "MemoryStore": "flowkit.stores.memory:MemoryStore",
    "MessageClass": "flowkit.workflows.model:MessageClass",
    "Metric": "flowkit.experiments.model:Metric",
    "Migration": "flowkit.engine.migration:Migration",
    "MigrationRefused": "flowkit.errors:MigrationRefused",
    "Monitor": "flowkit.engine.monitoring:Monitor",
    "Needs": "flowkit.events:Needs",
    "Node": "flowkit.workflows.model:Node",
    "NodeCounts": "flowkit.workflows.pictures:NodeCounts",
    "NodeMigration": "flowkit.engine.migration:NodeMigration",
    "Not": "flowkit.conditions:Not",
    "Offset": "flowkit.triggers.calendar:Offset",
    "On": "flowkit.triggers.model:On",
    "OnSkip": "flowkit.workflows.model:OnSkip",
    "Ops": "flowkit.conditions:Ops",
    "Outcome": "flowkit.runs.effects:Outcome",
    "OutgoingMessage": "flowkit.rendering.model:OutgoingMessage",
    "PauseClock": "flowkit.runs.effects:PauseClock",
    "Performed": "flowkit.conditions:Performed",
    "PortSuspended": "flowkit.errors:PortSuspended",
    "PreferredTime": "flowkit.workflows.waits:PreferredTime",
    "Problem": "flowkit.errors:Problem",
    "ProfileDate": "flowkit.workflows.waits:ProfileDate",
    "Progress": "flowkit.engine.sweeps:Progress",
    "RateLimit": "flowkit.runs.policy:RateLimit",
    "Reason": "flowkit.analytics.explain:Reason",
    "Reentry": "flowkit.triggers.model:Reentry",
    "Repeat": "flowkit.triggers.rules:Repeat",
    "Requeue": "flowkit.engine.dead_letters:Requeue",
    "Result": "flowkit.runs.effects:Result",
    "RetryTransaction": "flowkit.errors:RetryTransaction",
    "Run": "flowkit.runs.model:Run",
    "RunHas": "flowkit.conditions:RunHas",
    "Sample": "flowkit.conditions:Sample",
    "Schedule": "flowkit.triggers.model:Schedule",
    "Segments": "flowkit.conditions:Segments",
    "SendEmail": "flowkit.workflows.model:SendEmail",
    "SendPolicy": "flowkit.runs.policy:SendPolicy",
    "Sequence": "flowkit.conditions:Sequence",
    "SequenceStep": "flowkit.conditions:SequenceStep",
    "SmtpSender": "flowkit.adapters.smtp:SmtpSender",
    "Split": "flowkit.workflows.control:Split",
    "SqliteStore": "flowkit.stores.sqlite:SqliteStore",
    "StartWorkflow": "flowkit.workflows.links:StartWorkflow",
    "Status": "flowkit.runs.model:Status",
    "Stop": "flowkit.engine.stop:Stop",
    "StoreBusy": "flowkit.errors:StoreBusy",
    "StoreError": "flowkit.errors:StoreError",
    "StoreUnavailable": "flowkit.errors:StoreUnavailable",
    "StoreVersionError": "flowkit.errors:StoreVersionError",
    "SubscriberHas": "flowkit.conditions:SubscriberHas",
    "Suppressed": "flowkit.engine.suppressing:Suppressed",
    "Suppression": "flowkit.runs.consent:Suppression",
    "SuppressionReason": "flowkit.runs.consent:SuppressionReason",
    "SuppressionScope": "flowkit.runs.consent:SuppressionScope",
    "SystemClock": "flowkit.engine.clock:SystemClock",
    "Template": "flowkit.rendering.model:Template",
    "Tracker": "flowkit.experiments.tracking:Tracker",
    "Trigger": "flowkit.triggers.model:Trigger",
    "TriggerType": "flowkit.triggers.model:TriggerType",
    "Unit": "flowkit.triggers.calendar:Unit",
    "UnknownHandler": "flowkit.errors:UnknownHandler",
    "UnknownTarget": "flowkit.errors:UnknownTarget",
    "UnknownWorkflow": "flowkit.errors:UnknownWorkflow",
    "UpdateProfile": "flowkit.workflows.model:UpdateProfile",
    "UpdateSegments": "flowkit.workflows.model:UpdateSegments",
    "ValueAtLeast": "flowkit.conditions:ValueAtLeast",
    "Variant": "flowkit.experiments.model:Variant",
    "Version": "flowkit.engine.versions:Version",
    "VersionState": "flowkit.engine.versions:VersionState",
    "VirtualClock": "flowkit.adapters.clock:VirtualClock",
    "Wait": "flowkit.workflows.model:Wait",
    "WaitForEvent": "flowkit.workflows.control:WaitForEvent",
    "WaitUntil": "flowkit.workflows.model:WaitUntil",
    "Way": "flowkit.workflows.control:Way",
    "Weekday": "flowkit.triggers.calendar:Weekday",
    "Window": "flowkit.triggers.windows:Window",
    "Worker": "flowkit.worker.loop:Worker",
    "WorkerPool": "flowkit.worker.pool:WorkerPool",
    "Workflow": "flowkit.workflows.model:Workflow",
    "WorkflowMetrics": "flowkit.analytics.metrics:WorkflowMetrics",
    "analyse": "flowkit.experiments.analysis:analyse",
    "check": "flowkit.workflows.check:check",
    "check_together": "flowkit.workflows.check:check_together",
    "dump_condition": "flowkit.conditions:dump",
    "dump_event": "flowkit.event_documents:dump_event",
    "dump_experiment": "flowkit.experiments.documents:dump_experiment",
    "dump_workflow": "flowkit.workflows.codec:dump",
    "feedback": "flowkit.runs.feedback:feedback",
    "load_event": "flowkit.event_documents:load_event",
    "load_events": "flowkit.event_documents:load_events",
    "load_experiment": "flowkit.experiments.documents:load_experiment",
    "load_workflow": "flowkit.workflows.codec:load",
    "parse_condition": "flowkit.conditions:parse",
    "subject_names": "flowkit.rendering.engine:subject_names",
    "template_names": "flowkit.rendering.engine:template_names",
    "weave": "flowkit.experiments.weaving:weave",
}


def __getattr__(name: str) -> object:
    """Load a name when it is first asked for (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    module, _, attribute = home.partition(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

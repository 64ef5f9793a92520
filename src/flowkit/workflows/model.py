"""A workflow as data: a graph of nodes, each with the actions it performs and the ways out of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias, assert_never

from attrs import field, frozen

from flowkit.conditions import ALWAYS, Condition
from flowkit.errors import DocumentError, Problem
from flowkit.events import Properties
from flowkit.problems import pointer, short
from flowkit.triggers.model import Trigger
from flowkit.workflows.control import Branch, Exit, Split, WaitForEvent
from flowkit.workflows.durations import DurationUnit
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout, criteria_in_order, goals_in_order
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.pictures.model import NodeCounts
from flowkit.workflows.timing import Late, QuietHours
from flowkit.workflows.waits import WaitRule

__all__ = [
    "EMAIL",
    "END",
    "MAX_DETACHED",
    "MAX_VARIABLES",
    "Action",
    "CallHandler",
    "CallWebhook",
    "CheckEngagement",
    "Delivery",
    "DurationUnit",
    "MessageClass",
    "Node",
    "OnSkip",
    "Operation",
    "SendEmail",
    "UpdateProfile",
    "UpdateSegments",
    "Wait",
    "WaitUntil",
    "Workflow",
    "delivery_of",
    "is_carried_out",
    "is_variable",
]

END: Final = "end"
"""The target that completes a run, unless a node has that name."""

MAX_VARIABLES: Final = 32
"""How many variables a run has at most."""

MAX_DETACHED: Final = 100
"""How many detached actions of a run may be open at once, unless its workflow says otherwise."""

_NO_TIME: Final = timedelta()
_NO_COUNTS: Final[Mapping[str, NodeCounts]] = {}
_NO_EDGE_COUNTS: Final[Mapping[tuple[str, str], int]] = {}


class Delivery(StrEnum):
    """What is done where nobody knows whether an action was carried out: once more, or not again."""

    AT_LEAST_ONCE = "at_least_once"
    """It is tried again, under its key: a receiver that honours keys does it once."""
    AT_MOST_ONCE = "at_most_once"
    """It is not tried again: the run goes the way of a failure. Each call is noted on its own before it is made."""


EMAIL: Final = "email"
"""The channel of e-mail, which the engine's ``sender`` serves; every other one is a name of the host's."""


class MessageClass(StrEnum):
    """What a message is to whoever gets it, and so what may stop it."""

    MARKETING = "marketing"
    """It needs the subscriber's consent, every suppression stops it, and all other guards hold for it."""
    TRANSACTIONAL = "transactional"
    """The subscriber asked for it, as for a receipt: only a suppression of all messages stops it.

    Quiet hours, frequency caps and rate limits let it pass.
    """


class OnSkip(StrEnum):
    """Where a run goes whose message was decided against."""

    CONTINUE = "continue"
    """The way of a failure where the action has one (``failure_path``), else on in the node."""
    EXIT = "exit"
    """Nowhere: it ends with the status ``exited``."""


@frozen
class SendEmail:
    """Send a message: an e-mail (``send_email``), or one by another channel (``send``).

    Attributes:
        template_id: Which template; hosts whose mail service renders for itself get the id handed on.
        channel: By which channel: ``email``, or one that the host has a sender for.
        subject: The subject line, a template of its own; None takes the template's.
        personalization: False renders merge tags only.
        delivery: What is done where nobody knows whether the message went out.
        topic: What the message is about, in the words of the host's consents: one that is marketing goes only to those
            who are subscribed to the topic. None asks for no consent.
        message_class: What it is to whoever gets it.
        on_skip: Where the run goes when it is decided not to send the message.
        expires_after: For how long after it came due it may still go out; None for ever. What is later is skipped.
        late: What becomes of it where a worker comes late; None sends it then.
        parameters: Whatever else the document gave; handed on with the message.
    """

    template_id: str
    channel: str = field(default=EMAIL, kw_only=True)
    subject: str | None = field(default=None, kw_only=True)
    personalization: bool = field(default=True, kw_only=True)
    delivery: Delivery = field(default=Delivery.AT_LEAST_ONCE, kw_only=True)
    topic: str | None = field(default=None, kw_only=True)
    message_class: MessageClass = field(default=MessageClass.MARKETING, kw_only=True)
    on_skip: OnSkip = field(default=OnSkip.CONTINUE, kw_only=True)
    expires_after: timedelta | None = field(default=None, kw_only=True)
    late: Late | None = field(default=None, kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)

    @property
    def consent_topic(self) -> str | None:
        """The topic that somebody must be subscribed to; None where nothing of that kind is asked."""
        return self.topic if self.message_class is MessageClass.MARKETING else None


@frozen
class Wait:
    """Wait for an absolute time (``wait``): 72 hours are 72 hours, whatever the clocks on the wall do.

    Attributes:
        duration: How long, 0 to 100 years.
        unit: How the document spells it; it changes nothing else.
        parameters: Whatever else the document gave.
    """

    duration: timedelta
    unit: DurationUnit = field(default=DurationUnit.HOURS, kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)


@frozen
class WaitUntil:
    """Wait by the clock on the wall of the subscriber (``wait``).

    Attributes:
        rule: For what; the instant is computed once, on arrival, and one that has passed is not waited for.
        parameters: Whatever else the document gave.
    """

    rule: WaitRule
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)


@frozen
class CheckEngagement:
    """Choose the way ``engaged`` or ``not_engaged`` by the node's threshold and condition (``condition``).

    Attributes:
        metrics: The names the document lists; for its readers, since the numbers stand in the node.
        parameters: Whatever else the document gave.
    """

    metrics: tuple[str, ...] = ()
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)


@frozen
class UpdateSegments:
    """Put the subscriber into segments and take it out of others (``segment_update``); nothing at all is legal.

    Attributes:
        add: Segments to join.
        remove: Segments to leave.
        parameters: Whatever else the document gave.
    """

    add: tuple[str, ...] = field(default=(), kw_only=True)
    remove: tuple[str, ...] = field(default=(), kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)


@frozen
class UpdateProfile:
    """Change attributes of the subscriber (``personalization_update``).

    Attributes:
        set: Values by attribute name.
        unset: Attributes to remove.
        increment: Numbers to add, by attribute name; a missing attribute counts as 0.
        parameters: Whatever else the document gave.
    """

    set: Properties = field(factory=dict[str, Any], kw_only=True)
    unset: tuple[str, ...] = field(default=(), kw_only=True)
    increment: Mapping[str, float] = field(factory=dict[str, float], kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)


@frozen
class CallWebhook:
    """Call a host's or partner's HTTP end point (``webhook``).

    Attributes:
        url: An http or https URL.
        method: The HTTP method.
        headers: Header lines by name; the effect's key is added to them.
        body: The JSON object to send beside the run's own data.
        response: The run's variables that the response sets: by name, where each stands in its JSON, as a path with
            dots. One that is missing there is unset.
        delivery: What is done where nobody knows whether the call took effect.
        parameters: Whatever else the document gave.
    """

    url: str
    method: str = field(default="POST", kw_only=True)
    headers: Mapping[str, str] = field(factory=dict[str, str], kw_only=True)
    body: Properties = field(factory=dict[str, Any], kw_only=True)
    response: Mapping[str, str] = field(factory=dict[str, str], kw_only=True)
    delivery: Delivery = field(default=Delivery.AT_LEAST_ONCE, kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)


@frozen
class CallHandler:
    """Carry out an action of the host's own (``custom``).

    Attributes:
        name: Under which name the engine knows its handler.
        delivery: What is done where nobody knows whether it was carried out.
        parameters: Whatever else the document gave; the handler gets it.
    """

    name: str
    delivery: Delivery = field(default=Delivery.AT_LEAST_ONCE, kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)


_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)


def is_variable(name: str) -> bool:
    """Whether a text may name a variable of a run: a letter, then up to 63 letters, digits and underscores."""
    return _VARIABLE.fullmatch(name) is not None


Operation: TypeAlias = (
    SendEmail
    | Wait
    | WaitUntil
    | WaitForEvent
    | CheckEngagement
    | Branch
    | Split
    | Exit
    | UpdateSegments
    | UpdateProfile
    | CallWebhook
    | CallHandler
    | EmitEvent
    | StartWorkflow
)
"""What an action does."""


def delivery_of(operation: Operation) -> Delivery:
    """Say what is done where nobody knows whether an operation was carried out; what has no say is tried again."""
    if isinstance(operation, SendEmail | CallWebhook | CallHandler):
        return operation.delivery
    return Delivery.AT_LEAST_ONCE


def is_carried_out(operation: Operation) -> bool:
    """Whether an operation is carried out; the others only decide where or when a run goes on."""
    match operation:
        case SendEmail() | UpdateSegments() | UpdateProfile() | CallWebhook() | CallHandler():
            return True
        case EmitEvent() | StartWorkflow():
            return True
        case Wait() | WaitUntil() | WaitForEvent() | CheckEngagement() | Branch() | Split() | Exit():
            return False
        case _:
            assert_never(operation)


@frozen
class Action:
    """One thing that a node does.

    Attributes:
        action_id: Its name, unique within the node.
        do: What is done.
        delay: How long the action is postponed; the run waits for it, unless it is detached.
        detached: Whether the run goes on at once, and the action is carried out beside it once its delay is over.
            Only what is carried out can be detached, and it has no paths.
        success_path: Where the run goes at once after success; None goes on in the node.
        failure_path: Where the run goes after a failure or a skip; None lets the run fail, or go on after a skip.
    """

    action_id: str
    do: Operation
    delay: timedelta = field(default=_NO_TIME, kw_only=True)
    success_path: str | None = field(default=None, kw_only=True)
    failure_path: str | None = field(default=None, kw_only=True)
    detached: bool = field(default=False, kw_only=True)


def _in_order(actions: Iterable[Action]) -> tuple[Action, ...]:
    return tuple(actions)


@frozen
class Node:
    """A place in a workflow: its actions run in order, then a way out is chosen.

    Attributes:
        node_id: Its name, which is also its key in the workflow.
        name: What people call it.
        actions: What is done, in order.
        engagement_threshold: Counts of events since the run's entry that a ``condition`` action asks for, such as
            ``{"opens": 1}``; event types may be named too.
        condition: What a ``condition`` action asks besides; JSON writes both into ``conditions``.
        next_nodes: Targets by label: what the last action decided, else ``default``. ``"end"`` and a missing label
            complete the run.
        max_visits: How often a run may enter it, at least once; None for no bound. A run that would enter it once more
            takes its way ``exhausted`` instead, and is complete without one.
    """

    node_id: str
    name: str
    actions: tuple[Action, ...] = field(default=(), kw_only=True, converter=_in_order)
    engagement_threshold: Mapping[str, float] = field(factory=dict[str, float], kw_only=True)
    condition: Condition = field(default=ALWAYS, kw_only=True)
    next_nodes: Mapping[str, str] = field(factory=dict[str, str], kw_only=True)
    max_visits: int | None = field(default=None, kw_only=True)


def _by_id(nodes: Mapping[str, Node] | Sequence[Node]) -> Mapping[str, Node]:
    if isinstance(nodes, Mapping):
        return nodes
    by_id: dict[str, Node] = {}
    for node in nodes:
        if node.node_id in by_id:
            message = f"two nodes are called {short(node.node_id)}"
            raise DocumentError([Problem("duplicate_id", pointer("/nodes", node.node_id), message=message)])
        by_id[node.node_id] = node
    return by_id


@frozen
class Workflow:
    """A journey that subscribers pass through; immutable, so an edit is a new version.

    Attributes:
        workflow_id: Its name for ever, across versions.
        name: What people call it.
        trigger: Who enters it.
        nodes: The graph by node id; a list of nodes is taken as well, and two of one id are an error.
        entry_node: Where a run starts.
        active: False lets nobody enter and lets those inside go on.
        created_at: When it was written, an aware instant; it takes no part in the content hash.
        timezone: The IANA name of the zone that its waits by the clock take for subscribers without a valid one.
        exit_criteria: What ends a run wherever it is, in the order in which they are asked.
        goals: What is counted once a run.
        holdout: Who of those that the rules of entry let in gets nothing; None for nobody.
        max_detached: How many detached actions of a run may be open at once, 1 to 1,000; what is detached beyond that
            is left out, and the journal says so.
        quiet_hours: When its messages of marketing wait, instead of what the engine's policy says for all workflows;
            None leaves it to that.
    """

    workflow_id: str
    name: str
    trigger: Trigger = field(kw_only=True)
    nodes: Mapping[str, Node] = field(kw_only=True, converter=_by_id)
    entry_node: str = field(default="start", kw_only=True)
    active: bool = field(default=True, kw_only=True)
    created_at: datetime | None = field(default=None, kw_only=True)
    timezone: str = field(default="UTC", kw_only=True)
    exit_criteria: tuple[ExitCriterion, ...] = field(default=(), kw_only=True, converter=criteria_in_order)
    goals: tuple[Goal, ...] = field(default=(), kw_only=True, converter=goals_in_order)
    holdout: Holdout | None = field(default=None, kw_only=True)
    quiet_hours: QuietHours | None = field(default=None, kw_only=True)
    max_detached: int = field(default=MAX_DETACHED, kw_only=True)

    def to_svg(
        self,
        *,
        counts: Mapping[str, NodeCounts] = _NO_COUNTS,
        edge_counts: Mapping[tuple[str, str], int] = _NO_EDGE_COUNTS,
        path: Sequence[str] = (),
    ) -> str:
        """Draw the workflow as SVG: one element that stands alone and is readable on light and dark.

        Args:
            counts: How many came to each node, by its id; nodes that the workflow has not are passed over.
            edge_counts: How many went from one node to another, by both ids; the end is called ``"end"``. Beside
                each number stands its share of those that are done with the node and, with a minus, the share of
                them that went along none of its ways, if there are counts of the node.
            path: The nodes that a run came by, in order; they and the ways between them are highlighted.
        """
        # Who never looks at a picture never loads what draws it.
        from flowkit.workflows.pictures.drawing import draw  # noqa: PLC0415
        from flowkit.workflows.pictures.svg import render_svg  # noqa: PLC0415

        return render_svg(draw(self, counts=counts, edge_counts=edge_counts, path=path))

    def to_mermaid(
        self,
        *,
        counts: Mapping[str, NodeCounts] = _NO_COUNTS,
        edge_counts: Mapping[tuple[str, str], int] = _NO_EDGE_COUNTS,
        path: Sequence[str] = (),
    ) -> str:
        """Draw the workflow as a Mermaid flowchart, to be put into a page that Mermaid looks through.

        Args:
            counts: As in `to_svg`.
            edge_counts: As in `to_svg`.
            path: As in `to_svg`.
        """
        from flowkit.workflows.pictures.drawing import draw  # noqa: PLC0415
        from flowkit.workflows.pictures.mermaid import render_mermaid  # noqa: PLC0415

        return render_mermaid(draw(self, counts=counts, edge_counts=edge_counts, path=path))

    def _repr_svg_(self) -> str:
        """Show the workflow in a notebook as its picture."""
        return self.to_svg()

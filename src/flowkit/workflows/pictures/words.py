"""What actions do, in words short enough for a line of a box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from flowkit.conditions import ALWAYS
from flowkit.workflows.control import Awaited, Branch, Case, Exit, Split, WaitForEvent
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    EMAIL,
    Action,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    Node,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
)
from flowkit.workflows.pictures.condition_words import condition_words
from flowkit.workflows.pictures.model import Line, Mark
from flowkit.workflows.pictures.phrases import duration_words, few, number_words, together
from flowkit.workflows.pictures.wait_words import wait_words

__all__ = ["action_line"]

_NO_TIME: Final = timedelta()


def action_line(node: Node, action: Action) -> Line:
    """Say what an action of a node does."""
    mark, verb, detail = _operation(node, action)
    after = f"after {duration_words(action.delay)}" if action.delay > _NO_TIME else ""
    beside = "detached" if action.detached else ""
    return Line(mark, verb, detail=", ".join(part for part in (detail, beside, after) if part))


def _operation(node: Node, action: Action) -> tuple[Mark, str, str]:  # noqa: C901 - a case for each operation
    match action.do:
        case SendEmail(template_id, channel=channel):
            return Mark.SEND, "Send", template_id if channel == EMAIL else f"{template_id} by {channel}"
        case Wait(duration):
            return Mark.WAIT, "Wait", duration_words(duration)
        case WaitUntil(rule):
            return Mark.WAIT, "Wait", wait_words(rule)
        case WaitForEvent(branches, timeout=timeout):
            most = "for ever" if timeout is None else f"at most {duration_words(timeout)}"
            return Mark.WAIT, "Wait for", together(few((_branch_words(branch) for branch in branches), " or "), most)
        case CheckEngagement():
            return Mark.CHECK, "Check", _asked(node)
        case Branch(cases):
            return Mark.CHECK, "Branch", few(_case_words(case) for case in cases)
        case Split(ways):
            return Mark.CHECK, "Split", few(f"{way.label} {number_words(way.weight)}" for way in ways)
        case Exit(reason):
            return Mark.OTHER, "Exit", reason
        case UpdateSegments(add=add, remove=remove):
            return Mark.SEGMENTS, "Segments", together(_each("+", add), _each("−", remove)) or "none"
        case UpdateProfile(set=values, unset=unset, increment=increment):
            changes = together(_each("set", values), _each("unset", unset), _each("add to", increment))
            return Mark.PROFILE, "Profile", changes or "nothing"
        case CallWebhook(url=url, method=method):
            return Mark.WEBHOOK, "Webhook", f"{method} {_host(url)}"
        case CallHandler(name):
            return Mark.OTHER, "Custom", name
        case EmitEvent(event_type):
            return Mark.OTHER, "Emit", event_type
        case StartWorkflow(workflow_id):
            return Mark.OTHER, "Start", workflow_id
        # The only default of the pictures: an operation that is added to the language can be seen at once.
        case other:
            return Mark.OTHER, type(other).__name__, ""


def _asked(node: Node) -> str:
    counts = few(f"{name} ≥ {number_words(least)}" for name, least in node.engagement_threshold.items())
    return together(counts, "" if node.condition == ALWAYS else condition_words(node.condition)) or "always engaged"


def _branch_words(branch: Awaited | Case) -> str:
    return condition_words(branch.event if isinstance(branch, Awaited) else branch.when) or "nothing"


def _case_words(case: Case) -> str:
    return f"{case.label} if {condition_words(case.when) or 'always'}"


def _each(verb: str, names: Iterable[str] | Mapping[str, object]) -> str:
    listed = few(names)
    return f"{verb} {listed}" if listed else ""


def _host(url: str) -> str:
    # The host tells people which service is called; path and query are long and may hold what is nobody's business.
    try:
        host = urlsplit(url).hostname
    except ValueError:  # A workflow that nobody has checked may hold any text for a URL.
        host = None
    return host or "no URL"

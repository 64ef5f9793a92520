"""Why somebody did, or did not, enter a workflow, and what happened there: from the journal, as data and as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, assert_never

from attrs import frozen

from flowkit.analytics.guard_words import deferral_words, guard_words, wall_words
from flowkit.conditions import Operand
from flowkit.documents import is_list
from flowkit.runs.consent import Suppression, SuppressionScope
from flowkit.runs.model import Entry, Kind, Line, operand_data

__all__ = ["Door", "Explanation", "Reason", "explained", "span_words"]

_WHEN: Final = "%Y-%m-%d %H:%M:%S"
_SUPPRESSED: Final = "suppressed: "
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@frozen
class Reason:
    """One thing that was decided about a subscriber, and why.

    Attributes:
        at: When.
        run_id: In which run; None where it belongs to none.
        kind: What happened.
        node: At which node; None where it was at none.
        action: By which action; None where it was by none.
        text: A sentence that says it.
        data: What it was decided on: operand values, outcome, reason, as the journal has them.
    """

    at: datetime
    run_id: str | None
    kind: Kind
    node: str | None
    action: str | None
    text: str
    data: Mapping[str, Any]


@frozen(kw_only=True)
class Door:
    """What would become of the subscriber at the workflow's door now.

    Attributes:
        is_open: Whether the rules of entry would let the subscriber in, if the trigger fired.
        reason: The rule that would not; empty where all would.
        opens_at: From when on that rule would; None where time does not help, or it does already.
        by: The workflow whose living run stands in the way; None where it is none.
        holds: Whether the trigger's condition holds now, with no event at hand.
        operands: The values that were read to tell.
        held_out: Whether whoever is let in is held out, and gets nothing.
    """

    is_open: bool
    reason: str = ""
    opens_at: datetime | None = None
    by: str | None = None
    holds: bool = False
    operands: Sequence[Operand] = ()
    held_out: bool = False


@frozen
class Explanation:
    """What a workflow and a subscriber have had to do with each other.

    Attributes:
        subscriber_id: Who.
        workflow_id: Which workflow.
        reasons: Everything that was decided, oldest first.
        door: What would become of the subscriber now; None where no version of the workflow may be entered.
        suppressions: The subscriber's lines of the suppression list, those that were lifted too.
    """

    subscriber_id: str
    workflow_id: str
    reasons: Sequence[Reason]
    door: Door | None
    suppressions: Sequence[Suppression] = ()

    @property
    def text(self) -> str:
        """All of it in sentences, a line each; instants are UTC."""
        lines = [f"{self.subscriber_id} in {self.workflow_id}"]
        if not self.reasons:
            lines.append("  Nothing was ever decided: no trigger of this workflow has fired for the subscriber.")
        runs: list[str | None] = []
        for reason in self.reasons:
            if reason.run_id is not None and reason.run_id not in runs:
                runs.append(reason.run_id)
            whose = "" if reason.run_id is None else f"run {runs.index(reason.run_id) + 1}: "
            lines.append(f"  {reason.at.strftime(_WHEN)}  {whose}{reason.text}")
        lines += [f"  {line}" for line in _door_words(self.door)]
        lines += [f"  {_suppression_words(one)}" for one in self.suppressions if one.lifted is None]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text


def explained(
    subscriber_id: str,
    workflow_id: str,
    lines: Iterable[Line],
    door: Door | None,
    suppressions: Sequence[Suppression] = (),
) -> Explanation:
    """Say in sentences what lines of the journal tell.

    Args:
        subscriber_id: Whose lines they are; lines of others are left out.
        workflow_id: About which workflow; lines about others are left out.
        lines: Lines of the journal, oldest first.
        door: What would become of the subscriber now.
        suppressions: The subscriber's lines of the suppression list.
    """
    reasons = [
        Reason(
            line.at,
            line.run_id,
            line.entry.kind,
            line.entry.node,
            line.entry.action,
            _sentence(line) + _since(line, suppressions),
            line.entry.data,
        )
        for line in lines
        if line.subscriber_id == subscriber_id and line.workflow_id == workflow_id
    ]
    return Explanation(subscriber_id, workflow_id, reasons, door, tuple(suppressions))


def span_words(seconds: float) -> str:
    """Say how long something lasts by its two largest units: ``3 d 2 h``."""
    rest = max(0, round(seconds))
    words: list[str] = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "no time"


def _sentence(line: Line) -> str:  # noqa: C901, PLR0912 - a sentence for each kind
    entry, data = line.entry, line.entry.data
    what = _operation(data)
    match entry.kind:
        case Kind.ENTERED:
            return f"entered at {entry.node}, by trigger {data.get('trigger')}"
        case Kind.REFUSED:
            return f"was not let in for {data.get('event')}: {_refusal(data)}"
        case Kind.WAITING if entry.node is None:
            wait = f"waits up to {span_words(data.get('seconds', 0))} for the filter of the workflow to hold"
            return wait + _read(data)
        case Kind.WAITING if "labels" in data:
            most = f" for at most {span_words(data['seconds'])}" if "seconds" in data else ""
            return f"waits at {entry.node} for {_any_of(data['labels'])}{most}"
        case Kind.WAITING if "detached" in data:
            return f"goes on at {entry.node}, and does {entry.action} in {span_words(data.get('seconds', 0))}"
        case Kind.WAITING:
            return f"waits {span_words(data.get('seconds', 0))} at {entry.node}{_until(data)}"
        case Kind.PASSED:
            return f"did not wait at {entry.node}{_passed(data)}"
        case Kind.WOKEN:
            return f"the wait at {entry.node} is over"
        case Kind.DECIDED if entry.action is None:
            most = data.get("operands", {}).get("max_visits")
            return f"did not enter {entry.node} again: it may be entered {'once' if most == 1 else f'{most} times'}"
        case Kind.DECIDED if "share" in data:
            return f"{entry.node} chose {data.get('label')}, {_assigned(data)}"
        case Kind.DECIDED if "occurred_at" in data:
            return f"{entry.node} chose {data.get('label')}, since {_event_words(data)}"
        case Kind.DECIDED if "operands" not in data:
            return f"{entry.node} chose {data.get('label')}, since nothing came in time"
        case Kind.DECIDED:
            return f"{entry.node} chose {data.get('label')}, since {_values(data)}"
        case Kind.DONE:
            return f"{what} at {entry.node}{_attempt(data)}"
        case Kind.SKIPPED if "template_id" in data:
            by = f" by {data['channel']}" if "channel" in data else ""
            return f"{data['template_id']} was not sent{by} at {entry.node}: {guard_words(data) or _because(data)}"
        case Kind.SKIPPED:
            why = guard_words(data) or (_refused(data) if "workflow" in data else _because(data))
            return f"did not carry out {what} at {entry.node}: {why}"
        case Kind.RETRYING:
            pause = span_words(data.get("seconds", 0))
            return f"tries {what} at {entry.node} again in {pause}: {_because(data)}"
        case Kind.DEFERRED:
            return f"holds {what} at {entry.node} back {deferral_words(data)}"
        case Kind.OBSERVED:
            return f"saw {data.get('type')}, the {_ordinal(data.get('count', 1))} time"
        case Kind.LEFT:
            return f"left {entry.node} by {data.get('by')} for {data.get('to')}"
        case Kind.COMPLETED:
            return "reached the end"
        case Kind.EXITED if entry.action is not None:
            return f"left the workflow at {entry.node}: {_because(data)}"
        case Kind.EXITED:
            why = _seen_in(data) if "operands" in data or "occurred_at" in data else ""
            return f"was taken out{_where(entry.node)}: {_because(data)}{why}"
        case Kind.PAUSED:
            clock = "its clock runs on" if data.get("clock") == "run" else "its clock stands still too"
            return f"stands still{_where(entry.node)}: {clock}"
        case Kind.MIGRATED:
            return f"went over to another version at {entry.node}{_migrated(entry.node, data)}"
        case Kind.RESUMED:
            later = "" if data.get("clock") == "run" else ", and everything is later by that"
            return f"goes on{_where(entry.node)} after {span_words(data.get('seconds', 0))}{later}"
        case Kind.FAILED if entry.node is None or entry.action is None:
            return f"failed: {_because(data)}"
        case Kind.FAILED:
            return f"{what} at {entry.node} failed: {_because(data)}"
        case Kind.REQUEUED:
            key = "under a new key" if data.get("key") == "new" else "under the same key"
            where = "" if entry.node is None else f" at {entry.node}"
            return f"was let go on{where}, {key}, after it had failed: {data.get('after')}"
        case Kind.LATE if "occurred_at" in data:
            return f"it was too late at {entry.node} for {data.get('label')}, though {_event_words(data)}"
        case Kind.LATE:
            return f"an outcome came too late to change anything at {entry.node}: {data.get('result')}"
        case Kind.GOAL:
            return f"reached the goal {data.get('goal')}{_seen_in(data)}"
        case Kind.FEEDBACK:
            return _heard(entry)
        case Kind.HELD_OUT:
            return f"was held out, and gets nothing, though trigger {data.get('trigger')} let it in"
        case _:
            assert_never(entry.kind)


def _heard(entry: Entry) -> str:
    """Say what became of a message after it was handed over."""
    data = entry.data
    about = data.get("template_id") or data.get("key") or "a message"
    by = ", by a machine" if data.get("machine") else ""
    return f"{data.get('type')} was told of {about}{_where(entry.node)}{by}"


def _since(line: Line, suppressions: Iterable[Suppression]) -> str:
    """Say since when a suppression stood that stopped a message, or kept somebody out."""
    data = line.entry.data
    _, _, reason = str(data.get("reason", "")).partition(_SUPPRESSED)
    reason = str(data["suppression"]) if "suppression" in data else reason.partition(";")[0]
    since = [one.since for one in suppressions if one.reason == reason and one.since <= line.at]
    return f", since {since[-1].strftime(_WHEN)}" if since else ""


def _suppression_words(one: Suppression) -> str:
    what = "no message" if one.scope is SuppressionScope.ALL else "no marketing"
    return f"Now: suppressed ({one.reason}) since {one.since.strftime(_WHEN)}: {what} is sent."


def _seen_in(data: Mapping[str, Any]) -> str:
    """Say on what a goal was counted, or a run was ended by an exit criterion."""
    return f", since {_event_words(data) if 'occurred_at' in data else _values(data)}"


def _where(node: str | None) -> str:
    return "" if node is None else f" at {node}"


def _migrated(node: str | None, data: Mapping[str, Any]) -> str:
    """Say where a run went on in another version, and when."""
    where = "" if data.get("node") == node else f", and on to {data.get('node')}"
    seconds = data.get("seconds", 0)
    when = "" if not seconds else f", {span_words(abs(seconds))} {'earlier' if seconds < 0 else 'later'}"
    return where + when


def _until(data: Mapping[str, Any]) -> str:
    """Say until when a wait by the clock lasts, by the clock of which zone, and why."""
    if "wall" not in data:
        return ""
    why = f", since {_values(data)}" if "operands" in data else ""
    return f", until {wall_words(data)}{why}"


def _passed(data: Mapping[str, Any]) -> str:
    operands = data.get("operands", {})
    read = _values(data)
    match data.get("result"):
        case "missing":
            unread = any(value is not None for value in operands.values())
            return f", since {read}" + (", which is no date" if unread else "")
        case "past":
            return f": {wall_words(data)} was over" + (f", since {read}" if "operands" in data else "")
        case _:
            return f": it was {wall_words(data)}" + (f", and {read}" if "operands" in data else "")


def _operation(data: Mapping[str, Any]) -> str:
    match data.get("type"):
        case "send_email":
            return f"sending {data.get('template_id')}"
        case "send":
            return f"sending {data.get('template_id')} by {data.get('channel')}"
        case "segment_update":
            return f"the change of segments (in {_names(data.get('add'))}, out of {_names(data.get('remove'))})"
        case "personalization_update":
            return f"the change of {_names(data.get('names'))}"
        case "webhook":
            return "the webhook"
        case "custom":
            return f"the action {data.get('name')}"
        case "emit_event":
            return f"emitting {data.get('event')}"
        case "start_workflow":
            return f"starting {data.get('workflow')}"
        case _:
            return "the action"


def _assigned(data: Mapping[str, Any]) -> str:
    if data.get("assigned") == "before":
        return "which was assigned before"
    return f"which was assigned now, with a share of {data.get('share', 0):.4g}"


def _event_words(data: Mapping[str, Any]) -> str:
    return f"{data.get('type', 'an event for it')} occurred at {data.get('occurred_at')}"


def _any_of(labels: Iterable[object]) -> str:
    return " or ".join(map(str, labels))


def _names(values: object) -> str:
    return ", ".join(map(str, values)) if is_list(values) and values else "none"


def _attempt(data: Mapping[str, Any]) -> str:
    reference = f", known to the receiver as {data['reference']}" if "reference" in data else ""
    attempt = f", at the {_ordinal(data['attempt'])} attempt" if "attempt" in data else ""
    return f" was done{attempt}{reference}{_outputs(data)}"


def _outputs(data: Mapping[str, Any]) -> str:
    """Say which variables were set from what came back, and which were not."""
    words = [f"{name} was set to {value}" for name, value in data.get("variables", {}).items()]
    words += [f"{name} was not set ({why})" for name, why in data.get("unset", {}).items()]
    if "output" in data:
        words.append(f"what came back could not be read ({data['output']})")
    return f"; {' and '.join(words)}" if words else ""


def _because(data: Mapping[str, Any]) -> str:
    return str(data.get("reason") or data.get("result") or "no reason was given")


def _ordinal(number: int) -> str:
    tens = {11: "th", 12: "th", 13: "th"}
    return f"{number}{tens.get(number % 100) or {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _values(data: Mapping[str, Any]) -> str:
    operands, errors = data.get("operands", {}), data.get("errors", {})
    said = [
        f"{path} was {'missing' if value is None else value}{_error(errors.get(path, ''))}"
        for path, value in operands.items()
    ]
    return " and ".join(said) or "nothing is asked"


def _error(error: str) -> str:
    match error:
        case "":
            return ""
        case "wrong_kind":
            return " (of the wrong kind)"
        case "too_long":
            return " (too long)"
        case "no_date":
            return " (no date)"
        case "unknown_predicate":
            return " (the engine has no such predicate)"
        case _:
            return f" ({error})"


def _read(data: Mapping[str, Any]) -> str:
    return f": {_values(data)}" if data.get("operands") else ""


def _refused(data: Mapping[str, Any]) -> str:
    """Say why another workflow did not let the subscriber in."""
    return _rule(str(data.get("reason")), None)


def _refusal(data: Mapping[str, Any]) -> str:
    seconds = data.get("opens_in_seconds")
    by = data.get("by")
    rule = _rule(str(data.get("reason")), None if by is None else str(by)) + _read(data)
    if "suppression" in data:
        rule += f" ({data['suppression']})"
    return rule if seconds is None else f"{rule}; it would have in {span_words(seconds)}"


def _rule(reason: str, by: str | None) -> str:
    match reason:
        case "filter":
            return "the filter does not hold"
        case "reentry":
            return "who was in does not come again" if by is None else "a run is still alive"
        case "cooldown":
            return "the cooldown is not over"
        case "max_executions":
            return "the subscriber entered as often as it may"
        case "max_executions_total":
            return "as many entered as all together may"
        case "max_concurrent":
            return "as many runs as may be are alive"
        case "exclusion_group":
            return f"the subscriber is in {by}, of the same group"
        case "suppressed":
            return "the subscriber is suppressed"
        case "inactive":
            return "the workflow was taken out"
        case _:
            return reason


def _door_words(door: Door | None) -> Sequence[str]:
    if door is None:
        return ["Now: nobody may enter, since no version of the workflow is live and active."]
    said = "holds" if door.holds else "does not hold"
    values = _values(operand_data(door.operands))
    asked = f"Now: the trigger's condition {said} without an event ({values})."
    if door.is_open:
        held = "; the subscriber would be held out, and get nothing" if door.held_out else ""
        return [asked, f"Now: the rules of entry would let the subscriber in{held}."]
    when = "" if door.opens_at is None else f"; it would at {door.opens_at.strftime(_WHEN)}"
    return [asked, f"Now: the rules of entry would not: {_rule(door.reason, door.by)}{when}."]

"""Changes in sentences, one line each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypeGuard, assert_never
from urllib.parse import urlsplit

from flowkit.conditions import ALWAYS, AllOf, AnyOf, Condition, Duration, Leaf, Not, dump
from flowkit.documents import is_list, is_object
from flowkit.triggers.model import Schedule
from flowkit.triggers.schedule_documents import dump_rule
from flowkit.triggers.windows import Window
from flowkit.workflows.control import Awaited, Branch, Case, Exit, LookBack, Split, WaitForEvent, Way
from flowkit.workflows.diff.changes import (
    ActionAdded,
    ActionRemoved,
    ActionReplaced,
    ActionsReordered,
    Change,
    ConditionChanged,
    ContentChanged,
    DetachedChanged,
    EdgeChanged,
    NodeAdded,
    NodeRemoved,
    NodeRenamed,
    ParameterChanged,
    ThresholdChanged,
    TimeChanged,
    TimePart,
    TriggerChanged,
    VisitsChanged,
    WorkflowChanged,
)
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    EMAIL,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    Node,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
)
from flowkit.workflows.pictures.phrases import duration_words, number_words, plural
from flowkit.workflows.pictures.wait_words import wait_words
from flowkit.workflows.timing import Late, Quiet
from flowkit.workflows.waits import CalendarDays, LocalTime, PreferredTime, ProfileDate

__all__ = ["change_words", "place_words"]

_LONGEST: Final = 120
_TIMED: Final = {
    TimePart.DURATION: "waits",
    TimePart.TIMEOUT: "waits for at most",
    TimePart.DELAY: "is postponed by",
}
_Listed: TypeAlias = Case | Awaited | ExitCriterion | Goal
_SECRET: Final = frozenset({"headers", "body"})


def place_words(node_id: str, action_id: str | None = None) -> str:
    """Name a node, or an action in it."""
    return _line(node_id if action_id is None else f"{node_id} / {action_id}")


def change_words(change: Change) -> str:
    """Say in one line what changed."""
    match change:
        case WorkflowChanged() | TriggerChanged() | NodeAdded() | NodeRemoved() | NodeRenamed():
            return _large(change)
        case ConditionChanged(node_id=node_id, old=old, new=new):
            return f"{place_words(node_id)}: asks {_shown(new)} instead of {_shown(old)}"
        case ThresholdChanged(node_id=node_id, name=name, old=old, new=new):
            return f"{place_words(node_id)}: {_threshold(name, old, new)}"
        case VisitsChanged(node_id=node_id, old=old, new=new):
            return f"{place_words(node_id)}: {_visits(old, new)}"
        case EdgeChanged(node_id=node_id, action_id=action_id):
            return f"{place_words(node_id, action_id)}: {_edge(change)}"
        case _:
            return _in_action(change)


def _large(change: WorkflowChanged | TriggerChanged | NodeAdded | NodeRemoved | NodeRenamed) -> str:
    match change:
        case WorkflowChanged(name=name, old=old, new=new):
            return f"workflow: {name} is {_shown(new)} instead of {_shown(old)}"
        case TriggerChanged(name=name, old=old, new=new):
            return f"trigger: {name} is {_shown(new)} instead of {_shown(old)}"
        case NodeAdded(node):
            return f"{place_words(node.node_id)}: added, {_node(node)}"
        case NodeRemoved(node):
            return f"{place_words(node.node_id)}: removed, {_node(node)}"
        case NodeRenamed(node_id=node_id, old=old, new=new):
            return f"{place_words(node_id)}: called {_shown(new)} instead of {_shown(old)}"
        case _:
            assert_never(change)


def _in_action(
    change: ActionAdded
    | ActionRemoved
    | ActionsReordered
    | ActionReplaced
    | ParameterChanged
    | TimeChanged
    | ContentChanged
    | DetachedChanged,
) -> str:
    match change:
        case ActionAdded(node_id=node_id, index=index, action=action):
            where = f"as action {index + 1}"
            return f"{place_words(node_id, action.action_id)}: added {where}, {_operation(action.do)}"
        case ActionRemoved(node_id=node_id, action=action):
            return f"{place_words(node_id, action.action_id)}: removed, {_operation(action.do)}"
        case ActionsReordered(node_id=node_id, old=old, new=new):
            return f"{place_words(node_id)}: in the order {_shown(new)} instead of {_shown(old)}"
        case ActionReplaced(node_id=node_id, action_id=action_id, old=old, new=new):
            return f"{place_words(node_id, action_id)}: {_operation(new)} instead of {_operation(old)}"
        case ParameterChanged(node_id=node_id, action_id=action_id, name=name):
            return f"{place_words(node_id, action_id)}: {_parameter(name, change.old, change.new)}"
        case TimeChanged(node_id=node_id, action_id=action_id):
            return f"{place_words(node_id, action_id)}: {_time(change)}"
        case DetachedChanged(node_id=node_id, action_id=action_id, new=new):
            what = "is detached, and the run goes on" if new else "is detached no more, and the run waits for it"
            return f"{place_words(node_id, action_id)}: {what}"
        case ContentChanged(node_id=node_id, action_id=action_id, name=name, old=old, new=new):
            return f"{place_words(node_id, action_id)}: {name} is {_shown(new)} instead of {_shown(old)}"
        case _:
            assert_never(change)


def _node(node: Node) -> str:
    return f"{_shown(node.name)} with {plural(len(node.actions), 'action')}"


def _operation(operation: Operation) -> str:  # noqa: C901 - a case for each operation
    match operation:
        case SendEmail(template_id, channel=channel):
            return f"sends {_shown(template_id)}{'' if channel == EMAIL else f' by {_line(channel)}'}"
        case Wait(duration):
            return f"waits {duration_words(duration)}"
        case WaitUntil(rule):
            return f"waits {_line(wait_words(rule))}"
        case WaitForEvent(branches, timeout=timeout):
            most = "for ever" if timeout is None else f"for at most {duration_words(timeout)}"
            return f"waits {most} for {_shown([branch.label for branch in branches])}"
        case CheckEngagement():
            return "decides"
        case Branch():
            return f"branches to {_shown(list(operation.labels))}"
        case Split(ways):
            return f"splits into {_shares(ways)}"
        case Exit(reason):
            return f"ends the run: {_shown(reason)}"
        case UpdateSegments(add=add, remove=remove):
            return f"adds the segments {_shown(add)} and removes {_shown(remove)}"
        case UpdateProfile(set=values, unset=unset, increment=numbers):
            return f"changes the attributes {_shown(list(dict.fromkeys((*values, *unset, *numbers))))}"
        case CallWebhook(url, method=method):
            return f"calls {_line(method)} {_host(url)}"
        case CallHandler(name):
            return f"carries out {_shown(name)}"
        case EmitEvent(event_type):
            return f"emits {_shown(event_type)}"
        case StartWorkflow(workflow_id):
            return f"starts {_shown(workflow_id)}"
        case _:
            assert_never(operation)


def _host(url: object) -> str:
    """Name the host of a URL; the rest may hold what is nobody's business."""
    try:
        return _line(urlsplit(str(url)).hostname or "no host")
    except ValueError:
        return "no host"


def _parameter(name: str, old: object, new: object) -> str:
    """Say what changed of a parameter; of an object only the names that did, and no value that may be a secret."""
    if name == "url":
        same = _host(old) == _host(new)
        return "url has another path or query" if same else f"url is of {_host(new)} instead of {_host(old)}"
    if not is_object(old) or not is_object(new):
        return f"{name} is {_shown(new)} instead of {_shown(old)}"
    words: list[str] = []
    for key in dict.fromkeys((*old, *new)):
        before, after = _json(old.get(key)), _json(new.get(key))
        hidden = name in _SECRET
        if key not in new:
            words.append(f"{name} has no {key} any more{'' if hidden else f', which was {before}'}")
        elif key not in old:
            words.append(f"{name} has {key}{'' if hidden else f' of {after}'}")
        elif before != after:
            words.append(f"{name} has another {key}" if hidden else f"{name} has {key} of {after} instead of {before}")
    return _line("; ".join(words))


def _time(change: TimeChanged) -> str:
    what = _TIMED[change.part]
    more = "longer" if change.is_longer else "shorter"
    by = duration_words(abs(change.new - change.old))
    return f"{what} {duration_words(change.new)} instead of {duration_words(change.old)}, {by} {more}"


def _threshold(name: str, old: float | None, new: float | None) -> str:
    if new is None:
        return f"asks for no {_line(name)} any more, of which there had to be {_shown(old)}"
    before = "" if old is None else f" instead of {_shown(old)}"
    return f"asks for {_line(name)} of at least {_shown(new)}{before}"


def _visits(old: int | None, new: int | None) -> str:
    if new is None:
        return f"may be entered again and again; there were {plural(old or 0, 'visit')} at the most"
    return f"may be entered for {plural(new, 'visit')}{'' if old is None else f' instead of {old}'}"


def _edge(change: EdgeChanged) -> str:
    label, old, new = _line(change.label), change.old, change.new
    if new is None:
        return f"{label} leads nowhere any more; it led to {place_words(old or '')}"
    return f"{label} leads to {place_words(new)}{'' if old is None else f' instead of {place_words(old)}'}"


# ------------------------------------------------------------------------------------------------------------
# Values


def _shown(value: object) -> str:
    """Show a value: what people know a word for by that word, the rest as documents spell it."""
    match value:
        case None:
            return "none"
        case timedelta():
            return duration_words(value)
        case datetime():
            return value.isoformat()
        case Schedule(rule, timezone=timezone, fallback_timezone=fallback, late=late):
            where = timezone or f"the zone of each subscriber, else {fallback}"
            return f"{_json(dump_rule(rule))} in {_line(where)}, up to {duration_words(late)} late"
        case Case() | Awaited() | LookBack() | Duration() | Holdout() | Late() | Quiet():
            return _line(_listed(value))
        case _ if _are_ways(value):
            return _shares(value)
        case _ if _are_listed(value):
            return _line(", ".join(map(_listed, value)))
        case CalendarDays() | LocalTime() | Window() | ProfileDate() | PreferredTime():
            return _line(wait_words(value))
        case _ if value == ALWAYS and isinstance(value, AllOf):
            return "nothing"
        case AllOf() | AnyOf() | Not() as condition:
            return _condition(condition)
        case _ if isinstance(value, Leaf):
            return _condition(value)
        case _:
            return _json(value)


def _are_listed(value: object) -> TypeGuard[Sequence[_Listed]]:
    return is_list(value) and bool(value) and all(isinstance(one, _Listed) for one in value)


def _are_ways(value: object) -> TypeGuard[Sequence[Way]]:
    return is_list(value) and bool(value) and all(isinstance(one, Way) for one in value)


def _shares(ways: Sequence[Way]) -> str:
    return _line(", ".join(f"{way.label} {number_words(way.weight)}" for way in ways))


def _listed(value: _Listed | LookBack | Duration | Holdout | Late | Quiet) -> str:
    match value:
        case Case(label, when):
            return f"{_line(label)} if {_condition(when)}"
        case Awaited(label, event):
            return f"{_line(label)} on {_condition(event)}"
        case ExitCriterion(reason):
            return f"{_line(reason)} {_met(value)}"
        case Goal(goal_id, within=within, exits=exits):
            span = "" if within is None else f" within {duration_words(within)}"
            return f"{_line(goal_id)} {_met(value)}{span}{', which ends the run' if exits else ''}"
        case Holdout(share, name=name):
            return f"a share of {share!r}{'' if name is None else f' by the name {_line(name)}'}"
        case LookBack() | Duration() | Quiet():
            return str(value)
        case Late(after, window=window):
            then = "skipped" if window is None else f"waits {wait_words(window)}"
            return f"{then} when more than {duration_words(after)} late"
        case _:
            assert_never(value)


def _met(one: ExitCriterion | Goal) -> str:
    asked = [f"{word} {_condition(told)}" for word, told in (("on", one.event), ("if", one.when)) if told is not None]
    return "".join(asked)


def _condition(condition: Condition) -> str:
    return _json(dump(condition))


def _json(value: object) -> str:
    return _line(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))


def _line(text: str) -> str:
    """Cut what is long, and show nothing that is no sign of a line."""
    plain = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 3]}..."

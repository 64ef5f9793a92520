"""Rules about conditions: those that never hold, that hold always, and parts that change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import frozen

from flowkit.conditions import ALWAYS, Condition, Exists
from flowkit.problems import pointer
from flowkit.triggers.model import On, TriggerType
from flowkit.triggers.rules import DateProperty
from flowkit.workflows.goals import Aim
from flowkit.workflows.lint.atoms import Atom, Formula, attribute, formula
from flowkit.workflows.lint.contradiction import always_holds, conflict, superfluous
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.lint.names import visible
from flowkit.workflows.model import CheckEngagement, Workflow
from flowkit.workflows.pictures.condition_words import condition_words

__all__ = ["filters_against_triggers", "matches_everything", "never_hold", "superfluous_parts"]

_SHOWN: Final = 4
_TRIGGER: Final = "/trigger/conditions"
_FILTER: Final = "/trigger/entry/filter"


@frozen
class _Asked:
    """A condition of a workflow, where it stands, and whether an event may be at hand when it is asked."""

    path: str
    condition: Condition
    event: bool


def _asked(workflow: Workflow) -> Iterator[_Asked]:
    trigger = workflow.trigger
    event = trigger.trigger_type is not TriggerType.TIME_BASED
    yield _Asked(_TRIGGER, trigger.condition, event)
    yield _Asked(_FILTER, trigger.entry.filter, event)
    for key, node in workflow.nodes.items():
        if any(isinstance(action.do, CheckEngagement) for action in node.actions):
            yield _Asked(f"{pointer('/nodes', key)}/conditions", node.condition, event=False)
    yield from _of_aims("/exit_criteria", workflow.exit_criteria)
    yield from _of_aims("/goals", workflow.goals)


def _of_aims(path: str, aims: Iterable[Aim]) -> Iterator[_Asked]:
    for index, one in enumerate(aims):
        if one.event is not None:
            yield _Asked(f"{path}/{index}/event", one.event, event=True)
        if one.when is not None:
            yield _Asked(f"{path}/{index}/when", one.when, event=False)


def never_hold(workflow: Workflow) -> Iterator[Breach]:
    """Find conditions that no event and no subscriber can meet."""
    dated = _dated(workflow)
    for asked in _asked(workflow):
        reason = conflict([formula(asked.condition, event=asked.event)])
        if reason is not None:
            yield Breach(asked.path, f"can never hold: {_because(reason, event=asked.event)}")
        elif asked.path == _TRIGGER and dated and conflict([formula(asked.condition), *dated]) is not None:
            yield Breach(asked.path, "can never hold for anybody who has the date that the trigger goes by")


def _dated(workflow: Workflow) -> Sequence[Formula]:
    """Say what a trigger by a date of the profile takes for granted."""
    schedule = workflow.trigger.schedule
    if schedule is None or not isinstance(schedule.rule, DateProperty):
        return ()
    return (Atom(attribute(schedule.rule.path), Exists()),)


def _because(names: Sequence[str], *, event: bool) -> str:
    if not names:
        return "there is nothing to choose from; give `any` a part"
    if not event and all(name.startswith(("event.", "the size of event.")) for name in names):
        return "no event is at hand here; of past events `performed` knows"
    listed = " or of ".join(visible(name) for name in names[:_SHOWN])
    more = " or of others" if len(names) > _SHOWN else ""
    return f"no value of {listed}{more} passes all that is asked of it"


def filters_against_triggers(workflow: Workflow) -> Iterator[Breach]:
    """Find filters that hold for nobody for whom the trigger's condition does."""
    trigger = workflow.trigger
    # What an entry waits for may still change.
    if trigger.entry.grace or trigger.entry.filter == ALWAYS:
        return
    event = trigger.trigger_type is not TriggerType.TIME_BASED
    first, second = formula(trigger.condition, event=event), formula(trigger.entry.filter, event=event, scope="filter")
    if conflict([first]) is not None or conflict([second]) is not None:
        return  # Each of them is told of by itself.
    reason = conflict([first, second])
    if reason is not None:
        message = (
            f"lets nobody in: {_because(reason, event=event)}, by the trigger's conditions and by this together; "
            "change one of them, or give a grace in which it may come to hold"
        )
        yield Breach(_FILTER, message)


def matches_everything(workflow: Workflow) -> Iterator[Breach]:
    """Find triggers that any event of anybody fires."""
    trigger = workflow.trigger
    # A time trigger is for everybody unless it says otherwise: that is what a newsletter is.
    if trigger.trigger_type is TriggerType.TIME_BASED or not always_holds(trigger.condition):
        return
    message = "any event of any subscriber leads into this workflow; name an event_type"
    if trigger.on is not On.EVENT:
        message = "every subscriber who is known comes into this workflow; name what is to hold"
    yield Breach(_TRIGGER, message)


def superfluous_parts(workflow: Workflow) -> Iterator[Breach]:
    """Find parts of conditions without which they would be the same; one for each condition."""
    for asked in _asked(workflow):
        if conflict([formula(asked.condition, event=asked.event)]) is not None or always_holds(asked.condition):
            continue
        found = superfluous(asked.condition)
        if found is not None:
            part, matter = found
            words = visible(condition_words(part)) or "a part"
            yield Breach(asked.path, f"one part changes nothing and could be left out: {words} {matter}")

"""Rules about exit criteria, goals and holdouts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from flowkit.triggers.model import TriggerType
from flowkit.workflows.lint.atoms import formula
from flowkit.workflows.lint.contradiction import always_holds, conflict
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.model import Workflow

__all__ = ["exits_at_once", "goals_for_some", "goals_out_of_reach", "holdouts_of_all_or_none"]

_NO_TIME: Final = timedelta()


def exits_at_once(workflow: Workflow) -> Iterator[Breach]:
    """Find exit criteria that are met by everybody who enters, before anything is done."""
    trigger = workflow.trigger
    event = trigger.trigger_type is not TriggerType.TIME_BASED
    known = [formula(trigger.entry.filter, event=event)]
    if not trigger.entry.grace:  # Else the trigger may have held long before.
        known.append(formula(trigger.condition, event=event))
    if conflict(known) is not None:
        return  # Nobody enters, which is told of by itself.
    for index, one in enumerate(workflow.exit_criteria):
        if one.when is None:
            continue
        path = f"/exit_criteria/{index}/when"
        if always_holds(one.when, event=False):
            yield Breach(path, "holds always, so every run ends before anything is done; say what is to hold")
        elif conflict([*known, formula(one.when, event=False, scope="exit", holds=False)]) is not None:
            message = (
                "holds for everybody whom the trigger and its filter let in, so every run ends before anything is "
                "done; change one of them"
            )
            yield Breach(path, message)


def goals_out_of_reach(workflow: Workflow) -> Iterator[Breach]:
    """Find goals whose window is over when it begins."""
    for index, one in enumerate(workflow.goals):
        if one.within == _NO_TIME:
            message = "is a window of 0, in which nothing happens; say how long, or leave it out"
            yield Breach(f"/goals/{index}/within", message)


def goals_for_some(workflow: Workflow) -> Iterator[Breach]:
    """Find goals that are not counted for those who are held out."""
    if workflow.holdout is None:
        return
    for index, one in enumerate(workflow.goals):
        if one.when is not None:
            message = "is asked while a run lives, so it is not counted for those who are held out; name an event"
            yield Breach(f"/goals/{index}/when", message)
        elif one.within is None:
            message = (
                "has no window, so it is counted while a run lives, and not for those who are held out; give `within`"
            )
            yield Breach(f"/goals/{index}", message)


def holdouts_of_all_or_none(workflow: Workflow) -> Iterator[Breach]:
    """Find holdouts of nobody and of everybody."""
    if workflow.holdout is None or 0 < workflow.holdout.share < 1:
        return
    whom = "nobody is held out; leave the holdout out" if not workflow.holdout.share else "everybody is held out"
    more = "" if not workflow.holdout.share else ", so nobody gets anything; name a smaller share"
    yield Breach("/holdout/share", f"{whom}{more}")

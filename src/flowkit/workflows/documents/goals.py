"""Exit criteria, goals and the holdout of a workflow as documents, and back again.

They are written as::

    {
        "exit_criteria": [
            {"reason": "bought", "event": {"event_type": "purchase", "min_value": 10}},
            {"reason": "a customer by now", "when": {"subscriber_properties": {"customer": true}}}
        ],
        "goals": [
            {"goal_id": "purchase", "event": {"event_type": "purchase"}, "within": {"duration_days": 14}, "exits": true}
        ],
        "holdout": {"share": 0.1, "name": "everywhere"}
    }
"""

from __future__ import annotations

from flowkit.conditions import ALWAYS, Condition
from flowkit.fields import Fields
from flowkit.problems import short
from flowkit.workflows.documents.awaits import read_event
from flowkit.workflows.documents.conditions import dump_condition, read_condition
from flowkit.workflows.documents.parameters import read_reason
from flowkit.workflows.durations import DurationUnit, dump_span, read_span
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from flowkit.workflows.model import Workflow

__all__ = ["dump_goals", "read_exit_criteria", "read_goals", "read_holdout"]


def read_exit_criteria(fields: Fields) -> tuple[ExitCriterion, ...]:
    """Read the exit criteria of a workflow; what is wrong with them is noted there."""
    criteria: list[ExitCriterion] = []
    for value, path in fields.items("exit_criteria", most=fields.limits.actions):
        one = fields.open(value, path)
        reason = read_reason(one)
        event, when = _asked(one)
        criteria.append(ExitCriterion(reason, event=event, when=when))
        one.close()
    return tuple(criteria)


def read_goals(fields: Fields) -> tuple[Goal, ...]:
    """Read the goals of a workflow; what is wrong with them is noted there."""
    goals: list[Goal] = []
    seen: set[str] = set()
    for value, path in fields.items("goals", most=fields.limits.actions):
        one = fields.open(value, path)
        goal_id = one.id("goal_id")
        if goal_id in seen:
            one.wrong("goal_id", "duplicate_id", f"{short(goal_id)} is the id of an earlier goal")
        elif goal_id:
            seen.add(goal_id)
        event, when = _asked(one)
        within, unit = None, DurationUnit.HOURS
        if one.has("within"):
            span = one.child("within")
            within, unit = read_span(span)
            span.close()
        exits = one.flag("exits", default=False)
        goals.append(Goal(goal_id, event=event, when=when, within=within, unit=unit, exits=exits))
        one.close()
    return tuple(goals)


def _asked(fields: Fields) -> tuple[Condition | None, Condition | None]:
    """Read what is asked of events, or of the subscriber."""
    given = [name for name in ("event", "when") if fields.has(name)]
    if len(given) != 1:
        code = "conflicting_fields" if given else "missing_field"
        fields.problems.add(code, fields.path, "give either an event or when, a condition")
        return None, ALWAYS
    if given == ["event"]:
        return read_event(fields.child("event")), None
    return None, read_condition(fields.child("when"), in_run=True)


def read_holdout(fields: Fields) -> Holdout | None:
    """Read the holdout of a workflow; what is wrong with it is noted there."""
    if not fields.has("holdout"):
        return None
    one = fields.child("holdout")
    holdout = Holdout(one.number("share", low=0, high=1), name=one.id("name") if one.has("name") else None)
    one.close()
    return holdout


def dump_goals(workflow: Workflow) -> dict[str, object]:
    """Write the exit criteria, the goals and the holdout of a workflow, each where there are any.

    Raises:
        DocumentError: A condition nests too deep.
    """
    out: dict[str, object] = {}
    if workflow.exit_criteria:
        out["exit_criteria"] = [
            {"reason": one.reason, **_dumped(one, f"/exit_criteria/{index}")}
            for index, one in enumerate(workflow.exit_criteria)
        ]
    if workflow.goals:
        out["goals"] = [
            {
                "goal_id": one.goal_id,
                **_dumped(one, f"/goals/{index}"),
                **({} if one.within is None else {"within": dump_span(one.within, one.unit)}),
                "exits": one.exits,
            }
            for index, one in enumerate(workflow.goals)
        ]
    if workflow.holdout is not None:
        name = workflow.holdout.name
        out["holdout"] = {"share": workflow.holdout.share, **({} if name is None else {"name": name})}
    return out


def _dumped(one: ExitCriterion | Goal, path: str) -> dict[str, object]:
    out: dict[str, object] = {}
    if one.event is not None:
        out["event"] = dump_condition(one.event, f"{path}/event")
    if one.when is not None:
        out["when"] = dump_condition(one.when, f"{path}/when")
    return out

"""What happens to one subscriber: an event, a look, a firing; each taken at a desk, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.conditions import Asked, look_up
from flowkit.engine.catalogue import Entrance
from flowkit.engine.desk import Desk, Knock, key_of, occurrence_of, personal
from flowkit.engine.entering import admit, enter_all
from flowkit.engine.levels import caused, looked
from flowkit.events import NO_FACTS, Event, Facts, HistoryNeed
from flowkit.ports import Move, Started
from flowkit.runs.consent import BANNING, ban_of
from flowkit.runs.effects import RUN_ID_LENGTH, Looked, Observed
from flowkit.runs.feedback import FEEDBACK, feedback_of
from flowkit.runs.model import Run
from flowkit.runs.program import Program
from flowkit.runs.step import Member
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.model import TriggerType

__all__ = ["fire", "look", "take"]


def take(desk: Desk, knock: Knock, event: Event, entrance: Entrance) -> None:
    """Take one event: living runs observe it first, then it may lead into workflows."""
    if not desk.accept(knock.cause):
        return
    if event.type in BANNING and desk.suppresses and (ban := ban_of(event)) is not None:
        desk.forbid(ban)
    if event.type in FEEDBACK and (told := feedback_of(event)) is not None and desk.catalogue.is_live(told[0]):
        desk.lines += (told,)
    if entrance.observed:
        _observe(desk, event, hops=knock.hops)
    matching = _matching(desk, entrance, event)
    if desk.watch is not None:
        for inspected in (entrance, desk.catalogue.at_looks):
            _inspect(desk, inspected, event)
    if desk.catalogue.watchful:
        # Who waits was there before.
        enter_all(desk, [*looked(desk, knock), *((gate, knock) for gate in matching)])
    else:
        for gate in matching:
            admit(desk, gate, knock)
    need = desk.catalogue.kept.get(event.type)
    if need is not None:
        _remember(desk, event, need)


def look(desk: Desk, knock: Knock, *, changed: bool, once: bool) -> None:
    """Look at what depends on the profile and on the time, though no event came.

    Args:
        desk: The subscriber's desk.
        knock: What an entry is derived from; where its cause is empty, from the state of the ledger.
        changed: Whether the profile was changed, so that triggers on ``change`` fire.
        once: Whether the cause is accepted once, as an event is.
    """
    if once and not desk.accept(knock.cause):
        return
    if changed and desk.catalogue.watching:
        # A run whose own action made the change reads what it became when it goes on.
        _observe(desk, None, but=knock.cause[:RUN_ID_LENGTH])
    fired = looked(desk, knock)
    _inspect(desk, desk.catalogue.at_changes if changed else desk.catalogue.at_looks, None)
    if changed and desk.facts is not None and desk.full is not None:
        found = desk.catalogue.changing(desk.subscriber_id, desk.full, desk.moment)
        fired += [(gate, caused(desk, gate, knock, "change")) for gate in found]
    enter_all(desk, fired)


def fire(desk: Desk, gate: Gate, knock: Knock, where: Asked | None) -> None:
    """Let the subscriber in for a time trigger or a backfill, once for the cause, where a condition holds."""
    if knock.cause in desk.recalled.seen or knock.cause in desk.seen:
        desk.duplicates += 1
        return
    if desk.watch is not None and where is gate.test:
        desk.watch.inspect(gate, [gate], None, desk.facts, desk.subscriber_id, desk.now)
    if where is None or where(None, desk.full or NO_FACTS, desk.moment):
        desk.seen[knock.cause] = None
        admit(desk, gate, knock)


def _inspect(desk: Desk, entrance: Entrance, event: Event | None) -> None:
    if desk.watch is not None:
        desk.watch.inspect(entrance, entrance.gates, event, desk.facts, desk.subscriber_id, desk.now)


def _matching(desk: Desk, entrance: Entrance, event: Event) -> Sequence[Gate]:
    found = desk.catalogue.matching(entrance, event, desk.full, desk.moment)
    if desk.facts is None and desk.full is not None:
        return [gate for gate in found if gate.trigger.trigger_type is not TriggerType.CONDITION_BASED]
    return found


def _observe(desk: Desk, event: Event | None, *, but: str = "", hops: int = 0) -> None:
    """Let living runs observe an event, or, without one, look at the subscriber whose profile was changed."""
    desk.started = tuple(_after(desk, begun, event, hops) for begun in desk.started)
    observed = desk.observed = desk.observed or {}
    for run in desk.recalled.runs:
        if run.id == but or _is_deaf(desk, run) or _signal(desk, run, event) is None:
            continue
        before = observed.get(run.id)
        at_hand = Started(run, ()) if before is None else Started(run.moved(before.state, before.due), before.entries)
        now, entries = _after(desk, at_hand, event, hops)
        # Written where nothing moved, too: a worker that decides meanwhile, without this event, is to decide again.
        observed[run.id] = Move((run,), now.state, now.due, entries)
    for run in desk.recalled.ended if event is not None else ():
        before = observed.get(run.id)
        at_hand = Started(run, ()) if before is None else Started(run.moved(before.state, before.due), before.entries)
        now, entries = _after(desk, at_hand, event, hops)
        if entries:
            observed[run.id] = Move((run,), now.state, now.due, entries)


def _is_deaf(desk: Desk, run: Run) -> bool:
    """Whether a run has come to its end, with something open beside it, and nothing is to end or to count there."""
    return not run.state.on_its_way and not desk.catalogue.program(run.version).aims


def _signal(desk: Desk, run: Run, event: Event | None, hops: int = 0) -> Observed | Looked | None:
    """Say what an event, or a change of the profile, is to a run; None where it is nothing."""
    program = desk.catalogue.program(run.version)
    if event is not None and (event.type in program.listens or program.watches) and _concerns(desk, run, event):
        return Observed(event, hops)
    return Looked(event) if program.watches else None


def _concerns(desk: Desk, run: Run, event: Event) -> bool:
    """Whether an event is a run's business: it names no key, or that of the run."""
    path = desk.catalogue.program(run.version).workflow.trigger.entry.key
    if path is None:
        return True
    named = look_up(event.properties, path)
    return named is None or named == key_of(path, run.origin)


def _after(desk: Desk, begun: Started, event: Event | None, hops: int) -> Started:
    """Let a run observe: the run after it, with the entries so far."""
    run, entries = begun
    signal = _signal(desk, run, event, hops)
    if signal is None:
        return begun
    program = desk.catalogue.program(run.version)
    if desk.watch is not None:
        seen = event if isinstance(signal, Observed) else None
        desk.watch.inspect_aims(program, run.state, seen, desk.facts, run.id, desk.now)
    transition = desk.decisions.informed(
        program, run.state, signal, _facts(desk, program), desk.now, Member.of(run, run.due)
    )
    desk.assign(transition.assigned)
    return Started(run.moved(transition.state, transition.due(desk.now)), entries + transition.entries)


def _facts(desk: Desk, program: Program) -> Facts:
    """Give what a run is told about the subscriber: the past without the event at hand."""
    if program.personal:
        return personal(desk.facts, desk.subscriber_id, desk.history, desk.assigned)
    return desk.facts or NO_FACTS


def _remember(desk: Desk, event: Event, need: HistoryNeed) -> None:
    """Keep what conditions read of an event, for those that come after it."""
    occurrence = occurrence_of(event, need, desk.now)
    if need.window is not None and occurrence.occurred_at <= desk.now - need.window:
        return
    desk.occurred += ((event.type, occurrence),)
    desk.history.setdefault(event.type, []).append(occurrence)

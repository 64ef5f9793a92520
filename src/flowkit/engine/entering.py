"""The rules of entry at a desk: who is let in, who waits, and who is turned away, and what the journal says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve

from flowkit.analytics.explain import Door
from flowkit.conditions import evaluate
from flowkit.engine.desk import Desk, Knock, earlier, flip, key_of, personal
from flowkit.events import NO_FACTS, Event, Facts, from_micros
from flowkit.hashing import run_id
from flowkit.ports import HoldKind, Ledger, Pending, Started
from flowkit.runs.consent import Ban, stopped_by
from flowkit.runs.effects import Paused
from flowkit.runs.model import Entry, Kind, Member, Run, State, Status, operand_data
from flowkit.runs.step import Transition
from flowkit.triggers.entry import Refusal, Standing, refusal
from flowkit.triggers.evaluate import Gate

__all__ = ["STARTED", "admit", "asked_again", "door", "enter_all", "filtered", "lets_in", "refuse"]

STARTED: Final = "flowkit.started"
"""What stands for the type of an event where a run of another workflow lets the subscriber in."""
_PENDING: Final = 16
_MICROSECONDS: Final = 1_000_000
_SUPPRESSED: Final = Refusal("suppressed")
_HELD_OUT: Final = State(Status.HELD_OUT)
_NOTHING_READ: Final[Mapping[str, object]] = {}


def enter_all(desk: Desk, fired: Iterable[tuple[Gate, Knock]]) -> None:
    """Ask the rules for all that fired, by priority and then by workflow id."""
    for gate, knock in sorted(fired, key=lambda one: one[0].rank):
        admit(desk, gate, knock)


def admit(desk: Desk, gate: Gate, knock: Knock) -> None:
    """Let the subscriber in where the rules do; where they do not, the journal says why."""
    if gate.lets_in is not None and not knock.passed and not lets_in(desk, gate, knock):
        _turn_away(desk, gate, knock)
        return
    if desk.bans and (ban := _banned(desk, gate)) is not None:
        refuse(desk, gate.workflow_id, gate, knock, _SUPPRESSED, {"suppression": str(ban.reason)})
        return
    workflow_id, now = gate.workflow_id, desk.now
    ledger = desk.ledgers.get(workflow_id) or desk.recalled.ledgers.get(workflow_id)
    if ledger is None and not gate.asks_runs and workflow_id not in desk.places:
        desk.ledgers[workflow_id] = Ledger(workflow_id, 1, now)
    else:
        ledger = ledger or Ledger(workflow_id)
        refused = refusal(gate, _standing(desk, gate, ledger, knock), now)
        if refused is not None:
            if refused.reason == "max_executions_total":
                own = desk.totals.get(workflow_id, 0)
                desk.crowded_out = desk.crowded_out or desk.places[workflow_id] + own < desk.first_places[workflow_id]
            refuse(desk, workflow_id, gate, knock, refused)
            return
        desk.ledgers[workflow_id] = Ledger(
            workflow_id, ledger.entries + 1, now, ledger.sequence, ledger.held, ledger.watch, ledger.pending
        )
        if workflow_id in desk.places:
            desk.places[workflow_id] -= 1
            desk.totals = {**desk.totals, workflow_id: desk.totals.get(workflow_id, 0) + 1}
    _begin(desk, gate, knock)


def door(desk: Desk, gate: Gate) -> Door:
    """Say what would become of the subscriber if a trigger fired now, with no event at hand; nothing is changed."""
    facts = desk.full or NO_FACTS
    now = from_micros(desk.now)
    verdict = evaluate(gate.trigger.condition, facts, None, now, predicates=desk.moment.predicates)
    knock = Knock("", "{}", "")
    if not lets_in(desk, gate, knock):
        refused: Refusal | None = Refusal("filter")
    elif desk.bans and _banned(desk, gate) is not None:
        refused = _SUPPRESSED
    else:
        refused = refusal(gate, _standing(desk, gate, desk.ledger(gate.workflow_id), knock), desk.now)
    if refused is None:
        holdout = desk.catalogue.program(gate.version).workflow.holdout
        held_out = holdout is not None and holdout.holds_out(gate.workflow_id, desk.subscriber_id)
        return Door(is_open=True, holds=verdict.holds, operands=verdict.operands, held_out=held_out)
    return Door(
        is_open=False,
        reason=refused.reason,
        opens_at=None if refused.opens_in is None else from_micros(desk.now + refused.opens_in),
        by=refused.by,
        holds=verdict.holds,
        operands=verdict.operands,
    )


def filtered(desk: Desk, gate: Gate, event: Event | None, facts: Facts) -> Mapping[str, object]:
    """Say what the filter of a trigger, which does not hold, read: for the journal."""
    now = from_micros(desk.now)
    verdict = evaluate(gate.trigger.entry.filter, facts, event, now, predicates=desk.moment.predicates)
    if desk.watch is not None:
        desk.watch.inspect_filter(gate, verdict.operands, desk.subscriber_id, desk.now)
    return operand_data(verdict.operands)


def lets_in(desk: Desk, gate: Gate, knock: Knock, facts: Facts | None = None) -> bool:
    """Whether the filter of a trigger holds, on other facts where some are given."""
    return gate.lets_in is None or gate.lets_in(knock.event, facts or desk.full or NO_FACTS, desk.moment)


def refuse(
    desk: Desk,
    workflow_id: str,
    gate: Gate | None,
    knock: Knock,
    refused: Refusal,
    read: Mapping[str, object] = _NOTHING_READ,
) -> None:
    """Write into the journal that an entry was refused, why, and on what was read."""
    desk.refused += 1
    data = {**_about(gate, knock, refused.reason), **read}
    if refused.opens_in is not None:
        data["opens_in_seconds"] = refused.opens_in / _MICROSECONDS
    if refused.by is not None:
        data["by"] = refused.by
    desk.lines += ((workflow_id, Entry(Kind.REFUSED, data=data)),)


def asked_again(desk: Desk, gate: Gate, event: Event | None, until: int, facts: Facts) -> int:
    """Say when the filter of an entry that waits is asked again though nothing happens."""
    at = flip(desk, gate.trigger.entry.filter, event, facts) if gate.timed else None
    return until if at is None else min(at, until)


def _begin(desk: Desk, gate: Gate, knock: Knock) -> None:
    program = desk.catalogue.program(gate.version)
    run = run_id(gate.workflow_id, desk.subscriber_id, knock.cause)
    holdout = program.workflow.holdout
    if holdout is not None and holdout.holds_out(gate.workflow_id, desk.subscriber_id):
        _hold_out(desk, gate, knock, run)
        return
    facts = personal(desk.facts, desk.subscriber_id, desk.history, desk.assigned) if program.personal else desk.full
    # An entry that waited is let in by its event, which has been taken since; any other event is taken afterwards.
    origin = knock.origin if knock.passed else ""
    transition = desk.decisions.begun(program, run, facts, desk.now, origin=origin)
    if desk.catalogue.holds:
        transition = _held_back(desk, gate, transition, run)
    begun = Run(
        run,
        desk.subscriber_id,
        gate.workflow_id,
        gate.version,
        desk.now,
        knock.origin,
        transition.state,
        transition.due(desk.now),
    )
    desk.assign(transition.assigned)
    desk.started += (Started(begun, transition.entries),)


def _hold_out(desk: Desk, gate: Gate, knock: Knock, run: str) -> None:
    """Keep an entry of somebody who is held out: a run that has ended before it began."""
    entry = Entry(Kind.HELD_OUT, data={"trigger": gate.trigger.trigger_id})
    kept = Run(run, desk.subscriber_id, gate.workflow_id, gate.version, desk.now, knock.origin, _HELD_OUT, None)
    desk.held_out += 1
    desk.started += (Started(kept, (entry,)),)


def _held_back(desk: Desk, gate: Gate, transition: Transition, run: str) -> Transition:
    """Let a run stand still at its first step where its workflow is paused."""
    hold = desk.catalogue.holds.get(gate.workflow_id)
    if hold is None or hold.kind is not HoldKind.PAUSE:
        return transition
    member = Member(run, transition.due(desk.now), desk.now)
    signal = Paused(max(hold.since, desk.now), hold.clock)
    program = desk.catalogue.program(gate.version)
    paused = desk.decisions.informed(program, transition.state, signal, NO_FACTS, desk.now, member)
    return evolve(paused, entries=transition.entries + paused.entries, assigned=transition.assigned)


def _turn_away(desk: Desk, gate: Gate, knock: Knock) -> None:
    """Let an entry wait whose filter does not hold, where it may; refuse it otherwise."""
    ledger = desk.ledger(gate.workflow_id)
    read = filtered(desk, gate, knock.event, desk.full or NO_FACTS)
    if not gate.grace or len(ledger.pending) >= _PENDING:
        refuse(desk, gate.workflow_id, gate, knock, Refusal("filter"), read)
        return
    until = desk.now + gate.grace
    pending = (*ledger.pending, Pending(knock.cause, knock.origin, until))
    again = asked_again(desk, gate, knock.event, until, desk.full or NO_FACTS)
    desk.keep(ledger, watch=earlier(ledger.watch, again), pending=pending)
    data = {**_about(gate, knock, "filter"), "seconds": gate.grace / _MICROSECONDS, **read}
    desk.lines += ((gate.workflow_id, Entry(Kind.WAITING, data=data)),)


def _banned(desk: Desk, gate: Gate) -> Ban | None:
    """Find the suppression that stops every message of a workflow; one that sends none is open to everybody."""
    mails = desk.catalogue.program(gate.version).mails
    stopping = [stopped_by(desk.bans, message_class, channel=channel) for message_class, channel in mails]
    return None if None in stopping else next(iter(stopping), None)


def _standing(desk: Desk, gate: Gate, ledger: Ledger, knock: Knock) -> Standing:
    places = desk.places.get(gate.workflow_id)
    if not gate.asks_runs:
        return Standing(ledger.entries, ledger.last_entry, places=places)
    desk.asked_runs = True
    entry = gate.trigger.entry
    # Who has come to its end, and only has detached actions open, is in nobody's way.
    known = (*desk.recalled.runs, *(begun.run for begun in desk.started))
    runs = [run for run in known if run.state.on_its_way]
    own = [run for run in runs if run.workflow_id == gate.workflow_id]
    concurrent = len(own)
    if entry.key is not None:
        key = key_of(entry.key, knock.origin)
        concurrent = sum(key_of(entry.key, run.origin) == key for run in own)
    excluding = None
    if entry.exclusion_group is not None:
        others = (run for run in runs if run.workflow_id != gate.workflow_id)
        excluding = next((run.workflow_id for run in others if _group(desk, run) == entry.exclusion_group), None)
    return Standing(ledger.entries, ledger.last_entry, len(own), concurrent, excluding, places)


def _group(desk: Desk, run: Run) -> str | None:
    return desk.catalogue.program(run.version).workflow.trigger.entry.exclusion_group


def _about(gate: Gate | None, knock: Knock, reason: str) -> dict[str, object]:
    trigger = None if gate is None else gate.trigger.trigger_id
    about: dict[str, object] = {"reason": reason, "trigger": trigger, "event": knock.kind}
    # Who did it may have to find out what came of it.
    return {**about, "cause": knock.cause} if knock.kind == STARTED else about

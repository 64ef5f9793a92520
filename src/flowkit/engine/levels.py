"""What holds for a while at a desk: triggers on ``enter``, entries that wait, and the timers of both."""

from __future__ import annotations

from flowkit.engine.desk import Desk, Knock, earlier, flip, without
from flowkit.engine.entering import admit, asked_again, filtered, lets_in, refuse
from flowkit.events import Event, Facts
from flowkit.ports import Ledger, Pending
from flowkit.runs.model import origin_event
from flowkit.triggers.entry import Refusal
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.model import On

__all__ = ["caused", "level", "looked"]


def looked(desk: Desk, knock: Knock) -> list[tuple[Gate, Knock]]:
    """Look at triggers on ``enter`` and at entries that wait; give what comes in now."""
    facts = desk.full if desk.facts is not None else None
    held: dict[str, int] = {}
    fired: list[tuple[Gate, Knock]] = []
    if facts is not None:
        for gate in desk.catalogue.holding(desk.subscriber_id, knock.event, facts, desk.moment):
            held[gate.workflow_id] = gate.mark
            if desk.ledger(gate.workflow_id).held != gate.mark:
                fired.append((gate, caused(desk, gate, knock, "enter")))
    watches = {} if facts is None else _flips(desk, knock.event, facts)
    known = {**desk.recalled.ledgers, **desk.ledgers}
    for workflow_id in dict.fromkeys((*held, *watches, *known)):
        ledger = known.get(workflow_id) or Ledger(workflow_id)
        gate_here = desk.catalogue.gate(workflow_id)
        watch = watches.get(workflow_id)
        pending = ledger.pending
        if pending:
            passed, pending, again = _waited(desk, ledger, gate_here)
            fired += passed
            watch = earlier(watch, again)
        is_level = gate_here is not None and gate_here.trigger.on is On.ENTER
        holds = held.get(workflow_id, 0) if is_level else ledger.held
        # A watch that is set already and comes before is left: what is due then is found when it comes.
        due = ledger.watch is not None and ledger.watch <= desk.now
        watch = watch if due else earlier(watch, ledger.watch)
        if holds != ledger.held or watch != ledger.watch or pending != ledger.pending:
            desk.keep(ledger, held=holds, watch=watch, pending=pending)
    return fired


def level(desk: Desk, gate: Gate, knock: Knock, *, mark: bool) -> None:
    """Note whether the condition of a trigger on ``enter`` holds; where it does at last, let the subscriber in.

    Args:
        desk: The subscriber's desk.
        gate: The trigger.
        knock: What an entry is derived from.
        mark: Whether only to take note.
    """
    ledger = desk.ledger(gate.workflow_id)
    facts = desk.full
    if desk.facts is None or facts is None:
        return
    if desk.watch is not None:
        desk.watch.inspect(gate, [gate], None, facts, desk.subscriber_id, desk.now)
    held = gate.mark if gate.test(None, facts, desk.moment) else 0
    watch = ledger.watch
    if gate.timed:
        watch = earlier(watch, flip(desk, gate.trigger.condition, None, facts))
    if (held, watch) != (ledger.held, ledger.watch):
        desk.keep(ledger, held=held, watch=watch)
    if not held:
        return
    # Who was marked before may come in now; who came in by itself is in.
    if not mark and not ledger.entries and desk.accept(knock.cause):
        admit(desk, gate, knock)


def _flips(desk: Desk, event: Event | None, facts: Facts) -> dict[str, int]:
    """Find when the triggers that depend on the time may change by themselves."""
    flips = ((gate.workflow_id, flip(desk, gate.trigger.condition, event, facts)) for gate in desk.catalogue.timed)
    return {workflow_id: at for workflow_id, at in flips if at is not None}


def _waited(
    desk: Desk, ledger: Ledger, gate: Gate | None
) -> tuple[list[tuple[Gate, Knock]], tuple[Pending, ...], int | None]:
    """Ask entries that wait for their filter again; give who comes in, who waits on, and until when."""
    passed: list[tuple[Gate, Knock]] = []
    waiting: list[Pending] = []
    again: int | None = None
    for pending in ledger.pending:
        event = origin_event(desk.subscriber_id, pending.origin)
        knock = Knock(pending.cause, pending.origin, event.type, event, passed=True)
        facts = without(desk, event)
        if gate is not None and lets_in(desk, gate, knock, facts):
            passed.append((gate, knock))
        elif gate is not None and pending.until > desk.now:
            waiting.append(pending)
            again = earlier(again, asked_again(desk, gate, event, pending.until, facts))
        else:
            _give_up(desk, ledger.workflow_id, gate, knock, facts)
    return passed, tuple(waiting), again


def _give_up(desk: Desk, workflow_id: str, gate: Gate | None, knock: Knock, facts: Facts) -> None:
    """Refuse an entry whose filter did not hold in time, or whose workflow has gone."""
    if gate is None:
        refuse(desk, workflow_id, None, knock, Refusal("inactive"))
    else:
        refuse(desk, workflow_id, gate, knock, Refusal("filter"), filtered(desk, gate, knock.event, facts))


def caused(desk: Desk, gate: Gate, knock: Knock, kind: str) -> Knock:
    """Name the cause of an entry: what is at hand, or else the state of the ledger, which the entry changes."""
    if knock.cause:
        return knock
    return knock._replace(cause=f"~{kind}:{desk.ledger(gate.workflow_id).sequence + 1}")

"""One subscriber at the desk: what happened is taken one thing after the other, and what it comes to is gathered.

Nothing here waits or writes: what is asked was read before, and what comes of it goes into one `Change`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from flowkit.analytics.explain import Door
from flowkit.conditions import Asked, Condition, Moment, evaluate, look_up
from flowkit.engine.catalogue import Catalogue, Entrance
from flowkit.engine.parts import Parts
from flowkit.events import NO_FACTS, Event, Facts, HistoryNeed, Occurrence, Properties, from_micros, to_micros
from flowkit.hashing import run_id
from flowkit.ports import Change, Ledger, Move, Pending, Recalled, Started
from flowkit.runs.effects import Observed
from flowkit.runs.model import Entry, Kind, Run, origin_event
from flowkit.runs.step import Member
from flowkit.triggers.entry import Refusal, Standing, refusal
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.model import On, TriggerType

__all__ = ["Desk", "Knock"]

_PENDING: Final = 16
_MICROSECONDS: Final = 1_000_000
_NO_TOTALS: Final[Mapping[str, int]] = {}


class Knock(NamedTuple):
    """Something that may lead to an entry.

    Attributes:
        cause: What a run is derived from: an event id, or what stands for one.
        origin: The text that is kept with a run that it leads to.
        kind: The type of the event, or what stands for it; for the journal.
        event: The event at hand; None where there is none.
    """

    cause: str
    origin: str
    kind: str
    event: Event | None = None


class Desk:
    """The desk at which one subscriber is.

    Args:
        parts: The ports and what is published.
        subscriber_id: Who.
        recalled: What the store remembers.
        facts: What the host knows; None where it knows nothing of the subscriber, or was not asked.
        moment: The engine's instant, with the host's predicates.
        places: How many more entries by all subscribers the workflows with such a limit take; counted down.
        fenced: Whether past events were recalled, so that the change depends on them.
        own: Whether conditions read more than the profile: the past, a sample, or a host's predicate.

    Attributes:
        subscriber_id: Who.
        seen: The events that were taken, in order.
        duplicates: How many had been taken before.
        refused: How many entries the rules refused.
        started: The runs that begin.
    """

    __slots__ = (
        "_asked_runs",
        "_catalogue",
        "_decisions",
        "_facts",
        "_fenced",
        "_full",
        "_history",
        "_ledgers",
        "_lines",
        "_moment",
        "_now",
        "_observed",
        "_occurred",
        "_places",
        "_recalled",
        "_totals",
        "duplicates",
        "refused",
        "seen",
        "started",
        "subscriber_id",
    )

    def __init__(
        self,
        parts: Parts,
        subscriber_id: str,
        recalled: Recalled,
        facts: Facts | None,
        moment: Moment,
        places: dict[str, int],
        *,
        fenced: bool,
        own: bool,
    ) -> None:
        self.subscriber_id = subscriber_id
        self._catalogue: Catalogue = parts.catalogue
        self._decisions = parts.decisions
        self._recalled = recalled
        self._facts = self._full = facts
        self._now = moment.now
        self._moment = moment
        self._places = places
        self._fenced = fenced
        # What is taken goes on here, so that the next event of the batch finds it.
        self._history: dict[str, list[Occurrence]] = {}
        if recalled.history:
            self._history = {kind: list(past) for kind, past in recalled.history.items()}
        if own:
            self._full = personal(facts, subscriber_id, self._history)
        self._ledgers: dict[str, Ledger] = {}
        self._observed: dict[str, Move] | None = None
        self._occurred: tuple[tuple[str, Occurrence], ...] = ()
        self._totals: Mapping[str, int] = _NO_TOTALS
        self._lines: tuple[tuple[str, Entry], ...] = ()
        self._asked_runs = False
        self.seen: dict[str, None] = {}
        self.duplicates = 0
        self.refused = 0
        self.started: tuple[Started, ...] = ()

    # -- what happens -------------------------------------------------------------------------------------------------

    def take(self, knock: Knock, event: Event, entrance: Entrance) -> None:
        """Take one event: living runs observe it first, then it may lead into workflows."""
        if not self._accept(knock.cause):
            return
        if entrance.observed:
            self._observe(event)
        matching = self._matching(entrance, event)
        if self._catalogue.watchful:
            self._enter_all([*((gate, knock) for gate in matching), *self._looked(knock)])
        else:
            for gate in matching:
                self._admit(gate, knock)
        need = self._catalogue.kept.get(event.type)
        if need is not None:
            self._remember(event, need)

    def look(self, knock: Knock, *, changed: bool, once: bool) -> None:
        """Look at what depends on the profile and on the time, though no event came.

        Args:
            knock: What an entry is derived from; where its cause is empty, from the state of the ledger.
            changed: Whether the profile was changed, so that triggers on ``change`` fire.
            once: Whether the cause is accepted once, as an event is.
        """
        if once and not self._accept(knock.cause):
            return
        fired = self._looked(knock)
        if changed and self._facts is not None and self._full is not None:
            found = self._catalogue.changing(self.subscriber_id, self._full, self._moment)
            fired += [(gate, self._caused(gate, knock, "change")) for gate in found]
        self._enter_all(fired)

    def fire(self, gate: Gate, knock: Knock, where: Asked | None) -> None:
        """Let the subscriber in for a time trigger or a backfill, once for the cause, where a condition holds."""
        if knock.cause in self._recalled.seen or knock.cause in self.seen:
            self.duplicates += 1
        elif where is None or where(None, self._full or NO_FACTS, self._moment):
            self.seen[knock.cause] = None
            self._admit(gate, knock)

    def level(self, gate: Gate, knock: Knock, *, mark: bool) -> None:
        """Note whether the condition of a trigger on ``enter`` holds; where it does at last, let the subscriber in.

        Args:
            gate: The trigger.
            knock: What an entry is derived from.
            mark: Whether only to take note.
        """
        ledger = self._ledger(gate.workflow_id)
        facts = self._full
        if self._facts is None or facts is None:
            return
        held = gate.mark if gate.test(None, facts, self._moment) else 0
        flip = self._flip(gate.trigger.condition, None, facts) if gate.timed else None
        watch = _earlier(ledger.watch, flip)
        if (held, watch) != (ledger.held, ledger.watch):
            self._keep(ledger, held=held, watch=watch)
        if not held:
            return
        # Who was marked before may come in now; who came in by itself is in.
        if not mark and not ledger.entries and self._accept(knock.cause):
            self._admit(gate, knock)

    def door(self, gate: Gate) -> Door:
        """Say what would become of the subscriber if a trigger fired now, with no event at hand; nothing is changed."""
        facts = self._full or NO_FACTS
        now = from_micros(self._now)
        verdict = evaluate(gate.trigger.condition, facts, None, now, predicates=self._moment.predicates)
        knock = Knock("", "{}", "")
        if not self._lets_in(gate, knock):
            refused: Refusal | None = Refusal("filter")
        else:
            refused = refusal(gate, self._standing(gate, self._ledger(gate.workflow_id), knock), self._now)
        if refused is None:
            return Door(is_open=True, holds=verdict.holds, operands=verdict.operands)
        return Door(
            is_open=False,
            reason=refused.reason,
            opens_at=None if refused.opens_in is None else from_micros(self._now + refused.opens_in),
            by=refused.by,
            holds=verdict.holds,
            operands=verdict.operands,
        )

    @property
    def is_known(self) -> bool:
        """Whether the host knows the subscriber."""
        return self._facts is not None

    @property
    def attributes(self) -> Properties:
        """What the host knows of the profile."""
        return NO_FACTS.attributes if self._facts is None else self._facts.attributes

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.seen or self._ledgers or self._lines)

    def change(self) -> Change:
        """Give what all of it came to."""
        asked = self._asked_runs or self._observed is not None
        return Change(
            self.subscriber_id,
            self._recalled.handle,
            tuple(self.seen),
            tuple(self._ledgers.values()),
            self.started,
            () if self._observed is None else tuple(self._observed.values()),
            self._lines,
            max((run.handle for run in self._recalled.runs), default=0) if asked else None,
            self._occurred,
            self._recalled.latest if self._fenced else None,
            tuple(self._totals.items()) if self._totals else (),
        )

    # -- matching -----------------------------------------------------------------------------------------------------

    def _accept(self, cause: str) -> bool:
        if cause in self._recalled.seen or cause in self.seen:
            self.duplicates += 1
            return False
        self.seen[cause] = None
        return True

    def _matching(self, entrance: Entrance, event: Event) -> Sequence[Gate]:
        found = self._catalogue.matching(entrance, event, self._full, self._moment)
        if self._facts is None and self._full is not None:
            return [gate for gate in found if gate.trigger.trigger_type is not TriggerType.CONDITION_BASED]
        return found

    def _observe(self, event: Event) -> None:
        signal = Observed(event)
        self.started = tuple(self._after(begun, signal) for begun in self.started)
        observed = self._observed = self._observed or {}
        for run in self._recalled.runs:
            if event.type in self._catalogue.program(run.version).listens and self._concerns(run, event):
                before = observed.get(run.id)
                at_hand = (
                    Started(run, ()) if before is None else Started(run.moved(before.state, before.due), before.entries)
                )
                now, entries = self._after(at_hand, signal)
                observed[run.id] = Move((run,), now.state, now.due, entries)

    def _concerns(self, run: Run, event: Event) -> bool:
        """Whether an event is a run's business: it names no key, or that of the run."""
        path = self._catalogue.program(run.version).workflow.trigger.entry.key
        if path is None:
            return True
        named = look_up(event.properties, path)
        return named is None or named == _key_of(path, run.origin)

    def _after(self, begun: Started, signal: Observed) -> Started:
        """Let a run observe an event: the run after it, with the entries so far."""
        run, entries = begun
        program = self._catalogue.program(run.version)
        if not self._concerns(run, signal.event):
            return begun
        transition = self._decisions.informed(
            program, run.state, signal, NO_FACTS, self._now, Member(run.id, run.due, run.entered)
        )
        return Started(run.moved(transition.state, transition.due(self._now)), entries + transition.entries)

    def _remember(self, event: Event, need: HistoryNeed) -> None:
        """Keep what conditions read of an event, for those that come after it."""
        at = self._now if event.occurred_at is None else to_micros(event.occurred_at)
        if need.window is not None and at <= self._now - need.window:
            return
        properties = {name: value for name, value in event.properties.items() if name in need.properties}
        occurrence = Occurrence(at, value=event.value if need.value else None, properties=properties)
        self._occurred += ((event.type, occurrence),)
        self._history.setdefault(event.type, []).append(occurrence)

    # -- levels: what holds for a while -------------------------------------------------------------------------------

    def _looked(self, knock: Knock) -> list[tuple[Gate, Knock]]:
        """Look at triggers on ``enter`` and at entries that wait; give what comes in now."""
        facts = self._full if self._facts is not None else None
        held: dict[str, int] = {}
        fired: list[tuple[Gate, Knock]] = []
        if facts is not None:
            for gate in self._catalogue.holding(self.subscriber_id, knock.event, facts, self._moment):
                held[gate.workflow_id] = gate.mark
                if self._ledger(gate.workflow_id).held != gate.mark:
                    fired.append((gate, self._caused(gate, knock, "enter")))
        watches = {} if facts is None else self._flips(knock.event, facts)
        known = {**self._recalled.ledgers, **self._ledgers}
        for workflow_id in dict.fromkeys((*held, *watches, *known)):
            ledger = known.get(workflow_id) or Ledger(workflow_id)
            gate_here = self._catalogue.gate(workflow_id)
            watch = watches.get(workflow_id)
            pending = ledger.pending
            if pending:
                passed, pending, again = self._waited(ledger, gate_here)
                fired += passed
                watch = _earlier(watch, again)
            is_level = gate_here is not None and gate_here.trigger.on is On.ENTER
            holds = held.get(workflow_id, 0) if is_level else ledger.held
            # A watch that is set already and comes before is left: what is due then is found when it comes.
            due = ledger.watch is not None and ledger.watch <= self._now
            watch = watch if due else _earlier(watch, ledger.watch)
            if holds != ledger.held or watch != ledger.watch or pending != ledger.pending:
                self._keep(ledger, held=holds, watch=watch, pending=pending)
        return fired

    def _flips(self, event: Event | None, facts: Facts) -> dict[str, int]:
        """Find when the triggers that depend on the time may change by themselves."""
        flips = ((gate.workflow_id, self._flip(gate.trigger.condition, event, facts)) for gate in self._catalogue.timed)
        return {workflow_id: at for workflow_id, at in flips if at is not None}

    def _flip(self, condition: Condition, event: Event | None, facts: Facts) -> int | None:
        verdict = evaluate(condition, facts, event, from_micros(self._now), predicates=self._moment.predicates)
        return None if verdict.flips_at is None else to_micros(verdict.flips_at)

    def _asked_again(self, gate: Gate, event: Event | None, until: int) -> int:
        """Say when the filter of an entry that waits is asked again though nothing happens."""
        flip = self._flip(gate.trigger.entry.filter, event, self._full or NO_FACTS) if gate.timed else None
        return until if flip is None else min(flip, until)

    def _waited(
        self, ledger: Ledger, gate: Gate | None
    ) -> tuple[list[tuple[Gate, Knock]], tuple[Pending, ...], int | None]:
        """Ask entries that wait for their filter again; give who comes in, who waits on, and until when."""
        passed: list[tuple[Gate, Knock]] = []
        waiting: list[Pending] = []
        again: int | None = None
        for pending in ledger.pending:
            event = origin_event(self.subscriber_id, pending.origin)
            knock = Knock(pending.cause, pending.origin, event.type, event)
            if gate is not None and self._lets_in(gate, knock):
                passed.append((gate, knock))
            elif gate is not None and pending.until > self._now:
                waiting.append(pending)
                again = _earlier(again, self._asked_again(gate, event, pending.until))
            else:
                self._refuse(ledger.workflow_id, gate, knock, Refusal("inactive" if gate is None else "filter"))
        return passed, tuple(waiting), again

    def _caused(self, gate: Gate, knock: Knock, kind: str) -> Knock:
        """Name the cause of an entry: what is at hand, or else the state of the ledger, which the entry changes."""
        if knock.cause:
            return knock
        return knock._replace(cause=f"~{kind}:{self._ledger(gate.workflow_id).sequence + 1}")

    # -- the rules of entry -------------------------------------------------------------------------------------------

    def _enter_all(self, fired: Iterable[tuple[Gate, Knock]]) -> None:
        for gate, knock in sorted(fired, key=lambda one: (-one[0].trigger.priority, one[0].workflow_id)):
            self._admit(gate, knock)

    def _lets_in(self, gate: Gate, knock: Knock) -> bool:
        return gate.lets_in is None or gate.lets_in(knock.event, self._full or NO_FACTS, self._moment)

    def _admit(self, gate: Gate, knock: Knock) -> None:
        if gate.lets_in is not None and not self._lets_in(gate, knock):
            self._turn_away(gate, knock)
            return
        workflow_id, now = gate.workflow_id, self._now
        ledger = self._ledgers.get(workflow_id) or self._recalled.ledgers.get(workflow_id)
        if ledger is None and not gate.asks_runs and workflow_id not in self._places:
            self._ledgers[workflow_id] = Ledger(workflow_id, 1, now)
        else:
            ledger = ledger or Ledger(workflow_id)
            refused = refusal(gate, self._standing(gate, ledger, knock), now)
            if refused is not None:
                self._refuse(workflow_id, gate, knock, refused)
                return
            self._ledgers[workflow_id] = Ledger(
                workflow_id, ledger.entries + 1, now, ledger.sequence, ledger.held, ledger.watch, ledger.pending
            )
            if workflow_id in self._places:
                self._places[workflow_id] -= 1
                self._totals = {**self._totals, workflow_id: self._totals.get(workflow_id, 0) + 1}
        self._begin(gate, knock)

    def _begin(self, gate: Gate, knock: Knock) -> None:
        program = self._catalogue.program(gate.version)
        run = run_id(gate.workflow_id, self.subscriber_id, knock.cause)
        facts = personal(self._facts, self.subscriber_id, self._history) if program.personal else self._full
        transition = self._decisions.begun(program, run, facts, self._now)
        begun = Run(
            run,
            self.subscriber_id,
            gate.workflow_id,
            gate.version,
            self._now,
            knock.origin,
            transition.state,
            transition.due(self._now),
        )
        self.started += (Started(begun, transition.entries),)

    def _turn_away(self, gate: Gate, knock: Knock) -> None:
        """Let an entry wait whose filter does not hold, where it may; refuse it otherwise."""
        ledger = self._ledger(gate.workflow_id)
        if not gate.grace or len(ledger.pending) >= _PENDING:
            self._refuse(gate.workflow_id, gate, knock, Refusal("filter"))
            return
        until = self._now + gate.grace
        pending = (*ledger.pending, Pending(knock.cause, knock.origin, until))
        again = self._asked_again(gate, knock.event, until)
        self._keep(ledger, watch=_earlier(ledger.watch, again), pending=pending)
        data = _about(gate, knock, "filter") | {"seconds": gate.grace / _MICROSECONDS}
        self._lines += ((gate.workflow_id, Entry(Kind.WAITING, data=data)),)

    def _refuse(self, workflow_id: str, gate: Gate | None, knock: Knock, refused: Refusal) -> None:
        self.refused += 1
        data = _about(gate, knock, refused.reason)
        if refused.opens_in is not None:
            data["opens_in_seconds"] = refused.opens_in / _MICROSECONDS
        if refused.by is not None:
            data["by"] = refused.by
        self._lines += ((workflow_id, Entry(Kind.REFUSED, data=data)),)

    def _standing(self, gate: Gate, ledger: Ledger, knock: Knock) -> Standing:
        places = self._places.get(gate.workflow_id)
        if not gate.asks_runs:
            return Standing(ledger.entries, ledger.last_entry, places=places)
        self._asked_runs = True
        entry = gate.trigger.entry
        runs = [*self._recalled.runs, *(begun.run for begun in self.started if begun.run.state.alive)]
        own = [run for run in runs if run.workflow_id == gate.workflow_id]
        concurrent = len(own)
        if entry.key is not None:
            key = _key_of(entry.key, knock.origin)
            concurrent = sum(_key_of(entry.key, run.origin) == key for run in own)
        excluding = None
        if entry.exclusion_group is not None:
            others = (run for run in runs if run.workflow_id != gate.workflow_id)
            excluding = next((run.workflow_id for run in others if self._group(run) == entry.exclusion_group), None)
        return Standing(ledger.entries, ledger.last_entry, len(own), concurrent, excluding, places)

    def _group(self, run: Run) -> str | None:
        return self._catalogue.program(run.version).workflow.trigger.entry.exclusion_group

    # -- ledgers ------------------------------------------------------------------------------------------------------

    def _ledger(self, workflow_id: str) -> Ledger:
        return self._ledgers.get(workflow_id) or self._recalled.ledgers.get(workflow_id) or Ledger(workflow_id)

    def _keep(
        self,
        ledger: Ledger,
        *,
        held: int | None = None,
        watch: int | None,
        pending: tuple[Pending, ...] | None = None,
    ) -> None:
        self._ledgers[ledger.workflow_id] = ledger._replace(
            held=ledger.held if held is None else held,
            watch=watch,
            pending=ledger.pending if pending is None else pending,
        )


def personal(facts: Facts | None, subscriber_id: str, history: Mapping[str, Sequence[Occurrence]]) -> Facts:
    """Put the past and the name of a subscriber beside what the host knows."""
    known = facts or NO_FACTS
    return Facts(
        known.attributes,
        known.engagement,
        segments=known.segments,
        history=history,
        zone=known.zone,
        subscriber_id=subscriber_id,
    )


def _about(gate: Gate | None, knock: Knock, reason: str) -> dict[str, object]:
    trigger = None if gate is None else gate.trigger.trigger_id
    return {"reason": reason, "trigger": trigger, "event": knock.kind}


def _key_of(path: str, origin: str) -> Any:  # noqa: ANN401 - a property may be any JSON value
    """Read the key of a run off the event that led to it."""
    return look_up(json.loads(origin).get("properties", {}), path)


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)

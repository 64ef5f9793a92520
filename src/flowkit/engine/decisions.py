"""Decisions that are made once for all runs that share a state, a signal and what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from flowkit.conditions import Operand, look_up
from flowkit.engine.watch import Watch
from flowkit.events import NO_FACTS, Facts
from flowkit.runs.effects import Asks, Looked, Observed, Paused, Resumed, Settled, Signal, Started
from flowkit.runs.model import Entry, Run, State
from flowkit.runs.program import Program
from flowkit.runs.splits import Fork
from flowkit.runs.step import Member, Transition, decide
from flowkit.runs.walk import ASSIGNED, DRAWN

__all__ = ["Decisions"]

_ALTERNATIVES: Final = 16
_ZONES: Final = 1_000
_KEPT: Final = 10_000
_Entries: TypeAlias = tuple[Entry, ...]
_SELDOM_ALIKE: Final = (Observed, Looked, Paused, Resumed)
"""Signals that are not remembered: they differ from run to run, and what they do is soon done."""
_BEGIN: Final = State()
_STARTED: Final = Started()


class Decisions:
    """What was decided. ``decide`` is pure, so remembering what it said changes nothing but the time that it takes.

    Args:
        watch: Keeps an eye on what is decided on odd data; None where nobody wants to know.
    """

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch
        self._begun: dict[Program, Transition] = {}
        self._known: dict[tuple[Program, State, Signal], _Alternatives] = {}
        self._joined: dict[tuple[int, int], tuple[_Entries, _Entries, _Entries]] = {}

    def of(
        self,
        program: Program,
        state: State,
        signal: Signal,
        facts: Facts | None,
        now: int,
        member: Member,
    ) -> Transition | Asks:
        """Find a transition, as ``decide`` does; None for the facts asks whether it can do without."""
        if isinstance(signal, _SELDOM_ALIKE):
            return decide(program, state, signal, facts, now, member)
        known = self._alternatives(program, state, signal)
        return known.find(facts, now) or self._new(known, program, state, signal, facts, now, member)

    def begun(self, program: Program, run_id: str, facts: Facts | None, now: int, *, origin: str = "") -> Transition:
        """Find how a run begins. Where the host knows nothing of the subscriber, what is asked has no answer.

        The origin is given where the event that leads to the run is among the past ones.
        """
        if program in self._begun:
            return self._begun[program]
        member = Member(run_id, None, now, origin)
        decided = self.of(program, _BEGIN, _STARTED, facts, now, member)
        if isinstance(decided, Asks):
            return self.informed(program, _BEGIN, _STARTED, NO_FACTS, now, member)
        if not decided.reads and not decided.own and decided.only_at is None:
            self._begun[program] = decided
        return decided

    def informed(
        self,
        program: Program,
        state: State,
        signal: Signal,
        facts: Facts,
        now: int,
        member: Member,
    ) -> Transition:
        """Find a transition with the facts at hand; it cannot ask for more."""
        return _decided(self.of(program, state, signal, facts, now, member))

    def split(
        self,
        program: Program,
        runs: Sequence[Run],
        state: State,
        signal: Signal,
        facts: Mapping[str, Facts],
        now: int,
    ) -> list[tuple[Transition, list[Run]]]:
        """Part runs in one state by what their facts decide."""
        known = self._alternatives(program, state, signal)
        parts: dict[int, tuple[Transition, list[Run]]] = {}
        # By the identity of facts, which are kept along: a host may give many runs the same.
        found: dict[int, tuple[Facts, Transition, list[Run]]] = {}
        for run in runs:
            own = facts.get(run.subscriber_id, NO_FACTS)
            alike = found.get(id(own))
            if alike is None or alike[1].own:
                transition = known.find(own, now) or _decided(
                    self._new(known, program, state, signal, own, now, Member.of(run, run.due))
                )
                _, members = parts.setdefault(id(transition), (transition, []))
                alike = found[id(own)] = own, transition, members
            alike[2].append(run)
        return list(parts.values())

    def _alternatives(self, program: Program, state: State, signal: Signal) -> _Alternatives:
        if isinstance(signal, Settled) and signal.outcome.output is not None:
            return _Alternatives(program.forks)  # It may be long, and is seldom like another.
        key = (program, state, signal)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[key] = _Alternatives(program.forks)
        return known

    def joined(self, before: _Entries, after: _Entries) -> _Entries:
        """Put the entries of two steps together: one tuple for the same two, so that a store writes its text once."""
        if not before:
            return after
        key = (id(before), id(after))
        known = self._joined.get(key)
        if known is None:
            if len(self._joined) >= _KEPT:
                self._joined.clear()
            # The two are kept along, so that their identities stay theirs.
            known = self._joined[key] = (before, after, before + after)
        return known[2]

    def _new(
        self,
        known: _Alternatives,
        program: Program,
        state: State,
        signal: Signal,
        facts: Facts | None,
        now: int,
        member: Member,
    ) -> Transition | Asks:
        decided = decide(program, state, signal, facts, now, member)
        if isinstance(decided, Transition):
            if self._watch is not None:
                self._watch.inspect_entries(program, decided.entries, member.run_id, now)
                self._watch.inspect_aims(program, state, None, facts, member.run_id, now)
            if not decided.own:
                known.keep(decided, facts)
        return decided


class _Alternatives:
    """What was decided for one state and signal: by what was read and, where that was a clock, at the last instant."""

    def __init__(self, forks: Mapping[str, Fork]) -> None:
        self._forks = forks
        self._lasting: list[Transition] = []
        # By zone, since each has a clock of its own. One attribute, so that threads see both parts change at once.
        self._dated: tuple[int | None, dict[str | None, list[Transition]]] = (None, {})

    def find(self, facts: Facts | None, now: int) -> Transition | None:
        """Find the transition that was decided on what these facts say, and that holds now."""
        found = _fitting(self._lasting, facts, self._forks)
        if found is None:
            instant, by_zone = self._dated
            if instant == now:
                known = by_zone.get(None if facts is None else _name(facts.zone), ())
                return _fitting(known, facts, self._forks)
        return found

    def keep(self, decided: Transition, facts: Facts | None) -> None:
        """Keep a transition for others, while there is room."""
        some = self._lasting
        if decided.only_at is not None:
            instant, by_zone = self._dated
            if instant != decided.only_at or len(by_zone) >= _ZONES:
                by_zone = {}
                self._dated = (decided.only_at, by_zone)
            some = by_zone.setdefault(None if facts is None else _name(facts.zone), [])
        if len(some) < _ALTERNATIVES:
            some.append(decided)


def _name(zone: object) -> str | None:
    # A host may give anything for a zone; what is no text names none.
    return zone if isinstance(zone, str) else None


def _fitting(known: Sequence[Transition], facts: Facts | None, forks: Mapping[str, Fork]) -> Transition | None:
    """Find the transition that was decided on what these facts say."""
    lots = _Lots(forks, facts.subscriber_id or "") if facts is not None and forks and known else None
    for transition in known:
        if not transition.reads or (facts is not None and _agrees(facts, transition.reads, lots)):
            return transition
    return None


class _Lots(dict[str, str]):
    """The labels that a subscriber draws, by node; each is drawn once, and when it is first asked for."""

    def __init__(self, forks: Mapping[str, Fork], unit: str) -> None:
        super().__init__()
        self._forks = forks
        self._unit = unit

    def __missing__(self, node_id: str) -> str:
        label = self[node_id] = self._forks[node_id].drawn(self._unit)
        return label


def _decided(decided: Transition | Asks) -> Transition:
    if isinstance(decided, Asks):
        message = f"a decision with facts asked for {decided.needs}"
        raise AssertionError(message)
    return decided


def _agrees(facts: Facts, reads: tuple[Operand, ...], lots: Mapping[str, str] | None) -> bool:
    """Whether the facts hold, to the type, the very values that a decision was made on."""
    for operand in reads:
        found = _read(facts, operand.path, lots)
        if found is not operand.value and not _alike(found, operand.value):
            return False
    return True


def _read(facts: Facts, place: str, lots: Mapping[str, str] | None) -> object:
    root, _, path = place.partition(".")
    match root:
        case "subscriber":
            return look_up(facts.attributes, path)
        case "zone":
            return facts.zone
        case _ if root == ASSIGNED:
            return facts.assigned.get(path)
        case _ if root == DRAWN and lots is not None:
            return lots[path]
        case _:
            return facts.engagement.get(path)


def _alike(one: object, other: object) -> bool:
    """Whether two values are written alike: equal to the type and the sign; lists and objects may differ within."""
    if type(one) is not type(other) or not isinstance(one, (str, int, float)):
        return False
    return one == other and (one != 0 or repr(one) == repr(other))

"""What was odd about the data that conditions read, told to the host: once for each workflow and path."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from flowkit.conditions import NO_PREDICATES, AnyOf, Custom, Operand, Predicate, Question
from flowkit.conditions.expectations import MISSING, expected, kind_of
from flowkit.conditions.model import Condition
from flowkit.conditions.walk import leaves
from flowkit.engine.aim_faults import AimInspector
from flowkit.engine.drive import resolve
from flowkit.events import NO_FACTS, Event, Facts, from_micros
from flowkit.ports import Fault, FaultReports
from flowkit.problems import pointer
from flowkit.runs.model import Entry, State
from flowkit.runs.program import Program
from flowkit.runs.variables import variables_of
from flowkit.runs.waits import Why
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.inspection import Inspector
from flowkit.workflows.control import Branch, Case, WaitForEvent
from flowkit.workflows.model import CheckEngagement, WaitUntil

__all__ = ["Watch"]

_FILTER: Final = "/trigger/entry/filter"
_log: Final = logging.getLogger("flowkit")


class _Place(NamedTuple):
    """Which condition of which workflow."""

    workflow_id: str
    version: int
    where: str


class _Odd(NamedTuple):
    """What was read, what was wrong with it, and its kind."""

    path: str
    error: str
    found: str


class Watch:
    """Keeps an eye on what conditions read, for a host that wants to know.

    Nothing here changes what is decided. It runs where decisions are made, between two reads of the store, so what it
    told may be about an event that is taken once more.

    Args:
        reports: Where to tell it.
    """

    def __init__(self, reports: FaultReports) -> None:
        self._reports = reports
        self._told: set[tuple[_Place, str, bool]] = set()
        self._waiting: deque[Fault] = deque()
        self._raised: dict[str, str] = {}
        self._noted: set[tuple[str, int]] = set()
        self._inspectors: WeakKeyDictionary[object, Inspector] = WeakKeyDictionary()
        self._aims: WeakKeyDictionary[Program, AimInspector] = WeakKeyDictionary()

    def inspect(
        self, of: object, gates: Sequence[Gate], event: Event | None, facts: Facts | None, who: str, now: int
    ) -> None:
        """Look at what triggers read of an event and a profile.

        Args:
            of: What the triggers belong to, and with which their inspector goes.
            gates: The triggers.
            event: The event at hand, if any.
            facts: The subscriber's facts; None where they are not known.
            who: The subscriber.
            now: The engine's instant in microseconds.
        """
        inspector = self._inspectors.get(of)
        if inspector is None:
            inspector = self._inspectors[of] = Inspector(gates)
        for gate, path, error, found in inspector.inspect(event, facts):
            self._tell(_Place(gate.workflow_id, gate.version, _stands(gate)), _Odd(path, error, found), now, who=who)

    def inspect_filter(self, gate: Gate, operands: Sequence[Operand], who: str, now: int) -> None:
        """Look at what the filter of a trigger read when it did not hold."""
        for odd in _odd(gate.trigger.entry.filter, operands):
            self._tell(_Place(gate.workflow_id, gate.version, _FILTER), odd, now, who=who)

    def inspect_entries(self, program: Program, entries: Sequence[Entry], run_id: str, now: int) -> None:
        """Look at what nodes read when they were decided, and waits of the profile when a run came to them."""
        for entry in entries:
            if entry.node is None or not entry.data.get("operands"):
                continue
            node = program.workflow.nodes[entry.node]
            at = next((index for index, action in enumerate(node.actions) if action.action_id == entry.action), None)
            if at is None:
                continue
            here = pointer("/nodes", entry.node)
            there = f"{here}/actions/{at}/parameters"
            match node.actions[at].do:
                case CheckEngagement():
                    where, found = f"{here}/conditions", _odd(node.condition, _operands(entry))
                case Branch(cases):
                    where, found = f"{there}/cases", _odd(AnyOf(tuple(case.when for case in cases)), _operands(entry))
                case WaitForEvent(branches):
                    asked = AnyOf(tuple(branch.when for branch in branches if isinstance(branch, Case)))
                    where, found = f"{there}/branches", _odd(asked, _operands(entry))
                case WaitUntil():
                    where, found = there, _unread(entry)
                case _:
                    continue
            for odd in found:
                self._tell(_Place(program.workflow_id, program.version, where), odd, now, run_id=run_id)

    def inspect_aims(
        self, program: Program, state: State, event: Event | None, facts: Facts | None, run_id: str, now: int
    ) -> None:
        """Look at what exit criteria and goals read of an event, a profile and a run."""
        if not program.aims or not state.alive:
            return
        inspector = self._aims.get(program)
        if inspector is None:
            inspector = self._aims[program] = AimInspector(program.workflow)
        known = None if facts is NO_FACTS else facts
        for where, path, error, found in inspector.inspect(event, known, variables_of(state.variables)):
            place = _Place(program.workflow_id, program.version, where)
            self._tell(place, _Odd(path, error, found), now, run_id=run_id)

    def over(self, predicates: Mapping[str, Predicate]) -> Mapping[str, Predicate]:
        """Give predicates that say here when they raise; they raise as before."""
        return {name: self._over(name, host) for name, host in predicates.items()} if predicates else NO_PREDICATES

    def _over(self, name: str, host: Predicate) -> Predicate:
        def asked(question: Question) -> object:
            try:
                return host(question)
            except Exception as error:
                self._raised[name] = type(error).__name__
                raise

        return asked

    def note_raised(self, gates: Sequence[Gate], edition: int, who: str, now: int) -> None:
        """Tell of the predicates that have raised since, for all workflows that ask them before anybody enters.

        Args:
            gates: The triggers that may ask predicates.
            edition: Which state of what is published they are from.
            who: The subscriber about whom they were asked.
            now: The engine's instant in microseconds.
        """
        raised, self._raised = self._raised, {}
        new = {name: error for name, error in raised.items() if (name, edition) not in self._noted}
        self._noted.update((name, edition) for name in new)
        for gate in gates if new else ():
            for where, condition in ((_stands(gate), gate.trigger.condition), (_FILTER, gate.trigger.entry.filter)):
                for leaf in leaves(condition):
                    if isinstance(leaf, Custom) and leaf.name in new:
                        odd = _Odd(f"custom.{leaf.name}", new[leaf.name], "")
                        self._tell(_Place(gate.workflow_id, gate.version, where), odd, now, who=who)

    def _tell(self, place: _Place, odd: _Odd, now: int, *, who: str | None = None, run_id: str | None = None) -> None:
        key = (place, odd.path, odd.error == MISSING)
        if key in self._told:
            return
        self._told.add(key)
        fault = Fault(
            workflow_id=place.workflow_id,
            version=place.version,
            where=place.where,
            path=odd.path,
            error=odd.error,
            found=odd.found,
            at=from_micros(now),
            subscriber_id=who,
            run_id=run_id,
        )
        self._waiting.append(fault)

    async def flush(self) -> None:
        """Tell the host what has gathered; what it cannot take is kept, and told at the next call."""
        telling: list[Fault] = []
        while self._waiting:
            telling.append(self._waiting.popleft())
        if not telling:
            return
        try:
            await resolve("fault_reports.report", self._reports.report(tuple(telling)))
        except BaseException as error:
            # Also where the call was given up: the faults are told of once, so they must not be lost.
            if not isinstance(error, Exception):
                self._waiting.extendleft(reversed(telling))
                raise
            # What the engine was asked for is done, and does not fail over this.
            self._waiting.extendleft(reversed(telling))
            _log.warning("fault reports could not be told; they are told again at the next call", exc_info=True)


def _operands(entry: Entry) -> Sequence[Operand]:
    """Read back what an entry says was read; a number behind a path tells it from another value of the same one."""
    errors: Mapping[str, str] = entry.data.get("errors", {})
    return [
        Operand(path.partition("#")[0], value, holds=False, error=errors.get(path, ""))
        for path, value in entry.data["operands"].items()
    ]


def _unread(entry: Entry) -> list[_Odd]:
    """Find the date or the time that a wait could not read of the profile."""
    if entry.data.get("result") != "missing" and entry.data.get("why") != Why.FALLBACK_TIME:
        return []
    return [
        _Odd(path, MISSING if value is None else "no_date", kind_of(value))
        for path, value in entry.data["operands"].items()
    ]


def _stands(gate: Gate) -> str:
    """Say where the condition of a trigger stands in the document."""
    return "/trigger/conditions" if gate.trigger.schedule is None else "/trigger/conditions/where"


def _odd(condition: Condition, operands: Sequence[Operand]) -> list[_Odd]:
    """Find what was odd among the operands of a condition."""
    wanted = {place.path for place, expectation in expected(condition) if expectation.kind == "there"}
    return [
        _Odd(one.path, one.error or MISSING, "" if one.path.startswith("custom.") else kind_of(one.value))
        for one in operands
        if one.error or (one.value is None and one.path in wanted)
    ]

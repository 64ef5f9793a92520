"""An index of triggers: what an event costs grows with what it matches, not with how many triggers there are.

A trigger's condition is written as alternatives (`guards`), and these hang in trees (`tree`), one for each event type
and one for any. An event walks the tree of its type and the tree for any, as far as its own values lead; where many
hang in one place, all of them are tested at once (`crowd`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from operator import attrgetter
from typing import Any, Final, TypeAlias, TypeVar

from attrs import define, field

from flowkit.conditions import Moment, look_up
from flowkit.events import NO_FACTS, Event, Facts
from flowkit.triggers.demand import Demand
from flowkit.triggers.evaluate import Gate, Gates
from flowkit.triggers.guards import AtLeast, Denied, Either, Every, Formula, Has, alternatives
from flowkit.triggers.model import TriggerType
from flowkit.triggers.tree import Node, Posting, hang, take
from flowkit.triggers.verify import Numbers

__all__ = ["FEW", "TriggerIndex"]

FEW: Final = 12
"""Up to so many triggers are asked one after the other: that is faster than looking them up."""

_K = TypeVar("_K")
_rank: Final = attrgetter("rank")
_Type: TypeAlias = str | None


@define(eq=False)
class _Entered:
    """What stands in the index for one trigger: its gate, and its postings with the types of their trees."""

    gate: Gate
    postings: list[tuple[_Type, Posting]] = field(factory=list[tuple[_Type, Posting]])


class TriggerIndex:
    """All triggers, one for each workflow, found by what they ask for."""

    def __init__(self, gates: Iterable[Gate] = ()) -> None:
        self._entered: dict[str, _Entered] = {}
        self._gates: dict[str, Gate] = {}
        self._trees: dict[_Type, Node] = {}
        self._lists: Gates | None = None
        # The ranks of those that may match an event of a type, and of those that may match one of any, ascending.
        self._ranks: dict[_Type, list[str]] = {}
        self._demands: dict[_Type, Demand] = {}
        # How often each dotted path is asked for; all minimums, ascending.
        self._event_paths: Counter[str] = Counter()
        self._subscriber_paths: Counter[str] = Counter()
        self._minimums: dict[str | None, list[float]] = {}
        # Those that go last come first: what a crowd finds is in order then, and sorting it is cheap.
        for gate in sorted(gates, key=_rank, reverse=True):
            self.add(gate)

    def __len__(self) -> int:
        return len(self._gates)

    def add(self, gate: Gate) -> None:
        """Put a trigger in, in the place of the one that its workflow had."""
        if gate.workflow_id in self._entered:
            self.remove(gate.workflow_id)
        entered = self._entered[gate.workflow_id] = _Entered(gate)
        self._gates[gate.rank] = gate
        for kind in _types(gate):
            insort(self._ranks.setdefault(kind, []), gate.rank)
        written = alternatives(gate.trigger.condition)
        several = len(written) > 1
        for one in written:
            for kind in _types(gate) if one.types is None else one.types:
                has = [test for test in one.tests if isinstance(test, Has)]
                floors = [test for test in one.tests if isinstance(test, AtLeast)]
                posting = Posting(gate, several, has, floors, one.rest, None if one.exact else gate.test)
                entered.postings.append((kind, posting))
                self._enter(kind, posting)
        self._change()

    def remove(self, workflow_id: str) -> None:
        """Take a workflow's trigger out.

        Raises:
            KeyError: It has none here.
        """
        entered = self._entered.pop(workflow_id)
        del self._gates[entered.gate.rank]
        for kind in _types(entered.gate):
            ranks = self._ranks[kind]
            del ranks[bisect_left(ranks, entered.gate.rank)]
            if not ranks:
                del self._ranks[kind]
        for kind, posting in entered.postings:
            take(self._trees[kind], posting)
            self._demands[kind].forget(posting)
            if self._trees[kind].empty:
                del self._trees[kind], self._demands[kind]
            self._note(posting, -1)
        self._change()

    def candidates(self, event_type: str) -> Sequence[Gate]:
        """Give the triggers that may match an event of a type, those that go first in front."""
        lists = self._lists
        if lists is not None:
            return lists.candidates(event_type)
        ranks = merge(self._ranks.get(event_type, ()), self._ranks.get(None, ()))
        return [self._gates[rank] for rank in ranks]

    def matching(self, event: Event, facts: Facts | None, moment: Moment) -> Sequence[Gate]:
        """Find the triggers that match an event: those of which ``Gate.matches`` says so.

        Args:
            event: The event at hand.
            facts: The subscriber's facts; None where the host does not know the subscriber, or where none were asked.
            moment: When it is asked.

        Returns:
            Priority descending, then by workflow id.
        """
        if len(self._gates) > FEW:
            found = self.look_up(event, facts, moment)
            if found is not None:
                return found
        return [gate for gate in self.candidates(event.type) if gate.matches(event, facts, moment)]

    def look_up(self, event: Event, facts: Facts | None, moment: Moment) -> Sequence[Gate] | None:
        """Find the same as ``matching``; None where values need more care, as JSON's never do."""
        try:
            found = self._walk(event, NO_FACTS if facts is None else facts, moment)
        except Exception:  # noqa: BLE001 - a host's value may raise anything when it is hashed or compared
            return None
        if facts is None:
            return [gate for gate in found if gate.trigger.trigger_type is not TriggerType.CONDITION_BASED]
        return found

    def _change(self) -> None:
        """Where there are few triggers, list them anew: they are asked one after the other, and often."""
        self._lists = Gates(self._gates.values()) if len(self._gates) <= FEW else None

    def _enter(self, kind: _Type, posting: Posting) -> None:
        if kind not in self._trees:
            self._trees[kind], self._demands[kind] = Node(), Demand()
        tree, demand = self._trees[kind], self._demands[kind]
        self._note(posting, 1)
        for moved in demand.note(posting):
            take(tree, moved)
            demand.arrange(moved, self._reach)
            hang(tree, moved)
        demand.arrange(posting, self._reach)
        hang(tree, posting)

    def _note(self, posting: Posting, by: int) -> None:
        """Count what a posting asks for, or count it off."""
        for test in _properties([*posting.has, *posting.rest]):
            if "." in test.path:
                _count(self._event_paths if test.event else self._subscriber_paths, test.path, by)
        for floor in posting.floors:
            minimums = self._minimums.setdefault(floor.metric, [])
            if by > 0:
                insort(minimums, floor.minimum)
            else:
                del minimums[bisect_left(minimums, floor.minimum)]
                if not minimums:
                    del self._minimums[floor.metric]

    def _reach(self, floor: AtLeast) -> float:
        """Guess how often a minimum is reached: as often as others ask for more."""
        minimums = self._minimums[floor.metric]
        return 1 - bisect_left(minimums, floor.minimum) / len(minimums)

    def _walk(self, event: Event, facts: Facts, moment: Moment) -> list[Gate]:  # noqa: C901, PLR0912 - see below
        # This is the innermost loop of matching: a call for each node would cost more than what most nodes hold.
        kind = event.type
        properties, attributes = event.properties, facts.attributes
        if self._event_paths:
            properties = _with_dotted(properties, self._event_paths)
        if self._subscriber_paths:
            attributes = _with_dotted(attributes, self._subscriber_paths)
        read_event, read_subscriber = properties.get, attributes.get
        numbers = Numbers()
        numbers.event, numbers.facts, numbers.moment = event, facts, moment
        value: object = event.value
        if type(value) is int or (type(value) is float and value == value):  # noqa: PLR0124 - NaN does not equal itself
            numbers[None] = value
        found: list[Gate] = []
        # What may be found by several of its alternatives.
        repeated: list[Gate] = []
        nodes: list[Node] = []
        if (tree := self._trees.get(kind)) is not None:
            nodes.append(tree)
        if (tree := self._trees.get(None)) is not None:
            nodes.append(tree)
        for node in nodes:  # grows while it is walked
            if node.split:
                events, subscribers = node.events, node.subscribers
                if events.there or events.missing:
                    events.lead(properties, nodes)
                if subscribers.there or subscribers.missing:
                    subscribers.lead(attributes, nodes)
                for crowd in node.crowds:
                    crowd.find(kind, read_event, read_subscriber, numbers, found, repeated)
            else:
                for path, wanted, holds, gate in node.on_event:
                    if read_event(path) == wanted and (
                        holds is None or holds(kind, read_event, read_subscriber, numbers)
                    ):
                        found.append(gate)
                for path, wanted, holds, gate in node.on_subscriber:
                    if read_subscriber(path) == wanted and (
                        holds is None or holds(kind, read_event, read_subscriber, numbers)
                    ):
                        found.append(gate)
                for metric, minimum, holds, gate in node.on_number:
                    if numbers[metric] >= minimum and (
                        holds is None or holds(kind, read_event, read_subscriber, numbers)
                    ):
                        found.append(gate)
            if not node.others:
                continue
            found += node.done
            if node.ladders:
                for metric, ladder in node.ladders.items():
                    found += ladder.gates[: bisect_right(ladder.minimums, numbers[metric])]
            for holds, gate in node.on_rest:
                if holds is None or holds(kind, read_event, read_subscriber, numbers):
                    repeated.append(gate)
            for check, gate in node.checks:
                if check(event, facts, moment):
                    repeated.append(gate)
        if repeated:
            found += set(repeated)
        if len(found) > 1:
            found.sort(key=_rank)
        return found


def _with_dotted(values: Mapping[str, Any], dotted: Mapping[str, int]) -> Mapping[str, Any]:
    """Put beside values what dotted paths lead to."""
    return {**values, **{path: look_up(values, path) for path in dotted}}


def _properties(formulas: Sequence[Formula]) -> Iterator[Has]:
    """Give the properties that formulas ask for, in any of their parts."""
    left = list(formulas)
    while left:
        match left.pop():
            case Has() as test:
                yield test
            case Denied(Has() as test):
                yield test
            case Every(parts) | Either(parts):
                left += parts
            case _:
                continue


def _count(counter: Counter[_K], key: _K, by: int) -> None:
    counter[key] += by
    if not counter[key]:
        del counter[key]


def _types(gate: Gate) -> Iterable[_Type]:
    return (None,) if gate.types is None else gate.types

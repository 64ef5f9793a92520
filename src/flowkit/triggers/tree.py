"""The tree in which alternatives of triggers hang, each under the property values that it asks for.

A node where few hang has them tested one by one. When more come, what asks for a rare value is hung deeper, under that
value, so that an event comes there only where its own values lead; the others are tested all at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from attrs import define, field

from flowkit.conditions import Asked
from flowkit.triggers.crowd import UNHASHABLE, Crowd
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.guards import AtLeast, Formula, Has
from flowkit.triggers.verify import Holds, together

__all__ = ["Branches", "Ladder", "Node", "Posting", "hang", "take"]

_FEW: Final = 32
"""So many are tested one by one: that is faster than all at once."""

_OnProperty: TypeAlias = tuple[str, object, Holds | None, Gate]
_OnNumber: TypeAlias = tuple[str | None, float, Holds | None, Gate]
_T = TypeVar("_T")


@define(eq=False)
class Posting:
    """One alternative of a trigger, under one event type.

    Attributes:
        gate: The trigger.
        several: Whether the trigger has others, so that it may be found by more than one.
        has: The properties that it asks for, those under which it hangs in front.
        floors: The numbers that it asks for, the one that is reached least often in front.
        rest: What else has to hold.
        check: The trigger's own condition, where all these do not suffice.
        under: Under how many of the properties it hangs where others hang too.
        common: What a crowd tests of it for all at once.
        entry: What stands for it in a list of the node where it hangs.
        crowd: The crowd where it is, and its bit there.
    """

    gate: Gate
    several: bool
    has: Sequence[Has]
    floors: Sequence[AtLeast]
    rest: Sequence[Formula]
    check: Asked | None
    under: int = 0
    common: Sequence[Has | AtLeast] = ()
    entry: object = None
    crowd: tuple[Crowd, int] | None = None


@define(eq=False)
class Ladder:
    """What asks for one number and for nothing else, by how much.

    Attributes:
        minimums: Ascending.
        gates: In the same order.
    """

    minimums: list[float] = field(factory=list[float])
    gates: list[Gate] = field(factory=list[Gate])


@define(eq=False)
class Branches:
    """Nodes by a property and its value.

    Attributes:
        there: By path and value.
        missing: By path, where the property is not there.
    """

    there: dict[tuple[str, object], Node] = field(factory=dict[tuple[str, object], "Node"])
    missing: dict[str, Node] = field(factory=dict[str, "Node"])

    @property
    def empty(self) -> bool:
        """Whether there are none."""
        return not (self.there or self.missing)

    def find(self, test: Has) -> Node | None:
        """Find the node under a property."""
        return self.missing.get(test.path) if test.value is None else self.there.get((test.path, test.value))

    def put(self, test: Has, node: Node) -> None:
        """Put a node under a property."""
        if test.value is None:
            self.missing[test.path] = node
        else:
            self.there[test.path, test.value] = node

    def cut(self, test: Has) -> None:
        """Remove the node under a property."""
        if test.value is None:
            del self.missing[test.path]
        else:
            del self.there[test.path, test.value]

    def lead(self, values: Mapping[str, Any], nodes: list[Node]) -> None:
        """Add the nodes to which values lead: in as many steps as there are values, or nodes, if those are fewer.

        Raises:
            TypeError: A value has no hash, and is nothing that JSON knows.
        """
        if len(self.there) <= len(values):
            read = values.get
            for (path, value), node in self.there.items():
                if read(path) == value:
                    nodes.append(node)
        else:
            try:
                nodes += list(filter(None, map(self.there.get, values.items())))
            except TypeError:
                nodes += list(filter(None, map(self.there.get, _hashable(values))))
        if self.missing:
            nodes += [node for path, node in self.missing.items() if values.get(path) is None]


def _hashable(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((path, value) for path, value in values.items() if type(value) not in UNHASHABLE)


@define(eq=False)
class Node:
    """A place in the tree.

    Attributes:
        depth: Under how many properties it stands.
        split: Whether so many hang here that they are tested at once, or hang further down.
        events: Nodes further down, by properties of the event.
        subscribers: Likewise, by properties of the subscriber.
        done: What asks for nothing more.
        ladders: What asks for one number and nothing else, by the number.
        on_event: Where few hang, what begins with a property of the event: path, value, what else, trigger.
        on_subscriber: Likewise, beginning with a property of the subscriber.
        on_number: Likewise, beginning with a number: number, minimum, what else, trigger.
        on_rest: What asks for neither of them, but for something; and, where few hang, what has other alternatives.
        checks: What has to be asked itself.
        others: Whether anything stands in `done`, `ladders`, `on_rest` or `checks`: at most nodes nothing does.
        held: The postings of the lists that others may crowd out.
        crowds: Where many hang, what is tested at once.
    """

    depth: int = 0
    split: bool = False
    others: bool = False
    events: Branches = field(factory=Branches)
    subscribers: Branches = field(factory=Branches)
    done: list[Gate] = field(factory=list[Gate])
    ladders: dict[str | None, Ladder] = field(factory=dict[str | None, Ladder])
    on_event: list[_OnProperty] = field(factory=list[_OnProperty])
    on_subscriber: list[_OnProperty] = field(factory=list[_OnProperty])
    on_number: list[_OnNumber] = field(factory=list[_OnNumber])
    on_rest: list[tuple[Holds | None, Gate]] = field(factory=list[tuple[Holds | None, Gate]])
    checks: list[tuple[Asked, Gate]] = field(factory=list[tuple[Asked, Gate]])
    held: list[Posting] = field(factory=list[Posting])
    crowds: list[Crowd] = field(factory=list[Crowd])

    @property
    def empty(self) -> bool:
        """Whether nothing hangs here or further down."""
        here = self.done or self.ladders or self.held or self.on_rest or self.checks or self.crowds
        return self.events.empty and self.subscribers.empty and not here

    def note_others(self) -> None:
        """See whether there are any."""
        self.others = bool(self.done or self.ladders or self.on_rest or self.checks)

    def branches(self, test: Has) -> Branches:
        """Give the branches among which a property is looked up."""
        return self.events if test.event else self.subscribers


def hang(node: Node, posting: Posting) -> None:
    """Hang a posting into the tree below a node."""
    while node.split and node.depth < posting.under:
        test = posting.has[node.depth]
        branches = node.branches(test)
        further = branches.find(test)
        if further is None:
            further = Node(node.depth + 1)
            branches.put(test, further)
        node = further
    _enter(node, posting)
    node.note_others()
    if len(node.held) > _FEW:
        crowd = tuple(node.held)
        for each in crowd:
            _leave(node, each)
        node.note_others()
        node.split = True
        for each in crowd:
            hang(node, each)


def take(node: Node, posting: Posting) -> None:
    """Take a posting out of the tree below a node, and what is empty then."""
    way: list[tuple[Node, Has]] = []
    while node.split and node.depth < posting.under:
        test = posting.has[node.depth]
        further = node.branches(test).find(test)
        if further is None:
            return  # it does not hang here
        way.append((node, test))
        node = further
    _leave(node, posting)
    node.note_others()
    for above, test in reversed(way):
        if not node.empty:
            return
        above.branches(test).cut(test)
        node = above


def _enter(node: Node, posting: Posting) -> None:
    has = posting.has[node.depth :]
    if _climbs(node, posting):
        _climb(node.ladders.setdefault(posting.floors[0].metric, Ladder()), posting)
    elif (has or posting.floors) and node.split:
        _join(node.crowds, posting, has)
    else:
        if has or posting.floors:
            node.held.append(posting)
        _enter_list(node, posting, has)


def _enter_list(node: Node, posting: Posting, has: Sequence[Has]) -> None:
    gate = posting.gate
    if posting.check is not None:
        node.checks.append(_put(posting, (posting.check, gate)))
    elif _rests(posting, has):
        node.on_rest.append(_put(posting, (together([*has, *posting.floors, *posting.rest]), gate)))
    elif has:
        rest = together([*has[1:], *posting.floors, *posting.rest])
        entries = node.on_event if has[0].event else node.on_subscriber
        entries.append(_put(posting, (has[0].path, has[0].value, rest, gate)))
    elif posting.floors:
        first, *others = posting.floors
        rest = together([*others, *posting.rest])
        node.on_number.append(_put(posting, (first.metric, first.minimum, rest, gate)))
    else:
        node.done.append(_put(posting, gate))


def _rests(posting: Posting, has: Sequence[Has]) -> bool:
    """Whether one that is not asked itself stands with the rest: it begins with nothing, or may be found again."""
    return posting.several or (bool(posting.rest) and not (has or posting.floors))


def _join(crowds: list[Crowd], posting: Posting, has: Sequence[Has]) -> None:
    tests: list[Has | AtLeast] = [*has, *posting.floors]
    rest = [*(test for test in tests if test not in posting.common), *posting.rest]
    crowd = next((each for each in crowds if not each.full), None)
    if crowd is None:
        crowd = Crowd()
        crowds.append(crowd)
    posting.crowd = (crowd, crowd.put(posting.gate, posting.common, rest, posting.check, several=posting.several))


def _climbs(node: Node, posting: Posting) -> bool:
    alone = len(posting.floors) == 1 and len(posting.has) == node.depth
    return alone and not (posting.rest or posting.check or posting.several)


def _climb(ladder: Ladder, posting: Posting) -> None:
    at = bisect_left(ladder.minimums, posting.floors[0].minimum)
    ladder.minimums.insert(at, posting.floors[0].minimum)
    ladder.gates.insert(at, posting.gate)


def _put(posting: Posting, entry: _T) -> _T:
    posting.entry = entry
    return entry


def _leave(node: Node, posting: Posting) -> None:
    if posting.crowd is not None:
        crowd, bit = posting.crowd
        posting.crowd = None
        crowd.take(bit, posting.common)
        if not crowd.taken:
            _drop(node.crowds, crowd)
        return
    has = posting.has[node.depth :]
    if _climbs(node, posting):
        _descend(node.ladders, posting)
        return
    if has or posting.floors:
        _drop(node.held, posting)
    if posting.check is not None:
        _drop(node.checks, posting.entry)
    elif _rests(posting, has):
        _drop(node.on_rest, posting.entry)
    elif has:
        _drop(node.on_event if has[0].event else node.on_subscriber, posting.entry)
    elif posting.floors:
        _drop(node.on_number, posting.entry)
    else:
        _drop(node.done, posting.entry)


def _descend(ladders: dict[str | None, Ladder], posting: Posting) -> None:
    first = posting.floors[0]
    ladder = ladders[first.metric]
    at = ladder.gates.index(posting.gate, bisect_left(ladder.minimums, first.minimum))
    del ladder.minimums[at], ladder.gates[at]
    if not ladder.gates:
        del ladders[first.metric]


def _drop(entries: list[Any], entry: object) -> None:
    """Remove one object from a list: itself, not what equals it."""
    del entries[next(at for at, each in enumerate(entries) if each is entry)]

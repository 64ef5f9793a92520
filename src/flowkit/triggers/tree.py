"""The tree in which alternatives of triggers hang, each under the property values that it asks for.

A node where few hang has them tested one by one. When more come they are hung deeper, each under one more of its
property values, so that an event walks only where its own values lead.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias, TypeVar

from attrs import define, field

from flowkit.conditions import Asked
from flowkit.triggers.guards import AtLeast, Formula, Has
from flowkit.triggers.verify import Holds, together

__all__ = ["Branches", "Ladder", "Node", "Posting", "hang", "take"]

_CROWD: Final = 8
# None of the plain values equals one of these.
_UNHASHABLE: Final = (list, dict, set, bytearray)

_OnProperty: TypeAlias = tuple[str, object, Holds | None, str]
_OnNumber: TypeAlias = tuple[str | None, float, Holds | None, str]
_Rung: TypeAlias = tuple[float, str | None, float, Holds | None, str]
_minimum: Final = itemgetter(0)
_T = TypeVar("_T")


@define(eq=False)
class Posting:
    """One alternative of a trigger, under one event type.

    Attributes:
        rank: The trigger's.
        has: The properties that it asks for, in the order in which it hangs under them.
        floors: The numbers that it asks for, the one that is reached least often in front.
        rest: What else has to hold.
        check: The trigger's own condition, where all these do not suffice.
        entry: What stands for it in a list of the node where it hangs.
    """

    rank: str
    has: Sequence[Has]
    floors: Sequence[AtLeast]
    rest: Sequence[Formula]
    check: Asked | None
    entry: object = None


@define(eq=False)
class Ladder:
    """What begins with one number, by how much it asks for.

    Attributes:
        minimums: Of those that ask for nothing else, ascending.
        ranks: Of the same, in the same order.
        more: Those that ask for more, ascending: minimum, second number, its minimum, what else, rank.
    """

    minimums: list[float] = field(factory=list[float])
    ranks: list[str] = field(factory=list[str])
    more: list[_Rung] = field(factory=list[_Rung])


@define(eq=False)
class Branches:
    """Nodes by a property, then by its value.

    Attributes:
        tables: Nodes by path, then by a value that is there.
        missing: Nodes by path, where the property is not there.
    """

    tables: dict[str, dict[object, Node]] = field(factory=dict[str, dict[object, "Node"]])
    missing: dict[str, Node] = field(factory=dict[str, "Node"])

    @property
    def empty(self) -> bool:
        """Whether there are none."""
        return not (self.tables or self.missing)

    def find(self, test: Has) -> Node | None:
        """Find the node under a property."""
        return self.missing.get(test.path) if test.value is None else self.tables.get(test.path, {}).get(test.value)

    def put(self, test: Has, node: Node) -> None:
        """Put a node under a property."""
        if test.value is None:
            self.missing[test.path] = node
        else:
            self.tables.setdefault(test.path, {})[test.value] = node

    def cut(self, test: Has) -> None:
        """Remove the node under a property."""
        if test.value is None:
            del self.missing[test.path]
            return
        table = self.tables[test.path]
        del table[test.value]
        if not table:
            del self.tables[test.path]

    def lead(self, values: Mapping[str, Any], nodes: list[Node]) -> None:
        """Add the nodes to which values lead: in as many steps as there are paths here, or values, if those are fewer.

        Raises:
            TypeError: A value has no hash, and is nothing that JSON knows.
        """
        if len(self.tables) > len(values):
            self._lead_by_value(values, nodes)
        else:
            read = values.get
            for path, table in self.tables.items():
                try:
                    node = table.get(read(path))
                except TypeError:
                    if type(read(path)) not in _UNHASHABLE:
                        raise
                else:
                    if node is not None:
                        nodes.append(node)
        if self.missing:
            nodes += [node for path, node in self.missing.items() if values.get(path) is None]

    def _lead_by_value(self, values: Mapping[str, Any], nodes: list[Node]) -> None:
        for path, value in values.items():
            table = self.tables.get(path)
            if table is not None and type(value) not in _UNHASHABLE:
                node = table.get(value)
                if node is not None:
                    nodes.append(node)


@define(eq=False)
class Node:
    """A place in the tree.

    Attributes:
        depth: Under how many properties it stands.
        split: Whether what asks for more properties hangs further down.
        events: Nodes further down, by properties of the event.
        subscribers: Likewise, by properties of the subscriber.
        done: The ranks of what asks for nothing more, ascending.
        on_event: What asks for more, beginning with a property of the event: path, value, what else, rank.
        on_subscriber: Likewise, beginning with a property of the subscriber.
        on_number: What asks for numbers, but for no property, where few do: number, minimum, what else, rank.
        ladders: Likewise, where many do, by the first number.
        on_rest: What asks for neither of them, but for something.
        checks: What has to be asked itself.
        held: The postings here that ask for more properties.
        numbered: The postings in `on_number`.
    """

    depth: int = 0
    split: bool = False
    events: Branches = field(factory=Branches)
    subscribers: Branches = field(factory=Branches)
    done: list[str] = field(factory=list[str])
    on_event: list[_OnProperty] = field(factory=list[_OnProperty])
    on_subscriber: list[_OnProperty] = field(factory=list[_OnProperty])
    on_number: list[_OnNumber] = field(factory=list[_OnNumber])
    ladders: dict[str | None, Ladder] = field(factory=dict[str | None, Ladder])
    on_rest: list[tuple[Holds | None, str]] = field(factory=list[tuple[Holds | None, str]])
    checks: list[tuple[Asked, str]] = field(factory=list[tuple[Asked, str]])
    held: list[Posting] = field(factory=list[Posting])
    numbered: list[Posting] = field(factory=list[Posting])

    @property
    def empty(self) -> bool:
        """Whether nothing hangs here or further down."""
        here = self.done or self.on_event or self.on_subscriber or self.on_number or self.ladders
        return self.events.empty and self.subscribers.empty and not (here or self.on_rest or self.checks)

    def branches(self, test: Has) -> Branches:
        """Give the branches among which a property is looked up."""
        return self.events if test.event else self.subscribers

    def properties(self, test: Has) -> list[_OnProperty]:
        """Give the list in which a property is tested."""
        return self.on_event if test.event else self.on_subscriber


def hang(node: Node, posting: Posting) -> None:
    """Hang a posting into the tree below a node."""
    while node.split and node.depth < len(posting.has):
        test = posting.has[node.depth]
        branches = node.branches(test)
        further = branches.find(test)
        if further is None:
            further = Node(node.depth + 1)
            branches.put(test, further)
        node = further
    _enter(node, posting)
    if len(node.held) > _CROWD:
        crowd = tuple(node.held)
        for each in crowd:
            _leave(node, each)
        node.split = True
        for each in crowd:
            hang(node, each)


def take(node: Node, posting: Posting) -> None:
    """Take a posting out of the tree below a node, and what is empty then."""
    way: list[tuple[Node, Has]] = []
    while node.split and node.depth < len(posting.has):
        test = posting.has[node.depth]
        further = node.branches(test).find(test)
        if further is None:
            return  # it does not hang here
        way.append((node, test))
        node = further
    _leave(node, posting)
    for above, test in reversed(way):
        if not node.empty:
            return
        above.branches(test).cut(test)
        node = above


def _enter(node: Node, posting: Posting) -> None:
    has, rank = posting.has[node.depth :], posting.rank
    if has:
        node.held.append(posting)
    if posting.check is not None:
        node.checks.append(_put(posting, (posting.check, rank)))
    elif has:
        rest = together([*has[1:], *posting.floors, *posting.rest])
        node.properties(has[0]).append(_put(posting, (has[0].path, has[0].value, rest, rank)))
    elif posting.floors:
        _enter_number(node, posting)
    elif posting.rest:
        node.on_rest.append(_put(posting, (together(posting.rest), rank)))
    else:
        insort(node.done, rank)


def _enter_number(node: Node, posting: Posting) -> None:
    if not node.ladders and len(node.numbered) < _CROWD:
        first, *others = posting.floors
        entry = _put(posting, (first.metric, first.minimum, together([*others, *posting.rest]), posting.rank))
        node.on_number.append(entry)
        node.numbered.append(posting)
        return
    for each in (*node.numbered, posting):
        _climb(node.ladders.setdefault(each.floors[0].metric, Ladder()), each)
    node.on_number.clear()
    node.numbered.clear()


def _climb(ladder: Ladder, posting: Posting) -> None:
    first = posting.floors[0]
    posting.entry = None
    if len(posting.floors) == 1 and not posting.rest:
        at = bisect_left(ladder.minimums, first.minimum)
        ladder.minimums.insert(at, first.minimum)
        ladder.ranks.insert(at, posting.rank)
        return
    second = posting.floors[1] if len(posting.floors) > 1 else first
    rest = together([*posting.floors[2:], *posting.rest])
    entry = _put(posting, (first.minimum, second.metric, second.minimum, rest, posting.rank))
    insort(ladder.more, entry, key=_minimum)


def _put(posting: Posting, entry: _T) -> _T:
    posting.entry = entry
    return entry


def _leave(node: Node, posting: Posting) -> None:
    has = posting.has[node.depth :]
    if has:
        _drop(node.held, posting)
    if posting.check is not None:
        _drop(node.checks, posting.entry)
    elif has:
        _drop(node.properties(has[0]), posting.entry)
    elif posting in node.numbered:
        _drop(node.numbered, posting)
        _drop(node.on_number, posting.entry)
    elif posting.floors:
        _descend(node.ladders, posting)
    elif posting.rest:
        _drop(node.on_rest, posting.entry)
    else:
        del node.done[bisect_left(node.done, posting.rank)]


def _descend(ladders: dict[str | None, Ladder], posting: Posting) -> None:
    first = posting.floors[0]
    ladder = ladders[first.metric]
    if posting.entry is not None:
        _drop(ladder.more, posting.entry)
    else:
        at = ladder.ranks.index(posting.rank, bisect_left(ladder.minimums, first.minimum))
        del ladder.minimums[at], ladder.ranks[at]
    if not ladder.ranks and not ladder.more:
        del ladders[first.metric]


def _drop(entries: list[Any], entry: object) -> None:
    """Remove one object from a list: itself, not what equals it."""
    del entries[next(at for at, each in enumerate(entries) if each is entry)]

"""How a batch is committed: one script a partition, so that a change is there whole or not at all.

A batch that is larger than a script is to be is written in parts, one after the other; a claim ends with the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from secrets import token_hex
from typing import Any, Final, NamedTuple

from attrs import evolve

from flowkit.ports import NOTHING_REFUSED, Change, Changes, Move, Refused, refused_whole
from flowkit.runs.model import Run
from flowkit.stores.phrases import Texts
from flowkit.stores.redis.claims import part_of_token
from flowkit.stores.redis.encode import Encoder, needs_of
from flowkit.stores.redis.floors import Floors
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.texts import Lexicon, Names
from flowkit.stores.redis.totals import Totals
from flowkit.stores.redis.wire import Call, Reply, Wire

__all__ = ["Committer"]

_LARGEST: Final = 500


class _Part(NamedTuple):
    """What of a batch one call of the script writes.

    Attributes:
        part: In which partition.
        changes: The changes.
        moves: The moves, each with those of its runs that are in the partition.
    """

    part: int
    changes: Sequence[Change]
    moves: Sequence[Move]


class Committer:
    """Commits batches.

    Args:
        wire: The way to the server.
        layout: Where what is written lies.
        lexicon: The texts that rows share.
        floors: The highest numbers that were seen.
    """

    def __init__(self, wire: Wire, layout: Layout, lexicon: Lexicon, floors: Floors) -> None:
        self._wire = wire
        self._layout = layout
        self._lexicon = lexicon
        self._floors = floors
        self._texts = Texts()
        self._totals = Totals(wire, layout)

    def commit(self, batch: Changes) -> Refused:
        """Write a batch; see ``Store.commit``."""
        if self._layout.parts == 1 or not any(change.totals for change in batch.changes):
            return self._write(batch)
        return self._write_counted(batch)

    def _write_counted(self, batch: Changes) -> Refused:
        """Write a batch in which entries of all subscribers are counted, each with its place taken before."""
        refused_ids: list[str] = []
        runs: Sequence[Run] = ()
        open_changes, rest = batch.changes, batch
        while True:
            fitting, full = self._totals.take(open_changes, batch.limits)
            refused = self._write(evolve(rest, changes=fitting))
            gone = set(refused.subscriber_ids)
            given_back = [change for change in fitting if change.subscriber_id in gone]
            self._totals.give_back(given_back)
            refused_ids += refused.subscriber_ids
            if rest is batch:
                runs = refused.runs
            # Who was turned away for want of room gets the places of those who were turned away for another reason.
            if refused.lost or not full or not any(change.totals for change in given_back):
                refused_ids += [change.subscriber_id for change in full]
                if not (refused_ids or runs or refused.lost):
                    return refused
                return Refused(refused_ids, runs, refused.lost, refused.outdated and not full)
            open_changes, rest = full, evolve(batch, moves=(), ends=False)

    def _write(self, batch: Changes) -> Refused:
        own = None if batch.claim is None else part_of_token(batch.claim.token)
        refused: set[int] = set()
        runs: list[Run] = []
        outdated = True
        places = {id(change): place for place, change in enumerate(batch.changes)}
        parts = list(self._parts(batch, own))
        for place, part in enumerate(parts):
            last = part.part == own and all(other.part != own for other in parts[place + 1 :])
            reply = self._call(batch, part, claimed=part.part == own, ends=last and batch.ends and not runs)
            if reply[0] == "lost":
                return Refused(lost=True)
            if reply[0] == "stamp":
                turned = refused_whole(evolve(batch, changes=part.changes, moves=part.moves))
                refused.update(places[id(change)] for change in part.changes)
                runs += turned.runs
                continue
            outdated = False
            refused.update(places[id(part.changes[int(index)])] for index in reply[1])
            runs += [part.moves[int(move)].runs[int(run)] for move, run in reply[2]]
            self._floors.saw(run=reply[3], line=reply[4])
        if not refused and not runs:
            return NOTHING_REFUSED
        names = [batch.changes[place].subscriber_id for place in sorted(refused)]
        return Refused(names, runs, outdated=outdated)

    def _parts(self, batch: Changes, own: int | None) -> Iterator[_Part]:
        """Take a batch apart by partition and size, that of the claim first."""
        layout = self._layout
        changes = layout.split(batch.changes, lambda change: layout.part_of(change.subscriber_id))
        moves: dict[int, list[Move]] = {}
        for move in batch.moves:
            for part, runs in layout.split(move.runs, layout.part_of_run).items():
                moves.setdefault(part, []).append(move if len(runs) == len(move.runs) else move._replace(runs=runs))
        named: set[int] = {*changes, *moves}
        if own is not None:
            named.add(own)
        for part in sorted(named, key=lambda one: (one != own, one)):
            yield from _sized(part, changes.get(part, []), moves.get(part, []))

    def _call(self, batch: Changes, part: _Part, *, claimed: bool, ends: bool) -> Reply:
        names = Names(self._lexicon, part.part)
        encoder = Encoder(self._layout, self._texts, names, batch.at)
        changes = [encoder.change(change, part.part) for change in part.changes]
        moves = [encoder.move(move) for move in part.moves]
        ask: dict[str, Any] = {
            "at": batch.at,
            "parts": self._layout.parts,
            "floor": self._floors.of(),
            "claim": batch.claim.token if claimed and batch.claim is not None else "",
            "ends": ends,
            "unclaimed": batch.unclaimed,
            "limits": dict(batch.limits),
            "needs": needs_of(batch.history, batch.at),
            "changes": changes,
            "moves": moves,
            "named": names.used,
            "phrases": names.new(),
        }
        if self._layout.parts > 1 and any(change.totals for change in part.changes):
            ask["call"] = token_hex(8)  # A change that is refused gives its places back, so it must not be by itself.
        if batch.stamp is not None:
            ask["stamp"] = batch.stamp
        base = self._layout.base(part.part)
        reply: Reply = self._wire.run(*Call("commit", base, ask))
        if reply[0] == "phrases":  # Others keep them too, or the server lost what it was known to keep.
            ask["phrases"] = {**names.new(), **names.of(reply[1])}
            reply = self._wire.run(*Call("commit", base, ask))
        names.written()
        return reply


def _sized(part: int, changes: Sequence[Change], moves: Sequence[Move]) -> Iterator[_Part]:
    """Cut what is to be written in a partition into what one script writes."""
    size = len(changes) + sum(len(move.runs) for move in moves)
    if size <= _LARGEST:
        yield _Part(part, changes, moves)
        return
    for first in range(0, len(changes), _LARGEST):
        yield _Part(part, changes[first : first + _LARGEST], ())
    together: list[Move] = []
    room = _LARGEST
    for move in moves:
        for first in range(0, len(move.runs), _LARGEST):
            piece = move._replace(runs=move.runs[first : first + _LARGEST])
            if len(piece.runs) > room:
                yield _Part(part, (), together)
                together, room = [], _LARGEST
            together.append(piece)
            room -= len(piece.runs)
    if together:
        yield _Part(part, (), together)

# ruff: noqa: S101 - these are tests, and what they expect are literals
"""Ledgers to the last field, and those that are to be looked at again though nothing happens."""

from __future__ import annotations

from typing import Final

from flowkit.ports import Change, Ledger, Pending, Refused
from flowkit.testing.bench import NOW, Bench

__all__ = ["Ledgers"]

_PENDING: Final = (
    Pending("größe 😀", '{"type":"visit","at":1,"id":"größe 😀"}', NOW + 5),
    Pending('a"b', "", NOW - 5),
    Pending('a"b', "[1]", 0),
)
_FULL: Final = Ledger("w", 3, NOW - 1, 0, held=281474976710656, watch=NOW + 7, pending=_PENDING)


def _change(bench: Bench, subscriber_id: str, *ledgers: Ledger) -> Change:
    """Make a change that writes ledgers as they are given, each with the sequence that is stored."""
    known = bench.recalled(subscriber_id)
    stored = {name: ledger.sequence for name, ledger in known.ledgers.items()}
    current = [ledger._replace(sequence=stored.get(ledger.workflow_id, 0)) for ledger in ledgers]
    return Change(subscriber_id, known.handle, (), current)


def _put(bench: Bench, subscriber_id: str, *ledgers: Ledger) -> Refused:
    return bench.commit(_change(bench, subscriber_id, *ledgers))


def _watching(bench: Bench, subscriber_id: str, **watches: int | None) -> None:
    ledgers = [Ledger(workflow_id, watch=watch) for workflow_id, watch in watches.items()]
    assert not _put(bench, subscriber_id, *ledgers)


class Ledgers:
    """What ``recall`` tells of them, ``commit`` of them, and ``watches``."""

    # -- kept ---------------------------------------------------------------------------------------------------------

    def test_a_ledger_is_kept_to_the_last_field(self, bench: Bench) -> None:
        """When it is new as well as when it is written again, whichever of its fields are set."""
        bench.publish()
        forms = [
            _FULL,
            Ledger("w", 4, NOW),
            Ledger("w", held=281474976710656),
            Ledger("w", watch=0),
            Ledger("w", 1, NOW, watch=NOW),
            Ledger("w", pending=_PENDING[:1]),
            _FULL,
        ]
        for number, form in enumerate(forms):
            assert not _put(bench, f"new{number}", form)
            assert not _put(bench, "s", form)
            bench.reopen()
            assert bench.recalled(f"new{number}").ledgers == {"w": form._replace(sequence=1)}
            assert bench.recalled("s").ledgers == {"w": form._replace(sequence=number + 1)}
            assert type(bench.recalled("s").ledgers["w"].held) is int

    def test_what_a_ledger_had_goes_with_the_next_write(self, bench: Bench) -> None:
        """A plain one leaves nothing of what was held, watched and waited for."""
        bench.publish()
        _put(bench, "s", _FULL)
        bench.commit(_change(bench, "s", Ledger("w", 4, NOW)))
        bench.reopen()
        assert bench.recalled("s").ledgers == {"w": Ledger("w", 4, NOW, 2)}
        assert bench.watches(NOW + 1000) == []
        assert bench.next_due() is None

    def test_ledgers_of_all_forms_are_written_in_one_batch(self, bench: Bench) -> None:
        """New ones and known ones, plain ones and others, of many subscribers and of one."""
        for workflow_id in "vwx":
            bench.publish(workflow_id)
        forms = [Ledger("w", 1, NOW), _FULL, Ledger("w", held=281474976710656), Ledger("w", watch=NOW)]
        names = [f"s{number}" for number in range(240)]
        known = names[::2]
        assert not bench.commit(*(_change(bench, name, forms[(i + 1) % 4]) for i, name in enumerate(known)))
        changes = [
            _change(bench, name, forms[i % 4], forms[(i + 1) % 4]._replace(workflow_id="vx"[i % 2]))
            for i, name in enumerate(names)
        ]
        assert not bench.commit(*changes)
        bench.reopen()
        recall = bench.recall({name: [] for name in names})
        for name, change in zip(names, changes, strict=True):
            expected = {ledger.workflow_id: ledger._replace(sequence=ledger.sequence + 1) for ledger in change.ledgers}
            assert recall.subscribers[name].ledgers == expected

    # -- fenced -------------------------------------------------------------------------------------------------------

    def test_of_two_readers_one_writes(self, bench: Bench) -> None:
        """Whichever form the ledger has now, had before, and would have."""
        bench.publish()
        forms = [Ledger("w", 1, NOW), _FULL]
        pairs = [(before, first, second) for before in (None, *forms) for first in forms for second in forms]
        for number, (before, first, second) in enumerate(pairs):
            name = f"s{number}"
            bench.commit(bench.change(name, "known"))
            if before is not None:
                _put(bench, name, before)
            one, other = _change(bench, name, first), _change(bench, name, second)
            assert not bench.commit(one)
            bench.reopen()
            refused = bench.commit(other._replace(seen=["late"]), bench.change(f"other{number}", "1"))
            assert list(refused.subscriber_ids) == [name]
            known = bench.recalled(name, "late")
            assert known.ledgers == {"w": first._replace(sequence=1 if before is None else 2)}
            assert known.seen == frozenset()
            assert not _put(bench, name, second)

    # -- watched ------------------------------------------------------------------------------------------------------

    def test_who_is_due_is_named_the_longest_due_first(self, bench: Bench) -> None:
        """From the very instant on; nobody before, and nobody without one."""
        bench.publish()
        for name, watch in (("a", NOW + 1), ("b", NOW - 9), ("c", NOW), ("d", None), ("e", -NOW)):
            _watching(bench, name, w=watch)
        bench.reopen()
        assert bench.watches() == ["e", "b", "c"]
        assert bench.watches(NOW + 1) == ["e", "b", "c", "a"]
        assert bench.watches(-NOW - 1) == []

    def test_each_is_named_once(self, bench: Bench) -> None:
        """By the earliest of the ledgers; and the limit counts subscribers."""
        for workflow_id in "vwx":
            bench.publish(workflow_id)
        _watching(bench, "a", v=NOW - 1, w=NOW - 8, x=NOW - 8)
        _watching(bench, "b", v=NOW - 7, w=NOW - 9, x=NOW + 9)
        _watching(bench, "c", v=NOW - 6, x=None)
        bench.reopen()
        assert bench.watches() == ["b", "a", "c"]
        assert bench.watches(limit=3) == ["b", "a", "c"]
        assert bench.watches(limit=2) == ["b", "a"]
        assert bench.watches(limit=1) == ["b"]

    def test_who_is_named_stays_due_until_the_ledger_is_written(self, bench: Bench) -> None:
        """Then the instant that it names counts, later or earlier, be it one that it had before."""
        bench.publish()
        _watching(bench, "a", w=NOW)
        assert bench.watches() == bench.watches() == ["a"]
        for watch in (NOW + 5, NOW, NOW + 9, NOW):
            _watching(bench, "a", w=watch)
        bench.reopen()
        assert bench.watches() == ["a"]
        _watching(bench, "a", w=NOW + 2)
        _watching(bench, "b", w=NOW + 1)
        bench.reopen()
        assert bench.watches() == []
        assert bench.watches(NOW + 2) == ["b", "a"]
        _watching(bench, "b", w=None)
        assert bench.watches(NOW + 9) == ["a"]

    def test_a_watch_is_what_is_due_next(self, bench: Bench) -> None:
        """Together with the runs, whichever is earlier."""
        bench.enter("s", due=NOW + 6)
        assert bench.next_due() == NOW + 6
        _watching(bench, "t", w=NOW + 4)
        bench.reopen()
        assert bench.next_due() == NOW + 4
        _watching(bench, "t", w=NOW + 8)
        assert bench.next_due() == NOW + 6
        _watching(bench, "u", w=-1)
        assert bench.next_due() == -1

    def test_a_change_that_is_refused_leaves_the_watch(self, bench: Bench) -> None:
        """As it leaves all else."""
        bench.publish()
        _watching(bench, "a", w=NOW)
        late = _change(bench, "a", Ledger("w", watch=NOW + 9))
        _watching(bench, "a", w=NOW - 1)
        assert bench.commit(late)
        bench.reopen()
        assert bench.watches(NOW - 1) == ["a"]
        assert bench.next_due() == NOW - 1

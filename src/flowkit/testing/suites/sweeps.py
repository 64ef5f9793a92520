# ruff: noqa: S101 - these are tests, and what they expect are literals
"""Sweeps: held by one worker at a time, and written back by whoever has read them last."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from flowkit.ports import Sweep, SweepKind
from flowkit.testing.bench import LEASE, NOW, Bench

__all__ = ["Sweeps"]

_SECOND = timedelta(seconds=1)


def _taken(bench: Bench, now: int = NOW) -> Sweep:
    sweep = bench.claim_sweep(now)
    assert sweep is not None, "a sweep is due, and nobody holds it"
    return sweep


class Sweeps:
    """``sweeps``, ``claim_sweep`` and ``put_sweep``."""

    # -- written ------------------------------------------------------------------------------------------------------

    def test_a_sweep_is_kept_as_it_was_given(self, bench: Bench) -> None:
        """Each kind of it, due or at its end; all are read by name, and counted from 1."""
        given = [
            Sweep("schedule:w", "w", SweepKind.SCHEDULE, NOW, '{"of":"1"}'),
            Sweep("größe 😀", "wörk", SweepKind.BACKFILL, None, '{"last":"Größe 😀"}'),
            Sweep("enter:w", "w", SweepKind.MARK, -NOW, ""),
        ]
        assert bench.sweeps() == []
        assert [bench.put_sweep(sweep) for sweep in given] == [True] * 3
        bench.reopen()
        assert bench.sweeps() == [evolve(given[place], sequence=1) for place in (2, 1, 0)]
        assert {type(sweep.kind) for sweep in bench.sweeps()} == {SweepKind}

    def test_a_sweep_is_written_again_by_who_has_read_it(self, bench: Bench) -> None:
        """All of it but its name may change."""
        before = bench.plan("a")
        bench.plan("b")
        after = evolve(before, workflow_id="x", kind=SweepKind.MARK, due=None, plan="{}")
        assert bench.put_sweep(after)
        bench.reopen()
        assert bench.sweep("a") == evolve(after, sequence=2)
        assert bench.sweep("b").sequence == 1
        assert bench.put_sweep(evolve(bench.sweep("a"), due=NOW + 1))
        assert bench.sweep("a") == evolve(after, due=NOW + 1, sequence=3)

    def test_a_name_is_given_once(self, bench: Bench) -> None:
        """A new sweep of a name that there is changes nothing, not even where that one has come to its end."""
        for name, due in (("a", NOW), ("b", None)):
            before = bench.plan(name, due)
            bench.reopen()
            assert bench.put_sweep(Sweep(name, "x", SweepKind.MARK, NOW + 1, "{}")) is False
            assert bench.sweep(name) == before

    def test_of_two_readers_of_a_sweep_one_writes(self, bench: Bench) -> None:
        """The other one is told, and nothing of what it wanted is written."""
        before = bench.plan("a")
        assert bench.put_sweep(evolve(before, plan="first"))
        bench.reopen()
        assert bench.put_sweep(evolve(before, plan="second", due=None)) is False
        assert bench.sweep("a") == evolve(before, plan="first", sequence=2)
        assert bench.put_sweep(evolve(before, plan="ahead", sequence=3)) is False
        assert bench.put_sweep(evolve(before, name="unknown")) is False
        assert [sweep.plan for sweep in bench.sweeps()] == ["first"]

    # -- taken --------------------------------------------------------------------------------------------------------

    def test_the_one_that_is_due_for_the_longest_is_taken(self, bench: Bench) -> None:
        """From the very instant on, one after the other."""
        assert bench.claim_sweep() is None
        for name, due in (("a", NOW), ("b", NOW - 9), ("c", NOW + 1), ("d", None), ("e", -NOW)):
            bench.plan(name, due)
        bench.reopen()
        assert [_taken(bench).name for _ in range(3)] == ["e", "b", "a"]
        assert bench.claim_sweep() is None
        assert _taken(bench, NOW + 1) == bench.sweep("c")
        assert bench.claim_sweep(NOW * 2) is None

    def test_what_one_worker_holds_no_other_is_given(self, bench: Bench) -> None:
        """Until the lease has lapsed; then it is given as it stands."""
        before = bench.plan("a")
        assert _taken(bench) == before
        bench.reopen()
        assert bench.claim_sweep() is None
        bench.lapse(LEASE - _SECOND)
        assert bench.claim_sweep(NOW * 2) is None
        bench.lapse(_SECOND)
        assert _taken(bench) == before
        bench.reopen()
        bench.lapse(LEASE - _SECOND)
        assert bench.claim_sweep() is None, "it is held for a lease of its own"

    def test_the_lease_is_the_one_that_was_asked_for(self, bench: Bench) -> None:
        """Short or long."""
        bench.plan("a")
        assert bench.claim_sweep(lease=_SECOND) is not None
        bench.lapse(_SECOND)
        assert bench.claim_sweep(lease=2 * LEASE) is not None
        bench.lapse(LEASE)
        assert bench.claim_sweep() is None

    def test_what_is_put_back_is_let_go(self, bench: Bench) -> None:
        """It can be taken at once where it is due, and holds to what was written."""
        bench.plan("a")
        bench.reopen()
        taken = _taken(bench)
        after = evolve(taken, plan="next page")
        assert bench.put_sweep(after)
        bench.reopen()
        assert _taken(bench) == evolve(after, sequence=2)
        assert bench.put_sweep(evolve(after, due=NOW + 5, sequence=2))
        assert bench.claim_sweep(NOW + 4) is None
        again = _taken(bench, NOW + 5)
        assert bench.put_sweep(evolve(again, due=None))
        assert bench.claim_sweep(NOW * 2) is None

    def test_who_was_overtaken_cannot_write(self, bench: Bench) -> None:
        """What another one has written since stands, and so does the hold of who has it now."""
        bench.plan("a")
        slow = _taken(bench)
        bench.lapse()
        quick = _taken(bench)
        assert bench.put_sweep(evolve(quick, plan="quick"))
        bench.reopen()
        holder = _taken(bench)
        assert bench.put_sweep(evolve(slow, plan="slow")) is False
        bench.reopen()
        assert bench.sweep("a") == holder
        assert holder.plan == "quick"
        assert bench.claim_sweep() is None, "to be turned away lets go of nothing"
        assert bench.put_sweep(evolve(holder, plan="next"))

    def test_who_holds_it_is_turned_away_by_who_stops_it(self, bench: Bench) -> None:
        """A write goes by what was read, whoever holds it."""
        before = bench.plan("a")
        held = _taken(bench)
        bench.reopen()
        assert bench.put_sweep(evolve(before, due=None))
        assert bench.put_sweep(evolve(held, plan="next page")) is False
        assert bench.claim_sweep() is None
        assert bench.sweep("a").due is None

    # -- due next -----------------------------------------------------------------------------------------------------

    def test_a_sweep_is_what_is_due_next(self, bench: Bench) -> None:
        """Held or not, together with the runs, whichever is earlier."""
        bench.plan("end", None)
        assert bench.next_due() is None
        bench.plan("a", NOW + 5)
        bench.plan("b", NOW + 3)
        bench.reopen()
        assert bench.next_due() == NOW + 3
        held = _taken(bench, NOW + 9)
        assert held.name == "b"
        assert bench.next_due() == NOW + 3
        assert bench.put_sweep(evolve(held, due=NOW + 8))
        assert bench.next_due() == NOW + 5
        bench.enter("s", due=NOW + 4)
        bench.reopen()
        assert bench.next_due() == NOW + 4

# ruff: noqa: S101 - these are tests, and what they expect are literals
"""Assignments: the label that a subscriber has at a split; the first who writes one wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flowkit.ports import Change, Move
from flowkit.runs.model import Run
from flowkit.runs.splits import Assigned
from flowkit.testing.bench import DONE_STATE, NOW, Bench

__all__ = ["Assignments"]

_ODD_NAMES: Final = ("visit", "o'hara", 'a"b', "[1]", "50%", "Größe 😀", "null", "0", "Visit", ":x", "1:w:n")


def _assign(bench: Bench, subscriber_id: str, *assigned: Assigned, cause: str = "") -> Change:
    """Make a change that assigns labels."""
    return bench.change(subscriber_id, *([cause] if cause else []))._replace(assigned=assigned)


def _ended(runs: Sequence[Run], *assigned: Assigned) -> Move:
    """Make a move to the end that assigns labels on the way."""
    return Move(runs, DONE_STATE, None, (), assigned)


class Assignments:
    """``assigned``, what ``recall`` tells of it, and ``assigned`` of changes and moves."""

    # -- kept and read ------------------------------------------------------------------------------------------------

    def test_only_labels_that_are_asked_for_are_read(self, bench: Bench) -> None:
        """Splits and subscribers are told apart by the letter, and who has none is left out."""
        for name in _ODD_NAMES:
            labels = [Assigned(split, f"{name} at {split}") for split in _ODD_NAMES]
            assert not bench.commit(_assign(bench, name, *labels))
        bench.commit(bench.change("nobody", "1"))
        bench.reopen()
        for name in _ODD_NAMES:
            for split in _ODD_NAMES:
                assert bench.assigned(name, splits=[split]) == {name: {split: f"{name} at {split}"}}
        found = bench.assigned("visit", "null", "nobody", "stranger", splits=["0", "Visit", "unknown"])
        assert {name: sorted(labels) for name, labels in found.items()} == {
            "visit": ["0", "Visit"],
            "null": ["0", "Visit"],
        }
        assert bench.assigned("visit", splits=[]) == bench.assigned(splits=["visit"]) == {}
        assert bench.recalled("visit").assigned == {}

    def test_labels_of_many_are_written_in_one_batch(self, bench: Bench) -> None:
        """By changes of new and of known subscribers, and by moves of few runs and of many."""
        bench.commit(*(bench.change(f"s{number}", "1") for number in range(0, 150, 2)))
        changes = [_assign(bench, f"s{number}", Assigned("x", "ab"[number % 2])) for number in range(150)]
        assert not bench.commit(*changes)
        for number in range(12):
            bench.enter(f"r{number}")
        claim = bench.held()
        few, many = claim.runs[:2], claim.runs[2:]
        moves = [_ended(few, Assigned("x", "few"), Assigned("y", "c")), _ended(many, Assigned("x", "many"))]
        assert not bench.commit(moves=moves, claim=claim, ends=True)
        bench.reopen()
        found = bench.assigned(*(f"s{number}" for number in range(150)), splits=["x"])
        assert found == {f"s{number}": {"x": "ab"[number % 2]} for number in range(150)}
        names = [run.subscriber_id for run in claim.runs]
        assert bench.assigned(*names, splits=["x", "y"]) == {
            name: {"x": "few", "y": "c"} if place < len(few) else {"x": "many"} for place, name in enumerate(names)
        }

    # -- the first who writes wins ------------------------------------------------------------------------------------

    def test_of_two_labels_the_first_that_is_written_stays(self, bench: Bench) -> None:
        """Whoever decided on another one is refused whole; the same one again is as good."""
        bench.commit(bench.change("s", "0"))
        one = _assign(bench, "s", Assigned("x", "a"), cause="1")
        same = _assign(bench, "s", Assigned("x", "a"), cause="2")
        other = _assign(bench, "s", Assigned("y", "a"), Assigned("x", "b"), cause="3")
        assert not bench.commit(one)
        bench.reopen()
        assert not bench.commit(same)
        assert list(bench.commit(other, bench.change("t", "1")).subscriber_ids) == ["s"]
        bench.reopen()
        assert bench.assigned("s", splits=["x", "y"]) == {"s": {"x": "a"}}
        assert bench.recalled("s", "1", "2", "3").seen == {"1", "2"}
        assert bench.recalled("t", "1").seen == {"1"}

    def test_a_run_whose_subscriber_has_another_label_by_then_stays_where_it_is(self, bench: Bench) -> None:
        """Others of the batch go on, and the claim does not end."""
        for name in "abcde":
            bench.enter(name)
        claim = bench.held()
        assert not bench.commit(_assign(bench, "c", Assigned("x", "1")), _assign(bench, "d", Assigned("x", "2")))
        refused = bench.commit(moves=[_ended(claim.runs, Assigned("x", "1"))], claim=claim, ends=True)
        assert [run.subscriber_id for run in refused.runs] == ["d"]
        assert not refused.lost
        bench.reopen()
        assert {run.subscriber_id: run.state.alive for run in bench.runs()} == {name: name == "d" for name in "abcde"}
        assert bench.assigned(*"abcde", splits=["x"]) == {name: {"x": "2" if name == "d" else "1"} for name in "abcde"}
        again = bench.read(*refused.runs)
        assert not bench.commit(moves=[_ended(again)], claim=claim, ends=True)

    def test_of_two_runs_in_one_batch_the_first_has_its_way(self, bench: Bench) -> None:
        """Be they moved together or apart; two that agree are both moved."""
        for cause in "123":
            bench.enter("s", cause)
        claim = bench.held()
        first, second, third = claim.runs
        moves = [
            _ended([first], Assigned("x", "a")),
            _ended([second], Assigned("x", "b")),
            _ended([third], Assigned("x", "a")),
        ]
        refused = bench.commit(moves=moves, claim=claim)
        assert [run.id for run in refused.runs] == [second.id]
        bench.reopen()
        assert bench.assigned("s", splits=["x"]) == {"s": {"x": "a"}}
        bench.enter("t", "1")
        bench.enter("t", "2")
        claim = bench.held()
        assert not bench.commit(moves=[_ended(claim.runs, Assigned("x", "a"))], claim=claim, ends=True)

    def test_a_stale_run_takes_no_label(self, bench: Bench) -> None:
        """Who comes after it in the batch has it."""
        for cause in "12":
            bench.enter("s", cause)
        claim = bench.held()
        first, second = claim.runs
        bench.commit(moves=[Move([first], first.state, NOW + 1, ())])
        moves = [_ended([first], Assigned("x", "a")), _ended([second], Assigned("x", "b"))]
        refused = bench.commit(moves=moves, claim=claim)
        assert [run.id for run in refused.runs] == [first.id]
        assert bench.assigned("s", splits=["x"]) == {"s": {"x": "b"}}

    # -- in the place of another --------------------------------------------------------------------------------------

    def test_a_label_takes_the_place_of_the_one_that_was_read(self, bench: Bench) -> None:
        """And of no other: who read one that is gone is refused."""
        bench.commit(_assign(bench, "s", Assigned("x", "old")))
        assert not bench.commit(_assign(bench, "s", Assigned("x", "new", "old")))
        bench.reopen()
        assert bench.assigned("s", splits=["x"]) == {"s": {"x": "new"}}
        assert list(bench.commit(_assign(bench, "s", Assigned("x", "late", "old"))).subscriber_ids) == ["s"]
        assert not bench.commit(_assign(bench, "s", Assigned("x", "new", "old")))
        assert bench.assigned("s", splits=["x"]) == {"s": {"x": "new"}}

    def test_labels_are_assigned_in_order(self, bench: Bench) -> None:
        """A later one may take the place of one of the same change, or of the same move."""
        twice = (Assigned("x", "a"), Assigned("x", "b", "a"))
        assert not bench.commit(_assign(bench, "s", *twice))
        for name in ("t", "u", "v", "w", "x"):
            bench.enter(name)
        claim = bench.held()
        assert not bench.commit(moves=[_ended(claim.runs, *twice)], claim=claim, ends=True)
        bench.reopen()
        assert bench.assigned("s", "t", "x", splits=["x"]) == {name: {"x": "b"} for name in "stx"}

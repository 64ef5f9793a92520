# ruff: noqa: S101, PLR2004 - these are tests, and what they expect are literals
"""Totals: how often all subscribers together enter, and the limit that no batch passes."""

from __future__ import annotations

from flowkit.ports import Change
from flowkit.testing.bench import Bench

__all__ = ["Totals"]


def _entering(bench: Bench, subscriber_id: str, cause: str = "1", **added: int) -> Change:
    """Make a change with as many entries, by workflow."""
    for workflow_id in added:
        if workflow_id not in bench.live():
            bench.publish(workflow_id)
    return bench.change(subscriber_id, cause, ledgers=sorted(added), totals=list(added.items()))


class Totals:
    """``totals`` and ``limits``."""

    def test_entries_are_counted_over_all_subscribers(self, bench: Bench) -> None:
        """By workflow, in one batch and from one to the next."""
        assert not bench.commit(
            _entering(bench, "a", v=1), _entering(bench, "b", v=2, w=1), limits={"v": 100, "w": 100, "x": 0}
        )
        bench.reopen()
        assert not bench.commit(_entering(bench, "c", v=1), limits={"v": 100})
        bench.reopen()
        assert [bench.total(workflow_id) for workflow_id in "vwx"] == [4, 1, 0]
        recall = bench.recall({"a": [], "stranger": []}, totals=["v", "x"])
        assert {workflow_id: total for workflow_id, total in recall.totals.items() if total} == {"v": 4}
        assert list(recall.subscribers) == ["a"]
        assert bench.recall({"a": []}).totals == {}

    def test_no_more_enter_than_the_limit_lets_in(self, bench: Bench) -> None:
        """In one batch the first ones do; who is refused is refused whole."""
        names = [f"s{number}" for number in range(7)]
        changes = [_entering(bench, name, w=1) for name in names]
        assert list(bench.commit(*changes, limits={"w": 4}).subscriber_ids) == names[4:]
        bench.reopen()
        recall = bench.recall({name: ["1"] for name in names}, totals=["w"])
        assert {name for name, known in recall.subscribers.items() if known.seen} == set(names[:4])
        assert {name for name, known in recall.subscribers.items() if known.ledgers} == set(names[:4])
        assert recall.totals == {"w": 4}

    def test_the_limit_holds_from_batch_to_batch(self, bench: Bench) -> None:
        """Up to the last place, and for whoever comes at the same time."""
        for number in range(3):
            assert not bench.commit(_entering(bench, f"s{number}", w=1), limits={"w": 3})
            bench.reopen()
        assert list(bench.commit(_entering(bench, "late", w=1), limits={"w": 3}).subscriber_ids) == ["late"]
        assert bench.recalled("late", "1").seen == frozenset()
        assert bench.total("w") == 3

    def test_the_limit_is_the_one_of_the_batch(self, bench: Bench) -> None:
        """A later version may set another one, be it below what was let in."""
        assert not bench.commit(_entering(bench, "a", w=5), limits={"w": 5})
        bench.reopen()
        assert bench.commit(_entering(bench, "b", w=1), limits={"w": 2})
        assert not bench.commit(_entering(bench, "c", w=1), limits={"w": 6})
        assert not bench.commit(_entering(bench, "d", w=1), limits={"w": 10**20})
        bench.reopen()
        assert bench.total("w") == 7

    def test_what_does_not_fit_takes_no_place(self, bench: Bench) -> None:
        """One that wants less may still fit; the first one alone may want too much."""
        changes = [_entering(bench, name, w=added) for name, added in (("a", 4), ("b", 2), ("c", 2), ("d", 1))]
        assert list(bench.commit(*changes, limits={"w": 3}).subscriber_ids) == ["a", "c"]
        bench.reopen()
        assert bench.total("w") == 3
        assert bench.recall({name: [] for name in "abcd"}).subscribers.keys() == {"b", "d"}

    def test_who_is_refused_for_one_workflow_takes_no_place_in_another(self, bench: Bench) -> None:
        """A change is applied whole or not at all."""
        changes = [_entering(bench, "a", v=1), _entering(bench, "b", v=1, w=1), _entering(bench, "c", w=1)]
        assert list(bench.commit(*changes, limits={"v": 1, "w": 1}).subscriber_ids) == ["b"]
        bench.reopen()
        assert [bench.total(workflow_id) for workflow_id in "vw"] == [1, 1]

    def test_what_is_stale_takes_no_place(self, bench: Bench) -> None:
        """Who comes after it in the batch has it."""
        bench.commit(bench.change("a", "0"))
        stale = _entering(bench, "a", "1", w=1)
        bench.commit(bench.change("a", "1"))
        changes = [stale, _entering(bench, "b", w=1), _entering(bench, "c", w=1)]
        assert list(bench.commit(*changes, limits={"w": 1}).subscriber_ids) == ["a", "c"]
        bench.reopen()
        assert bench.total("w") == 1
        assert bench.recalled("b", "1").seen == {"1"}

    def test_what_enters_nowhere_is_not_held_up(self, bench: Bench) -> None:
        """Nor what enters where nobody counts, or where there is room."""
        assert not bench.commit(_entering(bench, "a", w=1), limits={"w": 1})
        changes = [_entering(bench, "b", w=1), bench.change("c", "1", ledgers=["w"]), _entering(bench, "d", v=1)]
        assert list(bench.commit(*changes, limits={"v": 1, "w": 1}).subscriber_ids) == ["b"]
        bench.reopen()
        assert bench.recalled("c", "1").seen == bench.recalled("d", "1").seen == {"1"}
        assert [bench.total(workflow_id) for workflow_id in "vw"] == [1, 1]

# ruff: noqa: S101 - these are tests
"""Reading: runs and journal, a page at a time and by whose they are."""

from __future__ import annotations

import pytest
from attrs import evolve

from flowkit.errors import UnknownRun
from flowkit.events import from_micros
from flowkit.ports import Move
from flowkit.runs.effects import Result
from flowkit.runs.model import Entry, Kind, Line, Run, State, Status
from flowkit.testing.bench import DONE_STATE, NOW, SENDING, WAITING, Bench

__all__ = ["Reading"]

_FAILED = State(Status.FAILED, "mail", pending=SENDING.pending, reason="gone", result=Result.FAILED)
_REFUSED = Entry(Kind.REFUSED, data={"reason": "cooldown"})
_TWO = (
    Entry(Kind.WOKEN, "größe", "wait 😀", {"deep": [{"a": None, "b": [1.5, True, "x"]}]}),
    Entry(Kind.LEFT, "größe", None, {"by": "default", "to": "end"}),
)


def _several(bench: Bench) -> None:
    """Three subscribers in two workflows, with six runs and steps of one and of two entries."""
    for cause in ("1", "2"):
        for subscriber_id in ("a", "b", "c"):
            bench.enter(subscriber_id, cause, workflow_id="v" if (subscriber_id, cause) == ("b", "2") else "w")
    claim = bench.held()
    moves = [Move(claim.runs[:3], WAITING, NOW, _TWO), Move(claim.runs[3:], DONE_STATE, None, _TWO)]
    bench.commit(moves=moves, claim=claim, ends=True, at=NOW + 1)
    bench.commit(bench.change("a", "3", lines=[("w", _REFUSED), ("v", _REFUSED)]), at=NOW + 2)
    bench.reopen()


class Reading:
    """``read``, ``runs`` and ``lines``."""

    def test_runs_are_read_again_in_the_order_of_the_question(self, bench: Bench) -> None:
        """Each as it stands now."""
        runs = [bench.enter(subscriber_id) for subscriber_id in ("a", "b", "c")]
        bench.commit(bench.change("b", "2", moves=[Move((runs[1],), DONE_STATE, None, ())]))
        bench.reopen()
        assert [run.state for run in bench.read(*runs)] == [WAITING, DONE_STATE, WAITING]
        assert list(bench.read(*reversed(runs))) == list(reversed(bench.runs()))
        assert list(bench.read()) == []

    def test_the_variables_of_a_run_are_kept(self, bench: Bench) -> None:
        """To the letter, for each of the runs that share a state and for the others."""
        state = evolve(WAITING, variables='{"größe":[1.5,null,"\\ud800"],"score":3}')
        for subscriber_id, one in (("a", state), ("b", state), ("c", WAITING)):
            bench.enter(subscriber_id, state=one)
        bench.reopen()
        runs = bench.runs()
        assert [run.state for run in runs] == [state, state, WAITING]
        assert runs[0].variables == {"größe": [1.5, None, "\ud800"], "score": 3}
        assert runs[2].variables == {}

    def test_a_run_that_is_not_kept_is_unknown(self, bench: Bench) -> None:
        """And not left out in silence."""
        known = bench.enter("s")
        with pytest.raises(UnknownRun):
            bench.read(known, known._replace(id="0" * 32, handle=known.handle + 1000))

    def test_runs_are_given_oldest_first_and_by_whose_they_are(self, bench: Bench) -> None:
        """Of all, of a subscriber, of a workflow, or of both; living and ended."""
        _several(bench)
        runs = bench.runs()
        assert [(run.subscriber_id, run.workflow_id) for run in runs] == [
            ("a", "w"),
            ("b", "w"),
            ("c", "w"),
            ("a", "w"),
            ("b", "v"),
            ("c", "w"),
        ]
        assert [run.handle for run in runs] == sorted({run.handle for run in runs})
        assert bench.runs(subscriber_id="b") == [runs[1], runs[4]]
        assert bench.runs(workflow_id="v") == [runs[4]]
        assert bench.runs(subscriber_id="b", workflow_id="w") == [runs[1]]
        assert bench.runs(subscriber_id="nobody") == bench.runs(workflow_id="none") == []

    def test_runs_are_given_by_how_they_stand(self, bench: Bench) -> None:
        """Those of one status, of a subscriber and of a workflow; a page at a time."""
        states = [WAITING, DONE_STATE, _FAILED, WAITING, _FAILED, _FAILED]
        for number, state in enumerate(states):
            bench.enter("ab"[number % 2], str(number), state=state, due=None)
        bench.reopen()
        runs = bench.runs()
        for status in Status:
            assert bench.runs(status=status) == [run for run in runs if run.status is status]
        assert bench.runs(status=Status.FAILED, subscriber_id="a") == [runs[2], runs[4]]
        assert bench.runs(status=Status.FAILED, workflow_id="w", after=runs[2].handle, limit=1) == [runs[4]]
        assert bench.runs(status=Status.FAILED, workflow_id="none") == []

    @pytest.mark.parametrize("limit", [1, 2, 4, 6, 7])
    def test_pages_of_runs_follow_on_each_other(self, bench: Bench, limit: int) -> None:
        """The next page begins after the last one's handle."""
        _several(bench)
        for subscriber_id in (None, "a"):
            for workflow_id in (None, "w"):
                found: list[Run] = []
                while page := bench.runs(
                    subscriber_id=subscriber_id,
                    workflow_id=workflow_id,
                    after=found[-1].handle if found else 0,
                    limit=limit,
                ):
                    assert len(page) <= limit
                    found += page
                assert found == bench.runs(subscriber_id=subscriber_id, workflow_id=workflow_id)

    def test_the_journal_is_kept_as_it_was_written(self, bench: Bench) -> None:
        """In the order of the commits, the entries of a step in theirs; each line says whose, when and about what."""
        _several(bench)
        lines = bench.lines()
        assert [line.number for line in lines] == sorted(line.number for line in lines)
        run = bench.runs(subscriber_id="b")[1]
        mine = bench.lines(run=run)
        assert [(line.at, line.subscriber_id, line.workflow_id, line.run_id, line.entry) for line in mine] == [
            (from_micros(NOW), "b", "v", run.id, Entry(Kind.ENTERED, "pause", None, {"trigger": "2"})),
            (from_micros(NOW + 1), "b", "v", run.id, _TWO[0]),
            (from_micros(NOW + 1), "b", "v", run.id, _TWO[1]),
        ]
        assert [(line.at, line.subscriber_id, line.workflow_id, line.run_id, line.entry) for line in lines[-2:]] == [
            (from_micros(NOW + 2), "a", "w", None, _REFUSED),
            (from_micros(NOW + 2), "a", "v", None, _REFUSED),
        ]
        assert len(lines) == 6 + 6 * 2 + 2

    def test_the_journal_is_read_by_whose_it_is(self, bench: Bench) -> None:
        """A subscriber's lines are those of all its runs and those of none."""
        _several(bench)
        lines = bench.lines()
        for name in ("a", "b", "c", "nobody"):
            assert bench.lines(subscriber_id=name) == [line for line in lines if line.subscriber_id == name]
        for run in bench.runs():
            mine = [line for line in lines if line.run_id == run.id]
            assert bench.lines(run=run) == bench.lines(subscriber_id=run.subscriber_id, run=run) == mine

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
    def test_pages_of_the_journal_follow_on_each_other(self, bench: Bench, limit: int) -> None:
        """The next page begins after the last number; a page holds steps whole."""
        _several(bench)
        run = bench.runs(subscriber_id="a")[0]
        for subscriber_id, about in ((None, None), ("a", None), (None, run)):
            found: list[Line] = []
            while page := bench.lines(
                subscriber_id=subscriber_id, run=about, after=found[-1].number if found else 0, limit=limit
            ):
                assert len({line.number for line in page}) <= limit
                found += page
            assert found == bench.lines(subscriber_id=subscriber_id, run=about)

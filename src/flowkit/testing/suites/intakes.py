# ruff: noqa: S101 - these are tests
"""Intakes: entries that are alike are written as if each were a change of its own, whatever the store makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.hashing import run_id
from flowkit.ports import Change, Changes, Entrant, Gathered, Intake, Ledger, Refused
from flowkit.runs.model import Entry, Kind, State, Status
from flowkit.testing.bench import NOW, WAITING, Bench

__all__ = ["Intakes"]

_ENTERED = (Entry(Kind.ENTERED, "pause", None, {"trigger": "t"}),)


def _entrant(bench: Bench, subscriber_id: str, workflow_id: str = "w") -> Entrant:
    """Give who enters by an event of its own, decided on what is remembered now."""
    handle = bench.recalled(subscriber_id).handle
    key = run_id(workflow_id, subscriber_id, "1")
    return subscriber_id, handle, "1", key, f'{{"type":"signup","at":{NOW},"id":"1","of":"{subscriber_id}"}}'


def _intake(
    bench: Bench,
    *subscriber_ids: str,
    workflow_id: str = "w",
    state: State = WAITING,
    due: int | None = NOW,
    entries: tuple[Entry, ...] = _ENTERED,
) -> Intake:
    version = bench.publish(workflow_id).number
    entrants = [_entrant(bench, name, workflow_id) for name in subscriber_ids]
    return Intake(workflow_id, version, NOW, state, due, entries, entrants)


def _commit(bench: Bench, *parts: Change | Intake, stamp: int | None = None) -> Refused:
    return bench.done(bench.store.commit(Changes(NOW, Gathered(parts), stamp=stamp)))


def _names(bench: Bench) -> Sequence[str]:
    return [run.subscriber_id for run in bench.runs()]


class Intakes:
    """``commit`` of changes of which some are alike."""

    def test_each_of_an_intake_has_entered(self, bench: Bench) -> None:
        """Run, journal, ledger and accepted event are those of a change; there is one of each for everybody."""
        names = [f"s{number:03}" for number in range(120)]
        intake = _intake(bench, *names)
        assert not _commit(bench, intake)
        bench.reopen()
        runs = bench.runs()
        expected = [intake.change(entrant).started[0].run for entrant in intake.entrants]
        assert [run[:-1] for run in runs] == [run[:-1] for run in expected]
        assert sorted({run.handle for run in runs}) == [run.handle for run in runs]
        assert [(line.run_id, line.entry) for line in bench.lines()] == [(run.id, _ENTERED[0]) for run in runs]
        recall = bench.recall({name: ["1", "2"] for name in names})
        assert {name: known.seen for name, known in recall.subscribers.items()} == {name: {"1"} for name in names}
        ledger = Ledger("w", 1, NOW, 1)
        assert [known.ledgers for known in recall.subscribers.values()] == [{"w": ledger}] * 120
        assert [list(recall.subscribers[run.subscriber_id].runs) for run in runs] == [[run] for run in runs]

    def test_they_are_due_as_they_say(self, bench: Bench) -> None:
        """In the order in which they entered; who waits for nothing is not due, and who has ended is not alive."""
        over = State(Status.COMPLETED)
        assert not _commit(
            bench,
            _intake(bench, "late", workflow_id="a", due=NOW + 1),
            _intake(bench, "never", workflow_id="b", due=None, state=over, entries=()),
            _intake(bench, "one", "two", workflow_id="c", due=NOW),
        )
        bench.reopen()
        assert [run.subscriber_id for run in bench.held().runs] == ["one", "two"]
        assert [run.subscriber_id for run in bench.held(NOW + 1).runs] == ["late"]
        assert [run.subscriber_id for run in bench.runs(living=True)] == ["late", "one", "two"]
        assert [line.subscriber_id for line in bench.lines()] == ["late", "one", "two"]

    def test_parts_are_written_in_their_order(self, bench: Bench) -> None:
        """A change before an intake has the older run."""
        first = bench.change("first", "1", ledgers=["w"], started=[bench.begun("first", "1")])
        last = bench.change("last", "1", ledgers=["w"], started=[bench.begun("last", "1")])
        assert not _commit(bench, first, _intake(bench, "one", "two"), last, _intake(bench, "three", workflow_id="x"))
        bench.reopen()
        assert _names(bench) == ["first", "one", "two", "last", "three"]

    def test_who_is_known_enters_too(self, bench: Bench) -> None:
        """What is remembered of other workflows stays, and so do events that were accepted before."""
        bench.enter("old", "0", workflow_id="other")
        assert not _commit(bench, _intake(bench, "new", "old"))
        bench.reopen()
        known = bench.recall({"old": ["0", "1", "2"]}).subscribers["old"]
        assert known.seen == {"0", "1"}
        assert known.ledgers == {"other": Ledger("other", 1, NOW, 1), "w": Ledger("w", 1, NOW, 1)}
        assert [run.workflow_id for run in known.runs] == ["other", "w"]

    def test_of_an_intake_those_are_refused_of_whom_others_wrote(self, bench: Bench) -> None:
        """Whoever came to be known, did the same event, or entered meanwhile; all others enter."""
        bench.commit(bench.change("seen", "0"), bench.change("inside", "0"), bench.change("known", "0"))
        intake = _intake(bench, "new", "seen", "inside", "known", "stranger")
        bench.commit(bench.change("stranger", "9"))
        bench.commit(bench.change("seen", "1"))
        bench.commit(bench.change("inside", "8", ledgers=["w"]))
        refused = _commit(bench, bench.change("before", "1"), intake, bench.change("after", "1"))
        assert sorted(refused.subscriber_ids) == ["inside", "seen", "stranger"]
        bench.reopen()
        assert _names(bench) == ["new", "known"]
        recall = bench.recall({name: ["1"] for name in ("before", "after", "new", "known", "inside", "stranger")})
        accepted = {name for name, known in recall.subscribers.items() if known.seen}
        assert accepted == {"before", "after", "new", "known"}

    def test_nobody_enters_under_another_stamp(self, bench: Bench) -> None:
        """What was published meanwhile may let them in elsewhere."""
        intake = _intake(bench, "one", "two")
        stamp = bench.stamp()
        bench.publish("w", "second")
        assert _commit(bench, intake, stamp=stamp).subscriber_ids == ["one", "two"]
        bench.reopen()
        assert bench.runs() == []
        assert not _commit(bench, intake, stamp=bench.stamp())
        assert _names(bench) == ["one", "two"]

    def test_their_runs_go_on(self, bench: Bench) -> None:
        """What was written together is claimed, moved and read like any other run."""
        assert not _commit(bench, _intake(bench, *(f"s{number}" for number in range(7))))
        claim = bench.held(limit=5)
        assert list(bench.read(*claim.runs)) == list(claim.runs)
        bench.release(claim)
        assert [run.subscriber_id for run in bench.held().runs] == [f"s{number}" for number in range(5)]
        assert [run.subscriber_id for run in bench.held().runs] == ["s5", "s6"]

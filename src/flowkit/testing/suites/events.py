# ruff: noqa: S101, PLR2004 - these are tests, and what they expect are literals
"""Events: what is remembered about subscribers, and changes that are applied whole or refused whole."""

from __future__ import annotations

from datetime import timedelta

from flowkit.ports import Change, Ledger, Move, Started
from flowkit.runs.beside import Beside
from flowkit.runs.effects import Effect, Result
from flowkit.runs.model import Entry, Kind, Run, State, Status, Waiting
from flowkit.testing.bench import DONE_STATE, NOW, SENDING, WAITING, Bench

__all__ = ["Events"]

_REFUSED = Entry(Kind.REFUSED, data={"reason": "cooldown", "opens_in_seconds": 0.5})
_OBSERVED = (Entry(Kind.OBSERVED, "pause", None, {"type": "email_open", "count": 1}),)
_SEEN_ONCE = State(node="pause", waiting=Waiting.DURATION, counts=(("email_open", 1),))
_LATER = NOW + timedelta(hours=1) // timedelta(microseconds=1)
_ODD_IDS = ("o'hara", 'a"b', "[1]", "50%", "Größe 😀", "null", "0", "x" * 255)


def _kept(run: Run) -> tuple[object, ...]:
    """All of a run but the store's own handle."""
    return run[:-1]


class Events:
    """``recall``, and ``commit`` of changes."""

    # -- what is remembered -------------------------------------------------------------------------------------------

    def test_a_stranger_is_left_out(self, bench: Bench) -> None:
        """A recall tells of those who are known, and of those who were asked for."""
        bench.enter("known")
        bench.enter("other")
        assert list(bench.recall({"known": [], "stranger": ["1"]}).subscribers) == ["known"]

    def test_what_was_accepted_is_seen(self, bench: Bench) -> None:
        """Of the ids that are asked for, and by the subscriber that they were accepted of."""
        bench.commit(bench.change("s", "1", "2", "3"))
        bench.commit(bench.change("t", "4"))
        bench.reopen()
        recall = bench.recall({"s": ["1", "3", "4", "5"], "t": ["1", "4"]})
        assert recall.subscribers["s"].seen == {"1", "3"}
        assert recall.subscribers["t"].seen == {"4"}
        assert bench.recalled("s").seen == frozenset()

    def test_ids_are_opaque(self, bench: Bench) -> None:
        """Whatever text they are, they come back to the letter and are told apart."""
        for name in _ODD_IDS:
            bench.enter(name, name)
        bench.reopen()
        recall = bench.recall(dict.fromkeys(_ODD_IDS, _ODD_IDS))
        assert {name: known.seen for name, known in recall.subscribers.items()} == {name: {name} for name in _ODD_IDS}
        assert [run.subscriber_id for run in bench.runs()] == list(_ODD_IDS)

    def test_ledgers_are_kept_by_workflow(self, bench: Bench) -> None:
        """Each write is counted by its sequence, from 1."""
        bench.enter("s", "1", workflow_id="a")
        bench.enter("s", "2", workflow_id="b")
        bench.enter("s", "3", workflow_id="a")
        bench.reopen()
        assert bench.recalled("s").ledgers == {"a": Ledger("a", 2, NOW, 2), "b": Ledger("b", 1, NOW, 1)}
        assert bench.recalled("t").ledgers == {}

    def test_living_runs_are_recalled_oldest_first(self, bench: Bench) -> None:
        """Those that ended are not, nor are those of others, nor any where none are wanted."""
        first, ended, third = (bench.enter("s", cause, due=due) for cause, due in (("1", 9), ("2", 1), ("3", None)))
        bench.enter("t")
        assert not bench.commit(bench.change("s", "end", moves=[Move((ended,), DONE_STATE, None, ())]))
        bench.reopen()
        assert list(bench.recalled("s").runs) == [first, third]
        assert list(bench.recall({"s": []}, runs=False).subscribers["s"].runs) == []

    def test_runs_that_have_ended_are_recalled_where_they_are_wanted(self, bench: Bench) -> None:
        """Those that were entered since, those who were held out too, oldest first; the living are among the others."""
        _, ended = (bench.enter("s", cause) for cause in "12")
        bench.enter("s", "3", state=State(Status.HELD_OUT), due=None)
        bench.enter("t", "4", state=State(Status.HELD_OUT), due=None)
        done = State(Status.COMPLETED, goals=("g",))
        assert not bench.commit(bench.change("s", "end", moves=[Move((ended,), done, None, ())]))
        bench.reopen()
        found = bench.recall({"s": [], "stranger": []}, ended=NOW).subscribers["s"]
        assert [run.state for run in found.ended] == [done, State(Status.HELD_OUT)]
        assert [run.state.alive for run in found.runs] == [True]
        assert list(bench.recall({"s": []}, runs=False, ended=NOW + 1).subscribers["s"].ended) == []
        assert list(bench.recall({"s": []}).subscribers["s"].ended) == []

    def test_a_run_that_has_ended_may_be_written_again(self, bench: Bench) -> None:
        """It stays ended, and is written once by those who read it as it was."""
        run = bench.enter("s", state=State(Status.HELD_OUT), due=None)
        [known] = bench.recall({"s": []}, ended=NOW).subscribers["s"].ended
        assert _kept(known) == _kept(run)
        entries = (Entry(Kind.GOAL, data={"goal": "g"}),)
        state = State(Status.HELD_OUT, goals=("g",))
        recalled = bench.recalled("s")
        changes = [
            bench.change("s", seen, recalled=recalled, moves=[Move((known,), state, None, entries)]) for seen in "xy"
        ]
        assert not bench.commit(changes[0])
        assert bench.commit(changes[1]).subscriber_ids == ["s"]
        bench.reopen()
        assert [one.state for one in bench.runs()] == [state]
        assert list(bench.recalled("s").runs) == []
        assert [line.entry.kind for line in bench.lines()] == [Kind.ENTERED, Kind.GOAL]

    def test_a_run_is_kept_as_it_was_given(self, bench: Bench) -> None:
        """Its state to the last field, its instants to the microsecond."""
        state = State(
            Status.PAUSED,
            "größe",
            2,
            pending=Effect("größe", 3, 2, "ö", 4),
            waiting=Waiting.DELAY,
            visits=(("b", 2), ("a", 1)),
            counts=(("email_click", 2), ("email_open", 1)),
            reason="because 😀",
        )
        started = bench.begun("s", "1", due=NOW + 1, state=state)
        bench.commit(bench.change("s", "1", started=[started]))
        bench.reopen()
        [run] = bench.recalled("s").runs
        assert _kept(run) == _kept(started.run)
        assert run.handle > 0
        assert run.sequence == 1

    def test_what_is_open_beside_a_run_is_kept(self, bench: Bench) -> None:
        """Detached actions with their instants, and those that failed; the run is claimed at the instant it names."""
        effects = [Effect("größe", visit, 0, "ö", visit) for visit in (1, 2, 3)]
        failed = (effects[2], Result.UNKNOWN, "weg 😀")
        beside = Beside(((effects[0], NOW + 1), (effects[1], NOW + 2)), NOW + 9, failed=(failed,))
        started = bench.begun("s", "1", due=NOW + 1, state=State(beside=beside))
        bench.commit(bench.change("s", "1", started=[started]))
        bench.reopen()
        [run] = bench.recalled("s").runs
        assert _kept(run) == _kept(started.run)
        assert bench.next_due() == NOW + 1

    # -- applied whole ------------------------------------------------------------------------------------------------

    def test_a_change_is_applied_whole(self, bench: Bench) -> None:
        """Event ids, ledgers, runs that begin and go on, and lines."""
        old = bench.enter("s")
        begun = bench.begun("s", "2", state=SENDING, workflow_id="b")
        change = bench.change(
            "s",
            "2",
            "3",
            ledgers=["b"],
            started=[begun],
            moves=[Move((old,), _SEEN_ONCE, _LATER, _OBSERVED)],
            lines=[("w", _REFUSED)],
        )
        assert not bench.commit(change)
        bench.reopen()
        known = bench.recalled("s", "2", "3")
        assert known.seen == {"2", "3"}
        assert set(known.ledgers) == {"w", "b"}
        moved, new = known.runs
        assert _kept(moved) == _kept(old.moved(_SEEN_ONCE, _LATER)._replace(sequence=2))
        assert _kept(new) == _kept(begun.run)
        assert [line.entry for line in bench.lines(run=moved)][1:] == list(_OBSERVED)
        assert [line.entry for line in bench.lines(run=new)] == list(begun.entries)
        assert [line.entry for line in bench.lines() if line.run_id is None] == [_REFUSED]

    def test_many_subscribers_are_written_in_one_batch(self, bench: Bench) -> None:
        """New ones and known ones, with several runs and with none."""
        bench.enter("s0")
        changes: list[Change] = []
        for number in range(120):
            causes = [f"c{number}-{index}" for index in range(number % 3)]
            started = [bench.begun(f"s{number}", cause, due=number) for cause in causes]
            changes.append(bench.change(f"s{number}", f"e{number}", ledgers=["w"][: len(causes)], started=started))
        assert not bench.commit(*changes)
        bench.reopen()
        recall = bench.recall({f"s{number}": [f"e{number}"] for number in range(120)})
        assert [len(recall.subscribers[f"s{number}"].seen) for number in range(120)] == [1] * 120
        runs = [len(recall.subscribers[f"s{number}"].runs) for number in range(120)]
        assert runs == [1] + [number % 3 for number in range(1, 120)]
        assert len(bench.lines()) == sum(runs)

    def test_runs_are_as_old_as_the_batch_says(self, bench: Bench) -> None:
        """The first that begins is the oldest, however they stand; each one's journal follows in the same order."""
        states = [WAITING, SENDING, WAITING, DONE_STATE, SENDING, WAITING, DONE_STATE]
        begun = {
            name: [bench.begun(name, f"{i}", state=state)._replace(entries=_OBSERVED) for i, state in enumerate(states)]
            for name in "abc"
        }
        assert not bench.commit(*(bench.change(name, "1", started=started) for name, started in begun.items()))
        bench.reopen()
        ids = [started.run.id for name in "abc" for started in begun[name]]
        assert [run.id for run in bench.runs()] == ids
        assert [line.run_id for line in bench.lines()] == ids
        assert [run.id for run in bench.held().runs] == ids

    def test_an_event_that_leads_nowhere_is_accepted(self, bench: Bench) -> None:
        """It is seen from then on, and makes its subscriber known."""
        assert not bench.commit(bench.change("s", "1"))
        bench.reopen()
        assert bench.recalled("s", "1").seen == {"1"}
        assert bench.lines() == []

    # -- refused whole ------------------------------------------------------------------------------------------------

    def test_an_event_is_accepted_once(self, bench: Bench) -> None:
        """A change with an id that was accepted meanwhile is refused whole; the rest of the batch stands."""
        bench.enter("s")
        before = bench.recalled("s")
        bench.commit(bench.change("s", "2"))
        lines = len(bench.lines())
        twice = bench.change(
            "s", "3", "2", recalled=before, started=[bench.begun("s", "3")], lines=[("w", _REFUSED)], ledgers=["w"]
        )
        other = bench.change("t", "3", started=[bench.begun("t", "3")])
        refused = bench.commit(other, twice)
        assert (list(refused.subscriber_ids), list(refused.runs), refused.lost) == (["s"], [], False)
        assert refused
        bench.reopen()
        self._untouched(bench, lines)
        assert len(bench.recalled("t", "3").runs) == 1

    def test_a_ledger_that_moved_refuses_the_change(self, bench: Bench) -> None:
        """Two that decided on the same entries cannot both enter."""
        bench.enter("s")
        before = bench.recalled("s")
        bench.commit(bench.change("s", "2", ledgers=["w"]))
        lines = len(bench.lines())
        late = bench.change("s", "3", recalled=before, ledgers=["w"], started=[bench.begun("s", "3")])
        refused = bench.commit(late, bench.change("t", "3"))
        assert list(refused.subscriber_ids) == ["s"]
        bench.reopen()
        self._untouched(bench, lines, entries=2)
        assert bench.recalled("t", "3").seen == {"3"}

    def test_the_first_ledger_is_written_once(self, bench: Bench) -> None:
        """Of two that found none, one enters, be the subscriber known or a stranger."""
        bench.publish()
        bench.commit(bench.change("known", "0"))
        for subscriber_id in ("known", "stranger"):
            before = bench.recalled(subscriber_id)
            both = [
                bench.change(
                    subscriber_id,
                    cause,
                    recalled=before,
                    ledgers=["w"],
                    started=[bench.begun(subscriber_id, cause)],
                )
                for cause in ("1", "2")
            ]
            assert not bench.commit(both[0])
            bench.reopen()
            assert list(bench.commit(both[1]).subscriber_ids) == [subscriber_id]
            assert len(bench.runs(subscriber_id=subscriber_id)) == 1
            assert bench.recalled(subscriber_id, "1", "2").seen == {"1"}

    def test_a_run_that_moved_refuses_the_change(self, bench: Bench) -> None:
        """What an event does to a run was decided on where it stood."""
        run = bench.enter("s")
        other = bench.enter("s", "2")
        bench.commit(bench.change("s", "3", moves=[Move((run,), _SEEN_ONCE, NOW, _OBSERVED)]))
        lines = len(bench.lines())
        late = bench.change(
            "s", "4", moves=[Move((other,), _SEEN_ONCE, NOW, _OBSERVED), Move((run,), _SEEN_ONCE, NOW, _OBSERVED)]
        )
        assert list(bench.commit(late, bench.change("t", "4")).subscriber_ids) == ["s"]
        bench.reopen()
        assert list(bench.read(other)) == [other]
        assert [run.sequence for run in bench.read(run)] == [2]
        assert len(bench.lines()) == lines
        assert bench.recalled("s", "4").seen == frozenset()

    def test_a_run_that_began_since_refuses_what_it_has_not_observed(self, bench: Bench) -> None:
        """A change that says which living run was the newest is refused where another one has begun."""
        older = bench.enter("s")
        change = bench.change("s", "3")._replace(newest=older.handle)
        younger = bench.enter("s", "2")
        assert list(bench.commit(change, bench.change("t", "3")).subscriber_ids) == ["s"]
        bench.reopen()
        assert bench.recalled("s", "3").seen == frozenset()
        assert bench.recalled("t", "3").seen == {"3"}
        # Neither one that it knows of, nor another subscriber's, nor one that has ended, is in its way.
        bench.enter("u")
        bench.commit(moves=[Move((younger,), DONE_STATE, None, ())])
        assert not bench.commit(change)
        assert bench.recalled("s", "3").seen == {"3"}

    def test_what_was_refused_can_be_decided_again(self, bench: Bench) -> None:
        """A new recall is all that it takes, as often as it takes."""
        bench.enter("s")
        for cause in ("2", "3", "4"):
            before = bench.recalled("s")
            bench.commit(bench.change("s", f"{cause}-first", ledgers=["w"]))
            change = bench.change("s", cause, recalled=before, ledgers=["w"], started=[bench.begun("s", cause)])
            assert bench.commit(change)
            bench.reopen()
            assert not bench.commit(bench.change("s", cause, ledgers=["w"], started=[bench.begun("s", cause)]))
        assert bench.recalled("s").ledgers["w"].entries == 7
        assert len(bench.runs()) == 4

    def test_of_many_changes_those_that_are_stale_are_refused(self, bench: Bench) -> None:
        """One subscriber's trouble is no other's."""
        for number in range(60):
            bench.enter(f"s{number}")
        stale = {f"s{number}" for number in range(0, 60, 7)}
        recalled = {name: bench.recalled(name) for name in (f"s{number}" for number in range(60))}
        assert not bench.commit(*(bench.change(name, "between", ledgers=["w"]) for name in sorted(stale)))
        changes = [bench.change(name, "2", recalled=known, ledgers=["w"]) for name, known in recalled.items()]
        assert set(bench.commit(*changes).subscriber_ids) == stale
        bench.reopen()
        recall = bench.recall({name: ["2"] for name in recalled})
        assert {name for name, known in recall.subscribers.items() if not known.seen} == stale
        assert {known.ledgers["w"].entries for known in recall.subscribers.values()} == {2}

    def _untouched(self, bench: Bench, lines: int, *, entries: int = 1) -> None:
        known = bench.recalled("s", "3")
        assert known.seen == frozenset()
        assert known.ledgers["w"].entries == entries
        assert len(known.runs) == 1
        assert len([line for line in bench.lines() if line.subscriber_id == "s"]) == lines
        assert _kept(Started(known.runs[0], ()).run)[6] == WAITING

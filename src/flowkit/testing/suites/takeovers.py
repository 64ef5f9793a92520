# ruff: noqa: S101, PLR2004 - these are tests, and what they expect are literals
"""Takeovers: what becomes of the claim of a worker that died, and of the worker where it did not."""

from __future__ import annotations

from datetime import timedelta

from flowkit.ports import Claim, Move
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.model import Entry, Kind
from flowkit.testing.bench import DONE_STATE, LEASE, NOW, SENDING, WAITING, Bench, key_of

__all__ = ["Takeovers"]

_WOKEN = (Entry(Kind.WOKEN, "pause", "wait"),)
_OUTCOMES = (
    DONE,
    Outcome(Result.DONE),
    Outcome(Result.FAILED, "gone 😀\n", reference="id-1"),
    Outcome(Result.RETRY, "busy", retry_after=timedelta(seconds=1.5)),
    Outcome(Result.SKIPPED, "no_address"),
    Outcome(Result.UNKNOWN, "\ud800"),
    Outcome(Result.DONE, output='{"größe": [1.5, null]}'),
)


def _subscribers(claim: Claim | None) -> list[str]:
    return [] if claim is None else [run.subscriber_id for run in claim.runs]


def _enter(bench: Bench, *subscribers: str) -> None:
    for due, subscriber_id in enumerate(subscribers):
        bench.enter(subscriber_id, due=due, state=SENDING)


class Takeovers:
    """Lapsed claims, the notes of their workers, deaths and zombies."""

    def test_a_lapsed_claim_is_taken_over_as_it_stands(self, bench: Bench) -> None:
        """Under a new token, with the same runs in the same order, whatever else is due."""
        _enter(bench, "a", "b", "c")
        first = bench.held(limit=2)
        bench.lapse()
        bench.reopen()
        second = bench.held()
        assert (_subscribers(second), second.fresh, second.deaths) == (["a", "b"], False, 1)
        assert second.token != first.token
        assert _subscribers(bench.claim()) == ["c"]
        assert bench.claim() is None

    def test_outcomes_that_were_noted_come_along(self, bench: Bench) -> None:
        """Each as it was noted; what was not begun is not mentioned."""
        _enter(bench, *(f"s{number}" for number in range(len(_OUTCOMES) + 1)))
        claim = bench.held()
        notes = bench.notes(claim)
        noted = dict(zip(claim.runs, _OUTCOMES, strict=False))
        for run, outcome in noted.items():
            notes.begin(run)
            notes.settle(run, outcome)
        notes.flush()
        bench.lapse()
        bench.reopen()
        heir = bench.held()
        assert dict(heir.settled) == {key_of(run): outcome for run, outcome in noted.items()}
        assert dict(heir.doubtful) == {}

    def test_a_call_that_was_begun_and_not_ended_is_in_doubt(self, bench: Bench) -> None:
        """Each worker that dies in it is counted, and is no death of the others' runs."""
        _enter(bench, "done", "begun", "open")
        done, begun, _ = (run for run in bench.runs())
        for deaths in range(1, 5):
            claim = bench.held()
            assert (_subscribers(claim), claim.deaths) == (["done", "begun", "open"], 0)
            assert claim.doubtful.get(key_of(begun), 0) == deaths - 1
            notes = bench.notes(claim)
            if deaths == 1:
                notes.begin(done)
                notes.settle(done, DONE)
            notes.begin(begun)
            bench.lapse()
            bench.reopen()
        heir = bench.held()
        assert dict(heir.settled) == {key_of(done): DONE}
        assert dict(heir.doubtful) == {key_of(begun): 4}

    def test_a_call_that_ended_at_last_is_in_doubt_no_more(self, bench: Bench) -> None:
        """The heir calls again and notes how it ended."""
        _enter(bench, "s")
        claim = bench.held()
        bench.notes(claim).begin(claim.runs[0])
        bench.lapse()
        bench.reopen()
        heir = bench.held()
        notes = bench.notes(heir)
        notes.begin(heir.runs[0])
        notes.settle(heir.runs[0], DONE)
        notes.flush()
        bench.lapse()
        bench.reopen()
        third = bench.held()
        assert (dict(third.settled), dict(third.doubtful)) == ({key_of(heir.runs[0]): DONE}, {})

    def test_calls_were_made_when_their_worker_took_the_runs(self, bench: Bench) -> None:
        """Also where the heir of the heir finds it; one that calls again does so then."""
        _enter(bench, "done", "begun", "again", "open")
        claim = bench.held(NOW)
        notes = bench.notes(claim)
        done, begun, again, _ = claim.runs
        for run in (done, again):
            notes.begin(run)
            notes.settle(run, Outcome(Result.RETRY))
        notes.begin(begun)
        bench.lapse()
        bench.reopen()
        heir = bench.held(NOW + 5)
        assert dict(heir.begun) == {key_of(done): NOW, key_of(again): NOW, key_of(begun): NOW}
        bench.notes(heir).begin(heir.runs[2])
        bench.lapse()
        bench.reopen()
        third = bench.held(NOW + 9)
        assert dict(third.begun) == {key_of(done): NOW, key_of(begun): NOW, key_of(again): NOW + 5}

    def test_notes_go_with_the_claim_that_they_belong_to(self, bench: Bench) -> None:
        """A claim that ended leaves none to the next one over the same runs."""
        _enter(bench, "s")
        claim = bench.held()
        notes = bench.notes(claim)
        notes.begin(claim.runs[0])
        notes.settle(claim.runs[0], Outcome(Result.RETRY))
        notes.flush()
        assert not bench.commit(moves=[Move(claim.runs, SENDING, NOW, ())], claim=claim, ends=True)
        bench.held()
        bench.lapse()
        bench.reopen()
        heir = bench.held()
        assert (dict(heir.settled), dict(heir.doubtful), heir.deaths) == ({}, {}, 1)

    def test_notes_of_claims_side_by_side_are_kept_apart(self, bench: Bench) -> None:
        """One worker's outcomes are none of the other's."""
        _enter(bench, "a", "b")
        claims = [bench.held(limit=1), bench.held(limit=1)]
        for claim, outcome in zip(claims, (DONE, Outcome(Result.FAILED, "gone")), strict=True):
            notes = bench.notes(claim)
            notes.begin(claim.runs[0])
            notes.settle(claim.runs[0], outcome)
            notes.flush()
        bench.lapse()
        bench.reopen()
        heirs = [bench.held(), bench.held()]
        settled = {_subscribers(heir)[0]: list(heir.settled.values()) for heir in heirs}
        assert settled == {"a": [DONE], "b": [Outcome(Result.FAILED, "gone")]}

    # -- deaths -------------------------------------------------------------------------------------------------------

    def test_after_the_second_death_the_runs_are_taken_one_at_a_time(self, bench: Bench) -> None:
        """Until the one that kills its workers is alone, with all its deaths; nothing is lost on the way."""
        _enter(bench, "a", "killer", "b", "c")
        bench.held()
        bench.lapse()
        first = bench.held()
        assert (_subscribers(first), first.deaths) == (["a", "killer", "b", "c"], 1)
        bench.lapse()
        bench.reopen()
        alone = [bench.held() for _ in range(4)]
        assert [_subscribers(claim) for claim in alone] == [["a"], ["killer"], ["b"], ["c"]]
        assert bench.claim() is None
        for claim in alone:
            if _subscribers(claim) != ["killer"]:
                assert not bench.commit(moves=[Move(claim.runs, DONE_STATE, None, ())], claim=claim, ends=True)
        deaths: list[int] = []
        for _ in range(3):
            bench.lapse()
            bench.reopen()
            claim = bench.held()
            assert _subscribers(claim) == ["killer"]
            deaths.append(claim.deaths)
        assert deaths == sorted(set(deaths)), "each death of the one that is alone counts"
        assert deaths[-1] >= 3

    def test_what_was_noted_follows_each_run(self, bench: Bench) -> None:
        """Also where a claim is taken apart."""
        _enter(bench, "a", "b")
        claim = bench.held()
        notes = bench.notes(claim)
        notes.begin(claim.runs[1])
        notes.settle(claim.runs[1], DONE)
        notes.flush()
        for _ in range(2):
            bench.lapse()
            bench.reopen()
            claim = bench.held()
        assert _subscribers(claim) == ["a"]
        other = bench.held()
        assert _subscribers(other) == ["b"]
        assert other.settled[key_of(other.runs[0])] == DONE

    def test_a_claim_that_was_given_back_keeps_its_notes(self, bench: Bench) -> None:
        """What was sent is not sent again, and what was begun is in doubt; nobody has died."""
        _enter(bench, "done", "begun", "open")
        claim = bench.held()
        notes = bench.notes(claim)
        notes.begin(claim.runs[0])
        notes.settle(claim.runs[0], DONE)
        notes.begin(claim.runs[1])
        bench.release(claim)
        bench.reopen()
        heir = bench.held()
        assert (_subscribers(heir), heir.deaths) == (["done", "begun", "open"], 0)
        assert dict(heir.settled) == {key_of(heir.runs[0]): DONE}
        assert list(heir.doubtful) == [key_of(heir.runs[1])]

    def test_giving_back_keeps_the_last_outcome(self, bench: Bench) -> None:
        """Although it was not yet flushed."""
        _enter(bench, "s")
        claim = bench.held()
        notes = bench.notes(claim)
        notes.begin(claim.runs[0])
        notes.settle(claim.runs[0], Outcome(Result.FAILED, "gone"))
        bench.release(claim)
        heir = bench.held()
        assert dict(heir.settled) == {key_of(heir.runs[0]): Outcome(Result.FAILED, "gone")}

    def test_what_a_dead_worker_had_written_stands(self, bench: Bench) -> None:
        """Its heir gets all that was claimed, each run as it is by now."""
        _enter(bench, "moved", "left")
        claim = bench.held()
        assert not bench.commit(moves=[Move(claim.runs[:1], WAITING, NOW + 9, _WOKEN)], claim=claim)
        bench.lapse()
        bench.reopen()
        heir = bench.held()
        assert {run.subscriber_id: (run.state, run.due, run.sequence) for run in heir.runs} == {
            "moved": (WAITING, NOW + 9, 2),
            "left": (SENDING, 1, 1),
        }

    # -- zombies ------------------------------------------------------------------------------------------------------

    def test_a_lost_claim_writes_nothing(self, bench: Bench) -> None:
        """Neither moves nor changes, and it is told so; its heir's work stands."""
        _enter(bench, "s")
        zombie = bench.held()
        bench.lapse()
        bench.reopen()
        heir = bench.held()
        change = bench.change("t", "1", started=[bench.begun("t", "1")])
        refused = bench.commit(change, moves=[Move(zombie.runs, DONE_STATE, None, _WOKEN)], claim=zombie, ends=True)
        assert refused.lost
        assert refused
        assert (bench.read(*zombie.runs), bench.runs(subscriber_id="t")) == (list(zombie.runs), [])
        assert not bench.extend(zombie)
        bench.release(zombie)
        assert bench.claim() is None, "a lost claim gives nothing back"
        assert not bench.commit(moves=[Move(heir.runs, WAITING, NOW + 1, _WOKEN)], claim=heir, ends=True)
        assert bench.commit(moves=[Move(zombie.runs, DONE_STATE, None, ())], claim=zombie, ends=True).lost
        assert [run.state for run in bench.runs()] == [WAITING]
        assert len(bench.lines()) == 2

    def test_a_claim_is_its_workers_until_somebody_takes_it(self, bench: Bench) -> None:
        """A lease that is over alone takes nothing from one who comes late and first."""
        _enter(bench, "s")
        claim = bench.held()
        bench.lapse(LEASE * 3)
        assert bench.extend(claim)
        assert bench.claim() is None
        bench.lapse(LEASE * 3)
        assert not bench.commit(moves=[Move(claim.runs, DONE_STATE, None, ())], claim=claim, ends=True)
        assert bench.claim() is None

    def test_a_claim_of_which_a_part_was_taken_is_lost(self, bench: Bench) -> None:
        """Its worker holds nothing any more, neither that part nor the rest."""
        _enter(bench, "a", "b", "c")
        bench.held()
        bench.lapse()
        zombie = bench.held()
        bench.lapse()
        bench.reopen()
        part = bench.held()
        assert _subscribers(part) == ["a"]
        assert not bench.extend(zombie)
        assert bench.commit(moves=[Move(zombie.runs, DONE_STATE, None, ())], claim=zombie, ends=True).lost
        assert {run.state for run in bench.runs()} == {SENDING}
        assert _subscribers(bench.claim()) == ["b"]
        assert _subscribers(bench.claim()) == ["c"]

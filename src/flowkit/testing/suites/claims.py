# ruff: noqa: S101, PLR2004 - these are tests, and what they expect are literals
"""Claims: who may work on what is due, and how what was done is written."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from flowkit.ports import Claim, Move
from flowkit.runs.effects import Effect, Result
from flowkit.runs.model import Entry, Kind, State, Status, Waiting
from flowkit.testing.bench import DONE_STATE, LEASE, NOW, SENDING, WAITING, Bench, key_of

__all__ = ["Claims"]

_WOKEN = (Entry(Kind.WOKEN, "pause", "wait"), Entry(Kind.COMPLETED))
_OBSERVED = (Entry(Kind.OBSERVED, "pause", None, {"type": "email_open", "count": 1}),)
_SEEN_ONCE = State(node="pause", waiting=Waiting.DURATION, counts=(("email_open", 1),))
_RETRYING = State(node="mail", pending=Effect("mail", 1, 0, "send", 1))


def _subscribers(claim: Claim | None) -> list[str]:
    return [] if claim is None else [run.subscriber_id for run in claim.runs]


class Claims:
    """``claim``, ``extend``, ``release``, ``freeze`` and ``commit`` of moves."""

    # -- what is due --------------------------------------------------------------------------------------------------

    def test_a_run_is_due_from_its_instant_on(self, bench: Bench) -> None:
        """Not a microsecond before, and never where it waits for nothing."""
        bench.enter("s", due=NOW)
        bench.enter("never", due=None)
        assert bench.claim(NOW - 1) is None
        bench.reopen()
        claim = bench.held(NOW)
        assert list(claim.runs) == bench.runs(subscriber_id="s")
        assert claim.fresh
        assert (dict(claim.settled), dict(claim.doubtful), claim.deaths) == ({}, {}, 0)
        assert bench.claim(NOW) is None

    def test_runs_are_taken_by_their_instant_and_then_by_age(self, bench: Bench) -> None:
        """Whatever the order in which they came to be due."""
        for subscriber_id, due in (("e", 5), ("b", 3), ("a", 1), ("c", 3), ("d", 3)):
            bench.enter(subscriber_id, due=due)
        [run] = bench.runs(subscriber_id="e")
        bench.commit(bench.change("e", "2", moves=[Move((run,), WAITING, 2, ())]))
        bench.reopen()
        assert _subscribers(bench.held(10)) == ["a", "e", "b", "c", "d"]

    def test_no_more_than_the_limit_is_taken_and_nothing_twice(self, bench: Bench) -> None:
        """Claims are disjoint, and together take all that is due."""
        for number in range(10):
            bench.enter(f"s{number}", due=number)
        claims: list[Claim] = []
        for _ in range(3):
            claims.append(bench.held(8, limit=4))
            bench.reopen()
        assert bench.claim(8) is None
        assert [_subscribers(claim) for claim in claims] == [
            ["s0", "s1", "s2", "s3"],
            ["s4", "s5", "s6", "s7"],
            ["s8"],
        ]
        assert len({claim.token for claim in claims}) == len(claims)

    def test_the_next_instant_is_told(self, bench: Bench) -> None:
        """The earliest of all; none where no run wants to go on."""
        assert bench.next_due() is None
        bench.enter("late", due=9)
        bench.enter("soon", due=3)
        bench.enter("never", due=None)
        bench.reopen()
        assert bench.next_due() == 3
        claim = bench.held(9)
        assert not bench.commit(moves=[Move(claim.runs, DONE_STATE, None, ())], claim=claim, ends=True)
        assert bench.next_due() is None

    # -- what is done -------------------------------------------------------------------------------------------------

    def test_moves_are_written_under_the_claim(self, bench: Bench) -> None:
        """State, instant and journal of each run; the sequence counts the write."""
        before = [bench.enter(f"s{number}", due=number) for number in range(60)]
        claim = bench.held()
        moves = [
            Move(claim.runs[:1], SENDING, NOW, ()),
            Move(claim.runs[1:50], DONE_STATE, None, _WOKEN),
            Move(claim.runs[50:], WAITING, NOW + 7, _WOKEN[:1]),
        ]
        assert not bench.commit(moves=moves, claim=claim, ends=True, at=NOW + 5)
        bench.reopen()
        runs = bench.runs()
        assert [(run.state, run.due) for run in runs[:1]] == [(SENDING, NOW)]
        assert {(run.state, run.due) for run in runs[1:50]} == {(DONE_STATE, None)}
        assert {(run.state, run.due) for run in runs[50:]} == {(WAITING, NOW + 7)}
        assert [run.sequence for run in runs] == [2] * 60
        assert [run._replace(state=WAITING, due=0, sequence=1) for run in runs] == [
            run._replace(due=0) for run in before
        ]
        assert [len(bench.lines(run=run)) for run in runs] == [1] + [3] * 49 + [2] * 10

    def test_a_claim_ends_with_its_commit(self, bench: Bench) -> None:
        """What is due again can be claimed at once, and what is not, later."""
        bench.enter("again", due=1)
        bench.enter("later", due=2)
        claim = bench.held()
        again, later = claim.runs
        moves = [Move((again,), WAITING, 3, ()), Move((later,), WAITING, NOW + 1, ())]
        assert not bench.commit(moves=moves, claim=claim, ends=True)
        bench.reopen()
        second = bench.held()
        assert _subscribers(second) == ["again"]
        assert second.fresh
        assert bench.claim() is None
        assert _subscribers(bench.claim(NOW + 1)) == ["later"]

    def test_what_a_claim_holds_and_did_not_move_is_given_back(self, bench: Bench) -> None:
        """A claim that ends holds nothing any more."""
        bench.enter("moved", due=1)
        bench.enter("left", due=2)
        claim = bench.held()
        assert not bench.commit(moves=[Move(claim.runs[:1], DONE_STATE, None, ())], claim=claim, ends=True)
        assert _subscribers(bench.claim()) == ["left"]

    def test_a_commit_may_leave_the_claim_as_it_is(self, bench: Bench) -> None:
        """Without an end it goes on holding its runs, due or not."""
        bench.enter("s")
        claim = bench.held()
        assert not bench.commit(moves=[Move(claim.runs, WAITING, NOW, ())], claim=claim)
        bench.reopen()
        assert bench.claim() is None
        assert bench.extend(claim)
        assert not bench.commit(moves=[Move(bench.read(*claim.runs), DONE_STATE, None, ())], claim=claim, ends=True)

    def test_an_event_reaches_a_run_that_is_claimed(self, bench: Bench) -> None:
        """It is not held up by the lease, and does not touch it; what the worker decided before is refused."""
        for number in range(9):
            bench.enter(f"s{number}", due=number)
        claim = bench.held()
        run = claim.runs[4]
        observed = Move((run,), _SEEN_ONCE, run.due, _OBSERVED)
        assert not bench.commit(bench.change("s4", "open", moves=[observed]))
        assert bench.claim() is None
        refused = bench.commit(moves=[Move(claim.runs, DONE_STATE, None, _WOKEN)], claim=claim, ends=True)
        assert (list(refused.runs), list(refused.subscriber_ids), refused.lost) == ([run], [], False)
        bench.reopen()
        assert [one.state for one in bench.runs()] == [DONE_STATE] * 4 + [_SEEN_ONCE] + [DONE_STATE] * 4
        assert bench.claim() is None, "a claim of which something is refused has not ended"
        fresh = bench.read(*refused.runs)
        assert [(one.state, one.sequence) for one in fresh] == [(_SEEN_ONCE, 2)]
        assert not bench.commit(moves=[Move(fresh, DONE_STATE, None, _WOKEN)], claim=claim, ends=True)
        assert {one.state for one in bench.runs()} == {DONE_STATE}
        kinds = [line.entry.kind for line in bench.lines(run=run)]
        assert kinds == [Kind.ENTERED, Kind.OBSERVED, Kind.WOKEN, Kind.COMPLETED]

    def test_a_run_that_comes_due_earlier_while_it_is_claimed_waits_for_the_claim(self, bench: Bench) -> None:
        """Nobody else takes it meanwhile, and it is found afterwards."""
        run = bench.enter("s", due=5)
        claim = bench.held(5)
        bench.commit(bench.change("s", "2", moves=[Move((run,), WAITING, 1, ())]))
        assert bench.claim(5) is None
        bench.commit(claim=claim, ends=True)
        bench.reopen()
        assert _subscribers(bench.claim(1)) == ["s"]

    def test_a_run_is_found_at_its_new_instant_alone(self, bench: Bench) -> None:
        """An event may put a run off, or call it earlier; the instant that it had is forgotten."""
        later, sooner = bench.enter("later", due=5), bench.enter("sooner", due=9)
        moves = {"later": Move((later,), WAITING, 8, ()), "sooner": Move((sooner,), WAITING, 4, ())}
        for name, move in moves.items():
            bench.commit(bench.change(name, "2", moves=[move]))
        bench.reopen()
        assert bench.next_due() == 4
        assert _subscribers(bench.claim(7)) == ["sooner"]
        assert _subscribers(bench.claim(9)) == ["later"]

    def test_a_run_that_was_put_off_and_called_back_is_taken_once(self, bench: Bench) -> None:
        """However often its instant was the same before."""
        run = bench.enter("s", due=5)
        for cause, due in enumerate((8, 5, 8, 5)):
            bench.commit(bench.change("s", f"c{cause}", moves=[Move((run,), WAITING, due, ())]))
            [run] = bench.read(run)
        bench.reopen()
        assert _subscribers(bench.claim(9)) == ["s"]
        assert bench.claim(9) is None

    # -- leases -------------------------------------------------------------------------------------------------------

    def test_a_claim_is_held_for_its_lease(self, bench: Bench) -> None:
        """On the store's clock, whatever the engine's says; when the lease is over anybody may take it over."""
        bench.enter("s")
        bench.held(lease=LEASE)
        bench.lapse(LEASE - timedelta(seconds=1))
        assert bench.claim(NOW + LEASE // timedelta(microseconds=1) * 10) is None
        bench.reopen()
        bench.lapse(timedelta(seconds=1))
        assert _subscribers(bench.claim()) == ["s"]

    def test_an_extended_claim_is_held_for_longer(self, bench: Bench) -> None:
        """For a full lease from then on."""
        bench.enter("s")
        claim = bench.held()
        for _ in range(3):
            bench.lapse(LEASE - timedelta(seconds=1))
            assert bench.extend(claim)
        assert bench.claim() is None
        bench.lapse(LEASE)
        assert bench.claim() is not None

    def test_a_claim_that_was_given_back_can_be_taken_at_once(self, bench: Bench) -> None:
        """That is no death, however often it comes."""
        bench.enter("a", due=1)
        bench.enter("b", due=2)
        for _ in range(5):
            claim = bench.held()
            assert (_subscribers(claim), claim.deaths) == (["a", "b"], 0)
            bench.release(claim)
            bench.reopen()

    # -- inputs of effects --------------------------------------------------------------------------------------------

    def test_the_first_inputs_of_an_effect_are_kept_until_it_is_settled(self, bench: Bench) -> None:
        """Every attempt gets them, whoever makes it."""
        bench.enter("s", state=SENDING)
        bench.enter("t", state=SENDING)
        claim = bench.held()
        s, t = map(key_of, claim.runs)
        assert bench.freeze(claim, {s: "first 😀"}) == {s: "first 😀"}
        assert bench.freeze(claim, {s: "second", t: "other"}) == {s: "first 😀", t: "other"}
        bench.lapse()
        bench.reopen()
        heir = bench.held()
        assert bench.freeze(heir, {s: "third", t: "third"}) == {s: "first 😀", t: "other"}
        assert not bench.commit(moves=[Move(heir.runs, _RETRYING, NOW, ())], claim=heir, ends=True)
        bench.reopen()
        retry = bench.held()
        assert [key_of(run) for run in retry.runs] == [s, t], "the key of an effect is the same at every attempt"
        assert bench.freeze(retry, {s: "fourth"}) == {s: "first 😀"}

    def test_the_inputs_of_an_effect_that_may_be_done_are_kept_for_who_is_let_go_on(self, bench: Bench) -> None:
        """A run that failed while nobody knew may go on under the same key, and then with the same inputs."""
        bench.enter("s", state=SENDING)
        bench.enter("t", state=SENDING)
        claim = bench.held()
        s, t = map(key_of, claim.runs)
        bench.freeze(claim, {s: "first", t: "first"})
        unknown = evolve(SENDING, status=Status.FAILED, reason="nobody knows", result=Result.UNKNOWN)
        failed = evolve(_RETRYING, status=Status.FAILED, reason="gone", result=Result.FAILED)
        moves = [Move(claim.runs[:1], unknown, None, ()), Move(claim.runs[1:], failed, None, ())]
        assert not bench.commit(moves=moves, claim=claim, ends=True)
        bench.reopen()
        assert [run.due for run in bench.runs(status=Status.FAILED)] == [None, None]
        assert not bench.commit(moves=[Move(tuple(bench.runs()), SENDING, NOW, ())])
        bench.reopen()
        again = bench.held()
        assert [run.subscriber_id for run in again.runs] == ["s", "t"], "in the queue again"
        assert bench.freeze(again, {s: "second", t: "second"}) == {s: "first", t: "second"}
        assert [run.subscriber_id for run in bench.recalled("s").runs] == ["s"], "among the living again"

    def test_the_inputs_of_an_effect_that_an_event_has_ended_are_let_go(self, bench: Bench) -> None:
        """It is not tried again; those of others stay."""
        bench.enter("s", state=SENDING)
        bench.enter("t", state=SENDING)
        claim = bench.held()
        s, t = map(key_of, claim.runs)
        bench.freeze(claim, {s: "first", t: "first"})
        assert not bench.commit(moves=[Move(claim.runs, _RETRYING, NOW, ())], claim=claim, ends=True)
        [run] = bench.recalled("s").runs
        assert not bench.commit(bench.change("s", "end", moves=[Move((run,), DONE_STATE, None, ())]))
        bench.reopen()
        assert not bench.commit(moves=[Move((bench.run(run.id),), SENDING, NOW, ())])
        again = bench.held()
        assert bench.freeze(again, {s: "second", t: "second"}) == {s: "second", t: "first"}

    def test_the_inputs_of_a_settled_effect_are_let_go(self, bench: Bench) -> None:
        """They may be personal; those of effects that are still open stay."""
        bench.enter("done", state=SENDING, due=1)
        bench.enter("open", state=SENDING, due=2)
        claim = bench.held()
        done, still = map(key_of, claim.runs)
        bench.freeze(claim, {done: "first", still: "first"})
        moves = [Move(claim.runs[:1], WAITING, NOW, ()), Move(claim.runs[1:], _RETRYING, NOW, ())]
        assert not bench.commit(moves=moves, claim=claim, ends=True)
        bench.reopen()
        later = bench.held()
        assert bench.freeze(later, {done: "second", still: "second"}) == {done: "second", still: "first"}

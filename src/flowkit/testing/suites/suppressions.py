# ruff: noqa: S101 - these are tests
"""The suppression list, and the last look before messages are handed over: who suppresses finds them, or is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flowkit.events import from_micros
from flowkit.ports import Claim, Fence, Move
from flowkit.runs.consent import Ban, SuppressionReason, SuppressionScope
from flowkit.runs.effects import DONE
from flowkit.runs.model import Entry, Kind
from flowkit.testing.bench import NOW, SENDING, WAITING, Bench, key_of
from flowkit.testing.suites.transactions import End

__all__ = ["Suppressions"]

_DEAD: Final = Ban(SuppressionReason.BOUNCE, SuppressionScope.ALL)
_SPAM: Final = Ban(SuppressionReason.COMPLAINT, SuppressionScope.MARKETING)
_LINE: Final = (Entry(Kind.WOKEN, "pause"),)


def _suppress(bench: Bench, ban: Ban, *names: str, at: int = NOW) -> Sequence[str]:
    return list(bench.done(bench.store.suppress(names, ban, at)))


def _banned(bench: Bench, *names: str) -> dict[str, set[Ban]]:
    return {name: set(bans) for name, bans in bench.done(bench.store.banned(names)).items()}


def _listed(bench: Bench, subscriber_id: str | None = None) -> list[tuple[str, SuppressionReason, bool]]:
    page = bench.done(bench.store.suppressions(subscriber_id=subscriber_id))
    return [(one.subscriber_id, one.reason, one.lifted is None) for one in page]


def _sending(bench: Bench, *names: str) -> Claim:
    """Claim runs of these subscribers whose messages are to be sent."""
    for name in names:
        bench.enter(name, due=1, state=SENDING)
    return bench.held()


def _open(bench: Bench, claim: Claim, *names: str) -> Fence:
    """Open a window with the messages of some subscribers, or of all."""
    runs = {key_of(run): run for run in claim.runs if not names or run.subscriber_id in names}
    return bench.done(bench.store.open_window(claim, runs))


def _flying(bench: Bench, *names: str) -> set[str]:
    return set(bench.done(bench.store.in_flight(names)))


class Suppressions:
    """``suppress``, ``unsuppress``, ``banned``, ``suppressions``; ``open_window``, ``close_window``, ``in_flight``."""

    # -- the list -----------------------------------------------------------------------------------------------------

    def test_who_is_on_the_list_is_banned(self, bench: Bench) -> None:
        """Be it known to the store or not; each reason stands for itself."""
        bench.enter("known")
        assert _suppress(bench, _DEAD, "known", "stranger") == ["known", "stranger"]
        bench.reopen()
        assert _suppress(bench, _SPAM, "known") == ["known"]
        bench.reopen()
        assert _banned(bench, "known", "stranger", "nobody") == {"known": {_DEAD, _SPAM}, "stranger": {_DEAD}}
        assert list(bench.recalled("stranger").bans) == [_DEAD]
        assert list(bench.recalled("nobody").bans) == []

    def test_who_is_there_already_is_left_as_it_is(self, bench: Bench) -> None:
        """And is not named as new; another scope is another line."""
        _suppress(bench, _SPAM, "s")
        bench.reopen()
        assert _suppress(bench, _SPAM, "t", "s", at=NOW + 5) == ["t"]
        assert _suppress(bench, _SPAM._replace(scope=SuppressionScope.ALL), "s", at=NOW + 6) == ["s"]
        bench.reopen()
        page = bench.done(bench.store.suppressions(subscriber_id="s"))
        assert [one.since for one in page] == [from_micros(NOW), from_micros(NOW + 6)]

    def test_what_is_lifted_bans_nobody_and_stays_on_the_list(self, bench: Bench) -> None:
        """Only for that reason; afterwards it may come anew."""
        _suppress(bench, _DEAD, "s", "t")
        _suppress(bench, _SPAM, "s")
        bench.reopen()
        lifted = bench.done(bench.store.unsuppress(["s", "nobody"], SuppressionReason.BOUNCE, NOW + 9))
        assert list(lifted) == ["s"]
        bench.reopen()
        assert _banned(bench, "s", "t") == {"s": {_SPAM}, "t": {_DEAD}}
        assert list(bench.done(bench.store.unsuppress(["s"], SuppressionReason.BOUNCE, NOW + 9))) == []
        assert _suppress(bench, _DEAD, "s", at=NOW + 10) == ["s"]
        bench.reopen()
        page = bench.done(bench.store.suppressions(subscriber_id="s"))
        assert [(one.reason, one.lifted) for one in page] == [
            (SuppressionReason.BOUNCE, from_micros(NOW + 9)),
            (SuppressionReason.COMPLAINT, None),
            (SuppressionReason.BOUNCE, None),
        ]

    def test_the_list_is_read_in_pages(self, bench: Bench) -> None:
        """Oldest first."""
        names = [f"s{number}" for number in range(5)]
        _suppress(bench, _DEAD, *names)
        bench.reopen()
        found: list[str] = []
        after = 0
        while page := bench.done(bench.store.suppressions(after=after, limit=2)):
            found += [one.subscriber_id for one in page]
            after = page[-1].number
        assert found == names
        assert _listed(bench, "s3") == [("s3", SuppressionReason.BOUNCE, True)]

    def test_a_change_suppresses_with_all_the_rest_of_it(self, bench: Bench) -> None:
        """Applied whole, or refused whole."""
        assert not bench.commit(bench.change("s", "1")._replace(bans=(_SPAM,)))
        stale = bench.change("s", "1")._replace(bans=(_DEAD,))
        bench.reopen()
        assert bench.commit(stale, bench.change("t", "1")._replace(bans=(_DEAD, _SPAM))).subscriber_ids == ["s"]
        bench.reopen()
        assert not bench.commit(bench.change("t", "2")._replace(bans=(_DEAD,)))
        assert _banned(bench, "s", "t") == {"s": {_SPAM}, "t": {_DEAD, _SPAM}}
        assert len(_listed(bench, "t")) == 2  # noqa: PLR2004 - as written above

    # -- the last look ------------------------------------------------------------------------------------------------

    def test_the_last_look_finds_what_was_suppressed(self, bench: Bench) -> None:
        """Before the claim and after it, and no others."""
        _suppress(bench, _DEAD, "before", "stranger")
        claim = _sending(bench, "before", "after", "free")
        first = _open(bench, claim)
        assert {name: list(bans) for name, bans in first.banned.items()} == {"before": [_DEAD]}
        beside = bench.on(bench.store)
        beside.reopen()
        _suppress(beside, _SPAM, "after")
        fence = _open(bench, claim)
        assert {name: list(bans) for name, bans in fence.banned.items()} == {"before": [_DEAD], "after": [_SPAM]}
        assert fence.moved == frozenset()
        beside.done(beside.store.unsuppress(["before", "after"], SuppressionReason.BOUNCE, NOW))
        assert list(_open(bench, claim).banned) == ["after"]

    def test_the_last_look_finds_the_runs_that_others_wrote_to(self, bench: Bench) -> None:
        """Whatever they wrote, be it the same state."""
        claim = _sending(bench, "touched", "left")
        assert _open(bench, claim) == Fence(frozenset(), {})
        beside = bench.on(bench.store)
        beside.reopen()
        [touched] = [run for run in claim.runs if run.subscriber_id == "touched"]
        move = Move((touched,), touched.state, touched.due, ())
        assert not beside.commit(beside.change("touched", "2", moves=[move]))
        assert _open(bench, claim).moved == {touched.handle}
        assert _open(bench, claim, "left").moved == frozenset()

    def test_what_a_window_holds_is_in_flight(self, bench: Bench) -> None:
        """For the subscribers that are asked about; a new window takes the place of the one before."""
        claim = _sending(bench, "a", "b", "c")
        keys = {run.subscriber_id: key_of(run) for run in claim.runs}
        assert _flying(bench, "a", "b", "c") == set(), "a claim alone is no window"
        _open(bench, claim, "a", "b")
        beside = bench.on(bench.store)
        beside.reopen()
        assert _flying(beside, "a", "c", "nobody") == {keys["a"]}
        assert _flying(beside, "a", "b", "c") == {keys["a"], keys["b"]}
        _open(bench, claim, "c")
        assert _flying(beside, "a", "b", "c") == {keys["c"]}
        bench.done(bench.store.close_window(claim))
        assert _flying(beside, "a", "b", "c") == set()

    def test_what_has_its_outcome_is_in_flight_no_more(self, bench: Bench) -> None:
        """What was begun is."""
        claim = _sending(bench, "a", "b")
        first, second = claim.runs
        _open(bench, claim)
        notes = bench.notes(claim)
        notes.begin(first)
        beside = bench.on(bench.store)
        beside.reopen()
        assert _flying(beside, "a", "b") == {key_of(first), key_of(second)}
        notes.settle(first, DONE)
        notes.begin(second)
        assert _flying(beside, "a", "b") == {key_of(second)}
        notes.settle(second, DONE)
        notes.flush()
        assert _flying(beside, "a", "b") == set()

    def test_nothing_is_in_flight_when_the_claim_is_over(self, bench: Bench) -> None:
        """It ended, was given back, or lapsed; and its heir has a window of its own."""
        claim = _sending(bench, "a")
        _open(bench, claim)
        assert not bench.commit(moves=[Move(claim.runs, SENDING, 1, _LINE)], claim=claim, ends=True)
        assert _flying(bench, "a") == set()
        claim = bench.held()
        assert _flying(bench, "a") == set()
        _open(bench, claim)
        bench.release(claim)
        assert _flying(bench, "a") == set()
        claim = bench.held()
        _open(bench, claim)
        assert len(_flying(bench, "a")) == 1
        bench.lapse()
        assert _flying(bench, "a") == set()
        heir = bench.held()
        assert _flying(bench, "a") == set()
        _open(bench, heir)
        assert _flying(bench, "a") == {key_of(heir.runs[0])}
        assert not bench.commit(moves=[Move(heir.runs, WAITING, None, _LINE)], claim=heir, ends=True)
        assert _flying(bench, "a") == set()

    # -- in a host's transaction --------------------------------------------------------------------------------------

    def test_a_host_suppresses_in_its_own_transaction(self, bench: Bench, host: tuple[object, End] | None) -> None:
        """It stands with the host's commit."""
        if host is None:
            return
        connection, end = host
        joined = bench.on(bench.done(bench.store.joined(connection)))
        assert _suppress(joined, _DEAD, "s") == ["s"]
        assert _banned(joined, "s") == {"s": {_DEAD}}
        assert _banned(bench, "s") == {}
        end(True)  # noqa: FBT003 - the type says what it is
        assert _banned(bench, "s") == {"s": {_DEAD}}

    def test_what_a_host_rolls_back_suppresses_nobody(self, bench: Bench, host: tuple[object, End] | None) -> None:
        """As if it had never been asked for."""
        if host is None:
            return
        connection, end = host
        joined = bench.on(bench.done(bench.store.joined(connection)))
        _suppress(joined, _DEAD, "s")
        end(False)  # noqa: FBT003 - the type says what it is
        assert (_banned(bench, "s"), _listed(bench)) == ({}, [])

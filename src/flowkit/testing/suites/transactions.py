# ruff: noqa: S101, PLR2004 - these are tests, and what they expect are literals
"""Transactions of a host that the store joins, where it can join any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import pytest
from attrs import evolve

from flowkit.errors import ConfigurationError
from flowkit.events import HistoryNeed, Occurrence
from flowkit.ports import Change, Ledger, Pending, Sweep, SweepKind
from flowkit.runs.model import Entry, Kind
from flowkit.testing.bench import NOW, Bench

__all__ = ["End", "Transactions"]

End: TypeAlias = Callable[[bool], None]
"""Ends a host's transaction: by its commit, or else by rolling it back."""
_PENDING: Final = (Pending("1", "{}", NOW + 1),)
_REFUSED = Entry(Kind.REFUSED, data={"reason": "cooldown"})


def _written(bench: Bench, *subscribers: str) -> None:
    """Let subscribers enter, alike and all at once, as a batch of events does."""
    changes = [
        bench.change(name, "1", ledgers=["w"], started=[bench.begun(name, "1")], lines=[("w", _REFUSED)])
        for name in subscribers
    ]
    assert not bench.commit(*changes)


def _known(bench: Bench) -> tuple[int, int, int]:
    return len(bench.recalled("a", "1").seen), len(bench.runs()), len(bench.lines())


def _remembered(bench: Bench, cause: str, at: int) -> Change:
    """Make a change that leaves something of all that is remembered, by an event at an instant."""
    known = bench.recalled("a", history=["visit"])
    ledger = known.ledgers.get("w", Ledger("w"))._replace(held=7, watch=at, pending=_PENDING)
    change = bench.change("a", cause, recalled=known, occurred=[("visit", Occurrence(at, value=cause))])
    return change._replace(ledgers=[ledger], latest=known.latest, totals=[("w", 1)])


def _memory(bench: Bench) -> tuple[object, ...]:
    known = bench.recalled("a", history=["visit"])
    return (
        known.ledgers,
        {kind: list(past) for kind, past in known.history.items()},
        bench.total("w"),
        bench.watches(),
        bench.next_due(),
        bench.sweeps(),
    )


class Transactions:
    """``joined``."""

    def test_what_is_no_connection_is_refused(self, bench: Bench) -> None:
        """A store tells at once what it cannot join."""
        with pytest.raises(ConfigurationError):
            bench.store.joined(object())

    def test_what_the_host_commits_is_kept(self, bench: Bench, host: tuple[object, End] | None) -> None:
        """Nobody else knows of it before; within the transaction it is there at once."""
        if host is None:
            return
        connection, end = host
        within = bench.on(bench.store.joined(connection))
        _written(within, "a", "b", "c")
        assert _known(within) == (1, 3, 6)
        assert _known(bench) == (0, 0, 0)
        end(True)  # noqa: FBT003 - the type says what it is
        assert _known(bench) == (1, 3, 6)
        bench.reopen()
        assert _known(bench) == (1, 3, 6)

    def test_what_the_host_rolls_back_never_was(self, bench: Bench, host: tuple[object, End] | None) -> None:
        """Other texts and runs then take the place of what was undone, and are read for what they are."""
        if host is None:
            return
        connection, end = host
        within = bench.on(bench.store.joined(connection))
        _written(within, "a", "b", "c")
        assert len(within.recalled("a").runs) == 1
        assert len(within.lines()) == 6
        end(False)  # noqa: FBT003 - the type says what it is
        assert _known(bench) == (0, 0, 0)
        for number in range(3):
            bench.enter(f"s{number}", due=number)
        _written(bench, "a", "b", "c")
        runs, lines = bench.runs(), bench.lines()
        bench.reopen()
        assert bench.runs() == runs
        assert bench.lines() == lines
        assert [run.subscriber_id for run in runs] == ["s0", "s1", "s2", "a", "b", "c"]

    def test_what_is_refused_leaves_the_hosts_transaction_as_it_was(
        self, bench: Bench, host: tuple[object, End] | None
    ) -> None:
        """Flowkit works in a savepoint; the host decides on the rest."""
        if host is None:
            return
        connection, end = host
        within = bench.on(bench.store.joined(connection))
        before = within.recalled("a")
        _written(within, "a")
        again = within.change("a", "1", recalled=before, started=[within.begun("a", "1")])
        assert list(within.commit(again, within.change("b", "1")).subscriber_ids) == ["a"]
        end(True)  # noqa: FBT003 - the type says what it is
        assert _known(bench) == (1, 1, 2)
        assert bench.recalled("b", "1").seen == {"1"}

    @pytest.mark.parametrize("kept", [True, False])
    def test_what_is_remembered_is_the_hosts_to_keep(
        self, bench: Bench, host: tuple[object, End] | None, *, kept: bool
    ) -> None:
        """The past, ledgers, totals and sweeps, what was dropped and who is turned away."""
        if host is None:
            return
        connection, end = host
        nothing = _memory(bench)
        within = bench.on(bench.store.joined(connection))
        needs, limits = {"visit": HistoryNeed(latest=1)}, {"w": 2}
        assert not within.commit(_remembered(within, "1", NOW - 2), history=needs, limits=limits)
        late = _remembered(within, "late", NOW)
        assert not within.commit(_remembered(within, "2", NOW - 1), history=needs, limits=limits)
        assert within.commit(late, history=needs, limits={"w": 3})
        assert within.commit(_remembered(within, "3", NOW), history=needs, limits=limits)
        sweep = Sweep("s", "w", SweepKind.BACKFILL, NOW, "{}")
        assert within.put_sweep(sweep)
        held = within.claim_sweep()
        assert held == evolve(sweep, sequence=1)
        assert within.claim_sweep() is None
        assert _memory(bench) == nothing
        written = (
            {"w": Ledger("w", 0, None, 2, held=7, watch=NOW - 1, pending=_PENDING)},
            {"visit": [Occurrence(NOW - 1, value="2")]},
            2,
            ["a"],
            NOW - 1,
            [held],
        )
        assert _memory(within) == written
        end(kept)
        assert _memory(bench) == (written if kept else nothing)
        bench.reopen()
        assert _memory(bench) == (written if kept else nothing)
        assert bench.claim_sweep() is None
        assert not bench.commit(_remembered(bench, "4", NOW), history=needs, limits={"w": 3})
        assert bench.total("w") == (3 if kept else 1)

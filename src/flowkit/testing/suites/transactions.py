# ruff: noqa: S101, PLR2004 - these are tests, and what they expect are literals
"""Transactions of a host that the store joins, where it can join any."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from flowkit.errors import ConfigurationError
from flowkit.runs.model import Entry, Kind
from flowkit.testing.bench import Bench

__all__ = ["End", "Transactions"]

End: TypeAlias = Callable[[bool], None]
"""Ends a host's transaction: by its commit, or else by rolling it back."""
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

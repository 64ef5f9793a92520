"""What every store promises, as tests: subclass ``StoreConformance``, and pytest holds the store against all of it.

A store on a file of its own, opened anew between the phases of each test:

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def store(self, tmp_path, ticks):
            with closing(MyStore(tmp_path / "my.db", lease_clock=ticks)) as store:
                yield store

        def reopen(self, store):
            store.close()
            return MyStore(store.path, lease_clock=store.lease_clock)

A store may return values or awaitables of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("flowkit.testing.bench", "flowkit.testing.suites")

from flowkit.ports import Store  # noqa: E402 - after pytest knows whose asserts it is to explain
from flowkit.testing.bench import Bench, Ticks  # noqa: E402
from flowkit.testing.suites.assignments import Assignments  # noqa: E402
from flowkit.testing.suites.claims import Claims  # noqa: E402
from flowkit.testing.suites.events import Events  # noqa: E402
from flowkit.testing.suites.history import History  # noqa: E402
from flowkit.testing.suites.intakes import Intakes  # noqa: E402
from flowkit.testing.suites.ledgers import Ledgers  # noqa: E402
from flowkit.testing.suites.orders import Orders  # noqa: E402
from flowkit.testing.suites.places import Places  # noqa: E402
from flowkit.testing.suites.reading import Reading  # noqa: E402
from flowkit.testing.suites.suppressions import Suppressions  # noqa: E402
from flowkit.testing.suites.sweeps import Sweeps  # noqa: E402
from flowkit.testing.suites.takeovers import Takeovers  # noqa: E402
from flowkit.testing.suites.totals import Totals  # noqa: E402
from flowkit.testing.suites.transactions import End, Transactions  # noqa: E402
from flowkit.testing.suites.versions import Versions  # noqa: E402

__all__ = ["StoreConformance"]


class StoreConformance(
    Versions,
    Orders,
    Events,
    Intakes,
    Ledgers,
    History,
    Totals,
    Assignments,
    Claims,
    Takeovers,
    Suppressions,
    Places,
    Sweeps,
    Reading,
    Transactions,
):
    """The tests of a store.

    A subclass gives ``make_store``, or a fixture ``store`` where the store must be closed. Where it keeps anything
    outside the process, ``reopen`` gives it as another process would find it. Where it joins transactions, a fixture
    ``host`` gives a connection with a transaction open, and what ends it: committed for True, rolled back for False.
    """

    def make_store(self, ticks: Ticks) -> Store:
        """Make an empty store whose leases run on a clock.

        Raises:
            TypeError: The subclass gives neither this nor a fixture ``store``.
        """
        message = f"{type(self).__name__} gives neither make_store nor a fixture store"
        raise TypeError(message)

    def reopen(self, store: Store) -> Store:
        """Give what another process would find; without a say of the subclass, the store as it is."""
        return store

    @pytest.fixture
    def ticks(self) -> Ticks:
        """Give the clock of the leases."""
        return Ticks()

    @pytest.fixture
    def store(self, ticks: Ticks) -> Store:
        """Give an empty store."""
        return self.make_store(ticks)

    @pytest.fixture
    def bench(self, store: Store, ticks: Ticks) -> Iterator[Bench]:
        """Put the store on the bench."""
        bench = Bench(store, ticks, self.reopen)
        yield bench
        bench.close()

    @pytest.fixture
    def host(self) -> tuple[object, End] | None:
        """Give a connection with a transaction open; None where the store joins none."""
        return None

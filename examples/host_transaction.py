"""A shop's order and flowkit's event in one transaction: both are there, or neither is.

The shop keeps its `orders` in the same SQLite file as flowkit keeps its runs. It hands its own connection to
`engine.ingest`, which then works inside the transaction that the shop has open and never ends it. So there is no moment
at which the order is paid and the receipt forgotten, nor one at which a receipt is promised for an order that was
rolled back; and no queue, outbox or second commit is needed between the two.

Run it from a checkout:

    python examples/host_transaction.py
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from flowkit import (
    Action,
    ConsoleSender,
    DictTemplates,
    Engine,
    Event,
    EventIs,
    MemoryProfiles,
    Node,
    SendEmail,
    SqliteStore,
    Template,
    Trigger,
    Workflow,
)

RECEIPT = Workflow(
    "receipt",
    "Receipt",
    trigger=Trigger("order_paid", condition=EventIs(("order_paid",))),
    nodes=[Node("start", "Send the receipt", actions=[Action("send_receipt", SendEmail("receipt"))])],
)
TEMPLATES = DictTemplates(
    {
        "receipt": Template(
            "receipt",
            subject="Thank you for your order",
            text="Hi {{ firstName | default('there') }}, we have received your {{ event.total }} euros.\n",
        )
    }
)


class PaymentDeclined(Exception):
    """What makes the shop change its mind in the middle of its transaction."""


class Shop:
    """The host: it knows its table, its payments and where to tell flowkit, and nothing of flowkit's tables."""

    def __init__(self, connection: sqlite3.Connection, engine: Engine) -> None:
        self._connection = connection
        self._engine = engine
        with connection:
            connection.execute("CREATE TABLE orders(id TEXT PRIMARY KEY, customer TEXT NOT NULL, total REAL NOT NULL)")

    def buy(self, order: str, customer: str, total: float, *, card_is_good: bool) -> None:
        """Write the order, tell flowkit, charge the card; an exception takes all of it back."""
        with self._connection:  # commits at its end, or rolls back
            self._connection.execute("INSERT INTO orders VALUES(?, ?, ?)", (order, customer, total))
            paid = Event("order_paid", customer, id=order, properties={"total": f"{total:.2f}"}, value=total)
            self._engine.ingest([paid], connection=self._connection)
            if not card_is_good:
                raise PaymentDeclined(order)


class Seen(NamedTuple):
    """What stands in the file, and what was mailed, after one purchase.

    Attributes:
        orders: The ids in the shop's table.
        receipts: The orders for which flowkit holds a run.
        mailed: How many receipts were sent for this purchase.
    """

    orders: Sequence[str]
    receipts: Sequence[str]
    mailed: int


def main(out: Callable[[str], object] = print) -> Sequence[Seen]:
    mail = StringIO()
    seen: list[Seen] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shop.sqlite3"
        with closing(SqliteStore(path)) as store, closing(sqlite3.connect(path)) as connection:
            engine = Engine(
                store,
                sender=ConsoleSender(mail),
                profiles=MemoryProfiles({"ada": {"email": "ada@example.com", "firstName": "Ada"}}),
                templates=TEMPLATES,
            )
            engine.publish(RECEIPT)
            shop = Shop(connection, engine)

            def purchase(what: str, order: str, total: float, *, card_is_good: bool) -> None:
                out(what)
                try:
                    shop.buy(order, "ada", total, card_is_good=card_is_good)
                except PaymentDeclined:
                    out("  the card was declined, the shop rolled back")
                mailed = engine.advance().done  # a worker of its own would do this
                orders = [row[0] for row in connection.execute("SELECT id FROM orders ORDER BY id")]
                receipts = [run.event.id or "" for run in engine.runs()]
                seen.append(Seen(orders, receipts, mailed))
                out(f"  orders in the shop's table: {', '.join(orders)}")
                out(f"  orders that flowkit knows:  {', '.join(receipts)}")
                out(f"  receipts sent now:          {mailed}")

            purchase("Order A1, paid", "A1", 40.0, card_is_good=True)
            purchase("Order A2, declined", "A2", 99.5, card_is_good=False)
            purchase("Order A2 once more, with another card", "A2", 99.5, card_is_good=True)
    out("\nThe mail\n" + mail.getvalue().rstrip())
    return seen


if __name__ == "__main__":
    main()

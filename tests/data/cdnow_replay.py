"""Replay a purchase log through flowkit as a shop would that has it embedded.

What happens on a day, and in which order, is defined in `cdnow_oracle.py`.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from flowkit import (
    Action,
    CheckEngagement,
    EngagementAtLeast,
    Engine,
    Event,
    EventIs,
    Facts,
    Needs,
    Node,
    Outcome,
    OutgoingMessage,
    Result,
    SendEmail,
    SqliteStore,
    Trigger,
    VirtualClock,
    Wait,
    Workflow,
)
from flowkit.events import NO_NEEDS
from flowkit.ports import InDoubt, ProfileChange

POST_PURCHASE: Final = "post_purchase"
WIN_BACK: Final = "win_back"
ONE_DAY: Final = timedelta(days=1)
QUIET: Final = "days_since_last_purchase"


class Purchase(NamedTuple):
    """A row of the log; the rows are numbered, since identical rows are purchases of their own."""

    number: int
    customer: str
    day: date
    cds: int
    dollars: float


def read(path: Path) -> list[Purchase]:
    """Read the log."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [
            Purchase(
                number,
                row["customer_id"],
                date.fromisoformat(row["date"]),
                int(row["number_of_cds"]),
                float(row["dollar_value"]),
            )
            for number, row in enumerate(csv.DictReader(file), start=1)
        ]


def purchase(cooldown: timedelta) -> Trigger:
    return Trigger("purchase", condition=EventIs(("purchase",)), cooldown=cooldown)


def does(node_id: str, operation: Wait | SendEmail | CheckEngagement, **following: str) -> Node:
    return Node(node_id, node_id, actions=(Action(node_id, operation),), next_nodes=following)


WORKFLOWS: Final = (
    Workflow(
        POST_PURCHASE,
        "After a purchase",
        trigger=purchase(30 * ONE_DAY),
        entry_node="wait",
        nodes=[
            does("wait", Wait(3 * ONE_DAY), default="thanks"),
            does("thanks", SendEmail("thanks"), default="end"),
        ],
    ),
    Workflow(
        WIN_BACK,
        "Win back who stays away",
        trigger=purchase(ONE_DAY),
        entry_node="wait",
        nodes=[
            does("wait", Wait(90 * ONE_DAY), default="check"),
            Node(
                "check",
                "Is the customer still away?",
                actions=(Action("check", CheckEngagement()),),
                condition=EngagementAtLeast({QUIET: 90}),
                next_nodes={"engaged": "miss_you", "not_engaged": "end"},
            ),
            does("miss_you", SendEmail("miss_you"), default="end"),
        ],
    ),
)


class Shop:
    """The shop's own table of customers, and its mail service: what flowkit sees of the host."""

    key_window = None
    timeout = timedelta(seconds=10)
    in_doubt = InDoubt.RESEND
    needs = NO_NEEDS

    def __init__(self, clock: VirtualClock) -> None:
        self.last_purchase_at: dict[str, datetime] = {}
        self.sent: dict[str, dict[str, list[str]]] = {POST_PURCHASE: {}, WIN_BACK: {}}
        self._clock = clock

    def facts(self, ids: Sequence[str], needs: Needs) -> Mapping[str, Facts]:
        assert needs == Needs(engagement=frozenset({QUIET})), "nothing is read that no condition names"
        now = self._clock.now()
        return {one: Facts(engagement={QUIET: (now - self.last_purchase_at[one]) // ONE_DAY}) for one in ids}

    def change(self, changes: Sequence[ProfileChange]) -> Sequence[Outcome]:
        raise AssertionError("these workflows change nobody")

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        day = self._clock.now().date().isoformat()
        for message in messages:
            self.sent[message.metadata["workflow_id"]].setdefault(message.subscriber_id, []).append(day)
        return [Outcome(Result.DONE)] * len(messages)


class Replayed(NamedTuple):
    """What a replay came to; the engine still looks into the store."""

    sent: Mapping[str, Mapping[str, Sequence[str]]]
    accepted: int
    started: int
    refused: int
    engine: Engine


def replay(purchases: Sequence[Purchase], store: SqliteStore, *, until: date) -> Replayed:
    """Play a log, day by day."""
    ordered = sorted(purchases, key=lambda one: (one.day, one.number))
    by_day = {day: list(rows) for day, rows in groupby(ordered, key=lambda one: one.day)}
    day = ordered[0].day
    clock = VirtualClock(midnight(day))
    shop = Shop(clock)
    engine = Engine(store, sender=shop, profiles=shop, clock=clock)
    for workflow in WORKFLOWS:
        engine.publish(workflow)
    accepted = started = refused = 0
    while day <= until:
        clock.set(midnight(day))
        engine.advance()
        bought = by_day.get(day, ())
        shop.last_purchase_at.update((one.customer, midnight(day)) for one in bought)
        ingested = engine.ingest(map(event, bought))
        accepted += ingested.accepted
        started += ingested.started
        refused += ingested.refused
        day += ONE_DAY
    return Replayed(shop.sent, accepted, started, refused, engine)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def event(one: Purchase) -> Event:
    return Event(
        "purchase",
        one.customer,
        id=str(one.number),
        occurred_at=midnight(one.day),
        properties={"number_of_cds": one.cds},
        value=one.dollars,
    )

"""A worker process: advances one store at a given instant, and delivers into a ledger.

    python -m tests.crash.worker '{"path": "flowkit.db", "ledger": "ledger", "name": "w1", "now": "2026-03-02T09:00Z"}'

A delivery is a line in the ledger, appended at once: key, subscriber, template, worker. Like a mail server it honours
no keys, so what is delivered twice stands there twice. Once free, the worker leaves when nothing is due any more, not
even what dead workers held.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen

from flowkit import Engine, Outcome, OutgoingMessage, Result, StoreBusy
from flowkit.events import NO_NEEDS, to_micros
from flowkit.ports import Changes, Claim, InDoubt, Refused
from flowkit.runs.effects import DONE
from tests.crash.child import Fault, Moments, Pace
from tests.crash.stores import AnyStore, kind_of, opened


@frozen
class Orders:
    """What a worker is told.

    Attributes:
        path: The store's place.
        ledger: The ledger's file.
        name: The worker's name, a letter and a number, which nobody else ever had.
        now: The instant at which everything happens.
        batch: The most runs to claim at once.
        lease: For how long, in seconds.
        timeout: The longest that a delivery takes, in seconds.
        assume_sent: The policy where nobody knows.
        fault: What strikes it.
        mutant: What is wrong with its store, on purpose.
    """

    path: str
    ledger: str
    name: str
    now: datetime = field(converter=datetime.fromisoformat)
    batch: int = 20
    lease: float = 4.0
    timeout: float = 1.9
    assume_sent: bool = False
    fault: Sequence[Any] | None = None
    mutant: str = "none"


class Ledger:
    """The sender."""

    key_window = None
    needs = NO_NEEDS

    def __init__(self, orders: Orders, moments: Moments, pace: Pace) -> None:
        self.timeout = timedelta(seconds=orders.timeout)
        self.in_doubt = InDoubt.ASSUME_SENT if orders.assume_sent else InDoubt.RESEND
        self._moments = moments
        self._pace = pace
        self._name = orders.name
        number = int(orders.name[1:])
        # Half of the workers have something to say about a delivery, which makes other notes of it; and half of them
        # are held back before a delivery, the others after it, which is where they are most likely to die.
        self._done = Outcome(Result.DONE, reference=orders.name) if number % 2 else DONE
        self._held_back_before = number // 2 % 2 == 0
        self._file = os.open(orders.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        (message,) = messages
        self._moments.tell("calling")
        if self._held_back_before:
            self._pace.take()
        line = f"{message.key} {message.subscriber_id} {message.template_id} {self._name}\n"
        os.write(self._file, line.encode())
        self._moments.tell("delivered")
        if not self._held_back_before:
            self._pace.take()
        return [self._done]


def told(kind: type[AnyStore], moments: Moments) -> type[AnyStore]:
    """Make a store that tells the moments of its transactions."""

    class Told(kind):
        def claim(self, now: int, *, limit: int, lease: timedelta) -> Claim | None:
            moments.tell("claiming")
            claim = super().claim(now, limit=limit, lease=lease)
            if claim is not None:
                moments.tell("claimed" if claim.fresh else "taken")
            return claim

        def extend(self, claim: Claim, lease: timedelta) -> bool:
            held = super().extend(claim, lease)
            moments.tell("extended" if held else "lost")
            return held

        def commit(self, changes: Changes) -> Refused:
            moments.tell("committing")
            refused = super().commit(changes)
            moments.tell("lost" if refused.lost else "committed")
            return refused

    return Told


def work(orders: Orders, moments: Moments, pace: Pace) -> None:
    kind = told(kind_of(orders.path, orders.mutant), moments)
    with closing(opened(kind, orders.path)) as store:
        sender = Ledger(orders, moments, pace)
        engine = Engine(store, sender=sender, lease=timedelta(seconds=orders.lease), batch=orders.batch)
        moments.tell("ready")
        while True:
            try:
                advanced = engine.advance(now=orders.now, limit=orders.batch)
            except StoreBusy:
                moments.tell("busy")
                continue
            if advanced.runs:
                continue
            due = store.next_due()
            if pace.free and (due is None or due > to_micros(orders.now)):
                return
            moments.tell("idle")
            pace.rest()


if __name__ == "__main__":
    given = Orders(**json.loads(sys.argv[1]))
    work(given, Moments(Fault(*given.fault) if given.fault else None), Pace())

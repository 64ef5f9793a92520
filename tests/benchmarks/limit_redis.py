"""Limit by hand over Redis or Valkey, a thousand runs a transaction: the fastest way known here on a server.

One hash of runs, one sorted set of those that wait, and one pipeline a batch, sent as MULTI. As with `limit_batch`, a
kill repeats the messages of the batch under way. `BENCH_REDIS` is the server's URL; the keys begin with the folder's
name, so that passages share a server.

Variants:
    state (default): the row of the run, nothing else.
    log: and an entry in a list for each node passed.
    journal: state, and each send noted by one command before it, in a set that goes with the batch's transaction. What
        it names is not sent again after a restart, so a kill repeats at most one message.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from limit_sql import ENGAGED, FIRST_PARK, LAST, SILENT
from redis import Redis
from welcome import FIRST_WAIT, WELCOME, Result, World, drive, event

VARIANTS = ("state", "log", "journal")
BATCH = 1000


class Batched:
    """The series over a hash and a sorted set, `BATCH` activations a transaction."""

    def __init__(self, path: Path, world: World, *, variant: str) -> None:
        self._world = world
        self._log = variant == "log"
        self._redis = Redis.from_url(os.environ["BENCH_REDIS"])
        name = path.parent.name
        self._runs, self._due, self._passed = f"{name}:runs", f"{name}:due", f"{name}:log"
        self._sent = f"{name}:sent" if variant == "journal" else ""
        self._noted = {one.decode() for one in self._redis.smembers(self._sent)} if self._sent else set()
        self._send = self._send_and_note if self._sent else world.send

    def _send_and_note(self, subscriber: str, template: str) -> None:
        note = f"{subscriber} {template}"
        if note not in self._noted:
            self._redis.sadd(self._sent, note)
            self._world.send(subscriber, template)

    def signup(self, numbers: range) -> None:
        """Send the welcomes of a batch, then park the batch."""
        send, now, dumps = self._send, self._world.now, json.dumps
        for first in range(numbers.start, numbers.stop, BATCH):
            rows: dict[str, str] = {}
            passed: list[str] = []
            for number in range(first, min(first + BATCH, numbers.stop)):
                document = event(number)
                send(document["subscriber_id"], WELCOME)
                rows[str(number)] = dumps([document["subscriber_id"], FIRST_PARK, document])
                passed.append(f"{number} start {now}")
            self._commit(rows, dict.fromkeys(rows, now + FIRST_WAIT), [], passed)

    def advance(self, now: int) -> None:
        """Take a batch of due runs one turn further, until none is due."""
        send, engaged, dumps = self._send, self._world.engaged, json.dumps
        while due := self._redis.zrangebyscore(self._due, "-inf", now, start=0, num=BATCH):
            rows: dict[str, str] = {}
            parked: dict[str, int] = {}
            ended: list[str] = []
            passed: list[str] = []
            for number, text in zip(due, self._redis.hmget(self._runs, due), strict=True):
                run = number.decode()
                subscriber, node, document = json.loads(text)
                turn = LAST if node != FIRST_PARK else ENGAGED if engaged(subscriber) else SILENT
                template, park, wait, names = turn
                send(subscriber, template)
                rows[run] = dumps([subscriber, park, document])
                if wait is None:
                    ended.append(run)
                else:
                    parked[run] = now + wait
                passed += [f"{run} {name} {now}" for name in names]
            self._commit(rows, parked, ended, passed)

    def _commit(
        self, rows: dict[str, str], parked: dict[str, int], ended: list[str] | tuple[()], passed: list[str]
    ) -> None:
        pipeline = self._redis.pipeline()
        pipeline.hset(self._runs, mapping=rows)
        if parked:
            pipeline.zadd(self._due, parked)
        if ended:
            pipeline.zrem(self._due, *ended)
        if self._log:
            pipeline.rpush(self._passed, *passed)
        if self._sent:
            pipeline.delete(self._sent)
        pipeline.execute()

    def completed(self) -> int:
        """Count the runs that have ended."""
        return int(self._redis.hlen(self._runs)) - int(self._redis.zcard(self._due))

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


def run(n: int, path: Path, *, variant: str = "state") -> Result:
    """Play the series for `n` subscribers."""
    if variant not in VARIANTS:
        message = f"limit_redis has the variants {', '.join(VARIANTS)}, not {variant!r}"
        raise ValueError(message)
    return drive(lambda path, world: Batched(path, world, variant=variant), n=n, path=path)

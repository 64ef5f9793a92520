"""Limit by hand over SQLite, a thousand runs a commit: the fastest way known here with the state on disk.

The same table and turns as `limit_sql`; the transaction is shared by a batch and each kind of statement goes
out once a batch (`executemany`). The price is what a kill repeats: the messages of the batch under way,
unless they are noted.

Variants:
    state (default): the row of the run, nothing else.
    log: and a row for each node passed.
    journal: state, and each send noted by one write to an append-only file beside the database. The note
        needs no fsync (the kernel keeps it when the process is killed) and is dropped once the batch is
        committed. What it names is not sent again after a restart, so a kill repeats at most the one message
        whose note was not yet written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from limit_sql import COUNT_ENDED, ENGAGED, FIND_DUE, FIRST_PARK, LAST, PARK, PARK_NEW, PASS, SILENT, TABLES
from welcome import FIRST_WAIT, WELCOME, Result, World, connect, drive, event

VARIANTS = ("state", "log", "journal")
BATCH = 1000

Row: TypeAlias = tuple[str | int | None, ...]
"""The values of one statement."""


class SentNotes:
    """The messages handed to the sender since the last commit, on disk."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._noted = frozenset(path.read_bytes().splitlines())

    def guard(self, send: Callable[[str, str], None]) -> Callable[[str, str], None]:
        """Make a sender that leaves out what was noted before the restart, and notes what it sends."""
        write, file, noted = os.write, self._file, self._noted

        def send_and_note(subscriber: str, template: str) -> None:
            note = f"{subscriber} {template}".encode()
            if note not in noted:
                send(subscriber, template)
                write(file, note + b"\n")

        return send_and_note

    def drop(self) -> None:
        """Forget all notes: the database says it now."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class Batched:
    """The series over a table, `BATCH` activations a transaction."""

    def __init__(self, path: Path, world: World, *, variant: str) -> None:
        self._world = world
        self._log = variant == "log"
        self._db = connect(path)
        self._db.executescript(TABLES)
        self._notes = SentNotes(path.with_name(f"{path.name}-sent")) if variant == "journal" else None
        self._send = self._notes.guard(world.send) if self._notes else world.send

    def signup(self, numbers: range) -> None:
        """Send the welcomes of a batch, then park the batch."""
        send, now, dumps = self._send, self._world.now, json.dumps
        due = now + FIRST_WAIT
        for first in range(numbers.start, numbers.stop, BATCH):
            batch = range(first, min(first + BATCH, numbers.stop))
            parked = []
            for number in batch:
                document = event(number)
                subscriber = document["subscriber_id"]
                send(subscriber, WELCOME)
                parked.append((number, subscriber, FIRST_PARK, due, dumps(document)))
            passed = [(number, "start", now) for number in batch] if self._log else []
            self._commit(PARK_NEW, parked, passed=passed)

    def advance(self, now: int) -> None:
        """Take a batch of due runs one turn further, until none is due."""
        send, engaged, log = self._send, self._world.engaged, self._log
        while due := self._db.execute(FIND_DUE, (now,)).fetchall():
            parked: list[tuple[str, int | None, int]] = []
            passed: list[tuple[int, str, int]] = []
            note = passed.append
            for run, subscriber, node in due:
                turn = LAST if node != FIRST_PARK else ENGAGED if engaged(subscriber) else SILENT
                template, park, wait, names = turn
                send(subscriber, template)
                parked.append((park, None if wait is None else now + wait, run))
                if log:
                    for name in names:
                        note((run, name, now))
            self._commit(PARK, parked, passed=passed)

    def completed(self) -> int:
        """Count the runs that have ended."""
        count: int = self._db.execute(COUNT_ENDED).fetchone()[0]
        return count

    def close(self) -> None:
        """Close the database, which folds the write-ahead log into it."""
        self._db.close()
        if self._notes:
            self._notes.close()

    def _commit(self, park: str, parked: Sequence[Row], *, passed: Sequence[Row]) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        db.executemany(park, parked)
        if passed:
            db.executemany(PASS, passed)
        db.execute("COMMIT")
        if self._notes:
            self._notes.drop()


def run(n: int, path: Path, *, variant: str = "state") -> Result:
    """Play the series for `n` subscribers."""
    if variant not in VARIANTS:
        message = f"limit_batch has the variants {', '.join(VARIANTS)}, not {variant!r}"
        raise ValueError(message)
    return drive(lambda path, world: Batched(path, world, variant=variant), n=n, path=path)

"""Limit by hand over SQLite, one transaction an activation: what one gets who writes just this series.

No engine is underneath, only the statements this one series needs, so it marks what sqlite3 and CPython
allow when each activation (all that happens to one run from one wait to the next) is durable before the next
one begins.

Variants:
    state (default): the row of the run, nothing else.
    log: and a row for each node passed, as analytics wants them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias

from welcome import (
    DEMO,
    FIRST_WAIT,
    REENGAGE,
    SECOND_WAIT,
    TIPS,
    WELCOME,
    Result,
    World,
    connect,
    drive,
    event,
)

VARIANTS = ("state", "log")

TABLES = """
CREATE TABLE IF NOT EXISTS journey(
    id INTEGER PRIMARY KEY,
    subscriber TEXT NOT NULL,
    node TEXT NOT NULL,
    due INTEGER,
    event TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS journey_due ON journey(due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS passed(
    id INTEGER PRIMARY KEY,
    journey INTEGER NOT NULL,
    node TEXT NOT NULL,
    at INTEGER NOT NULL
);
"""
PARK_NEW = "INSERT INTO journey(id, subscriber, node, due, event) VALUES (?, ?, ?, ?, ?)"
PARK = "UPDATE journey SET node = ?, due = ? WHERE id = ?"
PASS = "INSERT INTO passed(journey, node, at) VALUES (?, ?, ?)"
FIND_DUE = "SELECT id, subscriber, node FROM journey WHERE due <= ? ORDER BY due LIMIT 1000"
COUNT_ENDED = "SELECT count(*) FROM journey WHERE node = 'end'"

Turn: TypeAlias = tuple[str, str, int | None, tuple[str, ...]]
"""What the end of a wait brings: template to send, node to park at, seconds to wait there, nodes passed."""

FIRST_PARK = "wait_3_days"
ENGAGED: Turn = (TIPS, "wait_5_days", SECOND_WAIT, ("wait_3_days", "check_engagement", "send_tips_email"))
SILENT: Turn = (REENGAGE, "end", None, ("wait_3_days", "check_engagement", "send_reengagement"))
LAST: Turn = (DEMO, "end", None, ("wait_5_days", "send_product_demo"))


class OneByOne:
    """The series over a table, each activation in its own transaction."""

    def __init__(self, path: Path, world: World, *, log: bool) -> None:
        self._world = world
        self._log = log
        self._db = connect(path)
        self._db.executescript(TABLES)

    def signup(self, numbers: range) -> None:
        """Send the welcome and park, run by run."""
        execute, send, now, log = self._db.execute, self._world.send, self._world.now, self._log
        due = now + FIRST_WAIT
        for number in numbers:
            document = event(number)
            subscriber = document["subscriber_id"]
            execute("BEGIN IMMEDIATE")
            send(subscriber, WELCOME)
            execute(PARK_NEW, (number, subscriber, FIRST_PARK, due, json.dumps(document)))
            if log:
                execute(PASS, (number, "start", now))
            execute("COMMIT")

    def advance(self, now: int) -> None:
        """Take each due run one turn further, until none is due."""
        execute, send, engaged, log = self._db.execute, self._world.send, self._world.engaged, self._log
        while due := execute(FIND_DUE, (now,)).fetchall():
            for run, subscriber, node in due:
                execute("BEGIN IMMEDIATE")
                turn = LAST if node != FIRST_PARK else ENGAGED if engaged(subscriber) else SILENT
                template, park, wait, passed = turn
                send(subscriber, template)
                execute(PARK, (park, None if wait is None else now + wait, run))
                if log:
                    for name in passed:
                        execute(PASS, (run, name, now))
                execute("COMMIT")

    def completed(self) -> int:
        """Count the runs that have ended."""
        count: int = self._db.execute(COUNT_ENDED).fetchone()[0]
        return count

    def close(self) -> None:
        """Close the database, which folds the write-ahead log into it."""
        self._db.close()


def run(n: int, path: Path, *, variant: str = "state") -> Result:
    """Play the series for `n` subscribers."""
    if variant not in VARIANTS:
        message = f"limit_sql has the variants {', '.join(VARIANTS)}, not {variant!r}"
        raise ValueError(message)
    return drive(lambda path, world: OneByOne(path, world, log=variant == "log"), n=n, path=path)

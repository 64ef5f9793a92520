"""Compute from the CDNOW purchase log alone on which days each customer is owed which message.

    python tests/data/cdnow_oracle.py cdnow_transactions.csv.gz > owed.json

This script knows nothing of flowkit: the standard library reads the file, and the definition below is all that the
replay and this script have in common.

The days are days in UTC, and a day stands for its first instant. From the day of the first purchase to 1998-12-31, each
day goes like this:

1. The clock is set to the day. What is due by then, the day itself included, is done.
2. The host notes the day as `last_purchase_at` of everybody who buys on it.
3. The day's purchases come in, in the order of the file.

So what is due on a day is decided before the purchases of that day.

Post-purchase: a purchase enters, unless the customer's last entry is less than 30 days before. Three days after each
entry a message is sent, whatever was bought meanwhile.

Win-back: a purchase enters, unless the customer's last entry is less than 1 day before; so further purchases of one day
do not enter, and those of the next day do. A customer may be inside any number of times. Ninety days after each entry a
message is sent where `last_purchase_at` is at least 90 days ago by then: the customer bought nothing since, or nothing
before the ninetieth day itself, whose purchases come after.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

END = date(1998, 12, 31)


def entries(purchases: Iterable[date], cooldown: int) -> list[date]:
    """Let purchases in, in order, each at least `cooldown` days after the one let in before."""
    admitted: list[date] = []
    for day in purchases:
        if not admitted or (day - admitted[-1]).days >= cooldown:
            admitted.append(day)
    return admitted


def post_purchase(purchases: Sequence[date]) -> list[date]:
    """Name the days of the post-purchase messages of one customer, whose purchases are in order."""
    return [day + timedelta(days=3) for day in entries(purchases, cooldown=30)]


def win_back(purchases: Sequence[date]) -> list[date]:
    """Name the days of the win-back messages of one customer, whose purchases are in order."""
    wakes = [day + timedelta(days=90) for day in entries(purchases, cooldown=1)]
    return [wake for wake in wakes if (wake - max(day for day in purchases if day < wake)).days >= 90]


def owed(purchases: Mapping[str, Sequence[date]]) -> dict[str, dict[str, list[str]]]:
    """Name the days by workflow and by customer, up to the end of the replay; a customer without any is left out."""
    rules = {"post_purchase": post_purchase, "win_back": win_back}
    return {
        workflow: {
            customer: messages
            for customer, days in purchases.items()
            if (messages := [day.isoformat() for day in rule(sorted(days)) if day <= END])
        }
        for workflow, rule in rules.items()
    }


def read(path: str) -> dict[str, list[date]]:
    """Read the days on which each customer bought, once for every row."""
    purchases: dict[str, list[date]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            purchases.setdefault(row["customer_id"], []).append(date.fromisoformat(row["date"]))
    return purchases


if __name__ == "__main__":
    json.dump(owed(read(sys.argv[1])), sys.stdout)

"""Eighteen months of a shop's real purchases through two workflows, held against a script that reads the file alone."""

import json
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest

from flowkit import SqliteStore, Status
from tests.data import cdnow_oracle
from tests.data.cdnow_replay import POST_PURCHASE, WIN_BACK, Purchase, read, replay

FIRST = date(1997, 1, 1)

# By hand: the days of the purchases, then those of the messages, counted from the first day.
WORKED = {
    "one purchase": ([0], [3], [90]),
    "two on one day": ([0, 0], [3], [90]),
    "two days running": ([0, 1], [3], [91]),
    "a cooldown that is not over": ([0, 29], [3], [119]),
    "a cooldown that is over to the day": ([0, 30], [3, 33], [120]),
    "a cooldown counts from the entry": ([0, 29, 30, 58, 60], [3, 33, 63], [150]),
    "bought again a day before the win-back": ([0, 89], [3, 92], [179]),
    "bought again on the day of the win-back": ([0, 90], [3, 93], [90, 180]),
    "bought again a day after the win-back": ([0, 91], [3, 94], [90, 181]),
    "twice on the day of the win-back": ([0, 0, 90, 90], [3, 93], [90, 180]),
}


def days(numbers):
    return [FIRST + timedelta(days=number) for number in numbers]


@pytest.fixture
def store(tmp_path):
    # A file in earnest, only spared some waits for the disk, which would take most of the time.
    kept = SqliteStore(tmp_path / "shop.db", synchronous="NORMAL")
    yield kept
    kept.close()


@pytest.mark.parametrize("case", WORKED)
def test_the_oracle_agrees_with_what_was_worked_out_by_hand(case):
    bought, thanked, missed = WORKED[case]
    assert cdnow_oracle.post_purchase(days(bought)) == days(thanked)
    assert cdnow_oracle.win_back(days(bought)) == days(missed)


def test_the_replay_agrees_with_what_was_worked_out_by_hand(store):
    rows = [(case, day) for case, (bought, _, _) in WORKED.items() for day in days(bought)]
    log = [Purchase(number, case, day, 1, 10.0) for number, (case, day) in enumerate(rows, start=1)]

    sent = replay(log, store, until=FIRST + timedelta(days=365)).sent

    expected = {case: [[str(day) for day in days(some)] for some in worked[1:]] for case, worked in WORKED.items()}
    assert {case: [sent[POST_PURCHASE][case], sent[WIN_BACK][case]] for case in WORKED} == expected


@pytest.mark.data
@pytest.mark.slow
def test_every_customer_gets_what_the_oracle_computes(data_dir, store):
    path = data_dir / "cdnow_transactions.csv.gz"
    # A process of its own, in which only the standard library can be imported.
    oracle = [sys.executable, "-I", "-S", cdnow_oracle.__file__, path]
    with subprocess.Popen(oracle, stdout=subprocess.PIPE) as other:
        purchases = read(path)
        replayed = replay(purchases, store, until=cdnow_oracle.END)
        owed = json.loads(other.communicate()[0])
    assert other.returncode == 0

    differing = {
        (workflow, customer): (replayed.sent[workflow].get(customer), owed[workflow].get(customer))
        for workflow in (POST_PURCHASE, WIN_BACK)
        for customer in {*replayed.sent[workflow], *owed[workflow]}
        if replayed.sent[workflow].get(customer) != owed[workflow].get(customer)
    }
    assert not differing

    assert len(purchases) == replayed.accepted == 69_659
    assert len({one.customer for one in purchases}) == len(replayed.sent[POST_PURCHASE]) == 23_570
    totals = {workflow: sum(map(len, sent.values())) for workflow, sent in replayed.sent.items()}
    assert totals == {POST_PURCHASE: 50_548, WIN_BACK: 35_074}
    # Every purchase knocks at both workflows: it is let in or it is refused.
    assert replayed.started + replayed.refused == 2 * len(purchases)
    assert statuses(replayed.engine) == {
        (POST_PURCHASE, Status.COMPLETED): totals[POST_PURCHASE],
        (WIN_BACK, Status.COMPLETED): replayed.started - totals[POST_PURCHASE],
    }
    assert replayed.engine.next_due() is None


def statuses(engine):
    counts = Counter()
    after = 0
    while page := engine.runs(after=after, limit=10_000):
        counts.update((run.workflow_id, run.status) for run in page)
        after = page[-1].handle
    return counts


@pytest.mark.data
def test_the_data_hold_the_cases_in_which_the_rules_could_be_mistaken(data_dir):
    purchases = cdnow_oracle.read(data_dir / "cdnow_transactions.csv.gz")
    cases = Counter()
    for bought in map(sorted, purchases.values()):
        entered = cdnow_oracle.entries(bought, cooldown=30)
        distinct = sorted(set(bought))
        cases["on one day"] += len(bought) - len(distinct)
        cases["on days running"] += gaps(distinct).count(1)
        cases["30 days after an entry"] += gaps(entered).count(30)
        cases["90 days after a purchase"] += gaps(distinct).count(90)
    assert min(cases.values()) > 0
    assert len(cases) == 4


def gaps(some):
    return [(later - earlier).days for earlier, later in pairwise(some)]

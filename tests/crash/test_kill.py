"""Processes that share one store are killed with SIGKILL at random, again and again; then the books are audited.

Two workers, or three in PostgreSQL, advance the welcome series, and two producers tell the same events, so that each is
submitted at least twice. Whoever is killed is replaced at once. The mail server is a ledger that honours no keys. When
all is done, everything that is owed has been delivered, and only calls that were in doubt have been repeated; there is
one run a cause, each is complete, and its journal adds up.

A hundred kills take about a minute, and so do twenty in PostgreSQL, where heirs wait for leases. The long
campaigns, with output that tells their figures:

    FLOWKIT_KILLS=5000 python -m pytest tests/crash/test_kill.py -k "campaign and file" -s
    FLOWKIT_KILLS=1000 python -m pytest tests/crash/test_kill.py -k "campaign and postgres" -s

FLOWKIT_SEED chooses other victims; the moments of the machine are never twice the same, whatever the seed.
"""

import os
from contextlib import closing

import pytest

from flowkit import Engine
from tests.crash.audit import faults_of_ledger, faults_of_store, repeats
from tests.crash.campaign import Plan, play
from tests.crash.stores import address_of, open_store
from tests.crash.world import owed

SHORT = "FLOWKIT_KILLS" not in os.environ
KILLS = int(os.environ.get("FLOWKIT_KILLS", "100"))
FEW_KILLS = 20
FEWER_A_KILL = 10
SEED = int(os.environ.get("FLOWKIT_SEED", "1"))
SUBSCRIBERS_A_KILL = 15

pytestmark = [pytest.mark.crash, pytest.mark.slow]


def faults(plan, evidence):
    found = [f"accepted and forgotten: batch {index}" for index in evidence.forgotten]
    due = owed(plan.subscribers)
    found += faults_of_ledger(evidence.ledger, due, evidence.killed, evidence.lost)
    with closing(open_store(plan.path)) as store:
        found += faults_of_store(Engine(store), plan.subscribers)
        if store.next_due() is not None:
            found.append("something is still due")
    return found


@pytest.fixture(params=["file", "postgres"])
def plan(request, tmp_path):
    if request.param == "file":
        return Plan(tmp_path, kills=KILLS, subscribers=SUBSCRIBERS_A_KILL * KILLS, seed=SEED)
    # Who takes over from the dead waits for their lease.
    kills = min(KILLS, FEW_KILLS) if SHORT else KILLS
    address = address_of(request.getfixturevalue("postgres"))
    subscribers = FEWER_A_KILL * kills
    return Plan(tmp_path, kills=kills, subscribers=subscribers, seed=SEED, address=address, workers=3, lease=2.0)


def test_a_campaign_of_kills_loses_nothing_and_repeats_only_what_was_in_doubt(plan):
    evidence = play(plan)

    found = faults(plan, evidence)
    again, lost = repeats(evidence.ledger), evidence.lost.total()
    print(
        f"{len(evidence.killed)} kills, {len(evidence.ledger)} deliveries, {again} repeated, {lost} claims lost alive, "
        f"{len(found)} faults, {evidence.seconds:.0f} s"
    )
    assert found[:20] == []
    assert len(evidence.killed) == plan.kills
    assert again <= plan.kills + lost


@pytest.mark.parametrize(
    ("mutant", "symptom"), [("without notes", "repeated without doubt"), ("without memory", "times observed")]
)
def test_the_audit_notices_a_store(tmp_path, mutant, symptom):
    plan = Plan(tmp_path, kills=6, subscribers=80, seed=SEED, mutant=mutant, moments=["delivered"], lease=2.0)

    found = faults(plan, play(plan))

    assert any(symptom in fault for fault in found)

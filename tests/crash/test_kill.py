"""Processes that share one store are killed with SIGKILL at random, again and again; then the books are audited.

Two workers, or three on a server, advance the welcome series, and two producers tell the same events, so that each is
submitted at least twice. Whoever is killed is replaced at once. The mail server is a ledger that honours no keys. When
all is done, everything that is owed has been delivered, and only calls that were in doubt have been repeated; there is
one run a cause, each is complete, and its journal adds up.

Twenty kills take some seconds of the processors, and so do six on a server, where heirs wait for leases. The long
campaigns, with output that tells their figures:

    FLOWKIT_KILLS=5000 python -m pytest tests/crash/test_kill.py -k "campaign and sqlite" -s
    FLOWKIT_KILLS=1000 python -m pytest tests/crash/test_kill.py -k "campaign and postgres" -s
    FLOWKIT_KILLS=1000 python -m pytest tests/crash/test_kill.py -k "campaign and redis" -s

FLOWKIT_SEED chooses other victims; the moments of the machine are never twice the same, whatever the seed.
"""

import os
from contextlib import closing

import pytest

from flowkit import Engine
from tests.crash.audit import faults_of_ledger, faults_of_store, repeats
from tests.crash.campaign import Plan, play
from tests.crash.stores import store_at
from tests.crash.world import owed

KILLS = int(os.environ.get("FLOWKIT_KILLS", "0"))
FEW_KILLS = {"sqlite": 20, "postgres": 6, "redis": 6}
"""Where FLOWKIT_KILLS says nothing. Where no lock on a file tells of a death, each one costs a lease."""

SEED = int(os.environ.get("FLOWKIT_SEED", "1"))
SUBSCRIBERS_A_KILL = {"sqlite": 15, "postgres": 10, "redis": 10}

pytestmark = [pytest.mark.crash, pytest.mark.slow]


def faults(plan, evidence):
    found = [f"accepted and forgotten: batch {index}" for index in evidence.forgotten]
    due = owed(plan.subscribers)
    found += faults_of_ledger(evidence.ledger, due, evidence.killed, evidence.lost)
    with closing(store_at(plan.path)) as store:
        found += faults_of_store(Engine(store), plan.subscribers)
        if store.next_due() is not None:
            found.append("something is still due")
    return found


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def plan(request, tmp_path):
    kills = KILLS or FEW_KILLS[request.param]
    subscribers = SUBSCRIBERS_A_KILL[request.param] * kills
    if request.param == "sqlite":
        return Plan(tmp_path, kills=kills, subscribers=subscribers, seed=SEED)
    server = request.getfixturevalue(f"{request.param}_place")
    return Plan(tmp_path, kills=kills, subscribers=subscribers, seed=SEED, lease=1.0, server=server, workers=3)


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
    plan = Plan(tmp_path, kills=3, subscribers=40, seed=SEED, mutant=mutant, moments=["delivered"], lease=2.0)

    found = faults(plan, play(plan))

    assert any(symptom in fault for fault in found)

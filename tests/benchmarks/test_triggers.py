"""The figures are worth something only if both sides do the work; a wrong answer gives none. No time is looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

import triggers  # noqa: E402
from trigger_workload import OF_EVENTS, TYPES, Market, gates  # noqa: E402

from flowkit.triggers.index import TriggerIndex  # noqa: E402
from flowkit.triggers.model import TriggerType  # noqa: E402


def test_the_workload_is_the_same_for_a_seed_and_skewed_as_it_says():
    market = Market(1)
    drawn, moments = gates(market, 1000, 1), market.stream(2000)
    first = gates(Market(1), 100, 1)
    assert [gate.trigger for gate in first] == [gate.trigger for gate in drawn[: len(first)]]
    assert len(drawn) == pytest.approx(950, abs=25)
    kinds = [gate.trigger.trigger_type for gate in drawn]
    wanted = {TriggerType.BEHAVIOR_BASED: 665, TriggerType.CONDITION_BASED: 190, TriggerType.COMPOSITE: 95}
    assert {kind: kinds.count(kind) for kind in wanted} == pytest.approx(wanted, abs=50)
    types = [moment.event.type for moment in moments]
    assert 40 < len(set(types)) <= TYPES
    assert 0.15 < max(map(types.count, set(types))) / len(types) < 0.35
    assert {name for moment in moments for name in moment.event.properties} == set(OF_EVENTS)
    assert any(moment.facts is None for moment in moments)


def test_both_sides_find_the_same_and_the_floor_knows_it():
    market = Market(2)
    drawn, moments = gates(market, 300, 2), market.stream(200)
    loop = triggers.asking_all(drawn)
    look_up = triggers.looking_up(TriggerIndex(drawn))
    matches = triggers.check(loop, look_up, moments)
    assert 1 < matches < 30
    assert triggers.check(loop, triggers.knowing(look_up, moments), moments) == matches


def test_a_wrong_answer_gives_no_figure():
    market = Market(2)
    drawn, moments = gates(market, 100, 2), market.stream(200)
    with pytest.raises(triggers.WrongAnswerError):
        triggers.check(triggers.asking_all(drawn), triggers.looking_up(TriggerIndex(drawn[:50])), moments)


def test_a_cooldown_keeps_a_subscriber_out_until_it_is_over():
    [gate] = [gate for gate in gates(Market(3), 50, 3) if gate.cooldown][:1]
    admission = triggers.Admission()
    ends = 5 + gate.cooldown
    assert [bool(admission.admit([gate], "s", at)) for at in (5, 6, ends - 1, ends)] == [True, False, False, True]
    assert admission.admit([gate], "other", 6) == [gate]


def test_the_command_prints_a_table():
    done = subprocess.run(
        [sys.executable, str(FOLDER / "triggers.py"), "--sizes", "10", "100", "--rounds", "2", "--events", "30"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == ["workflows", "10", "100"]

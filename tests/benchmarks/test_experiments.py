"""The figures about experiments are of programs that do the work; no test here looks at a time."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

import experiments  # noqa: E402


def test_the_journal_is_the_size_that_is_said_and_all_ways_count_the_same(tmp_path):
    engine, store = experiments.filled(tmp_path / "e.db", 60)
    assert experiments.entries(engine) == 60 * 16 // 3
    counted = store.experiment_tally(experiments.EXPERIMENT, experiments.LATER)
    assert counted == experiments.by_python(engine)
    assert (counted.units, sum(arm.of("opened").total for arm in counted.arms)) == (60, 20)
    assert experiments.by_rows(tmp_path / "e.db") > 60
    store.close()


def test_the_report_names_each_comparison():
    told = experiments.report(people=30, units=100, count=1)
    assert told.count("times as") == 3


def test_both_sides_of_the_assignment_take_every_unit():
    units = [str(number) for number in range(50)]
    assert set(experiments.assign_all(units)) == set(experiments.hash_all(units)) == set(units)

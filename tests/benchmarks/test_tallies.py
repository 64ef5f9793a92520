"""The ways to the numbers agree, and the harness sees when they do not. No test here looks at a time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

import tallies  # noqa: E402


def test_all_ways_give_the_same_numbers():
    figures = tallies.measure(100, 1)
    assert figures.entries == 100 // 2 * (16 + 11)
    assert tallies.table(figures).count("\n") == 7


def test_numbers_that_do_not_agree_give_no_figures(monkeypatch):
    monkeypatch.setattr(tallies, "read", lambda _: (1350, 100, 99))
    with pytest.raises(tallies.WrongNumbersError):
        tallies.measure(100, 1)

"""What R and statsmodels say: the tables in tests/golden/stats, made by the scripts beside them."""

import json
import math
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "stats"


def r(call):
    """The calls of one function of R: what went in and what came out, a pair for each."""
    table = json.loads((GOLDEN / "r.json").read_text(encoding="utf-8"))
    rows = [
        ({**row["in"]}, {key: _number(value) for key, value in row["out"].items()})
        for row in table
        if row["call"] == call
    ]
    assert rows, f"no call of {call}"
    return rows


def statsmodels(what):
    """The intervals of one kind: method, counts, confidence, low, high."""
    rows = json.loads((GOLDEN / "statsmodels.json").read_text(encoding="utf-8"))
    found = [tuple(row[1:]) for row in rows if row[0] == what]
    assert found, f"no interval of {what}"
    return found


def _number(value):
    return math.inf if value == "inf" else -math.inf if value == "-inf" else value

"""The benchmark on a server runs, and every passage does the work that is owed."""

import subprocess
import sys
from pathlib import Path

SPECS = ["limit_redis", "limit_redis:log", "limit_redis:journal", "flowkit:redis"]


def test_the_comparison_on_a_server_gives_a_row_each(valkey_url):
    """It starts a server of its own; ``valkey_url`` is asked for since it says where there is none."""
    script = Path(__file__).parent / "on_redis.py"
    done = subprocess.run(
        [sys.executable, script, "--n=200", "--rounds=1"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == SPECS
    assert rows[0][1:3] == ["1.000", "1.000"]
    assert all(float(figure) > 0 for row in rows for figure in row[1:5])

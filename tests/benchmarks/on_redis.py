"""Compare flowkit with the limit by hand on a Valkey server that is started for it.

    python tests/benchmarks/on_redis.py --n 20000 --rounds 5

Each passage has the server for itself: all keys go in between. A passage's CPU is that of its own process and, beside
it, what the server used meanwhile; memory is what the server holds after the last phase over what it held before.
`--fsync always` syncs every commit, as `BENCH_SYNC=FULL` does for SQLite.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(Path(__file__).resolve().parent)]

from redis import Redis  # noqa: E402 - behind the paths
from welcome import play_apart  # noqa: E402

from tests.support.valkey import Server  # noqa: E402

LIMIT = "limit_redis"
SPECS = (LIMIT, "limit_redis:log", "limit_redis:journal", "flowkit:redis")


@dataclass(frozen=True, slots=True)
class Passage:
    """What one passage took: seconds, and bytes on the server."""

    wall: float
    own: float
    server: float
    memory: float


def used(client: Redis) -> float:
    """CPU seconds that the server has used so far."""
    told = client.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


def passage(client: Redis, spec: str, n: int) -> Passage:
    """Play the series once, on an empty server."""
    client.flushall()
    client.script_flush()
    before, cpu = client.info("memory")["used_memory"], used(client)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        result = play_apart(spec, n=n, path=Path(folder, "bench.db"), timeout=900)
    return Passage(result.wall_s, result.cpu_s, used(client) - cpu, client.info("memory")["used_memory"] - before)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Compare flowkit with the limit by hand on a Valkey server.")
    parser.add_argument("--n", type=int, default=20_000, help="runs a passage (default 20000)")
    parser.add_argument("--rounds", type=int, default=5, help="passages an engine (default 5)")
    parser.add_argument("--fsync", choices=("always", "everysec"), default="everysec", help="the server's appendfsync")
    options = parser.parse_args()
    played: dict[str, list[Passage]] = {spec: [] for spec in SPECS}
    with Server("--appendonly", "yes", "--appendfsync", options.fsync) as server:
        os.environ["BENCH_REDIS"] = server.url
        client = server.client()
        for turn in range(options.rounds):
            for spec in SPECS if turn % 2 == 0 else SPECS[::-1]:
                played[spec].append(passage(client, spec, options.n))
        client.close()
    heads = ("x by wall", "x by CPU", "wall us", "own CPU us", "server CPU us", "bytes a run")
    print(" " * 20 + "".join(head.rjust(15) for head in heads))
    for spec, mine in played.items():
        pairs = list(zip(played[LIMIT], mine, strict=True))
        wall = median(theirs.wall / own.wall for theirs, own in pairs)
        cpu = median((theirs.own + theirs.server) / (own.own + own.server) for theirs, own in pairs)
        times = [median(getattr(one, name) for one in mine) / options.n * 1e6 for name in ("wall", "own", "server")]
        memory = median(one.memory for one in mine) / options.n
        print(f"{spec:20}{wall:15.3f}{cpu:15.3f}" + "".join(f"{time:15.1f}" for time in times) + f"{memory:15.0f}")


if __name__ == "__main__":
    main()

"""Compare engines on the welcome series.

    python tests/benchmarks/compare.py --n 20000 --rounds 5 --reference limit_batch limit_sql flowkit
    python tests/benchmarks/compare.py --scaling limit_batch flowkit

A machine is never quiet and its clock rate never constant, so an absolute time says little. What can be told
is how an engine did beside another at the same moment: each passage has a process of its own, the engines
take turns (in reverse order every second round), each round gives one ratio against the reference of that
round, and the median of these ratios is the figure. `BENCH_SYNC` (NORMAL or FULL) sets what SQLite syncs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from welcome import EngineFailedError, Result, play_apart

Item = TypeVar("Item")

SIZES = (500, 2_000, 5_000, 20_000, 50_000, 200_000)
MICRO = 1e6
MEGA = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """The speed of an engine as a multiple of the reference's, over the rounds: above 1 is faster."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One engine beside the reference. All but the ratios are medians, and of this machine and hour only."""

    engine: str
    n: int
    rounds: int
    by_cpu: Ratio
    by_wall: Ratio
    cpu_us_a_run: float
    wall_us_a_run: float
    bytes_a_run: float
    rss_mb: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """One engine by the number of runs.

    Attributes:
        engine: `name` or `name:variant`.
        cpu_us_a_run: CPU microseconds a run, by size.
        rss_mb: peak of memory over the imports, by size.
        spread: CPU a run at the dearest size over that at the cheapest. Small sizes are dear by themselves,
            as what a process does but once falls on few runs.
        growth: the most that CPU a run rises from any size to a larger one. 1 is no rise.
    """

    engine: str
    cpu_us_a_run: dict[int, float]
    rss_mb: dict[int, float]
    spread: float
    growth: float


# ----------------------------------------------------------------------------------------------------------
# Measure


@dataclass(slots=True)
class Bench:
    """Plays engines, each passage in a process and folder of its own, and puts aside those that fail."""

    timeout: float
    tell: Callable[[str], None]
    failed: set[str]

    def play(self, spec: str, *, n: int) -> Result | None:
        """Play one passage; None if the engine fails, now or before."""
        if spec in self.failed:
            return None
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            try:
                return play_apart(spec, n=n, path=Path(folder, "bench.db"), timeout=self.timeout)
            except EngineFailedError as error:
                self.failed.add(spec)
                self.tell(f"failed, left out: {error}")
                return None


def measure(bench: Bench, specs: Sequence[str], *, n: int, rounds: int) -> dict[str, list[Result]]:
    """Play every engine once a round; the lists are parallel, and without the engines that failed."""
    results: dict[str, list[Result]] = {spec: [] for spec in specs}
    for turn in range(rounds):
        for spec in _to_and_fro(specs, turn):
            if result := bench.play(spec, n=n):
                results[spec].append(result)
        bench.tell(f"round {turn + 1} of {rounds}")
    return {spec: found for spec, found in results.items() if spec not in bench.failed}


def measure_scaling(
    bench: Bench, specs: Sequence[str], *, sizes: Sequence[int], rounds: int
) -> dict[str, dict[int, list[Result]]]:
    """Play every engine at every size; small sizes several times a round, their times being the noisier."""
    results: dict[str, dict[int, list[Result]]] = {spec: {n: [] for n in sizes} for spec in specs}
    for turn in range(rounds):
        for n in _to_and_fro(sizes, turn):
            for _ in range(max(1, min(10, 5_000 // n))):
                for spec in specs:
                    if result := bench.play(spec, n=n):
                        results[spec][n].append(result)
        bench.tell(f"round {turn + 1} of {rounds}")
    return {spec: found for spec, found in results.items() if spec not in bench.failed}


def _to_and_fro(items: Sequence[Item], turn: int) -> Sequence[Item]:
    return items if turn % 2 == 0 else items[::-1]


# ----------------------------------------------------------------------------------------------------------
# Report


def rows(results: dict[str, list[Result]], *, reference: str) -> list[Row]:
    """Set every engine beside the reference, the fastest by CPU first."""
    against = results[reference]
    found = [_row(spec, mine, against) for spec, mine in results.items()]
    return sorted(found, key=lambda row: -row.by_cpu.median)


def _row(spec: str, mine: list[Result], against: list[Result]) -> Row:
    return Row(
        engine=spec,
        n=mine[0].n,
        rounds=len(mine),
        by_cpu=_ratio(theirs.cpu_s / own.cpu_s for own, theirs in zip(mine, against, strict=True)),
        by_wall=_ratio(theirs.wall_s / own.wall_s for own, theirs in zip(mine, against, strict=True)),
        cpu_us_a_run=median(result.cpu_s * MICRO / result.n for result in mine),
        wall_us_a_run=median(result.wall_s * MICRO / result.n for result in mine),
        bytes_a_run=median(result.disk_bytes / result.n for result in mine),
        rss_mb=median(result.rss_bytes / MEGA for result in mine),
    )


def _ratio(values: Iterable[float]) -> Ratio:
    ordered = sorted(values)
    return Ratio(median=median(ordered), low=ordered[0], high=ordered[-1])


def scales(results: dict[str, dict[int, list[Result]]]) -> list[Scale]:
    """Sum up each engine over the sizes."""
    found = []
    for spec, by_size in results.items():
        cpu = {n: median(one.cpu_s * MICRO / n for one in played) for n, played in by_size.items()}
        rss = {n: median(one.rss_bytes / MEGA for one in played) for n, played in by_size.items()}
        spread = max(cpu.values()) / min(cpu.values())
        growth = max(cpu[large] / cpu[small] for large in cpu for small in cpu if small <= large)
        found.append(Scale(engine=spec, cpu_us_a_run=cpu, rss_mb=rss, spread=spread, growth=growth))
    return found


def table(found: Sequence[Row], *, reference: str) -> str:
    """Render the comparison in Markdown."""
    head = (
        "engine",
        "N",
        f"x {reference} by CPU",
        f"x {reference} by wall",
        "CPU us a run",
        "wall us a run",
        "bytes a run",
        "RSS over import, MB",
    )
    return _markdown(
        head,
        [
            (
                row.engine,
                str(row.n),
                str(row.by_cpu),
                str(row.by_wall),
                f"{row.cpu_us_a_run:.1f}",
                f"{row.wall_us_a_run:.1f}",
                f"{row.bytes_a_run:.0f}",
                f"{row.rss_mb:.1f}",
            )
            for row in found
        ],
    )


def scaling_table(found: Sequence[Scale], *, sizes: Sequence[int]) -> str:
    """Render the scaling in Markdown; the columns by size are CPU microseconds a run."""
    head = (
        "engine",
        *(f"N = {n}" for n in sizes),
        "spread",
        "growth",
        f"RSS over import at {sizes[-1]}, MB",
    )
    return _markdown(
        head,
        [
            (
                scale.engine,
                *(f"{scale.cpu_us_a_run[n]:.1f}" for n in sizes),
                f"{scale.spread:.2f}",
                f"{scale.growth:.2f}",
                f"{scale.rss_mb[sizes[-1]]:.1f}",
            )
            for scale in found
        ],
    )


def _markdown(head: tuple[str, ...], body: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in (head, *body)) for column in range(len(head))]

    def line(cells: tuple[str, ...]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return f"| {' | '.join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])} |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([line(head), rule, *map(line, body)])


def _setting() -> dict[str, str]:
    """What the figures hold under, for the JSON file."""
    return {
        "sync": os.environ.get("BENCH_SYNC", "NORMAL").upper(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
    }


# ----------------------------------------------------------------------------------------------------------
# Command line


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compare engines on the welcome series.")
    parser.add_argument("engines", nargs="+", metavar="NAME[:VARIANT]", help="modules of this folder")
    parser.add_argument("--n", type=int, default=20_000, help="runs a passage (default 20000)")
    parser.add_argument("--rounds", type=int, default=5, help="passages an engine (default 5)")
    parser.add_argument("--reference", default="limit_batch", help="the engine that counts as 1")
    parser.add_argument("--scaling", action="store_true", help="CPU a run by number of runs, instead")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="the numbers of runs for --scaling")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write rows and single results there")
    parser.add_argument("--timeout", type=float, default=900, help="seconds a passage may take")
    return parser


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 1 if an engine failed."""
    options = _arguments().parse_args(argv)
    bench = Bench(timeout=options.timeout, tell=_tell, failed=set())
    out: dict[str, object] = {"setting": _setting()}
    if options.scaling:
        sizes = sorted(options.sizes)
        by_size = measure_scaling(bench, options.engines, sizes=sizes, rounds=options.rounds)
        scale_rows = scales(by_size)
        sys.stdout.write(f"{scaling_table(scale_rows, sizes=sizes)}\n")
        out |= {
            "scaling": [asdict(scale) for scale in scale_rows],
            "results": {
                spec: [asdict(result) for n in sizes for result in found[n]] for spec, found in by_size.items()
            },
        }
    else:
        specs = list(dict.fromkeys([options.reference, *options.engines]))
        results = measure(bench, specs, n=options.n, rounds=options.rounds)
        if options.reference not in results:
            bench.tell("the reference itself failed: nothing to compare with")
            return 1
        found = rows(results, reference=options.reference)
        sys.stdout.write(f"{table(found, reference=options.reference)}\n")
        out |= {
            "reference": options.reference,
            "rows": [asdict(row) for row in found],
            "results": {spec: [asdict(result) for result in played] for spec, played in results.items()},
        }
    if options.json:
        options.json.write_text(json.dumps(out, indent=1) + "\n")
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())

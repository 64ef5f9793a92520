"""The figures are worth something only if the programs do the work and the harness sees when one does not.

No test here looks at a time: those are read by people, from `compare.py`.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

import welcome  # noqa: E402
from compare import scales  # noqa: E402
from crash import crash  # noqa: E402
from scan import compare_scans  # noqa: E402

ON_DISK = ("limit_batch", "limit_batch:log", "limit_batch:journal", "limit_sql", "limit_sql:log")
IN_MEMORY = ("limit_memory", "limit_memory:graph")
FLOWKIT = ("flowkit", "flowkit:single")


def command(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call one of the folder's scripts as a user does."""
    return subprocess.run(
        [sys.executable, str(FOLDER / script), *arguments], capture_output=True, text=True, check=False
    )


def cells(markdown: str) -> list[list[str]]:
    """Split a Markdown table into its head and body cells."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()]
    return [lines[0], *lines[2:]]


class Lossy:
    """An engine that is fast because it forgets every tenth subscriber, or says so of the runs."""

    def __init__(self, world: welcome.World, *, every: int, miscount: int) -> None:
        self.world, self.every, self.miscount, self.n = world, every, miscount, 0

    def signup(self, numbers: range) -> None:
        self.n = len(numbers)
        for number in numbers:
            for template in welcome.owed(number):
                if self.every == 0 or number % self.every:
                    self.world.send(welcome.subscriber(number), template)

    def advance(self, now: int) -> None:
        pass

    def completed(self) -> int:
        return self.n - self.miscount

    def close(self) -> None:
        pass


# ----------------------------------------------------------------------------------------------------------
# The limit programs


@pytest.mark.parametrize("spec", [*ON_DISK, *IN_MEMORY, *FLOWKIT, "flowkit:memory"])
@pytest.mark.parametrize(
    ("n", "tips", "reengage"), [(200, 100, 100), (1, 1, 0), (2_001, 1_001, 1_000)], ids=["200", "1", "2001"]
)
def test_each_program_does_the_exact_work(spec: str, n: int, tips: int, reengage: int, tmp_path: Path) -> None:
    result = welcome.load(spec)(n, tmp_path / "b.db")
    assert result.sends == {
        "welcome_email_v2": n,
        "getting_started_tips": tips,
        "product_demo_email": tips,
        "reengagement_v1": reengage,
    }
    assert result.completed == n
    assert list(result.phase_wall_s) == ["signup", "t72", "t192"]
    assert (result.disk_bytes > 0) == (spec in ON_DISK + FLOWKIT)


@pytest.mark.parametrize("spec", ON_DISK + FLOWKIT)
def test_every_message_goes_to_the_right_subscriber(spec: str, tmp_path: Path) -> None:
    with welcome.playing(welcome.Script(log=tmp_path / "log")):
        welcome.load(spec)(20, tmp_path / "b.db")
    sent: dict[str, list[str]] = {}
    for line in (tmp_path / "log").read_text().splitlines():
        name, template = line.split()
        sent.setdefault(name, []).append(template)
    engaged = ["welcome_email_v2", "getting_started_tips", "product_demo_email"]
    silent = ["welcome_email_v2", "reengagement_v1"]
    assert sent == {f"sub_{i:07d}": silent if i % 2 else engaged for i in range(20)}


@pytest.mark.parametrize("spec", ["limit_batch:log", "limit_sql:log"])
def test_log_holds_the_nodes_each_run_passed(spec: str, tmp_path: Path) -> None:
    welcome.load(spec)(200, tmp_path / "b.db")
    db = sqlite3.connect(tmp_path / "b.db")
    query = "SELECT node, at FROM passed WHERE journey = ? ORDER BY id"
    day0, day3, day8 = (phase.at for phase in welcome.PHASES)
    assert db.execute(query, (6,)).fetchall() == [
        ("start", day0),
        ("wait_3_days", day3),
        ("check_engagement", day3),
        ("send_tips_email", day3),
        ("wait_5_days", day8),
        ("send_product_demo", day8),
    ]
    assert db.execute(query, (7,)).fetchall() == [
        ("start", day0),
        ("wait_3_days", day3),
        ("check_engagement", day3),
        ("send_reengagement", day3),
    ]
    assert db.execute("SELECT count(*) FROM passed").fetchone() == (5 * 200,)
    db.close()


@pytest.mark.parametrize("spec", ON_DISK)
def test_event_is_kept_with_the_run(spec: str, tmp_path: Path) -> None:
    welcome.load(spec)(3, tmp_path / "b.db")
    db = sqlite3.connect(tmp_path / "b.db")
    (document,) = db.execute("SELECT event FROM journey WHERE id = 2").fetchone()
    db.close()
    assert json.loads(document) == {
        "type": "subscriber_signup",
        "source": "website",
        "subscriber_id": "sub_0000002",
    }


@pytest.mark.parametrize("name", ["limit_batch", "limit_sql", "limit_memory"])
def test_unknown_variant_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="variants"):
        welcome.load(f"{name}:turbo")(1, tmp_path / "b.db")


# ----------------------------------------------------------------------------------------------------------
# The driver


@pytest.mark.parametrize(("every", "miscount"), [(10, 0), (0, 1)], ids=["sends", "count"])
def test_driver_gives_no_figure_for_wrong_work(every: int, miscount: int, tmp_path: Path) -> None:
    with pytest.raises(welcome.WrongWorkError) as caught:
        welcome.drive(lambda _, world: Lossy(world, every=every, miscount=miscount), n=200, path=tmp_path / "b")
    assert caught.value.expected != caught.value.found


def test_driver_opens_and_closes_for_each_phase_at_its_time(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    class Watched(Lossy):
        def __init__(self, world: welcome.World) -> None:
            super().__init__(world, every=0, miscount=200)
            seen.append(("open", world.now))

        def close(self) -> None:
            seen.append(("close", self.world.now))

        def completed(self) -> int:
            return 200

    welcome.drive(lambda _, world: Watched(world), n=200, path=tmp_path / "b")
    hours = [(what, (at - welcome.PHASES[0].at) / 3600) for what, at in seen]
    assert hours == [(what, at) for at in (0, 72, 192) for what in ("open", "close")]


def test_disk_bytes_are_of_all_files_of_the_store(tmp_path: Path) -> None:
    def opener(path: Path, world: welcome.World) -> Lossy:
        for ending, size in (("", 1), ("-wal", 10), ("-shm", 100)):
            Path(f"{path}{ending}").write_bytes(b"x" * size)
        return Lossy(world, every=0, miscount=-2)

    (tmp_path / "other").write_bytes(b"x" * 1000)
    script = welcome.Script(phases=welcome.PHASES[:2])
    with welcome.playing(script):
        assert welcome.drive(opener, n=2, path=tmp_path / "b.db").disk_bytes == 111


def test_memory_is_the_growth_during_the_work(tmp_path: Path) -> None:
    class Hoarder(Lossy):
        def signup(self, numbers: range) -> None:
            self.hoard = bytes(1) * (64 << 20)
            super().signup(numbers)
            del self.hoard

        def completed(self) -> int:
            return 2

    ballast = b"y" * (64 << 20)
    hoarding = welcome.drive(lambda _, world: Hoarder(world, every=0, miscount=0), n=2, path=tmp_path / "b")
    assert len(ballast) <= hoarding.rss_bytes + (8 << 20)
    assert hoarding.rss_bytes < 2 * len(ballast)


@pytest.mark.parametrize("sync", ["normal", "FULL"])
def test_sync_is_taken_from_the_environment(sync: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SYNC", sync)
    db = welcome.connect(tmp_path / "b.db")
    assert db.execute("PRAGMA synchronous").fetchone() == ({"normal": 1, "FULL": 2}[sync],)
    db.close()


def test_sync_off_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SYNC", "OFF")
    with pytest.raises(ValueError, match="BENCH_SYNC"):
        welcome.connect(tmp_path / "b.db")


# ----------------------------------------------------------------------------------------------------------
# The commands


def test_compare_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    done = command("compare.py", "limit_sql", "limit_memory:graph", "--n=200", "--rounds=2", f"--json={file}")
    assert done.returncode == 0, done.stderr
    head, *body = cells(done.stdout)
    assert head[:4] == ["engine", "N", "x limit_batch by CPU", "x limit_batch by wall"]
    table = {row[0]: row[1:] for row in body}
    assert table.keys() == {"limit_batch", "limit_sql", "limit_memory:graph"}
    assert table["limit_batch"][:3] == ["200", "1.000 (1.00-1.00)", "1.000 (1.00-1.00)"]

    written = json.loads(file.read_text())
    assert [row["engine"] for row in written["rows"]] == [row[0] for row in body]
    for row in written["rows"]:
        pairs = zip(written["results"][row["engine"]], written["results"]["limit_batch"], strict=True)
        ratios = [theirs["cpu_s"] / own["cpu_s"] for own, theirs in pairs]
        assert row["by_cpu"]["median"] == pytest.approx(sum(ratios) / 2)  # of two, the median is the mean


def test_compare_leaves_out_an_engine_that_fails() -> None:
    done = command("compare.py", "limit_sql", "no_such_engine", "--n=20", "--rounds=1", "--reference=limit_sql")
    assert done.returncode == 1
    assert [row[0] for row in cells(done.stdout)] == ["engine", "limit_sql"]
    assert "no engine 'no_such_engine'" in done.stderr


def test_compare_prints_the_scaling() -> None:
    done = command("compare.py", "limit_batch", "--scaling", "--rounds=1", "--sizes", "2500", "5000")
    assert done.returncode == 0, done.stderr
    head, row = cells(done.stdout)
    assert head[:5] == ["engine", "N = 2500", "N = 5000", "spread", "growth"]
    assert row[0] == "limit_batch"


def test_scaling_tells_a_dear_start_from_a_rise() -> None:
    def played(n: int, cpu_us_a_run: float) -> list[welcome.Result]:
        phases = dict.fromkeys(["signup", "t72", "t192"], 1.0)
        return [
            welcome.Result(
                n=n,
                wall_s=3.0,
                cpu_s=cpu_us_a_run * n * factor / 1e6,
                open_s=0.0,
                phase_wall_s=phases,
                sends={},
                completed=n,
                disk_bytes=0,
                rss_bytes=n << 20,
            )
            for factor in (1, 1, 50)  # one disturbed passage in three
        ]

    falling, rising = scales(
        {
            "falling": {1: played(1, 12), 2: played(2, 8), 3: played(3, 6)},
            "rising": {1: played(1, 8), 2: played(2, 4), 3: played(3, 6)},
        }
    )
    assert [falling.spread, falling.growth] == pytest.approx([2, 1])
    assert [rising.spread, rising.growth] == pytest.approx([2, 1.5])
    assert rising.rss_mb == {1: 1, 2: 2, 3: 3}


@pytest.mark.crash
@pytest.mark.parametrize(
    ("spec", "repeated"),
    [("limit_sql", 1), ("limit_batch:journal", 1), ("limit_batch", 50), ("flowkit", 1)],
)
@pytest.mark.parametrize("phase", welcome.PHASES[1:], ids=lambda phase: phase.name)
def test_crash_counts_what_a_kill_repeats(spec: str, repeated: int, phase: welcome.Phase, tmp_path: Path) -> None:
    toll = crash(spec, n=200, phase=phase, kill_at=50, folder=tmp_path)
    assert (toll.kills, toll.lost, toll.repeated, toll.stray, toll.completed) == (1, 0, repeated, 0, 200)
    assert toll.within(repeated_a_kill=repeated)
    assert not toll.within(repeated_a_kill=repeated - 1)


@pytest.mark.crash
def test_crash_can_kill_again_and_again(tmp_path: Path) -> None:
    toll = crash("limit_batch:journal", n=200, phase=welcome.AFTER_72H, kill_at=60, kills=9, folder=tmp_path)
    assert (toll.kills, toll.lost, toll.repeated) == (3, 0, 3)


@pytest.mark.crash
def test_crash_counts_what_an_engine_without_a_disk_loses(tmp_path: Path) -> None:
    toll = crash("limit_memory", n=20, phase=welcome.SIGNUP, kill_at=5, folder=tmp_path)
    assert (toll.lost, toll.repeated) == (0, 5)
    (tmp_path / "later").mkdir()
    with pytest.raises(welcome.EngineFailedError, match="no message number 5"):
        crash("limit_memory", n=20, phase=welcome.AFTER_72H, kill_at=5, folder=tmp_path / "later")


@pytest.mark.crash
def test_crash_command_fails_where_more_is_repeated_than_allowed() -> None:
    arguments = ("limit_batch:journal", "limit_batch", "--n=100", "--phase=t72", "--at=40")
    assert command("crash.py", *arguments, "--allow=40").returncode == 0
    strict = command("crash.py", *arguments, "--allow=1")
    assert strict.returncode == 1
    assert [row[4:6] for row in cells(strict.stdout)] == [["lost", "repeated"], ["0", "1"], ["0", "40"]]


def clockwork(*costs: int) -> tuple[list[Callable[[], None]], Callable[[], int]]:
    """Callables that take a fixed time by the clock that comes with them."""
    now = [0]

    def taking(cost: int) -> Callable[[], None]:
        def work() -> None:
            now[0] += cost

        return work

    return [taking(cost) for cost in costs], lambda: now[0]


def test_scan_gives_the_ratio_of_medians() -> None:
    (few, many), clock = clockwork(20, 30)
    cost = compare_scans(few, many, rounds=11, warm_up=3, clock=clock)
    assert (cost.few_ns, cost.many_ns, cost.ratio) == (20, 30, 1.5)
    assert clock() == (11 + 3) * (20 + 30)


def test_scan_measures_the_limit_table_and_flowkit() -> None:
    done = command("scan.py", "--few=100", "--many=1000", "--due=10", "--rounds=5")
    assert done.returncode == 0, done.stderr
    measured = [line.partition(" parked ")[0] for line in done.stdout.splitlines()]
    assert measured == ["limit table: 10 due of 100", "flowkit: 10 due of 100"]

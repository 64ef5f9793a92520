"""The work every engine is measured on, and the driver that checks and measures it.

One small workflow that touches all that costs: a sender, a clock, a look-up, a branch, two waits.

    signup -> send welcome -> wait 72 h -> engaged? yes: send tips -> wait 120 h -> send product demo
                                                    no:  send re-engagement

The driver opens the engine anew for each of the three moments at which something is due and closes it in
between, so a run cannot be carried over in memory: what an engine knows later, it has read back from its own
files. A figure is given out only if the sends and the completed runs are exactly those owed: who does half
the work is not twice as fast.

A new engine is one module in this folder:

    def run(n: int, path: Path, *, variant: str = "...") -> Result:
        return drive(lambda path, world: MyEngine(path, world), n=n, path=path)

where `MyEngine` fulfils `Engine`, keeps `event(i)` durably with the run, and knows the outside only by its
`World`. Nothing of the work may be done before `drive`: what happens there is not measured.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

FOLDER = Path(__file__).resolve().parent

WELCOME = "welcome_email_v2"
TIPS = "getting_started_tips"
DEMO = "product_demo_email"
REENGAGE = "reengagement_v1"

HOUR = 3600
FIRST_WAIT = 72 * HOUR
SECOND_WAIT = 120 * HOUR


@dataclass(frozen=True, slots=True)
class Phase:
    """One moment at which the engine is opened, has work, and is closed again."""

    name: str
    at: int


SIGNUP = Phase("signup", 1_767_225_600)
AFTER_72H = Phase("t72", SIGNUP.at + FIRST_WAIT)
AFTER_192H = Phase("t192", AFTER_72H.at + SECOND_WAIT)
PHASES = (SIGNUP, AFTER_72H, AFTER_192H)


class WrongWorkError(Exception):
    """The engine did other work than the series owes; its time would mean nothing.

    Attributes:
        expected: sends by template, and completed runs.
        found: the same, as counted.
    """

    def __init__(self, *, expected: dict[str, int], found: dict[str, int]) -> None:
        super().__init__(f"owed {expected}, found {found}")
        self.expected = expected
        self.found = found


class EngineFailedError(Exception):
    """The process of an engine gave no result.

    Attributes:
        spec: the engine, `name` or `name:variant`.
        reason: exit code and end of the error stream, or the time that was too short.
    """

    def __init__(self, *, spec: str, reason: str) -> None:
        super().__init__(f"{spec}: {reason}")
        self.spec = spec
        self.reason = reason


# ----------------------------------------------------------------------------------------------------------
# The outside world


class World:
    """All an engine may see of the outside: the time, the sender and the engagement look-up.

    With `log`, each send is appended to that file before anything else can happen; with `kill_after` = k as
    well, the process kills itself (SIGKILL: no handler, no flush) right after the k-th send was logged.
    """

    __slots__ = ("_left", "_log", "now", "sends")

    def __init__(self, *, now: int, log: Path | None = None, kill_after: int | None = None) -> None:
        self.now = now
        self.sends = {WELCOME: 0, TIPS: 0, DEMO: 0, REENGAGE: 0}
        self._log = None if log is None else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._left = kill_after

    def send(self, subscriber: str, template: str) -> None:
        """Count the message. It honours no idempotency keys: what is sent twice arrives twice."""
        self.sends[template] += 1
        if self._log is not None:
            os.write(self._log, f"{subscriber} {template}\n".encode())
            self._count_down()

    def engaged(self, subscriber: str) -> bool:
        """Whether the subscriber has opened or clicked: those with an even number have."""
        return int(subscriber[4:]) % 2 == 0

    def _count_down(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def subscriber(number: int) -> str:
    """Make the subscriber's key, such as `sub_0000042`."""
    return f"sub_{number:07d}"


def event(number: int) -> dict[str, str]:
    """Make the signup event of a subscriber, which the engine keeps with the run to the end."""
    return {"type": "subscriber_signup", "source": "website", "subscriber_id": subscriber(number)}


def owed(number: int) -> tuple[str, ...]:
    """Name the templates one subscriber gets over the whole series, in order."""
    return (WELCOME, TIPS, DEMO) if number % 2 == 0 else (WELCOME, REENGAGE)


def connect(path: Path) -> sqlite3.Connection:
    """Connect as every engine here does: WAL, transactions by hand, the caller's `BENCH_SYNC`.

    NORMAL (the default) survives kill -9; FULL also survives loss of power, at one fsync a commit.
    """
    sync = os.environ.get("BENCH_SYNC", "NORMAL").upper()
    if sync not in {"NORMAL", "FULL"}:
        message = f"BENCH_SYNC is {sync!r}; give NORMAL or FULL"
        raise ValueError(message)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={sync}")
    return connection


# ----------------------------------------------------------------------------------------------------------
# The contract


class Engine(Protocol):
    """What is driven. The state lives at the path the engine was opened with."""

    def signup(self, numbers: range) -> None:
        """Take in the signups of these subscribers and do all that is due at once."""

    def advance(self, now: int) -> None:
        """Do all that is due at `now` (epoch seconds) or before."""

    def completed(self) -> int:
        """How many runs have reached the end."""

    def close(self) -> None:
        """Leave the state on disk, as at the end of a process."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """Which part of the work is to be played in this process, and whether it dies in it."""

    phases: tuple[Phase, ...] = PHASES
    log: Path | None = None
    kill_after: int | None = None


WHOLE = Script()
_script: ContextVar[Script] = ContextVar("script", default=WHOLE)


@contextmanager
def playing(script: Script) -> Iterator[None]:
    """Have `drive`, as called by any engine's `run` in this block, follow the script."""
    token = _script.set(script)
    try:
        yield
    finally:
        _script.reset(token)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One measured passage over the series.

    Attributes:
        n: runs.
        wall_s: seconds in signup, advance and close; opening and counting are not in it.
        cpu_s: CPU seconds of all threads over the same.
        open_s: wall seconds of opening, three times.
        phase_wall_s: `wall_s` by phase.
        sends: messages by template.
        completed: runs at the end; None where the script leaves out the last phase.
        disk_bytes: the database and all files named after it (wal, shm, side journals), after the last close.
        rss_bytes: peak of resident memory over what was resident when the driver began, so over the imports.
    """

    n: int
    wall_s: float
    cpu_s: float
    open_s: float
    phase_wall_s: dict[str, float]
    sends: dict[str, int]
    completed: int | None
    disk_bytes: int
    rss_bytes: int


class Runner(Protocol):
    """An engine module's `run`."""

    def __call__(self, n: int, path: Path, *, variant: str = ...) -> Result:
        """Play the series for `n` subscribers with the state at `path`."""


def load(spec: str) -> Callable[[int, Path], Result]:
    """Find the engine behind `name` or `name:variant`: the module `name` here, or else `name_engine`.

    Raises:
        LookupError: neither is in this folder.
    """
    name, _, variant = spec.partition(":")
    module = next((m for m in (name, f"{name}_engine") if (FOLDER / f"{m}.py").is_file()), None)
    if module is None:
        message = f"no engine {name!r}: {FOLDER.name} holds neither {name}.py nor {name}_engine.py"
        raise LookupError(message)
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    runner: Runner = importlib.import_module(module).run
    return (lambda n, path: runner(n, path, variant=variant)) if variant else runner


# ----------------------------------------------------------------------------------------------------------
# The driver


def drive(opener: Callable[[Path, World], Engine], *, n: int, path: Path) -> Result:
    """Play the series for `n` subscribers, check the work, and say what it took.

    A script that is not the whole work (see `playing`) is not checked: its sends are in its log.

    Raises:
        WrongWorkError: a send or a run is missing or too much.
    """
    script = _script.get()
    world = World(now=SIGNUP.at, log=script.log, kill_after=script.kill_after)
    resident = _reset_peak()
    cpu_s = open_s = 0.0
    phase_wall_s: dict[str, float] = {}
    completed: int | None = None
    for phase in script.phases:
        world.now = phase.at
        opening = time.perf_counter()
        engine = opener(path, world)
        open_s += time.perf_counter() - opening

        work = _Stopwatch()
        if phase is SIGNUP:
            engine.signup(range(n))
        else:
            engine.advance(phase.at)
        work.stop()
        if phase is PHASES[-1]:
            completed = engine.completed()  # the harness's question, on the harness's time
        work.go_on()
        engine.close()
        work.stop()

        phase_wall_s[phase.name] = work.wall_s
        cpu_s += work.cpu_s
    rss_bytes = max(0, _peak() - resident)
    if script.phases == PHASES:
        _check(n, sends=world.sends, completed=completed or 0)
    return Result(
        n=n,
        wall_s=sum(phase_wall_s.values()),
        cpu_s=cpu_s,
        open_s=open_s,
        phase_wall_s=phase_wall_s,
        sends=world.sends,
        completed=completed,
        disk_bytes=sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")),
        rss_bytes=rss_bytes,
    )


def _check(n: int, *, sends: dict[str, int], completed: int) -> None:
    even = (n + 1) // 2
    expected = {WELCOME: n, TIPS: even, DEMO: even, REENGAGE: n - even, "completed": n}
    found = {**sends, "completed": completed}
    if found != expected:
        raise WrongWorkError(expected=expected, found=found)


class _Stopwatch:
    """Wall and CPU time, with pauses."""

    __slots__ = ("_cpu", "_wall", "cpu_s", "wall_s")

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self.go_on()

    def go_on(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.wall_s += time.perf_counter() - self._wall
        self.cpu_s += time.process_time() - self._cpu


def _reset_peak() -> int:
    """Forget the peak that importing left behind, and return the peak as it stands then.

    Where the system does not let us, the peak of the imports stands, and growth below it is not seen.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """Peak resident bytes of this process.

    Not `getrusage`: its figure outlives exec, so a child would begin with the peak of its parent.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource  # noqa: PLC0415 - not everywhere to be had

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024


# ----------------------------------------------------------------------------------------------------------
# A process of its own for each passage

_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); import welcome; welcome.main(sys.argv[2:])"
_MARK = "RESULT "


def play_apart(spec: str, *, n: int, path: Path, script: Script = WHOLE, timeout: float | None = None) -> Result | None:
    """Play the series with an engine in a new process; None if that was killed, as a script may order.

    Raises:
        EngineFailedError: the process ended in any other way without a result, or took over `timeout` s.
    """
    phases = ",".join(phase.name for phase in script.phases)
    order = [spec, str(n), str(path), phases, str(script.log or ""), str(script.kill_after or "")]
    command = [sys.executable, "-P", "-c", _CHILD, str(FOLDER), *order]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise EngineFailedError(spec=spec, reason=f"not done in {timeout} s") from error
    if script.kill_after is not None and done.returncode == -signal.SIGKILL:
        return None
    for line in done.stdout.splitlines():
        if line.startswith(_MARK):
            return Result(**json.loads(line.removeprefix(_MARK)))
    raise EngineFailedError(spec=spec, reason=f"exit code {done.returncode}\n{done.stderr[-2000:]}")


def main(order: list[str]) -> None:
    """Be that process."""
    spec, n, path, phases, log, kill_after = order
    script = Script(
        phases=tuple(phase for phase in PHASES if phase.name in phases.split(",")),
        log=Path(log) if log else None,
        kill_after=int(kill_after) if kill_after else None,
    )
    engine = load(spec)
    with playing(script):
        result = engine(int(n), Path(path))
    sys.stdout.write(f"{_MARK}{json.dumps(asdict(result))}\n")

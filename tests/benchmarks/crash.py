"""Kill an engine in the middle of its work and count what its subscribers notice.

    python tests/benchmarks/crash.py limit_batch limit_batch:journal flowkit

A process does a phase of the welcome series and kills itself with SIGKILL right after its k-th message has
gone out; another finishes the series on the files that are left. Each message that went out is a line in a
log, which is then held against what is owed: a message owed and not in the log is lost, one that is there
twice was repeated.

The sender honours no keys, so one repetition a kill is the best an engine can promise that loses nothing:
sending a message and noting that it was sent cannot be made one act.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from welcome import (
    AFTER_72H,
    AFTER_192H,
    PHASES,
    EngineFailedError,
    Phase,
    Script,
    owed,
    play_apart,
    subscriber,
)

TIMEOUT = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Toll:
    """What a crash cost.

    Attributes:
        engine: `name` or `name:variant`.
        n: runs.
        phase: the phase it happened in.
        kill_at: the message after which it happened, counted from each start of the phase.
        kills: how often it happened.
        lost: messages owed that never went out.
        repeated: messages that went out again.
        stray: messages that were not owed at all.
        completed: runs the engine calls completed.
    """

    engine: str
    n: int
    phase: str
    kill_at: int
    kills: int
    lost: int
    repeated: int
    stray: int
    completed: int

    def within(self, *, repeated_a_kill: int) -> bool:
        """Whether nothing is lost or stray, all runs are completed, and no more is repeated than said."""
        whole = self.lost == self.stray == 0 and self.completed == self.n
        return whole and self.repeated <= repeated_a_kill * self.kills


def crash(spec: str, *, n: int, phase: Phase, kill_at: int, kills: int = 1, folder: Path) -> Toll:
    """Play the series in processes of which up to `kills` are killed in `phase`, in the (empty) folder.

    A phase that is done before all kills have happened is not killed further. In the signup phase, all
    signups are handed in again after a kill, as by a caller who got no answer; an engine has to know them
    again, which the limit programs do not.

    Raises:
        EngineFailedError: a process failed by itself, or had fewer than `kill_at` messages to send.
    """
    log = folder / "sends.log"

    def play(phases: tuple[Phase, ...], *, kill_after: int | None = None) -> int | None:
        script = Script(phases=phases, log=log, kill_after=kill_after)
        result = play_apart(spec, n=n, path=folder / "crash.db", script=script, timeout=TIMEOUT)
        return None if result is None else result.completed or 0

    index = PHASES.index(phase)
    if index:
        play(PHASES[:index])
    happened = 0
    while happened < kills and play((phase,), kill_after=kill_at) is None:
        happened += 1
    if not happened:
        raise EngineFailedError(spec=spec, reason=f"phase {phase.name} has no message number {kill_at}")
    completed = play(PHASES[index:]) or 0

    sent = Counter(log.read_text().splitlines())
    due = {f"{subscriber(i)} {template}" for i in range(n) for template in owed(i)}
    return Toll(
        engine=spec,
        n=n,
        phase=phase.name,
        kill_at=kill_at,
        kills=happened,
        lost=len(due - sent.keys()),
        repeated=sum(count - 1 for count in sent.values()),
        stray=len(sent.keys() - due),
        completed=completed,
    )


def moments(phase: Phase, *, n: int) -> tuple[int, ...]:
    """Choose when to kill: after the first message of the phase, in the middle, and after the last."""
    messages = (n + 1) // 2 if phase is AFTER_192H else n
    return tuple(sorted({1, (messages + 1) // 2, messages}))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 1 if an engine failed, lost something, or repeated more than allowed."""
    names = [phase.name for phase in PHASES]
    parser = argparse.ArgumentParser(description="Kill engines in mid-phase; count lost and repeated messages.")
    parser.add_argument("engines", nargs="+", metavar="NAME[:VARIANT]")
    parser.add_argument("--n", type=int, default=2_500, help="runs (default 2500: two batches of 1000 and a half)")
    parser.add_argument("--phase", choices=names, action="append", help="default: t72 and t192")
    parser.add_argument("--at", type=int, action="append", help="k; default: the first, a middle and the last")
    parser.add_argument("--kills", type=int, default=1, help="how often it is killed before it may finish")
    parser.add_argument("--allow", type=int, metavar="K", help="fail if more than K a kill are repeated")
    options = parser.parse_args(argv)
    phases = [p for p in PHASES if p.name in (options.phase or (AFTER_72H.name, AFTER_192H.name))]
    good = True
    sys.stdout.write("| engine | phase | killed after | kills | lost | repeated | stray | completed |\n")
    sys.stdout.write("|---|---|--:|--:|--:|--:|--:|--:|\n")
    for spec in options.engines:
        for phase in phases:
            for k in options.at or moments(phase, n=options.n):
                with tempfile.TemporaryDirectory(prefix="crash-") as folder:
                    try:
                        toll = crash(
                            spec,
                            n=options.n,
                            phase=phase,
                            kill_at=k,
                            kills=options.kills,
                            folder=Path(folder),
                        )
                    except EngineFailedError as error:
                        sys.stderr.write(f"failed: {error}\n")
                        good = False
                        continue
                good &= toll.within(repeated_a_kill=options.n if options.allow is None else options.allow)
                sys.stdout.write(
                    f"| {spec} | {phase.name} | {k} | {toll.kills} | {toll.lost} | {toll.repeated} "
                    f"| {toll.stray} | {toll.completed} of {options.n} |\n"
                )
                sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

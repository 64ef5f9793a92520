"""Measure how matching scales: the index against a loop that asks every trigger, in turns, by CPU.

    python tests/benchmarks/triggers.py
    python tests/benchmarks/triggers.py --sizes 1000 10000 --rounds 9

Both do the whole of what an event asks for: find the triggers that match, in their order, and keep the cooldown of each
for the subscriber. Each round takes the next events of one stream, both sides the same ones, in reverse order every
second round; a wrong answer gives no figure. The floor knows the answers: what is left is the cooldown and the list.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from trigger_workload import Market, Moment, gates

from flowkit.conditions import Moment as Asked
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.index import TriggerIndex

SIZES = (10, 100, 1_000, 10_000)
# How many events a round has: enough for the clock, few enough for the loop.
EVENTS = {10: 4_000, 100: 2_000, 1_000: 400, 10_000: 80}
MICRO = 1e6
NOW = Asked(0)

Find = Callable[[Moment], Sequence[Gate]]


class WrongAnswerError(Exception):
    """The index and the loop found different triggers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What one number of workflows comes to. Ratios are medians over rounds, with the lowest and the highest.

    Attributes:
        workflows: How many there are, those that are switched off among them.
        matches: How many of them an event matches, before cooldowns, in the mean.
        index: Times the speed of the loop.
        low: The least that a round showed.
        high: The most.
        floor: Times the speed of the loop, for what knows the answers.
        build_us: CPU microseconds to index one trigger, of all of them.
        register_us: CPU microseconds to take one out and to put another in, the median.
    """

    workflows: int
    matches: float
    index: float
    low: float
    high: float
    floor: float
    build_us: float
    register_us: float


class Admission:
    """Keeps the cooldowns: per subscriber, from when on a workflow may be entered again."""

    def __init__(self) -> None:
        self._opens: dict[str, dict[str, int]] = {}

    def admit(self, found: Sequence[Gate], subscriber: str, at: int) -> list[Gate]:
        """Let in what is let in."""
        opens = self._opens.setdefault(subscriber, {})
        admitted = []
        for gate in found:
            if gate.cooldown:
                if opens.get(gate.workflow_id, 0) > at:
                    continue
                opens[gate.workflow_id] = at + gate.cooldown
            admitted.append(gate)
        return admitted


def asking_all(triggers: Sequence[Gate]) -> Find:
    """Ask one trigger after the other."""
    ordered = sorted(triggers, key=lambda gate: (-gate.trigger.priority, gate.workflow_id))
    return lambda at_hand: [gate for gate in ordered if gate.matches(at_hand.event, at_hand.facts, NOW)]


def looking_up(index: TriggerIndex) -> Find:
    """Look the triggers up."""
    return lambda at_hand: index.matching(at_hand.event, at_hand.facts, NOW)


def knowing(find: Find, moments: Sequence[Moment]) -> Find:
    """Know the answers in advance."""
    answers = {id(at_hand): find(at_hand) for at_hand in moments}
    return lambda at_hand: answers[id(at_hand)]


def spent(find: Find, moments: Sequence[Moment]) -> float:
    """Take the CPU seconds of all that the events ask for."""
    admission = Admission()
    with at_rest():
        start = time.process_time()
        for at_hand in moments:
            admission.admit(find(at_hand), at_hand.event.subscriber_id, at_hand.at)
        return time.process_time() - start


@contextmanager
def at_rest() -> Iterator[None]:
    """Keep the garbage collector at rest."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def check(loop: Find, index: Find, moments: Sequence[Moment]) -> float:
    """See that both find the same; give how many an event matches."""
    total = 0
    for at_hand in moments:
        wanted = loop(at_hand)
        if list(index(at_hand)) != wanted:
            raise WrongAnswerError(at_hand)
        total += len(wanted)
    return total / len(moments)


def measure(
    workflows: int, triggers: Sequence[Gate], spare: Sequence[Gate], moments: Sequence[Moment], rounds: int
) -> Row:
    """Measure one number of workflows.

    Args:
        workflows: How many there are.
        triggers: The triggers of those that are switched on.
        spare: Others, that are registered for a while.
        moments: Events for all rounds, and as many again to warm up.
        rounds: How many.
    """
    with at_rest():
        start = time.process_time()
        index = TriggerIndex(triggers)
        build = time.process_time() - start
    a_round = len(moments) // (rounds + 1)
    loop, look_up = asking_all(triggers), looking_up(index)
    matches = check(loop, look_up, moments[:a_round])
    floor = knowing(look_up, moments)
    ratios, floors = [], []
    for turn in range(1, rounds + 1):
        part = moments[turn * a_round : (turn + 1) * a_round]
        sides = (loop, look_up, floor)
        took = {side: spent(side, part) for side in (sides if turn % 2 else sides[::-1])}
        ratios.append(took[loop] / took[look_up])
        floors.append(took[loop] / took[floor])
    return Row(
        workflows=workflows,
        matches=matches,
        index=median(ratios),
        low=min(ratios),
        high=max(ratios),
        floor=median(floors),
        build_us=build * MICRO / len(triggers),
        register_us=register(index, spare) * MICRO,
    )


def register(index: TriggerIndex, spare: Sequence[Gate]) -> float:
    """Put others in and take them out again; the median of the seconds for one."""
    took = []
    with at_rest():
        for gate in spare:
            start = time.process_time()
            index.add(gate)
            took.append(time.process_time() - start)
            index.remove(gate.workflow_id)
    return median(took)


def table(rows: Sequence[Row]) -> str:
    """Render in Markdown."""
    lines = [
        "| workflows | matches an event | x loop (range) | x loop, floor | us to index one | us to register one more |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row.workflows:,} | {row.matches:.1f} | {row.index:.1f} ({row.low:.1f}-{row.high:.1f}) | {row.floor:.1f} "
        f"| {row.build_us:.0f} | {row.register_us:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="The index of triggers against asking every trigger.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, help="events a round, instead of what suits the size")
    options = parser.parse_args(argv)
    market = Market(options.seed)
    rows = []
    for size in options.sizes:
        events = options.events or EVENTS.get(size, 200)
        drawn = gates(market, size, options.seed)
        spare = gates(market, size + 200, options.seed)[len(drawn) :]
        rows.append(measure(size, drawn, spare, market.stream(events * (options.rounds + 1)), options.rounds))
        sys.stderr.write(f"{size} workflows measured\n")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

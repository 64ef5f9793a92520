"""What must be true when everybody is dead or done, read from the ledger and from the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from flowkit import Engine, Kind, Line, Run, Status
from tests.crash.world import opens, signs_up_twice, subscriber


class Delivery(NamedTuple):
    """A line of the ledger."""

    key: str
    subscriber_id: str
    template_id: str
    worker: str


def read_ledger(path: Path) -> list[Delivery]:
    return [Delivery(*line.split()) for line in path.read_text(encoding="utf-8").splitlines()]


def repeats(ledger: Sequence[Delivery]) -> int:
    """Count the deliveries of keys that had been delivered before."""
    return len(ledger) - len({delivery.key for delivery in ledger})


def faults_of_ledger(
    ledger: Sequence[Delivery], due: set[tuple[str, str]], killed: set[str], lost: Mapping[str, int]
) -> Iterator[str]:
    """Find what was lost, what was not owed, and what was repeated without having been in doubt.

    A call is in doubt where its worker died before it noted the outcome. The note of one call is written before the
    next begins, so that can only be the last delivery of a worker that was killed; or one for each claim that a living
    worker lost to the clock.

    Args:
        ledger: All deliveries, in order.
        due: What is owed: subscriber and template.
        killed: The workers that were killed.
        lost: How many claims each living worker lost.
    """
    found = {(delivery.subscriber_id, delivery.template_id) for delivery in ledger}
    yield from (f"lost: {template} for {name}" for name, template in sorted(due - found))
    yield from (f"not owed: {template} for {name}" for name, template in sorted(found - due))
    keys: dict[tuple[str, str], set[str]] = {}
    for delivery in ledger:
        keys.setdefault((delivery.subscriber_id, delivery.template_id), set()).add(delivery.key)
    yield from (f"{len(some)} keys for {what}" for what, some in keys.items() if len(some) > 1)

    last_of = {delivery.worker: number for number, delivery in enumerate(ledger)}
    last_for = {delivery.key: number for number, delivery in enumerate(ledger)}
    callers: dict[str, list[str]] = {}
    for delivery in ledger:
        callers.setdefault(delivery.key, []).append(delivery.worker)
    excused = Counter(lost)
    for number, delivery in enumerate(ledger):
        if number == last_for[delivery.key] or (delivery.worker in killed and last_of[delivery.worker] == number):
            continue
        late = next((worker for worker in callers[delivery.key] if excused[worker]), None)
        if late is None:
            yield f"repeated without doubt: {delivery.template_id} for {delivery.subscriber_id} by {delivery.worker}"
        else:
            excused[late] -= 1


def faults_of_store(engine: Engine, count: int) -> Iterator[str]:
    """Find runs that are missing, double or unfinished, and journals that do not add up."""
    runs = all_runs(engine)
    per_subscriber = Counter(run.subscriber_id for run in runs)
    expected = {subscriber(number): number for number in range(count)}
    yield from (f"no run: {name}" for name in expected.keys() - per_subscriber.keys())
    yield from (f"{times} runs of one cause: {name}" for name, times in per_subscriber.items() if times > 1)
    yield from (f"{run.status}: {run.subscriber_id} {run.state}" for run in runs if run.status is not Status.COMPLETED)

    journals: dict[str, list[Line]] = {}
    for line in all_lines(engine):
        journals.setdefault(line.subscriber_id, []).append(line)
    for name, number in expected.items():
        yield from (f"{fault}: {name}" for fault in _faults_of_journal(journals.get(name, []), number))


def _faults_of_journal(lines: Sequence[Line], number: int) -> Iterator[str]:
    kinds = Counter(line.entry.kind for line in lines)
    wanted = {
        Kind.ENTERED: 1,
        Kind.COMPLETED: 1,
        Kind.DONE: 3 if opens(number) else 2,
        Kind.WAITING: 2 if opens(number) else 1,
        Kind.WOKEN: 2 if opens(number) else 1,
        Kind.DECIDED: 1,
        Kind.OBSERVED: 1 if opens(number) else 0,
        Kind.REFUSED: 1 if signs_up_twice(number) else 0,
        Kind.LEFT: 6 if opens(number) else 4,
    }
    for kind in Kind:
        if kinds[kind] != wanted.get(kind, 0):
            yield f"{kinds[kind]} times {kind} and not {wanted.get(kind, 0)}"
    done = Counter((line.run_id, line.entry.node, line.entry.action) for line in lines if line.entry.kind is Kind.DONE)
    yield from (f"sent {times} times: {what}" for what, times in done.items() if times > 1)


def all_runs(engine: Engine) -> list[Run]:
    runs: list[Run] = []
    while page := engine.runs(after=runs[-1].handle if runs else 0):
        runs += page
    return runs


def all_lines(engine: Engine) -> list[Line]:
    lines: list[Line] = []
    while page := engine.journal(after=lines[-1].number if lines else 0):
        lines += page
    return lines

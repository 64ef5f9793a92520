"""A campaign: processes share one store, are killed at random, and are replaced, until all that is owed is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final, NamedTuple

from attrs import define, field, frozen

from flowkit import Engine
from flowkit.events import to_micros
from flowkit.ports import Store
from flowkit.testing.recording import RecordingSender
from tests.crash.audit import Delivery, read_ledger
from tests.crash.fleet import Child, Fleet, Words, fleet
from tests.crash.stores import store_at
from tests.crash.world import PHASES, owed, welcome_series

_HEARING: Final = 0.05
_GRANT: Final = 8
_LOW: Final = 4
_PRODUCERS: Final = 2
_LONGEST_PAUSE: Final = 60
_SHARES: Final = (0.45, 0.85, 1.0)
"""The share of the kills that is over by the end of each phase; they go by what there is to do in it."""

_WORKER_MOMENTS: Final = ("calling", "delivered", "claiming", "claimed", "committing", "committed")
_WORKER_WEIGHTS: Final = (3, 5, 1, 1, 2, 1)
_PRODUCER_MOMENTS: Final = ("ingesting", "accepted")


@frozen
class Plan:
    """What a campaign is to be.

    Attributes:
        folder: Where its files go.
        kills: How many processes are killed.
        subscribers: How many take part.
        seed: Of the choices of whom to kill, and when.
        mutant: What is wrong with the store, on purpose.
        moments: When a worker may be killed; None for any time.
        lease: For how long a worker holds what it claims, in seconds.
        server: The store's place on a server; empty for a file in the folder.
        workers: How many work at once.
    """

    folder: Path
    kills: int
    subscribers: int
    seed: int
    mutant: str = "none"
    moments: Sequence[str] | None = None
    lease: float = 4.0
    server: str = ""
    workers: int = 2

    @property
    def path(self) -> str:
        """The store's place."""
        return self.server or str(self.folder / "flowkit.db")


class Evidence(NamedTuple):
    """What a campaign leaves behind, beside the store.

    Attributes:
        ledger: All deliveries, in order.
        killed: Who was killed.
        lost: How many claims each living worker lost to the clock.
        forgotten: Batches that had been accepted, and of which something was new when they were told again.
        seconds: How long it took.
    """

    ledger: list[Delivery]
    killed: set[str]
    lost: Counter[str]
    forgotten: list[int]
    seconds: float


@define
class _Aim:
    """Whom to kill next: after how many of which of its moments."""

    victim: Child
    moment: str
    times: int


@define
class _Watch:
    """What a living child did last.

    Attributes:
        ready: Whether it has begun.
        idle: Whether it found nothing to do.
        inherited: Whether it works on what a dead worker held.
        delivered: Its deliveries since it claimed.
        known: The last batch that had been accepted when it was started.
    """

    known: int
    ready: bool = False
    idle: bool = False
    inherited: bool = False
    delivered: int = 0

    def note(self, moment: str) -> None:
        self.ready = True
        self.idle = moment == "idle"
        match moment:
            case "claimed" | "taken":
                self.inherited = moment == "taken"
                self.delivered = 0
            case "committing":
                self.inherited = False
            case "delivered":
                self.delivered += 1

    @property
    def begins_anew(self) -> bool:
        """Whether it may be in the very call in which the one before it died."""
        return self.inherited and self.delivered < 2


@define
class Campaign:
    """Plays a plan."""

    plan: Plan
    _fleet: Fleet
    _store: Store
    _random: Random
    _watches: dict[str, _Watch] = field(factory=dict[str, _Watch])
    _killed: set[str] = field(factory=set[str])
    _lost: Counter[str] = field(factory=Counter[str])
    _accepted: int = -1
    _forgotten: list[int] = field(factory=list[int])
    _delivered: int = 0
    _producing: int = 0
    _aim: _Aim | None = None
    _moved_at: float = field(factory=monotonic)

    def play(self) -> None:
        for number, now in enumerate(PHASES):
            self._play(number, now)

    def _play(self, number: int, now: datetime) -> None:
        """Play one phase: everything that is due at its instant, and the kills that fall into it."""
        kills = round(self.plan.kills * _SHARES[number])
        total = len(owed(self.plan.subscribers, number + 1))
        for _ in range(self.plan.workers):
            self._start_worker(now)
        for _ in range(0 if number else _PRODUCERS):
            self._start_producer()
        last = number == len(PHASES) - 1
        while not self._over(now) or (last and self._kills_on(kills)):
            assert monotonic() < self._moved_at + _LONGEST_PAUSE, f"nothing moves: {self}"
            heard = list(self._listened(now))
            self._take_aim(kills - len(self._killed), total - self._delivered)
            self._grant(generous=bool(heard))
        for child, words in self._fleet.let_all_go():
            self._note(child, words)
        self._aim = None

    def _kills_on(self, kills: int) -> bool:
        """Whether kills are owed although nothing is due; those at chosen moments need something that is."""
        return len(self._killed) < kills and not self.plan.moments

    def _listened(self, now: datetime) -> list[Words | None]:
        heard: list[Words | None] = []
        for child, words in self._fleet.hear(_HEARING):
            heard.append(words)
            if words is None:
                self._producing -= child.role == "producer"
                continue
            self._note(child, words)
            if self._hits(child, words):
                self._kill(child, now)
        return heard

    def _note(self, child: Child, words: Words) -> None:
        moment, *more = words
        self._watches[child.name].note(moment)
        if moment in {"delivered", "accepted"}:
            self._moved_at = monotonic()
        match moment:
            case "delivered":
                child.granted -= 1
                self._delivered += 1
            case "lost":
                self._lost[child.name] += 1
            case "accepted":
                child.granted -= 1
                index, new = map(int, more)
                if index <= self._watches[child.name].known and new:
                    self._forgotten.append(index)
                self._accepted = max(self._accepted, index)

    # -- killing ------------------------------------------------------------------------------------------------------

    def _take_aim(self, kills: int, left: int) -> None:
        """Choose whom to kill next, so that the kills last for the work that is left."""
        if self._aim is not None and self._aim.victim not in self._fleet.living:
            self._aim = None
        ready = [child for child in self._fleet.living if self._watches[child.name].ready]
        if self._aim is not None or kills <= 0 or not ready:
            return
        victim = self._random.choice(ready)
        if victim.role == "producer":
            self._aim = _Aim(victim, self._random.choice(_PRODUCER_MOMENTS), self._random.randint(1, 4))
            return
        moments = self.plan.moments
        moment = self._random.choices(moments or _WORKER_MOMENTS, None if moments else _WORKER_WEIGHTS)[0]
        share = left / kills
        far = int(0.5 * share) if moment in {"calling", "delivered"} else int(share / 20)
        self._aim = _Aim(victim, moment, self._random.randint(1, max(1, far)))

    def _hits(self, child: Child, words: Words) -> bool:
        """Whether now is the time to kill.

        The third death in one call makes it an unknown outcome, which is tested elsewhere. So nobody is killed in the
        first call that it makes for a dead worker, which is the one that the dead worker was in.
        """
        aim = self._aim
        if aim is None or aim.victim is not child:
            return False
        if words[0] == aim.moment:
            aim.times -= 1
        elif words[0] == "idle":  # It may have nothing to do for long.
            self._aim = None
        return aim.times <= 0 and not self._watches[child.name].begins_anew

    def _kill(self, child: Child, now: datetime) -> None:
        self._aim = None
        self._moved_at = monotonic()
        self._killed.add(child.name)
        for words in self._fleet.kill(child):
            self._note(child, words)
        if child.role == "worker":
            self._start_worker(now)
        else:
            self._producing -= 1
            self._start_producer()

    # -- starting -----------------------------------------------------------------------------------------------------

    def _start_worker(self, now: datetime) -> None:
        self._watch(
            self._fleet.start(
                "worker",
                path=self.plan.path,
                ledger=str(self.plan.folder / "ledger"),
                now=now.isoformat(),
                lease=self.plan.lease,
                timeout=self.plan.lease * 0.45,
                mutant=self.plan.mutant,
            )
        )

    def _start_producer(self) -> None:
        """Start a producer a little before the last batch that was accepted, as by a host that is not sure."""
        first = max(0, self._accepted - 2)
        self._watch(
            self._fleet.start(
                "producer",
                path=self.plan.path,
                count=self.plan.subscribers,
                first=first,
                mutant=self.plan.mutant,
            )
        )
        self._producing += 1

    def _watch(self, child: Child) -> None:
        self._watches[child.name] = _Watch(self._accepted)

    # -- pacing -------------------------------------------------------------------------------------------------------

    def _grant(self, *, generous: bool) -> None:
        """Let everybody go on; while one of them is still starting, the others make a step at a time."""
        everybody = all(self._watches[child.name].ready for child in self._fleet.living)
        for child in self._fleet.living:
            if not self._watches[child.name].ready:
                continue
            if everybody and child.granted < _LOW:
                child.grant(_GRANT)
            elif not generous and child.granted <= 0:
                child.grant(1)

    def _over(self, now: datetime) -> bool:
        if self._producing or not all(self._watches[child.name].idle for child in self._fleet.living):
            return False
        due = self._store.next_due()
        return due is None or due > to_micros(now)

    def finish(self) -> None:
        """Let a clean process finish whatever is left."""
        self._start_worker(PHASES[-1])
        for child, words in self._fleet.let_all_go():
            self._note(child, words)

    def evidence(self, seconds: float) -> Evidence:
        ledger = read_ledger(self.plan.folder / "ledger")
        return Evidence(ledger, self._killed, self._lost, self._forgotten, seconds)


def play(plan: Plan) -> Evidence:
    """Play a campaign to its end."""
    began = monotonic()
    with closing(store_at(plan.path)) as store, fleet(plan.folder) as ships:
        Engine(store, sender=RecordingSender()).publish(welcome_series())
        campaign = Campaign(plan, ships, store, Random(plan.seed))
        campaign.play()
        campaign.finish()
        return campaign.evidence(monotonic() - began)

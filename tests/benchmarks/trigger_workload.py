"""A marketing workload, drawn from a seed: triggers, and a stream of events with what is known about who did them.

Fifty event types occur as the words of a language do: the most frequent is a quarter of all. Seven workflows in ten ask
for an event type and up to three of its properties, two in ten for properties and metrics of the subscriber, one in
ten for a tree of both; one in twenty is switched off, and has no trigger in the index or in the loop. Values are
skewed too, so that an event matches about one trigger in seventy. A few triggers name no type, or a property that the
type does not carry. At three events in ten the subscriber has other metrics than before, at one in twenty another
profile.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from random import Random
from typing import Any

from flowkit.conditions import (
    AllOf,
    AnyOf,
    Condition,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Not,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.events import Event, Facts
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.model import Trigger, TriggerType

TYPES = 50
SUBSCRIBERS = 500
SECONDS_BETWEEN = 60
SWITCHED_OFF = 0.05

# Property, and how many values it has; the first is the most frequent.
OF_EVENTS = {
    "device": 3,
    "browser": 5,
    "source": 6,
    "channel": 4,
    "language": 8,
    "region": 20,
    "category": 30,
    "sku": 500,
    "campaign": 200,
    "membership": 4,
    "gift": 2,
    "price_class": 10,
    "pieces": 8,
    "referrer": 50,
}
OF_SUBSCRIBERS = {
    "plan": 4,
    "stage": 5,
    "country": 20,
    "language": 8,
    "city": 200,
    "cohort": 6,
    "vip": 2,
    "signup_source": 8,
    "age": 6,
    "gender": 3,
    "timezone": 24,
    "company_size": 5,
    "purchases": 21,
    "mail_host": 30,
}
# Metric, and the highest that anyone reaches; most people reach little.
METRICS = {
    "open_rate": 100.0,
    "click_rate": 30.0,
    "days_since_open": 120,
    "opens_30d": 60,
    "clicks_30d": 25,
    "purchases_90d": 12,
    "sessions_7d": 20,
    "lifetime_value": 2000.0,
}
# Properties that are numbers, with the first of them; and those that are true or false.
NUMBERED = {"price_class": 1, "pieces": 1, "purchases": 0}
BOOLEAN = {"gift", "vip"}
# How skewed values are, where it is not 0.8.
POWERS = {"vip": 1.5, "age": 0.5}
MINIMAL_VALUES = (5, 10, 25, 50, 100, 150, 200, 300)
COOLDOWNS = tuple(timedelta(hours=hours) for hours in (0, 1, 6, 24, 168))


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of the stream, what is known about the subscriber then, and when it is."""

    event: Event
    facts: Facts | None
    at: int


class Skewed:
    """Draws from a list, the first the most often, by a power of the rank."""

    def __init__(self, values: Sequence[Any], power: float) -> None:
        self.values = values
        self.heights = list(accumulate((rank + 1) ** -power for rank in range(len(values))))

    def draw(self, random: Random) -> Any:
        """Draw one."""
        return self.values[bisect(self.heights, random.random() * self.heights[-1])]


def _skewed(sizes: dict[str, int]) -> dict[str, Skewed]:
    return {
        name: Skewed(
            [False, True] if name in BOOLEAN else [_value(name, number) for number in range(size)],
            POWERS.get(name, 0.8),
        )
        for name, size in sizes.items()
    }


def _value(name: str, number: int) -> Any:
    return number + NUMBERED[name] if name in NUMBERED else f"{name}_{number}"


class Market:
    """What happens, and to whom."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(f"market {seed}")
        self.of_events = _skewed(OF_EVENTS)
        self.of_subscribers = _skewed(OF_SUBSCRIBERS)
        # Each type carries some of the properties, and often a value.
        carried = {
            f"event_{number:02d}": random.sample(sorted(OF_EVENTS), random.randint(5, 9)) for number in range(TYPES)
        }
        self.carried = carried
        self.valued = {name for name in carried if random.random() < 0.6}
        self.types = Skewed(sorted(carried), 1.1)

    def stream(self, length: int) -> list[Moment]:
        """Draw events, a minute apart; subscribers change as they go."""
        random = self.random
        profiles = {name: self._profile() for name in range(SUBSCRIBERS)}
        metrics = {name: self._metrics() for name in range(SUBSCRIBERS)}
        instants = sorted(random.random() * length * SECONDS_BETWEEN for _ in range(length))
        out = []
        for number, instant in enumerate(instants):
            who = random.randrange(SUBSCRIBERS)
            if random.random() < 0.05:
                profiles[who] = self._profile()
            if random.random() < 0.3:
                metrics[who] = self._metrics()
            facts = Facts(profiles[who], metrics[who]) if profiles[who] else None
            out.append(Moment(self._event(f"s{who}", number), facts, int(instant * 1_000_000)))
        return out

    def _event(self, subscriber: str, number: int) -> Event:
        random = self.random
        kind = self.types.draw(random)
        properties = {name: self.of_events[name].draw(random) for name in self.carried[kind] if random.random() < 0.9}
        value = round(500 * random.random() ** 2, 2) if kind in self.valued and random.random() < 0.9 else None
        return Event(kind, subscriber, id=f"e{number}", properties=properties, value=value)

    def _profile(self) -> dict[str, Any]:
        """Draw a profile; of one subscriber in a hundred nothing is known."""
        random = self.random
        if random.random() < 0.01:
            return {}
        return {name: each.draw(random) for name, each in self.of_subscribers.items() if random.random() < 0.92}

    def _metrics(self) -> dict[str, float]:
        random = self.random
        return {name: _reached(top, random) for name, top in METRICS.items() if random.random() < 0.9}


def _reached(top: float, random: Random) -> float:
    share = random.random() ** 2
    return round(top * share, 2) if isinstance(top, float) else int(top * share)


# ------------------------------------------------------------------------------------------------------------
# Triggers


def gates(market: Market, count: int, seed: int) -> list[Gate]:
    """Draw the triggers of so many workflows; the first hundred of a thousand are those of a hundred."""
    random = Random(f"triggers {seed}")
    drawn = (_gate(market, random, number) for number in range(count))
    return [gate for gate in drawn if gate is not None]


def _gate(market: Market, random: Random, number: int) -> Gate | None:
    """Draw a workflow's trigger; None where it is switched off."""
    kinds: dict[TriggerType, Callable[[Market, Random], Condition]] = {
        TriggerType.BEHAVIOR_BASED: lambda market, random: _behaviour(market, random, market.types.draw(random)),
        TriggerType.CONDITION_BASED: _profile,
        TriggerType.COMPOSITE: _tree,
    }
    [kind] = random.choices(list(kinds), [70, 20, 10])
    trigger = Trigger(
        f"trigger_{number}",
        trigger_type=kind,
        condition=kinds[kind](market, random),
        priority=random.randint(1, 10),
        cooldown=random.choice(COOLDOWNS if kind is not TriggerType.CONDITION_BASED else COOLDOWNS[3:]),
    )
    return Gate.of(f"workflow_{number:05d}", number, trigger) if random.random() >= SWITCHED_OFF else None


def _behaviour(market: Market, random: Random, kind: str, most: int = 3) -> Condition:
    [count] = random.choices(range(4), [5, 25, 40, 30])
    names = random.sample(market.carried[kind], min(count, most))
    if names and random.random() < 0.03:
        names[0] = random.choice(sorted(OF_EVENTS))  # which the type may never carry
    parts: list[Condition] = []
    if not names or random.random() < 0.98:
        parts.append(EventIs((kind,)))
    if names:
        parts.append(EventHas({name: Equals(market.of_events[name].draw(random)) for name in names}))
    if kind in market.valued and random.random() < 0.4:
        parts.append(ValueAtLeast(random.choice(MINIMAL_VALUES)))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _profile(market: Market, random: Random) -> Condition:
    [count] = random.choices(range(4), [4, 20, 40, 36])
    names = random.sample(sorted(market.of_subscribers), count)
    [floors] = random.choices(range(3), [25, 45, 30]) if names else [2]
    parts: list[Condition] = []
    if names:
        parts.append(SubscriberHas({name: Equals(market.of_subscribers[name].draw(random)) for name in names}))
    if floors:
        minimums = {name: _minimum(METRICS[name], random) for name in random.sample(sorted(METRICS), floors)}
        parts.append(EngagementAtLeast(minimums))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _minimum(top: float, random: Random) -> float:
    minimum = top * random.uniform(0.1, 0.9)
    return round(minimum, 1) if isinstance(top, float) and random.random() < 0.5 else round(minimum)


def _tree(market: Market, random: Random) -> Condition:
    """A tree about one event type for the most part; negations stand beside something that is asked for."""
    theme = market.types.draw(random)

    def leaf() -> Condition:
        if random.random() < 0.4:
            return _profile(market, random)
        return _behaviour(market, random, theme if random.random() < 0.8 else market.types.draw(random), 2)

    def grown(depth: int) -> Condition:
        if depth == 0 or (depth < 3 and random.random() < 0.65):
            return leaf()
        if random.random() < 0.4:
            return AnyOf(tuple(grown(depth - 1) for _ in range(random.randint(2, 3))))
        denied = [depth > 1 and number > 0 and random.random() < 0.35 for number in range(random.randint(2, 3))]
        return AllOf(tuple(Not(grown(depth - 2)) if no else grown(depth - 1) for no in denied))

    return Not(grown(2)) if random.random() < 0.005 else grown(3)

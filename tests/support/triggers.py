"""Random triggers and events whose values are awkward, and few enough to meet."""

import math
from datetime import timedelta
from random import Random

from flowkit.conditions import (
    AllOf,
    AnyOf,
    Compares,
    Condition,
    Differs,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Exists,
    Matcher,
    Not,
    OneOf,
    Order,
    Sample,
    Segments,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.events import Event, Facts
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.model import Trigger, TriggerType

TYPES = ["signup", "purchase", "open", "click", "Ärger"]
PATHS = ["a", "b", "c", "a.b", "a.b.c", "d"]
METRICS = ["opens", "rate", "ltv"]
SEGMENTS = ["vip", "new"]
PLAIN = [None, "", "x", "1", 0, 1, 2, -1, 0.0, 1.0, 0.5, True, False, 2**53 + 1, float(2**53), 10**400]
NESTED = [[], [1], ["x"], {}, {"b": 1}, {"b": {"c": "x"}}, {"b.c": 1, "b": True}]
NANS = [math.nan, float("nan"), math.inf, -math.inf]
VALUES = PLAIN * 3 + NESTED + NANS
MINIMUMS = [0, 1, -1, 0.5, 1.0, 2, True, 10**400, math.nan, math.inf, -math.inf]


def matcher(random: Random) -> Matcher:
    roll = random.random()
    if roll < 0.8:
        return Equals(random.choice(VALUES))
    if roll < 0.9:
        return OneOf(tuple(random.choices(VALUES, k=random.randint(1, 4))))
    return random.choice([Exists(True), Exists(False), Differs(random.choice(VALUES)), Compares(Order.GT, 0)])


def leaf(random: Random) -> Condition:
    def properties() -> dict[str, Matcher]:
        return {path: matcher(random) for path in random.sample(PATHS, random.choice([0, 1, 1, 1, 2, 2, 3]))}

    roll = random.random()
    if roll < 0.35:
        return EventIs(tuple(random.sample(TYPES, random.choice([1, 1, 1, 2]))))
    if roll < 0.6:
        return EventHas(properties())
    if roll < 0.75:
        return SubscriberHas(properties())
    if roll < 0.82:
        return ValueAtLeast(random.choice(MINIMUMS))
    if roll < 0.94:
        wanted = [*MINIMUMS, Compares(Order.GTE, 1), Compares(Order.GTE, 0), Compares(Order.LT, 1), Equals(None)]
        return EngagementAtLeast({name: random.choice(wanted) for name in random.sample(METRICS, random.randint(1, 3))})
    if roll < 0.98:
        return Segments(any=tuple(random.sample(SEGMENTS, 1)))
    return Sample(50, "salt")


def condition(random: Random, depth: int = 3) -> Condition:
    if depth == 0 or random.random() < 0.25:
        return leaf(random)
    inner = [condition(random, depth - 1) for _ in range(random.choice([0, 1, 2, 2, 2, 3, 3, 4]))]
    roll = random.random()
    if roll < 0.75:
        return AllOf((leaf(random), leaf(random), *inner))
    if roll < 0.92:
        return AnyOf(tuple(inner))
    return Not(condition(random, depth - 1))


def gate(random: Random, workflow_id: str, version: int = 1) -> Gate:
    trigger = Trigger(
        "t",
        trigger_type=random.choice(list(TriggerType)[:3]),
        condition=condition(random),
        priority=random.choice([1, 1, 1, 2, 10, 0, -1, -16, 2**63 - 1, -(2**63), 10**30]),
        cooldown=timedelta(hours=random.randint(0, 2)),
    )
    return Gate.of(workflow_id, version, trigger)


def bag(random: Random, names: list[str]) -> dict[str, object]:
    return {name: random.choice(VALUES) for name in random.sample(names, random.randint(0, len(names)))}


def event(random: Random) -> Event:
    return Event(random.choice([*TYPES, "other"]), "s", properties=bag(random, PATHS), value=random.choice(VALUES))


def facts(random: Random) -> Facts | None:
    if random.random() < 0.1:
        return None
    held = frozenset(random.sample(SEGMENTS, random.randint(0, 2)))
    return Facts(bag(random, PATHS), bag(random, METRICS), segments=held, subscriber_id="s")


def by_hand(gates: list[Gate], event: Event, facts: Facts | None, moment) -> list[Gate]:
    """Ask every trigger: what an index has to find."""
    asked = [gate for gate in gates if gate.matches(event, facts, moment)]
    return sorted(asked, key=lambda gate: (-gate.trigger.priority, gate.workflow_id))

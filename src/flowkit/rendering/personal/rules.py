"""Rules of personalization: where a condition holds, a tag has another value, shows a block, or a variant is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, assert_never

from attrs import evolve, field, frozen

from flowkit.conditions import NO_PREDICATES, Condition, Predicate, evaluate
from flowkit.conditions import needs as needs_of
from flowkit.errors import ConfigurationError
from flowkit.events import Event, Facts, Needs, together
from flowkit.rendering.personal.model import Prediction

__all__ = [
    "Applied",
    "PersonalRule",
    "SetTag",
    "ShowBlock",
    "TakeVariant",
    "applied",
    "asks_for_predictions",
    "checked",
    "holding",
    "rule_needs",
    "scores",
]


@frozen
class SetTag:
    """A tag has this value.

    Attributes:
        tag: Its name.
        value: A text or a number.
    """

    tag: str
    value: str | float


@frozen
class ShowBlock:
    """A tag shows this block.

    Attributes:
        tag: Its name.
        block: The id of a block of the personalization.
    """

    tag: str
    block: str


@frozen
class TakeVariant:
    """The template's subject of this name is taken, where it has one; and ``variant`` is its name in the template.

    Attributes:
        variant: The name.
    """

    variant: str


Effect: TypeAlias = SetTag | ShowBlock | TakeVariant


@frozen
class PersonalRule:
    """What is different for readers of whom a condition holds.

    Attributes:
        rule_id: Its name, for the journal.
        when: The condition, over attributes, engagement, segments and the event; ``predictions`` is among the
            attributes, with ``engagement``, ``churn`` and ``lifetime_value``.
        then: What is different.
        priority: Of two rules for the same tag, or two that take a variant, the higher goes first; of equal ones the
            first.
    """

    rule_id: str
    when: Condition
    then: Effect
    priority: int = field(default=0, kw_only=True)


@frozen
class Applied:
    """What the rules come to for one reader.

    Attributes:
        rules: The ids of the rules that had an effect, in order.
        tags: The values of tags.
        blocks: The ids of blocks, by the tag that shows them.
        variant: Which variant is taken; None where none is.
    """

    rules: tuple[str, ...] = ()
    tags: Mapping[str, str | float] = field(factory=dict[str, "str | float"])
    blocks: Mapping[str, str] = field(factory=dict[str, str])
    variant: str | None = None


def checked(rules: Iterable[PersonalRule]) -> tuple[PersonalRule, ...]:
    """Put rules into the order in which they are asked.

    Raises:
        ConfigurationError: Two have one id.
    """
    ordered = tuple(sorted(rules, key=lambda rule: -rule.priority))
    ids = [rule.rule_id for rule in ordered]
    for one in ids:
        if ids.count(one) > 1:
            message = f"two rules are called {one!r}: give each an id of its own"
            raise ConfigurationError(message)
    return ordered


def rule_needs(rules: Iterable[PersonalRule]) -> Needs:
    """Say what is read of a subscriber to decide rules; predictions are none of the profile's."""
    total = together(needs_of(rule.when) for rule in rules)
    return evolve(total, attributes=total.attributes - {"predictions"})


def asks_for_predictions(rules: Iterable[PersonalRule]) -> bool:
    """Tell whether a rule reads a prediction."""
    return any("predictions" in needs_of(rule.when).attributes for rule in rules)


def holding(
    rules: Sequence[PersonalRule],
    facts: Facts,
    event: Event | None,
    prediction: Prediction,
    now: datetime,
    predicates: Mapping[str, Predicate] = NO_PREDICATES,
) -> list[str]:
    """Give the ids of the rules whose condition holds, in the order of their priority."""
    known = evolve(facts, attributes={**facts.attributes, "predictions": scores(prediction)})
    return [rule.rule_id for rule in rules if evaluate(rule.when, known, event, now, predicates=predicates).holds]


def scores(prediction: Prediction) -> dict[str, Any]:
    """Give what is predicted, by the names that rules and templates know, without what is not."""
    found = {
        "engagement": prediction.engagement,
        "churn": prediction.churn,
        "lifetime_value": prediction.lifetime_value,
    }
    return {name: value for name, value in found.items() if value is not None}


def applied(rules: Sequence[PersonalRule], ids: Iterable[str]) -> Applied:
    """Say what rules come to: of several for one thing the first has its way.

    Args:
        rules: All rules, in order.
        ids: Those whose condition holds.
    """
    wanted = frozenset(ids)
    tags: dict[str, str | float] = {}
    blocks: dict[str, str] = {}
    variant: str | None = None
    took: list[str] = []
    for rule in rules:
        if rule.rule_id not in wanted:
            continue
        match rule.then:
            case SetTag(tag, value) if tag not in tags and tag not in blocks:
                tags[tag] = value
            case ShowBlock(tag, block) if tag not in tags and tag not in blocks:
                blocks[tag] = block
            case TakeVariant(name) if variant is None:
                variant = name
            case SetTag() | ShowBlock() | TakeVariant():
                continue
            case _:
                assert_never(rule.then)
        took.append(rule.rule_id)
    return Applied(tuple(took), tags, blocks, variant)

"""One message for one reader: what its tags stand for, and what is told of how they came about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from attrs import Factory, field, frozen

from flowkit.conditions import needs as needs_of
from flowkit.errors import ConfigurationError
from flowkit.events import NO_NEEDS, Needs, Properties
from flowkit.rendering.engine import CompiledTemplate, Rendered
from flowkit.rendering.filters import date_text
from flowkit.rendering.personal import blocks as made
from flowkit.rendering.personal.blocks import (
    STANDARD_BLOCKS,
    BlockLinks,
    BlockTemplate,
    CallToAction,
    compile_blocks,
    rendered_block,
)
from flowkit.rendering.personal.confidence import confidence
from flowkit.rendering.personal.model import NEUTRAL, Article, Piece, Prediction, Product
from flowkit.rendering.personal.rules import (
    Applied,
    PersonalRule,
    SetTag,
    ShowBlock,
    TakeVariant,
    applied,
    asks_for_predictions,
    checked,
    rule_needs,
    scores,
)
from flowkit.rendering.personal.times import (
    GREETINGS,
    Greeting,
    Occasion,
    greeting,
    is_south,
    occasion,
    season,
    zone_of,
)
from flowkit.rendering.values import Block, Labelled

__all__ = ["Inputs", "Personalization", "Prepared", "Wants", "prepare", "told", "wants"]

_TIME: Final = "timeOfDay"
_PRODUCTS, _CONTENT, _ACTIVITY = "productRecommendations", "recommendedContent", "recentActivity"
_SEASONAL, _LOCAL, _CALL = "seasonalContent", "locationContent", "primaryCTA"
_DATES: Final = ("signupDate", "lastPurchaseDate")
_COMPUTED: Final = frozenset({_TIME, _PRODUCTS, _CONTENT, _SEASONAL, _LOCAL, _CALL, "predictions", "variant"})
_READS: Final[Mapping[str, frozenset[str]]] = {
    _TIME: frozenset({"preferredContactTime", "locale"}),
    _PRODUCTS: frozenset({"location", "hemisphere"}),
    _CONTENT: frozenset({"location", "hemisphere"}),
    _SEASONAL: frozenset({"location", "hemisphere"}),
    _LOCAL: frozenset({"location"}),
}
_MADE: Final[Mapping[str, frozenset[str]]] = {
    _PRODUCTS: frozenset({"products"}),
    _CONTENT: frozenset({"articles"}),
    _ACTIVITY: frozenset({"activities"}),
    _SEASONAL: frozenset({"piece"}),
    _LOCAL: frozenset({"piece"}),
    _CALL: frozenset({"call"}),
}
"""What is worked out for a block; all else that it reads is the reader's."""
_ZONED: Final = frozenset({_TIME, _SEASONAL, _PRODUCTS, _CONTENT, *_DATES})
_HIGH: Final = 0.7
_STANDARD_DATE: Final = "%-d %B %Y"
_URGENT: Final = CallToAction(label="Don’t Miss Out - Shop Now!", color="#c0392b", urgency="high", bold=True)
_PREMIUM: Final = CallToAction(label="Explore Premium Collection", color="#8e44ad", urgency="medium")
_STANDARD: Final = CallToAction(label="Shop Now")


@frozen(kw_only=True)
class Personalization:
    """How messages are personalized.

    Attributes:
        rules: What is different for whom.
        blocks: Templates of blocks by tag, in place of the `STANDARD_BLOCKS` or beside them.
        greetings: What ``{{timeOfDay}}`` says, by locale; ``en`` is for all others.
        urgent: The call to action where the predicted churn is above 0.7.
        premium: Where it is not, and the predicted engagement is above 0.7.
        standard: Anywhere else.
        occasions: What ``{{seasonalContent}}`` shows, and when.
        places: What ``{{locationContent}}`` shows, by city, region or country, in lower case.
        links: Where the links of blocks lead, and what is added to them.
        currency: In which currency products are priced that do not say so.
        products: The most products that are shown.
        articles: The most pieces of content that are shown.
        activities: The most activities that are shown.

    Raises:
        ConfigurationError: Two rules have one id, or a rule shows a block that there is not.
        TemplateError: The template of a block is none, or does what templates may not.
    """

    rules: Sequence[PersonalRule] = field(default=(), converter=checked)
    blocks: Mapping[str, BlockTemplate] = field(factory=dict[str, BlockTemplate])
    greetings: Mapping[str, Greeting] = GREETINGS
    urgent: CallToAction = _URGENT
    premium: CallToAction = _PREMIUM
    standard: CallToAction = _STANDARD
    occasions: Sequence[Occasion] = ()
    places: Mapping[str, Piece] = field(factory=dict[str, Piece])
    links: BlockLinks = field(factory=BlockLinks)
    currency: str = "USD"
    products: int = 4
    articles: int = 3
    activities: int = 3
    compiled: Mapping[str, CompiledTemplate] = field(
        init=False,
        repr=False,
        eq=False,
        default=Factory(lambda self: compile_blocks({**STANDARD_BLOCKS, **self.blocks}), takes_self=True),
    )

    def __attrs_post_init__(self) -> None:
        for rule in self.rules:
            if isinstance(rule.then, ShowBlock) and rule.then.block not in self.compiled:
                message = f"the rule {rule.rule_id!r} shows the block {rule.then.block!r}, which there is not"
                raise ConfigurationError(message)
            needed = needs_of(rule.when)
            if needed.history or needed.splits:
                message = f"the rule {rule.rule_id!r} asks for past events; ask for attributes, segments or engagement"
                raise ConfigurationError(message)

    @property
    def tags(self) -> frozenset[str]:
        """The names of all tags that it gives a value, in place of the profile."""
        ruled = (rule.then.tag for rule in self.rules if isinstance(rule.then, SetTag | ShowBlock))
        return _COMPUTED | self.compiled.keys() | frozenset(ruled)

    def call_for(self, prediction: Prediction) -> CallToAction:
        """Choose the call to action by what is predicted; what is not predicted urges nobody."""
        if prediction.churn is not None and prediction.churn > _HIGH:
            return self.urgent
        if prediction.engagement is not None and prediction.engagement > _HIGH:
            return self.premium
        return self.standard


@frozen(kw_only=True)
class Wants:
    """What has to be known before a template can be rendered.

    Attributes:
        read: All names that it reads.
        attributes: The names that the template reads and that nothing computes.
        needs: What has to be read of the subscriber besides.
        predictions: Whether predictions are asked for.
        products: Whether products are.
        content: Whether content is.
        rules: The rules that may make a difference to the template.
    """

    read: frozenset[str]
    attributes: frozenset[str]
    needs: Needs
    predictions: bool
    products: bool
    content: bool
    rules: tuple[PersonalRule, ...]


@frozen(kw_only=True)
class Inputs:
    """What a message is made from beside the profile; all of it is data that can be kept for a retry.

    Attributes:
        at: The instant at which it is made.
        zone: The name of the reader's time zone; None where it is not known.
        prediction: What is predicted.
        asked: Whether a prediction was asked for, whatever came of it.
        products: The products that are recommended, the best first.
        content: The content that is recommended, the best first.
        rules: The ids of the rules whose condition holds.
        failed: What could not be had, with the kind of error, such as ``predictions (TimeoutError)``.
    """

    at: datetime
    zone: str | None = None
    prediction: Prediction = NEUTRAL
    asked: bool = False
    products: Sequence[Product] = ()
    content: Sequence[Article] = ()
    rules: Sequence[str] = ()
    failed: Sequence[str] = ()


@frozen(kw_only=True)
class Prepared:
    """What the tags of a template stand for.

    Attributes:
        values: By name; they go before the subscriber's attributes.
        applied: What the rules came to.
        zone: The reader's time zone.
    """

    values: Mapping[str, Any]
    applied: Applied
    zone: Any


def wants(personalization: Personalization, template: CompiledTemplate, subject: Collection[str] = ()) -> Wants:
    """Say what has to be known for a template.

    Args:
        personalization: How messages are personalized.
        template: The template.
        subject: What a subject of its own reads that the message has.
    """
    read = template.variables | frozenset(subject)
    rules = tuple(rule for rule in personalization.rules if _matters(rule, read, template))
    shown = read | {rule.then.block for rule in rules if isinstance(rule.then, ShowBlock)}
    more = frozenset[str]().union(*(_READS.get(name, frozenset()) for name in shown))
    if _ACTIVITY in shown:
        more |= {_ACTIVITY}
    for block in shown & personalization.compiled.keys():
        more |= personalization.compiled[block].variables - (_MADE.get(block, frozenset()) | _COMPUTED)
    return Wants(
        read=read,
        attributes=(read - _COMPUTED) | more,
        needs=rule_needs(rules) | (Needs(zone=True) if shown & _ZONED else NO_NEEDS),
        predictions="predictions" in read or _CALL in shown or asks_for_predictions(rules),
        products=_PRODUCTS in shown,
        content=_CONTENT in shown,
        rules=rules,
    )


def _matters(rule: PersonalRule, read: frozenset[str], template: CompiledTemplate) -> bool:
    match rule.then:
        case SetTag(tag=tag) | ShowBlock(tag=tag):
            return tag in read
        case TakeVariant(variant=variant):
            return variant in template.variants or "variant" in read


def prepare(personalization: Personalization, wanted: Wants, attributes: Properties, inputs: Inputs) -> Prepared:
    """Work out what the tags of a template stand for, for one reader.

    Args:
        personalization: How messages are personalized.
        wanted: What `wants` says of the template; only what it reads is worked out.
        attributes: The reader's attributes.
        inputs: What else the message is made from.
    """
    known = zone_of(inputs.zone)
    zone = known or UTC
    local = inputs.at.astimezone(zone)
    came = applied(wanted.rules, inputs.rules)
    blocks = _Blocks(personalization, attributes, inputs, local)
    values: dict[str, Any] = {}
    read = wanted.read
    for tag in (*personalization.compiled, *came.blocks):
        if tag in read:
            values[tag] = blocks.show(came.blocks.get(tag, tag))
    if _TIME in read:
        preferred, locale = attributes.get("preferredContactTime"), attributes.get("locale")
        values[_TIME] = greeting(personalization.greetings, locale, preferred, local if known else None)
    if "predictions" in read:
        values["predictions"] = scores(inputs.prediction)
    values |= {name: day for name in _DATES if name in read and (day := _day(attributes.get(name), zone))}
    location = attributes.get("location")
    if "location" in read and isinstance(location, Mapping):
        values["location"] = Labelled(cast("Mapping[str, Any]", location), "city")
    values |= came.tags
    if came.variant is not None:
        values["variant"] = came.variant
    return Prepared(values=values, applied=came, zone=zone)


class _Day(datetime):
    """An instant that prints as its day, and is still an instant to the filters."""

    __slots__ = ()

    def __str__(self) -> str:
        return date_text(self, _STANDARD_DATE)


def _day(value: object, zone: Any) -> _Day | None:  # noqa: ANN401 - a tzinfo
    """Read a date for a reader; what is none stays as it is."""
    if not isinstance(value, str):
        return None
    try:
        moment = _Day.fromisoformat(value.strip())
        return moment if moment.tzinfo is None else moment.astimezone(zone)
    except (ValueError, OverflowError):
        return None


class _Blocks:
    """Makes the blocks of one message."""

    def __init__(
        self, personalization: Personalization, attributes: Properties, inputs: Inputs, local: datetime
    ) -> None:
        self._how = personalization
        self._attributes = attributes
        self._inputs = inputs
        self._local = local

    def show(self, block: str) -> Block:
        """Make a block; an empty one where there is nothing to show."""
        values = self._values(block)
        if values is None:
            return Block(block, "", "")
        zone = self._local.tzinfo or UTC
        return rendered_block(block, self._how.compiled[block], {**self._attributes, **values}, zone)

    def _values(self, block: str) -> Mapping[str, Any] | None:
        """Give what a block reads; None where there is nothing to show. A block of the host's own reads the profile."""
        how, inputs = self._how, self._inputs
        links = how.links
        match block:
            case "productRecommendations":
                return made.product_values(inputs.products[: how.products], links, how.currency) or None
            case "recommendedContent":
                return made.article_values(inputs.content[: how.articles], links) or None
            case "recentActivity":
                return made.activity_values(self._attributes.get(_ACTIVITY), how.activities) or None
            case "seasonalContent":
                now = season(self._local, south=is_south(self._attributes))
                on = occasion(how.occasions, self._local, now)
                return made.piece_values(on.piece if on else None, links, "seasonal") or None
            case "locationContent":
                return made.piece_values(self._place(), links, "location") or None
            case "primaryCTA":
                return made.call_values(how.call_for(inputs.prediction), links)
            case _:
                return {}

    def _place(self) -> Piece | None:
        """Find what is said to readers of a place: of the city, else the region, else the country."""
        location = self._attributes.get("location")
        if not isinstance(location, Mapping):
            return None
        known = cast("Mapping[str, object]", location)
        for name in ("city", "region", "country"):
            place = known.get(name)
            if isinstance(place, str) and place.strip().lower() in self._how.places:
                return self._how.places[place.strip().lower()]
        return None


def told(personalization: Personalization, prepared: Prepared, inputs: Inputs, rendered: Rendered) -> dict[str, Any]:
    """Say how a message came about, without a word of the profile: for its metadata and for the journal.

    Returns:
        ``confidence``, and, where there are any, ``blocks`` that were shown, ``rules`` that had an effect, the
        ``variant`` taken, ``predictions``, ids of ``products`` and ``content`` shown, ``fallbacks`` used by path,
        what was left ``blank``, the ``locale`` of the template, and what ``failed``.
    """
    shown = rendered.shown
    products = inputs.products[: personalization.products] if _PRODUCTS in shown else ()
    content = inputs.content[: personalization.articles] if _CONTENT in shown else ()
    predicted = dict(inputs.prediction.confidence) if inputs.asked else None
    found: dict[str, Any] = {
        "confidence": confidence(shown, predicted, [one.confidence for one in products] or None),
        "blocks": list(shown),
        "rules": list(prepared.applied.rules),
        "variant": prepared.applied.variant,
        "predictions": scores(inputs.prediction),
        "products": [one.product_id for one in products],
        "content": [one.content_id for one in content],
        "fallbacks": list(rendered.defaulted),
        "blank": list(rendered.blanked),
        "locale": rendered.locale,
        "failed": list(inputs.failed),
    }
    return {name: value for name, value in found.items() if value not in ([], {}, None)}

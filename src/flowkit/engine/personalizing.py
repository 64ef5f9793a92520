"""What messages are personalized with: asked for a whole batch at once, and kept for a retry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar, cast

from attrs import evolve, frozen

from flowkit.engine.drive import resolve
from flowkit.engine.jobs import named
from flowkit.engine.parts import Parts
from flowkit.events import Event, Facts, Needs, Properties, from_micros
from flowkit.ports import Maybe
from flowkit.rendering.engine import CompiledSubject, CompiledTemplate, Rendered
from flowkit.rendering.model import MessageAborted
from flowkit.rendering.personal.model import (
    NEUTRAL,
    Article,
    Prediction,
    Product,
    RecommendationRequest,
    read_back,
    stored,
)
from flowkit.rendering.personal.personalize import Inputs, Personalization, Prepared, Wants, prepare, told, wants
from flowkit.rendering.personal.rules import holding
from flowkit.rendering.personal.times import is_south, season, zone_of
from flowkit.runs.effects import Outcome

__all__ = ["Note", "Personalizing", "noted_outcome", "render_letter"]

T = TypeVar("T")
Note: TypeAlias = tuple[tuple[str, object], ...]
"""What the journal says of how a message was made, by name."""

_JOURNALED: Final = ("confidence", "rules", "variant", "blocks", "products", "content", "fallbacks", "blank", "failed")
_NO_METADATA: Final[Mapping[str, Any]] = {}


@frozen(eq=False)
class Personalizing:
    """How the messages of one template are personalized.

    Attributes:
        how: The host's settings.
        wanted: What the template asks for.
    """

    how: Personalization
    wanted: Wants

    @classmethod
    def of(cls, how: Personalization, template: CompiledTemplate, subject: frozenset[str]) -> Personalizing:
        """Look at a template, and at the subject of its own that the message has."""
        return cls(how, wants(how, template, subject))

    def needs(self, parts: Parts) -> Needs:
        """Say what is read of a subscriber: by the template, by rules, and by the ports that are asked."""
        wanted = self.wanted
        total = Needs(attributes=wanted.attributes) | wanted.needs
        if wanted.predictions and parts.predictions is not None:
            total |= parts.predictions.needs
        if (wanted.products or wanted.content) and parts.recommendations is not None:
            total |= parts.recommendations.needs
        return total

    async def gather(
        self,
        parts: Parts,
        facts: Mapping[str, Facts],
        asked: Mapping[int, tuple[str, Event | None]],
        workflow_id: str,
        now: int,
    ) -> Mapping[int, Mapping[str, Any]]:
        """Ask the ports, each once for all subscribers.

        Args:
            parts: The ports.
            facts: What is known of the subscribers; nobody else is asked about.
            asked: For whom messages are made, and after which event, by any number.
            workflow_id: In which workflow.
            now: The engine's instant, in microseconds.

        Returns:
            What each message is made from, as JSON can hold it, by the same numbers.
        """
        at, failed = from_micros(now), list[str]()
        predicted: Mapping[str, Prediction] = {}
        products: Mapping[str, Sequence[Product]] = {}
        content: Mapping[str, Sequence[Article]] = {}
        models, shop = parts.predictions, parts.recommendations
        asks = self.wanted.predictions and models is not None
        if models is not None and asks:
            predicted = await _ask("predictions", partial(models.predict, facts), failed)
        if shop is not None and self.wanted.products:
            requests = self._requests(facts, at, workflow_id, self.how.products)
            products = await _ask("products", partial(shop.products, requests), failed)
        if shop is not None and self.wanted.content:
            requests = self._requests(facts, at, workflow_id, self.how.articles)
            content = await _ask("content", partial(shop.content, requests), failed)
        found: dict[int, Mapping[str, Any]] = {}
        for index, (one, event) in asked.items():
            if one not in facts:
                continue
            prediction = predicted.get(one, NEUTRAL)
            found[index] = {
                "at": now,
                "zone": facts[one].zone,
                "prediction": stored(prediction),
                "asked": asks,
                "products": [stored(product) for product in products.get(one, ())[: self.how.products]],
                "content": [stored(article) for article in content.get(one, ())[: self.how.articles]],
                "rules": holding(self.wanted.rules, facts[one], event, prediction, at, parts.predicates),
                "failed": failed,
            }
        return found

    def _requests(
        self, facts: Mapping[str, Facts], at: datetime, workflow_id: str, limit: int
    ) -> list[RecommendationRequest]:
        return [
            RecommendationRequest(
                subscriber_id=one,
                facts=known,
                season=season(at.astimezone(zone_of(known.zone) or UTC), south=is_south(known.attributes)),
                workflow_id=workflow_id,
                limit=limit,
            )
            for one, known in facts.items()
        ]

    def prepare(self, attributes: Properties, made_from: Mapping[str, Any]) -> tuple[Prepared, Inputs]:
        """Work out what the tags of a message stand for, from what `gather` gave, also by way of JSON."""
        inputs = Inputs(
            at=from_micros(made_from["at"]),
            zone=made_from["zone"],
            prediction=read_back(Prediction, made_from["prediction"]),
            asked=made_from["asked"],
            products=[read_back(Product, one) for one in made_from["products"]],
            content=[read_back(Article, one) for one in made_from["content"]],
            rules=made_from["rules"],
            failed=made_from["failed"],
        )
        return prepare(self.how, self.wanted, attributes, inputs), inputs

    def told(self, prepared: Prepared, inputs: Inputs, rendered: Rendered) -> Mapping[str, Any]:
        """Say how a message came about, for its metadata and for the journal."""
        return told(self.how, prepared, inputs, rendered)


async def _ask(port: str, call: Callable[[], Maybe[Mapping[str, T]]], failed: list[str]) -> Mapping[str, T]:
    """Ask a port without which a message can be made; what it raises is told with the message."""
    try:
        return await resolve(port, call())
    except Exception as error:  # noqa: BLE001 - whatever a host's model raises, it costs confidence and no message
        failed.append(f"{port} ({named(error)})")
        return {}


def render_letter(
    values: Mapping[str, Any],
    made_from: Mapping[str, Any] | None,
    template: CompiledTemplate,
    subject: CompiledSubject | None,
    instead: CompiledTemplate | None,
    personal: Personalizing | None,
) -> tuple[Rendered, Mapping[str, Any], Note]:
    """Render a message by its template, or once by the one that is named to stand in.

    Args:
        values: What its tags read, before it is personalized.
        made_from: What it is personalized with; None where it is not.
        template: Its template.
        subject: The subject of its own that it has; the template that stands in brings its own.
        instead: The template that stands in; None where there is none.
        personal: How it is personalized; None where it is not.

    Returns:
        What it says; what is to be added to its metadata; what the journal is to say.

    Raises:
        MessageAborted: It cannot be made for this subscriber, nor by the template that stands in.
    """
    prepared, inputs = None, None
    if personal is not None and made_from is not None:
        prepared, inputs = personal.prepare(values["user"], made_from)
        values = {**values, **prepared.values}
    zone = UTC if prepared is None else prepared.zone
    variant = None if prepared is None else prepared.applied.variant
    note: Note = ()
    try:
        own = None if subject is None else subject.render(values, zone=zone)
        rendered = template.render(values, subject=own, zone=zone, variant=variant)
    except MessageAborted as aborted:
        if instead is None:
            raise
        rendered = instead.render(values, zone=zone, variant=variant)
        note = (("instead", instead.template_id), ("because", str(aborted)))
    if personal is None or prepared is None or inputs is None:
        return rendered, dict(note[:1]) if note else _NO_METADATA, note
    found = personal.told(prepared, inputs, rendered)
    journaled = tuple((name, _hashable(found[name])) for name in _JOURNALED if name in found)
    return rendered, {"personalization": found, **dict(note[:1])}, note + journaled


def _hashable(value: object) -> object:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def noted_outcome(outcome: Outcome | None, note: Note) -> Outcome | None:
    """Let the outcome of a message say in the journal how it was made."""
    return None if outcome is None else evolve(outcome, told=outcome.told + note)

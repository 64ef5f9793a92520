"""What predictions and recommendations are, and the pieces that a host has ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import asdict, field, fields, frozen

from flowkit.events import Facts

__all__ = ["NEUTRAL", "Article", "Piece", "Prediction", "Product", "RecommendationRequest", "read_back", "stored"]

_NOTHING: Final[Mapping[str, float]] = {}


@frozen(kw_only=True)
class Prediction:
    """What a model expects of a subscriber; None where it does not say.

    Attributes:
        engagement: How likely the subscriber is to engage, from 0 to 1.
        churn: How likely the subscriber is to leave, from 0 to 1.
        lifetime_value: What the subscriber is expected to bring, in the host's currency.
        confidence: How sure the model is of each, from 0 to 1, by any names.
    """

    engagement: float | None = None
    churn: float | None = None
    lifetime_value: float | None = None
    confidence: Mapping[str, float] = field(default=_NOTHING)


NEUTRAL: Final = Prediction()
"""The prediction for somebody of whom nothing is predicted."""


@frozen(kw_only=True)
class Product:
    """A product that is recommended.

    Attributes:
        product_id: Its id in the host's shop.
        name: What it is called.
        price: What it costs: a number, or a text of one, such as ``"19.90"``; None shows no price.
        currency: The currency's code, such as ``EUR``; None takes that of the personalization.
        image_url: An absolute URL of its picture; None shows none.
        url: Its page; None makes ``/products/<product_id>`` below the site.
        reason: Why it is recommended to this reader; None says nothing.
        category: Its category.
        confidence: How sure the recommendation is, from 0 to 1.
    """

    product_id: str
    name: str
    price: float | str | None = None
    currency: str | None = None
    image_url: str | None = None
    url: str | None = None
    reason: str | None = None
    category: str | None = None
    confidence: float = 0.5


@frozen(kw_only=True)
class Article:
    """A piece of content that is recommended.

    Attributes:
        content_id: Its id.
        title: What it is called.
        url: Its page.
        summary: A sentence about it; None says nothing.
        confidence: How sure the recommendation is, from 0 to 1.
    """

    content_id: str
    title: str
    url: str
    summary: str | None = None
    confidence: float = 0.5


@frozen(kw_only=True)
class Piece:
    """What a host says on an occasion, or to readers of a place.

    Attributes:
        title: A heading.
        text: A sentence or two.
        url: Where it leads; None leads nowhere.
        label: What the link says.
    """

    title: str
    text: str
    url: str | None = None
    label: str = "Read more"


@frozen(kw_only=True)
class RecommendationRequest:
    """For whom something is to be recommended.

    Attributes:
        subscriber_id: For whom.
        facts: What the port needs to know about the subscriber, as its ``needs`` say.
        season: ``spring``, ``summer``, ``autumn`` or ``winter``, where the subscriber lives.
        workflow_id: In which workflow.
        limit: The most that is shown; what is given beyond is left out.
    """

    subscriber_id: str
    facts: Facts
    season: str
    workflow_id: str
    limit: int


def read_back(kind: type[Any], stored: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an instance of that kind
    """Make a value from what ``attrs.asdict`` gave, also by way of JSON; names that it has no more are left out."""
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in stored.items() if name in known})


def stored(value: Prediction | Product | Article) -> dict[str, Any]:
    """Give a value as JSON can hold it."""
    return asdict(value)

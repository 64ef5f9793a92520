"""A reader, a shop and the usual tags: what tests of personalized messages are made from."""

from datetime import UTC, datetime
from pathlib import Path

from flowkit.conditions import SubscriberHas, less_than
from flowkit.rendering.engine import compile_template, context
from flowkit.rendering.model import STANDARD_FALLBACKS, Template
from flowkit.rendering.personal.blocks import BlockLinks
from flowkit.rendering.personal.model import Article, Piece, Prediction, Product
from flowkit.rendering.personal.personalize import Inputs, Personalization, prepare, told, wants
from flowkit.rendering.personal.rules import PersonalRule, TakeVariant
from flowkit.rendering.personal.times import Occasion

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "mail"
AT = datetime(2026, 12, 4, 7, 30, tzinfo=UTC)
ADA = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "company": "Smith & Sons",
    "email": "ada@example.com",
    "signupDate": "2025-03-01T23:30:00+00:00",
    "lastPurchaseDate": "2026-11-20",
    "totalPurchases": 7,
    "favoriteCategory": "maps & globes",
    "location": {"city": "Köln", "country": "DE", "latitude": 50.9},
    "recentActivity": [
        {"text": "You looked at “Atlas <of> Clouds”", "when": "2026-12-01T10:00:00+00:00"},
        "You put a globe into your basket",
        {"text": ""},
        7,
    ],
}
PRODUCTS = (
    Product(product_id="p 1", name="Globe, 30 cm", price="1299.5", currency="EUR", confidence=0.9,
            image_url="https://img.example/globe.png", reason="Because you like maps & globes"),
    Product(product_id="p2", name="Atlas <of> Clouds", price=19, url="https://shop.example/atlas?utm_source=web&a=1",
            confidence=0.7),
    Product(product_id="p3", name="Compass", confidence=0.8),
)  # fmt: skip
ARTICLES = (
    Article(content_id="a1", title="How maps lie", url="/read/maps", summary="And why that is good."),
    Article(content_id="a2", title="Ten globes", url="https://shop.example/read/globes"),
)
PREDICTION = Prediction(engagement=0.2, churn=0.8, lifetime_value=310.0, confidence={"engagement": 0.8, "churn": 0.6})
HOW = Personalization(
    links=BlockLinks(site="https://shop.example"),
    occasions=[
        Occasion(name="winter", season="winter", piece=Piece(title="Long evenings", text="Maps for the fireside.")),
        Occasion(name="advent", first=(12, 1), last=(12, 24),
                 piece=Piece(title="Advent", text="A door a day.", url="/advent", label="Open it")),
    ],
    places={"köln": Piece(title="In Köln", text="Visit us at the cathedral.")},
    rules=[
        PersonalRule("lost_interest", SubscriberHas({"predictions.engagement": less_than(0.3)}),
                     TakeVariant("urgent")),
    ],
)  # fmt: skip


def seed_template(**more):
    """A template with every usual tag."""
    return Template(
        "seed",
        subject="{{timeOfDay}} {{firstName}} of {{company}}",
        subjects={"urgent": "{{firstName}}, do not miss out!"},
        html=(GOLDEN / "seed.html").read_text(encoding="utf-8"),
        text=(GOLDEN / "seed.txt").read_text(encoding="utf-8"),
        fallbacks=STANDARD_FALLBACKS,
        **more,
    )


def inputs(**changes):
    """All that a message can be made from."""
    given = {
        "at": AT,
        "zone": "Europe/Berlin",
        "prediction": PREDICTION,
        "asked": True,
        "products": PRODUCTS,
        "content": ARTICLES,
        "rules": ["lost_interest"],
    }
    return Inputs(**{**given, **changes})


def personalized(template, attributes, given, how=HOW):
    """Render a template for a reader; what it says, and what is told of it."""
    compiled = compile_template(template)
    wanted = wants(how, compiled)
    prepared = prepare(how, wanted, attributes, given)
    values = {**context(attributes, None), **prepared.values}
    rendered = compiled.render(values, zone=prepared.zone, variant=prepared.applied.variant)
    return rendered, told(how, prepared, given, rendered)

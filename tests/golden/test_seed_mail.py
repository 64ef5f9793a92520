"""A template with all the usual tags, rendered: the HTML and the text to the letter."""

import pytest
from attrs import evolve

from flowkit.rendering.model import MessageAborted
from flowkit.rendering.personal.model import NEUTRAL
from tests.support.personal import ADA, GOLDEN, PRODUCTS, inputs, personalized, seed_template


def golden(name):
    return (GOLDEN / name).read_text(encoding="utf-8")


def test_the_message_of_a_reader_of_whom_all_is_known():
    rendered, told = personalized(seed_template(), ADA, inputs())
    assert rendered.subject == "Ada, do not miss out!"
    assert rendered.html == golden("ada.html")
    assert rendered.text == golden("ada.txt")
    assert told == {
        # (0.5 + 0.2 + 0.1 + 0.05 + 0.1 + 0.1, which is 1.05) * (0.5 + 0.7 / 2) * (0.7 + 0.3 * 0.8)
        "confidence": pytest.approx(1.05 * 0.85 * 0.94),
        "blocks": ["primaryCTA", "productRecommendations", "recentActivity", "seasonalContent", "locationContent",
                   "recommendedContent"],
        "rules": ["lost_interest"],
        "variant": "urgent",
        "predictions": {"engagement": 0.2, "churn": 0.8, "lifetime_value": 310.0},
        "products": ["p 1", "p2", "p3"],
        "content": ["a1", "a2"],
    }  # fmt: skip


STRANGER = {"email": "jo@example.com", "signupDate": "2026-12-01", "lastPurchaseDate": "never"}


def test_the_message_of_a_reader_of_whom_little_is_known():
    little = inputs(zone=None, products=(), content=(), prediction=NEUTRAL, rules=(), failed=["products (OSError)"])
    rendered, told = personalized(seed_template(), STRANGER, little)
    assert rendered.subject == "Hello there of "
    assert rendered.html == golden("stranger.html")
    assert rendered.text == golden("stranger.txt")
    assert told["blocks"] == ["primaryCTA", "seasonalContent"]
    assert told["fallbacks"] == ["firstName", "company", "totalPurchases", "favoriteCategory"]
    assert told["failed"] == ["products (OSError)"]
    assert told["confidence"] == 0.325  # half of 0.5 + 0.1 + 0.05, since no prediction came


def test_without_an_address_there_is_no_message():
    with pytest.raises(MessageAborted, match="missing_value: email"):
        personalized(seed_template(), {**ADA, "email": None}, inputs())


@pytest.mark.parametrize(
    ("product", "shown"),
    [
        ({"url": "javascript:alert(1)"}, ["p2", "p3"]),
        ({"image_url": "data:text/html,x", "price": "free"}, ["p1", "p2", "p3"]),
        ({"price": "1e999999"}, ["p1", "p2", "p3"]),
    ],
)
def test_a_bad_product_hides_no_other(product, shown):
    bad = evolve(PRODUCTS[0], product_id="p1", **product)
    rendered, _ = personalized(seed_template(), ADA, inputs(products=(bad, *PRODUCTS[1:])))
    assert [one for one in ("p1", "p2", "p3") if f"/products/{one}" in rendered.html or (one == "p2")] == shown
    assert "javascript" not in rendered.html
    assert "data:" not in rendered.html

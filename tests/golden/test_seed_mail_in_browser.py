"""What a reader sees: the message in a real browser, for friends and for hostile profiles."""

import json
from html.parser import HTMLParser

import pytest
from attrs import evolve

from flowkit.rendering.personal.model import Article, Prediction
from tests.support.browser import shown
from tests.support.personal import ADA, PRODUCTS, inputs, personalized, seed_template

pytestmark = pytest.mark.slow

# Written into the page by the test, and not by the template: a script within the message would change the title.
REPORT = """<script>
document.documentElement.setAttribute('data-report', JSON.stringify({
  title: document.title,
  text: document.body.innerText,
  links: [...document.links].map(link => [link.innerText, link.href]),
  scripts: document.querySelectorAll('body script:not([data-own])').length,
  handlers: [...document.querySelectorAll('*')].filter(
    one => [...one.attributes].some(attribute => attribute.name.startsWith('on'))).length,
  colors: [...document.links].map(link => getComputedStyle(link).backgroundColor),
  hacked: window.hacked === undefined ? null : String(window.hacked),
}));
</script>""".replace("<script>", "<script data-own>", 1)


class _Root(HTMLParser):
    report = None

    def handle_starttag(self, tag, attrs):
        if tag == "html":
            self.report = dict(attrs).get("data-report")


def report(html, folder):
    """Show a message in the browser; what is seen there."""
    reader = _Root()
    reader.feed(shown(html.replace("</body>", f"{REPORT}</body>"), folder))
    assert reader.report is not None
    return json.loads(reader.report)


def test_the_message_is_seen_as_it_is_meant(tmp_path):
    rendered, _ = personalized(seed_template(), ADA, inputs())
    seen = report(rendered.html, tmp_path)
    lines = [line for line in map(str.strip, seen["text"].splitlines()) if line]
    assert seen["title"] == "News for Ada"
    assert lines[:4] == [
        "Good morning, Ada",
        (
            "You have been with us since 2 March 2025, and last bought something on 20 November 2026. "
            "That makes 7 purchases of maps & globes in Köln."
        ),
        "Don’t Miss Out - Shop Now!",
        "Recommended Just for You",
    ]
    for line in ("Globe, 30 cm", "€1,299.50", "Because you like maps & globes", "Atlas <of> Clouds", "$19.00",
                 "You looked at “Atlas <of> Clouds”, 1 December 2026", "Advent", "In Köln", "How maps lie",
                 "And why that is good."):  # fmt: skip
        assert line in lines
    assert seen["colors"][0] == "rgb(192, 57, 43)"
    assert dict(map(tuple, seen["links"]))["Open it"] == (
        "https://shop.example/advent?utm_source=email&utm_campaign=automation&utm_content=seasonal"
    )
    assert seen["links"][2][1] == (
        "https://shop.example/atlas?utm_source=web&a=1&utm_campaign=automation&utm_content=recommendation"
    )
    assert (seen["scripts"], seen["hacked"]) == (0, None)


ATTACKS = [
    "<script>window.hacked=1</script>",
    "<img src=x onerror='window.hacked=1'>",
    '"><svg onload=window.hacked=1>',
    "' onmouseover='window.hacked=1' x='",
    "</title></style></textarea><script>window.hacked=1</script>",
    "--><script>window.hacked=1</script>",
    "<iframe srcdoc='<script>parent.hacked=1</script>'>",
    "{{ 7 * 7 }}{% for x in y %}",
    "\u202e<b>\ud800",
    "&lt;script&gt;window.hacked=1&lt;/script&gt;",
]
LINKS = [
    "javascript:window.hacked=1",
    "JaVaScRiPt:window.hacked=1",
    "java\nscript:window.hacked=1",
    "data:text/html,<script>",
]


def test_no_script_of_a_hostile_profile_runs(tmp_path):
    everything = " ".join(ATTACKS)
    attributes = dict.fromkeys(ADA, everything) | {
        "location": {"city": everything, "latitude": everything},
        "recentActivity": [{"text": attack, "when": None} for attack in ATTACKS[:3]],
    }
    products = [
        evolve(
            PRODUCTS[0], product_id=f"p{number}", name=attack, reason=attack, image_url=f"https://img.example/{attack}"
        )
        for number, attack in enumerate(ATTACKS)
    ]
    articles = [Article(content_id=str(number), title="a", url=url) for number, url in enumerate(LINKS)]
    given = inputs(prediction=Prediction(), products=products[:4], content=articles)
    rendered, _ = personalized(seed_template(), attributes, given)
    seen = report(rendered.html, tmp_path)
    assert (seen["hacked"], seen["scripts"], seen["handlers"]) == (None, 0, 0)
    assert "<script>window.hacked=1</script>" in seen["text"]
    assert "{{ 7 * 7 }}{% for x in y %}" in seen["text"]
    assert all(href.startswith("https://shop.example/") for _, href in seen["links"])
    assert "<script>" in seen["title"]


def test_the_report_would_see_a_script_that_runs(tmp_path):
    rendered, _ = personalized(seed_template(), ADA, inputs())
    seen = report(rendered.html.replace("</div>\n</body>", f"{ATTACKS[0]}{ATTACKS[1]}</div>\n</body>"), tmp_path)
    assert (seen["hacked"], seen["scripts"], seen["handlers"]) == ("1", 1, 1)

"""Blocks: pieces of a message that are made for its reader, each by a template that a host can replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from attrs import field, frozen

from flowkit.rendering.engine import CompiledTemplate, compile_template
from flowkit.rendering.escaping import url_start
from flowkit.rendering.model import MessageAborted, Missing, Template
from flowkit.rendering.personal.model import Article, Piece, Product
from flowkit.rendering.values import BadValueError, Block, is_blank

__all__ = ["STANDARD_BLOCKS", "BlockLinks", "BlockTemplate", "CallToAction", "compile_blocks", "rendered_block"]


@frozen(kw_only=True)
class BlockTemplate:
    """The template of a block; it is held to what all templates are held to.

    Attributes:
        html: Its HTML; it may hold whole elements only.
        text: What a plain part shows.
    """

    html: str
    text: str


@frozen(kw_only=True)
class CallToAction:
    """A call to action.

    Attributes:
        label: What the button says.
        url: Where it leads; None leads to the site.
        color: The button's colour.
        urgency: ``high``, ``medium`` or ``low``, for the template of the block.
        bold: Whether the label is.
    """

    label: str
    url: str | None = None
    color: str = "#2471a3"
    urgency: str = "low"
    bold: bool = False


@frozen(kw_only=True)
class BlockLinks:
    """Where links of blocks lead.

    Attributes:
        site: What comes before paths, such as ``https://shop.example``; empty leaves them relative, which mail clients
            cannot follow.
        parameters: What is added to the query of each link, where it is not there yet.
    """

    site: str = ""
    parameters: Mapping[str, str] = field(factory=lambda: {"utm_source": "email", "utm_campaign": "automation"})

    def to(self, url: str, content: str) -> str:
        """Make a link of a URL or a path.

        Args:
            url: The URL; a path is one of the site.
            content: Which kind of link this is, for ``utm_content``.
        """
        whole = f"{self.site.rstrip('/')}{url}" if url.startswith("/") and not url.startswith("//") else url
        try:
            parts = urlsplit(whole)
        except ValueError:
            return whole  # It is no URL; where it is printed it is looked at again.
        if parts.scheme not in {"", "http", "https"}:
            return whole
        there = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        wanted = {**self.parameters, "utm_content": content} if self.parameters else {}
        more = urlencode({name: value for name, value in wanted.items() if name not in there})
        query = "&".join(filter(None, (parts.query, more)))
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))


_DIGITS: Final = 18
_BUTTON: Final = "color:#ffffff;text-decoration:none;border-radius:4px;display:inline-block;"
STANDARD_BLOCKS: Final[Mapping[str, BlockTemplate]] = {
    "productRecommendations": BlockTemplate(
        html=(
            '<div style="margin:20px 0;">\n'
            '<h2 style="margin:0 0 20px;text-align:center;color:#2c3e50;">Recommended Just for You</h2>\n'
            '<div style="text-align:center;">{% for product in products %}\n'
            '<div style="display:inline-block;width:48%;margin:1% 0;text-align:center;vertical-align:top;">\n'
            "{% if product.image_url %}"
            '<img src="{{ product.image_url }}" alt="{{ product.name }}" width="200" height="200"'
            ' style="width:100%;max-width:200px;height:auto;">\n'
            "{% endif %}"
            '<h3 style="font-size:14px;margin:10px 0 5px;">{{ product.name }}</h3>\n'
            "{% if product.price is defined %}"
            '<p style="font-size:16px;font-weight:bold;color:#c0392b;margin:5px 0;">'
            "{{ product.price | money(product.currency) }}</p>\n"
            "{% endif %}{% if product.reason %}"
            '<p style="font-size:12px;color:#666666;margin:5px 0;">{{ product.reason }}</p>\n'
            "{% endif %}"
            f'<a href="{{{{ product.link }}}}" style="background:#2471a3;padding:8px 16px;margin:5px 0;{_BUTTON}">'
            "View Product</a>\n"
            "</div>{% endfor %}\n"
            "</div>\n"
            "</div>"
        ),
        text=(
            "Recommended Just for You\n{% for product in products %}\n* {{ product.name }}"
            "{% if product.price is defined %}, {{ product.price | money(product.currency) }}{% endif %}"
            "{% if product.reason %}: {{ product.reason }}{% endif %}\n  {{ product.link }}{% endfor %}\n"
        ),
    ),
    "recommendedContent": BlockTemplate(
        html=(
            '<div style="margin:20px 0;">\n'
            '<h2 style="margin:0 0 12px;color:#2c3e50;">Worth a Read</h2>\n'
            '{% for article in articles %}<p style="margin:0 0 10px;">'
            '<a href="{{ article.link }}" style="color:#2980b9;">{{ article.title }}</a>'
            "{% if article.summary %}<br>{{ article.summary }}{% endif %}</p>\n{% endfor %}"
            "</div>"
        ),
        text=(
            "Worth a Read\n{% for article in articles %}\n* {{ article.title }}"
            "{% if article.summary %}: {{ article.summary }}{% endif %}\n  {{ article.link }}{% endfor %}\n"
        ),
    ),
    "recentActivity": BlockTemplate(
        html=(
            '<div style="margin:20px 0;">\n'
            '<h2 style="margin:0 0 12px;color:#2c3e50;">Your Recent Activity</h2>\n'
            '<ul style="margin:0;padding:0 0 0 20px;">{% for one in activities %}<li>{{ one.text }}'
            "{% if one.when %}, {{ one.when | date }}{% endif %}</li>{% endfor %}</ul>\n"
            "</div>"
        ),
        text=(
            "Your Recent Activity\n{% for one in activities %}\n* {{ one.text }}"
            "{% if one.when %}, {{ one.when | date }}{% endif %}{% endfor %}\n"
        ),
    ),
    **dict.fromkeys(
        ("seasonalContent", "locationContent"),
        BlockTemplate(
            html=(
                '<div style="margin:20px 0;padding:16px;background:#f4f6f7;">\n'
                '<h2 style="margin:0 0 8px;color:#2c3e50;">{{ piece.title }}</h2>\n'
                '<p style="margin:0;">{{ piece.text }}{% if piece.link %} '
                '<a href="{{ piece.link }}" style="color:#2980b9;">{{ piece.label }}</a>{% endif %}</p>\n'
                "</div>"
            ),
            text=(
                "{{ piece.title }}\n\n{{ piece.text }}"
                "{% if piece.link %}\n{{ piece.label }}: {{ piece.link }}{% endif %}\n"
            ),
        ),
    ),
    "primaryCTA": BlockTemplate(
        html=(
            '<p style="margin:20px 0;text-align:center;">'
            '<a href="{{ call.link }}" style="background:{{ call.color }};padding:12px 24px;font-size:16px;'
            f"font-weight:{{{{ 'bold' if call.bold else 'normal' }}}};{_BUTTON}\">"
            "{{ call.label }}</a></p>"
        ),
        text="{{ call.label }}\n{{ call.link }}\n",
    ),
}
"""The blocks that come with the library, by the tag that shows them."""


def compile_blocks(blocks: Mapping[str, BlockTemplate]) -> Mapping[str, CompiledTemplate]:
    """Compile the templates of blocks.

    Raises:
        TemplateError: One is no template, or does what templates may not.
    """
    return {
        name: compile_template(Template(name, html=block.html, text=block.text, missing=Missing.ABORT))
        for name, block in blocks.items()
    }


def rendered_block(name: str, compiled: CompiledTemplate, values: Mapping[str, Any], zone: tzinfo) -> Block:
    """Render a block; one that cannot be rendered for this reader is not shown, and hides nothing else."""
    try:
        rendered = compiled.render(values, zone=zone)
    except MessageAborted:
        return Block(name, "", "")
    return Block(name, rendered.html or "", rendered.text or "")


# ------------------------------------------------------------------------------------------------------------
# What the templates of blocks read


def product_values(products: Sequence[Product], links: BlockLinks, currency: str) -> dict[str, Any]:
    """Give what the block of products reads; empty where there are none.

    A product whose link is none is left out; one whose price or picture is none is shown without it.
    """
    several: list[dict[str, Any]] = []
    for one in products:
        link = links.to(one.url or f"/products/{quote(one.product_id, safe='')}", "recommendation")
        if _leads_somewhere(link):
            several.append(
                {
                    "product_id": one.product_id,
                    "name": one.name,
                    "price": one.price if _is_amount(one.price) else None,
                    "currency": one.currency or currency,
                    "image_url": one.image_url if one.image_url and _leads_somewhere(one.image_url) else None,
                    "reason": one.reason,
                    "category": one.category,
                    "link": link,
                }
            )
    return {"products": several} if several else {}


def _leads_somewhere(url: str) -> bool:
    try:
        url_start(url)
    except BadValueError:
        return False
    return True


def _is_amount(price: object) -> bool:
    try:
        number = Decimal(str(price))
    except InvalidOperation:
        return False
    return number.is_finite() and number.adjusted() < _DIGITS


def article_values(articles: Sequence[Article], links: BlockLinks) -> dict[str, Any]:
    """Give what the block of recommended content reads; empty where there is none."""
    several = [
        {"title": one.title, "summary": one.summary, "link": link, "content_id": one.content_id}
        for one in articles
        if _leads_somewhere(link := links.to(one.url, "content"))
    ]
    return {"articles": several} if several else {}


def activity_values(activities: object, most: int) -> dict[str, Any]:
    """Give what the block of recent activity reads: texts, or objects with ``text`` and ``when``, the latest first."""
    several: list[dict[str, Any]] = []
    for one in cast("list[object]", activities) if isinstance(activities, list) else []:
        if isinstance(one, str) and not is_blank(one):
            several.append({"text": one, "when": None})
        elif isinstance(one, Mapping):
            known = cast("Mapping[str, object]", one)
            text = known.get("text")
            if isinstance(text, str) and not is_blank(text):
                several.append({"text": text, "when": known.get("when")})
    return {"activities": several[:most]} if several else {}


def piece_values(piece: Piece | None, links: BlockLinks, content: str) -> dict[str, Any]:
    """Give what a block reads that shows a piece of the host's; empty where there is none."""
    if piece is None:
        return {}
    link = None if piece.url is None else links.to(piece.url, content)
    return {"piece": {"title": piece.title, "text": piece.text, "label": piece.label, "link": link}}


def call_values(call: CallToAction, links: BlockLinks) -> dict[str, Any]:
    """Give what the block of the call to action reads."""
    link = links.to(call.url or "/", "cta")
    return {
        "call": {"label": call.label, "color": call.color, "urgency": call.urgency, "bold": call.bold, "link": link}
    }

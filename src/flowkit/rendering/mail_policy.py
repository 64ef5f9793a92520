"""What all mail of a host has in common: how to leave a list, what mail services are told, and what links carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from attrs import evolve, frozen

from flowkit.errors import ConfigurationError
from flowkit.rendering.html.links import LinkRules, rewrite_links
from flowkit.rendering.html.text import LinkStyle, derive_text
from flowkit.rendering.link_tokens import LONGEST_TOKEN, LinkTokens
from flowkit.rendering.model import OutgoingMessage, Template

__all__ = ["CLICK", "REPORT", "UNSUBSCRIBE", "UNSUBSCRIBE_URL", "MailPolicy"]

UNSUBSCRIBE: Final = "unsubscribe"
"""The purpose of tokens whose fields are subscriber, topic (empty for all), key of the message and workflow."""
CLICK: Final = "click"
"""The purpose of tokens whose fields are URL, subscriber, key of the message and workflow."""
REPORT: Final = "report"
"""The purpose of tokens whose fields are subscriber, key of the message and workflow."""
UNSUBSCRIBE_URL: Final = "unsubscribe_url"
"""The name under which templates find the URL to unsubscribe."""
REPORT_HEADER: Final = "X-Message-Token"

_TOKEN: Final = "{token}"  # noqa: S105 - a place holder
_LIST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})+")
_SENDER_ID: Final = re.compile(r"[A-Za-z0-9_-]{5,15}")
_OTHER: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_MAILTO: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+")
_SIGNED: Final = re.compile(r"[A-Za-z0-9_-]{1,20}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}")
_WORD_LENGTH: Final = 40


@frozen(kw_only=True)
class MailPolicy:
    """What the engine puts into e-mail beside what its template says.

    Marketing carries ``List-Unsubscribe`` and, with a URL, ``List-Unsubscribe-Post`` (RFC 2369, RFC 8058). All mail
    carries ``Auto-Submitted: auto-generated`` (RFC 3834), so that nobody's absence is told to it. ``Precedence`` is not
    written, since no standard says what it means.

    Attributes:
        tokens: Sign what links and headers say of a message.
        unsubscribe_url: A URL with ``{token}`` in it, in https, that unsubscribes when it is *posted* to and asks when
            it is got. Templates have it as ``{{ unsubscribe_url }}``.
        unsubscribe_mailto: An address to which mail may be sent to unsubscribe; the token is the subject.
        list_id: A name for the list, such as ``news.example.com``, in ``List-ID`` (RFC 2919); marketing alone has it.
        feedback_id: A name for the sender, of 5 to 15 characters, in ``Feedback-ID``: by it, the workflow, the template
            and the class Google tells how often mail is reported as spam.
        click_url: A URL with ``{token}`` in it, by which all web links of marketing go; None leaves them alone.
        links: Which links get which parameters; None for none. Those that are known at publishing get them there.
        link_style: How links stand in a plain part that is made from the HTML part, at publishing.
        reply_to: Where answers go; None leaves it to the sender.

    Raises:
        ConfigurationError: A URL is not in https or lacks ``{token}``, or a name or an address is none.
    """

    tokens: LinkTokens
    unsubscribe_url: str | None = None
    unsubscribe_mailto: str | None = None
    list_id: str | None = None
    feedback_id: str | None = None
    click_url: str | None = None
    links: LinkRules | None = None
    link_style: LinkStyle = LinkStyle.INLINE
    reply_to: str | None = None

    def __attrs_post_init__(self) -> None:
        for name, url in (("unsubscribe_url", self.unsubscribe_url), ("click_url", self.click_url)):
            if url is not None:
                _check_url(name, url)
        if self.unsubscribe_mailto is not None and not _MAILTO.fullmatch(self.unsubscribe_mailto):
            raise ConfigurationError("unsubscribe_mailto must be an address, such as leave@example.com")
        if self.list_id is not None and not _LIST_ID.fullmatch(self.list_id):
            raise ConfigurationError("list_id must look like a domain name, such as news.example.com")
        if self.feedback_id is not None and not _SENDER_ID.fullmatch(self.feedback_id):
            raise ConfigurationError("feedback_id must have 5 to 15 letters, digits, - and _")

    @property
    def can_unsubscribe(self) -> bool:
        """Whether its mail says how to leave."""
        return self.unsubscribe_url is not None or self.unsubscribe_mailto is not None

    @property
    def given(self) -> frozenset[str]:
        """The names of what it gives to templates."""
        return frozenset() if self.unsubscribe_url is None else frozenset({UNSUBSCRIBE_URL})

    def values(self, subscriber_id: str, topic: str | None, key: str, workflow_id: str) -> Mapping[str, str]:
        """Give templates what the policy knows, by name."""
        url = self.unsubscribe_link(subscriber_id, topic, key, workflow_id)
        return {} if url is None else {UNSUBSCRIBE_URL: url}

    def prepare(self, template: Template) -> Template:
        """Make a template ready to be published, in all locales: its links, and its plain part where it has none."""
        locales = {locale: self.prepare(one) for locale, one in template.locales.items()}
        if template.html is None:
            return evolve(template, locales=locales)
        html, rules = template.html, self.links
        text = derive_text(html, links=self.link_style) or None if template.text is None else template.text
        if rules is not None:
            html = rewrite_links(html, rules.apply, is_template=True)
        return evolve(template, html=html, text=text, locales=locales)

    def unsubscribe_link(self, subscriber_id: str, topic: str | None, key: str, workflow_id: str) -> str | None:
        """Give the URL by which a subscriber leaves; None where the policy has none."""
        if self.unsubscribe_url is None:
            return None
        return self.unsubscribe_url.replace(_TOKEN, self._leave(subscriber_id, topic, key, workflow_id))

    def apply(
        self, message: OutgoingMessage, *, marketing: bool, topic: str | None, open_links: bool
    ) -> OutgoingMessage:
        """Put into a message what the policy says.

        Args:
            message: The rendered message.
            marketing: Whether it is marketing.
            topic: What it is about.
            open_links: Whether links still need their parameters.
        """
        html = message.html
        click = self.click_url if marketing else None
        if html is not None and (click is not None or open_links):
            html = rewrite_links(html, lambda url: self._link(url, click, message, open_links=open_links))
        return message._replace(
            html=html,
            headers={**message.headers, **self._headers(message, marketing=marketing, topic=topic)},
            reply_to=message.reply_to or self.reply_to,
            tags=message.tags or (_word(_workflow_of(message)), _word(message.template_id)),
        )

    def _link(self, url: str, click: str | None, message: OutgoingMessage, *, open_links: bool) -> str:
        if self._leads_out(url):
            return url
        if open_links and self.links is not None:
            url = self.links.apply(url)
        if click is None:
            return url
        token = self.tokens.sign(CLICK, [url, message.subscriber_id, message.key, _workflow_of(message)])
        # What is too long to be verified would lead nowhere.
        return url if len(token) > LONGEST_TOKEN else click.replace(_TOKEN, token)

    def _leads_out(self, url: str) -> bool:
        """Tell whether a URL is the policy's own to unsubscribe: with a token, and not only on the same site."""
        if self.unsubscribe_url is None:
            return False
        before, _, behind = self.unsubscribe_url.partition(_TOKEN)
        if not url.startswith(before):
            return False
        token = _SIGNED.match(url, len(before))
        return token is not None and url.startswith(behind, token.end())

    def _leave(self, subscriber_id: str, topic: str | None, key: str, workflow_id: str) -> str:
        return self.tokens.sign(UNSUBSCRIBE, [subscriber_id, topic or "", key, workflow_id])

    def _headers(self, message: OutgoingMessage, *, marketing: bool, topic: str | None) -> Mapping[str, str]:
        workflow = _workflow_of(message)
        headers = {
            "Auto-Submitted": "auto-generated",
            REPORT_HEADER: self.tokens.sign(REPORT, [message.subscriber_id, message.key, workflow]),
        }
        if self.feedback_id is not None:
            kind = "marketing" if marketing else "transactional"
            words = (_word(workflow), _word(message.template_id), kind, self.feedback_id)
            headers["Feedback-ID"] = ":".join(words)
        if not marketing:
            return headers
        if self.list_id is not None:
            headers["List-ID"] = f"<{self.list_id}>"
        ways: list[str] = []
        url = self.unsubscribe_link(message.subscriber_id, topic, message.key, workflow)
        if url is not None:
            ways.append(f"<{url}>")
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        if self.unsubscribe_mailto is not None:
            token = self._leave(message.subscriber_id, topic, message.key, workflow)
            ways.append(f"<mailto:{self.unsubscribe_mailto}?subject={quote(token)}>")
        if ways:
            headers["List-Unsubscribe"] = ", ".join(ways)
        return headers


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or _TOKEN in parts.netloc:
        raise ConfigurationError(f"{name} must be a URL in https, such as https://example.com/leave/{_TOKEN}")
    if url.count(_TOKEN) != 1 or not url.isascii() or not url.isprintable() or re.search(r"[\s<>,]", url):
        raise ConfigurationError(f"{name} must hold {_TOKEN} once, and neither space, comma nor angle bracket")


def _workflow_of(message: OutgoingMessage) -> str:
    return str(message.metadata.get("workflow_id", ""))


def _word(text: str) -> str:
    return _OTHER.sub("-", text)[:_WORD_LENGTH] or "-"

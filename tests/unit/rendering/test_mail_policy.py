"""What a policy puts into a message, and into a template before it is published."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flowkit.adapters.addresses import Mailbox
from flowkit.adapters.mime import to_mime
from flowkit.errors import ConfigurationError
from flowkit.rendering.html.links import LinkRules
from flowkit.rendering.link_tokens import LinkTokens
from flowkit.rendering.mail_policy import CLICK, REPORT, UNSUBSCRIBE, MailPolicy
from flowkit.rendering.model import Fallbacks, Missing, OutgoingMessage, Template

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKENS = LinkTokens({"1": b"0123456789abcdef"}, current="1")
WAYS = {"unsubscribe_url": "https://shop.test/leave/{token}", "unsubscribe_mailto": "leave@shop.test"}


def message(**changes):
    return OutgoingMessage(
        "key:1", "ann", "hello", "ann@example.org", "Hi", metadata={"workflow_id": "w: 1"}, **changes
    )


def applied(one=None, *, marketing=True, topic="news", open_links=False, **options):
    made = MailPolicy(tokens=TOKENS, **options)
    return made.apply(one or message(text="x"), marketing=marketing, topic=topic, open_links=open_links)


def fields(purpose, token):
    return TOKENS.verify(purpose, token, now=NOW).fields


def test_marketing_says_how_to_leave():
    headers = applied(**WAYS, list_id="news.shop.test", feedback_id="shop1").headers
    url, mailto = re.fullmatch(
        r"<(https:[^>]*)>, <mailto:leave@shop\.test\?subject=([^>]*)>", headers["List-Unsubscribe"]
    ).groups()
    assert fields(UNSUBSCRIBE, url.removeprefix("https://shop.test/leave/")) == ("ann", "news", "key:1", "w: 1")
    assert fields(UNSUBSCRIBE, mailto) == ("ann", "news", "key:1", "w: 1")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-ID"] == "<news.shop.test>"
    assert headers["Feedback-ID"] == "w-1:hello:marketing:shop1"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert fields(REPORT, headers["X-Message-Token"]) == ("ann", "key:1", "w: 1")


def test_services_group_by_workflow_and_template():
    assert applied(**WAYS).tags == ("w-1", "hello")
    assert applied(message(text="x", tags=("own",)), **WAYS).tags == ("own",)


def test_what_was_asked_for_is_on_no_list():
    headers = applied(
        marketing=False, **WAYS, list_id="news.shop.test", click_url="https://shop.test/c/{token}"
    ).headers
    assert set(headers) == {"Auto-Submitted", "X-Message-Token"}


def test_one_click_needs_a_url():
    headers = applied(unsubscribe_mailto="leave@shop.test").headers
    assert "List-Unsubscribe" in headers
    assert "List-Unsubscribe-Post" not in headers


def test_a_retry_is_the_same_message():
    assert applied(**WAYS) == applied(**WAYS)


def test_links_go_by_the_counter_with_their_parameters():
    html = "<a href='https://shop.test/?a=1&amp;b=2'>x</a><a href='mailto:a@b.test'>y</a><a href='https://x.test/unsubscribe'>"
    made = applied(
        message(html=html), open_links=True, click_url="https://c.test/{token}", links=LinkRules({"utm_source": "m"})
    )
    token = re.match(r"<a href='https://c\.test/([^']*)'>x</a>", made.html)[1]
    assert fields(CLICK, token) == ("https://shop.test/?a=1&b=2&utm_source=m", "ann", "key:1", "w: 1")
    assert made.html.endswith("<a href='mailto:a@b.test'>y</a><a href='https://x.test/unsubscribe'>")


def test_a_template_is_prepared_once():
    made = MailPolicy(tokens=TOKENS, links=LinkRules({"utm_source": "m"}))
    source = Template(
        "t", subject="s", html="<p>Hi {{ n }} <a href='https://x.test/'>go</a><a href='{{ u }}'>a</a></p>"
    )
    ready = made.prepare(source)
    assert ready.html == "<p>Hi {{ n }} <a href='https://x.test/?utm_source=m'>go</a><a href='{{ u }}'>a</a></p>"
    assert ready.text == "Hi {{ n }} go <https://x.test/>a <{{ u }}>\n"
    assert made.prepare(ready) == ready
    assert made.prepare(Template("t", text="x")) == Template("t", text="x")


@given(st.text(st.characters()), st.text(st.characters()), st.text(st.characters()) | st.none())
def test_hostile_ids_add_nothing_to_the_message(subscriber, key, topic):
    one = OutgoingMessage(key, subscriber, subscriber, "a@b.test", key, text="x", metadata={"workflow_id": subscriber})
    made = applied(one, topic=topic, **WAYS, list_id="a.b", feedback_id="shop1")
    if any(len(value) > 900 for value in made.headers.values()):
        return
    content = to_mime(
        made, sender=Mailbox("n@b.test"), to="a@b.test", message_id="<1@b.test>", date=datetime(2026, 3, 1, tzinfo=UTC)
    )
    read = message_from_bytes(content, policy=policy.default)
    names = ["Date", "From", "To", "Subject", "Message-ID", "MIME-Version", *made.headers]
    assert read.keys() == [*names, "Content-Type", "Content-Transfer-Encoding"]
    assert {name: str(read[name]) for name in made.headers} == dict(made.headers)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"unsubscribe_url": "http://shop.test/{token}"}, "unsubscribe_url must be a URL in https"),
        ({"unsubscribe_url": "https://shop.test/"}, "must hold {token} once"),
        ({"unsubscribe_url": "https://{token}/"}, "unsubscribe_url must be a URL in https"),
        ({"click_url": "https://shop.test/{token}>"}, "click_url must hold"),
        ({"unsubscribe_mailto": "leave"}, "unsubscribe_mailto"),
        ({"list_id": "news"}, "list_id"),
        ({"feedback_id": "x"}, "feedback_id"),
    ],
)
def test_what_cannot_work_is_refused(options, said):
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        MailPolicy(tokens=TOKENS, **options)


def test_all_of_a_template_is_kept_when_it_is_prepared():
    made = MailPolicy(tokens=TOKENS, links=LinkRules({"utm_source": "m"}))
    german = Template("t", html="<a href='https://x.test/'>los</a>", missing=Missing.BLANK)
    source = Template(
        "t",
        subject="{{ n }}",
        html="<p>{{ n }}</p>",
        fallbacks=Fallbacks(subject={"n": "you"}, body={"n": "reader"}),
        missing=Missing.BLANK,
        instead="simple",
        subjects={"urgent": "Now"},
        locales={"de": german},
    )
    ready = made.prepare(source)
    assert evolve(ready, text=None, locales={}) == evolve(source, locales={})
    assert ready.locales["de"].html == "<a href='https://x.test/?utm_source=m'>los</a>"
    assert ready.locales["de"].text == "los <https://x.test/>\n"
    assert ready.locales["de"].missing is Missing.BLANK
    only_there = made.prepare(Template("t", text="x", locales={"de": german}))
    assert only_there.locales["de"].html == ready.locales["de"].html


def test_only_the_way_out_is_left_alone_on_its_site():
    made = MailPolicy(
        tokens=TOKENS, unsubscribe_url="https://shop.test/{token}/leave", click_url="https://c.test/{token}"
    )
    out = made.unsubscribe_link("ann", None, "key:1", "w")
    html = f"<a href='https://shop.test/sale'>a</a><a href='{out}'>b</a><a href='{out}?lang=de'>c</a>"
    said = made.apply(message(html=html), marketing=True, topic=None, open_links=False).html
    assert re.findall("https://([a-z.]*)/", said) == ["c.test", "shop.test", "shop.test"]


def test_a_url_that_is_too_long_to_be_signed_leads_where_it_led():
    for length in (2_000, 2_700, 2_900, 3_500):
        url = f"https://shop.test/{'a' * length}"
        said = applied(message(html=f"<a href='{url}'>x</a>"), click_url="https://c.test/{token}").html
        led = re.fullmatch("<a href='(.*)'>x</a>", said)[1]
        token = led.removeprefix("https://c.test/")
        assert led == url or fields(CLICK, token)[0] == url
    assert led == url

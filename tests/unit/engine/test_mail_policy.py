"""The engine's mail carries what its policy says: at every attempt the same, and nothing where it has no policy."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from flowkit import (
    Action,
    ConfigurationError,
    DictTemplates,
    Engine,
    Event,
    EventIs,
    Fallbacks,
    MemoryConsent,
    MemoryProfiles,
    MemoryStore,
    MessageClass,
    Needs,
    Node,
    OutgoingMessage,
    SendEmail,
    Template,
    Trigger,
    VirtualClock,
    Workflow,
)
from flowkit.rendering.html.links import LinkRules
from flowkit.rendering.link_tokens import LinkTokens
from flowkit.rendering.mail_policy import UNSUBSCRIBE, MailPolicy
from flowkit.runs.effects import Outcome, Result
from flowkit.testing.recording import RecordingSender

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOKENS = LinkTokens({"1": b"0123456789abcdef"}, current="1")
URL = "https://shop.test/leave/{token}"
HTML = (
    "<p>Hi {{ name }}, <a href='https://shop.test/a'>look</a> <a href='{{ own }}'>here</a>"
    " or <a href='{{ unsubscribe_url }}'>leave</a></p>"
)
TEMPLATES = DictTemplates({"t": Template("t", subject="Hello", html=HTML)})
PROFILES = {"ann": {"email": "ann@example.org", "name": "Ann & Co", "own": "https://shop.test/b?x=1#y"}}


def workflow(do):
    trigger = Trigger("t", condition=EventIs(("signup",)))
    return Workflow("w", "W", trigger=trigger, nodes=[Node("start", "Start", actions=[Action("send", do)])])


def sent(do, *, sender=None, templates=TEMPLATES, people=PROFILES, **policy):
    sender = sender or RecordingSender()
    engine = Engine(
        MemoryStore(),
        clock=VirtualClock(MONDAY),
        sender=sender,
        profiles=MemoryProfiles(people),
        templates=templates,
        consent=MemoryConsent({"news": ["ann"]}),
        mail=MailPolicy(tokens=TOKENS, **policy),
    )
    engine.publish(workflow(do))
    engine.ingest([Event("signup", "ann", id="1")])
    engine.advance()
    return sender.messages


def test_marketing_is_complete():
    [message] = sent(SendEmail("t", topic="news"), unsubscribe_url=URL, links=LinkRules({"utm_source": "mail"}))
    url = re.fullmatch(r"<(.*)>", message.headers["List-Unsubscribe"])[1]
    token = url.removeprefix(URL.removesuffix("{token}"))
    assert TOKENS.verify(UNSUBSCRIBE, token, now=MONDAY).fields == ("ann", "news", message.key, "w")
    assert message.html == (
        "<p>Hi Ann &amp; Co, <a href='https://shop.test/a?utm_source=mail'>look</a>"
        " <a href='https://shop.test/b?x=1&amp;utm_source=mail#y'>here</a>"
        f" or <a href='{url}'>leave</a></p>"
    )
    assert message.text == (
        f"Hi Ann & Co, look <https://shop.test/a> here <https://shop.test/b?x=1#y> or leave <{url}>\n"
    )


def test_a_receipt_has_no_way_out_in_its_head():
    [message] = sent(SendEmail("t", message_class=MessageClass.TRANSACTIONAL), unsubscribe_url=URL)
    assert "List-Unsubscribe" not in message.headers
    assert "shop.test/leave/" in message.html


def test_a_service_that_renders_for_itself_gets_the_headers():
    [message] = sent(SendEmail("t"), templates=None, unsubscribe_url=URL)
    assert message.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.html is None


def test_a_retry_is_the_same_message():
    clock = VirtualClock(MONDAY)
    sender = RecordingSender({"t": [Outcome(Result.RETRY, "busy"), Outcome(Result.DONE)]})
    engine = Engine(
        MemoryStore(),
        clock=clock,
        sender=sender,
        profiles=MemoryProfiles(PROFILES),
        templates=TEMPLATES,
        mail=MailPolicy(tokens=TOKENS, unsubscribe_url=URL, click_url="https://shop.test/c/{token}"),
    )
    engine.publish(workflow(SendEmail("t")))
    engine.ingest([Event("signup", "ann", id="1")])
    engine.advance()
    clock.advance(timedelta(hours=1))
    engine.advance()
    first, second = sender.messages
    assert first == second
    assert "https://shop.test/c/" in first.html


def test_marketing_with_no_way_out_is_not_published():
    with pytest.raises(ConfigurationError, match="no way to unsubscribe"):
        sent(SendEmail("t"))
    assert sent(SendEmail("t", message_class=MessageClass.TRANSACTIONAL), templates=None)


def test_a_template_that_cannot_be_compiled_says_so_of_itself():
    broken = DictTemplates({"t": Template("t", subject="s", html="{% if x %}")})
    assert sent(SendEmail("t"), templates=broken, unsubscribe_url=URL) == []


def test_without_a_policy_nothing_is_added():
    sender = RecordingSender()
    engine = Engine(
        MemoryStore(),
        clock=VirtualClock(MONDAY),
        sender=sender,
        profiles=MemoryProfiles({"ann": {**PROFILES["ann"], "unsubscribe_url": "https://own.test/"}}),
        templates=TEMPLATES,
    )
    engine.publish(workflow(SendEmail("t")))
    engine.ingest([Event("signup", "ann", id="1")])
    engine.advance()
    [message] = sender.messages
    assert (message.headers, message.text) == ({}, None)
    assert "https://own.test/" in message.html


def test_a_message_that_a_service_makes_is_whole():
    """It is put together in one go, and lacks none of what any other one has."""
    sender = RecordingSender(needs=Needs())
    engine = Engine(MemoryStore(), clock=VirtualClock(MONDAY), sender=sender)
    engine.publish(workflow(SendEmail("t", subject="Hi")))
    engine.ingest([Event("signup", "ann", id="1")])
    engine.advance()
    [message] = sender.messages
    assert len(message) == len(message._fields)
    assert message == OutgoingMessage(message.key, "ann", "t", subject="Hi", metadata=message.metadata)


def test_a_policy_takes_nothing_from_a_template():
    german = Template("t", subject="Hallo", html="<p><a href='{{ own }}'>los</a></p>")
    template = Template(
        "t",
        subject="{{ nick }}, hello",
        html="<p>Hi {{ nick }}</p>",
        fallbacks=Fallbacks(subject={"nick": "You"}, body={"nick": "reader"}),
        locales={"de": german},
    )
    options = {"templates": DictTemplates({"t": template}), "unsubscribe_url": URL}
    [message] = sent(SendEmail("t"), **options)
    assert (message.subject, message.html, message.text) == ("You, hello", "<p>Hi reader</p>", "Hi reader\n")
    people = {"ann": {**PROFILES["ann"], "locale": "de-AT"}}
    [message] = sent(SendEmail("t"), **options, people=people, links=LinkRules({"utm_source": "m"}))
    assert message.subject == "Hallo"
    assert "x=1&amp;utm_source=m#y" in message.html
    assert message.text == "los <https://shop.test/b?x=1#y>\n"


def test_the_template_that_stands_in_is_prepared_too():
    templates = DictTemplates(
        {
            "t": Template("t", html="<p>{{ nick }}</p>", instead="simple"),
            "simple": Template("simple", html="<a href='https://shop.test/'>x</a>"),
        }
    )
    [message] = sent(SendEmail("t"), templates=templates, unsubscribe_url=URL, links=LinkRules({"utm_source": "m"}))
    assert message.html == "<a href='https://shop.test/?utm_source=m'>x</a>"


def test_messages_that_are_made_for_many_have_what_the_policy_gives():
    html = '<p>{{ name }}</p><a href="https://shop.test/p">See</a> <a href="{{ unsubscribe_url }}">Leave</a>'
    engine = Engine(
        MemoryStore(),
        profiles=MemoryProfiles({"ann": {"name": "Ann"}, "bob": {"name": "Bob"}}),
        templates=DictTemplates({"t": Template("t", subject="Hello", html=html)}),
        mail=MailPolicy(tokens=TOKENS, unsubscribe_url=URL),
    )
    made = engine.render_many("t", ["ann", "bob"])
    for name, message in made.items():
        [token] = re.findall(re.escape(URL).replace(re.escape("{token}"), r"([\w.-]+)"), message.html)
        assert TOKENS.verify(UNSUBSCRIBE, token, now=datetime.now(UTC)).fields[0] == name
    # The plain part is made of the HTML part, as for a message of a run.
    assert made["ann"].text.startswith("Ann")

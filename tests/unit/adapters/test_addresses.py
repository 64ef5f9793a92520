"""Which addresses are taken, and how they go over the wire; test_smtp.py shows which are not."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.adapters.addresses import AddressError, Mailbox, address, mailbox


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ann@example.org", "ann@example.org"),
        ("Ann.Lee+tag@Example.ORG", "Ann.Lee+tag@Example.ORG"),
        ("o'brien_{x}@sub.example.org", "o'brien_{x}@sub.example.org"),
        ("root@localhost", "root@localhost"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@例え.jp", "ann@xn--r8jz45g.jp"),
        ("ann@faß.example", "ann@xn--fa-hia.example"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_what_is_taken(text, written):
    assert address(text) == written


@given(st.text() | st.tuples(st.text(), st.text()).map("@".join) | st.emails())
def test_it_is_an_address_or_an_error(text):
    try:
        written = address(text)
    except AddressError:
        return
    assert written.isascii()
    assert written.isprintable()
    assert written.count("@") == 1
    assert not set(written) & set(' <>,;:"()[]\\')
    assert address(written) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("grüße@example.org", "grüße@example.org"),
        ("gru\u0308ße@bücher.example", "grüße@xn--bcher-kva.example"),
        ("用户@例え.jp", "用户@xn--r8jz45g.jp"),
        ("ann@example.org", "ann@example.org"),
    ],
)
def test_what_is_taken_where_smtputf8_is(text, written):
    assert address(text, smtputf8=True) == written


@pytest.mark.parametrize(
    "text",
    [
        "ü\ud800@example.org",
        "ü ü@example.org",
        "ü\u202e@example.org",
        "ü.@example.org",
        "ü\u037e@example.org",
        "ü" * 33 + "@a.b",
    ],
)
def test_what_is_no_international_address(text):
    with pytest.raises(AddressError, match="bad address"):
        address(text, smtputf8=True)


@given(st.text() | st.tuples(st.text(), st.text()).map("@".join))
def test_an_international_one_is_one_address_or_an_error(text):
    try:
        written = address(text, smtputf8=True)
    except AddressError:
        return
    assert written.count("@") == 1
    assert len(written.splitlines()) == 1
    assert not set(written) & set(' <>,;:"()[]\\')
    assert address(written, smtputf8=True) == written


def test_without_idna_a_name_that_the_older_standard_has_another_for_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "idna", None)
    assert address("ann@bücher.example") == "ann@xn--bcher-kva.example"
    with pytest.raises(AddressError, match="bad address"):
        address("ann@faß.example")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("news@example.com", ""),
        ("<news@example.com>", ""),
        ("  Shop <news@example.com> ", "Shop"),
        ('"Shop, Inc." <news@example.com>', "Shop, Inc."),
        (r'"the \"shop\"" <news@example.com>', 'the "shop"'),
        ("Büro <3 <news@example.com>", "Büro <3"),
        ("Shop\r\nBcc: x <news@example.com>", "Shop Bcc: x"),
    ],
)
def test_mailboxes(text, name):
    assert mailbox(text) == Mailbox("news@example.com", name)
    assert mailbox(text).domain == "example.com"


@pytest.mark.parametrize("text", ["", "Shop", "Shop <>", "Shop <a@b@c>", "a@example.com b@example.com", "Shop <x> y@z"])
def test_what_is_no_mailbox(text):
    with pytest.raises(AddressError):
        mailbox(text)


def test_addresses_do_not_show():
    assert "news" not in repr(Mailbox("news@example.com", "news"))

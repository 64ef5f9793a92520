"""Tokens say what was signed, and nothing else is taken for one."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import ConfigurationError
from flowkit.rendering.link_tokens import LinkToken, LinkTokens, TokenError, TokenFault

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW = b"0123456789abcdef", b"fedcba9876543210"
TOKENS = LinkTokens({"1": OLD}, current="1")


def fault(tokens, token, *, purpose="leave", now=NOW):
    with pytest.raises(TokenError) as raised:
        tokens.verify(purpose, token, now=now)
    assert len(token) < 20 or token not in str(raised.value)
    return raised.value.fault


@given(st.text(st.characters()), st.lists(st.text(st.characters()), max_size=4))
def test_what_was_signed_is_read(purpose, fields):
    token = TOKENS.sign(purpose, fields)
    assert token.isascii()
    assert not set(token) & set(" <>,?&=#/%+")
    assert TOKENS.verify(purpose, token, now=NOW) == LinkToken(tuple(fields), "1", None)


def test_it_is_frozen():
    """Links in mail that went out have to go on working."""
    assert TOKENS.sign("leave", ["ann", ""]) == "1.W1siYW5uIiwiIl0sbnVsbF0.c0pS4mawZuOeVVO58RMeVQ"


@given(st.data())
def test_no_other_text_is_taken(data):
    token = TOKENS.sign("leave", ["ann", "news"])
    at = data.draw(st.integers(0, len(token) - 1))
    other = token[:at] + data.draw(st.text(st.characters(), max_size=3)) + token[at + data.draw(st.integers(0, 3)) :]
    if other != token:
        assert fault(TOKENS, other) in set(TokenFault) - {TokenFault.EXPIRED}


@given(st.text(st.characters()))
def test_any_text_is_refused_with_a_reason(text):
    assert fault(TOKENS, text) is not TokenFault.EXPIRED


def test_a_token_is_for_one_purpose():
    token = TOKENS.sign("leave", ["ann"])
    assert fault(TOKENS, token, purpose="click") is TokenFault.FORGED


def test_fields_do_not_run_into_each_other():
    assert TOKENS.sign("p", ["a", "b"]) != TOKENS.sign("p", ["ab"]) != TOKENS.sign("pa", ["b"])


def test_keys_can_be_changed():
    token = TOKENS.sign("leave", ["ann"])
    both = LinkTokens({"1": OLD, "2": NEW}, current="2")
    assert both.verify("leave", token, now=NOW).key_id == "1"
    assert both.verify("leave", both.sign("leave", ["ann"]), now=NOW).key_id == "2"
    assert fault(LinkTokens({"2": NEW}, current="2"), token) is TokenFault.UNKNOWN_KEY
    assert fault(LinkTokens({"1": NEW}, current="1"), token) is TokenFault.FORGED


def test_time_ends_at_its_instant():
    end = NOW + timedelta(days=1)
    token = TOKENS.sign("leave", ["ann"], expires=end)
    assert TOKENS.verify("leave", token, now=end - timedelta(seconds=1)).expires == end
    assert fault(TOKENS, token, now=end) is TokenFault.EXPIRED
    with pytest.raises(ConfigurationError, match="aware"):
        TOKENS.sign("leave", ["ann"], expires=datetime(2026, 3, 1))  # noqa: DTZ001 - that is the fault


@pytest.mark.parametrize(
    ("keys", "current", "said"),
    [({"1": b"short"}, "1", "16 octets"), ({"a.b": OLD}, "a.b", "no id"), ({"1": OLD}, "2", "no key")],
)
def test_what_cannot_sign_is_refused(keys, current, said):
    with pytest.raises(ConfigurationError, match=said):
        LinkTokens(keys, current=current)


def test_keys_do_not_show_and_errors_travel():
    assert "0123" not in repr(TOKENS)
    error = pickle.loads(pickle.dumps(TokenError(TokenFault.FORGED)))  # noqa: S301 - of our own making
    assert error.fault is TokenFault.FORGED

"""Events as documents: open inside, closed outside, and a bad one takes no other down."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.documents import Limits
from flowkit.errors import DocumentError
from flowkit.event_documents import dump_event, load_event, load_events
from flowkit.events import Event
from tests.support.refusals import refusals
from tests.support.strategies import ids, instants, json_values, texts
from tests.support.workflow_documents import put, without

SIGNUP = {"subscriber_id": "s1", "event": {"type": "signup"}}


def event(**fields: object) -> dict[str, object]:
    return {"subscriber_id": "s1", "event": {"type": "signup", **fields}}


# ------------------------------------------------------------------------------------------------------------
# Reading


def test_the_smallest_document_gives_the_defaults():
    assert load_event(SIGNUP) == Event(
        "signup", "s1", id=None, occurred_at=None, received_at=None, properties={}, value=None
    )


def test_every_field_is_read_and_every_other_key_is_a_property():
    document = {
        "subscriber_id": "s1",
        "received_at": "2026-03-07T12:00:05+01:00",
        "event": {
            "type": "purchase",
            "value": 12.5,
            "timestamp": "2026-03-07T12:00:00+01:00",
            "id": "e1",
            "source": "web",
            "subscriber_id": "a property here",
            "received_at": None,
            "": {"deep": [1, None, "x"]},
        },
    }
    expected = Event(
        "purchase",
        "s1",
        id="e1",
        occurred_at=datetime(2026, 3, 7, 11, tzinfo=UTC),
        received_at=datetime(2026, 3, 7, 11, 0, 5, tzinfo=UTC),
        value=12.5,
        properties={
            "source": "web",
            "subscriber_id": "a property here",
            "received_at": None,
            "": {"deep": [1, None, "x"]},
        },
    )
    for given_form in (document, json.dumps(document), json.dumps(document).encode()):
        assert load_event(given_form) == expected


@pytest.mark.parametrize("value", [None, 0, 1.5, True, "12", "", [1], {"a": 1}, 2**63 - 1])
def test_the_value_may_be_any_json(value):
    assert repr(load_event(event(value=value)).value) == repr(value)


@pytest.mark.parametrize(
    ("timestamp", "instant"),
    [
        ("2026-03-07T12:00:00", datetime(2026, 3, 7, 12, tzinfo=UTC)),
        ("2026-03-07T12:00:00Z", datetime(2026, 3, 7, 12, tzinfo=UTC)),
        ("2026-03-07T12:00:00.123456-05:00", datetime(2026, 3, 7, 17, 0, 0, 123_456, tzinfo=UTC)),
        ("1970-01-01T00:00:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_timestamp_without_an_offset_is_utc_and_any_age_is_accepted(timestamp, instant):
    assert load_event(event(timestamp=timestamp)).occurred_at == instant


def test_the_id_stands_inside_or_beside_and_both_must_agree():
    assert load_event(event(id="e1")).id == "e1"
    assert load_event(event() | {"id": "e1"}).id == "e1"
    assert load_event(event(id="e1") | {"id": "e1"}).id == "e1"
    assert refusals(lambda: load_event(event(id="e1") | {"id": "e2"})) == [("conflicting_fields", "/id")]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("/subscriber_id", ..., "missing_field"),
        ("/subscriber_id", None, "wrong_type"),
        ("/subscriber_id", 123, "wrong_type"),
        ("/subscriber_id", "", "bad_id"),
        ("/subscriber_id", "x" * 256, "bad_id"),
        ("/subscriber_id", "a\u202eb", "bad_id"),
        ("/event", ..., "missing_field"),
        ("/event", None, "wrong_type"),
        ("/event", [["type", "signup"]], "wrong_type"),
        ("/event/type", ..., "missing_field"),
        ("/event/type", None, "wrong_type"),
        ("/event/type", "", "bad_id"),
        ("/event/type", ["signup"], "wrong_type"),
        ("/event/id", None, "wrong_type"),
        ("/event/id", 7, "wrong_type"),
        ("/event/id", "", "bad_id"),
        ("/id", None, "wrong_type"),
        ("/id", "a\nb", "bad_id"),
        ("/event/timestamp", None, "wrong_type"),
        ("/event/timestamp", 1_700_000_000, "wrong_type"),
        ("/event/timestamp", "", "bad_instant"),
        ("/event/timestamp", "2026-03-07", "bad_instant"),
        ("/event/timestamp", "soon", "bad_instant"),
        ("/event/timestamp", "0001-01-01T00:00:00+01:00", "out_of_range"),
        ("/received_at", None, "wrong_type"),
        ("/received_at", "now", "bad_instant"),
        ("/timestamp", "2026-03-07T12:00:00Z", "unknown_field"),
        ("/type", "signup", "unknown_field"),
    ],
)
def test_what_is_wrong_is_told_with_its_code_and_place(path, value, code):
    document = without(SIGNUP, path) if value is ... else put(SIGNUP, path, value)
    assert refusals(lambda: load_event(document)) == [(code, path)]
    assert refusals(lambda: load_event(json.dumps(document))) == [(code, path)]


def test_a_slip_beside_the_event_is_answered_with_a_guess():
    for slip, guess in (("idd", "id"), ("recieved_at", "received_at"), ("subscriberid", "subscriber_id")):
        with pytest.raises(DocumentError, match=f'did you mean "{guess}"'):
            load_event(SIGNUP | {slip: "x"})


def test_everything_wrong_is_told_at_once():
    document = {"subscriber": "s", "event": {"type": "", "timestamp": None, "id": 1}, "received_at": "x"}
    assert sorted(refusals(lambda: load_event(document))) == [
        ("bad_id", "/event/type"),
        ("bad_instant", "/received_at"),
        ("missing_field", "/subscriber_id"),
        ("unknown_field", "/subscriber"),
        ("wrong_type", "/event/id"),
        ("wrong_type", "/event/timestamp"),
    ]


@pytest.mark.parametrize("document", [None, [], "null", "[]", "1", b"\xff", "{", {1: 2}, [SIGNUP]])
def test_what_is_no_event_is_refused(document):
    assert len(refusals(lambda: load_event(document))) >= 1


def test_what_json_cannot_hold_is_refused_with_its_place():
    assert refusals(lambda: load_event(event(at=datetime.now(UTC)))) == [("wrong_type", "/event/at")]
    assert refusals(lambda: load_event(event(value=float("nan")))) == [("out_of_range", "/event/value")]


# ------------------------------------------------------------------------------------------------------------
# Limits


def test_an_event_has_a_mebibyte():
    def sized(size: int) -> str:
        bare = json.dumps(event(x=""), separators=(",", ":"))
        return json.dumps(event(x="y" * (size - len(bare))), separators=(",", ":"))

    assert load_event(sized(1024 * 1024))
    assert refusals(lambda: load_event(sized(1024 * 1024 + 1))) == [("too_large", "")]
    assert refusals(lambda: load_event(json.loads(sized(1024 * 1024 + 1)))) == [("too_large", "")]


def test_an_event_has_1000_keys_wherever_they_are():
    flat = {f"k{number}": number for number in range(999)}
    assert load_event(event(**flat))
    assert refusals(lambda: load_event(event(**flat, more=1))) == [("too_long", "/event")]
    nested = {"items": [{"a": 1, "b": {"c": 1}}] * 332}  # type, items, and three for each
    assert load_event(event(**nested))
    nested = {"items": [*nested["items"], {"a": 1}]}
    assert load_event(event(**nested), limits=Limits(event_keys=1_001))
    assert refusals(lambda: load_event(event(**nested, more={"x": 1}))) == [("too_long", "/event")]


# ------------------------------------------------------------------------------------------------------------
# Batches

GOOD = json.dumps(SIGNUP)


@pytest.mark.parametrize(
    "bad",
    [
        "{}",
        "1",
        "",
        "{x}",
        '{"subscriber_id": "s", "event": {"type": "a", "v": NaN}}',
        '{"subscriber_id": "s", "event": {"type": "a", "type": "b"}}',
        '{"subscriber_id": "s", "event": {"type": "a", "v": "\\ud800"}}',
        '{"subscriber_id": "s", "event": {"type": "a", "v": %s}}' % ("9" * 10_000),
        '{"subscriber_id": "s", "event": {"type": "a", "v": %s}}' % ("[" * 1_000 + "]" * 1_000),
        '{"subscriber_id": "s", "event": {"type": "a", "v": "%s"}}' % ("x" * 1_100_000),
    ],
    ids=lambda bad: f"{bad[:60]}-{len(bad)}",
)
def test_a_bad_item_takes_no_other_down(bad):
    batch = f"[{GOOD}, {bad}, {GOOD}]"
    events, rejected = load_events(batch)
    assert events == [load_event(SIGNUP)] * 2
    ((index, error),) = rejected
    assert index == 1
    # It is told what it would be told alone.
    alone = refusals(lambda: load_event(bad))
    assert [(problem.code, problem.path) for problem in error.problems] == alone


def test_a_batch_may_be_a_list_of_objects_and_of_texts():
    batch = [SIGNUP, {"event": {}}, GOOD, GOOD.encode(), "{", None, 5]
    events, rejected = load_events(batch)
    assert events == [load_event(SIGNUP)] * 3
    assert [index for index, _ in rejected] == [1, 4, 5, 6]


@pytest.mark.parametrize("batch", ["[]", b" [ ] ", [], ()])
def test_an_empty_batch_is_empty(batch):
    assert load_events(batch) == ([], [])


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        (GOOD, "wrong_type"),
        (SIGNUP, "wrong_type"),
        (None, "wrong_type"),
        (b"\xff", "bad_encoding"),
        (f"[{GOOD}", "bad_json"),
        (f"[{GOOD}}}]", "bad_json"),
    ],
)
def test_what_is_no_batch_is_refused(batch, code):
    assert refusals(lambda: load_events(batch)) == [(code, "")]


def test_a_text_of_many_events_has_a_limit_of_its_own():
    batch = f"[{GOOD}]"
    assert load_events(batch, limits=Limits(batch_bytes=len(batch)))[0]
    assert refusals(lambda: load_events(batch, limits=Limits(batch_bytes=len(batch) - 1))) == [("too_large", "")]
    # An item is held to the limit of an event, whatever the text's.
    assert load_events(batch, limits=Limits(event_bytes=10))[1][0][0] == 0


def test_a_batch_has_a_number_of_events():
    limits = Limits(batch_events=2)
    for batch in ([SIGNUP, SIGNUP], f"[{GOOD}, {GOOD}]"):
        assert len(load_events(batch, limits=limits)[0]) == 2
    for batch in ([SIGNUP] * 3, f"[{GOOD}, {GOOD}, 1]"):
        assert refusals(lambda batch=batch: load_events(batch, limits=limits)) == [("too_long", "")]


def test_a_rejection_holds_no_document_in_memory():
    (_, error), *_ = load_events(["{"])[1]
    assert error.__traceback__ is None
    assert error.__context__ is None


# ------------------------------------------------------------------------------------------------------------
# Writing

events = st.builds(
    Event,
    ids,
    ids,
    id=st.none() | ids,
    occurred_at=st.none() | instants,
    received_at=st.none() | instants,
    properties=st.dictionaries(
        texts.filter(lambda name: name not in {"type", "value", "timestamp", "id"}), json_values, max_size=3
    ),
    value=json_values,
)


@given(events)
def test_what_is_written_is_read_as_the_same(made):
    assert load_event(dump_event(made)) == made
    assert repr(load_event(json.dumps(dump_event(made))).value) == repr(made.value)


def test_what_is_none_is_left_out_and_instants_are_utc():
    assert dump_event(Event("signup", "s1")) == SIGNUP
    at = datetime(2026, 3, 7, 12, tzinfo=timezone(timedelta(hours=1)))
    assert dump_event(Event("signup", "s1", occurred_at=at, id="e")) == event(
        id="e", timestamp="2026-03-07T11:00:00+00:00"
    )


@pytest.mark.parametrize("name", ["type", "value", "timestamp", "id"])
def test_a_property_without_a_place_in_the_document_is_refused_not_lost(name):
    made = Event("signup", "s1", properties={name: 1})
    assert refusals(lambda: dump_event(made)) == [("reserved_field", f"/event/{name}")]


def test_an_instant_outside_the_years_of_utc_is_refused():
    made = Event("a", "s", occurred_at=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    assert refusals(lambda: dump_event(made)) == [("out_of_range", "/event/timestamp")]

"""How rows are written: what is read back is what was written, and the texts never change."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.events import Occurrence
from flowkit.ports import Pending
from flowkit.runs.beside import Beside
from flowkit.runs.effects import Effect, Outcome, PauseClock, Result
from flowkit.runs.model import Deferred, Entry, Kind, Pause, State, Status, Waiting, Watch
from flowkit.stores.rows import (
    STATUS_CODES,
    read_entries,
    read_occurrence,
    read_outcome,
    read_pending,
    read_state,
    write_entries,
    write_occurrence,
    write_outcome,
    write_pending,
    write_state,
)
from tests.support.strategies import ids, json_values, texts

counters = st.integers(0, 2**63 - 1)
numbered = st.dictionaries(ids, st.integers(1, 2**31), max_size=3)
effects = st.builds(Effect, ids, st.integers(1, 2**31), st.integers(0, 999), ids, st.integers(0, 9), st.integers(0, 2))
states = st.builds(
    State,
    st.sampled_from(Status),
    st.none() | ids,
    st.integers(0, 1_000),
    pending=st.none() | effects,
    waiting=st.none() | st.sampled_from(Waiting),
    visits=numbered.map(lambda counted: tuple(counted.items())),
    counts=numbered.map(lambda counted: tuple(sorted(counted.items()))),
    reason=texts,
    result=st.none() | st.sampled_from(Result),
    beside=st.none()
    | st.builds(
        Beside,
        st.lists(st.tuples(effects, counters), max_size=2).map(tuple),
        st.none() | counters,
        failed=st.lists(st.tuples(effects, st.sampled_from(Result), texts), max_size=2).map(tuple),
    ),
    variables=st.just("") | texts,
    hops=st.integers(0, 16),
    deferred=st.lists(
        st.builds(Deferred, effects, st.integers(-(2**62), 2**62), texts, st.integers(-(2**62), 2**62)), max_size=2
    ).map(tuple),
    goals=st.lists(ids, max_size=2, unique=True).map(tuple),
    then=st.none() | counters,
    pause=st.none() | st.builds(Pause, counters, st.none() | counters, st.sampled_from(PauseClock), own=st.booleans()),
    skips=st.lists(ids, max_size=2).map(tuple),
    era=counters,
)
entries = st.builds(
    Entry, st.sampled_from(Kind), st.none() | ids, st.none() | ids, st.dictionaries(texts, json_values, max_size=3)
)
outcomes = st.builds(
    Outcome,
    st.sampled_from(Result),
    texts,
    retry_after=st.none() | st.timedeltas(),
    reference=st.none() | texts,
    output=st.none() | texts,
)
occurrences = st.builds(
    Occurrence,
    st.integers(-(2**63), 2**63 - 1),
    value=json_values,
    properties=st.dictionaries(texts, json_values, max_size=3),
)
waiting_entries = st.builds(Pending, ids, texts, counters)


@given(states)
def test_a_state_is_read_as_it_was_written(state):
    again = read_state(write_state(state))
    assert again == state
    assert write_state(again) == write_state(state)


@given(st.lists(entries, max_size=4).map(tuple))
def test_entries_are_read_as_they_were_written(some):
    again = read_entries(write_entries(some))
    assert repr(again) == repr(some), "to the type: True is not 1"
    assert write_entries(again) == write_entries(some)


@given(outcomes)
def test_an_outcome_is_read_as_it_was_written(outcome):
    assert read_outcome(write_outcome(outcome)) == outcome


@given(occurrences)
def test_a_past_event_is_read_as_it_was_written(occurrence):
    again = read_occurrence(occurrence.occurred_at, write_occurrence(occurrence))
    assert repr(again) == repr(occurrence), "to the type: True is not 1"
    assert write_occurrence(again) == write_occurrence(occurrence)


@given(st.lists(waiting_entries, max_size=4).map(tuple))
def test_entries_that_wait_are_read_as_they_were_written(pending):
    again = read_pending(write_pending(pending))
    assert again == pending
    assert all(type(entry) is Pending for entry in again)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb\U0001f600", "\x00", "\u2028"])
def test_whatever_a_host_says_can_be_stored(text):
    """A lone surrogate fits no database; what only an engine's host can say must not stop a batch."""
    state = State(Status.FAILED, reason=text)
    line = (Entry(Kind.DECIDED, "n", "a", {"operands": {"subscriber.name": text}}),)
    assert read_state(write_state(state).encode().decode()) == state
    assert read_entries(write_entries(line).encode().decode()) == line
    past = Occurrence(1, value=text, properties={text: text})
    assert read_occurrence(1, write_occurrence(past).encode().decode()) == past
    pending = (Pending("1", text, 2),)
    assert read_pending(write_pending(pending).encode().decode()) == pending


def test_a_value_that_is_no_json_is_written_as_its_text():
    [entry] = read_entries(write_entries((Entry(Kind.DECIDED, data={"at": timedelta(1)}),)))
    assert entry.data == {"at": "1 day, 0:00:00"}


# ------------------------------------------------------------------------------------------------------------
# Frozen: rows outlive the code that wrote them. A text here is never changed; a new form is read beside the old.

EFFECT = Effect("welcome", 2, 1, "send", 3)
FROZEN_STATES = {
    "[0]": State(),
    '[0,"n"]': State(node="n"),
    '[0,"n",1]': State(node="n", action=1),
    '[0,"n",0,null,null,null,null,null,null,null,{"hops":3}]': State(node="n", hops=3),
    '[0,"n",0,null,"duration"]': State(node="n", waiting=Waiting.DURATION),
    '[0,"n",2,null,"delay"]': State(node="n", action=2, waiting=Waiting.DELAY),
    '[0,"n",0,null,"turn"]': State(node="n", waiting=Waiting.TURN),
    '[0,"welcome",1,["welcome",2,1,"send",3]]': State(node="welcome", action=1, pending=EFFECT),
    '[4,"welcome",1,["welcome",2,1,"send",3,1],null,null,null,"gone","unknown"]': State(
        Status.FAILED,
        "welcome",
        1,
        pending=Effect("welcome", 2, 1, "send", 3, 1),
        reason="gone",
        result=Result.UNKNOWN,
    ),
    '[0,"n",0,null,"duration",{"n":2,"a":1},{"email_open":3}]': State(
        node="n", waiting=Waiting.DURATION, visits=(("n", 2), ("a", 1)), counts=(("email_open", 3),)
    ),
    '[0,"n",0,null,"duration",null,{"email_click":1,"email_open":3}]': State(
        node="n", waiting=Waiting.DURATION, counts=(("email_click", 1), ("email_open", 3))
    ),
    '[1,"n"]': State(Status.PAUSED, "n"),
    "[2]": State(Status.COMPLETED),
    '[0,"n",1,null,"event",null,null,null,null,[5,9,3,[["n",1,0,4],["m",0,2,8]],[["n",1,1,2]]]]': State(
        node="n",
        action=1,
        waiting=Waiting.EVENT,
        watch=Watch(5, 9, sent=3, seen=(("n", 1, 0, 4), ("m", 0, 2, 8)), lapsed=(("n", 1, 1, 2),)),
    ),
    '[0,"n",0,null,"event",null,null,null,null,[5,null,null,[],[]]]': State(
        node="n", waiting=Waiting.EVENT, watch=Watch(5)
    ),
    '[0,"n",0,null,"turn",null,null,null,null,null,{"beside":[9,[[5,["m",1,0,"a",0]],[7,["m",1,1,"b",2]]],[]]}]': State(
        node="n",
        waiting=Waiting.TURN,
        beside=Beside(((Effect("m", 1, 0, "a"), 5), (Effect("m", 1, 1, "b", 2), 7)), 9),
    ),
    '[4,null,0,null,null,null,null,"gone",null,null,{"beside":[null,[],[["failed","gone",["m",1,0,"a",0,1]]]]}]': State(
        Status.FAILED,
        reason="gone",
        beside=Beside(failed=((Effect("m", 1, 0, "a", generation=1), Result.FAILED, "gone"),)),
    ),
    '[0,"n",0,null,"duration",null,null,null,null,null,{"variables":"{\\"score\\":3}"}]': State(
        node="n", waiting=Waiting.DURATION, variables='{"score":3}'
    ),
    '[0,"n",0,["n",1,0,"s",0],null,null,null,null,null,null,{"deferred":[[5,"quiet_hours",7,["n",1,0,"s",0]]]}]': State(
        node="n", pending=Effect("n", 1, 0, "s"), deferred=(Deferred(Effect("n", 1, 0, "s"), 5, "quiet_hours", 7),)
    ),
    '[0,"n",0,null,"event",null,null,null,null,[5,9,null,[],[],[7,1,"email_open"]]]': State(
        node="n", waiting=Waiting.EVENT, watch=Watch(5, 9, met=(7, 1, "email_open"))
    ),
    '[1,"n",0,null,"duration",null,null,null,null,null,{"pause":[5,9,"freeze",0]}]': State(
        Status.PAUSED, "n", waiting=Waiting.DURATION, pause=Pause(5, 9)
    ),
    '[1,"n",0,null,"event",null,null,null,null,null,{"pause":[5,null,"run",1]}]': State(
        Status.PAUSED, "n", waiting=Waiting.EVENT, pause=Pause(5, None, PauseClock.RUN, own=True)
    ),
    '[0,"n",0,null,"turn",null,null,null,null,null,{"skips":["a","b"],"era":3}]': State(
        node="n", waiting=Waiting.TURN, skips=("a", "b"), era=3
    ),
    '[3,null,0,null,null,null,null,"unsubscribed"]': State(Status.EXITED, reason="unsubscribed"),
    '[0,"n",0,null,"duration",null,null,null,null,null,{"goals":["g","h"],"then":7}]': State(
        node="n", waiting=Waiting.DURATION, goals=("g", "h"), then=7
    ),
    "[5]": State(Status.HELD_OUT),
    '[5,null,0,null,null,null,null,null,null,null,{"goals":["g"]}]': State(Status.HELD_OUT, goals=("g",)),
    '[4,null,0,null,null,null,null,"Überlauf 😀"]': State(Status.FAILED, reason="Überlauf 😀"),
}
FROZEN_ENTRIES = {
    "[]": (),
    '[["requeued","n","a",{"after":"gone","key":"new"}]]': (
        Entry(Kind.REQUEUED, "n", "a", {"after": "gone", "key": "new"}),
    ),
    '[["paused","n",null,{"clock":"freeze"}],["resumed","n",null,{"clock":"freeze","seconds":5}]]': (
        Entry(Kind.PAUSED, "n", None, {"clock": "freeze"}),
        Entry(Kind.RESUMED, "n", None, {"clock": "freeze", "seconds": 5}),
    ),
    '[["migrated","n","a",{"from":1,"to":2,"node":"m","course":"moved","seconds":-5}]]': (
        Entry(Kind.MIGRATED, "n", "a", {"from": 1, "to": 2, "node": "m", "course": "moved", "seconds": -5}),
    ),
    '[["feedback","n","a",{"type":"conversion","template_id":"t","key":"k","machine":true,"value":9.5}]]': (
        Entry(
            Kind.FEEDBACK,
            "n",
            "a",
            {"type": "conversion", "template_id": "t", "key": "k", "machine": True, "value": 9.5},
        ),
    ),
    '[["completed"]]': (Entry(Kind.COMPLETED),),
    '[["entered","start",null,{"trigger":"t"}],["waiting","start","wait",{"seconds":0.5}]]': (
        Entry(Kind.ENTERED, "start", None, {"trigger": "t"}),
        Entry(Kind.WAITING, "start", "wait", {"seconds": 0.5}),
    ),
    '[["woken","n","a"],["left","n",null,{"by":"default","to":"end"}]]': (
        Entry(Kind.WOKEN, "n", "a"),
        Entry(Kind.LEFT, "n", None, {"by": "default", "to": "end"}),
    ),
    '[["decided","n","a",{"label":"engaged","operands":{"count.opens":1,"subscriber.plan":null}}]]': (
        Entry(Kind.DECIDED, "n", "a", {"label": "engaged", "operands": {"count.opens": 1, "subscriber.plan": None}}),
    ),
    '[["passed","n","a",{"result":"missing","why":"profile_date","zone":"UTC","zone_of":"workflow"}]]': (
        Entry(
            Kind.PASSED, "n", "a", {"result": "missing", "why": "profile_date", "zone": "UTC", "zone_of": "workflow"}
        ),
    ),
    '[["deferred","n","a",{"by":"quiet_hours","seconds":28800}]]': (
        Entry(Kind.DEFERRED, "n", "a", {"by": "quiet_hours", "seconds": 28800}),
    ),
    '[["goal","n",null,{"goal":"g","type":"purchase","occurred_at":"2026-01-01T00:00:00+00:00"}]]': (
        Entry(Kind.GOAL, "n", None, {"goal": "g", "type": "purchase", "occurred_at": "2026-01-01T00:00:00+00:00"}),
    ),
    '[["goal",null,null,{"goal":"g","operands":{"subscriber.plan":"pro"}}]]': (
        Entry(Kind.GOAL, data={"goal": "g", "operands": {"subscriber.plan": "pro"}}),
    ),
    '[["held_out",null,null,{"trigger":"t"}]]': (Entry(Kind.HELD_OUT, data={"trigger": "t"}),),
    '[["done"],["skipped"],["retrying"],["observed"],["exited"],["failed"],["late"],["refused"]]': tuple(
        Entry(Kind(kind)) for kind in ("done", "skipped", "retrying", "observed", "exited", "failed", "late", "refused")
    ),
}
FROZEN_OUTCOMES = [
    (["done", "", None, None], Outcome(Result.DONE)),
    (["skipped", "no_address", None, None], Outcome(Result.SKIPPED, "no_address")),
    (["retry", "busy", 1_500_000, None], Outcome(Result.RETRY, "busy", retry_after=timedelta(seconds=1.5))),
    (["failed", "gone", None, "id-1"], Outcome(Result.FAILED, "gone", reference="id-1")),
    (["unknown", "", None, None], Outcome(Result.UNKNOWN)),
    (["done", "", None, None, '{"score":3}'], Outcome(Result.DONE, output='{"score":3}')),
    (["done", "", None, None, ""], Outcome(Result.DONE, output="")),
]

FROZEN_OCCURRENCES = {
    "[]": Occurrence(1),
    "[0]": Occurrence(1, value=0),
    "[false]": Occurrence(1, value=False),
    '[""]': Occurrence(1, value=""),
    "[{}]": Occurrence(1, value={}),
    "[[]]": Occurrence(1, value=[]),
    '[49.9,{"order":{"id":"a-1","größe":null}}]': Occurrence(
        1, value=49.9, properties={"order": {"id": "a-1", "größe": None}}
    ),
    '[null,{"plan":"😀"}]': Occurrence(1, properties={"plan": "😀"}),
}
FROZEN_PENDING = {
    None: (),
    '[["e-1","{\\"type\\":\\"visit\\"}",1767225600000000]]': (
        Pending("e-1", '{"type":"visit"}', 1_767_225_600_000_000),
    ),
    '[["größe","",-1],["b","x",0]]': (Pending("größe", "", -1), Pending("b", "x", 0)),
}


@pytest.mark.parametrize("text", FROZEN_STATES)
def test_the_text_of_a_state_is_frozen(text):
    assert read_state(text) == FROZEN_STATES[text]
    assert write_state(FROZEN_STATES[text]) == text


@pytest.mark.parametrize("text", FROZEN_ENTRIES)
def test_the_text_of_entries_is_frozen(text):
    assert read_entries(text) == FROZEN_ENTRIES[text]
    assert write_entries(FROZEN_ENTRIES[text]) == text


@pytest.mark.parametrize(("row", "outcome"), FROZEN_OUTCOMES)
def test_the_row_of_an_outcome_is_frozen(row, outcome):
    assert read_outcome(row) == outcome
    assert write_outcome(outcome) == row


@pytest.mark.parametrize("text", FROZEN_OCCURRENCES)
def test_the_text_of_a_past_event_is_frozen(text):
    assert repr(read_occurrence(1, text)) == repr(FROZEN_OCCURRENCES[text])
    assert write_occurrence(FROZEN_OCCURRENCES[text]) == text


@pytest.mark.parametrize("text", FROZEN_PENDING)
def test_the_text_of_entries_that_wait_is_frozen(text):
    assert read_pending(text) == FROZEN_PENDING[text]
    assert write_pending(FROZEN_PENDING[text]) == text


def test_living_states_have_the_codes_below_two():
    assert {status: code for status, code in STATUS_CODES.items() if code < 2} == {Status.ACTIVE: 0, Status.PAUSED: 1}
    assert {State(status).alive for status, code in STATUS_CODES.items() if code < 2} == {True}
    assert {State(status).alive for status, code in STATUS_CODES.items() if code >= 2} == {False}


def test_every_kind_of_entry_has_a_frozen_text():
    frozen = {entry.kind for some in FROZEN_ENTRIES.values() for entry in some}
    assert frozen == set(Kind)


def test_what_json_cannot_hold_is_named_by_its_kind():
    """A profile's value comes into the journal as an operand; the rest of the line, and the others, are kept."""
    endless: list[object] = []
    endless.append(endless)
    operands = {"subscriber.a": endless, "subscriber.b": {(1, 2): 3}, "subscriber.c": 1}
    before = (Entry(Kind.LEFT, "a", None, {"by": "default"}), Entry(Kind.DECIDED, "b", "c", {"operands": operands}))
    left, decided = read_entries(write_entries(before))
    assert left == before[0]
    assert decided.data == {"operands": {"subscriber.a": "(list)", "subscriber.b": "(dict)", "subscriber.c": 1}}


def test_a_past_event_that_json_cannot_hold_is_kept_all_the_same():
    """It came with an id of its own, so nobody has had to write it out before."""
    endless: list[object] = []
    endless.append(endless)
    past = Occurrence(1, value=endless, properties={"a": {(1, 2): 3}, "b": 1, "c": timedelta(1)})
    assert read_occurrence(1, write_occurrence(past)) == Occurrence(
        1, value="(list)", properties={"a": "(dict)", "b": 1, "c": "1 day, 0:00:00"}
    )

"""Whatever comes in: a workflow or an event comes out, or a DocumentError, in bounded time and of bounded size."""

import json
import time
from collections.abc import Callable
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit import conditions
from flowkit.documents import check, read
from flowkit.errors import DocumentError
from flowkit.event_documents import dump_event, load_event, load_events
from flowkit.workflows.codec import dumps, load, validate
from tests.support.strategies import EDGES, ODD, json_values, workflows
from tests.support.workflow_documents import PARAMETERS, WAITS, action, golden, node, workflow

READERS = [load, load_event, load_events, read, check, conditions.parse]
MEBIBYTE = 1024 * 1024


def outcome(call: Callable[[object], object], given_value: object) -> object:
    """What a call gives, or its DocumentError; anything else that it raises fails the test."""
    try:
        return call(given_value)
    except DocumentError as error:
        return fit(error)


def fit(error: DocumentError) -> DocumentError:
    """The error, when it is one that can be acted on and printed."""
    assert 1 <= len(error.problems) <= 101
    for problem in error.problems:
        assert problem.code.isidentifier()
        assert problem.path == "" or problem.path.startswith("/")
        assert len(problem.message) < 2_000
    assert str(error).encode()
    return error


# ------------------------------------------------------------------------------------------------------------
# Anything at all

KEYS = [
    *("schema", "workflow_id", "name", "trigger", "nodes", "entry_node", "active", "created_at"),
    *("trigger_id", "trigger_type", "conditions", "priority", "cooldown_hours", "max_executions", "on"),
    *("node_id", "actions", "next_nodes", "action_id", "action_type", "parameters", "delay_minutes"),
    *("success_path", "failure_path", "engagement_threshold", "subscriber_id", "event", "type", "timestamp"),
    *conditions.KEYS,
    *PARAMETERS,
    *(name for known in PARAMETERS.values() for name in known),
    *(name for known in WAITS for name in known),
    *("at", "weekdays", "from", "to", "path", "offset", "on_missing", "on_past", "fallback", "timezone"),
    *("exit_criteria", "goals", "holdout", "reason", "when", "goal_id", "within", "exits", "share", "name"),
    *("start", "end", "$gt", "", "\x00", "\ud800", "a/b~c"),
]
scalars = st.sampled_from([*EDGES, *ODD, "\ud800", "2026-03-07T12:00:00"]) | st.sampled_from(KEYS) | st.floats()
documents = st.recursive(
    scalars | st.binary(max_size=4) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
        | st.dictionaries(st.none() | st.integers() | st.text(), inner, max_size=3)
    ),
    max_leaves=30,
)


@given(documents)
def test_any_object_is_read_or_refused(document):
    for reader in READERS:
        outcome(reader, document)


@given(st.binary() | st.text())
def test_any_text_is_read_or_refused(text):
    for reader in READERS:
        outcome(reader, text)


@given(st.text(st.sampled_from('{}[]",:\\ \n0123456789eE+-.truefalsn\ud800"'), max_size=40))
def test_what_looks_like_json_is_read_as_json_does_or_refused(text):
    given_back = outcome(read, text)
    if not isinstance(given_back, DocumentError):
        assert json.dumps(given_back) == json.dumps(json.loads(text))
    for reader in READERS:
        outcome(reader, text)


# ------------------------------------------------------------------------------------------------------------
# Documents that were right before something was changed

RIGHT = [
    golden("welcome_series.json"),
    golden("welcome_series.full.json"),
    workflow(node("start", *(action(name, name) for name in PARAMETERS)), schema=1),
    workflow(*(node(f"n{index}", action("wait", parameters=one)) for index, one in enumerate(WAITS)), entry_node="n0"),
    {"subscriber_id": "s", "event": {"type": "a", "value": 1, "timestamp": "2026-03-07T12:00:00Z", "x": [1]}},
]


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every value in a document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


@st.composite
def changed(draw: st.DrawFn) -> object:
    """A right document of which one to three values were replaced, removed, renamed or doubled."""
    document = json.loads(json.dumps(draw(st.sampled_from(RIGHT))))
    for _ in range(draw(st.integers(1, 3))):
        if not document:
            break
        *way, last = draw(st.sampled_from([place for place in places(document) if place]))
        parent = document
        for key in way:
            parent = parent[key]
        match draw(st.sampled_from(["replace", "remove", "rename", "double"])):
            case "remove":
                del parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.sampled_from(KEYS) | st.text(max_size=4))] = parent.pop(last)
            case "double" if isinstance(parent, list):
                parent.append(deepcopy(parent[last]))
            case _:
                # A copy: what is sampled is drawn again, and would be changed for good by the next round.
                parent[last] = deepcopy(draw(documents))
    return document


@given(changed())
def test_a_changed_document_is_read_as_what_it_says_or_refused(document):
    loaded = outcome(load, document)
    if not isinstance(loaded, DocumentError):
        assert load(dumps(loaded)) == loaded == validate(loaded)
    event = outcome(load_event, document)
    if not isinstance(event, DocumentError):
        assert load_event(dump_event(event)) == event
    # As text it is judged in the same way, where Python can write it and does not change it (keys that are no text).
    try:
        text = json.dumps(document)
    except (TypeError, ValueError):
        return
    if repr(json.loads(text)) != repr(document):
        return
    from_text = outcome(load, text)
    if isinstance(loaded, DocumentError):
        assert isinstance(from_text, DocumentError)
    else:
        assert from_text == loaded


@given(workflows(), st.data())
def test_bytes_changed_in_a_right_text_are_read_or_refused(made, data):
    text = bytearray(dumps(made).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    loaded = outcome(load, bytes(text))
    if not isinstance(loaded, DocumentError):
        assert load(dumps(loaded)) == loaded


@given(json_values)
def test_open_bags_hold_any_json(value):
    parameters = {"template_id": "t", "bag": value}
    loaded = load(workflow(node("start", action(parameters=parameters))))
    assert repr(loaded.nodes["start"].actions[0].do.parameters) == repr({"bag": value})
    assert load(dumps(loaded)) == loaded


# ------------------------------------------------------------------------------------------------------------
# Time

SECONDS = 30  # many times what each takes; what grows with the square of its size takes minutes
ONE = '{"node_id":"a","name":"n","actions":[%s]}'


def filled(start: str, item: str, end: str, size: int = 4 * MEBIBYTE) -> str:
    """A text of at most a size that repeats one item."""
    times = (size - len(start) - len(end)) // (len(item) + 1)
    return start + ",".join([item] * times) + end


HOSTILE = {
    "open lists": "[" * (4 * MEBIBYTE),
    "open objects": '{"a":' * (MEBIBYTE // 2),
    "closed lists": "[" * (2 * MEBIBYTE) + "]" * (2 * MEBIBYTE),
    "many empty lists": filled("[", "[]", "]"),
    "digits": "9" * (4 * MEBIBYTE),
    "digits with an exponent": "1" * MEBIBYTE + "e" + "9" * MEBIBYTE,
    "a long fraction": "0." + "1" * (4 * MEBIBYTE - 2),
    "many long integers": filled("[", "9" * 310, "]"),
    "many longer integers": filled("[", "9" * 4_000, "]"),
    "escapes": '"' + "\\u0061" * (MEBIBYTE // 2) + '"',
    "quotes without an end": '"' + '\\"' * (2 * MEBIBYTE - 1),
    "backslashes": "\\" * (4 * MEBIBYTE),
    "one key many times": filled("{", '"a":1', "}"),
    "many keys": "{" + ",".join(f'"k{number}":1' for number in range(300_000)) + "}",
    "a long key": '{"' + "k" * (4 * MEBIBYTE - 6) + '":1}',
    "blanks": " " * (4 * MEBIBYTE),
    "NaN": filled("[", "NaN", "]"),
    "many wrong actions": '{"nodes":{'
    + ",".join(f'"{number}":' + filled("", "{}", "", 2_900).join(['{"actions":[', "]}"]) for number in range(1_400))
    + "}}",
    "many unknown conditions": '{"trigger":{"conditions":{'
    + ",".join(f'"event_typ{number}":1' for number in range(150_000))
    + "}}}",
    "many unknown targets": json.dumps(
        workflow(
            *(
                node("".join("ab"[bool(number & 1 << bit)] for bit in range(13)) * 3, next_nodes={"x": "abba" * 10})
                for number in range(9_999)
            )
        ),
        separators=(",", ":"),
    ),
    "instants": json.dumps(workflow(created_at="2026-03-07T12:00:00." + "1" * MEBIBYTE)),
    "an id": json.dumps(workflow(workflow_id="w" * MEBIBYTE)),
    "a url": json.dumps(
        workflow(node("start", action("webhook", parameters={"url": "https://a.com/" + "{{" * MEBIBYTE})))
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_of_4_mebibytes_takes_seconds(name):
    text = HOSTILE[name]
    assert len(text) <= 4 * MEBIBYTE
    before = time.process_time()
    assert isinstance(outcome(load, text), DocumentError)
    outcome(load_events, text)
    assert time.process_time() - before < SECONDS


def test_a_right_document_of_10_000_nodes_takes_seconds():
    nodes = [node(f"n{number}", action(), next_nodes={"default": f"n{number + 1}"}) for number in range(9_999)]
    text = json.dumps(workflow(*nodes, node("n9999"), entry_node="n0"))
    before = time.process_time()
    assert load(dumps(load(text))) == load(text)
    assert time.process_time() - before < SECONDS

"""What comes back of an action, and what variables it makes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.variables import MAX_OUTPUT, MAX_TEXT, kept, take, variables_of
from flowkit.workflows.model import MAX_VARIABLES, CallHandler, CallWebhook
from tests.support.strategies import json_values

SCORING = CallHandler("score")


def webhook(**response):
    return CallWebhook("https://example.com", response=response)


@pytest.mark.parametrize(
    ("operation", "before", "output", "after", "told"),
    [
        # A webhook sets what it names, and all of that anew.
        (webhook(), {"a": 1}, '{"a": 2}', {"a": 1}, {}),
        (webhook(a="a"), {}, '{"a": 2, "b": 3}', {"a": 2}, {"variables": {"a": 2}}),
        (webhook(a="b.c"), {"z": 0}, '{"b": {"c": [1]}}', {"a": [1], "z": 0}, {"variables": {"a": [1]}}),
        (webhook(a="b.c"), {}, '{"b.c": 1, "b": {"c": 2}}', {"a": 1}, {"variables": {"a": 1}}),
        (webhook(a="b"), {"a": 1}, '{"c": 2}', {}, {"unset": {"a": "missing"}}),
        (webhook(a="b"), {"a": 1}, '{"b": null}', {}, {"unset": {"a": "missing"}}),
        (
            webhook(a="b.c", d="e"),
            {},
            '{"b": 1, "e": false}',
            {"d": False},
            {"variables": {"d": False}, "unset": {"a": "missing"}},
        ),
        (webhook(a="b"), {"a": 1, "c": 2}, None, {"c": 2}, {"unset": {"a": "missing"}, "output": "missing"}),
        (webhook(a="b"), {"a": 1}, "", {}, {"unset": {"a": "missing"}, "output": "no_json"}),
        (webhook(a="b"), {}, "<html>", {}, {"unset": {"a": "missing"}, "output": "no_json"}),
        (webhook(a="b"), {}, '{"b": NaN}', {}, {"unset": {"a": "missing"}, "output": "no_json"}),
        (webhook(a="b"), {}, '{"b": 1e999}', {}, {"unset": {"a": "missing"}, "output": "no_json"}),
        (webhook(a="b"), {}, '{"b": 1, "b": 2}', {}, {"unset": {"a": "missing"}, "output": "no_json"}),
        (webhook(a="b"), {}, '[{"b": 1}]', {}, {"unset": {"a": "missing"}, "output": "no_object"}),
        (webhook(a="b"), {}, "[" * 500 + "]" * 500, {}, {"unset": {"a": "missing"}, "output": "too_deep"}),
        (webhook(a="b"), {}, f'{{"b": "{"x" * MAX_OUTPUT}"}}', {}, {"unset": {"a": "missing"}, "output": "too_large"}),
        # A handler gives variables by their names; null unsets one, and what it does not name stays.
        (SCORING, {"a": 1}, None, {"a": 1}, {}),
        (SCORING, {"a": 1}, "{}", {"a": 1}, {}),
        (SCORING, {"a": 1}, '{"b": "x", "c": 0}', {"a": 1, "b": "x", "c": 0}, {"variables": {"b": "x", "c": 0}}),
        (SCORING, {"a": 1, "b": 2}, '{"a": null}', {"b": 2}, {"unset": {"a": "missing"}}),
        (SCORING, {}, '{"a-b": 1, "c": 2}', {"c": 2}, {"variables": {"c": 2}, "unset": {"a-b": "bad_name"}}),
        (SCORING, {"a": 1}, "3", {"a": 1}, {"output": "no_object"}),
        (SCORING, {"a": 1}, "{", {"a": 1}, {"output": "no_json"}),
        # What does not fit is left out, and nothing old stands in its place.
        (
            SCORING,
            {"big": 1, "c": 2},
            f'{{"big": "{"x" * MAX_TEXT}", "d": 3}}',
            {"c": 2, "d": 3},
            {"variables": {"d": 3}, "unset": {"big": "too_large"}},
        ),
    ],
)  # fmt: skip
def test_what_comes_back_makes_variables(operation, before, output, after, told):
    text = json.dumps(before, sort_keys=True, separators=(",", ":")) if before else ""
    taken = take(text, operation, output)
    assert variables_of(taken.text) == after
    assert taken.data == told
    assert (taken.text == "") is (not after)


def test_there_are_only_so_many():
    first = take("", SCORING, json.dumps({f"v{number:02}": number for number in range(MAX_VARIABLES + 2)}))
    assert list(variables_of(first.text)) == [f"v{number:02}" for number in range(MAX_VARIABLES)]
    assert first.data["unset"] == {"v32": "too_many", "v33": "too_many"}
    again = take(first.text, SCORING, '{"v00": "again", "zz": 1}')
    assert (variables_of(again.text)["v00"], again.data["unset"]) == ("again", {"zz": "too_many"})
    freed = take(first.text, webhook(v00="none", zz="b"), '{"b": 1}')
    assert "zz" in variables_of(freed.text)
    assert "v00" not in variables_of(freed.text)


def test_all_together_have_only_so_much_room():
    most = MAX_TEXT - len('{"a":""}')
    assert len(take("", SCORING, json.dumps({"a": "x" * most})).text) == MAX_TEXT
    assert take("", SCORING, json.dumps({"a": "x" * (most + 1)})).text == ""
    half = take("", SCORING, json.dumps({"a": "ö" * (most // 12)})).text
    assert len(half) <= MAX_TEXT // 2 + 8
    assert take(half, SCORING, json.dumps({"b": "x" * (MAX_TEXT // 2 + 100)})).data["unset"] == {"b": "too_large"}


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), json_values, max_size=5))
def test_equal_values_have_one_text_and_are_read_back(values):
    there = {name: value for name, value in values.items() if value is not None}
    taken = take("", SCORING, Outcome.giving(values).output)
    backwards = take("", SCORING, json.dumps(dict(reversed(values.items()))))
    assert taken.text == backwards.text
    assert repr(dict(variables_of(taken.text))) == repr(json.loads(json.dumps(there, sort_keys=True)))
    assert taken.text.isascii()


@pytest.mark.parametrize(
    ("operation", "outcome", "output"),
    [
        (webhook(a="b"), Outcome(Result.DONE, output='{"b":1}'), '{"b":1}'),
        (webhook(), Outcome(Result.DONE, output='{"b":1}'), None),
        (SCORING, Outcome(Result.DONE, output='{"b":1}'), '{"b":1}'),
        (SCORING, DONE, None),
        (SCORING, Outcome(Result.RETRY, "busy", output='{"b":1}'), None),
        (SCORING, Outcome(Result.SKIPPED, output='{"b":1}'), None),
        (SCORING, Outcome(Result.DONE, output="\ud800"), ""),
        (SCORING, Outcome(Result.DONE, output=b'{"b":1}'), ""),  # pyright: ignore[reportArgumentType]
        (SCORING, Outcome(Result.DONE, output={"b": 1}), ""),  # pyright: ignore[reportArgumentType]
        (SCORING, Outcome(Result.DONE, output="x" * MAX_OUTPUT), "x" * MAX_OUTPUT),
        (SCORING, Outcome(Result.DONE, output="x" * 10 * MAX_OUTPUT), "x" * (MAX_OUTPUT + 1)),
    ],
)
def test_of_an_outcome_that_is_kept_which_the_run_can_use(operation, outcome, output):
    found = kept(operation, outcome)
    assert (found.result, found.reason, found.output) == (outcome.result, outcome.reason, output)


def test_what_is_cut_stays_too_large():
    found = kept(SCORING, Outcome(Result.DONE, output=json.dumps({"a": "x" * 2 * MAX_OUTPUT})))
    assert take("", SCORING, found.output).data == {"output": "too_large"}


def test_values_that_json_does_not_know_are_refused_where_they_are_given():
    with pytest.raises(TypeError):
        Outcome.giving({"a": object()})
    with pytest.raises(ValueError, match="JSON"):
        Outcome.giving({"a": float("nan")})

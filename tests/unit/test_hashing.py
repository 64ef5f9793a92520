"""Derived keys: frozen, since stored data and receivers depend on them, and never the same for two things."""

import uuid
from collections import Counter
from decimal import Decimal, localcontext
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from flowkit.events import Event
from flowkit.hashing import assign, content_hash, digest64, pack, run_id
from flowkit.runs.effects import Effect, effect_key
from tests.support.journeys import START
from tests.support.strategies import ids, texts

RUN = "0123456789abcdef" * 2
HALVES = [("a", 50), ("b", 50)]
TINY = (13_593, 264_520, 1_200_978)
ASSIGNED_HALVES = "aaabaababbbbaaabbaaabaaabbbabaabbabbbbba"
ASSIGNED_THIRDS = "bbbbbgbbggbbbgbbgbbgbbbbbbgbbbbbbgbbbgbg"


# ------------------------------------------------------------------------------------------------------------
# Frozen: a change of any of these loses what is stored


@pytest.mark.parametrize(
    ("parts", "frozen"),
    [
        (("w", "s", "e"), "20fe40d5eee65ca7b7a92c5a992d9497"),
        (("welcome_series_v2", "subscriber_123", "evt-1"), "dadfd23adc1a5ec9b90567e33d7eb241"),
        (("wörk", "größe 😀", "~1"), "887aa827a29951f2b0253d8df6389c6b"),
    ],
)
def test_run_ids_are_frozen(parts, frozen):
    assert run_id(*parts) == frozen


@pytest.mark.parametrize(
    ("parts", "frozen"),
    [
        (("salt",), 12180874692373775359),
        (("salt", "unit"), 18306467033586831128),
        (("", "a", "b"), 11758132132724862302),
        (("größe", "😀"), 18193684065192425665),
    ],
)
def test_digests_are_frozen(parts, frozen):
    assert digest64(*parts) == frozen


def test_assignments_are_frozen():
    assert "".join(assign("1:w:start", f"s{number}", HALVES) for number in range(40)) == ASSIGNED_HALVES
    thirds = [("größe 😀", 0.5), ("b", 1), ("c", 1e-6), ("d", 0)]
    assert "".join(assign(":salt", f"s{number}", thirds)[0] for number in range(40)) == ASSIGNED_THIRDS


@pytest.mark.parametrize(
    ("text", "frozen"),
    [
        ("", "cae66941d9efbd404e4d88758ea67670"),
        ("hello", "46fb7408d4f285228f4af516ea25851b"),
        ("größe 😀", "5cb63392a5ea769002e04512bffeda98"),
    ],
)
def test_content_hashes_are_frozen(text, frozen):
    assert content_hash(text) == frozen


@pytest.mark.parametrize(
    ("effect", "frozen"),
    [
        (Effect("start", 1, 0, "send_welcome"), f"{RUN}:start:1:send_welcome"),
        (Effect("start", 12, 3, "send_welcome", 4), f"{RUN}:start:12:send_welcome"),
        (Effect("größe", 1, 0, "send"), f"{RUN}:~f5b362e5ef998c2349c5627551e90fd3"),
        (Effect("a node", 1, 0, "send"), f"{RUN}:~05f45d2c123e5a3c147eeb4f7f5101b7"),
        (Effect("n" * 255, 1, 0, "a" * 255), f"{RUN}:~015ae2d7cb3131e67750404d1b94306e"),
        (Effect("n", 1, 0, "a:b"), f"{RUN}:~5e2176b18b6cc5f9568d30da47076d00"),
    ],
)
def test_keys_are_frozen(effect, frozen):
    assert effect_key(RUN, effect) == frozen


def test_the_id_of_an_event_without_one_is_frozen():
    event = Event("purchase", "s", occurred_at=START, properties={"b": [1, "ü"], "a": None}, value=9.5)
    assert event.identity(START) == "~4d3c94df493177849a4ad84b8fe7dba2"


# ------------------------------------------------------------------------------------------------------------
# Never the same for two things

parts = st.lists(st.text("ab:1,\x00ü", max_size=4), max_size=4)


@given(parts, parts)
def test_different_lists_are_packed_differently(some, others):
    assert (pack(*some) == pack(*others)) == (some == others)


short_ids = st.text("w1:,", min_size=1, max_size=4)


@given(st.tuples(short_ids, short_ids, short_ids), st.tuples(short_ids, short_ids, short_ids))
def test_different_causes_give_different_runs(one, other):
    assert (run_id(*one) == run_id(*other)) == (one == other)


@given(ids, ids, texts)
def test_a_run_id_is_a_uuid_of_version_5(workflow_id, subscriber_id, cause):
    identity = run_id(workflow_id, subscriber_id, cause)
    parsed = uuid.UUID(hex=identity)
    assert (parsed.hex, parsed.version, parsed.variant) == (identity, 5, uuid.RFC_4122)


# Few parts, so that the same ones often meet in another order.
names = st.lists(st.sampled_from(["1", "a"]), min_size=1, max_size=3).map(":".join) | st.sampled_from(["ü", "ü:1", " "])
effects = st.builds(Effect, names, st.just(1), st.just(0), names, st.integers(0, 3), st.integers(0, 2))


@given(effects, effects)
def test_different_effects_have_different_keys(one, other):
    """Node, visit, action and generation make the key; neither the attempt nor the action's place in its node does."""
    parts = [(each.node, each.visit, each.action_id, each.generation) for each in (one, other)]
    same = parts[0] == parts[1]
    assert (effect_key(RUN, one) == effect_key(RUN, other)) == same


@given(
    st.builds(
        Effect,
        ids | st.text("n:", min_size=200, max_size=255),
        st.integers(1),
        st.just(0),
        ids,
        generation=st.integers(0, 2),
    )
)
def test_a_key_is_fit_for_a_header(effect):
    key = effect_key(RUN, effect)
    assert key.startswith(RUN)
    assert 1 <= len(key) <= 256
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


# ------------------------------------------------------------------------------------------------------------
# Uniform and independent


def test_digests_are_uniform_and_independent_between_salts():
    """Sequential ids land evenly, and two salts agree as often as chance has it: within five standard deviations."""
    units = 20_000
    halves = [[digest64(salt, f"subscriber_{unit}") >> 63 for unit in range(units)] for salt in ("first", "second")]
    for half in halves:
        assert abs(sum(half) - units / 2) < 5 * (units / 4) ** 0.5
    agreeing = sum(one == other for one, other in zip(*halves, strict=True))
    assert abs(agreeing - units / 2) < 5 * (units / 4) ** 0.5


def test_the_whole_salt_counts_up_to_64_bytes():
    assert digest64("s" * 63 + "a", "unit") != digest64("s" * 63 + "b", "unit")


# ------------------------------------------------------------------------------------------------------------
# Assignments: uniform, independent, and honouring the least of weights


def drawn(salt, ways, units=20_000):
    return [assign(salt, f"subscriber_{unit}", ways) for unit in range(units)]


@pytest.mark.parametrize("weights", [(50, 50), (1, 1, 1), (70, 20, 10), (1, 2, 3, 4, 5), (0.9, 0.1), (1e12, 2e11)])
def test_each_way_gets_its_share(weights):
    ways = [(f"w{number}", weight) for number, weight in enumerate(weights)]
    counted = Counter(drawn("salt", ways))
    expected = [20_000 * weight / sum(weights) for weight in weights]
    assert chisquare([counted[label] for label, _ in ways], expected).pvalue > 0.001


def test_the_ids_of_subscribers_in_sequence_are_as_good_as_any():
    """Each block of a thousand is split evenly, which the last digits of a weak hash would not do."""
    found = drawn("salt", HALVES)
    blocks = [found[start : start + 1_000].count("a") for start in range(0, 20_000, 1_000)]
    assert chi2_contingency([blocks, [1_000 - count for count in blocks]]).pvalue > 0.001


def test_two_splits_are_independent():
    pairs = Counter(zip(drawn("first", HALVES), drawn("second", HALVES), strict=True))
    table = [[pairs[one, other] for other in "ab"] for one in "ab"]
    assert chi2_contingency(table).pvalue > 0.001


def test_salts_that_begin_alike_are_independent_however_long_they_are():
    one, other = (drawn("s" * 200 + last, HALVES, 2_000) for last in "xy")
    assert 900 < sum(a == b for a, b in zip(one, other, strict=True)) < 1_100


def chosen_exactly(salt, unit, ways):
    """The same choice by arithmetic with sixty digits."""
    scores = []
    with localcontext() as context:
        context.prec = 60
        for label, weight in ways:
            if weight:
                content = b"".join(len(part).to_bytes(4, "big") + part for part in (salt.encode(), unit.encode()))
                lot = Decimal(int.from_bytes(blake2b(content + label.encode(), digest_size=8).digest(), "big"))
                scores.append((-(1 - lot / 2**64).ln() / Decimal(weight), label))
    return min(scores)[1]


weights = st.sampled_from([0, 1e-12, 1e-6, 0.1, 1, 1.0000001, 50, 1e12]) | st.floats(1e-12, 1e12)


@given(st.text(max_size=4), st.text(max_size=4), st.dictionaries(st.text(max_size=3), weights, max_size=4))
def test_the_choice_is_that_of_exact_arithmetic(salt, unit, others):
    ways = [*others.items(), ("one more", 1)]
    assert assign(salt, unit, ways) == chosen_exactly(salt, unit, ways)


def test_a_way_of_a_millionth_has_its_millionth():
    """Of three million, these and no others near them."""
    ways = [("rest", 1.0), ("tiny", 1e-6)]
    for unit in TINY:
        found = [assign("salt", str(near), ways) for near in range(unit - 50, unit + 51)]
        assert (found.count("tiny"), found[50]) == (1, "tiny")
        assert chosen_exactly("salt", str(unit), ways) == "tiny"


def test_without_any_weight_nothing_is_assigned():
    for ways in ([], [("a", 0)], [("a", 0), ("b", 0.0)]):
        with pytest.raises(ValueError, match="at least one way"):
            assign("salt", "unit", ways)


@given(st.text(max_size=8), st.text(max_size=8), st.permutations([("a", 1), ("b", 2.5), ("c", 0), ("d", 1e-6)]))
def test_the_order_of_ways_is_nothing(salt, unit, ways):
    assert assign(salt, unit, ways) == assign(salt, unit, sorted(ways))

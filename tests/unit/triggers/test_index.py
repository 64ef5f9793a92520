"""The index finds exactly what asking every trigger finds, and asks no more than it has to."""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from random import Random

import pytest

from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Exists,
    Moment,
    Not,
    OneOf,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.events import Event, Facts
from flowkit.triggers import crowd, demand, tree
from flowkit.triggers.evaluate import Gate, _descending
from flowkit.triggers.guards import Denied, Either, alternatives
from flowkit.triggers.index import FEW, TriggerIndex
from flowkit.triggers.model import Trigger, TriggerType
from tests.support.triggers import by_hand, event, facts, gate

NOW = Moment(0)
KNOWN = Facts(subscriber_id="s")


def gate_of(workflow_id: str, condition=ALWAYS, **more) -> Gate:
    return Gate.of(workflow_id, 1, Trigger("t", condition=condition, **more))


def padded(*gates: Gate) -> TriggerIndex:
    """An index with so many triggers that it looks them up, most of which never match."""
    never = EventIs(("never",))
    return TriggerIndex([*gates, *(gate_of(f"~{number}", never) for number in range(FEW + 1))])


def names(found) -> list[str]:
    return [gate.workflow_id for gate in found]


# ------------------------------------------------------------------------------------------------------------
# Against the naive evaluator


def compare(seed: int, *, triggers: int, events: int) -> int:
    random = Random(seed)
    gates = [gate(random, f"w{number}") for number in range(triggers)]
    index = TriggerIndex(gates)
    hits = 0
    for _ in range(events):
        at_hand, known = event(random), facts(random)
        wanted = by_hand(gates, at_hand, known, NOW)
        # What JSON can hold is looked up, and never needs the slow way.
        found = index.look_up(at_hand, known, NOW)
        assert found == wanted, (at_hand, known)
        hits += len(wanted)
    return hits


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_what_asking_all_finds(seed):
    assert compare(seed, triggers=200, events=200) > 200


@pytest.fixture
def crowded(monkeypatch):
    """Few triggers hang as many do."""
    monkeypatch.setattr(tree, "_FEW", 2)
    monkeypatch.setattr(demand, "_MANY", 3)
    monkeypatch.setattr(demand, "_WIDEST", 4)
    monkeypatch.setattr(demand, "_RARE", 1 / 8)
    monkeypatch.setattr(crowd, "LARGEST", 24)
    monkeypatch.setattr(crowd, "_MOST_STEPS", 3)


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("seed", range(5))
def test_it_finds_what_asking_all_finds_in_crowds(seed):
    assert compare(500 + seed, triggers=200, events=200) > 200


def of_its_own(random: Random, number: int):
    """A condition about dotted paths that no other one reads, in some place of a tree."""

    def has(side: str):
        kind = EventHas if random.random() < 0.5 else SubscriberHas
        return kind({f"{side}{number}.x": Equals(random.choice([1, "y"]))})

    one, two = has("a"), has("b")
    return random.choice(
        [
            one,
            Not(one),
            AllOf((one, Not(two))),
            AnyOf((one, two)),
            AnyOf((Not(one), two)),
            Not(AllOf((one, two))),
            AllOf((EventIs(("buy",)), Not(one))),
            AllOf((AnyOf((one, Not(two))), EventIs(("buy", "look")))),
            AnyOf((AllOf((EventIs(("buy",)), Not(one))), AllOf((two, Not(one))))),
        ]
    )


@pytest.mark.parametrize("seed", range(60))
def test_it_finds_what_asking_all_finds_where_each_asks_for_what_no_other_does(seed):
    random = Random(seed)
    gates = [gate_of(f"w{number:02d}", of_its_own(random, number)) for number in range(FEW + 8)]
    index = TriggerIndex(gates)

    def bag():
        values = {
            f"{side}{number}": random.choice([1, {"x": 1}, {"x": "y"}, {}]) for side in "ab" for number in range(20)
        }
        return {name: value for name, value in values.items() if random.random() < 0.6}

    for _ in range(10):
        drawn = Event(random.choice(["buy", "look", "leave"]), "s", properties=bag())
        known = Facts(bag(), subscriber_id="s")
        assert index.matching(drawn, known, NOW) == by_hand(gates, drawn, known, NOW)
    for each in gates[::2]:
        index.remove(each.workflow_id)
    drawn, known = Event("buy", "s", properties=bag()), Facts(bag(), subscriber_id="s")
    assert index.matching(drawn, known, NOW) == by_hand(gates[1::2], drawn, known, NOW)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_it_finds_what_asking_all_finds_among_a_thousand(seed):
    """20,000 events in all; the same thousand triggers are asked about a thousand of them."""
    assert compare(1000 + seed, triggers=1000, events=1000) > 1000


@pytest.mark.usefixtures("crowded")
def test_adding_and_removing_in_crowds_comes_to_the_same_as_building_anew():
    test_adding_and_removing_comes_to_the_same_as_building_anew()


@pytest.mark.usefixtures("crowded")
def test_emptied_crowds_keep_nothing():
    test_an_emptied_index_keeps_nothing()


def test_adding_and_removing_comes_to_the_same_as_building_anew():
    random = Random(7)
    index, kept = TriggerIndex(), {}
    for step in range(1000):
        name = f"w{random.randrange(150)}"
        if name in kept and random.random() < 0.6:
            index.remove(name)
            del kept[name]
        else:
            kept[name] = gate(random, name, version=step)
            index.add(kept[name])
        if step % 20 == 0:
            at_hand, known = event(random), facts(random)
            found = index.matching(at_hand, known, NOW)
            assert found == by_hand([*kept.values()], at_hand, known, NOW)
            assert found == TriggerIndex(kept.values()).matching(at_hand, known, NOW)
    assert len(index) == len(kept) > FEW


def test_an_emptied_index_keeps_nothing():
    random = Random(8)
    gates = [gate(random, f"w{number}") for number in range(500)]
    index = TriggerIndex(gates)
    random.shuffle(gates)
    for each in gates:
        index.remove(each.workflow_id)
    assert len(index) == 0
    for kept in (index._trees, index._demands, index._event_paths, index._subscriber_paths, index._minimums):
        assert not kept
    assert index.matching(Event("signup", "s"), KNOWN, NOW) == []


@pytest.mark.parametrize("rest", [(), (ValueAtLeast(1),), (EngagementAtLeast({"opens": 1, "rate": 2}),)])
@pytest.mark.parametrize("more", [(), (Not(EventIs(("b",))),), (EventHas({"n": Exists(True)}),)])
def test_a_crowd_hangs_deeper_and_is_taken_out_from_there(rest, more):
    crowd = [
        gate_of(
            f"w{number:02d}", AllOf((EventHas({"x": Equals(1), "y": Equals(1), "n": Equals(number)}), *rest, *more))
        )
        for number in range(40)
    ]
    index = TriggerIndex(crowd)
    known = Facts(engagement={"opens": 1, "rate": 2})
    for number, each in enumerate(crowd):
        at_hand = Event("a", "s", properties={"x": 1, "y": 1, "n": number}, value=1)
        assert names(index.matching(at_hand, known, NOW)) == [each.workflow_id]
        index.remove(each.workflow_id)
        assert names(index.matching(at_hand, known, NOW)) == []
    assert not index._trees


def test_what_is_not_there_cannot_be_removed():
    with pytest.raises(KeyError):
        TriggerIndex().remove("w")


def test_a_workflow_has_one_trigger():
    index = padded(gate_of("w", EventIs(("a",))))
    index.add(gate_of("w", EventIs(("b",))))
    assert names(index.matching(Event("a", "s"), KNOWN, NOW)) == []
    assert names(index.matching(Event("b", "s"), KNOWN, NOW)) == ["w"]


# ------------------------------------------------------------------------------------------------------------
# Order, doubles, profiles


def test_the_highest_priority_goes_first_then_the_workflow_id():
    index = padded(
        *(gate_of(f"w{number}", EventIs(("a",)), priority=priority) for number, priority in enumerate([1, 10, 2, 10])),
        gate_of("w", ALWAYS, priority=10),
        gate_of("z", ValueAtLeast(0), priority=-3),
    )
    assert names(index.matching(Event("a", "s"), KNOWN, NOW)) == ["w", "w1", "w3", "w2", "w0", "z"]


def test_ranks_sort_as_priorities_do():
    edges = [0, 1, 9, 10, 15, 16, 17, 255, 256, 2**63 - 1, 2**63, 10**40]
    numbers = sorted({*edges, *(-edge for edge in edges)})
    texts = [_descending(number) for number in numbers]
    assert texts == sorted(set(texts), reverse=True)


def test_a_trigger_that_matches_twice_is_found_once():
    both = AnyOf((EventHas({"a": Equals(1)}), EventHas({"b": Equals(1)}), EventHas({"a": OneOf((1, True, 1.0))})))
    index = padded(gate_of("w", both))
    assert names(index.matching(Event("x", "s", properties={"a": 1, "b": 1}), KNOWN, NOW)) == ["w"]


def test_a_trigger_on_conditions_needs_a_profile():
    index = padded(
        gate_of("needs", EngagementAtLeast({"opens": 0}), trigger_type=TriggerType.CONDITION_BASED),
        gate_of("does_not", EngagementAtLeast({"opens": 0})),
    )
    assert names(index.matching(Event("x", "s"), None, NOW)) == ["does_not"]
    assert names(index.matching(Event("x", "s"), Facts(), NOW)) == ["does_not", "needs"]


# ------------------------------------------------------------------------------------------------------------
# Values


class Equal:
    """Equals everything, and has no hash."""

    __hash__ = None

    def __eq__(self, other):
        return True


class Raising:
    def __eq__(self, other):
        raise RuntimeError

    def __hash__(self):
        raise RuntimeError


class Number(int):
    def __ge__(self, other):
        raise RuntimeError

    __gt__ = __lt__ = __le__ = __ge__


class Odd(Mapping):
    """A host's own kind of object."""

    def __init__(self, values):
        self.values_ = values

    def __getitem__(self, name):
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self):
        return len(self.values_)


HOSTS = [Equal(), Raising(), Number(5), Decimal(1), Decimal("nan"), (1,), b"x", object(), {1}, bytearray(b"x"), 1 + 0j]


@pytest.mark.parametrize(
    "value", HOSTS, ids=lambda value: f"{type(value).__name__}{value if isinstance(value, Decimal) else ''}"
)
def test_values_of_the_host_neither_raise_nor_mislead(value):
    random = Random(9)
    gates = [gate(random, f"w{number}") for number in range(300)]
    index = TriggerIndex(gates)
    for _ in range(20):
        drawn, known = event(random), facts(random) or Facts()
        at_hand = Event(drawn.type, "s", properties={**drawn.properties, "a": value, "c": value}, value=value)
        known = Facts({**known.attributes, "b": value}, {**known.engagement, "opens": value}, subscriber_id="s")
        assert index.matching(at_hand, known, NOW) == by_hand(gates, at_hand, known, NOW)


def test_a_hosts_own_mapping_is_read():
    index = padded(
        gate_of("w", EventHas({"a": Equals(1), "b.c": Equals("x")})), gate_of("v", EventHas({"a": Equals(None)}))
    )
    found = index.matching(Event("x", "s", properties=Odd({"a": 1, "b": Odd({"c": "x"})})), KNOWN, NOW)
    assert names(found) == ["w"]


@pytest.mark.parametrize(
    ("wanted", "value", "equal"),
    [
        (1, True, True),
        (1, 1.0, True),
        (True, 1, True),
        (0, False, True),
        (0.0, -0.0, True),
        ("1", 1, False),
        ("", None, False),
        ("\ud800", "\ud800", True),
        ("\ud800", "\udfff", False),
        ("x", ["x"], False),
        ("x", {"x": "x"}, False),
        (None, 0, False),
        (2**53 + 1, float(2**53), False),
        (10**400, 10**400, True),
        (10**400, math.inf, False),
        (math.nan, math.nan, False),
        ([1], [True], True),
        ({"b": 1}, {"b": 1.0}, True),
        ([math.nan], [math.nan], True),  # the same object within a list: Python's equality
    ],
)
@pytest.mark.parametrize("of", [EventHas, SubscriberHas])
@pytest.mark.parametrize("others", [0, 20, 60], ids=["alone", "among others", "in a crowd"])
def test_equality_is_pythons(wanted, value, equal, of, others):
    more = [gate_of(f"o{number:02d}", of({"a": Equals(f"other {number % 30}")})) for number in range(others)]
    index = padded(gate_of("w", of({"a": Equals(wanted)})), *more)
    at_hand, known = Event("x", "s", properties={"a": value}), Facts({"a": value})
    assert names(index.matching(at_hand, known, NOW)) == ["w"] * equal
    assert index.look_up(at_hand, known, NOW) is not None


@pytest.mark.parametrize(
    ("minimum", "value", "reached"),
    [
        (0, None, True),
        (-1, None, True),
        (1, None, False),
        (1, True, False),
        (1, "5", False),
        (1, 1.0, True),
        (1, math.nan, False),
        (-1, math.nan, False),
        (1, math.inf, True),
        (-(10**400), -math.inf, False),
        (10**400, math.inf, True),
        (math.nan, 1, False),
        (-math.inf, -math.inf, True),
        (1, [5], False),
    ],
)
@pytest.mark.parametrize("others", [0, 60], ids=["alone", "in a crowd"])
def test_minimums_are_those_of_the_conditions(minimum, value, reached, others):
    among = [
        gate_of(f"~{kind}{number}", AllOf((SubscriberHas({"a": Equals(1)}), asked)))
        for number in range(others)
        for kind, asked in (("v", ValueAtLeast(number)), ("m", EngagementAtLeast({"opens": number / 2})))
    ]
    index = padded(
        *among,
        gate_of("event", ValueAtLeast(minimum)),
        gate_of("metric", EngagementAtLeast({"opens": minimum})),
        gate_of("both", EngagementAtLeast({"opens": minimum, "x": 0})),
        gate_of("not", Not(EngagementAtLeast({"opens": minimum}))),
    )
    found = index.matching(Event("x", "s", value=value), Facts(engagement={"opens": value}), NOW)
    assert names(found) == (["both", "event", "metric"] if reached else ["not"])


def test_dotted_paths_are_read_as_keys_first():
    index = padded(gate_of("w", EventHas({"a.b": Equals(1)})))
    for properties, wanted in [
        ({"a.b": 1}, ["w"]),
        ({"a": {"b": True}}, ["w"]),
        ({"a.b": 2, "a": {"b": 1}}, []),
        ({"a": 1}, []),
        ({}, []),
    ]:
        assert names(index.matching(Event("x", "s", properties=properties), KNOWN, NOW)) == wanted


# ------------------------------------------------------------------------------------------------------------
# How much is asked


class Counting(dict):
    """Properties that count how often they are read."""

    reads = 0

    def get(self, name, default=None):
        self.reads += 1
        return super().get(name, default)


def reads_among(triggers: int) -> int:
    index = TriggerIndex(
        gate_of(
            f"w{number}",
            AllOf(
                (
                    EventIs(("purchase",)),
                    EventHas({"sku": Equals(number % 997), "shop": Equals(number % 3), "day": Equals(number % 7)}),
                )
            ),
        )
        for number in range(triggers)
    )
    properties = Counting(sku=5, shop=-1, day=-1)
    assert index.matching(Event("purchase", "s", properties=properties), KNOWN, NOW) == []
    return properties.reads


def test_what_is_read_grows_with_what_may_match_and_not_with_all():
    assert reads_among(3_000) <= reads_among(100) + 10


class Looked(Counting):
    def items(self):
        self.reads += len(self)
        return super().items()


@pytest.mark.parametrize("size", [1, 5])
def test_what_is_read_grows_with_the_event_and_not_with_all_that_is_asked_for(size):
    """Two thousand triggers ask for two thousand different properties."""
    index = TriggerIndex(
        gate_of(f"w{number}", AllOf((EventHas({f"p{number}": Equals(1)}), SubscriberHas({f"q{number}": Equals(1)}))))
        for number in range(2_000)
    )
    properties = Looked({f"p{number}": 1 for number in range(size)})
    attributes = Looked({f"q{number}": 1 for number in range(size)})
    found = index.matching(Event("a", "s", properties=properties), Facts(attributes), NOW)
    assert names(found) == [f"w{number}" for number in range(size)]
    assert properties.reads + attributes.reads <= 3 * size


@pytest.mark.parametrize("many", [{}, {f"m{number}": number for number in range(50)}])
def test_what_is_missing_is_found_by_it(many):
    index = padded(
        gate_of("none", EventHas({"a": Equals(None)})),
        gate_of("dotted", EventHas({"a.b": Equals(None)})),
        gate_of("some", EventHas({"a": Equals(0)})),
        gate_of("unknown", SubscriberHas({"a": Equals(None), "b": Equals(1)})),
    )
    found = {
        str(value): names(index.matching(Event("x", "s", properties={**many, **value}), Facts({"b": 1}), NOW))
        for value in ({}, {"a": None}, {"a": 0}, {"a": []}, {"a": {"b": 1}})
    }
    assert found == {
        "{}": ["dotted", "none", "unknown"],
        "{'a': None}": ["dotted", "none", "unknown"],
        "{'a': 0}": ["dotted", "some", "unknown"],
        "{'a': []}": ["dotted", "unknown"],
        "{'a': {'b': 1}}": ["unknown"],
    }


def test_only_what_cannot_be_looked_up_is_asked_itself():
    def asked(*_) -> bool:
        raise AssertionError

    exact = [
        EventIs(("a", "b")),
        AllOf((EventIs(("a",)), Not(EventHas({"x": Equals(2)})), ValueAtLeast(1))),
        AnyOf((EventHas({"x": Equals(1)}), EngagementAtLeast({"opens": 3}))),
        Not(AllOf((EventIs(("b",)), SubscriberHas({"plan": Equals("pro")})))),
        Not(Not(ALWAYS)),
        EventHas({"x": OneOf((1, 2, 3))}),
        AnyOf(tuple(EventHas({"x": Equals(number)}) for number in range(50))),
    ]
    gates = []
    for number, condition in enumerate(exact):
        made = gate_of(f"w{number}", condition)
        gates.append(Gate(made.workflow_id, 1, made.trigger, made.types, made.needs, asked, made.cooldown))
    index = padded(*gates)
    found = index.look_up(Event("a", "s", properties={"x": 1}, value=1), KNOWN, NOW)
    assert names(found) == [f"w{number}" for number in range(len(exact))]

    inexact = padded(Gate("w", 1, Trigger("t", condition=EventHas({"x": Exists(True)})), None, made.needs, asked, 0))
    assert inexact.look_up(Event("a", "s"), KNOWN, NOW) is None


def test_what_never_holds_is_not_kept():
    index = TriggerIndex(
        [gate_of("w", AnyOf(())), gate_of("v", EventIs(())), gate_of("u", AllOf((EventIs(("a",)), EventIs(("b",)))))]
    )
    assert index._trees == {}


def test_what_excludes_itself_has_no_alternative():
    assert alternatives(AllOf((EventIs(("a",)), EventIs(("b",))))) == ()
    assert alternatives(AllOf((EventHas({"a": Equals(1)}), EventHas({"a": Equals(2)})))) == ()
    index = padded(gate_of("w", AllOf((EventHas({"a": Equals(1)}), EventHas({"a": Equals(True)})))))
    assert names(index.matching(Event("x", "s", properties={"a": 1.0}), KNOWN, NOW)) == ["w"]


def test_a_wide_choice_is_tested_where_its_types_lead():
    wide = AnyOf(tuple(AllOf((EventIs((f"t{n}",)), EventHas({"a": Equals(n)}))) for n in range(20)))
    index = padded(gate_of("w", wide))
    assert {kind for kind, _ in index._entered["w"].postings} == {f"t{number}" for number in range(20)}
    assert len(index._entered["w"].postings) == 20
    assert names(index.matching(Event("t3", "s", properties={"a": 3}), KNOWN, NOW)) == ["w"]
    assert names(index.matching(Event("t3", "s", properties={"a": 4}), KNOWN, NOW)) == []

    untyped = padded(gate_of("w", AnyOf(tuple(EventHas({"a": Equals(number)}) for number in range(20)))))
    assert len(untyped._entered["w"].postings) == 1
    assert names(untyped.matching(Event("x", "s", properties={"a": 19}), KNOWN, NOW)) == ["w"]


@pytest.mark.parametrize(("ways", "postings"), [(16, 16), (17, 1)])
def test_so_many_choices_are_looked_up(ways, postings):
    index = padded(gate_of("w", AnyOf(tuple(EventHas({"a": Equals(number)}) for number in range(ways)))))
    assert len(index._entered["w"].postings) == postings
    assert names(index.matching(Event("x", "s", properties={"a": ways - 1}), KNOWN, NOW)) == ["w"]


def test_a_negated_tree_is_left_over_as_one_choice():
    """However it is nested: what is denied is tested in one function."""
    denied = Not(AllOf((EventIs(("a",)), AllOf((EventHas({"x": Equals(1)}), ValueAtLeast(5))))))
    [one] = alternatives(AllOf((EventHas({"y": Equals(1)}), denied)))
    [rest] = one.rest
    assert isinstance(rest, Either)
    assert all(isinstance(part, Denied) for part in rest.parts)
    assert len(rest.parts) == 3
    index = padded(gate_of("w", AllOf((EventHas({"y": Equals(1)}), denied))))
    given = [("a", 1, 5), ("b", 1, 5), ("a", 2, 5), ("a", 1, 4), ("a", 1, math.nan), ("a", True, 5.0)]
    found = [
        names(index.matching(Event(t, "s", properties={"y": 1, "x": x}, value=v), KNOWN, NOW)) for t, x, v in given
    ]
    assert found == [[], ["w"], ["w"], ["w"], ["w"], []]


def test_many_choices_are_not_multiplied_out():
    either = [AnyOf(tuple(EventHas({f"{name}{side}": Equals(1)}) for side in "lr")) for name in range(20)]
    index = padded(gate_of("w", AllOf((EventIs(("a",)), *either))))
    assert len(index._entered["w"].postings) <= 16
    left = Event("a", "s", properties={f"{name}l": 1 for name in range(20)})
    assert names(index.matching(left, KNOWN, NOW)) == ["w"]
    assert names(index.matching(Event("a", "s", properties={f"{name}l": 1 for name in range(19)}), KNOWN, NOW)) == []


@pytest.mark.parametrize("nested", [True, False])
def test_a_dotted_path_is_read_also_where_it_is_only_denied(nested):
    """No other trigger asks for it, so that nothing else has it looked up."""
    one = Equals(1)
    gates = [gate_of("denied", Not(SubscriberHas({"a.b": one}))), gate_of("denied event", Not(EventHas({"a.b": one})))]
    values = {"a": {"b": 1}} if nested else {"a": {"b": 2}}
    given, known = Event("e", "s", properties=values), Facts(values, subscriber_id="s")
    for each in gates:
        index = padded(each)
        assert list(index.matching(given, known, NOW)) == by_hand([each], given, known, NOW)
        index.remove(each.workflow_id)
        assert not index._event_paths
        assert not index._subscriber_paths

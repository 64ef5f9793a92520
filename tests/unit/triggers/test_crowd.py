"""A crowd finds those of its members whose tests all hold, whoever was taken out before."""

from random import Random

import pytest

from flowkit.conditions import Moment
from flowkit.events import Event, Facts
from flowkit.triggers import crowd as module
from flowkit.triggers.crowd import Crowd
from flowkit.triggers.guards import AtLeast, Denied, Has, Is
from flowkit.triggers.verify import Numbers


def find(crowd: Crowd, properties=None, attributes=None, engagement=None, value=None, kind="a") -> list[str]:
    properties, attributes = properties or {}, attributes or {}
    numbers, found, repeated = Numbers(), [], []
    numbers.event = Event(kind, "s", properties=properties, value=value)
    numbers.facts = Facts(attributes, engagement or {})
    numbers.moment = Moment(0)
    crowd.find(kind, properties.get, attributes.get, numbers, found, repeated)
    return sorted(found + [f"{one} again" for one in repeated])


def test_each_test_has_to_hold():
    crowd = Crowd()
    crowd.put("all", [Has(True, "a", 1), Has(False, "a", 2), AtLeast("m", 3), AtLeast(None, 4)], [], None)
    crowd.put("none", [], [], None)
    crowd.put("missing", [Has(True, "a", None)], [], None)
    crowd.put("rest", [Has(True, "a", 1)], [Denied(Is(frozenset("b")))], None)
    crowd.put("asked", [Has(True, "a", 1)], [], lambda event, _facts, _moment: event.value == 5)
    assert find(crowd, {"a": 1.0}, {"a": 2}, {"m": 3}, 4) == ["all", "none", "rest"]
    assert find(crowd, {"a": True}, {"a": 2}, {"m": 2.5}, 5, kind="b") == ["asked", "none"]
    assert find(crowd) == find(crowd, {"a": None}) == ["missing", "none"]
    assert find(crowd, {"a": []}, {"a": {}}) == ["none"]


@pytest.mark.parametrize("count", [3, 11, 12, 13, 400])
def test_as_many_are_found_as_match(count):
    crowd = Crowd()
    for number in range(count):
        crowd.put(f"{number:03d}", [Has(True, "half", number % 2)], [Is(frozenset("a"))] * (number % 3 == 0), None)
    ranks = [f"{number:03d}" for number in range(count)]
    assert find(crowd, {"half": 0}) == ranks[::2]
    assert find(crowd, {"half": 1}) == ranks[1::2]
    assert find(crowd, {"half": 0}, kind="b") == [rank for rank in ranks[::2] if int(rank) % 3]


def test_what_has_other_alternatives_is_told_apart():
    crowd = Crowd()
    crowd.put("alone", [Has(True, "a", 1)], [], None)
    sure = crowd.put("sure", [Has(True, "a", 1)], [], None, several=True)
    crowd.put("unsure", [Has(True, "a", 1)], [Is(frozenset("a"))], None, several=True)
    assert find(crowd, {"a": 1}) == ["alone", "sure again", "unsure again"]
    assert find(crowd, {"a": 1}, kind="b") == ["alone", "sure again"]
    crowd.take(sure, [Has(True, "a", 1)])
    assert crowd.put("new", [Has(True, "a", 1)], [], None) == sure
    assert find(crowd, {"a": 1}, kind="b") == ["alone", "new"]


def test_a_bit_is_given_again():
    crowd = Crowd()
    bits = [crowd.put(str(number), [Has(True, "a", number), AtLeast("m", number)], [], None) for number in range(5)]
    crowd.take(bits[3], [Has(True, "a", 3), AtLeast("m", 3)])
    assert find(crowd, {"a": 3}, engagement={"m": 9}) == []
    assert crowd.put("new", [], [], None) == bits[3]
    assert find(crowd, {"a": 3}, engagement={"m": 9}) == ["new"]
    assert find(crowd, {"a": 4}, engagement={"m": 9}) == ["4", "new"]


def test_it_is_full_until_one_leaves(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 2)
    crowd = Crowd()
    first = crowd.put("a", [], [], None)
    assert not crowd.full
    crowd.put("b", [], [], None)
    assert crowd.full
    crowd.take(first, [])
    assert not crowd.full


@pytest.mark.parametrize("most", [1, 3, 256])
def test_minimums_that_have_no_step_of_their_own_are_tested_after(monkeypatch, most):
    monkeypatch.setattr(module, "_MOST_STEPS", most)
    random = Random(most)
    crowd, there = Crowd(), {}
    for step in range(400):
        if there and random.random() < 0.4:
            bit = random.choice(list(there))
            crowd.take(bit, [AtLeast("m", minimum) for minimum in there.pop(bit)[1]])
        else:
            minimums = tuple({random.choice([random.randint(-9, 9), random.random() * 9, 10**400]) for _ in "ab"})
            bit = crowd.put(f"{step}", [AtLeast("m", minimum) for minimum in minimums], [], None)
            there[bit] = (f"{step}", minimums)
        number = random.choice([random.randint(-10, 10), random.random() * 9, 10**400, True, None])
        counts = 0 if number is None else float("-inf") if number is True else number
        wanted = sorted(rank for rank, minimums in there.values() if counts >= max(minimums))
        assert find(crowd, engagement={} if number is None else {"m": number}) == wanted
        assert all(len(steps.minimums) <= most for steps in crowd._steps.values())


def test_an_emptied_crowd_keeps_nothing():
    crowd = Crowd()
    tests = [Has(True, "a", 1), Has(False, "b", None), AtLeast("m", 1), AtLeast(None, 2), AtLeast("m", 3)]
    bits = [crowd.put(str(number), tests, [Is(frozenset("a"))], None) for number in range(3)]
    for bit in bits:
        crowd.take(bit, tests)
    kept = (crowd._columns, crowd._steps, crowd._event_rows, crowd._subscriber_rows, crowd._metric_rows, crowd.more)
    assert not any((*kept, crowd.taken, crowd.unsure))


def test_what_has_no_hash_and_is_not_jsons_raises():
    crowd = Crowd()
    crowd.put("a", [Has(True, "a", 1)], [], None)
    with pytest.raises(TypeError):
        find(crowd, {"a": ([],)})

"""What many ask for is tested for all at once; what few ask for, and rare values, lead to few."""

from flowkit.triggers import demand as module
from flowkit.triggers.demand import Demand
from flowkit.triggers.guards import AtLeast, Has
from flowkit.triggers.tree import Posting


def posting(*has: Has, floors=()) -> Posting:
    return Posting("gate", False, has, floors, (), None)


def noted(demand: Demand, *postings: Posting) -> list[Posting]:
    """Count them; give those that are to be arranged anew."""
    return [moved for each in postings for moved in demand.note(each)]


def arranged(demand: Demand, one: Posting) -> Posting:
    demand.arrange(one, lambda floor: floor.minimum)
    return one


def test_what_few_ask_for_leads_to_them():
    demand = Demand()
    one = posting(Has(True, "a", 1), floors=[AtLeast("m", 2), AtLeast("n", 1)])
    assert noted(demand, one) == []
    arranged(demand, one)
    assert (one.under, one.common) == (1, [])
    assert [floor.metric for floor in one.floors] == ["n", "m"]


def test_those_who_asked_before_are_arranged_anew_once_many_ask():
    demand = Demand()
    early = [posting(Has(True, "a", number), floors=[AtLeast("m", 1)]) for number in range(module._MANY - 1)]
    late = posting(Has(True, "a", 1), Has(False, "a", 1), floors=[AtLeast("m", 1)])
    assert noted(demand, *early) == []
    assert noted(demand, late) == early
    assert arranged(demand, early[0]).common == [*early[0].has, *early[0].floors]
    assert early[0].under == 0
    arranged(demand, late)
    assert late.has[: late.under] == [Has(False, "a", 1)]
    assert noted(demand, posting(Has(True, "a", 1))) == []


def test_a_rare_value_leads_to_those_who_ask_for_it():
    demand = Demand()
    noted(demand, *(posting(Has(True, "a", number % 2)) for number in range(200)))
    rare = posting(Has(True, "b", 0), Has(True, "a", "rare"))
    noted(demand, *(posting(Has(True, "b", number % 2)) for number in range(20)), rare)
    arranged(demand, rare)
    assert rare.has == [Has(True, "a", "rare"), Has(True, "b", 0)]
    assert (rare.under, rare.common) == (1, [Has(True, "b", 0)])


def test_only_so_many_properties_are_tested_for_all(monkeypatch):
    monkeypatch.setattr(module, "_WIDEST", 2)
    demand = Demand()
    noted(demand, *(posting(Has(True, f"p{number % 5}", 1), floors=[AtLeast("m", 1)]) for number in range(100)))
    assert demand.common == {(True, "p0"), (True, "p1"), "m"}
    assert not demand.waiting.keys() & {(True, "p0"), (True, "p1"), "m"}


def test_what_is_counted_off_leaves_nothing():
    demand = Demand()
    postings = [posting(Has(True, f"p{number % 15}", 1), floors=[AtLeast(None, 1)]) for number in range(100)]
    noted(demand, *postings)
    for each in postings:
        demand.forget(each)
    assert not any((demand.asking, demand.wanting, demand.common, demand.waiting))

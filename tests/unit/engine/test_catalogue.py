"""Which workflows an event leads into, where there are many and while they are published anew."""

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import ALWAYS, AllOf, EngagementAtLeast, Equals, EventHas, EventIs, Moment, SubscriberHas
from flowkit.engine.catalogue import Catalogue
from flowkit.engine.drive import run_sync
from flowkit.engine.sources import edition_of
from flowkit.engine.sync import Engine
from flowkit.events import Event
from flowkit.stores.memory import MemoryStore
from flowkit.triggers.index import FEW, TriggerIndex
from flowkit.triggers.model import Trigger
from tests.support.journeys import START, node, wait, workflow

MANY = 3 * FEW
NOW = Moment(0)


def flow(name, condition, **more):
    made = workflow(node("start", wait()))
    return evolve(made, workflow_id=name, trigger=Trigger("t", condition=condition, **more))


def flows():
    return [
        flow(
            f"w{number:02d}", AllOf((EventIs(("visit",)), EventHas({"page": Equals(number % 3)}))), priority=number % 2
        )
        for number in range(MANY)
    ]


def catalogue_of(store, *published):
    for each in published:
        store.publish(*run_sync(edition_of(each, None)))
    catalogue = Catalogue(store)
    run_sync(catalogue.refresh())
    return catalogue


def found(catalogue, event, facts=None, entrance=None):
    entrance = entrance or catalogue.entrance(event.type)
    return [gate.workflow_id for gate in catalogue.matching(entrance, event, facts, NOW)]


def test_an_event_leads_into_many_workflows_in_their_order():
    engine = Engine(MemoryStore(), clock=VirtualClock(START))
    for each in flows():
        engine.publish(each)
    engine.ingest([Event("visit", "s", id="1", properties={"page": 1})])
    entered = [run.workflow_id for run in engine.runs()]
    ones = [number for number in range(MANY) if number % 3 == 1]
    assert entered == [f"w{number:02d}" for number in sorted(ones, key=lambda number: (-(number % 2), number))]


def test_facts_are_asked_for_as_the_triggers_of_a_type_need_them():
    published = [*flows(), flow("vip", AllOf((EventIs(("visit",)), SubscriberHas({"plan": Equals("pro")}))))]
    catalogue = catalogue_of(MemoryStore(), *published)
    assert catalogue.entrance("visit").wants.needs.attributes == {"plan"}
    assert not catalogue.entrance("other").wants.profile
    engine = Engine(MemoryStore(), clock=VirtualClock(START), profiles=MemoryProfiles({"s": {"plan": "pro"}}))
    for each in published:
        engine.publish(each)
    engine.ingest([Event("visit", "s", id="1")])
    assert [run.workflow_id for run in engine.runs()] == ["vip"]


def test_what_is_published_anew_and_switched_off_is_followed():
    store = MemoryStore()
    catalogue = catalogue_of(store, *flows())
    visit = Event("visit", "s", properties={"page": 0})
    before = found(catalogue, visit)
    assert "w00" in before
    for changed in (
        flow("w00", EventIs(("other",))),
        evolve(flow("w03", ALWAYS), active=False),
        flow("w06", EventIs(("visit",)), active=False),
        flow("new", ALWAYS, priority=99),
    ):
        store.publish(*run_sync(edition_of(changed, None)))
    assert found(catalogue, visit) == before  # until it is looked at again
    run_sync(catalogue.refresh())
    assert found(catalogue, visit) == ["new", *(name for name in before if name not in {"w00", "w03", "w06"})]
    assert found(catalogue, Event("other", "s")) == ["new", "w00"]


def test_a_change_touches_the_changed_workflows_only(monkeypatch: pytest.MonkeyPatch):
    store = MemoryStore()
    catalogue = catalogue_of(store, *flows())
    added, removed = [], []
    add, remove = TriggerIndex.add, TriggerIndex.remove
    monkeypatch.setattr(TriggerIndex, "add", lambda index, gate: (added.append(gate.workflow_id), add(index, gate)))
    monkeypatch.setattr(TriggerIndex, "remove", lambda index, name: (removed.append(name), remove(index, name)))
    store.publish(*run_sync(edition_of(flow("w05", ALWAYS), None)))
    store.publish(*run_sync(edition_of(evolve(flow("w07", ALWAYS), active=False), None)))
    run_sync(catalogue.refresh())
    assert added == ["w05"]
    assert sorted(removed) == ["w05", "w07"]


def test_an_entrance_leads_only_where_facts_were_read_for():
    """A batch that began before a workflow was published does not enter it: its facts were not asked for."""
    store = MemoryStore()
    catalogue = catalogue_of(store, *flows())
    visit = Event("visit", "s", properties={"page": 0})
    entrance = catalogue.entrance("visit")
    before = found(catalogue, visit, entrance=entrance)
    late = flow("late", EngagementAtLeast({"opens": 0}))
    store.publish(*run_sync(edition_of(late, None)))
    run_sync(catalogue.refresh())
    assert found(catalogue, visit, entrance=entrance) == before
    assert set(found(catalogue, visit)) == {*before, "late"}


def test_a_change_in_the_middle_of_a_look_up_is_noticed(monkeypatch: pytest.MonkeyPatch):
    store = MemoryStore()
    catalogue = catalogue_of(store, *flows())
    visit = Event("visit", "s", properties={"page": 0})
    before = found(catalogue, visit)
    look_up = TriggerIndex.look_up

    def disturbed(index, *asked):
        store.publish(*run_sync(edition_of(flow("late", ALWAYS), None)))
        run_sync(catalogue.refresh())
        return look_up(index, *asked)

    monkeypatch.setattr(TriggerIndex, "look_up", disturbed)
    assert found(catalogue, visit) == before
    monkeypatch.undo()
    assert "late" in found(catalogue, visit)

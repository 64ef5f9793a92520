"""What an engine tells of data that conditions cannot use: once for each workflow and path; nothing else changes."""

import asyncio
import logging
from datetime import date, datetime, time, timedelta

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import Equals, SubscriberHas, parse
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, EventsRejected
from flowkit.events import Event, Facts
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingFaultReports
from flowkit.triggers.calendar import Offset, Unit
from flowkit.triggers.model import Backfill, EntryPolicy, On
from flowkit.triggers.rules import At
from flowkit.workflows.control import Branch, Case, WaitForEvent
from flowkit.workflows.goals import ExitCriterion, Goal
from flowkit.workflows.model import Action, WaitUntil
from flowkit.workflows.waits import PreferredTime, ProfileDate
from tests.support.audiences import Listed
from tests.support.journeys import DAY, HOUR, START, check, node, wait, workflow
from tests.support.sweeping import level, timed

NOON = time(12)
AMOUNT = parse({"event_properties": {"amount": {"$gte": 50}}})


def engine_on(store, *workflows, reports=None, **ports):
    told = RecordingFaultReports() if reports is None else reports
    engine = Engine(store, clock=VirtualClock(START), fault_reports=told, **ports)
    for each in workflows:
        engine.publish(each)
    return engine, told


def journey(workflow_id="w", **trigger):
    return workflow(node("start", wait(HOUR)), workflow_id=workflow_id, **trigger)


def purchase(number, subscriber_id="s", **properties):
    return Event("purchase", subscriber_id, id=str(number), properties=properties)


def said(told):
    return [(one.workflow_id, one.where, one.path, one.error, one.found) for one in told.faults]


def bought(workflow_id="w"):
    return journey(workflow_id, event="purchase", condition=AMOUNT)


WRONG = ("w", "/trigger/conditions", "event.amount", "wrong_kind", "string")


def test_an_odd_value_is_told_of_once_and_takes_no_other_workflow_down(any_store):
    engine, told = engine_on(any_store, bought(), journey("other", event="purchase"))
    assert engine.ingest([purchase(1, amount="60 EUR"), purchase(2, amount="70 EUR")]).started == 2
    assert said(told) == [WRONG]
    [fault] = told.faults
    assert (fault.version, fault.subscriber_id, fault.run_id, fault.at) == (1, "s", None, START)
    assert "60" not in repr(fault), "the value itself is told nowhere"
    engine.ingest([purchase(3, amount="80 EUR"), purchase(4, "t", amount=80)])
    assert said(told) == [WRONG]
    engine.ingest([purchase(5)])
    assert said(told) == [WRONG, ("w", "/trigger/conditions", "event.amount", "missing", "null")]


def test_a_new_version_is_told_of_again(any_store):
    engine, told = engine_on(any_store, bought())
    engine.ingest([purchase(1, amount="60 EUR")])
    engine.publish(workflow(node("start", wait(2 * HOUR)), event="purchase", condition=AMOUNT))
    engine.ingest([purchase(2, amount="60 EUR")])
    assert [(one.version, one.path) for one in told.faults] == [(1, "event.amount"), (2, "event.amount")]


def test_publishing_another_workflow_tells_nothing_twice(any_store):
    engine, told = engine_on(any_store, bought())
    engine.ingest([purchase(1, amount="60 EUR")])
    engine.publish(bought("x"))
    engine.ingest([purchase(2, amount="60 EUR")])
    assert [one.workflow_id for one in told.faults] == ["w", "x"]


def test_with_many_workflows_all_are_told_of(any_store):
    """More than are asked one after the other: the index finds who matches, the inspector what is odd."""
    engine, told = engine_on(any_store, *(bought(f"w{number:02d}") for number in range(30)))
    assert engine.ingest([purchase(1, amount="60 EUR"), purchase(2, amount=60)]).started == 30
    assert [one.workflow_id for one in told.faults] == [f"w{number:02d}" for number in range(30)]


def test_a_profile_is_looked_at_where_it_is_known(any_store):
    pro = journey(event="purchase", condition=SubscriberHas({"plan": Equals("pro")}))
    engine, told = engine_on(any_store, pro, profiles=MemoryProfiles({"known": {}}))
    engine.ingest([purchase(1, "stranger")])
    assert told.faults == []
    engine.ingest([purchase(2, "known")])
    assert [(one.path, one.subscriber_id) for one in told.faults] == [("subscriber.plan", "known")]


def test_a_filter_that_does_not_hold_says_what_it_read(any_store):
    policy = EntryPolicy(filter=parse({"subscriber_properties": {"age": {"$gte": 18}, "plan": "pro"}}))
    profiles = MemoryProfiles({"s": {"age": "twenty"}, "t": {"age": 20}})
    engine, told = engine_on(any_store, journey(event="purchase", entry=policy), profiles=profiles)
    engine.ingest([purchase(1), purchase(2, "t")])
    one, two = (dict(line.entry.data) for line in engine.journal())
    assert (one["operands"], one["errors"]) == ({"subscriber.age": "twenty"}, {"subscriber.age": "wrong_kind"})
    assert two["operands"] == {"subscriber.age": 20, "subscriber.plan": None}
    assert "errors" not in two
    assert said(told) == [
        ("w", "/trigger/entry/filter", "subscriber.age", "wrong_kind", "string"),
        ("w", "/trigger/entry/filter", "subscriber.plan", "missing", "null"),
    ]
    text = engine.explain("s", "w").text
    assert "the filter does not hold: subscriber.age was twenty (of the wrong kind)" in text


def test_a_filter_whose_grace_is_over_says_what_it_read_then(any_store):
    policy = EntryPolicy(filter=parse({"subscriber_properties": {"age": {"$gte": 18}}}), grace=HOUR)
    profiles = MemoryProfiles({"s": {}})
    engine, told = engine_on(any_store, journey(event="purchase", entry=policy), profiles=profiles)
    engine.ingest([purchase(1)])
    profiles.put("s", age="twenty")
    engine.advance(now=START + HOUR)
    assert engine.journal()[-1].entry.data["errors"] == {"subscriber.age": "wrong_kind"}
    assert [one.error for one in told.faults] == ["missing", "wrong_kind"]


def test_values_that_json_does_not_know_stand_in_the_journal_as_text(any_store):
    asked = {"born": {"$after": "2000-01-01"}, "odd": {"$exists": False}}
    policy = EntryPolicy(
        filter=parse({"any": [{"subscriber_properties": {name: test}} for name, test in asked.items()]})
    )
    profiles = MemoryProfiles(
        {"s": {"born": date(1990, 5, 4), "odd": {1, 2}}, "t": {"born": "\ud800", "odd": float("nan")}}
    )
    engine, _ = engine_on(any_store, journey(event="purchase", entry=policy), profiles=profiles)
    assert engine.ingest([purchase(1), purchase(2, "t")]).refused == 2
    assert [dict(line.entry.data["operands"]) for line in engine.journal()] == [
        {"zone": None, "subscriber.born": "1990-05-04", "subscriber.odd": "(set)"},
        {"zone": None, "subscriber.born": "(str)", "subscriber.odd": "(float)"},
    ]


def test_a_branch_says_in_which_run(any_store):
    chooses = node("start", check(), condition=parse({"subscriber_properties": {"age": {"$gte": 18}, "plan": "pro"}}))
    profiles = MemoryProfiles({"s": {"age": "twenty", "plan": "pro"}, "t": {"age": 20}})
    engine, told = engine_on(any_store, workflow(chooses, event="purchase"), profiles=profiles)
    engine.ingest([purchase(1), purchase(2, "t")])
    assert said(told) == [
        ("w", "/nodes/start/conditions", "subscriber.age", "wrong_kind", "string"),
        ("w", "/nodes/start/conditions", "subscriber.plan", "missing", "null"),
    ]
    assert [one.run_id for one in told.faults] == [run.id for run in engine.runs()]
    decided = [line.entry.data for line in engine.journal() if line.entry.kind is Kind.DECIDED]
    assert [data.get("errors") for data in decided] == [{"subscriber.age": "wrong_kind"}, None]


def test_branches_and_waits_for_what_happens_say_what_they_read(any_store):
    adult = Case("adult", parse({"subscriber_properties": {"age": {"$gte": 18}}}))
    pro = Case("pro", parse({"subscriber_properties": {"plan": "pro"}}))
    nodes = [
        node("start", Action("fork", Branch([adult], otherwise="other")), default="late"),
        node("late", Action("await", WaitForEvent([pro], timeout=HOUR)), default="end"),
    ]
    profiles = MemoryProfiles({"s": {"age": "twenty"}})
    engine, told = engine_on(any_store, workflow(*nodes, event="purchase"), profiles=profiles)
    engine.ingest([purchase(1)])
    assert said(told) == [("w", "/nodes/start/actions/0/parameters/cases", "subscriber.age", "wrong_kind", "string")]
    profiles.put("s", plan="pro")
    engine.changed(["s"])
    engine.advance(now=START + HOUR)
    assert [run.status for run in engine.runs()] == ["completed"]
    assert len(told.faults) == 1


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        ({"renewal": "2026-02-01", "hour": 9}, []),
        ({}, [("renewal", "missing", "null"), ("hour", "missing", "null")]),
        ({"renewal": "soon", "hour": "noon"}, [("renewal", "no_date", "string"), ("hour", "no_date", "string")]),
    ],
)
def test_a_wait_for_a_date_of_the_profile_says_when_it_cannot_be_read(any_store, profile, found):
    date_of = ProfileDate("renewal", offset=Offset(-60, Unit.DAY))
    waits = [Action("renewal", WaitUntil(date_of)), Action("hour", WaitUntil(PreferredTime("hour", fallback=NOON)))]
    profiles = MemoryProfiles({"s": {"x": 1, **profile}})
    engine, told = engine_on(any_store, workflow(node("start", *waits), event="purchase"), profiles=profiles)
    engine.ingest([purchase(1)])
    assert [(one.path, one.error, one.found) for one in told.faults] == [
        (f"subscriber.{path}", error, kind) for path, error, kind in found
    ]
    places = {"renewal": "/nodes/start/actions/0/parameters", "hour": "/nodes/start/actions/1/parameters"}
    assert [one.where for one in told.faults] == [places[path] for path, _, _ in found]


def test_a_branch_that_is_reached_later_is_told_of_by_advance(any_store):
    later = [
        node("start", wait(DAY), default="then"),
        node("then", check(), condition=parse({"subscriber_properties": {"plan": "pro"}})),
    ]
    engine, told = engine_on(any_store, workflow(*later, event="purchase"), profiles=MemoryProfiles({"s": {}}))
    engine.ingest([purchase(1)])
    assert told.faults == []
    engine.advance(now=START + DAY)
    assert said(told) == [("w", "/nodes/then/conditions", "subscriber.plan", "missing", "null")]


OPENS = parse({"engagement_requirements": {"opens": {"$gte": 3}}})
MISSES_OPENS = ("w", "/trigger/conditions", "engagement.opens", "missing", "null")


@pytest.mark.parametrize("on", [On.ENTER, On.CHANGE])
def test_levels_are_looked_at_when_the_profile_changes(any_store, on):
    standing = level(condition=OPENS)
    standing = evolve(standing, trigger=evolve(standing.trigger, on=on))
    engine, told = engine_on(any_store, standing, profiles=MemoryProfiles({"s": {"x": 1}}))
    engine.changed(["s"])
    assert said(told) == [MISSES_OPENS]


def test_levels_are_looked_at_when_an_event_comes(any_store):
    engine, told = engine_on(any_store, level(condition=OPENS), profiles=MemoryProfiles({"s": {"x": 1}}))
    engine.ingest([purchase(1)])
    assert said(told) == [MISSES_OPENS]


def test_a_backfill_looks_at_everybody(any_store):
    profiles = MemoryProfiles({"s": {"x": 1}})
    standing = level(condition=OPENS, backfill=Backfill.CURRENT)
    engine, told = engine_on(any_store, standing, profiles=profiles, audience=Listed(profiles, "s"))
    engine.advance()
    assert said(told) == [MISSES_OPENS]


def test_a_time_trigger_looks_at_whom_it_is_for(any_store):
    profiles = MemoryProfiles({"s": {"x": 1}})
    flow = timed(
        At(datetime.fromisoformat("2026-01-01T01:00")), where=parse({"subscriber_properties": {"plan": "pro"}})
    )
    engine, told = engine_on(any_store, flow, profiles=profiles, audience=Listed(profiles, "s"))
    engine.advance(now=START + HOUR)
    assert said(told) == [("w", "/trigger/conditions/where", "subscriber.plan", "missing", "null")]


def test_a_predicate_that_raises_is_told_of_for_all_who_ask_it(any_store):
    calls = []

    def broken(question):
        calls.append(question)
        raise LookupError("no such table")

    asks = parse({"custom": {"name": "stock"}})
    engine, told = engine_on(
        any_store,
        journey("trigger", event="purchase", condition=asks),
        journey("filter", event="purchase", entry=EntryPolicy(filter=asks)),
        workflow(node("start", check(), condition=asks), workflow_id="branch", event="purchase"),
        journey("other", event="purchase"),
        predicates={"stock": broken},
    )
    engine.ingest([purchase(1), purchase(2)])
    assert calls
    assert sorted(said(told)) == [
        ("branch", "/nodes/start/conditions", "custom.stock", "LookupError", ""),
        ("filter", "/trigger/entry/filter", "custom.stock", "LookupError", ""),
        ("trigger", "/trigger/conditions", "custom.stock", "LookupError", ""),
    ]


def test_what_cannot_be_told_is_logged_and_told_at_the_next_call(any_store, caplog):
    reports = RecordingFaultReports()
    reports.refusing = ConnectionError("pager is down")
    engine, told = engine_on(any_store, bought(), reports=reports)
    with caplog.at_level(logging.WARNING, logger="flowkit"):
        assert engine.ingest([purchase(1, amount="60 EUR")]).accepted == 1
    assert "pager is down" in caplog.text
    assert told.faults == []
    reports.refusing = None
    engine.advance()
    assert said(told) == [WRONG]


def test_it_is_told_also_where_other_events_are_rejected(any_store):
    engine, told = engine_on(any_store, bought())
    with pytest.raises(EventsRejected):
        engine.ingest([purchase(1, amount="60 EUR"), purchase(2, amount={1, 2})])
    assert said(told) == [WRONG]


def test_an_engine_without_a_loop_refuses_reports_that_wait():
    class Waits:
        async def report(self, faults):
            raise AssertionError

    with pytest.raises(ConfigurationError, match=r"fault_reports\.report is async def"):
        Engine(MemoryStore(), fault_reports=Waits())


def test_an_engine_in_a_loop_waits_for_them():
    class Waits(RecordingFaultReports):
        async def report(self, faults):
            await asyncio.sleep(0)
            super().report(faults)

    async def work():
        engine = AsyncEngine(MemoryStore(), clock=VirtualClock(START), fault_reports=told)
        await engine.publish(bought())
        await engine.ingest([purchase(1, amount="60 EUR")])

    told = Waits()
    asyncio.run(work())
    assert said(told) == [WRONG]


def test_what_is_decided_is_the_same_with_it_and_without(any_store):
    profiles = MemoryProfiles({f"s{number}": {"age": age} for number, age in enumerate([20, "20", None, 10])})
    flow = workflow(
        node("start", check(), condition=parse({"subscriber_properties": {"age": {"$gte": 18}}})),
        event="purchase",
        condition=AMOUNT,
    )
    batch = [
        purchase(number, f"s{number % 4}", **({} if amount is None else {"amount": amount}))
        for number, amount in enumerate([60, "60", None, 60, 70, True, 10, [1]])
    ]
    watched, _ = engine_on(any_store, flow, profiles=profiles)
    plain = Engine(MemoryStore(), clock=VirtualClock(START), profiles=profiles)
    plain.publish(flow)
    assert watched.ingest(batch) == plain.ingest(batch)
    assert [line.entry for line in watched.journal()] == [line.entry for line in plain.journal()]


def test_facts_of_a_host_are_never_changed_by_a_look():
    known = {"s": Facts({"age": "x"})}

    class Profiles:
        def facts(self, ids, needs):
            return {one: known[one] for one in ids if one in known}

    flow = journey(event="purchase", condition=parse({"subscriber_properties": {"age": {"$gte": 18}}}))
    engine, told = engine_on(MemoryStore(), flow, profiles=Profiles())
    engine.ingest([purchase(1)], now=START + timedelta(seconds=1))
    assert known == {"s": Facts({"age": "x"})}
    assert [one.error for one in told.faults] == ["wrong_kind"]


def test_what_was_being_told_when_the_call_was_given_up_is_told_at_the_next_one():
    class Hangs(RecordingFaultReports):
        async def report(self, faults):
            if not self.faults and self.refusing is None:
                self.refusing = RuntimeError()
                await asyncio.sleep(60)
            self.faults += faults

    async def work():
        told = Hangs()
        engine = AsyncEngine(MemoryStore(), clock=VirtualClock(START), fault_reports=told)
        await engine.publish(bought())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.ingest([purchase(1, amount="60 EUR")]), 0.2)
        await engine.ingest([purchase(2, amount="60 EUR")])
        return said(told)

    assert asyncio.run(work()) == [WRONG]


# ------------------------------------------------------------------------------------------------------------
# Exit criteria and goals


def aimed(**aims):
    return evolve(workflow(node("start", wait(HOUR), wait(HOUR, "more")), event="signup"), **aims)


def test_an_odd_event_for_a_goal_is_told_of_once_with_its_run(any_store):
    goal = Goal("buy", event=parse({"event_type": "purchase", "event_properties": {"amount": {"$gte": 50}}}))
    engine, told = engine_on(any_store, aimed(goals=[Goal("see", event=parse({"event_type": "visit"})), goal]))
    engine.ingest([Event("signup", "s", id="0")])
    engine.ingest([Event("visit", "s", id="1")])
    assert told.faults == []
    engine.ingest([purchase(2, amount="60 EUR"), purchase(3, amount="70 EUR")])
    assert said(told) == [("w", "/goals/1/event", "event.amount", "wrong_kind", "string")]
    assert told.faults[0].run_id == engine.runs()[0].id
    engine.ingest([purchase(4, amount=70)])
    assert Kind.GOAL in [line.entry.kind for line in engine.journal()]


def test_an_odd_profile_for_an_exit_criterion_is_told_of(any_store):
    old = ExitCriterion("old", when=parse({"subscriber_properties": {"age": {"$gte": 18}}}))
    profiles = MemoryProfiles({"s": {"age": "twenty"}, "t": {"age": 12}})
    engine, told = engine_on(any_store, aimed(exit_criteria=[old]), profiles=profiles)
    engine.ingest([Event("signup", "t", id="0")])
    engine.advance(now=START + HOUR)
    assert told.faults == []
    engine.ingest([Event("signup", "s", id="0")], now=START + HOUR)
    assert said(told) == [("w", "/exit_criteria/0/when", "subscriber.age", "wrong_kind", "string")]


def test_what_a_criterion_reads_after_a_wait_is_looked_at_too(any_store):
    old = ExitCriterion("old", when=parse({"subscriber_properties": {"age": {"$gte": 18}}}))
    profiles = MemoryProfiles({"s": {"age": 12}})
    engine, told = engine_on(any_store, aimed(exit_criteria=[old]), profiles=profiles)
    engine.ingest([Event("signup", "s", id="0")])
    profiles.put("s", age="twelve")
    engine.advance(now=START + HOUR)
    assert [(one.where, one.error) for one in told.faults] == [("/exit_criteria/0/when", "wrong_kind")]


def test_of_strangers_nothing_is_missing_for_a_criterion(any_store):
    old = ExitCriterion("old", when=parse({"subscriber_properties": {"age": {"$gte": 18}}}))
    engine, told = engine_on(any_store, aimed(exit_criteria=[old]), profiles=MemoryProfiles({}))
    engine.ingest([Event("signup", "s", id="0")])
    engine.advance(now=START + HOUR)
    assert told.faults == []
    engine.ingest([Event("visit", "s", id="1")], now=START + HOUR)
    assert told.faults == []


def test_a_variable_that_may_come_yet_is_not_missing(any_store):
    high = Goal("high", when=parse({"variables": {"score": {"$gte": 5}}}, in_run=True))
    engine, told = engine_on(any_store, aimed(goals=[high]))
    engine.ingest([Event("signup", "s", id="0")])
    engine.advance(now=START + HOUR)
    assert told.faults == []

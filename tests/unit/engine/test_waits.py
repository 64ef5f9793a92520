"""Waits by the clock through an engine: many people, in the zones in which they live, over a change of the clocks."""

from datetime import UTC, datetime, timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.decisions import Decisions
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS, Event, Facts, to_micros
from flowkit.runs.effects import WOKEN
from flowkit.runs.model import Kind, Run, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.codec import load

SATURDAY = datetime(2026, 3, 7, 17, tzinfo=UTC)  # noon in New York, where clocks go on by an hour at two on Sunday
DAY = timedelta(days=1)
PEOPLE = {
    "ann": {"timezone": "America/New_York", "preferred_hour": 18, "renewal": "2026-03-20"},
    "aiko": {"timezone": "Asia/Tokyo", "preferred_hour": "07:30", "renewal": "2026-03-09"},
    "emil": {"timezone": "Europe/Berlin", "preferred_hour": 30, "renewal": "someday"},
    "nell": {"timezone": "Mars/Phobos", "renewal": "2026-03-20"},
    "omar": {},
}


def series(*waits, **fields):
    """A welcome series: wait, send, wait, send, and so on."""
    nodes = {}
    for index, wait in enumerate(waits):
        follow = f"n{index + 1}" if index + 1 < len(waits) else "end"
        nodes[f"n{index}"] = {
            "node_id": f"n{index}",
            "name": f"Mail {index}",
            "actions": [
                {"action_id": "wait", "action_type": "wait", "parameters": wait},
                {"action_id": "send", "action_type": "send_email", "parameters": {"template_id": f"mail_{index}"}},
            ],
            "next_nodes": {"default": follow},
        }
    trigger = {"trigger_id": "t", "trigger_type": "behavior_based", "conditions": {"event_type": "signup"}}
    document = {"workflow_id": "welcome", "name": "Welcome", "trigger": trigger, "nodes": nodes, "entry_node": "n0"}
    return load(document | fields)


class World:
    """An engine, its people, and what they were sent."""

    def __init__(self, store, workflow, people=PEOPLE, **options):
        self.clock = VirtualClock(SATURDAY)
        self.profiles = MemoryProfiles(people)
        self.sender = RecordingSender(needs=NO_NEEDS)
        self.engine = Engine(store, clock=self.clock, profiles=self.profiles, sender=self.sender, **options)
        self.engine.publish(workflow)

    def sign_up(self, *names):
        self.engine.ingest([Event("signup", name, id=f"signup-{name}") for name in names])

    def live(self, until):
        """Do whatever is due at its instant."""
        self.engine.advance()
        while (due := self.engine.next_due()) is not None and due <= until:
            self.clock.set(max(due, self.clock.now()))
            self.engine.advance()
        self.clock.set(until)

    def sent(self):
        """When each got what, in UTC."""
        lines = self.engine.journal(limit=10_000)
        return {
            name: [
                f"{line.at:%m-%d %H:%M} {line.entry.data['template_id']}"
                for line in lines
                if line.subscriber_id == name and line.entry.kind is Kind.DONE
            ]
            for name in self.profiles_seen(lines)
        }

    def profiles_seen(self, lines):
        return list(dict.fromkeys(line.subscriber_id for line in lines))

    def told(self, kind, subscriber_id):
        lines = self.engine.journal(subscriber_id=subscriber_id)
        return [dict(line.entry.data) for line in lines if line.entry.kind is kind]


NINE_EACH_DAY = series({"until": {"at": "09:00"}}, {"calendar_days": 1, "at": "09:00"}, timezone="Europe/Berlin")


def test_a_series_at_nine_in_three_zones_over_a_change_of_the_clocks(any_store):
    world = World(any_store, NINE_EACH_DAY)
    world.sign_up(*PEOPLE)
    world.live(SATURDAY + 3 * DAY)
    assert world.sent() == {
        "ann": ["03-08 13:00 mail_0", "03-09 13:00 mail_1"],  # 14:00Z until Saturday
        "aiko": ["03-08 00:00 mail_0", "03-09 00:00 mail_1"],
        "emil": ["03-08 08:00 mail_0", "03-09 08:00 mail_1"],
        "nell": ["03-08 08:00 mail_0", "03-09 08:00 mail_1"],  # by the zone of the workflow
        "omar": ["03-08 08:00 mail_0", "03-09 08:00 mail_1"],
    }
    assert {run.status for run in world.engine.runs()} == {Status.COMPLETED}
    [first, second] = world.told(Kind.WAITING, "ann")
    assert first == {
        "seconds": 20 * 3_600,
        "why": "until",
        "zone": "America/New_York",
        "zone_of": "subscriber",
        "until": "2026-03-08T13:00:00Z",
        "wall": "2026-03-08T09:00",
    }
    assert (second["seconds"], second["why"]) == (86_400, "calendar_days")
    assert [data["zone_of"] for data in world.told(Kind.WAITING, "nell")] == ["workflow", "workflow"]


def test_a_day_of_the_calendar_has_23_hours_over_the_change_and_a_duration_24(any_store):
    world = World(any_store, series({"calendar_days": 1}), {"ann": PEOPLE["ann"]})
    world.sign_up("ann")
    world.live(SATURDAY + 2 * DAY)
    assert world.sent() == {"ann": ["03-08 16:00 mail_0"]}
    other = World(MemoryStore(), series({"duration_days": 1}), {"ann": PEOPLE["ann"]})
    other.sign_up("ann")
    other.live(SATURDAY + 2 * DAY)
    assert other.sent() == {"ann": ["03-08 17:00 mail_0"]}


def test_the_preferred_time_of_each(any_store):
    world = World(any_store, series({"preferred_time": {"path": "preferred_hour", "fallback": "10:00"}}))
    world.sign_up(*PEOPLE)
    world.live(SATURDAY + 2 * DAY)
    assert world.sent() == {
        "ann": ["03-07 23:00 mail_0"],
        "aiko": ["03-07 22:30 mail_0"],
        "emil": ["03-08 09:00 mail_0"],
        "nell": ["03-08 10:00 mail_0"],
        "omar": ["03-08 10:00 mail_0"],
    }
    assert [(data["why"], data["operands"]) for data in world.told(Kind.WAITING, "emil")] == [
        ("fallback_time", {"subscriber.preferred_hour": 30})
    ]


def test_a_week_before_the_renewal_of_each(any_store):
    asked = {"path": "renewal", "offset": "-7d", "at": "09:00", "on_missing": "exit"}
    world = World(any_store, series({"profile_date": asked}))
    world.sign_up(*PEOPLE)
    world.live(SATURDAY + 10 * DAY)
    assert world.sent() == {
        "ann": ["03-13 13:00 mail_0"],
        "aiko": ["03-07 17:00 mail_0"],  # the week before has begun: at once
        "emil": [],
        "nell": ["03-13 09:00 mail_0"],
        "omar": [],
    }
    ended = {run.subscriber_id: (run.status, run.state.reason) for run in world.engine.runs()}
    assert ended["emil"] == ended["omar"] == (Status.EXITED, "missing_date")
    [passed] = world.told(Kind.PASSED, "aiko")
    assert (passed["result"], passed["wall"]) == ("past", "2026-03-02T09:00")


def test_a_window_is_waited_for_and_passed_inside(any_store):
    world = World(any_store, series({"window": {"from": "22:00", "to": "04:00", "weekdays": ["sat"]}}))
    world.sign_up("ann", "aiko", "emil")
    world.live(SATURDAY + 2 * DAY)
    assert world.sent() == {
        "ann": ["03-08 03:00 mail_0"],
        "aiko": ["03-07 17:00 mail_0"],  # it is two on Sunday, in the window of Saturday
        "emil": ["03-07 21:00 mail_0"],
    }


def test_after_a_stand_still_all_go_on_and_nobody_waits_again(any_store):
    world = World(any_store, NINE_EACH_DAY, {"ann": PEOPLE["ann"]})
    world.sign_up("ann")
    world.engine.advance(now=SATURDAY + DAY + timedelta(hours=4))
    world.clock.set(SATURDAY + 5 * DAY)
    world.engine.advance()
    assert world.sent() == {"ann": ["03-08 21:00 mail_0", "03-12 17:00 mail_1"]}


@pytest.mark.parametrize("batch", [1, 500])
def test_a_thousand_in_ten_zones_come_to_a_wait_at_one_instant(batch, any_store):
    zones = [f"Etc/GMT{hour:+}" for hour in range(-5, 5)]
    people = {f"s{number}": {"timezone": zones[number % len(zones)]} for number in range(40 if batch == 1 else 1_000)}
    workflow = series({"duration_hours": 1}, {"until": {"at": "09:00"}})
    world = World(any_store, workflow, people, batch=batch)
    world.sign_up(*people)
    world.live(SATURDAY + timedelta(hours=1))
    due = {run.subscriber_id: run.due_at for run in world.engine.runs(limit=2_000)}
    assert len(due) == len(people)
    for name, attributes in people.items():
        hours = -int(attributes["timezone"].removeprefix("Etc/GMT"))
        local = due[name] + timedelta(hours=hours)
        assert (local.hour, local.minute) == (9, 0)
        assert timedelta() < due[name] - (SATURDAY + timedelta(hours=1)) <= DAY


def test_the_sentences_say_until_when_and_why(any_store):
    asked = {"path": "renewal", "offset": "-7d", "at": "09:00"}
    world = World(any_store, series({"until": {"at": "09:00"}}, {"profile_date": asked}))
    world.sign_up("ann", "emil", "aiko")
    world.live(SATURDAY + 2 * DAY)

    def waits(name):
        told = world.engine.explain(name, "welcome").text.splitlines()
        return [line.split("run 1: ")[1] for line in told if "wait" in line]

    since = "since subscriber.renewal was"
    assert waits("ann") == [
        "waits 20 h at n0, until 2026-03-08 09:00 in America/New_York (the subscriber's zone)",
        "the wait at n0 is over",
        f"waits 5 d at n1, until 2026-03-13 09:00 in America/New_York (the subscriber's zone), {since} 2026-03-20",
    ]
    assert waits("emil")[2] == f"did not wait at n1, {since} someday, which is no date"
    over = "2026-03-02 09:00 in Asia/Tokyo (the subscriber's zone) was over"
    assert waits("aiko")[2] == f"did not wait at n1: {over}, {since} 2026-03-09"
    world.sign_up("omar")
    world.live(SATURDAY + 4 * DAY)
    assert waits("omar")[2] == f"did not wait at n1, {since} missing"
    assert waits("omar")[0] == "waits 16 h at n0, until 2026-03-10 09:00 in UTC (the workflow's zone)"
    world.clock.set(datetime(2026, 3, 11, 9, tzinfo=UTC))
    world.sign_up("nell")
    assert waits("nell") == ["did not wait at n0: it was 2026-03-11 09:00 in UTC (the workflow's zone)"]


def test_those_of_one_zone_are_decided_together():
    program = compile_workflow(series({"duration_hours": 1}, {"until": {"at": "09:00"}}), 1)
    zones = [f"Etc/GMT{hour:+}" for hour in range(-14, 13)]
    state = State(node="n1", waiting=Waiting.TURN)
    runs = [Run(f"{number:032}", f"s{number}", "welcome", 1, 0, "{}", state, 0) for number in range(10 * len(zones))]
    facts = {run.subscriber_id: Facts(zone=zones[index % len(zones)]) for index, run in enumerate(runs)}
    decisions = Decisions()
    for now in (to_micros(SATURDAY), to_micros(SATURDAY) + 1):
        parts = decisions.split(program, runs, state, WOKEN, facts, now)
        assert [len(together) for _, together in parts] == [10] * len(zones)
        due = {transition.due(now) for transition, _ in parts}
        assert len(due) == 24, "a day is 24 hours, and three of the zones share the clock of another"

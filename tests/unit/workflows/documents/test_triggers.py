"""Triggers as documents: what they fire on, by which clock, whom they let in, and all that cannot be meant."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flowkit.conditions import ALWAYS, AllOf, EngagementAtLeast, Equals, EventIs, Segments, SubscriberHas, ValueAtLeast
from flowkit.documents import Limits
from flowkit.errors import DocumentError
from flowkit.triggers.model import Backfill, EntryPolicy, On, Reentry, Schedule, Trigger, TriggerType
from flowkit.triggers.rules import At, Cron, DateProperty, Repeat
from flowkit.workflows.codec import dump, dumps, load, validate
from flowkit.workflows.model import Workflow
from tests.support.refusals import refusals
from tests.support.strategies import triggers
from tests.support.workflow_documents import put, timed, without, workflow

HOUR = timedelta(hours=1)
CONDITIONS = "/trigger/conditions"
ENTRY = "/trigger/entry"
PRO = SubscriberHas({"plan": Equals("pro")})
CRON = Cron("0 9 * * *")
BASE = load(workflow())


def levelled(**fields):
    """A document whose trigger is looked at when something about the subscriber changes."""
    trigger = {"trigger_id": "t", "trigger_type": "condition_based", "conditions": {"segments": "vip"}}
    return workflow(trigger=trigger | fields)


def entering(**entry):
    return put(levelled(on="enter"), ENTRY, entry)


def by_clock(**conditions):
    """A document whose trigger fires by the clock."""
    return workflow(trigger=timed(**conditions))


def read(document) -> Trigger:
    trigger = load(document).trigger
    assert load(json.dumps(document)).trigger == trigger
    return trigger


def written(document) -> dict:
    return dump(load(document))["trigger"]


def with_trigger(**fields) -> Workflow:
    return evolve(BASE, trigger=Trigger("t", **fields))


# ------------------------------------------------------------------------------------------------------------
# On what they fire


@pytest.mark.parametrize("kind", ["behavior_based", "condition_based", "composite"])
def test_in_the_seeds_documents_every_trigger_is_looked_at_with_each_event(kind):
    document = put(workflow(), "/trigger/trigger_type", kind)
    assert read(document).on is On.EVENT
    assert read(put(document, "/trigger/on", "event")).on is On.EVENT


def test_in_a_document_with_a_schema_a_condition_trigger_fires_when_its_condition_comes_to_hold():
    assert read(levelled()).on is On.EVENT
    assert read(levelled() | {"schema": 1}).on is On.ENTER
    assert read(workflow(schema=1)).on is On.EVENT
    assert read(by_clock() | {"schema": 1}).on is On.EVENT


@pytest.mark.parametrize("on", On)
def test_a_condition_trigger_may_say_on_what_it_fires(on):
    for document in (levelled(on=str(on)), levelled(on=str(on)) | {"schema": 1}):
        assert read(document).on is on
        assert written(document)["on"] == str(on)


# ------------------------------------------------------------------------------------------------------------
# By which clock


def test_a_time_trigger_has_its_rule_among_its_conditions():
    trigger = read(by_clock())
    assert trigger.trigger_type is TriggerType.TIME_BASED
    assert trigger.condition == ALWAYS
    assert trigger.schedule == Schedule(CRON, timezone=None, fallback_timezone="UTC", late=6 * HOUR)
    assert written(by_clock())["conditions"] == {
        "cron": "0 9 * * *",
        "timezone": "subscriber",
        "fallback_timezone": "UTC",
        "late": "6h",
    }


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ({"at": "2026-12-24T09:00"}, At(datetime(2026, 12, 24, 9))),  # noqa: DTZ001 - a wall time
        ({"at": "2026-12-24T09:00Z"}, At(datetime(2026, 12, 24, 9, tzinfo=UTC))),
        ({"cron": "0 9 * * *"}, CRON),
        (
            {"date_property": {"path": "born", "at": "09:00", "repeat": "year"}},
            DateProperty(path="born", at=time(9), repeat=Repeat.YEAR),
        ),
    ],
)
def test_every_kind_of_rule_is_read_and_written(rule, wanted):
    document = workflow(trigger=timed(**{"cron": ...} | rule))
    assert read(document).schedule.rule == wanted
    assert written(document)["conditions"].items() >= rule.items()


def test_zone_and_lateness_are_kept():
    given_all = {"timezone": "Europe/Berlin", "fallback_timezone": "America/New_York", "late": "90m"}
    assert read(by_clock(**given_all)).schedule == Schedule(
        CRON, timezone="Europe/Berlin", fallback_timezone="America/New_York", late=1.5 * HOUR
    )
    assert written(by_clock(**given_all))["conditions"] == {"cron": "0 9 * * *"} | given_all
    assert read(by_clock(timezone="subscriber")).schedule.timezone is None
    assert written(by_clock(late="3600s"))["conditions"]["late"] == "1h"


def test_whom_it_is_for_stands_in_where_or_beside_the_rule_and_both_must_hold():
    beside = {"segments": "vip", "engagement_requirements": {"opens": 1}}
    about = AllOf((EngagementAtLeast({"opens": 1}), Segments(any=("vip",))))
    where = {"subscriber_properties": {"plan": "pro"}}
    assert read(by_clock(where=where)).condition == PRO
    assert read(by_clock(**beside)).condition == about
    assert read(by_clock(where=where, **beside)).condition == AllOf((about, PRO))
    assert read(by_clock(where={})).condition == ALWAYS
    assert written(by_clock(where=where))["conditions"]["where"] == where
    assert "where" not in written(by_clock(where={}))["conditions"]
    assert written(by_clock(segments="vip"))["conditions"]["where"] == {"segments": "vip"}


@pytest.mark.parametrize(
    ("conditions", "problems"),
    [
        ({"cron": ...}, [("missing_field", "")]),
        ({"at": "2026-12-24T09:00"}, [("conflicting_fields", "")]),
        ({"cron": "61 9 * * *"}, [("bad_cron", "/cron")]),
        ({"cron": ..., "every": {"unit": "week", "at": "9"}}, [("bad_time", "/every/at")]),
        ({"cron": ..., "at": "tomorrow"}, [("bad_instant", "/at")]),
        ({"timezone": "Europe/Berln"}, [("unknown_zone", "/timezone")]),
        ({"timezone": ""}, [("unknown_zone", "/timezone")]),
        ({"timezone": "../../etc/passwd"}, [("unknown_zone", "/timezone")]),
        ({"timezone": "x" * 10_000}, [("unknown_zone", "/timezone")]),
        ({"timezone": None}, [("wrong_type", "/timezone")]),
        ({"timezone": 1}, [("wrong_type", "/timezone")]),
        ({"fallback_timezone": "subscriber"}, [("unknown_zone", "/fallback_timezone")]),
        ({"fallback_timezone": None}, [("wrong_type", "/fallback_timezone")]),
        ({"late": "6 hours"}, [("bad_duration", "/late")]),
        ({"late": "-6h"}, [("bad_duration", "/late")]),
        ({"late": "0h"}, [("out_of_range", "/late")]),
        ({"late": "5218w"}, [("out_of_range", "/late")]),
        ({"late": 6}, [("wrong_type", "/late")]),
        ({"late": None}, [("wrong_type", "/late")]),
        ({"where": None}, [("wrong_type", "/where")]),
        ({"where": {"segment": "vip"}}, [("unknown_field", "/where/segment")]),
        ({"where": {"cron": "0 9 * * *"}}, [("unknown_field", "/where/cron")]),
        ({"crom": "0 9 * * *"}, [("unknown_field", "/crom")]),
        ({"segments": []}, [("too_short", "/segments")]),
        # no event is at hand
        ({"event_type": "signup"}, [("conflicting_fields", "/event_type")]),
        ({"where": {"min_value": 0}}, [("conflicting_fields", "/where/min_value")]),
        (
            {"where": {"any": [{"segments": "vip"}, {"not": {"event_properties": {"a": 1}}}]}},
            [("conflicting_fields", "/where/any/1/not/event_properties")],
        ),
        (
            {"where": {"operator": "AND", "conditions": [{"all": [{"event_type": "a"}]}]}},
            [("conflicting_fields", "/where/conditions/0/all/0/event_type")],
        ),
        # all at once
        (
            {"cron": "?", "timezone": "Mars", "late": "x", "when": 1, "where": {"sgments": 1}, "segments": 1},
            [
                ("bad_cron", "/cron"),
                ("unknown_zone", "/timezone"),
                ("bad_duration", "/late"),
                ("unknown_field", "/when"),
                ("wrong_type", "/segments"),
                ("unknown_field", "/where/sgments"),
            ],
        ),
    ],
)
def test_what_a_time_trigger_cannot_ask(conditions, problems):
    expected = [(code, CONDITIONS + path) for code, path in problems]
    assert refusals(lambda: load(by_clock(**conditions))) == expected


def test_what_is_asked_of_past_events_is_none_of_an_event_at_hand():
    where = {"performed": {"event": "purchase", "where": {"event_type": "a", "min_value": 1}}}
    assert written(by_clock(where=where))["conditions"]["where"] == where
    custom = {"custom": {"name": "host", "event_type": "a", "all": [{"min_value": 1}]}}
    assert written(by_clock(where=custom))["conditions"]["where"] == custom


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("utc", "UTC"),
        ("subscribers", "subscriber"),
        ("America/New York", "America/New_York"),
    ],
)
def test_a_slip_in_a_zone_is_answered_with_a_guess(name, guess):
    with pytest.raises(DocumentError, match=f'did you mean "{guess}"'):
        load(by_clock(timezone=name))


def test_a_zone_like_no_other_is_answered_with_what_to_write():
    for name in ("", "Mars", "x" * 100):
        with pytest.raises(DocumentError, match='write its IANA name, such as "Europe/Berlin"'):
            load(by_clock(fallback_timezone=name))


def test_a_rule_is_none_of_the_conditions_of_other_triggers():
    for kind in ("behavior_based", "condition_based", "composite"):
        document = put(by_clock(timezone="UTC"), "/trigger/trigger_type", kind)
        assert refusals(lambda document=document: load(document)) == [
            ("unknown_field", f"{CONDITIONS}/cron"),
            ("unknown_field", f"{CONDITIONS}/timezone"),
        ]


def test_of_a_misspelled_type_nothing_follows():
    document = put(by_clock(), "/trigger/trigger_type", "time-based")
    assert refusals(lambda: load(document)) == [("bad_enum", "/trigger/trigger_type")]
    document = put(entering(backfill="current"), "/trigger/trigger_type", "condition")
    assert refusals(lambda: load(document)) == [("bad_enum", "/trigger/trigger_type")]
    assert refusals(lambda: load(without(document, "/trigger/on"))) == [("bad_enum", "/trigger/trigger_type")]


# ------------------------------------------------------------------------------------------------------------
# Whom they let in

FULL = {
    "filter": {"subscriber_properties": {"plan": "pro"}},
    "grace": "90m",
    "reentry": "after_exit",
    "max_concurrent": 2,
    "key": "order.id",
    "exclusion_group": "onboarding",
    "backfill": "current",
}


def test_the_rules_of_entry_are_read_and_written():
    assert read(entering(**FULL)).entry == EntryPolicy(
        filter=PRO,
        grace=1.5 * HOUR,
        reentry=Reentry.AFTER_EXIT,
        max_concurrent=2,
        key="order.id",
        exclusion_group="onboarding",
        backfill=Backfill.CURRENT,
    )
    assert written(entering(**FULL))["entry"] == FULL


def test_what_lets_everybody_in_is_not_written():
    plain = {"filter": {}, "reentry": "always", "backfill": "none"}
    none = {"max_concurrent": None, "key": None, "exclusion_group": None}
    for entry in ({}, plain, none, plain | none):
        assert read(entering(**entry)).entry == EntryPolicy()
        assert "entry" not in written(entering(**entry))
    assert written(entering(**plain | {"reentry": "never"}))["entry"] == {"reentry": "never"}


def test_how_many_may_enter_in_all():
    assert read(workflow()).max_executions_total is None
    assert read(put(workflow(), "/trigger/max_executions_total", 100)).max_executions_total == 100
    assert written(put(workflow(), "/trigger/max_executions_total", 100))["max_executions_total"] == 100
    assert written(workflow())["max_executions_total"] is None


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("/trigger/on", "events", "bad_enum"),
        ("/trigger/on", None, "wrong_type"),
        ("/trigger/max_executions_total", 0, "out_of_range"),
        ("/trigger/max_executions_total", 2**63, "out_of_range"),
        ("/trigger/max_executions_total", 1.0, "wrong_type"),
        ("/trigger/max_executions_total", True, "wrong_type"),
        (ENTRY, None, "wrong_type"),
        (ENTRY, [], "wrong_type"),
        (f"{ENTRY}/filter", None, "wrong_type"),
        (f"{ENTRY}/filter/segments", 1, "wrong_type"),
        (f"{ENTRY}/filter/segment", "vip", "unknown_field"),
        (f"{ENTRY}/grace", "soon", "bad_duration"),
        (f"{ENTRY}/grace", "0s", "out_of_range"),
        (f"{ENTRY}/grace", 3600, "wrong_type"),
        (f"{ENTRY}/grace", None, "wrong_type"),
        (f"{ENTRY}/reentry", "sometimes", "bad_enum"),
        (f"{ENTRY}/reentry", None, "wrong_type"),
        (f"{ENTRY}/max_concurrent", 0, "out_of_range"),
        (f"{ENTRY}/max_concurrent", "1", "wrong_type"),
        (f"{ENTRY}/max_concurrent", False, "wrong_type"),
        (f"{ENTRY}/key", "", "bad_id"),
        (f"{ENTRY}/key", 1, "wrong_type"),
        (f"{ENTRY}/exclusion_group", "a\nb", "bad_id"),
        (f"{ENTRY}/backfill", "all", "bad_enum"),
        (f"{ENTRY}/max_concurent", 1, "unknown_field"),
        (f"{ENTRY}/cooldown_hours", 1, "unknown_field"),
    ],
)
def test_what_is_wrong_is_told_with_its_code_and_place(path, value, code):
    document = put(entering(**FULL), path, value)
    assert refusals(lambda: load(document)) == [(code, path)]


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        (entering(grace="1h"), [("conflicting_fields", f"{ENTRY}/grace")]),
        (entering(grace="1h", filter={}), [("conflicting_fields", f"{ENTRY}/grace")]),
        (entering(grace="1h", filter={"x": 1}), [("unknown_field", f"{ENTRY}/filter/x")]),
        (put(entering(backfill="current"), "/trigger/on", "change"), [("conflicting_fields", f"{ENTRY}/backfill")]),
        (put(levelled(), ENTRY, {"backfill": "current"}), [("conflicting_fields", f"{ENTRY}/backfill")]),
        (put(by_clock(), ENTRY, {"backfill": "current"}), [("conflicting_fields", f"{ENTRY}/backfill")]),
        (put(workflow(), "/trigger/on", "enter"), [("conflicting_fields", "/trigger/on")]),
        (put(by_clock(), "/trigger/on", "change"), [("conflicting_fields", "/trigger/on")]),
        (
            put(by_clock(), ENTRY, {"filter": {"any": [{"min_value": 1}, {"segments": "vip"}]}}),
            [("conflicting_fields", f"{ENTRY}/filter/any/0/min_value")],
        ),
        (
            entering(filter={"segment": 1}, grace="x", reentry="x", max_concurrent=0, key="", backfil="none"),
            [
                ("unknown_field", f"{ENTRY}/filter/segment"),
                ("bad_duration", f"{ENTRY}/grace"),
                ("bad_enum", f"{ENTRY}/reentry"),
                ("out_of_range", f"{ENTRY}/max_concurrent"),
                ("bad_id", f"{ENTRY}/key"),
                ("unknown_field", f"{ENTRY}/backfil"),
            ],
        ),
    ],
)
def test_what_does_not_go_together_is_told(document, problems):
    assert refusals(lambda: load(document)) == problems


def test_in_a_document_with_a_schema_those_who_fit_already_may_be_let_in_without_saying_enter():
    document = put(levelled(), ENTRY, {"backfill": "current"}) | {"schema": 1}
    assert read(document).entry.backfill is Backfill.CURRENT


def test_how_long_an_entry_waits_is_bounded_by_choice_too():
    limits = Limits(duration=HOUR)
    waiting = {"filter": {"segments": "vip"}}
    load(entering(grace="60m", **waiting), limits=limits)
    refused = refusals(lambda: load(entering(grace="61m", **waiting), limits=limits))
    assert refused == [("out_of_range", f"{ENTRY}/grace")]


# ------------------------------------------------------------------------------------------------------------
# Made in Python


@given(triggers)
def test_what_is_written_is_read_as_the_same(trigger):
    made = evolve(BASE, trigger=trigger)
    assert load(dump(made)) == made == validate(made)
    text = dumps(made)
    assert dumps(load(text)) == text


def clocked(condition=ALWAYS, **schedule) -> Workflow:
    return with_trigger(trigger_type=TriggerType.TIME_BASED, condition=condition, schedule=Schedule(CRON, **schedule))


def admitting(**entry) -> Workflow:
    return with_trigger(trigger_type=TriggerType.CONDITION_BASED, on=On.CHANGE, entry=EntryPolicy(**entry))


MADE_WRONG = {
    "a time trigger without a schedule": (
        with_trigger(trigger_type=TriggerType.TIME_BASED),
        "missing_field",
        CONDITIONS,
    ),
    "a schedule for another trigger": (with_trigger(schedule=Schedule(CRON)), "conflicting_fields", CONDITIONS),
    "no rule": (
        with_trigger(trigger_type=TriggerType.TIME_BASED, schedule=Schedule(None)),
        "wrong_type",
        "",
    ),
    "a level by the clock": (
        with_trigger(trigger_type=TriggerType.TIME_BASED, schedule=Schedule(CRON), on=On.ENTER),
        "conflicting_fields",
        "/trigger/on",
    ),
    "an event by the clock": (clocked(EventIs(("a",))), "conflicting_fields", f"{CONDITIONS}/where/event_type"),
    "a value by the clock": (clocked(ValueAtLeast(1)), "conflicting_fields", f"{CONDITIONS}/where/min_value"),
    "the word for no zone": (clocked(timezone="subscriber"), "unknown_zone", f"{CONDITIONS}/timezone"),
    "no zone": (clocked(timezone="Europe/Bonn"), "unknown_zone", f"{CONDITIONS}/timezone"),
    "no fallback": (clocked(fallback_timezone=None), "wrong_type", f"{CONDITIONS}/fallback_timezone"),
    "never late": (clocked(late=timedelta()), "out_of_range", f"{CONDITIONS}/late"),
    "late by a microsecond": (clocked(late=timedelta(microseconds=1)), "bad_duration", f"{CONDITIONS}/late"),
    "early": (clocked(late=-HOUR), "bad_duration", f"{CONDITIONS}/late"),
    "late by centuries": (clocked(late=timedelta.max // 2), "bad_duration", f"{CONDITIONS}/late"),
    "grace of half a second": (
        admitting(filter=PRO, grace=timedelta(seconds=0.5)),
        "bad_duration",
        f"{ENTRY}/grace",
    ),
    "grace without a filter": (admitting(grace=HOUR), "conflicting_fields", f"{ENTRY}/grace"),
    "grace into the past": (admitting(filter=PRO, grace=-HOUR), "bad_duration", f"{ENTRY}/grace"),
    "filled in on change": (admitting(backfill=Backfill.CURRENT), "conflicting_fields", f"{ENTRY}/backfill"),
    "none at once": (admitting(max_concurrent=0), "out_of_range", f"{ENTRY}/max_concurrent"),
    "an empty key": (admitting(key=""), "bad_id", f"{ENTRY}/key"),
    "a filter of nothing": (admitting(filter=EventIs(())), "too_short", f"{ENTRY}/filter/event_type"),
    "nobody at all": (with_trigger(max_executions_total=0), "out_of_range", "/trigger/max_executions_total"),
    "None for the rules of entry": (with_trigger(entry=None), "wrong_type", ""),
}


@pytest.mark.parametrize("what", MADE_WRONG)
def test_a_trigger_made_in_python_is_held_to_the_same_rules(what):
    wrong, code, path = MADE_WRONG[what]
    assert refusals(lambda: validate(wrong)) == [(code, path)]


# ------------------------------------------------------------------------------------------------------------
# Anything at all

ODD = [
    *(None, "", "x", "\0", 0, -1, 1.5, True, [], {}, 10**400, "6h", "UTC", "subscriber", "enter", "current"),
    *("condition_based", "0 9 * * *", "2026-12-24T09:00", {"segments": "vip"}, {"min_value": 1}, [{"event_type": "a"}]),
]
NAMES = [
    *("trigger_type", "on", "conditions", "max_executions_total", "entry", *FULL, "where", "any", "all", "not"),
    *("timezone", "fallback_timezone", "late", "at", "cron", "every", "date_property", "unit", "path", "segments"),
]
odd_values = st.recursive(
    st.sampled_from(ODD),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=12,
)
places = st.sampled_from(["/trigger", CONDITIONS, f"{CONDITIONS}/where", ENTRY, f"{ENTRY}/filter"])


def loaded_or_none(document):
    """The workflow, None where it is refused; whatever else is raised fails the test."""
    try:
        return load(document)
    except DocumentError:
        return None


@given(
    st.sampled_from([entering(**FULL), by_clock(where={"segments": "vip"})]),
    places,
    st.dictionaries(st.sampled_from(NAMES), odd_values, max_size=3),
)
def test_whatever_comes_in_is_a_trigger_or_is_refused(document, place, values):
    trigger = document["trigger"]
    parts = {"/trigger": trigger, CONDITIONS: trigger["conditions"], ENTRY: trigger.get("entry", {})}
    changed = put(put(document, ENTRY, parts[ENTRY]), place, parts.get(place, {}) | values)
    loaded = loaded_or_none(changed)
    assert loaded is None or load(dumps(loaded)) == loaded == validate(loaded)

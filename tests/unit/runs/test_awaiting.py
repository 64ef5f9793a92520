"""Waits for what happens: which branch a run leaves by, when, and what it keeps in mind for that."""

from datetime import timedelta

import pytest

from flowkit.conditions import Duration, parse
from flowkit.events import NO_FACTS, Event, Facts, HistoryNeed, Needs, Occurrence, from_micros, to_micros
from flowkit.runs.effects import DONE, WOKEN, Asks, Looked, Observed, Outcome, Result, Settled, Started
from flowkit.runs.model import NO_WATCH, Entry, Kind, State, Status, Waiting, Watch
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import Member, decide
from flowkit.workflows.control import Awaited, Branch, Case, LookBack, WaitForEvent
from flowkit.workflows.model import Action
from tests.support.journeys import DAY, HOUR, NOW, START, node, send, tag, wait, workflow
from tests.unit.runs.test_step import RUN_ID, Ride

HOURS = 3_600_000_000
MICRO = timedelta(microseconds=1)
VIP = parse({"segments": "vip"})
IN = Facts(segments=frozenset({"vip"}))
ASLEEP = parse({"not": {"performed": {"event": "visit", "within": "2h"}}})


def bought(label="bought", **more):
    return Awaited(label, parse({"event_type": "purchase", **more}))


def clicked(label="clicked"):
    return Awaited(label, parse({"event_type": "email_click"}))


def vip(label="vip"):
    return Case(label, VIP)


def await_(*branches, timeout=DAY, look_back=LookBack.LAST_SEND, **fields):
    return Action("await", WaitForEvent(branches, timeout=timeout, look_back=look_back), **fields)


def purchase(at=None, kind="purchase", **fields):
    return Event(kind, "s", id="p", occurred_at=at, **fields)


LABELS = ("bought", "clicked", "vip", "asleep", "timeout")


def journey(*actions, before=(), facts=NO_FACTS, **ways):
    """A run that comes to a wait, with a node for each label."""
    ways = {label: label for label in LABELS} | ways
    places = [node(label, wait(9 * DAY)) for label in LABELS]
    return Ride(*before, node("start", *actions, **ways), *places, facts=facts)


def waits(ride, until=24 * HOURS):
    assert (ride.state.node, ride.state.waiting) == ("start", Waiting.EVENT)
    assert ride.run.due == (None if until is None else NOW + until)


def passed(ride, label):
    assert ride.state.node == label, ride.entries
    assert (ride.state.watch.since, ride.state.watch.until) == (None, None)
    assert ride.way[-1] == ("start", label, label)


def later(ride, by):
    ride.now = START + by
    return ride


# ------------------------------------------------------------------------------------------------------------
# Events


def test_a_wait_parks_until_its_deadline():
    ride = journey(await_(bought(), clicked())).start()
    waits(ride)
    assert ride.entries[-1] == Entry(
        Kind.WAITING, "start", "await", {"labels": ["bought", "clicked"], "seconds": 86_400}
    )
    assert ride.state.watch == Watch(NOW, NOW + 24 * HOURS)


def test_the_event_that_is_waited_for_is_the_way_out():
    ride = later(journey(await_(bought(), clicked())).start(), HOUR)
    entries = ride.take(Observed(purchase()))
    passed(ride, "bought")
    assert entries[:2] == [
        Entry(
            Kind.DECIDED,
            "start",
            "await",
            {"label": "bought", "type": "purchase", "occurred_at": "2026-01-01T01:00:00+00:00"},
        ),
        Entry(Kind.LEFT, "start", None, {"by": "bought", "to": "bought"}),
    ]


def test_any_of_several_types_may_do_and_properties_and_values_are_asked():
    either = Awaited(
        "bought", parse({"event_type": ["purchase", "renewal"], "event_properties": {"shop": "web"}, "min_value": 9})
    )
    ride = journey(await_(either)).start()
    for event in (
        purchase(),
        purchase(properties={"shop": "web"}),
        purchase(properties={"shop": "web"}, value=8),
        purchase(properties={"shop": "till"}, value=9),
        purchase(kind="visit", properties={"shop": "web"}, value=9),
    ):
        assert ride.take(Observed(event)) == []
        waits(ride)
    ride.take(Observed(purchase(kind="renewal", properties={"shop": "web"}, value=9)))
    passed(ride, "bought")


def test_the_first_branch_in_order_takes_an_event_that_meets_several():
    for branches, label in (((bought(), bought("vip")), "bought"), ((bought("vip"), bought()), "vip")):
        ride = journey(await_(*branches)).start()
        ride.take(Observed(purchase()))
        passed(ride, label)


def test_a_label_without_a_way_goes_by_the_default_or_ends_the_run():
    ride = Ride(node("start", await_(bought()), default="a"), node("a", wait())).start()
    ride.take(Observed(purchase()))
    assert ride.way == [("start", "default", "a")]
    ride = Ride(node("start", await_(bought()))).start()
    ride.take(Observed(purchase()))
    assert ride.state == State(Status.COMPLETED)


@pytest.mark.parametrize(
    ("occurred", "label"),
    [
        (DAY - MICRO, "bought"),
        # Exactly at the deadline, and after it.
        (DAY, None),
        (DAY + MICRO, None),
        (None, None),
    ],
)
def test_what_occurred_before_the_deadline_wins_though_it_comes_in_after_it(occurred, label):
    """The timeout is due, and nobody has committed it."""
    ride = later(journey(await_(bought())).start(), 3 * DAY)
    ride.take(Observed(purchase(None if occurred is None else START + occurred)))
    if label is not None:
        passed(ride, label)
        return
    waits(ride)
    ride.take(WOKEN)
    passed(ride, "timeout")


def test_exactly_at_the_deadline_it_is_too_late():
    ride = later(journey(await_(bought())).start(), DAY)
    ride.take(Observed(purchase()))
    waits(ride)
    ride = later(journey(await_(bought())).start(), DAY - MICRO)
    ride.take(Observed(purchase()))
    passed(ride, "bought")


def test_the_timeout_is_a_way_out():
    ride = journey(await_(bought(), clicked())).start().wake()
    passed(ride, "timeout")
    assert ride.entries[-3] == Entry(Kind.DECIDED, "start", "await", {"label": "timeout"})
    assert ride.run.due_at == START + 10 * DAY
    assert ride.state.watch.lapsed == (("start", 0, NOW, NOW + 24 * HOURS),)


def test_nothing_fires_early():
    ride = later(journey(await_(bought())).start(), DAY - MICRO)
    assert ride.take(WOKEN) == []
    waits(ride)


def test_forever_is_never_due():
    ride = journey(await_(bought(), timeout=None)).start()
    waits(ride, None)
    assert ride.entries[-1].data == {"labels": ["bought"]}
    later(ride, 999 * DAY)
    assert ride.take(WOKEN) == []
    ride.take(Observed(purchase()))
    passed(ride, "bought")


def test_no_time_at_all_looks_and_goes_on():
    passed(journey(await_(bought(), timeout=timedelta())).start(), "timeout")
    passed(journey(await_(bought(), vip(), timeout=timedelta()), facts=IN).start(), "vip")
    ride = journey(wait(), await_(bought(), timeout=timedelta(), look_back=LookBack.ENTRY)).start()
    ride.take(Observed(purchase()))
    passed(ride.wake(), "bought")


def test_a_delay_comes_before_the_wait():
    ride = journey(await_(bought(), look_back=LookBack.ARRIVAL, delay=HOUR)).start()
    assert ride.state.waiting is Waiting.DELAY
    ride.take(Observed(purchase()))
    assert ride.state.waiting is Waiting.DELAY
    waits(ride.wake(), 25 * HOURS)


# ------------------------------------------------------------------------------------------------------------
# Looking back


@pytest.mark.parametrize(
    ("look_back", "hours", "label"),
    [
        # Entered at 0, sent at 2, arrives at 4.
        (LookBack.LAST_SEND, 1, None),
        (LookBack.LAST_SEND, 2, "bought"),
        (LookBack.LAST_SEND, 3, "bought"),
        (LookBack.ENTRY, -1, None),
        (LookBack.ENTRY, 0, "bought"),
        (LookBack.ENTRY, 3, "bought"),
        (LookBack.ARRIVAL, 3, None),
    ],
)
@pytest.mark.parametrize("lag", [timedelta(), timedelta(minutes=30)])
def test_an_event_before_the_arrival_counts_from_where_the_wait_looks_back_to(look_back, hours, label, lag):
    ride = journey(wait(2 * HOUR), send(), wait(2 * HOUR), await_(bought(), look_back=look_back)).start()
    for hour in range(5):
        if hour == 2:
            later(ride, 2 * HOUR).take(WOKEN)
            ride.settle()
        if hour == max(hours, 0):
            later(ride, hour * HOUR + lag)
            ride.take(Observed(purchase(START + hours * HOUR)))
    later(ride, 4 * HOUR).take(WOKEN)
    if label is None:
        waits(ride, 28 * HOURS)
    else:
        passed(ride, label)
        decided = next(entry for entry in ride.entries if entry.kind is Kind.DECIDED)
        assert decided.data["occurred_at"] == (START + hours * HOUR).isoformat()


@pytest.mark.parametrize(("outcome", "counts"), [(Result.DONE, False), (Result.SKIPPED, True), (Result.FAILED, True)])
def test_a_message_that_was_not_sent_is_no_last_message(outcome, counts):
    ride = Ride(
        node("first", wait(HOUR), send(failure_path="start"), default="start"),
        node("start", await_(bought()), bought="bought"),
        node("bought", wait()),
    ).start()
    ride.take(Observed(purchase()))
    ride.wake().settle(Outcome(outcome))
    assert (ride.state.node == "bought") is counts


def test_each_message_begins_anew():
    ride = journey(send(), wait(HOUR), send(action_id="again"), await_(bought())).start().settle()
    ride.take(Observed(purchase()))
    assert len(ride.state.watch.seen) == 1
    ride.wake()
    ride.settle()
    waits(ride, 25 * HOURS)
    assert ride.state.watch.seen == ()
    assert ride.state.watch.since == NOW + HOURS


@pytest.mark.parametrize(
    ("outcome", "seen"),
    [
        (DONE, NOW + HOURS + 60_000_000),
        (Outcome(Result.SKIPPED), NOW),
    ],
)
def test_what_comes_in_while_a_run_is_due_is_weighed_when_it_is_known_what_went_out(outcome, seen):
    ride = journey(send(), wait(HOUR), send(action_id="again"), wait(HOUR, "more"), await_(bought())).start().settle()
    ride.take(Observed(purchase(START)))
    ride.wake()
    sent = ride.now
    for minutes in (2, -1, 1, 2):
        later(ride, 2 * HOUR).take(Observed(purchase(START + HOUR + timedelta(minutes=minutes))))
    assert len(ride.state.watch.seen) == 4
    ride.now = sent  # of the worker, which began before
    ride.settle(outcome)
    passed(ride.wake(), "bought")
    decided = next(entry for entry in ride.entries if entry.kind is Kind.DECIDED)
    assert decided.data["occurred_at"] == from_micros(seen).isoformat()


def test_a_message_went_out_when_it_was_attempted():
    ride = journey(wait(HOUR), send(), await_(bought())).start().wake()
    attempted = to_micros(ride.now)
    later(ride, 2 * HOUR).take(Observed(purchase(START + HOUR)))
    ride.take(Settled(ride.state.pending, DONE, attempted))
    passed(ride, "bought")
    assert ride.state.watch.sent == attempted


def test_of_what_comes_in_while_a_run_is_due_the_first_is_kept_and_the_newest():
    ride = journey(wait(HOUR), send(), await_(bought())).start().wake()
    later(ride, 2 * HOUR)
    for seconds in range(300):
        ride.take(Observed(purchase(START + HOUR + timedelta(seconds=seconds))))
    kept = [mark[3] - NOW - HOURS for mark in ride.state.watch.seen]
    assert kept == [seconds * 1_000_000 for seconds in (0, *range(300 - 64, 300))]


def test_what_is_no_message_does_not_begin_anew():
    ride = journey(tag("x"), wait(HOUR), tag("y", action_id="again"), await_(bought())).start().settle()
    ride.take(Observed(purchase()))
    ride.wake().settle()
    passed(ride, "bought")
    assert ride.state.watch.sent is None


def test_of_what_happened_before_that_which_happened_first_is_the_way_out():
    """Whatever came in first; of two at one instant the first branch in order."""
    two, three = START + 2 * HOUR, START + 3 * HOUR
    for first, second, label in ((two, three, "bought"), (three, two, "clicked"), (two, two, "clicked")):
        ride = journey(wait(4 * HOUR), await_(clicked(), bought())).start()
        later(ride, 3 * HOUR)
        ride.take(Observed(purchase(first)))
        ride.take(Observed(purchase(second, kind="email_click")))
        passed(ride.wake(), label)


def test_the_first_of_several_is_kept_in_mind_and_no_more():
    ride = journey(wait(4 * HOUR), await_(bought())).start()
    later(ride, 3 * HOUR)
    for hour in (3, 1, 2):
        ride.take(Observed(purchase(START + hour * HOUR)))
    assert ride.state.watch.seen == (("start", 1, 0, NOW + HOURS),)


def test_what_lies_ahead_counts_when_it_comes_in():
    ride = journey(await_(bought())).start()
    ride.take(Observed(purchase(START + 99 * DAY)))
    passed(ride, "bought")
    ride = journey(wait(HOUR), await_(bought())).start()
    ride.take(Observed(purchase(START + 99 * DAY)))
    passed(ride.wake(), "bought")


@pytest.mark.parametrize(
    ("ago", "label"),
    [(0, "bought"), (2 * HOURS - 1, "bought"), (2 * HOURS, None), (3 * HOURS, None)],
)
def test_a_span_looks_back_beyond_the_entry(ago, label):
    past = Facts(history={"purchase": [Occurrence(NOW - ago)]})
    ride = journey(await_(bought(), look_back=Duration(7_200)), facts=past).start()
    if label is None:
        waits(ride)
    else:
        passed(ride, label)


def test_what_is_asked_of_an_event_is_asked_of_past_ones():
    asked = Awaited(
        "bought", parse({"event_type": "purchase", "event_properties": {"shop.name": "web"}, "min_value": 5})
    )
    program = journey(await_(asked, look_back=Duration(7_200))).program
    need = HistoryNeed(window=2 * HOURS, value=True, properties=frozenset({"shop", "shop.name"}))
    assert program.needs == Needs(history={"purchase": need})
    assert program.personal
    for value, label in ((4, None), (5, "bought")):
        past = [Occurrence(NOW - 1, value=value, properties={"shop": {"name": "web"}}), Occurrence(NOW - 1, value=9)]
        ride = journey(await_(asked, look_back=Duration(7_200)), facts=Facts(history={"purchase": past})).start()
        assert ride.state.node == (label or "start")


def test_the_event_that_led_to_the_entry_is_no_purchase_to_wait_for():
    ride = journey(wait(HOUR), await_(bought(), look_back=Duration(7_200)))
    ride.run = ride.run._replace(origin=f'{{"type":"purchase","at":{NOW}}}')
    ride.facts = Facts(history={"purchase": [Occurrence(NOW)]})
    ride.start().wake()
    waits(ride, 25 * HOURS)
    ride = journey(wait(HOUR), await_(bought(), look_back=Duration(7_200)))
    ride.run = ride.run._replace(origin=f'{{"type":"purchase","at":{NOW}}}')
    ride.facts = Facts(history={"purchase": [Occurrence(NOW), Occurrence(NOW)]})
    passed(ride.start().wake(), "bought")


def test_what_names_the_message_of_another_run_is_not_for_this_one():
    ride = journey(await_(clicked())).start()
    ride.take(Observed(purchase(kind="email_click", properties={"send_key": "f" * 32 + ":n:1:a"})))
    waits(ride)
    ride.take(Observed(purchase(kind="email_click", properties={"send_key": f"{RUN_ID}:n:1:a"})))
    passed(ride, "clicked")


# ------------------------------------------------------------------------------------------------------------
# Conditions


def test_a_condition_that_holds_on_arrival_passes_at_once():
    ride = journey(await_(bought(), vip()), facts=IN).start()
    passed(ride, "vip")
    assert ride.entries[1] == Entry(
        Kind.DECIDED, "start", "await", {"label": "vip", "operands": {"segments.vip": True}}
    )
    assert Kind.WAITING not in [entry.kind for entry in ride.entries[:-1]]


def test_an_event_from_before_the_arrival_comes_before_a_condition_that_holds_then():
    for lag, label in ((HOUR, "bought"), (timedelta(), "vip")):
        ride = journey(wait(2 * HOUR), await_(vip(), bought()), facts=IN).start()
        later(ride, 2 * HOUR - lag)
        ride.take(Observed(purchase()))
        later(ride, 2 * HOUR).take(WOKEN)
        passed(ride, label)


@pytest.mark.parametrize("signal", [Looked(), Looked(purchase(kind="visit")), Observed(purchase(kind="visit"))])
def test_a_condition_is_looked_at_whenever_something_happens(signal):
    ride = journey(await_(vip())).start()
    waits(ride)
    assert ride.take(signal) == []
    waits(ride)
    ride.facts = IN
    ride.take(signal)
    passed(ride, "vip")


def test_an_event_that_is_not_for_the_run_meets_no_branch_and_may_change_a_condition():
    seen = Case("vip", parse({"performed": {"event": "purchase"}}))
    ride = journey(await_(bought(), seen)).start()
    ride.take(Looked(purchase()))
    passed(ride, "vip")
    ride = journey(await_(bought(), seen)).start()
    ride.take(Observed(purchase()))
    passed(ride, "bought")


def test_a_condition_that_holds_at_the_deadline_is_too_late():
    ride = journey(await_(vip())).start()
    ride.facts = IN
    later(ride, DAY).take(Looked())
    waits(ride)
    ride.take(WOKEN)
    passed(ride, "timeout")


def test_a_run_is_looked_at_when_a_condition_changes_by_itself():
    """A visit at 23:00 is two hours old at 1:00."""
    ride = journey(await_(Case("asleep", ASLEEP)), facts=Facts(history={"visit": [Occurrence(NOW - HOURS)]})).start()
    waits(ride, HOURS)
    assert ride.state.watch.until == NOW + 24 * HOURS
    passed(ride.wake(), "asleep")


def test_a_condition_that_would_change_after_the_deadline_is_not_waited_for():
    ride = journey(await_(Case("asleep", ASLEEP), timeout=HOUR), facts=Facts(history={"visit": [Occurrence(NOW)]}))
    waits(ride.start(), HOURS)
    passed(ride.wake(), "timeout")


def test_a_change_before_the_deadline_counts_however_late_somebody_looks():
    ride = journey(await_(Case("asleep", ASLEEP)), facts=Facts(history={"visit": [Occurrence(NOW)]})).start()
    waits(ride, 2 * HOURS)
    later(ride, 9 * DAY).take(WOKEN)
    passed(ride, "asleep")


def test_a_change_that_was_due_comes_before_the_event_at_hand():
    """The event at 5:00 would undo it, and the run ought to have gone on at 2:00."""
    ride = journey(
        await_(Case("asleep", ASLEEP), Awaited("bought", parse({"event_type": "visit"}))),
        facts=Facts(history={"visit": [Occurrence(NOW)]}),
    ).start()
    later(ride, 5 * HOUR)
    ride.take(Observed(purchase(kind="visit")))
    passed(ride, "asleep")
    ride = journey(
        await_(Case("asleep", ASLEEP), Awaited("bought", parse({"event_type": "visit"}))),
        facts=Facts(history={"visit": [Occurrence(NOW)]}),
    ).start()
    later(ride, 5 * HOUR)
    ride.take(Observed(purchase(START + HOUR, kind="visit")))
    passed(ride, "bought")


def test_what_happens_moves_the_next_look():
    ride = journey(await_(Case("asleep", ASLEEP)), facts=Facts(history={"visit": [Occurrence(NOW)]})).start()
    later(ride, HOUR)
    ride.take(Observed(purchase(kind="visit")))
    waits(ride, 3 * HOURS)
    ride.facts = Facts(history={"visit": [Occurrence(NOW), Occurrence(NOW + HOURS)]})
    passed(ride.wake(), "asleep")


def test_a_look_that_finds_nothing_looks_again():
    ride = journey(await_(Case("asleep", ASLEEP)), facts=Facts(history={"visit": [Occurrence(NOW)]})).start()
    ride.facts = Facts(history={"visit": [Occurrence(NOW), Occurrence(NOW + HOURS)]})
    ride.wake()
    waits(ride, 3 * HOURS)
    assert ride.state.watch == Watch(NOW, NOW + 24 * HOURS)


def test_a_condition_without_an_end_may_wait_for_ever():
    waits(journey(await_(vip(), timeout=None)).start(), None)


def test_the_journal_says_what_a_condition_read():
    asked = Case("vip", parse({"any": [{"subscriber_properties": {"age": {"$gte": 18}}}, {"segments": "vip"}]}))
    ride = journey(await_(asked), facts=Facts({"age": "old"}, segments=frozenset({"vip"}))).start()
    assert ride.entries[1].data == {
        "label": "vip",
        "operands": {"subscriber.age": "old", "segments.vip": True},
        "errors": {"subscriber.age": "wrong_kind"},
    }


def test_the_event_at_hand_is_seen_by_the_branch_after_the_wait():
    since = parse({"performed": {"event": "purchase", "since": "workflow_start"}})
    fork = Action("fork", Branch([Case("yes", since)], otherwise="no"))
    ride = Ride(node("start", await_(bought()), default="b"), node("b", fork, yes="c"), node("c", wait())).start()
    ride.take(Observed(purchase()))
    assert ride.state.node == "c"


# ------------------------------------------------------------------------------------------------------------
# Too late


def lapsed():
    return later(journey(await_(bought(), clicked())).start().wake(), 2 * DAY)


def test_what_occurred_in_time_and_comes_too_late_is_told_and_changes_nothing():
    ride = lapsed()
    before = ride.run
    occurred = START + 23 * HOUR
    assert ride.take(Observed(purchase(occurred, kind="email_click"))) == [
        Entry(
            Kind.LATE,
            "start",
            "await",
            {"label": "clicked", "type": "email_click", "occurred_at": occurred.isoformat()},
        )
    ]
    assert ride.run == before


@pytest.mark.parametrize("occurred", [START - MICRO, START + DAY, None])
def test_what_did_not_occur_in_time_is_nothing_to_tell(occurred):
    assert lapsed().take(Observed(purchase(occurred))) == []


def test_what_came_in_time_is_not_late():
    ride = journey(await_(bought(), clicked())).start()
    ride.take(Observed(purchase()))
    assert ride.state.watch.lapsed == ()
    assert ride.take(Observed(purchase())) == []


def test_what_the_wait_at_hand_takes_is_not_late_for_another():
    first = node("first", await_(bought(), timeout=HOUR), timeout="start")
    ride = journey(await_(bought(), look_back=LookBack.ENTRY), before=(first,))
    ride.start().wake()
    waits(ride, 25 * HOURS)
    entries = ride.take(Observed(purchase(START + timedelta(minutes=1))))
    passed(ride, "bought")
    assert Kind.LATE not in [entry.kind for entry in entries]


def test_an_ended_run_observes_nothing():
    ride = Ride(node("start", await_(bought()))).start().wake()
    assert ride.state == State(Status.COMPLETED)
    assert ride.take(Observed(purchase(START))) == []


# ------------------------------------------------------------------------------------------------------------
# What is asked for, and what is left


def begun(ride, facts):
    return decide(ride.program, State(), Started(), facts, NOW, Member(RUN_ID, None, NOW))


@pytest.mark.parametrize(
    ("branch", "look_back", "asks"),
    [
        (bought(), LookBack.LAST_SEND, False),
        (bought(), LookBack.ARRIVAL, False),
        (bought(), Duration(60), True),
        (vip(), LookBack.LAST_SEND, True),
        (Case("vip", parse({"custom": {"name": "x"}})), LookBack.LAST_SEND, True),
        (bought(event_properties={"due": {"$within": "+7d"}}), LookBack.LAST_SEND, True),
    ],
)
def test_facts_are_asked_for_where_they_are_read(branch, look_back, asks):
    ride = journey(await_(branch, look_back=look_back))
    found = begun(ride, None)
    assert isinstance(found, Asks) is asks
    assert asks or found.own


def test_a_program_says_what_its_runs_listen_to():
    program = journey(await_(bought(), clicked(), vip())).program
    assert program.listens == {"purchase", "email_click"}
    assert (program.counted, program.watches, program.notes_sends) == (frozenset(), True, True)
    quiet = journey(await_(bought(), look_back=LookBack.ARRIVAL)).program
    assert (quiet.watches, quiet.notes_sends) == (False, False)
    plain = compile_workflow(workflow(node("start", send(), wait())), 1)
    assert (plain.posts, plain.watches, plain.notes_sends) == ((), False, False)


def test_a_run_without_such_waits_keeps_nothing_in_mind():
    ride = Ride(node("start", send(), wait(HOUR))).start().settle()
    assert ride.state.watch is NO_WATCH


def test_awaited_events_are_not_counted():
    ride = journey(await_(bought(), look_back=LookBack.ARRIVAL), before=(node("first", wait(HOUR), default="start"),))
    ride.start()
    assert ride.take(Observed(purchase())) == []
    assert ride.state.counts == ()


def test_a_wait_may_be_come_to_again():
    ride = Ride(
        node("start", await_(bought(), timeout=HOUR), timeout="start", bought="rest", max_visits=3, exhausted="rest"),
        node("rest", wait()),
    ).start()
    ride.wake().wake()
    assert ride.state.watch.lapsed == (("start", 0, NOW, NOW + 2 * HOURS),)
    assert (ride.state.watch.since, ride.state.watch.until) == (NOW, NOW + 3 * HOURS)
    assert ride.wake().state.node == "rest"


def test_what_was_late_for_a_wait_is_so_when_the_run_comes_to_it_again():
    ride = Ride(
        node("start", await_(bought(), timeout=DAY), timeout="pause", bought="rest"),
        node("pause", wait(DAY), default="start"),
        node("rest", wait()),
    ).start()
    ride.wake()
    assert [entry.kind for entry in ride.take(Observed(purchase(START + HOUR)))] == [Kind.LATE]
    waits(ride.wake(), 72 * HOURS)

"""The whole condition language, on whatever data: one meaning, said in several ways, and checked by brute force."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    Contains,
    Custom,
    Differs,
    Equals,
    Fails,
    HasAny,
    HasNone,
    Lacks,
    Moment,
    NoneOf,
    Not,
    OneOf,
    RunHas,
    SubscriberHas,
    dump,
    evaluate,
    event_types,
    needs,
    parse,
    predicate,
)
from flowkit.conditions.walk import leaves
from flowkit.events import Facts, Occurrence, from_micros, to_micros
from flowkit.triggers.model import Trigger
from flowkit.workflows.codec import dumps, load
from flowkit.workflows.model import Node, Workflow
from tests.support.condition_strategies import (
    MICROS,
    NOW,
    PREDICATES,
    clock_facts,
    clocked,
    conditions,
    events,
    facts,
    listed,
    matchers,
    plain,
    sequences,
    starts,
    values,
)

HOUR = 3_600_000_000
REACH = 24 * 25  # hours: beyond the sums of the spans that are drawn most
VARIABLES = {"a": 2, "b": {"c": "2026-03-08"}, "a.b": ["x", "y"]}
GRID = [MICROS + number * HOUR + more for number in range(REACH) for more in (0, 1)]


def verdict_of(condition, known, event, now=NOW, start=None):
    return evaluate(condition, known, event, now, started_at=start, predicates=PREDICATES, variables=VARIABLES)


def moment_of(now, start=None):
    began = None if start is None else to_micros(start)
    return Moment(now, started_at=began, predicates=PREDICATES, variables=VARIABLES)


# ------------------------------------------------------------------------------------------------------------
# Documents


@settings(deadline=None)
@given(conditions)
def test_parse_and_dump_are_inverse(condition):
    document = json.loads(json.dumps(dump(condition)))
    assert repr(parse(document)) == repr(condition)
    assert dump(parse(document)) == document


@settings(deadline=None)
@given(conditions)
def test_a_stored_workflow_keeps_its_condition_whatever_order_the_keys_take(condition):
    before = ALWAYS if any(isinstance(leaf, RunHas) for leaf in leaves(condition)) else condition
    node = Node("start", "n", condition=condition)
    workflow = Workflow("w", "n", trigger=Trigger("t", condition=before), nodes={"start": node})
    assert load(dumps(workflow)) == workflow


# ------------------------------------------------------------------------------------------------------------
# One meaning


@settings(max_examples=300, deadline=None)
@given(conditions, facts, st.none() | events, starts)
def test_nothing_raises_and_both_ways_of_asking_agree(condition, known, event, start):
    verdict = verdict_of(condition, known, event, start=start)
    assert predicate(condition)(event, known, moment_of(MICROS, start)) is verdict.holds
    assert all(isinstance(operand.error, str) for operand in verdict.operands)
    assert verdict.timed or verdict.flips_at is None


@settings(deadline=None)
@given(conditions, facts, st.none() | events)
def test_not_is_the_exact_complement(condition, known, event):
    verdict = verdict_of(condition, known, event)
    denied = verdict_of(Not(condition), known, event)
    assert denied.holds is not verdict.holds
    assert (denied.flips_at, denied.timed) == (verdict.flips_at, verdict.timed)


COMPLEMENTS = [
    (plain, Equals, Differs),
    (listed, OneOf, NoneOf),
    (plain, Contains, Lacks),
    (listed, HasAny, HasNone),
    (matchers, lambda one: one, Fails),
]


@pytest.mark.parametrize(("operands", "positive", "negative"), COMPLEMENTS)
@settings(deadline=None)
@given(st.data(), values)
def test_negative_operators_are_exact_complements(operands, positive, negative, data, value):
    operand = data.draw(operands)
    known = Facts({"x": value})
    held = verdict_of(SubscriberHas({"x": positive(operand)}), known, None)
    assert verdict_of(SubscriberHas({"x": negative(operand)}), known, None).holds is not held.holds


@settings(deadline=None)
@given(conditions, facts, events)
def test_no_event_of_another_type_holds(condition, known, event):
    named = event_types(condition)
    if named is not None and event.type not in named:
        assert not verdict_of(condition, known, event).holds


# ------------------------------------------------------------------------------------------------------------
# Time


@settings(max_examples=250, deadline=None)
@given(clocked, clock_facts, st.none() | events, starts)
def test_a_verdict_flips_when_brute_force_says_so(condition, known, event, start):
    verdict = verdict_of(condition, known, event, start=start)
    ask = predicate(condition)

    def holds(micros):
        return ask(event, known, moment_of(micros, start))

    flips = None if verdict.flips_at is None else to_micros(verdict.flips_at)
    if flips is not None:
        assert flips > MICROS
        assert holds(flips) is not verdict.holds
        assert holds(flips - 1) is verdict.holds
    for instant in GRID:
        if flips is not None and instant >= flips:
            break
        assert holds(instant) is verdict.holds
    if not verdict.timed:
        assert {holds(instant - REACH * HOUR) for instant in GRID[::7]} == {verdict.holds}


@settings(max_examples=100, deadline=None)
@given(clocked, clock_facts, st.none() | events, starts)
def test_following_the_flips_passes_every_change(condition, known, event, start):
    """From flip to flip, as an engine parks its timers, the verdict is known at every instant in between."""
    ask = predicate(condition)
    now, flips = MICROS, 0
    end = GRID[-1]
    while now < end and flips < 12:
        verdict = verdict_of(condition, known, event, now=from_micros(now), start=start)
        assert ask(event, known, moment_of(now, start)) is verdict.holds
        following = end if verdict.flips_at is None else min(end, to_micros(verdict.flips_at))
        assert following > now
        for instant in GRID[:: 1 + flips]:
            if now <= instant < following:
                assert ask(event, known, moment_of(instant, start)) is verdict.holds
        now = following
        flips += 1


# ------------------------------------------------------------------------------------------------------------
# What is read


class Guarded(dict):
    """What may only be asked for what was announced."""

    def __init__(self, held, allowed):
        super().__init__(held)
        self._allowed = allowed

    def _reading(self, name):
        assert name in self._allowed, f"{name!r} is read and was not announced"

    def __getitem__(self, name):
        self._reading(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self._reading(name)
        return super().__contains__(name)

    def get(self, name, default=None):
        self._reading(name)
        return super().get(name, default)

    def __iter__(self):
        raise AssertionError("everything is read")

    __len__ = items = keys = values = __iter__


class GuardedSet(frozenset):
    """Segments of which only those may be asked for that were announced."""

    allowed: frozenset = frozenset()

    def __contains__(self, name):
        assert name in self.allowed
        return super().__contains__(name)


class Forbidden:
    """A zone, or a value, that must not be looked at."""

    def __getattribute__(self, name):
        raise AssertionError("is read and was not announced")


def kept(need, occurrences):
    """What a store keeps for a need: of the latest events, within the window, the named properties."""
    latest = sorted(occurrences, key=lambda one: one.occurred_at)
    if need.latest is not None:
        latest = latest[-need.latest :]
    return [
        Occurrence(
            one.occurred_at,
            value=one.value if need.value else Forbidden(),
            properties=Guarded(
                {name: one.properties[name] for name in need.properties & set(one.properties)}, need.properties
            ),
        )
        for one in latest
        if need.window is None or one.occurred_at > MICROS - need.window
    ]


def announced(asked, known):
    """Facts that hold what was announced, and raise on everything else."""
    members = GuardedSet(known.segments & asked.segments)
    members.allowed = asked.segments
    return Facts(
        Guarded(known.attributes, asked.attributes),
        Guarded(known.engagement, asked.engagement),
        segments=members,
        history=Guarded(
            {kind: kept(need, known.history.get(kind, ())) for kind, need in asked.history.items()}, asked.history
        ),
        zone=known.zone if asked.zone else Forbidden(),
        subscriber_id=known.subscriber_id,
    )


def _has_custom(condition):
    match condition:
        case AllOf(inner) | AnyOf(inner):
            return any(map(_has_custom, inner))
        case Not(inner):
            return _has_custom(inner)
        case _:
            return isinstance(condition, Custom)


@settings(max_examples=300, deadline=None)
@given(conditions.filter(lambda one: not _has_custom(one)), facts, st.none() | events, starts)
def test_with_what_was_announced_and_nothing_else_the_verdict_is_the_same(condition, known, event, start):
    verdict = verdict_of(condition, known, event, start=start)
    watched = announced(needs(condition), known)
    again = verdict_of(condition, watched, event, start=start)
    assert (again.holds, again.flips_at) == (verdict.holds, verdict.flips_at)
    assert predicate(condition)(event, watched, moment_of(MICROS, start)) is verdict.holds


# ------------------------------------------------------------------------------------------------------------
# Two oracles: sequences by trying everything, the days of a year by walking them


def ways(line, wanted, chosen=()):
    """All choices of one place for each step, in the order of time."""
    if len(chosen) == len(wanted):
        yield chosen
        return
    for place in range(chosen[-1] + 1 if chosen else 0, len(line)):
        if line[place][2] == wanted[len(chosen)]:
            yield from ways(line, wanted, (*chosen, place))


def counts(way, line, gaps, span):
    """Whether what must be absent is, around and between the places that were chosen."""
    first, last = line[way[0]][0], line[way[-1]][0]
    if span is not None and last - first >= span:
        return False
    for one, other, names in zip(way, way[1:], gaps[1:-1], strict=False):
        if any(line[place][2] in names for place in range(one + 1, other)):
            return False
    front = [at for at, _, kind in line[: way[0]] if kind in gaps[0]]
    behind = [at for at, _, kind in line[way[-1] + 1 :] if kind in gaps[-1]]
    return not any(span is None or at > last - span for at in front) and not any(
        span is None or at < first + span for at in behind
    )


def tried(condition, history, now):
    """The meaning of a sequence, by trying all ways in which events can be its steps."""
    order = {step.event: rank for rank, step in reversed(list(enumerate(condition.steps)))}
    line = sorted((at, order[kind], kind) for kind, times in history.items() if kind in order for at in times)
    gaps = [set()]
    for step in condition.steps:
        if step.absent:
            gaps[-1].add(step.event)
        else:
            gaps.append(set())
    span = None if condition.within is None else condition.within.micros
    waits = span is not None and condition.steps[-1].absent
    return any(
        counts(way, line, gaps, span) and (not waits or now >= line[way[0]][0] + span)
        for way in ways(line, [step.event for step in condition.steps if not step.absent])
    )


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_sequence_is_found_where_trying_everything_finds_it(data):
    condition = data.draw(sequences.filter(lambda one: not any(step.where for step in one.steps)))
    times = st.lists(st.integers(-30, 0).map(lambda number: MICROS + number * HOUR), max_size=5)
    history = data.draw(st.dictionaries(st.sampled_from(["open", "order", "visit"]), times, max_size=3))
    known = Facts(history={kind: [Occurrence(at) for at in some] for kind, some in history.items()})
    for now in (MICROS, MICROS + 20 * HOUR, MICROS + 60 * 24 * HOUR):
        assert verdict_of(condition, known, None, now=from_micros(now)).holds is tried(condition, history, now)


def comes_round(born, today):
    if (born.month, born.day) == (2, 29) and not (today.year % 4 == 0 and (today.year % 100 or today.year % 400 == 0)):
        return (today.month, today.day) == (2, 28)
    return (born.month, born.day) == (today.month, today.day)


@given(
    st.dates(date(1950, 1, 1), date(2010, 1, 1)) | st.just(date(1992, 2, 29)),
    st.integers(-30, 30),
    st.integers(0, 60),
    st.integers(0, 1500),
)
def test_an_anniversary_is_found_by_walking_the_days(born, low, length, ahead):
    high = low + length
    today = NOW.date() + timedelta(days=ahead)
    expected = any(comes_round(born, today + timedelta(days=number)) for number in range(low, high + 1))
    document = {"subscriber_properties": {"born": {"$anniversary": [f"{low:+d}d", f"{high:+d}d"]}}}
    known = Facts({"born": born.isoformat()})
    assert evaluate(parse(document), known, None, NOW + timedelta(days=ahead)).holds is expected


@given(st.integers(1, 3), st.lists(st.integers(0, 5), max_size=6), st.integers(1, 4))
def test_keeping_the_latest_events_is_enough_to_count(least, ages, days):
    within = {} if days == 4 else {"within": f"{days}d"}
    condition = parse({"performed": {"event": "e", "count": {"$gte": least}, **within}})
    assert needs(condition).history["e"].latest == least + 1
    known = Facts(history={"e": [Occurrence(MICROS - age * 24 * HOUR) for age in ages]})
    counted = sum(1 for age in ages if days == 4 or age < days)
    assert evaluate(condition, known, None, NOW).holds is (counted >= least)

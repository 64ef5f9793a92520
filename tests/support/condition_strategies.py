"""What Hypothesis draws of the whole condition language: over few names and few instants, so that they meet.

The larger strategies are wrapped, so that Hypothesis does not write them out in full.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from flowkit.conditions import (
    After,
    AllOf,
    Anniversary,
    AnyOf,
    Before,
    Between,
    Compares,
    Condition,
    Contains,
    Custom,
    Differs,
    Duration,
    Empty,
    Ends,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Exists,
    Fails,
    HasAll,
    HasAny,
    HasNone,
    Lacks,
    Matcher,
    Matches,
    Measure,
    NoneOf,
    Not,
    Offset,
    OneOf,
    Ops,
    Order,
    Performed,
    RunHas,
    Sample,
    Segments,
    Sequence,
    SequenceStep,
    Since,
    Size,
    Starts,
    SubscriberHas,
    Unit,
    ValueAtLeast,
    Within,
)
from flowkit.conditions.matchers import operator
from flowkit.events import Event, Facts, Occurrence, to_micros
from tests.support.strategies import EDGES, ODD, json_values

NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROS = to_micros(NOW)
PREDICATES = {
    "yes": lambda asked: asked is not None,
    "no": lambda asked: asked is None,
    "raises": lambda asked: asked.no_such_thing,
    "pro": lambda asked: asked.facts.attributes.get("a") == "pro",
}


def brief(strategy: st.SearchStrategy) -> st.SearchStrategy:
    """The same strategy, by a short name."""

    @st.composite
    def drawn(draw: st.DrawFn) -> object:
        return draw(strategy)

    return drawn()


class Hostile:
    """A host's object that cannot be compared."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


class HostileNumber(int):
    """A host's number that cannot be compared."""

    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __lt__ = __le__ = __gt__ = __ge__ = __eq__


class HostileList(list):
    """A host's list that cannot be read."""

    def __iter__(self):
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


names = st.sampled_from(["a", "b", "a.b", "b.c"])
types = st.sampled_from(["open", "order", "visit"])
words = st.sampled_from(["a", "A", "ab", "b", "", "ß", "SS", "É"])
hours = st.integers(-24 * 12, 24 * 12)
instants = hours.map(lambda number: NOW + number * HOUR)
dates = st.one_of(
    instants,
    instants.map(lambda one: one.isoformat()),
    instants.map(lambda one: one.replace(tzinfo=None).isoformat()),
    instants.map(lambda one: one.date()),
    instants.map(lambda one: one.date().isoformat()),
    instants.map(lambda one: one.replace(tzinfo=None)),
    instants.map(lambda one: int(one.timestamp())),
    instants.map(lambda one: one.replace(year=1990).date().isoformat()),
    st.just("1992-02-29"),
)
hostile = st.sampled_from([Hostile(), HostileNumber(1), HostileList([1]), datetime.max, datetime.min])  # noqa: DTZ901
plain = st.sampled_from(EDGES) | words | st.lists(words, max_size=3) | st.integers(-2, 4)
_values = st.one_of(plain, dates, st.sampled_from(ODD), json_values, hostile)
values: st.SearchStrategy = brief(_values)
# ------------------------------------------------------------------------------------------------------------
# Matchers

numbers = st.integers(-3, 30) | st.sampled_from([0.5, 2**53 + 1, -(2**63)])
bounds = numbers | words
durations = st.sampled_from(["s", "m", "h", "d", "w"]).flatmap(
    lambda unit: st.integers(1, 40).map(
        lambda count: Duration(count * {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}[unit])
    )
)
spans = st.one_of(
    st.integers(-24 * 10, 24 * 10).map(lambda count: Duration(count * 3_600)),
    st.builds(Offset, st.integers(-3, 3), st.sampled_from([Unit.MONTH, Unit.YEAR])),
)
whens = st.one_of(
    spans,
    instants,
    instants.map(lambda one: one.replace(tzinfo=None)),
    instants.map(lambda one: one.date()),
    instants.map(lambda one: int(one.timestamp())),
)
listed = st.lists(plain.filter(lambda one: one is not None), min_size=1, max_size=3).map(tuple)
present = plain.filter(lambda one: one is not None)


def _roughly(span):
    return span.seconds if isinstance(span, Duration) else span.count * {"mo": 2_629_746, "y": 31_556_952}[span.unit]


windows = (
    st.tuples(spans, spans).map(lambda both: sorted(both, key=_roughly)).map(lambda both: Within(both[0], both[1]))
)
days = st.integers(-20, 20)
anniversaries = st.tuples(days, days).map(lambda both: Anniversary(min(both), max(both)))
patterns = st.sampled_from(["a", "^a", "A+$", "[ab]{1,3}", "(?:a|b)", "a.*b", r"\d+"])
_timeless = st.one_of(
    plain.map(Equals),
    json_values.map(Equals),
    plain.map(Differs),
    st.builds(Compares, st.sampled_from(Order), bounds),
    st.tuples(numbers, numbers).map(lambda both: Between(min(both), max(both))),
    st.tuples(words, words).map(lambda both: Between(min(both), max(both))),
    listed.map(OneOf),
    listed.map(NoneOf),
    present.map(Contains),
    present.map(Lacks),
    words.map(Starts),
    words.map(Ends),
    patterns.map(Matches),
    st.booleans().map(Exists),
    st.booleans().map(Empty),
    listed.map(HasAny),
    listed.map(HasAll),
    listed.map(HasNone),
)
timeless: st.SearchStrategy = brief(_timeless)
_timed = st.one_of(whens.map(Before), whens.map(After), windows, anniversaries)
timed: st.SearchStrategy = brief(_timed)


def _several(inner: st.SearchStrategy[Matcher]) -> st.SearchStrategy[Matcher]:
    single = inner.filter(lambda one: not isinstance(one, Ops))
    several = st.lists(single, min_size=2, max_size=3, unique_by=operator)
    return st.one_of(
        st.builds(Ops, several, ci=st.booleans()),
        st.builds(Ops, st.lists(single, min_size=1, max_size=1), ci=st.just(True)),
        inner.map(Fails),
        inner.map(Size),
    )


_matchers: st.SearchStrategy[Matcher] = st.recursive(timeless | timed, _several, max_leaves=4)
matchers: st.SearchStrategy = brief(_matchers)
_numeric = st.one_of(
    st.integers(0, 3).map(Equals), st.builds(Compares, st.sampled_from(Order), st.integers(0, 40)), timed, matchers
).filter(lambda one: not isinstance(one, Equals) or type(one.value) in {int, float})
numeric: st.SearchStrategy = brief(_numeric)
_ops = matchers | st.builds(Compares, st.sampled_from(Order), st.integers(0, 40))
ops: st.SearchStrategy = brief(_ops)
# ------------------------------------------------------------------------------------------------------------
# Conditions

paths = names | st.just("value")
where = st.dictionaries(paths, matchers, max_size=1)
segment_names = st.lists(st.sampled_from(["vip", "new"]), max_size=2).map(tuple)


@st.composite
def performed(draw: st.DrawFn) -> Performed:
    measure = draw(st.sampled_from(Measure) | st.just(Measure.COUNT))
    counts = measure is Measure.COUNT
    return Performed(
        draw(types),
        where=draw(where),
        within=draw(st.none() | durations),
        since=draw(st.sampled_from(Since)),
        measure=measure,
        of=None if counts else draw(paths),
        passes=draw(numeric if counts else ops),
    )


steps = st.builds(SequenceStep, types, where=st.just({}) | where, absent=st.booleans())
_sequences = st.builds(
    Sequence,
    st.lists(steps, min_size=1, max_size=4).filter(lambda some: not all(one.absent for one in some)).map(tuple),
    st.none() | durations,
)
sequences: st.SearchStrategy = brief(_sequences)
_segments = st.builds(Segments, any=segment_names, all=segment_names, none=segment_names).filter(
    lambda one: one.any or one.all or one.none
)
segments: st.SearchStrategy = brief(_segments)
_leaves: st.SearchStrategy[Condition] = st.one_of(
    st.lists(types, min_size=1, max_size=2).map(lambda some: EventIs(tuple(some))),
    st.dictionaries(names, matchers, max_size=2).map(EventHas),
    st.dictionaries(names, matchers, max_size=2).map(SubscriberHas),
    st.dictionaries(names, matchers, max_size=2).map(RunHas),
    numbers.map(ValueAtLeast),
    st.dictionaries(names, numbers | ops, max_size=2).map(EngagementAtLeast),
    segments,
    performed(),
    sequences,
    st.builds(Sample, st.sampled_from([0, 0.5, 50, 100]), st.sampled_from(["x", "y"])),
    st.builds(Custom, st.sampled_from([*PREDICATES, "unknown"]), st.dictionaries(words, plain, max_size=1)),
)
leaves: st.SearchStrategy = brief(_leaves)
_conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda some: AllOf(tuple(some))),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: AnyOf(tuple(some))),
        inner.map(Not),
    ),
    max_leaves=6,
)
conditions: st.SearchStrategy = brief(_conditions)
clock_matchers = timed | timed.map(Fails) | st.lists(timed, min_size=2, max_size=2, unique_by=operator).map(Ops)
clock_steps = st.builds(SequenceStep, types, absent=st.booleans())
clock_leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(lambda name, matcher: SubscriberHas({name: matcher}), st.sampled_from(["a", "b"]), clock_matchers),
    st.builds(
        Performed,
        types,
        within=st.integers(1, 24 * 14).map(lambda count: Duration(count * 3_600)),
        where=st.just({}) | st.builds(lambda matcher: {"a": matcher}, clock_matchers),
        passes=st.integers(0, 3).map(Equals) | st.builds(Compares, st.sampled_from(Order), st.integers(0, 3)),
    ),
    st.builds(
        Performed,
        types,
        within=st.none() | st.integers(1, 24 * 14).map(lambda count: Duration(count * 3_600)),
        measure=st.sampled_from([Measure.SUM, Measure.MAX, Measure.DISTINCT]),
        of=st.sampled_from(["a", "value"]),
        passes=clock_matchers | st.builds(Compares, st.sampled_from(Order), st.integers(0, 3)),
    ),
    st.builds(
        lambda some, within: Sequence((*some, SequenceStep("visit", absent=True)), within),
        st.lists(clock_steps, min_size=1, max_size=3).filter(lambda some: not all(one.absent for one in some)),
        st.integers(1, 24 * 14).map(lambda count: Duration(count * 3_600)),
    ),
)


@st.composite
def _trees(draw: st.DrawFn) -> Condition:
    some = [draw(clock_leaves) for _ in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        some.append(draw(leaves))
    some = [Not(one) if draw(st.booleans()) else one for one in some]
    tree = AllOf(tuple(some)) if draw(st.booleans()) else AnyOf(tuple(some))
    if draw(st.booleans()):
        other = draw(clock_leaves)
        tree = AllOf((other, tree)) if draw(st.booleans()) else AnyOf((tree, other))
    return Not(tree) if draw(st.booleans()) else tree


clocked = _trees()
"""Conditions that depend on the clock."""


# ------------------------------------------------------------------------------------------------------------
# What they are asked about

bags = st.dictionaries(st.sampled_from(["a", "b", "a.b", "b.c"]), values | dates, max_size=3)
occurrences = st.builds(
    lambda at, value, properties: Occurrence(to_micros(at), value=value, properties=properties), instants, values, bags
)
_histories = st.dictionaries(types, st.lists(occurrences, max_size=4), max_size=3)
histories: st.SearchStrategy = brief(_histories)
_facts = st.builds(
    Facts,
    bags,
    bags,
    segments=st.frozensets(st.sampled_from(["vip", "new"])),
    history=histories,
    zone=st.sampled_from([None, "UTC", "America/New_York", "Asia/Tokyo", "No/Where"]),
    subscriber_id=st.none() | st.sampled_from(["s", "t"]),
)
facts: st.SearchStrategy = brief(_facts)
_events = st.builds(Event, types, st.sampled_from(["s", "t"]), occurred_at=instants, value=values, properties=bags)
events: st.SearchStrategy = brief(_events)
starts = st.none() | instants

near = st.integers(-24 * 12, 24 * 3).map(lambda number: NOW + number * HOUR)
_clock_facts = st.builds(
    Facts,
    st.fixed_dictionaries({"a": dates, "b": dates}),
    bags,
    history=st.fixed_dictionaries(
        {
            kind: st.lists(
                st.builds(
                    lambda at, value, a: Occurrence(to_micros(at), value=value, properties={"a": a}),
                    near,
                    st.integers(0, 2) | dates,
                    dates,
                ),
                max_size=3,
            )
            for kind in ("open", "order", "visit")
        }
    ),
    zone=st.sampled_from([None, "UTC", "America/New_York", "Asia/Tokyo", "No/Where"]),
)
clock_facts: st.SearchStrategy = brief(_clock_facts)

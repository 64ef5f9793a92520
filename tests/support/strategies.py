"""What Hypothesis draws: values at the edges, conditions over few names so that they meet, valid workflows."""

import math
from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import strategies as st

from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    Condition,
    Duration,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Not,
    RunHas,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.events import Event, Facts
from flowkit.triggers.calendar import MonthDay, Offset, Unit, Weekday
from flowkit.triggers.model import Backfill, EntryPolicy, On, Reentry, Schedule, Trigger, TriggerType
from flowkit.triggers.rules import At, Cron, DateProperty, Every, LeapDay, Repeat, Rule
from flowkit.triggers.windows import Window
from flowkit.workflows.control import (
    EXHAUSTED,
    TIMEOUT,
    Awaited,
    Branch,
    Case,
    Exit,
    LookBack,
    Split,
    WaitForEvent,
    Way,
)
from flowkit.workflows.documents.waits import WAIT_KEYS
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    Action,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    Delivery,
    DurationUnit,
    MessageClass,
    Node,
    OnSkip,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
    Workflow,
    is_carried_out,
)
from flowkit.workflows.waits import (
    CalendarDays,
    Instead,
    InsteadOfWaiting,
    LocalTime,
    PreferredTime,
    ProfileDate,
    WaitRule,
)

EDGES = [None, "", "a", "1", 0, 1, -1, 0.0, 1.0, 0.5, True, False, 2**53 + 1, 2**63 - 1, -(2**63), [], [1], {}]
ODD = [math.nan, math.inf, -math.inf, 10**400, {"b": None}, {"b": {"c": 1}}, {"b.c": 1, "b": 2}]
NAMES = ["a", "b", "a.b", "a.b.c", "b.c"]

fillers = "\u3164\u115f\u1160\uffa0"
visible = st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters=fillers)
ids = st.text(visible, min_size=1, max_size=12) | st.sampled_from(NAMES)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.sampled_from(EDGES) | texts | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


# ------------------------------------------------------------------------------------------------------------
# Conditions and what they are asked about


def _without_operators(value: object) -> bool:
    return not (isinstance(value, dict) and any(name.startswith("$") for name in value))


matchers = (st.sampled_from(EDGES) | json_values).filter(_without_operators).map(Equals)
paths = st.sampled_from(NAMES) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
about_subscribers: st.SearchStrategy[Condition] = st.one_of(
    st.dictionaries(paths, matchers, max_size=3).map(SubscriberHas),
    st.dictionaries(paths, st.sampled_from([0, 1, -1, 0.5]) | numbers, max_size=3).map(EngagementAtLeast),
)
leaves: st.SearchStrategy[Condition] = st.one_of(
    st.lists(ids, min_size=1, max_size=3).map(lambda types: EventIs(tuple(types))),
    st.dictionaries(paths, matchers, max_size=3).map(EventHas),
    (st.sampled_from([0, 1, -1, 0.5]) | numbers).map(ValueAtLeast),
    about_subscribers,
)


def trees(of: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """Trees of conditions."""
    return st.recursive(
        of,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda each: AllOf(tuple(each))),
            st.lists(inner, min_size=1, max_size=3).map(lambda each: AnyOf(tuple(each))),
            inner.map(Not),
        ),
        max_leaves=8,
    )


conditions = trees(leaves)
conditions_in_runs = trees(leaves | st.dictionaries(paths, matchers, max_size=3).map(RunHas))
conditions_without_events = trees(about_subscribers)

odd_values = st.sampled_from(EDGES + ODD)
bags = st.dictionaries(st.sampled_from(NAMES), odd_values, max_size=4)
facts = st.builds(Facts, bags, bags)
events = st.builds(Event, ids, st.just("s"), properties=bags, value=odd_values)


# ------------------------------------------------------------------------------------------------------------
# Workflows that are right

_CENTURY = timedelta(days=36_525)
_longest_minutes = _CENTURY // timedelta(minutes=1)


def bags_without(*known: str) -> st.SearchStrategy[dict[str, object]]:
    """Open bags that hold no name of a known parameter."""
    return st.dictionaries(texts.filter(lambda name: name not in known), json_values, max_size=2)


durations = st.timedeltas(timedelta(), _CENTURY) | st.integers(0, 1000).map(lambda hours: timedelta(hours=hours))
subjects = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=12)
headers = st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True), subjects, max_size=2)
id_tuples = st.lists(ids, max_size=3).map(tuple)

sends = st.builds(
    SendEmail,
    ids,
    channel=st.sampled_from(["email", "email", "sms"]) | ids,
    subject=st.none() | subjects,
    personalization=st.booleans(),
    delivery=st.sampled_from(Delivery),
    topic=st.none() | ids,
    message_class=st.sampled_from(MessageClass),
    on_skip=st.sampled_from(OnSkip),
    expires_after=st.none() | durations.filter(bool),
    parameters=bags_without(
        "channel",
        "template_id",
        "subject",
        "personalization",
        "delivery",
        "topic",
        "message_class",
        "on_skip",
        "expires_after",
    ),
)
clock_times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
_weekdays = st.lists(st.sampled_from(Weekday), max_size=3).map(tuple)
_wait_bags = bags_without(*(f"duration_{unit}" for unit in DurationUnit), *WAIT_KEYS, "at")
waits = st.builds(Wait, durations, unit=st.sampled_from(DurationUnit), parameters=_wait_bags)


def waits_by_the_clock(*instead: InsteadOfWaiting) -> st.SearchStrategy[WaitUntil]:
    """Waits of every kind; what they do instead of waiting is one of these."""
    rules: st.SearchStrategy[WaitRule] = st.one_of(
        st.builds(CalendarDays, st.integers(0, 36_525), at=st.none() | clock_times),
        st.builds(LocalTime, clock_times, on=_weekdays),
        st.lists(clock_times, min_size=2, max_size=2, unique=True).flatmap(
            lambda two: _weekdays.map(lambda on: Window(opens_at=two[0], closes_at=two[1], on=on))
        ),
        st.builds(
            ProfileDate,
            ids,
            offset=st.builds(Offset, st.integers(-100, 100), st.sampled_from(Unit)),
            at=st.none() | clock_times,
            on_missing=st.sampled_from(instead),
            on_past=st.sampled_from(instead),
        ),
        st.builds(PreferredTime, ids, fallback=clock_times),
    )
    return st.builds(WaitUntil, rules, parameters=_wait_bags)


operations = st.one_of(
    sends,
    waits,
    waits_by_the_clock(*Instead),
    st.builds(CheckEngagement, id_tuples, parameters=bags_without("condition_type", "metrics")),
    st.builds(UpdateSegments, add=id_tuples, remove=id_tuples, parameters=bags_without("add", "remove")),
    st.builds(
        UpdateProfile,
        set=st.dictionaries(ids, json_values, max_size=2),
        unset=id_tuples,
        increment=st.dictionaries(ids, numbers, max_size=2),
        parameters=bags_without("set", "unset", "increment"),
    ),
    st.builds(
        CallWebhook,
        st.sampled_from(["https://example.com/hook", "http://example.com:8080/{{ id }}?q={{ a | b }}"]),
        method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
        headers=headers,
        body=st.dictionaries(texts, json_values, max_size=2),
        response=st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True), ids, max_size=2),
        delivery=st.sampled_from(Delivery),
        parameters=bags_without("url", "method", "headers", "body", "response", "delivery"),
    ),
    st.builds(CallHandler, ids, delivery=st.sampled_from(Delivery), parameters=bags_without("name", "delivery")),
    st.builds(
        EmitEvent,
        ids,
        value=json_values,
        properties=bags_without("type", "value", "timestamp", "id"),
        parameters=bags_without("event"),
    ),
    st.builds(
        StartWorkflow,
        ids,
        properties=st.dictionaries(texts, json_values, max_size=2),
        parameters=bags_without("workflow_id", "properties"),
    ),
)


@st.composite
def branches(draw: st.DrawFn) -> Branch:
    """Branches whose labels are unique."""
    labels = draw(st.lists(ids.filter(lambda label: label != EXHAUSTED), min_size=2, max_size=4, unique=True))
    *named, otherwise = labels
    return Branch(
        [Case(label, draw(conditions_in_runs)) for label in named],
        otherwise=otherwise,
        parameters=draw(bags_without("cases", "otherwise")),
    )


@st.composite
def splits(draw: st.DrawFn) -> Split:
    """Splits whose labels are unique, and of which at least one has a weight."""
    labels = draw(st.lists(ids.filter(lambda label: label != EXHAUSTED), min_size=1, max_size=4, unique=True))
    weighty, weights = st.integers(1, 100) | st.floats(1e-12, 1e12), st.sampled_from([0, 0.0, 50, 1e-6])
    return Split(
        [Way(label, draw(weights if index else weighty)) for index, label in enumerate(labels)],
        split_id=draw(st.none() | ids),
        parameters=draw(bags_without("ways", "split_id")),
    )


awaited: st.SearchStrategy[Condition] = st.builds(
    lambda types, more: AllOf((EventIs(types), *more)),
    st.lists(ids, min_size=1, max_size=2).map(tuple),
    st.lists(
        st.dictionaries(paths, matchers, min_size=1, max_size=2).map(EventHas) | numbers.map(ValueAtLeast),
        min_size=1,
        max_size=1,
    ),
) | st.lists(ids, min_size=1, max_size=2).map(lambda types: EventIs(tuple(types)))


@st.composite
def waits_for_events(draw: st.DrawFn) -> WaitForEvent:
    """Waits whose labels are unique."""
    labels = draw(
        st.lists(ids.filter(lambda label: label not in {EXHAUSTED, TIMEOUT}), min_size=1, max_size=3, unique=True)
    )
    return WaitForEvent(
        [
            Case(label, draw(conditions_in_runs)) if draw(st.booleans()) else Awaited(label, draw(awaited))
            for label in labels
        ],
        **draw(
            st.fixed_dictionaries({"timeout": durations, "unit": st.sampled_from(DurationUnit)})
            | st.just({"timeout": None})
        ),
        look_back=draw(st.sampled_from(LookBack) | st.integers(1, 10**9).map(Duration)),
        parameters=draw(bags_without("branches", "timeout", "look_back")),
    )


asked_of_runs = st.fixed_dictionaries({"event": awaited}) | st.fixed_dictionaries({"when": conditions})
exit_criteria = st.builds(
    lambda reason, asked: ExitCriterion(reason, **asked), subjects.filter(str.strip), asked_of_runs
)
windows_of_goals = st.just({}) | st.fixed_dictionaries({"within": durations, "unit": st.sampled_from(DurationUnit)})
goals = st.builds(
    lambda goal_id, asked, window, exits: Goal(goal_id, **asked, **window, exits=exits),
    ids,
    asked_of_runs,
    windows_of_goals,
    st.booleans(),
)
exits = st.builds(Exit, subjects.filter(str.strip), parameters=bags_without("reason"))


def _every(unit: Unit, days: st.SearchStrategy[tuple]) -> st.SearchStrategy[Rule]:
    return st.builds(
        Every, st.just(unit), clock_times, interval=st.integers(1, 10_000), on=days, start=st.dates()
    ) | st.builds(Every, st.just(unit), clock_times, on=days, start=st.dates() if unit is Unit.DAY else st.none())


rules: st.SearchStrategy[Rule] = st.one_of(
    st.datetimes().map(At),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)).map(At),  # noqa: DTZ001
    st.sampled_from(["0 9 * * *", "*/5 * * * MON-FRI", "0 0 L * *"]).map(Cron),
    _every(Unit.DAY, st.just(())),
    _every(Unit.WEEK, st.lists(st.sampled_from(Weekday), min_size=1, max_size=3).map(tuple)),
    _every(Unit.MONTH, st.lists(st.integers(1, 31), min_size=1, max_size=3).map(tuple)),
    _every(Unit.YEAR, st.dates(date(2000, 1, 1), date(2000, 12, 31)).map(lambda day: (MonthDay.of(day),))),
    st.builds(
        DateProperty,
        path=ids,
        at=clock_times,
        offset=st.builds(Offset, st.integers(-100, 100), st.sampled_from(Unit)),
        repeat=st.sampled_from(Repeat),
        feb29=st.sampled_from(LeapDay),
    ),
)
zone_names = st.sampled_from(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+12", "Asia/Kolkata"])
whole_seconds = st.builds(timedelta, seconds=st.integers(1, _CENTURY // timedelta(seconds=1))) | st.builds(
    timedelta, hours=st.integers(1, 1_000)
)
planned = st.builds(Schedule, rules, timezone=st.none() | zone_names, fallback_timezone=zone_names, late=whole_seconds)


@st.composite
def _entries(draw: st.DrawFn, filters: st.SearchStrategy[Condition], on: On) -> EntryPolicy:
    asked = draw(st.just(ALWAYS) | filters)
    return EntryPolicy(
        filter=asked,
        grace=timedelta() if asked == ALWAYS else draw(st.just(timedelta()) | whole_seconds),
        reentry=draw(st.sampled_from(Reentry)),
        max_concurrent=draw(st.none() | st.integers(1, 2**63 - 1)),
        key=draw(st.none() | ids),
        exclusion_group=draw(st.none() | ids),
        backfill=draw(st.sampled_from(Backfill)) if on is On.ENTER else Backfill.NONE,
    )


@st.composite
def _triggers(draw: st.DrawFn) -> Trigger:
    kind = draw(st.sampled_from(TriggerType))
    by_clock = kind is TriggerType.TIME_BASED
    on = draw(st.sampled_from(On)) if kind is TriggerType.CONDITION_BASED else On.EVENT
    asked = conditions_without_events if by_clock else conditions
    most = st.none() | st.integers(1, 2**63 - 1)
    return Trigger(
        draw(ids),
        trigger_type=kind,
        condition=draw(st.just(ALWAYS) | asked),
        on=on,
        schedule=draw(planned) if by_clock else None,
        priority=draw(st.integers(-(2**63), 2**63 - 1)),
        cooldown=draw(durations),
        max_executions=draw(most),
        max_executions_total=draw(most),
        entry=draw(st.just(EntryPolicy()) | _entries(asked, on)),
        active=draw(st.booleans()),
    )


triggers = _triggers()
instants = st.datetimes(
    datetime(2, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11))]),
)


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """A workflow that loading lets through: ways lead forward, or back out of a node that ends with a wait."""
    names = draw(st.lists(ids | st.just("end"), min_size=1, max_size=4, unique=True))
    nodes = {}
    for index, name in enumerate(names):
        action_ids = draw(st.lists(ids, max_size=3, unique=True))
        onward = st.sampled_from([*names[index + 1 :], "end"]) if "end" not in names else st.just(names[-1])
        forward = onward if "end" not in names or index < len(names) - 1 else None
        actions = []
        for action_id in action_ids:
            do = draw(operations)
            detached = is_carried_out(do) and draw(st.sampled_from([False, False, True]))
            paths = st.none() if detached or forward is None else st.none() | forward
            actions.append(
                Action(
                    action_id,
                    do,
                    delay=timedelta(minutes=draw(st.integers(0, 100) | st.just(_longest_minutes))),
                    success_path=draw(paths),
                    failure_path=draw(paths),
                    detached=detached,
                )
            )
        anywhere = forward
        if draw(st.booleans()):
            free = draw(ids.filter(lambda one, taken=tuple(action_ids): one not in taken))
            actions.append(Action(free, Wait(timedelta(microseconds=draw(st.integers(1, 10**15))))))
            anywhere = st.sampled_from(names)
        ending = draw(st.none() | branches() | splits() | exits | waits_for_events())
        if ending is not None:
            taken = {action.action_id for action in actions}
            free = draw(ids.filter(lambda one, taken=frozenset(taken): one not in taken))
            actions.append(Action(free, ending, delay=timedelta(minutes=draw(st.integers(0, 100)))))
        nodes[name] = Node(
            name,
            draw(texts),
            actions=actions,
            engagement_threshold=draw(st.dictionaries(ids, numbers, max_size=2)),
            condition=draw(conditions),
            next_nodes={} if anywhere is None else draw(st.dictionaries(ids, anywhere, max_size=2)),
            max_visits=draw(st.none() | st.integers(1, 2**63 - 1)),
        )
    return Workflow(
        draw(ids),
        draw(texts),
        trigger=draw(triggers),
        nodes=nodes,
        entry_node=draw(st.sampled_from(names)),
        active=draw(st.booleans()),
        created_at=draw(st.none() | instants),
        timezone=draw(zone_names),
        exit_criteria=draw(st.lists(exit_criteria, max_size=2)),
        goals=draw(st.lists(goals, max_size=2, unique_by=lambda goal: goal.goal_id)),
        holdout=draw(st.none() | st.builds(Holdout, st.floats(0, 1), name=st.none() | ids)),
    )

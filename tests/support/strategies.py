"""What Hypothesis draws: values at the edges, conditions over few names so that they meet, valid workflows."""

import math
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from flowkit.conditions import (
    AllOf,
    AnyOf,
    Condition,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Not,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.events import Event, Facts
from flowkit.triggers.model import Trigger, TriggerType
from flowkit.workflows.model import (
    Action,
    CallWebhook,
    CheckEngagement,
    DurationUnit,
    Node,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    Workflow,
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
leaves: st.SearchStrategy[Condition] = st.one_of(
    st.lists(ids, min_size=1, max_size=3).map(lambda types: EventIs(tuple(types))),
    st.dictionaries(paths, matchers, max_size=3).map(EventHas),
    st.dictionaries(paths, matchers, max_size=3).map(SubscriberHas),
    (st.sampled_from([0, 1, -1, 0.5]) | numbers).map(ValueAtLeast),
    st.dictionaries(paths, st.sampled_from([0, 1, -1, 0.5]) | numbers, max_size=3).map(EngagementAtLeast),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: AllOf(tuple(each))),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: AnyOf(tuple(each))),
        inner.map(Not),
    ),
    max_leaves=8,
)

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
    subject=st.none() | subjects,
    personalization=st.booleans(),
    parameters=bags_without("template_id", "subject", "personalization"),
)
waits = st.builds(
    Wait,
    durations,
    unit=st.sampled_from(DurationUnit),
    parameters=bags_without(*(f"duration_{unit}" for unit in DurationUnit)),
)
operations = st.one_of(
    sends,
    waits,
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
        parameters=bags_without("url", "method", "headers", "body"),
    ),
)
triggers = st.builds(
    Trigger,
    ids,
    trigger_type=st.sampled_from(TriggerType),
    condition=conditions,
    priority=st.integers(-(2**63), 2**63 - 1),
    cooldown=durations,
    max_executions=st.none() | st.integers(1, 2**63 - 1),
    active=st.booleans(),
)
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
        actions = [
            Action(
                action_id,
                draw(operations),
                delay=timedelta(minutes=draw(st.integers(0, 100) | st.just(_longest_minutes))),
                success_path=None if forward is None else draw(st.none() | forward),
                failure_path=None if forward is None else draw(st.none() | forward),
            )
            for action_id in action_ids
        ]
        anywhere = forward
        if draw(st.booleans()):
            free = draw(ids.filter(lambda one, taken=tuple(action_ids): one not in taken))
            actions.append(Action(free, Wait(timedelta(microseconds=draw(st.integers(1, 10**15))))))
            anywhere = st.sampled_from(names)
        nodes[name] = Node(
            name,
            draw(texts),
            actions=actions,
            engagement_threshold=draw(st.dictionaries(ids, numbers, max_size=2)),
            condition=draw(conditions),
            next_nodes={} if anywhere is None else draw(st.dictionaries(ids, anywhere, max_size=2)),
        )
    return Workflow(
        draw(ids),
        draw(texts),
        trigger=draw(triggers),
        nodes=nodes,
        entry_node=draw(st.sampled_from(names)),
        active=draw(st.booleans()),
        created_at=draw(st.none() | instants),
    )

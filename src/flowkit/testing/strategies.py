"""What Hypothesis draws for journeys: workflows that run, people, schedules of events, and receivers' moods.

The names are few, so that what is drawn meets: events lead into workflows and are counted, conditions find what they
ask for, and runs stand in the same states. Needs Hypothesis.

    @given(workflows(), schedules())
    def test_nobody_is_sent_more_than_twice(workflow, schedule): ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from typing import Any, Final, TypeAlias

from attrs import evolve, field, frozen
from hypothesis import strategies as st

from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    Before,
    Compares,
    Condition,
    Duration,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Not,
    Order,
    RunHas,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.events import Event
from flowkit.hashing import digest64
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.triggers.calendar import Offset, Weekday
from flowkit.triggers.model import EntryPolicy, Reentry, Trigger, TriggerType
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
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    EMAIL,
    END,
    Action,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    Delivery,
    MessageClass,
    Node,
    OnSkip,
    Operation,
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
    GoTo,
    Instead,
    InsteadOfWaiting,
    LocalTime,
    PreferredTime,
    ProfileDate,
    WaitRule,
)

__all__ = ["EVENT_TYPES", "HANDLER", "SUBSCRIBERS", "Moment", "Mood", "moods", "people", "schedules", "workflows"]

EVENT_TYPES: Final = ("signup", "purchase", "email_open", "email_click")
"""The types of the events that are drawn."""
HANDLER: Final = "score"
"""The name of the handler that drawn workflows ask for; what it gives may be the variable ``score``."""
SUBSCRIBERS: Final = ("s1", "s2", "s3", "s4")
"""Whose events are drawn; of the last one nothing is known."""

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_SPAN: Final = timedelta(days=9)
_PLANS: Final = ("pro", "free", 1, True)
_ZONES: Final = ("America/New_York", "Asia/Tokyo", "UTC", "Mars/Phobos")
_EMITTED: Final = "news"
_durations: Final = st.sampled_from([timedelta(), timedelta(microseconds=1), _HOUR, 2 * _HOUR, _DAY, 3 * _DAY])
_event_types: Final = st.sampled_from(EVENT_TYPES)
_PURCHASE: Final = EventIs(("purchase",))
_BY_EVENT: Final = (TriggerType.BEHAVIOR_BASED, TriggerType.CONDITION_BASED, TriggerType.COMPOSITE)


# ------------------------------------------------------------------------------------------------------------
# Workflows

_facts: Final[st.SearchStrategy[Condition]] = st.one_of(
    st.sampled_from(_PLANS).map(lambda plan: SubscriberHas({"plan": Equals(plan)})),
    st.sampled_from([0, 1, 2]).map(lambda least: EngagementAtLeast({"score": least})),
)
_variables: Final[st.SearchStrategy[Condition]] = st.sampled_from([0, 1, 2]).map(
    lambda least: RunHas({"score": Compares(Order.GTE, least)})
)
_about_nodes: Final[st.SearchStrategy[Condition]] = st.one_of(
    st.just(ALWAYS),
    _facts,
    _variables,
    _facts.map(Not),
    st.lists(_facts, min_size=1, max_size=2).map(lambda some: AnyOf(tuple(some))),
)
_about_events: Final[st.SearchStrategy[Condition]] = st.one_of(
    st.just(ALWAYS),
    _facts,
    st.sampled_from(["web", "shop"]).map(lambda source: EventHas({"source": Equals(source)})),
    st.just(ValueAtLeast(10)),
)
_operations: Final[st.SearchStrategy[Operation]] = st.one_of(
    st.builds(
        SendEmail,
        st.sampled_from(["hello", "tips"]),
        message_class=st.sampled_from(MessageClass),
        on_skip=st.sampled_from(OnSkip),
        expires_after=st.sampled_from([None, None, None, _HOUR]),
    ),
    st.just(CheckEngagement()),
    _durations.map(Wait),
    st.sampled_from(["a", "b"]).map(lambda name: UpdateSegments(add=(name,))),
    st.sampled_from(_PLANS).map(lambda plan: UpdateProfile(set={"plan": plan})),
    st.just(UpdateProfile(increment={"visits": 1})),
    st.just(CallWebhook("https://example.com/hook")),
    st.just(CallWebhook("https://example.com/hook", response={"score": "score"})),
    st.sampled_from(Delivery).map(lambda delivery: CallHandler(HANDLER, delivery=delivery)),
    st.just(EmitEvent(_EMITTED, value=10, properties={"source": "web"})),
    st.just(StartWorkflow("elsewhere")),
)
_LABELS: Final[tuple[str, ...]] = ("default", "success", "failure", "engaged", "not_engaged")
_branches: Final = st.lists(st.sampled_from(_LABELS), min_size=2, max_size=4, unique=True).flatmap(
    lambda labels: st.lists(_about_nodes, min_size=len(labels) - 1, max_size=len(labels) - 1).map(
        lambda asked: Branch(map(Case, labels, asked), otherwise=labels[-1])
    )
)
_splits: Final = st.lists(st.sampled_from(_LABELS), min_size=1, max_size=3, unique=True).flatmap(
    lambda labels: st.builds(
        Split,
        st.lists(st.sampled_from([1, 3]), min_size=len(labels), max_size=len(labels)).map(
            lambda weights: tuple(map(Way, labels, weights))
        ),
        split_id=st.sampled_from([None, None, "shared"]),
    )
)
_awaited: Final[st.SearchStrategy[Condition]] = st.one_of(
    st.sampled_from((*EVENT_TYPES, _EMITTED)).map(lambda kind: EventIs((kind,))),
    st.sampled_from(["web", "shop"]).map(lambda source: AllOf((_PURCHASE, EventHas({"source": Equals(source)})))),
)


@st.composite
def _awaits(draw: st.DrawFn) -> WaitForEvent:
    labels = draw(st.lists(st.sampled_from(_LABELS), min_size=1, max_size=3, unique=True))
    return WaitForEvent(
        [
            Case(label, draw(_about_nodes)) if draw(st.booleans()) else Awaited(label, draw(_awaited))
            for label in labels
        ],
        timeout=draw(st.none() | _durations),
        look_back=draw(st.sampled_from(LookBack) | st.just(Duration(86_400))),
    )


_endings: Final[st.SearchStrategy[Branch | Split | Exit | WaitForEvent | None]] = st.one_of(
    st.none(), st.none(), _branches, _splits, _awaits(), st.sampled_from(["enough", "done"]).map(Exit)
)


def _waits(onward: st.SearchStrategy[str]) -> st.SearchStrategy[WaitUntil]:
    """Draw a wait by the clock: some are over at once, and some lead elsewhere."""
    instead: st.SearchStrategy[InsteadOfWaiting] = st.sampled_from(Instead) | onward.map(GoTo)
    rules: st.SearchStrategy[WaitRule] = st.one_of(
        st.builds(CalendarDays, st.integers(0, 2), at=st.sampled_from([None, time(9)])),
        st.builds(LocalTime, st.sampled_from([time(0), time(9)]), on=st.sampled_from([(), (Weekday.MON, Weekday.SAT)])),
        st.just(Window(opens_at=time(22), closes_at=time(6))),
        st.builds(
            ProfileDate,
            st.just("renewal"),
            offset=st.sampled_from([Offset(), Offset(-1), Offset(1)]),
            at=st.sampled_from([None, time(9)]),
            on_missing=instead,
            on_past=instead,
        ),
        st.just(PreferredTime("hour", fallback=time(10))),
    )
    return rules.map(WaitUntil)


_SELDOM: Final = st.sampled_from([False, False, False, True])
_Aimed: TypeAlias = tuple[Condition | None, Condition | None]
# Of events, of the profile, or of a date that comes to be past by itself.
_aims: Final[st.SearchStrategy[_Aimed]] = st.one_of(
    _awaited.map(lambda event: (event, None)),
    _awaited.map(lambda event: (event, None)),
    _facts.map(lambda when: (None, when)),
    st.sampled_from([0, 86_400]).map(lambda ago: (None, SubscriberHas({"renewal": Before(Duration(ago))}))),
)


@st.composite
def _exit_criteria(draw: st.DrawFn) -> list[ExitCriterion]:
    criteria: list[ExitCriterion] = []
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 2]))):
        event, when = draw(_aims)
        criteria.append(ExitCriterion(draw(st.sampled_from(["bought", "over"])), event=event, when=when))
    return criteria


@st.composite
def _goals(draw: st.DrawFn) -> list[Goal]:
    goals: list[Goal] = []
    for index in range(draw(st.sampled_from([0, 0, 1, 2]))):
        event, when = draw(_aims)
        within = draw(st.none() | _durations)
        goals.append(Goal(f"g{index}", event=event, when=when, within=within, exits=draw(_SELDOM)))
    return goals


@st.composite
def _entries(draw: st.DrawFn) -> EntryPolicy:
    asked = draw(st.just(ALWAYS) | _facts)
    return EntryPolicy(
        filter=asked,
        grace=timedelta() if asked == ALWAYS else draw(st.sampled_from([timedelta(), _HOUR, _DAY])),
        reentry=draw(st.sampled_from(Reentry)),
        max_concurrent=draw(st.none() | st.integers(1, 2)),
    )


@st.composite
def _triggers(draw: st.DrawFn) -> Trigger:
    types = ("signup", *draw(st.lists(_event_types, max_size=1)))
    return Trigger(
        "trigger",
        trigger_type=draw(st.sampled_from(_BY_EVENT)),
        condition=AllOf((EventIs(types), draw(st.just(ALWAYS) | _about_events))),
        priority=draw(st.integers(0, 2)),
        cooldown=draw(st.sampled_from([timedelta(), _HOUR, _DAY, 3 * _DAY])),
        max_executions=draw(st.none() | st.integers(1, 2)),
        entry=draw(st.just(EntryPolicy()) | _entries()),
    )


@st.composite
def _actions(draw: st.DrawFn, onward: st.SearchStrategy[str], channels: Sequence[str]) -> list[Action]:
    actions: list[Action] = []
    for index in range(draw(st.sampled_from([1, 2, 3, 0]))):
        do = draw(_operations | _waits(onward))
        if channels and isinstance(do, SendEmail):
            do = evolve(do, channel=draw(st.sampled_from([EMAIL, *channels])))
        detached = is_carried_out(do) and draw(st.sampled_from([False, False, True]))
        actions.append(
            Action(
                f"a{index}",
                do,
                delay=draw(st.sampled_from([timedelta(), timedelta(), timedelta(minutes=90)])),
                success_path=None if detached else draw(st.none() | onward),
                failure_path=None if detached else draw(st.none() | onward),
                detached=detached,
            )
        )
    return actions


@st.composite
def workflows(draw: st.DrawFn, workflow_id: str = "w", *, channels: Sequence[str] = ()) -> Workflow:
    """Draw a workflow that passes the lint: up to six nodes, every kind of action, ways onward, and back after a day.

    It may have goals, exit criteria and a holdout.

    Args:
        draw: Given by Hypothesis.
        workflow_id: Its id.
        channels: By which channels beside e-mail it may send.
    """
    names = [f"n{index}" for index in range(draw(st.sampled_from([3, 4, 6, 2, 1])))]
    labels = st.sampled_from(_LABELS)
    nodes: list[Node] = []
    for index, name in enumerate(names):
        onward = st.sampled_from([*names[index + 1 :], END])
        actions = draw(_actions(onward, channels))
        anywhere = onward
        if draw(st.booleans()):
            pause: st.SearchStrategy[Operation] = st.sampled_from(
                [Wait(_DAY), Wait(2 * _DAY), WaitUntil(CalendarDays(1)), WaitUntil(CalendarDays(1, at=time(9)))]
            )
            actions.append(Action("pause", draw(pause)))
            anywhere = st.sampled_from([*names, END])
        ending = draw(_endings)
        if ending is not None:
            actions.append(Action("ending", ending, delay=draw(st.sampled_from([timedelta(), _HOUR]))))
        next_nodes: dict[str, str] = {**draw(st.dictionaries(labels, anywhere, max_size=3))}
        if isinstance(ending, WaitForEvent) and draw(st.booleans()):
            next_nodes[TIMEOUT] = draw(anywhere)
        most = draw(st.sampled_from([None, None, 1, 2]))
        if most is not None and draw(st.booleans()):
            next_nodes[EXHAUSTED] = draw(onward)
        nodes.append(
            Node(
                name,
                name,
                actions=actions,
                engagement_threshold=draw(
                    st.dictionaries(st.sampled_from(["opens", "clicks", "purchase"]), st.integers(0, 2), max_size=1)
                ),
                condition=draw(_about_nodes),
                next_nodes=next_nodes,
                max_visits=most,
            )
        )
    return Workflow(
        workflow_id,
        workflow_id,
        trigger=draw(_triggers()),
        nodes=nodes,
        entry_node=names[0],
        timezone=draw(st.sampled_from(_ZONES[:-1])),
        exit_criteria=draw(_exit_criteria()),
        goals=draw(_goals()),
        holdout=Holdout(0.3) if draw(_SELDOM) else None,
    )


# ------------------------------------------------------------------------------------------------------------
# People, events and time


def people(subscribers: Sequence[str] = SUBSCRIBERS[:-1]) -> st.SearchStrategy[Mapping[str, Mapping[str, Any]]]:
    """Draw the attributes of subscribers: an address or none, a score, and perhaps a plan, a zone, a date, an hour."""
    attributes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {"score": st.integers(0, 2), "email": st.sampled_from(["someone@example.com", "else@example.com", None])},
        optional={
            "plan": st.sampled_from(_PLANS),
            "visits": st.just(0),
            "timezone": st.sampled_from(_ZONES),
            "renewal": st.sampled_from(["2026-01-05", "2026-01-02T12:00:00Z", "2025-12-31", "soon", 0]),
            "hour": st.sampled_from([9, "22:30", 24]),
        },
    )
    return st.fixed_dictionaries(dict.fromkeys(subscribers, attributes))


@frozen
class Moment:
    """A moment at which events come and due work is done.

    Attributes:
        after: How long after the beginning.
        events: What comes, in order; without any, time has passed.
    """

    after: timedelta
    events: tuple[Event, ...] = field(default=(), kw_only=True)


def _event(kind: str, subscriber_id: str, number: int, source: str, value: int | None) -> Event:
    return Event(kind, subscriber_id, id=f"e{number}", properties={"source": source}, value=value)


_ABOUT: Final = (st.integers(0, 40), st.sampled_from(["web", "shop"]), st.sampled_from([None, 5, 10, 99]))


def schedules(
    subscribers: Sequence[str] = SUBSCRIBERS, *, span: timedelta = _SPAN
) -> st.SearchStrategy[tuple[Moment, ...]]:
    """Draw moments in order; events may come twice.

    Args:
        subscribers: Whose events.
        span: How long after the beginning the last one may be.
    """
    one = st.builds(_event, _event_types, st.sampled_from(subscribers), *_ABOUT)
    signups = st.builds(_event, st.just("signup"), st.sampled_from(subscribers), *_ABOUT)
    events = st.lists(signups | one, min_size=2, max_size=6).map(tuple) | st.just(())
    after = st.integers(0, span // _HOUR).map(lambda hours: hours * _HOUR)
    moments = st.lists(st.builds(Moment, after, events=events), min_size=3, max_size=7)
    return moments.map(lambda some: tuple(sorted(some, key=lambda moment: moment.after)))


# ------------------------------------------------------------------------------------------------------------
# Receivers


@frozen
class Mood:
    """How a receiver answers: by the key and the attempt alone, so that every engine gets the same answers.

    Attributes:
        seed: Tells moods apart.
        trouble: How often, in percent, an attempt is no success.
    """

    seed: int
    trouble: int

    def answer(self, key: str, attempt: int) -> Outcome:
        """Answer an attempt, the first being 0."""
        drawn = digest64(str(self.seed), key, str(attempt))
        if drawn % 100 >= self.trouble:
            return _DONE[(drawn >> 32) % len(_DONE)]
        return _TROUBLE[(drawn >> 32) % len(_TROUBLE)]


_DONE: Final = (DONE, *(Outcome.giving({"score": score}) for score in range(3)), Outcome(Result.DONE, output="none"))
_TROUBLE: Final = (
    Outcome(Result.RETRY, "busy"),
    Outcome(Result.RETRY, "busy", retry_after=_HOUR),
    Outcome(Result.FAILED, "refused"),
    Outcome(Result.SKIPPED, "not wanted"),
    Outcome(Result.UNKNOWN, "lost"),
)


def moods() -> st.SearchStrategy[Mood]:
    """Draw how a receiver answers."""
    return st.builds(Mood, st.integers(0, 2**16), st.sampled_from([0, 0, 25, 60]))

"""Pauses of random workflows: a frozen one changes nothing but the time; a stopped one does nothing any more."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from attrs import evolve, frozen
from hypothesis import event, given
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import Duration, needs
from flowkit.engine.sync import Engine
from flowkit.events import Event
from flowkit.runs.model import Kind, Line, Status
from flowkit.stores.memory import MemoryStore
from flowkit.testing.strategies import HANDLER, SUBSCRIBERS, Moment, Mood, moods, people, schedules, workflows
from flowkit.triggers.model import EntryPolicy
from flowkit.workflows.control import LookBack, WaitForEvent
from flowkit.workflows.goals import Aim
from flowkit.workflows.model import Action, SendEmail, Wait, WaitUntil, Workflow
from flowkit.workflows.timing import Late
from tests.support.journeys import START
from tests.support.worlds import HORIZON, Receiver

HOUR = timedelta(hours=1)
LENGTH = timedelta(hours=31, minutes=5)


def relative(action: Action) -> Action:
    """The action, by lengths of time alone, so that a later beginning is nothing but later."""
    match action.do:
        case WaitUntil():
            return evolve(action, do=Wait(HOUR))
        case SendEmail(late=Late(after)):
            return evolve(action, do=evolve(action.do, late=Late(after)))
        case WaitForEvent(look_back=Duration()):
            return evolve(action, do=evolve(action.do, look_back=LookBack.ENTRY))
        case _:
            return action


def is_relative(aim: Aim) -> bool:
    """Whether an exit criterion or a goal asks for nothing that a date decides."""
    return aim.when is None or not needs(aim.when).zone


@st.composite
def relative_workflows(draw: st.DrawFn) -> Workflow:
    drawn = draw(workflows())
    nodes = {key: evolve(node, actions=map(relative, node.actions)) for key, node in drawn.nodes.items()}
    first = nodes[drawn.entry_node]
    pause = Action("first", draw(st.sampled_from([Wait(5 * HOUR), Wait(timedelta())])))
    nodes[drawn.entry_node] = evolve(first, actions=[pause, *first.actions])
    trigger = evolve(drawn.trigger, entry=EntryPolicy(), cooldown=timedelta())
    criteria, goals = filter(is_relative, drawn.exit_criteria), filter(is_relative, drawn.goals)
    return evolve(drawn, nodes=nodes, trigger=trigger, exit_criteria=criteria, goals=goals, quiet_hours=None)


@frozen
class Life:
    workflow: Workflow
    schedule: Sequence[Moment]
    people: Mapping[str, Mapping[str, object]]
    mood: Mood
    batch: int


lives = st.builds(
    Life, relative_workflows(), schedules(span=timedelta(days=1)), people(), moods(), st.sampled_from([1, 2, 500])
)


def begun(life: Life) -> tuple[Engine, Receiver, datetime]:
    """Live through a schedule, up to a moment at which nothing is due."""
    receiver = Receiver(life.mood)
    engine = Engine(
        MemoryStore(),
        clock=VirtualClock(START),
        sender=receiver,
        webhooks=receiver,
        handlers={HANDLER: receiver},
        profiles=MemoryProfiles(life.people),
        batch=life.batch,
    )
    engine.publish(life.workflow)
    now = START
    for moment in life.schedule:
        now = START + moment.after
        engine.ingest(moment.events, now=now)
        engine.advance(now=now)
    engine.ingest([Event("signup", name, id="last", value=50) for name in SUBSCRIBERS], now=now)
    engine.advance(now=now)
    at = now + timedelta(minutes=7)
    while (due := engine.next_due()) is not None and due <= at:
        engine.advance(now=due)
    return engine, receiver, at


def ended(engine: Engine, horizon: datetime) -> Mapping[str, Sequence[Line]]:
    while (due := engine.next_due()) is not None and due <= horizon:
        engine.advance(now=due)
    lines: dict[str, list[Line]] = {}
    for line in engine.journal(limit=1_000_000):
        if line.run_id is not None and line.entry.kind not in {Kind.PAUSED, Kind.RESUMED}:
            lines.setdefault(line.run_id, []).append(line)
    return lines


def stands(engine: Engine) -> Mapping[str, tuple[object, ...]]:
    return {
        run.id: (run.status, run.state.node, run.state.action, run.state.reason, run.state.counts, run.state.visits)
        for run in engine.runs(limit=10_000)
    }


@given(lives, st.booleans())
def test_a_frozen_pause_moves_everything_by_its_length_and_changes_nothing_else(life, one_by_one):
    plain, heard, at = begun(life)
    paused, heard_later, _ = begun(life)
    living = paused.runs(status=Status.ACTIVE, limit=10_000)
    if one_by_one:
        assert paused.pause_runs(living, now=at).runs == len(living)
    else:
        assert paused.pause("w", now=at) == len(living)
    event("somebody is inside" if living else "nobody is inside")
    assert paused.next_due() is None
    paused.advance(now=at + LENGTH)
    assert paused.runs(status=Status.ACTIVE) == []
    assert (
        paused.resume_runs(living, now=at + LENGTH).runs if one_by_one else paused.resume("w", now=at + LENGTH)
    ) == len(living)
    expected, found = ended(plain, HORIZON), ended(paused, HORIZON + LENGTH)
    assert found.keys() == expected.keys()
    for run_id, lines in expected.items():
        shifted = [(line.at + (LENGTH if line.at > at else timedelta()), line.entry) for line in lines]
        assert [(line.at, line.entry) for line in found[run_id]] == shifted
    assert stands(paused) == stands(plain)
    assert sorted(one.key for one in heard_later.got) == sorted(one.key for one in heard.got)


@given(lives)
def test_what_is_stopped_does_nothing_any_more(life):
    engine, receiver, at = begun(life)
    living = {run.id for run in engine.runs(status=Status.ACTIVE, limit=10_000)}
    before = len(receiver.got)
    assert engine.stop("w", reason="over", now=at) == len(living)
    ended(engine, HORIZON)
    engine.ingest(life.schedule[0].events, now=at)
    assert len(receiver.got) == before
    for run in engine.runs(limit=10_000):
        assert not run.state.alive
        assert run.id not in living or (run.status, run.state.reason) == (Status.EXITED, "over")
    assert engine.next_due() is None

"""Migrations of random workflows, edited at random, with runs parked all over: what holds before holds after."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from attrs import evolve, frozen
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.migration import Migration
from flowkit.engine.sync import Engine
from flowkit.errors import DocumentError, MigrationRefused
from flowkit.events import to_micros
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Kind, Line, Run, Status, Waiting
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.strategies import HANDLER, Moment, Mood, moods, people, schedules, workflows
from flowkit.workflows.codec import validate
from flowkit.workflows.model import Action, Node, Wait, Workflow
from tests.support.journeys import START, stand, told
from tests.support.worlds import HORIZON, Receiver, by_run

HOUR = timedelta(hours=1)
LENGTHS = st.sampled_from([timedelta(minutes=1), HOUR, 5 * HOUR, timedelta(days=1), timedelta(days=3)])


# ------------------------------------------------------------------------------------------------------------
# An editor that leaves a workflow sound


@st.composite
def edits(draw: st.DrawFn) -> tuple[Workflow, Workflow]:
    old, other = draw(workflows()), draw(workflows())
    new = other
    if draw(st.booleans()):
        nodes = {}
        for key, node in old.nodes.items():
            kept = draw(st.sampled_from([True, True, key not in other.nodes]))
            nodes[key] = draw(edited_nodes(node)) if kept else other.nodes[key]
        new = evolve(old, nodes=nodes, timezone=draw(st.sampled_from([old.timezone, other.timezone])))
    try:
        return old, validate(evolve(new, trigger=old.trigger))
    except DocumentError:
        assume(False)
        raise


@st.composite
def edited_nodes(draw: st.DrawFn, node: Node) -> Node:
    actions = [draw(edited_actions(action)) for action in node.actions]
    match draw(st.sampled_from(["", "", "order", "drop", "new"])):
        case "order" if len(actions) > 1 and node.actions[-1].action_id != "ending":
            actions = draw(st.permutations(actions))
        case "drop" if actions:
            del actions[draw(st.integers(0, len(actions) - 1))]
        case "new":
            actions.insert(0, Action("new", Wait(draw(LENGTHS))))
        case _:
            pass
    return evolve(node, actions=actions)


@st.composite
def edited_actions(draw: st.DrawFn, action: Action) -> Action:
    if isinstance(action.do, Wait) and draw(st.booleans()):
        action = evolve(action, do=Wait(draw(LENGTHS)))
    if action.delay and draw(st.booleans()):
        action = evolve(action, delay=draw(LENGTHS))
    return action


# ------------------------------------------------------------------------------------------------------------
# A life with a migration in it


@frozen
class Life:
    versions: tuple[Workflow, Workflow]
    before: Sequence[Moment]
    after: Sequence[Moment]
    people: Mapping[str, Mapping[str, object]]
    mood: Mood
    paused: bool
    target: str
    keyed: bool


lives = st.builds(
    Life,
    edits(),
    schedules(span=timedelta(days=1)),
    schedules(),
    people(),
    moods(),
    st.booleans(),
    st.sampled_from(["exit", "first", "last"]),
    st.booleans(),
)


class Witness(Receiver):
    """A receiver that knows what became of each key, and that nothing is called for again after it was settled."""

    def __init__(self, mood: Mood, key_window: timedelta | None) -> None:
        super().__init__(mood, key_window)
        self.settled: set[str] = set()

    def _answer(self, given) -> Outcome:
        assert given.key not in self.settled, f"{given.key} comes again"
        outcome = super()._answer(given)
        if outcome.result is not Result.RETRY:
            self.settled.add(given.key)
        return outcome


@frozen
class Lived:
    runs: Sequence[Run]
    lines: Sequence[Line]
    migrations: Sequence[Migration]
    migrated: Sequence[Run]
    numbers: tuple[int, int]


def lived(life: Life, store) -> Lived:
    receiver = Witness(life.mood, timedelta(days=30) if life.keyed else None)
    engine = Engine(
        store,
        clock=VirtualClock(START),
        sender=receiver,
        webhooks=receiver,
        handlers={HANDLER: receiver},
        profiles=MemoryProfiles(life.people),
        batch=3,
    )
    old, new = life.versions
    first = engine.publish(old)
    now = START
    for moment in life.before:
        now = max(now, START + moment.after)
        engine.ingest(moment.events, now=now)
        engine.advance(now=now)
    now += timedelta(minutes=7)
    second = engine.publish(new)
    if life.paused:
        engine.pause("w", now=now)
        now += 5 * HOUR
        engine.ingest(life.before[-1].events, now=now)
    migrations = [migrated(engine, life, now, dry_run=dry_run) for dry_run in (True, False)]
    runs = engine.runs(limit=10_000)
    if life.paused:
        now += 3 * HOUR
        engine.resume("w", now=now)
    for moment in life.after:
        now = max(now, START + moment.after)
        engine.ingest(moment.events, now=now)
        engine.advance(now=now)
    while (due := engine.next_due()) is not None and due <= HORIZON:
        engine.advance(now=max(due, now))
    lines = engine.journal(limit=1_000_000)
    return Lived(engine.runs(limit=10_000), lines, migrations, runs, (first.number, second.number))


def migrated(engine: Engine, life: Life, now: datetime, *, dry_run: bool) -> Migration:
    try:
        return engine.migrate("w", now=now, dry_run=dry_run)
    except MigrationRefused as error:
        homeless = error.nodes
    new = life.versions[1].nodes
    assert not homeless.keys() & new.keys()
    target = {"first": min(new), "last": max(new)}.get(life.target, life.target)
    return engine.migrate("w", targets=dict.fromkeys(homeless, target), now=now, dry_run=dry_run)


# ------------------------------------------------------------------------------------------------------------
# Laws


@given(lives)
def test_a_migrated_run_stands_at_a_place_of_the_new_version_and_has_one_thing_ahead(life):
    """And so at the end, whatever way it took. That no key comes again is told by the receiver."""
    found = lived(life, MemoryStore())
    by_number = dict(zip(found.numbers, life.versions, strict=True))
    for run in (*found.migrated, *found.runs):
        if run.state.alive:
            stands(run, by_number[run.version])
    kept = sum(sum(one.kept.values()) for one in found.migrations[1].nodes.values())
    living = [run for run in found.migrated if run.state.alive and run.version == found.numbers[0]]
    if found.numbers[0] != found.numbers[1]:
        assert len(living) == kept
    for one in found.migrations[1].nodes.values():
        for name in ("mapped", "retimed", "moved", "exited"):
            if getattr(one, name):
                event(name)
        for reason in one.kept:
            event(f"kept {reason}")


def stands(run: Run, workflow: Workflow) -> None:
    state = run.state
    if state.node is None:  # At its end, with something open beside it.
        assert state.beside is not None
        return
    actions = workflow.nodes[state.node].actions
    due = run.due if state.beside is None else state.beside.due
    due = due if state.pause is None else state.pause.due
    for effect in state.effects:
        assert workflow.nodes[effect.node].actions[effect.action].action_id == effect.action_id
    assert (state.pause is not None) == (state.status is Status.PAUSED)
    assert run.due is None or state.pause is None
    assert (state.pending is None) != (state.waiting is None)
    assert due is not None or (state.waiting is Waiting.EVENT and state.watch.until is None)
    if state.pending is not None:
        assert (state.pending.node, state.pending.action) == (state.node, state.action)
        assert actions[state.action].action_id == state.pending.action_id
    if state.waiting is not Waiting.TURN:
        assert state.action < len(actions)
    for node, index, place, _ in state.watch.seen:
        assert place < len(workflow.nodes[node].actions[index].do.branches)


@given(lives)
def test_a_plan_says_what_is_done(life):
    plan, done = lived(life, MemoryStore()).migrations
    assert plan.nodes == done.nodes


@given(lives)
def test_every_line_is_written_where_the_run_is(life):
    """What entered a node is in it, has left it, ended there or failed there; a migration is no exception."""
    found = lived(life, MemoryStore())
    runs = {run.id: run for run in found.runs}
    beside = {
        (key, action.action_id)
        for version in life.versions
        for key, node in version.nodes.items()
        for action in node.actions
        if action.detached
    }
    for run_id, lines in lines_of(found).items():
        here: str | None = None
        for line in lines:
            entry = line.entry
            match entry.kind:
                case Kind.ENTERED:
                    here = entry.node
                case Kind.LATE | Kind.OBSERVED | Kind.REFUSED:
                    pass
                case _ if (entry.node, entry.action) in beside:
                    pass
                case Kind.LEFT:
                    assert entry.node == here
                    here = None if entry.data["to"] == "end" else entry.data["to"]
                case _:
                    assert entry.node in {None, here}
        state = runs[run_id].state
        assert not state.alive or state.node == here


@given(lives)
def test_nothing_fires_early(life):
    """A wait by length is over no sooner than its length, as the version has it in which it ends, after it began."""
    found = lived(life, MemoryStore())
    by_number = dict(zip(found.numbers, life.versions, strict=True))
    versions = {run.id: run.version for run in found.runs}
    for run_id, lines in lines_of(found).items():
        moves = [line.entry.data for line in lines if line.entry.kind is Kind.MIGRATED]
        version = moves[0]["from"] if moves else versions[run_id]
        began: dict[str, int] = {}
        still = timedelta()
        for line in lines:
            entry = line.entry
            match entry.kind:
                case Kind.MIGRATED:
                    version = entry.data["to"]
                case Kind.RESUMED:
                    still = timedelta(seconds=entry.data["seconds"])
                case Kind.WAITING:
                    began[entry.action], still = to_micros(line.at), timedelta()
                case Kind.WOKEN:
                    actions = by_number[version].nodes[entry.node].actions
                    [action] = [one for one in actions if one.action_id == entry.action]
                    if isinstance(action.do, Wait):
                        least = action.delay + action.do.duration + still
                        assert line.at >= START + (
                            least + timedelta(microseconds=began[entry.action] - to_micros(START))
                        )
                case _:
                    pass


@given(lives)
@settings(max_examples=40)
def test_where_it_is_kept_changes_nothing(life):
    memory = lived(life, MemoryStore())
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "flowkit.db", synchronous="NORMAL")
        try:
            sqlite = lived(life, store)
        finally:
            store.close()
    assert stand(sqlite.runs) == stand(memory.runs)
    assert by_run(sqlite.lines) == by_run(memory.lines)
    assert sqlite.migrations == memory.migrations
    assert len(told(sqlite.lines)) == len(told(memory.lines))


def lines_of(found: Lived) -> Mapping[str, Sequence[Line]]:
    lines: dict[str, list[Line]] = {}
    for line in found.lines:
        if line.run_id is not None:
            lines.setdefault(line.run_id, []).append(line)
    return lines

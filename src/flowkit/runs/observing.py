"""What a run sees: events of its subscriber, and looks at it while it waits for what happens."""

from __future__ import annotations

from attrs import evolve

from flowkit.events import NO_FACTS, Event
from flowkit.runs import aims, awaiting, controls, watching
from flowkit.runs.awaiting import Arrival
from flowkit.runs.effects import Asks
from flowkit.runs.model import Entry, Kind, Status, Waiting
from flowkit.runs.variables import variables_of
from flowkit.runs.walk import Walk, passed
from flowkit.workflows.control import WaitForEvent

__all__ = ["look", "observe"]


def observe(walk: Walk, event: Event, hops: int) -> None:
    """Count an event, and let it move what waits for it.

    Args:
        walk: The run.
        event: What happened.
        hops: By how many actions of runs it came about.
    """
    program = walk.program
    mine = _is_mine(walk, event)
    if not walk.state.alive:
        aims.measure(walk, event, mine=mine)
        return
    if not walk.state.on_its_way:
        aims.ends(walk, event, mine=mine)
        return
    if walk.facts is None and any(awaiting.asks_facts(post.wait) for post in program.posts):
        walk.asks = Asks(program.needs)
        return
    if mine and event.type in program.counted:
        counts = dict(walk.state.counts)
        counts[event.type] = counts.get(event.type, 0) + 1
        walk.note(Kind.OBSERVED, type=event.type, count=counts[event.type])
        walk.state = evolve(walk.state, counts=tuple(sorted(counts.items())))
    if mine and hops > walk.state.hops:
        walk.state = evolve(walk.state, hops=hops)
    if aims.ends(walk, event, mine=mine):
        return
    facts = walk.facts or NO_FACTS
    if mine and program.posts:
        member, pause = walk.member, walk.state.pause
        entered, due = member.entered, member.due is not None and member.due <= walk.now
        due = due or (pause is not None and pause.was_due)
        walk.keep(watching.seen(walk.state.watch, program.posts, event, facts, entered=entered, now=walk.now, due=due))
        controls.note_met(walk, event, facts)
    if not look(walk, event, mine=mine) and mine:
        for post, met in watching.late(walk.state.watch, program.posts, event, facts, walk.now):
            action = program.node(post.node).actions[post.action]
            walk.entries.append(Entry(Kind.LATE, post.node, action.action_id, met.data))


def _is_mine(walk: Walk, event: Event) -> bool:
    """Whether an event is one for the run: one that its workflow asks for, and that names no send of another run."""
    named = event.properties.get("send_key")
    return event.type in walk.program.listens and (named is None or str(named).startswith(walk.member.run_id))


def look(walk: Walk, event: Event | None, *, mine: bool, woken: bool = False) -> bool:
    """Look at a run that may be in a wait for what happens.

    Args:
        walk: The run.
        event: An event that has come in; None where there is none.
        mine: Whether it is one for the run.
        woken: Whether an instant has come.

    Returns:
        Whether it goes on.
    """
    state, watch = walk.state, walk.state.watch
    if state.status is not Status.ACTIVE or state.waiting is not Waiting.EVENT or watch.since is None:
        return False
    node, action = walk.program.node(state.node or ""), walk.action
    wait = action.do
    if not isinstance(wait, WaitForEvent):
        return False
    is_over = watch.until is not None and watch.until <= walk.now
    if walk.facts is None and awaiting.asks_facts(wait) and not (woken and walk.due == watch.until):
        walk.asks = Asks(walk.program.needs)
        return False
    if watch.met is not None and awaiting.in_time(watch.met[0], watch.since, watch.until):
        at, place, kind = watch.met
        passed(walk, node, action, awaiting.by_event(wait, place, at, kind))
        walk.on()
        return True
    facts = walk.facts or NO_FACTS
    after = facts if event is None else awaiting.with_event(facts, walk.program.needs, event, walk.now)
    met, again = awaiting.look(
        wait,
        Arrival(now=walk.now, since=watch.since, until=watch.until, variables=variables_of(state.variables)),
        (facts, after),
        walk.due,
        started_at=walk.member.entered,
        predicates=walk.program.predicates,
        event=event if mine else None,
    )
    if met is None and woken and is_over and watch.until is not None:
        met = awaiting.timed_out(wait, watch.until)
    walk.own = True
    if met is None:
        if again != walk.due:
            walk.park(again, waiting=Waiting.EVENT)
        return False
    walk.facts = None if walk.facts is None else after
    passed(walk, node, action, met)
    walk.on()
    return True

"""What a run keeps in mind of what happens, for the waits that it is in, may come to, or has left too early."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from attrs import evolve

from flowkit.events import Event, Facts
from flowkit.runs import awaiting
from flowkit.runs.awaiting import Met, Post
from flowkit.runs.model import Watch
from flowkit.workflows.control import TIMEOUT, LookBack, WaitForEvent

__all__ = ["first_seen", "kept", "late", "left", "seen", "sent"]

_MOST: Final = 64
_Place: TypeAlias = tuple[str, int, int]


def seen(
    watch: Watch, posts: Iterable[Post], event: Event, facts: Facts, *, entered: int, now: int, due: bool
) -> Watch:
    """Keep in mind when the first event occurred that counts for a wait to which the run may come.

    While the run is due somebody may be sending for it, as of an instant that has passed. What has occurred since then
    is an answer to that message, so all of it is kept; of very many, the newest.

    Args:
        watch: What the run keeps in mind.
        posts: Where runs of its version wait.
        event: An event that is one for the run.
        facts: What is known about the subscriber.
        entered: When the run was entered, in microseconds.
        now: The engine's instant in microseconds.
        due: Whether the run is due.
    """
    at = awaiting.instant_of(event, now)
    known: dict[_Place, list[int]] = {}
    for node, action, place, instant in watch.seen:
        known.setdefault((node, action, place), []).append(instant)
    for post in posts:
        if post.wait.look_back not in {LookBack.LAST_SEND, LookBack.ENTRY} or _is_late(watch, post, at):
            continue
        since = awaiting.since(post.wait, entered=entered, sent=watch.sent, now=now)
        for place, branch in enumerate(post.wait.branches):
            if since <= at and awaiting.matches(branch, event, facts, now):
                known.setdefault((post.node, post.action, place), []).append(at)
    kept = tuple((*key, instant) for key, some in sorted(known.items()) for instant in _kept(some, due=due))
    return watch if kept == watch.seen else evolve(watch, seen=kept)


def _kept(instants: Iterable[int], *, due: bool) -> Iterable[int]:
    first, *others = sorted(set(instants))
    return (first, *others[-_MOST:]) if due else (first,)


def first_seen(watch: Watch, node: str, action: int) -> dict[int, int]:
    """Give when the first event that counts for each branch of a wait occurred, by the place of the branch."""
    return {place: at for *post, place, at in sorted(watch.seen, reverse=True) if post == [node, action]}


def _is_late(watch: Watch, post: Post, at: int) -> bool:
    """Whether a wait ended without an event that occurred in its time: it is late for it, however often it comes up."""
    return any(
        (node, action) == (post.node, post.action) and since <= at < until
        for node, action, since, until in watch.lapsed
    )


def sent(watch: Watch, posts: Iterable[Post], at: int) -> Watch:
    """Keep in mind that a message was sent: what occurred before it counts no more where the last one counts."""
    by_send = {(post.node, post.action) for post in posts if post.wait.look_back is LookBack.LAST_SEND}
    return evolve(watch, sent=at, seen=tuple(one for one in watch.seen if one[3] >= at or one[:2] not in by_send))


def kept(watch: Watch, wait: WaitForEvent, event: Event, facts: Facts, now: int) -> Watch:
    """Keep in mind the first event that meets the wait at hand of a run that is paused."""
    met = awaiting.met_by_event(wait, event, facts, now)
    if met is None or watch.since is None or met.at < watch.since:
        return watch
    first = (met.at, met.place, event.type)
    return watch if watch.met is not None and watch.met <= first else evolve(watch, met=first)


def left(watch: Watch, node: str, action: int, label: str) -> Watch:
    """Leave the wait at hand; where that is by its timeout, keep in mind from when on until when events counted."""
    lapsed = watch.lapsed
    if label == TIMEOUT and watch.since is not None and watch.until is not None:
        others = (lapse for lapse in lapsed if lapse[:2] != (node, action))
        lapsed = (*others, (node, action, watch.since, watch.until))
    return evolve(watch, since=None, until=None, met=None, lapsed=lapsed)


def late(watch: Watch, posts: Iterable[Post], event: Event, facts: Facts, now: int) -> Iterator[tuple[Post, Met]]:
    """Find the waits which are over, and which an event would have met, had it come in in time."""
    at = awaiting.instant_of(event, now)
    for post in posts:
        met = awaiting.met_by_event(post.wait, event, facts, now) if _is_late(watch, post, at) else None
        if met is not None:
            yield post, met

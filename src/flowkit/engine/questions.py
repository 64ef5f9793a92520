"""What can be asked about a subscriber, and changes nothing."""

from __future__ import annotations

from typing import Final

from flowkit.analytics.explain import Door, Explanation, explained
from flowkit.conditions import Moment
from flowkit.engine.desk import Desk, Places
from flowkit.engine.drive import resolve
from flowkit.engine.entering import door
from flowkit.engine.parts import Parts
from flowkit.engine.rounds import profile_facts
from flowkit.ports import EMPTY_RECALL
from flowkit.runs.consent import Suppression
from flowkit.runs.model import Line

__all__ = ["explain"]

_PAGE: Final = 1_000


async def explain(parts: Parts, subscriber_id: str, workflow_id: str, now: int) -> Explanation:
    """Say why a subscriber did, or did not, enter a workflow, and what happened there."""
    lines: list[Line] = []
    after: int | None = 0
    while after is not None:
        page = await resolve("store.lines", parts.store.lines(subscriber_id=subscriber_id, after=after, limit=_PAGE))
        lines += [line for line in page if line.workflow_id == workflow_id]
        after = page[-1].number if page else None
    listed: list[Suppression] = []
    after = 0
    while after is not None:
        some = parts.store.suppressions(subscriber_id=subscriber_id, after=after, limit=_PAGE)
        found = await resolve("store.suppressions", some)
        listed += found
        after = found[-1].number if found else None
    door = await _door(parts, subscriber_id, workflow_id, now)
    return explained(subscriber_id, workflow_id, lines, door, listed)


async def _door(parts: Parts, subscriber_id: str, workflow_id: str, now: int) -> Door | None:
    catalogue = parts.catalogue
    stamp, _ = await resolve("store.watches", parts.store.watches(now, limit=1))
    await catalogue.refresh(stamp)
    gate = catalogue.gate(workflow_id)
    if gate is None:
        return None
    wants = catalogue.wants(gate)
    recall = await resolve(
        "store.recall",
        parts.store.recall(
            {subscriber_id: []}, runs=wants.runs, history=sorted(wants.needs.history), totals=sorted(wants.totals)
        ),
    )
    facts = await profile_facts(parts, [subscriber_id] if wants.profile else [], wants.needs)
    limits = catalogue.limits
    places = Places({name: limits[name] - recall.totals.get(name, 0) for name in wants.totals})
    moment = Moment(now, predicates=catalogue.predicates)
    recalled = recall.subscribers.get(subscriber_id, EMPTY_RECALL)
    desk = Desk(
        parts,
        subscriber_id,
        recalled,
        facts.get(subscriber_id),
        moment,
        places,
        fenced=False,
        own=wants.personal,
    )
    return door(desk, gate)

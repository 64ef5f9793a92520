"""The rules of entry: whom a trigger that fired lets in, and why it does not."""

from __future__ import annotations

from typing import NamedTuple

from attrs import frozen

from flowkit.triggers.evaluate import Gate
from flowkit.triggers.model import Reentry

__all__ = ["Refusal", "Standing", "refusal"]


@frozen
class Refusal:
    """Why a subscriber was not let in.

    Attributes:
        reason: ``filter``, ``reentry``, ``cooldown``, ``max_executions``, ``max_executions_total``, ``max_concurrent``,
            ``exclusion_group``, ``suppressed`` where all that the workflow sends is stopped by a suppression, or
            ``inactive`` where the workflow was taken out while the entry waited.
        opens_in: Microseconds until the rule lets the subscriber in; None where time does not help.
        by: The workflow whose living run stands in the way; None where it is none.
    """

    reason: str
    opens_in: int | None = None
    by: str | None = None


class Standing(NamedTuple):
    """How a subscriber stands with a workflow when its trigger fires.

    Attributes:
        entries: How often the subscriber entered it before.
        last_entry: When it last did, in microseconds; None where it never did.
        living: How many of the subscriber's runs of it are alive.
        concurrent: How many of them have the key of the entry at hand; all of them where the trigger names no key.
        excluding: Another workflow of the same exclusion group that the subscriber is in; None where it is in none.
        places: How many more entries by all subscribers together the workflow takes; None for any number.
    """

    entries: int = 0
    last_entry: int | None = None
    living: int = 0
    concurrent: int = 0
    excluding: str | None = None
    places: int | None = None


def refusal(gate: Gate, standing: Standing, now: int) -> Refusal | None:
    """Ask the rules of entry, one after the other; None lets the subscriber in.

    Those come first against which neither time nor an exit helps, so that nobody is told of an hour that changes
    nothing: re-entry, the limits over all time, the cooldown, runs at once, and the exclusion group last.

    Args:
        gate: The trigger that fired.
        standing: How the subscriber stands with its workflow.
        now: The engine's instant in microseconds.
    """
    trigger = gate.trigger
    reentry, concurrent = trigger.entry.reentry, trigger.entry.max_concurrent
    if reentry is Reentry.NEVER and standing.entries:
        return Refusal("reentry")
    if trigger.max_executions is not None and standing.entries >= trigger.max_executions:
        return Refusal("max_executions")
    if standing.places is not None and standing.places < 1:
        return Refusal("max_executions_total")
    if standing.last_entry is not None and gate.cooldown and now < standing.last_entry + gate.cooldown:
        return Refusal("cooldown", standing.last_entry + gate.cooldown - now)
    if reentry is Reentry.AFTER_EXIT and standing.living:
        return Refusal("reentry", by=gate.workflow_id)
    if concurrent is not None and standing.concurrent >= concurrent:
        return Refusal("max_concurrent", by=gate.workflow_id)
    if standing.excluding is not None:
        return Refusal("exclusion_group", by=standing.excluding)
    return None

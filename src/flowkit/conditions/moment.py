"""What a condition is asked in besides facts and an event: the time, whose run it is, and the host's predicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from flowkit.events import Event, Facts

__all__ = ["NO_PREDICATES", "NO_VARIABLES", "Moment", "Predicate", "Question"]


@frozen(kw_only=True)
class Question:
    """What a host's predicate is asked.

    Attributes:
        parameters: What stands beside its name in the condition.
        facts: What is known about the subscriber, as far as the condition asks for it elsewhere.
        event: The event at hand, None where there is none.
        now: The instant at which it is asked.
    """

    parameters: Mapping[str, Any]
    facts: Facts
    event: Event | None
    now: datetime


Predicate: TypeAlias = Callable[[Question], object]
"""A host's own predicate: what it returns is taken as true or false; it is to be quick, and to change nothing."""

NO_PREDICATES: Final[Mapping[str, Predicate]] = {}
NO_VARIABLES: Final[Mapping[str, Any]] = {}


@frozen
class Moment:
    """When, and for whom, conditions are asked.

    Attributes:
        now: The instant, in microseconds since 1970-01-01T00:00Z.
        started_at: When the run entered, in microseconds; None outside a run.
        predicates: The host's predicates by name.
        variables: The run's variables by name; none outside a run.
    """

    now: int
    started_at: int | None = field(default=None, kw_only=True)
    predicates: Mapping[str, Predicate] = field(default=NO_PREDICATES, kw_only=True)
    variables: Mapping[str, Any] = field(default=NO_VARIABLES, kw_only=True)

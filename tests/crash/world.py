"""Who signs up for the welcome series of the crash tests, in which batches that is told, and what each is owed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from flowkit import Event, Workflow, load_workflow

START: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
PHASES: Final = (START, START + timedelta(hours=72), START + timedelta(hours=192))
"""The instants at which something is due: all else of the ten days is waiting."""

_WELCOME_SERIES: Final = Path(__file__).parents[1] / "golden" / "welcome_series.json"
_BLOCK: Final = 10
_AGAIN: Final = 3
_OWED: Final = (
    {True: "welcome_email_v2", False: "welcome_email_v2"},
    {True: "getting_started_tips", False: "reengagement_v1"},
    {True: "product_demo_email"},
)


def welcome_series() -> Workflow:
    return load_workflow(_WELCOME_SERIES.read_text(encoding="utf-8"))


def subscriber(number: int) -> str:
    return f"subscriber_{number}"


def opens(number: int) -> bool:
    """Whether a subscriber opens the welcome, which decides what is owed afterwards."""
    return number % 2 == 0


def signs_up_twice(number: int) -> bool:
    """Whether a subscriber signs up a second time, by an event of its own, which the cooldown refuses."""
    return number % 10 == 3


def owed(count: int, phases: int = len(PHASES)) -> set[tuple[str, str]]:
    """Say what the first ``count`` subscribers are owed in the first phases: subscriber and template."""
    return {
        (subscriber(number), templates[opens(number)])
        for templates in _OWED[:phases]
        for number in range(count)
        if opens(number) in templates
    }


def batches(count: int) -> list[list[Event]]:
    """Make the batches in which the events are told, with some events twice in one batch.

    A subscriber's opening comes after its signup: in the same batch, or in the next.
    """
    told: list[list[Event]] = []
    for first in range(0, count, _BLOCK):
        block = range(first, min(first + _BLOCK, count))
        signups = [_signup(number, "first") for number in block]
        later = [_signup(number, "second") for number in block if signs_up_twice(number)]
        opened = [Event("email_open", subscriber(number), id="open") for number in block if opens(number)]
        together = first // _BLOCK % 2 == 0
        parts = [signups + later + opened] if together else [signups + later, opened]
        told += [[*part, *part[:_AGAIN]] for part in parts]
    return told


def _signup(number: int, event_id: str) -> Event:
    return Event("subscriber_signup", subscriber(number), id=event_id, properties={"source": "website"})

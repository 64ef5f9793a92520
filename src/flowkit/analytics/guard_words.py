"""Why a message waits, or something was not done, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowkit.runs.guards import Guard
from flowkit.runs.telling import CROWDED

__all__ = ["deferral_words", "guard_words", "wall_words"]


def deferral_words(data: Mapping[str, Any]) -> str:
    """Say until when a message waits, and why."""
    until = _instant(data.get("until"))
    match data.get("by"):
        case Guard.QUIET_HOURS:
            whose = " of the workflow" if data.get("hours_of") == "workflow" else ""
            return f"until {wall_words(data)}, by quiet hours{whose}"
        case Guard.LATE:
            return f"until {wall_words(data)}, its next window: it came {data.get('late_seconds')} seconds late"
        case Guard.RATE_LIMIT:
            return f"until {until}, when its turn is under the rate limit"
        case Guard.FREQUENCY_CAP:
            return f"until {until}: {_taken(data)}"
        case by:
            return f"until {until}, by {by}"


def guard_words(data: Mapping[str, Any]) -> str | None:
    """Say why a guard did not let a message out; None where it was none."""
    match data.get("reason"):
        case Guard.EXPIRED if "by" in data:
            return f"it would have expired while it waited {deferral_words(data)}"
        case Guard.EXPIRED:
            return f"it had expired: it came due {data.get('late_seconds')} seconds before"
        case Guard.LATE:
            return f"it was late: it was due {data.get('late_seconds')} seconds before"
        case Guard.FREQUENCY_CAP:
            return f"{_taken(data)}; there is room from {_instant(data.get('room_at'))} on"
        case reason if reason == CROWDED:
            return f"{data.get('max_detached')} detached actions were open, and no more may be"
        case _:
            return None


def _taken(data: Mapping[str, Any]) -> str:
    about = f" about {data['topic']}" if "topic" in data else ""
    return f"{data.get('taken')} of {data.get('most')} messages{about} have gone out under the cap {data.get('cap')}"


def _instant(text: object) -> str:
    return str(text).replace("T", " ").removesuffix("Z") + " UTC"


def wall_words(data: Mapping[str, Any]) -> str:
    """Say what the clock shows, in which zone, and whose that is."""
    owner = data.get("zone_of")
    whose = f"the {owner}'s zone" if owner in {"subscriber", "workflow"} else "by default"
    return f"{str(data.get('wall')).replace('T', ' ')} in {data.get('zone')} ({whose})"

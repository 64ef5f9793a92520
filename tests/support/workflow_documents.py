"""Workflow documents to start from: the smallest one, and the smallest of each kind of part."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

PARAMETERS: dict[str, dict[str, Any]] = {
    "send_email": {"template_id": "hello"},
    "send": {"channel": "sms", "template_id": "hello"},
    "wait": {"duration_hours": 72},
    "wait_for_event": {
        "branches": [{"label": "bought", "event": {"event_type": "purchase"}}],
        "timeout": {"duration_hours": 72},
    },
    "condition": {"condition_type": "engagement_check", "metrics": ["opens"]},
    "branch": {"cases": [{"label": "pro", "when": {"segments": "pro"}}], "otherwise": "others"},
    "split": {"ways": [{"label": "a", "weight": 50}, {"label": "b", "weight": 50}]},
    "exit": {"reason": "enough"},
    "segment_update": {"add": ["a"], "remove": ["b"]},
    "personalization_update": {"set": {"plan": "pro"}, "unset": ["trial"], "increment": {"visits": 1}},
    "webhook": {"url": "https://example.com/hook"},
    "custom": {"name": "score"},
    "emit_event": {"event": {"type": "trial_over"}},
    "start_workflow": {"workflow_id": "winback"},
}

WAITS: list[dict[str, Any]] = [
    {"calendar_days": 1, "at": "15:00"},
    {"until": {"at": "09:00", "weekdays": ["mon"]}},
    {"window": {"from": "22:00", "to": "06:00", "weekdays": ["mon"]}},
    {
        "profile_date": {
            "path": "renewal",
            "offset": "-7d",
            "at": "09:00",
            "on_missing": "exit",
            "on_past": {"path": "end"},
        }
    },
    {"preferred_time": {"path": "preferred_hour", "fallback": "10:00"}},
]


def action(action_type: str = "send_email", /, action_id: str = "act", **fields: Any) -> dict[str, Any]:
    """An action of a type with its smallest parameters; fields are added or replaced."""
    parameters = deepcopy(PARAMETERS[action_type])
    return {"action_id": action_id, "action_type": action_type, "parameters": parameters} | fields


def node(node_id: str = "start", *actions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A node; fields are added or replaced."""
    return {"node_id": node_id, "name": node_id.title(), "actions": list(actions)} | fields


def workflow(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A workflow of nodes, one that sends by default; fields are added or replaced."""
    trigger = {"trigger_id": "t", "trigger_type": "behavior_based", "conditions": {"event_type": "signup"}}
    by_id = {one["node_id"]: one for one in nodes or (node("start", action()),)}
    return {"workflow_id": "w", "name": "W", "trigger": trigger, "nodes": by_id} | fields


def timed(**conditions: Any) -> dict[str, Any]:
    """A trigger by the clock, at nine by default; conditions are added or replaced, or taken out by ``...``."""
    asked = {"cron": "0 9 * * *"} | conditions
    given = {name: value for name, value in asked.items() if value is not ...}
    return {"trigger_id": "t", "trigger_type": "time_based", "conditions": given}


def golden(name: str) -> dict[str, Any]:
    """A document of the golden folder."""
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def put(document: Any, path: str, value: Any) -> Any:
    """A copy of a document with a value at a JSON Pointer, which may be a new field."""
    out = deepcopy(document)
    *steps, last = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
    place = out
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return out


def without(document: Any, path: str) -> Any:
    """A copy of a document without the field at a JSON Pointer."""
    out = deepcopy(document)
    *steps, last = path.split("/")[1:]
    place = out
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    del place[last]
    return out

"""Limit with no store at all: what the decisions alone cost in Python.

These two keep their runs in dicts and a heap, and outlive the phases: closing and opening are nothing to
them. They are the measure for a memory store, which has no disk to hide its own work behind.

Variants:
    hand (default): the series written out as code.
    graph: a plain interpreter over the series as a document of nodes and actions, as an engine reads one.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias, TypedDict

from welcome import (
    DEMO,
    FIRST_WAIT,
    HOUR,
    REENGAGE,
    SECOND_WAIT,
    TIPS,
    WELCOME,
    Engine,
    Result,
    World,
    drive,
    event,
)

Parked: TypeAlias = list[tuple[int, int]]
"""A heap of (due, run)."""


class Hand:
    """The series as code. A run is the node it stands at, and its event."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._parked: Parked = []
        self._nodes: dict[int, str] = {}
        self._events: dict[int, dict[str, str]] = {}

    def signup(self, numbers: range) -> None:
        """Send the welcome and park."""
        send, nodes, events, parked = self._world.send, self._nodes, self._events, self._parked
        due = self._world.now + FIRST_WAIT
        for number in numbers:
            document = event(number)
            send(document["subscriber_id"], WELCOME)
            nodes[number] = "wait_3_days"
            events[number] = document
            heapq.heappush(parked, (due, number))

    def advance(self, now: int) -> None:
        """Take out what is due, one by one."""
        send, engaged = self._world.send, self._world.engaged
        nodes, events, parked = self._nodes, self._events, self._parked
        due = now + SECOND_WAIT
        while parked and parked[0][0] <= now:
            _, number = heapq.heappop(parked)
            subscriber = events[number]["subscriber_id"]
            if nodes[number] == "wait_5_days":
                send(subscriber, DEMO)
                nodes[number] = "end"
            elif engaged(subscriber):
                send(subscriber, TIPS)
                nodes[number] = "wait_5_days"
                heapq.heappush(parked, (due, number))
            else:
                send(subscriber, REENGAGE)
                nodes[number] = "end"

    def completed(self) -> int:
        """Count the runs that have ended."""
        return sum(node == "end" for node in self._nodes.values())

    def close(self) -> None:
        """Keep everything."""


# ------------------------------------------------------------------------------------------------------------


class Parameters(TypedDict, total=False):
    """What an action is told: which of these depends on its type."""

    template_id: str
    duration_hours: int
    condition_type: str


class Action(TypedDict):
    """One thing a node does, told by its type."""

    action_type: str
    parameters: Parameters


class Node(TypedDict):
    """Some actions, then the next node by their outcome."""

    actions: list[Action]
    next_nodes: dict[str, str]


class Workflow(TypedDict):
    """The whole document."""

    entry_node: str
    nodes: dict[str, Node]


class Run(TypedDict):
    """One subscriber on the way."""

    number: int
    subscriber_id: str
    node: str
    status: str
    event: dict[str, str]
    variables: dict[str, object]


def _node(action_type: str, parameters: Parameters, **next_nodes: str) -> Node:
    return {"actions": [{"action_type": action_type, "parameters": parameters}], "next_nodes": next_nodes}


SERIES: Workflow = {
    "entry_node": "start",
    "nodes": {
        "start": _node("send_email", {"template_id": WELCOME}, default="wait_3_days"),
        "wait_3_days": _node("wait", {"duration_hours": FIRST_WAIT // HOUR}, default="check_engagement"),
        "check_engagement": _node(
            "condition",
            {"condition_type": "engagement_check"},
            engaged="send_tips_email",
            not_engaged="send_reengagement",
        ),
        "send_tips_email": _node("send_email", {"template_id": TIPS}, default="wait_5_days"),
        "wait_5_days": _node("wait", {"duration_hours": SECOND_WAIT // HOUR}, default="send_product_demo"),
        "send_product_demo": _node("send_email", {"template_id": DEMO}, default="end"),
        "send_reengagement": _node("send_email", {"template_id": REENGAGE}, default="end"),
    },
}


class Graph:
    """The series as a document, looked up node by node and action by action."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._parked: Parked = []
        self._runs: dict[int, Run] = {}

    def signup(self, numbers: range) -> None:
        """Make the run and walk to its first wait."""
        for number in numbers:
            document = event(number)
            run: Run = {
                "number": number,
                "subscriber_id": document["subscriber_id"],
                "node": SERIES["entry_node"],
                "status": "active",
                "event": document,
                "variables": {},
            }
            self._runs[number] = run
            self._walk(run)

    def advance(self, now: int) -> None:
        """Leave the wait of each due run and walk on."""
        parked = self._parked
        while parked and parked[0][0] <= now:
            run = self._runs[heapq.heappop(parked)[1]]
            run["node"] = SERIES["nodes"][run["node"]]["next_nodes"]["default"]
            self._walk(run)

    def completed(self) -> int:
        """Count the runs that have ended."""
        return sum(run["status"] == "completed" for run in self._runs.values())

    def close(self) -> None:
        """Keep everything."""

    def _walk(self, run: Run) -> None:
        """Go on until the run waits or ends."""
        nodes, world = SERIES["nodes"], self._world
        while run["node"] != "end":
            node = nodes[run["node"]]
            outcome = "default"
            for action in node["actions"]:
                kind, parameters = action["action_type"], action["parameters"]
                if kind == "send_email":
                    world.send(run["subscriber_id"], parameters["template_id"])
                elif kind == "wait":
                    due = world.now + parameters["duration_hours"] * HOUR
                    heapq.heappush(self._parked, (due, run["number"]))
                    return
                elif kind == "condition":
                    outcome = "engaged" if world.engaged(run["subscriber_id"]) else "not_engaged"
            run["node"] = node["next_nodes"].get(outcome, "end")
        run["status"] = "completed"


VARIANTS: dict[str, Callable[[World], Engine]] = {"hand": Hand, "graph": Graph}


def run(n: int, path: Path, *, variant: str = "hand") -> Result:
    """Play the series for `n` subscribers; nothing is written at `path`."""
    if variant not in VARIANTS:
        message = f"limit_memory has the variants {', '.join(VARIANTS)}, not {variant!r}"
        raise ValueError(message)
    kept = cache(VARIANTS[variant])  # the same object again at each opening
    return drive(lambda _, world: kept(world), n=n, path=path)

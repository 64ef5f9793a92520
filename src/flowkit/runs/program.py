"""A workflow made ready to be run: looked up, counted and laid out once, so that no step has to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from attrs import field, frozen

from flowkit.conditions import NO_PREDICATES, Condition, Predicate, event_types, is_personal, needs
from flowkit.events import Needs, together
from flowkit.runs.awaiting import Post, awaited_types, needs_of
from flowkit.runs.splits import Fork, forks_of
from flowkit.runs.waits import needs_of_wait
from flowkit.workflows.control import Awaited, Branch, Case, LookBack, WaitForEvent
from flowkit.workflows.goals import Aim
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    END,
    CallHandler,
    CheckEngagement,
    MessageClass,
    Node,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    WaitUntil,
    Workflow,
)
from flowkit.workflows.waits import ways

__all__ = ["COUNTED_EVENTS", "Program", "aimed_types", "compile_workflow", "edges"]

_MICROSECOND: Final = timedelta(microseconds=1)
_NO_TYPES: Final[frozenset[str]] = frozenset()

COUNTED_EVENTS: Final[Mapping[str, str]] = {
    "deliveries": "email_delivered",
    "opens": "email_open",
    "clicks": "email_click",
    "conversions": "conversion",
    "unsubscribes": "unsubscribe",
    "complaints": "complaint",
    "bounces": "bounce",
}
"""The event type behind each count of an engagement threshold; any other name is an event type itself."""


@frozen(eq=False)
class Program:
    """One published version of a workflow, ready to be run; compared by identity, one for each version.

    Attributes:
        workflow: The definition.
        version: Its number.
        listens: The event types that its live runs want to observe.
        loops: The nodes that lie on a loop, whose visits are counted.
        needs: The facts that any of its conditions and waits reads.
        personal: Whether any of them reads more than the profile: the past, a sample, a host's predicate, or a label
            that was assigned.
        predicates: The host's predicates by name.
        counted: Those event types that are counted.
        posts: Where its runs wait for what happens.
        watches: Whether any of those waits is for a condition, so that its runs are looked at whatever happens.
        notes_sends: Whether the last message of a run is the instant from which on events count.
        changes: Whether it changes profiles, or may, as an action of the host's own does, emits events or starts
            workflows.
        forks: Its splits, by node.
        asks_host: Whether what it reads may be more than the labels that splits assigned.
        mails: The classes and channels of the messages that it may send, each pair once; empty where it sends none.
        aims: Its goals, and then its exit criteria.
        guarded: Whether a goal or an exit criterion is a condition, so that runs are looked at before each effect.
        measures: The event types by which goals are counted after the end of a run, too.
        window: For how long after the entry they are, in microseconds.
    """

    workflow: Workflow
    version: int
    listens: frozenset[str]
    loops: frozenset[str]
    needs: Needs
    personal: bool = False
    predicates: Mapping[str, Predicate] = NO_PREDICATES
    counted: frozenset[str] = frozenset()
    posts: tuple[Post, ...] = ()
    watches: bool = False
    notes_sends: bool = False
    changes: bool = False
    forks: Mapping[str, Fork] = field(factory=dict[str, Fork])
    asks_host: bool = True
    mails: tuple[tuple[MessageClass, str], ...] = ()
    aims: tuple[Aim, ...] = ()
    guarded: bool = False
    measures: frozenset[str] = frozenset()
    window: int = 0

    @property
    def workflow_id(self) -> str:
        """The workflow's id."""
        return self.workflow.workflow_id

    def node(self, node_id: str) -> Node:
        """Look a node up."""
        return self.workflow.nodes[node_id]


def compile_workflow(workflow: Workflow, version: int, predicates: Mapping[str, Predicate] = NO_PREDICATES) -> Program:
    """Make a checked workflow ready to be run.

    Args:
        workflow: A workflow whose targets exist.
        version: The number that runs are pinned to.
        predicates: The host's predicates by name.
    """
    checks = [
        node
        for node in workflow.nodes.values()
        if any(isinstance(action.do, CheckEngagement) for action in node.actions)
    ]
    counted = {COUNTED_EVENTS.get(name, name) for node in checks for name in node.engagement_threshold}
    waits = [
        action.do.rule
        for node in workflow.nodes.values()
        for action in node.actions
        if isinstance(action.do, WaitUntil)
    ]
    asked = [*(node.condition for node in checks), *_cases(workflow)]
    posts = tuple(_posts(workflow))
    asked += (branch.when for post in posts for branch in post.wait.branches if isinstance(branch, Case))
    forks = forks_of(workflow)
    aims: tuple[Aim, ...] = (*workflow.goals, *workflow.exit_criteria)
    asked += (met for one in aims if (met := one.when or one.event) is not None)
    measured = [goal for goal in workflow.goals if goal.event is not None and goal.within is not None]
    guarded = any(one.when is not None for one in aims)
    spans = any(not isinstance(post.wait.look_back, LookBack) for post in posts)
    read = together([*map(needs, asked), *(needs_of(post.wait) for post in posts), *map(needs_of_wait, waits)])
    is_own = spans or any(map(is_personal, asked))
    return Program(
        workflow,
        version,
        frozenset(counted).union(aimed_types(aims), *(awaited_types(post.wait) for post in posts)),
        frozenset(_on_loops(workflow)),
        read | Needs(splits=frozenset(fork.split for fork in forks.values())) if forks else read,
        is_own or bool(forks),
        predicates,
        frozenset(counted),
        posts,
        watches=guarded or any(isinstance(branch, Case) for post in posts for branch in post.wait.branches),
        notes_sends=any(_looks_to_sends(post.wait) for post in posts),
        changes=any(
            isinstance(action.do, UpdateProfile | UpdateSegments | CallHandler | EmitEvent | StartWorkflow)
            for node in workflow.nodes.values()
            for action in node.actions
        ),
        forks=forks,
        asks_host=bool(read) or is_own or not forks,
        mails=tuple(
            dict.fromkeys(
                (action.do.message_class, action.do.channel)
                for node in workflow.nodes.values()
                for action in node.actions
                if isinstance(action.do, SendEmail)
            )
        ),
        aims=aims,
        guarded=guarded,
        measures=aimed_types(measured),
        window=max((goal.within // _MICROSECOND for goal in measured if goal.within is not None), default=0),
    )


def aimed_types(aims: Iterable[Aim]) -> frozenset[str]:
    """Name the types of the events by which goals and exit criteria are met."""
    return frozenset(kind for one in aims if one.event is not None for kind in event_types(one.event) or _NO_TYPES)


def _posts(workflow: Workflow) -> Iterator[Post]:
    for node_id, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            if isinstance(action.do, WaitForEvent):
                yield Post(node_id, index, action.do)


def _looks_to_sends(wait: WaitForEvent) -> bool:
    return wait.look_back is LookBack.LAST_SEND and any(isinstance(branch, Awaited) for branch in wait.branches)


def _cases(workflow: Workflow) -> Iterator[Condition]:
    """Give the conditions of all branches."""
    for node in workflow.nodes.values():
        for action in node.actions:
            if isinstance(action.do, Branch):
                yield from (case.when for case in action.do.cases)


def edges(workflow: Workflow, node: Node) -> Iterator[str]:
    """Name the nodes that can follow a node."""
    paths = (path for action in node.actions for path in (action.success_path, action.failure_path))
    instead = (
        target for action in node.actions if isinstance(action.do, WaitUntil) for _, target in ways(action.do.rule)
    )
    for target in (*paths, *instead, *node.next_nodes.values()):
        if target is not None and (target != END or END in workflow.nodes):
            yield target


def _on_loops(workflow: Workflow) -> Iterator[str]:
    """Find the nodes that can be reached from themselves."""
    following = {node_id: tuple(edges(workflow, node)) for node_id, node in workflow.nodes.items()}
    for component in _components(following):
        if len(component) > 1 or component[0] in following[component[0]]:
            yield from component


def _components(following: Mapping[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """Find the strongly connected components of a graph (Tarjan 1972), without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    waiting: dict[str, None] = {}
    for root in following:
        path = [] if root in index else [(root, iter(following[root]))]
        while path:
            node, targets = path[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                waiting[node] = None
            target = next((one for one in targets if one not in index or one in waiting), None)
            if target is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    yield _taken_back_to(node, waiting)
            elif target in index:
                low[node] = min(low[node], index[target])
            else:
                path.append((target, iter(following[target])))


def _taken_back_to(node: str, waiting: dict[str, None]) -> list[str]:
    component: list[str] = []
    while not component or component[-1] != node:
        component.append(waiting.popitem()[0])
    return component

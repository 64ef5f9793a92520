"""Experiments woven into their workflow: one version that assigns, and leads each subscriber along the own arm.

In front of every node that any arm changes stands a split of the experiment, and behind it the node as each arm has
it; all else is shared. So nobody is assigned before the arms part, and whoever is stands in the journal with the commit
of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from attrs import evolve

from flowkit.conditions import AllOf, Condition, Differs, EventHas, EventIs
from flowkit.errors import DocumentError, Problem
from flowkit.experiments.assignment import gate
from flowkit.experiments.compiling import compile_variants
from flowkit.experiments.model import Experiment, Metric, MetricKind
from flowkit.problems import pointer, short
from flowkit.runs.feedback import FEEDBACK
from flowkit.workflows.control import Branch, Case, Split, WaitForEvent, Way
from flowkit.workflows.goals import Goal
from flowkit.workflows.model import Action, Node, Operation, Wait, WaitUntil, Workflow
from flowkit.workflows.waits import GoTo, InsteadOfWaiting, ProfileDate

__all__ = ["goal_id", "is_split_of", "split_node", "weave"]

_MARK: Final = "@"
_OUT: Final = "others"
_ASSIGN: Final = "assign"
_WEEK: Final = timedelta(days=7)


def goal_id(experiment_id: str, metric: str) -> str:
    """Name the goal by which a woven workflow counts a metric."""
    return f"{experiment_id}:{metric}"


def split_node(node_id: str, experiment_id: str) -> str:
    """Name the node in which a woven workflow assigns, in front of another one."""
    return f"{node_id}{_MARK}{experiment_id}"


def is_split_of(node_id: str | None, experiment_id: str) -> bool:
    """Whether a node is one in which a woven workflow assigns for an experiment."""
    return node_id is not None and node_id.endswith(f"{_MARK}{experiment_id}")


def weave(workflow: Workflow, experiments: Sequence[Experiment]) -> Workflow:
    """Weave experiments into a workflow: the version to publish while they run.

    Each rate metric becomes a goal, so that the journal tells when a run reaches it. To end an experiment, publish the
    workflow without it, or with the variant that won (`compile_variants`).

    Args:
        workflow: The workflow as it is.
        experiments: Those that run; two of them may change the same node only where their slots of one layer are
            disjoint.

    Raises:
        DocumentError: As for `compile_variants`; or two experiments change one node without excluding each other
            (``experiments_meet``), or are called the same.
    """
    woven = _Weaver(workflow, experiments)
    return woven.workflow()


class _Weaver:
    """One workflow and the experiments that are woven into it."""

    def __init__(self, workflow: Workflow, experiments: Sequence[Experiment]) -> None:
        self._base = workflow
        self._arms = {one.experiment_id: (one, compile_variants(one, workflow).workflows) for one in experiments}
        if len(self._arms) < len(experiments):
            message = "two experiments have the same testId"
            raise DocumentError([Problem("duplicate_id", "/testId", message=message)])
        self._on: dict[str, list[Experiment]] = {}
        for one, made in self._arms.values():
            for node_id, node in workflow.nodes.items():
                if any(arm.nodes[node_id] != node for arm in made.values()):
                    self._on.setdefault(node_id, []).append(one)
        self._refuse_meetings()

    def workflow(self) -> Workflow:
        nodes: dict[str, Node] = {}
        for node_id, node in self._base.nodes.items():
            for made in self._around(node_id, node):
                if made.node_id in nodes or (made.node_id != node_id and made.node_id in self._base.nodes):
                    message = f"the name {short(made.node_id)} is needed for an experiment"
                    raise DocumentError([Problem("duplicate_id", pointer("/nodes", made.node_id), message=message)])
                nodes[made.node_id] = made
        goals = [*self._base.goals, *self._goals()]
        return evolve(self._base, nodes=nodes, entry_node=self._door(self._base.entry_node), goals=goals)

    def _around(self, node_id: str, node: Node) -> Iterator[Node]:
        """Give a node, with what stands in front of it and beside it."""
        yield self._led(node)
        experiments = self._on.get(node_id, [])
        if not experiments:
            return
        gates = [(one, gate(one)) for one in experiments]
        if self._door(node_id) != split_node(node_id, experiments[0].experiment_id):
            cases = [Case(one.experiment_id, asked) for one, asked in gates if asked is not None]
            ways = {one.experiment_id: split_node(node_id, one.experiment_id) for one, _ in gates}
            yield Node(
                self._door(node_id),
                f"{node.name}: who takes part",
                actions=[Action("take_part", Branch(cases, otherwise=_OUT))],
                next_nodes={**ways, _OUT: node_id},
            )
        for one in experiments:
            yield from self._arms_of(one, node_id, node)

    def _arms_of(self, one: Experiment, node_id: str, node: Node) -> Iterator[Node]:
        """Give the split of an experiment in front of a node, and the node as each arm has it."""
        _, made = self._arms[one.experiment_id]
        ways: dict[str, str] = {}
        copies: list[Node] = []
        for variant in one.variants:
            own = made[variant.variant_id].nodes[node_id]
            if own == node:
                ways[variant.variant_id] = node_id
                continue
            name = f"{split_node(node_id, one.experiment_id)}{_MARK}{variant.variant_id}"
            ways[variant.variant_id] = name
            copies.append(self._led(evolve(own, node_id=name, name=f"{own.name}: {variant.name}")))
        numbered = {"allocation": one.allocation} if one.allocation else {}
        ways_of = [Way(label, weight) for label, weight in one.weights]
        split = Split(ways_of, split_id=one.experiment_id, parameters=numbered)
        yield Node(
            split_node(node_id, one.experiment_id),
            f"{node.name}: {one.name}",
            actions=[Action(_ASSIGN, split)],
            next_nodes=ways,
        )
        yield from copies

    def _door(self, node_id: str) -> str:
        """Name the node by which a node is entered; the end is its own."""
        experiments = self._on.get(node_id, [])
        if not experiments:
            return node_id
        if len(experiments) == 1 and gate(experiments[0]) is None:
            return split_node(node_id, experiments[0].experiment_id)
        return f"{node_id}{_MARK}{_MARK}"

    def _led(self, node: Node) -> Node:
        """Lead the ways out of a node to the doors of their targets."""
        actions = [
            evolve(
                action,
                do=self._led_on(action.do),
                success_path=self._path(action.success_path),
                failure_path=self._path(action.failure_path),
            )
            for action in node.actions
        ]
        ways = {label: self._door(target) for label, target in node.next_nodes.items()}
        return evolve(node, actions=actions, next_nodes=ways)

    def _path(self, target: str | None) -> str | None:
        return None if target is None else self._door(target)

    def _led_on(self, operation: Operation) -> Operation:
        """Lead what a wait for a date does instead to the doors of its targets."""
        if not isinstance(operation, WaitUntil) or not isinstance(operation.rule, ProfileDate):
            return operation
        rule = operation.rule
        led = evolve(rule, on_missing=self._instead(rule.on_missing), on_past=self._instead(rule.on_past))
        return evolve(operation, rule=led)

    def _instead(self, way: InsteadOfWaiting) -> InsteadOfWaiting:
        return GoTo(self._door(way.target)) if isinstance(way, GoTo) else way

    def _goals(self) -> Iterator[Goal]:
        longest = _longest_way(self._base)
        for one, _ in self._arms.values():
            within = one.window + longest
            for metric in one.metrics:
                if metric.kind is MetricKind.RATE:
                    yield _goal(one, metric, within)

    def _refuse_meetings(self) -> None:
        for node_id, experiments in self._on.items():
            for index, one in enumerate(experiments):
                for other in experiments[:index]:
                    if one.layer is None or other.layer is None or one.layer.overlaps(other.layer):
                        message = (
                            f"{short(other.experiment_id)} and {short(one.experiment_id)} change node "
                            f"{short(node_id)} for the same people: give them disjoint slots of one layer"
                        )
                        raise DocumentError([Problem("experiments_meet", "/layer", message=message)])


def _goal(experiment: Experiment, metric: Metric, within: timedelta) -> Goal:
    event: Condition = EventIs((metric.event,))
    if metric.event in FEEDBACK:  # What a machine opened, nobody has read.
        event = AllOf((event, EventHas({"machine": Differs(value=True)})))
    return Goal(goal_id(experiment.experiment_id, metric.name), event=event, within=within)


def _longest_way(workflow: Workflow) -> timedelta:
    """Say how long a run may take to the last split, where no node is entered twice and no wait is endless.

    A wait by the clock on the wall counts as a week. Goals are counted from the entry, and exposures may come later.
    """
    longest = timedelta()
    for node in workflow.nodes.values():
        for action in node.actions:
            longest += action.delay
            match action.do:
                case Wait(duration):
                    longest += duration
                case WaitForEvent(timeout=timeout):
                    longest += _WEEK if timeout is None else timeout
                case WaitUntil():
                    longest += _WEEK
                case _:
                    pass
    return longest

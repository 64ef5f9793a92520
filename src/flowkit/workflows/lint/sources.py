"""What a run may have been given by the time it comes to a place: its variables, and attributes that it sets itself.

A place is a node and one of its actions. What any path leads through counts, whatever came of it: so what is not among
the sources of a place is surely not given there by the workflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from flowkit.conditions import Condition, RunHas
from flowkit.conditions.walk import leaves
from flowkit.problems import short
from flowkit.workflows.lint.graph import graph_of, inner_ways
from flowkit.workflows.lint.model import Breach, Names
from flowkit.workflows.lint.places import conditions
from flowkit.workflows.model import Action, CallHandler, CallWebhook, UpdateProfile, Workflow

__all__ = ["Sources", "sources", "variables_never_set"]


@frozen
class Given:
    """What may have been given.

    Attributes:
        variables: The names of the run's variables.
        attributes: The first names of the subscriber's attributes.
        anything: Whether a handler of the host's has had a say, which may set whatever it likes.
    """

    variables: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    anything: bool = field(default=False, kw_only=True)

    def __or__(self, other: Given) -> Given:
        return Given(
            self.variables | other.variables,
            self.attributes | other.attributes,
            anything=self.anything or other.anything,
        )

    def lacks(self, wanted: Names) -> Names:
        """Give those of some names that are surely not given."""
        if self.anything:
            return Names()
        return Names(attributes=wanted.attributes - self.attributes, variables=wanted.variables - self.variables)


_NOTHING = Given()


def _given(action: Action) -> Given:
    match action.do:
        case CallWebhook(response=response):
            return Given(frozenset(response))
        case CallHandler():
            return Given(anything=True)
        case UpdateProfile(set=values, increment=numbers):
            return Given(attributes=frozenset(name.partition(".")[0] for name in (*values, *numbers)))
        case _:
            return _NOTHING


@frozen
class Sources:
    """What may have been given at each place.

    Attributes:
        at: At the first action of each node that can be reached.
        anywhere: At any place.
    """

    workflow: Workflow = field(repr=False)
    at: Mapping[str, Given]
    anywhere: Given

    def before(self, node: str, index: int) -> Given | None:
        """Say what may have been given before an action of a node; None where no way leads there."""
        given = self.at.get(node)
        if given is not None:
            for action in self.workflow.nodes[node].actions[:index]:
                given |= _given(action)
        return given


def sources(workflow: Workflow) -> Sources:
    """Follow what is given along all ways from the entry on, until nothing more comes."""
    graph = graph_of(workflow.nodes, inner_ways(workflow))
    own = {key: _all(node.actions) for key, node in workflow.nodes.items()}
    at: dict[str, Given] = {}
    waiting: list[str] = []
    if workflow.entry_node in workflow.nodes:
        at[workflow.entry_node] = _NOTHING
        waiting.append(workflow.entry_node)
    while waiting:
        key = waiting.pop()
        leaving = at[key] | own[key]
        for target in graph[key]:
            known = at.get(target)
            more = leaving if known is None else known | leaving
            if more != known:
                at[target] = more
                waiting.append(target)
    anywhere = _NOTHING
    for given in own.values():
        anywhere |= given
    return Sources(workflow, at, anywhere)


def _all(actions: tuple[Action, ...]) -> Given:
    given = _NOTHING
    for action in actions:
        given |= _given(action)
    return given


def variables_never_set(workflow: Workflow) -> Iterator[Breach]:
    """Find conditions that ask of variables which nothing on a way to them sets; one for each and variable."""
    found = sources(workflow)
    for asked in conditions(workflow):
        names = _variables(asked.condition)
        given = found.anywhere if asked.node is None else found.before(asked.node, asked.index)
        if given is not None:
            missing = given.lacks(Names(variables=names)).variables
            for name in dict.fromkeys(name for name in names if name in missing):
                where = "in this workflow" if asked.node is None else "on any way here"
                message = f"asks of the variable {short(name)}, which nothing {where} sets, so it is always missing"
                yield Breach(asked.path, message)


def _variables(condition: Condition) -> list[str]:
    """Name the variables that a condition asks of, in the order in which it does."""
    asked = (leaf.properties for leaf in leaves(condition) if isinstance(leaf, RunHas))
    return [path.partition(".")[0] for properties in asked for path in properties]

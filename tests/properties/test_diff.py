"""Differences between versions: what is listed, carried out on the old version, gives the new one."""

import json
from collections.abc import Iterable
from typing import Any, assert_never

from attrs import evolve, fields
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowkit.workflows.codec import dump
from flowkit.workflows.diff import Fate, diff
from flowkit.workflows.diff.changes import (
    ActionAdded,
    ActionRemoved,
    ActionReplaced,
    ActionsReordered,
    Change,
    ConditionChanged,
    ContentChanged,
    DetachedChanged,
    EdgeChanged,
    NodeAdded,
    NodeRemoved,
    NodeRenamed,
    ParameterChanged,
    ThresholdChanged,
    TimeChanged,
    TimePart,
    TriggerChanged,
    VisitsChanged,
    WorkflowChanged,
)
from flowkit.workflows.model import Action, Node, UpdateSegments, Workflow
from tests.support import strategies

# ------------------------------------------------------------------------------------------------------------
# Carrying changes out


def applied(workflow: Workflow, changes: Iterable[Change]) -> Workflow:
    for change in changes:
        workflow = carried_out(workflow, change)
    return workflow


def carried_out(workflow: Workflow, change: Change) -> Workflow:
    match change:
        case WorkflowChanged(name=name, new=new):
            return evolve(workflow, **{name: new})
        case TriggerChanged(name=name, new=new):
            trigger = workflow.trigger
            if name.startswith("entry."):
                return evolve(
                    workflow, trigger=evolve(trigger, entry=evolve(trigger.entry, **{name.removeprefix("entry."): new}))
                )
            return evolve(workflow, trigger=evolve(trigger, **{name: new}))
        case NodeAdded(node):
            return evolve(workflow, nodes={**workflow.nodes, node.node_id: node})
        case NodeRemoved(node):
            return evolve(workflow, nodes={key: one for key, one in workflow.nodes.items() if key != node.node_id})
        case _:
            node = in_node(workflow.nodes[change.node_id], change)
            return evolve(workflow, nodes={**workflow.nodes, change.node_id: node})


def in_node(node: Node, change: Any) -> Node:
    actions = list(node.actions)
    match change:
        case NodeRenamed(new=new):
            return evolve(node, name=new)
        case ConditionChanged(new=new):
            return evolve(node, condition=new)
        case ThresholdChanged(name=name, new=new):
            return evolve(node, engagement_threshold=with_item(node.engagement_threshold, name, new))
        case VisitsChanged(new=new):
            return evolve(node, max_visits=new)
        case EdgeChanged(action_id=None, label=label, new=new):
            return evolve(node, next_nodes=with_item(node.next_nodes, label, new))
        case ActionAdded(index=index, action=action):
            actions.insert(index, action)
        case ActionRemoved(action=action):
            actions.remove(action)
        case ActionsReordered(old=old, new=new):
            assert tuple(action.action_id for action in actions) == old
            actions.sort(key=lambda action: new.index(action.action_id))
        case _:
            actions = [in_action(one, change) if one.action_id == change.action_id else one for one in actions]
    return evolve(node, actions=actions)


def in_action(action: Action, change: Any) -> Action:
    match change:
        case EdgeChanged(label=label, new=new):
            return evolve(action, **{label: new})
        case DetachedChanged(new=new):
            return evolve(action, detached=new)
        case TimeChanged(part=TimePart.DELAY, new=new):
            return evolve(action, delay=new)
        case TimeChanged(part=part, new=new):
            return evolve(action, do=evolve(action.do, **{str(part): new}))
        case ActionReplaced(new=new):
            return evolve(action, do=new)
        case ParameterChanged(name=name, new=new) | ContentChanged(name=name, new=new):
            return evolve(action, do=evolve(action.do, **{name: new}))
        case _:
            assert_never(change)


def with_item(items: Any, name: str, value: object) -> dict[str, Any]:
    return {key: one for key, one in {**items, name: value}.items() if one is not None}


# ------------------------------------------------------------------------------------------------------------
# An editor


@st.composite
def edits(draw: st.DrawFn) -> tuple[Workflow, Workflow]:
    """A workflow, and what an editor at random makes of it."""
    old = draw(strategies.workflows())
    other = draw(strategies.workflows())
    new = old
    for _ in range(draw(st.integers(1, 6))):
        new = draw(edited(new, other))
    return old, new


@st.composite
def edited(draw: st.DrawFn, workflow: Workflow, other: Workflow) -> Workflow:
    what = draw(st.sampled_from(["node", "node", "node", "add", "remove", "trigger", "entry", "workflow", "move"]))
    nodes = dict(workflow.nodes)
    key = draw(st.sampled_from(sorted(nodes)))
    match what:
        case "add":
            node = draw(st.sampled_from(sorted(other.nodes.values(), key=lambda one: one.node_id)))
            nodes[node.node_id] = node
        case "remove" if len(nodes) > 1:
            del nodes[key]
        case "move":
            target = draw(st.sampled_from(sorted(nodes)))
            if nodes[key].actions:
                moved = nodes[key].actions[0]
                nodes[key] = evolve(nodes[key], actions=nodes[key].actions[1:])
                rest = [one for one in nodes[target].actions if one.action_id != moved.action_id]
                nodes[target] = evolve(nodes[target], actions=[*rest, moved])
        case "trigger":
            drawn, entry = draw(strategies.triggers), workflow.trigger.entry
            return evolve(workflow, trigger=evolve(drawn, entry=draw(st.sampled_from([entry, drawn.entry]))))
        case "entry":
            entry = evolve(
                workflow.trigger.entry, reentry=other.trigger.entry.reentry, key=draw(st.none() | strategies.ids)
            )
            return evolve(workflow, trigger=evolve(workflow.trigger, entry=entry))
        case "workflow":
            name = draw(st.sampled_from([one.name for one in fields(Workflow) if one.name not in {"nodes", "trigger"}]))
            return evolve(workflow, **{name: getattr(other, name)})
        case _:
            nodes[key] = draw(edited_nodes(nodes[key]))
    return evolve(workflow, nodes=nodes)


@st.composite
def edited_nodes(draw: st.DrawFn, node: Node) -> Node:
    what = draw(
        st.sampled_from(["name", "condition", "threshold", "edges", "order", "drop", "new", "action", "action"])
    )
    actions = list(node.actions)
    match what:
        case "name":
            return evolve(node, name=draw(strategies.texts))
        case "condition":
            return evolve(node, condition=draw(strategies.conditions))
        case "threshold":
            drawn = draw(st.dictionaries(st.sampled_from(["opens", "clicks"]), st.integers(0, 2), max_size=2))
            return evolve(node, engagement_threshold=drawn)
        case "edges":
            return evolve(node, next_nodes=draw(st.dictionaries(st.sampled_from("xy"), strategies.ids, max_size=2)))
        case "order":
            return evolve(node, actions=draw(st.permutations(actions)))
        case "drop" if actions:
            actions.pop(draw(st.integers(0, len(actions) - 1)))
        case "new":
            taken = {one.action_id for one in actions}
            name = draw(strategies.ids.filter(lambda one: one not in taken))
            actions.insert(draw(st.integers(0, len(actions))), Action(name, draw(strategies.operations)))
        case "action" if actions:
            index = draw(st.integers(0, len(actions) - 1))
            field, values = draw(
                st.sampled_from(
                    [
                        ("do", strategies.operations),
                        ("do", st.just(UpdateSegments(add=("a",)))),
                        ("delay", strategies.durations),
                        ("success_path", st.none() | strategies.ids),
                        ("failure_path", st.none() | strategies.ids),
                    ]
                )
            )
            actions[index] = evolve(actions[index], **{field: draw(values)})
        case _:
            pass
    return evolve(node, actions=actions)


# ------------------------------------------------------------------------------------------------------------
# Laws

slow = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
)


def spelled(workflow: Workflow) -> str:
    return json.dumps(dump(workflow), sort_keys=True)


@slow
@given(strategies.workflows())
def test_nothing_is_different_from_itself(workflow):
    found = diff(workflow, workflow)
    assert found.changes == ()
    assert {one.fate for one in found.continuations} <= {Fate.KEPT}
    assert found.text == "nothing changed"


@slow
@given(edits() | st.tuples(strategies.workflows(), strategies.workflows()))
def test_the_changes_carried_out_on_the_old_version_give_the_new_one(versions):
    old, new = versions
    found = diff(old, new)
    assert applied(old, found.changes) == new
    assert spelled(applied(old, found.changes)) == spelled(new)
    assert (found.changes == ()) == (spelled(old) == spelled(new))
    assert all(line.isprintable() for line in found.text.splitlines())
    assert len(found.text.split("\n")) >= max(1, len(found.changes))


@slow
@given(edits())
def test_each_change_is_needed(versions):
    old, new = versions
    changes = diff(old, new).changes
    for index, change in enumerate(changes):
        others = (*changes[:index], *changes[index + 1 :])
        if isinstance(change, (ActionAdded, ActionRemoved, ActionsReordered)):
            continue  # Places that later changes count on.
        assert diff(applied(old, others), new).changes != ()


@slow
@given(edits() | st.tuples(strategies.workflows(), strategies.workflows()))
def test_every_place_has_one_continuation_which_is_a_place_of_the_new_version(versions):
    old, new = versions
    found = diff(old, new)
    places = [
        (key, action_id)
        for key, node in old.nodes.items()
        for action_id in ([action.action_id for action in node.actions] or [None])
    ]
    assert [(one.old.node_id, one.old.action_id) for one in found.continuations] == places
    for one in found.continuations:
        if one.new is None:
            assert one.fate is Fate.NEEDS_TARGET
            assert one.old.node_id not in new.nodes
            continue
        ids = [action.action_id for action in new.nodes[one.new.node_id].actions]
        assert one.new.action_id is None or one.new.action_id in ids
        match one.fate:
            case Fate.KEPT:
                assert one.new == one.old
            case Fate.MOVED:
                assert one.new.node_id != one.old.node_id
                assert one.new.action_id == one.old.action_id
            case _:
                assert one.new.node_id == one.old.node_id
                assert one.old.action_id not in ids

"""Woven workflows: whatever the workflow and whatever is changed, each arm goes through its own variant."""

from attrs import evolve
from hypothesis import event, given
from hypothesis import strategies as st

from flowkit.experiments.changes import ReplaceNode
from flowkit.experiments.compiling import compile_variants
from flowkit.experiments.model import Experiment, Metric, Variant
from flowkit.experiments.weaving import split_node, weave
from flowkit.testing.strategies import workflows
from flowkit.workflows.codec import dump, load
from flowkit.workflows.model import END, Action, UpdateSegments, WaitUntil
from flowkit.workflows.waits import GoTo, ProfileDate

ARMS = ("control", "a", "b")
ID = "test"


def marked(node, arm):
    """The node with one more action, so that it differs in this arm."""
    return evolve(node, actions=[Action("mark", UpdateSegments(add=(arm,))), *node.actions])


@st.composite
def experiments(draw, workflow):
    """An experiment whose treatments change some nodes each, or none."""
    variants = [Variant("control", "control", weight=50)]
    for arm in ARMS[1:]:
        some = draw(st.sets(st.sampled_from(sorted(workflow.nodes))))
        changes = [ReplaceNode(name, marked(workflow.nodes[name], arm)) for name in sorted(some)]
        variants.append(Variant(arm, arm, weight=25, changes=changes))
    return Experiment(
        experiment_id=ID,
        name=ID,
        workflow_id=workflow.workflow_id,
        variants=variants,
        primary=Metric("opened", "email_open"),
    )


def as_seen_by(arm, woven, originals):
    """A woven workflow as one arm goes through it: no splits of the experiment, and every node by its own name."""
    splits = {split_node(name, ID): name for name in originals}

    def place(target):
        return woven.nodes[target].next_nodes[arm] if target in splits else target

    names = {place(name): original for name, original in splits.items() if name in woven.nodes}

    def led(target):
        return target if target in {None, END} else names.get(place(target), place(target))

    def instead(way):
        return GoTo(led(way.target)) if isinstance(way, GoTo) else way

    def plain(operation):
        if isinstance(operation, WaitUntil) and isinstance(operation.rule, ProfileDate):
            rule = operation.rule
            rule = evolve(rule, on_missing=instead(rule.on_missing), on_past=instead(rule.on_past))
            return evolve(operation, rule=rule)
        return operation

    found, waiting = {}, [place(woven.entry_node)]
    while waiting:
        here = waiting.pop()
        name = names.get(here, here)
        if name in found:
            continue
        node = woven.nodes[here]
        actions = [
            evolve(one, do=plain(one.do), success_path=led(one.success_path), failure_path=led(one.failure_path))
            for one in node.actions
        ]
        ways = {label: led(target) for label, target in node.next_nodes.items()}
        found[name] = evolve(node, node_id=name, name=originals[name].name, actions=actions, next_nodes=ways)
        waiting += [place(target) for target in targets(node) if target != END]
    return found


def targets(node):
    yield from node.next_nodes.values()
    for action in node.actions:
        yield from (path for path in (action.success_path, action.failure_path) if path is not None)
        if isinstance(action.do, WaitUntil) and isinstance(action.do.rule, ProfileDate):
            ways = (action.do.rule.on_missing, action.do.rule.on_past)
            yield from (way.target for way in ways if isinstance(way, GoTo))


def reachable(workflow):
    found, waiting = {}, [workflow.entry_node]
    while waiting:
        here = waiting.pop()
        if here not in found:
            found[here] = workflow.nodes[here]
            waiting += [target for target in targets(found[here]) if target != END]
    return found


@given(st.data(), workflows())
def test_each_arm_goes_through_its_own_variant(data, workflow):
    experiment = data.draw(experiments(workflow))
    woven = weave(workflow, [experiment])
    assert load(dump(woven)).nodes.keys() == woven.nodes.keys()  # it is sound, or it would be refused
    variants = compile_variants(experiment, workflow).workflows
    for arm in ARMS:
        assert as_seen_by(arm, woven, workflow.nodes) == reachable(variants[arm])
    added = [name for name in woven.nodes if name.endswith(f"@{ID}")]
    event(f"splits: {min(len(added), 3)}")


@given(workflows())
def test_an_experiment_that_changes_nothing_leaves_the_graph_as_it_is(workflow):
    variants = [Variant(arm, arm, weight=weight) for arm, weight in zip(ARMS, (50, 25, 25), strict=True)]
    experiment = Experiment(
        experiment_id=ID, name=ID, workflow_id="w", variants=variants, primary=Metric("opened", "email_open")
    )
    woven = weave(workflow, [experiment])
    assert (woven.nodes, woven.entry_node) == (workflow.nodes, workflow.entry_node)

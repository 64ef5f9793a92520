"""Where the ways out of a node lead, told without the code that draws or checks them."""

from flowkit.workflows.control import Branch, Exit, Split, WaitForEvent
from flowkit.workflows.model import Node, Workflow


def targets(workflow: Workflow, node: Node) -> set[str]:
    """The targets of a node; the place at which a run is complete without a way is ``"(nowhere)"``, or the end."""
    nowhere = "(nowhere)" if "end" in workflow.nodes else "end"
    found = {path for action in node.actions for path in (action.success_path, action.failure_path) if path}
    last = node.actions[-1].do if node.actions else None
    bounded = node.max_visits is not None
    for label, target in node.next_nodes.items():
        if not isinstance(last, Exit) or (bounded and label == "exhausted"):
            found.add(target)
    chosen = {"exhausted"} if bounded else set()
    if isinstance(last, (Branch, Split, WaitForEvent)) and "default" not in node.next_nodes:
        chosen.update(last.labels)
    return found | ({nowhere} if chosen - node.next_nodes.keys() else set())

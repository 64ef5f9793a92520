"""Rules about workflows side by side: what one of them takes for granted of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowkit.problems import short, suggestion
from flowkit.workflows.links import StartWorkflow
from flowkit.workflows.lint.links import leads
from flowkit.workflows.lint.model import JointBreach
from flowkit.workflows.lint.names import alike
from flowkit.workflows.model import Workflow

__all__ = ["duplicate_workflow_ids", "duplicate_workflow_names", "groups_of_one", "unknown_starts"]


def duplicate_workflow_ids(workflows: Sequence[Workflow]) -> Iterator[JointBreach]:
    """Find workflows that have the id of an earlier one."""
    seen: set[str] = set()
    for workflow in workflows:
        if workflow.workflow_id in seen:
            message = "another workflow has this id, and the one that is published later replaces it"
            yield JointBreach(workflow.workflow_id, "/workflow_id", f"{message}; give each an id of its own")
        seen.add(workflow.workflow_id)


def duplicate_workflow_names(workflows: Sequence[Workflow]) -> Iterator[JointBreach]:
    """Find workflows that have the name of an earlier one."""
    seen: dict[str, str] = {}
    for workflow in workflows:
        name = alike(workflow.name)
        first = seen.setdefault(name, workflow.workflow_id)
        if name and first != workflow.workflow_id:
            message = f"{short(first)} is called {short(workflow.name)} too, and people cannot tell them apart"
            yield JointBreach(workflow.workflow_id, "/name", f"{message}; give each a name of its own")


def groups_of_one(workflows: Sequence[Workflow]) -> Iterator[JointBreach]:
    """Find exclusion groups in which there is nobody to exclude."""
    members: dict[str, set[str]] = {}
    for workflow in workflows:
        group = workflow.trigger.entry.exclusion_group
        if group is not None:
            members.setdefault(group, set()).add(workflow.workflow_id)
    for workflow in workflows:
        group = workflow.trigger.entry.exclusion_group
        if group is not None and members[group] == {workflow.workflow_id}:
            message = (
                f"no other workflow is in the group {short(group)}, so it keeps nobody out; "
                "put the others in, or leave it out"
            )
            yield JointBreach(workflow.workflow_id, "/trigger/entry/exclusion_group", message)


def unknown_starts(workflows: Sequence[Workflow]) -> Iterator[JointBreach]:
    """Find actions that start a workflow which is none of these."""
    known = {workflow.workflow_id: None for workflow in workflows}
    for workflow in workflows:
        for lead in leads(workflow):
            if isinstance(lead.do, StartWorkflow) and lead.do.workflow_id not in known:
                name = lead.do.workflow_id
                message = f"none of these workflows is {short(name)}; {suggestion(name, known)}"
                yield JointBreach(workflow.workflow_id, f"{lead.path}/parameters/workflow_id", message)

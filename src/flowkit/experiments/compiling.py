"""The variants of an experiment as whole workflows: each change applied, and the result held to the rules."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from flowkit.errors import DocumentError, Problem
from flowkit.experiments.changes import apply_all
from flowkit.experiments.model import Experiment, Variant
from flowkit.problems import pointer, short
from flowkit.workflows.check import check
from flowkit.workflows.codec import validate
from flowkit.workflows.lint.model import Finding
from flowkit.workflows.model import Workflow

__all__ = ["Compiled", "compile_variants"]


@frozen
class Compiled:
    """The workflows of an experiment.

    Attributes:
        workflows: One for each variant, by its name; that of the control is the workflow as it is.
        findings: What the lint says of each that it does not say of the workflow itself.
    """

    workflows: Mapping[str, Workflow]
    findings: Mapping[str, tuple[Finding, ...]]


def compile_variants(experiment: Experiment, workflow: Workflow) -> Compiled:
    """Apply every variant to the workflow, and lint what comes out.

    Raises:
        DocumentError: The experiment is about another workflow, a change does not fit, or a variant is a workflow that
            is refused. Paths are those of the experiment's document; all variants are looked at.
    """
    if experiment.workflow_id != workflow.workflow_id:
        message = f"is about {short(experiment.workflow_id)}, and not about {short(workflow.workflow_id)}"
        raise DocumentError([Problem("wrong_workflow", "/workflowId", message=message)])
    known = {(one.rule, one.path) for one in check(workflow)}
    workflows: dict[str, Workflow] = {}
    findings: dict[str, tuple[Finding, ...]] = {}
    problems: list[Problem] = []
    for variant in experiment.variants:
        try:
            made = _compiled(variant, workflow)
        except DocumentError as error:
            problems += error.problems
            continue
        workflows[variant.variant_id] = made
        findings[variant.variant_id] = tuple(one for one in check(made) if (one.rule, one.path) not in known)
    if problems:
        raise DocumentError(problems)
    return Compiled(workflows, findings)


def _compiled(variant: Variant, workflow: Workflow) -> Workflow:
    if not variant.changes:
        return workflow
    path = pointer(pointer("/variants", variant.variant_id), "changes")
    made = apply_all(variant.changes, workflow, path)
    try:
        validate(made)
    except DocumentError as error:
        said = [
            Problem(one.code, path, message=f"the variant is no sound workflow: {one.path} {one.message}")
            for one in error.problems
        ]
        raise DocumentError(said) from error
    return made

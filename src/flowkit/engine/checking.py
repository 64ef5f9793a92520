"""The lint with all that an engine knows: its ports, and what is live beside the workflow."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.engine.sources import template_ids
from flowkit.ports import Templates
from flowkit.rendering.engine import subject_names, template_names
from flowkit.workflows.check import Finding, Severity, check, check_together
from flowkit.workflows.lint.model import TemplateNames
from flowkit.workflows.model import SendEmail, Workflow

__all__ = ["checked"]

_ORDER: Final = tuple(Severity)


async def checked(
    parts: Parts, workflow: Workflow, attributes: Collection[str] | None, unsubscribe: Collection[str] | None
) -> tuple[Finding, ...]:
    """Look at a workflow by itself, and at what it and the live ones do to each other."""
    renders = parts.templates is not None
    given = frozenset[str]() if parts.mail is None else parts.mail.given
    if given:
        # The policy fills them in, whatever the profiles have.
        unsubscribe = given.union(unsubscribe or ())
        attributes = None if attributes is None else given.union(attributes)
    found = check(
        workflow,
        attributes=_given(parts, attributes),
        channels=parts.channels,
        handlers=parts.handlers,
        predicates=parts.predicates,
        subjects=_subjects(workflow) if renders else None,
        templates=None if parts.templates is None else await _templates(workflow, parts.templates),
        unsubscribe=unsubscribe,
    )
    joint = _beside(workflow, parts.catalogue.live_workflows())
    return tuple(sorted((*found, *joint), key=lambda finding: _ORDER.index(finding.severity)))


def _given(parts: Parts, attributes: Collection[str] | None) -> Collection[str] | None:
    """Add to the attributes of profiles what a personalization gives messages besides."""
    how = parts.personalization
    return attributes if attributes is None or how is None else {*attributes, *how.tags}


def _beside(workflow: Workflow, live: Collection[Workflow]) -> Collection[Finding]:
    """Find what concerns the given workflow, as if it were live in place of the one of its id."""
    others = [one for one in live if one.workflow_id != workflow.workflow_id]
    # A name that is taken is told of the later of two, and a circle of the first in it.
    found = [*check_together([*others, workflow]), *check_together([workflow, *others])]
    own = (finding for finding in found if finding.workflow_id == workflow.workflow_id)
    once: dict[tuple[str, str], Finding] = {}
    for finding in own:
        # In another order, the same thing may be told in other words.
        once.setdefault((finding.rule, finding.path), finding)
    return once.values()


async def _templates(workflow: Workflow, port: Templates) -> Mapping[str, TemplateNames]:
    found: dict[str, TemplateNames] = {}
    for template_id in sorted(template_ids(workflow)):
        template = await resolve("templates.template", port.template(template_id))
        if template is not None:
            found[template_id] = template_names(template)
    return found


def _subjects(workflow: Workflow) -> Mapping[str, TemplateNames]:
    return {
        action.do.subject: subject_names(action.do.subject)
        for node in workflow.nodes.values()
        for action in node.actions
        if isinstance(action.do, SendEmail) and action.do.subject is not None
    }

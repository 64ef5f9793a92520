"""The lint: what is wrong with a workflow, and what is only odd.

Its rules stand in `flowkit.workflows.lint`. Those that refuse a workflow take time linear in the size of its graph, and
do not recurse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from flowkit.workflows.lint.model import Finding, Host, Severity, TemplateNames
from flowkit.workflows.lint.rules import HOST_RULES, JOINT_RULES, RULES
from flowkit.workflows.model import Workflow

__all__ = ["Finding", "Severity", "check", "check_together", "errors"]

_ORDER: Final = tuple(Severity)


def check(
    workflow: Workflow,
    *,
    attributes: Collection[str] | None = None,
    channels: Collection[str] | None = None,
    handlers: Collection[str] | None = None,
    predicates: Collection[str] | None = None,
    subjects: Mapping[str, TemplateNames] | None = None,
    templates: Mapping[str, TemplateNames | None] | None = None,
    unsubscribe: Collection[str] | None = None,
) -> tuple[Finding, ...]:
    """Look at a workflow: its graph, its actions, its conditions, its trigger, and what it asks of its host.

    What is None is not known, and the rules that need it say nothing.

    Args:
        workflow: What is looked at.
        attributes: All attributes that a profile may have, but for those that the workflow itself sets.
        channels: The channels beside e-mail that there are senders for.
        handlers: The names of the handlers that the engine has.
        predicates: The names of the host's own conditions.
        subjects: What the subjects that actions have of their own read, by their text.
        templates: The templates by id, with what each reads; None for one of which that is not known.
        unsubscribe: The attributes of which each stands for a link to unsubscribe.

    Returns:
        What was found: the errors, then the warnings, then what is worth a thought.
    """
    host = Host(
        attributes=attributes,
        channels=channels,
        handlers=handlers,
        predicates=predicates,
        subjects=subjects,
        templates=templates,
        unsubscribe=unsubscribe or None,
    )
    found = [*_findings(workflow, Severity)]
    for rule in HOST_RULES:
        if rule.is_told(host):
            breaches = rule.find(workflow, host)
            found += (Finding(rule.id, rule.severity, path=path, message=message) for path, message in breaches)
    return _by_severity(found)


def check_together(workflows: Iterable[Workflow]) -> tuple[Finding, ...]:
    """Look at what workflows that are live side by side do to each other; each by itself is for `check`.

    Returns:
        What was found: the errors, then the warnings. Each names its workflow.
    """
    several = tuple(workflows)
    return _by_severity(
        Finding(rule.id, rule.severity, path=path, message=message, workflow_id=workflow_id)
        for rule in JOINT_RULES
        for workflow_id, path, message in rule.find(several)
    )


def errors(workflow: Workflow) -> Iterator[Finding]:
    """Find what refuses a workflow, one by one.

    Yields:
        ``unknown_target`` for an entry or a way out that leads to no node; ``endless_loop`` for a cycle, reachable or
        not, that no positive wait or delay interrupts on that very path; ``unreachable_action`` and
        ``path_of_detached`` for what can never be done or taken.
    """
    return _findings(workflow, (Severity.ERROR,))


def _findings(workflow: Workflow, severities: Iterable[Severity]) -> Iterator[Finding]:
    asked = frozenset(severities)
    for rule in RULES:
        if rule.severity in asked:
            for path, message in rule.find(workflow):
                yield Finding(rule.id, rule.severity, path=path, message=message)


def _by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity)))

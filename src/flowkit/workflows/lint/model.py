"""What a rule of the lint is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from attrs import field, frozen

from flowkit.workflows.model import Workflow

__all__ = ["Breach", "Finding", "HostRule", "JointBreach", "JointRule", "Rule", "Severity"]


class Severity(StrEnum):
    """What a finding leads to."""

    ERROR = "error"
    """The workflow is refused."""
    WARNING = "warning"
    """The workflow runs; somebody should look at it."""
    INFO = "info"
    """The workflow runs as it is written; something in it has no effect, or is worth a thought."""


@frozen
class Finding:
    """One thing that the lint has found.

    Attributes:
        rule: Which rule speaks, by its id; all are listed on the page about the lint.
        severity: What it leads to.
        path: Where, as a JSON Pointer into the workflow's document.
        message: What is wrong and what to do.
        workflow_id: In which workflow, where several were looked at together; None where one was.
    """

    rule: str
    severity: Severity
    path: str = field(kw_only=True)
    message: str = field(kw_only=True)
    workflow_id: str | None = field(default=None, kw_only=True)


class Breach(NamedTuple):
    """Where a rule is broken.

    Attributes:
        path: A JSON Pointer into the workflow's document.
        message: What is wrong there and what to do.
    """

    path: str
    message: str


class JointBreach(NamedTuple):
    """Where a rule about several workflows is broken.

    Attributes:
        workflow_id: In which of them.
        path: A JSON Pointer into its document.
        message: What is wrong there and what to do.
    """

    workflow_id: str
    path: str
    message: str


_Find: TypeAlias = Callable[[Workflow], Iterator[Breach]]
_FindUnknown: TypeAlias = Callable[[Workflow, Collection[str]], Iterator[Breach]]
_FindTogether: TypeAlias = Callable[[Sequence[Workflow]], Iterator[JointBreach]]


@frozen
class Rule:
    """A rule about one workflow.

    Attributes:
        id: Its name for ever.
        severity: What breaking it leads to.
        summary: What it looks for, in half a sentence.
        why: What happens where it is broken.
        remedy: What to do then.
        find: Gives the places where it is broken; total, whatever else is wrong with the workflow.
    """

    id: str
    severity: Severity
    summary: str = field(kw_only=True)
    why: str = field(kw_only=True)
    remedy: str = field(kw_only=True)
    find: _Find = field(kw_only=True)


@frozen
class HostRule:
    """A rule about a workflow and the names that a host has; its other fields are those of `Rule`.

    Attributes:
        find: Gives the places where a name is none of those that are known.
    """

    id: str
    severity: Severity
    summary: str = field(kw_only=True)
    why: str = field(kw_only=True)
    remedy: str = field(kw_only=True)
    find: _FindUnknown = field(kw_only=True)


@frozen
class JointRule:
    """A rule about several workflows; its fields are those of `Rule`."""

    id: str
    severity: Severity
    summary: str = field(kw_only=True)
    why: str = field(kw_only=True)
    remedy: str = field(kw_only=True)
    find: _FindTogether = field(kw_only=True)

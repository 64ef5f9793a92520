"""What a rule of the lint is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from attrs import field, frozen

from flowkit.workflows.model import Workflow

__all__ = [
    "Breach",
    "Finding",
    "Host",
    "HostRule",
    "JointBreach",
    "JointRule",
    "Knowledge",
    "Names",
    "Rule",
    "Severity",
    "TemplateNames",
]


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


# ------------------------------------------------------------------------------------------------------------
# What a host knows


def _as_set(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


@frozen(kw_only=True)
class Names:
    """What a text reads.

    Attributes:
        attributes: The subscriber's attributes, by their first names.
        variables: The run's variables.
    """

    attributes: frozenset[str] = field(default=frozenset(), converter=_as_set)
    variables: frozenset[str] = field(default=frozenset(), converter=_as_set)


NO_NAMES: Final = Names()


@frozen(kw_only=True)
class TemplateNames:
    """What a template reads, and what it cannot do without; for a subject of its own in a workflow likewise.

    Attributes:
        read: What its HTML part and its plain part read at all.
        printed: What these print, and have nothing to print instead of: the message is skipped where it is missing.
        subject: What its subject prints so; an action that has a subject of its own does not ask for it.
        fault: Why it cannot be compiled, with the line; None where it can.
    """

    read: Names = NO_NAMES
    printed: Names = NO_NAMES
    subject: Names = NO_NAMES
    fault: str | None = None


@frozen(kw_only=True)
class Host:
    """What is known of the host that is to carry a workflow out; None stands for what is not known.

    Attributes:
        attributes: All attributes that a profile may have, but for those that the workflow itself sets.
        channels: The channels beside e-mail that there are senders for.
        handlers: The names of the handlers.
        predicates: The names of the host's own conditions.
        subjects: What the subjects that actions have of their own read, by their text.
        templates: The templates by id; None for one of which no more is known than that it is there.
        unsubscribe: The attributes of which each stands for a link to unsubscribe.
    """

    attributes: Collection[str] | None = None
    channels: Collection[str] | None = None
    handlers: Collection[str] | None = None
    predicates: Collection[str] | None = None
    subjects: Mapping[str, TemplateNames] | None = None
    templates: Mapping[str, TemplateNames | None] | None = None
    unsubscribe: Collection[str] | None = None


class Knowledge(StrEnum):
    """What a rule may have to know of the host: the arguments of `check`."""

    CHANNELS = "channels"
    HANDLERS = "handlers"
    PREDICATES = "predicates"
    TEMPLATES = "templates"
    UNSUBSCRIBE = "unsubscribe"


# ------------------------------------------------------------------------------------------------------------
# Rules

_Find: TypeAlias = Callable[[Workflow], Iterator[Breach]]
_FindAt: TypeAlias = Callable[[Workflow, Host], Iterator[Breach]]
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
    """A rule about a workflow and the host that is to carry it out; its other fields are those of `Rule`.

    Attributes:
        needs: What has to be known of the host; where it is not, the rule says nothing.
        find: Gives the places where it is broken, where that is known.
    """

    id: str
    severity: Severity
    summary: str = field(kw_only=True)
    why: str = field(kw_only=True)
    remedy: str = field(kw_only=True)
    needs: tuple[Knowledge, ...] = field(kw_only=True)
    find: _FindAt = field(kw_only=True)

    def is_told(self, host: Host) -> bool:
        """Whether as much is known of a host as the rule needs."""
        return all(getattr(host, need) is not None for need in self.needs)


@frozen
class JointRule:
    """A rule about several workflows; its fields are those of `Rule`."""

    id: str
    severity: Severity
    summary: str = field(kw_only=True)
    why: str = field(kw_only=True)
    remedy: str = field(kw_only=True)
    find: _FindTogether = field(kw_only=True)

"""The one tree of errors: each says what is wrong, where, and what to do, and carries the data to act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from attrs import field, frozen

__all__ = [
    "ConfigurationError",
    "ConflictError",
    "DocumentError",
    "EventsRejected",
    "FlowkitError",
    "MigrationRefused",
    "PortSuspended",
    "Problem",
    "RetryTransaction",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreUnavailable",
    "StoreVersionError",
    "UnknownHandler",
    "UnknownRun",
    "UnknownTarget",
    "UnknownWorkflow",
    "UnsafeServer",
]

_LISTED: Final = 5


class FlowkitError(Exception):
    """The root of every error that flowkit raises on purpose."""


@frozen
class Problem:
    """One thing that is wrong in a document.

    Attributes:
        code: A stable word to switch on: ``missing_field``, ``unknown_field``, ``wrong_type``, ``out_of_range``, ...
        path: Where, as a JSON Pointer (RFC 6901); ``""`` is the whole document.
        message: What is wrong and what to write instead.
    """

    code: str
    path: str
    message: str = field(kw_only=True)

    def __str__(self) -> str:
        return f"{self.path or '(document)'}: {self.message} [{self.code}]"


class DocumentError(FlowkitError):
    """A document, or a value given for one, is not acceptable; every problem found is listed at once.

    Attributes:
        problems: What is wrong, in the order of the document; never empty.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[DocumentError], tuple[Sequence[Problem]]]:
        return (type(self), (self.problems,))


class MigrationRefused(FlowkitError):
    """Runs stand at nodes that the version to which they are to go over does not have; nothing was changed.

    Attributes:
        workflow_id: Of which workflow.
        nodes: How many runs stand at each such node, by node.
    """

    def __init__(self, workflow_id: str, nodes: Mapping[str, int]) -> None:
        self.workflow_id = workflow_id
        self.nodes: Mapping[str, int] = dict(nodes)
        listed = ", ".join(f"{node!r} ({count})" for node, count in islice(self.nodes.items(), _LISTED))
        more = f" and {len(self.nodes) - _LISTED} more" if len(self.nodes) > _LISTED else ""
        super().__init__(
            f"runs of workflow {workflow_id!r} stand at nodes that are gone: {listed}{more}; "
            f"say where they go on, as targets={{node: another}}, or 'exit'"
        )

    def __reduce__(self) -> tuple[type[MigrationRefused], tuple[str, Mapping[str, int]]]:
        return (type(self), (self.workflow_id, self.nodes))


class UnknownTarget(FlowkitError):
    """Targets of a migration are no nodes of the version to which runs are to go over; nothing was changed.

    Attributes:
        targets: Those targets, by the node that they were given for.
    """

    def __init__(self, targets: Mapping[str, str]) -> None:
        self.targets: Mapping[str, str] = dict(targets)
        listed = ", ".join(f"{target!r} (for {node!r})" for node, target in islice(self.targets.items(), _LISTED))
        super().__init__(f"targets are no nodes of the new version: {listed}; name nodes of it, or 'exit'")

    def __reduce__(self) -> tuple[type[UnknownTarget], tuple[Mapping[str, str]]]:
        return (type(self), (self.targets,))


class EventsRejected(FlowkitError):
    """Some events of a batch cannot be kept, and were not accepted; all others were.

    Attributes:
        rejected: What is wrong with each, by its place in the batch, from 0.
    """

    def __init__(self, rejected: Mapping[int, DocumentError]) -> None:
        self.rejected: Mapping[int, DocumentError] = dict(rejected)
        listed = "; ".join(f"event {index}: {error}" for index, error in islice(self.rejected.items(), _LISTED))
        more = f"; and {len(self.rejected) - _LISTED} more" if len(self.rejected) > _LISTED else ""
        super().__init__(f"{len(self.rejected)} events were rejected, all others are accepted: {listed}{more}")

    def __reduce__(self) -> tuple[type[EventsRejected], tuple[Mapping[int, DocumentError]]]:
        return (type(self), (self.rejected,))


class ConfigurationError(FlowkitError):
    """The engine or an adapter was put together in a way that cannot keep its promises."""


class UnsafeServer(ConfigurationError):
    """A server's settings let it lose what it has accepted, so the store refuses to be opened on it.

    Attributes:
        setting: The setting.
        value: What it is.
    """

    def __init__(self, setting: str, value: str, remedy: str) -> None:
        self.setting = setting
        self.value = value
        super().__init__(f"the server has {setting} {value}: {remedy}")


class UnknownHandler(ConfigurationError):
    """A workflow has an action of the host's own for which the engine was given no handler.

    Attributes:
        workflow_id: Which workflow.
        path: Where it names the handler, as a JSON Pointer into its document.
        name: The name.
        known: The names that the engine knows.
    """

    def __init__(self, workflow_id: str, path: str, name: str, known: Iterable[str]) -> None:
        self.workflow_id = workflow_id
        self.path = path
        self.name = name
        self.known: Sequence[str] = tuple(known)
        listed = ", ".join(map(repr, self.known)) or "none"
        super().__init__(
            f"workflow {workflow_id!r}, {path}: no handler is called {name!r}; known are {listed}: "
            f"give the engine handlers={{{name!r}: ...}}"
        )

    def __reduce__(self) -> tuple[type[UnknownHandler], tuple[str, str, str, Sequence[str]]]:
        return (type(self), (self.workflow_id, self.path, self.name, self.known))


class PortSuspended(FlowkitError):
    """A port had to wait under ``Engine``, which has no event loop; use ``AsyncEngine`` or a port that does not wait.

    Attributes:
        port: The port and method that suspended, such as ``sender.send``.
    """

    def __init__(self, port: str) -> None:
        self.port = port
        super().__init__(
            f"{port} suspended, but Engine runs without an event loop: "
            f"use AsyncEngine, or give a port that returns at once"
        )

    def __reduce__(self) -> tuple[type[PortSuspended], tuple[str]]:
        return (type(self), (self.port,))


class UnknownWorkflow(FlowkitError):
    """No workflow of that id is published in this store."""


class UnknownRun(FlowkitError):
    """No run of that id is held by this store."""


class StoreError(FlowkitError):
    """A store could not do what was asked; nothing of the call was kept."""


class StoreBusy(StoreError):
    """The store stayed locked for longer than its time-out; nothing was written, so the call may be made again."""


class StoreUnavailable(StoreError):
    """The server of a store is out of reach, or was lost on the way; the same call may be made again.

    Where it was lost while it wrote, the call may have been kept: then the same events are known when they are told
    again, and a worker's claim is found by the next one.
    """


class StoreFull(StoreError):
    """There is no room for what was to be written, and nothing of it was."""


class StoreReadOnly(StoreError):
    """The server takes no writes: it is a replica, or cannot write its disk; nothing was written."""


class StoreVersionError(StoreError):
    """The stored data has a schema that this version of flowkit does not know; nothing was written."""


class RetryTransaction(StoreError):
    """The transaction that flowkit was joined to cannot be finished; roll it back and do all of it again."""


class ConflictError(StoreError):
    """Subscribers, or what is published, kept being changed by others meanwhile; the rest of the batch is committed.

    Attributes:
        subscriber_ids: Whose events were not accepted; ingesting the same events again is safe.
    """

    def __init__(self, subscriber_ids: Iterable[str]) -> None:
        self.subscriber_ids: Sequence[str] = tuple(subscriber_ids)
        super().__init__(
            f"{len(self.subscriber_ids)} subscribers were changed by others at every attempt; ingest their events again"
        )

    def __reduce__(self) -> tuple[type[ConflictError], tuple[Sequence[str]]]:
        return (type(self), (self.subscriber_ids,))

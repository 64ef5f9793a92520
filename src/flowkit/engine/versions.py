"""The versions of a workflow: which there are, what state each is in, and who is still on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from attrs import frozen

from flowkit.engine.catalogue import is_open
from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.ports import Edition, Hold
from flowkit.runs.model import Status

__all__ = ["Version", "VersionState", "versions_of"]


class VersionState(StrEnum):
    """What a version is to those who come and to those who are inside.

    It is derived from what was published and ordered and from who is inside, so it is never behind.
    """

    DRAFT = "draft"
    """It was stored and never published: nobody enters, and nobody ever has."""
    LIVE = "live"
    """It is entered."""
    DRAINING = "draining"
    """It is not entered, and runs go on in it."""
    RETIRED = "retired"
    """It is not entered, and no run is in it."""


@frozen
class Version:
    """One version of a workflow.

    Attributes:
        number: Its number in the store, to which runs are pinned.
        content_hash: The hash of its definition and its templates.
        state: What it is to those who come and to those who are inside.
        nodes: How many living runs stand at each node, by node.
        paused: How many of these stand still.
        published_at: When it was made live last; None for a draft.
        hold: What is ordered for the workflow instead of its usual course; None for nothing, and for versions that are
            not the one published last.
    """

    number: int
    content_hash: str
    state: VersionState
    nodes: Mapping[str, int]
    paused: int = 0
    published_at: datetime | None = None
    hold: Hold | None = None

    @property
    def living(self) -> int:
        """How many living runs there are."""
        return sum(self.nodes.values())


async def versions_of(parts: Parts, workflow_id: str) -> Sequence[Version]:
    """Tell which versions of a workflow there are, by number; none where the workflow is not known."""
    _, editions = await resolve("store.editions", parts.store.editions())
    await parts.catalogue.refresh()
    nodes: dict[int, dict[str, int]] = {}
    paused: dict[int, int] = {}
    for version, status, node, runs in await resolve("store.living", parts.store.living(workflow_id)):
        own = nodes.setdefault(version, {})
        own[node or ""] = own.get(node or "", 0) + runs
        if status is Status.PAUSED:
            paused[version] = paused.get(version, 0) + runs
    return [
        _version(parts, edition, nodes.get(edition.number, {}), paused.get(edition.number, 0))
        for edition in editions
        if edition.workflow_id == workflow_id
    ]


def _version(parts: Parts, edition: Edition, nodes: Mapping[str, int], paused: int) -> Version:
    state, at = _state(parts, edition, nodes), edition.published_at
    return Version(edition.number, edition.content_hash, state, nodes, paused, at, edition.hold)


def _state(parts: Parts, edition: Edition, nodes: Mapping[str, int]) -> VersionState:
    if edition.live and is_open(edition, parts.catalogue.program(edition.number)):
        return VersionState.LIVE
    if nodes:
        return VersionState.DRAINING
    return VersionState.DRAFT if edition.published is None and not edition.live else VersionState.RETIRED

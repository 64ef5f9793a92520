"""Editions: the versions of each workflow, which one is live, and the template sources by their hashes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import takewhile

from attrs import evolve

from flowkit.errors import StoreError
from flowkit.ports import Edition, Hold, HoldKind

__all__ = ["Editions"]


class Editions:
    """All versions by number, and at which stamp each came to be live or ceased to be.

    Attributes:
        stamp: Changes with every publication and with what is ordered for a workflow.
    """

    def __init__(self) -> None:
        self.stamp = 0
        self._all: list[Edition] = []
        self._versions: dict[str, list[int]] = {}
        self._changed = OrderedDict[int, int]()
        self._sources: dict[str, str] = {}

    def publish(self, edition: Edition, sources: Mapping[str, str]) -> Edition:
        """Store a version; see ``Store.publish``."""
        self._sources.update(sources)
        self.stamp += 1
        stored = self._of(edition.workflow_id)
        known = next((one for one in stored if one.content_hash == edition.content_hash), None)
        if known is not None and not edition.live:
            return known
        live = next((one for one in stored if one.live), None)
        changed: list[Edition] = []
        kept = evolve(known or edition, live=edition.live, published=edition.published, hold=None)
        if known is None:
            kept = evolve(kept, number=len(self._all) + 1)
            self._all.append(kept)
            self._versions.setdefault(edition.workflow_id, []).append(kept.number)
        if edition.live and live is not None:
            hold = live.hold
            kept = evolve(kept, hold=hold if hold is not None and hold.kind is HoldKind.PAUSE else None)
            if live.number != kept.number:
                changed.append(evolve(live, live=False, hold=None))
        self._put([*changed, kept])
        return kept

    def hold(self, workflow_id: str, hold: Hold | None) -> Edition:
        """Write what is ordered for a workflow to its live version; see ``Store.hold``."""
        live = next((one for one in self._of(workflow_id) if one.live), None)
        if live is None:
            message = f"no version of workflow {workflow_id!r} is live"
            raise StoreError(message)
        self.stamp += 1
        live = evolve(live, hold=hold)
        self._put([live])
        return live

    def since(self, stamp: int) -> tuple[int, Sequence[Edition]]:
        """Read the stamp and the versions; see ``Store.editions``."""
        new = takewhile(lambda number: self._changed[number] > stamp, reversed(self._changed))
        return self.stamp, tuple(self._all[number - 1] for number in sorted(new))

    def source(self, content_hash: str) -> str:
        """Read a template source; see ``Store.source``."""
        if content_hash not in self._sources:
            message = f"no template source has the hash {content_hash}"
            raise StoreError(message)
        return self._sources[content_hash]

    def _of(self, workflow_id: str) -> list[Edition]:
        return [self._all[number - 1] for number in self._versions.get(workflow_id, ())]

    def _put(self, changed: Sequence[Edition]) -> None:
        for edition in sorted(changed, key=lambda one: one.number):
            self._all[edition.number - 1] = edition
            # The latest change last, so that what is new is found from the end.
            self._changed[edition.number] = self.stamp
            self._changed.move_to_end(edition.number)

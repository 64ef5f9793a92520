"""Where what is kept lies: the partitions, the tags of their keys, and how a run's handle names both.

A key's tag is the part in braces; on a cluster all keys with one tag lie in one slot, so on one server, and one script
may touch them. A subscriber's data have one tag, its partition's. With one partition the tag of everything is the
store's own, ``{flowkit}``; with more, only what belongs to no subscriber has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import TypeVar

from attrs import frozen

from flowkit.runs.model import Run

__all__ = ["Layout"]

T = TypeVar("T")


@frozen
class Layout:
    """How a store's keys are named.

    Attributes:
        prefix: What every key begins with, within the braces.
        parts: How many partitions there are; fixed when the store is made.
    """

    prefix: str
    parts: int

    @property
    def meta(self) -> str:
        """The tag of versions, sources, holds and sweeps, which belong to no subscriber."""
        return f"{{{self.prefix}}}:"

    def base(self, part: int) -> str:
        """Give the tag of a partition."""
        return self.meta if self.parts == 1 else f"{{{self.prefix}:{part}}}:"

    def total(self, workflow_id: str) -> str:
        """Give the tag of the entries of all subscribers into one workflow; used with several partitions only."""
        return f"{{{self.prefix}:total:{workflow_id}}}:"

    def rate(self, name: str) -> str:
        """Give the tag of the bucket of a rate limit."""
        return f"{{{self.prefix}:rate:{name}}}:"

    def part_of(self, subscriber_id: str) -> int:
        """Give the partition that a subscriber belongs to."""
        if self.parts == 1:
            return 0
        return int.from_bytes(blake2b(subscriber_id.encode(), digest_size=8).digest()) % self.parts

    def handle(self, number: int, part: int) -> int:
        """Give a handle for what is the so-manieth of its partition."""
        return number * self.parts + part

    def place(self, handle: int) -> tuple[int, str]:
        """Give the partition and the name of the run with a handle."""
        number, part = divmod(handle, self.parts)
        return part, f"{number:010x}"

    def part_of_run(self, run: Run) -> int:
        """Give the partition that a run is in."""
        return run.handle % self.parts

    def after(self, handle: int, part: int) -> int:
        """Give the largest number in a partition whose handle is not above one."""
        return (handle - part) // self.parts if handle >= part else 0

    def split(self, items: Iterable[T], part_of: Callable[[T], int]) -> dict[int, list[T]]:
        """Sort items by partition; each partition's keep their order."""
        parts: dict[int, list[T]] = {}
        for item in items:
            parts.setdefault(part_of(item), []).append(item)
        return parts

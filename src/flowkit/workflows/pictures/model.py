"""What a picture shows: boxes, the arrows between them, and the words and numbers on both.

It knows nothing of workflows, nor of how it is drawn.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen

__all__ = ["Arrow", "Box", "BoxKind", "Line", "Mark", "NodeCounts", "Picture"]


@frozen(kw_only=True)
class NodeCounts:
    """How many runs came to a node; who passes it several times counts several times.

    Attributes:
        entered: How many came in.
        inside: How many of them are in it now.
        left: How many of them are done with it, whether they went on or ended there.
    """

    entered: int
    inside: int
    left: int


class BoxKind(StrEnum):
    """What a box stands for."""

    TRIGGER = "trigger"
    """The way in."""
    NODE = "node"
    """A node of the workflow."""
    END = "end"
    """A place at which runs are complete; each node that leads to the end has one of its own."""
    MISSING = "missing"
    """A target that does not exist; publishing refuses it."""


class Mark(StrEnum):
    """The small sign in front of a line."""

    SEND = "send"
    WAIT = "wait"
    CHECK = "check"
    SEGMENTS = "segments"
    PROFILE = "profile"
    WEBHOOK = "webhook"
    OTHER = "other"


@frozen
class Line:
    """A line in a box.

    Attributes:
        mark: Its sign.
        verb: What is done, a word or two.
        detail: With what; empty where there is no more to say.
    """

    mark: Mark
    verb: str
    detail: str = field(default="", kw_only=True)

    @property
    def text(self) -> str:
        """The line as plain text."""
        return f"{self.verb}: {self.detail}" if self.detail else self.verb


@frozen
class Box:
    """A box of the picture. Its texts are as people wrote them: whoever draws them cuts and escapes them.

    Attributes:
        kind: What it stands for.
        title: Its heading.
        lines: What it says below.
        numbers: How many came by; empty where nobody counted.
        on_path: Whether the run that is shown came by.
        reached: Whether a way leads here from the entry.
    """

    kind: BoxKind
    title: str
    lines: tuple[Line, ...] = field(default=(), kw_only=True)
    numbers: str = field(default="", kw_only=True)
    on_path: bool = field(default=False, kw_only=True)
    reached: bool = field(default=True, kw_only=True)


@frozen
class Arrow:
    """An arrow from one box to another, or to the same; there is one at most for each pair.

    Attributes:
        source: The place of its first box in the picture's.
        target: The place of its last.
        labels: When this way is taken: any of them; empty for always.
        numbers: How many went along; empty where nobody counted.
        on_path: Whether the run that is shown went along.
        failure: Whether it is taken after failures only.
    """

    source: int
    target: int
    labels: tuple[str, ...] = field(default=(), kw_only=True)
    numbers: str = field(default="", kw_only=True)
    on_path: bool = field(default=False, kw_only=True)
    failure: bool = field(default=False, kw_only=True)


@frozen
class Picture:
    """A picture of a workflow, before anybody draws it.

    Attributes:
        title: What it is called.
        description: What is to be seen, in a sentence or two, for those who do not see it.
        boxes: The boxes, the trigger first.
        arrows: The arrows between them.
    """

    title: str
    description: str
    boxes: tuple[Box, ...] = field(kw_only=True)
    arrows: tuple[Arrow, ...] = field(kw_only=True)

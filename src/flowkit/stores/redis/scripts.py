"""The scripts by name: Lua that the server runs as one step, each with what all of them begin with."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import Final

from attrs import frozen

__all__ = ["SCRIPTS", "Script"]


@frozen
class Script:
    """A script.

    Attributes:
        name: Its name, which is that of its file.
        source: What the server runs.
        digest: The name that the server knows it by.
    """

    name: str
    source: str
    digest: str


_PLAIN: Final = "-- plain\n"
"""What a script begins with that wants none of what the others begin with."""


def _read() -> dict[str, Script]:
    folder = files("flowkit.stores.redis") / "lua"
    common = (folder / "common.lua").read_text(encoding="utf-8")
    scripts: dict[str, Script] = {}
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        name = file.name.removesuffix(".lua")
        if name not in (file.name, "common"):
            own = file.read_text(encoding="utf-8")
            source = own if own.startswith(_PLAIN) else common + own
            scripts[name] = Script(name, source, sha1(source.encode(), usedforsecurity=False).hexdigest())
    return scripts


SCRIPTS: Final = _read()
"""All scripts by name."""

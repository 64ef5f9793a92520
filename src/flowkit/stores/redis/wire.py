"""The way to the server: scripts are called by digest, several at once in one round trip where they can be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeGuard

from flowkit.stores.redis.failures import failure, is_unknown_script, translated
from flowkit.stores.redis.scripts import SCRIPTS

__all__ = ["Call", "Client", "Reply", "Wire"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


Reply: TypeAlias = Any
"""What a script gives: texts, whole numbers, None, and lists of such; each script says on top which."""


class Client(Protocol):
    """What is used of a client: that of redis-py or valkey-py, for one server or for a cluster."""

    def execute_command(self, *args: object, **options: object) -> Reply:
        """Send a command, and give the reply."""
        ...

    def pipeline(self, transaction: bool = ...) -> Any:  # noqa: ANN401, FBT001 - as the drivers have it
        """Collect commands, to send them at once."""
        ...


class Call(NamedTuple):
    """One call of a script.

    Attributes:
        script: Its name.
        base: The tag of the keys that it touches.
        ask: What is asked, as JSON can hold it; for a plain script, its arguments.
    """

    script: str
    base: str
    ask: Mapping[str, Any] | Sequence[str]

    def command(self, *, whole: bool = False) -> tuple[str | int, ...]:
        """Give the command: by the script's digest, or with all of it."""
        script = SCRIPTS[self.script]
        name, body = ("EVAL", script.source) if whole else ("EVALSHA", script.digest)
        given = [_encode(self.ask)] if isinstance(self.ask, Mapping) else self.ask
        return name, body, 1, self.base, *given


class Wire:
    """Calls scripts.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def run(self, script: str, base: str, ask: Mapping[str, Any] | Sequence[str]) -> Reply:
        """Call a script, and give its reply with all texts decoded.

        Raises:
            StoreUnavailable: The server could not be reached, or the connection broke.
            StoreFull: The server has no memory left.
            StoreReadOnly: It is a replica, or it cannot write its disk.
            StoreError: The server refused.
        """
        call = Call(script, base, ask)
        with translated():
            try:
                reply = self._client.execute_command(*call.command())
            except Exception as error:
                if not is_unknown_script(error):
                    raise
                reply = self._client.execute_command(*call.command(whole=True))
        return said(reply)

    def run_all(self, calls: Sequence[Call]) -> list[Reply]:
        """Call scripts, in one round trip for each server; the replies are in order.

        Raises:
            StoreError: As ``run`` does; the other scripts have been called all the same.
        """
        if len(calls) < 2:  # noqa: PLR2004 - nothing to put together
            return [self.run(*call) for call in calls]
        with translated():
            pipeline = self._client.pipeline(transaction=False)
            for call in calls:
                pipeline.execute_command(*call.command())
            replies: list[Reply] = pipeline.execute(raise_on_error=False)
        for place, reply in enumerate(replies):
            if isinstance(reply, Exception):
                if not is_unknown_script(reply):
                    raise failure(reply) from reply
                with translated():
                    replies[place] = self._client.execute_command(*calls[place].command(whole=True))
        return [said(reply) for reply in replies]


def said(reply: Reply) -> Reply:
    """Decode all texts of a reply, where the client does not."""
    if isinstance(reply, bytes):
        return reply.decode()
    return [said(one) for one in reply] if _is_list(reply) else reply


def _is_list(reply: Reply) -> TypeGuard[list[Reply]]:
    return isinstance(reply, list)

"""A sender that writes messages where a person reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, TextIO

from attrs import field, frozen

from flowkit.events import Needs
from flowkit.ports import InDoubt
from flowkit.rendering.lines import one_line
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import DONE, Outcome

__all__ = ["ConsoleSender"]

# What a terminal would act on; line breaks and tabs stay.
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_RULE: Final = "-" * 72


@frozen
class ConsoleSender:
    """Writes each message to a stream instead of delivering it; for development.

    Attributes:
        stream: Where to, such as ``sys.stdout``.
        timeout: What the engine holds against its lease; nothing here waits that long.
    """

    stream: TextIO
    timeout: timedelta = field(default=timedelta(seconds=5), kw_only=True)

    @property
    def key_window(self) -> timedelta | None:
        """None: what is written twice is read twice."""
        return None

    @property
    def in_doubt(self) -> InDoubt:
        """A message that may have been written is written again."""
        return InDoubt.RESEND

    @property
    def needs(self) -> Needs:
        """The address, as for real mail."""
        return Needs(attributes=frozenset({"email"}))

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        """Write the messages, without what would steer a terminal: the plain part, else the HTML part."""
        for message in messages:
            body = next((part for part in (message.text, message.html) if part is not None), "")
            self.stream.write(
                f"{_RULE}\nTo: {one_line(message.to or '')}\nSubject: {one_line(message.subject or '')}\n\n"
                f"{_CONTROL.sub('', body).rstrip()}\n"
            )
        self.stream.flush()
        return [DONE] * len(messages)

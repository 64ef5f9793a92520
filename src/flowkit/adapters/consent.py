"""Consents that are kept in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flowkit.runs.consent import ConsentStatus

__all__ = ["MemoryConsent"]


class MemoryConsent:
    """Knows who said yes or no to which topic; for tests, previews and small hosts.

    Args:
        subscribed: Who said yes, by topic.
        opt_out: The topics about which silence is a yes. About any other one it is a no.
    """

    def __init__(self, subscribed: Mapping[str, Iterable[str]] | None = None, *, opt_out: Iterable[str] = ()) -> None:
        self._said: dict[tuple[str, str], ConsentStatus] = {}
        self._opt_out = frozenset(opt_out)
        for topic, names in (subscribed or {}).items():
            self.subscribe(topic, *names)

    def subscribe(self, topic: str, *subscriber_ids: str) -> None:
        """Note that subscribers say yes to a topic."""
        self._said.update(((topic, name), ConsentStatus.SUBSCRIBED) for name in subscriber_ids)

    def unsubscribe(self, topic: str, *subscriber_ids: str) -> None:
        """Note that subscribers say no to a topic."""
        self._said.update(((topic, name), ConsentStatus.UNSUBSCRIBED) for name in subscriber_ids)

    def status(self, ids: Sequence[str], topic: str) -> Mapping[str, ConsentStatus]:
        """Read how subscribers stand with a topic; see ``Consent``."""
        silent = ConsentStatus.SUBSCRIBED if topic in self._opt_out else ConsentStatus.UNKNOWN
        return {name: self._said.get((topic, name), silent) for name in ids}

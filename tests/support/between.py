"""A store before whose commits somebody else does something."""

from collections.abc import Callable, Iterable
from typing import Any

from flowkit.ports import Changes, Maybe, Refused, Store


class Between:
    """What happens between what an engine recalls and what it commits: one happening before each commit."""

    def __init__(self, store: Store, *happenings: Callable[[], object]) -> None:
        self._store = store
        self._happenings: Iterable[Callable[[], object]] = iter(happenings)

    def commit(self, changes: Changes) -> Maybe[Refused]:
        # Taken first, since what happens commits too.
        happening = next(iter(self._happenings), None)
        if happening is not None:
            happening()
        return self._store.commit(changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

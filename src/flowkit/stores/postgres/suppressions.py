"""The suppression list, and what of it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flowkit.events import from_micros
from flowkit.runs.consent import Ban, Suppression, SuppressionReason, SuppressionScope
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.link import Link, columns

__all__ = ["add", "lift", "read_bans", "read_suppressions", "suppress"]


def suppress(link: Link, subscriber_ids: Sequence[str], ban: Ban, at: int) -> Sequence[str]:
    """Put subscribers on the list; see ``Store.suppress``."""
    link.write(sql.NEW_SUBSCRIBERS, sorted(subscriber_ids))
    handles: dict[str, int] = dict(link.rows(sql.NAMED, list(subscriber_ids)))
    added = add(link, [(handles[name], ban) for name in subscriber_ids], at)
    return [name for name in subscriber_ids if handles[name] in added]


def add(link: Link, bans: Sequence[tuple[int, Ban]], at: int) -> set[int]:
    """Put subscribers on the list, by handle; give those who were not there, for the same reason and scope."""
    rows = [(handle, ban.reason.value, ban.scope.value) for handle, ban in bans]
    return {handle for (handle,) in link.rows(sql.NEW_BANS, at, *columns(rows, 3))}


def lift(link: Link, subscriber_ids: Sequence[str], reason: SuppressionReason, at: int) -> Sequence[str]:
    """Lift suppressions; see ``Store.unsuppress``."""
    lifted = {name for (name,) in link.rows(sql.LIFT, at, list(subscriber_ids), reason.value)}
    return [name for name in subscriber_ids if name in lifted]


def read_bans(link: Link, subscriber_ids: Iterable[str]) -> Mapping[str, Sequence[Ban]]:
    """Read what is forbidden; see ``Store.banned``."""
    bans: dict[str, list[Ban]] = {}
    for name, reason, scope in link.rows(sql.BANS, list(subscriber_ids)):
        bans.setdefault(name, []).append(Ban(SuppressionReason(reason), SuppressionScope(scope)))
    return bans


def read_suppressions(link: Link, subscriber_id: str | None, after: int, limit: int) -> Sequence[Suppression]:
    """Read a page of the list; see ``Store.suppressions``."""
    rows = (
        link.rows(f"{sql.SUPPRESSIONS} ORDER BY b.id LIMIT %s", after, limit)
        if subscriber_id is None
        else link.rows(f"{sql.SUPPRESSIONS} AND s.name = %s ORDER BY b.id LIMIT %s", after, subscriber_id, limit)
    )
    return [
        Suppression(
            number=number,
            subscriber_id=name,
            reason=SuppressionReason(reason),
            scope=SuppressionScope(scope),
            since=from_micros(since),
            lifted=None if lifted is None else from_micros(lifted),
        )
        for number, name, reason, scope, since, lifted in rows
    ]

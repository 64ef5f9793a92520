"""Events as JSON documents: ``{"subscriber_id": ..., "event": {"type", "value", "timestamp", "id", ...}}``.

Every other key of ``event`` is a property and is kept as it is. The source's own id of the event stands in ``event``
as ``id``; beside ``event`` it is read too, and where both are given they must agree. ``received_at`` stands beside
``event``. What else stands there is an error, since it would be lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from flowkit import documents
from flowkit.documents import DEFAULT_LIMITS, Limits, is_list, is_object
from flowkit.errors import DocumentError, Problem
from flowkit.events import Event
from flowkit.fields import Fields, instant_text
from flowkit.problems import Problems, short

__all__ = ["dump_event", "load_event", "load_events"]

_Document: TypeAlias = str | bytes | Mapping[str, object]
_Batch: TypeAlias = str | bytes | Sequence[_Document]

_OWN: Final = ("type", "value", "timestamp", "id")


def load_event(document: _Document, *, limits: Limits = DEFAULT_LIMITS) -> Event:
    """Read an event from its document.

    Args:
        document: JSON text in UTF-8, or the object that it would give.
        limits: How much is read.

    Returns:
        The event. A ``timestamp`` without an offset is read as UTC; without one the event happened when it is
        ingested.

    Raises:
        DocumentError: All that is wrong, each with a stable code and a JSON Pointer: what `documents.read` refuses,
            ``missing_field``, ``unknown_field`` (beside ``event``), ``wrong_type`` (null included, but for ``value``
            and properties), ``bad_id``, ``bad_instant``, ``out_of_range``, ``conflicting_fields`` (two ids) and
            ``too_long`` (too many keys).
    """
    if isinstance(document, (str, bytes)):
        value = documents.read(document, limits=limits, max_bytes=limits.event_bytes)
    else:
        value = documents.check(document, limits=limits, max_bytes=limits.event_bytes)
    problems = Problems(limits.problems)
    outer = Fields.of(value, "", problems=problems, limits=limits)
    inner = outer.child("event")
    _bound_keys(inner)
    subscriber_id, event_type = outer.id("subscriber_id"), inner.id("type")
    event_id = _id(outer, inner)
    occurred_at, received_at = inner.instant("timestamp"), outer.instant("received_at")
    amount = inner.any("value", None)
    outer.close()
    problems.done()
    return Event(
        event_type,
        subscriber_id,
        id=event_id,
        occurred_at=occurred_at,
        received_at=received_at,
        value=amount,
        properties=inner.rest(),
    )


def load_events(
    batch: _Batch, *, limits: Limits = DEFAULT_LIMITS
) -> tuple[list[Event], list[tuple[int, DocumentError]]]:
    """Read many events; one that is wrong takes no other down.

    Args:
        batch: JSON text of a list of event documents, or a list of documents, each as `load_event` takes it.
        limits: How much is read of the text and of each event.

    Returns:
        The events in order, and for each rejected document its index in the batch and what is wrong with it; paths
        are those inside the document.

    Raises:
        DocumentError: The batch is no list, or one of too many events, or its text is too large, no UTF-8, or has
            brackets that do not match, so that no item can be told from the next.
    """
    events: list[Event] = []
    rejected: list[tuple[int, DocumentError]] = []
    for index, item in enumerate(_items(batch, limits)):
        try:
            events.append(load_event(item, limits=limits))
        except DocumentError as error:
            # A new one: traceback and context of the old would keep every rejected document in memory.
            rejected.append((index, DocumentError(error.problems)))
    return events, rejected


def _items(batch: _Batch, limits: Limits) -> Sequence[_Document]:
    most = limits.batch_events
    if isinstance(batch, (str, bytes)):
        return documents.split(batch, max_bytes=limits.batch_bytes, max_items=most)
    if not isinstance(batch, (list, tuple)):
        raise DocumentError([Problem("wrong_type", "", message=f"must be a list, not {short(batch)}")])
    if len(batch) > most:
        message = f"at most {most} events are read at once, not {len(batch)}"
        raise DocumentError([Problem("too_long", "", message=message)])
    return batch


def dump_event(event: Event) -> dict[str, object]:
    """Write an event as the object that `load_event` reads as an equal one; what is None is left out.

    Raises:
        DocumentError: A property is called ``type``, ``value``, ``timestamp`` or ``id``, so the document has no place
            for it.
    """
    inner: dict[str, object] = {"type": event.type}
    for name, value in event.properties.items():
        if name in _OWN:
            message = "is a field of the event itself; rename the property"
            raise DocumentError([Problem("reserved_field", f"/event/{name}", message=message)])
        inner[name] = value
    if event.id is not None:
        inner["id"] = event.id
    if event.occurred_at is not None:
        inner["timestamp"] = instant_text(event.occurred_at, "/event/timestamp")
    if event.value is not None:
        inner["value"] = event.value
    outer: dict[str, object] = {"subscriber_id": event.subscriber_id, "event": inner}
    if event.received_at is not None:
        outer["received_at"] = instant_text(event.received_at, "/received_at")
    return outer


def _id(outer: Fields, inner: Fields) -> str | None:
    given = [fields.id("id") for fields in (inner, outer) if fields.has("id")]
    if len(set(given)) > 1:
        outer.wrong("id", "conflicting_fields", "differs from the id inside the event")
    return given[0] if given else None


def _bound_keys(fields: Fields) -> None:
    count, most = 0, fields.limits.event_keys
    left: list[object] = [fields.values]
    while left:
        value = left.pop()
        if is_object(value):
            count += len(value)
            left.extend(value.values())
        elif is_list(value):
            left.extend(value)
    if count > most:
        message = f"holds at most {most} keys, those of the objects inside it counted too, not {count}"
        fields.problems.add("too_long", fields.path, message)

"""A run, the state it stands in, and the journal that it writes.

A state is a value: it names no subscriber and, while it has one timer only, no instant. So the thousand runs that wait
at the same node share one state, and what is decided for one of them is decided for all (``step.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast

from attrs import field, frozen

from flowkit.conditions import Operand
from flowkit.events import Event, Properties, from_micros, to_micros
from flowkit.runs.beside import Beside
from flowkit.runs.effects import Effect, PauseClock, Result
from flowkit.runs.variables import variables_of

__all__ = [
    "NO_WATCH",
    "Deferred",
    "Entry",
    "Kind",
    "Line",
    "Member",
    "Pause",
    "Run",
    "State",
    "Status",
    "Waiting",
    "Watch",
    "operand_data",
]

_T = TypeVar("_T")


class Status(StrEnum):
    """Whether a run is alive, and how it ended; only an active run is ever due."""

    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    EXITED = "exited"
    FAILED = "failed"
    HELD_OUT = "held_out"
    """It was never begun, since the subscriber is held out; goals by an event are counted as for any other."""


class Waiting(StrEnum):
    """What a parked run without an open effect waits for."""

    DURATION = "duration"
    """The end of a wait action."""
    DELAY = "delay"
    """The end of the delay of an action that then is decided."""
    EVENT = "event"
    """What happens, or the end of the time for it; without an end it is never due."""
    TURN = "turn"
    """Its next turn: it used up its steps in one go."""


@frozen(cache_hash=True)
class Watch:
    """What a run keeps in mind for its waits for what happens; all instants are in microseconds.

    Attributes:
        since: From when on events count for the wait at hand; None where the run is in none.
        until: The deadline of the wait at hand; None where there is none.
        sent: When its last message was sent, where that counts; None before the first.
        seen: When the first event that counts for a branch occurred: node, index of the action, place of the branch
            and instant, by all of these. Of what came in while the run was due there are more: a message may have gone
            out meanwhile, and counts from then on.
        lapsed: The waits that ended without what was waited for: node, index of the action, and from when on until
            when events counted.
        met: What met the wait at hand while the run was paused: when it occurred, the place of the branch, and the
            type of the event. None where nothing did.
    """

    since: int | None = None
    until: int | None = None
    sent: int | None = field(default=None, kw_only=True)
    seen: tuple[tuple[str, int, int, int], ...] = field(default=(), kw_only=True)
    lapsed: tuple[tuple[str, int, int, int], ...] = field(default=(), kw_only=True)
    met: tuple[int, int, str] | None = field(default=None, kw_only=True)


NO_WATCH: Final = Watch()


@frozen(cache_hash=True)
class Deferred:
    """What a run keeps in mind of an effect that came due and is not settled.

    Attributes:
        effect: Which one, at the attempt that is to be made.
        since: When it came due first, in microseconds.
        by: The guard that deferred it last; empty where none did since it was last tried.
        mark: The number that the guard keeps with it.
    """

    effect: Effect
    since: int
    by: str = ""
    mark: int = 0


@frozen(cache_hash=True)
class Pause:
    """How a run stands still, and what it goes on with; all instants are in microseconds.

    Attributes:
        since: From when on it stands still.
        due: When it wanted to go on; None where it did not.
        clock: What becomes of that instant.
        own: Whether it was paused by itself, and not together with all runs of its workflow.
    """

    since: int
    due: int | None
    clock: PauseClock = PauseClock.FREEZE
    own: bool = False

    @property
    def was_due(self) -> bool:
        """Whether it wanted to go on at once when it was paused."""
        return self.due is not None and self.due <= self.since


@frozen(cache_hash=True)
class State:
    """Where a run stands; the run's due instant is kept beside it.

    Attributes:
        status: Alive, or how it ended.
        node: The node at hand; None once the run is complete or has exited, or has come to its end and waits there for
            what is open beside it. One that failed stays where it did.
        action: The index of the action at hand within the node.
        pending: The effect that is to be carried out at the due instant, or over which the run failed; None where there
            is none.
        waiting: What the due instant means where no effect is pending.
        visits: Visits so far of the nodes that lie on a loop, by node; every other node is visited once. One more than
            a node's ``max_visits`` where it was to be entered again and was not.
        counts: Events observed since the entry, by type, for the types that the workflow asks for.
        reason: Why the run exited or failed.
        result: How the effect ended over which the run failed; None where it did not fail over one.
        watch: What it keeps in mind for its waits for what happens.
        beside: Its detached actions that are open or failed; None where there are none.
        variables: The run's variables, as JSON text with sorted names; empty where there are none.
        hops: By how many actions of runs the longest chain led to an event that it has observed; see `links`.
        deferred: What it keeps in mind of effects that are open and came due before.
        goals: The goals that it has reached, in that order.
        then: When what it waits for comes, in microseconds, where it is to be looked at before that; None where the due
            instant is when it comes.
        pause: How it stands still; None where it is not paused.
        skips: Actions of the node at hand that were taken in this visit, and come again since the run was migrated.
        era: What is added to visits in the keys of effects: after a migration no key comes again.
    """

    status: Status = Status.ACTIVE
    node: str | None = None
    action: int = 0
    pending: Effect | None = field(default=None, kw_only=True)
    waiting: Waiting | None = field(default=None, kw_only=True)
    visits: tuple[tuple[str, int], ...] = field(default=(), kw_only=True)
    counts: tuple[tuple[str, int], ...] = field(default=(), kw_only=True)
    reason: str = field(default="", kw_only=True)
    result: Result | None = field(default=None, kw_only=True)
    watch: Watch = field(default=NO_WATCH, kw_only=True)
    beside: Beside | None = field(default=None, kw_only=True)
    variables: str = field(default="", kw_only=True)
    hops: int = field(default=0, kw_only=True)
    deferred: tuple[Deferred, ...] = field(default=(), kw_only=True)
    goals: tuple[str, ...] = field(default=(), kw_only=True)
    then: int | None = field(default=None, kw_only=True)
    pause: Pause | None = field(default=None, kw_only=True)
    skips: tuple[str, ...] = field(default=(), kw_only=True)
    era: int = field(default=0, kw_only=True)

    @property
    def keeps_inputs(self) -> bool:
        """Whether the inputs of an effect are kept: it is to be tried again, or may be, under the same key."""
        if self.beside is not None and (self.beside.keeps_inputs or self.status is Status.FAILED):
            return True
        if self.pending is None:
            return False
        if self.status is Status.FAILED:
            return self.result is Result.UNKNOWN or self.result is Result.RETRY
        return self.pending.attempt > 0

    @property
    def alive(self) -> bool:
        """Whether anything can still happen to the run."""
        return self.status is Status.ACTIVE or self.status is Status.PAUSED

    @property
    def on_its_way(self) -> bool:
        """Whether the run is alive and has not come to its end, though something may still be open beside it."""
        return self.alive and (self.node is not None or self.beside is None)

    @property
    def at_hand(self) -> Effect | None:
        """The effect that is to be carried out at the due instant; None where the run is woken then."""
        first = None if self.beside is None else self.beside.first
        return self.pending if first is None else first

    def due_of(self, effect: Effect, due: int | None) -> int | None:
        """Give when an effect is due that is open, of a run with this due instant."""
        if self.beside is None:
            return due
        return next((at for one, at in self.beside.open if one == effect), self.beside.due)

    def deferred_of(self, effect: Effect) -> Deferred | None:
        """Give what is kept in mind of an effect; None where it did not come due before."""
        return next((one for one in self.deferred if one.effect == effect), None)

    @property
    def effects(self) -> tuple[Effect, ...]:
        """All effects that are open: at the place, and beside it."""
        own = () if self.pending is None else (self.pending,)
        return own if self.beside is None else (*own, *self.beside.effects)


class _NewTuple(Protocol):
    def __call__(self, kind: type[_T], values: tuple[object, ...], /) -> _T: ...


new_tuple: Final = cast("_NewTuple", tuple.__new__)  # pyright: ignore[reportUnknownMemberType] # of anything
"""Makes a named tuple of a tuple of all its values, in half the time that its own function takes."""


class Run(NamedTuple):
    """One subscriber's passage through one version of a workflow: the one aggregate, stored as one row.

    It is a tuple, since runs are made by the thousand and a tuple is made in a third of a frozen class's time.

    Attributes:
        id: 32 hexadecimal digits derived from workflow, subscriber and cause.
        subscriber_id: Whose run it is.
        workflow_id: Through which workflow.
        version: The number of the version that it is pinned to.
        entered: When it was entered, in microseconds since 1970 (UTC); ``entered_at`` is the instant.
        origin: The event that led to it, as JSON text; ``event`` reads it.
        state: Where it stands.
        due: When it wants to go on, in microseconds; None where it does not; ``due_at`` is the instant.
        sequence: How often it was written; a write names the sequence that it read.
        handle: The store's own name for the row; 0 before it is stored.
    """

    id: str
    subscriber_id: str
    workflow_id: str
    version: int
    entered: int
    origin: str
    state: State
    due: int | None
    sequence: int = 1
    handle: int = 0

    @property
    def entered_at(self) -> datetime:
        """When it was entered."""
        return from_micros(self.entered)

    @property
    def due_at(self) -> datetime | None:
        """When it wants to go on; None where it does not."""
        return None if self.due is None else from_micros(self.due)

    @property
    def status(self) -> Status:
        """Alive, or how it ended."""
        return self.state.status

    @property
    def variables(self) -> Mapping[str, Any]:
        """Its variables by name, as webhooks and the host's own actions have set them; none once it has ended."""
        return variables_of(self.state.variables)

    @property
    def hops(self) -> int:
        """By how many actions of runs, each of which caused the next, it came to what it does now."""
        return max(self.state.hops, origin_hops(self.origin))

    @property
    def event(self) -> Event:
        """The event that led to the entry."""
        return origin_event(self.subscriber_id, self.origin)

    def moved(self, state: State, due: int | None, *, sequence: int | None = None, handle: int | None = None) -> Run:
        """Give this run as it stands after a step, and after a write where a sequence or a handle is given."""
        # Spelt out: _replace takes five times as long.
        run_id, subscriber_id, workflow_id, version, entered, origin, _, _, before, known = self
        sequence = before if sequence is None else sequence
        handle = known if handle is None else handle
        return new_tuple(
            Run, (run_id, subscriber_id, workflow_id, version, entered, origin, state, due, sequence, handle)
        )


class Member(NamedTuple):
    """One of the runs that stand in a state, with what is its own.

    Attributes:
        run_id: Its id.
        due: When it is due, in microseconds; None where it is not.
        entered: When it was entered, in microseconds.
        origin: The event that led to it, as the run keeps it; empty where that is not known yet.
    """

    run_id: str
    due: int | None
    entered: int
    origin: str = ""

    @classmethod
    def of(cls, run: Run, due: int | None) -> Member:
        """Take what is a run's own."""
        return cls(run.id, due, run.entered, run.origin)


class Kind(StrEnum):
    """What a line of the journal tells."""

    ENTERED = "entered"
    REFUSED = "refused"
    WAITING = "waiting"
    PASSED = "passed"
    WOKEN = "woken"
    DECIDED = "decided"
    DONE = "done"
    SKIPPED = "skipped"
    RETRYING = "retrying"
    DEFERRED = "deferred"
    OBSERVED = "observed"
    LEFT = "left"
    COMPLETED = "completed"
    EXITED = "exited"
    FAILED = "failed"
    REQUEUED = "requeued"
    LATE = "late"
    GOAL = "goal"
    HELD_OUT = "held_out"
    PAUSED = "paused"
    RESUMED = "resumed"
    MIGRATED = "migrated"
    FEEDBACK = "feedback"


@frozen
class Entry:
    """What was decided, where, and on what: one line of the journal before it is written.

    Attributes:
        kind: What happened.
        node: At which node; None where it was at none.
        action: By which action; None where it was by none.
        data: Operand values, outcome, target: JSON values by name.
    """

    kind: Kind
    node: str | None = None
    action: str | None = None
    data: Properties = field(factory=dict[str, Any])


def operand_data(operands: Iterable[Operand]) -> dict[str, Any]:
    """Write operands as the data of an entry: their values by path, and what was wrong with any of them.

    A path that was read again with another value, as counts of different spans are, is written with a number. A host
    may keep in a profile what JSON does not know: dates become text, anything else its type in brackets.
    """
    values: dict[str, object] = {}
    errors: dict[str, str] = {}
    for one in operands:
        path, number, value = one.path, 1, _said(one.value)
        while path in values and repr(values[path]) != repr(value):
            number += 1
            path = f"{one.path}#{number}"
        values[path] = value
        if one.error:
            errors[path] = one.error
    return {"operands": values, "errors": errors} if errors else {"operands": values}


def _said(value: object) -> object:
    match value:
        case None | bool() | int():
            return value
        case date():
            return value.isoformat()
        case str() if value.isascii():
            return value
        case _:
            try:
                json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
            except (TypeError, ValueError, RecursionError):
                return f"({type(value).__name__})"
            return value


@frozen
class Line:
    """One line of the journal as it stands in the store.

    Attributes:
        number: Its place in the store's journal; lines of one run ascend.
        at: When it was decided, on the engine's clock.
        subscriber_id: Whose it is.
        workflow_id: About which workflow.
        run_id: Of which run; None for a refused entry.
        entry: What was decided.
    """

    number: int
    at: datetime
    subscriber_id: str
    workflow_id: str
    run_id: str | None
    entry: Entry


_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def origin_text(event: Event, now: int, hops: int = 0) -> str:
    """Write the event that leads to a run as the text kept with the run.

    Args:
        event: The event.
        now: The instant that stands for a missing ``occurred_at``, in microseconds.
        hops: By how many actions of runs it came about; 0 for what a host ingests.

    Raises:
        TypeError: A property is nothing that JSON can hold.
        ValueError: A property holds itself, a lone surrogate, or a number that JSON has no word for.
        RecursionError: A property is nested too deeply.
    """
    occurred = now if event.occurred_at is None else to_micros(event.occurred_at)
    # Put together by hand, since most of an event is two short texts, and every run pays for this.
    text = f'{{"type":{_encode(event.type)},"at":{occurred}'
    if event.id is not None:
        text += f',"id":{_encode(event.id)}'
    if event.properties:
        text += f',"properties":{_object_text(event.properties)}'
    if event.value is not None:
        text += f',"value":{_encode(event.value)}'
    if hops:
        text += f',"hops":{hops}'
    if not text.isascii():
        text.encode()  # refuses lone surrogates, which no database takes
    return text + "}"


def _object_text(values: Properties) -> str:
    """Write an object; one that holds nothing but texts and integers without the encoder's long run-up."""
    if type(values) is not dict:
        return _encode(values)
    parts: list[str] = []
    for name, value in cast("dict[object, object]", values).items():
        if type(name) is not str:
            return _encode(values)
        if type(value) is str:
            parts.append(f"{_encode(name)}:{_encode(value)}")
        elif type(value) is int:
            parts.append(f"{_encode(name)}:{value}")
        else:
            return _encode(values)
    return f"{{{','.join(parts)}}}"


def kind_text(kind: str, at: int, **properties: object) -> str:
    """Write what leads to a run where no event does, in the form of one: its kind, and its instant in microseconds."""
    document: dict[str, object] = {"type": kind, "at": at}
    if properties:
        document["properties"] = properties
    return _encode(document)


def origin_hops(origin: str) -> int:
    """Read by how many actions of runs the event came about that led to a run."""
    # What stands behind the properties cannot be one of them, so this look spares most runs the reading.
    return int(json.loads(origin).get("hops", 0)) if '"hops":' in origin else 0


def origin_instant(origin: str) -> tuple[str, int] | None:
    """Read the type and the instant, in microseconds, of the event that led to a run; None where none is known."""
    if not origin:
        return None
    document = json.loads(origin)
    return (document["type"], document["at"]) if "type" in document else None


def origin_event(subscriber_id: str, origin: str) -> Event:
    """Read the event that led to a run."""
    document = json.loads(origin)
    return Event(
        document["type"],
        subscriber_id,
        id=document.get("id"),
        occurred_at=from_micros(document["at"]),
        properties=document.get("properties", {}),
        value=document.get("value"),
    )

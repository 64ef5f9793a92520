"""What a host supplies: senders, profiles, templates and the like, and the values that cross them."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from attrs import field, frozen

from flowkit.conditions import Condition
from flowkit.events import Facts, Needs
from flowkit.rendering.model import OutgoingMessage, Template
from flowkit.runs.consent import ConsentStatus
from flowkit.runs.effects import Outcome
from flowkit.triggers.profile_dates import Wanted
from flowkit.workflows.model import UpdateProfile, UpdateSegments

__all__ = [
    "Addressed",
    "Audience",
    "Clock",
    "Consent",
    "Fault",
    "FaultReports",
    "Handler",
    "HandlerRequest",
    "InDoubt",
    "Lookup",
    "Maybe",
    "ProfileChange",
    "Profiles",
    "Sender",
    "Templates",
    "WebhookRequest",
    "Webhooks",
]

T = TypeVar("T")
Maybe: TypeAlias = T | Awaitable[T]
"""A value, or an awaitable of it."""


class Clock(Protocol):
    """Tells the engine what time it is: rules run on this clock, leases never do."""

    def now(self) -> datetime:
        """Give the present instant, aware."""
        ...


class InDoubt(StrEnum):
    """What to do with an effect that was called and whose outcome is not known."""

    RESEND = "resend"
    """Call again: twice is better than never."""
    ASSUME_SENT = "assume_sent"
    """Take it as done: never is better than twice."""


class Profiles(Protocol):
    """What the host knows about subscribers."""

    def facts(self, ids: Sequence[str], needs: Needs) -> Maybe[Mapping[str, Facts]]:
        """Read many subscribers at once.

        Args:
            ids: Whose facts, without repeats.
            needs: What is read of them; nothing else has to be given.

        Returns:
            Facts by id; an id that is not known is left out.
        """
        ...

    def change(self, changes: Sequence[ProfileChange]) -> Maybe[Sequence[Outcome]]:
        """Apply changes in order, each under its key: a key that was applied before changes nothing again.

        Returns:
            One outcome for each change, in order.
        """
        ...


@frozen
class ProfileChange:
    """A change of one subscriber's profile or segments.

    Attributes:
        key: The effect's key, under which it is applied once.
        subscriber_id: Whose profile.
        operation: What is changed.
    """

    key: str
    subscriber_id: str
    operation: UpdateSegments | UpdateProfile


class Audience(Protocol):
    """Finds subscribers, for time triggers and for backfills: no timer is kept for any of them."""

    def zones(self) -> Maybe[Sequence[str]]:
        """Name the time zones that subscribers have, each once; what is no zone may be among them."""
        ...

    def members(
        self,
        *,
        where: Condition,
        zones: Sequence[str | None] | None,
        on: Wanted | None,
        path: str | None,
        after: str | None,
        limit: int,
    ) -> Maybe[Sequence[str]]:
        """Read a page of subscriber ids, in ascending order of their code points.

        More may be given than fit: the engine asks ``where`` and the date again, of each one's facts. Nobody who fits
        may be left out.

        Args:
            where: What is to hold about them.
            zones: Only those in one of these zones, letter by letter; None among them stands for those without one.
                None asks for everybody.
            on: Only those whose date is one of these; None asks for no date.
            path: The attribute that holds the date; None where no date is asked for.
            after: The last id of the page before; None for the first page.
            limit: The most ids to give; a page with fewer is the last.
        """
        ...


@frozen(kw_only=True)
class Fault:
    """Something about the data that kept a condition from holding, whatever it is that it asks.

    Attributes:
        workflow_id: Of which workflow the condition is.
        version: Of which version.
        where: Where the condition stands in the workflow's document, as a JSON pointer.
        path: What was read, such as ``event.amount``, ``subscriber.plan``, ``variables.score``, ``engagement.opens`` or
            ``custom.name``.
        error: ``missing``, ``wrong_kind``, ``too_long``, ``no_date``, ``unknown_predicate``, or the name of what a
            predicate raised.
        found: The kind of the value in JSON's words, such as ``string``; never the value. Empty for a predicate.
        at: The engine's instant at which it was found.
        subscriber_id: At whom it was found; None where that is known by the run.
        run_id: In which run; None before there is one.
    """

    workflow_id: str
    version: int
    where: str
    path: str
    error: str
    found: str
    at: datetime
    subscriber_id: str | None = None
    run_id: str | None = None


class FaultReports(Protocol):
    """Is told of data that conditions cannot use, so that somebody can mend it."""

    def report(self, faults: Sequence[Fault]) -> Maybe[None]:
        """Take note.

        Each engine tells once for each version of a workflow, condition, path, and whether the value was missing or
        something else was wrong, with the first example that it met. What it cannot tell because this raises, it logs
        and tells again at its next call.
        """
        ...


class Sender(Protocol):
    """Hands messages over to whoever delivers them.

    Attributes:
        key_window: For how long the receiver honours a key, so that a repeated call delivers nothing again; once it has
            passed since the first attempt there is no further one, and the outcome counts as unknown. None where it
            honours no keys: then each message gets a call of its own, noted before and after.
        timeout: The longest that one call takes; less than half of the engine's lease.
        in_doubt: What to do where a call was begun, its outcome is not known, and ``lookup`` cannot tell.
        needs: The facts that messages are made from here. For e-mail, ``email`` among the attributes asks for an
            address, and a subscriber without one is skipped; any other address is named as `Addressed` says.
    """

    @property
    def key_window(self) -> timedelta | None:
        """For how long keys are honoured."""
        ...

    @property
    def timeout(self) -> timedelta:
        """The longest that one call takes."""
        ...

    @property
    def in_doubt(self) -> InDoubt:
        """The policy where nobody knows."""
        ...

    @property
    def needs(self) -> Needs:
        """The facts that messages are made from."""
        ...

    def send(self, messages: Sequence[OutgoingMessage]) -> Maybe[Sequence[Outcome]]:
        """Hand messages over: one a call where no keys are honoured, else up to 100.

        Returns:
            One outcome for each message, in order. An exception means that nothing is known about any of them.
        """
        ...


@runtime_checkable
class Lookup(Protocol):
    """A sender or webhook client that can find out later what became of a key."""

    def lookup(self, keys: Sequence[str]) -> Maybe[Mapping[str, Outcome]]:
        """Look keys up at the receiver; a key that it never saw is ``Result.RETRY``, one it cannot tell is left out."""
        ...


@runtime_checkable
class Addressed(Protocol):
    """A sender that says where it finds the address; one for e-mail that does not say so finds it in ``email``."""

    @property
    def address(self) -> str | None:
        """The attribute that holds the address, and without which nothing is sent; None where no address is needed."""
        ...


class Consent(Protocol):
    """Who wants to be written to about what."""

    def status(self, ids: Sequence[str], topic: str) -> Maybe[Mapping[str, ConsentStatus]]:
        """Read how many subscribers stand with a topic.

        It is asked before a message is made, and again right before it is handed over, at every attempt. Only
        ``ConsentStatus.SUBSCRIBED`` lets a message go out. Where silence is to be a yes, answer so for those who said
        nothing. Where this raises, the messages are not sent, and tried again later.

        Args:
            ids: Whose, without repeats.
            topic: The topic, as the action of the workflow names it.

        Returns:
            The status by id; an id that is left out is ``ConsentStatus.UNKNOWN``.
        """
        ...


class Templates(Protocol):
    """Where templates come from when a workflow is published."""

    def template(self, template_id: str) -> Maybe[Template | None]:
        """Read a template; None where there is none of that id."""
        ...


@frozen(repr=False)
class WebhookRequest:
    """One HTTP call.

    Attributes:
        key: The effect's key, to be sent in a header.
        url: Where to.
        method: The HTTP method.
        headers: Header lines by name.
        body: The JSON object to send.
        once: Whether a call of which nobody knows how it ended must not be made again: such a one is
            ``Result.UNKNOWN``, and ``Result.RETRY`` only what has surely not been done.
    """

    key: str
    url: str
    method: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    once: bool = field(default=False, kw_only=True)

    def __repr__(self) -> str:
        return f"WebhookRequest(key={self.key!r}, method={self.method!r})"


class Webhooks(Protocol):
    """Calls HTTP end points.

    Attributes:
        timeout: The longest that one call takes; less than half of the engine's lease.
    """

    @property
    def timeout(self) -> timedelta:
        """The longest that one call takes."""
        ...

    def call(self, requests: Sequence[WebhookRequest]) -> Maybe[Sequence[Outcome]]:
        """Make the calls, each bearing its key; one outcome for each, in order.

        What a response says goes into ``Outcome.output``, as text, where the run is to have variables from it.
        """
        ...


@frozen(repr=False, kw_only=True)
class HandlerRequest:
    """One action of the host's own, to be carried out for one run.

    Attributes:
        key: The effect's key, the same at every attempt.
        name: The name of the action.
        subscriber_id: For whom.
        workflow_id: In which workflow.
        run_id: In which run.
        node: At which node.
        action: By which action.
        parameters: What the action says besides its name.
        variables: The run's variables by name.
    """

    key: str
    name: str
    subscriber_id: str
    workflow_id: str
    run_id: str
    node: str
    action: str
    parameters: Mapping[str, Any]
    variables: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"HandlerRequest(key={self.key!r}, name={self.name!r})"


class Handler(Protocol):
    """Carries out one of the host's own actions: a function will do.

    A handler may have two attributes. ``timeout`` is the longest that one call takes, 30 seconds without it; it must be
    less than half of the engine's lease. ``key_window`` is for how long it honours a key, as of a sender: it is called
    with up to 100 requests then. Without it, or with None, each request gets a call of its own, noted before and after.
    """

    def __call__(self, requests: Sequence[HandlerRequest], /) -> Maybe[Sequence[Outcome]]:
        """Carry requests out, each under its key; one outcome for each, in order.

        ``Outcome.output`` may be the JSON text of an object: its members become variables of the run, and null unsets
        one. An exception means that nothing is known about any of the requests.
        """
        ...

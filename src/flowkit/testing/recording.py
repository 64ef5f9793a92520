"""Ports that record what they are asked to do, and answer as they are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final, TypeAlias

from attrs import frozen

from flowkit.adapters.consent import MemoryConsent
from flowkit.analytics.alarms import Alert
from flowkit.events import Needs
from flowkit.ports import Fault, HandlerRequest, InDoubt, WebhookRequest
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.consent import ConsentStatus
from flowkit.runs.effects import DONE, Outcome, Result

__all__ = [
    "Answer",
    "RecordingAlerts",
    "RecordingConsent",
    "RecordingFaultReports",
    "RecordingHandler",
    "RecordingSender",
    "RecordingWebhooks",
    "TookEffect",
]

_TIMEOUT: Final = timedelta(seconds=5)
_ADDRESS: Final = Needs(attributes=frozenset({"email"}))


@frozen
class TookEffect:
    """The call takes effect, and then answers this, as where the connection is lost after the message.

    Attributes:
        answer: What comes back: an outcome, or an exception that is raised.
    """

    answer: Outcome | Exception


Answer: TypeAlias = Outcome | Exception | TookEffect
"""What a call is answered with. An outcome takes effect where it is done; an exception is raised and takes none."""


_NO_ANSWERS: Final[Mapping[str, Answer]] = MappingProxyType({})


class _Script:
    """The answers that were prepared, by key or by another name; what was not prepared is done."""

    def __init__(self, answers: Mapping[str, Answer | Iterable[Answer]]) -> None:
        self._constant: dict[str, Answer] = {}
        self._series: dict[str, list[Answer]] = {}
        for name, answer in answers.items():
            if isinstance(answer, (Outcome, Exception, TookEffect)):
                self._constant[name] = answer
            else:
                self._series[name] = list(answer)

    def answer(self, *names: str) -> tuple[bool, Outcome | Exception]:
        """Tell whether a call takes effect, and what it is answered with; the first name that has an answer counts."""
        for name in names:
            if series := self._series.get(name):
                return _split(series.pop(0))
            if name in self._constant:
                return _split(self._constant[name])
        return True, DONE


def _split(answer: Answer) -> tuple[bool, Outcome | Exception]:
    match answer:
        case TookEffect(inner):
            return True, inner
        case Outcome():
            return answer.result is Result.DONE, answer
        case _:
            return False, answer


class RecordingSender:
    """Records messages instead of delivering them.

    Attributes:
        key_window: For how long keys are honoured; None where they are not.
        timeout: What the engine holds against its lease.
        in_doubt: The policy that the engine reads.
        needs: The facts that the engine reads for each message.
        calls: The messages of each call, in order, whatever became of them.
        delivered: The messages that took effect, in order.
        repeats: How often a key that had been delivered came again, whether it was honoured or not.
        drifted: The keys that came again with another message than before; where keys are honoured, there should be
            none.
    """

    def __init__(
        self,
        outcomes: Mapping[str, Answer | Iterable[Answer]] = _NO_ANSWERS,
        *,
        key_window: timedelta | None = None,
        timeout: timedelta = _TIMEOUT,
        in_doubt: InDoubt = InDoubt.RESEND,
        needs: Needs = _ADDRESS,
        address: str | None = None,
    ) -> None:
        """Prepare the answers.

        Args:
            outcomes: Answers by key or by template id, the key first: one answer for every call, or a series, one a
                call and done after its end.
            key_window: None honours no keys. Else a key that was delivered before is answered as done, delivers
                nothing again and is counted in ``repeats``, however late it comes: the recorder has no clock.
            timeout: See above.
            in_doubt: See above.
            needs: See above.
            address: The attribute that holds the address, for another channel than e-mail; it is needed then.
        """
        self.key_window = key_window
        self.timeout = timeout
        self.in_doubt = in_doubt
        self.needs = needs
        if address is not None:
            self.address = address
            self.needs = Needs(attributes=frozenset({address})) if needs is _ADDRESS else needs
        self.calls: list[tuple[OutgoingMessage, ...]] = []
        self.delivered: list[OutgoingMessage] = []
        self.repeats: Counter[str] = Counter()
        self.drifted: set[str] = set()
        self._script = _Script(outcomes)
        self._first: dict[str, OutgoingMessage] = {}
        self._keys: set[str] = set()

    @property
    def messages(self) -> list[OutgoingMessage]:
        """Every message of every call, in order."""
        return [message for call in self.calls for message in call]

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        """Record a call and answer it.

        Raises:
            Exception: The one that was prepared for a message; those before it took effect.
        """
        self.calls.append(tuple(messages))
        return [self._send(message) for message in messages]

    def _send(self, message: OutgoingMessage) -> Outcome:
        if self._first.setdefault(message.key, message) != message:
            self.drifted.add(message.key)
        if message.key in self._keys:
            self.repeats[message.key] += 1
            if self.key_window is not None:
                return DONE
        took_effect, answer = self._script.answer(message.key, message.template_id)
        if took_effect:
            self._keys.add(message.key)
            self.delivered.append(message)
        if isinstance(answer, Exception):
            raise answer
        return answer


class RecordingWebhooks:
    """Records requests instead of making them.

    Attributes:
        timeout: What the engine holds against its lease.
        calls: The requests of each call, in order, whatever became of them.
        accepted: The requests that took effect, in order.
    """

    def __init__(
        self, outcomes: Mapping[str, Answer | Iterable[Answer]] = _NO_ANSWERS, *, timeout: timedelta = _TIMEOUT
    ) -> None:
        """Prepare the answers.

        Args:
            outcomes: Answers by key or by URL, the key first: one answer for every request, or a series, one a request
                and done after its end.
            timeout: See above.
        """
        self.timeout = timeout
        self.calls: list[tuple[WebhookRequest, ...]] = []
        self.accepted: list[WebhookRequest] = []
        self._script = _Script(outcomes)

    @property
    def requests(self) -> list[WebhookRequest]:
        """Every request of every call, in order."""
        return [request for call in self.calls for request in call]

    def call(self, requests: Sequence[WebhookRequest]) -> Sequence[Outcome]:
        """Record a call and answer it.

        Raises:
            Exception: The one that was prepared for a request; those before it took effect.
        """
        self.calls.append(tuple(requests))
        return [self._call(request) for request in requests]

    def _call(self, request: WebhookRequest) -> Outcome:
        took_effect, answer = self._script.answer(request.key, request.url)
        if took_effect:
            self.accepted.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer


class RecordingHandler:
    """Records the actions of the host's own that it is asked for, instead of carrying them out.

    Attributes:
        key_window: For how long keys are honoured; None where they are not.
        timeout: What the engine holds against its lease.
        calls: The requests of each call, in order, whatever became of them.
        accepted: The requests that took effect, in order.
    """

    def __init__(
        self,
        outcomes: Mapping[str, Answer | Iterable[Answer]] = _NO_ANSWERS,
        *,
        key_window: timedelta | None = None,
        timeout: timedelta = _TIMEOUT,
    ) -> None:
        """Prepare the answers.

        Args:
            outcomes: Answers by key or by subscriber id, the key first: one answer for every request, or a series, one
                a request and done after its end.
            key_window: See above.
            timeout: See above.
        """
        self.key_window = key_window
        self.timeout = timeout
        self.calls: list[tuple[HandlerRequest, ...]] = []
        self.accepted: list[HandlerRequest] = []
        self._script = _Script(outcomes)

    @property
    def requests(self) -> list[HandlerRequest]:
        """Every request of every call, in order."""
        return [request for call in self.calls for request in call]

    def __call__(self, requests: Sequence[HandlerRequest], /) -> Sequence[Outcome]:
        """Record a call and answer it.

        Raises:
            Exception: The one that was prepared for a request; those before it took effect.
        """
        self.calls.append(tuple(requests))
        return [self._call(request) for request in requests]

    def _call(self, request: HandlerRequest) -> Outcome:
        took_effect, answer = self._script.answer(request.key, request.subscriber_id)
        if took_effect:
            self.accepted.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer


class RecordingFaultReports:
    """Records the faults that it is told of.

    Attributes:
        faults: All of them, in order.
        refusing: An exception that is raised instead; None records.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.refusing: Exception | None = None

    def report(self, faults: Sequence[Fault]) -> None:
        """Record faults.

        Raises:
            Exception: The one that was prepared.
        """
        if self.refusing is not None:
            raise self.refusing
        self.faults += faults


class RecordingConsent(MemoryConsent):
    """Consents in memory that record what they are asked.

    Attributes:
        asked: Whose consent was asked for, and to which topic, call by call.
        refusing: An exception that is raised instead of an answer; None answers.
    """

    def __init__(self, subscribed: Mapping[str, Iterable[str]] | None = None, *, opt_out: Iterable[str] = ()) -> None:
        """Note who said yes, as ``MemoryConsent`` does."""
        super().__init__(subscribed, opt_out=opt_out)
        self.asked: list[tuple[tuple[str, ...], str]] = []
        self.refusing: Exception | None = None

    def status(self, ids: Sequence[str], topic: str) -> Mapping[str, ConsentStatus]:
        """Record what is asked, and answer.

        Raises:
            Exception: The one that was prepared.
        """
        self.asked.append((tuple(ids), topic))
        if self.refusing is not None:
            raise self.refusing
        return super().status(ids, topic)


class RecordingAlerts:
    """Records the alerts that it is told of.

    Attributes:
        alerts: All of them, in order.
        refusing: An exception that is raised instead; None records.
    """

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.refusing: Exception | None = None

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Record alerts.

        Raises:
            Exception: The one that was prepared.
        """
        if self.refusing is not None:
            raise self.refusing
        self.alerts += alerts

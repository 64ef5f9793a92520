"""The ports of one engine, put together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Final

from attrs import Factory, field, frozen

from flowkit.conditions import Predicate
from flowkit.engine.catalogue import Catalogue
from flowkit.engine.decisions import Decisions
from flowkit.engine.handling import Handling
from flowkit.engine.watch import Watch
from flowkit.errors import ConfigurationError
from flowkit.events import id_problem
from flowkit.ports import (
    Audience,
    Clock,
    Consent,
    FaultReports,
    Handler,
    Predictions,
    Profiles,
    Recommendations,
    Sender,
    Store,
    Templates,
    Webhooks,
)
from flowkit.problems import short
from flowkit.rendering.mail_policy import MailPolicy
from flowkit.rendering.personal.personalize import Personalization
from flowkit.runs.policy import NO_POLICY, SendPolicy
from flowkit.workflows.model import EMAIL

__all__ = ["DEFAULT_BATCH", "DEFAULT_LEASE", "Parts"]

DEFAULT_BATCH: Final = 500
DEFAULT_LEASE: Final = timedelta(minutes=5)
_NO_TIME: Final = timedelta()


def _handled(handlers: Mapping[str, Handler]) -> Mapping[str, Handling]:
    return {name: Handling.of(name, handler) for name, handler in handlers.items()}


@frozen(eq=False)
class Parts:
    """What an engine works with.

    Attributes:
        store: Keeps everything.
        clock: Tells the time that rules run on.
        sender: Hands e-mail over; None where no workflow sends any.
        channels: Hand over what goes by other channels, by name.
        profiles: Knows the subscribers; None where no workflow asks.
        templates: Gives templates when a workflow is published; None where the mail service renders for itself.
        webhooks: Calls HTTP end points; None where no workflow does.
        audience: Finds subscribers; None where nothing is triggered by the clock or filled up.
        fault_reports: Is told of data that conditions cannot use; None where nobody wants to know.
        predicates: The host's own conditions, by name.
        policy: When messages may go out.
        mail: What all e-mail carries beside what its template says; None where it carries nothing more.
        lease: For how long a worker holds what it claimed, unless it goes on holding it.
        batch: The most runs that a worker claims at once.
        handlers: The host's own actions, by name.
        consent: Knows who is subscribed to which topic; None where no message names one.
        suppresses: Whether bounces, complaints and unsubscriptions that are reported put subscribers on the suppression
            list.
        personalization: How messages are personalized; None only fills merge tags.
        predictions: Predicts what subscribers will do; None predicts nothing.
        recommendations: Recommends products and content; None recommends nothing.
        catalogue: What is published.
        watch: Keeps an eye on the data, where somebody wants to know.
        decisions: What was decided before, and need not be again.
    """

    store: Store
    clock: Clock
    sender: Sender | None
    channels: Mapping[str, Sender]
    profiles: Profiles | None
    templates: Templates | None
    webhooks: Webhooks | None
    audience: Audience | None
    fault_reports: FaultReports | None
    predicates: Mapping[str, Predicate]
    lease: timedelta
    batch: int
    handlers: Mapping[str, Handling] = field(converter=_handled)
    consent: Consent | None = None
    suppresses: bool = True
    policy: SendPolicy = field(default=NO_POLICY, kw_only=True)
    mail: MailPolicy | None = field(default=None, kw_only=True)
    personalization: Personalization | None = field(default=None, kw_only=True)
    predictions: Predictions | None = field(default=None, kw_only=True)
    recommendations: Recommendations | None = field(default=None, kw_only=True)
    catalogue: Catalogue = field(
        init=False, default=Factory(lambda self: Catalogue(self.store, self.predicates), takes_self=True)
    )
    watch: Watch | None = field(
        init=False,
        default=Factory(
            lambda self: None if self.fault_reports is None else Watch(self.fault_reports), takes_self=True
        ),
    )
    decisions: Decisions = field(init=False, default=Factory(lambda self: Decisions(self.watch), takes_self=True))

    def __attrs_post_init__(self) -> None:
        if self.lease <= _NO_TIME:
            message = "lease must be a positive time"
            raise ConfigurationError(message)
        if self.batch < 1:
            message = "batch must be at least 1"
            raise ConfigurationError(message)
        for name, host in self.predicates.items():
            if iscoroutinefunction(host):
                message = f"predicate {name!r} must be a function that answers at once, not {type(host).__name__}"
                raise ConfigurationError(message)
        for name in self.channels:
            self._check_channel(name)
        receivers = {"sender": self.sender, "webhooks": self.webhooks}
        senders = {f"channels[{name!r}]": port for name, port in self.channels.items()}
        handlers = {one.port: one for one in self.handlers.values()}
        for name, port in {**receivers, **senders, **handlers}.items():
            if port is not None and port.timeout * 2 >= self.lease:
                message = (
                    f"{name}.timeout is {port.timeout}, but must be less than half of the lease ({self.lease}): "
                    f"give a shorter timeout or a longer lease"
                )
                raise ConfigurationError(message)

    def sender_of(self, channel: str) -> Sender | None:
        """Give who hands over what goes by a channel; None where nobody does."""
        return self.sender if channel == EMAIL else self.channels.get(channel)

    @staticmethod
    def _check_channel(name: str) -> None:
        """Refuse the name of a channel that no document could name, or that names e-mail."""
        problem = "is served by the port `sender`, and by no other" if name == EMAIL else id_problem(name)
        if problem is not None:
            message = f"the channel {short(name)} {problem}"
            raise ConfigurationError(message)

"""Whatever happens in whatever order, nothing is handed over that was forbidden when its window was opened.

The oracle keeps its own list of who is suppressed and subscribed. It knows what a sender was given, in order, and when
windows were opened, and nothing else of the engine.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit import (
    Action,
    Engine,
    Event,
    MemoryConsent,
    MemoryStore,
    MessageClass,
    Outcome,
    OutgoingMessage,
    Result,
    SendEmail,
    SqliteStore,
    SuppressionReason,
    SuppressionScope,
    VirtualClock,
)
from flowkit.events import NO_NEEDS
from flowkit.ports import InDoubt, Store
from flowkit.runs.model import Kind
from tests.support.journeys import HOUR, START, node, wait, workflow

NAMES = ("a", "b", "c")
TOPIC = "news"
DONE, BUSY = Outcome(Result.DONE), Outcome(Result.RETRY, "busy")
SERIES = workflow(
    node(
        "start",
        Action("offer", SendEmail("offer", topic=TOPIC)),
        Action("receipt", SendEmail("receipt", message_class=MessageClass.TRANSACTIONAL)),
        Action("more", SendEmail("more")),
        default="pause",
    ),
    node("pause", wait(), default="late"),
    node("late", Action("late", SendEmail("late", topic=TOPIC)), Action("last", SendEmail("last"))),
)
ANNOUNCED = {"bounce": SuppressionReason.BOUNCE, "complaint": SuppressionReason.COMPLAINT}


@frozen
class Deed:
    """Something that happens: a verb, about whom, and why."""

    verb: str
    name: str
    reason: SuppressionReason


def _deeds(*verbs: str) -> st.SearchStrategy[Deed]:
    return st.builds(Deed, st.sampled_from(verbs), st.sampled_from(NAMES), st.sampled_from(SuppressionReason))


MEANWHILE = _deeds("signup", "report", "suppress", "unsuppress", "subscribe", "unsubscribe", "touch")
STEPS = st.lists(
    _deeds("signup", "suppress", "unsuppress", "subscribe", "unsubscribe", "report", "advance"), max_size=12
)
# What happens within the calls of the sender: nothing in most of them.
WITHIN = st.lists(st.none() | MEANWHILE, max_size=12)
ANSWERS = st.lists(st.sampled_from([DONE, DONE, BUSY]), max_size=12)


@define
class Oracle:
    """What is forbidden and wanted, and what is to be expected of windows that are open."""

    banned: dict[str, set[tuple[SuppressionReason, SuppressionScope]]] = field(
        factory=lambda: {name: set() for name in NAMES}
    )
    subscribed: set[str] = field(factory=lambda: set(NAMES))
    allowed: set[str] = field(factory=set)
    promised: dict[tuple[str, SuppressionReason], set[str]] = field(factory=dict)

    def may(self, name: str, template_id: str) -> bool:
        """Whether a message may go out, as of now."""
        scopes = {scope for _, scope in self.banned[name]}
        if template_id == "receipt":
            return SuppressionScope.ALL not in scopes
        return not scopes and (template_id in ("more", "last") or name in self.subscribed)

    def suppress(self, name: str, reason: SuppressionReason) -> None:
        dead = reason is SuppressionReason.BOUNCE
        self.banned[name].add((reason, SuppressionScope.ALL if dead else SuppressionScope.MARKETING))

    def unsuppress(self, name: str, reason: SuppressionReason) -> None:
        self.banned[name] = {ban for ban in self.banned[name] if ban[0] is not reason}
        self.promised.pop((name, reason), None)


class World:
    """An engine on a store whose windows are watched, and a sender in whose calls things happen."""

    key_window: timedelta | None = None
    timeout = timedelta(seconds=5)
    in_doubt = InDoubt.RESEND
    needs = NO_NEEDS

    def __init__(self, store: Store, key_window: timedelta | None, within: Sequence[Deed | None], answers) -> None:
        self.key_window = key_window
        self.oracle = Oracle()
        self.delivered = Counter[str]()
        self._within, self._answers = iter(within), iter(answers)
        self._store = store
        self._number = 0
        self._templates: dict[str, str] = {}
        self.consent = MemoryConsent({TOPIC: NAMES})
        self.clock = VirtualClock(START)
        self.engine = Engine(self, sender=self, consent=self.consent, clock=self.clock)  # type: ignore[arg-type]
        self.engine.publish(SERIES)

    # -- the store, watched -------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def open_window(self, claim, runs):
        """Note which of the messages may go out now: afterwards it is too late to forbid them."""
        self.oracle.allowed = {
            key
            for key, run in runs.items()
            if self.oracle.may(run.subscriber_id, key.rpartition(":")[2])  # an action is called as its template
        }
        return self._store.open_window(claim, runs)

    # -- the sender ---------------------------------------------------------------------------------------------------

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        outcomes = []
        for message in messages:
            assert message.key in self.oracle.allowed, f"{message.key} was forbidden when its window was opened"
            for (name, reason), flying in self.oracle.promised.items():
                stops = message.template_id != "receipt" or reason is SuppressionReason.BOUNCE
                if name == message.subscriber_id and stops:
                    assert message.key in flying, f"suppress() had returned, and {message.key} was not in flight"
            outcome = next(self._answers, DONE)
            if outcome is DONE:
                self.delivered[message.key] += 1
            outcomes.append(outcome)
        if (deed := next(self._within, None)) is not None:
            self.do(deed)
        return outcomes

    # -- what happens -------------------------------------------------------------------------------------------------

    def do(self, deed: Deed) -> None:
        name, reason, oracle, engine = deed.name, deed.reason, self.oracle, self.engine
        self._number += 1
        match deed.verb:
            case "signup" | "touch":
                kind = "signup" if deed.verb == "signup" else "email_open"
                engine.ingest([Event(kind, name, id=str(self._number))])
            case "report":
                kind = "bounce" if reason is SuppressionReason.BOUNCE else "complaint"
                oracle.suppress(name, ANNOUNCED[kind])
                engine.ingest([Event(kind, name, id=str(self._number))])
            case "suppress":
                flying = engine.suppress([name], reason=reason, wait=False).in_flight
                oracle.suppress(name, reason)
                oracle.promised.setdefault((name, reason), set(flying))
            case "unsuppress":
                oracle.unsuppress(name, reason)
                engine.unsuppress([name], reason=reason)
            case "subscribe":
                oracle.subscribed.add(name)
                self.consent.subscribe(TOPIC, name)
            case "unsubscribe":
                oracle.subscribed.discard(name)
                self.consent.unsubscribe(TOPIC, name)
            case _:
                engine.advance()
                self.clock.advance(HOUR)


@contextmanager
def _memory() -> Iterator[Store]:
    yield MemoryStore()


@contextmanager
def _sqlite() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "flowkit.db", synchronous="NORMAL")
        try:
            yield store
        finally:
            store.close()


def forbidden_in_time(store: Callable[[], Any], key_window, steps, within, answers):
    """Live through steps over a store, and see that nothing is sent that was forbidden in time."""
    with store() as kept:
        world = World(kept, key_window, within, answers)
        for name in NAMES:
            world.engine.ingest([Event("signup", name, id=name)])
        for deed in steps:
            world.do(deed)
        while (due := world.engine.next_due()) is not None:
            world.clock.set(max(due, world.clock.now()))
            world.engine.advance()
        assert all(times == 1 for times in world.delivered.values()), "no key is delivered twice"
        sent = Counter(
            (line.run_id, line.entry.node, line.entry.action)
            for line in world.engine.journal(limit=10_000)
            if line.entry.kind is Kind.DONE
        )
        assert all(times == 1 for times in sent.values()), "a key has at most one sent"
        assert sum(sent.values()) == sum(world.delivered.values()), "what was sent is journaled, and nothing else"


@pytest.mark.parametrize("key_window", [None, timedelta(days=3)])
@pytest.mark.parametrize("store", [_memory, _sqlite])
@settings(max_examples=120)
@given(steps=STEPS, within=WITHIN, answers=ANSWERS)
def test_what_was_forbidden_in_time_is_not_sent(store: Callable[[], Any], key_window, steps, within, answers):
    forbidden_in_time(store, key_window, steps, within, answers)

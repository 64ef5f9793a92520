"""A worker and its lease: it extends before it calls, and calls nothing more once it has lost its claim."""

from datetime import timedelta
from time import monotonic

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine import advance as advance_module
from flowkit.engine import hold as hold_module
from flowkit.engine.drive import run_sync
from flowkit.engine.hold import Hold
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.events import NO_NEEDS
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.recording import RecordingSender, RecordingWebhooks
from flowkit.workflows.model import Action, CallWebhook
from tests.support.journeys import DAY, NOW, START, Ticks, node, send, signup, signups, tag, wait, workflow

LEASE = timedelta(seconds=60)
TIMEOUT = timedelta(seconds=8)


@pytest.fixture
def ticks(monkeypatch):
    """One clock for the store's leases and for the worker's own measure of them."""
    ticks = Ticks()
    monkeypatch.setattr(hold_module, "monotonic", ticks)
    monkeypatch.setattr(advance_module, "monotonic", ticks)
    return ticks


@pytest.fixture(params=["memory", "sqlite"])
def store(request, ticks, tmp_path):
    if request.param == "memory":
        yield MemoryStore(ticks=ticks)
    else:
        kept = SqliteStore(tmp_path / "flowkit.db", synchronous="NORMAL", lease_clock=ticks)
        yield kept
        kept.close()


class Slow(RecordingSender):
    """A sender whose calls take their time, and during which other things may happen."""

    def __init__(self, ticks, takes, *happening, **options):
        super().__init__(needs=NO_NEEDS, timeout=TIMEOUT, **options)
        self.ticks = ticks
        self.takes = takes
        self.happening = list(happening)

    def send(self, messages):
        outcomes = super().send(messages)
        self.ticks.advance(self.takes)
        if self.happening:
            self.happening.pop(0)()
        return outcomes


class Watched:
    """A store that counts how often a claim is extended."""

    def __init__(self, store):
        self.store = store
        self.extended = 0

    def __getattr__(self, name):
        return getattr(self.store, name)

    def extend(self, claim, lease):
        self.extended += 1
        return self.store.extend(claim, lease)


def engine_on(store, sender=None, *nodes, **ports):
    engine = Engine(store, clock=VirtualClock(START), sender=sender, lease=LEASE, **ports)
    engine.publish(workflow(*(nodes or [node("start", send(), wait())])))
    return engine


# ------------------------------------------------------------------------------------------------------------
# By itself


@pytest.fixture
def held(store):
    engine_on(store, RecordingSender(needs=NO_NEEDS, timeout=TIMEOUT)).ingest([signup()])
    return store.claim(NOW, limit=1, lease=LEASE)


def secured(hold, seconds):
    return run_sync(hold.secure(seconds))


def test_a_claim_lasts_for_less_than_its_lease(store, held, ticks):
    """It is measured from before it was asked for, so never for longer than the store thinks."""
    hold = Hold(store, held, LEASE, ticks())
    assert hold.lasts(59.9)
    assert not hold.lasts(60)
    ticks.advance(timedelta(seconds=50))
    assert hold.lasts(9.9)
    assert not hold.lasts(10)


def test_what_lasts_is_not_extended(store, held, ticks):
    watched = Watched(store)
    assert secured(Hold(watched, held, LEASE, ticks()), 5)
    assert watched.extended == 0


def test_what_runs_short_is_extended_by_a_full_lease(store, held, ticks):
    watched = Watched(store)
    hold = Hold(watched, held, LEASE, ticks())
    ticks.advance(timedelta(seconds=56))
    assert secured(hold, 5)
    assert watched.extended == 1
    assert hold.lasts(59)
    ticks.advance(timedelta(seconds=50))
    assert store.claim(NOW, limit=1, lease=LEASE) is None


def test_what_was_taken_over_is_lost_for_good(store, held, ticks):
    watched = Watched(store)
    hold = Hold(watched, held, LEASE, ticks())
    ticks.advance(LEASE)
    assert store.claim(NOW, limit=1, lease=LEASE) is not None
    assert not secured(hold, 0)
    assert hold.lost
    assert not secured(hold, 0)
    assert not hold.lasts(-1_000)
    assert watched.extended == 1, "it is not asked again"


# ------------------------------------------------------------------------------------------------------------
# In the engine


@pytest.mark.parametrize("key_window", [None, DAY])
def test_a_worker_extends_its_lease_before_a_call_that_might_outlast_it(store, ticks, key_window):
    """Twenty calls of seven seconds take more than two leases; nobody else gets the claim meanwhile."""
    many = 20 if key_window is None else 2_000
    watched = Watched(store)
    others = []
    sender = Slow(ticks, timedelta(seconds=7), key_window=key_window)
    sender.happening = [lambda: others.append(store.claim(NOW, limit=1, lease=LEASE))] * 20
    engine = engine_on(watched, sender, batch=many)
    engine.ingest(signups(many))
    assert engine.advance().done == many
    assert others == [None] * 20
    assert watched.extended == 2


def test_a_quick_worker_extends_nothing(store, ticks):
    watched = Watched(store)
    engine = engine_on(watched, Slow(ticks, timedelta()))
    engine.ingest(signups(50))
    engine.advance()
    assert watched.extended == 0


@pytest.mark.parametrize("key_window", [None, DAY])
def test_a_worker_that_lost_its_claim_calls_nothing_more(store, ticks, key_window):
    """It was stopped in its third call for longer than the lease, and another did the work."""
    many = 10 if key_window is None else 400
    other = RecordingSender(needs=NO_NEEDS, timeout=TIMEOUT, key_window=key_window)
    second = Engine(store, clock=VirtualClock(START), sender=other, lease=LEASE)

    def stopped():
        ticks.advance(LEASE)
        second.advance()

    sender = Slow(ticks, timedelta(), lambda: None, lambda: None, stopped, key_window=key_window)
    engine = engine_on(store, sender)
    engine.ingest(signups(many))
    engine.advance()
    assert len(sender.calls) == 3
    assert {run.state.waiting for run in engine.runs()} == {"duration"}
    assert len(engine.journal()) == 3 * many, "the heir's work is told, and the zombie's is not"
    zombie, heir = ({message.key for message in one.messages} for one in (sender, other))
    assert len(zombie | heir) == many
    # Without keys: what the first two calls did was noted, so the heir repeats the one it was stopped in.
    assert len(zombie & heir) == (1 if key_window is None else 300)


def test_profiles_and_webhooks_are_not_called_under_a_lost_claim(store, ticks):
    class Profiles(MemoryProfiles):
        calls = 0

        def change(self, changes):
            self.calls += 1
            ticks.advance(LEASE)
            assert store.claim(NOW, limit=500, lease=LEASE) is not None
            return super().change(changes)

    profiles, webhooks = Profiles(), RecordingWebhooks(timeout=TIMEOUT)
    for number in range(150):
        profiles.put(f"s{number}")
    call = Action("call", CallWebhook("https://example.com"))
    engine = engine_on(store, None, node("start", tag("a"), call), profiles=profiles, webhooks=webhooks)
    engine.ingest(signups(150))
    engine.advance()
    assert profiles.calls == 1, "the second window is not begun"
    assert webhooks.calls == []
    assert {run.sequence for run in engine.runs()} == {1}, "and nothing is written"


# ------------------------------------------------------------------------------------------------------------
# What cannot be kept is not promised


@pytest.mark.parametrize(("timeout", "fits"), [(29.9, True), (30, False), (31, False), (600, False)])
@pytest.mark.parametrize("port", ["sender", "webhooks"])
def test_a_time_out_must_be_less_than_half_of_the_lease(port, timeout, fits):
    made = {"sender": RecordingSender, "webhooks": RecordingWebhooks}[port](timeout=timedelta(seconds=timeout))
    if fits:
        Engine(MemoryStore(), lease=LEASE, **{port: made})
    else:
        with pytest.raises(ConfigurationError, match=f"{port}.timeout"):
            Engine(MemoryStore(), lease=LEASE, **{port: made})


@pytest.mark.parametrize("options", [{"lease": timedelta()}, {"lease": -LEASE}, {"batch": 0}, {"batch": -1}])
def test_a_lease_and_a_batch_are_positive(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Engine(MemoryStore(), **options)


def test_the_worker_measures_with_the_monotonic_clock():
    assert hold_module.monotonic is monotonic
    assert advance_module.monotonic is monotonic

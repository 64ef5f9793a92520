"""A worker that is stopped in the middle of what another one left: nothing that is known of its calls is lost."""

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.stop import Stop
from flowkit.engine.sync import Engine
from flowkit.runs.model import Status
from flowkit.testing.recording import RecordingSender
from tests.support.journeys import DAY, HOUR, START, node, send, signups, workflow


class Killed(BaseException):
    """Ends a worker in the middle of a call."""


class Dying:
    """A sender whose first call takes effect, and whose worker ends before it hears of it."""

    def __init__(self, inner):
        self._inner = inner
        self._dies = True
        self.key_window, self.timeout = inner.key_window, inner.timeout
        self.in_doubt, self.needs = inner.in_doubt, inner.needs

    def send(self, messages):
        answer = self._inner.send(messages)
        if self._dies:
            self._dies = False
            raise Killed
        return answer


class Stopping:
    """Profiles that are read by a worker who is told to stop meanwhile."""

    def __init__(self, inner, stop):
        self._inner = inner
        self._stop = stop

    def facts(self, subscriber_ids, needs):
        self._stop.ask()
        return self._inner.facts(subscriber_ids, needs)


@pytest.mark.parametrize(("later", "ended"), [(HOUR, Status.COMPLETED), (2 * DAY, Status.FAILED)])
def test_what_a_dead_worker_may_have_called_is_called_with_the_same_after_a_stop(any_store, later, ended):
    """Also the instant of the first call is kept: a receiver that has forgotten the key by then is not called."""
    clock = VirtualClock(START)
    inner = RecordingSender(key_window=DAY)
    sender = Dying(inner)
    before, after = (MemoryProfiles({"s0": {"email": to}}) for to in ("old@example.org", "new@example.org"))
    first = Engine(any_store, sender=sender, profiles=before, clock=clock)
    first.publish(workflow(node("start", send())))
    first.ingest(signups(1))
    with pytest.raises(Killed):
        first.advance()
    stop = Stop()
    Engine(any_store, sender=sender, profiles=Stopping(after, stop), clock=clock).advance(stop=stop)
    assert (stop.over, len(inner.calls)) == (True, 1)
    last = Engine(any_store, sender=sender, profiles=after, clock=clock)
    clock.advance(later)
    last.advance()
    assert [run.status for run in last.runs()] == [ended]
    assert inner.drifted == set()
    assert len(inner.delivered) == 1

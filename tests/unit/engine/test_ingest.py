"""What an engine makes of events."""

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.errors import EventsRejected
from flowkit.stores.memory import MemoryStore
from tests.support.journeys import START, node, signup, wait, workflow

SERIES = workflow(node("start", wait()))


def engine_on(store=None, *workflows, **ports):
    engine = Engine(store or MemoryStore(), clock=VirtualClock(START), **ports)
    for each in workflows or (SERIES,):
        engine.publish(each)
    return engine


@pytest.mark.parametrize("value", [object(), "\ud800", float("nan"), {1: {2}}, (bag := {}).setdefault("self", bag)])
def test_an_event_that_json_cannot_hold_is_rejected_alone(value):
    engine = engine_on()
    with pytest.raises(EventsRejected) as caught:
        engine.ingest([signup("a"), signup("b", properties={"bag": value}), signup("c")])
    assert list(caught.value.rejected) == [1]
    assert [run.subscriber_id for run in engine.runs()] == ["a", "c"]

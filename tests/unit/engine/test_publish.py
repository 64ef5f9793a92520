"""What is refused when it is published, since it could never do what it says."""

from datetime import timedelta

import pytest

from flowkit.conditions import AllOf, AnyOf, Condition, Not, parse
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.stores.memory import MemoryStore
from tests.support.journeys import check, node, send, tag, wait, workflow

PAST: Condition = parse({"performed": {"event": "purchase"}})
STEPS: Condition = parse({"sequence": {"steps": [{"event": "a"}, {"event": "b"}], "within": "1d"}})
SHARE: Condition = parse({"sample": {"percent": 10, "salt": "s"}})
HOSTS: Condition = parse({"custom": {"name": "is_friend"}})


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (PAST, "events of the past"),
        (AllOf((AnyOf((Not(PAST),)),)), "events of the past"),
        (STEPS, "events of the past"),
        (SHARE, "a sample"),
        (HOSTS, "is_friend"),
    ],
)
def test_a_condition_that_nobody_answers_is_refused(asked, reason):
    engine = Engine(MemoryStore())
    with pytest.raises(ConfigurationError, match=f"trigger.*{reason}"):
        engine.publish(workflow(node("start", wait(timedelta(hours=1))), condition=asked))
    with pytest.raises(ConfigurationError, match=f"node 'start'.*{reason}"):
        engine.publish(workflow(node("start", check(), condition=asked)))
    assert engine.runs() == []


@pytest.mark.parametrize(("action", "port"), [(send(), "sender"), (tag("vip"), "profiles")])
def test_an_action_that_nobody_carries_out_is_refused(action, port):
    with pytest.raises(ConfigurationError, match=f"needs a {port} port"):
        Engine(MemoryStore()).publish(workflow(node("start", action)))

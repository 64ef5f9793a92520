"""What is refused when it is published, since it could never do what it says."""

from datetime import timedelta

import pytest

from flowkit.conditions import AllOf, AnyOf, Condition, Not, parse
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.stores.memory import MemoryStore
from flowkit.triggers.model import EntryPolicy
from tests.support.journeys import check, node, send, tag, wait, workflow

HOSTS: Condition = parse({"custom": {"name": "is_friend"}})


@pytest.mark.parametrize("asked", [HOSTS, AllOf((AnyOf((Not(HOSTS),)),))])
def test_a_predicate_that_nobody_answers_is_refused(asked):
    engine = Engine(MemoryStore())
    with pytest.raises(ConfigurationError, match=r"trigger: .*is_friend"):
        engine.publish(workflow(node("start", wait(timedelta(hours=1))), condition=asked))
    with pytest.raises(ConfigurationError, match=r"filter: .*is_friend"):
        engine.publish(workflow(node("start", wait(timedelta(hours=1))), entry=EntryPolicy(filter=asked)))
    with pytest.raises(ConfigurationError, match=r"node 'start': .*is_friend"):
        engine.publish(workflow(node("start", check(), condition=asked)))
    assert engine.runs() == []


@pytest.mark.parametrize(("action", "port"), [(send(), "sender"), (tag("vip"), "profiles")])
def test_an_action_that_nobody_carries_out_is_refused(action, port):
    with pytest.raises(ConfigurationError, match=f"needs a {port} port"):
        Engine(MemoryStore()).publish(workflow(node("start", action)))

"""Right before a webhook or an action of the host's own is called, runs that others have moved are left out."""

from datetime import timedelta

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.conditions import EventIs
from flowkit.engine.sync import Engine
from flowkit.events import Event
from flowkit.ports import WebhookRequest
from flowkit.runs.effects import DONE
from flowkit.runs.model import Kind
from flowkit.workflows.goals import ExitCriterion
from flowkit.workflows.model import Action, CallHandler, CallWebhook, Delivery
from tests.support.journeys import START, node, signups, workflow

MANY = 250


def whose(request):
    return request.body["subscriber_id"] if isinstance(request, WebhookRequest) else request.subscriber_id


class Calls:
    """Webhooks, and a handler, during whose first call something happens."""

    timeout = timedelta(seconds=5)
    key_window = timedelta(days=1)

    def __init__(self):
        self.called, self.happening = [], lambda: None

    def call(self, requests):
        happening, self.happening = self.happening, lambda: None
        happening()
        self.called += [whose(request) for request in requests]
        return [DONE] * len(requests)

    __call__ = call


WEBHOOK = CallWebhook("https://crm.example.com/hook")
OPERATIONS = [
    WEBHOOK,
    evolve(WEBHOOK, delivery=Delivery.AT_MOST_ONCE),
    CallHandler("crm"),
    CallHandler("crm", delivery=Delivery.AT_MOST_ONCE),
]


@pytest.fixture(params=OPERATIONS, ids=["webhook", "webhook once", "custom", "custom once"])
def shop(request, any_store):
    calls = Calls()
    engine = Engine(any_store, webhooks=calls, handlers={"crm": calls}, clock=VirtualClock(START))
    engine.publish(
        evolve(
            workflow(node("start", Action("call", request.param))),
            exit_criteria=(ExitCriterion("bought", event=EventIs(("purchase",))),),
        )
    )
    engine.ingest(signups(MANY))
    return engine, calls


def test_who_exits_during_an_earlier_call_is_not_called_for(shop):
    engine, calls = shop
    last = f"s{MANY - 1}"
    calls.happening = lambda: engine.ingest([Event("purchase", last, id="p")])
    engine.advance()
    assert sorted(calls.called) == sorted(f"s{number}" for number in range(MANY - 1))
    assert [line.entry.kind for line in engine.journal(subscriber_id=last)][-1] is Kind.EXITED


def test_a_handler_may_itself_take_somebody_out(shop):
    engine, calls = shop
    calls.happening = lambda: engine.exit(f"s{MANY - 1}", "w")
    engine.advance()
    assert f"s{MANY - 1}" not in calls.called
    assert len(calls.called) == MANY - 1


def test_whom_an_event_only_touched_is_decided_again_and_called_for_once(shop):
    engine, calls = shop
    calls.happening = lambda: engine.suppress([f"s{MANY - 1}"], wait=False)
    engine.advance()
    assert sorted(calls.called) == sorted(f"s{number}" for number in range(MANY))

"""The variables of runs on engines: what sets them, who reads them, and what is the same at every attempt."""

import json

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.adapters.templates import DictTemplates
from flowkit.conditions import parse
from flowkit.engine.sync import Engine
from flowkit.errors import DocumentError
from flowkit.events import NO_NEEDS, Event
from flowkit.rendering.model import Template
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.recording import RecordingFaultReports, RecordingHandler, RecordingSender, RecordingWebhooks
from flowkit.triggers.model import EntryPolicy
from flowkit.workflows.control import Awaited, Branch, Case, WaitForEvent
from flowkit.workflows.model import Action, CallHandler, CallWebhook, Delivery
from tests.support.journeys import (
    DAY,
    HOUR,
    START,
    Ticks,
    check,
    node,
    send,
    signup,
    signups,
    stand,
    tag,
    told,
    wait,
    whole_journal,
    workflow,
)
from tests.support.refusals import refusals

URL = "https://example.com/score"
HIGH = parse({"variables": {"score": {"$gte": 5}}})
LOW = parse({"variables": {"score": {"$lt": 5}}})


def ask(response=None, **fields):
    """A webhook whose response sets a variable."""
    made = CallWebhook(URL, response={"score": "result.score"} if response is None else response, **fields)
    return Action("ask", made)


def fork(high=HIGH, low=LOW):
    return Action("fork", Branch([Case("high", high), Case("low", low)], otherwise="unknown"))


FORKED = (node("high", wait(DAY)), node("low", wait(DAY)), node("unknown", wait(DAY)))
WAYS = {"high": "high", "low": "low", "unknown": "unknown"}


def scored(score, **fields):
    return Outcome(Result.DONE, output=json.dumps({"result": {"score": score}}), **fields)


def keyed(engine, answers):
    """Answers by subscriber, for webhooks: the key of a request begins with the run."""
    names = {run.id: run.subscriber_id for run in engine.runs()}

    class ByPerson(RecordingWebhooks):
        def _call(self, request):
            self.accepted.append(request)
            return answers[names[request.body["run_id"]]]

    return ByPerson()


def engine_on(store, *workflows, people=(), webhooks=None, **ports):
    known = MemoryProfiles({name: {} for name in people} or {"s": {}})
    sender = ports.pop("sender", None) or RecordingSender(needs=NO_NEEDS)
    webhooks = webhooks or RecordingWebhooks()
    engine = Engine(store, clock=VirtualClock(START), profiles=known, sender=sender, webhooks=webhooks, **ports)
    for each in workflows:
        engine.publish(each)
    return engine


def places(engine):
    return {run.subscriber_id: run.state.node for run in engine.runs()}


def entry(engine, kind, action=None):
    [found] = [
        line.entry
        for line in engine.journal()
        if line.entry.kind is kind and (action is None or line.entry.action == action)
    ]
    return found


# -- setting and asking ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "place", "variables", "told_of"),
    [
        (scored(7), "high", {"score": 7}, {"variables": {"score": 7}}),
        (scored(5.0), "high", {"score": 5.0}, {"variables": {"score": 5.0}}),
        (scored(-1), "low", {"score": -1}, {"variables": {"score": -1}}),
        (scored("7"), "unknown", {"score": "7"}, {"variables": {"score": "7"}}),
        (scored(None), "unknown", {}, {"unset": {"score": "missing"}}),
        (Outcome(Result.DONE, output="{}"), "unknown", {}, {"unset": {"score": "missing"}}),
        (Outcome(Result.DONE, output="busy"), "unknown", {}, {"unset": {"score": "missing"}, "output": "no_json"}),
        (
            Outcome(Result.DONE, "the response was cut off"),
            "unknown",
            {},
            {"unset": {"score": "missing"}, "output": "missing", "reason": "the response was cut off"},
        ),
        (scored(7, reference="r-1"), "high", {"score": 7}, {"variables": {"score": 7}, "reference": "r-1"}),
    ],
)
def test_a_response_sets_variables_and_a_branch_reads_them(any_store, outcome, place, variables, told_of):
    journey = workflow(node("start", ask(), fork(), **WAYS), *FORKED)
    engine = engine_on(any_store, journey, webhooks=RecordingWebhooks({URL: outcome}))
    engine.ingest([signup()])
    engine.advance()
    [run] = engine.runs()
    assert (run.state.node, dict(run.variables)) == (place, variables)
    assert entry(engine, Kind.DONE).data == {"type": "webhook", "method": "POST", **told_of}
    decided = entry(engine, Kind.DECIDED).data
    assert decided["operands"] == {"variables.score": variables.get("score")}
    assert (decided.get("missing") == ["variables.score"]) is (not variables)


def test_each_of_a_crowd_has_its_own_and_who_has_the_same_goes_on_together(any_store):
    people = [f"s{number}" for number in range(20)]
    journey = workflow(node("start", wait(), ask(), fork(), **WAYS), *FORKED)
    engine = engine_on(any_store, journey, people=people)
    engine.ingest(signups(20))
    scores = {name: scored(number % 10) for number, name in enumerate(people)}
    other = engine_on(any_store, people=people, webhooks=keyed(engine, scores))
    other.advance(now=START + HOUR)
    expected = {name: "high" if number % 10 >= 5 else "low" for number, name in enumerate(people)}
    assert places(other) == expected
    by_score = {}
    for number, run in enumerate(other.runs()):
        by_score.setdefault(number % 10, set()).add(run.state)
    assert {len(states) for states in by_score.values()} == {1}


def test_they_are_kept_over_waits_and_gone_with_the_run(any_store):
    journey = workflow(node("start", ask(), wait(DAY), fork(), **WAYS), node("high", tag("high")), *FORKED[1:])
    engine = engine_on(any_store, journey, webhooks=RecordingWebhooks({URL: scored(9)}))
    engine.ingest([signup()])
    engine.advance()
    assert [dict(run.variables) for run in engine.runs()] == [{"score": 9}]
    engine.advance(now=START + DAY)
    [run] = engine.runs()
    assert (run.status, dict(run.variables), run.state.variables) == (Status.COMPLETED, {}, "")


def test_a_failed_run_keeps_them_and_goes_on_with_them(any_store):
    journey = workflow(node("start", ask(), send(), fork(), **WAYS), *FORKED)
    sender = RecordingSender({"hello": [Outcome(Result.FAILED, "gone")]}, needs=NO_NEEDS)
    engine = engine_on(any_store, journey, sender=sender, webhooks=RecordingWebhooks({URL: scored(9)}))
    engine.ingest([signup()])
    engine.advance()
    [run] = engine.runs(status=Status.FAILED)
    assert dict(run.variables) == {"score": 9}
    engine.requeue([run])
    engine.advance()
    assert places(engine) == {"s": "high"}


def test_in_a_loop_the_last_response_counts_and_what_it_lacks_is_unset(any_store):
    journey = workflow(
        node("start", ask(), fork(), high="start_again", low="low", unknown="unknown"),
        node("start_again", wait(), default="start"),
        *FORKED[1:],
    )
    webhooks = RecordingWebhooks({URL: [scored(9), scored(8), Outcome(Result.DONE, output="{}")]})
    engine = engine_on(any_store, journey, webhooks=webhooks)
    engine.ingest([signup()])
    seen = []
    for hours in range(3):
        engine.advance(now=START + hours * HOUR)
        seen += [dict(run.variables) for run in engine.runs()]
    assert seen == [{"score": 9}, {"score": 8}, {}]
    assert places(engine) == {"s": "unknown"}


def test_what_was_not_done_sets_nothing(any_store):
    outcome = Outcome(Result.SKIPPED, "not wanted", output='{"result": {"score": 9}}')
    journey = workflow(node("start", ask(), fork(), **WAYS), *FORKED)
    engine = engine_on(any_store, journey, webhooks=RecordingWebhooks({URL: outcome}))
    engine.ingest([signup()])
    engine.advance()
    assert places(engine) == {"s": "unknown"}
    assert "variables" not in entry(engine, Kind.SKIPPED).data


def test_a_condition_of_a_node_reads_them(any_store):
    checked = node("start", ask(), check(), condition=HIGH, engaged="high", not_engaged="low")
    engine = engine_on(any_store, workflow(checked, *FORKED[:2]), webhooks=RecordingWebhooks({URL: scored(9)}))
    engine.ingest([signup()])
    engine.advance()
    assert places(engine) == {"s": "high"}
    assert entry(engine, Kind.DECIDED).data["operands"] == {"variables.score": 9}


@pytest.mark.parametrize(("score", "place"), [(9, "high"), (1, "low"), (None, "late")])
def test_a_wait_for_a_condition_reads_them(any_store, score, place):
    """What holds on arrival passes at once; variables change by the run's own actions only."""
    await_ = WaitForEvent([Case("high", HIGH), Case("low", LOW), Awaited("x", parse({"event_type": "x"}))], timeout=DAY)
    waits = node("start", ask(), Action("await", await_), high="high", low="low", timeout="late")
    journey = workflow(waits, *(node(name, wait(2 * DAY)) for name in ("high", "low", "late")))
    engine = engine_on(any_store, journey, webhooks=RecordingWebhooks({URL: scored(score)}))
    engine.ingest([signup()])
    engine.advance()
    assert places(engine) == {"s": "start" if place == "late" else place}
    engine.changed(["s"])
    engine.ingest([Event("other", "s", id="2")])
    engine.advance(now=START + HOUR)
    assert places(engine) == {"s": "start" if place == "late" else place}
    engine.advance(now=START + DAY)
    assert places(engine) == {"s": place}


def test_a_wait_looks_at_them_with_the_profile(any_store):
    """The condition holds as soon as the profile does its part."""
    both = parse({"subscriber_properties": {"plan": "pro"}, "variables": {"score": {"$gte": 5}}})
    await_ = WaitForEvent([Case("high", both)], timeout=None)
    journey = workflow(node("start", ask(), Action("await", await_), high="high"), FORKED[0])
    engine = engine_on(any_store, journey, webhooks=RecordingWebhooks({URL: scored(9)}))
    engine.ingest([signup()])
    engine.advance()
    assert places(engine) == {"s": "start"}
    people = MemoryProfiles({"s": {"plan": "pro"}})
    Engine(any_store, clock=VirtualClock(START), profiles=people, webhooks=RecordingWebhooks()).changed(["s"])
    assert places(engine) == {"s": "high"}


def test_batches_and_stores_change_nothing(any_store):
    """I10."""
    people = [f"s{number}" for number in range(6)]
    journey = workflow(node("start", ask(), fork(), **WAYS), *FORKED)

    def lived(store, batch):
        engine = engine_on(store, journey, people=people, batch=batch)
        engine.ingest(signups(6))
        answers = {name: scored(number) for number, name in enumerate(people)}
        other = engine_on(store, people=people, webhooks=keyed(engine, answers), batch=batch)
        other.advance()
        return sorted(map(repr, told(whole_journal(store)))), stand(other.runs())

    assert lived(any_store, 1) == lived(MemoryStore(), 500)


# -- telling of them ---------------------------------------------------------------------------------------------------


def test_an_explanation_says_what_was_set_and_what_was_not(any_store):
    journey = workflow(node("start", ask({"score": "score", "tier": "tier"}), fork(), **WAYS), *FORKED)
    webhooks = RecordingWebhooks({URL: Outcome(Result.DONE, output='{"score": 7}')})
    engine = engine_on(any_store, journey, webhooks=webhooks)
    engine.ingest([signup()])
    engine.advance()
    said = [reason.text for reason in engine.explain("s", "w").reasons]
    assert "the webhook at start was done; score was set to 7 and tier was not set (missing)" in said
    assert "start chose high, since variables.score was 7" in said


def test_faults_are_reported_of_variables_too():
    reports = RecordingFaultReports()
    journey = workflow(node("start", ask(), fork(), **WAYS), *FORKED)
    webhooks = RecordingWebhooks({URL: [scored("7"), Outcome(Result.DONE, output="{}")]})
    engine = engine_on(MemoryStore(), journey, people=["s0", "s1"], webhooks=webhooks, fault_reports=reports)
    engine.ingest(signups(2))
    engine.advance()
    assert [(fault.path, fault.error, fault.found) for fault in reports.faults] == [
        ("variables.score", "wrong_kind", "string"),
        ("variables.score", "missing", "null"),
    ]


# -- where there is no run ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "path"),
    [
        (lambda: workflow(condition=HIGH), "/trigger/conditions/all/1/variables"),
        (lambda: workflow(entry=EntryPolicy(filter=HIGH)), "/trigger/entry/filter/variables"),
    ],
)
def test_a_trigger_cannot_ask_for_them(any_store, made, path):
    engine = engine_on(any_store)
    found = refusals(lambda: engine.publish(made()))
    assert [code for code, _ in found] == ["no_run"]
    assert found[0][1].startswith(path.partition("/all")[0])
    assert found[0][1].endswith("/variables")


def test_nor_can_a_backfill(any_store):
    people = MemoryProfiles({"s": {}})
    engine = Engine(any_store, clock=VirtualClock(START), profiles=people, audience=people)
    engine.publish(workflow(node("start", wait())))
    with pytest.raises(DocumentError) as caught:
        engine.backfill("w", where=HIGH, backfill_id="b")
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("no_run", "/variables")]
    assert engine.sweeps() == []


# -- messages ----------------------------------------------------------------------------------------------------------

TEMPLATES = DictTemplates(
    {"hello": Template("hello", subject="{{ variables.score }} points", text="{% if variables.tier %}gold{% endif %}")}
)


def test_a_template_reads_them_and_asks_for_nothing_else(any_store):
    asked = []

    class Watched(MemoryProfiles):
        def facts(self, ids, needs):
            asked.append(needs)
            return super().facts(ids, needs)

    sender = RecordingSender(needs=NO_NEEDS)
    webhooks = RecordingWebhooks({URL: Outcome(Result.DONE, output='{"score": 7, "tier": "gold"}')})
    engine = Engine(
        any_store,
        clock=VirtualClock(START),
        profiles=Watched({"s": {"variables": "an attribute"}}),
        sender=sender,
        webhooks=webhooks,
        templates=TEMPLATES,
    )
    engine.publish(workflow(node("start", ask({"score": "score", "tier": "tier"}), send())))
    engine.ingest([signup()])
    engine.advance()
    [message] = sender.delivered
    assert (message.subject, message.text) == ("7 points", "gold")
    assert all(needs == NO_NEEDS for needs in asked)


def test_a_value_that_is_missing_skips_the_message(any_store):
    engine = engine_on(any_store, workflow(node("start", ask(), send())), templates=TEMPLATES)
    engine.ingest([signup()])
    engine.advance()
    assert entry(engine, Kind.SKIPPED).data["reason"].startswith("missing_value")


def test_a_retry_to_a_receiver_that_honours_keys_is_the_same_message(any_store):
    """Frozen with the attributes at the first attempt."""
    sender = RecordingSender(
        {"hello": [Outcome(Result.RETRY, "busy"), Outcome(Result.RETRY, "busy")]}, key_window=30 * DAY, needs=NO_NEEDS
    )
    journey = workflow(node("start", ask({"score": "score", "tier": "tier"}), send()))
    webhooks = RecordingWebhooks({URL: Outcome(Result.DONE, output='{"score": 7.0, "tier": true}')})
    engine = engine_on(any_store, journey, sender=sender, webhooks=webhooks, templates=TEMPLATES)
    frozen = []
    freeze = any_store.freeze
    any_store.freeze = lambda claim, inputs: frozen.extend(inputs.values()) or freeze(claim, inputs)
    engine.ingest([signup()])
    while (due := engine.next_due()) is not None:
        engine.advance(now=due)
    assert [message.subject for message in sender.messages] == ["7.0 points"] * 3
    assert not sender.drifted
    assert [json.loads(text)[1:] for text in frozen] == [[{}, {"score": 7.0, "tier": True}]] * 3


def test_what_was_frozen_counts(any_store):
    """Whatever the variables are by then: a receiver that honours keys must get the same message."""
    sender = RecordingSender({"hello": [Outcome(Result.RETRY, "busy")]}, key_window=30 * DAY, needs=NO_NEEDS)
    engine = engine_on(
        any_store,
        workflow(node("start", ask({"score": "score"}), send())),
        sender=sender,
        webhooks=RecordingWebhooks({URL: Outcome(Result.DONE, output='{"score": 7}')}),
        templates=TEMPLATES,
    )
    freeze = any_store.freeze
    any_store.freeze = lambda claim, inputs: freeze(
        claim, {key: text.replace('{"score":7}', '{"score":8}') for key, text in inputs.items()}
    )
    engine.ingest([signup()])
    engine.advance()
    any_store.freeze = freeze
    engine.advance(now=START + HOUR)
    assert [message.subject for message in sender.messages] == ["8 points"] * 2


# -- at most once ------------------------------------------------------------------------------------------------------


def test_what_was_noted_before_a_death_sets_variables(tmp_path):
    """The output is noted with the outcome, so whoever takes over has it."""
    ticks = Ticks()
    once = ask(delivery=Delivery.AT_MOST_ONCE)
    store = SqliteStore(tmp_path / "a.db", lease_clock=ticks)

    class Dies(RecordingWebhooks):
        def call(self, requests):
            if self.calls:
                raise KeyboardInterrupt
            return super().call(requests)

    journey = workflow(node("start", once, fork(), **WAYS), *FORKED)
    engine = engine_on(store, journey, people=["s0", "s1"], webhooks=Dies({URL: scored(9)}))
    engine.ingest(signups(2))
    with pytest.raises(KeyboardInterrupt):
        engine.advance()
    ticks.advance(HOUR)
    heir = RecordingWebhooks({URL: scored(1)})
    other = engine_on(store, people=["s0", "s1"], webhooks=heir)
    other.advance()
    assert heir.requests == []
    assert {run.subscriber_id: dict(run.variables) for run in other.runs()} == {"s0": {"score": 9}, "s1": {}}
    store.close()


@pytest.mark.parametrize("delivery", Delivery)
def test_a_request_says_whether_it_may_be_made_again(any_store, delivery):
    webhooks = RecordingWebhooks()
    engine = engine_on(any_store, workflow(node("start", ask(delivery=delivery))), webhooks=webhooks)
    engine.ingest([signup()])
    engine.advance()
    assert [request.once for request in webhooks.requests] == [delivery is Delivery.AT_MOST_ONCE]


def test_what_nobody_takes_does_not_part_a_crowd(any_store):
    """Responses differ and the runs do not: they are written as one."""
    people = [f"s{number}" for number in range(10)]
    journey = workflow(node("start", wait(), ask({}), wait(DAY, "more")))
    engine = engine_on(any_store, journey, people=people)
    engine.ingest(signups(10))
    answers = {name: scored(number) for number, name in enumerate(people)}
    other = engine_on(any_store, people=people, webhooks=keyed(engine, answers))
    committed = []
    commit = any_store.commit
    any_store.commit = lambda changes: committed.append(len(changes.moves)) or commit(changes)
    other.advance(now=START + HOUR)
    assert committed == [1]


def test_a_handler_and_a_webhook_share_them(any_store):
    handler = RecordingHandler({"s": Outcome.giving({"tier": "gold", "score": 1})})
    journey = workflow(node("start", ask(), Action("own", CallHandler("own")), wait(DAY)))
    webhooks = RecordingWebhooks({URL: scored(9)})
    engine = engine_on(any_store, journey, webhooks=webhooks, handlers={"own": handler})
    engine.ingest([signup()])
    engine.advance()
    [run] = engine.runs()
    assert dict(run.variables) == {"score": 1, "tier": "gold"}
    assert [dict(request.variables) for request in handler.requests] == [{"score": 9}]


# -- beside the run ----------------------------------------------------------------------------------------------------


def test_a_wait_is_looked_at_when_a_detached_action_sets_one(any_store):
    beside = evolve(ask(), delay=HOUR, detached=True)
    await_ = WaitForEvent([Case("high", HIGH)], timeout=DAY)
    journey = workflow(node("start", beside, Action("await", await_), high="high", timeout="low"), *FORKED[:2])
    webhooks = RecordingWebhooks({URL: [scored(1), scored(9)]})
    engine = engine_on(any_store, journey, people=["s0", "s1"], webhooks=webhooks)
    engine.ingest(signups(2))
    engine.advance()
    assert places(engine) == {"s0": "start", "s1": "start"}
    engine.advance(now=START + HOUR)
    assert places(engine) == {"s0": "start", "s1": "high"}
    assert {run.subscriber_id: dict(run.variables) for run in engine.runs()} == {"s0": {"score": 1}, "s1": {"score": 9}}
    engine.advance(now=START + DAY)
    assert places(engine) == {"s0": "low", "s1": "high"}


def test_such_a_wait_reads_the_profile_too(any_store):
    both = parse({"subscriber_properties": {"plan": {"$exists": False}}, "variables": {"score": {"$gte": 5}}})
    beside = evolve(ask(), delay=HOUR, detached=True)
    await_ = WaitForEvent([Case("high", both)], timeout=DAY)
    journey = workflow(node("start", beside, Action("await", await_), high="high"), FORKED[0])
    engine = engine_on(any_store, journey, webhooks=RecordingWebhooks({URL: scored(9)}))
    engine.ingest([signup()])
    engine.advance()
    engine.advance(now=START + HOUR)
    assert places(engine) == {"s": "high"}


def test_a_detached_message_reads_them_also_when_the_run_is_at_its_end(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    later = evolve(send(), delay=DAY, detached=True)
    webhooks = RecordingWebhooks({URL: Outcome(Result.DONE, output='{"score": 7, "tier": "gold"}')})
    journey = workflow(node("start", ask({"score": "score", "tier": "tier"}), later))
    engine = engine_on(any_store, journey, sender=sender, webhooks=webhooks, templates=TEMPLATES)
    engine.ingest([signup()])
    engine.advance()
    assert sender.delivered == []
    engine.advance(now=START + DAY)
    assert [(message.subject, message.text) for message in sender.delivered] == [("7 points", "gold")]
    [run] = engine.runs()
    assert (run.status, dict(run.variables)) == (Status.COMPLETED, {})


def test_an_action_of_the_hosts_own_may_be_detached(any_store):
    handler = RecordingHandler({"s": Outcome.giving({"tier": "gold"})})
    beside = Action("own", CallHandler("own"), delay=HOUR, detached=True)
    engine = engine_on(any_store, workflow(node("start", beside, wait(DAY))), handlers={"own": handler})
    engine.ingest([signup()])
    engine.advance()
    assert handler.requests == []
    engine.advance(now=START + HOUR)
    assert [dict(run.variables) for run in engine.runs()] == [{"tier": "gold"}]

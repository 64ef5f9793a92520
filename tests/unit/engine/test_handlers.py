"""The host's own actions on engines: who is called with what, how it may end, and what is refused before."""

import asyncio
import pickle
from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.conditions import parse
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, PortSuspended, UnknownHandler
from flowkit.ports import HandlerRequest
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.recording import RecordingHandler, TookEffect
from flowkit.workflows.control import Branch, Case
from flowkit.workflows.model import Action, CallHandler, Delivery
from tests.support.journeys import DAY, HOUR, START, Ticks, node, signup, signups, wait, workflow

MINUTE = timedelta(minutes=1)


def own(name="score", action_id="own", *, delivery=Delivery.AT_LEAST_ONCE, fields=None, **parameters):
    return Action(action_id, CallHandler(name, delivery=delivery, parameters=parameters), **(fields or {}))


def engine_on(store, *nodes, handlers=None, engine=Engine, **ports):
    made = engine(store, clock=VirtualClock(START), handlers=handlers or {}, **ports)
    if nodes:
        made.publish(workflow(*nodes))
    return made


def entries(engine, kind):
    return [line.entry for line in engine.journal() if line.entry.kind is kind]


# -- what it is called with --------------------------------------------------------------------------------------------


def test_a_handler_gets_what_it_needs_to_know(any_store):
    handler = RecordingHandler()
    engine = engine_on(any_store, node("start", own(model={"weights": [1, 2]})), handlers={"score": handler})
    engine.ingest([signup("ann")])
    assert handler.calls == []
    assert engine.advance().done == 1
    [run] = engine.runs()
    assert handler.requests == [
        HandlerRequest(
            key=f"{run.id}:start:1:own",
            name="score",
            subscriber_id="ann",
            workflow_id="w",
            run_id=run.id,
            node="start",
            action="own",
            parameters={"model": {"weights": [1, 2]}},
            variables={},
        )
    ]
    assert run.status is Status.COMPLETED
    assert [entry.data for entry in entries(engine, Kind.DONE)] == [{"type": "custom", "name": "score"}]
    assert "ann" not in repr(handler.requests[0])


def test_a_function_will_do(any_store):
    def score(requests):
        return [Outcome.giving({"score": len(request.subscriber_id)}) for request in requests]

    fork = Action("fork", Branch([Case("long", parse({"variables": {"score": {"$gt": 3}}}))], otherwise="short"))
    nodes = (node("start", own(), fork, long="a", short="b"), node("a", wait(DAY)), node("b", wait(DAY)))
    engine = engine_on(any_store, *nodes, handlers={"score": score})
    engine.ingest([signup("ann"), signup("berta")])
    engine.advance()
    assert {run.subscriber_id: run.state.node for run in engine.runs()} == {"ann": "b", "berta": "a"}


def test_each_name_has_its_own_handler(any_store):
    first, second = RecordingHandler(), RecordingHandler()
    nodes = node("start", own("first", "one"), own("second", "two"), own("first", "three"))
    engine = engine_on(any_store, nodes, handlers={"first": first, "second": second, "third": RecordingHandler()})
    engine.ingest([signup()])
    engine.advance()
    assert [request.action for request in first.requests] == ["one", "three"]
    assert [request.action for request in second.requests] == ["two"]


@pytest.mark.parametrize(
    ("key_window", "delivery", "sizes"),
    [
        (None, Delivery.AT_LEAST_ONCE, [1] * 150),
        (None, Delivery.AT_MOST_ONCE, [1] * 150),
        (DAY, Delivery.AT_LEAST_ONCE, [100, 50]),
        (DAY, Delivery.AT_MOST_ONCE, [1] * 150),
    ],
)
def test_who_honours_keys_is_called_with_many(any_store, key_window, delivery, sizes):
    handler = RecordingHandler(key_window=key_window)
    engine = engine_on(any_store, node("start", own(delivery=delivery)), handlers={"score": handler})
    engine.ingest(signups(150))
    assert engine.advance().done == 150
    assert [len(call) for call in handler.calls] == sizes
    assert [request.subscriber_id for request in handler.requests] == [f"s{number}" for number in range(150)]


# -- how it ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_window", [None, 30 * DAY])
def test_each_outcome_takes_its_way(any_store, key_window):
    answers = {
        "s0": Outcome(Result.DONE, reference="r-1"),
        "s1": Outcome(Result.SKIPPED, "not wanted"),
        "s2": Outcome(Result.FAILED, "gone"),
        "s3": Outcome(Result.UNKNOWN, "lost"),
        "s4": [Outcome(Result.RETRY, "busy", retry_after=2 * HOUR)],
    }
    handler = RecordingHandler(answers, key_window=key_window)
    action = own(fields={"success_path": "good", "failure_path": "bad"})
    nodes = (node("start", action), node("good", wait(9 * DAY)), node("bad", wait(9 * DAY)))
    engine = engine_on(any_store, *nodes, handlers={"score": handler})
    engine.ingest(signups(5))
    engine.advance()
    stand = {run.subscriber_id: run.state.node for run in engine.runs()}
    assert stand == {"s0": "good", "s1": "bad", "s2": "bad", "s3": "bad", "s4": "start"}
    engine.advance(now=START + 2 * HOUR - MINUTE)
    assert len(handler.requests) == 5
    engine.advance(now=START + 3 * HOUR)
    first, again = [request for request in handler.requests if request.subscriber_id == "s4"]
    assert first == again
    assert engine.runs(subscriber_id="s4")[0].state.node == "good"


def test_without_a_way_a_failure_is_a_dead_letter_and_may_be_let_go_on(any_store):
    handler = RecordingHandler({"s": [Outcome(Result.FAILED, "gone")]})
    engine = engine_on(any_store, node("start", own()), handlers={"score": handler})
    engine.ingest([signup()])
    engine.advance()
    [run] = engine.runs(status=Status.FAILED)
    assert run.state.reason == "gone"
    engine.requeue([run])
    engine.advance()
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]
    first, second = handler.requests
    assert first.key != second.key


@pytest.mark.parametrize("key_window", [None, 30 * DAY])
def test_one_that_raises_is_called_again_under_the_same_key(any_store, key_window):
    """Nothing is known about any request of the call; others are called all the same where each has its own."""
    handler = RecordingHandler({"s1": [ZeroDivisionError("secret")]}, key_window=key_window)
    engine = engine_on(any_store, node("start", own()), handlers={"score": handler})
    engine.ingest(signups(3))
    engine.advance()
    retrying = entries(engine, Kind.RETRYING)
    assert len(retrying) == (1 if key_window is None else 3)
    assert {entry.data["reason"] for entry in retrying} == {"in doubt after ZeroDivisionError"}
    engine.advance(now=START + DAY)
    assert {run.status for run in engine.runs()} == {Status.COMPLETED}
    assert len({request.key for request in handler.requests}) == 3


@pytest.mark.parametrize("answer", [None, [], [DONE, DONE], [None], "done", DONE, [Result.DONE]])
@pytest.mark.parametrize("key_window", [None, 30 * DAY])
def test_an_answer_that_is_none_is_no_answer(any_store, answer, key_window):
    class Odd:
        def __call__(self, requests):
            return answer

    Odd.key_window = key_window
    engine = engine_on(any_store, node("start", own()), handlers={"score": Odd()})
    engine.ingest([signup()])
    assert engine.advance().retrying == 1
    assert [entry.data["reason"] for entry in entries(engine, Kind.RETRYING)] == ["in doubt after TypeError"]


@pytest.mark.parametrize("key_window", [None, 30 * DAY])
def test_what_is_done_at_most_once_is_not_done_again(any_store, key_window):
    handler = RecordingHandler({"s0": [TookEffect(TimeoutError())]}, key_window=key_window)
    engine = engine_on(any_store, node("start", own(delivery=Delivery.AT_MOST_ONCE)), handlers={"score": handler})
    engine.ingest(signups(2))
    engine.advance()
    engine.advance(now=START + DAY)
    assert len(handler.requests) == 2
    [run] = engine.runs(status=Status.FAILED)
    assert (run.subscriber_id, run.state.result) == ("s0", Result.UNKNOWN)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("delivery", Delivery)
def test_who_takes_over_finds_what_was_noted(kind, delivery, tmp_path):
    """Of a handler that honours no keys each call is noted: what was done is not done again."""
    ticks = Ticks()
    store = MemoryStore(ticks=ticks) if kind == "memory" else SqliteStore(tmp_path / "a.db", lease_clock=ticks)

    class Dies(RecordingHandler):
        def __call__(self, requests):
            answer = super().__call__(requests)
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return answer

    action = own(delivery=delivery, fields={"failure_path": "bad"})
    dying = Dies({"s0": Outcome.giving({"score": 1})})
    nodes = (node("start", action, wait(9 * DAY)), node("bad", wait(9 * DAY)))
    engine = engine_on(store, *nodes, handlers={"score": dying})
    engine.ingest(signups(3))
    with pytest.raises(KeyboardInterrupt):
        engine.advance()
    ticks.advance(HOUR)
    heir = RecordingHandler()
    other = engine_on(store, handlers={"score": heir})
    other.advance()
    again = delivery is Delivery.AT_LEAST_ONCE
    assert [request.subscriber_id for request in heir.requests] == (["s1", "s2"] if again else ["s2"])
    runs = {run.subscriber_id: (run.state.node, dict(run.variables)) for run in other.runs()}
    assert runs == {
        "s0": ("start", {"score": 1}),
        "s1": ("start" if again else "bad", {}),
        "s2": ("start", {}),
    }
    if isinstance(store, SqliteStore):
        store.close()


def test_a_key_that_is_honoured_no_more_is_not_called_again(any_store):
    handler = RecordingHandler({"s": [Outcome(Result.RETRY, "busy", retry_after=2 * DAY)]}, key_window=DAY)
    engine = engine_on(any_store, node("start", own()), handlers={"score": handler})
    engine.ingest([signup()])
    engine.advance()
    engine.advance(now=START + 3 * DAY)
    assert len(handler.requests) == 1
    [run] = engine.runs(status=Status.FAILED)
    assert (run.state.result, run.state.reason) == (
        Result.UNKNOWN,
        "the receiver honours the key of the first attempt no more",
    )


def test_a_retry_has_the_variables_of_the_first_attempt(any_store):
    handler = RecordingHandler({"s": [DONE, Outcome(Result.RETRY, "busy")]}, key_window=30 * DAY)
    handler_of_tier = RecordingHandler({"s": Outcome.giving({"tier": "gold"})})
    nodes = node("start", own("tier", "first"), own("score", "wait"), own("score", "second"))
    engine = engine_on(any_store, nodes, handlers={"score": handler, "tier": handler_of_tier})
    freeze = any_store.freeze
    any_store.freeze = lambda claim, inputs: freeze(
        claim, {key: text.replace('"gold"', '"frozen"') for key, text in inputs.items()}
    )
    engine.ingest([signup()])
    engine.advance()
    any_store.freeze = freeze
    engine.advance(now=START + DAY)
    assert [dict(request.variables) for request in handler.requests] == [{"tier": "frozen"}] * 3


def test_outputs_that_are_none_change_nothing_and_the_journal_says_so(any_store):
    handler = RecordingHandler(
        {
            "s0": Outcome(Result.DONE, output="none"),
            "s1": Outcome(Result.DONE, output={"score": 1}),
            "s2": Outcome(Result.DONE, output='{"a-b": 1, "c": 2}'),
        }
    )
    engine = engine_on(any_store, node("start", own(), wait(DAY)), handlers={"score": handler})
    engine.ingest(signups(3))
    assert engine.advance().done == 3
    assert [dict(run.variables) for run in engine.runs()] == [{}, {}, {"c": 2}]
    told = [
        {name: data for name, data in entry.data.items() if name not in {"type", "name"}}
        for entry in entries(engine, Kind.DONE)
    ]
    assert told == [{"output": "no_json"}, {"output": "no_json"}, {"variables": {"c": 2}, "unset": {"a-b": "bad_name"}}]


def test_an_explanation_names_the_action(any_store):
    engine = engine_on(any_store, node("start", own()), handlers={"score": RecordingHandler()})
    engine.ingest([signup()])
    engine.advance()
    assert "the action score at start was done" in [reason.text for reason in engine.explain("s", "w").reasons]


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_refused_when_it_is_published(any_store):
    engine = engine_on(any_store, handlers={"score": RecordingHandler(), "a": RecordingHandler()})
    unknown = workflow(node("start", own()), node("a/b", own(), own("rank", "other")))
    with pytest.raises(UnknownHandler) as caught:
        engine.publish(unknown)
    error = caught.value
    assert (error.workflow_id, error.path, error.name, error.known) == (
        "w",
        "/nodes/a~1b/actions/1/parameters/name",
        "rank",
        ("a", "score"),
    )
    assert str(error) == (
        "workflow 'w', /nodes/a~1b/actions/1/parameters/name: no handler is called 'rank'; "
        "known are 'a', 'score': give the engine handlers={'rank': ...}"
    )
    assert isinstance(error, ConfigurationError)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - what was written here
    assert (str(again), again.known) == (str(error), error.known)
    assert engine.ingest([signup()]).started == 0


def test_without_handlers_none_is_known():
    with pytest.raises(UnknownHandler, match="known are none"):
        engine_on(MemoryStore(), node("start", own()))


def test_a_worker_without_the_handler_fails_the_action(any_store):
    """Another engine has published it; the reason is in the journal, and the run can be let go on."""
    engine = engine_on(any_store, node("start", own()), handlers={"score": RecordingHandler()})
    engine.ingest([signup()])
    other = engine_on(any_store)
    assert other.advance().failed == 1
    [run] = other.runs(status=Status.FAILED)
    assert run.state.reason == "no handler is called 'score'"
    engine.requeue([run])
    assert engine.advance().done == 1


async def waits(requests):
    await asyncio.sleep(0)
    return [DONE for _ in requests]


class Waits:
    async def __call__(self, requests):
        return await waits(requests)


class NeverWaits:
    never_suspends = True

    async def __call__(self, requests):
        return [DONE for _ in requests]


@pytest.mark.parametrize("handler", [waits, Waits()])
def test_a_handler_that_is_made_to_wait_is_refused_without_an_event_loop(handler):
    with pytest.raises(ConfigurationError, match=r"handlers\['score'\] is async def"):
        engine_on(MemoryStore(), handlers={"score": handler})


def test_one_that_says_that_it_never_waits_is_taken(any_store):
    engine = engine_on(any_store, node("start", own()), handlers={"score": NeverWaits()})
    engine.ingest([signup()])
    assert engine.advance().done == 1


@pytest.mark.parametrize("key_window", [None, DAY])
def test_one_that_waits_all_the_same_is_named_and_its_runs_stay(any_store, key_window):
    class Sneaks:
        def __call__(self, requests):
            return waits(requests)

    Sneaks.key_window = key_window
    engine = engine_on(any_store, node("start", own()), handlers={"score": Sneaks()})
    engine.ingest([signup()])
    with pytest.raises(PortSuspended) as caught:
        engine.advance()
    assert caught.value.port == "handlers['score']"
    assert [run.status for run in engine.runs()] == [Status.ACTIVE]


@pytest.mark.parametrize("handler", [waits, Waits(), NeverWaits(), RecordingHandler()])
def test_with_an_event_loop_any_will_do(handler):
    async def lived():
        engine = AsyncEngine(MemoryStore(), clock=VirtualClock(START), handlers={"score": handler})
        await engine.publish(workflow(node("start", own())))
        await engine.ingest([signup()])
        return await engine.advance()

    assert asyncio.run(lived()).done == 1


class With(RecordingHandler):
    def __init__(self, **attributes):
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


@pytest.mark.parametrize(
    ("name", "handler", "problem"),
    [
        ("score", None, "must be a function of requests, not NoneType"),
        ("score", "score", "must be a function of requests, not str"),
        ("", RecordingHandler(), "a handler is known by a name"),
        (1, RecordingHandler(), "a handler is known by a name"),
        ("score", With(timeout=30), "timeout must be a positive timedelta, not 30"),
        ("score", With(timeout=timedelta()), "timeout must be a positive timedelta"),
        ("score", With(key_window=3), "key_window must be a timedelta or None, not 3"),
        (
            "score",
            With(timeout=timedelta(seconds=150)),
            r"'score'\].timeout is 0:02:30, but must be less than",
        ),
    ],
)
@pytest.mark.parametrize("kind", [Engine, AsyncEngine])
def test_a_handler_that_cannot_be_called_as_promised_is_refused(kind, name, handler, problem):
    with pytest.raises(ConfigurationError, match=problem):
        kind(MemoryStore(), handlers={name: handler})


def test_a_function_has_half_a_minute():
    """Less than half of the lease, as for any receiver."""
    with pytest.raises(ConfigurationError, match=r"0:00:30"):
        Engine(MemoryStore(), handlers={"score": lambda _: []}, lease=timedelta(minutes=1))
    Engine(MemoryStore(), handlers={"score": lambda _: []}, lease=timedelta(minutes=1, seconds=1))

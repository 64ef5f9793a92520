"""An engine looks at a workflow with all that it knows, and changes nothing by it."""

import asyncio
from datetime import timedelta

import pytest
from attrs import evolve

from flowkit.adapters.profiles import MemoryProfiles
from flowkit.adapters.templates import DictTemplates
from flowkit.conditions import parse
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.rendering.model import Template
from flowkit.runs.effects import Outcome, Result
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.check import Severity
from flowkit.workflows.links import StartWorkflow
from flowkit.workflows.model import Action, CallHandler, CallWebhook, MessageClass, SendEmail
from tests.support.journeys import node, signup, wait, workflow


class Rank:
    """A handler of a host's."""

    timeout = timedelta(seconds=1)

    def __call__(self, calls):
        return [Outcome(Result.DONE) for _ in calls]


def looked_at(kind, store, made, *, published=(), told=None, **ports):
    """What an engine finds, after others were published; an asynchronous one is asked in a loop of its own."""
    told = told or {}
    if kind is Engine:
        engine = Engine(store, **ports)
        for one in published:
            engine.publish(one)
        return engine.check(made, **told)

    async def ask():
        engine = AsyncEngine(store, **ports)
        for one in published:
            await engine.publish(one)
        return await engine.check(made, **told)

    return asyncio.run(ask())


def send(template_id="hello", action_id="send", *, message_class=MessageClass.TRANSACTIONAL, **fields):
    return Action(action_id, SendEmail(template_id, message_class=message_class, **fields))


def brief(findings):
    return [(one.rule, one.path) for one in findings]


KINDS = pytest.mark.parametrize("kind", [Engine, AsyncEngine])
HELLO = Template("hello", subject="{{ variables.title }}", html="<p>{{ name }} {{ variables.score }}</p>")
WELL = Template("hello", subject="Hi", html="<p>{{ name }} <a href='{{ stop }}'>stop</a></p>")


@KINDS
def test_an_engine_says_what_it_does_not_have(kind):
    unknown = parse({"custom": {"name": "is_friend"}})
    made = workflow(node("start", Action("rank", CallHandler("rank")), send(channel="push")), condition=unknown)
    found = looked_at(kind, MemoryStore(), made)
    assert brief(found) == [
        ("unknown_channel", "/nodes/start/actions/1/parameters/channel"),
        ("unknown_handler", "/nodes/start/actions/0/parameters/name"),
        ("unknown_predicate", "/trigger/conditions"),
    ]
    assert {one.severity for one in found} == {Severity.ERROR}
    ports = {
        "handlers": {"rank": Rank()},
        "channels": {"push": RecordingSender()},
        "predicates": {"is_friend": lambda _: True},
    }
    assert looked_at(kind, MemoryStore(), made, **ports) == ()


@KINDS
def test_templates_are_read_and_compiled(kind):
    start = node(
        "start", send(), send("gone", "second"), send("torn", "third"), send("bare", "fourth", subject="{% if")
    )
    torn = Template("torn", html="<p>\n{{ oops")
    templates = DictTemplates({"hello": HELLO, "torn": torn, "bare": Template("bare", text="Hi")})
    found = looked_at(kind, MemoryStore(), workflow(start), templates=templates)
    assert brief(found) == [
        ("unknown_template", "/nodes/start/actions/1/parameters/template_id"),
        ("faulty_template", "/nodes/start/actions/2/parameters/template_id"),
        ("faulty_template", "/nodes/start/actions/3/parameters/subject"),
        ("variable_without_source", "/nodes/start/actions/0/parameters/template_id"),
        ("variable_without_source", "/nodes/start/actions/0/parameters/template_id"),
    ]
    assert 'the template "torn" cannot be compiled: line 2, column 1: html: ' in found[1].message
    assert found[2].message.startswith("cannot be compiled: line 1, column 1: subject: ")
    assert ['"score"' in one.message or '"title"' in one.message for one in found[3:]] == [True, True]


@KINDS
def test_without_templates_nothing_is_said_of_them(kind):
    assert looked_at(kind, MemoryStore(), workflow(node("start", send(subject="{% if")))) == ()


@KINDS
def test_a_subject_of_an_action_is_asked_instead_of_the_template_s(kind):
    hook = Action("hook", CallWebhook("https://example.com/", response={"score": "score"}))
    ports = {"templates": DictTemplates({"hello": HELLO})}
    made = workflow(node("start", hook, send(subject="{{ variables.points }}")))
    (finding,) = looked_at(kind, MemoryStore(), made, **ports)
    assert (finding.rule, finding.path) == ("variable_without_source", "/nodes/start/actions/1/parameters/subject")
    assert '"points"' in finding.message
    assert looked_at(kind, MemoryStore(), workflow(node("start", hook, send(subject="Hi"))), **ports) == ()


@KINDS
def test_the_host_says_its_attributes_and_its_link_to_unsubscribe(kind):
    made = workflow(node("start", send(message_class=MessageClass.MARKETING)))
    ports = {"templates": DictTemplates({"hello": WELL})}
    assert looked_at(kind, MemoryStore(), made, **ports) == ()
    assert (
        looked_at(kind, MemoryStore(), made, told={"attributes": ["name", "stop"], "unsubscribe": ["stop"]}, **ports)
        == ()
    )
    found = looked_at(kind, MemoryStore(), made, told={"attributes": ["stop"], "unsubscribe": ["leave"]}, **ports)
    path = "/nodes/start/actions/0/parameters/template_id"
    assert brief(found) == [("variable_without_source", path), ("marketing_without_unsubscribe", path)]


@KINDS
def test_what_is_live_is_looked_at_as_well(kind, any_store):
    first = workflow(node("start", Action("go", StartWorkflow("b"))), workflow_id="a", event="x", max_executions=2)
    second = workflow(node("start", Action("go", StartWorkflow("a"))), workflow_id="b", event="y", max_executions=2)
    found = looked_at(kind, any_store, second, published=[workflow(node("start", wait()), workflow_id="b"), first])
    assert [(one.rule, one.workflow_id) for one in found] == [("trigger_circle", "b")]


@KINDS
def test_a_finding_about_several_names_the_given_one_and_no_other(kind, any_store):
    grouped = workflow(node("start", wait()), workflow_id="other", event="x")
    go = workflow(node("start", Action("go", StartWorkflow("other"))), workflow_id="w", event="y")
    gone = workflow(node("start", Action("go", StartWorkflow("nobody"))), workflow_id="gone", event="z")
    assert looked_at(kind, any_store, go, published=[grouped, gone]) == ()
    found = looked_at(kind, any_store, workflow(node("start", Action("go", StartWorkflow("nobody")))))
    assert [(one.rule, one.workflow_id) for one in found] == [("unknown_workflow_started", "w")]


@KINDS
def test_a_name_that_is_taken_is_told_of_before_what_is_only_worth_a_thought(kind, any_store):
    live = evolve(workflow(node("start", wait()), workflow_id="z", event="x"), name="News")
    made = evolve(workflow(node("start", default="next"), node("next", wait())), name="news")
    found = looked_at(kind, any_store, made, published=[live])
    assert [(one.rule, one.workflow_id) for one in found] == [("duplicate_workflow_name", "w"), ("empty_node", None)]


def test_what_another_engine_has_published_is_known(any_store):
    engine = Engine(any_store)
    go = workflow(node("start", Action("go", StartWorkflow("other"))))
    assert [one.rule for one in engine.check(go)] == ["unknown_workflow_started"]
    Engine(any_store).publish(workflow(node("start", wait()), workflow_id="other", event="x"))
    assert engine.check(go) == ()


def test_what_would_be_refused_is_found_and_not_raised():
    broken = workflow(node("start", wait(), default="nowhere"))
    assert brief(Engine(MemoryStore()).check(broken)) == [("unknown_target", "/nodes/start/next_nodes/default")]


def test_looking_changes_nothing(any_store):
    engine = Engine(any_store, sender=RecordingSender(), profiles=MemoryProfiles({"s": {"email": "s@example.com"}}))
    engine.check(workflow())
    assert engine.versions("w") == []
    engine.ingest([signup()])
    assert engine.runs() == []


@KINDS
def test_what_a_port_of_templates_raises_is_raised(kind):
    class Broken:
        def template(self, template_id):
            raise RuntimeError(template_id)

    with pytest.raises(RuntimeError, match="hello"):
        looked_at(kind, MemoryStore(), workflow(), templates=Broken())

"""Messages by channels that the host names: each by its own sender, to its own address, on its own promises."""

import asyncio
from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.adapters.templates import DictTemplates
from flowkit.engine.advance import Advanced
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.dead_letters import Requeue
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, DocumentError
from flowkit.events import NO_NEEDS, Needs
from flowkit.ports import InDoubt
from flowkit.rendering.model import Template
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender, TookEffect
from flowkit.workflows.model import Action, SendEmail
from tests.support.journeys import DAY, HOUR, START, Ticks, node, send, signup, signups, wait, workflow

UNKNOWN = Outcome(Result.UNKNOWN, "nobody knows")
PEOPLE = {
    "s0": {"email": "s0@example.com", "phone": "+1", "name": "Ann"},
    "s1": {"email": "s1@example.com"},
    "s2": {"phone": "+2", "name": "Cem"},
}


def by(channel, template_id="hello", action_id="text", **fields):
    return Action(action_id, SendEmail(template_id, channel=channel), **fields)


def engine_on(store, *workflows, people=PEOPLE, cls=Engine, **ports):
    given = {"profiles": MemoryProfiles(people), **ports}
    engine = cls(store, clock=VirtualClock(START), **given)
    for each in workflows:
        engine.publish(each)
    return engine


def sent(sender):
    return [(message.subscriber_id, message.template_id, message.to, message.channel) for message in sender.messages]


@pytest.mark.parametrize("key_window", [None, DAY])
def test_each_channel_has_its_own_sender_and_address(any_store, key_window):
    mail, sms, push = RecordingSender(), RecordingSender(address="phone", key_window=key_window), Push()
    journey = workflow(node("start", send(), by("sms", "code"), by("push", "ping", "ping")))
    engine = engine_on(any_store, journey, sender=mail, channels={"sms": sms, "push": push})
    engine.ingest(signups(3))
    engine.advance()
    assert sent(mail) == [(name, "hello", f"{name}@example.com", "email") for name in ("s0", "s1")]
    assert sent(sms) == [("s0", "code", "+1", "sms"), ("s2", "code", "+2", "sms")]
    assert sent(push) == [(f"s{number}", "ping", None, "push") for number in range(3)]
    skipped = [(line.subscriber_id, line.entry.data) for line in engine.journal() if line.entry.kind is Kind.SKIPPED]
    assert sorted(skipped, key=lambda one: one[0]) == [
        ("s1", {"type": "send", "channel": "sms", "template_id": "code", "reason": "no_address"}),
        ("s2", {"type": "send_email", "template_id": "hello", "reason": "no_address"}),
    ]
    assert {run.status for run in engine.runs()} == {Status.COMPLETED}
    assert len({message.key for sender in (mail, sms, push) for message in sender.messages}) == 7


class Push(RecordingSender):
    """A sender that finds its devices by the subscriber's id, and asks for no address."""

    address = None

    def __init__(self):
        super().__init__(needs=NO_NEEDS)


def test_a_message_is_rendered_from_its_template_whatever_the_channel(any_store):
    sms = RecordingSender(address="phone")
    templates = DictTemplates({"code": Template("code", text="Hello {{ user.name }}")})
    engine = engine_on(
        any_store, workflow(node("start", by("sms", "code"))), channels={"sms": sms}, templates=templates
    )
    engine.ingest([signup("s0")])
    engine.advance()
    [message] = sms.messages
    assert (message.text, message.metadata["action"]) == ("Hello Ann", "text")


def test_a_sender_for_mail_may_name_its_address_too(any_store):
    mail = RecordingSender(address="work_email")
    engine = engine_on(
        any_store,
        workflow(node("start", send())),
        people={"s0": {"work_email": "w@example.com"}, "s1": {"email": "x"}},
        sender=mail,
    )
    engine.ingest(signups(2))
    assert engine.advance() == Advanced(runs=2, done=1, skipped=1)
    assert sent(mail) == [("s0", "hello", "w@example.com", "email")]


def test_an_address_of_mail_is_none_for_another_channel(any_store):
    """A sender that names no address gets none, whatever it reads of the profile."""
    push = RecordingSender()
    engine = engine_on(any_store, workflow(node("start", by("push"))), channels={"push": push})
    engine.ingest(signups(3))
    assert engine.advance() == Advanced(runs=3, done=3)
    assert {message.to for message in push.messages} == {None}
    assert [dict(message.data).get("email") for message in push.messages] == ["s0@example.com", "s1@example.com", None]


def test_what_a_sender_does_not_need_is_not_asked_for(any_store):
    """The address is read though it is not named among the needs."""
    asked = []

    class Watched(MemoryProfiles):
        def facts(self, ids, needs):
            asked.append(needs)
            return super().facts(ids, needs)

    sms = RecordingSender(address="phone", needs=Needs(attributes=frozenset({"carrier"})))
    engine = engine_on(any_store, workflow(node("start", by("sms"))), channels={"sms": sms}, profiles=Watched(PEOPLE))
    engine.ingest([signup("s0")])
    engine.advance()
    assert asked == [Needs(attributes=frozenset({"carrier", "phone"}))]
    assert sent(sms) == [("s0", "hello", "+1", "sms")]


# ------------------------------------------------------------------------------------------------------------
# Its own promises


class Dying(RecordingSender):
    """A sender in whose first call the process dies, after it has sent."""

    def send(self, messages):
        outcomes = super().send(messages)
        if len(self.calls) == 1:
            raise KeyboardInterrupt
        return outcomes


@pytest.mark.parametrize(("policy", "calls"), [(InDoubt.ASSUME_SENT, 1), (InDoubt.RESEND, 2)])
def test_a_message_in_doubt_goes_by_the_policy_of_its_own_sender(policy, calls):
    """What is in doubt is the text message; the one for mail has the opposite policy."""

    class Unreleased(MemoryStore):
        def release(self, claim):
            pass

    ticks = Ticks()
    other = InDoubt.RESEND if policy is InDoubt.ASSUME_SENT else InDoubt.ASSUME_SENT
    mail, sms = RecordingSender(needs=NO_NEEDS, in_doubt=other), Dying(address="phone", in_doubt=policy)
    journey = workflow(node("start", by("sms"), send(), wait(DAY)))
    engine = engine_on(Unreleased(ticks=ticks), journey, sender=mail, channels={"sms": sms})
    engine.ingest([signup("s0")])
    with pytest.raises(KeyboardInterrupt):
        engine.advance()
    ticks.advance(DAY)
    engine.advance()
    assert (len(sms.calls), len(mail.calls)) == (calls, 1)


@pytest.mark.parametrize(("mail_keys", "sms_keys", "refused"), [(DAY, None, True), (None, DAY, False)])
def test_whether_a_key_is_kept_is_asked_of_the_channel_s_own_sender(any_store, mail_keys, sms_keys, refused):
    mail = RecordingSender(needs=NO_NEEDS, key_window=mail_keys)
    sms = RecordingSender({"hello": [TookEffect(UNKNOWN)]}, address="phone", key_window=sms_keys)
    engine = engine_on(any_store, workflow(node("start", by("sms"))), sender=mail, channels={"sms": sms})
    engine.ingest([signup("s0")])
    engine.advance()
    [run] = engine.runs(status=Status.FAILED)
    assert engine.requeue([run]) == (Requeue(0, {run.id: "may_be_done"}) if refused else Requeue(1))


def test_channels_are_sent_by_in_one_round_each_within_its_own_windows(any_store):
    """Runs that stand at different channels are due together."""
    mail, sms = RecordingSender(key_window=DAY), RecordingSender(address="phone", key_window=DAY)
    journeys = [
        workflow(node("start", send()), workflow_id="a"),
        workflow(node("start", by("sms")), workflow_id="b"),
    ]
    people = {f"s{number}": {"email": "x@example.com", "phone": "+1"} for number in range(120)}
    engine = engine_on(any_store, *journeys, people=people, sender=mail, channels={"sms": sms})
    engine.ingest(signups(120))
    assert engine.advance() == Advanced(runs=240, done=240)
    assert ([len(call) for call in mail.calls], [len(call) for call in sms.calls]) == ([100, 20], [100, 20])


def test_a_detached_message_goes_by_its_channel(any_store):
    sms = RecordingSender(address="phone")
    engine = engine_on(any_store, workflow(node("start", by("sms", delay=HOUR, detached=True))), channels={"sms": sms})
    engine.ingest([signup("s0")])
    engine.advance()
    assert not sms.messages
    engine.advance(now=START + HOUR)
    assert sent(sms) == [("s0", "hello", "+1", "sms")]


def test_a_channel_that_went_away_fails_what_goes_by_it(any_store):
    """Another process, without the sender, takes the run up."""
    engine_on(any_store, workflow(node("start", by("sms"))), channels={"sms": RecordingSender(address="phone")}).ingest(
        [signup("s0")]
    )
    assert engine_on(any_store).advance().failed == 1
    [run] = any_store.runs(status=Status.FAILED)
    assert run.state.reason == "no sender for sms"


def test_on_an_event_loop_it_is_the_same(any_store):
    class Sms(RecordingSender):
        async def send(self, messages):
            await asyncio.sleep(0)
            return super().send(messages)

    sms = Sms(address="phone")

    async def lived():
        engine = AsyncEngine(
            any_store, clock=VirtualClock(START), profiles=MemoryProfiles(PEOPLE), channels={"sms": sms}
        )
        await engine.publish(workflow(node("start", by("sms"))))
        await engine.ingest(signups(3))
        return await engine.advance()

    assert asyncio.run(lived()) == Advanced(runs=3, done=2, skipped=1)
    assert sent(sms) == [("s0", "hello", "+1", "sms"), ("s2", "hello", "+2", "sms")]


# ------------------------------------------------------------------------------------------------------------
# What is refused, and what is said


def test_a_channel_that_the_engine_has_not_is_refused_at_publishing():
    journey = workflow(node("start", send(), by("sms"), by("pushh", action_id="ping")))
    engine = engine_on(MemoryStore(), sender=RecordingSender(), channels={"push": RecordingSender(address="token")})
    with pytest.raises(DocumentError) as caught:
        engine.publish(journey)
    assert [(problem.code, problem.path, problem.message) for problem in caught.value.problems] == [
        (
            "unknown_channel",
            "/nodes/start/actions/1/parameters/channel",
            'no sender serves the channel "sms"; known are "email", "push"',
        ),
        (
            "unknown_channel",
            "/nodes/start/actions/2/parameters/channel",
            'no sender serves the channel "pushh"; did you mean "push"?',
        ),
    ]


def test_a_message_by_another_channel_asks_for_no_sender_of_mail():
    engine = engine_on(MemoryStore(), channels={"sms": RecordingSender(address="phone")})
    assert engine.publish(workflow(node("start", by("sms")))).live
    with pytest.raises(ConfigurationError, match="needs a sender port"):
        engine.publish(workflow(node("start", send())))


@pytest.mark.parametrize("cls", [Engine, AsyncEngine])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("email", 'the channel "email" is served by the port `sender`'),
        ("", "must have 1 to 255 characters"),
        ("a\nb", "must not hold control characters"),
        (1, "must be text, not int"),
    ],
)
def test_a_channel_has_a_name_that_a_document_can_give(cls, name, message):
    with pytest.raises(ConfigurationError, match=message):
        engine_on(MemoryStore(), cls=cls, channels={name: RecordingSender()})


def test_the_time_out_of_each_channel_is_held_against_the_lease():
    slow = RecordingSender(address="phone", timeout=timedelta(minutes=3))
    with pytest.raises(ConfigurationError, match=r"channels\['sms'\].timeout is 0:03:00"):
        engine_on(MemoryStore(), channels={"sms": slow})


def test_a_sender_that_waits_is_refused_by_the_engine_without_a_loop():
    class Sms(RecordingSender):
        async def send(self, messages):
            return super().send(messages)

    with pytest.raises(ConfigurationError, match=r"channels\['sms'\].send is async def"):
        engine_on(MemoryStore(), channels={"sms": Sms()})


def test_it_is_told_in_sentences():
    engine = engine_on(
        MemoryStore(),
        workflow(node("start", by("push", "welcome"))),
        channels={"push": RecordingSender(needs=NO_NEEDS)},
    )
    engine.ingest([signup("s0")])
    engine.advance()
    assert "sending welcome by push at start was done" in [one.text for one in engine.explain("s0", "w").reasons]

"""Messages that are personalized: what is asked for, once for a batch; what is told; what a failure costs."""

import asyncio
from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.adapters.templates import DictTemplates
from flowkit.conditions import Equals, SubscriberHas, less_than
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.events import Needs
from flowkit.rendering.model import Fallbacks, Missing, Template
from flowkit.rendering.personal.blocks import BlockLinks
from flowkit.rendering.personal.features import ENGAGEMENT_NEEDS, EngagementFeatures
from flowkit.rendering.personal.model import Article, Prediction, Product
from flowkit.rendering.personal.personalize import Personalization
from flowkit.rendering.personal.rules import PersonalRule, SetTag, TakeVariant
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender, TookEffect
from flowkit.workflows.model import Action, SendEmail
from tests.support.journeys import DAY, START, node, signup, signups, workflow

PEOPLE = {
    f"s{number}": {
        "email": f"s{number}@example.com",
        "firstName": f"Ann {number}",
        "openRate": number / 10,
        "plan": "vip" if number == 1 else "free",
        "timezone": "Asia/Tokyo",
        "secret": "never read",
    }
    for number in range(3)
}
HOW = Personalization(
    links=BlockLinks(site="https://shop.example"),
    rules=[
        PersonalRule("vip", SubscriberHas({"plan": Equals("vip")}), SetTag("salutation", "Dear")),
        PersonalRule("cold", SubscriberHas({"predictions.engagement": less_than(0.15)}), TakeVariant("urgent")),
    ],
)
HELLO = Template(
    "hello",
    subject="News",
    subjects={"urgent": "Last call"},
    html="<p>{{timeOfDay}}, {{ salutation | default('Hi') }} {{firstName}}</p>{{primaryCTA}}{{productRecommendations}}",
    text="{{recommendedContent}}",
)


class Models:
    """Predicts by the open rate, and recommends one product and one article; says how it was asked."""

    needs = ENGAGEMENT_NEEDS

    def __init__(self):
        self.asked = []

    def predict(self, facts):
        self.asked.append(("predict", sorted(facts), {name for one in facts.values() for name in one.attributes}))
        return {
            name: Prediction(
                engagement=EngagementFeatures.of(known.attributes).open_rate, confidence={"engagement": 1.0}
            )
            for name, known in facts.items()
        }


class Shop:
    needs = Needs(attributes=frozenset({"plan"}))

    def __init__(self):
        self.asked = []

    def products(self, requests):
        self.asked.append([(one.subscriber_id, one.season, one.workflow_id, one.limit) for one in requests])
        return {
            one.subscriber_id: [
                Product(product_id="globe", name=f"Globe ({one.facts.attributes['plan']})", confidence=1)
            ]
            for one in requests
        }

    def content(self, requests):
        return {"s0": [Article(content_id="maps", title="How maps lie", url="/maps")]}


class Failing:
    needs = Needs()

    def predict(self, facts):
        raise TimeoutError

    def products(self, requests):
        raise OSError

    content = products


def engine_on(store, template=HELLO, others=(), *, kind=Engine, action=None, people=PEOPLE, **ports):
    templates = {one.template_id: one for one in (template, *others)}
    given = {"sender": RecordingSender(), "personalization": HOW, **ports}
    engine = kind(
        store, clock=VirtualClock(START), profiles=MemoryProfiles(people), templates=DictTemplates(templates), **given
    )
    journey = workflow(node("start", action or Action("greet", SendEmail(template.template_id))))
    return engine, given["sender"], journey


def told(engine):
    kinds = {Kind.DONE, Kind.SKIPPED}
    return {line.subscriber_id: line.entry.data for line in engine.journal() if line.entry.kind in kinds}


def test_a_batch_is_asked_for_once_and_for_what_is_used(any_store):
    models, shop = Models(), Shop()
    engine, sender, journey = engine_on(any_store, predictions=models, recommendations=shop)
    engine.publish(journey)
    engine.ingest(signups(3))
    engine.advance()
    assert [(kind, who) for kind, who, _ in models.asked] == [("predict", ["s0", "s1", "s2"])]
    assert "secret" not in models.asked[0][2]
    assert [len(asked) for asked in shop.asked] == [3]
    assert {(season, limit) for asked in shop.asked for _, season, _, limit in asked} == {("winter", 4)}
    assert [message.subject for message in sender.messages] == ["Last call", "Last call", "News"]
    assert sender.messages[1].html.startswith("<p>Good morning, Dear Ann 1</p><p ")
    assert "Globe (vip)" in sender.messages[1].html
    assert [bool(message.text) for message in sender.messages] == [True, False, False]
    data = told(engine)["s1"]
    assert (data["rules"], data["variant"]) == (["vip", "cold"], "urgent")
    assert data["blocks"] == ["primaryCTA", "productRecommendations"]
    assert data["confidence"] == pytest.approx(0.8)
    assert sender.messages[1].metadata["personalization"]["products"] == ["globe"]
    assert "Ann" not in str(data)


def test_what_fails_costs_confidence_and_its_blocks_and_no_message(any_store):
    engine, sender, journey = engine_on(any_store, predictions=Failing(), recommendations=Failing())
    engine.publish(journey)
    engine.ingest(signups(2))
    engine.advance()
    assert [message.subject for message in sender.messages] == ["News", "News"]
    assert "Recommended" not in sender.messages[0].html
    assert "Shop Now" in sender.messages[0].html
    data = told(engine)["s0"]
    assert data["failed"] == ["predictions (TimeoutError)", "products (OSError)", "content (OSError)"]
    assert data["confidence"] == pytest.approx(0.6 * 0.5)


def test_ports_may_wait_in_an_engine_that_does(any_store):
    class Waiting(Models):
        async def predict(self, facts):
            await asyncio.sleep(0)
            return super().predict(facts)

    async def play():
        engine, sender, journey = engine_on(any_store, kind=AsyncEngine, predictions=Waiting())
        await engine.publish(journey)
        await engine.ingest([signup("s0")])
        await engine.advance()
        return sender

    assert asyncio.run(play()).messages[0].subject == "Last call"


def test_a_retry_is_the_same_message_whatever_is_predicted_by_then(any_store):
    models = Models()
    lost = [TookEffect(Outcome(Result.RETRY, "lost"))]
    sender = RecordingSender({"hello": lost}, key_window=DAY)
    engine, _, journey = engine_on(any_store, predictions=models, recommendations=Shop(), sender=sender)
    engine.publish(journey)
    engine.ingest([signup("s0")])
    engine.advance()
    models.predict = lambda facts: {name: Prediction(engagement=0.9) for name in facts}
    engine._parts.clock.advance(timedelta(hours=1))
    engine.advance()
    assert len(sender.messages) == 2
    assert sender.drifted == set()
    assert sender.messages[0] == sender.messages[1]


def test_without_personalization_an_action_fills_merge_tags_only(any_store):
    plain = Template("plain", subject="Hi {{firstName}}", text="{{ timeOfDay | default('none') }}")
    action = Action("greet", SendEmail("plain", personalization=False))
    engine, sender, journey = engine_on(any_store, plain, action=action)
    engine.publish(journey)
    engine.ingest([signup("s0")])
    engine.advance()
    assert (sender.messages[0].subject, sender.messages[0].text) == ("Hi Ann 0", "none")
    assert "personalization" not in sender.messages[0].metadata


@pytest.mark.parametrize("how", [HOW, None])
def test_what_is_missing_is_the_outcome_of_the_send(any_store, how):
    strict = Template("strict", subject="For {{ company }}", text="x")
    engine, sender, journey = engine_on(any_store, strict, personalization=how)
    engine.publish(journey)
    engine.ingest([signup("s0")])
    engine.advance()
    assert sender.messages == []
    assert told(engine)["s0"]["reason"] == "missing_value: company"


def test_blank_prints_nothing_and_is_told(any_store):
    lenient = Template("lenient", subject="For {{ company }}you", missing=Missing.BLANK)
    engine, sender, journey = engine_on(any_store, lenient)
    engine.publish(journey)
    engine.ingest([signup("s0")])
    engine.advance()
    assert sender.messages[0].subject == "For you"
    assert told(engine)["s0"]["blank"] == ["company"]


@pytest.mark.parametrize("how", [HOW, None])
def test_a_template_that_stands_in_is_tried_once(any_store, how):
    strict = Template("strict", subject="For {{ company }}", text="x", instead="simple")
    simple = Template("simple", subject="For you, {{firstName}}", text="y", instead="strict")
    engine, sender, journey = engine_on(any_store, strict, [simple], personalization=how)
    engine.publish(journey)
    engine.ingest([signup("s0")])
    engine.advance()
    assert (sender.messages[0].subject, sender.messages[0].text) == ("For you, Ann 0", "y")
    data = told(engine)["s0"]
    assert (data["instead"], data["because"]) == ("simple", "missing_value: company")


def test_a_template_that_stands_in_and_aborts_too_is_a_skip(any_store):
    strict = Template("strict", subject="For {{ company }}", instead="other")
    other = Template("other", subject="In {{ city }}", instead="strict")
    engine, sender, journey = engine_on(any_store, strict, [other])
    engine.publish(journey)
    engine.ingest([signup("s0")])
    engine.advance()
    assert sender.messages == []
    assert told(engine)["s0"]["reason"] == "missing_value: city"


def test_a_subject_of_the_action_has_the_fallbacks_of_its_template(any_store):
    template = Template("plain", text="x", fallbacks=Fallbacks(subject={"firstName": "there"}))
    action = Action("greet", SendEmail("plain", subject="Hi {{firstName}}"))
    people = {"s0": {"email": "s0@example.com"}}
    engine, sender, journey = engine_on(any_store, template, action=action, people=people)
    engine.publish(journey)
    engine.ingest([signup("s0")])
    engine.advance()
    assert sender.messages[0].subject == "Hi there"


def test_who_is_not_known_gets_no_invented_profile(any_store):
    engine, sender, journey = engine_on(any_store, predictions=Models(), recommendations=Shop())
    engine.publish(journey)
    engine.ingest([signup("nobody")])
    engine.advance()
    assert sender.messages == []
    assert told(engine)["nobody"]["reason"] == "unknown_subscriber"


def test_what_a_template_has_is_pinned_with_the_version(any_store):
    rich = Template(
        "rich", subject="{{ a }}", subjects={"urgent": "!"}, text="t",
        fallbacks=Fallbacks(subject={"a": 1}, body={"b": "c"}),
        missing=Missing.BLANK, instead="simple", locales={"de": Template("rich", text="d", missing=Missing.BLANK)},
    )  # fmt: skip
    engine, sender, journey = engine_on(any_store, rich, [Template("simple", text="s")])
    first = engine.publish(journey)
    again, _, journey = engine_on(any_store, rich, [Template("simple", text="s")], sender=sender)
    assert again.publish(journey).number == first.number
    again.ingest([signup("s0")])
    again.advance()
    assert (sender.messages[0].subject, sender.messages[0].text) == ("1", "t")


def test_messages_of_many_are_made_with_one_question_to_each_port():
    class Profiles(MemoryProfiles):
        asked = ()

        def facts(self, ids, needs):
            self.asked = (*self.asked, (tuple(ids), needs.attributes))
            return super().facts(ids, needs)

    models, people = Models(), Profiles(PEOPLE)
    template = Template("plain", subject="{{timeOfDay}} {{firstName}}", text="{{ company }}", instead="other")
    other = Template("other", text="{{ plan }}{% if plan == 'vip' %}{{ company }}{% endif %}")
    engine = Engine(
        MemoryStore(), clock=VirtualClock(START), profiles=people, predictions=models, personalization=HOW,
        templates=DictTemplates({"plain": template, "other": other}),
    )  # fmt: skip
    made = engine.render_many("plain", ["s0", "s1", "s0", "nobody"])
    assert list(made) == ["s0", "s1", "nobody"]
    assert made["s0"].text == "free"
    assert str(made["s1"]) == "missing_value: company"
    assert str(made["nobody"]) == "unknown_subscriber"
    assert people.asked == (
        (("s0", "s1", "nobody"), {"firstName", "company", "plan", "preferredContactTime", "locale"}),
    )
    assert models.asked == []
    with pytest.raises(ConfigurationError, match="'gone'"):
        engine.render_many("gone", ["s0"])
    with pytest.raises(ConfigurationError, match="no templates"):
        Engine(MemoryStore()).render_many("plain", ["s0"])


def test_the_lint_knows_what_is_computed():
    template = Template("plain", subject="{{timeOfDay}}", text="{{primaryCTA}}{{ salutation }}{{ nickname }}")
    found = {}
    for how in (HOW, None):
        engine, _, journey = engine_on(MemoryStore(), template, personalization=how)
        found[how is None] = [
            one.message.split('"')[1]
            for one in engine.check(journey, attributes=["email"])
            if one.rule == "variable_without_source"
        ]
    assert found == {False: ["nickname"], True: ["nickname", "primaryCTA", "salutation", "timeOfDay"]}

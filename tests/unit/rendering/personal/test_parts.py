"""Features, confidence, rules and links: each by itself."""

import pytest

from flowkit.conditions import Equals, Performed, SubscriberHas, at_least, less_than
from flowkit.errors import ConfigurationError
from flowkit.events import Facts
from flowkit.rendering.engine import compile_template
from flowkit.rendering.model import Template, TemplateError
from flowkit.rendering.personal.blocks import BlockLinks, BlockTemplate
from flowkit.rendering.personal.confidence import confidence
from flowkit.rendering.personal.features import ENGAGEMENT_NEEDS, EngagementFeatures
from flowkit.rendering.personal.model import NEUTRAL, Prediction
from flowkit.rendering.personal.personalize import Personalization, wants
from flowkit.rendering.personal.rules import Applied, PersonalRule, SetTag, ShowBlock, TakeVariant, applied, holding
from tests.support.personal import AT


def test_features_that_are_absent_stay_absent_and_0_is_a_value():
    found = EngagementFeatures.of({"openRate": 0, "totalOpens": 3, "favoriteCategory": "maps"})
    assert (found.open_rate, found.total_opens, found.favorite_category) == (0, 3, "maps")
    assert found.days_since_last_open is None
    assert EngagementFeatures.of({}) == EngagementFeatures()


@pytest.mark.parametrize("value", [True, "3", None, [1], float("nan")])
def test_a_feature_of_another_kind_is_not_known(value):
    assert EngagementFeatures.of({"openRate": value}).open_rate is None
    assert EngagementFeatures.of({"favoriteCategory": 7 if value is None else "  "}).favorite_category is None


def test_there_are_fifteen_features():
    assert len(ENGAGEMENT_NEEDS.attributes) == 15
    assert {"daysSinceSignup", "preferredContactTime"} < ENGAGEMENT_NEEDS.attributes


ALL = ["productRecommendations", "recentActivity", "seasonalContent", "locationContent", "primaryCTA"]


@pytest.mark.parametrize(
    ("shown", "predicted", "recommended", "sure"),
    [
        ([], None, None, 0.5),
        (ALL, None, None, 1.0),  # 0.5 + 0.2 + 0.1 + 0.05 + 0.1 + 0.1 = 1.05, and no more than 1
        (ALL[:1], None, [0.5], 0.7 * 0.85),
        (["primaryCTA"], {"engagement": 0.8, "churn": 0.6}, None, 0.6 * 0.85),
        (["primaryCTA"], {}, None, 0.3),
        (["welcome"], {"a": 7.0}, [-3.0], 0.5 * 0.7),
    ],
)
def test_confidence_is_the_base_and_the_weights_scaled(shown, predicted, recommended, sure):
    assert confidence(shown, predicted, recommended) == pytest.approx(sure)


VIP = SubscriberHas({"plan": Equals("vip")})
RULES = (
    PersonalRule("b", VIP, SetTag("greeting", "Dear")),
    PersonalRule("a", SubscriberHas({"predictions.churn": at_least(0.7)}), SetTag("greeting", "Oh"), priority=5),
    PersonalRule("c", VIP, ShowBlock("offer", "primaryCTA")),
    PersonalRule("d", SubscriberHas({"predictions.engagement": less_than(0.3)}), TakeVariant("urgent")),
    PersonalRule("e", VIP, TakeVariant("vip"), priority=1),
)


def test_rules_hold_by_their_condition_and_the_higher_priority_has_its_way():
    how = Personalization(rules=RULES)
    facts = Facts({"plan": "vip"})
    sure = Prediction(churn=0.9, engagement=0.1)
    assert holding(how.rules, facts, None, sure, AT) == ["a", "e", "b", "c", "d"]
    assert holding(how.rules, facts, None, NEUTRAL, AT) == ["e", "b", "c"]
    assert applied(how.rules, ["a", "b", "c", "d", "e"]) == Applied(
        ("a", "e", "c"), {"greeting": "Oh"}, {"offer": "primaryCTA"}, "vip"
    )
    assert applied(how.rules, []) == Applied()


@pytest.mark.parametrize(
    "rules",
    [
        [PersonalRule("a", VIP, TakeVariant("x")), PersonalRule("a", VIP, TakeVariant("y"))],
        [PersonalRule("a", VIP, ShowBlock("tag", "no_such_block"))],
        [PersonalRule("a", Performed("purchase"), TakeVariant("x"))],
    ],
)
def test_rules_that_could_not_work_are_refused(rules):
    with pytest.raises(ConfigurationError, match="'a'"):
        Personalization(rules=rules)


def test_the_template_of_a_block_is_held_to_the_rules_of_all_templates():
    with pytest.raises(TemplateError, match="unsafe_place"):
        Personalization(blocks={"mine": BlockTemplate(html="<script>{{ firstName }}</script>", text="")})


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("/a", "https://s.example/a?utm_source=email&utm_campaign=automation&utm_content=x"),
        ("https://o.example/a?b=1#c", "https://o.example/a?b=1&utm_source=email&utm_campaign=automation&utm_content=x#c"),
        ("https://o.example/?utm_content=mine&utm_source=", "https://o.example/?utm_content=mine&utm_source=&utm_campaign=automation"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("https://[broken", "https://[broken"),
    ],
)  # fmt: skip
def test_links_keep_what_they_have_and_get_parameters(url, link):
    assert BlockLinks(site="https://s.example/").to(url, "x") == link


def test_without_parameters_a_link_stays_as_it_is():
    assert BlockLinks(site="https://s.example", parameters={}).to("/a", "x") == "https://s.example/a"


def test_what_a_block_reads_of_the_profile_is_asked_for():
    block = BlockTemplate(html="<p>{{ city }} {{ call.label }}</p>", text="{{ plan }}")
    show = PersonalRule("r", VIP, ShowBlock("offer", "primaryCTA"))
    for how, source in [
        (Personalization(blocks={"mine": block, "primaryCTA": block}), "{{ mine }}{{ primaryCTA }}"),
        (Personalization(blocks={"primaryCTA": block}, rules=[show]), "{{ offer }}"),
    ]:
        assert {"city", "plan"} <= wants(how, compile_template(Template("t", html=source))).attributes
    alone = wants(
        Personalization(blocks={"primaryCTA": block}), compile_template(Template("t", html="{{ primaryCTA }}"))
    )
    assert alone.attributes == {"city", "plan"}

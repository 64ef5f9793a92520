"""The rules with thresholds: each one just within, and just beyond."""

import pytest
from attrs import evolve

from flowkit.analytics.findings import Counted, Measures, NodeMeasures, Severity, Thresholds, findings

QUIET = Thresholds(
    completion_drop=None,
    conversion_drop=None,
    unsubscribe_spike=None,
    complaint_spike=None,
    low_completion=None,
    low_conversion=None,
    high_unsubscribe=None,
    high_complaint=None,
    high_processing=None,
    bottleneck=None,
    low_engagement=None,
    weak_conversion=None,
)


def measures(nodes=(), processing_seconds=None, **rates):
    return Measures("w", {name: Counted(*one) for name, one in rates.items()}, dict(nodes), processing_seconds)


def kinds(found):
    return [one.kind for one in found]


@pytest.mark.parametrize(
    ("rule", "value", "measure", "before", "within", "beyond", "severity"),
    [
        ("completion_drop", 0.7, "completion", (80, 100), (56, 100), (55, 100), Severity.HIGH),
        ("conversion_drop", 0.5, "conversion", (10, 100), (5, 100), (4, 100), Severity.HIGH),
        ("unsubscribe_spike", 2.0, "unsubscribe", (10, 1000), (20, 1000), (21, 1000), Severity.MEDIUM),
        ("unsubscribe_spike", 2.0, "unsubscribe", (0, 1000), (10, 1000), (11, 1000), Severity.MEDIUM),
        ("complaint_spike", 3.0, "complaint", (1, 1000), (3, 1000), (4, 1000), Severity.CRITICAL),
        ("complaint_spike", 3.0, "complaint", (0, 1000), (1, 1000), (2, 1000), Severity.CRITICAL),
    ],
)
def test_changes(rule, value, measure, before, within, beyond, severity):
    thresholds = evolve(QUIET, **{rule: value})
    past = measures(**{measure: before})
    assert findings(measures(**{measure: within}), past, thresholds) == []
    (found,) = findings(measures(**{measure: beyond}), past, thresholds)
    name = "completion_rate_drop" if rule == "completion_drop" else rule
    assert found.kind == ("conversion_rate_drop" if rule == "conversion_drop" else name)
    assert (found.severity, found.value) == (severity, beyond[0] / beyond[1])
    assert found.expected == before[0] / before[1]
    assert found.evidence["before_whole"] == before[1]
    assert findings(measures(**{measure: beyond}), None, thresholds) == []
    assert findings(measures(**{measure: beyond}), measures(), thresholds) == []


@pytest.mark.parametrize(
    ("rule", "value", "measure", "within", "beyond", "kind", "severity"),
    [
        ("low_completion", 0.8, "completion", (80, 100), (79, 100), "low_completion_rate", Severity.WARNING),
        ("low_conversion", 0.05, "conversion", (5, 100), (4, 100), "low_conversion_rate", Severity.WARNING),
        ("high_unsubscribe", 0.02, "unsubscribe", (2, 100), (3, 100), "high_unsubscribe_rate", Severity.WARNING),
        ("high_complaint", 0.001, "complaint", (1, 1000), (2, 1000), "high_complaint_rate", Severity.CRITICAL),
    ],
)
def test_thresholds(rule, value, measure, within, beyond, kind, severity):
    thresholds = evolve(QUIET, **{rule: value})
    assert findings(measures(**{measure: within}), None, thresholds) == []
    (found,) = findings(measures(**{measure: beyond}), None, thresholds)
    assert (found.kind, found.severity, found.expected) == (kind, severity, value)


def test_actions_that_take_long():
    thresholds = evolve(QUIET, high_processing=300.0)
    node = NodeMeasures(processing_seconds=300.1)
    assert findings(measures(processing_seconds=300.0), None, thresholds) == []
    assert kinds(findings(measures(processing_seconds=300.1), None, thresholds)) == ["high_processing_time"]
    (found,) = findings(measures({"n": node, "m": NodeMeasures()}), None, thresholds)
    assert (found.kind, found.node, found.value) == ("optimize_performance", "n", 300.1)


def test_a_bottleneck_is_one_where_completion_is_low():
    thresholds = evolve(QUIET, low_completion=0.8, bottleneck=0.3)
    nodes = {"wide": NodeMeasures(Counted(30, 100)), "narrow": NodeMeasures(Counted(31, 100))}
    assert findings(measures(nodes, completion=(80, 100)), None, thresholds) == []
    low, bottleneck = findings(measures(nodes, completion=(79, 100)), None, thresholds)
    assert (low.kind, bottleneck.kind, bottleneck.node) == ("low_completion_rate", "reduce_bottlenecks", "narrow")
    assert len(bottleneck.suggestions) == 4


def test_the_engagement_score_is_made_of_opens_and_clicks():
    assert measures(open=(50, 100), click=(10, 100)).engagement_score == pytest.approx(22)
    assert measures(open=(50, 100)).engagement_score is None
    thresholds = evolve(QUIET, low_engagement=15.0)
    assert findings(measures(open=(50, 100), click=(0, 100)), None, thresholds) == []
    assert kinds(findings(measures(open=(49, 100), click=(0, 100)), None, thresholds)) == ["improve_engagement"]


def test_conversions_that_should_be_worked_on():
    thresholds = evolve(QUIET, weak_conversion=0.02)
    assert findings(measures(conversion=(2, 100)), None, thresholds) == []
    assert kinds(findings(measures(conversion=(1, 100)), None, thresholds)) == ["improve_conversions"]


def test_a_rate_of_too_few_is_passed_over():
    thresholds = evolve(QUIET, low_completion=0.8, least=50)
    assert findings(measures(completion=(0, 49)), None, thresholds) == []
    assert kinds(findings(measures(completion=(0, 50)), None, thresholds)) == ["low_completion_rate"]


def test_of_what_was_not_counted_no_rule_speaks():
    assert findings(measures(), measures()) == []
    assert findings(measures(completion=(0, 0), conversion=(0, 0)), measures(completion=(0, 0))) == []


def test_a_finding_says_itself_in_a_sentence():
    (found,) = findings(measures(completion=(1, 2)), None, evolve(QUIET, low_completion=0.8))
    assert found.text == "w: low completion rate: 50.00%, expected 80.00% (warning)"


def test_engagement_of_few_messages_is_passed_over():
    thresholds = evolve(QUIET, low_engagement=15.0, least=100)
    assert findings(measures(open=(3, 99), click=(0, 99)), thresholds=thresholds) == []
    assert kinds(findings(measures(open=(3, 100), click=(0, 100)), thresholds=thresholds)) == ["improve_engagement"]

"""Tracking: the first exposure, its arm, and what came after it within the window; worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from flowkit import Entry, Kind, Line
from flowkit.events import to_micros
from flowkit.experiments.model import Metric, MetricKind
from flowkit.experiments.tracking import Conversion, Exposure, Tracker
from tests.support.experiments import subject_test

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
METRICS = {
    "primary": Metric("bought", "purchase"),
    "secondary": [
        Metric("revenue", "purchase", kind=MetricKind.MEAN),
        Metric("clicks a mail", "email_click", kind=MetricKind.RATIO, denominator="email_delivered"),
    ],
    "window": 7 * DAY,
}


def day(number, hour=0):
    return to_micros(START + number * DAY + timedelta(hours=hour))


@pytest.fixture
def tracker():
    return Tracker(subject_test(**METRICS))


def counted(tally, metric):
    return {one.arm: (one.exposed, one.units, one.of(metric).total, one.of(metric).squares) for one in tally.arms}


def test_who_converts_within_the_window_counts_once_and_revenue_is_summed(tracker):
    tracker.expose(
        [Exposure("a", "control", day(0)), Exposure("b", "variant_a", day(0)), Exposure("c", "control", day(1))]
    )
    tracker.convert(
        [
            Conversion("a", "purchase", day(1), 10.0),
            Conversion("a", "purchase", day(2), 5.0),
            Conversion("b", "purchase", day(-1), 99.0),  # before the exposure
            Conversion("b", "purchase", day(7), 99.0),  # at the end of the window: outside
            Conversion("c", "purchase", day(1), 3.0),  # at the instant of the exposure: inside
            Conversion("nobody", "purchase", day(1), 50.0),
        ]
    )
    tally = tracker.tally(START + 30 * DAY)
    assert counted(tally, "bought") == {"control": (2, 2, 2, 2), "variant_a": (1, 1, 0, 0)}
    assert counted(tally, "revenue") == {"control": (2, 2, 18, 234), "variant_a": (1, 1, 0, 0)}


def test_units_whose_window_is_open_are_exposed_and_not_analysed(tracker):
    tracker.expose([Exposure("a", "control", day(0)), Exposure("b", "control", day(3))])
    tracker.convert([Conversion("b", "purchase", day(4))])
    assert counted(tracker.tally(START + 7 * DAY), "bought")["control"] == (2, 1, 0, 0)
    assert counted(tracker.tally(START + 2 * DAY), "bought")["control"] == (1, 0, 0, 0)
    assert counted(tracker.tally(START + 10 * DAY), "bought")["control"] == (2, 2, 1, 1)


def test_the_first_exposure_counts_in_whatever_order_they_come(tracker):
    tracker.expose(
        [Exposure("a", "variant_a", day(5)), Exposure("a", "control", day(1)), Exposure("a", "gone", day(0))]
    )
    tally = tracker.tally(START + 30 * DAY)
    assert (tally.arm("control").exposed, tally.arm("variant_a").exposed) == (1, 0)
    assert (tally.reassigned, tally.unknown) == (1, 1)


def test_exposures_outside_of_the_experiment_do_not_count():
    tracker = Tracker(subject_test(**METRICS, start=START + DAY, end=START + 3 * DAY))
    tracker.expose([Exposure(str(number), "control", day(number)) for number in range(5)])
    assert tracker.tally(START + 30 * DAY).exposed == 2


def test_a_ratio_sums_what_stands_above_and_below(tracker):
    tracker.expose([Exposure("a", "control", day(0)), Exposure("b", "control", day(0))])
    tracker.convert([Conversion("a", "email_delivered", day(1)) for _ in range(3)])
    tracker.convert([Conversion("b", "email_delivered", day(1)), Conversion("a", "email_click", day(2))])
    sums = tracker.tally(START + 30 * DAY).arm("control").of("clicks a mail")
    assert (sums.total, sums.squares, sums.below, sums.below_squares, sums.products) == (1, 1, 4, 10, 3)


def test_weights_that_changed_are_noticed(tracker):
    tracker.expose([Exposure("a", "control", day(0), 0.5), Exposure("b", "control", day(0), 0.5)])
    assert not tracker.tally(START + DAY).reweighted
    tracker.expose([Exposure("c", "control", day(0), 0.4)])
    assert tracker.tally(START + DAY).reweighted


def line(number, at, subscriber, kind, node, data, workflow="welcome_series_v2"):
    return Line(number, at, subscriber, workflow, "r", Entry(kind, node, None, data))


def test_the_journal_tells_exposures_and_goals(tracker):
    goal = {"goal": "subject:bought", "occurred_at": (START + DAY).isoformat()}
    lines = [
        line(1, START, "a", Kind.DECIDED, "start@subject", {"label": "control", "share": 0.5, "assigned": "now"}),
        line(2, START, "b", Kind.DECIDED, "start@subject", {"label": "control"}, workflow="another"),
        line(3, START, "c", Kind.DECIDED, "start@other", {"label": "control"}),
        line(4, START, "d", Kind.DECIDED, "start@subject", {"label": "variant_a", "assigned": "before", "share": 0.9}),
        line(9, START, "a", Kind.GOAL, "start", goal),
        line(9, START, "d", Kind.GOAL, "start", {**goal, "goal": "other:bought"}),
    ]
    assert tracker.read(lines) == 6
    assert tracker.after == 9
    tally = tracker.tally(START + 30 * DAY)
    assert counted(tally, "bought") == {"control": (1, 1, 1, 1), "variant_a": (1, 1, 0, 0)}
    assert not tally.reweighted


def test_a_course_is_the_tallies_of_its_instants(tracker):
    tracker.expose([Exposure(str(number), "control", day(number)) for number in range(5)])
    tracker.convert([Conversion(str(number), "purchase", day(number + 1)) for number in range(5)])
    instants = [START + number * DAY for number in (3, 8, 20)]
    assert tracker.course(instants) == tuple(tracker.tally(one) for one in instants)
    with pytest.raises(ValueError, match="must rise"):
        tracker.course([START, START])

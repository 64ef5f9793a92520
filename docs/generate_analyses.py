"""Write the pages in docs/analyses and their pictures anew, from the real data.

    .venv-ci/bin/python docs/generate_analyses.py DATA

DATA is the folder with `hillstrom.csv.gz`, `cookie_cats.csv.gz` and `udacity_free_trial.csv`. A test makes the pages
too, and compares.
"""

# ruff: noqa: E501 - the prose of the pages is wrapped as it comes out, with the numbers in it

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from attrs import evolve

from flowkit.experiments.analysis import analyse
from flowkit.experiments.findings import Comparison, Findings
from flowkit.experiments.model import (
    AlwaysValid,
    DecisionRule,
    Experiment,
    FixedSample,
    GroupSequential,
    Metric,
    MetricKind,
    Variant,
)
from flowkit.experiments.planning import plan_of
from flowkit.experiments.report_plots import draw_course, draw_intervals
from flowkit.experiments.tallies import ArmTotals, Sums, Tally
from flowkit.experiments.wording import bound_text, p_text, percent, signed, signed_percent, value_text
from flowkit.stats import PairSummary, adjusted_means, factorial_rates

HERE = Path(__file__).resolve().parent
Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return list(csv.DictReader(text.splitlines()))


def column(rows: Rows, name: str) -> np.ndarray:
    return np.array([float({"TRUE": 1, "FALSE": 0}.get(row[name], row[name])) for row in rows])


def totals(arm: str, rows: Rows, metrics: Mapping[str, str]) -> ArmTotals:
    """Sum up the columns of an arm, by metric."""
    values = {metric: column(rows, name) for metric, name in metrics.items()}
    sums = {metric: Sums(float(each.sum()), float((each**2).sum())) for metric, each in values.items()}
    return ArmTotals(arm=arm, exposed=len(rows), units=len(rows), sums=sums)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def compared(found: Findings, comparisons: Sequence[Comparison]) -> str:
    metrics = {one.name: one for one in found.experiment.metrics}
    return table(
        ("treatment", "metric", "control", "treatment", "difference", "interval", "lift", "p", "adjusted p"),
        [
            (
                found.experiment.variant(one.treatment).name,
                one.metric,
                value_text(metrics[one.metric], one.control_value),
                value_text(metrics[one.metric], one.treatment_value),
                signed(metrics[one.metric], one.estimate),
                bound_text(metrics[one.metric], one.interval),
                signed_percent(one.lift),
                p_text(one.p),
                p_text(one.adjusted_p),
            )
            for one in comparisons
        ],
    )


def sizes(found: Findings) -> str:
    return table(
        ("arm", "units", "expected"),
        [
            (found.experiment.variant(one.arm).name, f"{one.exposed:,}", f"{found.ratio.expected[one.arm]:,.1f}")
            for one in found.tally.arms
        ],
    )


def picture(svg: str) -> str:
    """Give a picture its own colours, for a page that shows it as a file."""
    place = svg.index(">") + 1
    return f"{svg[:place]}<style>svg {{ color: #222; background: #fff }}</style>{svg[place:]}\n"


# ------------------------------------------------------------------------------------------------------------
# Hillstrom


def hillstrom(data: Path) -> tuple[str, dict[str, str]]:
    rows = read(data / "hillstrom.csv.gz")
    names = {"control": "No E-Mail", "mens": "Mens E-Mail", "womens": "Womens E-Mail"}
    by_arm = {arm: [row for row in rows if row["segment"] == name] for arm, name in names.items()}
    experiment = Experiment(
        experiment_id="hillstrom",
        name="Hillstrom's e-mail test",
        workflow_id="campaign",
        variants=[Variant(arm, name, weight=100 / 3) for arm, name in names.items()],
        primary=Metric("visit", "visit", baseline=0.10),
        secondary=[Metric("conversion", "conversion"), Metric("spend", "spend", kind=MetricKind.MEAN)],
        minimum_effect=0.1,
    )
    metrics = {"visit": "visit", "conversion": "conversion", "spend": "spend"}
    tally = Tally(
        experiment_id="hillstrom",
        at=datetime(2008, 3, 20, tzinfo=UTC),
        arms=tuple(totals(arm, each, metrics) for arm, each in by_arm.items()),
    )
    found = analyse(experiment, tally)
    winner = experiment.variant(found.verdict.winner or "").name
    page = f"""\
# Hillstrom's e-mail test

In 2008 Kevin Hillstrom published a test of a retailer: {len(rows):,} customers who had bought within a year got an e-mail about
men's merchandise, one about women's, or none. What they did in the two weeks after that is known: whether they visited the
site, whether they bought, and how much.

## Did the assignment work?

{sizes(found)}

Yes: p = {p_text(found.ratio.p)}.

## Visits

The plan asked for {found.plan.total:,} units, for a lift of {percent(experiment.minimum_effect)} on a rate of 10 %; there are \
{found.tally.units:,}. Two treatments share the error, so p is adjusted by Holm.

![Visits: treatment less control](../_static/hillstrom.svg)

{compared(found, found.primary)}

**Winner: {winner}.** The other e-mail is better than none too; that the two differ has p {p_text(found.verdict.runner_up_p)}.

## Orders and spending

Adjusted by Benjamini and Hochberg over all four. Spending is the mean over everybody, also over those who bought nothing, so
a few large orders make it noisy: the interval of its difference is much wider for its size than that of the visits.

{compared(found, found.secondary)}

## For whom?

"Womens E-Mail" against none, by whether somebody had bought women's merchandise in the year before; likewise "Mens E-Mail".
The interaction is the difference between the two differences. Such questions are asked before the test, and few of them:
who looks at twenty groups finds one.

{table(("e-mail", "who had not", "who had", "interaction", "p"), interactions(by_arm))}

The e-mail about women's merchandise brings visits above all from those who had bought such before. A winner over
all is not a winner for everybody, and a test of each half by itself would not have said that the halves differ.

## Does what they spent before help?

CUPED takes out of an outcome what was known before the test. Here `history`, the spending of the year before, explains next to
nothing of two weeks' spending, so there is little to win:

{table(("e-mail", "plain difference", "adjusted", "variance taken out"), cuped(by_arm, found))}

It does no harm either. How much it helps can be known before a test: the variance falls by the square of the correlation
between the two.
"""
    return page, {"hillstrom.svg": picture(draw_intervals(found))}


def interactions(by_arm: Mapping[str, Rows]) -> list[tuple[str, ...]]:
    metric = Metric("visit", "visit")
    out: list[tuple[str, ...]] = []
    for arm, name in (("womens", "Womens E-Mail"), ("mens", "Mens E-Mail")):
        cells = np.zeros((2, 2, 2))
        for index, rows in enumerate((by_arm["control"], by_arm[arm])):
            had, visits = column(rows, arm), column(rows, "visit")
            for level in (0, 1):
                cells[0, index, level] = visits[had == level].sum()
                cells[1, index, level] = (had == level).sum()
        rates = cells[0] / cells[1]
        both = next(one.result for one in factorial_rates(cells[0], cells[1]) if len(one.factors) == 2)  # noqa: PLR2004
        simple = [signed(metric, float(rates[1, level] - rates[0, level])) for level in (0, 1)]
        ends = f"{signed(metric, float(both.interval.low))} to {signed(metric, float(both.interval.high))}"
        out.append((name, *simple, f"{signed(metric, float(both.estimate))} ({ends})", p_text(float(both.p))))
    return out


def cuped(by_arm: Mapping[str, Rows], found: Findings) -> list[tuple[str, ...]]:
    spend = Metric("spend", "spend", kind=MetricKind.MEAN)
    out: list[tuple[str, ...]] = []
    control = PairSummary.of_values(column(by_arm["control"], "history"), column(by_arm["control"], "spend"))
    for one in found.secondary:
        if one.metric != "spend":
            continue
        rows = by_arm[one.treatment]
        pair = PairSummary.of_values(column(rows, "history"), column(rows, "spend"))
        adjusted = adjusted_means(control, pair)
        low, high = float(adjusted.result.interval.low), float(adjusted.result.interval.high)
        words = f"{signed(spend, float(adjusted.result.estimate))} ({signed(spend, low)} to {signed(spend, high)})"
        plain = f"{signed(spend, one.estimate)} ({bound_text(spend, one.interval)})"
        name = found.experiment.variant(one.treatment).name
        out.append((name, plain, words, percent(float(adjusted.reduction), 2)))
    return out


# ------------------------------------------------------------------------------------------------------------
# Cookie Cats


def cookie_cats(data: Path) -> tuple[str, dict[str, str]]:
    rows = read(data / "cookie_cats.csv.gz")
    by_arm = {arm: [row for row in rows if row["version"] == arm] for arm in ("gate_30", "gate_40")}
    experiment = Experiment(
        experiment_id="gate",
        name="Cookie Cats: where the gate stands",
        workflow_id="game",
        control="gate_30",
        variants=[
            Variant("gate_30", "gate at level 30", weight=50),
            Variant("gate_40", "gate at level 40", weight=50),
        ],
        primary=Metric("retention_7", "back_after_7_days", baseline=0.19),
        secondary=[Metric("retention_1", "back_after_1_day")],
        minimum_effect=0.05,
    )
    columns = {"retention_7": "retention_7", "retention_1": "retention_1"}
    tally = Tally(
        experiment_id="gate",
        at=datetime(2017, 1, 1, tzinfo=UTC),
        arms=tuple(totals(arm, each, columns) for arm, each in by_arm.items()),
    )
    found = analyse(experiment, tally)
    [one] = found.primary
    page = f"""\
# Cookie Cats: a test whose arms are not quite the right size

In the game Cookie Cats players meet a gate at level 30. {len(rows):,} players were assigned at their installation: the gate
stays at level 30, or it moves to level 40. The question is whether they come back.

## Did the assignment work?

{sizes(found)}

Not quite: half and half was meant, and sizes that are this far apart come by chance in {percent(found.ratio.p, 2)} of all tests.
That is a **{found.ratio.verdict}**, and no alarm, which begins at 0.1 %: the results may be read, after somebody has looked for
players who are lost in one arm. Whoever draws the line at 5 % is warned by every twentieth test for nothing.

## Do they come back after a week?

The plan asked for {found.plan.total:,} players, for a change of {percent(experiment.minimum_effect)} of a rate of 19 %.

![Back after seven days: treatment less control](../_static/cookie_cats.svg)

{compared(found, found.primary)}

**No winner, and the gate at level 40 is worse:** {signed_percent(one.lift)}, with an interval from \
{signed_percent(one.lift_interval.low if one.lift_interval else None)} to \
{signed_percent(one.lift_interval.high if one.lift_interval else None)}.

How many players would have to be missing to explain it? The arms differ by \
{found.tally.arms[1].exposed - found.tally.arms[0].exposed:,}. Were that many lost from the smaller arm, and none of them had come back,
the rates would be {lost(found)}: the difference would be smaller, and still there.

## After a day

{compared(found, found.secondary)}

It points in the same direction, and by itself it cannot be told from nothing.
"""
    return page, {"cookie_cats.svg": picture(draw_intervals(found))}


def lost(found: Findings) -> str:
    """Give the rates where the difference in size were players of control who did not come back."""
    control, treatment = found.tally.arms
    metric = found.experiment.primary
    rate = control.of(metric.name).total / treatment.units
    other = treatment.of(metric.name).total / treatment.units
    return f"{value_text(metric, rate)} and {value_text(metric, other)}"


# ------------------------------------------------------------------------------------------------------------
# Udacity

START = datetime(2014, 10, 11, tzinfo=UTC)
PAID_DAYS = 23


def udacity(data: Path) -> tuple[str, dict[str, str]]:
    rows = read(data / "udacity_free_trial.csv")
    experiment = Experiment(
        experiment_id="screener",
        name="Udacity: a question before the free trial",
        workflow_id="site",
        variants=[Variant("control", "no question", weight=50), Variant("experiment", "a question", weight=50)],
        primary=Metric("net_conversion", "payment", baseline=0.1093),
        minimum_effect=0.0075 / 0.1093,
        minimum_sample=0,
    )
    days = daily(rows)
    rules: dict[str, DecisionRule] = {
        "fixed": FixedSample(),
        "planned looks": GroupSequential(),
        "always valid": AlwaysValid(),
    }
    told = {name: replayed(evolve(experiment, rule=rule), days) for name, rule in rules.items()}
    p_values = [found.primary[0].p or 0.0 for found in told["fixed"]]
    naive = [p < 0.05 for p in p_values]  # noqa: PLR2004 - the level
    flips = sum(one != other for one, other in pairwise(naive))
    decided = {
        name: next((day for day, found in enumerate(each, 1) if found.verdict.worse), None)
        for name, each in told.items()
    }
    course = analyse(evolve(experiment, rule=AlwaysValid()), days[-1], course=days)
    pages = {arm: sum(int(row["pageviews"]) for row in rows if row["arm"] == arm) for arm in ("control", "experiment")}
    viewed = analyse(experiment, viewers(pages))
    body = [
        (
            str(day),
            signed(experiment.primary, told["fixed"][day - 1].primary[0].estimate),
            p_text(p_values[day - 1]),
            "differ" if naive[day - 1] else "–",
            *(said(each[day - 1]) for each in told.values()),
        )
        for day in range(1, PAID_DAYS + 1)
    ]
    page = f"""\
# Udacity: a verdict that flips, and those that do not

Udacity asked some visitors, before their free trial, how much time they have. The files have {len(rows) // 2} days: page views and
clicks on "start the trial" on each, and for the first {PAID_DAYS} of them who enrolled and who paid in the end. The metric is the
share of clicks that led to a payment. The plan was to find a change of 0.75 points on 10.93 %.

## Did the assignment work?

{sizes(viewed)}

By page views over all {len(rows) // 2} days: p = {p_text(viewed.ratio.p)}. Yes.

## Day by day

Somebody who looks every morning, and calls p under 0.05 a difference, changes their mind **{flips} times in {PAID_DAYS} days**:
on the first day the question does harm, on the second nothing is known, and so on; at the end there is no difference.

{table(("day", "difference", "p of the day", "looked at daily", *told), body)}

* **fixed** has its say at {told["fixed"][0].plan.total:,} clicks. After {PAID_DAYS} days there are {days[-1].units:,}, so it never
  speaks. Before that its report says "keep running", whatever p is.
* **planned looks** speaks at five looks, in equal steps to {told["planned looks"][0].plan.total:,} clicks, and decides on day \
{decided["planned looks"]}.
* **always valid** may be looked at daily, and decides on day {decided["always valid"]}. A daily p of {p_text(p_values[0])} on the
  first day does not convince it.

What was decided stays decided: the report of a later day is given the looks before it. So both say once, on day \
{decided["always valid"]}, that the question costs payments, and stay with it, while the naive test goes on to say the opposite again.

![Net conversion: how the difference came about](../_static/udacity.svg)

The band holds on all days together, and it is what a daily look costs: it is wider than the interval of a single look.

## What to learn from it

Day {decided["always valid"]} was also the day on which the difference was near its largest. A test that stops when it is
convinced stops on such days, so its estimate is too large in the mean: by the last day the difference was
{signed(experiment.primary, told["fixed"][-1].primary[0].estimate)}. Whoever needs the size of an effect, and not only its direction,
lets the test run to its planned sample. And each rule errs in one of twenty tests where nothing is different: these are no proof
against it, while twenty looks at p, equally far apart, err in every fourth (24.8 %).
"""
    return page, {"udacity.svg": picture(draw_course(course))}


def daily(rows: Rows) -> list[Tally]:
    """Give the counts as they stood at the end of each day with payments."""
    counts = {"control": [0, 0], "experiment": [0, 0]}
    out: list[Tally] = []
    for day in range(1, PAID_DAYS + 1):
        for row in rows:
            if int(row["day"]) == day:
                counts[row["arm"]][0] += int(row["clicks"])
                counts[row["arm"]][1] += int(row["payments"])
        arms = tuple(
            ArmTotals(arm=arm, exposed=units, units=units, sums={"net_conversion": Sums(hits, hits)})
            for arm, (units, hits) in counts.items()
        )
        out.append(Tally(experiment_id="screener", at=START + timedelta(days=day), first=START, arms=arms))
    return out


def viewers(pages: Mapping[str, int]) -> Tally:
    arms = tuple(ArmTotals(arm=arm, exposed=units, units=units, sums={}) for arm, units in pages.items())
    return Tally(experiment_id="screener", at=START, arms=arms)


def replayed(experiment: Experiment, days: Sequence[Tally]) -> list[Findings]:
    plan = plan_of(experiment)
    out: list[Findings] = []
    for tally in days:
        out.append(analyse(experiment, tally, plan=plan, looks=out[-1].looks if out else ()))
    return out


def said(found: Findings) -> str:
    return "worse" if found.verdict.worse else "keep running"


ANALYSES = {"hillstrom": hillstrom, "cookie_cats": cookie_cats, "udacity": udacity}


def made(data: Path) -> dict[Path, str]:
    """Make all pages and pictures, by their place."""
    out: dict[Path, str] = {}
    for name, make in ANALYSES.items():
        page, pictures = make(data)
        out[HERE / "analyses" / f"{name}.md"] = page
        out |= {HERE / "_static" / file: svg for file, svg in pictures.items()}
    return out


if __name__ == "__main__":
    for path, text in made(Path(sys.argv[1])).items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(HERE.parent))

"""The pages about real experiments say what the data say, by our functions and by scipy."""

import csv
import gzip
import itertools

import pytest
from scipy import stats

from docs.generate_analyses import HERE, made

pytestmark = pytest.mark.data


def rows(path):
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return list(csv.DictReader(text.decode().splitlines()))


def test_the_pages_and_pictures_are_those_of_the_data(data_dir):
    for path, text in made(data_dir).items():
        assert path.read_text(encoding="utf-8") == text, f"make {path.name} anew by docs/generate_analyses.py"


def page(name):
    return (HERE / "analyses" / f"{name}.md").read_text(encoding="utf-8")


def test_hillstrom_by_scipy(data_dir):
    data = rows(data_dir / "hillstrom.csv.gz")
    spend = {
        arm: [float(row["spend"]) for row in data if row["segment"] == arm] for arm in {row["segment"] for row in data}
    }
    assert f"p = {stats.chisquare([len(each) for each in spend.values()]).pvalue:.4f}" in page("hillstrom")
    womens = stats.ttest_ind(spend["Womens E-Mail"], spend["No E-Mail"], equal_var=False)
    low, high = womens.confidence_interval()
    assert f"{low:+.4g} to {high:+.4g}" in page("hillstrom")
    assert f"| {womens.pvalue:.4f} |" in page("hillstrom")


def test_cookie_cats_by_scipy(data_dir):
    data = rows(data_dir / "cookie_cats.csv.gz")
    arms = {arm: [row for row in data if row["version"] == arm] for arm in ("gate_30", "gate_40")}
    ratio = stats.chisquare([len(each) for each in arms.values()]).pvalue
    assert 0.001 < ratio < 0.01
    assert f"{ratio * 100:.2f} %" in page("cookie_cats")
    for days in ("1", "7"):
        back = [sum(row[f"retention_{days}"] == "TRUE" for row in each) for each in arms.values()]
        table = [[hits, len(each) - hits] for hits, each in zip(back, arms.values(), strict=True)]
        p = stats.chi2_contingency(table, correction=False).pvalue
        assert f"| {p:.4f} |" in page("cookie_cats")


def test_udacity_by_scipy(data_dir):
    data = rows(data_dir / "udacity_free_trial.csv")
    verdicts = []
    for day in range(1, 24):
        table = []
        for arm in ("control", "experiment"):
            upto = [row for row in data if row["arm"] == arm and int(row["day"]) <= day]
            paid, clicks = (sum(int(row[name]) for row in upto) for name in ("payments", "clicks"))
            table.append([paid, clicks - paid])
        verdicts.append(stats.chi2_contingency(table, correction=False).pvalue < 0.05)
    flips = sum(one != other for one, other in itertools.pairwise(verdicts))
    assert flips >= 3
    assert f"changes their mind **{flips} times in 23 days**" in page("udacity")
    lines = [line.split(" | ") for line in page("udacity").splitlines() if line.startswith("| ") and "pp |" in line]
    assert [line[3] == "differ" for line in lines] == verdicts
    # Ours say something once, or nothing: no verdict is taken back.
    for column in (4, 5, 6):
        said = [line[column].strip(" |") for line in lines]
        assert sum(one != other for one, other in itertools.pairwise(said)) <= 1

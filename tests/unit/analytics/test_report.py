"""Reports of journeys: the numbers of the metrics in every form, no name that breaks one, a page that is shown."""

import asyncio
import json
import re
import subprocess
from datetime import timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.analytics.findings import findings, measures_of
from flowkit.engine.aio import AsyncEngine
from flowkit.errors import ConfigurationError, UnknownWorkflow
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from tests.support.browser import browser, shown
from tests.support.journeys import DAY, HOUR, START, sqlite_store
from tests.support.reported import basket, told

GOLDEN = Path(__file__).parents[2] / "golden"
HOSTILE = '<script>alert(1)</script>"`| \n\n# [x](http://x) ```\u202e\x1b[31m ]]> </svg><img src=x onerror=alert(2)>'
ID = "<script>alert(3)</script>`|*_[x](http://x)```\"'&]]></svg><img>"  # ids may hold nothing invisible


@pytest.fixture(scope="module")
def report():
    return told().report("basket")


@pytest.fixture(scope="module")
def hostile():
    named = dict.fromkeys(("workflow", "node", "reason"), HOSTILE)
    return told(**named, template=ID, goal=ID).report("basket")


class Page(HTMLParser):
    """The elements of a page, their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), set(), []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize(("form", "ending"), [("text", "txt"), ("markdown", "md")])
def test_a_small_journey_to_the_letter(report, form, ending):
    assert getattr(report, form) == (GOLDEN / f"journey_report.{ending}").read_text(encoding="utf-8")


@pytest.fixture(params=["memory", "sqlite"])
def engine(request, tmp_path):
    """The journey in a store that is read line by line, and in one that counts itself."""
    if request.param == "memory":
        yield told(MemoryStore())
    else:
        with sqlite_store(tmp_path / "flowkit.db", synchronous="NORMAL") as store:
            yield told(store)


def test_the_numbers_are_those_of_the_metrics(engine):
    metrics, report = engine.metrics("basket"), engine.report("basket")
    data = report.to_dict()
    assert report.journey.metrics == metrics
    assert data["runs"] == {
        "began": metrics.execution_count,
        "ended": metrics.ended,
        "completed": metrics.completed,
        "exited": metrics.exited,
        "failed": metrics.failed,
        "held_out": metrics.held_out,
        "refused": metrics.refused,
        "completion_rate": metrics.completion_rate,
        "failure_rate": metrics.failure_rate,
    }
    assert [(one["node"], one["visits"], one["in_progress"], one["drop_off_rate"]) for one in data["nodes"]] == [
        (name, node.visits, node.in_progress, node.drop_off_rate) for name, node in metrics.nodes.items()
    ]
    assert sum(point["began"] for point in data["course"]["points"]) == metrics.execution_count == 12
    assert sum(point["ended"] for point in data["course"]["points"]) == metrics.ended == 10
    assert data["completion_times"]["mean"] == metrics.avg_completion_time
    assert data["completion_times"]["p95"] == metrics.completion_times.quantile(0.95)
    assert report.journey.findings == findings(measures_of(metrics, "bought"))
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_every_form_has_the_same_numbers(report):
    def numbers(text):
        return set(re.findall(r"\d+\.\d %", text.replace("\u00a0", " ")))

    assert {"83.3 %", "54.5 %"} <= numbers(report.text)
    assert numbers(report.text) == numbers(report.markdown)
    assert numbers(report.text) <= numbers(" ".join(Page(report.html).texts))


def test_the_graph_has_the_counts(report):
    assert "12 entered · 2 inside · 10 left" in report.html
    assert "6 · 60%" in report.html
    assert "```mermaid" in report.markdown


def test_a_window_and_a_version():
    engine = told()
    east = timezone(timedelta(hours=2))
    windowed = engine.report("basket", since=(START + HOUR).astimezone(east), until=START + DAY, version=1)
    assert windowed.journey.metrics == engine.metrics("basket", since=START + HOUR, until=START + DAY, version=1)
    assert "version 1, from 2026-01-01 01:00 to before 2026-01-02 00:00;" in windowed.text
    assert [point.began for point in windowed.journey.course.points] == [2] + 22 * [0]
    assert engine.report("basket", until=START).journey.course.points == ()
    with pytest.raises(ConfigurationError, match="whole hour"):
        engine.report("basket", since=START + timedelta(minutes=1))


def test_what_is_not_published_is_refused():
    engine = told()
    with pytest.raises(UnknownWorkflow, match="'basket' is not published in version 7"):
        engine.report("basket", version=7)
    with pytest.raises(UnknownWorkflow, match="'nobody' is not published"):
        engine.report("nobody")


def test_nobody_came_yet():
    async def published():
        engine = AsyncEngine(MemoryStore(), sender=RecordingSender(), clock=VirtualClock(START))
        await engine.publish(basket())
        return await engine.report("basket")

    report = asyncio.run(published())
    assert report.summary == "0 runs began, none ended; 0 stand at a node now. 0 messages were handed over."
    assert "Nobody came to any node." in report.text
    assert [step.node_id for step in report.journey.funnel] == [None, "start", "pause", "look", "thank", None]
    assert report.html.count("</svg>") == 3


def test_names_stay_names_in_html(hostile, report):
    page, usual = Page(hostile.html), Page(report.html)
    assert page.tags == usual.tags
    assert page.attributes == usual.attributes
    assert {"alert(1)", "alert(3)"} <= set(re.findall(r"alert\(\d\)", " ".join(page.texts)))
    assert not [char for char in "\u202e\x1b" if char in hostile.html]


def test_names_stay_names_in_markdown_and_text(hostile, report):
    def marks(text):
        return [line[:2] for line in text.splitlines() if re.match(r"#|```", line)]

    def columns(text):
        return [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| ")]

    assert marks(hostile.markdown) == marks(report.markdown)
    assert columns(hostile.markdown) == columns(report.markdown)
    assert "\x1b" not in hostile.text + hostile.markdown
    assert len(hostile.text.splitlines()) == len(report.text.splitlines())


def test_the_data_have_the_names_as_they_are(hostile):
    data = hostile.to_dict()
    assert data["name"] == HOSTILE
    assert data["runs"]["failed"] == {HOSTILE: 6}
    assert data["goals"][0]["goal"] == ID


def test_the_page_loads_nothing(report):
    assert not re.search(r"(src|href)=|@import|url\((?!#)|<script", report.html)
    assert "default-src 'none'" in report.html
    assert "@media print" in report.html


def test_pictures_are_well_formed(hostile):
    pictures = re.findall(r"<svg.*?</svg>", hostile.html, flags=re.DOTALL)
    assert len(pictures) == 3
    for picture in pictures:
        root = ET.fromstring(picture)  # noqa: S314 - what was made here
        width = float(root.get("width"))
        assert all(0 <= float(mark.get("x", 0)) <= width for mark in root.iter())


def test_a_notebook_shows_a_fragment(report):
    assert report._repr_html_().startswith("<div><h1>Abandoned basket</h1>")
    assert "<html" not in report._repr_html_()


# ------------------------------------------------------------------------------------------------------------
# In a browser


def test_a_browser_shows_it_and_runs_nothing(hostile, tmp_path):
    probe = "<script>document.title = 'ran'</script>"
    page = shown(hostile.html.replace("</body>", f"{probe}</body>"), tmp_path)
    assert "<title>ran</title>" not in page  # the page's own policy forbids even what it is given
    assert page.count("<svg") == 3
    assert page.count("<table") == hostile.html.count("<table")
    assert "<img" not in page


def test_a_browser_prints_it(report, tmp_path):
    page, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    page.write_text(report.html, encoding="utf-8")
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    subprocess.run([*command, f"--print-to-pdf={printed}", page.as_uri()], check=True, capture_output=True, timeout=120)
    assert printed.read_bytes().startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type /Page\b(?!s)", printed.read_bytes())) <= 6

"""Reports: the same numbers in every form, nothing that a name could break, and a page that a browser shows."""

import json
import os
import re
import shutil
import struct
import subprocess
import zlib
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve

from flowkit.experiments.analysis import analyse
from flowkit.experiments.model import AlwaysValid, Direction, Metric, MetricKind
from flowkit.experiments.report import ExperimentReport
from flowkit.experiments.tallies import ArmTotals, Sums, Tally
from tests.unit.experiments.test_analysis import OPENS, planned, tally

START = datetime(2026, 3, 2, tzinfo=UTC)
HOSTILE = 'A "subject" <script>alert(1)</script> & | *more* ]]> line'


def at_day(day):
    rates = {"control": (200, 0.25), "variant_a": (100, 0.31), "variant_b": (100, 0.26)}
    arms = []
    for arm, (daily, rate) in rates.items():
        units, hits, bought = daily * day, round(daily * day * rate), day * 4
        sums = {OPENS: Sums(hits, hits), "revenue": Sums(bought * 20, bought * 500), "unsubscribed": Sums(day, day)}
        arms.append(ArmTotals(arm=arm, exposed=units + 7, units=units, sums=sums))
    return Tally(experiment_id="subject", at=START + timedelta(days=day), arms=tuple(arms), first=START)


@pytest.fixture(scope="module")
def report():
    names = ["Original", HOSTILE, "Urgency"]
    plain = planned(
        weights=(50, 25, 25),
        rule=AlwaysValid(),
        secondary=[Metric("revenue", "purchase", kind=MetricKind.MEAN)],
        guardrails=[Metric("unsubscribed", "unsubscribe", direction=Direction.DECREASE, margin=0.01)],
    )
    variants = [evolve(one, name=name) for one, name in zip(plain.variants, names, strict=True)]
    experiment = evolve(plain, name="Welcome series", variants=variants)
    course = [at_day(day) for day in range(1, 31)]
    return ExperimentReport(analyse(experiment, course[-1], course=course))


def numbers(text):
    return set(re.findall(r"[+−]?\d[\d,]*\.\d+", text.replace("\u00a0", " ")))


def test_every_form_has_the_same_numbers(report):
    in_text = numbers(report.text)
    assert {"+6.00", "+24.0"} <= in_text
    assert numbers(report.markdown) == in_text
    assert in_text <= numbers(seen(report.html))


def seen(html):
    """The text that a page shows outside of its pictures."""

    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.texts, self.hidden = [], 0

        def handle_starttag(self, tag, attrs):
            self.hidden += tag in {"svg", "style"}

        def handle_endtag(self, tag):
            self.hidden -= tag in {"svg", "style"}

        def handle_data(self, data):
            if not self.hidden:
                self.texts.append(data)

    reader = Reader()
    reader.feed(html)
    return " ".join(reader.texts)


def test_the_sizes_of_the_arms_are_told_before_any_result(report):
    text = report.text
    assert text.index("Did the assignment work?") < text.index("Primary metric")


def test_the_data_are_json_and_nothing_in_them_is_nan(report):
    data = json.loads(json.dumps(report.data(), allow_nan=False))
    assert data["verdict"]["winner"] == "variant_a"
    assert data["experiment"]["testName"] == "Welcome series"
    assert data["primary"][0]["lift"] == pytest.approx(0.24)
    assert len(data["course"]) == 60


def test_names_stay_names(report):
    assert "<script" not in report.html
    assert HOSTILE.translate(str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;"})) in report.html
    rows = [line for line in report.markdown.splitlines() if line.startswith("| A ")]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 10 for row in rows if "0.31" in row or "31.00" in row)


def test_the_page_loads_nothing(report):
    assert not re.search(r"(src|href)=|@import|url\(", report.html)
    assert "default-src 'none'" in report.html


def test_pictures_are_well_formed_and_stand_beside_their_table(report):
    pictures = re.findall(r"<svg.*?</svg>", report.html, flags=re.DOTALL)
    assert len(pictures) == 2
    for picture in pictures:
        root = ET.fromstring(picture)  # noqa: S314 - what was made here
        box = [float(part) for part in root.get("viewBox").split()]
        for mark in root.iter():
            for name in ("x", "x1", "x2", "cx"):
                if name in mark.attrib:
                    assert 0 <= float(mark.get(name)) <= box[2]
            for name in ("y", "y1", "y2", "cy"):
                if name in mark.attrib:
                    assert 0 <= float(mark.get(name)) <= box[3]
    after = [block.group(1) for block in re.finditer(r"</figure>\n<(\w+) class=\"wide\"", report.html)]
    assert after == ["div", "div"]


def test_an_interval_without_an_end_runs_to_the_edge():
    found = analyse(planned(), tally((2_500, 0), (2_500, 0)))
    assert "Nothing to show" not in ExperimentReport(found).html
    empty = ExperimentReport(analyse(planned(), tally((0, 0), (0, 0))))
    assert "Nothing to show yet" in empty.html
    assert "nobody has been exposed" in empty.text


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (((2_193, 548), (2_193, 560)), "not to say that there is no effect"),
        (((2_193, 548), (2_900, 700)), "do not read the results"),
        (((400, 100), (400, 160)), "none of them may be called significant"),
    ],
)
def test_the_words_say_what_may_not_be_concluded(counts, said):
    report = ExperimentReport(analyse(planned(), tally(*counts)))
    assert said in report.text
    assert "significant" not in report.summary


def test_a_notebook_shows_a_fragment(report):
    shown = report._repr_html_()
    assert shown.startswith("<div>")
    assert "<html" not in shown


# ------------------------------------------------------------------------------------------------------------
# In a browser


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        message = "no browser: install chromium"
        if os.environ.get("CI", "").lower() not in {"", "0", "false"}:
            pytest.fail(message)
        pytest.skip(message)
    return found


def pixels(path):
    """Read a PNG of eight bits a channel: its width, and its rows as bytes of three or four channels."""
    raw = path.read_bytes()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    place, packed, width, channels = 8, b"", 0, 0
    while place < len(raw):
        length, kind = struct.unpack(">I4s", raw[place : place + 8])
        body = raw[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, _, _, color = struct.unpack(">IIBB", body[:10])
            channels = {2: 3, 6: 4}[color]
        packed += body if kind == b"IDAT" else b""
        place += 12 + length
    data, size = zlib.decompress(packed), width * channels
    rows, before = [], bytes(size)
    for start in range(0, len(data), size + 1):
        rows.append(_unfiltered(data[start], bytearray(data[start + 1 : start + 1 + size]), before, channels))
        before = rows[-1]
    return channels, rows


def _unfiltered(kind, row, before, channels):
    for index in range(len(row)):
        left = row[index - channels] if index >= channels else 0
        up, corner = before[index], before[index - channels] if index >= channels else 0
        if kind == 4:
            guess = left + up - corner
            nearest = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))
            row[index] = (row[index] + nearest[2]) & 255
        elif kind:
            row[index] = (row[index] + (left, up, (left + up) // 2)[kind - 1]) & 255
    return bytes(row)


def test_a_browser_draws_the_pictures(browser, report, tmp_path):
    page, shot = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(report.html, encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    arguments = ["--window-size=900,1900", "--hide-scrollbars", f"--screenshot={shot}", page.as_uri()]
    subprocess.run([*command, *arguments], check=True, capture_output=True, timeout=120)
    channels, rows = pixels(shot)
    blue = bytes.fromhex("2f6fb3")
    marked = [
        index for index, row in enumerate(rows) if any(row[x : x + 3] == blue for x in range(0, len(row), channels))
    ]
    # The mark beside the verdict, the intervals of two treatments, and the first line of the course below.
    groups = 1 + sum(later - earlier > 12 for earlier, later in pairwise(marked))
    assert groups >= 4


def test_a_browser_prints_it(browser, report, tmp_path):
    page, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    page.write_text(report.html, encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    subprocess.run([*command, f"--print-to-pdf={printed}", page.as_uri()], check=True, capture_output=True, timeout=120)
    assert printed.read_bytes().startswith(b"%PDF-")
    assert 2 <= printed.read_bytes().count(b"/Type /Page\n") + printed.read_bytes().count(b"/Type /Page ") <= 8

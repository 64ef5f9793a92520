"""The SVG: it parses, holds nothing that runs or loads, no text leaves its box, and the welcome series looks as it did.

When the golden pictures are to look different, and only then, write them anew and look at them:

    .venv-ci/bin/python -m tests.unit.workflows.test_pictures_svg
"""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from flowkit.conditions import EventIs
from flowkit.triggers.model import Trigger
from flowkit.workflows.codec import load
from flowkit.workflows.model import Action, Node, SendEmail, UpdateSegments, Wait, Workflow
from flowkit.workflows.pictures import NodeCounts
from flowkit.workflows.pictures.text import BOLD, width
from tests.support.strategies import workflows
from tests.support.ways import targets
from tests.support.workflow_documents import GOLDEN, golden

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "g", "text", "tspan"}
ATTRIBUTES = {
    *("id", "role", "aria-labelledby", "width", "height", "viewBox", "class", "x", "y", "rx", "d", "transform"),
    *("marker-end", "refX", "refY", "markerWidth", "markerHeight", "markerUnits", "orient"),
}
HOSTILE = [
    "<script>alert(1)</script>",
    "</text></svg><script>alert(1)</script>",
    "]]><!--",
    '" onload="alert(1)',
    "' onload='alert(1)",
    "&lt;b&gt; &#60; &amp;",
    "</style><style>*{display:none}",
    "url(#flowkit-x) javascript:alert(1)",
    "line\nbreak\r\n\u2028and\x00\x1b[31m\ufffe\ud800",
    "\u202egpj.exe\u2066",
    "שלום עולם مرحبا بالعالم",
    "👩‍👩‍👧‍👦🏳️‍🌈 日本語の名前がここにあります、とても長い名前です",
    "Z" + "\u0337\u0338\u0335" * 40,
    "end",
    "W" * 500,
    "",
]


def named(name):
    """A workflow in which everything that has a name has this one, or as good as."""
    name = name or "-"
    actions = [
        Action(name, SendEmail(name), failure_path=name + "!"),
        Action(name + "2", UpdateSegments(add=(name,), remove=(name,)), success_path="end"),
    ]
    nodes = [
        Node(name, name, actions=actions, next_nodes={name: name, "default": name + "?"}),
        Node(name + "?", name, next_nodes={"default": "end", name: name}),
    ]
    return Workflow(name, name, trigger=Trigger(name, condition=EventIs((name,))), nodes=nodes, entry_node=name)


def parsed(svg):
    return ET.fromstring(svg.encode())  # noqa: S314 - of our own making


def elements(root, name, looks=None):
    found = root.iter(SVG + name)
    return [one for one in found if looks is None or looks in one.get("class", "").split()]


def is_harmless(root):
    for one in root.iter():
        assert one.tag.removeprefix(SVG) in ELEMENTS
        assert set(one.attrib) <= ATTRIBUTES
        for value in one.attrib.values():
            assert re.fullmatch(r"[\w .#(),-]*", value)
    (style,) = elements(root, "style")
    assert "@import" not in style.text
    assert "url(" not in style.text


def texts_fit(root):
    for group in elements(root, "g"):
        (box,) = elements(group, "rect")
        right = float(box.get("x")) + float(box.get("width"))
        for text in elements(group, "text"):
            looks = text.get("class")
            size = {"t": 14 * BOLD, "c": 12.5 * BOLD, "f": 11.5}.get(looks, 12.5)
            across = width(text.text or "", size)
            start = float(text.get("x")) - (across / 2 if looks == "c" else 0)
            assert float(box.get("x")) < start
            assert start + across < right
            assert float(box.get("y")) < float(text.get("y")) < float(box.get("y")) + float(box.get("height"))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text(name):
    root = parsed(named(name).to_svg(path=[name], edge_counts={(name, name): 3}))
    is_harmless(root)
    texts_fit(root)


def test_what_looks_like_markup_is_shown_as_it_is():
    root = parsed(named("<b>&amp;'\"").to_svg())
    assert "<b>&amp;'\"" in [text.text for text in elements(root, "text", "t")]


@given(workflows())
def test_any_workflow_is_drawn(shown):
    svg = shown.to_svg()
    root = parsed(svg)
    is_harmless(root)
    texts_fit(root)
    ways = sum(len(targets(shown, node)) for node in shown.nodes.values())
    assert len(elements(root, "path", "e")) == ways + 1
    assert shown.to_svg() == svg


def test_it_says_what_it_is_to_those_who_do_not_see_it():
    root = parsed(load(golden("welcome_series.json")).to_svg())
    assert root.get("role") == "img"
    by_id = {one.get("id"): one.text for one in root.iter() if one.get("id")}
    title, description = (by_id[name] for name in root.get("aria-labelledby").split())
    assert title == "Welcome Series V2"
    assert description == (
        "Workflow welcome_series_v2: 7 nodes and 8 ways between them. It starts: On subscriber_signup."
    )


def test_two_pictures_on_a_page_share_no_id():
    one, other = (parsed(named(name).to_svg()) for name in "ab")
    ids = [{each.get("id") for each in root.iter() if each.get("id")} for root in (one, other)]
    assert ids[0].isdisjoint(ids[1])
    for root, own in zip((one, other), ids, strict=True):
        used = {
            found for path in elements(root, "path") for found in re.findall(r"#([\w-]+)", path.get("marker-end", ""))
        }
        assert used <= own
        (style,) = elements(root, "style")
        assert set(re.findall(r"#(flowkit-\w+)", style.text)) == {root.get("id")}


def luminance(colour):
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_are_readable_on_light_and_dark(dark):
    (style,) = elements(parsed(named("a").to_svg()), "style")
    light, _, night = style.text.partition("@media (prefers-color-scheme:dark){")
    sheet = night if dark else light

    def colour(selector, attribute):
        (found,) = re.findall(rf"(?:^|[}},])#[\w-]+ {re.escape(selector)}(?:,[^{{]*)?{{{attribute}:(#\w+)}}", sheet)
        return found

    grounds = [colour(".b", "fill"), colour(".b.trigger", "fill"), colour(".b.end", "fill")]
    for ground in grounds:
        assert contrast(colour("text", "fill"), ground) >= 4.5
        assert contrast(colour(".v", "fill"), ground) >= 4.5
    assert contrast(colour(".e", "stroke"), colour(".g", "fill")) >= 2.8


def test_counts_and_a_path_are_to_be_seen():
    welcome = load(golden("welcome_series.json"))
    counts = {"start": NodeCounts(entered=1200, inside=0, left=1200)}
    root = parsed(
        welcome.to_svg(counts=counts, edge_counts={("start", "wait_3_days"): 1140}, path=["start", "wait_3_days"])
    )
    assert [text.text for text in elements(root, "text", "f")] == ["1,200 entered · 0 inside · 1,200 left"]
    assert [span.text for span in elements(root, "tspan", "n")] == ["1,140 · 95% · −5%"]
    assert len(elements(root, "path", "p")) == 2 + 1  # two ways and the head of an arrow
    assert len(elements(root, "rect", "p")) == 3


def test_a_notebook_shows_it():
    welcome = load(golden("welcome_series.json"))
    assert welcome._repr_svg_() == welcome.to_svg()


def test_of_many_labels_the_first_are_shown():
    many = Node("a", "A", next_nodes={f"label_{number}": "b" for number in range(40)})
    root = parsed(Workflow("w", "W", trigger=Trigger("t"), nodes=[many, Node("b", "B")], entry_node="a").to_svg())
    assert [span.text for span in elements(root, "tspan")] == ["label_0", "label_1", "label_2", "and 37 more"]


def chain(count, far):
    """A long workflow with branches, loops and a way to a far node from each."""

    def node(index):
        onward = {"engaged": f"n{min(index + 1, count - 1)}", "not_engaged": f"n{min(index + 2, count - 1)}"}
        back = {"again": f"n{max(index - 5, 0)}"} if index % 7 == 0 else {}
        actions = [
            Action("wait", Wait(timedelta(days=1))),
            Action("send", SendEmail("t"), failure_path=f"n{index * 7919 % count}" if far else "end"),
        ]
        return Node(f"n{index}", f"Node {index}", actions=actions, next_nodes=onward | back)

    nodes = [node(index) for index in range(count)]
    return Workflow("w", "W", trigger=Trigger("t"), nodes=nodes, entry_node="n0")


def calls_of(work):
    """Count the calls that work makes: the same on every machine, however busy it is."""
    made = 0

    def count(_frame, what, _argument):
        nonlocal made
        made += what in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made


def test_the_effort_for_a_large_picture_is_bounded():
    """With five times the nodes it is two and a half times as much; two hundred take some three million calls."""
    small, large = (calls_of(chain(count, far=True).to_svg) for count in (200, 1000))
    assert small < 4_000_000
    assert large < 3 * small


def test_ways_that_are_too_long_for_a_line_are_named():
    shown = chain(400, far=True)
    root = parsed(shown.to_svg())
    cards = elements(root, "rect", "jump")
    assert cards
    assert len(elements(root, "path", "e")) == 1 + sum(
        len({*(a.failure_path for a in node.actions if a.failure_path), *node.next_nodes.values()})
        for node in shown.nodes.values()
    )
    titles = [text.text for text in elements(root, "text", "c") if text.text.startswith("↪")]
    assert len(titles) == len(cards)


def test_a_node_that_all_lead_to_makes_no_picture_of_endless_length():
    nodes = [
        Node(f"n{index}", "N", next_nodes={"on": f"n{min(index + 1, 1999)}", "out": "n1999"}) for index in range(2000)
    ]
    svg = Workflow("w", "W", trigger=Trigger("t"), nodes=nodes, entry_node="n0").to_svg()
    assert len(svg) < 6_000_000


WRITE = """
from flowkit.workflows.codec import load
from tests.support.workflow_documents import golden
from tests.unit.workflows.test_pictures_svg import chain
import hashlib
for shown in (load(golden("welcome_series.json")), chain(50, True)):
    print(hashlib.sha256((shown.to_svg() + shown.to_mermaid()).encode()).hexdigest())
"""


def test_it_is_the_same_in_every_process():
    root = Path(__file__).resolve().parents[3]
    told = {
        subprocess.run(
            [sys.executable, "-c", WRITE],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


@pytest.mark.parametrize("ending", ["svg", "mmd"])
def test_the_welcome_series_looks_as_it_did(ending):
    assert (GOLDEN / f"welcome_series.{ending}").read_text(encoding="utf-8") == written()[ending]


def written():
    welcome = load(golden("welcome_series.json"))
    return {"svg": welcome.to_svg(), "mmd": welcome.to_mermaid()}


if __name__ == "__main__":
    for ending, text in written().items():
        (GOLDEN / f"welcome_series.{ending}").write_text(text, encoding="utf-8")

"""The text for Mermaid: each line is of a small grammar, whatever things are called, and labels read as they were."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.conditions import EventIs
from flowkit.triggers.model import Trigger
from flowkit.workflows.model import Node, Workflow
from flowkit.workflows.pictures import NodeCounts
from flowkit.workflows.pictures.text import cut_columns
from tests.support.strategies import workflows
from tests.support.ways import targets
from tests.unit.workflows.test_pictures_svg import HOSTILE, named

# ASCII letters and digits, signs that mean nothing to Mermaid, entities, and all that lies beyond ASCII.
TEXT = r"(?:[A-Za-z0-9 .,:/_?!'+-]|#[0-9]+;|[^\x00-\x7f])*"
LABEL = rf"{TEXT}(?:<br/>{TEXT})*"
INSIDE = rf"(?:<b>{TEXT}</b>|{TEXT})(?:<br/>{TEXT})*"
GRAMMAR = [
    r"flowchart TD",
    r"    acc(?:Title|Descr): (?:[A-Za-z0-9 .,:/_?!'+-]|[^\x00-\x7f])+",
    rf'    n\d+(?:\(\["{INSIDE}"\]\)|\("{INSIDE}"\)|\["{INSIDE}"\])',
    rf'    n\d+ -->(?:\|"{LABEL}"\|)? n\d+',
    r"    classDef (?:entry|gone|unreached|walked) [a-z0-9:#, -]+",
    r"    class n\d+(?:,n\d+)* (?:entry|gone|unreached|walked)",
    r"    linkStyle \d+(?:,\d+)* [a-z0-9:#, -]+",
]


def lines_of(text):
    lines = text.removesuffix("\n").split("\n")
    for line in lines:
        assert any(re.fullmatch(rule, line) for rule in GRAMMAR), line
    return lines


def titles(text):
    """What Mermaid shows as the headings of boxes."""
    shown = re.findall(r"<b>(.*?)</b>", text)
    return [re.sub(r"#(\d+);", lambda found: chr(int(found[1])), title) for title in shown]


@given(workflows(), st.booleans())
def test_any_workflow_is_of_the_grammar(shown, walked):
    text = shown.to_mermaid(path=[*shown.nodes] if walked else [])
    lines = lines_of(text)
    ways = sum(len(targets(shown, node)) for node in shown.nodes.values())
    assert sum(" -->" in line for line in lines) == ways + 1
    assert shown.to_mermaid() == shown.to_mermaid()


@pytest.mark.parametrize(
    "name", [*HOSTILE, "%%{init: {}}%%", "`md`", '"]; click n0 call alert()', "a --> b; c", "$$x$$", "$$$x$$$", "\\n"]
)
def test_a_hostile_name_stays_text(name):
    text = named(name).to_mermaid(edge_counts={(name, name): 3}, path=[name])
    lines_of(text)
    shown = titles(text)[1]
    assert shown.replace("\u200c", "") == cut_columns(name or "-", 48)
    assert "$$" not in shown
    assert "\\n" not in shown


@pytest.mark.parametrize(
    ("name", "written"), [("1. first", "1#46; first"), ("- item", "#45; item"), ("a-b v1.2", "a-b v1.2")]
)
def test_no_name_is_read_as_a_list(name, written):
    assert f"<b>{written}</b>" in named(name).to_mermaid()


def test_a_node_called_end_breaks_nothing():
    node = Node("end", "end", next_nodes={"end": "end"})
    shown = Workflow("end", "end", trigger=Trigger("t", condition=EventIs(("end",))), nodes=[node], entry_node="end")
    assert lines_of(shown.to_mermaid())[3:6] == [
        '    n0(["<b>On end</b>"])',
        '    n1("<b>end</b>")',
        "    n0 --> n1",
    ]


def test_numbers_the_path_and_what_is_odd_are_to_be_seen():
    nodes = [Node("a", "A", next_nodes={"default": "gone", "x": "end"}), Node("b", "B")]
    shown = Workflow("w", "W", trigger=Trigger("t"), nodes=nodes, entry_node="a")
    counts = {"a": NodeCounts(entered=4, inside=0, left=4)}
    assert lines_of(shown.to_mermaid(counts=counts, edge_counts={("a", "end"): 3}, path=["a", "end"]))[3:] == [
        '    n0(["<b>On any event</b>"])',
        '    n1("<b>A</b><br/>4 entered · 0 inside · 4 left")',
        '    n2("<b>B</b>")',
        '    n3["<b>No such node: gone</b>"]',
        '    n4(["End"])',
        "    n0 --> n1",
        "    n1 --> n3",
        '    n1 -->|"x<br/>3 · 75#37; · −25#37;"| n4',
        "    classDef entry fill:#eef0ff,stroke:#8b90f0,color:#17202e",
        "    class n0 entry",
        "    classDef gone stroke:#d92d20,stroke-dasharray:5 4",
        "    class n3 gone",
        "    classDef unreached stroke-dasharray:5 4",
        "    class n2 unreached",
        "    classDef walked stroke:#2563eb,stroke-width:3px",
        "    class n0,n1,n4 walked",
        "    linkStyle 0,2 stroke:#2563eb,stroke-width:3px",
    ]


def test_a_title_of_signs_alone_has_a_stand_in():
    assert "    accTitle: Workflow" in lines_of(named("{}").to_mermaid())

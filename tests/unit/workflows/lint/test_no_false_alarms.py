"""The lint has nothing to say against the workflows of the examples and of the documentation."""

import contextlib
import gc
import re
from pathlib import Path

import pytest

from examples import host_transaction, welcome_series
from flowkit.workflows.check import Severity, check, check_together
from flowkit.workflows.codec import load
from flowkit.workflows.model import Workflow

REPOSITORY = Path(__file__).resolve().parents[4]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
DOCUMENTS = sorted((REPOSITORY / "examples").rglob("*.json"))
BLOCK = re.compile(r"^```python\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)

MEANT = {
    "triggers": {"reentry_unlimited"},
    "waits": {"endless_loop"},
    "actions": {"endless_loop"},
    "emit_event": {"self_trigger"},
    "lint": {"edge_never_taken", "never_holds"},
}
"""What pages show on purpose, by their name: some are about what fires, others show a loop that is refused."""


def workflows_of(page: Path) -> list[Workflow]:
    """Every workflow that a page makes and that is alive at the end of one of its blocks."""
    before = [one for one in gc.get_objects() if isinstance(one, Workflow)]
    known = {id(one) for one in before}
    found: dict[int, Workflow] = {}
    names: dict[str, object] = {"__name__": page.stem}
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, page.name, "exec"), names)  # noqa: S102 - the project's own pages
        found |= {id(one): one for one in gc.get_objects() if isinstance(one, Workflow) and id(one) not in known}
    return list(found.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_no_workflow_to_be_warned_of(page, tmp_path, request):
    if "DATABASE_URL" in page.read_text(encoding="utf-8"):
        request.getfixturevalue("database_url")
    with contextlib.chdir(tmp_path):
        workflows = workflows_of(page)
    told = {
        (workflow.workflow_id, finding.rule, finding.path)
        for workflow in workflows
        for finding in check(workflow)
        if finding.severity is not Severity.INFO
    }
    assert {one for one in told if one[1] not in MEANT.get(page.stem, ())} == set()
    assert [finding for finding in check_together(workflows) if finding.rule == "trigger_circle"] == []


def test_pages_have_workflows():
    assert sum("Workflow(" in page.read_text(encoding="utf-8") for page in PAGES) >= 5


@pytest.mark.parametrize(
    "workflow", [welcome_series.welcome_series(), host_transaction.RECEIPT], ids=["series", "receipt"]
)
def test_an_example_is_clean(workflow):
    assert check(workflow) == ()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_an_example_document_is_clean(path):
    assert check(load(path.read_bytes())) == ()

"""What lies in the repository says nothing of the machine that it was written on, and is finished."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

# Written so that this file does not hold what it looks for.
NOT_WANTED = {
    "a path of somebody's machine": re.compile(r"/(work|root|farm|Users)/|/opt/[w]heels"),
    "the host of a package registry": re.compile(
        r"pypi[.]org|python[h]osted|npm[j]s[.]|\bdeb[.]debian|proxy[.]golang|crates[.]io"
    ),
    "an unfinished place": re.compile(r"\b(FIX[M]E|X[X]X|coming [s]oon)\b"),
    "a line left out of coverage": re.compile(r"pragma: no [c]over"),
}


def tracked_texts() -> dict[str, str]:
    """Every tracked file that is text, by its path."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True)
    texts = {}
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = REPOSITORY / name
        if not path.is_file():  # deleted, and the deletion not yet committed
            continue
        content = path.read_bytes()
        if b"\0" not in content and not content.startswith(b"\x1f\x8b"):
            texts[name] = content.decode("utf-8")
    return texts


def pins() -> list[str]:
    lines = (REPOSITORY / "requirements" / "ci.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def normal(requirement: str) -> str:
    """The name of a requirement, without extras and version, as package indexes compare it."""
    name = re.split(r"[\[=<>~! ;]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def fenced_lines(page: str) -> list[str]:
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("what", NOT_WANTED)
def test_no_tracked_file_holds(what):
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in tracked_texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if NOT_WANTED[what].search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of somebody's machine", "see /" + "work/main"),
        ("the host of a package registry", "https://files.python" + "hosted.org/x"),
        ("an unfinished place", "# FIX" + "ME later"),
        ("a line left out of coverage", "x = 1  # pragma: no " + "cover"),
    ],
)
def test_the_patterns_find_what_they_are_for(what, line):
    assert NOT_WANTED[what].search(line)


def test_every_requirement_is_a_pin_and_nothing_else():
    assert pins()
    odd = [line for line in pins() if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.!+]*", line)]
    assert not odd


def test_what_is_asked_for_is_pinned():
    asked = (REPOSITORY / "requirements" / "ci.in").read_text().splitlines()
    dependencies = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {normal(line) for line in [*asked, *dependencies] if line and not line.startswith("#")}
    assert names <= {normal(line) for line in pins()}
    assert {normal(line) for line in dependencies} <= {normal(line) for line in asked}


def test_the_readme_says_how_to_install_and_how_to_test():
    lines = fenced_lines((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert any(re.fullmatch(r"(python3? -m )?pip install \S.*", line) for line in lines)
    assert "bash .ci/test" in lines


def test_every_python_block_of_a_page_is_one_that_is_run():
    fence = re.compile(r"^\s*(?:`{3,}|~{3,}|:{3,})\s*(.*\S)", re.MULTILINE)
    unseen = re.compile(r"\b(py|py3|python3|pycon|ipython3?|python-console|doctest)\b")
    for page in [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]:
        for mark in fence.findall(page.read_text(encoding="utf-8")):
            assert not unseen.search(mark), f"{page.name}: mark the block `python`, with >>> or without"


def test_ci_runs_the_tests_by_the_readmes_command():
    commands = [line.strip() for line in (REPOSITORY / ".ci" / "run").read_text().splitlines()]
    assert any(line.startswith("bash .ci/test") for line in commands)

"""`import flowkit` is cheap, and offers what docs/reference/front_door.md lists: no more, no less."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flowkit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "front_door.md"
HEAVY = ["asyncio", "cattrs", "jinja2", "numpy", "scipy", "sqlite3"]


def documented() -> list[str]:
    """The names in the first column of the page's tables."""
    names = re.findall(r"^\|\s*`(\w+)`\s*\|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert names, f"{PAGE.name} lists no name: a row reads | `Engine` | what it is |"
    return names


def without_dunders(names: list[str]) -> list[str]:
    return [name for name in names if not re.fullmatch(r"__\w+__", name)]


def in_a_new_process(code: str) -> Any:
    """What `code` prints, read as JSON; -I, so that nothing of this environment comes along."""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_loads_nothing_heavy():
    loaded = in_a_new_process("import flowkit, json, sys; print(json.dumps(sorted(sys.modules)))")
    assert "flowkit" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_the_exports_are_the_documented_ones():
    names = documented()
    assert names == sorted(set(names)), "the page lists each name once, in order"
    assert sorted(flowkit.__all__) == names


def test_dir_shows_the_exports_and_nothing_else():
    # After use: neither the rooms that were loaded meanwhile nor the means of loading them may show.
    shown = in_a_new_process(
        "import flowkit, json\nfor name in flowkit.__all__: getattr(flowkit, name)\nprint(json.dumps(dir(flowkit)))"
    )
    assert without_dunders(shown) == without_dunders(documented())


# Each room in a process of its own, which has flowkit and nothing else: forked, since starting one costs far more.
# A room's names come with it all at once.
EACH_ALONE = """
import flowkit, json, os, sys, traceback
rooms = {}
for name, home in flowkit._HOMES.items():
    rooms.setdefault(home.partition(":")[0], []).append(name)
failed = []
for room, names in rooms.items():
    child = os.fork()
    if not child:
        try:
            os._exit(any(getattr(flowkit, name) is not getattr(flowkit, name) for name in names))
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        failed += names
print(json.dumps(failed))
"""


def test_each_export_resolves_alone():
    # Alone and first, so that no name works only because that of another room was asked for before it.
    assert in_a_new_process(EACH_ALONE) == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        flowkit.no_such_name  # noqa: B018 - the look-up is the test

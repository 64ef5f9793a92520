"""For every test: the pinned time zones, and the pages of the documentation as tests."""

import contextlib
import os
import zoneinfo
from collections.abc import Iterator

import pytest
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

# Time zones come from the pinned tzdata package, never from the machine: here, and in the processes
# that tests start.
os.environ["PYTHONTZPATH"] = ""
zoneinfo.reset_tzpath(to=())


@pytest.fixture(scope="module")
def in_a_folder_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a page writes, it writes away from the checkout; its code blocks share the folder."""
    with contextlib.chdir(tmp_path_factory.mktemp("page")):
        yield


# Every Python block of a page is run, in order, in one namespace a page. There is no parser for skipping one.
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    fixtures=["in_a_folder_of_its_own"],
).pytest()

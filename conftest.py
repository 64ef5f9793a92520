"""For every test: the pinned time zones, and the pages of the documentation as tests."""

import contextlib
import os
import zoneinfo
from collections.abc import Iterator, Sequence

import pytest
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

pytest_plugins = ["tests.support.postgres_fixtures"]

# Time zones come from the pinned tzdata package, never from the machine: here, and in the processes
# that tests start.
os.environ["PYTHONTZPATH"] = ""
zoneinfo.reset_tzpath(to=())


@pytest.fixture(scope="module")
def in_a_folder_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a page writes, it writes away from the checkout; its code blocks share the folder."""
    with contextlib.chdir(tmp_path_factory.mktemp("page")):
        yield


def _pages(*patterns: str, excludes: Sequence[str] = (), fixtures: Sequence[str] = ()) -> Sybil:
    return Sybil(
        parsers=[PythonCodeBlockParser()],
        patterns=patterns,
        excludes=excludes,
        fixtures=["in_a_folder_of_its_own", *fixtures],
    )


# Every Python block of a page is run, in order, in one namespace a page. There is no parser for skipping one.
pytest_collect_file = (
    _pages("README.md", "docs/*.md", "docs/**/*.md", excludes=["docs/postgres.md"])
    + _pages("docs/postgres.md", fixtures=["database_url"])
).pytest()

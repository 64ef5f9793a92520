"""The fixtures of PostgreSQL: a server a session, and schemas of it."""

import os
from collections.abc import Iterator

import pytest

from tests.support.postgres import Database, NoServer, Server, fresh, started

_ON_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The server of the tests, started from the wheel. Without it a test is skipped, and on CI it fails."""
    try:
        with started() as server:
            yield server
    except NoServer as error:
        (pytest.fail if _ON_CI else pytest.skip)(f"no PostgreSQL: {error}")


@pytest.fixture(scope="session")
def postgres_dsn(request: pytest.FixtureRequest) -> str:
    """Where PostgreSQL is: the server that FLOWKIT_TEST_POSTGRES names, else the one of the tests."""
    named = os.environ.get("FLOWKIT_TEST_POSTGRES")
    return named or request.getfixturevalue("postgres_server").dsn


@pytest.fixture(scope="session")
def _postgres_kept(postgres_dsn: str) -> Iterator[Database]:
    database = fresh(postgres_dsn)
    yield database
    database.drop()


@pytest.fixture(scope="session")
def postgres_kept(_postgres_kept: Database) -> Database:
    """The schema of ``postgres``, for a test with many examples, which makes it empty after each."""
    return _postgres_kept


@pytest.fixture
def postgres(_postgres_kept: Database) -> Iterator[Database]:
    """A schema whose tables are empty, or that has none yet; a test leaves them as they are made."""
    yield _postgres_kept
    _postgres_kept.wipe()


@pytest.fixture
def new_postgres(postgres_dsn: str) -> Iterator[Database]:
    """A schema that is the test's own, to do with as it likes."""
    database = fresh(postgres_dsn)
    yield database
    database.drop()


@pytest.fixture(scope="module")
def database_url(postgres_dsn: str) -> Iterator[None]:
    """The server as a page of the documentation finds it, with a schema that the page makes."""
    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = postgres_dsn
    yield
    Database(postgres_dsn, "flowkit_of_the_page").drop()
    if before is None:
        del os.environ["DATABASE_URL"]
    else:
        os.environ["DATABASE_URL"] = before

"""For the tests: how hard Hypothesis looks, where the real data lie, and a PostgreSQL server."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from tests.support.postgres import Database, NoServer, Server, fresh, started

REPOSITORY = Path(__file__).resolve().parent.parent
ON_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}

# ci: the same examples in every run, and no time limit, since a busy machine is no defect of the code.
# dev: new examples in every run; failures are kept and tried first.
# long: for campaigns, by --hypothesis-profile=long; the option wins over what is loaded here.
settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.register_profile("long", derandomize=False, deadline=None, max_examples=20_000, stateful_step_count=100)
settings.load_profile("ci" if ON_CI else "dev")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data: FLOWKIT_DATA, else `shared/data` beside the checkout.

    Without it a test is skipped on an engineer's machine and fails on CI, where no test may pass unseen.
    """
    named = os.environ.get("FLOWKIT_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if folder.is_dir():
        return folder
    message = f"no real data: {folder} is not a folder; set FLOWKIT_DATA to the one that holds them"
    return _missing(message, certain=bool(named))


def _missing(message: str, *, certain: bool) -> NoReturn:
    """Fail where what is missing must be there: where it was named, and on CI. Else skip."""
    if certain or ON_CI:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server that a test may stop: the one of the tests, started from the wheel."""
    try:
        with started() as server:
            yield server
    except NoServer as error:
        _missing(f"no PostgreSQL: {error}", certain=False)


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

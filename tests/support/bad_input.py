"""Calls that are refused, each with the words that its error must have."""

import pytest


def refused(*cases):
    """Parametrise a test by `call` and `named`; calls may share their words."""
    rows = [pytest.param(call, named, id=f"{place}-{named}") for place, (call, named) in enumerate(cases)]
    return pytest.mark.parametrize(("call", "named"), rows)

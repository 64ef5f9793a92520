"""The places of stores on servers, for processes that open them: see `tests.crash.stores`."""

import pytest


@pytest.fixture
def postgres_place(postgres):
    """A schema in PostgreSQL."""
    return f"{postgres.dsn}#{postgres.schema}"


@pytest.fixture
def redis_place(valkey_url, valkey_prefix):
    """Keys of a Redis server."""
    return f"{valkey_url}#{valkey_prefix}"

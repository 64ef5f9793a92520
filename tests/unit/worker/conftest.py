"""The stores on which what a worker does must be the same."""

from tests.unit.engine.conftest import any_store

__all__ = ["any_store"]

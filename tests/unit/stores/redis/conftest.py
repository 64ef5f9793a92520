"""The bench is imported by way of the suite, so that pytest explains what it asserts, whatever is collected first."""

import flowkit.testing.conformance  # noqa: F401 - for its effect

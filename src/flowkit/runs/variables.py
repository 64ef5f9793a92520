"""The variables of a run: JSON values by name, kept as one text, so that a state stays a value that runs can share.

They are set by what comes back from a webhook or from an action of the host's own. A variable holds what was said last,
or nothing; what does not fit is left out, and the journal says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, frozen

from flowkit import documents
from flowkit.conditions import NO_VARIABLES, look_up
from flowkit.documents import Limits, is_object
from flowkit.errors import DocumentError
from flowkit.runs.effects import Outcome, Result
from flowkit.workflows.model import MAX_VARIABLES, CallHandler, CallWebhook, is_variable

__all__ = ["MAX_OUTPUT", "MAX_TEXT", "Taken", "kept", "take", "variables_of"]

MAX_TEXT: Final = 8_192
"""How long all of a run's variables are at most, as JSON in ASCII."""
MAX_OUTPUT: Final = 65_536
"""How many bytes of an output are read at most, in UTF-8."""

_LIMITS: Final = Limits(integer_bits=1_024)
_encode: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), sort_keys=True).encode
_CODES: Final[Mapping[str, str]] = {"too_large": "too_large", "too_deep": "too_deep"}
_HALF: Final = re.compile("[\ud800-\udfff]")


@frozen
class Taken:
    """What an output made of variables.

    Attributes:
        text: The variables as the state keeps them.
        data: What the journal says: ``variables`` that were set, those that are ``unset`` with the reason for each, and
            why the ``output`` could not be read; each only where there is something to say.
    """

    text: str
    data: Mapping[str, Any]


def variables_of(text: str) -> Mapping[str, Any]:
    """Read the variables from what a state keeps."""
    if not text:
        return NO_VARIABLES
    values: Mapping[str, Any] = json.loads(text)
    return values


def kept(operation: CallWebhook | CallHandler, outcome: Outcome) -> Outcome:
    """Drop what came back where nothing is taken from it, so that outcomes which mean the same are the same.

    What is longer than is read stays too long, at one character more.
    """
    output: object = outcome.output
    if output is None:
        return outcome
    if outcome.result is not Result.DONE or (isinstance(operation, CallWebhook) and not operation.response):
        return evolve(outcome, output=None)
    if not isinstance(output, str) or _HALF.search(output):  # Half a character, which no store takes, is no JSON.
        return evolve(outcome, output="")
    return outcome if len(output) <= MAX_OUTPUT else evolve(outcome, output=output[: MAX_OUTPUT + 1])


def take(text: str, operation: CallWebhook | CallHandler, output: str | None) -> Taken:
    """Take variables from what came back of an action that was done.

    Args:
        text: The variables before, as the state keeps them.
        operation: What was done; a webhook says which variables are read from where, and all of them are set anew. What
            a handler gives is an object of variables, of which null unsets one.
        output: What came back, as JSON text; None where nothing did.
    """
    if isinstance(operation, CallHandler) and output is None:
        return Taken(text, {})
    if isinstance(operation, CallWebhook) and not operation.response:
        return Taken(text, {})
    value, problem = _read(output)
    if not problem and not is_object(value):
        problem = "no_object"
    values: Mapping[str, object] = value if not problem and is_object(value) else {}
    wanted = _mapped(operation, values) if isinstance(operation, CallWebhook) else sorted(values.items())
    before = variables_of(text)
    after = {name: one for name, one in before.items() if name not in {name for name, _ in wanted}}
    given: dict[str, object] = {}
    unset: dict[str, str] = {}
    for name, one in wanted:
        why = _unfit(name, one, after)
        if why:
            unset[name] = why
        else:
            after[name] = given[name] = one
    data: dict[str, Any] = {"variables": given} if given else {}
    if unset:
        data["unset"] = unset
    if problem:
        data["output"] = problem
    return Taken(_encode(after) if after else "", data)


def _mapped(operation: CallWebhook, values: Mapping[str, object]) -> list[tuple[str, object]]:
    return [(name, look_up(values, path)) for name, path in operation.response.items()]


def _unfit(name: str, value: object, others: Mapping[str, object]) -> str:
    """Say why a variable is not set; empty where it is."""
    if value is None:
        return "missing"
    if not is_variable(name):
        return "bad_name"
    if len(others) >= MAX_VARIABLES:
        return "too_many"
    return "too_large" if len(_encode({**others, name: value})) > MAX_TEXT else ""


def _read(output: str | None) -> tuple[object, str]:
    """Read an output; a word says why it cannot be read."""
    if output is None:
        return None, "missing"
    try:
        return documents.read(output, limits=_LIMITS, max_bytes=MAX_OUTPUT), ""
    except DocumentError as error:
        return None, next((_CODES[one.code] for one in error.problems if one.code in _CODES), "no_json")

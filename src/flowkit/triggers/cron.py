"""Cron expressions, read by cronsim on a wall clock without a zone, and guarded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from flowkit.errors import ConfigurationError, Problem
from flowkit.problems import short

if TYPE_CHECKING:
    from cronsim import CronSim

__all__ = ["check_cron", "cron_walls"]

_LENGTH: Final = 255
_FIELDS: Final = 5
# Whether an expression can ever fire is found out from here on: eight years without a leap year lie before 1904.
_PROBED_FROM: Final = datetime(1896, 3, 1)  # noqa: DTZ001 - a wall time
_PATIENCE: Final = 10
_EXTRA: Final = 'needs the extra "cron": pip install "flowkit-journeys[cron]"'


def check_cron(expression: object) -> Problem | None:
    """Say what is wrong with an expression, or with reading one here; None where it may be used."""
    if not isinstance(expression, str):
        return Problem("wrong_type", "", message=f"must be text, not {short(expression)}")
    if len(expression) > _LENGTH or not expression.isascii():
        return Problem("bad_cron", "", message=f"must have at most {_LENGTH} characters of ASCII")
    if len(expression.split()) != _FIELDS:
        message = f"{short(expression)} must have five fields: minute, hour, day of month, month, day of week"
        return Problem("bad_cron", "", message=message)
    try:
        walls = cron_walls(expression, _PROBED_FROM)
    except ConfigurationError:
        return Problem("missing_extra", "", message=_EXTRA)
    except ValueError as error:
        return Problem("bad_cron", "", message=f"{short(expression)} is no cron expression: {error}")
    if next(walls, None) is None:
        return Problem("bad_cron", "", message=f"{short(expression)} never fires")
    return None


def cron_walls(expression: str, after: datetime) -> Iterator[datetime]:
    """Give the wall times of an expression that are later than one, in order; it ends with the year 9999.

    Raises:
        ConfigurationError: cronsim is not installed.
        ValueError: It is no expression.
    """
    return _guarded(_simulation(expression, after), after)


def _simulation(expression: str, after: datetime) -> CronSim:
    try:
        from cronsim import CronSim, CronSimError  # noqa: PLC0415 - an extra; whoever uses no cron has no need of it
    except ImportError:
        raise ConfigurationError(f"a cron rule {_EXTRA}") from None
    try:
        return CronSim(expression, after)
    # cronsim also trips over its own steps, as in "L/2" or "MON#1/2".
    except (CronSimError, AssertionError, TypeError, ValueError) as error:
        raise ValueError(str(error) or "it cannot be read") from None


def _guarded(walls: Iterator[datetime], after: datetime) -> Iterator[datetime]:
    """Let nothing through that is not later than what came before, and wait for the next only so often."""
    idle = 0
    while idle < _PATIENCE:
        try:
            # cronsim gives up after fifty years without a match.
            shown = next(walls, None)
        except (OverflowError, ValueError):  # the end of the calendar
            return
        if shown is None:
            return
        if shown > after and not shown.second and not shown.microsecond:
            yield shown
            after, idle = shown, 0
        else:
            idle += 1

"""Rules and windows of local time as JSON documents, and back again.

A rule is an object with exactly one of four keys::

    {"at": "2026-12-24T09:00"}
    {"cron": "0 9 * * MON-FRI"}
    {"every": {"unit": "month", "at": "09:00", "on": [1, "last"], "interval": 2, "from": "2026-01-01"}}
    {"date_property": {"path": "birthday", "at": "09:00", "offset": "-7d", "repeat": "year", "feb29": "mar1"}}

Without an offset ``at`` is what the clock on the wall shows, in each zone at another instant; with one, or with ``Z``,
it is that instant for the whole world.

A window is ``{"opens_at": "22:00", "closes_at": "06:00", "on": ["mon"]}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Final, TypeVar, assert_never

from flowkit.documents import DEFAULT_LIMITS, Limits
from flowkit.errors import DocumentError
from flowkit.fields import Fields
from flowkit.problems import Problems, short, suggestion
from flowkit.triggers.calendar import WEEKDAYS, MonthDay, Offset, Unit, Weekday, read_date
from flowkit.triggers.rules import At, Cron, DateProperty, Day, Every, LeapDay, Repeat, Rule
from flowkit.triggers.windows import Window
from flowkit.triggers.zones import wall_text

__all__ = [
    "RULE_KEYS",
    "clock_text",
    "dump_rule",
    "dump_window",
    "made",
    "parse_rule",
    "parse_time",
    "parse_window",
    "read_offset",
    "read_rule",
    "read_time",
    "read_weekdays",
]

_T = TypeVar("_T")

RULE_KEYS: Final = ("at", "cron", "every", "date_property")
"""The keys of a rule; it has exactly one of them."""

_LAST: Final = "last"
_LAST_DAY: Final = 31
_MIDNIGHT: Final = time()
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)


# ------------------------------------------------------------------------------------------------------------
# Reading


def parse_rule(document: object, path: str = "", *, problems: Problems, limits: Limits = DEFAULT_LIMITS) -> Rule | None:
    """Read a rule, and refuse keys that are none of a rule's.

    Args:
        document: The object, as `flowkit.documents.check` gives it.
        path: Its JSON Pointer.
        problems: Where what is wrong is noted.
        limits: How much is read.

    Returns:
        The rule; None where it cannot be one, and then that is noted.
    """
    fields = Fields.of(document, path, problems=problems, limits=limits)
    rule = read_rule(fields)
    fields.close()
    return rule


def read_rule(fields: Fields) -> Rule | None:
    """Read a rule from an object that has other keys too; the caller closes it."""
    given = [key for key in RULE_KEYS if fields.has(key)]
    if len(given) != 1:
        code = "conflicting_fields" if given else "missing_field"
        fields.problems.add(code, fields.path, f"give exactly one of {', '.join(RULE_KEYS)}")
        return None
    before = len(fields.problems.found)
    match given[0]:
        case "at":
            moment = _moment(fields)
            return None if moment is None else made(fields, before, lambda: At(moment))
        case "cron":
            expression = fields.text("cron")
            return made(fields, before, lambda: Cron(expression))
        case "every":
            return _every(fields, fields.child("every"), before)
        case _:
            return _date_property(fields, fields.child("date_property"), before)


def _every(fields: Fields, inner: Fields, before: int) -> Rule | None:
    unit = inner.word("unit", Unit)
    at, interval = read_time(inner, "at"), inner.integer("interval", 1, low=1)
    on, start = _days(inner, unit), _date(inner, "from")
    inner.close()
    if unit is None:
        return None
    return made(fields, before, lambda: Every(unit, at, interval=interval, on=on, start=start))


def _date_property(fields: Fields, inner: Fields, before: int) -> Rule | None:
    path, at, offset = inner.id("path"), read_time(inner, "at"), read_offset(inner)
    repeat = inner.word("repeat", Repeat) if inner.has("repeat") else Repeat.NONE
    feb29 = inner.word("feb29", LeapDay) if inner.has("feb29") else LeapDay.FEB28
    inner.close()
    if repeat is None or feb29 is None:
        return None
    return made(fields, before, lambda: DateProperty(path=path, at=at, offset=offset, repeat=repeat, feb29=feb29))


def parse_window(
    document: object, path: str = "", *, problems: Problems, limits: Limits = DEFAULT_LIMITS
) -> Window | None:
    """Read a window; arguments and result as those of `parse_rule`."""
    fields = Fields.of(document, path, problems=problems, limits=limits)
    before = len(problems.found)
    opens_at, closes_at = read_time(fields, "opens_at"), read_time(fields, "closes_at")
    on = read_weekdays(fields, "on")
    fields.close()
    return made(fields, before, lambda: Window(opens_at=opens_at, closes_at=closes_at, on=on))


def made(fields: Fields, before: int, make: Callable[[], _T]) -> _T | None:
    """Make what was read, unless something in it was wrong: then what would follow from that is not noted.

    Args:
        fields: The object whose path stands before those of what `make` finds wrong.
        before: How many problems had been noted before it was read.
        make: Makes it, or raises a `DocumentError`.
    """
    if len(fields.problems.found) > before or not fields.values:
        return None
    return _noted(fields, fields.path, make)


def _noted(fields: Fields, path: str, make: Callable[[], _T]) -> _T | None:
    try:
        return make()
    except DocumentError as error:
        for problem in error.problems:
            fields.problems.add(problem.code, path + problem.path, problem.message)
        return None


def _moment(fields: Fields) -> datetime | None:
    text = fields.text("at")
    if not isinstance(fields.values.get("at"), str):
        return None
    try:
        moment = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
    except ValueError:  # It looks like a time, and no calendar or clock has it.
        moment = None
    if moment is None:
        message = f"{short(text)} is no time; write 2026-12-24T09:00 for the clock on the wall, or add Z or an offset"
        fields.wrong("at", "bad_instant", message)
    return moment


def parse_time(text: str) -> time | None:
    """Read a time of day such as ``09:00``; None for anything else."""
    match = _TIME.fullmatch(text)
    return None if match is None else time(int(match[1]), int(match[2]))


def read_time(fields: Fields, name: str) -> time:
    """Read a field that holds a time of day such as ``09:00``."""
    text = fields.text(name)
    if not isinstance(fields.values.get(name), str):
        return _MIDNIGHT
    found = parse_time(text)
    if found is None:
        fields.wrong(name, "bad_time", f"{short(text)} is no time of day; write it as 09:00, up to 23:59")
    return found or _MIDNIGHT


def _date(fields: Fields, name: str) -> date | None:
    if not fields.has(name):
        return None
    text = fields.text(name)
    found = read_date(text)
    if found is None and isinstance(fields.values[name], str):
        fields.wrong(name, "bad_date", f"{short(text)} is no date; write it as 2026-03-08")
    return found


def read_offset(fields: Fields) -> Offset:
    """Read the field ``offset``, a step on the calendar such as ``-7d``; none by default."""
    text = fields.text("offset", "+0d")
    return _noted(fields, fields.at("offset"), lambda: Offset.read(text)) or Offset()


def read_weekdays(fields: Fields, name: str) -> tuple[Weekday, ...]:
    """Read a field that lists weekdays such as ``mon``; none where it is absent."""
    return tuple(day for day in _days(fields, Unit.WEEK, name) if isinstance(day, Weekday))


def _days(fields: Fields, unit: Unit | None, name: str = "on") -> tuple[Day, ...]:
    if not fields.has(name):
        return ()
    before = len(fields.problems.found)
    items = fields.items(name, most=366)
    if not items and len(fields.problems.found) == before:
        fields.wrong(name, "too_short", "must name at least one day")
    days = [_day(fields, unit, value, path) for value, path in items]
    return tuple(day for day in days if day is not None)


def _day(fields: Fields, unit: Unit | None, value: object, path: str) -> Day | None:
    match unit:
        case Unit.WEEK:
            if isinstance(value, str) and value in WEEKDAYS:
                return WEEKDAYS[value]
            hint = suggestion(value if isinstance(value, str) else "", WEEKDAYS)
            fields.problems.add("bad_enum", path, f"{short(value)} is no weekday; {hint}")
        case Unit.MONTH:
            if value == _LAST:
                return _LAST_DAY
            if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LAST_DAY:
                return value
            fields.problems.add("out_of_range", path, f'must be from 1 to {_LAST_DAY}, or "last", not {short(value)}')
        case Unit.YEAR:
            if isinstance(value, str):
                return _noted(fields, path, lambda: MonthDay.read(value))
            fields.problems.add("wrong_type", path, f'must be text such as "12-24", not {short(value)}')
        case Unit.DAY:
            # The rule itself refuses it, with the field and not with each of the days.
            return _LAST_DAY
        case None:
            return None
        case _:
            assert_never(unit)
    return None


# ------------------------------------------------------------------------------------------------------------
# Writing


def dump_rule(rule: Rule) -> dict[str, object]:
    """Write a rule as the shortest document that reads as the same."""
    match rule:
        case At(at):
            return {"at": wall_text(at) if at.tzinfo is None else wall_text(at.astimezone(UTC)) + "Z"}
        case Cron(expression):
            return {"cron": expression}
        case Every():
            return {"every": _every_document(rule)}
        case DateProperty():
            return {"date_property": _date_property_document(rule)}
        case _:
            assert_never(rule)


def dump_window(window: Window) -> dict[str, object]:
    """Write a window as the shortest document that reads as the same."""
    out: dict[str, object] = {"opens_at": clock_text(window.opens_at), "closes_at": clock_text(window.closes_at)}
    return out | {"on": [day.word for day in window.on]} if window.on else out


def _every_document(rule: Every) -> dict[str, object]:
    out: dict[str, object] = {"unit": str(rule.unit), "at": clock_text(rule.at)}
    if rule.interval != 1:
        out["interval"] = rule.interval
    if rule.on:
        out["on"] = [_day_document(day) for day in rule.on]
    if rule.start is not None:
        out["from"] = rule.start.isoformat()
    return out


def _day_document(day: Day) -> str | int:
    match day:
        case Weekday():
            return day.word
        case MonthDay():
            return str(day)
        case int():
            return _LAST if day == _LAST_DAY else day
        case _:
            assert_never(day)


def _date_property_document(rule: DateProperty) -> dict[str, object]:
    out: dict[str, object] = {"path": rule.path, "at": clock_text(rule.at)}
    if rule.offset != Offset():
        out["offset"] = str(rule.offset)
    if rule.repeat is not Repeat.NONE:
        out["repeat"] = str(rule.repeat)
    if rule.feb29 is not LeapDay.FEB28:
        out["feb29"] = str(rule.feb29)
    return out


def clock_text(at: time) -> str:
    """Write a time of day, as ``09:00``."""
    return at.isoformat(timespec="minutes")

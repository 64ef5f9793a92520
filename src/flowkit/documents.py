"""The strict, bounded reader: hostile text, or a Python object given for it, becomes plain JSON or an error.

What strangers wrote comes through here first. What comes out is made of new ``dict``, ``list``, ``str``,
``int``, ``float``, ``bool`` and None, shares nothing with what came in, and is small and flat enough to
be walked without a second thought. Nothing is coerced, and nothing but `DocumentError` is raised.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NoReturn, TypeAlias, TypeGuard

from attrs import define, field, frozen
from attrs.validators import and_, ge, gt, instance_of, le

from flowkit.errors import DocumentError, Problem
from flowkit.problems import Problems, pointer, short

__all__ = ["DEFAULT_LIMITS", "Limits", "check", "is_list", "is_object", "read", "split"]

_MEBIBYTE: Final = 1024 * 1024
_CENTURY: Final = timedelta(days=36_525)


def _count(default: int, most: int | None = None) -> Any:  # noqa: ANN401 - attrs types a field as its default
    """Declare a limit that is a whole number from 1."""
    rules = [instance_of(int), ge(1)] if most is None else [instance_of(int), ge(1), le(most)]
    return field(default=default, validator=and_(*rules))


@frozen(kw_only=True)
class Limits:
    """How much of anything is read before it is refused.

    Attributes:
        document_bytes: Size of a workflow document, in bytes of UTF-8.
        batch_bytes: Size of a text that holds many events.
        batch_events: Events that are read at once.
        event_bytes: Size of one event document.
        event_keys: Keys of one event, those of the objects inside it counted too.
        depth: How deep objects and lists nest, at most 200.
        nodes: Nodes of a workflow.
        actions: Actions of a node.
        integer_bits: Width of a signed integer, at most 1,024.
        id_length: Characters of an id, at most 255.
        duration: The longest cooldown, delay and wait, at most 100 years.
        problems: After how many problems reading stops.
    """

    document_bytes: int = _count(4 * _MEBIBYTE)
    batch_bytes: int = _count(64 * _MEBIBYTE)
    batch_events: int = _count(100_000)
    event_bytes: int = _count(_MEBIBYTE)
    event_keys: int = _count(1_000)
    depth: int = _count(64, most=200)
    nodes: int = _count(10_000)
    actions: int = _count(1_000)
    integer_bits: int = _count(64, most=1_024)
    id_length: int = _count(255, most=255)
    duration: timedelta = field(default=_CENTURY, validator=and_(gt(timedelta()), le(_CENTURY)))
    problems: int = _count(100)


DEFAULT_LIMITS: Final = Limits()


def _refuse(code: str, message: str) -> NoReturn:
    raise DocumentError([Problem(code, "", message=message)])


# ------------------------------------------------------------------------------------------------------------
# Text

_BLANK: Final = " \t\n\r"
_INTEGER_LENGTH: Final = 310  # the sign and digits of 1,024 bits
_STRING: Final = r'"(?:[^"\\]++|\\.)*+"?'
_BRACKETS: Final = re.compile(rf"{_STRING}|[\[{{]+|[\]}}]+", re.DOTALL)
_LEVELS: Final = {"[": 1, "{": 1, "]": -1, "}": -1}
_MARKS: Final = re.compile(rf"{_STRING}|[\[\]{{}},]", re.DOTALL)


def is_object(value: object) -> TypeGuard[Mapping[Any, object]]:
    """Tell a JSON object."""
    return isinstance(value, (dict, Mapping))


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Tell a JSON list."""
    return isinstance(value, (list, tuple))


@frozen
class _Unfit:
    """Stands where the text holds what has no value here, until its place is known."""

    message: str


@frozen
class _Repeated:
    """Stands for an object with keys that are there more than once."""

    values: dict[str, object]
    keys: tuple[str, ...]


def _integer(digits: str) -> object:
    # Reading digits takes the square of their number.
    return int(digits) if len(digits) <= _INTEGER_LENGTH else _Unfit(f"an integer of {len(digits)} digits")


def _constant(name: str) -> _Unfit:
    return _Unfit(f"JSON has no {name}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object] | _Repeated:
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    return _Repeated(values, tuple(key for key, times in Counter(key for key, _ in pairs).items() if times > 1))


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def read(text: str | bytes, *, limits: Limits = DEFAULT_LIMITS, max_bytes: int | None = None) -> object:
    """Read JSON text.

    Args:
        text: UTF-8 without a byte order mark, or text.
        limits: How much is read.
        max_bytes: Size of the text in UTF-8; by default that of a workflow document.

    Returns:
        The value, in plain JSON types.

    Raises:
        DocumentError: ``too_large``, ``bad_encoding``, ``bad_json``, ``too_deep``, ``duplicate_key``,
            ``out_of_range`` (an integer too wide, a number too large to be finite, NaN, Infinity) or
            ``bad_text`` (half of a surrogate pair).
    """
    room = limits.document_bytes if max_bytes is None else max_bytes
    body = _decoded(text, room)
    if _nests_deeper(body, limits.depth):
        _refuse("too_deep", f"objects and lists nest at most {limits.depth} deep")
    try:
        value = _DECODER.decode(body)
    except json.JSONDecodeError as error:
        _refuse("bad_json", f"{error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _refuse("too_deep", "the caller's stack leaves no room for a document that nests this deep")
    return _Walk(limits, room).copy(value)


def split(text: str | bytes, *, max_bytes: int, max_items: int) -> list[str]:
    """Cut the text of a list into the texts of its items, so that each can be read, and be wrong, alone.

    Raises:
        DocumentError: The text is too large, no UTF-8, no list, or of too many items, or its brackets do not match.
    """
    body = _decoded(text, max_bytes).strip(_BLANK)
    if not body.startswith("["):
        _refuse("wrong_type", "must be a list")
    level, end = 0, 1
    items: list[str] = []
    for mark in _MARKS.finditer(body):
        sign = mark[0]
        if level == 1 and sign in {",", "]"}:
            if len(items) == max_items:
                _refuse("too_long", f"a list of at most {max_items} items is read at once")
            items.append(body[end : mark.start()])
            end = mark.end()
        level += _LEVELS.get(sign, 0)
        if level == 0:
            break
    if level or end != len(body):
        _refuse("bad_json", "the brackets of the list do not match")
    return [] if not items[0].strip(_BLANK) and len(items) == 1 else items


def _decoded(text: object, max_bytes: int) -> str:
    if isinstance(text, bytes):
        if len(text) > max_bytes:
            _refuse("too_large", f"at most {max_bytes} bytes are read, not {len(text)}")
        try:
            body = text.decode()
        except UnicodeDecodeError as error:
            _refuse("bad_encoding", f"must be UTF-8; byte {error.start} is none of it")
    elif isinstance(text, str):
        body = text
        # A character takes one byte at least; what may be too large is measured.
        if len(body) > max_bytes or len(body.encode(errors="surrogatepass")) > max_bytes:
            _refuse("too_large", f"at most {max_bytes} bytes are read")
    else:
        _refuse("wrong_type", f"must be text or bytes of JSON, not {short(text)}")
    if body.startswith("\ufeff"):
        _refuse("bad_encoding", "starts with a byte order mark; write UTF-8 without one")
    return body


def _nests_deeper(body: str, depth: int) -> bool:
    """Tell before the parser recurses; a text that is no JSON may be judged either way."""
    if body.count("[") + body.count("{") <= depth:
        return False
    level = 0
    for run in _BRACKETS.finditer(body):
        level += _LEVELS.get(body[run.start()], 0) * (run.end() - run.start())
        if level > depth:
            return True
    return False


# ------------------------------------------------------------------------------------------------------------
# Values

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_Key: TypeAlias = str | int | None


def check(value: object, *, limits: Limits = DEFAULT_LIMITS, max_bytes: int | None = None) -> object:
    """Copy a Python object that is given instead of text, so that it is held to the same rules.

    Args:
        value: Mappings with text for keys, lists, tuples, text, numbers, booleans and None.
        limits: How much is read.
        max_bytes: Size that the value would have as compact JSON; by default that of a workflow document.

    Returns:
        A copy in plain JSON types; tuples become lists.

    Raises:
        DocumentError: As for `read`; ``wrong_type`` where JSON cannot hold it, ``cycle`` where it holds
            itself.
    """
    room = limits.document_bytes if max_bytes is None else max_bytes
    plain = _Walk(limits, room).copy(value)
    try:
        size = len(_encode(plain).encode())
    except RecursionError:
        _refuse("too_deep", "the caller's stack leaves no room for a document that nests this deep")
    if size > room:
        _refuse("too_large", f"at most {room} bytes of JSON are read, not {size}")
    return plain


@define
class _Frame:
    """A container that is being copied; the keys of all that are open are the way to the value at hand."""

    key: _Key
    identity: int
    entries: Iterator[tuple[_Key, object]]
    target: dict[_Key, object] | list[object]

    def put(self, key: _Key, value: object) -> None:
        if isinstance(self.target, list):
            self.target.append(value)
        else:
            self.target[key] = value


class _Walk:
    """One copy of one value, without recursion. The room bounds the work where parts are shared often."""

    def __init__(self, limits: Limits, room: int) -> None:
        self._limits = limits
        self._bound = 1 << (limits.integer_bits - 1)
        self._room = room
        self._left = room
        self._problems = Problems(limits.problems)
        self._frames: list[_Frame] = []
        self._open: set[int] = set()

    def copy(self, value: object) -> object:
        out: list[object] = []
        self._frames.append(_Frame(None, 0, iter([(None, value)]), out))
        while self._frames:
            frame = self._frames[-1]
            for key, item in frame.entries:
                frame.put(key, self._plain(key, item))
                if self._frames[-1] is not frame:
                    break
            else:
                self._open.discard(self._frames.pop().identity)
        self._problems.done()
        return out[0]

    def _plain(self, key: _Key, value: object) -> object:
        """Copy a value; a container comes back empty, and is filled next."""
        self._spend(1)
        match value:
            case None | bool():
                return value
            case str():
                return self._text(value, key)
            case int():
                return self._whole(int.__int__(value), key)
            case float():
                return self._real(float.__float__(value), key)
            case _:
                return self._container(key, value)

    def _container(self, key: _Key, value: object) -> object:
        if is_list(value):
            return self._enter(key, id(value), enumerate(value), [])
        if is_object(value):
            return self._enter(key, id(value), self._fields(value), {})
        match value:
            case _Repeated(values, keys):
                for name in keys:
                    self._note("duplicate_key", "is there more than once", key, name)
                return self._container(key, values)
            case _Unfit(message):
                self._note("out_of_range", message, key)
            case _:
                self._note("wrong_type", f"JSON cannot hold {short(value)}", key)
        return None

    def _enter(
        self,
        key: _Key,
        identity: int,
        entries: Iterator[tuple[_Key, object]],
        target: dict[_Key, object] | list[object],
    ) -> object:
        if identity in self._open:
            self._note("cycle", "holds itself", key)
        elif len(self._frames) > self._limits.depth:
            self._note("too_deep", f"objects and lists nest at most {self._limits.depth} deep", key)
        else:
            self._open.add(identity)
            self._frames.append(_Frame(key, identity, entries, target))
        return target

    def _fields(self, source: Mapping[Any, object]) -> Iterator[tuple[_Key, object]]:
        for name, value in source.items():
            if isinstance(name, str):
                yield self._text(name, name), value
            else:
                self._note("wrong_type", f"a key must be text, not {short(name)}")

    def _text(self, text: str, *place: _Key) -> str:
        self._spend(len(text))
        if not text.isascii() and _SURROGATE.search(text):
            self._note("bad_text", "holds half of a surrogate pair, which is no character", *place)
        return str.__str__(text)

    def _whole(self, value: int, key: _Key) -> int:
        if not -self._bound <= value < self._bound:
            self._note("out_of_range", f"an integer has at most {self._limits.integer_bits} bits", key)
        return value

    def _real(self, value: float, key: _Key) -> float:
        if not math.isfinite(value):
            self._note("out_of_range", f"must be a finite number, not {value}", key)
        return value

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            self._problems.add("too_large", "", f"at most {self._room} bytes of JSON are read")
            self._problems.done()

    def _note(self, code: str, message: str, *place: _Key) -> None:
        path = ""
        for key in (*(frame.key for frame in self._frames), *place):
            path = path if key is None else pointer(path, key)
        self._problems.add(code, path, message)

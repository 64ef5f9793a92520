"""Regular expressions that end in time: which patterns are let through, and how long a text they may search.

``re`` tries every way in which a pattern can match. With one quantifier inside another the number of ways grows
exponentially, so that is refused; what is left is bounded by the length of the text, which depends on the pattern.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import factorial
from typing import Final

from attrs import define, field, frozen

__all__ = ["LONGEST_PATTERN", "BadPattern", "Pattern", "compile_pattern"]

LONGEST_PATTERN: Final = 500
_LONGEST_TEXTS: Final = (10_000, 2_000, 800, 200)
_MOST_WAYS: Final = 100_000_000
_UNBOUNDED: Final = 1 << 32
_BRACES: Final = re.compile(r"\{([0-9]*)(,?)([0-9]*)\}", re.ASCII)
_OPENINGS: Final = re.compile(r"\?(?:P<[^>]*>|P=[^)]*|<?[=!]|[a-zA-Z-]*:|[a-zA-Z]+|>)")
_SETS: Final = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_ODD_SET: Final = re.compile(r"\[.*\[|--|&&|~~|\|\|", re.DOTALL)


class BadPattern(ValueError):
    """A pattern that is no regular expression, or none that is let through."""


@frozen
class Pattern:
    """A compiled pattern.

    Attributes:
        regex: It as ``re`` knows it.
        longest: How long a text it may search.
    """

    regex: re.Pattern[str]
    longest: int

    def found(self, text: str) -> bool:
        """Whether it is found somewhere in a text; never where the text is too long."""
        return len(text) <= self.longest and self.regex.search(text) is not None


@lru_cache(maxsize=1_024)
def compile_pattern(pattern: str, *, ci: bool = False) -> Pattern:
    """Compile a pattern, if it is one that ends in time.

    Raises:
        BadPattern: It is too long, no regular expression, or could take too long.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern(f"has at most {LONGEST_PATTERN} characters, not {len(pattern)}")
    longest = _Scan(pattern).longest()
    try:
        return Pattern(re.compile(pattern, re.IGNORECASE if ci else 0), longest)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPattern(f"is no regular expression: {error}") from None


@define
class _Group:
    """A group that is being read: in how many ways it can match, quantifiers apart."""

    branches: int = 1
    varies: bool = False


@define
class _Scan:
    """One pass over a pattern."""

    pattern: str
    at: int = 0
    ways: int = 1
    wide: int = 0
    groups: list[_Group] = field(factory=lambda: [_Group()])

    def longest(self) -> int:
        """Find how long a text may be.

        Raises:
            BadPattern: No text is short enough.
        """
        while self.at < len(self.pattern):
            self.take()
        while len(self.groups) > 1:  # Not closed: `re` will say so.
            self.ways *= self.groups.pop().branches
        self.ways *= self.groups[0].branches
        for length in _LONGEST_TEXTS:
            # Positions at which it starts, times the places at which each wide quantifier stops, in order.
            if length * self.ways * length**self.wide <= _MOST_WAYS * factorial(self.wide + 1):
                return length
        raise BadPattern("has too many quantifiers and branches, which could take too long without RE2; write fewer")

    def take(self) -> None:
        """Take one item of the pattern, and the quantifier behind it."""
        char = self.pattern[self.at]
        closed: _Group | None = None
        match char:
            case "(":
                self.open()
                return
            case "|":
                self.groups[-1].branches += 1
                self.groups[-1].varies = True
                self.at += 1
                return
            case ")":
                self.at += 1
                if len(self.groups) == 1:
                    return  # `re` will say so.
                closed = self.groups.pop()
                self.ways *= closed.branches
            case "\\":
                if self.pattern[self.at + 1 : self.at + 2] in set("123456789"):
                    raise BadPattern("refers back to a group, which could take too long; write it out")
                self.at += 2
            case "[":
                self.set()
            case _:
                self.at += 1
        self.quantified(closed)

    def open(self) -> None:
        """Take what opens a group."""
        self.groups.append(_Group())
        self.at += 1
        opening = _OPENINGS.match(self.pattern, self.at)
        if opening is None:
            if self.pattern.startswith("?", self.at):
                raise BadPattern("has a kind of group that is not known here; write it without")
            return
        word = opening[0]
        if word.startswith("?P="):
            raise BadPattern("refers back to a group, which could take too long; write it out")
        flags = re.fullmatch(r"\?([a-zA-Z-]*):?", word)
        if flags is not None and "x" in flags[1]:
            raise BadPattern("must not be verbose; write it without the flag x")
        self.at = opening.end()

    def set(self) -> None:
        """Take a set of characters."""
        found = _SETS.match(self.pattern, self.at)
        if found is None:
            self.at = len(self.pattern)  # `re` will say so.
            return
        if _ODD_SET.search(found[0].replace("\\\\", "").replace("\\[", "")):
            raise BadPattern("has a set that later versions may read otherwise; put a backslash before [ - & ~ | in it")
        self.at = found.end()

    def quantified(self, closed: _Group | None) -> None:
        """Take a quantifier, if there is one."""
        bounds = self.bounds()
        inside = closed is not None and closed.varies
        if bounds is None:
            if inside:
                self.groups[-1].varies = True
            return
        low, high = bounds
        if high > 1 and inside:
            raise BadPattern(
                "repeats what itself repeats or branches, which could take for ever without RE2; "
                "repeat a single character or a set"
            )
        if high > low or inside:
            self.groups[-1].varies = True
        if high - low >= min(_LONGEST_TEXTS):
            self.wide += 1
        else:
            self.ways *= high - low + 1

    def bounds(self) -> tuple[int, int] | None:
        """Read a quantifier: how often at least, and at most."""
        found: tuple[int, int] | None = None
        match self.pattern[self.at : self.at + 1]:
            case "*":
                found = (0, _UNBOUNDED)
            case "+":
                found = (1, _UNBOUNDED)
            case "?":
                found = (0, 1)
            case "{":
                braces = _BRACES.match(self.pattern, self.at)
                if braces is None or braces[0] == "{}":
                    return None
                low = int(braces[1] or 0)
                high = (int(braces[3]) if braces[3] else _UNBOUNDED) if braces[2] else low
                self.at = braces.end() - 1
                found = (low, high)
            case _:
                return None
        self.at += 1
        if self.pattern[self.at : self.at + 1] in {"?", "+"}:  # lazy, or possessive
            self.at += 1
        return found

"""What a template may be made of: a list of what is allowed, and all else is refused, with its place."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from jinja2 import nodes

from flowkit.rendering.filters import FILTERS
from flowkit.rendering.limits import RenderLimits
from flowkit.rendering.model import TemplateError
from flowkit.rendering.positions import Positions

__all__ = ["FILTER_NAMES", "GIVEN", "TEST_NAMES", "check_grammar"]

GIVEN: Final = frozenset({"event", "user", "variables"})
"""The names that stand for what is known, and that no template sets."""
FILTER_NAMES: Final = frozenset({*FILTERS, "d", "default"})
TEST_NAMES: Final = frozenset({
    "defined", "divisibleby", "eq", "even", "false", "ge", "gt", "in", "le", "lt", "mapping", "ne", "none", "number",
    "odd", "sequence", "string", "true", "undefined", "==", "!=", ">", ">=", "<", "<=",
})  # fmt: skip
_ALLOWED: Final = frozenset({
    nodes.Add, nodes.And, nodes.Assign, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Dict,
    nodes.Div, nodes.Filter, nodes.FloorDiv, nodes.For, nodes.Getattr, nodes.Getitem, nodes.If, nodes.Keyword,
    nodes.List, nodes.Mod, nodes.Mul, nodes.Name, nodes.Neg, nodes.Not, nodes.Operand, nodes.Or,
    nodes.Output, nodes.Pair, nodes.Pos, nodes.Slice, nodes.Sub, nodes.Template, nodes.TemplateData,
    nodes.Test, nodes.Tuple,
})  # fmt: skip
_BLOCKS: Final = (nodes.For, nodes.If)
_LOOPS: Final = 15
"""Python nests twenty blocks at most."""
_SLICED: Final = frozenset({nodes.Filter, nodes.Getattr, nodes.Getitem, nodes.Name})
_WORDS: Final[Mapping[type[nodes.Node], tuple[str, str]]] = MappingProxyType({
    nodes.AssignBlock: ("a set block", "set"),
    nodes.Call: ("a call", "("),
    nodes.CallBlock: ("a call block", "call"),
    nodes.FilterBlock: ("a filter block", "filter"),
    nodes.FromImport: ("import", "from"),
    nodes.NSRef: ("a namespace", "set"),
    nodes.Pow: ("**", "**"),
    nodes.Scope: ("autoescape", "autoescape"),
})  # fmt: skip


class _Problem(NamedTuple):
    code: str
    message: str
    word: str


def _arguments() -> Mapping[str, tuple[str, ...]]:
    """Name what each filter takes beside its value, in order."""
    found: dict[str, tuple[str, ...]] = {"d": ("fallback", "boolean"), "default": ("fallback", "boolean")}
    for name, filter_ in FILTERS.items():
        found[name] = tuple(inspect.signature(filter_).parameters)[2:]
    return found


_ARGUMENTS: Final = _arguments()


def check_grammar(tree: nodes.Template, part: str, positions: Positions, limits: RenderLimits) -> Iterator[str]:
    """Refuse what is not allowed; name the attributes that are read as ``user.…``.

    Raises:
        TemplateError: ``not_allowed``, ``bad_name``, ``unknown_filter``, ``unknown_test``, ``bad_argument`` or
            ``too_deep``, with line and column.
    """
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    while waiting:
        node, depth, loops = waiting.pop()
        if problem := _problem(node) or _too_deep(node, depth, loops, limits):
            at = positions.word(node.lineno, problem.word)
            raise TemplateError(problem.code, f"{part}: {problem.message}", *at)
        match node:
            case nodes.Getattr(node=nodes.Name(name="user"), attr=name):
                yield name
            case nodes.Getitem(node=nodes.Name(name="user"), arg=nodes.Const(value=str(name))):
                yield name
            case _:
                within = depth + isinstance(node, _BLOCKS)
                rounds = loops + isinstance(node, nodes.For)
                waiting.extend((child, within, rounds) for child in node.iter_child_nodes())


def _too_deep(node: nodes.Node, depth: int, loops: int, limits: RenderLimits) -> _Problem | None:
    if isinstance(node, _BLOCKS) and (depth >= limits.depth or loops >= _LOOPS):
        most = f"{limits.depth} blocks, or {_LOOPS} loops,"
        return _Problem("too_deep", f"{most} are the most that may stand in each other", "if")
    return None


def _problem(node: nodes.Node) -> _Problem | None:
    if type(node) not in _ALLOWED:
        kind = type(node).__name__.lower()
        words, word = _WORDS.get(type(node), (kind, kind))
        return _Problem("not_allowed", f"{words} is not allowed in a template", word)
    match node:
        case nodes.Name(name=name) | nodes.Getattr(attr=name) | nodes.Getitem(arg=nodes.Const(value=str(name))) if (
            name.startswith("_")
        ):
            return _Problem("bad_name", f"{name!r} begins with an underscore; a template reads no such name", name)
        case nodes.Name():
            return _bad_name(node)
        case nodes.Getitem(arg=nodes.Slice(), node=sliced) if type(sliced) not in _SLICED:
            # It becomes a slice of Python's own, which warns of constants, or fails where warnings are errors.
            what = "a slice of something else than a value is not allowed in a template"
            return _Problem("not_allowed", what, "[")
        case nodes.For(recursive=True):
            return _Problem("not_allowed", "a recursive loop is not allowed in a template", "recursive")
        case nodes.Filter(name=name) if name not in FILTER_NAMES:
            known = ", ".join(sorted(FILTER_NAMES))
            return _Problem("unknown_filter", f"unknown filter {name!r}; known are {known}", name)
        case nodes.Filter():
            return _bad_argument(node)
        case nodes.Test(name=name) if name not in TEST_NAMES:
            known = ", ".join(sorted(filter(str.isalpha, TEST_NAMES)))
            return _Problem("unknown_test", f"unknown test {name!r}; known are {known}", name)
        case _:
            return None


def _bad_name(node: nodes.Name) -> _Problem | None:
    match node:
        case nodes.Name(name="self"):
            what = "'self' is a word of the template engine; write user['self'] to read such an attribute"
            return _Problem("bad_name", what, "self")
        case nodes.Name(name=name, ctx="store") if name in GIVEN:
            return _Problem("bad_name", f"{name!r} stands for what is known; set another name", name)
        case nodes.Name(name="user"):
            return _Problem("bad_name", "'user' is read by attribute only, such as user.firstName", "user")
        case _:
            return None


def _bad_argument(node: nodes.Filter) -> _Problem | None:
    """Say what is wrong with what a filter is given beside its value."""
    takes = _ARGUMENTS[node.name]
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        return _Problem("not_allowed", "a filter with * or ** is not allowed in a template", node.name)
    given = [*takes[: len(node.args)], *(one.key for one in node.kwargs)]
    if len(node.args) > len(takes) or len(set(given)) < len(given) or not set(given) <= set(takes):
        what = ", ".join(takes) or "nothing"
        return _Problem("bad_argument", f"the filter {node.name!r} takes {what} beside its value", node.name)
    return None

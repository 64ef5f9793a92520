"""What a template reads, and what it cannot do without, by its syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from jinja2 import nodes

from flowkit.rendering.filters import FILTERS, SIZES
from flowkit.rendering.paths import printed_path
from flowkit.workflows.lint.model import Names

__all__ = ["names_printed", "variables_read"]

_GIVEN: Final = frozenset({"event", "user", "variables"})
_STRICT: Final = frozenset(
    {name for name in FILTERS if name not in SIZES and name not in {"join", "first", "last", "limit", "reverse"}}
)
"""The filters that pass on what is missing, of a value that is none of a list."""


class _Name(NamedTuple):
    """A name in a template: an attribute, or a variable of the run; ``*`` stands for any variable."""

    holder: str
    name: str


_ANY_VARIABLE: Final = _Name("variables", "*")


def variables_read(tree: nodes.Template) -> frozenset[str]:
    """Name the run's variables that are read by name."""
    return frozenset(one.name for one in _read(tree) if one.holder == "variables" and one != _ANY_VARIABLE)


def names_printed(tree: nodes.Template, spared: frozenset[str] = frozenset()) -> Names:
    """Name what is printed with nothing to print instead, so that a message without it is skipped.

    A name within an ``if`` that asks for it is not among them, nor is what is printed only by a choice.

    Args:
        tree: The template.
        spared: The paths that have a fallback in the template's table.
    """
    # What the template sets itself is none of the subscriber's.
    own = frozenset(node.name for node in tree.find_all(nodes.Name) if node.ctx != "load") | {"loop"}
    printed = {one for one in _printed(tree, own, spared) if one.name not in own or one.holder == "variables"}
    return Names(
        attributes={one.name for one in printed if one.holder == "user"},
        variables={one.name for one in printed if one.holder == "variables"},
    )


def _printed(tree: nodes.Template, own: frozenset[str], spared: frozenset[str]) -> Iterator[_Name]:
    waiting: list[tuple[nodes.Node, frozenset[_Name]]] = [(tree, frozenset())]
    while waiting:
        node, asked = waiting.pop()
        match node:
            case nodes.Template(body=body):
                waiting += ((one, asked) for one in body)
            case nodes.Output(nodes=several):
                found = (one for part in several if printed_path(part) not in spared for one in _needed(part))
                yield from (
                    one
                    for one in found
                    if one not in asked and not (one.holder == "variables" and _ANY_VARIABLE in asked)
                )
            case nodes.If(test=test, body=body, elif_=others, else_=rest):
                names = frozenset(_read(test))
                # What was set before may hold anything that was asked then.
                if not any(one.name in own for one in names):
                    waiting += ((one, asked | names) for one in (*body, *others, *rest))
            case nodes.For(iter=values, body=body):
                waiting += ((one, asked | frozenset(_read(values))) for one in body)
            case _:
                continue


def _needed(expression: nodes.Node) -> Iterator[_Name]:
    """Give the names without which an expression cannot be printed."""
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        match node:
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                name = _first(node)
                if name is not None:
                    yield name
            case nodes.Filter(name=name, node=nodes.Expr() as inner) if name in _STRICT:
                waiting.append(inner)
            case nodes.Concat(nodes=several):
                waiting += several
            case (
                nodes.Add(left=left, right=right)
                | nodes.Sub(left=left, right=right)
                | nodes.Mul(left=left, right=right)
                | nodes.Div(left=left, right=right)
                | nodes.FloorDiv(left=left, right=right)
                | nodes.Mod(left=left, right=right)
            ):
                waiting += (left, right)
            case nodes.Neg(node=inner) | nodes.Pos(node=inner):
                waiting.append(inner)
            case _:
                continue


def _read(tree: nodes.Node) -> Iterator[_Name]:
    """Give all names that are read anywhere in a part of a tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case nodes.Getattr(node=nodes.Name(name="user" | "variables" as holder), attr=name):
                yield _Name(holder, name)
            case nodes.Getitem(node=nodes.Name(name="user" | "variables" as holder), arg=nodes.Const(value=str(name))):
                yield _Name(holder, name)
            case nodes.Name(name="variables"):
                yield _ANY_VARIABLE
            case nodes.Name(name=name):
                yield _Name("user", name)
            case _:
                waiting.extend(node.iter_child_nodes())


def _first(node: nodes.Node) -> _Name | None:
    """Name what stands at the beginning of a path; None where that is no attribute and no variable."""
    inner = node
    while isinstance(inner, (nodes.Getattr, nodes.Getitem)):
        match inner:
            case nodes.Getattr(node=nodes.Name(name="user" | "variables" as holder), attr=name):
                return _Name(holder, name)
            case nodes.Getitem(node=nodes.Name(name="user" | "variables" as holder), arg=nodes.Const(value=str(name))):
                return _Name(holder, name)
            case _:
                inner = inner.node
    return _Name("user", inner.name) if isinstance(inner, nodes.Name) and inner.name not in _GIVEN else None

"""A template's tree made safe to run: each tag prints for its place, loops count their turns, defaults are noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from flowkit.rendering.paths import guarded, path_of, printed_path, set_names
from flowkit.rendering.placing import Places

__all__ = ["rewrite"]

_SEARCHES: Final = frozenset({"in", "notin"})
_DEFAULTS: Final = frozenset({"d", "default"})


def rewrite(tree: nodes.Template, places: Places | None, policy: str, fallbacks: Mapping[str, object]) -> None:
    """Change a tree that has passed the grammar, in place.

    Args:
        tree: What to change.
        places: The printer of each tag; None for a part that is no HTML.
        policy: What becomes of a value that is missing: ``abort`` or ``blank``.
        fallbacks: What stands in for paths that are printed without a default of their own.
    """
    _Rewriter(places, policy, fallbacks, set_names(tree)).visit(tree)


class _Rewriter(NodeTransformer):
    def __init__(
        self, places: Places | None, policy: str, fallbacks: Mapping[str, object], own: frozenset[str]
    ) -> None:
        self._places = places
        self._policy = policy
        self._fallbacks = fallbacks
        self._own = own

    def visit_Output(self, node: nodes.Output) -> nodes.Output:
        """Let each tag print for its place."""
        node.nodes = [one if isinstance(one, nodes.TemplateData) else self._printed(one) for one in node.nodes]
        return node

    def visit_For(self, node: nodes.For) -> nodes.For:
        """Let a loop count its turns before it begins."""
        weight = sum(1 for one in node.body for _ in one.find_all(nodes.Node)) + len(node.body)
        self.generic_visit(node)
        node.iter = _filter(cast("nodes.Expr", node.iter), " turns", [nodes.Const(weight)])
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        """Let ``~`` make no more than it may."""
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), " concat", [])

    def visit_Operand(self, node: nodes.Operand) -> nodes.Operand:
        """Let a search with ``in`` count what it goes through."""
        self.generic_visit(node)
        if node.op in _SEARCHES:
            node.expr = _filter(node.expr, " through", [])
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Test:
        """Let a search with ``is in`` count what it goes through."""
        self.generic_visit(node)
        if node.name == "in":
            node.args = [_filter(one, " through", []) for one in node.args]
            for named in node.kwargs:
                named.value = _filter(named.value, " through", [])
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Getitem:
        """Let a slice count what it may copy."""
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filter(node.node, " through", [])
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Filter:
        """Let a default tell what it stands in for."""
        if node.name in _DEFAULTS:
            named: list[Any] = [*node.kwargs, nodes.Keyword("path", nodes.Const(printed_path(node)))]
            node.kwargs = named  # Its annotation says pairs; the parser and the compiler know keywords.
        self.generic_visit(node)
        return node

    def _printed(self, expression: nodes.Expr) -> nodes.Filter:
        printer = "plain" if self._places is None else self._places[id(expression)]
        path = printed_path(expression)
        inner = self._standing_in(expression, path)
        written: Any = self.visit(inner)
        return _filter(written, f" {printer} {self._policy}", [nodes.Const(path)])

    def _standing_in(self, expression: nodes.Expr, path: str) -> nodes.Expr:
        """Put the fallback of the table in, right behind the path."""
        if path not in self._fallbacks or guarded(expression) or path.partition(".")[0] in self._own:
            return expression
        outer: nodes.Filter | None = None
        inner = expression
        while isinstance(inner, nodes.Filter) and inner.node is not None:
            outer, inner = inner, inner.node
        stood = _filter(inner, " fallback", [nodes.Const(self._fallbacks[path]), nodes.Const(path_of(inner))])
        if outer is None:
            return stood
        outer.node = stood
        return expression


def _filter(node: nodes.Expr, name: str, arguments: list[nodes.Expr]) -> nodes.Filter:
    return nodes.Filter(node, name, arguments, [], None, None, lineno=node.lineno)

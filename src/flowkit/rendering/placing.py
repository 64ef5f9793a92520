"""In which place of the HTML each tag of a template prints, and which places take no value at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from jinja2 import nodes

from flowkit.rendering.html.context import START, Context, State, UrlPart
from flowkit.rendering.html.scanner import after
from flowkit.rendering.model import TemplateError
from flowkit.rendering.positions import Positions

__all__ = ["Places", "places"]

Places = Mapping[int, str]
"""The name of the printer of each expression that is printed, by the expression's identity."""

_STEPS: Final = 1_000_000
_PRINTERS: Final[Mapping[Context, str]] = MappingProxyType(
    {
        Context.TEXT: "text",
        Context.ESCAPABLE: "attribute",
        Context.ATTRIBUTE: "attribute",
        Context.URL_START: "url_start",
        Context.URL_REST: "attribute",
        Context.URL_SCHEME: "url_middle",
        Context.STYLE: "style",
        Context.COMMENT: "attribute",
    }
)
_REFUSED: Final[Mapping[Context, str]] = MappingProxyType(
    {
        Context.URL_UNSAFE: "a URL that is neither http, https, mailto, tel nor sms",
        Context.UNQUOTED: "an attribute without quotes; put the value into quotes",
        Context.HANDLER: "an attribute that is run as a program",
        Context.URL_LIST: "an attribute that holds several URLs",
        Context.META: "an attribute of meta",
        Context.RAW: "script, style, or another element that is not read as HTML",
        Context.TAG: "a tag, outside of an attribute's value",
        Context.AMBIGUOUS: "a place that depends on a condition; begin and end tags and quotes on the same side of it",
    }
)
# Where what a URL loads or refreshes is a program, or a document that may hold one.
_ELEMENTS: Final = frozenset({
    "animate", "animatemotion", "animatetransform", "applet", "base", "embed", "frame", "iframe", "link", "math",
    "meta", "object", "script", "set", "svg", "use",
})  # fmt: skip
_UNKNOWN_SCHEME: Final = "~"
"""Stands for a value that a URL begins with: it may be the beginning of a scheme, and of none that is allowed."""


def places(tree: nodes.Template, part: str, positions: Positions) -> Places:
    """Find the place of each tag that prints.

    Raises:
        TemplateError: ``unsafe_place``: a tag prints where no value can be made safe; with line and column.
    """
    walk = _Walk(part, positions, [node for output in tree.find_all(nodes.Output) for node in _holes(output)])
    walk.through(tree.body, START)
    return walk.found


def _holes(output: nodes.Output) -> Iterable[nodes.Expr]:
    return (node for node in output.nodes if not isinstance(node, nodes.TemplateData))


class _Walk:
    """Follows the markup through a template's branches, which all have to end alike."""

    def __init__(self, part: str, positions: Positions, holes: Iterable[nodes.Expr]) -> None:
        self.found: dict[int, str] = {}
        self._part = part
        self._positions = positions
        self._indices = {id(node): index for index, node in enumerate(holes)}
        self._left = _STEPS

    def through(self, body: Iterable[nodes.Node], state: State) -> State:
        """Go through some nodes, and give the state behind them."""
        for node in body:
            self._left -= 1
            if self._left < 0:
                raise TemplateError("too_deep", f"{self._part}: loops that end in other places than they begin", 1)
            match node:
                case nodes.Output(nodes=several):
                    for one in several:
                        if isinstance(one, nodes.TemplateData):
                            state = after(state, one.data)
                        else:
                            state = self._printed(one, state)
                case nodes.If():
                    state = self._choice(node, state)
                case nodes.For(body=inner, else_=rest):
                    state = self._loop(inner, state).join(self.through(rest, state))
                case _:
                    continue
        return state

    def _choice(self, node: nodes.If, state: State) -> State:
        ends = [self.through(one.body, state) for one in (node, *node.elif_)]
        end = self.through(node.else_, state)
        for other in ends:
            end = end.join(other)
        return end

    def _loop(self, body: Iterable[nodes.Node], state: State) -> State:
        end = state.join(self.through(body, state))
        if end == state:
            return end
        again = end.join(self.through(body, end))
        if again != end:
            again = again._replace(ambiguous=True)
            self.through(body, again)
        return again

    def _printed(self, node: nodes.Expr, state: State) -> State:
        context = state.context
        printer = _PRINTERS.get(context)
        what = _REFUSED.get(context, "")
        if state.attribute and state.element in _ELEMENTS:
            printer, what = None, f"an attribute of {state.element}"
        if printer is None:
            at = self._positions.hole(self._indices.get(id(node), -1), node.lineno)
            raise TemplateError("unsafe_place", f"{self._part}: no value can be printed into {what}", *at)
        self.found[id(node)] = printer
        if context in {Context.URL_START, Context.URL_SCHEME}:
            return state.printed()._replace(url=UrlPart.SCHEME, scheme=_UNKNOWN_SCHEME)
        return state.printed()

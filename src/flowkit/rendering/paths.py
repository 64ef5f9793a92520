"""The paths that a template writes: ``location.city``, ``event.total``, ``products.[].price``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import nodes

__all__ = ["guarded", "path_of", "paths_read", "printed_path", "set_names"]

_DEFAULTS = frozenset({"d", "default"})


def path_of(node: nodes.Node, names: Mapping[str, str] | None = None) -> str:
    """Write the path that an expression is; empty where it is none.

    Args:
        node: The expression.
        names: What the names of loops stand for.
    """
    steps: list[str] = []
    inner = node
    while isinstance(inner, (nodes.Getattr, nodes.Getitem)):
        match inner:
            case nodes.Getattr(attr=name):
                steps.append(name)
            case nodes.Getitem(arg=nodes.Const(value=str(name))):
                steps.append(name)
            case nodes.Getitem(arg=nodes.Const(value=int())):
                steps.append("[]")
            case _:
                steps.clear()  # Which of the entries is read, only the rendering knows.
                steps.append("[]")
        inner = inner.node
    if not isinstance(inner, nodes.Name):
        return ""
    first = (names or {}).get(inner.name, inner.name)
    if first == "user" and steps:
        first = steps.pop()
    return ".".join((first, *reversed(steps)))


def printed_path(expression: nodes.Node) -> str:
    """Write the path that is printed, through whatever filters; empty where it is none."""
    inner: nodes.Node | None = expression
    while isinstance(inner, nodes.Filter):
        inner = inner.node
    return "" if inner is None else path_of(inner)


def guarded(expression: nodes.Node) -> bool:
    """Tell whether an expression that is printed has a default of its own."""
    inner: nodes.Node | None = expression
    while isinstance(inner, nodes.Filter):
        if inner.name in _DEFAULTS:
            return True
        inner = inner.node
    return False


def set_names(tree: nodes.Template) -> frozenset[str]:
    """Name what the template sets itself: by ``set``, and by loops."""
    return frozenset(node.name for node in tree.find_all(nodes.Name) if node.ctx != "load") | {"loop"}


def paths_read(tree: nodes.Template) -> frozenset[str]:
    """Name all paths that are read; ``[]`` stands for any entry of a list."""
    own = set_names(tree)
    return frozenset(
        path for path in _read(tree, {}) if path.partition(".")[0] not in own or path.startswith("variables.")
    )


def _read(tree: nodes.Node, names: Mapping[str, str]) -> Iterator[str]:
    waiting: list[tuple[nodes.Node, Mapping[str, str]]] = [(tree, names)]
    while waiting:
        node, known = waiting.pop()
        match node:
            case nodes.For(target=nodes.Name(name=name), iter=values):
                path = path_of(values, known)
                within = {**known, name: f"{path}.[]"} if path else known
                waiting.append((values, known))
                waiting.extend((one, within) for one in (*node.body, *([node.test] if node.test else [])))
                waiting.extend((one, known) for one in node.else_)
            case nodes.Getattr() | nodes.Getitem():
                path = path_of(node, known)
                if path:
                    yield path
                waiting.extend((one, known) for one in _asked(node, bool(path)))
            case nodes.Name(name=name, ctx="load"):
                yield known.get(name, name)
            case _:
                waiting.extend((one, known) for one in node.iter_child_nodes())


def _asked(node: nodes.Getattr | nodes.Getitem, named: bool) -> Iterator[nodes.Node]:  # noqa: FBT001 - a plain fact
    """Give what is computed within a path: the keys that are no constants, and what it begins with."""
    inner: nodes.Node = node
    while isinstance(inner, (nodes.Getattr, nodes.Getitem)):
        if isinstance(inner, nodes.Getitem) and not isinstance(inner.arg, nodes.Const):
            yield inner.arg
        inner = inner.node
    if not named:
        yield inner

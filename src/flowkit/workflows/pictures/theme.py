"""How pictures look: colours for light and dark, type, and the small signs in front of lines.

Colours are written out for each class rather than as variables, which many viewers of SVG do not know. All texts have a
contrast of at least 4.5 to 1 to what lies behind them.
"""

from __future__ import annotations

from typing import Final

from flowkit.workflows.pictures.model import Mark

__all__ = ["BOLT", "SIGNS", "style"]

SIGNS: Final = {
    Mark.SEND: "M1.5 3h11v8h-11zM1.5 3.5 7 8l5.5-4.5",
    Mark.WAIT: "M7 1.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 1 1 0-11zM7 4v3.2l2.2 1.3",
    Mark.CHECK: "M7 1.2 12.8 7 7 12.8 1.2 7z",
    Mark.SEGMENTS: "M1.5 1.5h5l6 6-5 5-6-6zM4.3 4.3h.01",
    Mark.PROFILE: "M7 6.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 1 0 0 5zM2 12.5c0-5.5 10-5.5 10 0",
    Mark.WEBHOOK: "M4.8 2.5 1.3 7l3.5 4.5M9.2 2.5 12.7 7 9.2 11.5",
    Mark.OTHER: "M7 4a3 3 0 1 0 0 6 3 3 0 1 0 0-6z",
}
"""Each sign as the data of a path, 14 units wide and high."""

BOLT: Final = "M8 1 3 8h3.5l-.5 5 5-7H7.5z"
"""The sign of a trigger."""

_FONT: Final = (
    "ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Noto Sans',"
    "'Noto Sans CJK SC','Apple Color Emoji','Noto Color Emoji',sans-serif"
)

_SHAPES: Final = {
    "text": f"font-family:{_FONT};font-size:12.5px",
    ".t": "font-size:14px;font-weight:600",
    ".m": "font-size:11.5px;text-anchor:middle",
    ".c": "text-anchor:middle;font-weight:600",
    ".f": "font-size:11.5px",
    ".b": "stroke-width:1.25",
    ".lost,.missing": "stroke-dasharray:5 4",
    ".e": "fill:none;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round",
    ".e.p": "stroke-width:2.75",
    ".b.p": "stroke-width:2.5",
    ".s": "fill:none;stroke-width:1.4;stroke-linecap:round;stroke-linejoin:round",
}

_PROPERTIES: Final = {
    "ground": (".g", "fill"),
    "card": (".b,.l", "fill"),
    "border": (".b,.l", "stroke"),
    "rule": (".r", "stroke"),
    "ink": ("text", "fill"),
    "muted": (".v,.f,.m .n", "fill"),
    "line": (".e", "stroke"),
    "head": (".h", "fill"),
    "entry": (".b.trigger", "fill"),
    "entry border": (".b.trigger", "stroke"),
    "entry sign": (".s.bolt", "stroke"),
    "pill": (".b.end,.b.jump", "fill"),
    "missing": (".b.missing", "stroke"),
    "failed line": (".e.x", "stroke"),
    "failed head": (".h.x", "fill"),
    "walked line": (".e.p,.b.p", "stroke"),
    "walked head": (".h.p", "fill"),
    "send": (".s.send", "stroke"),
    "wait": (".s.wait", "stroke"),
    "check": (".s.check", "stroke"),
    "segments": (".s.segments", "stroke"),
    "profile": (".s.profile", "stroke"),
    "webhook": (".s.webhook", "stroke"),
    "other": (".s.other", "stroke"),
}

_LIGHT: Final = {
    "ground": "#f7f8fa",
    "card": "#ffffff",
    "border": "#cfd6e0",
    "rule": "#e6eaf0",
    "ink": "#17202e",
    "muted": "#586374",
    "line": "#8a96a8",
    "head": "#8a96a8",
    "entry": "#eef0ff",
    "entry border": "#8b90f0",
    "entry sign": "#4f46e5",
    "pill": "#e9edf3",
    "missing": "#d92d20",
    "failed line": "#d9695f",
    "failed head": "#d9695f",
    "walked line": "#2563eb",
    "walked head": "#2563eb",
    "send": "#2563eb",
    "wait": "#b45309",
    "check": "#7c3aed",
    "segments": "#15803d",
    "profile": "#0f766e",
    "webhook": "#be185d",
    "other": "#586374",
}

_DARK: Final = {
    "ground": "#10151d",
    "card": "#1a212c",
    "border": "#3a4658",
    "rule": "#2b3544",
    "ink": "#e8ecf2",
    "muted": "#a3afc0",
    "line": "#6d7b90",
    "head": "#6d7b90",
    "entry": "#23264a",
    "entry border": "#7479e8",
    "entry sign": "#a5b0ff",
    "pill": "#262f3d",
    "missing": "#f97066",
    "failed line": "#e07a70",
    "failed head": "#e07a70",
    "walked line": "#60a5fa",
    "walked head": "#60a5fa",
    "send": "#60a5fa",
    "wait": "#fbbf24",
    "check": "#c4b5fd",
    "segments": "#4ade80",
    "profile": "#2dd4bf",
    "webhook": "#f472b6",
    "other": "#a3afc0",
}


def style(scope: str) -> str:
    """Write the style sheet of one picture.

    Args:
        scope: The id of its root: a page may hold several pictures and styles of its own.
    """
    shapes = "".join(_rule(scope, selectors, text) for selectors, text in _SHAPES.items())
    return f"{shapes}{_colours(scope, _LIGHT)}@media (prefers-color-scheme:dark){{{_colours(scope, _DARK)}}}"


def _colours(scope: str, colours: dict[str, str]) -> str:
    return "".join(
        _rule(scope, selectors, f"{attribute}:{colours[name]}") for name, (selectors, attribute) in _PROPERTIES.items()
    )


def _rule(scope: str, selectors: str, declarations: str) -> str:
    return f"{','.join(f'#{scope} {one}' for one in selectors.split(','))}{{{declarations}}}"

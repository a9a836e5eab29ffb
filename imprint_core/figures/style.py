"""Colours, symbols and layout defaults of every figure: the only place that defines them.

Text, background and grid colours belong to the page, which knows whether it is light or dark. Figures use
`THEME_TEXT` and `THEME_BACKGROUND`, two colours that no figure uses otherwise; the page's script replaces them.
"""

from __future__ import annotations

import json

THEME_TEXT = "#010203"
THEME_BACKGROUND = "#fdfcfb"

# Petroff (2021), "Accessible color sequences for data visualization", ten colours.
CLASS_COLORS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
CLASS_SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "cross",
    "x",
    "triangle-up",
    "triangle-down",
    "pentagon",
    "hexagon",
    "triangle-left",
)
BLUE, AMBER, RED, ASH, PURPLE, _BROWN, ORANGE, _TAN, SLATE, CYAN = CLASS_COLORS

# Curves, bars and intervals; the current selection; published results.
ACCENT = BLUE
CURRENT = ORANGE
CURRENT_SYMBOL = "diamond"
GREY = "#8a8f98"
# Symbols and dashes of curves. The diamond is the current selection, dots are published results.
CURVE_SYMBOLS = tuple(symbol for symbol in CLASS_SYMBOLS if symbol != CURRENT_SYMBOL)
CURVE_DASHES = ("solid", "dash", "dashdot", "longdash")
# Lines that differ in lightness too.
LINE_COLORS = (BLUE, ORANGE, PURPLE)
# From few to many; every step is visible on white and on black.
SEQUENCE = (BLUE, PURPLE, RED, ORANGE, AMBER)
# A full cell of a confusion matrix.
MATRIX_FULL = "#1d6fb8"

# On a map: correct and misclassified samples, shots where colours do not show classes, and margins from 0 upwards.
CORRECT, MISCLASSIFIED = ASH, RED
CORRECT_SYMBOL, MISCLASSIFIED_SYMBOL = "circle", "x"
NEUTRAL = SLATE
MARGIN_SCALE = [[0, RED], [0.12, AMBER], [0.4, CYAN], [1, BLUE]]
SHOT_SYMBOL, PROXY_SYMBOL = "circle-open", "star"

# With more classes there is no legend, and a confusion matrix has neither numbers nor names.
FEW_CLASSES = 12
MARGINS = {"l": 8, "r": 8, "t": 8, "b": 8}
LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 11}}
CURVE_LAYOUT = {"margin": MARGINS, "legend": LEGEND, "hovermode": "closest"}


def class_color(c: int) -> str:
    """Colour of the dataset's class number `c`; ten colours repeat."""
    return CLASS_COLORS[c % len(CLASS_COLORS)]


def class_symbol(c: int) -> str:
    """Symbol of class `c`; a hundred classes differ in colour or symbol."""
    return CLASS_SYMBOLS[(c + c // len(CLASS_COLORS)) % len(CLASS_SYMBOLS)]


def faded(color: str, alpha: float = 0.22) -> str:
    """A colour #rrggbb with opacity `alpha`."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"


def ink_on(color: str) -> str:
    """Black or white, whichever has more contrast with a colour "#rrggbb"."""
    linear = [(int(color[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Where both have the same contrast, WCAG 2.
    return "#000000" if luminance > 0.179 else "#ffffff"


def insert_theme_colors(script: str) -> str:
    """Replace the strings "THEME_TEXT" and "THEME_BACKGROUND" of a script by these colours as they stand in JSON."""
    for name, color in (("THEME_TEXT", THEME_TEXT), ("THEME_BACKGROUND", THEME_BACKGROUND)):
        script = script.replace(f'"{name}"', json.dumps(json.dumps(color)))
    return script


def shortened(name: str, length: int = 18) -> str:
    """A name cut to at most `length` characters."""
    return name if len(name) <= length else name[: length - 1].rstrip() + "…"


def escape(text: object) -> str:
    """Escape text for Plotly's labels and hover templates."""
    escaped = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("%{", "%&#123;")

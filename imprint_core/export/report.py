"""A page as one HTML file that needs no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from imprint_core.figures.plotly_json import Figure, figure_json
from imprint_core.figures.style import insert_theme_colors


class Picture(NamedTuple):
    """A figure with the theme colours of `figures.style`; `alt` is text alternative and caption."""

    figure: Figure
    alt: str
    height: int


class Heading(NamedTuple):
    """A heading above the next item."""

    text: str


class Table(NamedTuple):
    """Column headings and rows of plain text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Note(NamedTuple):
    """A paragraph in small print, such as a caption."""

    text: str


Item = Picture | Table | Heading | Note


def report(title: str, metadata: Sequence[tuple[str, str]], items: Sequence[Item], notes: Sequence[str] = ()) -> str:
    """Write a report as one HTML file, with Plotly's script in it.

    Parameters
    ----------
    title : str
    metadata : sequence of (str, str)
        Names and texts of the configuration; a text that is a web address becomes a link.
    items : sequence of Picture, Table, Heading or Note
    notes : sequence of str
        Remarks above the items.

    Returns
    -------
    str
        HTML. All texts are escaped.
    """
    terms = "\n".join(f"<dt>{escape(name)}</dt><dd>{_linked(text)}</dd>" for name, text in metadata)
    remarks = "\n".join(_note(note) for note in notes)
    pictures = [item for item in items if isinstance(item, Picture)]
    content = "\n".join(_items_html(items))
    # In JSON, "<" occurs only in strings.
    data = ", ".join(figure_json(_plain_traces(p.figure)) for p in pictures).replace("<", "\\u003c")
    script = insert_theme_colors(Path(__file__).with_name("report.js").read_text(encoding="utf-8"))
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    head = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<dl>
{terms}
</dl>
{remarks}
{content}
</main>
"""
    plotly = f"<script>{_plotly()}</script>\n" if pictures else ""
    return f"{head}{plotly}<script>const figures = [{data}];\n{script}</script>\n</body>\n</html>\n"


def _linked(text: str) -> str:
    escaped = escape(text)
    is_address = re.fullmatch(r"https?://\S+", text)
    return f'<a href="{escaped}" rel="noreferrer">{escaped}</a>' if is_address else escaped


def _items_html(items: Sequence[Item]) -> Iterator[str]:
    number = 0
    for item in items:
        if isinstance(item, Picture):
            yield _figure(number, item)
            number += 1
        elif isinstance(item, Table):
            yield _table(item)
        else:
            yield _note(item.text) if isinstance(item, Note) else f"<h2>{escape(item.text)}</h2>"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    # A table wider than the screen scrolls; the tab index makes it scrollable by keyboard.
    return f'<div class="table" tabindex="0"><table><tr>{head}</tr>\n{rows}</table></div>'


def _figure(number: int, picture: Picture) -> str:
    alt = escape(picture.alt)
    plot = (
        f'<div id="plot-{number}" class="plot" role="img" aria-label="{alt}" style="height: {picture.height}px"></div>'
    )
    return f"<figure>{plot}<figcaption>{alt}</figcaption></figure>"


def _plain_traces(figure: Figure) -> Figure:
    """Replace WebGL traces: they cannot be printed, and the content policy forbids compiled shaders."""
    traces = [{**trace, "type": trace["type"].removesuffix("gl")} for trace in figure["data"]]
    return {**figure, "data": traces}


def _plotly() -> str:
    code = files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8")
    # In an HTML parser, "</script" would end the script and "<!--" would keep it open.
    return re.sub(r"<(?=/script|!--)", r"<\\", code, flags=re.IGNORECASE)

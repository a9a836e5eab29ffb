"""A page as one HTML file that can be read without a network, and doesn't ask for one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from imprint_core.figures.style import insert_theme_colors

PAPER = "Westerhoff et al., Robust Weight Imprinting, TMLR 2025, arXiv 2503.14572"


class Picture(NamedTuple):
    """A figure of the page.

    Attributes
    ----------
    figure : str
        Its JSON, as Plotly writes it, with the theme's colours of `figures`.
    alt : str
        What it shows; the caption.
    height : int
        In pixels.
    """

    figure: str
    alt: str
    height: int


class Heading(NamedTuple):
    """Stands above what follows."""

    text: str


class Table(NamedTuple):
    """A table of texts.

    Attributes
    ----------
    head : tuple of str
        With none there is only the note.
    rows : tuple of tuple of str
        Each as long as the head.
    note : str
        Below it; may be empty.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


Item = Picture | Table | Heading


def report(title: str, facts: Sequence[tuple[str, str]], items: Sequence[Item], notes: Sequence[str] = ()) -> str:
    """The HTML of a report.

    Parameters
    ----------
    title : str
    facts : sequence of (str, str)
        What is said in words: what it is, and the text. One that begins with http becomes a link.
    items : sequence of Picture, Table or Heading
        In their order.
    notes : sequence of str
        What a reader has to know, above the items.

    Returns
    -------
    str
        Everything is in it, Plotly's script too. Texts are shown as they are, whatever is in them.
    """
    rows = "\n".join(f"<dt>{escape(name)}</dt><dd>{_linked(text)}</dd>" for name, text in facts)
    told = "\n".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    pictures = [item for item in items if isinstance(item, Picture)]
    drawn = "\n".join(_drawn(items))
    data = _in_script(json.dumps([_plain_traces(json.loads(p.figure)) for p in pictures], ensure_ascii=False))
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
{rows}
</dl>
{told}
{drawn}
</main>
"""
    plotly = f"<script>{_plotly()}</script>\n" if pictures else ""
    return f"{head}{plotly}<script>const figures = {data};\n{script}</script>\n</body>\n</html>\n"


def _linked(text: str) -> str:
    shown = escape(text)
    is_address = re.fullmatch(r"https?://\S+", text)
    return f'<a href="{shown}" rel="noreferrer">{shown}</a>' if is_address else shown


def _drawn(items: Sequence[Item]) -> Iterator[str]:
    number = 0
    for item in items:
        if isinstance(item, Picture):
            yield _figure(number, item)
            number += 1
        else:
            yield _table(item) if isinstance(item, Table) else f"<h2>{escape(item.text)}</h2>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    if not table.head:
        return note
    # Wider than a narrow screen, it scrolls; so that keys can do that, it takes the focus.
    return f'<div class="table" tabindex="0"><table><tr>{head}</tr>\n{rows}</table></div>{note}'


def _figure(number: int, picture: Picture) -> str:
    alt = escape(picture.alt)
    plot = (
        f'<div id="plot-{number}" class="plot" role="img" aria-label="{alt}" style="height: {picture.height}px"></div>'
    )
    return f"<figure>{plot}<figcaption>{alt}</figcaption></figure>"


def _plain_traces(figure: dict[str, Any]) -> dict[str, Any]:
    """The figure without what needs a graphics card: paper has none, and the policy lets no script make shaders."""
    for trace in figure["data"]:
        if trace.get("type") == "scattergl":
            trace["type"] = "scatter"
    return figure


def _in_script(text: str) -> str:
    """JSON inside a script: "<" is only within strings there."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _plotly() -> str:
    code = files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8")
    # Either would end the script for an HTML parser, or keep it from ending.
    return re.sub(r"<(?=/script|!--)", r"<\\", code, flags=re.IGNORECASE)

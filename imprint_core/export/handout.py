"""A lesson on one printed page: what is shown, questions to tick, space for a chart and a summary, and a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Width and height of a drawing, and of the part inside its axes.
_WIDTH, _HEIGHT = 340, 200
_LEFT, _TOP, _RIGHT, _BOTTOM = 40, 8, 332, 160
# Above this ratio an axis is logarithmic, as in the charts of the app.
_LOGARITHMIC = 5


@dataclass(frozen=True)
class SketchMap:
    """Samples to print on a map as short texts: positions (n, 2), texts (n), and what to draw on it."""

    positions: NDArray[np.floating]
    texts: Sequence[str]
    task: str


@dataclass(frozen=True)
class SketchAxes:
    """Empty axes of accuracy over a parameter: its title and values."""

    title: str
    values: Sequence[int]


@dataclass(frozen=True)
class Drawings:
    """What a handout shows besides texts.

    Attributes
    ----------
    pictures : sequence of (str, sequence of str)
        Labels, and below each images as data URIs.
    sketch : SketchMap, optional
    axes : SketchAxes, optional
    """

    pictures: Sequence[tuple[str, Sequence[str]]] = ()
    sketch: SketchMap | None = None
    axes: SketchAxes | None = None


@dataclass(frozen=True)
class Handout:
    """What is printed; all texts are plain.

    Attributes
    ----------
    title, introduction, hint : str
        Paragraphs are separated by empty lines.
    questions : sequence of (str, sequence of str)
        Questions and their options.
    terms : sequence of (str, str)
        Key terms and their definitions.
    drawings : Drawings
    """

    title: str
    introduction: str
    questions: Sequence[tuple[str, Sequence[str]]]
    hint: str
    terms: Sequence[tuple[str, str]]
    drawings: Drawings = Drawings()


def handout(content: Handout, address: str, qr_code: str, note: str = "") -> str:
    """Write a handout as one HTML file, without results.

    Parameters
    ----------
    content : Handout
    address : str
        Link to the lesson.
    qr_code : str
        The link as an SVG element.
    note : str
        Text below the link.
    """
    style = Path(__file__).with_name("handout.css").read_text(encoding="utf-8")
    link = f'<a href="{escape(address)}" rel="noreferrer">{escape(address)}</a>'
    questions = "\n".join(_question(*question) for question in content.questions)
    drawings = "\n".join(_figure(*drawing) for drawing in _drawings(content.drawings))
    terms = "\n".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in content.terms)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{escape(content.title)}</title>
<style>{style}</style>
</head>
<body>
<main>
<header>
<div><h1>{escape(content.title)}</h1><p class="name">Name:</p></div>
<div class="code">{qr_code}<p>{link}</p>{_paragraphs(note) if note else ""}</div>
</header>
{_paragraphs(content.introduction)}
{_pictures(content.drawings.pictures)}
<h2>Predict</h2>
{questions}
<div class="drawings">
{drawings}
</div>
<h2>Try it</h2>
{_paragraphs(content.hint)}
<p>Open the link above, submit the same predictions, and write down what you see:</p>
<p class="line"></p><p class="line"></p>
<h2>Summary</h2>
<p>What happened, and why? Use the key terms.</p>
<p class="line"></p><p class="line"></p>
<h2>Key terms</h2>
<dl>
{terms}
</dl>
</main>
</body>
</html>
"""


def _paragraphs(text: str) -> str:
    return "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.split("\n\n"))


def _question(text: str, options: Sequence[str]) -> str:
    boxes = "".join(f'<li><span class="box"></span>{escape(option)}</li>' for option in options)
    return f'<p class="question">{escape(text)}</p><ul class="options">{boxes}</ul>'


def _pictures(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    groups = "".join(
        f"<figure><figcaption>{escape(label)}</figcaption>"
        + "".join(f'<img src="{escape(uri)}" alt="image of {escape(label)}">' for uri in uris)
        + "</figure>"
        for label, uris in rows
    )
    # All images fit into one row.
    edge = min(11, 150 // max(1, sum(len(uris) for _, uris in rows)))
    return f'<div class="pictures" style="--edge: {edge}mm">{groups}</div>' if groups else ""


def _drawings(content: Drawings) -> list[tuple[str, str]]:
    """Return the drawings, as SVG, and their captions."""
    drawings = []
    if content.sketch is not None:
        drawings.append((_map_svg(content.sketch), content.sketch.task))
    if content.axes is not None:
        drawings.append((_axes_svg(content.axes), "Draw the curve that you expect."))
    return drawings


def _figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def _map_svg(sketch: SketchMap) -> str:
    low, high = sketch.positions.min(axis=0), sketch.positions.max(axis=0)
    x, y = ((sketch.positions - low) / np.maximum(high - low, 1e-9)).T
    texts = "".join(
        f'<text x="{left:.0f}" y="{top:.0f}">{escape(text)}</text>'
        for left, top, text in zip(8 + x * (_WIDTH - 16), 12 + (1 - y) * (_HEIGHT - 20), sketch.texts, strict=True)
    )
    return _svg("A map of test images by class", f'<g class="samples">{texts}</g>')


def _axes_svg(axes: SketchAxes) -> str:
    values = np.asarray(axes.values, dtype=float)
    scaled = np.log(values) if values.max() / values.min() > _LOGARITHMIC else values
    span = _RIGHT - _LEFT - 20
    parts = []
    lefts = _LEFT + 10 + span * (scaled - scaled[0]) / (scaled[-1] - scaled[0])
    for value, left in zip(axes.values, lefts, strict=True):
        parts.append(f'<path d="M{left:.0f} {_BOTTOM}v4"/>')
        parts.append(f'<text x="{left:.0f}" y="{_BOTTOM + 15}" text-anchor="middle">{value}</text>')
    for percent in range(0, 101, 20):
        top = _BOTTOM - (_BOTTOM - _TOP) * percent / 100
        parts.append(f'<path class="grid" d="M{_LEFT} {top:.0f}H{_RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{top + 3:.0f}" text-anchor="end">{percent}</text>')
    middle = (_LEFT + _RIGHT) // 2
    parts.append(f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}"/>')
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(axes.title)}</text>')
    height = (_TOP + _BOTTOM) // 2
    parts.append(f'<text transform="translate(10 {height}) rotate(-90)" text-anchor="middle">accuracy (%)</text>')
    return _svg(f"Empty axes: accuracy over {axes.title}", "".join(parts))


def _svg(label: str, content: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">{content}</svg>'

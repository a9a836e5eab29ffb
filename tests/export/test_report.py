"""Reports as one HTML file."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from imprint_core.evaluation.metrics import Summary
from imprint_core.export import PAPER
from imprint_core.export.report import Heading, Note, Picture, Table, report
from imprint_core.figures import charts, style
from imprint_core.figures.plotly_json import make_figure

EVIL = """</script><script>alert(1)</script><!--<script><img src=x onerror=alert(1)> "'&"""


class Elements(HTMLParser):
    """Start tags and texts of HTML."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def curve():
    runs = [Summary(50.0 + k, 48.0, 60.0, 3) for k in (1, 2, 5)]
    flat = ("one mean", runs[0])
    return charts.accuracy_over_k((1, 2, 5), runs, "k-means", (2, runs[1], "k = 2"), [flat])


def figures_of(html):
    return json.loads(re.search(r"const figures = (.*);\n", html)[1])


def test_report_is_complete_and_needs_no_network():
    pictures = [Picture(curve(), "Accuracy over k", 240)] * 2
    html = report("Imprint: Explore", [("Recipe", "k-means"), ("Source", PAPER)], pictures, ["Not finished."])
    elements = Elements(html)
    assert len(elements.all("script")) == 2
    assert [f["id"] for f in elements.all("div")] == ["plot-0", "plot-1"]
    assert elements.texts.count("Accuracy over k") == 2
    for text in ("Imprint: Explore", "k-means", PAPER, "Not finished."):
        assert text in elements.texts
    assert html.count("plotly.js v") == 1
    assert len(figures_of(html)) == 2
    # No element makes a browser fetch a file.
    assert not [a for tag, a in elements.tags if "src" in a or tag == "link"]
    (policy,) = [m["content"] for m in elements.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"https?:|\*|unsafe-eval", policy)


def test_report_without_figures_has_no_plotly():
    html = report("t", [], [])
    assert len(html) < 10_000


def test_texts_are_escaped():
    figure = make_figure([{"type": "scatter", "x": [1], "y": [2], "name": EVIL}])
    html = report(EVIL, [(EVIL, EVIL)], [Picture(figure, EVIL, 100)], [EVIL])
    elements = Elements(html)
    assert not elements.all("img")
    assert len(elements.all("script")) == 2
    assert elements.texts.count(EVIL) == 6
    assert elements.all("div")[0]["aria-label"] == EVIL
    assert figures_of(html)[0]["data"][0]["name"] == EVIL


def test_items_keep_their_order():
    items = [
        Heading("Numbers"),
        Table(("", "A"), (("accuracy", "71.3 %"), (EVIL, EVIL))),
        Note("Median of three."),
        Heading("Curve"),
        Picture(curve(), "Accuracy over k", 240),
        Table(("k",), ()),
    ]
    html = report("t", [], items)
    elements = Elements(html)
    assert not elements.all("img")
    assert [tag for tag, _ in elements.tags if tag in ("h2", "table", "figure")] == [
        "h2", "table", "h2", "figure", "table",
    ]  # fmt: skip
    texts = [text for text in elements.texts if text.strip()]
    assert texts[texts.index("Numbers") :][:6] == ["Numbers", "A", "accuracy", "71.3 %", EVIL, EVIL]
    assert elements.texts.count("Median of three.") == 1
    assert [d["id"] for d in elements.all("div") if "id" in d] == ["plot-0"]


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("http://localhost:8501/?k=7&n=1", True),
        ("javascript:alert(1)", False),
        ("?k=7", False),
        ("http://a b", False),
    ],
)
def test_only_web_addresses_become_links(text, linked):
    elements = Elements(report("t", [("Link", text)], []))
    assert [a["href"] for a in elements.all("a")] == ([text] if linked else [])
    assert text in elements.texts


def test_script_replaces_the_theme_colours():
    html = report("t", [], [Picture(curve(), "a", 100)])
    script = html.rsplit("<script>", 1)[1]
    for colour in (style.THEME_TEXT, style.THEME_BACKGROUND):
        # The script replaces the colour together with its quotes.
        assert f'replaceAll("\\"{colour}\\"", ' in script
    assert "THEME_" not in html


def test_webgl_traces_are_replaced():
    figure = make_figure([{"type": name, "x": [1], "y": [2]} for name in ("scattergl", "scatter")])
    html = report("t", [], [Picture(figure, "a", 100)])
    assert [t["type"] for t in figures_of(html)[0]["data"]] == ["scatter", "scatter"]

import re

import numpy as np

from imprint_core.export.handout import Drawings, Handout, SketchAxes, SketchMap, handout

ADDRESS = "http://class.example:8501/learn?view=lesson-1&x=<>"


NOTHING = Drawings()


def written(drawings=NOTHING, note=""):
    content = Handout(
        "1. <Title>",
        "First.\n\nSecond.",
        [("Is a < b?", ("yes", "no"))],
        "Try <it>.",
        [("k", "Proxies & more.")],
        drawings,
    )
    return handout(content, ADDRESS, '<svg id="code"></svg>', note)


def test_texts_are_escaped_and_each_option_has_a_box():
    html = written()
    for text in (
        "1. &lt;Title&gt;",
        "<p>First.</p>\n<p>Second.</p>",
        "Is a &lt; b?",
        "Try &lt;it&gt;.",
        "Proxies &amp; more.",
    ):
        assert text in html
    assert html.count('<span class="box">') == 2
    assert '<svg id="code"></svg>' in html
    assert '<a href="http://class.example:8501/learn?view=lesson-1&amp;x=&lt;&gt;"' in html


def test_a_handout_needs_no_network_and_is_light():
    html = written()
    assert "default-src 'none'" in html
    assert not re.search(r"<script|<link|@import|url\(", html)
    assert '<meta name="color-scheme" content="light">' in html


def test_drawings_have_images_samples_and_empty_axes():
    sketch = SketchMap(np.array([[0.0, 1.0], [2.0, 3.0], [1.0, 2.0]]), ["1", "<9>", "1"], "Draw a star.")
    html = written(
        Drawings([("1 + 9", ["data:image/png;base64,AA"] * 3)], sketch, SketchAxes("shots, n", (1, 10, 100)))
    )
    assert html.count('src="data:image/png;base64,AA"') == 3
    places = [tuple(map(int, match)) for match in re.findall(r'<text x="(\d+)" y="(\d+)">(?:1|&lt;9&gt;)</text>', html)]
    # Upwards is up, and nothing is outside of the drawing.
    assert places[0][0] < places[2][0] < places[1][0]
    assert places[0][1] > places[2][1] > places[1][1]
    ticks = {
        text: int(left) for left, text in re.findall(r'<text x="(\d+)" y="\d+" text-anchor="middle">(\d+)</text>', html)
    }
    assert set(ticks) == {"1", "10", "100"}
    # Logarithmic, as in the app.
    assert abs((ticks["10"] - ticks["1"]) - (ticks["100"] - ticks["10"])) <= 1
    assert "Draw a star." in html
    assert "shots, n" in html
    assert "<svg viewBox" not in written()


def test_note_follows_the_link():
    assert "</a></p><p>Only &lt;here&gt;.</p></div>" in written(note="Only <here>.")

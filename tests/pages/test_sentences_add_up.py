"""Two accuracies and their difference add up to the digit shown, on every page and under many settings."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from html import unescape
from random import Random
from urllib.parse import urlencode

import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import POST_NORMALIZATIONS
from imprint_core.recipes.presets import PRESETS
from tests.conftest import ROOT
from tests.pages.reading import pictures
from tests.pages.test_add_class import with_class
from tests.pages.test_learn import finished
from tests.pages.test_own_data import own_data
from ui.charts import progressive

SETTINGS = 51
# Embeddings of few dimensions, which are cheap.
FMS = ("squeezenet1_1", "vit_tiny_patch16_224")
DATA = ("mnist", "digits")
CLASSES = ("all", "odd", "1, 3+5, 8")
TRIES = ("20 proxies per class", "Only 5 shots", "No normalisation")
# Pages whose numbers are compared nowhere, or in figures alone; each is opened with some of the settings.
OTHER_PAGES = ("map", "curves", "collapse", "leaderboard", "own_data", "library", "camera")

NUMBER = r"\d+\.\d+"
# "+0.5 points", also in bold type.
DIFFERENCE = re.compile(rf"(?<![\d.])([+−]?{NUMBER})\*{{0,2}} points")
# Not after a sign, which differences have.
ACCURACY = re.compile(rf"(?<![\d.+−])({NUMBER})")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    # One point more of each figure with each page, because no browser requests slices.
    monkeypatch.setattr(progressive, "FIRST_SLICE", 0.01)


def opened(page, **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=100)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["goto"] = page
    app.run()
    assert not app.exception, link(app)
    return app


def link(app):
    """The title of a page, and the link that it has written itself."""
    return f"{[title.value for title in app.title]} ?{urlencode(app.query_params, doseq=True)}"


def texts(app):
    """All texts of a page, without Markdown's escapes; tables are among them."""
    boxes = (app.markdown, app.caption, app.info, app.success, app.warning, app.error)
    values = [element.value for elements in boxes for element in elements]
    values += [metric.help or "" for metric in app.metric] + [
        picture.get("alt", "") for picture in pictures(app).values()
    ]
    return [re.sub(r"\\(?=\W)|\u2060", "", value) for value in values]


def claims(app):
    """Kind, first and second accuracy, and their difference as displayed, and where."""
    shown = texts(app)
    yield from of_metrics(app)
    for text in shown:
        if text.startswith("| "):
            yield from of_table(text)
        else:
            yield from of_sentences(text)
    yield from of_classes(app, shown)


def of_sentences(text):
    for sentence in re.split(r"(?<=[.:;])\s+(?=[A-Z*])|\n", text):
        before, percent, _ = sentence.rpartition("%")
        accuracies, differences = ACCURACY.findall(before), DIFFERENCE.findall(sentence)
        if not (percent and differences and len(accuracies) > 1):
            continue
        assert len(differences) == 1, f"A sentence with several differences: {sentence}"
        if "at most" in sentence:
            low, high = min(accuracies, key=Decimal), max(accuracies, key=Decimal)
            yield "largest difference", high, low, differences[0], sentence
        else:
            assert len(accuracies) == 2, f"A difference between which two numbers? {sentence}"
            kind = "went from" if "went from" in sentence else "sentence"
            yield kind, accuracies[1], accuracies[0], differences[0], sentence


def of_metrics(app):
    values = {metric.label: metric for metric in app.metric}
    for label, metric in values.items():
        if "points" not in metric.value:
            continue
        (difference,) = DIFFERENCE.findall(metric.value)
        if label == "A − B":
            first, second = (next(m.value for name, m in values.items() if name.startswith(f"{s}: ")) for s in "AB")
        elif label.startswith("Gain over"):
            first, (second,) = values["Accuracy"].value, re.findall(rf"minus ({NUMBER}) %", metric.help)
        else:
            # The gain of more proxies in lesson 5, without accuracies.
            assert "%" not in f"{label} {metric.help}"
            continue
        yield label.partition(" over")[0], first.removesuffix(" %"), second.removesuffix(" %"), difference, label


def of_table(text):
    head, _, *rows = [[cell.strip(" *") for cell in line.strip(" |").split(" | ")] for line in text.splitlines()]
    for column, title in enumerate(head):
        minuend, minus, subtrahend = title.partition(" − ")
        if not minus:
            continue
        by_name = {row[0]: row for row in rows}
        for row in rows:
            if f"{minuend}, %" in head:
                first, second = (row[head.index(f"{side}, %")] for side in (minuend, subtrahend))
            elif len(row) > column and row[column]:
                accuracy = head.index("accuracy, %")
                first, second = row[accuracy], by_name[subtrahend][accuracy]
            else:
                # Still being computed, or the row of the subtrahend.
                continue
            yield title, first, second, row[column], " | ".join(row)


def of_classes(app, shown):
    """The chart of differences by class, and the caption that names the largest ones."""
    chart = pictures(app).get("compare-classes")
    if chart is None:
        return
    (bars,) = json.loads(chart["figure"])["data"]
    recalls = {}
    for text, difference in zip(bars["customdata"], bars["text"], strict=True):
        name, first, second = re.fullmatch(rf"(.+?), \d.*: A ({NUMBER}) %, B ({NUMBER}) %", unescape(text)).groups()
        recalls[name] = first, second
        yield "class", first, second, difference, text
    for text in shown:
        for side, name, difference in re.findall(r"argest advantage of ([AB]): (.+?) \((\S+) points\)", text):
            first, second = recalls[name] if side == "A" else recalls[name][::-1]
            yield "largest advantage", first, second, difference, text


def check(app, counts):
    """Check all claims of a page, and count them by kind."""
    for kind, first, second, difference, where in claims(app):
        counts[kind] += 1
        digits = {-Decimal(number.replace("−", "-")).as_tuple().exponent for number in (first, second, difference)}
        assert len(digits) == 1, f"{where} {link(app)}"
        shown = Decimal(difference.replace("−", "-"))
        assert Decimal(first) - Decimal(second) == shown, f"{first} − {second} is not {difference}: {where} {link(app)}"
        assert re.match("[+−]", difference) or kind == "largest difference", where


def random_settings(random):
    """The query of a link to A."""
    query = {
        "fm": random.choice(FMS),
        "data": random.choice(DATA),
        "classes": random.choice(CLASSES),
        "n": str(random.choice((1, 2, 3, 5, 10, 20))),
        "seeds": str(random.choice((1, 2, 3, 4))),
    }
    if random.random() < 0.3:
        return query | {"preset": random.choice([name for name in PRESETS if name != "whitened"])}
    return query | {
        "gen": random.choice([name for name in GENERATORS if name != "cov_max"]),
        "k": str(random.choice((1, 2, 3, 5, 20))),
        "norm_pre": random.choice(("none", "l2")),
        "norm_post": random.choice(list(POST_NORMALIZATIONS)),
        "norm_inf": random.choice(("none", "l2")),
    }


def random_side(random):
    """What differs in B."""
    return {
        "b": random.choice(("same", "qi", "own", "hosoda", "k=2 norm_post=none", "norm_pre=none norm_post=none")),
        "b_fm": random.choice(("same", "same", *FMS)),
        "b_data": random.choice(("same", "same", "same", *DATA)),
        "b_n": random.choice(("same", "same", "5", "20")),
    }


def test_accuracies_and_their_difference_add_up():
    random, counts = Random(28), Counter()  # noqa: S311
    for number in range(SETTINGS):
        query = random_settings(random)
        app = opened("explore", **query)
        check(app, counts)
        tried = [button for button in app.button if button.label in TRIES and not button.disabled]
        random.choice(tried).click().run()
        check(app, counts)
        if number % 3 == 0:
            app.button(key="try-undo").click().run()
            check(app, counts)
            page = OTHER_PAGES[number // 3 % len(OTHER_PAGES)]
            check(opened(page, **query, against=random.choice(("none", "qi"))), counts)
        else:
            check(opened("compare", **query, **random_side(random)), counts)
    # With nearly all settings.
    assert counts["went from"] == SETTINGS
    assert counts["Gain"] == 2 * SETTINGS + SETTINGS // 3
    assert counts["A − B"] > 2 * SETTINGS // 3
    assert counts["preset − A"] > SETTINGS // 2
    assert counts["class"] > SETTINGS
    assert counts["largest advantage"] > SETTINGS // 3
    assert counts["largest difference"] > 1


# Lesson 7 embeds frames for seconds, and compares two accuracies without their difference.
@pytest.mark.parametrize(("lesson", "sentences"), [(1, 1), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (8, 0)])
def test_results_of_lessons_add_up(lesson, sentences):
    counts = Counter()
    check(finished(f"lesson-{lesson}"), counts)
    assert counts["sentence"] == counts.total() == sentences


@pytest.mark.parametrize("query", [{"n": "20"}, {"n": "5", "classes": "0-3", "gen": "all", "seeds": "3"}])
def test_accuracies_of_an_added_class_are_those_of_the_page(query):
    query |= {"fm": FMS[1], "data": "digits"}
    before = opened("explore", **query).metric[0].value
    app = with_class(own_data(**query), 8)
    added = opened("explore", **app.query_params)
    (text,) = [text for text in texts(added) if "gave" in text]
    seeds = query.get("seeds", "5")
    first, second, last = re.search(
        rf"\(median over {seeds} seeds\) on the test samples of the other classes: ({NUMBER}) → ({NUMBER}) %, and on "
        rf"those of all classes: ({NUMBER}) %\.",
        text,
    ).groups()
    assert (f"{first} %", f"{last} %") == (before, added.metric[0].value)
    assert Decimal(first) >= Decimal(second)


def test_added_classes_and_new_classes_beside_the_fms_own_add_up():
    counts = Counter()
    app = with_class(own_data(fm="vit_tiny_patch16_224", data="digits", n="5"), 8)
    check(app, counts)
    for page in ("explore", "compare"):
        check(opened(page, **app.query_params), counts)
    assert counts["Gain"] == counts["A − B"] - 5 == 1
    fm = "tf_efficientnet_lite0"
    app = opened("curves", fm=fm, data="digits", n="2", seeds="1", curve_fms=fm, beside="True")
    assert any("on the new classes and" in text for text in texts(app))
    check(app, counts)

"""The Share dialog without a browser: downloads of each page, settings export and import."""

from __future__ import annotations

import io
import json
import zipfile
from html import escape

import pytest
from streamlit.testing.v1 import AppTest

from app import CONTROLS
from imprint_core.errors import ImprintError
from imprint_core.export.report import Note, Picture, Table
from tests.conftest import ROOT
from ui.charts import progressive
from ui.share import dialog, settings_file
from ui.text.markdown import plain

QUICK = {"fm": "vit_tiny_patch16_224", "data": "digits", "n": "20", "seeds": "1"}
OF_A_RECIPE = ["explore", "map", "collapse", "curves", "compare", "leaderboard"]
OTHERS = ["learn", "library", "own_data"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))


def opened(page="explore", **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in {**QUICK, **query}.items():
        app.query_params[name] = value
    app.session_state["goto"] = page
    app.run()
    app.button(key="share").click().run()
    assert not app.exception
    return app


def link(app):
    return {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}


def tabs(app):
    return [tab.label for tab in app.tabs if tab.label in ("Link and settings", "Python", "Report", "Proxies")]


def downloads(app):
    return [button.label for button in app.get("download_button")]


def file_of(app, what):
    return app.session_state["share_files"][what][1]


@pytest.mark.parametrize("page", OF_A_RECIPE)
def test_pages_with_a_recipe_offer_all_downloads(page):
    app = opened(page)
    assert tabs(app) == ["Link and settings", "Python", "Report", "Proxies"]
    assert "Download settings" in downloads(app)
    assert app.code[0].value.startswith("from statistics")
    app.button(key="share_report").click().run()
    assert not app.exception
    assert not app.error
    assert any(label.startswith("Download report (4.") for label in downloads(app))
    html = file_of(app, "report").decode()
    items = [make() for make, _ in app.session_state["drawn"].values()]
    pictures = [item for item in items if isinstance(item, Picture)]
    assert html.count('class="plot"') == len(pictures) > 0
    assert html.count("<table>") == len([item for item in items if isinstance(item, Table)])
    assert all(escape(item.text) in html for item in items if isinstance(item, Note))
    assert "Accuracy" in html
    for picture in pictures:
        assert picture.alt.split("<")[0].split("&")[0][:40] in html
    headings = [m.value.removeprefix("##### ") for m in app.main.markdown if m.value.startswith("##### ")]
    repeated = [h for h in headings if f"<h2>{h.replace(chr(92), '')}</h2>" in html]
    assert len(repeated) == html.count("<h2>")
    # Curves has panel titles instead of headings.
    assert repeated or page == "curves"


def test_report_of_compare_has_b_and_all_tables(monkeypatch):
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)
    app = opened("compare", seeds="3", b="norm_pre=none norm_post=none norm_inf=none")
    app.button(key="share_report").click().run()
    html = file_of(app, "report").decode()
    metrics = app.main.metric
    assert len(metrics) == 3
    for metric in metrics:
        for text in (metric.label, metric.value, metric.delta):
            assert f"<td>{text}</td>" in html
    tables = [m.value for m in app.main.markdown if m.value.startswith("| ")]
    assert len(tables) == 2
    for row in "\n".join(tables).replace("\\", "").replace("**", "").splitlines():
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        tag = "th" if cells[0] in ("seed", "preset") else "td"
        if not cells[0].startswith((":-", "-")):
            assert f"<{tag}" in html
            assert all(f">{escape(cell)}</{tag}>" in html for cell in cells if cell)


@pytest.mark.parametrize(("seconds", "gen", "noted"), [(0.0, "random", True), (300.0, "kmeans", False)])
def test_report_notes_unfinished_figures(monkeypatch, seconds, gen, noted):
    monkeypatch.setattr(progressive, "FIRST_SLICE", seconds)
    app = opened("collapse", fm="vit_tiny_patch16_224", data="digits", n="5", seeds="1", gen=gen)
    app.button(key="share_report").click().run()
    assert ("Some figures were not finished" in file_of(app, "report").decode()) == noted


@pytest.mark.parametrize("page", OTHERS)
def test_other_pages_offer_link_and_settings(page):
    app = opened(page)
    assert not tabs(app)
    assert "Download settings" in downloads(app)
    assert app.file_uploader(key="share_file")


def test_report_has_the_settings_and_numbers_of_the_page():
    app = opened(seeds="3", norm_pre="none", gen="random", map="pca", sample="5")
    accuracy = next(m for m in app.metric if m.label == "Accuracy")
    app.button(key="share_report").click().run()
    html = file_of(app, "report").decode()
    assert f"{accuracy.value} ({accuracy.delta.split()[0]} %" in html
    for part in (
        "GEN random",
        "NORM none / L2 / L2",
        "norm_pre=none",
        "<dt>Map</dt><dd>PCA",
        "<dt>Explain sample</dt><dd>5",
    ):
        assert part in html
    # A report of another recipe is not offered.
    assert any("report" in label for label in downloads(app))
    app.select_slider(key="k").set_value(9).run()
    assert not any("report" in label for label in downloads(app))


def test_head_has_the_proxies_of_the_first_seed():
    app = opened(seeds="3")
    app.button(key="share_head").click().run()
    assert not app.error
    with zipfile.ZipFile(io.BytesIO(file_of(app, "head"))) as archive:
        card = archive.read("MODEL_CARD.md").decode()
    accuracy = next(m for m in app.metric if m.label == "Accuracy")
    assert f"Median accuracy | {accuracy.value} (" in card
    assert "with seed 17121997" in card


def test_dialog_reports_why_there_is_no_head(monkeypatch):
    def refuse(selection):
        raise ImprintError("No head of *this*.")

    monkeypatch.setattr(dialog, "_head", refuse)
    app = opened()
    app.button(key="share_head").click().run()
    assert [e.value for e in app.error] == [plain("No head of *this*.")]
    assert not any("head" in label for label in downloads(app))


def test_dialog_stays_open_until_it_is_closed_or_the_page_changes():
    app = opened()
    app.select_slider(key="k").set_value(9).run()
    assert tabs(app)
    app.session_state["goto"] = "library"
    app.run()
    assert not tabs(app)
    assert "share_open" not in app.session_state


# --- settings ---------------------------------------------------------------------------------


def upload(app, content):
    app.file_uploader(key="share_file").upload("settings.json", content)
    return app.run()


def warnings(app):
    return " ".join(w.value for w in app.warning)


MANY = {
    "k": "7",
    "norm_pre": "none",
    "classes": "a=0+1, 4-6",
    "gen": "kls",
    "lam_from": "own",
    "lam": "0.02",
    "shots": "False",
    "only": "1,2",
    "curve_recipes": "own,qi norm_post=none",
    "b": "k=2 norm_post=none",
    "min_dist": "0.5",
}


def test_settings_survive_export_and_import():
    app = opened(data="mnist", **MANY)
    before, expected = link(app), {c.key: app.session_state[c.key] for c in CONTROLS if c.key in app.session_state}
    assert len(before) == len(MANY) + len(QUICK)
    content = settings_file.written(app.session_state["last_values"], before)
    assert json.loads(content)["controls"]["only"] == [1, 2]
    assert json.loads(content)["controls"]["lam"] == 0.02
    other = opened("compare", k="3", agg="mnn", pretransform="centre", color="right")
    upload(other, content)
    assert not other.warning
    assert link(other) == before
    assert {key: other.session_state[key] for key in expected} == expected
    # Other controls have their defaults.
    assert other.session_state["color"] == "true"
    # The dialog is closed, so the file does not reset later changes.
    assert not tabs(other)
    other.select_slider(key="k").set_value(20).run()
    assert link(other)["k"] == "20"


def test_settings_file_opens_its_page():
    app = opened("compare", b="norm_pre=none, norm_post=none, norm_inf=none")
    content = settings_file.written(app.session_state["last_values"], link(app), "compare")
    other = upload(opened(), content)
    other.run()
    assert [t.value for t in other.title] == ["A against B"]
    assert link(other) == link(app)
    # An unknown page is ignored.
    other = upload(opened(), settings_file.written({"k": 9}, ["k"], "../gone"))
    other.run()
    assert not other.exception
    assert [t.value for t in other.title] == ["Explore weight imprinting"]
    assert link(other)["k"] == "9"


@pytest.mark.parametrize(
    ("controls", "sentences"),
    [
        ({"gone": 1, "k": 9}, ["Unknown parameters in the file: gone. Ignored."]),
        ({"n": 7000}, ["n = 7000 is out of range (1–122). Using 122."]),
        ({"data": "svhn"}, ["Dataset = SVHN is not available. Available:"]),
        ({"k": {"a": 1}, "norm_pre": None}, ["k in the file is not a text", "norm_pre in the file is not a text"]),
        ({"only": [[1]]}, ["only in the file is not a text"]),
        ({"classes": "__import__('os')"}, ["Using all."]),
        ({"k": float("nan")}, ["k = nan is out of range"]),
        ({"shots": "perhaps"}, ["Shots = perhaps is not available. Available: off, on."]),
    ],
)
def test_invalid_settings_are_reported_and_ignored(controls, sentences):
    app = upload(opened(), json.dumps({"imprint": 1, "controls": {**QUICK, **controls}}).encode())
    assert not app.exception
    for sentence in sentences:
        assert plain(sentence) in warnings(app)
    assert link(app)["n"] in ("20", "122")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "The file is not valid JSON."),
        (b"\xff\xfe\x00", "The file is not valid JSON."),
        (b"[" * 50_000, "The file is not valid JSON."),
        (b'{"imprint": ' + b"9" * 5000 + b"}", "The file is not valid JSON."),
        (b"[1]", "The file is not a settings file of this app."),
        (b"{}", "The file is not a settings file of this app."),
        (b'{"imprint": 2, "controls": {}}', "The file has version 2; this app reads version 1."),
        (b'{"imprint": true, "controls": {}}', "The file has version True"),
        (b'{"imprint": 1}', "The file has no “controls”"),
        (b'{"imprint": 1, "controls": [1]}', "The file has no “controls”"),
        (b" " * 70_000, "The file has 70,000 bytes; at most 65,536 are allowed."),
    ],
)
def test_invalid_files_are_reported_and_change_nothing(content, sentence):
    app = opened(k="9")
    before = link(app)
    upload(app, content)
    assert not app.exception
    assert plain(sentence) in " ".join(e.value for e in app.error)
    assert link(app) == before
    assert tabs(app)

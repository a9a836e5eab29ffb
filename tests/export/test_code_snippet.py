"""Python snippets print the accuracy that pages show."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.embeddings import SetInfo
from imprint_core.embeddings.store import EXPLORED
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.export.code_snippet import python_snippet
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from tests.conftest import ROOT
from tests.pages.conftest import warm  # noqa: F401
from ui.charts import progressive

RUN_ALL = """
import contextlib, io, json, sys
outputs = []
for code in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "snippet", "exec"), {})
    outputs.append(out.getvalue())
json.dump(outputs, sys.stdout)
"""


def some_configurations(count):
    rng = random.Random(20251)  # noqa: S311 - no secret
    fms, norms = ("vit_tiny_patch16_224", "squeezenet1_1", "resnet50"), ("none", "l2")
    for i in range(count):
        query = {
            "fm": fms[i % 3],
            "data": ("digits", "mnist")[i % 2],
            "classes": rng.choice(("all", "even", "short", "3in1", "a=0+1, 4-6, 9")),
            "n": str(rng.choice((1, 3, 5, 10, 20))),
            "seeds": str(rng.choice((1, 3, 5))),
            "gen": list(GENERATORS)[i % len(GENERATORS)],
            "k": str(rng.choice((1, 2, 5, 7))),
            "norm_pre": rng.choice(norms),
            "norm_post": rng.choice(list(POST_NORMALIZATIONS)),
            "norm_inf": rng.choice(norms),
            "agg": ("max", "mnn", "sum", "mnn")[i % 4],
            "m": str(rng.choice((1, 3, 5, 20))),
            "distance": rng.choice(list(DISTANCES)),
            "vote": rng.choice(("uniform", "distance")),
            "pretransform": rng.choice(("none", "none", "centre", "power", "whiten")),
        }
        if query["pretransform"] == "whiten":
            query["shrinkage"] = rng.choice(("auto", "ledoit_wolf", "0.5"))
        yield query


@pytest.fixture
def numbers_only(monkeypatch, tmp_path):
    """Explore without figures."""
    from pages import explore

    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path))
    # Every seed of slow recipes is evaluated before the page is complete.
    monkeypatch.setattr(progressive, "FIRST_SLICE", 300.0)
    for part in ("show_map", "show_confusion", "show_accuracy_over_k", "show_nc1_over_shots"):
        monkeypatch.setattr(explore, part, lambda *arguments, **options: None)


def shown(query):
    """Accuracy of Explore, and the snippet of the Share dialog."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    app.session_state["share_open"] = "explore"
    app.run()
    assert not app.exception
    assert not app.error
    return next(m for m in app.metric if m.label == "Accuracy"), app.code[0].value


def expected_output(metric):
    """Output of the snippet for an accuracy of Explore."""
    if metric.delta.startswith("1 draw"):
        return f"Accuracy {metric.value}\n"
    if metric.delta.startswith("the same"):
        number = metric.value.removesuffix(" %")
        return f"Accuracy {metric.value} ({number} to {number} over {metric.delta.split()[-2]} seeds)\n"
    return f"Accuracy {metric.value} ({metric.delta.replace(' %', '')})\n"


def test_snippets_print_the_accuracy_of_the_page(numbers_only):
    import json

    pairs = [shown(query) for query in some_configurations(12)]
    pairs += [shown({"fm": "vit_tiny_patch16_224", "data": "digits", "n": "20", "preset": p}) for p in PRESETS]
    codes = [code for _, code in pairs]
    assert all(code.count("\n") <= 25 for code in codes)
    assert max(len(line) for code in codes for line in code.splitlines()) <= 80
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL], input=json.dumps(codes), capture_output=True, text=True, cwd=ROOT, check=True
    )
    printed = dict(enumerate(json.loads(done.stdout)))
    # Equal to the displayed digit.
    assert printed == {i: expected_output(metric) for i, (metric, _) in enumerate(pairs)}


def test_snippet_runs_as_a_script(numbers_only, tmp_path):
    metric, code = shown({"fm": "vit_tiny_patch16_224", "data": "digits", "n": "10", "seeds": "8"})
    (tmp_path / "snippet.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "snippet.py"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout == expected_output(metric)


def test_snippet_names_only_values_that_differ_from_defaults(vit_digits):
    code = python_snippet(Experiment(vit_digits.info, "all", 5, Recipe("mean", 7, norm_post="none", m=3), SEEDS[:3]))
    assert 'Recipe(gen="mean", norm_post="none")' in code
    for name, preset in PRESETS.items():
        code = python_snippet(Experiment(vit_digits.info, "all", 5, preset.recipe, SEEDS[:3]))
        assert f'recipe = PRESETS["{name}"].recipe' in code
        assert " Recipe" not in code
    code = python_snippet(Experiment(vit_digits.info, "all", None, replace(PRESETS["oracle"].recipe, lam=0.1), (4, 5)))
    assert "lam=0.1" in code
    assert "Experiment(data.info, classes, None, recipe, seeds)" in code
    assert "seeds = (4, 5)" in code
    assert "SEEDS" not in code


def test_snippet_uses_the_part_of_large_sets_that_pages_use(vit_digits):
    meta = vit_digits.info.meta
    samples = {**meta["samples"], "test": {**meta["samples"]["test"], "count": EXPLORED[1] + 1}}
    code = python_snippet(Experiment(SetInfo(vit_digits.info.path, {**meta, "samples": samples}), n_shot=5))
    assert "open_set(sets[fm, dataset], EXPLORED)" in code
    assert "EXPLORED" not in python_snippet(Experiment(vit_digits.info, n_shot=5))


@pytest.mark.parametrize("evil", ['"); import os #', "'\"\\", "a\n\nimport os", "‮x", "{seed}", "日本"])
def test_names_are_string_literals(evil, vit_digits):
    meta = {**vit_digits.info.meta, "dataset": {**vit_digits.info.meta["dataset"], "name": evil}}
    code = python_snippet(Experiment(SetInfo(vit_digits.info.path, meta), evil, 5, seeds=SEEDS[:2]))
    assigned = next(node for node in ast.parse(code).body if isinstance(node, ast.Assign))
    assert ast.literal_eval(assigned.value)[1:] == (evil, evil)
    assert code.isprintable() or "\n" in code
    assert not [c for c in code if not c.isprintable() and c != "\n"]

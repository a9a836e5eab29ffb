import numpy as np

from imprint_core.cli.main import main
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps import preset_survey
from imprint_core.sweeps.preset_survey import IMPRINTED, SHOTS, PresetAccuracies, survey, survey_page
from tests.conftest import ROOT


def accuracies(n, **accuracy):
    return PresetAccuracies("FM", "data", n, {p: np.array(accuracy.get(p, [50.0, 60.0, 70.0])) for p in IMPRINTED})


def test_survey_evaluates_every_preset(bundled, vit_digits):
    reports = []
    key = ("vit_tiny_patch16_224", "digits")
    rows = list(survey({key: bundled[key]}, reports.append))
    assert reports == ["vit_tiny_patch16_224__digits"]
    assert [r.n for r in rows] == [n for n in SHOTS if n <= 121]
    recipe = PRESETS["own"].recipe
    runs = Evaluator(choose_classes(vit_digits), recipe.space).evaluate(recipe, 20, SEEDS[:5]).accuracy
    (twenty,) = [r for r in rows if r.n == 20]
    np.testing.assert_array_equal(twenty.accuracy["own"], runs)
    assert twenty.median("own") == np.median(runs)


def test_report_checks_the_claims():
    good = accuracies(200, whitened=[70, 80, 90], own=[65, 66, 67], oracle=[90, 90, 90], hosoda=[1, 2, 3])
    page = survey_page([good])
    assert "| FM | data | 200 | 60.0 | 2.0 | 60.0 | 66.0 | **90.0** | 80.0 |" in page
    assert "better on 1 of 1 sets.\n" in page
    assert "- At least 5 points over the paper's own on average at n = 200: holds, +14.0." in page
    assert "Never more than 1 point below one mean for n ≥ 2: holds" in page
    bad = survey_page([accuracies(5, whitened=[40, 50, 60]), accuracies(200, own=[40, 40, 40])])
    assert "better on 0 of 1 sets: **does not hold**." in bad
    assert "Never more than 1 point below one mean for n ≥ 2: **does not hold**, smallest −10.0" in bad


def test_the_documented_page_has_every_set_and_the_claims(bundled):
    page = (ROOT / "docs" / "presets.md").read_text()
    for info in bundled.values():
        assert f"| {info.meta['fm']['label']} | {info.meta['dataset']['label']} | 5 |" in page
    assert all(p.label in page for p in IMPRINTED.values())
    assert "At least 5 points over the paper's own on average at n = 200: holds" in page
    # At n = 2, by 0.3 points on one set.
    assert "for n ≥ 2: **does not hold**, smallest −1.3" in page


def test_survey_needs_a_folder(tmp_path, capsys):
    assert main(["survey", "--out", str(tmp_path / "none" / "presets.md")]) == 2
    assert "There is no folder" in capsys.readouterr().err


def test_the_documented_page_is_reproduced(bundled, monkeypatch):
    """Two of its rows, evaluated again; rounding may change the class of a sample."""
    # No other n-shots are compared, and the largest takes the most time.
    monkeypatch.setattr(preset_survey, "SHOTS", (5, 100))
    key = ("squeezenet1_1", "mnist")
    page = (ROOT / "docs" / "presets.md").read_text()
    rows = list(survey({key: bundled[key]}, lambda name: None))
    assert [row.n for row in rows] == [5, 100]
    for row in rows:
        (line,) = [s for s in page.splitlines() if s.startswith(f"| SqueezeNet 1.1 | MNIST | {row.n} |")]
        values = [float(cell.strip(" *")) for cell in line.split("|")[4:-1]]
        np.testing.assert_allclose([row.median(p) for p in IMPRINTED], values, atol=0.3)

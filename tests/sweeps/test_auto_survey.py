import numpy as np
import pytest

from imprint_core.framework.aggregation import SHARPNESS
from imprint_core.framework.selection import KS
from imprint_core.sweeps import auto_survey
from imprint_core.sweeps.auto_survey import (
    BESIDE,
    DRAWS,
    OTHERS,
    Run,
    Standings,
    Task,
    bundled_path,
    check_auto,
    evaluate,
    page,
    read,
    survey,
    tasks,
)
from tests.conftest import ROOT


def run(task, draw, auto, **others):
    accuracy = {**dict.fromkeys((*OTHERS, *BESIDE, "probe"), 50.0), **others, "auto": auto}
    return Run(task, draw, accuracy, {"auto": 0.02, "probe": 0.2}, 1)


def test_tasks_are_those_that_the_sets_have_shots_for(bundled):
    chosen = tasks(bundled)
    assert Task("resnet50", "mnist", "all", 0, 200) in chosen
    assert Task("resnet50", "digits", "all", 0, 100) in chosen
    assert Task("resnet50", "digits", "all", 0, 200) not in chosen
    assert Task("vit_tiny_patch16_224", "tiny_imagenet_100", "8in1", 8, 240) in chosen
    assert len(chosen) == len(set(chosen)) == 178


def test_a_survey_resumes_and_its_runs_are_the_cores(bundled, tmp_path, monkeypatch):
    few = [
        Task("vit_tiny_patch16_224", "digits", "all", 0, 5),
        Task("squeezenet1_1", "tiny_imagenet_100", "2in1", 2, 8),
    ]
    monkeypatch.setattr(auto_survey, "tasks", lambda sets: few)
    path, progress = tmp_path / "auto.jsonl", []
    first = survey(bundled, path, progress.append, draws=1)
    assert progress == [
        "draw 1: vit_tiny_patch16_224 digits all n = 5",
        "draw 1: squeezenet1_1 tiny_imagenet_100 2in1 n = 8",
    ]
    assert survey(bundled, path, progress.append, draws=1) == read(path) == first
    assert len(progress) == 2
    assert all(run.accuracy["auto"] > run.accuracy["own"] for run in first)
    assert all(run.accuracy[name] > 25 for name in BESIDE for run in first)
    # At five shots Auto is the whitened mean.
    assert first[0].accuracy["auto"] == first[0].accuracy["whitened"]


def test_the_page_names_shares_gains_and_the_worst_task():
    merged, single = Task("fm", "data", "5in1", 5, 50), Task("resnet50", "data", "all", 0, 5)
    runs = [run(merged, 1, 70.0), run(merged, 2, 80.0), run(single, 1, 50.0, oracle=53.0)]
    standings = Standings(runs)
    np.testing.assert_allclose(standings.behind, [25, -3])
    assert standings.draws == 1
    text = page(runs)
    assert "| all | 2 | 50.0 % | −3.0 | +12.5 | +12.5 | +12.5 |" in text
    assert "| FMs without part in setting constants | 1 | 0.0 % | −3.0 | +0.0 | +0.0 | +0.0 |" in text
    assert "Tasks more than 1 point below the best: 1, of them 1 with 5 shots per class or fewer" in text
    assert "- ResNet-50, data, n = 5: 50.0 (" in text
    assert "| 20 to 99 | 0.020 | 0.200 |" in text
    with pytest.raises(ValueError, match="min"):
        Standings([])


def test_the_finding_names_the_worst_case_and_what_a_probe_gains():
    merged, single = Task("fm", "data", "5in1", 5, 50), Task("resnet50", "data", "all", 0, 5)
    good = [run(merged, 1, 70.0), run(single, 1, 50.0, oracle=50.5)]
    finding = check_auto(good)
    assert finding.holds
    assert "Over 2 tasks (mean of 1 or more draws)" in finding.evidence
    assert "on **100.0 %**. The worst case is ResNet-50, data, n = 5: 50.0 %, Least squares (oracle) 50.5 %." in (
        finding.evidence
    )
    assert "Auto gains +10.0 points over the probe and +10.0 over" in finding.evidence
    assert "where 5 or more classes are merged, +20.0 over the probe. The probe is ahead by more than 1 point on 0" in (
        finding.evidence
    )
    assert not check_auto([run(single, 1, 50.0, probe=53.0)]).holds
    assert "on 1 tasks" in check_auto([run(single, 1, 50.0, probe=53.0)]).evidence


def test_the_bundled_survey_has_every_task(bundled):
    runs = read(bundled_path())
    assert {run.task for run in runs if run.draw == 1} == set(tasks(bundled))
    assert Standings(runs).draws == DRAWS
    assert len({(run.task, run.draw) for run in runs}) == len(runs)
    # Runs are reproduced.
    task = Task("vit_tiny_patch16_224", "digits", "all", 0, 5)
    (stored,) = [run for run in runs if (run.task, run.draw) == (task, 1)]
    again = evaluate(task, bundled["vit_tiny_patch16_224", "digits"], 1)
    assert again.accuracy == pytest.approx(stored.accuracy, abs=0.3)


def test_the_documented_page_has_every_task(bundled):
    lines = (ROOT / "docs" / "auto.md").read_text(encoding="utf-8").splitlines()
    rows = {tuple(cell.strip() for cell in line.split("|")[1:5]) for line in lines if line.startswith("| ")}
    assert {(task.fm, task.dataset, task.classes, str(task.n)) for task in tasks(bundled)} <= rows
    # Its method is that of the code.
    text = "\n".join(lines)
    assert f"For k in {', '.join(map(str, KS[:-1]))} and {KS[-1]}," in text
    assert f"exp({SHARPNESS:.0f} cos_j)" in text

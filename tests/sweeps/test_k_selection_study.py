import numpy as np
import pytest

from imprint_core.collapse.k_curves import nc1_of_split
from imprint_core.embeddings import open_set
from imprint_core.evaluation.k_selection import DEFAULT_RULE, RULES
from imprint_core.framework.normalization import l2
from imprint_core.sweeps import k_selection_study
from imprint_core.sweeps.k_selection_study import (
    KS,
    LABELS,
    SHOTS,
    bundled_study,
    least_split_nc1,
    report,
    standing,
    study,
    write,
)
from tests.conftest import ROOT


def test_bundled_results_are_of_the_bundled_sets_and_documented(bundled):
    cases = bundled_study()
    assert {(case.fm, case.dataset, case.digest) for case in cases} == {
        (info.fm, info.dataset, info.digest) for info in bundled.values()
    }
    assert (ROOT / "docs" / "suggested_k.md").read_text() == report(cases)
    assert all(set(case.short) == set(LABELS) and case.n in SHOTS and case.best in KS for case in cases)


def test_the_default_rule_is_the_best_rule():
    summaries = {rule: standing(bundled_study(), rule) for rule in LABELS}
    assert summaries[DEFAULT_RULE].near == max(summary.near for summary in summaries.values())
    assert summaries[DEFAULT_RULE].mean == min(summary.mean for summary in summaries.values())
    assert summaries[DEFAULT_RULE].near >= 0.7


def test_the_study_is_reproduced(bundled, monkeypatch):
    """Parts of one set; rounding may change a suggestion."""
    monkeypatch.setattr(k_selection_study, "SHOTS", (5, 50, 200))
    key = ("vit_tiny_patch16_224", "digits")
    reports = []
    cases = list(study({key: bundled[key]}, reports.append))
    bundled_cases = [case for case in bundled_study() if (case.fm, case.dataset) == key and case.n in (5, 50)]
    assert reports == ["vit_tiny_patch16_224__digits all"]
    assert [case.n for case in cases] == [case.n for case in bundled_cases] == [5, 50]
    for case, other in zip(cases, bundled_cases, strict=True):
        for rule in LABELS:
            assert np.mean(case.short[rule]) == pytest.approx(np.mean(other.short[rule]), abs=1.5)
    assert write(cases).count(b'"best"') == 2
    assert all(rule in case.short for rule in RULES)


def test_the_cluster_criterion_has_the_smallest_nc1(bundled):
    tiny = open_set(bundled["vit_tiny_patch16_224", "cifar10"])
    rows = np.concatenate([np.flatnonzero(tiny.y_train == c)[:20] for c in range(10)])
    X, y = tiny.X_train[rows], tiny.y_train[rows]
    suggested = least_split_nc1(X, y, (1, 2, 3, 5), 0)
    values = {k: nc1_of_split(l2(X), y, k, 0) for k in (1, 2, 3, 5)}
    assert values[suggested] == min(values.values())
    assert least_split_nc1(X[:10], np.arange(10), (1, 2), 0) == 1

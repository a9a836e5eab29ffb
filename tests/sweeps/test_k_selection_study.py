import numpy as np
import pytest

from imprint_core.collapse.k_curves import nc1_of_split
from imprint_core.embeddings import open_set
from imprint_core.evaluation.k_selection import RULE, RULES
from imprint_core.framework.normalization import l2
from imprint_core.sweeps import k_selection_study
from imprint_core.sweeps.k_selection_study import (
    KS,
    LABELS,
    SHOTS,
    found,
    least_split_nc1,
    report,
    standing,
    study,
    write,
)
from tests.conftest import ROOT


def test_what_pages_show_is_of_the_bundled_sets_and_on_the_page(bundled):
    cases = found()
    assert {(case.fm, case.dataset, case.digest) for case in cases} == {
        (info.fm, info.dataset, info.digest) for info in bundled.values()
    }
    assert (ROOT / "docs" / "suggested_k.md").read_text() == report(cases)
    assert all(set(case.short) == set(LABELS) and case.n in SHOTS and case.best in KS for case in cases)


def test_the_rule_shown_is_the_best_of_them():
    at = {rule: standing(found(), rule) for rule in LABELS}
    assert at[RULE].near == max(own.near for own in at.values())
    assert at[RULE].mean == min(own.mean for own in at.values())
    assert at[RULE].near >= 0.7


def test_made_anew_it_is_the_same(bundled, monkeypatch):
    """Parts of one set; a suggestion may fall otherwise where rounding moves a sample."""
    monkeypatch.setattr(k_selection_study, "SHOTS", (5, 50, 200))
    key = ("vit_tiny_patch16_224", "digits")
    told = []
    made = list(study({key: bundled[key]}, told.append))
    kept = [case for case in found() if (case.fm, case.dataset) == key and case.n in (5, 50)]
    assert told == ["vit_tiny_patch16_224__digits all"]
    assert [case.n for case in made] == [case.n for case in kept] == [5, 50]
    for one, other in zip(made, kept, strict=True):
        for rule in LABELS:
            assert np.mean(one.short[rule]) == pytest.approx(np.mean(other.short[rule]), abs=1.5)
    assert write(made).count(b'"best"') == 2
    assert all(rule in one.short for rule in RULES)


def test_the_cluster_criterion_is_where_nc1_is_least(bundled):
    tiny = open_set(bundled["vit_tiny_patch16_224", "cifar10"])
    rows = np.concatenate([np.flatnonzero(tiny.y_train == c)[:20] for c in range(10)])
    X, y = tiny.X_train[rows], tiny.y_train[rows]
    k = least_split_nc1(X, y, (1, 2, 3, 5), 0)
    values = {own: nc1_of_split(l2(X), y, own, 0) for own in (1, 2, 3, 5)}
    assert values[k] == min(values.values())
    assert least_split_nc1(X[:10], np.arange(10), (1, 2), 0) == 1

import numpy as np
import pytest

from imprint_core.collapse.spectra import STAGES, spectra
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import choose_classes
from imprint_core.framework.normalization import l2


@pytest.fixture(scope="module")
def shots(bundled):
    pool = choose_classes(open_set(bundled["squeezenet1_1", "mnist"]))
    rows = np.concatenate([np.flatnonzero(pool.y_train == c)[:100] for c in range(10)])
    return pool.X_train[rows], pool.y_train[rows], pool.X_test, pool.y_test


def matrices(X, y):
    X = X.astype(np.float64)
    means = np.array([X[y == c].mean(axis=0) for c in np.unique(y)])
    within = np.mean([np.cov(X[y == c].T, bias=True) for c in np.unique(y)], axis=0)
    return within, np.cov(means.T, bias=True)


@pytest.mark.parametrize("stage", ["none", "l2"])
def test_spectra_are_the_matrices_eigenvalues(shots, stage):
    X, y, *test = shots
    own = spectra(X, y, *test, stage)
    within, between = matrices(l2(X) if stage == "l2" else X, y)
    theirs = np.linalg.eigvalsh(within)[::-1]
    np.testing.assert_allclose(own.within[:200], theirs[:200], rtol=1e-3)
    np.testing.assert_allclose(own.between, np.linalg.eigvalsh(between)[::-1][:9], rtol=1e-4)
    assert own.traces[0] == pytest.approx(np.trace(within), rel=1e-4)


def test_wide_embeddings_have_the_same_spectrum_from_the_smaller_matrix(shots):
    X, y, X_test, y_test = shots
    few = np.concatenate([np.flatnonzero(y == c)[:8] for c in range(10)])
    own = spectra(X[few], y[few], X_test, y_test, "l2")
    theirs = np.linalg.eigvalsh(matrices(l2(X[few]), y[few])[0])[::-1]
    assert len(own.within) == 70
    np.testing.assert_allclose(own.within[:60], theirs[:60], rtol=1e-3)


def test_traces_of_unit_vectors_add_up_to_one_at_each_stage_that_ends_with_l2(shots):
    for stage in ("l2", "cl2n"):
        assert sum(spectra(*shots, stage).traces) == pytest.approx(1, abs=1e-5)


def test_whitening_makes_the_spectrum_within_classes_flat(shots, bundled):
    vit = choose_classes(open_set(bundled["vit_tiny_patch16_224", "mnist"]))
    flat = spectra(vit.X_train, vit.y_train, vit.X_test, vit.y_test, "whiten", 0.0).within
    assert len(flat) == 192
    np.testing.assert_allclose(flat, flat.mean(), rtol=1e-3)
    # A shrinkage leaves a slope; of what was steep before little is left.
    before, auto = spectra(*shots, "l2").within, spectra(*shots, "whiten").within
    assert before[0] / before[200] > 20 * auto[0] / auto[200]


def test_whitening_collapses_classes_of_test_samples_too(shots):
    told = {stage: spectra(*shots, stage) for stage in STAGES}
    assert told["whiten"].nc1_test < 0.5 * told["l2"].nc1_test
    assert told["whiten"].nc1 < told["whiten"].nc1_test


def test_points_and_one_class():
    X, y = np.repeat(np.eye(2, dtype=np.float32), 3, axis=0), np.repeat([0, 1], 3)
    own = spectra(X, y, X, y, "l2")
    assert (len(own.within), own.nc1, own.traces[0]) == (0, 0, 0)
    with pytest.raises(ImprintError, match="at least two"):
        spectra(X[:3], y[:3], X[:3], y[:3], "l2")

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
def test_spectra_are_eigenvalues_of_the_covariance_matrices(shots, stage):
    X, y, *test = shots
    result = spectra(X, y, *test, stage)
    within, between = matrices(l2(X) if stage == "l2" else X, y)
    expected = np.linalg.eigvalsh(within)[::-1]
    np.testing.assert_allclose(result.within[:200], expected[:200], rtol=1e-3)
    np.testing.assert_allclose(result.between, np.linalg.eigvalsh(between)[::-1][:9], rtol=1e-4)
    assert result.traces[0] == pytest.approx(np.trace(within), rel=1e-4)


def test_spectrum_of_few_samples_comes_from_the_smaller_matrix(shots):
    X, y, X_test, y_test = shots
    few = np.concatenate([np.flatnonzero(y == c)[:8] for c in range(10)])
    result = spectra(X[few], y[few], X_test, y_test, "l2")
    expected = np.linalg.eigvalsh(matrices(l2(X[few]), y[few])[0])[::-1]
    assert len(result.within) == 70
    np.testing.assert_allclose(result.within[:60], expected[:60], rtol=1e-3)


def test_traces_sum_to_one_after_stages_that_end_with_l2(shots):
    for stage in ("l2", "cl2n"):
        assert sum(spectra(*shots, stage).traces) == pytest.approx(1, abs=1e-5)


def test_whitening_flattens_the_spectrum_within_classes(shots, bundled):
    vit = choose_classes(open_set(bundled["vit_tiny_patch16_224", "mnist"]))
    flat = spectra(vit.X_train, vit.y_train, vit.X_test, vit.y_test, "whiten", 0.0).within
    assert len(flat) == 192
    np.testing.assert_allclose(flat, flat.mean(), rtol=1e-3)
    # Shrinkage leaves a small slope.
    before, auto = spectra(*shots, "l2").within, spectra(*shots, "whiten").within
    assert before[0] / before[200] > 20 * auto[0] / auto[200]


def test_whitening_reduces_nc1_of_test_samples(shots):
    by_stage = {stage: spectra(*shots, stage) for stage in STAGES}
    assert by_stage["whiten"].nc1_test < 0.5 * by_stage["l2"].nc1_test
    assert by_stage["whiten"].nc1 < by_stage["whiten"].nc1_test


def test_spectra_of_collapsed_classes_and_of_one_class():
    X, y = np.repeat(np.eye(2, dtype=np.float32), 3, axis=0), np.repeat([0, 1], 3)
    result = spectra(X, y, X, y, "l2")
    assert (len(result.within), result.nc1, result.traces[0]) == (0, 0, 0)
    with pytest.raises(ImprintError, match="at least two"):
        spectra(X[:3], y[:3], X[:3], y[:3], "l2")

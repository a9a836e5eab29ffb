"""Spectra of the variance within and between classes, before and after NORM and transforms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.class_statistics import ClassStatistics, class_statistics
from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.framework.feature_map import FeatureMap
from imprint_core.framework.normalization import Array, l2
from imprint_core.framework.transforms import centring
from imprint_core.framework.whitening import Shrinkage, whitening

Floats = NDArray[np.float64]
# Eigenvalues below this share of the largest are rounding errors.
_TINY = 1e-7


@dataclass(frozen=True)
class Stage:
    """An entry of the table: a transformation of embeddings."""

    label: str
    help: str
    # Maps shots (n, d), their classes (n,) from 0 up and a shrinkage to a function of vectors (m, d).
    fit: Callable[[Array, NDArray[np.integer], Shrinkage], Callable[[Array], Array]]


def _cl2n(x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage) -> Callable[[Array], Array]:
    centred: FeatureMap = centring(l2(x), codes)
    return lambda vectors: l2(centred(l2(vectors)))


STAGES: dict[str, Stage] = {
    "none": Stage("unchanged", "Embeddings as the FM outputs them.", lambda x, codes, shrinkage: FeatureMap()),
    "l2": Stage("L2", "Scaled to length 1 (paper, NORM).", lambda x, codes, shrinkage: l2),
    "cl2n": Stage(
        "L2, centred, L2",
        "Scaled to length 1, centred on the mean of the class means, and scaled to length 1 again (Wang et al., 2019, "
        "SimpleShot). Centring alone changes neither spectrum.",
        _cl2n,
    ),
    "whiten": Stage(
        "whitened",
        "L2, centred, and scaled so that the covariance within classes is the identity, up to the shrinkage.",
        whitening,
    ),
}


@dataclass(frozen=True)
class Spectra:
    """Variances along principal directions, largest first.

    Attributes
    ----------
    within : ndarray of shape (r,)
        Eigenvalues of Σ_W.
    between : ndarray of shape (q,)
        Eigenvalues of Σ_B, at most C − 1.
    center : float
        ‖μ_G‖², the squared length of the mean of the class means.
    dim : int
        Width of the embeddings, d.
    nc1, nc1_test : float
        NC1 of the shots, and of the test samples, to which the stage was not fitted.
    """

    within: Floats
    between: Floats
    center: float
    dim: int
    nc1: float
    nc1_test: float

    @property
    def traces(self) -> tuple[float, float, float]:
        """trace(Σ_W), trace(Σ_B) and ‖μ_G‖²; for unit vectors in classes of equal size they sum to 1."""
        return float(self.within.sum()), float(self.between.sum()), self.center


def spectra(
    X: Array,
    y: NDArray[np.integer],
    X_test: Array,
    y_test: NDArray[np.integer],
    stage: str,
    shrinkage: Shrinkage = "auto",
    variant: str = "textbook",
) -> Spectra:
    """Compute the spectra of shots X (n, d), as the FM outputs them, at a stage: a key of `STAGES`.

    The test samples have the same classes, and `shrinkage` is that of whitening. For fewer than two classes it raises
    an `ImprintError`.
    """
    codes = np.unique(y, return_inverse=True)[1]
    transform = STAGES[stage].fit(X, codes, shrinkage)
    shots = transform(X)
    nc1 = NC1_VARIANTS[variant]
    statistics = class_statistics(shots, codes)
    # Raises an error for a single class. Statistics are computed again if the variant uses another μ_G.
    value = float((nc1.of(statistics) if nc1.center == "classes" else nc1.per_class(shots, codes)).mean())
    return Spectra(
        within_spectrum(shots, codes, statistics),
        statistics.between,
        float(statistics.center @ statistics.center),
        X.shape[1],
        value,
        float(nc1.per_class(transform(X_test), y_test).mean()),
    )


def within_spectrum(X: Array, codes: NDArray[np.integer], statistics: ClassStatistics) -> Floats:
    """Compute the eigenvalues of Σ_W, largest first, from the smaller Gram matrix; rounding errors are dropped."""
    weights = 1 / np.sqrt(len(statistics.sizes) * statistics.sizes.astype(np.float64))
    residuals = (X - statistics.means.astype(X.dtype)[codes]) * weights.astype(X.dtype)[codes, None]
    n, d = residuals.shape
    gram = residuals @ residuals.T if n < d else residuals.T @ residuals
    values = np.linalg.eigvalsh(gram.astype(np.float64))[::-1]
    return values[values > _TINY * max(float(values[0]), 0.0)] if len(values) else values

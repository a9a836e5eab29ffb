"""Spectra of the variance within and between classes, and what NORM and transforms do to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.class_statistics import ClassStatistics, class_statistics
from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.framework.feature_map import Map
from imprint_core.framework.normalization import Array, l2
from imprint_core.framework.transforms import centring
from imprint_core.framework.whitening import Shrinkage, whitening

Floats = NDArray[np.float64]
# Eigenvalues with less than this share of the largest are rounding.
_TINY = 1e-7


@dataclass(frozen=True)
class Stage:
    """An entry of the table: what embeddings go through.

    Attributes
    ----------
    label, help : str
        For pages.
    fit : callable
        Maps shots (n, d), their classes (n,) from 0 up and a shrinkage to what takes vectors (m, d) there.
    """

    label: str
    help: str
    fit: Callable[[Array, NDArray[np.integer], Shrinkage], Callable[[Array], Array]]


def _cl2n(x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage) -> Callable[[Array], Array]:
    centred: Map = centring(l2(x), codes)
    return lambda vectors: l2(centred(l2(vectors)))


STAGES: dict[str, Stage] = {
    "none": Stage("as they are", "Embeddings as the FM gives them.", lambda x, codes, shrinkage: Map()),
    "l2": Stage("L2", "Scaled to length 1 (paper, NORM).", lambda x, codes, shrinkage: l2),
    "cl2n": Stage(
        "L2, centred, L2",
        "Less the mean of the class means, then scaled to length 1 once more (Wang et al., 2019, SimpleShot). Centring "
        "alone moves all classes alike and changes neither spectrum.",
        _cl2n,
    ),
    "whiten": Stage(
        "whitened",
        "L2, centred, and every direction divided by the classes' own spread along it.",
        whitening,
    ),
}


@dataclass(frozen=True)
class Spectra:
    """Variance along principal directions, largest first.

    Attributes
    ----------
    within : ndarray of shape (r,)
        Eigenvalues of Σ_W.
    between : ndarray of shape (q,)
        Eigenvalues of Σ_B, C − 1 at most.
    center : float
        ‖μ_G‖², the squared length of the mean of the class means.
    dim : int
        Width of the embeddings, d.
    nc1, nc1_test : float
        Of the shots, and of test samples that had no part in what the shots went through.
    """

    within: Floats
    between: Floats
    center: float
    dim: int
    nc1: float
    nc1_test: float

    @property
    def traces(self) -> tuple[float, float, float]:
        """trace(Σ_W), trace(Σ_B) and ‖μ_G‖²: of unit vectors in classes of one size they add up to 1."""
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
    """Spectra of shots at a stage of the table.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Shots, as the FM gives them.
    y : ndarray of shape (n,)
    X_test : ndarray of shape (m, d)
    y_test : ndarray of shape (m,)
        Of the same classes.
    stage : str
        Key of `STAGES`.
    shrinkage
        Of whitening.
    variant : str
        Key of `NC1_VARIANTS`.

    Raises
    ------
    ImprintError
        For fewer than two classes.
    """
    codes = np.unique(y, return_inverse=True)[1]
    through = STAGES[stage].fit(X, codes, shrinkage)
    shots = through(X)
    nc1 = NC1_VARIANTS[variant]
    own = class_statistics(shots, codes)
    # Of the same statistics where they are of the same μ_G; it also says what is wrong with a single class.
    value = float((nc1.of(own) if nc1.center == "classes" else nc1.per_class(shots, codes)).mean())
    return Spectra(
        within_spectrum(shots, codes, own),
        own.between,
        float(own.center @ own.center),
        X.shape[1],
        value,
        float(nc1.per_class(through(X_test), y_test).mean()),
    )


def within_spectrum(X: Array, codes: NDArray[np.integer], statistics: ClassStatistics) -> Floats:
    """Eigenvalues of Σ_W, largest first, without those that are rounding; from whichever Gram matrix is smaller."""
    weights = 1 / np.sqrt(len(statistics.sizes) * statistics.sizes.astype(np.float64))
    residuals = (X - statistics.means.astype(X.dtype)[codes]) * weights.astype(X.dtype)[codes, None]
    n, d = residuals.shape
    gram = residuals @ residuals.T if n < d else residuals.T @ residuals
    values = np.linalg.eigvalsh(gram.astype(np.float64))[::-1]
    return values[values > _TINY * max(float(values[0]), 0.0)] if len(values) else values

"""Neural collapse: how far each class varies around its mean.

NC1 is that of Papyan, Han and Donoho (PNAS 2020), trace(Σ_W Σ_B⁺)/C, as the textbook has it.
The paper's published values carry an extra μ_G μ_Gᵀ in Σ_W (facts §4) and are larger.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.normalization import Array

# Class means that differ by less than this, relative to the largest spread, count as one
# direction: float64 leaves about 1e-16, float32 embeddings about 1e-7.
_RANK_TOLERANCE = 1e-6
_TINY = float(np.finfo(np.float32).tiny)


def nc1(X: Array, y: NDArray[np.integer]) -> float:
    """Within-class variability, trace(Σ_W pinv(Σ_B)) / C, classes weighted equally.

    With Z = (class means − their mean)/√C = U S Vᵀ this is the class-balanced mean of
    ‖(x − μ_y) V / S‖², divided by C: no d × d matrix and no pseudo-inverse.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings.
    y : ndarray of shape (n,)
        Their classes.

    Returns
    -------
    float
        0 for fully collapsed classes; `inf` where classes vary but all means coincide.

    Raises
    ------
    ImprintError
        For fewer than two classes: with one there is nothing between classes.
    """
    classes, codes = np.unique(y, return_inverse=True)
    count = len(classes)
    if count < 2:
        raise ImprintError("NC1 compares classes; it needs samples of at least two.")
    if np.any(codes[1:] < codes[:-1]):
        order = np.argsort(codes, kind="stable")
        X, codes = X[order], codes[order]
    sizes = np.bincount(codes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    means = np.add.reduceat(X, starts, axis=0, dtype=np.float64) / sizes[:, None]
    spread = (means - means.mean(axis=0)) / np.sqrt(count)
    _, s, vt = np.linalg.svd(spread, full_matrices=False)
    # The centred means sum to nothing, so the last singular value is rounding.
    s, vt = s[: count - 1], vt[: count - 1]
    keep = s > _RANK_TOLERANCE * max(float(s.max(initial=0)), _TINY)
    residuals_matter = bool(keep.any())
    if not residuals_matter:
        varies = bool(np.any(np.abs(X - means[codes]) > _RANK_TOLERANCE * np.abs(X).max(initial=0)))
        return float("inf") if varies else 0.0
    axes = vt[keep].T / s[keep]
    # Projecting first, in the embeddings' own precision, leaves 9 columns of 2048 to subtract in.
    along = (X @ axes.astype(X.dtype)).astype(np.float64) - (means @ axes)[codes]
    squares = np.einsum("ij,ij->i", along, along)
    within = np.add.reduceat(squares, starts) / sizes
    return float(within.mean() / count)

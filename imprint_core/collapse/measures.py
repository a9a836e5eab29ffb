"""Measures of neural collapse: NC1 to NC4 (Papyan, Han and Donoho, PNAS 2020), CDNV, VCI and the trace ratio.

All measures weight classes equally, and need at least two. A class with a single sample has no variance, so it makes
the set look more collapsed than it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.eigenvectors import eigenvectors
from imprint_core.collapse.class_statistics import (
    RANK_TOLERANCE,
    ClassStatistics,
    Floats,
    NormalizedRows,
    class_statistics,
)
from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array

# Eigenvalues of Σ_T below this share of the largest are rounding errors.
_NULL = 1e-10


def require_two_classes(classes: int, measure: str = "NC1") -> None:
    """Raise an `ImprintError` for fewer than two classes."""
    if classes < 2:
        raise ImprintError(f"{measure} needs at least two classes.")


def _ratio(within: Floats, between: Floats, scale: float) -> Floats:
    """Divide variances; infinite if only `between` is zero up to rounding at this scale, 0 if both are."""
    zero = (RANK_TOLERANCE**2) * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        quotients = within / between
    return np.where(between > zero, quotients, np.where(within > zero, np.inf, 0.0))


def _scale(statistics: ClassStatistics) -> float:
    """Return the largest mean squared length of a class: rounding errors are relative to it."""
    return float(np.max(np.einsum("ij,ij->i", statistics.means, statistics.means) + statistics.variances, initial=0))


def nc1_per_class(statistics: ClassStatistics) -> Floats:
    """Compute trace(Σ_c Σ_B⁺)/C of each class, of shape (C,); NC1 is their mean.

    With (class means − their mean)/√C = U S Vᵀ it equals the mean of ‖(x − μ_c) V / S‖², divided by C, which needs
    neither d × d matrices nor a pseudo-inverse. If all means coincide, it is infinite for classes that vary and 0 for
    others.
    """
    require_two_classes(len(statistics.sizes))
    if not len(statistics.between):
        return _ratio(statistics.variances, np.zeros(len(statistics.sizes)), _scale(statistics))
    return np.asarray((statistics.along_axes / statistics.between).sum(axis=1) / len(statistics.sizes))


def nc1(X: Array, y: NDArray[np.integer]) -> float:
    """Compute NC1, the within-class variability trace(Σ_W Σ_B⁺)/C (Papyan et al., 2020).

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings.
    y : ndarray of shape (n,)
        Classes.

    Returns
    -------
    float
        0 for fully collapsed classes; infinite if classes vary but all means coincide.

    Raises
    ------
    ImprintError
        For fewer than two classes.
    """
    return float(nc1_per_class(class_statistics(X, y)).mean())


def published_nc1_per_class(statistics: ClassStatistics) -> Floats:
    """Compute NC1 of each class as the paper's code does, of shape (C,), to compare with its figures.

    The code subtracts (class mean − μ_G) instead of the class mean, so its Σ_W has an extra term μ_G μ_Gᵀ. Embeddings
    far from the origin therefore look less collapsed. μ_G must be the mean of all samples.
    """
    values = nc1_per_class(statistics)
    if not len(statistics.between):
        return values
    return values + np.sum((statistics.axes @ statistics.center) ** 2 / statistics.between) / len(statistics.sizes)


def corrected_nc1_per_class(statistics: ClassStatistics) -> Floats:
    """Compute NC1 of each class, of shape (C,), with leave-one-out class means, to correct it for few shots.

    The mean m_c of n_c shots is close to them, and differs from the true mean by their variance divided by n_c. So
    shots vary too little around it, and the m_c vary too much. Two corrections are unbiased:

    - Variance within class c: the mean of (x − m_c)·(x − m_c without x), which is n_c/(n_c − 1) times the usual one.
    - Gram matrix of the class means: its diagonal ‖m_c‖² becomes the mean of x·(m_c without x), which is
      ‖m_c‖² − trace(Σ_c)/(n_c − 1), with the usual trace. This lowers the eigenvalues of Σ_B, here by the first-order
      term along the uncorrected eigenvectors.

    The inverse of a corrected eigenvalue is not unbiased, and below half the uncorrected one an eigenvalue cannot be
    distinguished from noise; it is lowered to half at most. So very few shots are not corrected fully. A class with
    one sample is not corrected.
    """
    values = nc1_per_class(statistics)
    if not len(statistics.between):
        return values
    count = len(statistics.sizes)
    others = np.maximum(statistics.sizes - 1, 1)
    shares = (statistics.centered @ statistics.axes.T) ** 2 / (count * statistics.between)
    noise = shares.T @ (statistics.variances / others) / count
    between = np.maximum(statistics.between - noise, statistics.between / 2)
    along_axes = statistics.along_axes * (statistics.sizes / others)[:, None]
    return np.asarray((along_axes / between).sum(axis=1) / count)


@dataclass(frozen=True)
class Nc1Variant:
    """An entry of the table: a definition of NC1."""

    label: str
    help: str
    # The μ_G that it uses, see `streamed_statistics`.
    center: str
    # Maps such statistics to NC1 of each class (C,).
    of: Callable[[ClassStatistics], Floats]

    def per_class(self, X: Array | NormalizedRows, y: NDArray[np.integer]) -> Floats:
        """Compute NC1 of each class (C,) of embeddings (n, d); NC1 is their mean."""
        return self.of(class_statistics(X, y, center=self.center))


NC1_VARIANTS: dict[str, Nc1Variant] = {
    "textbook": Nc1Variant(
        "textbook",
        "Variance of samples around their class mean (Papyan et al., 2020, NC1).",
        "classes",
        nc1_per_class,
    ),
    "corrected": Nc1Variant(
        "corrected",
        "With leave-one-out class means: the mean of few shots is close to them, so NC1 falls with n although the "
        "classes have not changed. Not fully corrected at very few shots.",
        "classes",
        corrected_nc1_per_class,
    ),
    "published": Nc1Variant(
        "as published",
        "The paper's code subtracts (class mean − global mean) instead of the class mean. The global mean then counts "
        "as variance within classes, so NC1 is larger.",
        "samples",
        published_nc1_per_class,
    ),
}


def trace_ratio(statistics: ClassStatistics) -> float:
    """Compute trace(Σ_W)/trace(Σ_B), which unlike NC1 ignores directions."""
    require_two_classes(len(statistics.sizes), "The trace ratio")
    within, between = statistics.variances.mean(), statistics.between.sum()
    return float(_ratio(within, between, _scale(statistics)))


def cdnv(statistics: ClassStatistics) -> Floats:
    """Compute the class-distance normalised variance of each pair of classes (Galanti, György and Hutter, ICLR 2022).

    Returns
    -------
    ndarray of shape (C, C)
        (var_i + var_j) / (2 ‖μ_i − μ_j‖²), with 0 on the diagonal; infinite for two classes with the same mean.
        Usually the mean over pairs is reported.
    """
    require_two_classes(len(statistics.sizes), "CDNV")
    centered = statistics.centered
    # Differences of means instead of expanded squares: means can be close to each other and far from the origin.
    distances = np.array([np.sum((centered - mean) ** 2, axis=1) for mean in centered])
    quotients = _ratio(statistics.variances[:, None] + statistics.variances, 2 * distances, _scale(statistics))
    np.fill_diagonal(quotients, 0)
    return quotients


def mean_cdnv(statistics: ClassStatistics) -> float:
    """Compute the mean CDNV over all pairs of different classes."""
    count = len(statistics.sizes)
    return float(cdnv(statistics).sum() / (count * (count - 1)))


def vci(statistics: ClassStatistics) -> float:
    """Compute the variability collapse index, 1 − trace(Σ_T⁺ Σ_B)/rank(Σ_B) (Xu and Liu, ICML 2023).

    It is 0 for collapsed classes and 1 if all means coincide, and invariant to invertible linear maps. With fewer
    samples than dimensions it is always 0, because some direction separates all samples. The statistics must have
    a covariance.
    """
    require_two_classes(len(statistics.sizes), "VCI")
    return _vci(_covariance(statistics), statistics, _NULL)


def published_vci(X: Array | NormalizedRows, y: NDArray[np.integer]) -> float:
    """Compute VCI of embeddings (n, d) as the paper's code does: with the Σ_W of `published_nc1_per_class`.

    The code's pseudo-inverse has the default tolerance of float32, d · 1.2e-7 of the largest eigenvalue, which belongs
    to the global mean and is large. It therefore drops real directions: 14 of 192 on ViT-Ti × MNIST.
    """
    statistics = class_statistics(X, y, center="samples", covariance=True)
    require_two_classes(len(statistics.sizes), "VCI")
    within = _covariance(statistics) + np.outer(statistics.center, statistics.center)
    return _vci(within, statistics, X.shape[1] * float(np.finfo(np.float32).eps))


def _covariance(statistics: ClassStatistics) -> Floats:
    if statistics.covariance is None:
        raise ValueError("VCI needs statistics with a covariance.")
    return statistics.covariance


def _vci(within: Floats, statistics: ClassStatistics, null: float) -> float:
    if not len(statistics.between):
        return 1.0
    spread = statistics.axes.T * np.sqrt(statistics.between)
    total = spread @ spread.T
    total += within
    values, vectors = eigenvectors(total)
    keep = values > null * values[-1]
    explained = np.sum(((vectors.T @ spread) ** 2)[keep] / values[keep, None])
    return float(1 - explained / len(statistics.between))


def equinorm(statistics: ClassStatistics) -> float:
    """Compute the variation of the distances of the class means from μ_G, std/mean (Papyan et al., 2020, NC2)."""
    require_two_classes(len(statistics.sizes), "NC2")
    lengths = np.linalg.norm(_resolved(statistics), axis=1)
    return float(lengths.std() / lengths.mean()) if lengths.any() else 0.0


def equiangularity(statistics: ClassStatistics) -> float:
    """Compute how far angles between class means are from those of a simplex (Papyan et al., 2020, NC2).

    This is the mean of |cos(μ_i − μ_G, μ_j − μ_G) + 1/(C − 1)| over pairs, 0 for a simplex. The cosines of a class
    mean equal to μ_G count as 0.
    """
    require_two_classes(len(statistics.sizes), "NC2")
    centered = _resolved(statistics)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    units = np.divide(centered, lengths, out=np.zeros_like(centered), where=lengths > 0)
    pairs = np.triu_indices(len(units), 1)
    return float(np.abs((units @ units.T)[pairs] + 1 / (len(units) - 1)).mean())


def etf_distance(statistics: ClassStatistics) -> float:
    """Compute the distance of the class means from a simplex equiangular tight frame (Zhu et al., NeurIPS 2021, NC2).

    This is ‖G/‖G‖ − (I − 11ᵀ/C)/√(C − 1)‖ in the Frobenius norm, with the inner products G of the class means minus
    μ_G. It covers lengths and angles: 0 for a simplex, 1 if all means coincide.
    """
    require_two_classes(len(statistics.sizes), "NC2")
    centered = _resolved(statistics)
    count = len(centered)
    products = centered @ centered.T
    size = np.linalg.norm(products)
    simplex = (np.eye(count) - 1 / count) / np.sqrt(count - 1)
    return float(np.linalg.norm((products / size if size > 0 else products) - simplex))


def _resolved(statistics: ClassStatistics) -> Floats:
    """Return class means minus μ_G along `axes` (C, r), where they differ by more than rounding errors."""
    return statistics.centered @ statistics.axes.T


def nc3(proxies: Array, y_proxies: NDArray[np.integer], statistics: ClassStatistics) -> float:
    """Compute the distance between proxies and class means, up to scale (Papyan et al., 2020, NC3).

    This is ‖W/‖W‖ − M/‖M‖‖ in the Frobenius norm, with the class means minus μ_G as M, and the centred mean proxy of
    each class as W.

    Parameters
    ----------
    proxies : ndarray of shape (p, d)
    y_proxies : ndarray of shape (p,)
        Classes 0 … C − 1 of the proxies, in the order of the statistics; each has at least one proxy.
    statistics : ClassStatistics
        Statistics of embeddings in the same space.

    Returns
    -------
    float
        0 if proxies and means agree, √2 if they are unrelated, 2 if they are opposite.

    Raises
    ------
    ImprintError
        For fewer than two classes, or a class without a proxy.
    """
    require_two_classes(len(statistics.sizes), "NC3")
    means = class_statistics(proxies, y_proxies)
    if len(means.sizes) != len(statistics.sizes):
        raise ImprintError("NC3 compares proxies with class means: every class needs a proxy.")
    return float(np.linalg.norm(_unit(means.centered) - _unit(statistics.centered)))


def _unit(values: Floats) -> Floats:
    size = np.linalg.norm(values)
    return values / size if size > 0 else values


def nc4(predictions: NDArray[np.integer], X: Array, statistics: ClassStatistics) -> float:
    """Compute the share of samples predicted as the class of the nearest class mean (Papyan et al., 2020, NC4).

    Parameters
    ----------
    predictions : ndarray of shape (n,)
        Predicted classes, 0 … C − 1 in the order of the statistics.
    X : ndarray of shape (n, d)
        At least one sample, in the space of the statistics.
    statistics : ClassStatistics

    Returns
    -------
    float
        From 0 to 1. Of equally near class means the first counts.
    """
    centered = X - statistics.center.astype(X.dtype)
    means = statistics.centered
    distances = np.einsum("ij,ij->i", means, means) - 2 * (centered @ means.T.astype(X.dtype))
    return float(np.mean(np.argmin(distances, axis=1) == predictions))

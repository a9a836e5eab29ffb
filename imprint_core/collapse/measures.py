"""Neural collapse: how far each class varies around its mean, and how the means stand to each other.

NC1 to NC4 are those of Papyan, Han and Donoho (PNAS 2020). All measures count classes equally,
whatever their sizes, and need at least two. Classes of one sample have no variance, which makes
any set look more collapsed than it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.class_statistics import RANK_TOLERANCE, ClassStatistics, Floats, class_statistics
from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array

# Directions of Σ_T with less of its variance than this are rounding.
_NULL = 1e-10


def _two_classes(statistics: ClassStatistics, measure: str) -> None:
    if len(statistics.sizes) < 2:
        raise ImprintError(f"{measure} compares classes; it needs samples of at least two.")


def _ratio(within: Floats, between: Floats, scale: float) -> Floats:
    """Quotients of variances: `inf` where only `between` vanishes against the scale, 0 where both do."""
    nothing = (RANK_TOLERANCE**2) * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        quotients = within / between
    return np.where(between > nothing, quotients, np.where(within > nothing, np.inf, 0.0))


def _scale(statistics: ClassStatistics) -> float:
    """The largest squared length there is, against which rounding is told from variance."""
    return float(np.max(np.einsum("ij,ij->i", statistics.means, statistics.means) + statistics.variances, initial=0))


def nc1_per_class(statistics: ClassStatistics) -> Floats:
    """What each class adds to NC1: trace(Σ_c Σ_B⁺)/C, of shape (C,); NC1 is their mean.

    With Z = (class means − their mean)/√C = U S Vᵀ this is the mean of ‖(x − μ_c) V / S‖²,
    divided by C: no d × d matrix and no pseudo-inverse. Without any difference between the
    means it is `inf` for a class that varies and 0 for one that doesn't.
    """
    _two_classes(statistics, "NC1")
    if not len(statistics.between):
        return _ratio(statistics.variances, np.zeros(len(statistics.sizes)), _scale(statistics))
    return np.asarray((statistics.along / statistics.between).sum(axis=1) / len(statistics.sizes))


def nc1(X: Array, y: NDArray[np.integer]) -> float:
    """Within-class variability, trace(Σ_W Σ_B⁺)/C (Papyan et al. 2020, NC1), as the textbook has it.

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
    return float(nc1_per_class(class_statistics(X, y)).mean())


def published_nc1_per_class(statistics: ClassStatistics) -> Floats:
    """What each class adds to NC1 in the paper's code, of shape (C,); the statistics' μ_G is that of all samples."""
    own = nc1_per_class(statistics)
    if not len(statistics.between):
        return own
    return own + np.sum((statistics.axes @ statistics.center) ** 2 / statistics.between) / len(statistics.sizes)


def published_nc1(X: Array, y: NDArray[np.integer]) -> float:
    """NC1 as the paper's code computes it, to compare with its figures; takes what `nc1` takes.

    It subtracts (class mean − global mean) instead of the class mean, so that its Σ_W has an extra
    μ_G μ_Gᵀ: embeddings far from the origin seem less collapsed. Its μ_G is the mean of all samples.
    """
    return float(published_nc1_per_class(class_statistics(X, y, center="samples")).mean())


@dataclass(frozen=True)
class Nc1Variant:
    """An entry of the table: which NC1 is meant.

    Attributes
    ----------
    label, help : str
        For pages and the documentation.
    center : {"classes", "samples"}
        Which μ_G it takes (`class_statistics`).
    of : callable
        Maps such statistics to what each class adds, (C,).
    """

    label: str
    help: str
    center: str
    of: Callable[[ClassStatistics], Floats]

    def per_class(self, X: Array, y: NDArray[np.integer]) -> Floats:
        """What each class (C,) of embeddings (n, d) adds; NC1 is their mean."""
        return self.of(class_statistics(X, y, center=self.center))


NC1_VARIANTS: dict[str, Nc1Variant] = {
    "textbook": Nc1Variant(
        "textbook",
        "Samples are compared with their class mean (Papyan et al., 2020, NC1).",
        "classes",
        nc1_per_class,
    ),
    "published": Nc1Variant(
        "as published",
        "The paper's code subtracts (class mean − global mean) instead of the class mean, so that the square of the "
        "global mean counts as spread within classes and NC1 comes out larger.",
        "samples",
        published_nc1_per_class,
    ),
}


def trace_ratio(statistics: ClassStatistics) -> float:
    """trace(Σ_W)/trace(Σ_B): NC1 without regard to directions, and without a pseudo-inverse."""
    _two_classes(statistics, "The ratio of traces")
    within, between = statistics.variances.mean(), statistics.between.sum()
    return float(_ratio(within, between, _scale(statistics)))


def cdnv(statistics: ClassStatistics) -> Floats:
    """Class-distance normalised variance of each pair of classes (Galanti, György and Hutter, ICLR 2022).

    Returns
    -------
    ndarray of shape (C, C)
        (var_i + var_j) / (2 ‖μ_i − μ_j‖²), with 0 on the diagonal; `inf` for two classes
        around the same mean. Its mean over pairs is the measure that is usually told.
    """
    _two_classes(statistics, "CDNV")
    centered = statistics.centered
    # Differences of means, not expanded squares: means may be close to each other and far from 0.
    apart = np.array([np.sum((centered - mean) ** 2, axis=1) for mean in centered])
    quotients = _ratio(statistics.variances[:, None] + statistics.variances, 2 * apart, _scale(statistics))
    np.fill_diagonal(quotients, 0)
    return quotients


def mean_cdnv(statistics: ClassStatistics) -> float:
    """CDNV, averaged over all pairs of different classes."""
    count = len(statistics.sizes)
    return float(cdnv(statistics).sum() / (count * (count - 1)))


def vci(statistics: ClassStatistics) -> float:
    """Variability collapse index, 1 − trace(Σ_T⁺ Σ_B)/rank(Σ_B) (Xu and Liu, ICML 2023).

    From 0 (collapsed) to 1; rotations, scales and any invertible linear map leave it as it is. Where
    there are fewer samples than dimensions, some direction separates them all and it is 0: it
    needs more samples than dimensions to say anything. 1 where all means coincide. The
    statistics must have been made with their covariance.
    """
    _two_classes(statistics, "VCI")
    return _vci(_covariance(statistics), statistics, _NULL)


def published_vci(X: Array, y: NDArray[np.integer]) -> float:
    """VCI as the paper's code computes it: with the Σ_W of `published_nc1`, and directions of little variance dropped.

    Its pseudo-inverse has the default tolerance of float32, d · 1.2e-7 of the largest eigenvalue, which is the global
    mean's and large. So it drops directions within classes that are real, 14 of 192 on ViT-Ti × MNIST. Takes what `nc1`
    takes.
    """
    statistics = class_statistics(X, y, center="samples", covariance=True)
    _two_classes(statistics, "VCI")
    within = _covariance(statistics) + np.outer(statistics.center, statistics.center)
    return _vci(within, statistics, X.shape[1] * float(np.finfo(np.float32).eps))


def _covariance(statistics: ClassStatistics) -> Floats:
    if statistics.covariance is None:
        raise ValueError("VCI needs statistics with their covariance")
    return statistics.covariance


def _vci(within: Floats, statistics: ClassStatistics, null: float) -> float:
    if not len(statistics.between):
        return 1.0
    spread = statistics.axes.T * np.sqrt(statistics.between)
    values, vectors = np.linalg.eigh(within + spread @ spread.T)
    keep = values > null * values[-1]
    explained = np.sum((vectors[:, keep].T @ spread) ** 2 / values[keep, None])
    return float(1 - explained / len(statistics.between))


def equinorm(statistics: ClassStatistics) -> float:
    """How much the class means differ in length, seen from μ_G: std/mean (Papyan et al. 2020, NC2); 0 if equal."""
    _two_classes(statistics, "NC2")
    lengths = np.linalg.norm(_resolved(statistics), axis=1)
    return float(lengths.std() / lengths.mean()) if lengths.any() else 0.0


def equiangularity(statistics: ClassStatistics) -> float:
    """How far angles between class means are from the largest that C means can all have (Papyan et al. 2020, NC2).

    The mean of |cos(μ_i − μ_G, μ_j − μ_G) + 1/(C − 1)| over pairs; 0 for a simplex. A mean that is μ_G
    itself points nowhere: its cosines count as 0.
    """
    _two_classes(statistics, "NC2")
    centered = _resolved(statistics)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    units = np.divide(centered, lengths, out=np.zeros_like(centered), where=lengths > 0)
    pairs = np.triu_indices(len(units), 1)
    return float(np.abs((units @ units.T)[pairs] + 1 / (len(units) - 1)).mean())


def etf_distance(statistics: ClassStatistics) -> float:
    """Distance of the class means to a simplex equiangular tight frame, lengths and angles in one number.

    ‖G/‖G‖ − (I − 11ᵀ/C)/√(C − 1)‖ in the Frobenius norm, with G the inner products of the class
    means seen from μ_G (Zhu et al., NeurIPS 2021, NC2). 0 for a simplex, 1 where all means coincide.
    """
    _two_classes(statistics, "NC2")
    centered = _resolved(statistics)
    count = len(centered)
    products = centered @ centered.T
    size = np.linalg.norm(products)
    simplex = (np.eye(count) - 1 / count) / np.sqrt(count - 1)
    return float(np.linalg.norm((products / size if size > 0 else products) - simplex))


def _resolved(statistics: ClassStatistics) -> Floats:
    """Class means (C, r) seen from μ_G along the directions in which they differ by more than rounding."""
    return statistics.centered @ statistics.axes.T


def nc3(proxies: Array, y_proxies: NDArray[np.integer], statistics: ClassStatistics) -> float:
    """How far proxies are from being the class means, up to one scale (Papyan et al. 2020, NC3).

    ‖W/‖W‖ − M/‖M‖‖ in the Frobenius norm, with M the class means seen from μ_G, and for imprinting W
    the mean proxy of each class, seen from their mean.

    Parameters
    ----------
    proxies : ndarray of shape (p, d)
    y_proxies : ndarray of shape (p,)
        Their classes, 0 … C − 1 in the order of the statistics; each has at least one.
    statistics : ClassStatistics
        Of the embeddings that the proxies are to stand for, in the same space.

    Returns
    -------
    float
        0 where proxies and means agree, √2 where they have nothing in common, 2 where opposed.

    Raises
    ------
    ImprintError
        For fewer than two classes, or a class without a proxy.
    """
    _two_classes(statistics, "NC3")
    found = class_statistics(proxies, y_proxies)
    if len(found.sizes) != len(statistics.sizes):
        raise ImprintError("NC3 compares proxies with class means; every class needs a proxy.")
    return float(np.linalg.norm(_unit(found.centered) - _unit(statistics.centered)))


def _unit(values: Floats) -> Floats:
    size = np.linalg.norm(values)
    return values / size if size > 0 else values


def nc4(predictions: NDArray[np.integer], X: Array, statistics: ClassStatistics) -> float:
    """Share of samples that a classifier gives the class of the nearest class mean (Papyan et al. 2020, NC4).

    Parameters
    ----------
    predictions : ndarray of shape (n,)
        Predicted classes, 0 … C − 1 in the order of the statistics.
    X : ndarray of shape (n, d)
        The samples, n ≥ 1, in the space of the statistics.
    statistics : ClassStatistics

    Returns
    -------
    float
        From 0 to 1. Of equally near means the first counts.
    """
    seen = X - statistics.center.astype(X.dtype)
    means = statistics.centered
    distances = np.einsum("ij,ij->i", means, means) - 2 * (seen @ means.T.astype(X.dtype))
    return float(np.mean(np.argmin(distances, axis=1) == predictions))

"""Maps that shots and test embeddings go through before NORM: beyond the paper.

Centring (SimpleShot), a power transform, and within-class whitening, which is neural collapse
read backwards: it gives every class the same, round spread. They look at the shots only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imprint_core.choices import look_up
from imprint_core.errors import ImprintError
from imprint_core.normalization import Array, identity, l2

# Residual directions with less than this share of the largest variance are rounding.
_RANK_TOLERANCE = 1e-6
# What `auto` chooses from, and its two constants. They were set on the bundled tasks, where the
# choice hardly depends on them from 20 shots a class on; docs/presets.md shows how it does.
SHRINKAGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_SHARPNESSES = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
_LIKELY = 0.95
_PRIOR_WEIGHT = 0.5
# More shots than this say no more about the shrinkage; every second, third, … is left out then.
_MOST_LEFT_OUT = 2000
Shrinkage = str | float


@dataclass(frozen=True)
class Map:
    """x ↦ scale · (I + V diag(gains) Vᵀ) (base(x) − centre).

    Attributes
    ----------
    base : {"none", "l2", "power"}
        What is done to each vector first.
    centre : ndarray of shape (d,), or None
    axes : ndarray of shape (d, r), or None
        Orthonormal columns, V.
    gains : ndarray of shape (r,), or None
    scale : float
    shrinkage : float or None
        The shrinkage s in force, where there is one.
    remark : str
        What a person should know about this very fit; else empty.
    """

    base: str = "none"
    centre: Array | None = None
    axes: Array | None = None
    gains: Array | None = None
    scale: float = 1.0
    shrinkage: float | None = None
    remark: str = ""

    @cached_property
    def _matrix(self) -> Array | None:
        """The whole map as one matrix, where that is less work than its two factors."""
        if self.axes is None or self.gains is None or 2 * self.axes.shape[1] < self.axes.shape[0]:
            return None
        matrix = (self.axes * self.gains) @ self.axes.T
        matrix[np.diag_indices(len(matrix))] += 1
        return matrix * matrix.dtype.type(self.scale)

    def __call__(self, x: Array) -> Array:
        """Map vectors (n, d) to vectors (n, d)."""
        x = BASES[self.base](x)
        if self.centre is not None:
            x = x - self.centre.astype(x.dtype)
        if self.axes is None or self.gains is None:
            return x
        if self._matrix is not None:
            return x @ self._matrix.astype(x.dtype)
        axes = self.axes.astype(x.dtype)
        return (x + ((x @ axes) * self.gains.astype(x.dtype)) @ axes.T) * x.dtype.type(self.scale)


def power(x: Array) -> Array:
    """Signed square root of every feature, which evens out long tails (Hu et al., 2021, PT-MAP: β = ½)."""
    return np.sign(x) * np.sqrt(np.abs(x))


BASES: dict[str, Callable[[Array], Array]] = {"none": identity, "l2": l2, "power": power}


@dataclass(frozen=True)
class Transform:
    """An entry of the table.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    fit : callable
        Maps shots (n, d), their class numbers (n,) from 0 up, and a shrinkage to a `Map`.
    fitted : bool
        Whether the map depends on the shots.
    shrinks : bool
        Whether it looks at the shrinkage.
    """

    label: str
    help: str
    fit: Callable[[Array, NDArray[np.integer], Shrinkage], Map]
    fitted: bool = False
    shrinks: bool = False


def _class_means(x: Array, codes: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    sizes = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.add.reduceat(x[order], starts, axis=0, dtype=np.float64) / sizes[:, None], sizes


def centring(x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto") -> Map:
    """Subtract the mean of the class means; with L2 after it, CL2N of Wang et al. (SimpleShot, 2019)."""
    means, _ = _class_means(x, codes)
    return Map(centre=means.mean(axis=0).astype(x.dtype))


def whitening(x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto") -> Map:
    """Within-class whitening: L2, centring, then Σ^(−1/2) with Σ = (1 − s) Σ_W + s (tr Σ_W / d) I.

    Σ_W is the pooled covariance of the shots around their class means, so that at s = 0 the
    mapped shots have the identity for it. Where a class mean follows, this is linear
    discriminant analysis (Fisher, 1936) with the sample's length left out.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Shots.
    codes : ndarray of shape (n,)
        Their classes, every number from 0 up.
    shrinkage : "auto", "ledoit_wolf" or float
        s from 0 to 1, or the rule that chooses it (`leave_one_out`, `ledoit_wolf`).

    Raises
    ------
    ImprintError
        If s is 0 and Σ_W has no inverse.
    """
    check_shrinkage(shrinkage)
    x = l2(x)
    means, sizes = _class_means(x, codes)
    centre = means.mean(axis=0)
    residuals = x - means.astype(x.dtype)[codes]
    target = float(np.einsum("nd,nd->", residuals, residuals, dtype=np.float64)) / x.size
    if target <= _RANK_TOLERANCE**2:
        return Map(
            "l2",
            centre.astype(x.dtype),
            remark="The shots of a class don't vary, so there is no spread to whiten; they are centred only. "
            "Whitening needs a class with 2 different shots.",
        )
    axes, variances = _spread(residuals)
    centred_means = (means - centre).astype(x.dtype)
    if shrinkage == "auto":
        s = leave_one_out(residuals, codes, centred_means, sizes, axes, variances, target)
    elif shrinkage == "ledoit_wolf":
        s = ledoit_wolf(residuals, variances)
    else:
        s = float(shrinkage)
    # Outside the residuals' span there is no variance but what shrinkage puts there.
    if s == 0 and len(variances) < x.shape[1]:
        raise ImprintError(
            f"Shrinkage 0 needs within-class variance in all {x.shape[1]} dimensions, and the shots have it in "
            f"{len(variances)}; choose a shrinkage above 0, or more shots."
        )
    eigenvalues = (1 - s) * variances + s * target
    across = s * target if s > 0 else float(eigenvalues.mean())
    gains = (np.sqrt(across / eigenvalues) - 1).astype(x.dtype)
    return Map("l2", centre.astype(x.dtype), axes, gains, 1 / np.sqrt(across), s)


def _spread(residuals: Array) -> tuple[Array, NDArray[np.float64]]:
    """Principal axes (d, r) of the residuals and their variances (r,), from the smaller Gram matrix."""
    from scipy.linalg import eigh

    n, d = residuals.shape
    wide = d > n
    gram = (residuals @ residuals.T if wide else residuals.T @ residuals) / n
    # Twice as fast as NumPy's, which calls the same driver without its workspace.
    values, vectors = eigh(gram, driver="evd", overwrite_a=True, check_finite=False)
    keep = values > _RANK_TOLERANCE * values[-1]
    values, vectors = values[keep], vectors[:, keep]
    if wide:
        vectors = (residuals.T @ vectors) / np.sqrt(n * values).astype(residuals.dtype)
    return vectors, values.astype(np.float64)


def ledoit_wolf(residuals: Array, variances: NDArray[np.float64]) -> float:
    """Shrinkage of Ledoit and Wolf (2004), from the residuals (n, d) and their principal variances."""
    n, d = residuals.shape
    squares = np.einsum("nd,nd->n", residuals, residuals, dtype=np.float64)
    spread = (variances**2).sum()
    distance = spread - variances.sum() ** 2 / d
    noise = ((squares**2).mean() - spread) / n
    return float(np.clip(noise / distance, 0, 1)) if distance > 0 else 1.0


def leave_one_out(
    residuals: Array,
    codes: NDArray[np.integer],
    means: Array,
    sizes: NDArray[np.intp],
    axes: Array,
    variances: NDArray[np.float64],
    target: float,
) -> float:
    """The shrinkage under which the shots tell each other's classes best.

    Every shot in turn is left out of its class's mean, of the centre and of Σ_W, all in closed form
    (Sherman and Morrison, 1950; the shrinkage target alone keeps its size), and classified
    by the whitened means. The s with the smallest log-loss of a softmax over the cosines wins, each at
    its best temperature: counting errors instead is too coarse for a few dozen shots. A weak prior
    (that of Laplace, on logit s around 0.95) speaks where the shots hardly do.

    Parameters
    ----------
    residuals : ndarray of shape (n, d)
        Shots minus the mean of their class.
    codes : ndarray of shape (n,)
    means : ndarray of shape (C, d)
        Class means minus their mean.
    sizes : ndarray of shape (C,)
    axes, variances : ndarray of shape (d, r) and (r,)
        Principal axes of the residuals.
    target : float
        Mean variance, tr Σ_W / d.
    """
    out = np.flatnonzero(sizes[codes] > 1)
    out = out[:: -(-len(out) // _MOST_LEFT_OUT)]
    residuals, codes = residuals[out], codes[out]
    n_own = sizes[codes].astype(np.float64)
    rows = np.arange(len(codes))
    total, count = sizes.sum(), len(sizes)
    # Coordinates along the axes; what lies outside is shared by the means only.
    r_v, m_v = residuals @ axes, means @ axes
    outside = (means @ means.T - m_v @ m_v.T).astype(np.float64)
    s = np.array(SHRINKAGES)
    inverse = 1 / ((1 - s)[:, None] * variances + s[:, None] * target)
    weighted = (m_v * inverse[:, None].astype(m_v.dtype)).reshape(-1, m_v.shape[1])
    rm = (r_v @ weighted.T).reshape(len(rows), len(s), count).transpose(1, 0, 2).astype(np.float64)
    rr = (r_v**2 @ inverse.T.astype(r_v.dtype)).T.astype(np.float64)
    mm = (weighted @ m_v.T).reshape(len(s), count, count) + outside / (s * target)[:, None, None]
    # The class means without shot i: the centre moves by α r, and its own class's mean by −r/(n−1).
    alpha = 1 / ((n_own - 1) * count)
    shift = np.repeat(alpha[:, None], count, axis=1)
    shift[rows, codes] -= 1 / (n_own - 1)
    losses = np.empty(len(s))
    for i, share in enumerate(1 - s):
        r_own = rm[i][rows, codes]
        u_v = mm[i][codes] + shift * r_own[:, None] + (1 + alpha)[:, None] * (rm[i] + shift * rr[i][:, None])
        u_r = r_own + (1 + alpha) * rr[i]
        r_m = rm[i] + shift * rr[i][:, None]
        v_v = np.diagonal(mm[i]) + shift * (2 * rm[i] + shift * rr[i][:, None])
        u_u = mm[i][codes, codes] + (1 + alpha) * (2 * r_own + (1 + alpha) * rr[i])
        # Σ_W without shot i is Σ_W less a multiple of r rᵀ.
        drop = share * n_own / (n_own - 1) / total
        factor = drop / np.maximum(1 - drop * rr[i], 1e-9)
        u_v += (factor * u_r)[:, None] * r_m
        v_v += factor[:, None] * r_m**2
        u_u += factor * u_r**2
        cosines = u_v / np.sqrt(np.maximum(v_v * u_u[:, None], 1e-300))
        losses[i] = min(_log_loss(sharpness * cosines, codes) for sharpness in _SHARPNESSES)
    prior = np.abs(_logit(s) - _logit(_LIKELY))
    return float(s[np.argmin(len(rows) * losses + _PRIOR_WEIGHT * prior)])


def _logit(p: ArrayLike) -> NDArray[np.float64]:
    return np.log(np.asarray(p) / (1 - np.asarray(p)))


def _log_loss(scores: NDArray[np.float64], codes: NDArray[np.integer]) -> float:
    scores = scores - scores.max(axis=1, keepdims=True)
    own = scores[np.arange(len(codes)), codes]
    return float((np.log(np.exp(scores).sum(axis=1)) - own).mean())


def check_shrinkage(value: object) -> None:
    """Raise an `ImprintError` if `value` is no shrinkage."""
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
    if not numeric and value not in ("auto", "ledoit_wolf"):
        raise ImprintError(f"Shrinkage is {value!r}; it must be 'auto', 'ledoit_wolf' or a number from 0 to 1.")


TRANSFORMS: dict[str, Transform] = {
    "none": Transform("none", "Embeddings as they are (the paper).", lambda x, codes, shrinkage: Map()),
    "centre": Transform(
        "centring",
        "Less the mean of the class means; with L2 after it this is CL2N (Wang et al., 2019, SimpleShot).",
        centring,
        fitted=True,
    ),
    "power": Transform(
        "power",
        "The square root of every feature, with its sign, which evens out long tails (Hu et al., 2021, PT-MAP).",
        lambda x, codes, shrinkage: Map("power"),
    ),
    "whiten": Transform(
        "whitening",
        "L2, centring, then every direction is divided by the classes' own spread along it: collapse by hand.",
        whitening,
        fitted=True,
        shrinks=True,
    ),
}


def fit_transform(name: str, x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto") -> Map:
    """Fit a transform of the table to shots (n, d) of classes (n,)."""
    return look_up(TRANSFORMS, name, "transform").fit(x, codes, shrinkage)

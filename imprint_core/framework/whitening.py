"""Within-class whitening, which makes the within-class covariance a multiple of the identity.

L2, centring, then Σ^(−1/2) with Σ = (1 − s) Σ_W + s (tr Σ_W / d) I, where Σ_W is the pooled covariance of the
shots around their class means, or around the means of clusters within classes (Hastie and Tibshirani, 1996, mixture
discriminant analysis). One shot per class has no Σ_W; the covariance of all shots takes its place. `whitening` returns
the map of vectors; `whitened_products` computes the same from inner products alone, for embeddings with more dimensions
than shots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imprint_core.background.eigenvectors import eigenvectors
from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import smooth_maximum
from imprint_core.framework.feature_map import FeatureMap, class_means
from imprint_core.framework.normalization import Array, l2
from imprint_core.registry import Entry, check_number

# Residual directions with less than this share of the largest variance are rounding errors.
_RANK_TOLERANCE = 1e-6
# Candidates of `auto`, and its two constants, set on ViT-Ti and SqueezeNet; from 20 shots they hardly matter.
SHRINKAGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_BLUNTEST, _DOUBLINGS = 5.0, 6
_LIKELY, _PRIOR_WEIGHT = 0.9, 1.0
# More shots do not improve the choice of the shrinkage; of more, every second, third, … is left out.
_MOST_LEFT_OUT = 2000
# Products of residuals and class means in memory at once.
_MOST_PRODUCTS = 2**22
# With a smaller shrinkage, directions outside the residuals' span would dominate by rounding errors.
_LEAST = 1e-4
Shrinkage = str | float
SHRINKAGE_RULES = {
    "auto": Entry("auto", "Minimises the leave-one-out log-loss of the shots."),
    "ledoit_wolf": Entry("Ledoit–Wolf", "The estimate of Ledoit and Wolf (2004)."),
}
_ONE_SHOT = "No class has two different shots, so whitening uses the covariance of all shots, with shrinkage {:g}."
_NO_SPREAD = "All shots are equal, so they are centred and not whitened."


class Spread(NamedTuple):
    """Principal components of the shots around their class means.

    Attributes
    ----------
    variances : ndarray of shape (r,)
        Variances along the principal axes, without rounding errors.
    vectors : ndarray of shape (N, r) or (d, r)
        Eigenvectors of the residuals' Gram matrix, or of their covariance.
    coordinates : ndarray of shape (N, r)
        Coordinates of the residuals along the principal axes.
    squares : ndarray of shape (N,)
        Squared lengths of the residuals.
    dim : int
        Number of dimensions d of the embeddings.
    """

    variances: NDArray[np.float64]
    vectors: Array
    coordinates: Array
    squares: NDArray[np.float64]
    dim: int

    @property
    def target(self) -> float:
        """Mean variance, tr Σ_W / d."""
        return float(self.squares.mean()) / self.dim

    @property
    def backwards(self) -> Array:
        """With eigenvectors of the Gram matrix: what leads from products with residuals to coordinates, (N, r)."""
        scale = np.sqrt(len(self.squares) * self.variances)
        return self.vectors / scale.astype(self.vectors.dtype)


class Scatter(NamedTuple):
    """Spread of the shots around the means of their clusters, and these means.

    Attributes
    ----------
    spread : Spread
    axes : ndarray of shape (d, r)
        Principal axes of the residuals.
    centre : ndarray of shape (d,)
        Mean over the classes of the means of their clusters.
    means : ndarray of shape (p, d)
        Means of the clusters minus the centre.
    within : bool
        Whether the spread is that within clusters.
    """

    spread: Spread
    axes: Array
    centre: Array
    means: Array
    within: bool = True


def scatter(x: Array, codes: NDArray[np.integer], owner: NDArray[np.integer], dim: int) -> Scatter:
    """Compute the scatter of shots (n, d) of clusters (n,), numbered from 0, of classes `owner` (p,), ascending.

    `dim` is the width of the embeddings if `x` are coordinates in a subspace. If the shots of each cluster are equal,
    the spread is that of all shots around the centre; without any spread, there are no axes.
    """
    means, _ = class_means(x, codes)
    residuals = x - means.astype(x.dtype)[codes]
    squares = np.einsum("nd,nd->n", residuals, residuals, dtype=np.float64)
    centre = _centre_weights(owner) @ means
    centred = (means - centre).astype(x.dtype)
    centre = centre.astype(x.dtype)
    if not (within := not _round_off(squares, dim)):
        residuals = centred[codes]
        squares = np.einsum("nd,nd->n", residuals, residuals, dtype=np.float64)
    if _round_off(squares, dim):
        none = np.empty((x.shape[1], 0), x.dtype)
        return Scatter(Spread(np.empty(0), none, none, squares, dim), none, centre, centred, within)
    wide = x.shape[1] > len(x)
    spread = _spread(residuals @ residuals.T if wide else residuals.T @ residuals, squares, dim)
    axes = residuals.T @ spread.backwards if wide else spread.vectors
    if not wide:
        spread = spread._replace(coordinates=residuals @ axes)
    return Scatter(spread, axes, centre, centred, within)


def _centre_weights(owner: NDArray[np.integer]) -> NDArray[np.float64]:
    """Weights (p,) of the clusters' means in the centre: classes have equal weights, and clusters within a class."""
    sizes = np.bincount(owner)
    return 1 / (len(sizes) * sizes[owner])


def whitening(
    x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto", owner: NDArray[np.integer] | None = None
) -> FeatureMap:
    """Fit within-class whitening to shots.

    At s = 0 the mapped shots have the identity for Σ_W. Where a class mean follows, this is linear
    discriminant analysis (Fisher, 1936) with the sample's length left out.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Shots.
    codes : ndarray of shape (n,)
        Their classes, every number from 0 up.
    shrinkage : "auto", "ledoit_wolf" or float
        s from 0 to 1, or the rule that chooses it (`leave_one_out`, `ledoit_wolf`).
    owner : ndarray of shape (p,), optional
        If `codes` are clusters within classes: the class of each cluster, ascending.

    Raises
    ------
    ImprintError
        If s is 0 and Σ_W has no inverse.
    """
    check_number("shrinkage", shrinkage)
    x = l2(x)
    sizes = np.bincount(codes)
    owner = np.arange(len(sizes)) if owner is None else owner
    spread, axes, centre, means, within = scatter(x, codes, owner, x.shape[1])
    if not len(spread.variances):
        return FeatureMap("l2", centre, remark=_NO_SPREAD)
    # Leaving out shots needs different ones of a class.
    rule = _LIKELY if shrinkage == "auto" and not within else shrinkage
    s = _choose(rule, spread, codes, means @ axes, means @ means.T, sizes, owner)
    gains, across = _gains(spread, s)
    remark = "" if within else _ONE_SHOT.format(s)
    return FeatureMap("l2", centre, axes, gains.astype(x.dtype), 1 / np.sqrt(across), s, remark)


class WhitenedProducts(NamedTuple):
    """Inner products after whitening.

    Attributes
    ----------
    grams : list of ndarray of shape (n_c, n_c)
        Of each class's shots.
    cross : ndarray of shape (N, m)
        Of shots with test samples.
    test_squares : ndarray of shape (m,)
        Squared lengths of the test samples.
    shrinkage : float
    """

    grams: list[Array]
    cross: Array
    test_squares: Array
    shrinkage: float


def whitened_products(
    gram: Array,
    cross: Array,
    test_squares: Array,
    codes: NDArray[np.integer],
    dim: int,
    shrinkage: Shrinkage = "auto",
) -> WhitenedProducts | None:
    """Whiten inner products instead of vectors: no step of it is as wide as the embeddings.

    With V the principal axes of the residuals R, V = Rᵀ U / √(Nλ) for the eigenvectors U of R Rᵀ, and
    ⟨z, z'⟩ is ⟨x, x'⟩ plus what the map adds along V, all of it out of inner products with shots.

    Parameters
    ----------
    gram, cross, test_squares : ndarray of shape (N, N), (N, m) and (m,)
        Of the shots and test samples after L2; any one vector may have been subtracted from all of them.
    codes : ndarray of shape (N,)
        Classes of the shots, every number from 0 up.
    dim : int
        Width of the embeddings, above N.
    shrinkage : "auto", "ledoit_wolf" or float

    Returns
    -------
    WhitenedProducts, or None where the shots of a class don't vary.
    """
    n = len(gram)
    sizes = np.bincount(codes)
    average = np.zeros((len(sizes), n), dtype=gram.dtype)
    average[codes, np.arange(n)] = (1 / sizes)[codes]
    # Of class means with shots, test samples and each other; then of what is centred.
    means_shots, means_test = average @ gram, average @ cross
    means_gram = means_shots @ average.T
    residual_gram = gram - means_shots[codes]
    residual_gram -= (means_shots - means_gram[:, codes]).T[:, codes]
    squares = np.maximum(np.diagonal(residual_gram).astype(np.float64), 0)
    if _round_off(squares, dim):
        return None
    spread = _spread(residual_gram, squares, dim)
    back = spread.backwards
    centre_means = means_gram.mean(axis=0)
    centre_centre = centre_means.mean()
    centred_means = means_gram - centre_means - centre_means[:, None] + centre_centre
    to_residuals = means_shots - means_gram[:, codes]
    m_v = (to_residuals - to_residuals.mean(axis=0)) @ back
    test_v = (cross - means_test[codes]).T @ back - (to_residuals.mean(axis=0) @ back)
    shots_v = spread.coordinates + m_v[codes]
    s = _choose(shrinkage, spread, codes, m_v, centred_means, sizes, np.arange(len(sizes)))
    gains, across = _gains(spread, s)
    added = (gains * (2 + gains)).astype(gram.dtype)
    centre_shots, centre_test = means_shots.mean(axis=0), means_test.mean(axis=0)
    scale = gram.dtype.type(1 / across)
    z_grams = []
    for c in range(len(sizes)):
        rows = np.flatnonzero(codes == c)
        from_centre = centre_shots[rows] - centre_centre / 2
        z_gram = gram[np.ix_(rows, rows)] - from_centre - from_centre[:, None]
        z_grams.append((z_gram + (shots_v[rows] * added) @ shots_v[rows].T) * scale)
    z_cross = (shots_v * added) @ test_v.T
    z_cross += cross
    z_cross -= centre_test
    z_cross -= (centre_shots - centre_centre)[:, None]
    z_cross *= scale
    z_squares = test_squares - 2 * centre_test + centre_centre + (test_v**2) @ added
    return WhitenedProducts(z_grams, z_cross, z_squares * scale, s)


def _round_off(squares: NDArray[np.float64], dim: int) -> bool:
    return bool(squares.mean() / dim <= _RANK_TOLERANCE**2)


def _spread(gram: Array, squares: NDArray[np.float64], dim: int) -> Spread:
    """From the residuals' Gram matrix (N, N), or their scatter (d, d), whose coordinates are then left empty."""
    n = len(squares)
    # Transposed, because LAPACK's matrices are in column order: it is copied without reordering.
    values, vectors = eigenvectors((gram / n).T)
    # They ascend.
    first = np.searchsorted(values, _RANK_TOLERANCE * values[-1], side="right")
    values, vectors = values[first:].astype(np.float64), vectors[:, first:]
    scale = np.sqrt(n * values).astype(vectors.dtype)
    return Spread(values, vectors, vectors * scale if len(gram) == n else vectors[:0], squares, dim)


def _gains(spread: Spread, s: float) -> tuple[NDArray[np.float64], float]:
    """By how much more than across them the map stretches along the axes, (r,), and the variance across them."""
    if s == 0 and len(spread.variances) < spread.dim:
        raise ImprintError(
            f"Shrinkage 0 needs within-class variance in all {spread.dim} dimensions, and the shots have it in "
            f"{len(spread.variances)}; choose a shrinkage above 0, or more shots."
        )
    eigenvalues = (1 - s) * spread.variances + s * spread.target
    # Outside the residuals' span there is no variance but what shrinkage puts there.
    across = s * spread.target if s > 0 else float(eigenvalues.mean())
    return np.sqrt(across / eigenvalues) - 1, across


def _choose(
    rule: Shrinkage,
    spread: Spread,
    codes: NDArray[np.integer],
    m_v: Array,
    means_gram: Array,
    sizes: NDArray[np.intp],
    owner: NDArray[np.integer],
) -> float:
    if rule == "auto":
        return leave_one_out(spread, codes, m_v, means_gram, sizes, owner)
    if rule == "ledoit_wolf":
        # The estimate may be 0 even if the covariance is singular.
        deficient = len(spread.variances) < spread.dim
        return max(ledoit_wolf(spread), _LEAST if deficient else 0.0)
    return float(rule)


def ledoit_wolf(spread: Spread) -> float:
    """Shrinkage of Ledoit and Wolf (2004) for the residuals' covariance."""
    fourth = (spread.variances**2).sum()
    distance = fourth - spread.variances.sum() ** 2 / spread.dim
    noise = ((spread.squares**2).mean() - fourth) / len(spread.squares)
    return float(np.clip(noise / distance, 0, 1)) if distance > 0 else 1.0


def leave_one_out(
    spread: Spread,
    codes: NDArray[np.integer],
    m_v: Array,
    means_gram: Array,
    sizes: NDArray[np.intp],
    owner: NDArray[np.integer],
) -> float:
    """Shrinkage with the smallest leave-one-out log-loss of the shots.

    Each shot is left out of its class mean, the centre and Σ_W in closed form (Sherman and Morrison, 1950; only the
    scale of the shrinkage target stays), and classified by the whitened means. The loss is that of a softmax over the
    cosines at the best temperature; error counts are too coarse for a few dozen shots. A weak Laplace prior on
    logit s, centred at s = 0.9, decides if there are very few shots.

    `m_v` (C, r) are the class means minus the centre along the principal axes, `means_gram` (C, C) their inner products
    in all dimensions. With clusters of classes `owner` (p,) they are the clusters' means, and a class's score is the
    smooth maximum of its cosines.
    """
    out = np.flatnonzero(sizes[codes] > 1)
    out = out[:: -(-len(out) // _MOST_LEFT_OUT)]
    r_v, codes = spread.coordinates[out], codes[out]
    n_own = sizes[codes].astype(np.float64)
    rows = np.arange(len(codes))
    total, count = sizes.sum(), len(sizes)
    starts = np.searchsorted(owner, np.arange(owner[-1] + 1))
    variances, target = spread.variances, spread.target
    # What of the means lies outside the residuals' span.
    outside = (means_gram - m_v @ m_v.T).astype(np.float64)
    s = np.array(SHRINKAGES)
    inverse = 1 / ((1 - s)[:, None] * variances + s[:, None] * target)
    rr = (r_v**2 @ inverse.T.astype(r_v.dtype)).T.astype(np.float64)
    # The class means without shot i: the centre moves by α r, and its own class's mean by −r/(n−1).
    alpha = _centre_weights(owner)[codes] / (n_own - 1)
    shift = np.repeat(alpha[:, None], count, axis=1)
    shift[rows, codes] -= 1 / (n_own - 1)
    losses = np.empty(len(s))
    # Products of residuals and means, of several candidates at once if they are small.
    block = max(1, _MOST_PRODUCTS // max(1, len(rows) * count))
    for i, share in enumerate(1 - s):
        j = i % block
        if j == 0:
            weighted = m_v * inverse[i : i + block, None].astype(m_v.dtype)
            flat = weighted.reshape(-1, m_v.shape[1])
            rms = (r_v @ flat.T).reshape(len(rows), len(weighted), count).transpose(1, 0, 2).astype(np.float64)
            mms = (flat @ m_v.T).reshape(len(weighted), count, count) + outside / (s * target)[
                i : i + block, None, None
            ]
        rm, mm = rms[j], mms[j]
        r_own = rm[rows, codes]
        u_v = mm[codes] + shift * r_own[:, None] + (1 + alpha)[:, None] * (rm + shift * rr[i][:, None])
        u_r = r_own + (1 + alpha) * rr[i]
        r_m = rm + shift * rr[i][:, None]
        v_v = np.diagonal(mm) + shift * (2 * rm + shift * rr[i][:, None])
        u_u = mm[codes, codes] + (1 + alpha) * (2 * r_own + (1 + alpha) * rr[i])
        # Σ_W without shot i is Σ_W less a multiple of r rᵀ.
        drop = share * n_own / (n_own - 1) / total
        factor = drop / np.maximum(1 - drop * rr[i], 1e-9)
        u_v += (factor * u_r)[:, None] * r_m
        v_v += factor[:, None] * r_m**2
        u_u += factor * u_r**2
        cosines = u_v / np.sqrt(np.maximum(v_v * u_u[:, None], 1e-300))
        if len(starts) < count:
            cosines = smooth_maximum(cosines.T, starts).T
        losses[i] = _log_loss(cosines, owner[codes])
    prior = np.abs(_logit(s) - _logit(_LIKELY))
    return float(s[np.argmin(len(rows) * losses + _PRIOR_WEIGHT * prior)])


def _logit(p: ArrayLike) -> NDArray[np.float64]:
    return np.log(np.asarray(p) / (1 - np.asarray(p)))


def _log_loss(cosines: NDArray[np.float64], codes: NDArray[np.integer]) -> float:
    """Mean log-loss of a softmax over the cosines (N, C), at the best of the temperatures 1/5, 1/10, … 1/160."""
    behind = cosines - cosines.max(axis=1, keepdims=True)
    correct = behind[np.arange(len(codes)), codes].mean()
    weights = np.exp(_BLUNTEST * behind)
    losses = []
    for doubling in range(_DOUBLINGS):
        losses.append(np.log(weights.sum(axis=1)).mean() - _BLUNTEST * 2**doubling * correct)
        # Twice as sharp: exp(2x) = exp(x)².
        weights *= weights
    return float(min(losses))

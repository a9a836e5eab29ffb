"""Selection of k and the shrinkage from the shots alone, for k-means after whitening within clusters.

Each k is validated by stratified folds of the shots: clusters and their covariance are those of the other folds, and
the log-loss of the held-out shots is that of a softmax over the class scores, at the best shrinkage and temperature.
After each fold, a k > 1 is validated further only while its mean log-loss is below that of k = 1 and at most two
standard errors above the smallest.
k = 1 is selected unless another k lowers the log-loss by more than two standard errors of the paired difference, as in
the one-standard-error rule of Breiman et al. (1984, *Classification and Regression Trees*). The shrinkage of k = 1 is
then that of leave-one-out on all shots in closed form (`whitening`), as in the whitened mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.eigenvectors import eigenvectors
from imprint_core.background.threads import run_parallel
from imprint_core.framework.aggregation import smooth_maximum
from imprint_core.framework.normalization import Array, l2, l2_scale
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import cluster, members_in_order
from imprint_core.framework.whitening import scatter

KS = (1, 2, 3, 5, 10, 20)
SHRINKAGES = (0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99)
# Two in each octave, from 5 to 113.
TEMPERATURES = 5 * 2 ** np.arange(0, 5, 0.5)
_FOLDS = 4
# More shots do not change the choice; of more, so many are validated, and of many classes at least so many of each.
_MOST_SHOTS, _LEAST_PER_CLASS = 2000, 8
# Of one shot per class nothing can be held out.
_NO_FOLDS = 10.0


class Candidate(NamedTuple):
    """Validation of one k.

    Attributes
    ----------
    k : int
    shrinkage, temperature : float
        With the smallest log-loss; the temperature is the factor of the scores in the softmax.
    loss : float
        Mean log-loss of the validated shots.
    gain : float
        By how much it is below that of k = 1.
    error : float
        Two standard errors of the gain.
    folds : int
        Number of folds that were validated.
    """

    k: int
    shrinkage: float
    temperature: float
    loss: float
    gain: float = 0.0
    error: float = 0.0
    folds: int = _FOLDS

    @property
    def better(self) -> bool:
        """Whether it improves on k = 1 by more than the error."""
        return self.gain > self.error


@dataclass(frozen=True)
class Selection:
    """What was selected, and why.

    Attributes
    ----------
    k : int
    shrinkage : float or str
        "auto" for k = 1.
    temperature : float
        Factor of the class scores whose softmax are calibrated probabilities.
    tried : tuple of Candidate
        Every k that was validated, ascending; empty if no class has two shots.
    """

    k: int
    shrinkage: float | str
    temperature: float
    tried: tuple[Candidate, ...] = ()

    def of(self, recipe: Recipe) -> Recipe:
        """Return the recipe with what was selected."""
        return replace(recipe.with_k(), k=self.k, shrinkage=self.shrinkage)

    @property
    def reason(self) -> str:
        """Sentence on the selected k and the next best."""
        if len(self.tried) < 2:
            return f"k = {self.k}: too few shots per class to validate a larger k."
        complete = [each for each in self.tried if each.folds == self.tried[0].folds]
        best, *others = sorted(complete, key=lambda each: (each.k != self.k, each.loss))
        text = f"k = {self.k}: validated log-loss {best.loss:.3f}"
        if not others:
            return f"{text}; each larger k fell behind before the last of {best.folds} folds."
        near = others[0]
        if near.loss >= best.loss:
            return f"{text}; next is k = {near.k} with {near.loss:.3f}."
        return f"{text}; k = {near.k}, with {near.loss:.3f}, is not lower by two standard errors ({near.error:.3f})."


def select(X: Array, codes: NDArray[np.integer], seed: int = 0) -> Selection:
    """Select k and the shrinkage for shots X (n, d) of classes (n,), numbered from 0.

    The order of shots and classes has no effect. Of many shots a part is validated.
    """
    members = _sampled(members_in_order(X, codes), seed)
    sizes = np.array([len(rows) for rows in members])
    folds = min(_FOLDS, int(sizes.max()))
    if folds < 2 or len(members) < 2:
        return Selection(1, "auto", _NO_FOLDS)
    x, y = l2(X[np.concatenate(members)]), np.repeat(np.arange(len(members)), sizes)
    # The rows of a class are in random order; the only shot of a class is never validated.
    fold = np.concatenate([np.arange(n) % folds if n > 1 else np.full(1, -1) for n in sizes])
    dim = x.shape[1]
    if dim > len(x):
        # Coordinates along the principal axes have the same inner products.
        values, vectors = eigenvectors(x @ x.T)
        x = vectors * np.sqrt(np.maximum(values, 0))
    most = (sizes.max() - -(-sizes.max() // folds)) // 2
    ks = [k for k in KS if k <= max(1, most)]

    def validate(of: tuple[int, int]) -> NDArray[np.float32]:
        k, held_out = of
        return _losses(x, y, k, seed, dim, fold == held_out)

    losses: dict[tuple[int, int], NDArray[np.float32]] = {}
    candidates: dict[int, Candidate] = {}
    left, validated = ks, 0
    while validated < folds:
        # One fold after the other, unless only k = 1 is left.
        until = validated + 1 if len(left) > 1 else folds
        # A larger k takes longer, so it comes first.
        pairs = [(k, f) for f in range(validated, until) for k in left[::-1]]
        losses |= zip(pairs, run_parallel(validate, pairs), strict=True)
        validated = until
        candidates |= {k: _candidate(k, losses, validated) for k in left}
        lowest = min(left, key=lambda k: candidates[k].loss)
        left = [k for k in left if k == 1 or (candidates[k].gain > 0 and _near(k, lowest, losses, validated))]
    tried = list(candidates.values())
    better = [each for each in tried if each.better and each.folds == folds]
    chosen = min(better, key=lambda each: each.loss, default=tried[0])
    return Selection(chosen.k, "auto" if chosen.k == 1 else chosen.shrinkage, chosen.temperature, tuple(tried))


def _sampled(members: list[NDArray[np.intp]], seed: int) -> list[NDArray[np.intp]]:
    """Rows of each class in random order, of many shots a part."""
    most = max(_LEAST_PER_CLASS, _MOST_SHOTS // len(members))
    return [rows[np.random.default_rng(seed).permutation(len(rows))[:most]] for rows in members]


def _candidate(k: int, losses: dict[tuple[int, int], NDArray[np.float32]], folds: int) -> Candidate:
    """Compare k with k = 1 in the first folds; `losses` are those of a k and a fold."""
    of_k, i, j = _best(k, losses, folds)
    gain, error = _gain(of_k, _best(1, losses, folds).losses)
    return Candidate(k, SHRINKAGES[i], float(TEMPERATURES[j]), float(of_k.mean(dtype=np.float64)), gain, error, folds)


def _near(k: int, other: int, losses: dict[tuple[int, int], NDArray[np.float32]], folds: int) -> bool:
    """Whether the log-loss of k is at most two standard errors above that of another k."""
    gain, error = _gain(*(_best(each, losses, folds).losses for each in (k, other)))
    return gain >= -error


def _gain(losses: NDArray[np.float32], reference: NDArray[np.float32]) -> tuple[float, float]:
    """By how much losses (m,) are below others on average, and two standard errors of it."""
    gains = reference - losses
    return float(gains.mean()), float(2 * gains.std() / np.sqrt(len(gains)))


class _Best(NamedTuple):
    """Losses (m,) at the shrinkage and the temperature, by their positions, of the smallest mean."""

    losses: NDArray[np.float32]
    shrinkage: np.intp
    temperature: np.intp


def _best(k: int, losses: dict[tuple[int, int], NDArray[np.float32]], folds: int) -> _Best:
    """Best shrinkage and temperature of k in the first folds; their losses are (shrinkages, temperatures, m)."""
    of_k = np.concatenate([losses[k, fold] for fold in range(folds)], axis=2)
    means = of_k.mean(axis=2, dtype=np.float64)
    i, j = np.unravel_index(np.argmin(means), means.shape)
    return _Best(of_k[i, j], i, j)


def _losses(
    x: Array, y: NDArray[np.intp], k: int, seed: int, dim: int, held_out: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Log-losses (shrinkages, temperatures, m) of the m shots that are held out."""
    train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    starts = np.searchsorted(y[train], np.arange(y[-1] + 1))
    members = np.split(np.arange(len(train)), starts[1:])
    labels, owner = cluster(x[train], members, k, seed)
    spread, axes, centre, means, _ = scatter(x[train], labels, owner, dim)
    u = x[test] - centre
    u_v, means_v = u @ axes, means @ axes
    inner, u_squares, squares = means @ u.T, np.einsum("md,md->m", u, u), np.einsum("pd,pd->p", means, means)
    rows, columns, first = y[test], np.arange(len(test)), np.searchsorted(owner, np.arange(y[-1] + 1))
    losses = np.empty((len(SHRINKAGES), len(TEMPERATURES), len(test)), dtype=np.float32)
    for i, s in enumerate(SHRINKAGES):
        across = s * spread.target
        added = (across / ((1 - s) * spread.variances + across) - 1).astype(x.dtype)
        weighted = means_v * added
        cosines = inner + weighted @ u_v.T
        cosines *= l2_scale(squares + np.einsum("pr,pr->p", weighted, means_v))[:, None]
        cosines *= l2_scale(u_squares + u_v**2 @ added)
        scores = smooth_maximum(cosines, first)
        behind = scores - scores.max(axis=0)
        weights = np.exp(TEMPERATURES[:2, None, None].astype(x.dtype) * behind)
        for j in range(0, len(TEMPERATURES), 2):
            losses[i, j : j + 2] = np.log(weights.sum(axis=1)) - np.outer(
                TEMPERATURES[j : j + 2], behind[rows, columns]
            )
            # Twice as sharp: exp(2x) = exp(x)².
            weights *= weights
    return losses

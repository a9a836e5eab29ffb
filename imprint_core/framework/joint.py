"""Joint fits to the shots of all classes: least squares, the oracle of the paper (GEN, §5.1), and a linear probe.

The linear probe is a logistic regression, a reference that is trained and not imprinted; its weights take the place of
proxies. It has no intercept, because the shots are centred before it. Its convergence matters: an optimiser that stops
early loses several points of accuracy.

Least squares is the ridge problem min ‖XW − Y‖² + Nλ‖W‖² with one-hot rows Y of the classes, or of the clusters within
them (k-least-squares). It is solved jointly and without an intercept: W = (XᵀX + NλI)⁻¹XᵀY, which is scikit-learn's
`Ridge(alpha=Nλ, fit_intercept=False)`. One factorisation serves every k and label set of the same shots.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array

# Values of the linear probe's C, the inverse strength of its penalty, on embeddings of length 1.
CS = (1, 10, 100, 1000)
# Of one shot per class nothing can be held out.
_C_WITHOUT_FOLDS = 10
_FOLDS = 4
_TOLERANCE, _MOST_ITERATIONS = 3e-5, 1000


class RidgeProblem:
    """Factorised ridge problem of a set of shots.

    Parameters
    ----------
    X : ndarray of shape (N, d)
        Shots.
    lam : float
        Ridge penalty λ > 0, relative to the mean squared length of the shots.

    Raises
    ------
    ImprintError
        If λ is too small for these shots.
    """

    def __init__(self, X: Array, lam: float) -> None:
        from scipy.linalg import LinAlgError, cho_factor

        self._X = X.astype(np.float64)
        self._dual = X.shape[0] < X.shape[1]
        gram = self._X @ self._X.T if self._dual else self._X.T @ self._X
        gram[np.diag_indices(len(gram))] += len(X) * lam
        try:
            self._factor = cho_factor(gram, lower=True, overwrite_a=True)
        except LinAlgError:
            raise ImprintError(
                f"λ = {lam:g} is too small for least squares on these shots, because their features are linearly "
                "dependent. Choose a larger λ."
            ) from None

    def weights(self, labels: NDArray[np.integer], count: int, published: bool = False) -> Array:
        """Proxies (count, d) for one-hot targets, from the class or cluster 0 … count − 1 of every shot (N,).

        `published` weights every row by 1/count instead of its share n_c/N, as the official code does: small clusters
        then get long proxies.
        """
        from scipy.linalg import cho_solve
        from scipy.sparse import csr_array

        sizes = np.bincount(labels, minlength=count)
        if self._dual:
            targets = np.zeros((len(labels), count))
            targets[np.arange(len(labels)), labels] = 1
            weights = cho_solve(self._factor, targets).T @ self._X
        else:
            ones = csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(count, len(labels)))
            sums = ones @ self._X
            weights = cho_solve(self._factor, sums.T).T
        if published:
            weights = weights * (len(labels) / (count * sizes))[:, None]
        return weights


def least_squares_proxies(
    problem: RidgeProblem,
    labels: list[NDArray[np.intp]],
    published: bool,
    dtype: np.dtype[np.floating[Any]],
    order: NDArray[np.intp] | slice = slice(None),
) -> list[Array]:
    """Least-squares proxies (p_c, d) of every class from the clusters (n_c,) of its shots.

    `order` sorts the shots, which are grouped by class, into the order of the problem.
    """
    counts = [int(clusters.max()) + 1 for clusters in labels]
    first = np.concatenate([[0], np.cumsum(counts)])
    joint = np.concatenate([clusters + start for clusters, start in zip(labels, first, strict=False)])
    weights = problem.weights(joint[order], int(first[-1]), published).astype(dtype)
    return np.split(weights, first[1:-1])


def probe_weights(x: Array, codes: NDArray[np.integer]) -> Array:
    """Train the weights (C, d) of a linear probe on shots x (n, d) of classes (n,), numbered from 0.

    This is scikit-learn's `LogisticRegression` without intercept. C is that of `CS` with the smallest log-loss in 4
    stratified folds of the shots.
    """
    # Imports scikit-learn.
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold

    sizes = np.bincount(codes)
    scale = float(np.sqrt(np.einsum("nd,nd->n", x, x, dtype=np.float64).mean()))
    if len(sizes) == 1 or not scale:
        return np.zeros((len(sizes), x.shape[1]), x.dtype)
    # In an order that does not depend on the caller's, which the folds would depend on.
    order = np.lexsort((x[:, -1], x[:, 0], codes))
    # The stopping rule assumes features of order 1.
    scaled, codes = x[order].astype(np.float64) / scale, codes[order]
    options = {"fit_intercept": False, "tol": _TOLERANCE, "max_iter": _MOST_ITERATIONS}
    if sizes.min() < 2:
        model = LogisticRegression(C=_C_WITHOUT_FOLDS * scale**2, **options)
    else:
        folds = StratifiedKFold(min(_FOLDS, int(sizes.min())), shuffle=True, random_state=0)
        model = LogisticRegressionCV(
            Cs=[C * scale**2 for C in CS],
            cv=folds,
            scoring="neg_log_loss",
            use_legacy_attributes=False,
            l1_ratios=(0,),
            **options,
        )
    weights = model.fit(scaled, codes).coef_ / scale
    # Of two classes, scikit-learn has the difference of their weights.
    weights = np.concatenate([-weights, weights]) / 2 if len(sizes) == 2 else weights
    return np.asarray(weights, x.dtype)

"""Least squares: proxies that look at all classes together, the paper's oracle.

The ridge problem min ‖XW − Y‖² + Nλ‖W‖² on the one-hot rows Y of classes, or of the clusters in them
(k-least-squares), which then stand for classes. It is solved jointly and without an
intercept: W = (XᵀX + NλI)⁻¹XᵀY (facts §1; `Ridge(alpha=Nλ, fit_intercept=False)`). One factorisation serves every
k and label set of the same shots.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array


class RidgeProblem:
    """The factorised problem of some shots.

    Parameters
    ----------
    X : ndarray of shape (N, d)
        Shots.
    lam : float
        λ, above 0: a share of the mean squared length, as the FMs' weight decay is.

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
                f"λ = {lam:g} is too small for least squares on these shots, whose features depend on each other; "
                "choose a larger λ."
            ) from None

    def weights(self, labels: NDArray[np.integer], count: int, published: bool = False) -> Array:
        """Solve for one-hot targets.

        Parameters
        ----------
        labels : ndarray of shape (N,)
            (Pseudo-)class of every shot, each of 0 … count − 1 at least once.
        count : int
            How many there are, C'.
        published : bool
            Weigh every (pseudo-)class's row by 1/C' instead of its share n_c/N, as the official
            code does (facts §5 A): small clusters then get long proxies.

        Returns
        -------
        ndarray of shape (count, d)
            Proxies.
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

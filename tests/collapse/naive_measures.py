"""Straightforward computation of the measures, to compare with."""

import numpy as np

from imprint_core.collapse.measures import NC1_VARIANTS


def published_nc1(X, y):
    """NC1 as published, of all classes."""
    return float(NC1_VARIANTS["published"].per_class(X, y).mean())


class NaiveMeasures:
    """The measures in float64, from covariance matrices and pseudo-inverses."""

    def __init__(self, X, y):
        X = X.astype(np.float64)
        self.classes = np.unique(y)
        self.c = len(self.classes)
        self.means = np.array([X[y == c].mean(axis=0) for c in self.classes])
        self.mu = self.means.mean(axis=0)
        self.covariances = [np.cov(X[y == c].T, bias=True).reshape(X.shape[1], -1) for c in self.classes]
        self.within = np.mean(self.covariances, axis=0)
        self.between = np.cov(self.means.T, bias=True).reshape(X.shape[1], -1)
        self.inverse = np.linalg.pinv(self.between, rcond=1e-12, hermitian=True)

    def nc1(self):
        return np.trace(self.within @ self.inverse) / self.c

    def nc1_per_class(self):
        return [np.trace(s @ self.inverse) / self.c for s in self.covariances]

    def vci(self):
        total = np.linalg.pinv(self.within + self.between, rcond=1e-10, hermitian=True)
        return 1 - np.trace(total @ self.between) / np.linalg.matrix_rank(self.between, tol=1e-12, hermitian=True)

    def cdnv(self):
        var = [np.trace(s) for s in self.covariances]
        return np.array(
            [
                [
                    0 if i == j else (var[i] + var[j]) / 2 / np.linalg.norm(self.means[i] - self.means[j]) ** 2
                    for j in range(self.c)
                ]
                for i in range(self.c)
            ]
        )

    def nc2(self):
        m = self.means - self.mu
        lengths = np.linalg.norm(m, axis=1)
        cosines = [m[i] @ m[j] / lengths[i] / lengths[j] for i in range(self.c) for j in range(i)]
        g = m @ m.T
        etf = (np.eye(self.c) - np.ones((self.c, self.c)) / self.c) / np.sqrt(self.c - 1)
        return (
            lengths.std() / lengths.mean(),
            np.mean(np.abs(np.array(cosines) + 1 / (self.c - 1))),
            np.linalg.norm(g / np.linalg.norm(g) - etf),
        )

    def nc3(self, proxies, y):
        w = np.array([proxies[y == c].astype(np.float64).mean(axis=0) for c in range(self.c)])
        w, m = w - w.mean(axis=0), self.means - self.mu
        return np.linalg.norm(w / np.linalg.norm(w) - m / np.linalg.norm(m))

"""ImprintingClassifier: NORM, GEN and AGG put together as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from imprint_core.aggregation import AGGREGATIONS
from imprint_core.generation import generate
from imprint_core.normalization import NORMALIZATIONS, Array
from imprint_core.recipe import Recipe


class ImprintingClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify by the nearest proxy, without training (Westerhoff et al., TMLR 2025).

    Parameters
    ----------
    gen, k, norm_pre, norm_post, norm_inf, agg
        As in `Recipe`.
    random_state : int, default=0
        Seed of the GEN methods that draw random numbers; each class uses it afresh, as the
        paper does.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The class labels.
    proxies_ : ndarray of shape (p, d)
        The proxies after NORM_post, ordered by class.
    proxy_class_ : ndarray of shape (p,)
        Index in `classes_` of each proxy's class.
    proxy_source_ : ndarray of shape (p,)
        Row of the training data that a proxy is, or -1 where it is a mixture of several.
    n_features_in_ : int
        d.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.1], [0.9, 0.0], [0.0, 1.0], [0.1, 2.0]])
    >>> ImprintingClassifier(gen="mean").fit(X, ["a", "a", "b", "b"]).predict([[3.0, 1.0]])
    array(['a'], dtype='<U1')
    """

    def __init__(
        self,
        gen: str = "kmeans",
        k: int = 20,
        norm_pre: str = "l2",
        norm_post: str = "l2",
        norm_inf: str = "l2",
        agg: str = "max",
        random_state: int = 0,
    ) -> None:
        self.gen = gen
        self.k = k
        self.norm_pre = norm_pre
        self.norm_post = norm_post
        self.norm_inf = norm_inf
        self.agg = agg
        self.random_state = random_state

    @classmethod
    def from_recipe(cls, recipe: Recipe, random_state: int = 0) -> ImprintingClassifier:
        """The estimator of a recipe."""
        return cls(**asdict(recipe), random_state=random_state)

    def fit(self, X: ArrayLike, y: ArrayLike) -> ImprintingClassifier:
        """Imprint the proxies of the shots.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Embeddings of the shots.
        y : array-like of shape (n,)
            Their classes.
        """
        recipe = Recipe(self.gen, int(self.k), self.norm_pre, self.norm_post, self.norm_inf, self.agg)
        X, y = validate_data(self, X, y, dtype=[np.float32, np.float64])
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        x = NORMALIZATIONS[recipe.norm_pre].function(np.asarray(X))
        members = [np.flatnonzero(codes == c) for c in range(len(self.classes_))]
        proxies, sources = generate(x, members, recipe.gen, recipe.k, self.random_state)
        self.proxies_ = NORMALIZATIONS[recipe.norm_post].function(np.concatenate(proxies))
        self.proxy_source_ = np.concatenate(sources)
        self.proxy_class_ = np.repeat(np.arange(len(proxies)), [len(p) for p in proxies])
        return self

    def _scores(self, X: ArrayLike) -> Array:
        """Score of every class, (m, C)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        x = NORMALIZATIONS[self.norm_inf].function(np.asarray(X))
        starts = np.searchsorted(self.proxy_class_, np.arange(len(self.classes_)))
        scores = AGGREGATIONS[self.agg].function(self.proxies_ @ x.T, starts)
        return np.asarray(scores.T)

    def decision_function(self, X: ArrayLike) -> Array:
        """Scores (m, C); for two classes (m,), the second's score less the first's."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classes (m,) of the embeddings X (m, d); ties go to the lowest class."""
        scores = self._scores(X)
        return np.asarray(self.classes_[np.argmax(scores, axis=1)])

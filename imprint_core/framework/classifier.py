"""ImprintingClassifier: NORM, GEN and AGG as a scikit-learn estimator."""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import copy
from dataclasses import asdict, fields
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from imprint_core.background.threads import run_parallel, single_blas_thread
from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.distances import DISTANCES, Comparison, compare, smallest
from imprint_core.framework.feature_map import FeatureMap
from imprint_core.framework.generation import GENERATORS, generate
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS, Array, l2
from imprint_core.framework.recipe import Recipe, depends_on_all
from imprint_core.framework.selection import Selection, select
from imprint_core.framework.transforms import TRANSFORMS, fit_transform, members_in_order
from imprint_core.registry import check_number

T = TypeVar("T")
# Number of inner products per block of samples during prediction.
_CELLS = 2**22


class Explanation(NamedTuple):
    """Winning proxies, runners-up and margins of predictions.

    Attributes
    ----------
    winner : ndarray of shape (m,)
        Row of `proxies_` of the nearest proxy of the predicted class.
    runner_up : ndarray of shape (m,)
        Row of the nearest proxy of the class with the second-highest score, of tied classes the nearest; -1 if there
        is no other class.
    margin : ndarray of shape (m,)
        Score of the predicted class minus the second-highest score; `inf` if there is no other class.
    """

    winner: NDArray[np.intp]
    runner_up: NDArray[np.intp]
    margin: NDArray[np.float64]


class ImprintingClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify by the nearest proxy, without training (Westerhoff et al., TMLR 2025).

    Parameters
    ----------
    gen, k, norm_pre, norm_post, norm_inf, agg, pretransform, shrinkage, lam, m, distance, vote, ties
        As in `Recipe`.
    random_state : int, default=0
        Seed, 0 to 2³² − 1, of GEN methods with random numbers; each class uses the same seed, as in the paper.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Class labels.
    proxies_ : ndarray of shape (p, d)
        Proxies after NORM_post, ordered by class.
    proxy_class_ : ndarray of shape (p,)
        Index in `classes_` of each proxy's class.
    proxy_source_ : ndarray of shape (p,), object
        Row of the training data that equals a proxy, or None. After `partial_fit`, rows continue those of earlier
        calls.
    transform_ : FeatureMap
        Applied to embeddings before any NORM; `transform_.shrinkage` is the shrinkage that was used.
    recipe_ : Recipe
        The recipe that was used: with gen="auto" that of the selected k, otherwise `recipe`.
    selection_ : Selection
        With gen="auto": the selected k and temperature, what else was tried, and why it was not selected.
    n_features_in_ : int
        d.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.1], [0.9, 0.0], [0.0, 1.0], [0.1, 2.0]])
    >>> ImprintingClassifier(gen="mean").fit(X, ["a", "a", "b", "b"]).predict([[3.0, 1.0]])
    array(['a'], dtype='<U1')
    """

    classes_: NDArray[Any]
    proxies_: Array
    proxy_class_: NDArray[np.intp]
    proxy_source_: NDArray[np.object_]
    transform_: FeatureMap
    recipe_: Recipe
    selection_: Selection
    _codes: NDArray[np.intp]
    _shots: Array

    def __init__(
        self,
        gen: str = "kmeans",
        k: int = 20,
        norm_pre: str = "l2",
        norm_post: str = "l2",
        norm_inf: str = "l2",
        agg: str = "max",
        pretransform: str = "none",
        shrinkage: str | float = "auto",
        lam: float = 1e-4,
        m: int = 5,
        distance: str = "euclidean",
        vote: str = "uniform",
        ties: str = "distance",
        random_state: int = 0,
    ) -> None:
        self.gen = gen
        self.k = k
        self.norm_pre = norm_pre
        self.norm_post = norm_post
        self.norm_inf = norm_inf
        self.agg = agg
        self.pretransform = pretransform
        self.shrinkage = shrinkage
        self.lam = lam
        self.m = m
        self.distance = distance
        self.vote = vote
        self.ties = ties
        self.random_state = random_state

    @classmethod
    def from_recipe(cls, recipe: Recipe, random_state: int = 0) -> ImprintingClassifier:
        """Estimator of a recipe."""
        return cls(**asdict(recipe), random_state=random_state)

    @classmethod
    def auto(cls, random_state: int = 0) -> ImprintingClassifier:
        """Estimator that needs no choice: the shots choose k, the shrinkage and the temperature (`selection`)."""
        return cls("auto", random_state=random_state)

    @property
    def recipe(self) -> Recipe:
        """Recipe of the parameters.

        Raises
        ------
        ImprintError
            If a parameter is not valid.
        """
        return Recipe(**{f.name: _builtin(getattr(self, f.name)) for f in fields(Recipe)})

    def _seed(self) -> int:
        seed = _builtin(self.random_state)
        check_number("random_state", seed)
        return int(seed)

    def fit(self, X: ArrayLike, y: ArrayLike) -> ImprintingClassifier:
        """Imprint proxies from shots.

        Parameters
        ----------
        X : array-like or dense tensor of shape (n, d)
            Embeddings of the shots.
        y : array-like of shape (n,)
            Their classes.
        """
        fresh = copy(self)
        X, y = validate_data(fresh, _dense(X), _dense(y), dtype=[np.float32, np.float64])
        check_classification_targets(y)
        fresh.classes_, fresh._codes = np.unique(y, return_inverse=True)
        fresh._shots = np.asarray(X)
        fresh._imprint_all(self.recipe)
        # Replaced at the end, so that a failing fit leaves the previous one intact.
        self.__dict__ = fresh.__dict__
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> ImprintingClassifier:
        """Add shots of known or new classes.

        Only the proxies of classes with new shots change, unless proxies depend on the shots of all classes: after a
        fitted transform, with least squares, and with NORM_post quantile. All shots are stored, because the proxies
        of a class are made from all its shots. NORM_post quantile_published fits each class to the classes added
        before it.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
        classes : array-like, optional
            Ignored: a class is known from its first shot.
        """
        if not hasattr(self, "classes_"):
            return self.fit(X, y)
        X, y = validate_data(self, _dense(X), _dense(y), dtype=[np.float32, np.float64], reset=False)
        check_classification_targets(y)
        y = np.asarray(y)
        kinds = ["numbers" if labels.dtype.kind in "biuf" else "names" for labels in (self.classes_, y)]
        if kinds[0] != kinds[1]:
            raise ImprintError(
                f"The known classes are {kinds[0]}, such as {self.classes_[0]!r}, and the new classes are {kinds[1]}, "
                f"such as {y[0]!r}. Use one kind of label for all classes."
            )
        grown = copy(self)
        grown._add(np.asarray(X), y)
        # Replaced at the end, so that a failing addition leaves the model intact.
        self.__dict__ = grown.__dict__
        return self

    def _add(self, X: Array, y: NDArray[Any]) -> None:
        recipe = self.recipe
        before = self.classes_
        self.classes_ = np.union1d(before, y)
        codes = np.searchsorted(self.classes_, y)
        moved = np.searchsorted(self.classes_, before)
        self._codes = np.concatenate([moved[self._codes], codes])
        self._shots = np.concatenate([self._shots, X])
        if depends_on_all(recipe):
            self._imprint_all(recipe)
            return
        post = POST_NORMALIZATIONS[recipe.norm_post]
        changed = np.unique(codes)
        x = NORMALIZATIONS[recipe.norm_pre].function(self.transform_(self._shots))
        generated, sources = generate(x, self._members(changed), recipe.gen, recipe.k, self._seed())
        owner = moved[self.proxy_class_]
        unchanged = ~np.isin(owner, changed)
        proxies, proxy_sources = self.proxies_[unchanged], self.proxy_source_[unchanged]
        # NORM_post sees the unchanged proxies first, then the changed classes one after the other.
        blocks = [proxies, *generated] if len(proxies) else generated
        starts = np.cumsum([0, *(len(b) for b in blocks[:-1])])
        normed = post.function(np.concatenate(blocks), starts)
        normed[: len(proxies)] = proxies
        owners = np.concatenate([owner[unchanged], np.repeat(changed, [len(p) for p in generated])])
        order = np.argsort(owners, kind="stable")
        self.proxies_ = normed[order]
        self.proxy_class_ = owners[order]
        self.proxy_source_ = np.concatenate([proxy_sources, _or_none(np.concatenate(sources))])[order]

    def _members(self, classes: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        return [np.flatnonzero(self._codes == c) for c in classes]

    def _imprint_all(self, recipe: Recipe) -> None:
        seed = self._seed()
        if GENERATORS[recipe.gen].selects:
            # Switching between one and several threads of BLAS takes longer than they save.
            with single_blas_thread():
                self.selection_ = select(self._shots, self._codes, seed)
                self._imprint_all(self.selection_.of(recipe))
            return
        self.recipe_ = recipe
        self.transform_ = fit_transform(
            recipe.pretransform, self._shots, self._codes, recipe.shrinkage, recipe.canonical().k, seed
        )
        x = NORMALIZATIONS[recipe.norm_pre].function(self.transform_(self._shots))
        members, base = self._members(np.arange(len(self.classes_))), None
        if TRANSFORMS[recipe.pretransform].clusters:
            members, base = members_in_order(self._shots, self._codes), l2(self._shots)
        generated, sources = generate(x, members, recipe.gen, recipe.k, seed, recipe.lam, base=base)
        sizes = np.array([len(p) for p in generated])
        starts = np.cumsum(sizes) - sizes
        self.proxies_ = POST_NORMALIZATIONS[recipe.norm_post].function(np.concatenate(generated), starts)
        self.proxy_source_ = _or_none(np.concatenate(sources))
        self.proxy_class_ = np.repeat(np.arange(len(generated)), sizes)

    def _each_part(self, X: ArrayLike, run: Callable[[Comparison], T]) -> list[T]:
        """Compare the proxies with blocks of samples, in parallel, and apply `run` to each comparison."""
        check_is_fitted(self)
        X = validate_data(self, _dense(X), dtype=[np.float32, np.float64], reset=False)
        x = NORMALIZATIONS[self.recipe_.norm_inf].function(self.transform_(np.asarray(X)))
        starts = np.searchsorted(self.proxy_class_, np.arange(len(self.classes_)))
        step = max(1, _CELLS // len(self.proxies_))
        parts = [x[i : i + step] for i in range(0, len(x), step)]
        if len(parts) == 1:
            return [run(compare(self.proxies_, x, starts))]
        # One block per core, because BLAS parallelises the matrix product only.
        return run_parallel(lambda part: run(compare(self.proxies_, part, starts)), parts)

    def _scores(self, X: ArrayLike) -> Array:
        """Scores (m, C) of all classes."""
        return np.concatenate(self._each_part(X, lambda part: self._class_scores(part).T))

    def _class_scores(self, part: Comparison) -> Array:
        return AGGREGATIONS[self.recipe_.agg].function(part, self.recipe_.voting)

    def decision_function(self, X: ArrayLike) -> Array:
        """Scores (m, C); for two classes (m,), the second score minus the first.

        Inner products for AGG max and sum; for m-NN, votes plus less than half a vote that breaks ties by distance
        (`aggregation.nearest_neighbours`).
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classes (m,) of the embeddings X (m, d); ties go to the lowest class."""
        scores = self._scores(X)
        return np.asarray(self.classes_[np.argmax(scores, axis=1)])

    @available_if(lambda self: GENERATORS[self.gen].calibrated)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (m, C): softmax of the scores, with gen="auto" times the temperature that the shots choose."""
        scores = self._scores(X) * np.float64(self.selection_.temperature if GENERATORS[self.gen].selects else 1)
        return softmax(scores, axis=1)

    def kneighbors(self, X: ArrayLike, n_neighbors: int | None = None) -> tuple[Array, NDArray[np.intp]]:
        """Distances (m, n) and rows (m, n) of the nearest proxies of each sample of X (m, d), nearest first.

        Distances are the recipe's for m-NN, otherwise negative inner products. `n_neighbors` is m by default.
        """
        count = _builtin(self.m if n_neighbors is None else n_neighbors)
        check_number("n_neighbors", count)

        def nearest(part: Comparison) -> tuple[NDArray[np.intp], Array]:
            if AGGREGATIONS[self.recipe_.agg].uses_distance:
                return DISTANCES[self.recipe_.distance].nearest(part, count)
            return smallest(-part.inner, min(count, len(part.inner)))

        rows, distances = zip(*self._each_part(X, nearest), strict=True)
        return np.concatenate(distances), np.concatenate(rows)

    def shots_of(self, proxy: int) -> NDArray[np.intp]:
        """Shots that a proxy represents: those of its class that are nearest to it among the proxies of the class.

        Parameters
        ----------
        proxy : int
            Row of `proxies_`.

        Returns
        -------
        ndarray of shape (s,)
            Rows of the training data, nearest to the proxy first; may be empty.
        """
        of_class = np.flatnonzero(self.proxy_class_ == self.proxy_class_[proxy])
        rows = np.flatnonzero(self._codes == self.proxy_class_[proxy])
        x = NORMALIZATIONS[self.recipe_.norm_inf].function(self.transform_(self._shots[rows]))
        gaps = self._gaps(compare(self.proxies_[of_class], x, np.zeros(1, dtype=np.intp)))
        index = int(np.searchsorted(of_class, proxy))
        nearest = np.flatnonzero(np.argmin(gaps, axis=0) == index)
        return rows[nearest[np.argsort(gaps[index, nearest], kind="stable")]]

    def explain(self, X: ArrayLike) -> Explanation:
        """Winning proxy, runner-up and margin of each sample of X (m, d)."""

        def explained(part: Comparison) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
            scores = self._class_scores(part).astype(np.float64)
            gaps = self._gaps(part)
            best = np.argmax(scores, axis=0)
            columns = np.arange(scores.shape[1])
            top = scores[best, columns]
            if len(scores) == 1:
                return self._nearest(gaps, best), np.full(len(best), -1), np.full(len(best), np.inf)
            scores[best, columns] = -np.inf
            # Of classes with equal scores, such as those without votes, the one with the nearest proxy.
            tied = scores == scores.max(axis=0)
            starts = np.searchsorted(self.proxy_class_, np.arange(len(scores)))
            second = np.argmin(np.where(tied, np.minimum.reduceat(gaps, starts, axis=0), np.inf), axis=0)
            return self._nearest(gaps, best), self._nearest(gaps, second), top - scores[second, columns]

        parts = self._each_part(X, explained)
        return Explanation(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _gaps(self, part: Comparison) -> Array:
        """Distance of each proxy to each sample, (p, m), or the negative inner product if AGG uses it."""
        if AGGREGATIONS[self.recipe_.agg].uses_distance:
            return DISTANCES[self.recipe_.distance].order(part)
        return -part.inner

    def _nearest(self, gaps: Array, classes: NDArray[np.intp]) -> NDArray[np.intp]:
        of_class = self.proxy_class_[:, None] == classes
        return np.argmin(np.where(of_class, gaps, np.inf), axis=0)


def _builtin(value: Any) -> Any:
    """Return a NumPy number as a Python number, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _dense(values: ArrayLike) -> ArrayLike:
    """Return the array of a PyTorch tensor, with or without gradients and of any float type; anything else as given."""
    # Not imported: without PyTorch there is no tensor.
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(values, torch.Tensor):
        return values
    if values.layout != torch.strided or values.device.type == "meta":
        kind = "sparse" if values.layout != torch.strided else "without values"
        raise TypeError(f"The tensor is {kind}; pass a dense tensor or array.")
    tensor = values.detach().cpu()
    try:
        return np.asarray(tensor.numpy())
    except TypeError:
        # bfloat16 and smaller ones.
        return np.asarray(tensor.float().numpy())


def _or_none(sources: NDArray[np.intp]) -> NDArray[np.object_]:
    return np.array([int(s) if s >= 0 else None for s in sources], dtype=object)

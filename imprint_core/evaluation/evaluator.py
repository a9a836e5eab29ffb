"""Evaluate recipes on a task, over seeds and n-shots, from shared inner products.

Almost every proxy is a weighted sum of shots (`generation`), so its similarity with a test sample is the same weighted
sum of the shots' similarities. Those are computed once per task; a new k, n or seed then needs no pass over the
embeddings, and 2048 dimensions are as fast as 192. A transform that is fitted on the shots needs separate inner
products for each draw; whitening derives them from the pool's if there are fewer shots than dimensions.
Predictions equal the estimator's up to rounding; a test compares them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.threads import lazy_property, run_parallel
from imprint_core.evaluation.inner_products import CACHED, Draw, Predicted, Products
from imprint_core.evaluation.lru_cache import LruCache
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.evaluation.task import FOLDS, FoldRows, Split, folds, shot_order
from imprint_core.framework.feature_map import FeatureMap
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.kmeans import squared_distances
from imprint_core.framework.normalization import NORMALIZATIONS, Array, l2
from imprint_core.framework.recipe import Recipe, Space
from imprint_core.framework.selection import Selection, select
from imprint_core.framework.transforms import TRANSFORMS, fit_transform, order_of_rows
from imprint_core.framework.whitening import Shrinkage, WhitenedProducts


@dataclass(frozen=True)
class Evaluation:
    """Predictions and accuracy of a recipe on a task.

    Attributes
    ----------
    predictions : ndarray of shape (s, m), int32
        Predicted class of every test sample, for each seed, as an index of the chosen classes in ascending order.
    accuracy : ndarray of shape (s,)
        Share of correct predictions, in percent.
    probability : ndarray of shape (s, m), float32, or None
        Probability of each prediction; None if GEN is not calibrated.
    draws : int
        Number of draws: s, or 1 if no seed can change anything.
    """

    predictions: NDArray[np.int32]
    accuracy: NDArray[np.float64]
    probability: NDArray[np.float32] | None
    draws: int

    @property
    def summary(self) -> Summary:
        """Median and range of the accuracy over draws."""
        return replace(summarize(self.accuracy), runs=self.draws)


class Imprint(NamedTuple):
    """The proxies of one draw among the embeddings, for a map.

    Attributes
    ----------
    proxies : ndarray of shape (p, d)
        Before NORM_post and without the transform: the same weighted sums of the untransformed shots. Proxies that are
        fitted jointly are no weighted sums and are returned after the transform.
    classes : ndarray of shape (p,)
        Index of each proxy's class among the chosen classes.
    X_train : ndarray of shape (N, d)
        All training samples of the pool in the same space.
    """

    proxies: Array
    classes: NDArray[np.intp]
    X_train: Array


class TransformDiagnostics(NamedTuple):
    """Of a `FeatureMap` fitted on a draw: shrinkage, if it has one, remark, and with GEN auto what was selected."""

    shrinkage: float | None
    remark: str
    selection: Selection | None = None


class _Fit(NamedTuple):
    """What a fitted transform depends on: the rows of the shots, ascending, and its parameters."""

    rows: NDArray[np.intp]
    shrinkage: Shrinkage
    k: int
    seed: int

    @property
    def key(self) -> tuple[Hashable, ...]:
        return (self.rows.tobytes(), *self[1:])


class Evaluator:
    """Evaluates the recipes of one space on one pool of samples.

    A pool with `resplit` is evaluated by cross-validation, with other folds for each seed. The proxies among the
    embeddings (`imprint`) are always those of the pool's training samples.

    Parameters
    ----------
    pool : Split
        All training samples that shots are drawn from, and the test samples.
    space : Space
        Of the recipes.
    cached : int
        Number of draws whose values are cached.

    Attributes
    ----------
    pool : Split
    tested : Split
        The pool's samples in evaluations, see `Split.evaluated`.
    classes : ndarray of shape (C,)
        The chosen class numbers, ascending.
    truth : ndarray of shape (m,)
        True classes of the test samples, as indices of `classes`.
    """

    def __init__(self, pool: Split, space: Space, cached: int = CACHED) -> None:
        self.pool = pool
        self.space = space
        self.tested = pool.evaluated
        self.classes = np.unique(pool.y_train)
        self.truth = np.searchsorted(self.classes, self.tested.y_test)
        # All samples as shots and as test samples of all folds, so that folds share inner products.
        self._whole = Evaluator(self.tested, space, CACHED * FOLDS) if pool.resplit else None
        self._cached = cached
        self._fitted = TRANSFORMS[space.pretransform].fitted
        self._clusters = TRANSFORMS[space.pretransform].clusters
        self._selections = LruCache[Selection](cached)
        self._orders: dict[int, Draw] = {}
        self._folds: dict[int, list[FoldRows]] = {}
        self._maps = LruCache[FeatureMap](cached)
        self._drawn_products = LruCache[tuple[Products, TransformDiagnostics]](cached)
        everything = _Fit(np.arange(len(pool.y_train)), space.shrinkage, 1, 0)
        self._shared = None if self._fitted else self._of_vectors(self._map(everything), everything.rows)

    def shots(self, n: int | None, seed: int) -> Draw:
        """Return the rows in `pool` of the first n shots of every class; None returns all."""
        order = self._orders.get(seed)
        if order is None:
            order = self._orders[seed] = shot_order(self.pool.y_train, seed)
        return [o[:n] for o in order]

    def evaluate(self, recipe: Recipe, n: int | None, seeds: Sequence[int]) -> Evaluation:
        """Imprint n shots per class (None: all) and predict the test samples."""
        if recipe.space != self.space:
            raise ValueError(f"this evaluator has the space {self.space}, not that of {recipe}")
        shape = (len(seeds), len(self.truth))
        predictions, probability = np.empty(shape, np.int32), np.empty(shape, np.float32)
        for parts in zip(*(self._folds_of(seed) for seed in seeds), strict=True):
            draws = {seed: [rows[:n] for rows in part.shots] for seed, part in zip(seeds, parts, strict=True)}
            predicted = (self._whole or self)._predict(recipe, draws)
            for i, part in enumerate(parts):
                predictions[i, part.test] = predicted.classes[i, part.test]
                probability[i, part.test] = predicted.probability[i, part.test]
        accuracy = 100 * (predictions == self.truth).mean(axis=1)
        known = probability if GENERATORS[recipe.gen].calibrated else None
        return Evaluation(predictions, accuracy, known, len(seeds) if self.depends_on_seed(recipe, n) else 1)

    def _folds_of(self, seed: int) -> list[FoldRows]:
        if seed not in self._folds:
            self._folds[seed] = folds(self.pool, seed)
        return self._folds[seed]

    def depends_on_seed(self, recipe: Recipe, n: int | None) -> bool:
        """Return whether seeds can give different results: by folds, by the choice of shots, or by GEN."""
        most = int(np.bincount(self.pool.y_train).max())
        gen = GENERATORS[recipe.gen]
        clusters = gen.selects or ((gen.seeded or self._clusters) and recipe.k < most)
        return self.pool.resplit or (n or most) < most or clusters

    def _predict(self, recipe: Recipe, draws: dict[int, Draw]) -> Predicted:
        """Predict all test samples (s, m) from each seed's draw."""
        if self._shared is not None:
            return self._shared.predict(recipe, draws, {})
        recipes = run_parallel(lambda item: self._selected(recipe, item[1], item[0]), draws.items())
        fits = [self._fit(each, draw, seed) for each, (seed, draw) in zip(recipes, draws.items(), strict=True)]
        all_products = self._products_of_fits(fits)
        gen = GENERATORS[recipe.gen]
        temperatures = {
            seed: self._selection(draw, seed).temperature if gen.selects else 1.0
            for seed, draw in draws.items()
            if gen.calibrated
        }
        predicted = [
            products.predict(each, {seed: self._within(draw)}, temperatures)
            for each, (seed, draw), products in zip(recipes, draws.items(), all_products, strict=True)
        ]
        return Predicted(*map(np.concatenate, zip(*predicted, strict=True)))

    def _selected(self, recipe: Recipe, draw: Draw, seed: int) -> Recipe:
        """The recipe that the estimator uses for a draw: with what the shots select."""
        return self._selection(draw, seed).of(recipe) if GENERATORS[recipe.gen].selects else recipe

    def _selection(self, draw: Draw, seed: int) -> Selection:
        rows = _rows(draw)
        return self._selections.get(
            (rows.tobytes(), seed), lambda: select(self._samples(rows), self._codes(rows), seed)
        )

    def _fit(self, recipe: Recipe, draw: Draw, seed: int) -> _Fit:
        clusters = (recipe.canonical().k, seed) if self._clusters else (1, 0)
        return _Fit(_rows(draw), recipe.shrinkage, *clusters)

    def _within(self, draw: Draw) -> Draw:
        """Each shot's position among all shots of the draw, ascending."""
        rows = _rows(draw)
        return [np.searchsorted(rows, shots) for shots in self._in_order(draw)]

    def _in_order(self, draw: Draw) -> Draw:
        """The draw with the shots of each class in the order of `fit_transform`, if it clusters them."""
        return [shots[np.argsort(self._ranks[shots])] for shots in draw] if self._clusters else draw

    @lazy_property
    def _ranks(self) -> NDArray[np.intp]:
        return np.argsort(order_of_rows(self.pool.X_train))

    def evaluate_each(self, recipes: Sequence[Recipe], n: int | None, seeds: Sequence[int]) -> list[Evaluation]:
        """Evaluate several recipes in parallel.

        BLAS runs on one thread meanwhile: in problems of this size its threads compete for the cores.
        """

        def evaluate(recipe: Recipe) -> Evaluation:
            return self.evaluate(recipe, n, seeds)

        # The first one fills the caches that the others share.
        results = [evaluate(recipe) for recipe in recipes[:1]]
        if len(recipes) > 1:
            results += run_parallel(evaluate, recipes[1:])
        return results

    def accuracy_over_k(
        self, recipe: Recipe, ks: Sequence[int], n: int | None, seeds: Sequence[int]
    ) -> NDArray[np.float64]:
        """Return the accuracy of the recipe at each k, in percent, (len(ks), s)."""
        recipes = [replace(recipe, k=k) for k in ks]
        return np.stack([result.accuracy for result in self.evaluate_each(recipes, n, seeds)])

    def imprint(self, recipe: Recipe, n: int | None, seed: int) -> Imprint:
        """Return the proxies of one draw among the embeddings, for the map."""
        draw = self.shots(n, seed)
        recipe = self._selected(recipe, draw, seed)
        fit = self._fit(recipe, draw, seed)
        if self._shared is not None:
            products, local = self._shared, draw
        else:
            products, local, draw = self._products_of(fit)[0], self._within(draw), self._in_order(draw)
        if GENERATORS[recipe.gen].joint:
            proxies, x = products.solved(recipe, seed, local), products.vectors[0]
            if self._shared is None:
                x = NORMALIZATIONS[self.space.norm_pre].function(self._map(fit)(self.pool.X_train))
        else:
            x = self.embedded
            weights = products.mix(recipe, seed, local)
            proxies = [each.of(x[shots]) for each, shots in zip(weights, draw, strict=True)]
        return Imprint(np.concatenate(proxies), np.repeat(np.arange(len(proxies)), [len(p) for p in proxies]), x)

    @lazy_property
    def embedded(self) -> Array:
        """All training samples (N, d) of the pool before any transform, after the NORM of the map."""
        return NORMALIZATIONS[self.space.base_norm].function(self.pool.X_train)

    def fit_of(self, recipe: Recipe, n: int | None, seed: int) -> TransformDiagnostics:
        """Return the diagnostics of the transform on one draw, with cross-validation on that of the first fold."""
        if not self._fitted:
            return TransformDiagnostics(None, "")
        draw, evaluator = [rows[:n] for rows in self._folds_of(seed)[0].shots], self._whole or self
        fitted = evaluator._products_of(evaluator._fit(evaluator._selected(recipe, draw, seed), draw, seed))[1]
        selects = GENERATORS[recipe.gen].selects
        return fitted._replace(selection=evaluator._selection(draw, seed)) if selects else fitted

    def _codes(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.searchsorted(self.classes, self.pool.y_train[rows])

    def _samples(self, rows: NDArray[np.intp]) -> Array:
        """Training samples of the pool (n, d) by ascending rows; all of them are not copied."""
        return self.pool.X_train if len(rows) == len(self.pool.X_train) else self.pool.X_train[rows]

    def _map(self, fit: _Fit) -> FeatureMap:
        def compute() -> FeatureMap:
            x, codes = self._samples(fit.rows), self._codes(fit.rows)
            return fit_transform(self.space.pretransform, x, codes, fit.shrinkage, fit.k, fit.seed)

        return self._maps.get(fit.key if self._fitted else b"", compute)

    def _products_of_fits(self, fits: list[_Fit]) -> list[Products]:
        """Compute the inner products of each draw in parallel, once for draws with the same shots in another order."""
        distinct = {fit.key: fit for fit in fits}
        missing = [fit for key, fit in distinct.items() if key not in self._drawn_products]
        if missing and self._by_products(missing[0].rows) is not None:
            _ = self._pool_products
        if len(missing) > 1:
            run_parallel(self._products_of, missing)
        return [self._products_of(fit)[0] for fit in fits]

    def _products_of(self, fit: _Fit) -> tuple[Products, TransformDiagnostics]:
        return self._drawn_products.get(fit.key, lambda: self._make(fit))

    def _by_products(self, rows: NDArray[np.intp]) -> Callable[..., WhitenedProducts | None] | None:
        """Return the transform on inner products, if it has one and there are fewer shots than dimensions."""
        wide = len(rows) < self.pool.X_train.shape[1]
        return TRANSFORMS[self.space.pretransform].products if wide else None

    def _make(self, fit: _Fit) -> tuple[Products, TransformDiagnostics]:
        rows, transform = fit.rows, self._by_products(fit.rows)
        if transform is not None:
            gram, cross, test_squares = self._pool_products
            codes, dim = self._codes(rows), self.pool.X_train.shape[1]
            whitened = transform(gram[np.ix_(rows, rows)], cross[rows], test_squares, codes, dim, fit.shrinkage)
            if whitened is not None:
                return self._of_products(whitened, fit), TransformDiagnostics(whitened.shrinkage, "")
        fitted = self._map(fit)
        return self._of_vectors(fitted, rows), TransformDiagnostics(fitted.shrinkage, fitted.remark)

    @lazy_property
    def _pool_products(self) -> tuple[Array, Array, Array]:
        """Inner products of the pool's shots, of them with test samples, and squared lengths of those, after L2."""
        train, test = l2(self.pool.X_train), l2(self.pool.X_test)
        # Whitening is invariant to a common shift; without their mean the products have smaller rounding errors.
        mean = train.mean(axis=0)
        train, test = train - mean, test - mean
        return train @ train.T, train @ test.T, np.einsum("md,md->m", test, test)

    def _of_vectors(self, fitted: FeatureMap, rows: NDArray[np.intp]) -> Products:
        train, test = self._vectors(fitted, rows)
        members = _members(self._codes(rows))
        squares = np.einsum("nd,nd->n", train, train)
        base = l2(self._samples(rows)) if self._clusters else None
        # Weak, because it caches the products. Vectors are computed again if a recipe needs them: few do.
        evaluator = weakref.proxy(self)
        return Products(
            members,
            [train[c] @ test.T for c in members],
            [squared_distances(train[c]) for c in members],
            [squares[c] for c in members],
            np.einsum("md,md->m", test, test),
            test.shape[1],
            lambda: evaluator._vectors(fitted, rows),
            self._cached,
            None if base is None else Products.of_shots(base, members),
        )

    def _of_products(self, whitened: WhitenedProducts, fit: _Fit) -> Products:
        rows = fit.rows
        members = _members(self._codes(rows))
        squares = np.empty(len(rows), whitened.cross.dtype)
        for c, gram in zip(members, whitened.grams, strict=True):
            squares[c] = np.diagonal(gram)
        pre = NORMALIZATIONS[self.space.norm_pre].scale(squares)
        inf = NORMALIZATIONS[self.space.norm_inf].scale(whitened.test_squares)
        squares = squares * pre**2
        grams = [gram * pre[c] * pre[c][:, None] for c, gram in zip(members, whitened.grams, strict=True)]
        cross = whitened.cross * inf * pre[:, None]
        # Weak, because it caches the products.
        evaluator = weakref.proxy(self)
        return Products(
            members,
            [cross[c] for c in members],
            [_distances(gram, squares[c]) for c, gram in zip(members, grams, strict=True)],
            [squares[rows] for rows in members],
            whitened.test_squares * inf**2,
            self.pool.X_test.shape[1],
            lambda: evaluator._vectors(evaluator._map(fit), rows),
            self._cached,
        )

    def _vectors(self, fitted: FeatureMap, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return shots and test samples as input of GEN and AGG."""
        train = NORMALIZATIONS[self.space.norm_pre].function(fitted(self._samples(rows)))
        return train, NORMALIZATIONS[self.space.norm_inf].function(fitted(self.pool.X_test))


def _rows(draw: Draw) -> NDArray[np.intp]:
    """The rows of all shots of a draw, ascending."""
    return np.sort(np.concatenate(draw))


def _members(codes: NDArray[np.intp]) -> Draw:
    return [np.flatnonzero(codes == c) for c in range(int(codes.max()) + 1)]


def _distances(gram: Array, squares: Array) -> NDArray[np.float32]:
    distances = np.maximum(squares + squares[:, None] - 2 * gram, 0)
    distances[np.diag_indices(len(distances))] = 0
    return distances.astype(np.float32)

"""Evaluate recipes on a task, over seeds and n-shots, from shared inner products.

Almost every proxy is a weighted sum of shots (`generation`), so its similarity with a test sample
is the same weighted sum of the shots' similarities. Those are computed once for a task; after that a
new k, n or seed costs no pass over the embeddings, and 2048 dimensions answer as fast as 192.
A transform that is fitted on the shots gives every draw of them inner products of its own.
Predictions equal the estimator's up to rounding, and a test holds that.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from imprint_core.aggregation import AGGREGATIONS, Comparison, compare
from imprint_core.clustering import squared_distances
from imprint_core.generation import GENERATORS, Mixture, Shots, generate, solve
from imprint_core.least_squares import RidgeProblem
from imprint_core.normalization import NORMALIZATIONS, POST_NORMALIZATIONS, Array
from imprint_core.recipe import Recipe, Space
from imprint_core.task import Split, shot_order
from imprint_core.transforms import TRANSFORMS, Map, fit_transform

T = TypeVar("T")
Draw = list[NDArray[np.intp]]
# Draws whose own inner products are kept: the seeds of one n-shot.
_DRAWS = 8


@dataclass(frozen=True)
class Evaluation:
    """What a recipe does on a task.

    Attributes
    ----------
    predictions : ndarray of shape (s, m), int32
        Predicted class of every test sample, for each seed; as an index of the classes that
        take part, ascending.
    accuracy : ndarray of shape (s,)
        Share of right predictions, in percent.
    """

    predictions: NDArray[np.int32]
    accuracy: NDArray[np.float64]


class Imprint(NamedTuple):
    """The proxies of one draw, before NORM_post, among the embeddings.

    Attributes
    ----------
    proxies : ndarray of shape (p, d)
    classes : ndarray of shape (p,)
        Index of each proxy's class among those that take part.
    X_train : ndarray of shape (N, d)
        All training samples of the pool in the proxies' space, after NORM_pre.
    """

    proxies: Array
    classes: NDArray[np.intp]
    X_train: Array


class Evaluator:
    """Evaluates the recipes of one space on one pool of samples.

    Parameters
    ----------
    pool : Split
        All training samples that shots are drawn from, and the test samples.
    space : Space
        Of the recipes.

    Attributes
    ----------
    pool : Split
    classes : ndarray of shape (C,)
        The class numbers that take part, ascending.
    truth : ndarray of shape (m,)
        True classes of the test samples, as indices of `classes`.
    """

    def __init__(self, pool: Split, space: Space) -> None:
        self.pool = pool
        self.space = space
        self.classes = np.unique(pool.y_train)
        self.truth = np.searchsorted(self.classes, pool.y_test)
        self._fitted = TRANSFORMS[space.pretransform].fitted
        self._orders: dict[int, Draw] = {}
        self._maps = _Kept[Map]()
        self._own = _Kept[Products]()
        self._shared = None if self._fitted else self._products(self._map(np.arange(0)), np.arange(len(pool.y_train)))

    def shots(self, n: int | None, seed: int) -> Draw:
        """Indices into `pool` of the first n shots of every class (fewer where it has fewer; None: all)."""
        order = self._orders.get(seed)
        if order is None:
            order = self._orders[seed] = shot_order(self.pool.y_train, seed)
        return [o[:n] for o in order]

    def evaluate(self, recipe: Recipe, n: int | None, seeds: Sequence[int]) -> Evaluation:
        """Imprint n shots a class (fewer where a class has fewer; None: all) and predict."""
        if recipe.space != self.space:
            raise ValueError(f"this evaluator is of {self.space}, not of {recipe}")
        draws = {seed: self.shots(n, seed) for seed in seeds}
        if self._shared is not None:
            predictions = self._shared.predict(recipe, draws)
        else:
            own = self._all_drawn(list(draws.values()))
            predictions = np.concatenate(
                [
                    products.predict(recipe, {seed: [np.searchsorted(_rows(draw), shots) for shots in draw]})
                    for (seed, draw), products in zip(draws.items(), own, strict=True)
                ]
            )
        accuracy = 100 * (predictions == self.truth).mean(axis=1)
        return Evaluation(predictions, accuracy)

    def accuracy_over_k(
        self, recipe: Recipe, ks: Sequence[int], n: int | None, seeds: Sequence[int]
    ) -> NDArray[np.float64]:
        """Accuracy of the recipe at each k, in percent, (len(ks), s).

        The k's run beside each other with BLAS on one thread: its threads fight over the
        cores where the problems are as small as here.
        """

        def at(k: int) -> NDArray[np.float64]:
            return self.evaluate(replace(recipe, k=k), n, seeds).accuracy

        # The first alone: it leaves what the others share.
        runs = [at(ks[0])]
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
            runs += pool.map(at, ks[1:])
        return np.stack(runs)

    def imprint(self, recipe: Recipe, n: int | None, seed: int) -> Imprint:
        """The proxies of one draw among the embeddings, for the map."""
        draw = self.shots(n, seed)
        if self._shared is not None:
            x = self._shared.X_train
        else:
            x = NORMALIZATIONS[self.space.norm_pre].function(self._map(_rows(draw))(self.pool.X_train))
        made, _ = generate(x, draw, recipe.gen, recipe.k, seed, recipe.lam)
        return Imprint(np.concatenate(made), np.repeat(np.arange(len(made)), [len(p) for p in made]), x)

    @property
    def embedded(self) -> Array:
        """All training samples (N, d) of the pool after NORM_pre, where no transform is fitted."""
        if self._shared is None:
            raise ValueError(f"{self.space.pretransform} is fitted on a draw, so the pool has no embeddings of its own")
        return self._shared.X_train

    def map_of(self, n: int | None, seed: int) -> Map:
        """The transform as fitted on one draw; it says which shrinkage is in force."""
        return self._map(_rows(self.shots(n, seed)))

    def _map(self, rows: NDArray[np.intp]) -> Map:
        if not self._fitted:
            return fit_transform(self.space.pretransform, self.pool.X_train[:0], np.empty(0, int))
        codes = np.searchsorted(self.classes, self.pool.y_train[rows])
        return self._maps.get(
            rows.tobytes(),
            lambda: fit_transform(self.space.pretransform, self.pool.X_train[rows], codes, self.space.shrinkage),
        )

    def _all_drawn(self, draws: list[Draw]) -> list[Products]:
        """Each draw's own products, made beside each other: one after the other leaves cores idle.

        Draws of the same shots, in whatever order, share theirs.
        """
        rows = [_rows(draw) for draw in draws]
        distinct = {own.tobytes(): own for own in rows}
        absent = [own for key, own in distinct.items() if key not in self._own]
        if len(absent) > 1:
            with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(self._drawn, absent))
        return [self._drawn(own) for own in rows]

    def _drawn(self, rows: NDArray[np.intp]) -> Products:
        return self._own.get(rows.tobytes(), lambda: self._products(self._map(rows), rows))

    def _products(self, fitted: Map, rows: NDArray[np.intp]) -> Products:
        train = NORMALIZATIONS[self.space.norm_pre].function(fitted(self.pool.X_train[rows]))
        test = NORMALIZATIONS[self.space.norm_inf].function(fitted(self.pool.X_test))
        return Products(train, np.searchsorted(self.classes, self.pool.y_train[rows]), test)


class Products:
    """The inner products of training samples with each other and with test samples.

    Parameters
    ----------
    X_train : ndarray of shape (N, d)
    y_train : ndarray of shape (N,)
        Classes from 0 up.
    X_test : ndarray of shape (m, d)
    """

    def __init__(self, X_train: Array, y_train: NDArray[np.integer], X_test: Array) -> None:
        self.X_train = X_train
        self._test = X_test
        self._rows = [np.flatnonzero(y_train == c) for c in range(int(y_train.max()) + 1)]
        self._place = np.empty(len(y_train), dtype=np.intp)
        for rows in self._rows:
            self._place[rows] = np.arange(len(rows))
        # Shots as rows, so that drawing some of them copies whole rows.
        self._cross = [X_train[rows] @ X_test.T for rows in self._rows]
        self._distances = [squared_distances(X_train[rows]) for rows in self._rows]
        squares = np.einsum("nd,nd->n", X_train, X_train)
        self._squares = [squares[rows] for rows in self._rows]
        self._test_squares = np.einsum("md,md->m", X_test, X_test)
        self._kept: tuple[Any, Shots, Draw] | None = None
        self._problems = _Kept[RidgeProblem]()

    def predict(self, recipe: Recipe, draws: dict[int, Draw]) -> NDArray[np.int32]:
        """Predicted classes (s, m) for each seed's draw.

        Every (seed, class) is one problem; those of one size are generated together.
        """
        made: dict[tuple[int, int], _Made] = {}
        first = next(iter(draws.values()))
        sizes = np.array([len(shots) for shots in first])
        for size in np.unique(sizes):
            alike = [(s, int(c)) for s in draws for c in np.flatnonzero(sizes == size)]
            shots, local = self._stack(alike, draws)
            seeds = np.array([seed for seed, _ in alike])
            batch = _Batch(GENERATORS[recipe.gen].function(shots, recipe.k, seeds), shots)
            made |= {problem: _Made(batch, i, local[i]) for i, problem in enumerate(alike)}
        predictions = np.empty((len(draws), len(self._test)), dtype=np.int32)
        for i, (seed, draw) in enumerate(draws.items()):
            own = [made[seed, c] for c in range(len(draw))]
            scores = AGGREGATIONS[recipe.agg].function(self._compare(recipe, draw, own), recipe)
            predictions[i] = np.argmax(scores, axis=0)
        return predictions

    def _compare(self, recipe: Recipe, draw: Draw, made: list[_Made]) -> Comparison:
        post = POST_NORMALIZATIONS[recipe.norm_post]
        if GENERATORS[recipe.gen].ridge or post.scale is None:
            proxies = self._vectors(recipe, draw, made)
            starts = _starts(proxies)
            return compare(post.function(np.concatenate(proxies), starts), self._test, starts)
        similarities = [one.of(self._cross[c][one.local]) for c, one in enumerate(made)]
        squares = np.concatenate([one.batch.squares[one.i] for one in made])
        scale = post.scale(squares)
        inner = np.concatenate(similarities)
        inner *= scale[:, None]
        return Comparison(
            inner,
            _starts(similarities),
            lambda: (squares * scale**2, self._test_squares),
            lambda: (np.concatenate(self._vectors(recipe, draw, made)) * scale[:, None], self._test),
        )

    def _vectors(self, recipe: Recipe, draw: Draw, made: list[_Made]) -> list[Array]:
        """Each class's proxies (p, d) before NORM_post."""
        ridge = GENERATORS[recipe.gen].ridge
        if not ridge:
            return [one.of(self.X_train[rows]) for rows, one in zip(draw, made, strict=True)]
        rows = np.concatenate(draw)
        problem = self._problems.get((recipe.lam, rows.tobytes()), lambda: RidgeProblem(self.X_train[rows], recipe.lam))
        labels = [one.batch.mixture.labels(one.i) for one in made]
        return solve(problem, labels, ridge == "published", self.X_train.dtype)

    def _stack(self, problems: list[tuple[int, int]], draws: dict[int, Draw]) -> tuple[Shots, Draw]:
        """The problems' shots, and their rows among their class's.

        The last are kept, for the next recipe on the same shots.
        """
        picked = [draws[seed][c] for seed, c in problems]
        key = (tuple(problems), len(picked[0]))
        kept = self._kept
        if kept is None or kept[0] != key:
            local = [self._place[rows] for rows in picked]
            own = [(c, i) for (_, c), i in zip(problems, local, strict=True)]
            distances = np.stack([self._distances[c][np.ix_(i, i)] for c, i in own])
            squares = np.stack([self._squares[c][i] for c, i in own])
            shape = (len(problems), distances.shape[1], self.X_train.shape[1])
            shots = Shots(lambda: self.X_train[np.stack(picked)], shape, distances, squares)
            # One assignment, for another tab may be evaluating on the same products.
            self._kept = kept = (key, shots, local)
        return kept[1:]


class _Batch:
    """The proxies of problems that were generated together."""

    def __init__(self, mixture: Mixture, shots: Shots) -> None:
        self.mixture = mixture
        self._shots = shots

    @cached_property
    def squares(self) -> Array:
        """Squared lengths (b, p) of the proxies."""
        return self.mixture.squared_lengths(self._shots.squares, self._shots.distances)


class _Made(NamedTuple):
    """The proxies of one (seed, class): problem `i` of a batch, and its shots' rows among their class's."""

    batch: _Batch
    i: int
    local: NDArray[np.intp]

    def of(self, rows: Array) -> Array:
        """Mix what the shots have (n, …) into what the proxies have (p, …)."""
        return self.batch.mixture.of(rows, self.i)


class _Kept(Generic[T]):
    """The values made last."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value under `key`, made where it isn't there."""
        value = self._values.get(key)
        if value is None:
            value = self._values[key] = make()
            while len(self._values) > _DRAWS:
                self._values.popitem(last=False)
        return value


def _rows(draw: Draw) -> NDArray[np.intp]:
    """The rows of all shots of a draw, ascending."""
    return np.sort(np.concatenate(draw))


def _starts(parts: Sequence[Array]) -> NDArray[np.intp]:
    return np.cumsum([0, *(len(p) for p in parts[:-1])])

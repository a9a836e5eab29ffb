"""Evaluate recipes on a task, over seeds and n-shots, from shared inner products.

A proxy is a weighted sum of shots (`generation`), so its similarity with a test sample is the
same weighted sum of the shots' similarities. Those are computed once for a task; after that a
new k, n or seed costs no pass over the embeddings, and 2048 dimensions answer as fast as 192.
Predictions equal the estimator's up to rounding, and a test holds that.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from imprint_core.aggregation import AGGREGATIONS
from imprint_core.clustering import squared_distances
from imprint_core.generation import GENERATORS, Shots, generate
from imprint_core.normalization import NORMALIZATIONS, Array
from imprint_core.recipe import Recipe
from imprint_core.task import Split, shot_order


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


class Products:
    """The inner products of a task's embeddings, after NORM_pre and NORM_inf.

    Parameters
    ----------
    pool : Split
        All training samples that shots are drawn from, and the test samples.
    norm_pre, norm_inf : str
        Keys of `NORMALIZATIONS`.

    Attributes
    ----------
    pool : Split
    X_train : ndarray of shape (N, d)
        Training samples after NORM_pre.
    truth : ndarray of shape (m,)
        True classes of the test samples, as indices of the classes that take part.
    """

    def __init__(self, pool: Split, norm_pre: str, norm_inf: str) -> None:
        self.pool = pool
        self.norms = (norm_pre, norm_inf)
        self.classes = np.unique(pool.y_train)
        self.truth = np.searchsorted(self.classes, pool.y_test)
        self.X_train = NORMALIZATIONS[norm_pre].function(pool.X_train)
        test = NORMALIZATIONS[norm_inf].function(pool.X_test)
        self._rows = [np.flatnonzero(pool.y_train == c) for c in self.classes]
        self._place = np.empty(len(pool.y_train), dtype=np.intp)
        for rows in self._rows:
            self._place[rows] = np.arange(len(rows))
        # Shots as rows, so that drawing some of them copies whole rows.
        self._cross = [self.X_train[rows] @ test.T for rows in self._rows]
        self._distances = [squared_distances(self.X_train[rows]) for rows in self._rows]
        squares = np.einsum("nd,nd->n", self.X_train, self.X_train)
        self._squares = [squares[rows] for rows in self._rows]
        self._kept: tuple[Any, Shots, Array, list[NDArray[np.intp]]] | None = None

    def shots(self, n: int | None, seed: int) -> list[NDArray[np.intp]]:
        """Indices into `pool` of the first n shots of every class."""
        return [o[:n] for o in shot_order(self.pool.y_train, seed)]

    def evaluate(self, recipe: Recipe, n: int | None, seeds: Sequence[int]) -> Evaluation:
        """Imprint n shots a class (fewer where a class has fewer; None: all) and predict.

        Every (class, seed) is one problem; those of one size are generated together.
        """
        if (recipe.norm_pre, recipe.norm_inf) != self.norms:
            raise ValueError(f"these products are of norms {self.norms}, not of {recipe}")
        draws = {seed: self.shots(n, seed) for seed in seeds}
        sizes = np.array([len(shots) for shots in draws[seeds[0]]])
        scores: dict[tuple[int, int], Array] = {}
        for size in np.unique(sizes):
            alike = [(s, int(c)) for s in seeds for c in np.flatnonzero(sizes == size)]
            self._score(alike, draws, recipe, scores)
        predictions = np.empty((len(seeds), len(self.truth)), dtype=np.int32)
        for i, seed in enumerate(seeds):
            predictions[i] = np.argmax([scores[seed, c] for c in range(len(self.classes))], axis=0)
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

        # The first alone: it leaves the shots' inner products for the others.
        runs = [at(ks[0])]
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
            runs += pool.map(at, ks[1:])
        return np.stack(runs)

    def proxies(self, recipe: Recipe, n: int | None, seed: int) -> tuple[Array, NDArray[np.intp]]:
        """Proxies (p, d) before NORM_post, in the space of `X_train`, and their classes (p,)."""
        made, _ = generate(self.X_train, self.shots(n, seed), recipe.gen, recipe.k, seed)
        return np.concatenate(made), np.repeat(np.arange(len(made)), [len(p) for p in made])

    def _stack(
        self, problems: list[tuple[int, int]], draws: dict[int, list[NDArray[np.intp]]]
    ) -> tuple[Shots, Array, list[NDArray[np.intp]]]:
        """The problems' shots, their squared lengths, and their rows among their class's.

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
            shots = Shots(lambda: self.X_train[np.stack(picked)], shape, distances)
            # One assignment, for another tab may be evaluating on the same products.
            self._kept = kept = (key, shots, squares, local)
        return kept[1:]

    def _score(
        self,
        problems: list[tuple[int, int]],
        draws: dict[int, list[NDArray[np.intp]]],
        recipe: Recipe,
        scores: dict[tuple[int, int], Array],
    ) -> None:
        """Fill in the score (m,) of each (seed, class)."""
        shots, squares, local = self._stack(problems, draws)
        seeds = np.array([seed for seed, _ in problems])
        mixture = GENERATORS[recipe.gen].function(shots, recipe.k, seeds)
        scale = NORMALIZATIONS[recipe.norm_post].scale(mixture.squared_lengths(squares, shots.distances))
        for i, (seed, c) in enumerate(problems):
            similarities = mixture.of(self._cross[c][local[i]], i)
            similarities *= scale[i][:, None]
            scores[seed, c] = AGGREGATIONS[recipe.agg].function(similarities, np.array([0]))[0]

"""Inner products of shots with each other and with test samples, and what recipes make of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.evaluation.lru_cache import LruCache
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.distances import Comparison, compare
from imprint_core.framework.generation import GENERATORS, Mixture, Shots, solve
from imprint_core.framework.normalization import POST_NORMALIZATIONS, Array
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.ridge import RidgeProblem

Draw = list[NDArray[np.intp]]
# Cached values of each kind: one per seed.
CACHED = 8


class Products:
    """The inner products of training samples with each other and with test samples.

    Parameters
    ----------
    members : list of ndarray of shape (n_c,)
        Rows of each class's samples; together 0 … N − 1.
    cross : list of ndarray of shape (n_c, m)
        Their inner products with the test samples. Shots are rows, so that drawing some copies whole rows.
    distances : list of ndarray of shape (n_c, n_c)
        Squared distances within each class.
    squares : list of ndarray of shape (n_c,)
        Squared lengths.
    test_squares : ndarray of shape (m,)
    dim : int
        Width of the embeddings, d.
    vectors : callable
        Gives all training samples (N, d) and test samples (m, d), for recipes that need them.
    """

    def __init__(
        self,
        members: Draw,
        cross: list[Array],
        distances: list[NDArray[np.float32]],
        squares: list[Array],
        test_squares: Array,
        dim: int,
        vectors: Callable[[], tuple[Array, Array]],
    ) -> None:
        self._place = np.empty(sum(map(len, members)), dtype=np.intp)
        for rows in members:
            self._place[rows] = np.arange(len(rows))
        self._cross = cross
        self._distances = distances
        self._squares = squares
        self._test_squares = test_squares
        self._dim = dim
        self._make_vectors = vectors
        self._kept: tuple[Any, Shots, Draw] | None = None
        self._problems = LruCache[RidgeProblem](CACHED)
        self._made = LruCache[dict[tuple[int, int], "Made"]](CACHED)

    @cached_property
    def vectors(self) -> tuple[Array, Array]:
        """All training samples (N, d) and test samples (m, d)."""
        return self._make_vectors()

    def mix(self, recipe: Recipe, seed: int, draw: Draw) -> list[Made]:
        """Each class's proxies of one draw, as mixtures."""
        made = self._generate(recipe, {seed: draw})
        return [made[seed, c] for c in range(len(draw))]

    def solved(self, recipe: Recipe, seed: int, draw: Draw) -> list[Array]:
        """Each class's least-squares proxies (p, d) of one draw, before NORM_post."""
        return self._proxies(recipe, draw, self.mix(recipe, seed, draw))

    def predict(self, recipe: Recipe, draws: dict[int, Draw]) -> NDArray[np.int32]:
        """Predicted classes (s, m) for each seed's draw.

        Every (seed, class) is one problem; those of one size are generated together.
        """
        made = self._generate(recipe, draws)
        predictions = np.empty((len(draws), len(self._test_squares)), dtype=np.int32)
        for i, (seed, draw) in enumerate(draws.items()):
            own = [made[seed, c] for c in range(len(draw))]
            scores = AGGREGATIONS[recipe.agg].function(self._compare(recipe, draw, own), recipe.voting)
            predictions[i] = np.argmax(scores, axis=0)
        return predictions

    def _generate(self, recipe: Recipe, draws: dict[int, Draw]) -> dict[tuple[int, int], Made]:
        gen = GENERATORS[recipe.gen]
        # What NORM post and AGG are makes no difference to it, nor what least squares does with clusters.
        shots = b"".join(rows.tobytes() for draw in draws.values() for rows in draw)
        same = (gen.function, recipe.k if gen.uses_k else 1, tuple(draws), shots)
        return self._made.get(same, lambda: self._generated(recipe, draws))

    def _generated(self, recipe: Recipe, draws: dict[int, Draw]) -> dict[tuple[int, int], Made]:
        made: dict[tuple[int, int], Made] = {}
        first = next(iter(draws.values()))
        sizes = np.array([len(shots) for shots in first])
        for size in np.unique(sizes):
            alike = [(s, int(c)) for s in draws for c in np.flatnonzero(sizes == size)]
            shots, local = self._stack(alike, draws)
            seeds = np.array([seed for seed, _ in alike])
            batch = _Batch(GENERATORS[recipe.gen].function(shots, recipe.k, seeds), shots)
            made |= {problem: Made(batch, i, local[i]) for i, problem in enumerate(alike)}
        return made

    def _compare(self, recipe: Recipe, draw: Draw, made: list[Made]) -> Comparison:
        post = POST_NORMALIZATIONS[recipe.norm_post]
        if GENERATORS[recipe.gen].ridge or post.scale is None:
            proxies = self._proxies(recipe, draw, made)
            starts = _starts(proxies)
            return compare(post.function(np.concatenate(proxies), starts), self.vectors[1], starts)
        similarities = [one.of(self._cross[c][one.local]) for c, one in enumerate(made)]
        squares = np.concatenate([one.batch.squares[one.i] for one in made])
        scale = post.scale(squares)
        inner = np.concatenate(similarities)
        inner *= scale[:, None]
        return Comparison(
            inner,
            _starts(similarities),
            lambda: (squares * scale**2, self._test_squares),
            lambda: (np.concatenate(self._proxies(recipe, draw, made)) * scale[:, None], self.vectors[1]),
        )

    def _proxies(self, recipe: Recipe, draw: Draw, made: list[Made]) -> list[Array]:
        """Each class's proxies (p, d) before NORM_post."""
        train, ridge = self.vectors[0], GENERATORS[recipe.gen].ridge
        if not ridge:
            return [one.of(train[rows]) for rows, one in zip(draw, made, strict=True)]
        # The same shots in another order are the same problem.
        rows = np.concatenate(draw)
        order = np.argsort(rows)
        problem = self._problems.get(
            (recipe.lam, rows[order].tobytes()), lambda: RidgeProblem(train[rows[order]], recipe.lam)
        )
        labels = [one.batch.mixture.labels(one.i) for one in made]
        return solve(problem, labels, ridge == "published", train.dtype, order)

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
            shots = Shots(
                lambda: self.vectors[0][np.stack(picked)], (*distances.shape[:2], self._dim), distances, squares
            )
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


class Made(NamedTuple):
    """The proxies of one (seed, class): problem `i` of a batch, and its shots' rows among their class's."""

    batch: _Batch
    i: int
    local: NDArray[np.intp]

    def of(self, rows: Array) -> Array:
        """Mix what the shots have (n, …) into what the proxies have (p, …)."""
        return self.batch.mixture.of(rows, self.i)


def _starts(parts: Sequence[Array]) -> NDArray[np.intp]:
    return np.cumsum([0, *(len(p) for p in parts[:-1])])

"""Inner products of shots with each other and with test samples, and the predictions of recipes from them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.threads import lazy_property
from imprint_core.evaluation.lru_cache import LruCache
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.distances import Comparison, compare
from imprint_core.framework.generation import GENERATORS, ProxyWeights, Shots
from imprint_core.framework.joint import RidgeProblem, least_squares_proxies, probe_weights
from imprint_core.framework.kmeans import squared_distances
from imprint_core.framework.normalization import POST_NORMALIZATIONS, Array
from imprint_core.framework.recipe import Recipe

Draw = list[NDArray[np.intp]]
# Cached values of each kind: one per seed.
CACHED = 8
# Megabytes of cached shots.
_STACKS = 64
# Similarities that are compared at once.
_BLOCK = 2**22


class Predicted(NamedTuple):
    """Predicted classes (s, m), and their probabilities (s, m), NaN if unknown."""

    classes: NDArray[np.int32]
    probability: NDArray[np.float32]


class Products:
    """The inner products of training samples with each other and with test samples.

    Parameters
    ----------
    members : list of ndarray of shape (n_c,)
        Rows of each class's samples; together 0 … N − 1.
    cross : list of ndarray of shape (n_c, m)
        Their inner products with the test samples. Shots are rows, so that a draw copies whole rows.
    distances : list of ndarray of shape (n_c, n_c)
        Squared distances within each class.
    squares : list of ndarray of shape (n_c,)
        Squared lengths.
    test_squares : ndarray of shape (m,)
    dim : int
        Width of the embeddings, d.
    vectors : callable
        Returns all training samples (N, d) and test samples (m, d), for recipes that need them.
    cached : int
        Number of draws whose proxies, ridge problems and linear probes are cached.
    base : Products, optional
        Those of the shots that GEN gets, if its weights apply to other ones.
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
        cached: int = CACHED,
        base: Products | None = None,
    ) -> None:
        self._base = base
        self._place = np.empty(sum(map(len, members)), dtype=np.intp)
        for rows in members:
            self._place[rows] = np.arange(len(rows))
        self._cross = cross
        self._distances = distances
        self._squares = squares
        self._test_squares = test_squares
        self._dim = dim
        self._make_vectors = vectors
        self._stacks = LruCache[tuple[Shots, Draw]](megabytes=_STACKS)
        self._problems = LruCache[RidgeProblem](cached)
        self._probes = LruCache[Array](cached)
        self._cached_proxies = LruCache[dict[tuple[int, int], "ClassProxies"]](cached)

    @classmethod
    def of_shots(cls, x: Array, members: Draw) -> Products:
        """Inner products of shots x (n, d) alone, without test samples."""
        squares = np.einsum("nd,nd->n", x, x)
        distances = [squared_distances(x[rows]) for rows in members]
        of_class = [squares[rows] for rows in members]
        return cls(members, [], distances, of_class, squares[:0], x.shape[1], lambda: (x, x[:0]))

    @lazy_property
    def vectors(self) -> tuple[Array, Array]:
        """All training samples (N, d) and test samples (m, d)."""
        return self._make_vectors()

    def mix(self, recipe: Recipe, seed: int, draw: Draw) -> list[ClassProxies]:
        """Return each class's proxies of one draw, as weighted sums of shots."""
        proxies = self._generate(recipe, {seed: draw})
        return [proxies[seed, c] for c in range(len(draw))]

    def solved(self, recipe: Recipe, seed: int, draw: Draw) -> list[Array]:
        """Return each class's proxies (p, d) of one draw that are fitted jointly, before NORM_post."""
        return self._proxies(recipe, draw, self.mix(recipe, seed, draw))

    def predict(self, recipe: Recipe, draws: dict[int, Draw], temperatures: Mapping[int, float]) -> Predicted:
        """Predict the test samples from each seed's draw.

        Every (seed, class) is one problem; problems of one size are generated together. Of seeds with a temperature,
        a factor of the scores in the softmax, the probability of the prediction is returned too.
        """
        generated = self._generate(recipe, draws)
        predictions = np.empty((len(draws), len(self._test_squares)), dtype=np.int32)
        probability = np.full(predictions.shape, np.nan, dtype=np.float32)
        for i, (seed, draw) in enumerate(draws.items()):
            compare, count = self._comparisons(recipe, draw, [generated[seed, c] for c in range(len(draw))])
            for samples in _blocks(predictions.shape[1], count):
                scores = AGGREGATIONS[recipe.agg].function(compare(samples), recipe.voting)
                predictions[i, samples] = np.argmax(scores, axis=0)
                if seed in temperatures:
                    behind = scores - scores.max(axis=0)
                    probability[i, samples] = 1 / np.exp(temperatures[seed] * behind).sum(axis=0)
        return Predicted(predictions, probability)

    def _generate(self, recipe: Recipe, draws: dict[int, Draw]) -> dict[tuple[int, int], ClassProxies]:
        gen = GENERATORS[recipe.gen]
        # Independent of NORM post, AGG, and the use of clusters by least squares.
        shots = b"".join(rows.tobytes() for draw in draws.values() for rows in draw)
        same = (gen.function, recipe.k if gen.uses_k else 1, tuple(draws), shots)
        return self._cached_proxies.get(same, lambda: self._generated(recipe, draws))

    def _generated(self, recipe: Recipe, draws: dict[int, Draw]) -> dict[tuple[int, int], ClassProxies]:
        proxies: dict[tuple[int, int], ClassProxies] = {}
        first = next(iter(draws.values()))
        sizes = np.array([len(shots) for shots in first])
        for size in np.unique(sizes):
            alike = [(s, int(c)) for s in draws for c in np.flatnonzero(sizes == size)]
            shots, local = self._stack(alike, draws)
            seeds = np.array([seed for seed, _ in alike])
            given = shots if self._base is None else self._base._stack(alike, draws)[0]
            batch = _Batch(GENERATORS[recipe.gen].function(given, recipe.k, seeds), shots)
            proxies |= {problem: ClassProxies(batch, i, local[i]) for i, problem in enumerate(alike)}
        return proxies

    def _comparisons(
        self, recipe: Recipe, draw: Draw, proxies: list[ClassProxies]
    ) -> tuple[Callable[[slice], Comparison], int]:
        """Return a function that compares the proxies with some of the test samples, and the number of proxies."""
        post = POST_NORMALIZATIONS[recipe.norm_post]
        if GENERATORS[recipe.gen].joint or post.scale is None:
            vectors = self._proxies(recipe, draw, proxies)
            starts = _starts(vectors)
            normalized = post.function(np.concatenate(vectors), starts)
            return lambda samples: compare(normalized, self.vectors[1][samples], starts), len(normalized)
        lengths = [p.batch.squares[p.i] for p in proxies]
        starts, squares = _starts(lengths), np.concatenate(lengths)
        scale = post.scale(squares)

        def compare_samples(samples: slice) -> Comparison:
            test_squares = self._test_squares[samples]
            inner = np.empty((len(squares), len(test_squares)), self._cross[0].dtype)
            for c, (p, start) in enumerate(zip(proxies, starts, strict=True)):
                inner[start : start + len(lengths[c])] = p.of(self._cross[c][p.local, samples])
            inner *= scale[:, None]
            return Comparison(
                inner,
                starts,
                lambda: (squares * scale**2, test_squares),
                lambda: (
                    np.concatenate(self._proxies(recipe, draw, proxies)) * scale[:, None],
                    self.vectors[1][samples],
                ),
            )

        return compare_samples, len(squares)

    def _proxies(self, recipe: Recipe, draw: Draw, proxies: list[ClassProxies]) -> list[Array]:
        """Return each class's proxies (p, d) before NORM_post."""
        train, gen = self.vectors[0], GENERATORS[recipe.gen]
        if not gen.joint:
            return [p.of(train[rows]) for rows, p in zip(draw, proxies, strict=True)]
        # The same shots in another order are the same problem.
        rows = np.concatenate(draw)
        order = np.argsort(rows)
        if gen.trained:
            codes = np.repeat(np.arange(len(draw)), [len(rows) for rows in draw])[order]
            weights = self._probes.get(rows[order].tobytes(), lambda: probe_weights(train[rows[order]], codes))
            return list(weights[:, None])
        problem = self._problems.get(
            (recipe.lam, rows[order].tobytes()), lambda: RidgeProblem(train[rows[order]], recipe.lam)
        )
        labels = [p.batch.mixture.labels(p.i) for p in proxies]
        return least_squares_proxies(problem, labels, gen.ridge == "published", train.dtype, order)

    def _stack(self, problems: list[tuple[int, int]], draws: dict[int, Draw]) -> tuple[Shots, Draw]:
        """Return the problems' shots, and their rows among their class's samples; cached, because each k needs them."""
        picked = [draws[seed][c] for seed, c in problems]
        # Weak, because cached shots that refer to their cache would keep it in memory until garbage is collected.
        products = weakref.proxy(self)

        def stack() -> tuple[Shots, Draw]:
            local = [self._place[rows] for rows in picked]
            classes = [(c, i) for (_, c), i in zip(problems, local, strict=True)]
            distances = np.stack([self._distances[c][np.ix_(i, i)] for c, i in classes])
            squares = np.stack([self._squares[c][i] for c, i in classes])
            shots = Shots(
                lambda: products.vectors[0][np.stack(picked)], (*distances.shape[:2], self._dim), distances, squares
            )
            return shots, local

        # Folds of a seed have as many shots, but others.
        return self._stacks.get((len(picked[0]), b"".join(rows.tobytes() for rows in picked)), stack)


class _Batch:
    """Proxies of problems that were generated together."""

    def __init__(self, mixture: ProxyWeights, shots: Shots) -> None:
        self.mixture = mixture
        self._shots = shots

    @lazy_property
    def squares(self) -> Array:
        """Squared lengths (b, p) of the proxies."""
        return self.mixture.squared_lengths(self._shots.squares, self._shots.distances)


class ClassProxies(NamedTuple):
    """The proxies of one (seed, class): problem `i` of a batch, and its shots' rows among their class's."""

    batch: _Batch
    i: int
    local: NDArray[np.intp]

    def of(self, rows: Array) -> Array:
        """Return the weighted sums (p, …) of values of the shots (n, …)."""
        return self.batch.mixture.of(rows, self.i)


def _blocks(samples: int, proxies: int) -> Iterator[slice]:
    """Blocks of test samples whose similarities with the proxies take a limited amount of memory."""
    size = max(1, _BLOCK // max(1, proxies))
    return (slice(start, start + size) for start in range(0, samples, size))


def _starts(parts: Sequence[Array]) -> NDArray[np.intp]:
    return np.cumsum([0, *(len(p) for p in parts[:-1])])

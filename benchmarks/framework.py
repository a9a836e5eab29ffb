"""Time the framework on 10 classes × 6,000 shots × 512 dimensions against scikit-learn, in one run.

    python -m benchmarks.framework

The bundled sets are smaller, so that embeddings are interpolated: each is a random point between two shots of its
class, scaled to length 1. This is adequate for times, but not for accuracy.
"""

from __future__ import annotations

import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier

from imprint_core.embeddings import find_sets, open_set
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.generation import Shots, generate, kmeans
from imprint_core.framework.joint import RidgeProblem
from imprint_core.framework.normalization import l2
from imprint_core.framework.whitening import whitening
from imprint_core.recipes.presets import PRESETS

CLASSES, SHOTS, TESTS, K, REPEATS = 10, 6000, 10_000, 20, 3


def interpolated(x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    a, b = rng.integers(len(x), size=(2, count))
    share = rng.uniform(size=(count, 1)).astype(np.float32)
    return l2(share * x[a] + (1 - share) * x[b])


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def alternating(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[str, Any, Any]:
    """Medians of alternating runs, so that a busy machine slows both."""
    times = [(timed(ours), timed(theirs)) for _ in range(REPEATS)]
    a, b = (float(np.median([pair[i][0] for pair in times])) for i in (0, 1))
    return f"{a:6.2f} s against {b:6.2f} s, {b / a:4.1f} times", times[0][0][1], times[0][1][1]


def peak() -> str:
    return f"peak memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB"


def inertia(x: np.ndarray, centroids: np.ndarray) -> float:
    return float(np.maximum((x**2).sum(1) - (2 * x @ centroids.T - (centroids**2).sum(1)).max(axis=1), 0).sum())


def main() -> None:
    warnings.simplefilter("ignore")
    data = open_set(find_sets()[0]["squeezenet1_1", "mnist"])
    rng = np.random.default_rng(0)
    x = np.stack([interpolated(data.X_train[data.y_train == c], SHOTS, rng) for c in range(CLASSES)])
    flat, y = x.reshape(-1, x.shape[2]), np.repeat(np.arange(CLASSES), SHOTS)
    test = np.concatenate([interpolated(data.X_test[data.y_test == c], TESTS // CLASSES, rng) for c in range(CLASSES)])
    print(f"{CLASSES} × {SHOTS:,} shots × {x.shape[2]} dimensions, {TESTS:,} test samples; {peak()}")

    def ours() -> list[np.ndarray]:
        mixture = kmeans(Shots(lambda: x, x.shape), K, np.zeros(CLASSES, int))
        return [mixture.of(x[c], c) for c in range(CLASSES)]

    line, centroids, fitted = alternating(ours, lambda: [KMeans(K, random_state=0).fit(samples) for samples in x])
    ratio = sum(map(inertia, x, centroids)) / sum(f.inertia_ for f in fitted)
    print(f"GEN k-means, k = {K}, against a loop of KMeans: {line}; inertia {ratio:.4f} times; {peak()}")

    for gen, name in (("kmeans", f"k-means, k = {K}"), ("all", "all")):
        model = ImprintingClassifier(gen, K, norm_inf="none", agg="mnn", ties="published").fit(flat, y)
        for m in (5, 20):
            model.set_params(m=m)
            other = KNeighborsClassifier(m).fit(model.proxies_, model.proxy_class_)
            line, a, b = alternating(lambda m=model: m.predict(test), lambda o=other: o.predict(test))
            same = 100 * float((a == b).mean())
            print(f"AGG m-NN, m = {m}, of {name} against KNeighborsClassifier: {line}; {same:.2f} % equal; {peak()}")

    members = [np.arange(c * SHOTS, (c + 1) * SHOTS) for c in range(CLASSES)]
    seconds, problem = timed(lambda: RidgeProblem(flat, 1e-4))
    more, _ = timed(lambda: generate(flat, members, "kls", K, 0, 1e-4, problem))
    print(f"Exact k-least-squares, k = {K}: {seconds:.2f} s once, {more:.2f} s for a k with its clusters; {peak()}")

    for rule in ("auto", "ledoit_wolf", 0.1):
        seconds, fitted_map = timed(lambda r=rule: whitening(flat, y, r))
        print(f"Whitening, shrinkage {rule}: {seconds:.2f} s to fit (s = {fitted_map.shrinkage:.3g}); {peak()}")
    seconds, _ = timed(lambda: fitted_map(flat))
    print(f"Whitening {len(flat):,} embeddings: {seconds:.2f} s; {peak()}")

    for name in ("qi", "own", "whitened"):
        model = ImprintingClassifier.from_recipe(PRESETS[name].recipe)
        fit, _ = timed(lambda m=model: m.fit(flat, y))
        seconds, _ = timed(lambda m=model: m.predict(test))
        print(f"{PRESETS[name].label}: fit {fit:.2f} s, {TESTS:,} test samples {seconds:.3f} s; {peak()}")

    wide()


class ByVectors(Evaluator):
    """Whiten wide embeddings as vectors instead of inner products."""

    def _by_products(self, rows: np.ndarray) -> None:
        return None


def wide() -> None:
    pool = choose_classes(open_set(find_sets()[0]["resnet50", "cifar10"]))
    recipe = PRESETS["whitened"].recipe

    def moves(kind: type[Evaluator]) -> Callable[[], np.ndarray]:
        """Evaluate another n-shot at each call, as a slider does, with precomputed inner products of the pool."""
        evaluator, ns = kind(pool, recipe.space), iter(range(100, 0, -2))
        evaluator.evaluate(recipe, 20, SEEDS[:2])
        return lambda: evaluator.evaluate(recipe, next(ns), SEEDS[:5]).accuracy

    line, a, b = alternating(moves(Evaluator), moves(ByVectors))
    print(
        f"Whitening ResNet-50 × CIFAR-10, 100 shots, 5 seeds, by products against by vectors: {line}; "
        f"accuracy {np.median(a):.1f} and {np.median(b):.1f} %"
    )


if __name__ == "__main__":
    main()

"""Maps against library defaults in one run: UMAP in new and warm processes, trustworthiness, PCA, decision regions.

python -m benchmarks.maps
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from imprint_core.cli.maps import skip_compiling_pynndescent
from imprint_core.embeddings import find_sets, open_set
from imprint_core.framework.normalization import Array, l2
from imprint_core.maps.decision_regions import VOTES, pixel_grid
from imprint_core.maps.layouts import Layout, pca_map, trustworthiness, umap_map
from imprint_core.maps.neighbours import place_points
from imprint_core.maps.store import BaseMap, load_map, normalized_embeddings, save_map
from imprint_core.paths import bundled_folder

SETS = (("squeezenet1_1", "mnist"), ("vit_tiny_patch16_224", "fashion_mnist"), ("resnet50", "digits"))


def default_map(X: Array) -> np.ndarray:
    from umap import UMAP

    return UMAP().fit_transform(X)


MAPS: dict[str, Callable[[Array], Any]] = {"imprint": umap_map, "default": default_map}


def embeddings_of(fm: str, dataset: str) -> Array:
    return normalized_embeddings(open_set(find_sets(bundled_folder())[0][fm, dataset]), "l2")


def task() -> Array:
    """5,000 × 512 embeddings of two sets, L2-normalised, so that no stored map applies."""
    sets = find_sets(bundled_folder())[0]
    mnist, fashion = (open_set(sets["squeezenet1_1", data]) for data in ("mnist", "fashion_mnist"))
    return l2(np.concatenate([mnist.X_train, mnist.X_test, fashion.X_test]))


def child(which: str, started: float) -> None:
    """Compute two maps in a new process; the first is timed from the start of the process."""
    if which == "imprint":
        # As the command `maps` does.
        skip_compiling_pynndescent()
    X = task()
    positions = MAPS[which](X)
    first = time.time() - started
    start = time.perf_counter()
    second = MAPS[which](X)
    seconds = time.perf_counter() - start
    print(json.dumps({"new": first, "warm": seconds, "digest": [digest(positions), digest(second)]}))


def digest(positions: np.ndarray) -> str:
    return hashlib.sha256(positions.tobytes()).hexdigest()


def in_new_process(which: str, cache: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.maps", which, str(time.time())],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def median_time(function: Callable[[], Any], repeats: int = 9) -> float:
    """Median seconds of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def processes() -> None:
    print("5,000 × 512 (SqueezeNet × MNIST and part of Fashion-MNIST, L2), from the start of the process to the map")
    with tempfile.TemporaryDirectory() as cache:
        # The first process of each compiles, the second uses the cache.
        runs = {which: [in_new_process(which, cache) for _ in range(2)] for which in MAPS}
    for name, run, kind in (("first process", 0, "new"), ("new process", 1, "new"), ("warm process", 1, "warm")):
        a, b = (runs[which][run][kind] for which in MAPS)
        print(f"{name}: {a:5.1f} s, umap.UMAP() {b:5.1f} s, ratio {b / a:4.1f}")
    same = len({digest for run in runs["imprint"] for digest in run["digest"]}) == 1
    print(f"four maps of one seed in two processes are {'' if same else 'NOT '}identical")


def reading() -> None:
    opened = open_set(find_sets(bundled_folder())[0]["vit_tiny_patch16_224", "tiny_imagenet_100"])
    rows = len(opened.X_train) + len(opened.X_test)
    layout = Layout(seed=1)
    with tempfile.TemporaryDirectory() as home:
        os.environ["IMPRINT_HOME"] = home
        save_map(opened.info, BaseMap(np.zeros((rows, 2), np.float32), layout, "l2", None))
        for name, stored in (("beside its set", Layout()), ("in the user's folder", layout)):
            assert load_map(opened, "l2", stored) is not None
            seconds = median_time(lambda stored=stored: load_map(opened, "l2", stored))
            print(f"loading a map of {rows:,} samples, {name}: {seconds * 1e3:.1f} ms")


def placing() -> None:
    X = embeddings_of("resnet50", "cifar10")
    positions = np.zeros((len(X), 2), np.float32)
    squares = np.einsum("ij,ij->i", X, X)
    rng = np.random.default_rng(0)
    for count in (10, 50, 100, 500):
        points = l2(np.stack([X[rng.choice(len(X), 5)].mean(axis=0) for _ in range(count)]))
        placed = median_time(lambda points=points: place_points(points, X, positions, squares))
        products = median_time(lambda points=points: points @ X.T)
        print(
            f"placing {count:3} proxies among {X.shape[0]:,} × {X.shape[1]:,}: {placed * 1e3:5.1f} ms, of which the "
            f"inner products alone take {products * 1e3:5.1f} ms"
        )


def principal_components() -> None:
    """PCA maps against all eigenvectors of the covariance, and scikit-learn's default solver."""
    from sklearn.decomposition import PCA

    for fm, dataset in (*SETS, ("vit_tiny_patch16_224", "tiny_imagenet_100")):
        X = embeddings_of(fm, dataset)
        seconds = median_time(lambda X=X: pca_map(X), 5)
        ratios = []
        for solver in ("covariance_eigh", "auto"):
            other = median_time(lambda X=X, solver=solver: PCA(2, svd_solver=solver).fit_transform(X), 5)
            ratios.append(f"{solver} {other / seconds:.1f}")
        print(f"PCA map of {X.shape[0]:,} × {X.shape[1]:,}: {seconds * 1e3:.0f} ms; ratios: {', '.join(ratios)}")


def regions() -> None:
    """Decision regions against scikit-learn's neighbours of every pixel."""
    from sklearn.neighbors import NearestNeighbors

    for fm, dataset in (SETS[0], ("vit_tiny_patch16_224", "tiny_imagenet_100")):
        base = load_map(open_set(find_sets(bundled_folder())[0][fm, dataset]), "l2", Layout())
        assert base is not None
        positions = base.positions.astype(float)
        low, high = positions.min(axis=0), positions.max(axis=0)
        w, h = (max(1, round(160 * side / (high - low).max())) for side in high - low)
        x, y = np.meshgrid(np.linspace(low[0], high[0], w), np.linspace(high[1], low[1], h))
        pixels = np.stack([x.ravel(), y.ravel()], axis=1)
        seconds = median_time(lambda p=positions, extent=(low, high): pixel_grid(p, extent))
        neighbours = median_time(lambda p=positions, q=pixels: NearestNeighbors(n_neighbors=VOTES).fit(p).kneighbors(q))
        print(
            f"pixel grid of {len(positions):,} samples: {seconds * 1e3:.1f} ms; kneighbors of {len(pixels):,} pixels, "
            f"ratio {neighbours / seconds:.1f}"
        )


def trust() -> None:
    for fm, dataset in SETS:
        X = embeddings_of(fm, dataset)
        imprint, default = (trustworthiness(X, compute(X)) for compute in MAPS.values())
        print(
            f"trustworthiness of {fm} × {dataset}: {imprint:.4f}, of umap.UMAP() {default:.4f} "
            f"({imprint - default:+.4f})"
        )


def main() -> None:
    warnings.simplefilter("ignore")
    if len(sys.argv) == 3:
        child(sys.argv[1], float(sys.argv[2]))
        return
    for part in (processes, reading, placing, principal_components, regions, trust):
        part()


if __name__ == "__main__":
    main()

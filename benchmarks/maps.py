"""Base maps against UMAP as it comes: how long in a new process and in a warm one, and how trustworthy; in one run.

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
from imprint_core.maps.layouts import Layout, trustworthiness, umap_map
from imprint_core.maps.placement import place_points
from imprint_core.maps.store import BaseMap, load_map, normalized_embeddings, save_map
from imprint_core.paths import bundled_folder

TRUSTED = (("squeezenet1_1", "mnist"), ("vit_tiny_patch16_224", "fashion_mnist"), ("resnet50", "digits"))


def default_map(X: Array) -> np.ndarray:
    from umap import UMAP

    return UMAP().fit_transform(X)


MAPS: dict[str, Callable[[Array], Any]] = {"ours": umap_map, "default": default_map}


def task() -> Array:
    """5,000 × 512 real embeddings, L2-normalized_embeddings, that no set on disk has together."""
    sets = find_sets(bundled_folder())[0]
    mnist, fashion = (open_set(sets["squeezenet1_1", data]) for data in ("mnist", "fashion_mnist"))
    return l2(np.concatenate([mnist.X_train, mnist.X_test, fashion.X_test]))


def child(which: str, started: float) -> None:
    """Two maps in a new process, the first from the process's start on."""
    if which == "ours":
        # As the command `maps` does.
        skip_compiling_pynndescent()
    X = task()
    positions = MAPS[which](X)
    first = time.time() - started
    start = time.perf_counter()
    again = MAPS[which](X)
    print(json.dumps({"new": first, "warm": time.perf_counter() - start, "digest": [digest(positions), digest(again)]}))


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


def median(times: list[float]) -> float:
    return float(np.median(times))


def processes() -> None:
    print("5,000 × 512 (SqueezeNet × MNIST and part of Fashion-MNIST, L2), from the process's start to the map")
    with tempfile.TemporaryDirectory() as cache:
        # The first of each finds nothing compiled, the second what the first has kept.
        runs = {which: [in_new_process(which, cache) for _ in range(2)] for which in MAPS}
    for name, run, kind in (("the first process ever", 0, "new"), ("a new one", 1, "new"), ("a warm one", 1, "warm")):
        a, b = (runs[which][run][kind] for which in MAPS)
        print(f"{name}: {a:5.1f} s against {b:5.1f} s with umap.UMAP(), {b / a:4.1f} times")
    same = len({digest for run in runs["ours"] for digest in run["digest"]}) == 1
    print(f"four maps of one seed in two processes are {'' if same else 'NOT '}identical")


def reading() -> None:
    sets = find_sets(bundled_folder())[0]
    opened = open_set(sets["vit_tiny_patch16_224", "tiny_imagenet_100"])
    rows = len(opened.X_train) + len(opened.X_test)
    layout = Layout(seed=1)
    with tempfile.TemporaryDirectory() as home:
        os.environ["IMPRINT_HOME"] = home
        save_map(opened.info, BaseMap(np.zeros((rows, 2), np.float32), layout, "l2", None))
        for name, wanted in (("beside its set", Layout()), ("in the user's folder", layout)):
            times = []
            for _ in range(9):
                start = time.perf_counter()
                assert load_map(opened, "l2", wanted) is not None
                times.append(time.perf_counter() - start)
            print(f"reading a kept map of {rows:,} samples, {name}: {median(times) * 1e3:.1f} ms")


def placing() -> None:
    opened = open_set(find_sets(bundled_folder())[0]["resnet50", "cifar10"])
    X = normalized_embeddings(opened, "l2")
    positions = np.zeros((len(X), 2), np.float32)
    squares = np.einsum("ij,ij->i", X, X)
    rng = np.random.default_rng(0)
    for count in (10, 50, 100, 500):
        points = l2(np.stack([X[rng.choice(len(X), 5)].mean(axis=0) for _ in range(count)]))
        times, products = [], []
        for _ in range(9):
            start = time.perf_counter()
            place_points(points, X, positions, squares)
            times.append(time.perf_counter() - start)
            start = time.perf_counter()
            _ = points @ X.T
            products.append(time.perf_counter() - start)
        print(
            f"placing {count:3} proxies among {X.shape[0]:,} × {X.shape[1]:,}: {median(times) * 1e3:5.1f} ms, "
            f"of which the inner products alone take {median(products) * 1e3:5.1f} ms"
        )


def trust() -> None:
    sets = find_sets(bundled_folder())[0]
    for fm, data in TRUSTED:
        X = normalized_embeddings(open_set(sets[fm, data]), "l2")
        ours, theirs = (trustworthiness(X, make(X)) for make in MAPS.values())
        print(f"trustworthiness of {fm} × {data}: {ours:.4f}, of umap.UMAP() {theirs:.4f} ({ours - theirs:+.4f})")


def main() -> None:
    warnings.simplefilter("ignore")
    if len(sys.argv) == 3:
        child(sys.argv[1], float(sys.argv[2]))
        return
    processes()
    reading()
    placing()
    trust()


if __name__ == "__main__":
    main()

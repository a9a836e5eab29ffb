"""Time our k-means of many small problems against a loop of scikit-learn calls, in one run.

python benchmarks/kmeans.py
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.cluster import KMeans

from imprint_core.embeddings import find_sets, open_set
from imprint_core.evaluation.task import SEEDS, shot_order
from imprint_core.framework.generation import Shots, kmeans
from imprint_core.framework.normalization import l2


def main() -> None:
    warnings.simplefilter("ignore")
    data = open_set(find_sets()[0]["squeezenet1_1", "mnist"])
    x = l2(data.X_train)
    print("10 classes × 3 seeds of SqueezeNet × MNIST, 512 dimensions, vectors to centroids; medians of 5 runs")
    for n in (20, 100, 300):
        rows = [order[:n] for seed in SEEDS[:3] for order in shot_order(data.y_train, seed)]
        seeds = np.repeat(SEEDS[:3], 10)
        samples = np.stack([x[r] for r in rows])
        for k in (2, 5, 20):
            if k >= n:
                continue
            ours, theirs = [], []
            for _ in range(5):
                start = time.perf_counter()
                mixture = kmeans(Shots(lambda s=samples: s, samples.shape), k, seeds)
                centroids = np.stack([mixture.of(s, i) for i, s in enumerate(samples)])
                ours.append(time.perf_counter() - start)
                start = time.perf_counter()
                fitted = [KMeans(k, random_state=int(s)).fit(v) for v, s in zip(samples, seeds, strict=True)]
                theirs.append(time.perf_counter() - start)
            same = sum(np.allclose(a, b.cluster_centers_, atol=1e-4) for a, b in zip(centroids, fitted, strict=True))
            a, b = np.median(ours), np.median(theirs)
            print(
                f"n = {n:3}, k = {k:2}: {a * 1e3:5.0f} ms against {b * 1e3:5.0f} ms, {b / a:4.1f} times; "
                f"{same} of 30 problems have the same centroids"
            )


if __name__ == "__main__":
    main()

"""Time NC1 of a large set against its definition with both matrices and the pseudo-inverse, in one run.

python -m benchmarks.collapse
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from imprint_core.collapse.measures import nc1
from imprint_core.framework.normalization import l2


def nc1_defined(X: np.ndarray, y: np.ndarray) -> float:
    classes = np.unique(y)
    means = np.array([X[y == c].mean(axis=0) for c in classes])
    centered = means - means.mean(axis=0)
    within = np.zeros((X.shape[1], X.shape[1]), dtype=X.dtype)
    for c, mean in zip(classes, means, strict=True):
        deviations = X[y == c] - mean
        within += deviations.T @ deviations / (len(deviations) * len(classes))
    between = centered.T @ centered / len(classes)
    return float(np.trace(within @ np.linalg.pinv(between, rcond=1e-6, hermitian=True)) / len(classes))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--width", type=int, default=2048)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    y = np.sort(rng.integers(0, 10, arguments.rows))
    # The time depends on the size only.
    X = rng.standard_normal((arguments.rows, arguments.width), dtype=np.float32)
    X += rng.standard_normal((10, arguments.width), dtype=np.float32)[y]
    X = l2(X)
    times = {nc1: [], nc1_defined: []}
    values, peak = {}, 0
    for _ in range(2):
        for form in times:
            start = time.perf_counter()
            values[form] = form(X, y)
            times[form].append(time.perf_counter() - start)
            # Ours runs first, so that the memory of the other form is not counted.
            peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours, slow = (min(times[form]) for form in (nc1, nc1_defined))
    print(f"{arguments.rows:,} × {arguments.width}, 10 classes: NC1 {values[nc1]:.6f} and {values[nc1_defined]:.6f}")
    print(f"ours {ours:.2f} s, matrices and pseudo-inverse {slow:.2f} s, both in float32: 1/{slow / ours:.1f}")
    print(f"peak memory after ours, embeddings included: {peak / 1024:,.0f} MB")


if __name__ == "__main__":
    main()

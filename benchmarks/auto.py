"""Time the fit of Auto against the paper's recipe, a linear probe and a loop of scikit-learn calls, in one run.

The loop selects the same: k-means in each class, discriminant analysis with the clusters as classes, and the log-loss
of held-out shots, for every k, shrinkage and fold.

python benchmarks/auto.py
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from imprint_core.embeddings import find_sets, open_set
from imprint_core.evaluation.task import SEEDS, choose_classes, shot_order
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import Array, l2
from imprint_core.framework.selection import KS, SHRINKAGES
from imprint_core.recipes.presets import PRESETS

TASKS = (("squeezenet1_1", "mnist", "all"), ("squeezenet1_1", "tiny_imagenet_100", "10in1"))
WIDE = (("tf_efficientnet_lite0", "tiny_imagenet_100", "10in1"), ("resnet50", "mnist", "all"))


def loop(x: Array, y: np.ndarray) -> tuple[int, float]:
    """Select k and the shrinkage with scikit-learn alone."""
    losses = {(k, s): 0.0 for k in KS for s in SHRINKAGES}
    for train, test in StratifiedKFold(4, shuffle=True, random_state=0).split(x, y):
        for k in KS:
            labels = y[train] * k
            for c in np.unique(y):
                rows = y[train] == c
                labels[rows] += KMeans(k, random_state=0).fit(x[train][rows]).labels_
            for s in SHRINKAGES:
                fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s).fit(x[train], labels)
                clusters = fitted.predict_proba(x[test])
                owner = fitted.classes_ // k
                classes = np.stack([clusters[:, owner == c].sum(axis=1) for c in np.unique(y)], axis=1)
                losses[k, s] += log_loss(y[test], np.clip(classes, 1e-9, 1))
    return min(losses, key=lambda each: losses[each])


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Median of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def shots(names: tuple[str, str, str], n: int) -> tuple[Array, np.ndarray]:
    """The first n shots of each class."""
    pool = choose_classes(open_set(find_sets()[0][names[:2]]), names[2])
    rows = np.concatenate([order[:n] for order in shot_order(pool.y_train, SEEDS[0])])
    return pool.X_train[rows], pool.y_train[rows]


def mixtures(x: Array, y: np.ndarray, n: int) -> tuple[Array, np.ndarray]:
    """N shots of each class between random pairs of its shots."""
    rng = np.random.default_rng(0)
    pairs = np.concatenate([rng.choice(np.flatnonzero(y == c), (n, 2)) for c in np.unique(y)])
    share = rng.uniform(size=(len(pairs), 1)).astype(x.dtype)
    return share * x[pairs[:, 0]] + (1 - share) * x[pairs[:, 1]], y[pairs[:, 0]]


def main() -> None:
    warnings.simplefilter("ignore")
    paper, probe = (ImprintingClassifier.from_recipe(PRESETS[name].recipe) for name in ("own", "probe"))
    auto = ImprintingClassifier.auto()
    print("10 classes; medians of 5 fits, of the probe and of many shots 3, of the loop 1")
    for names in (*TASKS, *WIDE):
        x, y = shots(names, 100)
        auto.fit(x, y)
        a, b = seconds(lambda x=x, y=y: auto.fit(x, y), 5), seconds(lambda x=x, y=y: paper.fit(x, y), 5)
        trained = seconds(lambda x=x, y=y: probe.fit(x, y), 3)
        text = f"{' × '.join(names)}, n = 100, {x.shape[1]} dimensions: {a:.2f} s, the paper's {b:.3f} s"
        text += f", a linear probe {trained:.2f} s"
        if names in TASKS:
            c = seconds(lambda x=x, y=y: loop(l2(x), y), 1)
            text += f", the loop {c:.1f} s, {c / a:.0f} times"
        print(f"{text}; {auto.selection_.reason}", flush=True)
    for names in TASKS:
        x, y = mixtures(*shots(names, 200), 6000)
        a, b = seconds(lambda x=x, y=y: auto.fit(x, y), 3), seconds(lambda x=x, y=y: paper.fit(x, y), 3)
        print(f"n = 6,000, between shots of {' × '.join(names)}: {a:.2f} s, the paper's {b:.2f} s, {a / b:.1f} times")


if __name__ == "__main__":
    main()

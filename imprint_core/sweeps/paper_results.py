"""Numbers published by the paper (Westerhoff et al., TMLR 2025, arXiv 2503.14572), from `paper_results.json`.

Accuracy over k is Fig. 11b, decoded from the vector figure: percent at k = 1 … 15, exact to ±0.01. NC1 is Fig. 11a and
12, digitised to about 1 %; exact, from the notebook's printed output, are ViT-B/16 on Fashion-MNIST, CIFAR-10 and
CombiDigits, and Swin-B on these and MNIST. Accuracy over n-shot is Fig. 10: medians of five seeds in percent at each of
`FEW_SHOT_N`, digitised to about 0.1 points; the second word of a key is k, or "n" for all shots as proxies, and null is
a point that the paper lacks.
"""

from __future__ import annotations

import json
from pathlib import Path

FMS: dict[str, str] = {
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "vit_b_16": "ViT-B/16",
    "swin_b": "Swin-B",
}

# `3in1` is ImageNet with three classes merged into one, as in `imprint_core.evaluation.class_specs`.
TASKS: tuple[str, ...] = ("mnist", "fashion_mnist", "cifar10", "combidigits", *(f"{d}in1" for d in range(1, 11)))
FEW_SHOT_N: tuple[int, ...] = (10, 20, 50, 100, 200, 400)

# Table 1: mean accuracy in percent over 48 pairs of an FM and a task, and mean dense rank, by preset.
TABLE_1: dict[str, tuple[float, float]] = {
    "qi": (86.79, 3.67),
    "hosoda": (82.90, 4.27),
    "janson": (86.64, 3.92),
    "own": (91.06, 2.00),
    "oracle": (94.54, 1.00),
}

_RESULTS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def accuracy_over_k(fm: str, task: str) -> tuple[float, ...]:
    """Accuracy in percent at k = 1 … 15 (Fig. 11b): k-means, L2/L2/L2, max, all training samples.

    Medians over three seeds; for ImageNet, means of these over ten draws of the merged classes.
    """
    return tuple(_RESULTS["accuracy_over_k"][fm][task])


def nc1(fm: str, task: str) -> float:
    """NC1 as published (Fig. 11a and 12), with the paper's centring.

    Its Σ_W carries an extra μ_G μ_Gᵀ (μ_G: the mean of all samples), so it is larger than the textbook's.
    That of ImageNet was measured on validation images, the others on training images.
    """
    return float(_RESULTS["nc1"][fm][task])


def gain(fm: str, task: str) -> float:
    """Accuracy at k = 5 minus that at k = 1, in points, from the curves of Fig. 11b.

    Fig. 12 shows means over seeds, Fig. 11b medians; they differ by at most about 0.7 points for single datasets.
    """
    curve = accuracy_over_k(fm, task)
    return curve[4] - curve[0]


def accuracy_over_shots(fm: str, task: str, k: str) -> tuple[float, ...]:
    """Accuracy in percent at the n-shots `FEW_SHOT_N` (Fig. 10): k-means with k proxies per class, L2/L2/L2, max.

    `task` is "mnist", "fashion_mnist" or "cifar10", `k` "1", "5", "20", or "n" for all shots. Missing points are NaN.
    """
    values = _RESULTS["accuracy_over_shots"][fm][f"{task} {k}"]
    return tuple(float("nan") if value is None else value for value in values)

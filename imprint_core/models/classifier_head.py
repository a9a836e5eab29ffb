"""The classifier that `load_model` removes from an FM: weights, bias and the names of its classes."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.guard import Limits, run_guarded
from imprint_core.errors import ImprintError
from imprint_core.models.libraries import build, foundation_model, import_timm, remove_head, user_weights
from imprint_core.models.registry import FoundationModel


@dataclass(frozen=True)
class ClassifierHead:
    """The last layer of an FM: the logits of embeddings X (n, d) are `X @ weight.T + bias`.

    Attributes
    ----------
    weight : array (c, d) of float32
    bias : array (c,) of float32
    class_names : tuple of str
        English names of the c = 1,000 classes of ImageNet-1k; no two are the same.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    class_names: tuple[str, ...]


def read_classifier(fm: FoundationModel, weights: Path | None = None) -> ClassifierHead:
    """Read the classifier of an FM from the weights that `load_model` loads.

    Parameters
    ----------
    fm : FoundationModel
    weights : Path, optional
        As in `load_model`.

    Raises
    ------
    ImprintError
        If the weights are missing, don't fit or have no classifier; if the classifier is not a linear layer of the
        embedding, or its classes are not those of ImageNet-1k.
    """
    from imprint_core.models.loading import load_file

    weights = weights or user_weights(fm)
    network, _ = build(fm, official=weights is None)
    if weights is not None:
        load_file(network, weights, fm, set())
    state = network.state_dict()
    removed = {name.rpartition(".")[2]: state[name].numpy() for name in remove_head(network, fm)}
    class_names = imagenet_names()
    if set(removed) != {"weight", "bias"} or removed["weight"].ndim != 2 or len(removed["bias"]) != len(class_names):
        raise ImprintError(
            f"The classifier of {fm.label} is not a linear layer from the embedding to the 1,000 classes of ImageNet. "
            "Choose another model."
        )
    return ClassifierHead(removed["weight"], removed["bias"], class_names)


def read_classifier_separately(fm: FoundationModel) -> tuple[ClassifierHead, str]:
    """Read the classifier of an FM in a separate process, so that this one doesn't import torch.

    Also returns the digest of the FM's weights (`LoadedModel.weights_digest`). Raises as `read_classifier` does.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.npz"
        digest = run_guarded(_write_classifier, {"fm": fm.name, "path": str(path)}, limits=Limits(memory=8_000_000_000))
        with np.load(path, allow_pickle=False) as arrays:
            head = ClassifierHead(arrays["weight"], arrays["bias"], tuple(arrays["class_names"].tolist()))
    return head, str(digest)


def _write_classifier(report: Callable[..., None], fm: str, path: str) -> str:
    """Write a classifier to a file, and return the digest of the FM's weights, in the separate process."""
    from imprint_core.models.loading import load_model

    model = foundation_model(fm)
    head = read_classifier(model)
    np.savez(path, weight=head.weight, bias=head.bias, class_names=np.array(head.class_names))
    return load_model(model).weights_digest


def imagenet_names() -> tuple[str, ...]:
    """English names of the classes of ImageNet-1k, in the order of the outputs of timm and torchvision.

    The first synonym of WordNet is used; where two classes share it, the definition follows.
    """
    import_timm()
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    names = [text.split(",")[0] for text in info.label_descriptions()]
    count = Counter(names)
    return tuple(
        name if count[name] == 1 else detailed
        for name, detailed in zip(names, info.label_descriptions(detailed=True), strict=True)
    )

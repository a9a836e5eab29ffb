"""Build an FM without its classifier, load its weights, and give its own preprocessing.

The only room, beside extraction and the exported head, that knows torch.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from imprint_core.errors import ImprintError
from imprint_core.models.registry import FoundationModel

_HEADS = ("fc", "classifier", "heads", "head")

# Kept alive: the library handle unregisters its operators when it is collected.
_operator_library: torch.library.Library | None = None


def import_torchvision() -> ModuleType:
    """Import torchvision, also where its compiled operators can't load.

    The registry's Linux wheel is built for CUDA: beside a CPU-only torch its operators are
    missing and the import fails on their fake kernels. Declaring the two schemas is enough
    for everything that doesn't detect objects.
    """
    global _operator_library
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "nms" not in str(error):
            raise
    _operator_library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        _operator_library.define(schema)  # type: ignore[no-untyped-call]
    return importlib.import_module("torchvision")


@dataclass(frozen=True)
class LoadedModel:
    """An FM ready to embed.

    Attributes
    ----------
    network : torch.nn.Module
        Maps (b, 3, h, w) to (b, d) pooled embeddings; in evaluation mode.
    transform : callable
        Maps a PIL image (RGB) to (3, h, w).
    transform_text : str
        The transform in words, for the sidecar.
    weights_digest : str
        SHA-256 over the loaded parameters, in the order of the state dict.
    """

    network: nn.Module
    transform: Callable[[Any], Tensor]
    transform_text: str
    weights_digest: str


def load_model(fm: FoundationModel, weights: Path | None = None) -> LoadedModel:
    """Build `fm`, take its classifier off and load its weights.

    Parameters
    ----------
    fm : FoundationModel
        Which model.
    weights : Path, optional
        A local `.safetensors` state dict, keyed as the library keys it. Without it the
        library's official weights are used, downloaded on first use.

    Raises
    ------
    ImprintError
        If the file is missing, isn't safetensors, or doesn't fit the model; if the official
        weights can't be had.
    """
    build = _build_torchvision if fm.library == "torchvision" else _build_timm
    network, transform, text = build(fm, pretrained=weights is None)
    if weights is not None:
        _load_file(network, weights, fm)
    network.eval().requires_grad_(False)
    # Convolutions run 1.3 to 2 times faster on two CPU cores in this layout, measured.
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return LoadedModel(network, transform, text, _digest(network))


def _build_torchvision(fm: FoundationModel, pretrained: bool) -> tuple[nn.Module, Any, str]:
    import_torchvision()
    from torchvision import models

    official = models.get_model_weights(fm.name)[fm.weights]
    try:
        network = models.get_model(fm.name, weights=official if pretrained else None)
    except OSError as error:
        raise _no_weights(fm) from error
    if fm.name.startswith("squeezenet"):
        # Its classifier holds the pooling too; keep that, drop the 1 x 1 convolution.
        network.classifier = nn.AdaptiveAvgPool2d(1)
    else:
        setattr(network, _head_of(network), nn.Identity())
    transform = official.transforms()
    return network, transform, " ".join(repr(transform).split())


def _build_timm(fm: FoundationModel, pretrained: bool) -> tuple[nn.Module, Any, str]:
    import_torchvision()
    import timm
    from timm.data import create_transform, resolve_data_config

    try:
        network = timm.create_model(f"{fm.name}.{fm.weights}", pretrained=pretrained, num_classes=0)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise _no_weights(fm) from error
    transform = create_transform(**resolve_data_config(model=network), is_training=False)
    return network, transform, " ".join(repr(transform).split())


def _head_of(network: nn.Module) -> str:
    for name in _HEADS:
        if isinstance(getattr(network, name, None), nn.Module):
            return name
    raise ImprintError(f"{type(network).__name__} has no classifier that is known how to remove.")


def _no_weights(fm: FoundationModel) -> ImprintError:
    return ImprintError(
        f"The official weights of {fm.label} could not be downloaded; connect to a network once, "
        "or give a local state dict with --weights FILE.safetensors."
    )


def _load_file(network: nn.Module, path: Path, fm: FoundationModel) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise ImprintError(f"There is no weights file '{path}'.")
    try:
        given = load_file(path)
    except SafetensorError as error:
        raise ImprintError(
            f"'{path.name}' is not a whole .safetensors file ({error}); give a state dict saved as safetensors."
        ) from error
    given = {k: v.float() if v.is_floating_point() else v for k, v in given.items()}
    wanted = network.state_dict()
    # A counter that only training reads; exported weights often leave it out.
    missing = [k for k in wanted if k not in given and not k.endswith("num_batches_tracked")]
    extra = [k for k in given if k not in wanted and k.split(".")[0] not in _HEADS]
    shapes = [
        f"{k} is {tuple(given[k].shape)}, not {tuple(v.shape)}"
        for k, v in wanted.items()
        if k in given and given[k].shape != v.shape
    ]
    problems = []
    if missing:
        problems.append(f"{len(missing)} missing, such as {missing[0]}")
    if extra:
        problems.append(f"{len(extra)} unknown, such as {extra[0]}")
    if shapes:
        problems.append(f"{len(shapes)} of another shape: {shapes[0]}")
    if problems:
        raise ImprintError(
            f"'{path.name}' does not fit {fm.label}, which has {len(wanted)} parameters: "
            f"{'; '.join(problems)}. Give a state dict of {fm.library}'s {fm.name}."
        )
    network.load_state_dict({k: v for k, v in given.items() if k in wanted}, strict=False)


def _digest(network: nn.Module) -> str:
    sha = hashlib.sha256()
    for name, value in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            sha.update(name.encode())
            sha.update(value.contiguous().numpy().tobytes())
    return sha.hexdigest()

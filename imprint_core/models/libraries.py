"""torchvision and timm: importing them, asking them for a model, and taking its classifier off."""

from __future__ import annotations

import importlib
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from imprint_core.errors import ImprintError
from imprint_core.models.registry import FOUNDATION_MODELS, FoundationModel

# Stands for the weights of a model that timm has none for.
_UNTRAINED = "untrained"

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


def import_timm() -> ModuleType:
    """Import timm, which imports torchvision."""
    import_torchvision()
    return importlib.import_module("timm")


def find_model(name: str) -> FoundationModel | None:
    """The entry of any model of torchvision or timm; None if neither has one of that name."""
    import_torchvision()
    from torchvision import models

    asked, _, weights = name.removeprefix("timm/").partition(".")
    if not name.startswith("timm/") and asked in models.list_models(module=models):
        # The first are the ones that the paper uses, IMAGENET1K_V1, wherever there are such.
        offered = [entry.name for entry in models.get_model_weights(asked)]
        if not weights or weights in offered:
            chosen = weights or offered[0]
            if asked in FOUNDATION_MODELS and FOUNDATION_MODELS[asked].weights == chosen:
                return FOUNDATION_MODELS[asked]
            return FoundationModel(
                name, "torchvision", name.replace(".", " "), None, "A model of torchvision, without its head.", chosen
            )
    timm = import_timm()
    if not asked or not timm.is_model(asked):
        return None
    try:
        settings = timm.get_pretrained_cfg(f"{asked}.{weights}" if weights not in ("", _UNTRAINED) else asked)
    except RuntimeError:
        # So timm says that the model has no such weights.
        return None
    tag = (settings.tag or "") if settings and settings.has_weights else ""
    if asked in FOUNDATION_MODELS and FOUNDATION_MODELS[asked] == _of_timm(asked, tag):
        return FOUNDATION_MODELS[asked]
    return FoundationModel(
        # With its tag, so that it can't be taken for torchvision's model of the same name.
        f"{asked}.{tag or _UNTRAINED}",
        "timm",
        f"{asked} ({tag})" if tag else asked,
        None,
        "A model of timm, without its head.",
        tag,
    )


def _of_timm(name: str, tag: str) -> FoundationModel | None:
    fm = FOUNDATION_MODELS[name]
    return fm if fm.library == "timm" and fm.weights == tag else None


def build(fm: FoundationModel, official: bool) -> tuple[nn.Module, Any]:
    """The network with its classifier, and its own preprocessing.

    Parameters
    ----------
    fm : FoundationModel
    official : bool
        With the library's own weights, downloaded where its cache hasn't got them; else with random ones.

    Raises
    ------
    ImprintError
        If the official weights can't be had, or their file in the cache is damaged.
    """
    make = _build_timm if fm.library == "timm" else _build_torchvision
    if not official:
        return make(fm, False)
    if not fm.weights:
        raise ImprintError(
            f"{fm.library} has no weights for {fm.label}; give a local state dict with --weights FILE.safetensors."
        )
    try:
        with _tensors_only():
            return make(fm, True)
    except (OSError, HTTPException) as error:
        raise _no_weights(fm) from error
    except (pickle.UnpicklingError, EOFError, SafetensorError, RuntimeError) as error:
        raise _damaged_cache(fm) from error


def _build_timm(fm: FoundationModel, official: bool) -> tuple[nn.Module, Any]:
    timm = import_timm()
    from timm.data import create_transform, resolve_data_config

    tagged = f"{fm.built_as}.{fm.weights}" if fm.weights else fm.built_as
    network = timm.create_model(tagged, pretrained=official)
    return network, create_transform(**resolve_data_config(model=network), is_training=False)


def _build_torchvision(fm: FoundationModel, official: bool) -> tuple[nn.Module, Any]:
    import_torchvision()
    from torchvision import models

    entry = models.get_model_weights(fm.built_as)[fm.weights]
    options: dict[str, Any] = {}
    if not official and fm.built_as in ("googlenet", "inception_v3"):
        # As the official weights have it; the default would draw every weight by a slow method.
        options = {"transform_input": True, "aux_logits": True, "init_weights": False}
    return models.get_model(fm.built_as, weights=entry if official else None, **options), entry.transforms()


@contextmanager
def _tensors_only() -> Iterator[None]:
    """Have `torch.load` refuse all but tensors, whatever its caller asks: torchvision asks for everything."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def remove_head(network: nn.Module, fm: FoundationModel) -> set[str]:
    """Take the classifier off, in place; gives the first parts of its parameters' names.

    What is left gives the vector that the last layer saw. SqueezeNet, whose last layer is a
    convolution before the pooling, keeps the pooling.

    Raises
    ------
    ImprintError
        If no classifier is found.
    """
    before = set(network.state_dict())
    if fm.library == "timm":
        network.reset_classifier(0)  # type: ignore[operator]
    elif fm.built_as.startswith("squeezenet"):
        network.classifier = nn.AdaptiveAvgPool2d(1)
    else:
        # Classifiers for training alone; in evaluation they are not asked.
        for training_only in ("aux1", "aux2", "AuxLogits"):
            if hasattr(network, training_only):
                setattr(network, training_only, None)
        heads = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
        if not heads:
            raise ImprintError(f"{fm.label} has no classifier that is known how to remove; choose another model.")
        owner, _, last = heads[-1].rpartition(".")
        setattr(network.get_submodule(owner), last, nn.Identity())
    return before - set(network.state_dict())


def _no_weights(fm: FoundationModel) -> ImprintError:
    return ImprintError(
        f"The official weights of {fm.label} could not be downloaded; connect to a network once, or put a "
        f"state dict of {fm.library}'s {fm.built_as} into the weights folder or behind --weights."
    )


def _damaged_cache(fm: FoundationModel) -> ImprintError:
    return ImprintError(
        f"The file with the weights of {fm.label} in {fm.library}'s cache is damaged; delete it, so that it is "
        "downloaded again, or give a local state dict with --weights FILE.safetensors."
    )

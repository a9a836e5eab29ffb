"""Look-up of foundation models and their weights in libraries, each of which is one row of `LIBRARIES`.

Torch and the libraries are imported inside functions, because the app looks up cached weights without them.
"""

from __future__ import annotations

import importlib
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from imprint_core.errors import ImprintError
from imprint_core.models.packaged import packaged_file, read_packaged
from imprint_core.models.registry import FOUNDATION_MODELS, FoundationModel
from imprint_core.paths import weights_folder

if TYPE_CHECKING:
    import torch
    from torch import nn

# Name of the weights of timm's models without official weights.
_UNTRAINED = "untrained"

# Kept alive: the library handle unregisters its operators when it is collected.
_operator_library: torch.library.Library | None = None


@dataclass(frozen=True)
class Library:
    """A library of pre-trained image models.

    Attributes
    ----------
    find : callable
        (architecture, weights) → `FoundationModel`, or None where the library has no such model; `weights` may be
        empty.
    build : callable
        (fm, official) → the network with its classifier, and its transform, a callable from a PIL image in RGB to a
        tensor (3, h, w). With official weights, downloaded where the cache has none; else with random ones.
    remove_head : callable
        (network, fm) → None: removes the classifier in place; raises an `ImprintError` where it finds none.
    cached_weights : callable
        (fm) → the file of official weights in the library's cache, or None. Imports neither torch nor the library.
    partial_downloads : callable
        (fm) → files of an unfinished download of official weights.
    resumes_downloads : bool
        Whether a new download continues such files; else they are deleted.
    """

    find: Callable[[str, str], FoundationModel | None]
    build: Callable[[FoundationModel, bool], tuple[nn.Module, Any]]
    remove_head: Callable[[nn.Module, FoundationModel], None]
    cached_weights: Callable[[FoundationModel], Path | None]
    partial_downloads: Callable[[FoundationModel], list[Path]] = lambda fm: []
    resumes_downloads: bool = True


def build(fm: FoundationModel, official: bool) -> tuple[nn.Module, Any]:
    """Build the network with its classifier, and the library's transform.

    Official weights are downloaded where the library's cache has none; otherwise the weights are random. Raises an
    `ImprintError` if the official weights are unavailable, or their file in the cache is damaged.
    """
    from safetensors import SafetensorError

    library = LIBRARIES[fm.library]
    if not official:
        return library.build(fm, False)
    if not fm.weights:
        raise ImprintError(f"{fm.library} has no weights for {fm.label}. Give a local state dict: {where_to_put(fm)}.")
    try:
        with _tensors_only():
            return library.build(fm, True)
    except (OSError, HTTPException) as error:
        raise ImprintError(
            f"The official weights of {fm.label} could not be downloaded. Connect to a network once, or "
            f"{where_to_put(fm)}."
        ) from error
    except (pickle.UnpicklingError, EOFError, SafetensorError, RuntimeError) as error:
        raise ImprintError(
            f"The weights of {fm.label} in {fm.library}'s cache are damaged. Delete the file to download it again, "
            f"or {where_to_put(fm)}."
        ) from error


def remove_head(network: nn.Module, fm: FoundationModel) -> set[str]:
    """Remove the classifier in place, so that the network gives the input of its last layer.

    Returns the names of the removed parameters; raises an `ImprintError` if no classifier is found.
    """
    before = set(network.state_dict())
    LIBRARIES[fm.library].remove_head(network, fm)
    return before - set(network.state_dict())


@contextmanager
def _tensors_only() -> Iterator[None]:
    """Make `torch.load` refuse everything but tensors; torchvision would allow any object."""
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


def _cache_folder(variable: str, name: str) -> Path:
    """A library's cache folder, found as the library finds it."""
    home = os.environ.get(variable)
    if home:
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / name


def import_torchvision() -> ModuleType:
    """Import torchvision, even where its compiled operators can't load.

    Its Linux wheel is built for CUDA: beside a CPU-only torch the operators are missing, and the import fails at
    their fake kernels. Declaring the two schemas is enough for everything except object detection.
    """
    import torch

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


def _find_torchvision(architecture: str, weights: str) -> FoundationModel | None:
    import_torchvision()
    from torchvision import models

    if architecture not in models.list_models(module=models):
        return None
    # The first ones are those of the paper, IMAGENET1K_V1, wherever they exist.
    available = [entry.name for entry in models.get_model_weights(architecture)]
    if weights and weights not in available:
        return None
    name, label = (f"{architecture}{dot}{weights}" if weights else architecture for dot in (".", " "))
    description = "A model of torchvision, without its classifier."
    entry = models.get_model_weights(architecture)[weights or available[0]]
    # torchvision counts units of 2^20 bytes.
    megabytes = round(entry.meta["_file_size"] * 1.048576)
    file = entry.url.rpartition("/")[2]
    return FoundationModel(name, "torchvision", label, None, description, entry.name, file, megabytes)


def _build_torchvision(fm: FoundationModel, official: bool) -> tuple[nn.Module, Any]:
    import_torchvision()
    from torchvision import models

    entry = models.get_model_weights(fm.architecture)[fm.weights]
    options: dict[str, Any] = {}
    if not official and fm.architecture in ("googlenet", "inception_v3"):
        # As for the official weights; the default would draw every weight by a slow method.
        options = {"transform_input": True, "aux_logits": True, "init_weights": False}
    return models.get_model(fm.architecture, weights=entry if official else None, **options), entry.transforms()


def _remove_head_torchvision(network: nn.Module, fm: FoundationModel) -> None:
    from torch import nn

    if fm.architecture.startswith("squeezenet"):
        # Its last layer is a convolution before the pooling; the pooling is kept.
        network.classifier = nn.AdaptiveAvgPool2d(1)
        return
    # Auxiliary classifiers are used in training only.
    for auxiliary in ("aux1", "aux2", "AuxLogits"):
        if hasattr(network, auxiliary):
            setattr(network, auxiliary, None)
    heads = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not heads:
        raise ImprintError(f"The classifier of {fm.label} can't be removed automatically. Choose another model.")
    owner, _, last = heads[-1].rpartition(".")
    setattr(network.get_submodule(owner), last, nn.Identity())


def _torchvision_cache() -> Path:
    return _cache_folder("TORCH_HOME", "torch") / "hub" / "checkpoints"


def _cached_torchvision(fm: FoundationModel) -> Path | None:
    path = _torchvision_cache() / fm.file
    return path if fm.file and path.is_file() else None


def _partial_torchvision(fm: FoundationModel) -> list[Path]:
    return sorted(_torchvision_cache().glob(f"{fm.file}.*.partial")) if fm.file else []


def import_timm() -> ModuleType:
    """Import timm, which imports torchvision."""
    import_torchvision()
    return importlib.import_module("timm")


def _find_timm(architecture: str, weights: str) -> FoundationModel | None:
    timm = import_timm()
    if not architecture or not timm.is_model(architecture):
        return None
    try:
        tagged = f"{architecture}.{weights}" if weights not in ("", _UNTRAINED) else architecture
        settings = timm.get_pretrained_cfg(tagged)
    except RuntimeError:
        # Raised where the model has no such weights.
        return None
    tag = (settings.tag or "") if settings and settings.has_weights else ""
    # The name includes the tag, to distinguish it from torchvision's model of the same name.
    name, label = f"{architecture}.{tag or _UNTRAINED}", f"{architecture} ({tag})" if tag else architecture
    file = (settings.hf_hub_id or "") if settings and tag else ""
    return FoundationModel(name, "timm", label, None, "A model of timm, without its classifier.", tag, file)


def _build_timm(fm: FoundationModel, official: bool) -> tuple[nn.Module, Any]:
    timm = import_timm()
    from timm.data import create_transform, resolve_data_config

    tagged = f"{fm.architecture}.{fm.weights}" if fm.weights and not fm.package else fm.architecture
    network = timm.create_model(tagged, pretrained=official and not fm.package)
    if official and fm.package:
        network.load_state_dict(read_packaged(fm.package, network.state_dict()))
    return network, create_transform(**resolve_data_config(model=network), is_training=False)


def _timm_cache(fm: FoundationModel) -> Path:
    return _cache_folder("HF_HOME", "huggingface") / "hub" / f"models--{fm.file.replace('/', '--')}"


def _cached_timm(fm: FoundationModel) -> Path | None:
    if fm.package:
        return packaged_file(fm.package)
    files = sorted((_timm_cache(fm) / "snapshots").glob("*/*"))
    return next((file for file in files if file.suffix in (".safetensors", ".bin")), None)


LIBRARIES: dict[str, Library] = {
    "torchvision": Library(
        _find_torchvision,
        _build_torchvision,
        _remove_head_torchvision,
        _cached_torchvision,
        _partial_torchvision,
        # torch downloads to a new temporary file each time.
        resumes_downloads=False,
    ),
    "timm": Library(
        _find_timm,
        _build_timm,
        lambda network, fm: network.reset_classifier(0),  # type: ignore[operator]
        _cached_timm,
        lambda fm: sorted((_timm_cache(fm) / "blobs").glob("*.incomplete")),
    ),
}
"""By name, in the order in which `foundation_model` tries them."""


def where_to_put(fm: FoundationModel) -> str:
    """Phrase into which folder a local state dict of `fm` belongs, such as "put a.safetensors into '/weights'"."""
    return f"put {fm.name}.safetensors or {fm.name}.pth into '{weights_folder()}'"


def user_weights(fm: FoundationModel) -> Path | None:
    """The local state dict of `fm` in the weights folder, or None."""
    paths = (weights_folder() / f"{fm.name}{suffix}" for suffix in (".safetensors", ".pth"))
    return next((path for path in paths if path.is_file()), None)


def available_weights(fm: FoundationModel) -> Path | None:
    """A file from which `fm` can be loaded without a network, or None."""
    return user_weights(fm) or LIBRARIES[fm.library].cached_weights(fm)


def foundation_model(name: str) -> FoundationModel:
    """Look up an FM by name: one of the table, or any classification model of a library.

    A model's name may be followed by a dot and the name of weights, such as `resnet50.IMAGENET1K_V2` or
    `vit_base_patch16_224.augreg_in1k`. A library's name before it, as in `timm/resnet18`, selects that library;
    otherwise the first library with a model of this name does.

    Raises
    ------
    ImprintError
        If no library knows it.
    """
    name = name.strip()
    if name in FOUNDATION_MODELS:
        return FOUNDATION_MODELS[name]
    library, separator, rest = name.partition("/")
    selected = {library: rest} if separator and library in LIBRARIES else dict.fromkeys(LIBRARIES, name)
    for library, text in selected.items():
        architecture, _, weights = text.partition(".")
        fm = LIBRARIES[library].find(architecture, weights)
        if fm is not None:
            # The entry of the table, where it is the same model with the same weights.
            entry = FOUNDATION_MODELS.get(architecture)
            return entry if entry and (entry.library, entry.weights) == (library, fm.weights) else fm
    raise ImprintError(
        f"Unknown foundation model '{name[:60]}'. Known names: {', '.join(FOUNDATION_MODELS)}, and every "
        f"classification model of {' and '.join(LIBRARIES)} by its name there."
    )

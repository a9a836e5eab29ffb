"""Which weights are at hand, without importing torch: the app asks before it offers a model."""

from __future__ import annotations

import os
from pathlib import Path

from imprint_core.models.registry import FoundationModel
from imprint_core.paths import weights_folder

SUFFIXES = (".safetensors", ".pth")


def own_weights(fm: FoundationModel) -> Path | None:
    """The local state dict of `fm` in the weights folder, if there is one."""
    paths = (weights_folder() / f"{fm.name}{suffix}" for suffix in SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def cached_weights(fm: FoundationModel) -> Path | None:
    """The file of the library's official weights, if its cache has it already."""
    if fm.library == "timm":
        files = sorted((_cache(fm) / "snapshots").glob("*/*"))
        return next((file for file in files if file.suffix in (".safetensors", ".bin")), None)
    path = _cache(fm) / fm.file
    return path if fm.file and path.is_file() else None


def unfinished(fm: FoundationModel) -> list[Path]:
    """What a download of the official weights has written so far, or one that was stopped left behind."""
    if fm.library == "timm":
        return sorted((_cache(fm) / "blobs").glob("*.incomplete"))
    return sorted(_cache(fm).glob(f"{fm.file}.*.partial")) if fm.file else []


def _cache(fm: FoundationModel) -> Path:
    """Where the library keeps its official weights."""
    if fm.library == "timm":
        return _hub("HF_HOME", "huggingface") / "hub" / f"models--timm--{fm.built_as}.{fm.weights}"
    return _hub("TORCH_HOME", "torch") / "hub" / "checkpoints"


def at_hand(fm: FoundationModel) -> Path | None:
    """A file from which `fm` can be loaded without a network, if there is one."""
    return own_weights(fm) or cached_weights(fm)


def _hub(variable: str, name: str) -> Path:
    """A library's cache folder, as the library finds it."""
    home = os.environ.get(variable)
    if home:
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / name

"""Files of weights on this machine, found without importing torch."""

from __future__ import annotations

from pathlib import Path

from imprint_core.models.libraries import LIBRARIES
from imprint_core.models.registry import FoundationModel
from imprint_core.paths import weights_folder

SUFFIXES = (".safetensors", ".pth")


def user_weights(fm: FoundationModel) -> Path | None:
    """The local state dict of `fm` in the weights folder, or None."""
    paths = (weights_folder() / f"{fm.name}{suffix}" for suffix in SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def cached_weights(fm: FoundationModel) -> Path | None:
    """The official weights of `fm` in its library's cache, or None."""
    return LIBRARIES[fm.library].cached_weights(fm)


def available_weights(fm: FoundationModel) -> Path | None:
    """A file from which `fm` can be loaded without a network, or None."""
    return user_weights(fm) or cached_weights(fm)

"""Weights that a user adds, checked in a guarded process; the caller doesn't import torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from imprint_core.background.guard import Limits, run_guarded
from imprint_core.errors import ImprintError
from imprint_core.models.libraries import foundation_model
from imprint_core.models.registry import FoundationModel
from imprint_core.paths import weights_folder


def save_weights(fm: FoundationModel, file: BinaryIO, suffix: str = ".safetensors") -> Path:
    """Copy local weights into the weights folder under the FM's name, instead of earlier ones, if they fit.

    Raises an `ImprintError` if they don't fit, or the folder is not writable.
    """
    target, other = (weights_folder() / f"{fm.name}{end}" for end in (".pth", ".safetensors"))
    if suffix == ".safetensors":
        target, other = other, target
    # Under its final name, which error messages mention.
    temporary = target.parent / ".new" / target.name
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        # Weights in single precision, those of the file and a copy.
        run_guarded(_check, {"fm": fm.name, "path": str(temporary)}, limits=Limits(memory=8_000_000_000))
        temporary.replace(target)
        other.unlink(missing_ok=True)
    except OSError as error:
        raise ImprintError(
            f"The weights could not be copied to '{target.parent}' ({error.strerror}). Free some space or set "
            "IMPRINT_WEIGHTS to another folder."
        ) from error
    finally:
        shutil.rmtree(temporary.parent, ignore_errors=True)
    return target


def _check(report: Callable[..., None], fm: str, path: str) -> None:
    """Raise an `ImprintError` if weights don't fit a model, in the guarded process."""
    from imprint_core.models.loading import load_model

    load_model(foundation_model(fm), Path(path))

"""An FM ready to embed: built, its classifier taken off, its weights loaded and checked."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from imprint_core.errors import ImprintError
from imprint_core.models.libraries import build, remove_head
from imprint_core.models.preprocessing import Preprocessing, preprocessing
from imprint_core.models.registry import FoundationModel
from imprint_core.models.weights import own_weights
from imprint_core.paths import weights_folder

# Where checkpoints of training runs keep the state dict, and what wrappers put before its names.
_NESTED = ("state_dict", "model", "model_state_dict")
_WRAPPER = "module."


@dataclass(frozen=True)
class LoadedModel:
    """An FM ready to embed.

    Attributes
    ----------
    network : torch.nn.Module
        Maps (b, 3, h, w) to (b, d) pooled embeddings; in evaluation mode.
    preprocessing : Preprocessing
        What images go through before.
    weights_digest : str
        SHA-256 over the loaded parameters, in the order of the state dict.
    weights_file : str
        Name of the local file that they come from; empty for the library's own.
    """

    network: nn.Module
    preprocessing: Preprocessing
    weights_digest: str
    weights_file: str = ""

    def forward(self, batch: Tensor) -> NDArray[np.float32]:
        """Embed what `preprocessing.prepare` gave; (b, d)."""
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            pixels = self.preprocessing.finish(batch.to(device, non_blocking=True))
            x: NDArray[np.float32] = self.network(pixels).flatten(1).cpu().numpy()
        return x

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Embed PIL images (L or RGB); (b, d)."""
        return self.forward(self.preprocessing.prepare(images))


def load_model(fm: FoundationModel, weights: Path | None = None) -> LoadedModel:
    """Build `fm`, take its classifier off and load its weights.

    Parameters
    ----------
    fm : FoundationModel
        Which model.
    weights : Path, optional
        A local state dict, keyed as the library keys it: `.safetensors`, or a `.pth` that holds
        tensors only. Without it, the one in the weights folder, else the library's official
        weights, downloaded on first use.

    Raises
    ------
    ImprintError
        If the file is missing, of another kind, or doesn't fit the model; if the official
        weights can't be had.
    """
    weights = weights or own_weights(fm)
    network, transform = build(fm, official=weights is None)
    # Read before the head is removed: a file may hold one or not.
    head = remove_head(network, fm)
    if weights is not None:
        _load_file(network, weights, fm, head)
    network.eval().requires_grad_(False)
    digest = _digest(network)
    # Convolutions run 1.3 to 2 times faster on two CPU cores in this layout, measured.
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return LoadedModel(network.to(_device()), preprocessing(transform), digest, weights.name if weights else "")


def keep_weights(fm: FoundationModel, file: BinaryIO, suffix: str = ".safetensors") -> Path:
    """Copy local weights into the weights folder under the FM's own name, if they fit.

    Raises
    ------
    ImprintError
        If they don't, or the folder can't be written to.
    """
    target = weights_folder() / f"{fm.name}{suffix}"
    # Under its own name, for that is what a sentence about it says.
    aside = target.parent / ".new" / target.name
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        load_model(fm, aside)
        aside.replace(target)
    except OSError as error:
        raise ImprintError(
            f"The weights could not be copied to '{target.parent}' ({error.strerror}); free some space or set "
            "IMPRINT_WEIGHTS to another folder."
        ) from error
    finally:
        shutil.rmtree(aside.parent, ignore_errors=True)
    return target


def _device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a local state dict; anything but tensors is refused.

    Raises
    ------
    ImprintError
        If there is no such file, or it isn't a state dict.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise ImprintError(f"There is no weights file '{path}'; give a .safetensors or .pth that is there.")
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise ImprintError(
                f"'{path.name}' is not a whole .safetensors file ({error}); give a state dict saved as safetensors."
            ) from error
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ImprintError(
            f"'{path.name}' holds more than tensors, which could run code when it is read; save the state dict alone, "
            "best as .safetensors."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ImprintError(
            f"'{path.name}' is not a whole file that torch.save wrote; give a state dict as .safetensors or .pth."
        ) from error
    for name in _NESTED:
        if isinstance(given, dict) and isinstance(given.get(name), dict):
            given = given[name]
    if not isinstance(given, dict) or not all(isinstance(v, Tensor) for v in given.values()):
        raise ImprintError(
            f"'{path.name}' is no state dict; save model.state_dict(), which maps parameters' names to tensors."
        )
    return {str(k).removeprefix(_WRAPPER): v for k, v in given.items()}


def _load_file(network: nn.Module, path: Path, fm: FoundationModel, head: set[str]) -> None:
    """Load a local state dict into a network without its head; names of `head` are left out."""
    given = {k: v.float() if v.is_floating_point() else v for k, v in read_state(path).items()}
    wanted = network.state_dict()
    # A counter that only training reads; exported weights often leave it out.
    missing = [k for k in wanted if k not in given and not k.endswith("num_batches_tracked")]
    extra = [k for k in given if k not in wanted and k not in head]
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
            f"{'; '.join(problems)}. Give a state dict of {fm.library}'s {fm.built_as}."
        )
    network.load_state_dict({k: v for k, v in given.items() if k in wanted}, strict=False)


def _digest(network: nn.Module) -> str:
    sha = hashlib.sha256()
    for name, value in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            sha.update(name.encode())
            sha.update(value.contiguous().numpy().tobytes())
    return sha.hexdigest()

"""Read weights files by their content, and say what a file without weights is.

Only tensors are unpickled, and nothing of a file named `.safetensors`.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor

from imprint_core.errors import ImprintError

# Keys of the state dict in checkpoints, and prefixes that wrappers add to the names of parameters.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "_orig_mod")
_DEEPEST_NESTING = 6

_SAFETENSORS, _TORCH, _ZIP = ".safetensors file", "file of torch.save", "zip"
_AGAIN = "Download or copy it again"
# How the first bytes of a file show its content: one of the formats above, or what it is and what to do instead.
_HEAD_BYTES = 4096
_CONTENTS = (
    (rb".{5}\0\0\0\{", _SAFETENSORS),
    (rb"\x80[\x02-\x05]", _TORCH),
    (rb"PK", _ZIP),
    (rb"\Z", f"empty. {_AGAIN}"),
    (rb"version https://git-lfs", "a Git LFS pointer. Get the file itself with 'git lfs pull'"),
    (rb"(\xef\xbb\xbf)?\s*<", "a web page. Download the file itself, not the page about it"),
    (rb'\s*\{.*"weight_map"', "the index of a sharded checkpoint. Merge its parts into one .safetensors file"),
    (rb"\s*[\[{]", "a JSON file. Give the file with the weights"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|\x28\xb5\x2f\xfd|Rar!", "compressed. Unpack it and give the file inside"),
    (rb".{257}ustar", "a tar archive. Unpack it, or save the state dict again with a current PyTorch"),
    (rb"\x89HDF", "an HDF5 file. Convert the weights to a state dict of PyTorch"),
    (rb"[^\x00-\x08\x0e-\x1f]+\Z", "a text file. Give the file with the weights"),
    (rb"", "in another format, or damaged. Save the state dict as .safetensors"),
)


def read_parameters(path: Path, expected: Collection[str]) -> dict[str, Tensor]:
    """Read a state dict under the names that a network expects, without prefixes such as `module.`.

    The prefix is the one under which the file holds most of the expected names. Tensors outside it, such as the state
    of an optimizer, are left out. Raises an `ImprintError` as `read_state` does, and if two prefixes are equally good.
    """
    tensors = read_state(path)
    prefixes = [""]
    for prefix in prefixes:
        longer = (f"{prefix}{wrapper}." for wrapper in _WRAPPERS)
        prefixes += [start for start in longer if any(name.startswith(start) for name in tensors)]
    present = {prefix: {name for name in expected if prefix + name in tensors} for prefix in prefixes}
    best = max(prefixes, key=lambda prefix: len(present[prefix]))
    copies = [prefix for prefix in prefixes if present[prefix] and present[prefix] == present[best]]
    if len(copies) > 1:
        raise ImprintError(
            f"'{path.name}' holds the parameters more than once, with the prefixes "
            f"{' and '.join(repr(prefix) for prefix in copies)}. Save one of these state dicts."
        )
    return {name.removeprefix(best): tensor for name, tensor in tensors.items() if name.startswith(best)}


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a local file of torch.save or safetensors; names in nested state dicts are joined by dots.

    Raises an `ImprintError` if the file doesn't exist, has no tensors, or could run code.
    """
    from safetensors.torch import load_file

    content = _content(path)
    if content == _TORCH and path.suffix == ".safetensors":
        content = f"a {_TORCH}. Save the state dict as .safetensors, or rename the file to .pth"
    if content not in (_SAFETENSORS, _TORCH):
        expected = _SAFETENSORS if path.suffix == ".safetensors" else _TORCH
        raise ImprintError(f"'{path.name}' is not a complete {expected}: it is {content}.")
    try:
        if content == _SAFETENSORS:
            state = load_file(path)
        else:
            # By the name of a file, torch would choose the format.
            with path.open("rb") as file:
                state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ImprintError(
            f"'{path.name}' holds more than tensors, which could run code when read. Save only the state dict, "
            "preferably as .safetensors."
        ) from error
    except Exception as error:
        # Both readers raise nearly any exception on damaged files.
        raise ImprintError(
            f"'{path.name}' is not a complete {content}: it is truncated or damaged. {_AGAIN}."
        ) from error
    tensors = dict(_tensors(state))
    if not tensors:
        raise ImprintError(
            f"'{path.name}' is not a state dict. Save model.state_dict(), which maps parameter names to tensors."
        )
    return tensors


def _tensors(state: Any, depth: int = _DEEPEST_NESTING) -> Iterator[tuple[str, Tensor]]:
    """Tensors of a state dict, also of those nested in it; other values, such as the epoch, are left out."""
    for key, value in state.items() if isinstance(state, dict) else ():
        if isinstance(value, Tensor):
            yield str(key), value
        elif depth and key in _WRAPPERS:
            yield from ((f"{key}.{name}", tensor) for name, tensor in _tensors(value, depth - 1))


def _content(path: Path) -> str:
    """Content of a file as in `_CONTENTS`."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise ImprintError(
            f"The weights file '{path}' does not exist or is not readable. Give an existing .safetensors or .pth file."
        ) from error
    content = next(text for pattern, text in _CONTENTS if re.match(pattern, head, re.DOTALL))
    if content != _ZIP:
        return content
    with suppress(Exception), ZipFile(path) as archive:
        names = {PurePosixPath(name).name for name in archive.namelist()}
        if "constants.pkl" in names:
            return "a TorchScript archive. Save the state dict of the model in it: torch.jit.load(file).state_dict()"
        if "data.pkl" not in names:
            return "a zip archive. Unpack it and give the file with the weights"
    return _TORCH

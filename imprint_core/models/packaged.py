"""Official weights in an installed Python package: found without importing it, verified, and renamed for timm."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from imprint_core.errors import ImprintError
from imprint_core.files import file_digest
from imprint_core.models.registry import Package

if TYPE_CHECKING:
    from torch import Tensor

# Parts of EfficientNet-Lite0, by their names in timm: those outside of blocks, and those of the first and other blocks.
_OUTER = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
_FIRST = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
_OTHER = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
# timm numbers the blocks within seven stages of so many, the file from first to last.
_STAGES = (1, 2, 2, 3, 3, 4, 1)
_BLOCKS = [f"blocks.{stage}.{i}" for stage, count in enumerate(_STAGES) for i in range(count)]

EFFICIENTNET_LITE0 = _OUTER | {
    f"{block}.{part}": f"_blocks.{number}.{name}"
    for number, block in enumerate(_BLOCKS)
    for part, name in (_OTHER if number else _FIRST).items()
}
"""Names of the layers of EfficientNet-Lite0 in the file of its package, by their names in timm."""


def packaged_file(package: Package) -> Path | None:
    """The file of weights in an installed package, or None."""
    try:
        path = Path(str(distribution(package.name).locate_file(package.file)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def read_packaged(package: Package, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read the weights in an installed package under timm's names.

    Parameters
    ----------
    package : Package
    expected : mapping of str to Tensor
        The state dict of timm's network.

    Raises
    ------
    ImprintError
        If the package is missing, or a tensor or the digest of the file is not the expected one.
    """
    from imprint_core.models.weights import read_state

    path = packaged_file(package)
    if path is None:
        raise ImprintError(f"The package {package.name} is missing. Install it: see the guide, Command line.")
    state, expected_in_file = read_state(path), {_name_in_file(name): tensor for name, tensor in expected.items()}
    problems = [f"{name} is missing" for name in expected_in_file if name not in state]
    problems += [f"{name} is unknown" for name in state if name not in expected_in_file]
    problems += [
        f"{name} is {_describe(state[name])}, not {_describe(tensor)}"
        for name, tensor in expected_in_file.items()
        if name in state and _describe(state[name]) != _describe(tensor)
    ]
    if not problems and file_digest(path) != package.digest:
        problems = ["its SHA-256 digest is not that of the release"]
    if problems:
        raise ImprintError(
            f"'{path.name}' in the package {package.name} is damaged: {problems[0]}. Install it again: "
            "see the guide, Command line."
        )
    return {name: state[_name_in_file(name)] for name in expected}


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _name_in_file(name: str) -> str:
    layer, _, parameter = name.rpartition(".")
    return f"{EFFICIENTNET_LITE0.get(layer, layer)}.{parameter}"

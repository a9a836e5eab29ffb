"""Embeddings of the same images by the same model, in sets that were computed earlier."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings.store import find_sets
from imprint_core.files import file_digest


class _Location(NamedTuple):
    """Where an embedding is: its file, tensor and row."""

    path: Path
    tensor: str
    row: int


class EarlierEmbeddings:
    """Embeddings of the sets in a folder, by the contents of their image files.

    Only sets of these weights (their digest) and transform are used; their embeddings stay on disk until requested.
    """

    def __init__(self, folder: Path, weights: str, transform: str) -> None:
        from safetensors import SafetensorError, safe_open

        self._locations: dict[bytes, _Location] = {}
        for info in find_sets(folder)[0].values():
            fm = info.meta["fm"]
            if (fm["weights_sha256"], fm["transform"], info.meta["encoding"]) != (weights, transform, "float16"):
                continue
            # A damaged set is reported where it is opened.
            with suppress(SafetensorError, OSError), safe_open(info.path, framework="numpy") as file:
                splits = [name.removeprefix("content_") for name in file.keys() if name.startswith("content_")]  # noqa: SIM118
                if splits and file_digest(info.path) == info.digest:
                    for split in splits:
                        contents = file.get_tensor(f"content_{split}")
                        locations = (_Location(info.path, f"X_{split}", row) for row in range(len(contents)))
                        self._locations.update(zip(map(bytes, contents), locations, strict=True))

    def find(self, contents: NDArray[np.uint8]) -> NDArray[np.float16] | None:
        """Embeddings (b, d) of images with these contents (b, 16); None unless all are known."""
        from safetensors import safe_open

        if not all(bytes(content) in self._locations for content in contents):
            return None
        locations = [self._locations[bytes(content)] for content in contents]
        with ExitStack() as stack:
            paths = {location.path for location in locations}
            files = {path: stack.enter_context(safe_open(path, framework="numpy")) for path in paths}
            rows = [files[path].get_slice(tensor)[row : row + 1] for path, tensor, row in locations]
        return np.concatenate(rows)

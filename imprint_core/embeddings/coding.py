"""8-bit coding of embeddings, and lossless packing of the codes.

Packing stores the codes of a column side by side, where DEFLATE finds repetitions.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode_uint8(*arrays: NDArray[np.floating]) -> tuple[dict[str, NDArray[Any]], list[NDArray[np.uint8]]]:
    """Code the columns of `arrays` with 8 bits, linearly between the columns' common extremes.

    Returns `scale` and `offset`, each (d,) float32, with x ≈ offset + scale · code, and the codes of each array.
    """
    low = np.min([a.min(axis=0) for a in arrays], axis=0).astype(np.float32)
    high = np.max([a.max(axis=0) for a in arrays], axis=0).astype(np.float32)
    scale = (high - low) / 255
    divisor = np.where(scale > 0, scale, 1)
    codes = [np.clip(np.rint((a - low) / divisor), 0, 255).astype(np.uint8) for a in arrays]
    return {"scale": scale, "offset": low}, codes


def pack(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Compress codes (n, d) to a stream of bytes (size,)."""
    return np.frombuffer(zlib.compress(np.ascontiguousarray(codes.T).data, 9), dtype=np.uint8)


def unpack(packed: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """Decompress a stream to codes (rows, columns).

    Raises a `ValueError` if the stream is damaged or holds another number of codes.
    """
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed.tobytes(), rows * columns)
    except zlib.error as error:
        raise ValueError("the packed codes are damaged") from error
    if len(data) != rows * columns or stream.decompress(stream.unconsumed_tail, 1) or not stream.eof:
        raise ValueError(f"the packed codes are not {rows} × {columns}")
    return np.frombuffer(data, dtype=np.uint8).reshape(columns, rows).T

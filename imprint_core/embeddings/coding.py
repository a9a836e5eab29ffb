"""8-bit codes packed for shipping, without loss: a column's codes lie side by side, where DEFLATE finds them alike."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray


def pack(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The codes (n, d) as a stream of bytes (size,)."""
    return np.frombuffer(zlib.compress(np.ascontiguousarray(codes.T).data, 9), dtype=np.uint8)


def unpack(packed: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """The codes (rows, columns) of a stream.

    Raises
    ------
    ValueError
        If the stream is damaged or holds another number of codes.
    """
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed.tobytes(), rows * columns)
    except zlib.error as error:
        raise ValueError("the packed codes are damaged") from error
    if len(data) != rows * columns or stream.decompress(stream.unconsumed_tail, 1) or not stream.eof:
        raise ValueError(f"the packed codes are not {rows} × {columns}")
    return np.frombuffer(data, dtype=np.uint8).reshape(columns, rows).T

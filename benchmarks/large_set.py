"""The server's memory while a visitor explores a large set: random embeddings of 200,000 samples in 2,048 dimensions.

Prints the resident memory at the start, its largest value while a page is computed, and its value afterwards (MiB).

    python -m benchmarks.large_set [--classes 100] [--pages explore map]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.streamlit_client import Server, serve, visit
from imprint_core.embeddings import SetInfo
from imprint_core.uploads.embedding_sets import add_embeddings

SAMPLES, DIMENSIONS, BLOCK = 200_000, 2_048, 5_000
# Seconds between two looks at the memory, and after which the server has collected garbage.
_LOOK, _REST = 0.02, 5.0


def add_random_set(folder: Path, classes: int) -> SetInfo:
    """Add a set of random classes, each around a random mean, from `.npy` files."""
    rng = np.random.default_rng(classes)
    y = np.sort(rng.permutation(np.arange(SAMPLES) % classes))
    means = 0.3 * rng.standard_normal((classes, DIMENSIONS), np.float32)
    paths = [folder / "X.npy", folder / "y.npy"]
    X = np.lib.format.open_memmap(paths[0], "w+", np.float32, (SAMPLES, DIMENSIONS))
    for start in range(0, SAMPLES, BLOCK):
        rows = slice(start, start + BLOCK)
        X[rows] = np.abs(means[y[rows]] + rng.standard_normal((BLOCK, DIMENSIONS), np.float32))
    X.flush()
    np.save(paths[1], y)
    try:
        return add_embeddings(paths, "npy", f"{classes} classes", None, folder)
    finally:
        paths[0].unlink()


async def largest_memory(server: Server, done: asyncio.Event) -> int:
    """Return the largest memory until an event."""
    most = 0
    while not done.is_set():
        most = max(most, server.memory())
        await asyncio.sleep(_LOOK)
    return most


async def measure(server: Server, info: SetInfo, page: str) -> None:
    """Visit a page, and print the memory."""
    async with visit(server.url) as visitor:
        await visitor.run("")
    before, done = server.memory(), asyncio.Event()
    memory = asyncio.create_task(largest_memory(server, done))
    async with visit(server.url) as visitor:
        await visitor.run(f"fm={info.fm}&data={info.dataset}", page="" if page == "explore" else page)
        shown = await visitor.settle(300)
        await asyncio.sleep(_REST)
        done.set()
        print(
            f"{page}: start {before}, largest {await memory}, afterwards {server.memory()}", *shown.errors, flush=True
        )


def main() -> None:
    """Measure each page in a new server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--pages", nargs="+", default=["explore", "map"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        info = add_random_set(Path(name), options.classes)
        for page in options.pages:
            with serve(IMPRINT_HOME=name) as server:
                asyncio.run(measure(server, info, page))


if __name__ == "__main__":
    main()

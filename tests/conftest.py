"""Shared fixtures: bundled embedding sets, and development data if available."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os

# scikit-learn's array API check needs it; SciPy reads it at import.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# Workers share the cores, and threads that wait for another core use up theirs: training and embedding take three times
# as long. NumPy and torch read it at import, also in the processes that tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Generator
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from imprint_core.embeddings import EmbeddingSet, SetInfo, find_sets, open_set
from imprint_core.paths import bundled_folder

# Other processes may be using the cores.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("IMPRINT_SHARED", ROOT.parent / "shared"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exempt imports and collected tests from garbage collection: none is garbage, and to look at them takes 0.5 s."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Development data: weights, images and recorded predictions, which the repository lacks."""
    if not SHARED.is_dir():
        pytest.skip(f"no development data at {SHARED}; set IMPRINT_SHARED to its folder")
    return SHARED


@pytest.fixture(scope="session")
def forkserver() -> ForkServerContext:
    """Starts processes as forks of a server that has imported torch, where each would need seconds to import it.

    Python starts one server per process, so it imports what all tests need.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.embeddings.test_extraction", "tests.uploads.bombs", "sklearn.datasets"])
    return context


@pytest.fixture(scope="session")
def bundled() -> dict[tuple[str, str], SetInfo]:
    sets, problems = find_sets(bundled_folder())
    assert not problems
    return sets


@pytest.fixture(scope="session")
def squeezenet_mnist(bundled: dict[tuple[str, str], SetInfo]) -> EmbeddingSet:
    return open_set(bundled["squeezenet1_1", "mnist"])


@pytest.fixture(scope="session")
def vit_digits(bundled: dict[tuple[str, str], SetInfo]) -> EmbeddingSet:
    return open_set(bundled["vit_tiny_patch16_224", "digits"])


@dataclass(frozen=True)
class Reference:
    """The official implementation's predictions on real embeddings."""

    expected: dict[str, Any]
    X_train: NDArray[np.float32]
    y_train: NDArray[np.uint8]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.uint8]
    predictions: NDArray[np.uint8]


@pytest.fixture(scope="session")
def reference(shared: Path) -> Reference:
    with np.load(shared / "reference" / "embeddings.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return Reference(json.loads((shared / "reference" / "expected.json").read_text()), **arrays)

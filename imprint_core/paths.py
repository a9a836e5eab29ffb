"""Where on this machine things are kept. One environment variable moves each."""

from __future__ import annotations

import os
from pathlib import Path


def bundled_folder() -> Path:
    """Folder of the sets that ship with the project."""
    return Path(__file__).resolve().parent / "bundled"


def user_folder() -> Path:
    """Folder of what is made on this machine: sets, own images, weights; `IMPRINT_HOME` moves it."""
    import platformdirs

    home = os.environ.get("IMPRINT_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir("imprint", appauthor=False))


def data_folder() -> Path:
    """Folder of the datasets' images; `IMPRINT_DATA` moves it."""
    data = os.environ.get("IMPRINT_DATA")
    return Path(data) if data else user_folder() / "data"


def weights_folder() -> Path:
    """Folder of local state dicts, `<name of the FM>.safetensors` or `.pth`; `IMPRINT_WEIGHTS` moves it."""
    weights = os.environ.get("IMPRINT_WEIGHTS")
    return Path(weights) if weights else user_folder() / "weights"


def images_folder() -> Path:
    """Folder of the user's own images."""
    return user_folder() / "images"


def sweeps_folder() -> Path:
    """Folder of the tables that sweeps make where nothing else is said."""
    return user_folder() / "sweeps"

"""Folders of the project and of the user; environment variables set the latter."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from imprint_core.errors import ImprintError


@cache
def bundled_folder() -> Path:
    """Folder of the bundled sets."""
    return Path(__file__).resolve().parent / "bundled"


def user_folder() -> Path:
    """Folder of the user's embedding sets, images and weights; `IMPRINT_HOME` sets it."""
    import platformdirs

    home = os.environ.get("IMPRINT_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir("imprint", appauthor=False))


def data_folder() -> Path:
    """Folder of datasets; `IMPRINT_DATA` sets it."""
    data = os.environ.get("IMPRINT_DATA")
    return Path(data) if data else user_folder() / "data"


def weights_folder() -> Path:
    """Folder of local state dicts, `<name of the FM>.safetensors` or `.pth`; `IMPRINT_WEIGHTS` sets it."""
    weights = os.environ.get("IMPRINT_WEIGHTS")
    return Path(weights) if weights else user_folder() / "weights"


def images_folder() -> Path:
    """Folder of the user's image datasets."""
    return user_folder() / "images"


def sweeps_folder() -> Path:
    """Default folder of sweep tables."""
    return user_folder() / "sweeps"


def visitors_folder() -> Path:
    """Folder of uploads that only one visitor of a class sees."""
    return user_folder() / "visitors"


def check_folders() -> None:
    """Raise an `ImprintError` if one of the user's folders exists and is not readable."""
    for folder, variable in (
        (user_folder(), "IMPRINT_HOME"),
        (data_folder(), "IMPRINT_DATA"),
        (weights_folder(), "IMPRINT_WEIGHTS"),
    ):
        try:
            os.scandir(folder).close()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ImprintError(
                f"The folder '{folder}' is not readable ({error.strerror}). Set {variable} to another folder."
            ) from error

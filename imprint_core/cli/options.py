"""What commands share: kinds of options."""

from __future__ import annotations

import argparse
from pathlib import Path

from imprint_core.paths import data_folder


def count(text: str) -> int:
    """A whole number from 1 up."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a count; give a whole number from 1 up")
    return int(text)


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Where the datasets are."""
    parser.add_argument(
        "--data-root",
        type=Path,
        default=data_folder(),
        metavar="DIR",
        help="folder of the datasets, and of what is downloaded (default: %(default)s; IMPRINT_DATA moves it)",
    )

"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from imprint_core.paths import data_folder


def count(text: str) -> int:
    """Parse a whole number of 1 or more."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a count. Give a whole number of 1 or more")
    return int(text)


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Add the option for the folder of datasets."""
    parser.add_argument(
        "--data-root",
        type=Path,
        default=data_folder(),
        metavar="DIR",
        help="folder of the datasets and of downloads (default: %(default)s; set by IMPRINT_DATA)",
    )


def add_process_options(parser: argparse.ArgumentParser, hidden: bool = False) -> None:
    """Add the options with which the app starts its background processes."""
    for option, text in (
        ("--low-priority", "run with low CPU priority, as the app's jobs do"),
        ("--quiet", "print errors only"),
    ):
        parser.add_argument(option, action="store_true", help=argparse.SUPPRESS if hidden else text)


def apply_priority(options: argparse.Namespace) -> None:
    """Lower the priority of this process, if requested and supported."""
    if options.low_priority and hasattr(os, "nice"):
        os.nice(10)

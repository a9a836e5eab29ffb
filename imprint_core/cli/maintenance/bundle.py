"""`bundle`: build the embedding sets that ship with the project."""

from __future__ import annotations

import argparse
from pathlib import Path

from imprint_core.paths import bundled_folder

HELP = "build the sets that ship with the project"
DESCRIPTION = """\
Encode embedding sets compactly, compute their base maps, and measure how the encoding changes accuracy. Write all of
it, with sources and licences, into the project, whose other sets stay.
"""
EPILOG = ""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--from", dest="source", type=Path, required=True, metavar="DIR", help="folder of the embedding sets"
    )
    parser.add_argument(
        "--to",
        dest="target",
        type=Path,
        default=bundled_folder(),
        metavar="DIR",
        help="output folder (default: the project's bundled sets)",
    )


def run(options: argparse.Namespace) -> int:
    """Build the bundled sets."""
    from imprint_core.cli.maintenance.bundled_sets import bundle

    for coding in bundle(options.source, options.target, print):
        print(f"{coding.info.path.stem}: {coding.size / 1e6:.2f} MB, accuracy {coding.mean_change:+.3f} points")
    return 0

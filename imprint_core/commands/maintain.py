"""`bundle` and `survey`: what makes the project's own sets and tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from imprint_core.errors import ImprintError
from imprint_core.folders import bundled_folder

BUNDLE_HELP = "make the sets that ship with the project"
BUNDLE_DESCRIPTION = """\
Code embedded sets compactly, compute their base maps, measure what the coding changes and write all of it, with
sources and licences, into the project.
"""
SURVEY_HELP = "evaluate every preset on every bundled set"
SURVEY_DESCRIPTION = """\
Evaluate every preset on every bundled set and write the table, with the paper's claims checked, as a Markdown page.
Takes a few minutes.
"""


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Add the options of `bundle`."""
    parser.add_argument(
        "--from", dest="source", type=Path, required=True, metavar="DIR", help="folder of the embedded sets"
    )
    parser.add_argument(
        "--to",
        dest="target",
        type=Path,
        default=bundled_folder(),
        metavar="DIR",
        help="where to (default: the project's own)",
    )


def add_survey(parser: argparse.ArgumentParser) -> None:
    """Add the options of `survey`."""
    parser.add_argument(
        "--out", type=Path, default=Path("docs/presets.md"), metavar="FILE", help="where to (default: %(default)s)"
    )


def run_survey(options: argparse.Namespace) -> int:
    """Survey."""
    from imprint_core.embeddings import find_sets
    from imprint_core.survey import report, survey

    if not options.out.parent.is_dir():
        raise ImprintError(f"There is no folder {options.out.parent}; make it, or choose another with --out.")
    sets, _ = find_sets(bundled_folder())
    rows = list(survey(sets, lambda name: print(name, flush=True)))
    options.out.write_text(report(rows), encoding="utf-8")
    print(f"Wrote {options.out}")
    return 0


def run_bundle(options: argparse.Namespace) -> int:
    """Bundle."""
    from imprint_core.bundling import bundle

    for coding in bundle(options.source, options.target, print):
        print(f"{coding.info.path.stem}: {coding.size / 1e6:.2f} MB, accuracy {coding.mean_change:+.3f} points")
    return 0

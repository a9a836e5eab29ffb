"""`bundle` and `survey`: what makes the project's own sets and tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from imprint_core.errors import ImprintError
from imprint_core.paths import bundled_folder

BUNDLE_HELP = "make the sets that ship with the project"
BUNDLE_DESCRIPTION = """\
Code embedded sets compactly, compute their base maps, measure what the coding changes and write all of it, with
sources and licences, into the project.
"""
SURVEY_HELP = "measure on every bundled set what the project claims"
SURVEY_DESCRIPTION = """\
Evaluate every preset on every bundled set and write the table, with the paper's claims checked, as a Markdown page; or
measure there how near suggested k's are to the best k; or compute the curves that the Collapse page shows first, which
come with the sets. Each takes a few minutes.
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
        "--of", choices=("presets", "suggested-k", "collapse"), default="presets", help="what (default: presets)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to (default: docs/presets.md, docs/suggested_k.md)"
    )


def run_survey(options: argparse.Namespace) -> int:
    """Survey."""
    from imprint_core.collapse import precomputed
    from imprint_core.embeddings import find_sets
    from imprint_core.embeddings.store import write_whole
    from imprint_core.evaluation.results_version import to_json
    from imprint_core.sweeps import k_selection_study, preset_survey

    out = options.out or Path("docs", f"{options.of.replace('-', '_')}.md")
    if options.of != "collapse" and not out.parent.is_dir():
        raise ImprintError(f"There is no folder {out.parent}; make it, or choose another with --out.")
    sets, _ = find_sets(bundled_folder())
    if options.of == "collapse":
        out = precomputed.kept_path()
        found = dict(precomputed.compute_kept(sets, lambda info: len(info.class_names), _tell))
        write_whole(out, to_json(found))
    elif options.of == "presets":
        out.write_text(preset_survey.report(list(preset_survey.survey(sets, _tell))), encoding="utf-8")
    else:
        cases = list(k_selection_study.study(sets, _tell))
        out.write_text(k_selection_study.report(cases), encoding="utf-8")
        # Pages show it, too.
        write_whole(k_selection_study.found_path(), k_selection_study.write(cases))
    print(f"Wrote {out}")
    return 0


def _tell(what: str) -> None:
    print(what, flush=True)


def run_bundle(options: argparse.Namespace) -> int:
    """Bundle."""
    from imprint_core.cli.maintenance.bundling import bundle

    for coding in bundle(options.source, options.target, print):
        print(f"{coding.info.path.stem}: {coding.size / 1e6:.2f} MB, accuracy {coding.mean_change:+.3f} points")
    return 0

"""`survey`: evaluate on every bundled set what the documents and pages claim."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from imprint_core.errors import ImprintError
from imprint_core.paths import bundled_folder

HELP = "evaluate the project's claims on every bundled set"
DESCRIPTION = """\
presets:      evaluate every imprinting preset, check the paper's findings, and write a Markdown page.
suggested-k:  measure how close suggested k are to the best k, and write a Markdown page and the bundled results.
collapse:     compute the bundled curves that the Collapse page displays first.
auto:         compare Auto with other presets and a trained linear probe, and write a Markdown page. After a stop, the
              same command resumes. It takes about an hour, the others a few minutes each.
"""
EPILOG = ""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--of",
        choices=("presets", "suggested-k", "collapse", "auto"),
        default="presets",
        help="survey (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="output file (default: docs/NAME.md, or the bundled curves)"
    )
    parser.add_argument("--draws", type=int, default=5, help="draws of each task of auto (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Run a survey and write its results."""
    from imprint_core.collapse import precomputed
    from imprint_core.embeddings import find_sets
    from imprint_core.evaluation.results_version import to_json
    from imprint_core.files import write_atomically
    from imprint_core.sweeps import auto_survey, k_selection_study, preset_survey

    page = Path("docs", f"{options.of.replace('-', '_')}.md")
    out = options.out or (precomputed.precomputed_path() if options.of == "collapse" else page)
    if not out.parent.is_dir():
        raise ImprintError(f"There is no folder {out.parent}; create it, or choose another with --out.")
    progress = partial(print, flush=True)
    sets, _ = find_sets(bundled_folder())
    if options.of == "collapse":
        write_atomically(
            out, to_json(dict(precomputed.compute_results(sets.values(), lambda info: len(info.class_names), progress)))
        )
    elif options.of == "presets":
        out.write_text(preset_survey.survey_page(list(preset_survey.survey(sets, progress))), encoding="utf-8")
    elif options.of == "auto":
        runs = auto_survey.survey(sets, auto_survey.bundled_path(), progress, options.draws)
        out.write_text(auto_survey.page(runs), encoding="utf-8")
    else:
        cases = list(k_selection_study.study(sets, progress))
        out.write_text(k_selection_study.report(cases), encoding="utf-8")
        # Pages display these results, too.
        write_atomically(k_selection_study.bundled_path(), k_selection_study.write(cases))
    print(f"Wrote {out}")
    return 0

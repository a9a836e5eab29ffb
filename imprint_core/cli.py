"""`python -m imprint_core`: what the app does, without the app."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from imprint_core.datasets import DATASETS, dataset
from imprint_core.embeddings.store import bundled_folder, open_set, user_folder
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, foundation_model


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m imprint_core",
        description="Weight imprinting: embed images once, imprint proxies in milliseconds.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_embed(
        commands.add_parser(
            "embed",
            help="run images through a foundation model and keep the embeddings",
            description="Run a dataset's images through a frozen foundation model and write the embeddings, with a "
            "sidecar that says what they are. Stop it with Ctrl-C whenever you like: the same command goes on "
            "where it stopped.",
            epilog="example: python -m imprint_core embed --fm resnet50 --dataset cifar10 --per-class 200",
        )
    )
    _add_bundle(
        commands.add_parser(
            "bundle",
            help="make the sets that ship with the project",
            description="Code embedded sets compactly, compute their base maps, measure what the coding changes and "
            "write all of it, with sources and licences, into the project.",
        )
    )
    _add_survey(
        commands.add_parser(
            "survey",
            help="evaluate every preset on every bundled set",
            description="Evaluate every preset on every bundled set and write the table, with the paper's claims "
            "checked, as a Markdown page. Takes a few minutes.",
        )
    )
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except ImprintError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return 130


def _add_embed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fm", required=True, metavar="NAME", help=f"foundation model: {', '.join(FOUNDATION_MODELS)}")
    parser.add_argument("--dataset", required=True, metavar="NAME", help=f"dataset: {', '.join(DATASETS)}")
    parser.add_argument("--per-class", type=_count, metavar="N", help="training samples of each class (default: all)")
    parser.add_argument("--test-per-class", type=_count, metavar="N", help="test samples of each class (default: all)")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="a local .safetensors state dict, keyed as the library keys it (default: the library's official "
        "weights, downloaded once)",
    )
    parser.add_argument(
        "--weights-origin",
        default="",
        metavar="TEXT",
        help="where those weights come from and under which licence; kept in the sidecar",
    )
    parser.add_argument(
        "--data-root",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="folder that holds the datasets (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where to write the set (default: {user_folder()})")
    parser.add_argument(
        "--batch-size", type=_count, default=64, metavar="N", help="images a forward pass (default: %(default)s)"
    )
    parser.set_defaults(run=_embed)


def _add_bundle(parser: argparse.ArgumentParser) -> None:
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
    parser.set_defaults(run=_bundle)


def _add_survey(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("docs/presets.md"), metavar="FILE", help="where to (default: %(default)s)"
    )
    parser.set_defaults(run=_survey)


def _survey(options: argparse.Namespace) -> int:
    from imprint_core.embeddings import find_sets
    from imprint_core.survey import report, survey

    if not options.out.parent.is_dir():
        raise ImprintError(f"There is no folder {options.out.parent}; make it, or choose another with --out.")
    sets, _ = find_sets(bundled_folder())
    rows = list(survey(sets, lambda name: print(name, flush=True)))
    options.out.write_text(report(rows), encoding="utf-8")
    print(f"Wrote {options.out}")
    return 0


def _bundle(options: argparse.Namespace) -> int:
    from imprint_core.bundling import bundle

    for coding in bundle(options.source, options.target, print):
        print(f"{coding.info.path.stem}: {coding.size / 1e6:.2f} MB, accuracy {coding.mean_change:+.3f} points")
    return 0


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a count; give a whole number from 1 up")
    return int(text)


def _embed(options: argparse.Namespace) -> int:
    fm, data = foundation_model(options.fm), dataset(options.dataset)
    # torch is imported only once the names are known to be right.
    from tqdm import tqdm

    from imprint_core.embeddings.extraction import Job, extract
    from imprint_core.embeddings.maps import write_maps

    job = Job(
        fm,
        data,
        options.out or user_folder(),
        options.data_root,
        options.per_class,
        options.test_per_class,
        options.weights,
        options.weights_origin,
        options.batch_size,
    )
    with tqdm(unit=" images", desc=f"{fm.label} on {data.label}", smoothing=0.05) as bar:

        def show(done: int, total: int) -> None:
            if bar.total is None:
                bar.reset(total)
                # Batches from an earlier run count as done, but not towards the rate.
                bar.initial = bar.n = done
                bar.refresh()
            else:
                bar.update(done - bar.n)

        info = extract(job, show)
    # With its maps kept, the set's first picture needs no waiting.
    write_maps(open_set(info), lambda name: print(f"Computing the base map: {name}"))
    print(f"Wrote {info.path}")
    return 0

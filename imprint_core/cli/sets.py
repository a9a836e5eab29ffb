"""`sets`: list, add, verify or remove embedding sets."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from imprint_core.datasets.names import clean_name
from imprint_core.embeddings import SetInfo, find_sets, open_set
from imprint_core.embeddings.store import remove_set, size_of
from imprint_core.errors import ImprintError
from imprint_core.models import foundation_model
from imprint_core.paths import user_folder
from imprint_core.uploads.embedding_sets import IN_COMMANDS, FileContents, add_embeddings
from imprint_core.uploads.formats import EMBEDDING_FORMATS

HELP = "list, add, verify or remove embedding sets"
DESCRIPTION = """\
An embedding set holds the embeddings of a dataset by a foundation model (FM): a .safetensors file, and a .json sidecar
that describes weights, preprocessing and samples. Sets are bundled with the project, were embedded on this machine, or
were added from files. The name of a set is FM__DATASET.
"""
EPILOG = f"""\
examples:
  imprint sets list
  imprint sets list --json
  imprint sets verify                   compares every file with its digest
  imprint sets add clip.parquet --name "Pets by CLIP"
  imprint sets add embeddings.npy labels.npy --fm resnet50
  imprint sets remove resnet50__own_3f9d0c2b71aa

Files of embeddings: {", ".join(f".{suffix}" for suffix in EMBEDDING_FORMATS)}. The dataset of an added set is named by
its content, so the same embeddings are one set. Without a split in the file, a quarter of each class is the test split.

Sets of this machine are in {user_folder()} (set by IMPRINT_HOME).
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="list sets with samples, dimensions, size and origin")
    listing.add_argument("--json", action="store_true", help="print JSON with all details")
    adding = actions.add_parser("add", help="add embeddings that another program computed, with their labels")
    adding.add_argument("files", nargs="+", type=Path, metavar="FILE", help="embeddings with labels; two files if .npy")
    adding.add_argument("--name", metavar="LABEL", help="name of the dataset for people (default: the file's name)")
    adding.add_argument("--fm", metavar="FM", help="model that computed the embeddings (default: another model)")
    adding.add_argument("--replace", action="store_true", help="remove the model's other set of the same LABEL")
    adding.add_argument("--strict", action="store_true", help="refuse a table with columns in doubt")
    verify = actions.add_parser("verify", help="compare files with their digests; exit status 2 if one is damaged")
    verify.add_argument("names", nargs="*", metavar="SET", help="sets to verify (default: all)")
    remove = actions.add_parser("remove", help="delete sets embedded on this machine")
    remove.add_argument("names", nargs="+", metavar="SET", help="sets to delete")


def run(options: argparse.Namespace) -> int:
    """List, add, verify or remove sets."""
    sets, problems = find_sets()
    for problem in problems:
        print(problem, file=sys.stderr)
    by_name = {info.path.stem: info for info in sets.values()}
    actions = {"list": _list, "add": _add, "verify": _verify, "remove": _remove}
    return max(actions[options.action](options, by_name), 2 if problems else 0)


def _list(options: argparse.Namespace, sets: dict[str, SetInfo]) -> int:
    rows = [_row(name, info) for name, info in sorted(sets.items())]
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    print(f"{'set':52} {'classes':>7} {'training':>9} {'test':>7} {'dim':>5} {'MB':>8}  origin")
    for row in rows:
        print(
            f"{row['set']:52} {row['classes']:7,} {row['training']:9,} {row['test']:7,} {row['dim']:5} "
            f"{row['bytes'] / 1e6:8.1f}  {row['origin']}: {row['dataset']}"
        )
    return 0


def _row(name: str, info: SetInfo) -> dict[str, Any]:
    samples = info.meta["samples"]
    return {
        "set": name,
        "fm": info.meta["fm"]["label"],
        "dataset": info.meta["dataset"]["label"],
        "classes": len(info.class_names),
        "training": samples["train"]["count"],
        "test": samples["test"]["count"],
        "dim": info.meta["fm"]["dim"],
        "bytes": size_of(info),
        "origin": "bundled" if info.bundled else "this machine",
        "weights": info.meta["fm"]["weights_origin"],
        "sha256": info.digest,
        "path": str(info.path),
    }


def _add(options: argparse.Namespace, sets: dict[str, SetInfo]) -> int:
    from tqdm import tqdm

    fm = foundation_model(options.fm) if options.fm else None
    label = clean_name(options.name or options.files[0].stem)
    others: list[SetInfo] = []

    def check(same_label: list[SetInfo]) -> None:
        if same_label and not options.replace:
            raise ImprintError(
                f"'{label}' is already the name of other embeddings by this model, {same_label[0].path.stem}. Give "
                "another --name, or --replace them."
            )
        others.extend(same_label)

    with tqdm(unit="row", disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        info = add_embeddings(
            options.files,
            options.files[0].suffix.removeprefix(".").lower(),
            label,
            fm,
            user_folder(),
            limits=IN_COMMANDS,
            strict=options.strict,
            same_label=check,
            show=_show,
            progress=progress,
        )
    for other in others:
        remove_set(other)
        print(f"Removed {other.path.stem}")
    print(f"{'The same embeddings were already added as' if info.path.stem in sets else 'Added'} {info.path.stem}")
    return 0


def _show(contents: FileContents) -> None:
    print(f"embedding: {contents.taken}; {contents.dimensions:,} dimensions")
    for column in contents.left_out:
        print(f"left out:  {column.name} ({column.reason})")
    names = ", ".join(contents.class_names[:10]) + (" …" if len(contents.class_names) > 10 else "")
    print(f"samples:   {contents.train:,} training and {contents.test:,} test")
    print(f"classes:   {len(contents.class_names):,} ({names})")
    for note in contents.notes:
        print(note)


def _verify(options: argparse.Namespace, sets: dict[str, SetInfo]) -> int:
    status = 0
    for name in options.names or sorted(sets):
        try:
            open_set(_find(name, sets), (1, 1))
        except ImprintError as error:
            status = 2
            print(f"{name}: {error}")
        else:
            print(f"{name}: verified")
    return status


def _remove(options: argparse.Namespace, sets: dict[str, SetInfo]) -> int:
    # All names are checked before the first set is removed.
    for info in [_find(name, sets) for name in options.names]:
        remove_set(info)
        print(f"Removed {info.path.stem}")
    return 0


def _find(name: str, sets: dict[str, SetInfo]) -> SetInfo:
    if name not in sets:
        raise ImprintError(f"Unknown embedding set '{name}'. `sets list` lists the available sets.")
    return sets[name]

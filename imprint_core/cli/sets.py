"""`sets`: list, verify or remove embedding sets."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from imprint_core.embeddings import SetInfo, find_sets, open_set
from imprint_core.embeddings.store import remove_set, size_of
from imprint_core.errors import ImprintError
from imprint_core.paths import user_folder

HELP = "list, verify or remove embedding sets"
DESCRIPTION = """\
An embedding set holds the embeddings of a dataset by a foundation model (FM): a .safetensors file, and a .json sidecar
that describes weights, preprocessing and samples. Sets are bundled with the project or were embedded on this machine.
The name of a set is FM__DATASET.
"""
EPILOG = f"""\
examples:
  imprint sets list
  imprint sets list --json
  imprint sets verify                   compares every file with its digest
  imprint sets remove resnet50__own_3f9d0c2b71aa

Sets embedded on this machine are in {user_folder()} (set by IMPRINT_HOME).
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="list sets with samples, dimensions, size and origin")
    listing.add_argument("--json", action="store_true", help="print JSON with all details")
    verify = actions.add_parser("verify", help="compare files with their digests; exit status 2 if one is damaged")
    verify.add_argument("names", nargs="*", metavar="SET", help="sets to verify (default: all)")
    remove = actions.add_parser("remove", help="delete sets embedded on this machine")
    remove.add_argument("names", nargs="+", metavar="SET", help="sets to delete")


def run(options: argparse.Namespace) -> int:
    """List, verify or remove sets."""
    sets, problems = find_sets()
    for problem in problems:
        print(problem, file=sys.stderr)
    by_name = {info.path.stem: info for info in sets.values()}
    actions = {"list": _list, "verify": _verify, "remove": _remove}
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

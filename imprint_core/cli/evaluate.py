"""`evaluate`: a recipe on a task, as JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from imprint_core.cli.options import count
from imprint_core.embeddings import find_sets, open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import PAPER_TASKS, parse_task
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.recipe import Recipe
from imprint_core.models import ridge_of
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import parse_recipe, split_recipe

HELP = "evaluate a recipe on a task; prints JSON"
DESCRIPTION = """\
Imprint a recipe's proxies from a task's shots and classify the task's test samples, once for each seed. Unlike the
app's pages, which look at part of a very large set, this uses every sample of the set. A small set whose
source has no test split is cross-validated: every sample is tested by shots of the other folds, which differ for each
seed.

A task is a dataset, all of it or some of its classes, merged or not:
  mnist                      all classes
  mnist-odd                  one of the paper's twelve tasks
  cifar10:cat,dog,6-8        some classes, by name or number
  cifar10:cat+dog,ship+truck classes merged
  tiny_imagenet_100:3in1-2   "3 in 1", the second draw

A recipe is a preset and the parameters that differ: --recipe "own k=5 norm_pre=none", or --recipe own --set k=5.
"""
EPILOG = f"""\
presets: {", ".join(PRESETS)}
named tasks: {", ".join(PAPER_TASKS)}

examples:
  imprint evaluate --fm squeezenet1_1 --task mnist --recipe own
  imprint evaluate --fm vit_tiny_patch16_224 --task tiny_imagenet_100:5in1 --recipe own --set k=5
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--fm", required=True, metavar="NAME", help="foundation model of the embedding set")
    parser.add_argument("--task", required=True, metavar="TASK", help="dataset, or dataset:classes, or a named task")
    parser.add_argument(
        "--recipe",
        default="own",
        metavar="NAME",
        help="a preset and what differs, a JSON object of parameters, or a .json file of one (default: %(default)s)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of the recipe; repeatable",
    )
    parser.add_argument("--n-shot", type=count, metavar="N", help="shots of each class (default: all)")
    parser.add_argument(
        "--seeds", type=count, default=3, metavar="COUNT", help="how many of the paper's seeds (default: %(default)s)"
    )
    parser.add_argument(
        "--predictions",
        action="store_true",
        help="with every test sample's id (-1 - id of a training sample) and predicted class",
    )


def run(options: argparse.Namespace) -> int:
    """Evaluate."""
    data, classes = parse_task(options.task)
    sets, _ = find_sets()
    if (options.fm, data) not in sets:
        have = sorted(d for fm, d in sets if fm == options.fm)
        raise ImprintError(
            f"{options.fm} has no embedding set of '{data}'; "
            + (f"it has {', '.join(have)}." if have else "`sets list` shows which there are.")
            + " Make one with `embed`."
        )
    if options.seeds > len(SEEDS):
        raise ImprintError(f"There are {len(SEEDS)} seeds (the paper's); give --seeds from 1 to {len(SEEDS)}.")
    recipe = recipe_from(options.recipe, options.set, options.fm)
    print(json.dumps(evaluate(sets[options.fm, data], classes, recipe, options), indent=1, ensure_ascii=False))
    return 0


def evaluate(info: Any, classes: str, recipe: Recipe, options: argparse.Namespace) -> dict[str, Any]:
    """What the command prints."""
    from imprint_core.framework.classifier import ImprintingClassifier

    opened = open_set(info)
    runs = []
    for seed in SEEDS[: options.seeds]:
        splits = Experiment(info, classes, options.n_shot).splits(seed, opened)
        model = ImprintingClassifier.from_recipe(recipe, random_state=seed)
        predicted = np.concatenate([model.fit(s.X_train, s.y_train).predict(s.X_test) for s in splits])
        truth, ids = (np.concatenate([getattr(s, name) for s in splits]) for name in ("y_test", "id_test"))
        row: dict[str, Any] = {"seed": seed, "accuracy": 100 * float((predicted == truth).mean())}
        if options.predictions:
            row |= {"id": ids.tolist(), "predicted": predicted.tolist()}
        runs.append(row)
    accuracies = [row["accuracy"] for row in runs]
    return {
        "task": {
            "fm": info.fm,
            "dataset": info.dataset,
            "classes": classes,
            "class_names": [splits[0].names[c] for c in np.unique(splits[0].y_train)],
            "n_shot": options.n_shot,
            "shots": len(splits[0].y_train),
            "test_samples": len(truth),
            "folds": len(splits),
        },
        "recipe": {**asdict(recipe), "in_words": str(recipe), "digest": recipe.digest},
        "accuracy": {"median": float(np.median(accuracies)), "low": min(accuracies), "high": max(accuracies)},
        "runs": runs,
        "set": {
            "sha256": info.digest,
            "weights_sha256": info.meta["fm"]["weights_sha256"],
            "weights_origin": info.meta["fm"]["weights_origin"],
        },
    }


def recipe_from(text: str, changes: list[str], fm: str) -> Recipe:
    """Recipe of a text, JSON or a JSON file, with changes; λ is the FM's unless given.

    Raises an `ImprintError` if a preset, a parameter or a value is unknown.
    """
    for change in changes:
        if "=" not in change:
            raise ImprintError(f"'{change}' sets no parameter; write NAME=VALUE, such as k=5.")
    if not text.endswith(".json") and not text.lstrip().startswith(("{", "[")):
        return parse_recipe(" ".join([text, *changes]), ridge_of(fm))
    return Recipe.from_dict({"lam": ridge_of(fm)} | _from_json(text) | split_recipe(" ".join(["own", *changes]))[1])


def _from_json(text: str) -> dict[str, Any]:
    path = Path(text)
    try:
        parts = json.loads(path.read_text(encoding="utf-8") if path.suffix == ".json" else text)
    except (OSError, ValueError) as error:
        raise ImprintError(
            f"'{text[:60]}' can't be read as JSON. Give a preset ({', '.join(PRESETS)}), a JSON object of a recipe's "
            "parameters, or a .json file of one."
        ) from error
    if not isinstance(parts, dict):
        raise ImprintError(f'\'{text[:60]}\' is not a JSON object; a recipe is one such as {{"gen": "mean"}}.')
    return parts

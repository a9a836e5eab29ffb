"""An experiment as a Python script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from textwrap import wrap

from imprint_core.embeddings import SetInfo
from imprint_core.embeddings.store import most_samples
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS

_WIDTH = 78
_FIXED = [
    "    split = experiment.split(seed, data)",
    "    model.fit(split.X_train, split.y_train)",
    "    runs.append(100 * model.score(split.X_test, split.y_test))",
]
_CROSS_VALIDATED = [
    "    # Several folds if there are few test samples.",
    "    correct = []",
    "    for split in experiment.splits(seed, data):",
    "        model.fit(split.X_train, split.y_train)",
    "        correct.extend(model.predict(split.X_test) == split.y_test)",
    "    runs.append(100 * sum(correct) / len(correct))",
]


def python_snippet(experiment: Experiment) -> str:
    """Write a script that prints the accuracy of an experiment as pages show it.

    Names of FM, dataset and classes are string literals of the script. It finds the embedding set by these names.
    """
    info, seeds = experiment.info, experiment.seeds
    recipe, recipe_import = _recipe(experiment.recipe)
    is_prefix = seeds == SEEDS[: len(seeds)]
    part = ", EXPLORED" if _is_large(info) else ""
    lines = [
        "from statistics import median",
        "",
        f"from imprint_core import Experiment, ImprintingClassifier, {recipe_import}",
        "from imprint_core import find_sets, open_set",
        *(["from imprint_core.embeddings.store import EXPLORED"] if part else []),
        *(["from imprint_core.evaluation.task import SEEDS"] if is_prefix else []),
        "",
        f"fm, dataset, classes = {_text(info.fm)}, {_text(info.dataset)}, {_text(experiment.classes)}",
        "sets, _ = find_sets()",
        *(["# Pages use a part of large sets."] if part else []),
        f"data = open_set(sets[fm, dataset]{part})",
        *recipe,
        f"seeds = {f'SEEDS[:{len(seeds)}]' if is_prefix else seeds}",
        f"experiment = Experiment(data.info, classes, {experiment.n_shot}, recipe, seeds)",
        "runs = []",
        "for seed in seeds:",
        "    model = ImprintingClassifier.from_recipe(recipe, random_state=seed)",
        *(_CROSS_VALIDATED if info.held_out else _FIXED),
        *_print(len(seeds)),
    ]
    return "\n".join(lines) + "\n"


def _print(runs: int) -> list[str]:
    if runs == 1:
        return ['print(f"Accuracy {runs[0]:.1f} %")']
    return [
        f'span = f"{{min(runs):.1f}} to {{max(runs):.1f}} over {runs} seeds"',
        'print(f"Accuracy {median(runs):.1f} % ({span})")',
    ]


def _is_large(info: SetInfo) -> bool:
    """Whether pages use only a part of the set."""
    samples = info.meta["samples"]
    most = most_samples(info)
    return bool(samples["train"]["count"] > most[0] or samples["test"]["count"] > most[1])


def _recipe(recipe: Recipe) -> tuple[list[str], str]:
    """Lines that create the recipe, and the name that they import from `imprint_core`."""
    canonical = recipe.canonical()
    for name, preset in PRESETS.items():
        if preset.recipe.canonical() == canonical:
            return [f"recipe = PRESETS[{_text(name)}].recipe"], "PRESETS"
    defaults = asdict(Recipe())
    parts = [f"{part}={_text(value)}" for part, value in asdict(canonical).items() if value != defaults[part]]
    if not GENERATORS[canonical.gen].uses_k:
        parts = [part for part in parts if not part.startswith("k=")]
    line = f"recipe = Recipe({', '.join(parts)})"
    # Values have no spaces, so lines break between parts.
    lines = [line] if len(line) <= _WIDTH else ["recipe = Recipe(", *_broken(parts), ")"]
    return lines, "Recipe"


def _broken(parts: Sequence[str]) -> list[str]:
    text = ", ".join(parts) + ","
    return wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _text(value: object) -> str:
    """Python literal of a value, in double quotes if that needs no escapes."""
    literal = repr(value)
    plain = isinstance(value, str) and not set(literal[1:-1]) & set("\\\"'")
    return f'"{literal[1:-1]}"' if plain else literal

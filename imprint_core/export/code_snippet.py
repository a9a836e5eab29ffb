"""What is on screen, written as a few lines of Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from textwrap import wrap

from imprint_core.embeddings import SetInfo
from imprint_core.embeddings.store import EXPLORED
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS

_WIDTH = 78


def python_snippet(info: SetInfo, classes: str, recipe: Recipe, n: int | None, seeds: Sequence[int]) -> str:
    """A script that prints the accuracy of a recipe on a task as pages show it.

    Parameters
    ----------
    info : SetInfo
        The embedding set; the script finds it by its FM and dataset.
    classes : str
        Spec of `parse_classes`.
    recipe : Recipe
    n : int or None
        Shots a class; None for all.
    seeds : sequence of int
        At least one.

    Returns
    -------
    str
        Python; whatever the names of FM, dataset and classes are, they are in it as text only.
    """
    made, needed = _recipe(recipe)
    listed, named = _seeds(seeds)
    part = ", EXPLORED" if _is_large(info) else ""
    imports = [
        "from imprint_core.framework.classifier import ImprintingClassifier",
        "from imprint_core.embeddings import find_sets, open_set",
        *(["from imprint_core.embeddings.store import EXPLORED"] if part else []),
        needed,
        f"from imprint_core.evaluation.task import {named}Task",
    ]
    lines = [
        "from statistics import median",
        "",
        *sorted(imports),
        "",
        f"fm, dataset, classes = {_text(info.fm)}, {_text(info.dataset)}, {_text(classes)}",
        "sets, _ = find_sets()",
        *(["# As pages do: of so large a set they look at a part."] if part else []),
        f"data = open_set(sets[fm, dataset]{part})",
        *made,
        "runs = []",
        f"for seed in {listed}:",
        f"    split = Task(fm, dataset, classes, {n}, seed).split(data)",
        "    model = ImprintingClassifier.from_recipe(recipe, random_state=seed)",
        "    model.fit(split.X_train, split.y_train)",
        "    runs.append(100 * model.score(split.X_test, split.y_test))",
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
    """Whether pages look at a part of the set only."""
    samples = info.meta["samples"]
    return bool(samples["train"]["count"] > EXPLORED[0] or samples["test"]["count"] > EXPLORED[1])


def _recipe(recipe: Recipe) -> tuple[list[str], str]:
    """Lines that make the recipe, and what they import."""
    own = recipe.canonical()
    for name, preset in PRESETS.items():
        if preset.recipe.canonical() == own:
            return [f"recipe = PRESETS[{_text(name)}].recipe"], "from imprint_core.recipes.presets import PRESETS"
    usual = asdict(Recipe())
    parts = [f"{part}={_text(value)}" for part, value in asdict(own).items() if value != usual[part]]
    if not GENERATORS[own.gen].uses_k:
        parts = [part for part in parts if not part.startswith("k=")]
    line = f"recipe = Recipe({', '.join(parts)})"
    # No value has a space in it, so lines break between parts.
    lines = [line] if len(line) <= _WIDTH else ["recipe = Recipe(", *_broken(parts), ")"]
    return lines, "from imprint_core.framework.recipe import Recipe"


def _broken(parts: Sequence[str]) -> list[str]:
    text = ", ".join(parts) + ","
    return wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _seeds(seeds: Sequence[int]) -> tuple[str, str]:
    """The seeds, and what is imported for them."""
    if tuple(seeds) == SEEDS[: len(seeds)]:
        return f"SEEDS[:{len(seeds)}]", "SEEDS, "
    return str(tuple(seeds)), ""


def _text(value: object) -> str:
    """A value as Python has it, with double quotes where that needs no escapes."""
    written = repr(value)
    plain = isinstance(value, str) and not set(written[1:-1]) & set("\\\"'")
    return f'"{written[1:-1]}"' if plain else written

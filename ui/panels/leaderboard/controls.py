"""Controls of the Leaderboard."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from imprint_core.errors import ImprintError
from imprint_core.framework.generation import GENERATORS
from imprint_core.paths import sweeps_folder
from imprint_core.recipes.presets import PRESETS
from imprint_core.registry import NUMBERS
from imprint_core.sweeps.run_measures import MEASURES
from imprint_core.sweeps.sweep_recipe import SweepRecipe, parse_sweep_recipe
from imprint_core.sweeps.sweep_table import SweepTable, bundled_sweep
from ui.compute.sweeps import sweep_table
from ui.controls.control import Control, Sets, Values, controls_of, label_in
from ui.controls.recipe import listed_recipe
from ui.text.labels import label_of_dataset, label_of_fm

BUNDLED = "bundled"
# Number of recipes that are compared by default where a table has fewer than two presets.
_DEFAULT_RECIPES = 10


def table_paths() -> dict[str, str]:
    """Paths of the available tables by name; the bundled one first."""
    paths = sorted(sweeps_folder().glob("*.parquet"))
    # The bundled grid may also have been evaluated on the user's sets.
    names = {path: f"my {path.stem}" if path.stem == BUNDLED else path.stem for path in paths}
    return {BUNDLED: str(bundled_sweep()), **{name: str(path) for path, name in names.items()}}


def _table(sets: Sets, values: Values) -> SweepTable | None:
    """The selected table; None if it can't be read, which the page reports."""
    try:
        return sweep_table(Path(table_paths()[values["board"]]), sets)
    except ImprintError:
        return None


def _shots(sets: Sets, values: Values) -> list[int]:
    table = _table(sets, values)
    return sorted({task.n for task in table.tasks}) if table is not None and table.tasks else [0]


def _recipes(sets: Sets, values: Values) -> list[str]:
    table = _table(sets, values)
    return list(_ordered_recipes(table)) if table is not None else []


@lru_cache(maxsize=4)
def _ordered_recipes(table: SweepTable) -> tuple[str, ...]:
    """The texts of a table's recipes: presets first, then by GEN and k."""
    presets, gens = list(PRESETS), list(GENERATORS)

    def order(recipe: SweepRecipe) -> tuple[int, int, int, str]:
        preset = presets.index(recipe.text) if recipe.text in presets else len(presets)
        return preset, gens.index(recipe.recipe.gen), recipe.recipe.k, recipe.text

    return tuple(recipe.text for recipe in sorted(table.recipes, key=order))


def compared_recipes(table: SweepTable, values: Values) -> list[SweepRecipe]:
    """The selected recipes; by default the table's presets, or its first recipes if it has fewer than two presets."""
    texts = values["methods"] or [text for text in _ordered_recipes(table) if text in PRESETS]
    if len(texts) < 2 and not values["methods"]:
        texts = _ordered_recipes(table)[:_DEFAULT_RECIPES]
    return [parse_sweep_recipe(text) for text in texts]


LEADERBOARD_CONTROLS = controls_of(
    Control(
        "board",
        "Results",
        "The bundled table, or the table of another sweep. Default: the bundled table.",
        lambda sets, values: list(table_paths()),
        BUNDLED,
    ),
    Control(
        "board_n",
        "n-shot",
        "Shots per class of the compared runs.",
        _shots,
        100,
        lambda value: str(value) if value else "all",
        "segments",
    ),
    Control(
        "board_measure",
        "Measure",
        "Measure by which recipes are compared: its median over the table's seeds.",
        lambda sets, values: [name for name, measure in MEASURES.items() if measure.of_shots is None],
        "accuracy",
        label_in(MEASURES),
        "segments",
    ),
    Control(
        "board_tasks",
        "Tasks",
        "The paper's tasks are all, even, odd and the first three classes of each dataset (§5.1). They overlap; whole "
        "datasets do not, but there are fewer of them.",
        lambda sets, values: ["all", "whole"],
        "all",
        lambda value: {"all": "all", "whole": "whole datasets"}[value],
        "segments",
    ),
    Control(
        "board_fms",
        "FMs",
        "FMs of the tasks. Default: all.",
        lambda sets, values: list(dict.fromkeys(fm for fm, _ in sets)),
        (),
        label_of_fm,
        "many",
        empty="all",
    ),
    Control(
        "board_data",
        "Datasets",
        "Datasets of the tasks. Default: all.",
        lambda sets, values: list(dict.fromkeys(data for _, data in sets)),
        (),
        label_of_dataset,
        "many",
        empty="all",
    ),
    Control(
        "methods",
        "Recipes",
        "Recipes to compare. Default: the table's presets, or its first ten recipes if it has fewer than two presets. "
        "Other recipes are written as a preset and changed parameters: own k=5, qi norm\\_post=none.",
        _recipes,
        (),
        lambda text: parse_sweep_recipe(text).label,
        "many",
        accepts=lambda text, sets, values: listed_recipe(text),
        most=int(NUMBERS["recipes"].on_pages),
        empty="all presets",
    ),
    page="leaderboard",
)

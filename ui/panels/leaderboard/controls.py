"""The controls of the Leaderboard page."""

from __future__ import annotations

from functools import cache

from imprint_core.framework.recipe import Recipe
from imprint_core.paths import sweeps_folder
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import label_of, name_of, recipe_of
from imprint_core.sweeps.grid import GRIDS, read_grid
from imprint_core.sweeps.sweep_table import MEASURES
from ui.compute import sweeps
from ui.controls.control import Control, Sets, Values, label_in
from ui.text.labels import label_of_dataset, label_of_fm

BUNDLED = "bundled"


def tables() -> dict[str, str]:
    """Results at hand: what they are called, and their files; the bundled one first."""
    own = sorted(sweeps_folder().glob("*.parquet"))
    # One may have swept the same grid over sets of one's own.
    names = {path: f"my {path.stem}" if path.stem == BUNDLED else path.stem for path in own}
    return {BUNDLED: str(sweeps.bundled_results()), **{name: str(path) for path, name in names.items()}}


def _shots(sets: Sets, values: Values) -> list[int]:
    if values["board"] == BUNDLED:
        # As the grid has them: to open the table takes longer than to draw another page.
        return [n for n in GRIDS[BUNDLED]["n"] if isinstance(n, int)]
    return sweeps.shots_in(tables()[values["board"]]) or [0]


@cache
def _names() -> tuple[str, ...]:
    """Recipes of the bundled grid, the presets first."""
    grid = read_grid(BUNDLED)
    found = [name_of(Recipe(**{"lam": 1e-4, **parts})) for parts in grid.recipes]
    return tuple(dict.fromkeys([*PRESETS, *found]))


def _accept(text: str, sets: Sets, values: Values) -> str:
    return name_of(recipe_of(text))


def show_name(name: str) -> str:
    """A recipe's name as a person reads it."""
    return label_of(recipe_of(name))


BOARD_CONTROLS = (
    Control(
        "board",
        "Leaderboard",
        "Results",
        "The table that comes with the project, of `python -m imprint_core sweep bundled`, or one of your own sweeps.",
        lambda sets, values: list(tables()),
        BUNDLED,
        page="leaderboard",
    ),
    Control(
        "board_n",
        "Leaderboard",
        "n-shot",
        "With how many shots a class the methods are compared.",
        _shots,
        100,
        lambda value: str(value) if value else "all",
        "segments",
        page="leaderboard",
    ),
    Control(
        "board_measure",
        "Leaderboard",
        "Measure",
        "What methods are compared by: medians over the table's seeds.",
        lambda sets, values: [name for name in MEASURES if name != "nc1"],
        "accuracy",
        label_in(MEASURES),
        "segments",
        page="leaderboard",
    ),
    Control(
        "board_tasks",
        "Leaderboard",
        "Tasks",
        "The paper's tasks are all, even, odd and the first three classes of each dataset (§5.1). They overlap; whole "
        "datasets do not, but are fewer.",
        lambda sets, values: ["all", "whole"],
        "all",
        lambda value: {"all": "all", "whole": "whole datasets"}[value],
        "segments",
        page="leaderboard",
    ),
    Control(
        "board_fms",
        "Leaderboard",
        "FMs",
        "Only tasks of these FMs; all where none is chosen.",
        lambda sets, values: list(dict.fromkeys(fm for fm, _ in sets)),
        (),
        label_of_fm,
        "many",
        empty="all",
        page="leaderboard",
    ),
    Control(
        "board_data",
        "Leaderboard",
        "Datasets",
        "Only tasks of these datasets; all where none is chosen.",
        lambda sets, values: list(dict.fromkeys(data for _, data in sets)),
        (),
        label_of_dataset,
        "many",
        empty="all",
        page="leaderboard",
    ),
    Control(
        "methods",
        "Leaderboard",
        "Recipes",
        "Which recipes compete; the presets where none is chosen. Write others as a preset and what differs: own k=5, "
        "qi norm_post=none.",
        lambda sets, values: list(_names()),
        (),
        show_name,
        "many",
        accepts=_accept,
        empty="all presets",
        page="leaderboard",
    ),
)

"""Grids of recipes, tasks, n-shots and seeds, read from JSON and validated before anything is computed.

```json
{"fm": "all", "task": ["mnist", "cifar10-odd"], "n": [5, 20, "all"], "seeds": 3,
 "recipe": ["qi", {"preset": "own", "k": [1, 5, 20]}, {"gen": "kmedoids", "norm_post": ["none", "l2"]}]}
```

`fm` and `task` may be "all": every available embedding set with all its classes. A recipe is a text such as
`own k=5`, or an object whose parameters may have several values; every combination is a recipe. λ of least squares is
the FM's unless it is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import PAPER_TASKS, parse_classes, parse_task
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.recipe import Recipe, Space, check_parameters
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import split_recipe
from imprint_core.registry import check_number
from imprint_core.sweeps.sweep_recipe import SweepRecipe, sweep_recipe

Sets = Mapping[tuple[str, str], SetInfo]
_KEYS = ("fm", "task", "n", "recipe", "seeds")
_NORMS = ({"norm_pre": a, "norm_inf": b} for a, b in (("none", "none"), ("none", "l2"), ("l2", "l2")))
_THREE = [17121997, 123987, 12412312]

# Ready-made grids: that of the bundled results, and those of the paper's sections.
GRIDS: dict[str, dict[str, Any]] = {
    "bundled": {
        "fm": "all",
        "task": [*PAPER_TASKS, "digits", "tiny_imagenet_100"],
        "n": [5, 20, 100, 200],
        "recipe": [
            *PRESETS,
            {"preset": "own", "k": [1, 2, 3, 5, 10, 20]},
            {"gen": ["kmedoids", "cov_max", "random", "fps"], "k": [5, 20]},
            {"preset": "qi", "norm_pre": "none", "norm_post": ["none", "l2"], "norm_inf": ["none", "l2"]},
            {"preset": "qi", "norm_post": "none"},
            {"gen": "all"},
            {"gen": ["kmeans", "all"], "k": 20, "agg": "mnn", "m": [1, 3, 5, 20, 50], "vote": "distance"},
        ],
        # The app's default, so that its pages find these runs.
        "seeds": 5,
    },
    "paper-5.1": {
        "fm": "all",
        "task": list(PAPER_TASKS),
        "n": ["all"],
        "recipe": [
            *(preset for preset in PRESETS if preset not in ("whitened", "auto", "probe")),
            *(
                {"gen": gen, "k": ks, "norm_post": ["none", "l2", "quantile_published"], "agg": "max", **norms}
                for norms in _NORMS
                for gen, ks in (
                    ("mean", [1]),
                    ("all", [1]),
                    (["kmeans", "kmedoids", "cov_max", "random", "fps"], [2, 3, 5, 10, 20]),
                )
            ),
            {
                "gen": ["kmeans", "all"],
                "k": 20,
                "agg": "mnn",
                "m": [3, 5, 20, 50],
                "vote": "distance",
                "distance": "euclidean",
            },
        ],
        "seeds": _THREE,
    },
    "paper-5.2": {
        "fm": "all",
        "task": ["mnist", "fashion_mnist", "cifar10"],
        "n": [1, 2, 5, 10, 20, 50, 100, 200, 400, 600, 800, 1000, "all"],
        "recipe": [{"preset": "own", "k": [1, 5, 20]}, {"gen": "all"}],
        "seeds": list(SEEDS[3:]),
    },
    "paper-5.3": {
        "fm": "all",
        "task": [
            "mnist",
            "fashion_mnist",
            "cifar10",
            *(f"tiny_imagenet_100:{d}in1-{draw}" for d in range(1, 11) for draw in range(1, 11)),
        ],
        "n": ["all"],
        "recipe": [{"preset": "own", "k": list(range(1, 16))}],
        "seeds": _THREE,
    },
}


@dataclass(frozen=True)
class Grid:
    """A grid that has been read.

    Tasks are pairs of a dataset and classes. None stands for all FMs, all datasets with all classes, and all shots.
    """

    fms: tuple[str, ...] | None
    tasks: tuple[tuple[str, str], ...] | None
    shots: tuple[int | None, ...]
    recipes: tuple[SweepRecipe, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Cell:
    """Canonical recipes of one space on one task with all seeds, which are evaluated together."""

    info: SetInfo
    classes: str
    n: int | None
    recipes: tuple[Recipe, ...]
    seeds: tuple[int, ...]

    @property
    def runs(self) -> int:
        """Number of rows of the cell."""
        return len(self.recipes) * len(self.seeds)

    def without(self, finished: set[tuple[Recipe, int]]) -> Cell | None:
        """The cell without the recipes that have finished with all seeds; None if nothing remains."""
        missing = tuple(r for r in self.recipes if any((r, seed) not in finished for seed in self.seeds))
        return replace(self, recipes=missing) if missing else None


def read_grid(source: str | Mapping[str, Any]) -> Grid:
    """Read a grid from its name in `GRIDS`, the path of a JSON file, or a mapping.

    Raises
    ------
    ImprintError
        If it can't be read, or a key, preset or value of it is unknown.
    """
    grid = source if isinstance(source, Mapping) else GRIDS[source] if source in GRIDS else _read_json(source)
    unknown = [str(key) for key in grid if key not in _KEYS]
    if unknown or "recipe" not in grid:
        problem = f"has the unknown key {', '.join(unknown)[:60]}" if unknown else "lacks the key recipe"
        raise ImprintError(f"The grid {problem}; its keys are {', '.join(_KEYS)}.")
    fms, tasks = grid.get("fm", "all"), grid.get("task", "all")
    return Grid(
        None if fms == "all" else tuple(_names("fm", fms)),
        None if tasks == "all" else tuple(parse_task(text) for text in _names("task", tasks)),
        tuple(_n_shot(n) for n in _as_list(grid.get("n", "all"))),
        tuple(dict.fromkeys(recipe for entry in _as_list(grid["recipe"]) for recipe in _recipes(entry))),
        _seeds(grid.get("seeds", 3)),
    )


def _read_json(path: str) -> Mapping[str, Any]:
    try:
        grid = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ImprintError(
            f"'{path[:80]}' is neither a ready-made grid ({', '.join(GRIDS)}) nor a readable JSON file."
        ) from error
    if not isinstance(grid, dict):
        raise ImprintError(f"'{path[:80]}' is not a JSON object; a grid has the keys {', '.join(_KEYS)}.")
    return grid


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _names(key: str, value: Any) -> list[str]:
    names = _as_list(value)
    if not names or not all(isinstance(name, str) for name in names):
        raise ImprintError(f"The grid's {key} must be 'all', a name, or a list of names.")
    return names


def _n_shot(value: Any) -> int | None:
    if value == "all":
        return None
    try:
        check_number("n_shot", value)
    except ImprintError as error:
        raise ImprintError(f"{str(error)[:-1]}, or 'all'.") from None
    return int(value)


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= len(SEEDS):
        return SEEDS[:value]
    seeds = value if isinstance(value, (list, tuple)) else []
    for seed in seeds:
        check_number("seed", seed)
    if not seeds:
        raise ImprintError(
            f"seeds must be a number from 1 to {len(SEEDS)} (the paper's first seeds), or a list of whole numbers "
            "from 0 up."
        )
    return tuple(dict.fromkeys(seeds))


def _recipes(entry: Any) -> Iterator[SweepRecipe]:
    """Every recipe of an entry of the grid."""
    if isinstance(entry, str):
        preset, changes = split_recipe(entry)
        entry = {"preset": preset or None, **changes}
    if not isinstance(entry, Mapping):
        raise ImprintError(
            f"{str(entry)[:60]!r} is not a recipe. Write a preset's name or an object with a recipe's parameters."
        )
    parameters = dict(entry)
    preset = parameters.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise ImprintError(f"The preset {str(preset)[:40]!r} is unknown; the presets are {', '.join(PRESETS)}.")
    check_parameters(parameters)
    base = PRESETS[preset].recipe if preset else Recipe()
    check_number("recipes", prod(len(_as_list(values)) for values in parameters.values()))
    for values in product(*map(_as_list, parameters.values())):
        yield sweep_recipe(replace(base, **dict(zip(parameters, values, strict=True))), "lam" in parameters)


def cells(grid: Grid, sets: Sets) -> tuple[list[Cell], list[str]]:
    """The cells of a grid, and for each impossible part a sentence.

    A part is impossible if no class has n training samples, if an FM has no embeddings of the dataset, or if the
    dataset has no such classes. A k above n is possible: every shot is a proxy.

    Raises
    ------
    ImprintError
        If the grid names an FM or a dataset without an embedding set.
    """
    _check_known("FM", grid.fms, {fm for fm, _ in sets})
    _check_known(
        "dataset", None if grid.tasks is None else [data for data, _ in grid.tasks], {data for _, data in sets}
    )
    possible: list[Cell] = []
    skipped: list[str] = []
    for (fm, data), info in sets.items():
        if grid.fms is not None and fm not in grid.fms:
            continue
        tasks = [(data, "all")] if grid.tasks is None else [task for task in grid.tasks if task[0] == data]
        by_space: dict[Space, list[Recipe]] = {}
        for recipe in dict.fromkeys(recipe.for_fm(fm) for recipe in grid.recipes):
            by_space.setdefault(recipe.space, []).append(recipe)
        for _, classes in dict.fromkeys(tasks):
            try:
                largest = parse_classes(classes, info.class_names).largest if info.class_names else 1
            except ImprintError as error:
                skipped.append(f"{fm} {data}:{classes}: {error}")
                continue
            most = largest * int(info.meta["samples"]["train"]["per_class_most"])
            too_many = [n for n in grid.shots if n is not None and n > most]
            skipped += [
                f"{fm} {data}:{classes}: no class has {n} training samples; the largest has {most}." for n in too_many
            ]
            shots = [n for n in grid.shots if n not in too_many]
            possible += [
                Cell(info, classes, n, tuple(recipes), grid.seeds) for recipes in by_space.values() for n in shots
            ]
    for fm in grid.fms or ():
        for data in dict.fromkeys(data for data, _ in grid.tasks or ()):
            if (fm, data) not in sets:
                skipped.append(f"{fm} has no embedding set of {data}.")
    return possible, skipped


def _check_known(kind: str, names: Sequence[str] | None, known: set[str]) -> None:
    unknown = sorted(set(names or ()) - known)
    if unknown:
        raise ImprintError(
            f"No embedding set of the {kind} {', '.join(unknown)[:80]} is available; available: "
            f"{', '.join(sorted(known))}."
        )

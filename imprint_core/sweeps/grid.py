"""Grids: which recipes on which tasks with which seeds, read from JSON and checked before anything is computed.

```json
{"fm": "all", "task": ["mnist", "cifar10-odd"], "n": [5, 20, "all"], "seeds": 3,
 "recipe": ["qi", {"preset": "own", "k": [1, 5, 20]}, {"gen": "kmedoids", "norm_post": ["none", "l2"]}]}
```

`fm` and `task` may be "all": every set there is, with all its classes. A part of a recipe may have several values;
every combination is a recipe then. λ of least squares is the FM's where it is not given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import PAPER_TASKS, parse_classes, parse_task
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.recipe import Recipe
from imprint_core.models import ridge_of
from imprint_core.recipes.presets import PRESETS

Sets = Mapping[tuple[str, str], SetInfo]
_PARTS = ("fm", "task", "n", "recipe", "seeds")
_NORMS = ({"norm_pre": a, "norm_inf": b} for a, b in (("none", "none"), ("none", "l2"), ("l2", "l2")))
_THREE = [17121997, 123987, 12412312]

# Ready-made grids, by what the paper does in which section (facts §1).
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
        # As many as the app takes to begin with, so that its pages find them.
        "seeds": 5,
    },
    "paper-5.1": {
        "fm": "all",
        "task": list(PAPER_TASKS),
        "n": ["all"],
        "recipe": [
            *(preset for preset in PRESETS if preset != "whitened"),
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

    Attributes
    ----------
    fms : tuple of str, or None
        None for all.
    tasks : tuple of (str, str), or None
        Dataset and classes; None for all datasets with all classes.
    shots : tuple of int or None
        Shots a class; None for all.
    recipes : tuple of dict
        Parts of each recipe; without `lam` where that is to be the FM's.
    seeds : tuple of int
    """

    fms: tuple[str, ...] | None
    tasks: tuple[tuple[str, str], ...] | None
    shots: tuple[int | None, ...]
    recipes: tuple[dict[str, Any], ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Cell:
    """What is evaluated together: recipes of one space on one task, with all seeds.

    Attributes
    ----------
    info : SetInfo
    classes : str
    n : int or None
    recipes : tuple of Recipe
        Canonical.
    seeds : tuple of int
    """

    info: SetInfo
    classes: str
    n: int | None
    recipes: tuple[Recipe, ...]
    seeds: tuple[int, ...]

    @property
    def runs(self) -> int:
        """Rows that it becomes."""
        return len(self.recipes) * len(self.seeds)


def read_grid(source: str | Mapping[str, Any]) -> Grid:
    """Read a grid: its name in `GRIDS`, a path of a JSON file, or the mapping itself.

    Raises
    ------
    ImprintError
        If it can't be read, or a part, preset or value of it is unknown.
    """
    grid = source if isinstance(source, Mapping) else GRIDS[source] if source in GRIDS else _from_file(source)
    unknown = [str(part) for part in grid if part not in _PARTS]
    missing = [part for part in ("recipe",) if part not in grid]
    if unknown or missing:
        wrong = f"has {', '.join(unknown)[:60]}, which means nothing" if unknown else f"lacks {', '.join(missing)}"
        raise ImprintError(f"The grid {wrong}; its parts are {', '.join(_PARTS)}.")
    fms, tasks = grid.get("fm", "all"), grid.get("task", "all")
    return Grid(
        None if fms == "all" else tuple(_texts("fm", fms)),
        None if tasks == "all" else tuple(parse_task(text) for text in _texts("task", tasks)),
        tuple(_shots(n) for n in _listed(grid.get("n", "all"))),
        tuple(_distinct(parts for entry in _listed(grid["recipe"]) for parts in _recipes(entry))),
        _seeds(grid.get("seeds", 3)),
    )


def _from_file(path: str) -> Mapping[str, Any]:
    try:
        grid = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ImprintError(
            f"'{path[:80]}' is no ready-made grid ({', '.join(GRIDS)}) and no JSON file that can be read."
        ) from error
    if not isinstance(grid, dict):
        raise ImprintError(f"'{path[:80]}' is not a JSON object; a grid has the parts {', '.join(_PARTS)}.")
    return grid


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _texts(part: str, value: Any) -> list[str]:
    texts = _listed(value)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ImprintError(f"The grid's {part} must be 'all', a name, or a list of names.")
    return texts


def _shots(value: Any) -> int | None:
    if value == "all":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ImprintError(f"n is {value!r} in the grid; it must be a whole number from 1 up, or 'all'.")
    return value


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= len(SEEDS):
        return SEEDS[:value]
    listed = value if isinstance(value, (list, tuple)) else []
    if not listed or not all(isinstance(s, int) and not isinstance(s, bool) and 0 <= s < 2**32 for s in listed):
        raise ImprintError(
            f"seeds must be a number of the paper's from 1 to {len(SEEDS)}, or a list of whole numbers from 0 up."
        )
    return tuple(dict.fromkeys(listed))


def _recipes(entry: Any) -> Iterator[dict[str, Any]]:
    """Every recipe that an entry of the grid means."""
    if isinstance(entry, str):
        entry = {"preset": entry}
    if not isinstance(entry, Mapping):
        raise ImprintError(f"{str(entry)[:60]!r} is no recipe; write a preset's name or an object of a recipe's parts.")
    parts = dict(entry)
    preset = parts.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise ImprintError(f"There is no preset {str(preset)[:40]!r}; there are {', '.join(PRESETS)}.")
    known = {f.name for f in fields(Recipe)}
    unknown = [name for name in parts if name not in known]
    if unknown:
        raise ImprintError(f"A recipe has no {', '.join(unknown)[:60]}; its parts are {', '.join(sorted(known))}.")
    base = asdict(PRESETS[preset].recipe) if preset else asdict(Recipe())
    for values in product(*(_listed(value) for value in parts.values())):
        chosen = dict(zip(parts, values, strict=True))
        recipe = asdict(Recipe(**{**base, **chosen}).canonical())
        if "lam" not in chosen:
            del recipe["lam"]
        yield recipe


def _distinct(recipes: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each recipe once: what a method doesn't look at is no difference."""
    return list({json.dumps(recipe, sort_keys=True): recipe for recipe in recipes}.values())


def cells(grid: Grid, sets: Sets) -> tuple[list[Cell], list[str]]:
    """What is to be evaluated, and what can't be, a sentence each.

    Where no class has n shots, and where an FM has no such dataset or the dataset no such classes, there is nothing to
    evaluate; a k above n gives every shot, as everywhere.

    Raises
    ------
    ImprintError
        If the grid names an FM or a dataset that no set has.
    """
    _names("FM", grid.fms, {fm for fm, _ in sets})
    _names("dataset", None if grid.tasks is None else [data for data, _ in grid.tasks], {data for _, data in sets})
    made: list[Cell] = []
    skipped: list[str] = []
    for (fm, data), info in sets.items():
        if grid.fms is not None and fm not in grid.fms:
            continue
        tasks = [(data, "all")] if grid.tasks is None else [task for task in grid.tasks if task[0] == data]
        for _, classes in dict.fromkeys(tasks):
            try:
                largest = parse_classes(classes, info.class_names).largest if info.class_names else 1
            except ImprintError as error:
                skipped.append(f"{fm} {data}:{classes}: {error}")
                continue
            most = largest * int(info.meta["samples"]["train"]["per_class_most"])
            shots = []
            for n in grid.shots:
                if n is not None and n > most:
                    skipped.append(f"{fm} {data}:{classes}: no class has {n} training samples; the largest has {most}.")
                else:
                    shots.append(n)
            made += [Cell(info, classes, n, own, grid.seeds) for own in _by_space(grid, fm) for n in shots]
    for fm in grid.fms or ():
        for data, _ in dict.fromkeys((task[0], "") for task in grid.tasks or ()):
            if (fm, data) not in sets:
                skipped.append(f"{fm} has no embedding set of {data}.")
    return made, skipped


def _by_space(grid: Grid, fm: str) -> list[tuple[Recipe, ...]]:
    by_space: dict[Any, list[Recipe]] = {}
    for parts in grid.recipes:
        recipe = Recipe(**{"lam": ridge_of(fm), **parts}).canonical()
        by_space.setdefault(recipe.space, []).append(recipe)
    return [tuple(dict.fromkeys(recipes)) for recipes in by_space.values()]


def _names(kind: str, asked: Sequence[str] | None, there: set[str]) -> None:
    unknown = sorted(set(asked or ()) - there)
    if unknown:
        raise ImprintError(
            f"No embedding set here is of the {kind} {', '.join(unknown)[:80]}; there are {', '.join(sorted(there))}."
        )


def without(cell: Cell, done: set[tuple[Recipe, int]]) -> Cell | None:
    """What of a cell is still to be done, where `done` are pairs of a recipe and a seed; None where nothing is.

    Seeds are evaluated together: a recipe of which one is missing is evaluated with all.
    """
    left = tuple(r for r in cell.recipes if any((r, seed) not in done for seed in cell.seeds))
    return replace(cell, recipes=left) if left else None

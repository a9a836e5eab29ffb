"""Charts of Curves: their lines, and the points of each line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from imprint_core.background.threads import lazy_property
from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import parse_classes
from imprint_core.figures.small_multiples import Style, curve_style
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.run_measures import MEASURES
from imprint_core.sweeps.sweep_recipe import SweepRecipe, parse_sweep_recipe, sweep_recipe
from imprint_core.sweeps.sweep_table import SweepTable
from ui.compute import results
from ui.compute.progressive import Point
from ui.compute.sweeps import bundled_table, run_point
from ui.controls.control import Values
from ui.controls.sidebar import Selection
from ui.panels.curves.controls import DEFAULT_RECIPES, axis_of
from ui.text.labels import label_of_dataset, label_of_fm

_KS = (1, 2, 3, 5, 10, 20, 50)
_NS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_LAMBDAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class RecipeLine:
    """A recipe that is drawn in every panel, without the parameter of the x axis; flat if it does not depend on it."""

    name: str
    style: Style
    recipe: SweepRecipe
    flat: bool
    current: bool


@dataclass(frozen=True)
class Chart:
    """A panel: an embedding set, its classes, at most the available shots, and lines."""

    info: SetInfo
    classes: str
    n: int
    xs: tuple[float, ...]
    # With their x and a point for each; a flat line has no x and one point.
    lines: tuple[tuple[RecipeLine, tuple[float, ...], tuple[Point, ...]], ...]
    # The x of the sidebar's value on the first line, and its label.
    current: tuple[float, str] | None

    @property
    def title(self) -> str:
        """FM and dataset."""
        return f"{label_of_fm(self.info.fm)} · {label_of_dataset(self.info.dataset)}"

    @lazy_property
    def points(self) -> list[Point]:
        """All points, ordered by the recipes' space: recipes of one space share their inner products."""
        return [point for _, _, points in sorted(self.lines, key=_by_space) for point in points]

    @lazy_property
    def coarse(self) -> list[Point]:
        """The current point, and both ends and the middle of each line."""
        _, xs, points = self.lines[0]
        current = [points[xs.index(self.current[0])]] if self.current is not None else []
        return current + [
            points[i]
            for _, _, points in sorted(self.lines, key=_by_space)
            for i in sorted({0, len(points) // 2, len(points) - 1})
        ]


def _by_space(line: tuple[RecipeLine, tuple[float, ...], tuple[Point, ...]]) -> str:
    return str(line[0].recipe.recipe.space)


def lines_of(selection: Selection) -> list[RecipeLine]:
    """The lines without duplicates, the sidebar's recipe first."""
    values = selection.panel.values
    recipes = [sweep_recipe(selection.experiment.recipe, values["lam_from"] == "own")]
    recipes += [parse_sweep_recipe(text) for text in values["curve_recipes"] or DEFAULT_RECIPES]
    lines: dict[SweepRecipe, RecipeLine] = {}
    for i, recipe in enumerate(recipes):
        if MEASURES[values["measure"]].of_shots is not None:
            # Such a measure depends on NORM pre alone.
            norm = recipe.recipe.norm_pre
            one_mean = sweep_recipe(replace(PRESETS["qi"].recipe, norm_pre=norm))
            line = RecipeLine(f"after NORM pre {NORMALIZATIONS[norm].label}", curve_style(i), one_mean, False, not i)
        else:
            line = _line(recipe, curve_style(i), axis_of(values), not i)
        lines.setdefault(line.recipe, line)
    return list(lines.values())


def _line(recipe: SweepRecipe, style: Style, axis: str, current: bool) -> RecipeLine:
    entry = GENERATORS[recipe.recipe.gen]
    if axis == "lam":
        recipe = sweep_recipe(recipe.recipe)
    name = recipe.label
    if axis == "k" and entry.uses_k:
        name = name.replace(f", k = {recipe.recipe.k}", "")
        recipe = recipe._replace(recipe=replace(recipe.recipe, k=1))
    depends = {"k": entry.uses_k, "n": True, "lam": bool(entry.ridge)}[axis]
    return RecipeLine(f"current: {name}" if current else name, style, recipe, not depends, current)


def charts_of(selection: Selection) -> tuple[list[Chart], list[str]]:
    """The charts, dataset by dataset, and a sentence for each that can't be drawn."""
    values, sets = selection.panel.values, selection.panel.sets
    datasets = list(values["curve_data"]) or [selection.experiment.info.dataset]
    present = [fm for fm in selection.panel.choices["curve_fms"] if any((fm, data) in sets for data in datasets)]
    fms = list(values["curve_fms"]) or present
    lines, (table, problem) = lines_of(selection), bundled_table(sets)
    charts, remarks = [], []
    for data in datasets:
        absent = [label_of_fm(fm) for fm in fms if (fm, data) not in sets]
        if absent:
            have = "has" if len(absent) == 1 else "have"
            remarks.append(f"{' and '.join(absent)} {have} no embeddings of {label_of_dataset(data)}.")
        for fm in fms:
            if (fm, data) not in sets:
                continue
            try:
                charts.append(_chart(selection, sets[fm, data], lines, table))
            except ImprintError as error:
                remarks.append(f"{label_of_fm(fm)} on {label_of_dataset(data)}: {error}")
    return charts, [*remarks, problem] if problem else remarks


def _chart(selection: Selection, info: SetInfo, lines: list[RecipeLine], table: SweepTable | None) -> Chart:
    values = selection.panel.values
    classes = selection.experiment.classes if info.dataset == selection.experiment.info.dataset else "all"
    most = results.most_shots(info, classes)
    n = min(selection.experiment.n_shot, most)
    names = results.class_names(info)
    single = bool(names) and len(parse_classes(classes, names).numbers) < 2
    if MEASURES[values["measure"]].of_shots is not None and (single or most < 2):
        label = MEASURES[values["measure"]].label
        raise ImprintError(f"{label} compares variability within classes: it needs two classes of two samples.")
    on_current_set = (info.fm, info.dataset) == (selection.experiment.info.fm, selection.experiment.info.dataset)
    current = _current_x(selection, lines[0], n) if on_current_set else None
    cost = 1.0 + n * max(1, len(names)) / 500
    series, axis_xs = [], _xs(values, n, most)
    for line in lines:
        # The sidebar's value is a point of its line.
        extra = {current[0]} if current is not None and line.current else set()
        xs = () if line.flat else tuple(sorted({*axis_xs, *extra}))
        make = _point_factory(selection, info, classes, n, line, cost, table)
        series.append((line, xs, tuple(make(x) for x in xs) or (make(None),)))
    return Chart(info, classes, n, axis_xs, tuple(series), current)


def _current_x(selection: Selection, line: RecipeLine, n: int) -> tuple[float, str] | None:
    """The x of the sidebar's value and its label; None if the line does not depend on x."""
    if line.flat:
        return None
    axis = axis_of(selection.panel.values)
    if axis == "n":
        return (n, f"n = {n}") if n >= _least_n(selection.panel.values) else None
    if axis == "lam":
        return selection.experiment.recipe.lam, f"λ = {selection.experiment.recipe.lam:g}"
    k = selection.experiment.recipe.k
    # From k = n on, every shot is a proxy.
    return min(k, n), f"k = {k}" if k <= n else f"k = {k}: all {n} shots"


def _least_n(values: Values) -> int:
    """Measures of the shots need two per class."""
    return 2 if MEASURES[values["measure"]].of_shots is not None else 1


def _xs(values: Values, n: int, most: int) -> tuple[float, ...]:
    axis = axis_of(values)
    if axis == "lam":
        xs: set[float] = set(_LAMBDAS)
    elif axis == "n":
        xs = {m for m in (*(m for m in _NS if m < most), most, n) if m >= _least_n(values)}
    else:
        xs = {*(k for k in _KS if k < n), *((n,) if n <= _KS[-1] else ())}
    return tuple(sorted(xs))


def _point_factory(
    selection: Selection,
    info: SetInfo,
    classes: str,
    n: int,
    line: RecipeLine,
    cost: float,
    table: SweepTable | None,
) -> Callable[[float | None], Point]:
    """Function from an x, None for a flat line, to the line's point."""
    values = selection.panel.values
    field, number = {"n": ("n_shot", int), "k": ("k", int), "lam": ("lam", float)}[axis_of(values)]
    start = selection.experiment.with_(info=info, classes=classes, n_shot=n, recipe=line.recipe.for_fm(info.fm))

    def make(x: float | None) -> Point:
        experiment = start if x is None else start.with_(**{field: number(x)})
        return run_point(experiment, table, cost * experiment.n_shot / n, values["measure"])

    return make

"""Which panels of curves are asked for, which lines each has, and the points that these are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import parse_classes
from imprint_core.evaluation.experiment import Experiment
from imprint_core.figures.small_multiples import Style, style_of
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import recipe_of
from ui.charts.plot import stamp_of
from ui.compute import results
from ui.compute.progressive import Point
from ui.compute.sweeps import run_point
from ui.controls.control import Values
from ui.controls.sidebar import Selection
from ui.controls.table import most_shots
from ui.panels.curves.controls import USUAL, axis_of, of_own_lambda, show_recipe
from ui.text.labels import label_of_dataset, label_of_fm

_KS = (1, 2, 3, 5, 10, 20, 50)
_NS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_LAMBDAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class Line:
    """A recipe that is drawn in every panel.

    Attributes
    ----------
    name : str
    style : Style
    recipe : Recipe
        Canonical, without what the axis has.
    own_lambda : bool
        Whether its λ is its own, not each FM's.
    flat : bool
        Whether what the axis has doesn't matter to it.
    now : bool
        Whether it is the sidebar's.
    """

    name: str
    style: Style
    recipe: Recipe
    own_lambda: bool
    flat: bool
    now: bool


@dataclass(frozen=True)
class Chart:
    """A panel.

    Attributes
    ----------
    info : SetInfo
    classes : str
    n : int
        Shots a class, as far as there are.
    xs : tuple of float
        What its axis has room for.
    lines : tuple of (Line, tuple of float, tuple of Point)
        With its x's, and a point for each; a flat one has no x and one point.
    current : (float, str) or None
        Where the choice in force is on the first line, and how it is called.
    """

    info: SetInfo
    classes: str
    n: int
    xs: tuple[float, ...]
    lines: tuple[tuple[Line, tuple[float, ...], tuple[Point, ...]], ...]
    current: tuple[float, str] | None

    @property
    def title(self) -> str:
        """FM and dataset."""
        return f"{label_of_fm(self.info.fm)} · {label_of_dataset(self.info.dataset)}"

    @cached_property
    def points(self) -> list[Point]:
        """All its points, those of one space of recipes beside each other, for they share what takes longest."""
        return [point for _, _, own in sorted(self.lines, key=_by_space) for point in own]

    @cached_property
    def coarse(self) -> list[Point]:
        """Enough of each line to see where it goes: the choice in force, both ends and the middle."""
        _, xs, points = self.lines[0]
        now = [points[xs.index(self.current[0])]] if self.current is not None else []
        return now + [
            own[place]
            for _, _, own in sorted(self.lines, key=_by_space)
            for place in sorted({0, len(own) // 2, len(own) - 1})
        ]

    @cached_property
    def stamp(self) -> str:
        """Changes whenever another picture is asked for."""
        return stamp_of(self.current, *(line for line, _, _ in self.lines), *(point.key for point in self.points))


def _by_space(line: tuple[Line, tuple[float, ...], tuple[Point, ...]]) -> str:
    return str(line[0].recipe.space)


def lines_of(selection: Selection) -> list[Line]:
    """The lines, the sidebar's first; what would be the same line again is left out."""
    values = selection.panel.values
    axis = axis_of(values)
    asked = [(selection.recipe, values["lam_from"] == "own")]
    asked += [(recipe_of(name), of_own_lambda(name)) for name in values["curve_recipes"] or USUAL]
    found: dict[object, Line] = {}
    for place, (recipe, own_lambda) in enumerate(asked):
        line = _line(recipe, own_lambda, style_of(place), axis, not place)
        key: Any = (line.recipe, axis != "lam" and own_lambda and bool(GENERATORS[recipe.gen].ridge))
        if values["measure"] == "nc1":
            # NC1 is that of the shots after NORM pre, whatever comes then: one mean is the least to compute.
            key, one_mean = recipe.norm_pre, replace(PRESETS["qi"].recipe, norm_pre=recipe.norm_pre)
            line = replace(line, name=f"after NORM pre {NORMALIZATIONS[key].label}", recipe=one_mean)
        found.setdefault(key, line)
    return list(found.values())


def _line(recipe: Recipe, own_lambda: bool, style: Style, axis: str, now: bool) -> Line:
    entry = GENERATORS[recipe.gen]
    name = show_recipe(recipe, own_lambda and axis != "lam")
    own = recipe.canonical()
    if axis == "k" and entry.uses_k:
        name = name.replace(f", k = {recipe.k}", "")
        own = replace(own, k=1)
    if axis == "lam" or not own_lambda:
        own = replace(own, lam=Recipe.lam)
    flat = not {"k": entry.uses_k, "n": True, "lam": bool(entry.ridge)}[axis]
    return Line(f"now: {name}" if now else name, style, own, own_lambda, flat, now)


def charts_of(selection: Selection) -> tuple[list[Chart], list[str]]:
    """The panels, dataset by dataset, and what can't be drawn, a sentence each."""
    values, sets = selection.panel.values, selection.panel.sets
    datasets = list(values["curve_data"]) or [selection.info.dataset]
    present = [fm for fm in selection.panel.choices["curve_fms"] if any((fm, data) in sets for data in datasets)]
    fms = list(values["curve_fms"]) or present
    lines = lines_of(selection)
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
                charts.append(_chart(selection, sets[fm, data], lines))
            except ImprintError as error:
                remarks.append(f"{label_of_fm(fm)} on {label_of_dataset(data)}: {error}")
    return charts, remarks


def _chart(selection: Selection, info: SetInfo, lines: list[Line]) -> Chart:
    values = selection.panel.values
    classes = selection.experiment.classes if info.dataset == selection.info.dataset else "all"
    most = most_shots(info, classes)
    n = min(selection.n, most)
    names = results.class_names(info)
    single = bool(names) and len(parse_classes(classes, names).numbers) < 2
    if values["measure"] == "nc1" and (single or most < 2):
        raise ImprintError("NC1 compares how classes vary: it needs two classes of two training samples.")
    here = (info.fm, info.dataset) == (selection.info.fm, selection.info.dataset)
    place = _place_of(selection, lines[0], n) if here else None
    cost = 1.0 + n * max(1, len(names)) / 500
    drawn, usual = [], _xs(values, n, most)
    for line in lines:
        # The choice in force is a point of its line, too.
        now = {place[0]} if place is not None and line.now else set()
        xs = () if line.flat else tuple(sorted({*usual, *now}))
        make = _maker(selection, info, classes, n, line, cost)
        drawn.append((line, xs, tuple(make(x) for x in xs) or (make(None),)))
    return Chart(info, classes, n, usual, tuple(drawn), place)


def _place_of(selection: Selection, line: Line, n: int) -> tuple[float, str] | None:
    """Where the choice in force is; nowhere where the axis doesn't matter to it."""
    if line.flat:
        return None
    axis = axis_of(selection.panel.values)
    if axis == "n":
        return (n, f"n = {n}") if n > 1 or selection.panel.values["measure"] != "nc1" else None
    if axis == "lam":
        return selection.recipe.lam, f"λ = {selection.recipe.lam:g}"
    k = selection.recipe.k
    # From k = n on every shot is a proxy.
    return min(k, n), f"k = {k}" if k <= n else f"k = {k}: all {n} shots"


def _xs(values: Values, n: int, most: int) -> tuple[float, ...]:
    axis = axis_of(values)
    if axis == "lam":
        at: set[float] = set(_LAMBDAS)
    elif axis == "n":
        # NC1 needs two shots of a class.
        at = {m for m in (*(m for m in _NS if m < most), most, n) if m > 1 or values["measure"] != "nc1"}
    else:
        at = {*(k for k in _KS if k < n), *((n,) if n <= _KS[-1] else ())}
    return tuple(sorted(at))


def _maker(
    selection: Selection, info: SetInfo, classes: str, n: int, line: Line, cost: float
) -> Callable[[float | None], Point]:
    """Makes the point of a line at an x; none where it is flat."""
    axis, sets = axis_of(selection.panel.values), selection.panel.sets

    def make(x: float | None) -> Point:
        recipe, shots, own = line.recipe, n, line.own_lambda
        if x is not None and axis == "n":
            shots = int(x)
        elif x is not None and axis == "k":
            recipe = replace(recipe, k=int(x))
        elif x is not None:
            recipe, own = replace(recipe, lam=x), True
        experiment = Experiment(info, classes, shots, recipe, selection.seeds)
        return run_point(experiment, sets, cost * shots / n, own)

    return make

"""Short names of recipes, as links, tables and grids have them: a preset, and what differs from it."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS, preset_of

_TYPES: dict[str, Any] = {f.name: type(f.default) for f in fields(Recipe)}


def name_of(recipe: Recipe) -> str:
    """The shortest name of a recipe: `own k=5`, `qi norm_post=none`. λ is left out, for it is the FM's."""
    own = recipe.canonical()
    names = []
    for preset, entry in PRESETS.items():
        base = asdict(replace(entry.recipe, lam=own.lam).canonical())
        changes = [f"{part}={value}" for part, value in asdict(own).items() if base[part] != value]
        names.append((len(changes), " ".join([preset, *changes])))
    return min(names, key=lambda counted: counted[0])[1]


def recipe_of(name: str) -> Recipe:
    """The recipe of a name: a preset of the table, followed by parts and values such as `k=5 gen=kmedoids`.

    Raises
    ------
    ImprintError
        If there is no such preset or part, or the part can't have that value.
    """
    preset, *changes = name.replace(",", " ").split() or [""]
    if "=" in preset:
        preset, changes = "own", [preset, *changes]
    if preset.casefold() not in PRESETS:
        raise ImprintError(
            f"'{preset[:40]}' is no recipe: write one of {', '.join(PRESETS)}, and what differs, such as own k=5."
        )
    parts: dict[str, Any] = {}
    for change in changes:
        part, _, value = change.partition("=")
        if part not in _TYPES:
            raise ImprintError(f"A recipe has no {part[:40]}; its parts are {', '.join(_TYPES)}.")
        parts[part] = _read(part, value)
    return replace(PRESETS[preset.casefold()].recipe, **parts).canonical()


def _read(part: str, value: str) -> Any:
    kind = _TYPES[part]
    try:
        if part == "shrinkage":
            return float(value) if value[:1].isdigit() else value
        return kind(value)
    except ValueError as error:
        raise ImprintError(f"{part} is {value[:40]!r}; it must be a number.") from error


def label_of(recipe: Recipe) -> str:
    """A recipe in a few words: the preset's label, or its parts but for L2 and max, which are the paper's own."""
    if preset_of(recipe):
        return PRESETS[preset_of(recipe)].label
    own = recipe.canonical()
    gen, agg = GENERATORS[own.gen], AGGREGATIONS[own.agg]
    parts = [gen.label + (f", k = {own.k}" if gen.uses_k else "")]
    if own.pretransform != "none":
        parts.append(TRANSFORMS[own.pretransform].label)
    norms = {
        "pre": (own.norm_pre, NORMALIZATIONS[own.norm_pre].label),
        "post": (own.norm_post, POST_NORMALIZATIONS[own.norm_post].label),
        "inf": (own.norm_inf, NORMALIZATIONS[own.norm_inf].label),
    }
    # Least squares is not normalised to begin with.
    usual = "none" if gen.ridge else "l2"
    if usual != "none" and all(norm == "none" for norm, _ in norms.values()):
        parts.append("no NORM")
    else:
        parts += [f"{place} {label}" for place, (norm, label) in norms.items() if norm != usual]
    if agg.uses_distance:
        by = " by distance" if own.vote == "distance" and own.m > 1 else ""
        metric = "" if own.distance == "euclidean" else f" {own.distance}"
        parts.append(f"{own.m}-NN{metric}{by}")
    elif own.agg != "max":
        parts.append(agg.label)
    return ", ".join(parts)

"""The text form of a recipe, the same in links, boxes, the command line and grids: `own k=5 norm_post=none`.

A preset, followed by the parameters that differ, by the names of `Recipe`'s fields. Spaces, commas or semicolons
separate them; case is ignored, and a table's entry is written as its key or its label. Without a preset, the
parameters change the paper's recipe (`own`), or the recipe that the text is compared with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import CHOICES, Recipe, check_parameters
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS, preset_of

_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Recipe)}
_PARAMETER = re.compile(r"(\w+)\s*=")
_SEPARATORS = " \t\n,;"
# Labels of earlier versions, which links and grids may contain.
_EARLIER_LABELS = {
    "qi: one mean": "qi",
    "hosoda: quantiles": "hosoda",
    "janson: nearest mean": "janson",
    "the paper's own: k-means, k = 20": "own",
    "oracle: least squares": "oracle",
    "ours: whitened mean": "whitened",
}


def find_preset(text: str) -> str:
    """Key of the preset with the key, the label or the short label `text`; empty if there is none."""
    name = text.strip().casefold()
    for key, preset in PRESETS.items():
        if name in (key, preset.label.casefold(), preset.short_label.casefold()):
            return key
    return _EARLIER_LABELS.get(name, "")


def split_recipe(text: str) -> tuple[str, dict[str, Any]]:
    """Split the text of a recipe into its preset's key (empty if there is none) and the parameters that it sets.

    Raises
    ------
    ImprintError
        If a preset, a parameter or a value is unknown.
    """
    if find_preset(text):
        return find_preset(text), {}
    head, *pairs = _PARAMETER.split(text)
    preset = find_preset(head.strip(_SEPARATORS))
    if not preset and (head.strip(_SEPARATORS) or not pairs):
        raise ImprintError(
            f"'{head.strip()[:40]}' is not a preset ({', '.join(PRESETS)}). Write a preset, the parameters that "
            "differ, or both, such as own k=5 norm_post=none."
        )
    names = [name.casefold() for name in pairs[::2]]
    check_parameters(names)
    values = {name: _read(name, value.strip(_SEPARATORS)) for name, value in zip(names, pairs[1::2], strict=True)}
    Recipe(**values)
    return preset, {name: values[name] for name in _DEFAULTS if name in values}


def parse_recipe(text: str, lam: float | None = None) -> Recipe:
    """Canonical recipe of a text; `lam`, the FM's ridge penalty, holds unless the text sets another."""
    preset, changes = split_recipe(text)
    if lam is not None:
        changes = {"lam": lam, **changes}
    return replace(PRESETS[preset or "own"].recipe, **changes).canonical()


def _read(name: str, text: str) -> Any:
    """Value that the text of a parameter means; the text itself, which `Recipe` refuses, if it means none."""
    if name in CHOICES:
        key = text.replace(" ", "_").casefold()
        for option, entry in CHOICES[name].table.items():
            if key == option.casefold() or text.casefold() == entry.label.casefold():
                return option
    try:
        return int(text) if isinstance(_DEFAULTS[name], int) else float(text)
    except ValueError:
        return text


def format_parameters(values: Mapping[str, Any]) -> str:
    """Text of a recipe's parameters."""
    return " ".join(f"{name}={str(value).removesuffix('.0')}" for name, value in values.items())


def format_recipe(recipe: Recipe, with_lam: bool = False) -> str:
    """Shortest text of a recipe: `own k=5`. λ is the FM's unless it is written `with_lam`."""
    values = asdict(recipe.canonical())
    texts = []
    for preset, entry in PRESETS.items():
        base = asdict(replace(entry.recipe, lam=recipe.lam).canonical())
        changes = {name: value for name, value in values.items() if base[name] != value}
        texts.append((len(changes), f"{preset} {format_parameters(changes)}".strip()))
    shown_lam = with_lam and GENERATORS[recipe.gen].ridge
    return min(texts, key=lambda text: text[0])[1] + (f" {format_parameters({'lam': recipe.lam})}" if shown_lam else "")


def recipe_label(recipe: Recipe, with_lam: bool = False) -> str:
    """Recipe in a few words: its preset's label, or its steps except L2 and max, the paper's choices."""
    preset, values = preset_of(recipe), recipe.canonical()
    gen, agg = GENERATORS[values.gen], AGGREGATIONS[values.agg]
    lam = [f"λ = {values.lam:g}"] if with_lam and gen.ridge else []
    if preset:
        return ", ".join([PRESETS[preset].label, *lam])
    parts = [gen.label + (f", k = {values.k}" if gen.uses_k else "")]
    if values.pretransform != "none":
        parts.append(TRANSFORMS[values.pretransform].label)
    norms = {
        "pre": (values.norm_pre, NORMALIZATIONS[values.norm_pre].label),
        "post": (values.norm_post, POST_NORMALIZATIONS[values.norm_post].label),
        "inf": (values.norm_inf, NORMALIZATIONS[values.norm_inf].label),
    }
    # Proxies that are fitted jointly are not normalised by default.
    default = "none" if gen.joint else "l2"
    if default != "none" and all(norm == "none" for norm, _ in norms.values()):
        parts.append("no NORM")
    else:
        parts += [f"{step} {label}" for step, (norm, label) in norms.items() if norm != default]
    if agg.uses_distance:
        by = " by distance" if values.vote == "distance" and values.m > 1 else ""
        metric = "" if values.distance == "euclidean" else f" {values.distance}"
        parts.append(f"{values.m}-NN{metric}{by}")
    elif values.agg != "max":
        parts.append(agg.label)
    return ", ".join(parts + lam)

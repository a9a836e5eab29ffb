"""The controls of the recipe, in the order of its steps, and a second recipe beside it.

Keys of the controls are the names of `Recipe`'s fields. A second recipe is written as a preset, as what differs
(k=1 norm_pre=none), or as both.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.framework.recipe import CHOICES, Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.framework.whitening import SHRINKAGE_RULES, SHRINKAGES
from imprint_core.models import ridge_of
from imprint_core.recipes.presets import PRESETS, preset_of
from imprint_core.recipes.text import format_parameters, format_recipe, parse_recipe, recipe_label, split_recipe
from imprint_core.registry import NUMBERS
from imprint_core.sweeps.sweep_recipe import parse_sweep_recipe
from ui.controls.control import STEPS, Control, Sets, Values, controls_of, described, label_in

ALONE = "none"
WITHOUT_NORMS = "norm_pre=none norm_post=none norm_inf=none"
_LABELS = {ALONE: "nothing", WITHOUT_NORMS: "the same without any NORM"}

_LAMBDAS = tuple(a * 10.0**e for e in range(-6, 2) for a in (1, 2, 5))


def _k_off(values: Values) -> str:
    entry = GENERATORS[values["gen"]]
    if entry.uses_k:
        return ""
    if entry.selects:
        return "The shots select k and the shrinkage; the method sets the other steps."
    if entry.trained:
        return "A linear probe has one weight vector per class; it sets the other steps."
    proxies = "every shot a proxy" if entry.keeps_shots else "one proxy per class"
    return f"GEN {entry.label} makes {proxies}, so k has no effect."


def _norm_post_remark(values: Values) -> str:
    gen = GENERATORS[values["gen"]]
    of_unit_length = NORMALIZATIONS[values["norm_pre"]].unit and gen.keeps_shots
    by_length = values["agg"] == "max" and values["norm_post"] == "none"
    if not by_length or of_unit_length or gen.joint:
        return ""
    return "Proxies keep their lengths, and longer ones win more samples."


def _norm_inf_remark(values: Values) -> str:
    if AGGREGATIONS[values["agg"]].uses_distance:
        return (
            "The cosine ignores lengths, so NORM inf changes no prediction."
            if DISTANCES[values["distance"]].by_angle
            else ""
        )
    if AGGREGATIONS[values["agg"]].uses_lengths:
        return ""
    return (
        f"NORM inf changes no prediction of AGG {AGGREGATIONS[values['agg']].label}, which compares similarities of "
        "the same sample only."
    )


def _is_fixed(key: str, values: Values) -> bool:
    """Whether the GEN method determines a parameter, so that there is nothing to choose."""
    return key in GENERATORS[values["gen"]].fixed


def _no_ridge(values: Values) -> bool:
    return not GENERATORS[values["gen"]].ridge


def _no_votes(values: Values) -> bool:
    return _is_fixed("agg", values) or not AGGREGATIONS[values["agg"]].uses_distance


def _choice(key: str, label: str, help_text: str, **more: Any) -> Control:
    """A control that offers the entries of the parameter's table; its default is the recipe's."""
    table = CHOICES[key].table
    more.setdefault("hidden", partial(_is_fixed, key))
    default = getattr(Recipe(), key)
    return Control(
        key,
        label,
        described(table, help_text),
        lambda sets, values: list(table),
        default,
        label_in(table),
        **more,
    )


RECIPE_CONTROLS = controls_of(
    _choice("pretransform", "Transform (beyond the paper)", "Applied to shots and test embeddings before any NORM."),
    Control(
        "shrinkage",
        "Shrinkage of whitening",
        described(
            SHRINKAGE_RULES,
            "Shrinks the within-class covariance towards a multiple of the identity (0: none, 1: no whitening).",
        ),
        lambda sets, values: [*SHRINKAGE_RULES, *SHRINKAGES, 1.0],
        "auto",
        lambda value: SHRINKAGE_RULES[value].label if isinstance(value, str) else f"{value:g}",
        hidden=lambda values: _is_fixed("pretransform", values) or not TRANSFORMS[values["pretransform"]].shrinks,
    ),
    _choice("norm_pre", "NORM pre", "Normalisation of embeddings before GEN (paper, NORM_pre, §5.1).", kind="segments"),
    _choice("gen", "GEN: proxy generation", "How proxies are made from shots (paper, GEN, §5.1)."),
    Control(
        "k",
        "k: proxies per class",
        "Number of proxies per class (paper, GEN, §5.1 and §5.3). With k at or above n, every shot is a proxy.",
        lambda sets, values: [s for s in STEPS if s <= NUMBERS["k"].on_pages],
        5,
        kind="slider",
        off=_k_off,
        main=True,
    ),
    Control(
        "lam_from",
        "λ of least squares",
        "Ridge penalty λ of least squares. The paper uses the weight decay that the FM was trained with (Table A.4): "
        "0.0001 for ResNets, 0.1 for ViT, 0.05 for Swin. Other families use the value of the most similar one.",
        lambda sets, values: ["fm", "own"],
        "fm",
        lambda value: {"fm": "from the FM", "own": "custom"}[value],
        "segments",
        hidden=_no_ridge,
        remark=lambda values: f"λ = {ridge_of(values['fm']):g}" if values["lam_from"] == "fm" else "",
    ),
    Control(
        "lam",
        "λ",
        "Larger values shrink the proxies more. With about as many shots as dimensions, least squares needs them.",
        lambda sets, values: list(_LAMBDAS),
        1e-2,
        lambda value: f"{value:g}",
        "slider",
        hidden=lambda values: _no_ridge(values) or values["lam_from"] != "own",
    ),
    _choice(
        "norm_post",
        "NORM post",
        "Normalisation of proxies after GEN (paper, NORM_post, §5.1).",
        remark=_norm_post_remark,
    ),
    _choice(
        "norm_inf",
        "NORM inf",
        "Normalisation of test embeddings at inference (paper, NORM_inf, §5.1).",
        kind="segments",
        remark=_norm_inf_remark,
    ),
    _choice(
        "agg",
        "AGG: aggregation",
        "How similarities of a test sample to all proxies become a class (paper, AGG, §5.1).",
        kind="segments",
    ),
    Control(
        "m",
        "m: voting proxies",
        "Number of nearest proxies that vote; all if there are fewer (paper, AGG, §5.1: 1, 3, 5, 20, 50).",
        lambda sets, values: [s for s in STEPS if s <= NUMBERS["m"].on_pages],
        5,
        kind="slider",
        hidden=_no_votes,
    ),
    _choice("distance", "Distance", "Distance between a test sample and a proxy.", hidden=_no_votes),
    _choice("vote", "Votes", "Weight of a vote.", kind="segments", hidden=_no_votes),
    _choice(
        "ties",
        "Ties",
        "Which of several classes with equal votes wins.",
        kind="segments",
        hidden=lambda values: _no_votes(values) or values["vote"] != "uniform",
    ),
    group="Recipe",
)


def recipe_from_values(values: Values) -> Recipe:
    """Recipe of the controls' values."""
    chosen = {name: values[name] for name in asdict(Recipe())}
    return Recipe(**chosen | ({"lam": ridge_of(values["fm"])} if values["lam_from"] == "fm" else {}))


def has_custom_lambda(values: Values) -> bool:
    """Whether least squares has a λ other than the FM's."""
    return not _no_ridge(values) and values["lam_from"] == "own"


def selected_preset(values: Values) -> str:
    """Key of the preset that the values make with the FM's λ; empty if there is none."""
    return "" if has_custom_lambda(values) else preset_of(recipe_from_values(values))


def preset_values(preset: str) -> Values:
    """Values of the controls for a preset, with the FM's λ."""
    return recipe_values(PRESETS[preset].recipe)


def recipe_values(recipe: Recipe) -> Values:
    """Values of the controls for a recipe, with the FM's λ."""
    return {name: value for name, value in asdict(recipe).items() if name != "lam"} | {"lam_from": "fm"}


def changes_label(text: str) -> str:
    """Label of a second recipe; a text without a preset, or without a meaning, is displayed as it is."""
    if text in _LABELS:
        return _LABELS[text]
    with suppress(ImprintError):
        preset, changes = split_recipe(text)
        return recipe_label(parse_recipe(text), "lam" in changes) if preset else text
    return text


def canonical_changes(text: str, sets: Sets, values: Values) -> str:
    """Canonical text of a second recipe."""
    if text.strip().casefold() in ("", ALONE, _LABELS[ALONE]):
        return ALONE
    preset, changes = split_recipe(text)
    Recipe(**changes).check(on_pages=True)
    return f"{preset} {format_parameters(changes)}".strip()


def listed_recipe(text: str) -> str:
    """Canonical text of one of several recipes, where `lam=…` fixes λ for all FMs."""
    recipe = parse_sweep_recipe(text)
    recipe.recipe.check(on_pages=True)
    return recipe.text


def second_values(text: str, values: Values) -> Values:
    """Values of the controls for a canonical text beside the sidebar's values."""
    preset, changes = split_recipe(text)
    custom = {"lam_from": "own"} if "lam" in changes else {}
    return values | (preset_values(preset) if preset else {}) | changes | custom


def second_recipe(text: str, values: Values) -> Recipe | None:
    """Recipe of a canonical text beside the sidebar's values; None for none."""
    return None if text == ALONE else recipe_from_values(second_values(text, values))


def recipe_text(values: Values) -> str:
    """Text of the sidebar's recipe, which stays when the sidebar changes."""
    return format_recipe(recipe_from_values(values), has_custom_lambda(values))

"""The controls of the recipe, in the order in which it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from imprint_core.framework.aggregation import AGGREGATIONS, DISTANCES, TIES, VOTES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import K_RANGE, Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.framework.whitening import SHRINKAGES
from imprint_core.models import ridge_of
from imprint_core.recipes.presets import PRESETS, preset_of
from ui.controls.control import STEPS, Control, Values, described, label_in

_LAMBDAS = tuple(a * 10.0**e for e in range(-6, 2) for a in (1, 2, 5))
_RULES = {"auto": "auto", "ledoit_wolf": "Ledoit–Wolf"}


def _k_off(values: Values) -> str:
    entry = GENERATORS[values["gen"]]
    if entry.uses_k:
        return ""
    each = "every shot a proxy" if values["gen"] == "all" else "one proxy a class"
    return f"GEN {entry.label} makes {each}, so k has no effect."


def _post_remark(values: Values) -> str:
    of_unit_length = values["pre"] == "l2" and values["gen"] not in ("mean", "kmeans")
    by_length = values["agg"] == "max" and values["post"] == "none"
    if not by_length or of_unit_length or GENERATORS[values["gen"]].ridge:
        return ""
    return "Proxies keep their lengths, and longer ones win more samples."


def _inf_remark(values: Values) -> str:
    if AGGREGATIONS[values["agg"]].uses_distance:
        return (
            "A cosine doesn't look at lengths, so this changes no prediction." if values["distance"] == "cosine" else ""
        )
    agg = AGGREGATIONS[values["agg"]].label
    return f"AGG {agg} gives the same predictions either way: it compares one sample's similarities only."


def _no_ridge(values: Values) -> bool:
    return not GENERATORS[values["gen"]].ridge


def _no_votes(values: Values) -> bool:
    return not AGGREGATIONS[values["agg"]].uses_distance


def _choice(
    key: str, field: str, label: str, help_text: str, table: Mapping[str, Any], default: str, **more: Any
) -> Control:
    """A control that offers the entries of a table."""
    more.setdefault("show", label_in(table))
    return Control(key, "Recipe", label, help_text, lambda sets, values: list(table), default, field=field, **more)


def _listed(table: Mapping[str, str], lead: str) -> str:
    return lead + "\n\n" + "\n".join(f"- **{name}**: {text}" for name, text in table.items())


def _show_shrinkage(value: str | float) -> str:
    return _RULES[value] if isinstance(value, str) else f"{value:g}"


RECIPE_CONTROLS = (
    _choice(
        "transform",
        "pretransform",
        "Transform (beyond the paper)",
        described(TRANSFORMS, "What shots and test embeddings alike go through before any NORM."),
        TRANSFORMS,
        "none",
    ),
    Control(
        "shrink",
        "Recipe",
        "Shrinkage of whitening",
        "With few shots their spread is hardly known, so it is mixed with a round one: 0 is the shots' own, 1 is round "
        "(no whitening). **auto** leaves each shot out in turn and takes the shrinkage under which it is told best; "
        "**Ledoit–Wolf** (2004) is the textbook's estimate of the covariance itself.",
        lambda sets, values: [*_RULES, *SHRINKAGES, 1.0],
        "auto",
        _show_shrinkage,
        field="shrinkage",
        hidden=lambda values: not TRANSFORMS[values["transform"]].shrinks,
    ),
    _choice(
        "pre",
        "norm_pre",
        "NORM pre",
        described(NORMALIZATIONS, "What is done to embeddings before GEN (paper, NORM_pre, §5.1)."),
        NORMALIZATIONS,
        "l2",
        kind="segments",
    ),
    _choice(
        "gen",
        "gen",
        "GEN: how proxies are made",
        described(GENERATORS, "How shots become proxies (paper, GEN, §5.1)."),
        GENERATORS,
        "kmeans",
    ),
    Control(
        "k",
        "Recipe",
        "k: proxies a class",
        "How many proxies each class gets (paper, GEN, §5.1 and §5.3). With k at or above n, every shot is a proxy.",
        lambda sets, values: [s for s in STEPS if K_RANGE[0] <= s <= K_RANGE[1]],
        5,
        kind="slider",
        field="k",
        off=_k_off,
    ),
    Control(
        "lam_from",
        "Recipe",
        "λ of least squares",
        "How strongly least squares keeps proxies short. The paper takes the weight decay that the FM was trained with "
        "(Table A.4): 0.0001 for ResNets, 0.1 for ViT, 0.05 for Swin; FMs of other families go by the nearest.",
        lambda sets, values: ["fm", "own"],
        "fm",
        lambda value: {"fm": "the FM's", "own": "own"}[value],
        "segments",
        hidden=_no_ridge,
        remark=lambda values: f"λ = {ridge_of(values['fm']):g}" if values["lam_from"] == "fm" else "",
    ),
    Control(
        "lam",
        "Recipe",
        "λ",
        "Larger values make least squares more cautious; with about as many shots as dimensions it needs them.",
        lambda sets, values: list(_LAMBDAS),
        1e-2,
        lambda value: f"{value:g}",
        "slider",
        "lam",
        hidden=lambda values: _no_ridge(values) or values["lam_from"] != "own",
    ),
    _choice(
        "post",
        "norm_post",
        "NORM post",
        described(POST_NORMALIZATIONS, "What is done to proxies after GEN (paper, NORM_post, §5.1)."),
        POST_NORMALIZATIONS,
        "l2",
        remark=_post_remark,
    ),
    _choice(
        "inf",
        "norm_inf",
        "NORM inf",
        described(NORMALIZATIONS, "What is done to a test embedding before it is compared (paper, NORM_inf, §5.1)."),
        NORMALIZATIONS,
        "l2",
        kind="segments",
        remark=_inf_remark,
    ),
    _choice(
        "agg",
        "agg",
        "AGG: how proxies decide",
        described(AGGREGATIONS, "How a test sample's similarities with all proxies become a class (paper, AGG, §5.1)."),
        AGGREGATIONS,
        "max",
        kind="segments",
    ),
    Control(
        "m",
        "Recipe",
        "m: proxies that vote",
        "How many of the nearest proxies vote; all, where there are fewer (paper, AGG, §5.1: 1, 3, 5, 20, 50).",
        lambda sets, values: [s for s in STEPS if s <= 50],
        5,
        kind="slider",
        field="m",
        hidden=_no_votes,
    ),
    _choice(
        "distance",
        "distance",
        "Distance",
        described(DISTANCES, "By which distance proxies are near."),
        DISTANCES,
        "euclidean",
        hidden=_no_votes,
    ),
    _choice(
        "vote",
        "vote",
        "Votes",
        _listed(VOTES, "How much each of them counts."),
        VOTES,
        "uniform",
        show=lambda value: {"uniform": "uniform", "distance": "by distance"}[value],
        kind="segments",
        hidden=_no_votes,
    ),
    _choice(
        "ties",
        "ties",
        "Ties",
        _listed(TIES, "Who wins where classes have equally many votes."),
        TIES,
        "distance",
        show=lambda value: {"distance": "by distance", "published": "published"}[value],
        kind="segments",
        hidden=lambda values: _no_votes(values) or values["vote"] != "uniform",
    ),
)


def recipe_of(values: Values) -> Recipe:
    """The recipe that the controls' values make."""
    chosen = {c.field: values[c.key] for c in RECIPE_CONTROLS if c.field}
    if values["lam_from"] == "fm":
        chosen["lam"] = ridge_of(values["fm"])
    return Recipe(**chosen)


def named_preset(recipe: Recipe, values: Values) -> str:
    """The preset that the controls' values make, with λ the FM's; empty if there is none."""
    own_lambda = GENERATORS[recipe.gen].ridge and values["lam_from"] == "own"
    return "" if own_lambda else preset_of(recipe)


def values_of(preset: str) -> Values:
    """The controls' values that make a preset; λ is the FM's."""
    return values_for(PRESETS[preset].recipe)


def values_for(recipe: Recipe) -> Values:
    """The controls' values that make a recipe; λ is the FM's."""
    own = asdict(recipe)
    values = {c.key: own[c.field] for c in RECIPE_CONTROLS if c.field and c.field != "lam"}
    return {**values, "lam_from": "fm"}

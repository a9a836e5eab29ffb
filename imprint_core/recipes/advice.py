"""Advice on recipes: combinations without effect or with a surprising one, the reason, and what to change.

The rules read the flags of the tables' entries, so that they apply to added methods too.
"""

from __future__ import annotations

from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS


def advise(recipe: Recipe, n: int, classes: int) -> list[str]:
    """Sentences of advice on a recipe for tasks of `classes` classes with n shots each; empty if there is none."""
    return [advice for rule in _RULES if (advice := rule(recipe, n, classes))]


def proxies_per_class(recipe: Recipe, n: int) -> int:
    """Number of proxies of a class with n shots."""
    return GENERATORS[recipe.gen].proxies_per_class(recipe.k, n)


def _compares_lengths(recipe: Recipe) -> bool:
    """Whether proxies are compared by a distance that depends on their lengths."""
    return AGGREGATIONS[recipe.agg].uses_distance and not DISTANCES[recipe.distance].by_angle


def _k_above_n(recipe: Recipe, n: int, classes: int) -> str:
    if not GENERATORS[recipe.gen].uses_k or recipe.k <= n:
        return ""
    if n == 1:
        return "With one shot per class, that shot is the only proxy for every k."
    return f"k = {recipe.k} exceeds the {n} shots per class, so every shot is a proxy. Choose k below {n} for clusters."


def _scaled_on_one_side(recipe: Recipe, n: int, classes: int) -> str:
    lengths = _compares_lengths(recipe) or AGGREGATIONS[recipe.agg].uses_lengths
    if lengths or recipe.norm_pre == "none" or recipe.norm_inf != "none":
        return ""
    return (
        "NORM pre scales the shots, but NORM inf does not scale test embeddings. That changes the scores and no "
        "prediction. The paper omits this combination; set NORM inf to L2."
    )


def _lengths(recipe: Recipe, n: int, classes: int) -> str:
    if not _compares_lengths(recipe) or GENERATORS[recipe.gen].joint:
        return ""
    unit_shots = recipe.norm_post == "none" and NORMALIZATIONS[recipe.norm_pre].unit
    unit_proxies = unit_shots or POST_NORMALIZATIONS[recipe.norm_post].unit
    distance = DISTANCES[recipe.distance].label
    if unit_proxies and recipe.norm_inf == "none":
        return (
            f"Proxies have about length 1 and test embeddings are not scaled, so {distance} distances mix length and "
            "direction. Set NORM inf to L2."
        )
    if not unit_proxies and NORMALIZATIONS[recipe.norm_inf].unit:
        return (
            f"Test embeddings have length 1 and proxies are not scaled, so {distance} distances favour short proxies. "
            "Set NORM inf to none, or NORM post to L2."
        )
    return ""


def _m_above_proxies(recipe: Recipe, n: int, classes: int) -> str:
    if not AGGREGATIONS[recipe.agg].uses_distance:
        return ""
    each = proxies_per_class(recipe, n)
    count = classes * each
    if recipe.m >= count > 1:
        voting = "every proxy votes" if recipe.m == count else f"all {count} proxies vote"
        by_distance = "distance" in (recipe.vote, recipe.ties)
        result = "only their distances decide" if by_distance else "all classes tie and the lowest wins"
        return f"With m = {recipe.m}, {voting}, so {result}. Choose m of at most {each}, the proxies per class."
    if recipe.m > each:
        proxies = f"{each} prox{'y' if each == 1 else 'ies'}"
        return (
            f"A class has {proxies}, so at most {each} of the m = {recipe.m} votes can be correct. "
            f"Choose m of at most {each}."
        )
    return ""


def _sum_of_inner_products(recipe: Recipe, n: int, classes: int) -> str:
    if not AGGREGATIONS[recipe.agg].adds_proxies or GENERATORS[recipe.gen].joint or proxies_per_class(recipe, n) == 1:
        return ""
    return (
        "A sum of inner products equals the inner product with the sum of the proxies, so each class in effect has "
        "one proxy. Choose AGG max, or GEN k-least-squares, which AGG sum is designed for."
    )


def _scaled_least_squares(recipe: Recipe, n: int, classes: int) -> str:
    if not GENERATORS[recipe.gen].ridge or recipe.norm_post == "none":
        return ""
    return "Least squares also fits the lengths of proxies, and NORM post discards them. Set NORM post to none."


def _trained(recipe: Recipe, n: int, classes: int) -> str:
    if not GENERATORS[recipe.gen].trained:
        return ""
    return (
        "A linear probe is trained, not imprinted: it shows what training the last layer on the same shots achieves. "
        "Its C is selected by cross-validation of the shots; no test sample is used."
    )


def _published_weighting(recipe: Recipe, n: int, classes: int) -> str:
    if GENERATORS[recipe.gen].ridge != "published" or recipe.k == 1 or n == 1:
        return ""
    return (
        "The published weighting multiplies a cluster's proxy by (mean cluster size) / (its size), so small clusters "
        "win too many samples. GEN k-least-squares is solved exactly."
    )


def _class_order(recipe: Recipe, n: int, classes: int) -> str:
    if not POST_NORMALIZATIONS[recipe.norm_post].sequential or classes < 2:
        return ""
    return (
        "The published quantiles keep the first class and fit each later class to the ones before it. The first class "
        "can become longer than all others and win every sample, and accuracy depends on the order of classes. "
        "NORM post quantile does not."
    )


def _no_whitening(recipe: Recipe, n: int, classes: int) -> str:
    if not TRANSFORMS[recipe.pretransform].shrinks or recipe.shrinkage != 1:
        return ""
    return "Shrinkage 1 disables whitening: only L2 and centring remain. Choose a smaller shrinkage, or auto."


_RULES = (
    _k_above_n,
    _scaled_on_one_side,
    _lengths,
    _m_above_proxies,
    _sum_of_inner_products,
    _scaled_least_squares,
    _trained,
    _published_weighting,
    _class_order,
    _no_whitening,
)

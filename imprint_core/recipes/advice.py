"""What a person should know about a recipe on a task: what makes no sense, why, and what to change."""

from __future__ import annotations

from imprint_core.framework.aggregation import AGGREGATIONS, DISTANCES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS


def advise(recipe: Recipe, n: int, classes: int) -> list[str]:
    """Sentences about a recipe on n shots of each of some classes; none where all is well."""
    return [said for rule in _RULES if (said := rule(recipe, n, classes))]


def proxies_a_class(recipe: Recipe, n: int) -> int:
    """How many proxies a class of n shots gets."""
    entry = GENERATORS[recipe.gen]
    if entry.uses_k:
        return min(recipe.k, n)
    return n if recipe.gen == "all" else 1


def _k_above_n(recipe: Recipe, n: int, classes: int) -> str:
    if not GENERATORS[recipe.gen].uses_k or recipe.k <= n:
        return ""
    if n == 1:
        return "With one shot a class, that shot is its only proxy, whatever k is."
    return (
        f"k = {recipe.k} is more than the {n} shots of a class, so every shot is a proxy; choose k below {n} to see "
        "clusters."
    )


def _scaled_on_one_side(recipe: Recipe, n: int, classes: int) -> str:
    by_distance = AGGREGATIONS[recipe.agg].uses_distance and recipe.distance != "cosine"
    if by_distance or recipe.norm_pre == "none" or recipe.norm_inf != "none":
        return ""
    return (
        "NORM pre scales the shots and NORM inf leaves test embeddings as they are. Here that changes no prediction, "
        "only the scores, and the paper leaves the combination out; set NORM inf to L2."
    )


def _lengths(recipe: Recipe, n: int, classes: int) -> str:
    if not AGGREGATIONS[recipe.agg].uses_distance or recipe.distance == "cosine" or GENERATORS[recipe.gen].ridge:
        return ""
    unit_proxies = recipe.norm_post == "l2" or (recipe.norm_post == "none" and recipe.norm_pre == "l2")
    distance = DISTANCES[recipe.distance].label
    if unit_proxies and recipe.norm_inf == "none":
        return (
            f"Proxies are scaled to about length 1 and test embeddings are not, so {distance} distances compare "
            "different things; set NORM inf to L2."
        )
    if not unit_proxies and recipe.norm_inf == "l2":
        return (
            f"Test embeddings are scaled to length 1 and proxies are not, so {distance} distances favour the shortest "
            "proxies; set NORM inf to none, or NORM post to L2."
        )
    return ""


def _m_above_proxies(recipe: Recipe, n: int, classes: int) -> str:
    if not AGGREGATIONS[recipe.agg].uses_distance:
        return ""
    each = proxies_a_class(recipe, n)
    count = classes * each
    if recipe.m >= count > 1:
        voting = "every proxy votes" if recipe.m == count else f"there are only {count} proxies, and all of them vote"
        outcome = (
            "their distances decide alone"
            if recipe.vote == "distance" or recipe.ties == "distance"
            else "every class gets as many votes and the lowest always wins"
        )
        return f"With m = {recipe.m} {voting}: {outcome}; choose m of at most {each}, the proxies of a class."
    if recipe.m > each:
        return (
            f"A class has {each} prox{'y' if each == 1 else 'ies'}, so at most {each} of the m = {recipe.m} votes can "
            f"go to the right one; choose m of at most {each}."
        )
    return ""


def _sum_of_others(recipe: Recipe, n: int, classes: int) -> str:
    if recipe.agg != "sum" or GENERATORS[recipe.gen].ridge or proxies_a_class(recipe, n) == 1:
        return ""
    return (
        "A sum of inner products is one with the sum of the proxies, so each class in effect has one proxy; choose AGG "
        "max, or GEN k-least-squares, for which sum is meant."
    )


def _scaled_least_squares(recipe: Recipe, n: int, classes: int) -> str:
    if not GENERATORS[recipe.gen].ridge or recipe.norm_post == "none":
        return ""
    return "Least squares chooses its proxies' lengths, too, and NORM post takes them away; set NORM post to none."


def _published_weighting(recipe: Recipe, n: int, classes: int) -> str:
    if GENERATORS[recipe.gen].ridge != "published" or recipe.k == 1 or n == 1:
        return ""
    return (
        "The published weighting multiplies a cluster's proxy by (mean cluster size)/(its own size), so small clusters "
        "win more than they should; GEN k-least-squares is solved exactly."
    )


def _order_matters(recipe: Recipe, n: int, classes: int) -> str:
    if recipe.norm_post != "quantile_published" or classes < 2:
        return ""
    return (
        "The published quantiles leave the first class as it is and fit each later one to those before it. So the "
        "first may come out longer than all others and win everything, and the accuracy is another with the classes in "
        "another order; NORM post quantile doesn't depend on it."
    )


def _whitening_undone(recipe: Recipe, n: int, classes: int) -> str:
    if not TRANSFORMS[recipe.pretransform].shrinks or recipe.shrinkage != 1:
        return ""
    return "Shrinkage 1 whitens nothing: only L2 and centring are left; choose a smaller one, or auto."


_RULES = (
    _k_above_n,
    _scaled_on_one_side,
    _lengths,
    _m_above_proxies,
    _sum_of_others,
    _scaled_least_squares,
    _published_weighting,
    _order_matters,
    _whitening_undone,
)

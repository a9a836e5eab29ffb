"""Sentences about recipes, classes and measures."""

from __future__ import annotations

import numpy as np

from imprint_core.evaluation.class_specs import DRAWS, d_and_draw, joined, parse_classes
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.framework.recipe import Recipe

NC1_HELP = (
    "Within-class variability relative to the spread of the class means, trace(Σ_W Σ_B⁺)/C (Papyan et al., 2020), of "
    "the shots after NORM pre and before any transform. 0: classes are points; above 1: they are spread out. The mean "
    "of few shots is close to them, so fewer shots have a smaller NC1 although the classes are the same; Collapse has "
    "a corrected variant. The paper's published values are larger because its code adds the global mean to Σ_W; this "
    "is the textbook's definition."
)


def accuracy_help(recipe: Recipe, count: int, resplit: bool) -> str:
    """Explain the accuracy on `count` samples, tested once or in turn, and what its range over seeds leaves out."""
    rule = {
        "max": "whose class is that of the proxy with the largest inner product (after L2: the nearest proxy)",
        "mnn": "whose class has the most votes among the nearest proxies",
        "sum": "whose class has the largest sum of inner products with its proxies",
    }.get(recipe.agg, f"that AGG {AGGREGATIONS[recipe.agg].label} assigns to their class")
    tested = f"{count:,} samples, each tested by shots of the other folds," if resplit else f"{count:,} test samples"
    return (
        f"Share of the {tested} {rule}: the median over seeds, each with a separate draw of shots. The range does not "
        "include the sampling error of the test samples, which are the same for every seed: with "
        f"{count:,} of them at most about ± {98 / np.sqrt(count):.1f} points."
    )


def merged_classes(spec: str, names: tuple[str, ...]) -> str:
    """Describe which of the dataset's classes are merged; empty if none are."""
    grouping = parse_classes(spec, names) if names else None
    if grouping is None or not grouping.remapped:
        return ""
    merge = d_and_draw(spec)
    how = f", drawn at random (draw {merge[1]} of {DRAWS})," if merge else ""
    groups = []
    for name, group in zip(grouping.names, grouping.groups, strict=True):
        members = [names[c] for c in group]
        groups.append((f"{name} = " if name != joined(members) else "") + joined(members, 60))
    merged = f"{len(grouping.number_of)} of the dataset's {len(names)}{how} make {len(grouping.groups)}"
    return f"{merged}: {'; '.join(groups)}."


def stage(recipe: Recipe) -> str:
    """Name the stage at which the map shows the embeddings."""
    if recipe.pretransform == "none":
        return f" after NORM pre ({NORMALIZATIONS[recipe.norm_pre].label})"
    return f" ({NORMALIZATIONS[recipe.space.base_norm].label}), before the transform"


def near(recipe: Recipe) -> str:
    """Name the embeddings at whose median the map places a proxy."""
    if GENERATORS[recipe.gen].joint:
        return "the 5 embeddings to which its angle is smallest"
    if recipe.pretransform != "none":
        return "the 5 embeddings nearest to the same weighted sum of untransformed shots"
    return "its 5 nearest embeddings"

"""What pages say about a choice, in sentences."""

from __future__ import annotations

import numpy as np

from imprint_core.evaluation.class_specs import DRAWS, d_and_draw, joined, parse_classes
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.advice import advise
from ui.compute import results
from ui.controls.sidebar import Selection

NC1_HELP = (
    "Within-class variability relative to the spread of the class means, trace(Σ_W Σ_B⁺)/C (Papyan et al., "
    "2020), of the shots after NORM pre and before any transform. Few shots make it look smaller than it "
    "is. The paper's published values are larger, for its code adds the global mean to Σ_W; this is the textbook's."
)


def accuracy_help(recipe: Recipe, count: int) -> str:
    """What the accuracy says, and what its range leaves out."""
    rule = {
        "max": "whose class is that of the proxy with the largest inner product (after L2, the nearest)",
        "mnn": "whose class has the most votes among the nearest proxies",
        "sum": "whose class has the largest sum of inner products with its proxies",
    }.get(recipe.agg, f"that AGG {AGGREGATIONS[recipe.agg].label} gives their class")
    return (
        f"Share of the {count:,} test samples {rule}: the median over seeds, each with its own draw of shots. The "
        "range leaves out the "
        f"luck of the test samples, which are the same for every seed: with {count:,} of them about "
        f"± {98 / np.sqrt(count):.1f} points at most."
    )


def remarks(selection: Selection) -> list[str]:
    """What a person should know about this very choice, a sentence each."""
    n, recipe = selection.n, selection.recipe
    shared = results.evaluator(selection.experiment)
    sizes = np.bincount(shared.pool.y_train)[shared.classes]
    opened = results.embeddings(selection.info)
    sentences = []
    counts = [(len(opened.y_train), opened.of[0], "training"), (len(opened.y_test), opened.of[1], "test")]
    parts = [f"{shown:,} of {all_:,} {part} samples" for shown, all_, part in counts if shown < all_]
    if parts:
        sentences.append(
            f"So that every move stays quick, pages look at {' and '.join(parts)} of this set, equally many of each "
            "class, drawn at random; the command `evaluate` takes all."
        )
    if n > sizes.min():
        short = int((sizes < n).sum())
        sentences.append(
            f"{short} of {len(sizes)} classes have fewer than {n} training samples (the smallest has "
            f"{sizes.min()}); they give all they have."
        )
    if len(sizes) == 1:
        sentences.append("There is one class only, so that every prediction is right.")
    if TRANSFORMS[recipe.pretransform].shrinks:
        maps = [shared.fit_of(n, seed) for seed in selection.seeds]
        chosen = sorted({m.shrinkage for m in maps if m.shrinkage is not None})
        if isinstance(recipe.shrinkage, str) and chosen:
            span = f"{chosen[0]:.2g}" + (f" to {chosen[-1]:.2g}" if len(chosen) > 1 else "")
            how = "left-out shots" if recipe.shrinkage == "auto" else "Ledoit and Wolf's estimate"
            sentences.append(f"Whitening with shrinkage {span}, chosen by {how}.")
        sentences += sorted({m.remark for m in maps if m.remark})
    return sentences + advise(recipe, n, len(sizes))


def classes(selection: Selection) -> str:
    """Which classes count as one, in a sentence; empty where the classes are the dataset's own."""
    names = results.class_names(selection.info)
    grouping = parse_classes(selection.experiment.classes, names) if names else None
    if grouping is None or not grouping.remapped:
        return ""
    drawn = d_and_draw(selection.experiment.classes)
    how = f", taken at random (draw {drawn[1]} of {DRAWS})," if drawn else ""
    told = []
    for name, group in zip(grouping.names, grouping.groups, strict=True):
        members = [names[c] for c in group]
        given = f"{name} = " if name != joined(members) else ""
        told.append(given + joined(members, 60))
    return (
        f"{len(grouping.number_of)} of the dataset's {len(names)}{how} make {len(grouping.groups)}: {'; '.join(told)}."
    )


def stage(recipe: Recipe) -> str:
    """At which stage the map shows the embeddings."""
    if recipe.pretransform == "none":
        return f" after NORM pre ({NORMALIZATIONS[recipe.norm_pre].label})"
    return f" ({NORMALIZATIONS[recipe.space.shown].label}), before the transform"


def near(recipe: Recipe) -> str:
    """Where a proxy stands on the map."""
    if GENERATORS[recipe.gen].ridge:
        return "the 5 embeddings to which its angle is smallest"
    if recipe.pretransform != "none":
        return "the 5 embeddings nearest to the same mixture of untransformed shots"
    return "its 5 nearest embeddings"

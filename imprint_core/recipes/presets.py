"""The recipes that have a name, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

from imprint_core.framework.recipe import Recipe


@dataclass(frozen=True)
class Preset:
    """An entry of the table.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    citation : str
        Where it comes from.
    recipe : Recipe
        With λ of a ResNet, where there is one.
    """

    label: str
    help: str
    citation: str
    recipe: Recipe


PRESETS: dict[str, Preset] = {
    "qi": Preset(
        "Qi: one mean",
        "One mean a class, everything scaled to length 1.",
        "Qi, Brown and Lowe, *Low-Shot Learning with Imprinted Weights*, CVPR 2018; paper, Table 1",
        Recipe("mean", 1, "l2", "l2", "l2", "max"),
    ),
    "hosoda": Preset(
        "Hosoda: quantiles",
        "One mean a class, each given the distribution of the proxies imprinted before it, as the paper's code does.",
        "Hosoda et al., *A single fast Hebbian-like process enabling one-shot class addition*, Frontiers in "
        "Neuroscience 2024; paper, Table 1",
        Recipe("mean", 1, "none", "quantile_published", "none", "max"),
    ),
    "janson": Preset(
        "Janson: nearest mean",
        "The nearest class mean by Euclidean distance, nothing normalised.",
        "Janson, Zhang, Aljundi and Elhoseiny, *A Simple Baseline that Questions the Use of Pretrained-Models in "
        "Continual Learning*, 2022, arXiv 2210.04428; paper, Table 1",
        Recipe("mean", 1, "none", "none", "none", "mnn", m=1, distance="euclidean"),
    ),
    "own": Preset(
        "The paper's own: k-means, k = 20",
        "20 k-means proxies a class, everything scaled to length 1.",
        "Westerhoff et al., *Robust Weight Imprinting*, TMLR 2025, Table 1, “Ours”",
        Recipe("kmeans", 20, "l2", "l2", "l2", "max"),
    ),
    "oracle": Preset(
        "Oracle: least squares",
        "Ridge regression on all classes' shots at once; the paper calls it the oracle, and no imprinting method.",
        "Westerhoff et al., TMLR 2025, Table 1, “Oracle”; λ is the FM's weight decay (Table A.4)",
        Recipe("ls", 1, "none", "none", "none", "max"),
    ),
    "whitened": Preset(
        "Ours: whitened mean",
        "One mean a class after within-class whitening: the shots of all classes together say along which directions a "
        "class varies anyway.",
        "This project. It is Fisher's linear discriminant (1936) on embeddings of length 1, compared by angle; the "
        "shrinkage is chosen by leaving out shots",
        Recipe("mean", 1, "none", "l2", "l2", "max", pretransform="whiten"),
    ),
}


def preset_of(recipe: Recipe) -> str:
    """Key of the preset that does the same as `recipe`, whatever λ is; empty if there is none."""
    for name, preset in PRESETS.items():
        named = preset.recipe
        if recipe.canonical() == Recipe.from_dict({**vars(named), "lam": recipe.lam}).canonical():
            return name
    return ""

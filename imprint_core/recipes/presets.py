"""Presets: named recipes with their sources."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imprint_core.framework.recipe import Recipe
from imprint_core.registry import Entry


@dataclass(frozen=True)
class Preset(Entry):
    """An entry of the table of presets. Its label says what the recipe does, then, in parentheses, whose it is.

    Attributes
    ----------
    citation : str
        Source of the recipe.
    recipe : Recipe
        With the λ of ResNets for least squares.
    """

    citation: str
    recipe: Recipe

    @property
    def short_label(self) -> str:
        """The label without whose recipe it is."""
        return self.label.partition(" (")[0]


PRESETS: dict[str, Preset] = {
    "qi": Preset(
        "One mean (Qi)",
        "One mean per class; all vectors scaled to length 1.",
        "Qi, Brown and Lowe, *Low-Shot Learning with Imprinted Weights*, CVPR 2018; paper, Table 1",
        Recipe("mean", 1, "l2", "l2", "l2", "max"),
    ),
    "hosoda": Preset(
        "Quantiles (Hosoda)",
        "One mean per class, with the distribution of the proxies imprinted before it, as in the official code.",
        "Hosoda et al., *A single fast Hebbian-like process enabling one-shot class addition*, Frontiers in "
        "Neuroscience 2024; paper, Table 1",
        Recipe("mean", 1, "none", "quantile_published", "none", "max"),
    ),
    "janson": Preset(
        "Nearest mean (Janson)",
        "Nearest class mean by Euclidean distance, without normalisation.",
        "Janson, Zhang, Aljundi and Elhoseiny, *A Simple Baseline that Questions the Use of Pretrained-Models in "
        "Continual Learning*, 2022, arXiv 2210.04428; paper, Table 1",
        Recipe("mean", 1, "none", "none", "none", "mnn", m=1, distance="euclidean"),
    ),
    "own": Preset(
        "k-means, k = 20 (IMPRINT)",
        "20 k-means proxies per class; all vectors scaled to length 1.",
        "Westerhoff et al., *Robust Weight Imprinting*, TMLR 2025, Table 1, “Ours”",
        Recipe("kmeans", 20, "l2", "l2", "l2", "max"),
    ),
    "oracle": Preset(
        "Least squares (oracle)",
        "Ridge regression on the shots of all classes. The paper uses it as an oracle, not as an imprinting method.",
        "Westerhoff et al., TMLR 2025, Table 1, “Oracle”; λ is the FM's weight decay (Table A.4)",
        Recipe("ls", 1, "none", "none", "none", "max"),
    ),
    "whitened": Preset(
        "Whitened mean",
        "One mean per class after within-class whitening, which is estimated from the shots of all classes.",
        "This project: Fisher's linear discriminant (1936) on embeddings of length 1, compared by cosine, with "
        "leave-one-out shrinkage",
        Recipe("mean", 1, "none", "l2", "l2", "max", pretransform="whiten"),
    ),
    "auto": Preset(
        "Auto (the shots choose k)",
        "k-means after whitening within clusters; k and the shrinkage are those that predict held-out shots best.",
        "This project: whitening and clusters as in mixture discriminant analysis (Hastie and Tibshirani, 1996), "
        "selected by cross-validated log-loss",
        Recipe("auto", 1),
    ),
    "probe": Preset(
        "Linear probe (trained)",
        "For comparison, not imprinting: logistic regression trained on the shots of all classes.",
        "scikit-learn's multinomial logistic regression on centred embeddings of length 1, with a C of 1, 10, 100 or "
        "1,000 by 4-fold cross-validated log-loss of the shots",
        Recipe("probe", 1),
    ),
}


def preset_of(recipe: Recipe) -> str:
    """Key of the preset that equals `recipe` except for λ; empty if there is none."""
    for name, preset in PRESETS.items():
        if recipe.canonical() == replace(preset.recipe, lam=recipe.lam).canonical():
            return name
    return ""

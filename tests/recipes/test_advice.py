from dataclasses import replace

import pytest

from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.advice import advise, proxies_per_class
from imprint_core.recipes.presets import PRESETS

VOTES = Recipe("kmeans", 5, agg="mnn")


@pytest.mark.parametrize("preset", [name for name in PRESETS if name not in ("hosoda", "probe")])
def test_presets_need_no_advice(preset):
    assert advise(PRESETS[preset].recipe, 100, 10) == []


def test_a_trained_reference_is_labelled_as_such():
    (advice,) = advise(PRESETS["probe"].recipe, 100, 10)
    assert advice.startswith("A linear probe is trained, not imprinted")


@pytest.mark.parametrize(
    ("recipe", "n", "sentence"),
    [
        (Recipe(k=20), 5, "k = 20 exceeds the 5 shots per class, so every shot is a proxy"),
        (Recipe(k=20), 1, "With one shot per class, that shot is the only proxy"),
        (Recipe(norm_inf="none"), 50, "NORM pre scales the shots, but NORM inf does not scale test embeddings"),
        (replace(VOTES, norm_inf="none"), 50, "Proxies have about length 1 and test embeddings are not scaled"),
        (replace(VOTES, norm_inf="none", norm_post="none"), 50, "Proxies have about length 1"),
        (
            replace(VOTES, norm_pre="none", norm_post="none"),
            50,
            "Test embeddings have length 1 and proxies are not",
        ),
        (
            replace(VOTES, m=50),
            50,
            "With m = 50, every proxy votes, so only their distances decide. Choose m of at most 5",
        ),
        (
            replace(VOTES, m=100, ties="published"),
            50,
            "With m = 100, all 50 proxies vote, so all classes tie",
        ),
        (replace(VOTES, m=20), 50, "A class has 5 proxies, so at most 5 of the m = 20 votes"),
        (Recipe("mean", agg="mnn", m=5), 50, "A class has 1 proxy, so at most 1 of the m = 5 votes"),
        (Recipe(agg="sum"), 50, "A sum of inner products equals the inner product with the sum of the proxies"),
        (Recipe("ls", norm_post="l2"), 50, "Least squares also fits the lengths of proxies"),
        (Recipe("kls_published", norm_post="none"), 50, "The published weighting multiplies a cluster's proxy"),
        (PRESETS["hosoda"].recipe, 50, "The published quantiles keep the first class"),
        (replace(PRESETS["whitened"].recipe, shrinkage=1.0), 50, "Shrinkage 1 disables whitening"),
    ],
)
def test_advice_gives_the_reason_and_what_to_change(recipe, n, sentence):
    (advice,) = advise(recipe, n, 10)
    assert advice.startswith(sentence)


def test_cosine_ignores_lengths():
    assert advise(replace(VOTES, norm_pre="none", norm_post="none", distance="cosine"), 50, 10) == []


def test_proxies_per_class():
    assert [proxies_per_class(Recipe(gen, 7), 5) for gen in ("mean", "all", "kmeans", "ls", "kls")] == [1, 5, 5, 1, 5]
    assert proxies_per_class(Recipe("random", 3), 5) == 3

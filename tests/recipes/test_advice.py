from dataclasses import replace

import pytest

from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.advice import advise, proxies_a_class
from imprint_core.recipes.presets import PRESETS

VOTES = Recipe("kmeans", 5, agg="mnn")


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "hosoda"])
def test_presets_make_sense(preset):
    assert advise(PRESETS[preset].recipe, 100, 10) == []


@pytest.mark.parametrize(
    ("recipe", "n", "sentence"),
    [
        (Recipe(k=20), 5, "k = 20 is more than the 5 shots of a class"),
        (Recipe(k=20), 1, "With one shot a class, that shot is its only proxy"),
        (Recipe(norm_inf="none"), 50, "NORM pre scales the shots and NORM inf leaves test embeddings as they are"),
        (replace(VOTES, norm_inf="none"), 50, "Proxies are scaled to about length 1 and test embeddings are not"),
        (replace(VOTES, norm_inf="none", norm_post="none"), 50, "Proxies are scaled to about length 1"),
        (replace(VOTES, norm_pre="none", norm_post="none"), 50, "Test embeddings are scaled to length 1 and proxies"),
        (
            replace(VOTES, m=50),
            50,
            "With m = 50 every proxy votes: their distances decide alone; choose m of at most 5",
        ),
        (
            replace(VOTES, m=100, ties="published"),
            50,
            "With m = 100 there are only 50 proxies, and all of them vote: every",
        ),
        (replace(VOTES, m=20), 50, "A class has 5 proxies, so at most 5 of the m = 20 votes"),
        (Recipe("mean", agg="mnn", m=5), 50, "A class has 1 proxy, so at most 1 of the m = 5 votes"),
        (Recipe(agg="sum"), 50, "A sum of inner products is one with the sum of the proxies"),
        (Recipe("ls", norm_post="l2"), 50, "Least squares chooses its proxies' lengths, too"),
        (Recipe("kls_published", norm_post="none"), 50, "The published weighting multiplies a cluster's proxy"),
        (PRESETS["hosoda"].recipe, 50, "The published quantiles leave the first class as it is"),
        (replace(PRESETS["whitened"].recipe, shrinkage=1.0), 50, "Shrinkage 1 whitens nothing"),
    ],
)
def test_what_makes_no_sense_says_why_and_what_to_change(recipe, n, sentence):
    said = advise(recipe, n, 10)
    assert len(said) == 1
    assert said[0].startswith(sentence)


def test_a_cosine_does_not_mind_lengths():
    assert advise(replace(VOTES, norm_pre="none", norm_post="none", distance="cosine"), 50, 10) == []


def test_proxies_a_class():
    assert [proxies_a_class(Recipe(gen, 7), 5) for gen in ("mean", "all", "kmeans", "ls", "kls")] == [1, 5, 5, 1, 5]
    assert proxies_a_class(Recipe("random", 3), 5) == 3

from dataclasses import asdict, replace

import pytest

from imprint_core.errors import ImprintError, OutOfRangeError
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS, preset_of


def test_digest_distinguishes_recipes_and_survives_a_round_trip():
    recipe = Recipe("kmeans", 7, "none")
    assert Recipe.from_dict(asdict(recipe)) == recipe
    assert Recipe.from_dict(asdict(recipe)).digest == recipe.digest
    assert replace(recipe, k=8).digest != recipe.digest
    assert replace(recipe, norm_post="none").digest != recipe.digest


def test_k_counts_only_where_it_is_used():
    assert Recipe("mean", 3).digest == Recipe("mean", 9).digest
    assert Recipe("random", 3).digest != Recipe("random", 9).digest


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"gen": "magic"}, "No GEN method is called 'magic'. Known names: mean"),
        ({"norm_pre": "l3"}, "No NORM_pre is called 'l3'. Known names: none, l2"),
        ({"norm_inf": []}, "No NORM_inf"),
        ({"agg": "min"}, "No AGG method is called 'min'. Known names: max, smooth, mnn, sum"),
        ({"k": 0}, "k is 0; it must be a whole number from 1 to 100,000"),
        ({"k": 2.5}, "k is 2.5"),
        ({"k": True}, "k is True"),
        (
            {"norm_post": "quartile"},
            "No NORM_post is called 'quartile'. Known names: none, l2, quantile, quantile_published",
        ),
        ({"pretransform": "zca"}, "No transform is called 'zca'. Known names: none, centre, centre_l2, power"),
        ({"distance": "hamming"}, "No distance is called 'hamming'. Known names: cosine"),
        ({"vote": "x"}, "No vote is called 'x'"),
        ({"ties": "x"}, "No rule for ties is called 'x'"),
        ({"m": 0}, "m is 0; it must be a whole number from 1 to 100,000"),
        ({"lam": 0}, "λ is 0; it must be a number from 1e-12 to 1e"),
        ({"lam": float("nan")}, "λ is nan"),
        ({"shrinkage": 1.5}, "Shrinkage is 1.5; it must be 'auto', 'ledoit_wolf', 0 or a number from 1e-06 to 1"),
        ({"shrinkage": "oracle"}, "Shrinkage is 'oracle'"),
        ({"shrinkage": 1e-300}, "Shrinkage is 1e-300; it must be 'auto', 'ledoit_wolf', 0 or a number from 1e-06 to 1"),
        ({"shrinkage": float("nan")}, "Shrinkage is nan"),
        ({"lam": 1e300}, r"λ is 1e\+300; it must be a number from 1e-12 to 1e\+12"),
        ({"k": 10**5000}, "k is a number of thousands of digits; it must be a whole number"),
        ({"m": 10**9}, "m is 1000000000; it must be a whole number"),
        ({"kk": 3}, "A recipe has no parameter kk; its parameters are"),
    ],
)
def test_wrong_recipe_says_what_is_wrong(values, sentence):
    with pytest.raises(ImprintError, match="^" + sentence.replace(".", r"\.")):
        Recipe.from_dict(values)


@pytest.mark.parametrize(
    ("values", "nearest"),
    [
        ({"k": 0}, 1),
        ({"m": 10**5000}, 100_000),
        ({"shrinkage": -1e-9}, 1e-6),
        ({"lam": float("inf")}, 1e12),
        ({"k": "x"}, None),
    ],
)
def test_a_number_out_of_range_has_a_nearest_valid_one(values, nearest):
    with pytest.raises(OutOfRangeError) as error:
        Recipe(**values)
    assert error.value.nearest == nearest
    assert error.value.name == next(iter(values))


def test_pages_compute_with_fewer_proxies_and_voters():
    Recipe(k=50, agg="mnn", m=50).check(on_pages=True)
    for values in ({"k": 51}, {"m": 51}):
        with pytest.raises(OutOfRangeError, match="it must be a whole number from 1 to 50 on pages"):
            Recipe(**values).check(on_pages=True)


def test_presets_read_as_people_say_them():
    assert str(PRESETS["own"].recipe) == "GEN k-means, k = 20 · NORM L2 / L2 / L2 · AGG max"
    assert str(PRESETS["qi"].recipe) == "GEN mean · NORM L2 / L2 / L2 · AGG max"
    assert str(PRESETS["oracle"].recipe) == "GEN least squares, λ = 0.0001 · NORM none / none / none · AGG max"
    assert str(PRESETS["whitened"].recipe).startswith("transform whitening (shrinkage auto) · GEN mean · NORM none")
    assert str(PRESETS["janson"].recipe).endswith(
        "AGG m-NN with m = 1, Euclidean distance, uniform votes, ties by distance"
    )


def test_presets_are_known_by_what_they_do():
    for name, preset in PRESETS.items():
        assert preset_of(preset.recipe) == name
        assert preset_of(replace(preset.recipe, lam=0.3)) == name
        assert preset.citation
    assert preset_of(Recipe("kmeans", 7)) == ""


def test_what_a_method_does_not_look_at_makes_no_other_recipe():
    mean = Recipe("mean")
    assert replace(mean, lam=3.0, shrinkage=0.2, m=9, distance="cosine", ties="published").digest == mean.digest
    for changes in ({"gen": "ls"}, {"agg": "mnn"}, {"pretransform": "whiten"}):
        assert replace(mean, **changes).digest != mean.digest
    votes = replace(mean, agg="mnn", vote="distance")
    assert replace(votes, ties="published").digest == votes.digest

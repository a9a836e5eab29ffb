from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS, VOTES
from imprint_core.framework.distances import DISTANCES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import find_preset, format_recipe, parse_recipe, recipe_label

RECIPES = st.builds(
    Recipe,
    gen=st.sampled_from(list(GENERATORS)),
    k=st.integers(1, 50),
    norm_pre=st.sampled_from(list(NORMALIZATIONS)),
    norm_post=st.sampled_from(list(POST_NORMALIZATIONS)),
    norm_inf=st.sampled_from(list(NORMALIZATIONS)),
    agg=st.sampled_from(list(AGGREGATIONS)),
    pretransform=st.sampled_from(list(TRANSFORMS)),
    shrinkage=st.sampled_from(["auto", "ledoit_wolf", 0.5, 1.0]),
    m=st.integers(1, 50),
    distance=st.sampled_from(list(DISTANCES)),
    vote=st.sampled_from(list(VOTES)),
)


@given(RECIPES)
def test_names_are_read_back(recipe):
    name = format_recipe(recipe)
    assert parse_recipe(name).canonical() == recipe.canonical()
    assert "," not in name
    assert format_recipe(parse_recipe(name)) == name
    assert recipe_label(recipe)


def test_presets_are_called_by_their_names():
    for preset, entry in PRESETS.items():
        assert format_recipe(replace(entry.recipe, lam=0.1)) == preset
        assert recipe_label(entry.recipe) == entry.label
        assert find_preset(entry.label.upper()) == find_preset(entry.short_label) == preset
    assert format_recipe(Recipe(k=5)) == "own k=5"
    assert parse_recipe("k=5") == Recipe(k=5).canonical()
    assert recipe_label(parse_recipe("own k=5 agg=mnn m=3 vote=distance")) == "k-means, k = 5, 3-NN by distance"


@pytest.mark.parametrize(
    ("label", "preset"),
    [
        ("Qi: one mean", "qi"),
        ("Hosoda: quantiles", "hosoda"),
        ("Janson: nearest mean", "janson"),
        ("The paper's own: k-means, k = 20", "own"),
        ("Oracle: least squares", "oracle"),
        ("Ours: whitened mean", "whitened"),
    ],
)
def test_labels_of_earlier_versions_are_read(label, preset):
    assert format_recipe(parse_recipe(label, lam=0.1)) == preset
    assert find_preset(f" {label.upper()}") == preset


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("vgg", "'vgg' is not a preset .qi"),
        ("", "is not a preset"),
        ("own kk=5", "A recipe has no parameter kk; its parameters are"),
        ("own k=five", "k is 'five'; it must be a whole number from 1 to 100,000"),
        ("own k=0", "k is 0"),
        ("own gen=foo", "foo"),
    ],
)
def test_bad_names(text, why):
    with pytest.raises(ImprintError, match=why):
        parse_recipe(text)

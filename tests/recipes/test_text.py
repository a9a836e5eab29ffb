from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS, DISTANCES, VOTES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import label_of, name_of, recipe_of

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
    name = name_of(recipe)
    assert recipe_of(name).canonical() == recipe.canonical()
    assert "," not in name
    assert name_of(recipe_of(name)) == name
    assert label_of(recipe)


def test_presets_are_called_by_their_names():
    for preset, entry in PRESETS.items():
        assert name_of(replace(entry.recipe, lam=0.1)) == preset
        assert label_of(entry.recipe) == entry.label
    assert name_of(Recipe(k=5)) == "own k=5"
    assert recipe_of("k=5") == Recipe(k=5).canonical()
    assert label_of(recipe_of("own k=5 agg=mnn m=3 vote=distance")) == "k-means, k = 5, 3-NN by distance"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("vgg", "'vgg' is no recipe: write one of qi"),
        ("", "is no recipe"),
        ("own kk=5", "A recipe has no kk; its parts are"),
        ("own k=five", "k is 'five'; it must be a number"),
        ("own k=0", "k is 0"),
        ("own gen=foo", "foo"),
    ],
)
def test_bad_names(text, why):
    with pytest.raises(ImprintError, match=why):
        recipe_of(text)

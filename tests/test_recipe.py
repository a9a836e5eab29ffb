from dataclasses import asdict, replace

import pytest

from imprint_core.errors import ImprintError
from imprint_core.recipe import PRESETS, Recipe


def test_digest_tells_recipes_apart_and_survives_a_round_trip():
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
        ({"gen": "magic"}, "No GEN method is called 'magic'; known are mean"),
        ({"norm_pre": "l3"}, "No NORM_pre is called 'l3'; known are none, l2"),
        ({"norm_inf": []}, "No NORM_inf"),
        ({"agg": "min"}, "No AGG method is called 'min'; known are max"),
        ({"k": 0}, "k is 0; it must be a whole number from 1 up"),
        ({"k": 2.5}, "k is 2.5"),
        ({"k": True}, "k is True"),
        ({"kk": 3}, "A recipe has no kk; its parts are"),
    ],
)
def test_wrong_recipe_says_what_is_wrong(values, sentence):
    with pytest.raises(ImprintError, match="^" + sentence.replace(".", r"\.")):
        Recipe.from_dict(values)


def test_presets_read_as_people_say_them():
    assert str(PRESETS["own"]) == "GEN k-means, k = 20 · NORM L2 / L2 / L2 · AGG max"
    assert str(PRESETS["qi"]) == "GEN mean · NORM L2 / L2 / L2 · AGG max"

from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.grid import cells, read_grid
from imprint_core.sweeps.sweep_recipe import parse_sweep_recipe, sweep_recipe


def test_recipes_are_read_back_from_their_text(bundled):
    recipes = {recipe for cell in cells(read_grid("paper-5.1"), bundled)[0] for recipe in cell.recipes}
    recipes |= {Recipe("ls", lam=0.1 + 0.2).canonical(), Recipe("ls", lam=2).canonical()}
    recipes |= {Recipe("mean", pretransform="whiten", shrinkage=0.25).canonical()}
    for recipe in recipes:
        assert parse_sweep_recipe(sweep_recipe(recipe, fixed_lam=True).text).recipe == recipe


def test_lambda_is_the_fms_unless_it_is_fixed():
    oracle = PRESETS["oracle"].recipe
    assert sweep_recipe(oracle).for_fm("vit_tiny_patch16_224") != sweep_recipe(oracle).for_fm("resnet50")
    assert sweep_recipe(oracle, fixed_lam=True).for_fm("vit_tiny_patch16_224").lam == oracle.lam
    # Without least squares there is no λ.
    assert sweep_recipe(Recipe(lam=3.0), fixed_lam=True) == sweep_recipe(Recipe())

"""Recipes of a sweep: λ of least squares is the FM's unless it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.recipe import Recipe
from imprint_core.models import ridge_of
from imprint_core.recipes.text import format_recipe, parse_recipe, recipe_label, split_recipe


class SweepRecipe(NamedTuple):
    """A canonical recipe for several FMs; build it with `sweep_recipe` or `parse_sweep_recipe`.

    Attributes
    ----------
    recipe : Recipe
    fixed_lam : bool
        Whether λ is the recipe's for all FMs. Otherwise it is each FM's (paper, Table A.4).
    """

    recipe: Recipe
    fixed_lam: bool

    def for_fm(self, fm: str) -> Recipe:
        """The recipe with the λ that applies to an FM."""
        lam = self.recipe.lam if self.fixed_lam else ridge_of(fm)
        return replace(self.recipe, lam=lam).canonical()

    @property
    def text(self) -> str:
        """Text form, such as "own k=5" or "oracle lam=0.01"."""
        return format_recipe(self.recipe, self.fixed_lam)

    @property
    def label(self) -> str:
        """Short label, with λ if it is fixed."""
        return recipe_label(self.recipe, self.fixed_lam)


def sweep_recipe(recipe: Recipe, fixed_lam: bool = False) -> SweepRecipe:
    """Make a recipe canonical; λ stays only if it is fixed and the recipe solves least squares."""
    fixed = fixed_lam and bool(GENERATORS[recipe.gen].ridge)
    return SweepRecipe(recipe.canonical() if fixed else replace(recipe, lam=Recipe.lam).canonical(), fixed)


def parse_sweep_recipe(text: str) -> SweepRecipe:
    """Read the text form of a recipe, where `lam=…` fixes λ.

    Raises
    ------
    ImprintError
        If the text is not a recipe.
    """
    return sweep_recipe(parse_recipe(text), "lam" in split_recipe(text)[1])

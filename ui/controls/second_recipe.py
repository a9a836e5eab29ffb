"""A second recipe beside the sidebar's, written as a preset, as what differs (k=1 norm_pre=none), or as both."""

from __future__ import annotations

from contextlib import suppress

from imprint_core.errors import ImprintError
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.text import format_parameters, format_recipe, parse_recipe, recipe_label, split_recipe
from ui.controls.control import Sets, Values
from ui.controls.recipe import RECIPE_CONTROLS, has_custom_lambda, preset_values, recipe_from_values

ALONE = "none"
WITHOUT_NORMS = "norm_pre=none norm_post=none norm_inf=none"
_LABELS = {ALONE: "nothing", WITHOUT_NORMS: "the same without any NORM"}


def changes_label(text: str) -> str:
    """Label of a second recipe; a text without a preset, or without a meaning, is displayed as it is."""
    if text in _LABELS:
        return _LABELS[text]
    with suppress(ImprintError):
        preset, changes = split_recipe(text)
        return recipe_label(parse_recipe(text), "lam" in changes) if preset else text
    return text


def canonical_changes(text: str, sets: Sets, values: Values) -> str:
    """Canonical text of a second recipe, whose values are options of the sidebar's controls.

    Raises
    ------
    ImprintError
        If a preset, a parameter or a value is unknown.
    """
    if text.strip().casefold() in ("", ALONE, _LABELS[ALONE]):
        return ALONE
    preset, changes = split_recipe(text)
    for control in RECIPE_CONTROLS:
        options = list(control.options(sets, values))
        if control.key in changes and changes[control.key] not in options:
            labels = [control.show(o) for o in options]
            valid = f"from {labels[0]} to {labels[-1]}" if control.kind == "slider" else f"one of {', '.join(labels)}"
            raise ImprintError(f"{control.key} can't be {changes[control.key]}; it is {valid}.")
    return f"{preset} {format_parameters(changes)}".strip()


def second_values(text: str, values: Values) -> Values:
    """Values of the controls for a canonical text beside the sidebar's values."""
    preset, changes = split_recipe(text)
    custom = {"lam_from": "own"} if "lam" in changes else {}
    return values | (preset_values(preset) if preset else {}) | changes | custom


def second_recipe(text: str, values: Values) -> Recipe | None:
    """Recipe of a canonical text beside the sidebar's values; None for none."""
    return None if text == ALONE else recipe_from_values(second_values(text, values))


def recipe_text(values: Values) -> str:
    """Text of the sidebar's recipe, which stays when the sidebar changes."""
    return format_recipe(recipe_from_values(values), has_custom_lambda(values))

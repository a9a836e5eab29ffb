"""A second recipe beside the sidebar's, written as what differs: a preset, or parts such as k=1, pre=none."""

from __future__ import annotations

from imprint_core.errors import ImprintError
from imprint_core.framework.recipe import Recipe
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import label_of
from ui.controls.control import Sets, Values, named_option
from ui.controls.recipe import RECIPE_CONTROLS, recipe_of, values_of

ALONE = "none"
WITHOUT_NORMS = "pre=none, post=none, inf=none"
_NAMED = {ALONE: "nothing", WITHOUT_NORMS: "the same without any NORM"}


def show_changes(spec: str) -> str:
    """How a person reads the spec."""
    if spec in PRESETS:
        return PRESETS[spec].label
    if spec in _NAMED:
        return _NAMED[spec]
    # Copied from a whole recipe, it is no longer the sidebar's with something changed.
    if not {"pre", "gen", "post", "inf", "agg"} <= {change.partition("=")[0] for change in spec.split(", ")}:
        return spec
    usual = {c.key: c.default for c in RECIPE_CONTROLS} | {"fm": next(iter(FOUNDATION_MODELS))}
    return label_of(recipe_of(usual | _parts(spec, {}, usual)))


def canonical_changes(text: str, sets: Sets, values: Values) -> str:
    """The spec that a text means: a preset's name, or parts and values.

    Raises
    ------
    ImprintError
        If there is no such preset or part, or a part can't have that value.
    """
    wanted = text.strip().casefold()
    for name, preset in PRESETS.items():
        if wanted in (name.casefold(), preset.label.casefold()):
            return name
    if wanted in ("", ALONE, show_changes(ALONE)):
        return ALONE
    controls = {c.key: c for c in RECIPE_CONTROLS}
    changes = {}
    # In a link that was typed by hand, the browser takes a + for a space.
    for change in text.replace(";", ",").split(","):
        part, equals, value = (piece.strip() for piece in change.partition("="))
        control = controls.get(part.casefold())
        if not equals or control is None:
            raise ImprintError(
                f"write a preset ({', '.join(PRESETS)}), or parts and values such as k=1, pre=none; the parts are "
                f"{', '.join(controls)}."
            )
        options = list(control.options(sets, values))
        found = named_option(control, value, options)
        if found not in options:
            shown = [control.show(o) for o in options]
            valid = f"from {shown[0]} to {shown[-1]}" if control.kind == "slider" else f"one of {', '.join(shown)}"
            raise ImprintError(f"{part} can't be {value[:40] or 'empty'}; it is {valid}.")
        changes[control.key] = found
    return ", ".join(f"{key}={changes[key]}" for key in controls if key in changes)


def other_recipe(spec: str, sets: Sets, values: Values) -> Recipe | None:
    """The recipe of a canonical spec beside the sidebar's values; None for none."""
    if spec == ALONE:
        return None
    changed = dict(values)
    if spec in PRESETS:
        changed |= values_of(spec)
    else:
        changed |= _parts(spec, sets, values)
    return recipe_of(changed)


def _parts(spec: str, sets: Sets, values: Values) -> Values:
    """What a canonical spec that is no preset sets."""
    controls = {c.key: c for c in RECIPE_CONTROLS}
    found: Values = {}
    for change in spec.split(", "):
        key, _, value = change.partition("=")
        found[key] = named_option(controls[key], value, list(controls[key].options(sets, values)))
    return found | ({"lam_from": "own"} if "lam" in found else {})


def spec_of(values: Values) -> str:
    """The spec of the recipe that the values make, whatever the sidebar's is later."""
    return ", ".join(f"{c.key}={values[c.key]}" for c in RECIPE_CONTROLS if not c.hidden(values) or c.key == "m")

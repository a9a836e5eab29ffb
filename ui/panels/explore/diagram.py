"""The framework diagram: the current choice of each step, and what presets change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from imprint_core.evaluation.experiment import Experiment
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS, preset_of
from ui.controls.recipe import preset_values
from ui.text.labels import label_of_fm

_component = st.components.v2.component(
    "imprint_framework",
    js=(Path(__file__).parent / "diagram.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def _values(fm: str, recipe: Recipe) -> dict[str, str]:
    """The text of each box, by its control's key."""
    recipe = recipe.canonical()
    gen, agg = GENERATORS[recipe.gen], AGGREGATIONS[recipe.agg]
    return {
        "fm": label_of_fm(fm),
        "pretransform": TRANSFORMS[recipe.pretransform].label,
        "norm_pre": NORMALIZATIONS[recipe.norm_pre].label,
        "gen": gen.label + (f", k = {recipe.k}" if gen.uses_k else ""),
        "norm_post": POST_NORMALIZATIONS[recipe.norm_post].label,
        "norm_inf": NORMALIZATIONS[recipe.norm_inf].label,
        "agg": f"{recipe.m}-NN" if agg.uses_distance else agg.label,
    }


# Step (paper, Figure 1) and its input and output, by the control's key.
_STEPS = {
    "fm": ("FM", "image → embedding"),
    "pretransform": ("Transform", "all embeddings"),
    "norm_pre": ("NORM pre", "each shot"),
    "gen": ("GEN", "shots → proxies ★"),
    "norm_post": ("NORM post", "each proxy"),
    "norm_inf": ("NORM inf", "the test embedding"),
    "agg": ("AGG", "similarities → class"),
}


def show_framework(experiment: Experiment) -> None:
    """Draw the boxes, with those highlighted that the last change affected, and the presets."""
    state, fm, recipe = st.session_state, experiment.info.fm, experiment.recipe
    now = _values(fm, recipe)
    last, changed = state.get("boxes", (now, ()))
    if last != now:
        changed = tuple(key for key in now if now[key] != last[key])
    state.boxes = (now, changed)
    current = preset_of(recipe)
    presets = [
        {
            "name": name,
            "label": preset.short_label,
            "current": name == current,
            "values": _values(fm, replace(preset.recipe, lam=recipe.lam)),
        }
        for name, preset in PRESETS.items()
    ]
    # A step that GEN determines has no control.
    controls = {key: "gen" if key in GENERATORS[recipe.gen].fixed else key for key in _STEPS}
    boxes = [
        {"control": controls[key], "step": step, "does": does, "value": now[key], "lit": key in changed}
        for key, (step, does) in _STEPS.items()
    ]

    def apply_preset() -> None:
        name: Any = st.session_state["framework"].get("preset")
        if isinstance(name, str) and name in PRESETS:
            st.session_state.update(preset_values(name))

    _component(key="framework", data={"boxes": boxes, "presets": presets}, on_preset_change=apply_preset)

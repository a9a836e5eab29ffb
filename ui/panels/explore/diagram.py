"""The framework picture: what is chosen for each step of imprinting, and what presets change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS, preset_of
from ui.controls.recipe import values_of
from ui.controls.sidebar import Selection
from ui.text.labels import label_of_fm

_component = st.components.v2.component(
    "imprint_framework",
    js=(Path(__file__).parent / "diagram.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def _values(fm: str, recipe: Recipe) -> dict[str, str]:
    """What each box says, by its control's key."""
    own = recipe.canonical()
    gen, agg = GENERATORS[own.gen], AGGREGATIONS[own.agg]
    return {
        "fm": label_of_fm(fm),
        "transform": TRANSFORMS[own.pretransform].label,
        "pre": NORMALIZATIONS[own.norm_pre].label,
        "gen": gen.label + (f", k = {own.k}" if gen.uses_k else ""),
        "post": POST_NORMALIZATIONS[own.norm_post].label,
        "inf": NORMALIZATIONS[own.norm_inf].label,
        "agg": f"{own.m}-NN" if agg.uses_distance else agg.label,
    }


# By the control's key: the step (paper, Figure 1) and what it does.
_STEPS = {
    "fm": ("FM", "image → embedding"),
    "transform": ("Transform", "all embeddings alike"),
    "pre": ("NORM pre", "each shot"),
    "gen": ("GEN", "shots → proxies ★"),
    "post": ("NORM post", "each proxy"),
    "inf": ("NORM inf", "the test embedding"),
    "agg": ("AGG", "similarities → class"),
}


def show_framework(selection: Selection) -> None:
    """Draw the boxes, those that the last change changed lit, and the presets."""
    state, fm = st.session_state, selection.info.fm
    now = _values(fm, selection.recipe)
    last, lit = state.get("boxes", (now, ()))
    if last != now:
        lit = tuple(key for key in now if now[key] != last[key])
    state.boxes = (now, lit)
    current = preset_of(selection.recipe)
    presets = [
        {
            "name": name,
            "label": preset.label.split(":")[0] if name != "own" else "Paper's own",
            "current": name == current,
            "values": _values(fm, replace(preset.recipe, lam=selection.recipe.lam)),
        }
        for name, preset in PRESETS.items()
    ]
    boxes = [
        {"control": key, "step": step, "does": does, "value": now[key], "lit": key in lit}
        for key, (step, does) in _STEPS.items()
    ]

    def taken() -> None:
        told: Any = st.session_state["framework"].get("preset")
        if isinstance(told, str) and told in PRESETS:
            st.session_state.update(values_of(told))

    _component(key="framework", data={"boxes": boxes, "presets": presets}, on_preset_change=taken)

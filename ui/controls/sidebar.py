"""The sidebar: draws the controls, and keeps the link equal to them.

A control's options depend only on controls before it. Every value that is not the default is in the URL under its key.
A value that is not valid, from an old link or because an earlier control changed, is replaced by the nearest valid one,
in the URL too, and the page reports it. (Streamlit's `bind="query-params"` drops such values from the URL and knows
labels only.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.layouts import Layout
from imprint_core.recipes.presets import PRESETS
from ui.controls.control import Control, Panel, Sets, Values, draw_widget
from ui.controls.recipe import preset_values, recipe_from_values, second_recipe, selected_preset
from ui.controls.validation import apply_link, default_of, link_text, valid_value, valid_values
from ui.navigation.reruns import repeat_notes
from ui.text.markdown import plain

_NO_PRESET = "custom"
# Session key of the settings file that was read, until its values are set.
TAKEN = "settings_taken"


@dataclass(frozen=True)
class Selection:
    """The experiment, the map's layout, a second recipe, and the values of all controls.

    The screen shows a function of it.
    """

    experiment: Experiment
    layout: Layout
    other: Recipe | None
    panel: Panel


def sidebar(
    sets: Sets, controls: Sequence[Control], page: str, groups: Sequence[str] | None = None
) -> tuple[Selection, list[str]]:
    """Draw the sidebar of a page; also return a Markdown sentence on each value that was corrected.

    `page` is its URL path, `groups` are the groups, or keys of controls, that have an effect on it; the others keep
    their values.
    """
    followed, notes = _followed(controls, sets)
    displayed = {
        control.key: control.page == page
        or (not control.page and (groups is None or control.group in groups or control.key in groups))
        for control in controls
    }
    values, defaults, choices, corrections = _resolve(controls, sets, displayed, followed)
    st.session_state.last_values = values.copy()
    panel = Panel(sets, tuple(controls), values, choices)
    _draw(panel, [control for control in controls if displayed[control.key] and not control.page], defaults, followed)
    changed = (c for c in controls if not c.hidden(values) and values[c.key] != defaults[c.key])
    link = {c.key: link_text(values[c.key]) for c in changed}
    if link != st.query_params.to_dict():
        st.query_params.from_dict(link)
    selection = _selection(panel)
    return selection, repeat_notes([plain(note) for note in notes + corrections])


def _followed(controls: Sequence[Control], sets: Sets) -> tuple[bool, list[str]]:
    """Set the controls to the values of a new link or settings file; return whether there was one, and corrections."""
    state = st.session_state
    notes: list[str] = []
    followed = False
    context = get_script_run_ctx()
    # A query that merely differs may be older than the widgets: keys can be pressed faster than the browser takes over
    # the link of the previous run.
    if "followed" not in state or (context is not None and context.is_history_navigation):
        followed = state.followed = True
        notes = apply_link(st.query_params.to_dict(), controls, sets)
    if TAKEN in state:
        followed = True
        settings, problems = state.pop(TAKEN)
        notes = problems + apply_link(settings, controls, sets, "file")
    return followed, notes


def _resolve(
    controls: Sequence[Control], sets: Sets, displayed: Mapping[str, bool], followed: bool
) -> tuple[Values, Values, dict[str, list[Any]], list[str]]:
    """Return valid values, defaults and options of the controls, and a sentence on each correction.

    Options are computed for controls of the sidebar, of the current page, and of which the session has a value.
    """
    state = st.session_state
    last = state.get("last_values", {})
    values: Values = {}
    defaults: Values = {}
    choices: dict[str, list[Any]] = {}
    notes: list[str] = []
    for control in controls:
        key = control.key
        if control.page and not displayed[key] and key not in state:
            values[key] = defaults[key] = control.default
            continue
        options = choices[key] = list(control.options(sets, values))
        default = defaults[key] = default_of(control, options)
        if not followed and any(last.get(other, values[other]) != values[other] for other in control.reset_by):
            # Assigned, not deleted: a browser would continue to display the old value.
            state[key] = list(default) if control.kind == "many" else default
        if control.kind == "many":
            given = list(state.get(key, ()))
            valid, corrections = valid_values(control, given, options, sets, values)
            # Options that disappeared with an earlier choice, such as classes of another dataset, need no sentence.
            notes += corrections if control.accepts else []
            options += [value for value in valid if value not in options]
            if valid != given:
                state[key] = valid
            values[key] = tuple(valid)
            continue
        # Assigned only if necessary: an assignment undoes what was changed in the browser meanwhile.
        if key in state and state[key] not in options:
            value, note = valid_value(control, state[key], options, default, sets, values, last.get(key))
            notes += [note] if note else []
            if value != state[key]:
                state[key] = value
        values[key] = state.get(key, default)
        if values[key] not in options:
            # Typed text is an option as long as it is selected.
            options.append(values[key])
        # A forged value may equal an option of another type, as True equals 1.
        values[key] = options[options.index(values[key])]
    return values, defaults, choices, notes


def _draw(panel: Panel, controls: Sequence[Control], defaults: Values, followed: bool) -> None:
    """Draw the controls that have a meaning for the values: the main ones, and the others by group under *Advanced*.

    A link with advanced settings opens *Advanced*. On a page without main controls there is no such division.
    """
    shown = [control for control in controls if not control.hidden(panel.values)]
    main = [control for control in shown if control.main]
    others = [control for control in shown if not control.main]
    with st.sidebar:
        for control in main:
            _draw_control(control, panel)
        if not others:
            return
        state = st.session_state
        if followed and any(panel.values[control.key] != defaults[control.key] for control in others):
            state.advanced = True
        elif main and "advanced" not in state:
            # Streamlit forgets it when another page is opened.
            state.advanced = state.get("advanced_open", False)
        # Reported, so that a link can open it: browsers ignore a new default.
        with st.expander("Advanced", key="advanced", on_change="rerun") if main else nullcontext():
            group = ""
            for control in others:
                if control.group != group:
                    group = control.group
                    if main:
                        st.markdown(f"**{group}**")
                    if group == "Recipe":
                        _preset(panel.values)
                _draw_control(control, panel)
        if main:
            state.advanced_open = state.advanced


def _draw_control(control: Control, panel: Panel) -> None:
    draw_widget(control, panel.choices[control.key], panel.sets, panel.values)
    caption = control.off(panel.values) or control.remark(panel.values)
    if caption:
        st.caption(caption)


def _preset(values: Values) -> None:
    """Offer the presets, and show which one is the current recipe."""
    preset = selected_preset(values)
    options = list(PRESETS) if preset else [_NO_PRESET, *PRESETS]
    if st.session_state.get("preset") != (preset or _NO_PRESET):
        st.session_state.preset = preset or _NO_PRESET
    st.selectbox(
        "Preset",
        options,
        format_func=lambda name: PRESETS[name].label if name in PRESETS else "custom",
        key="preset",
        on_change=_apply_preset,
        help="Named recipes. Selecting one sets all controls below; its description and source are given here.",
    )
    if preset:
        st.caption(f"{PRESETS[preset].help} {PRESETS[preset].citation}.")


def _apply_preset() -> None:
    if st.session_state.preset in PRESETS:
        st.session_state.update(preset_values(st.session_state.preset))


def _selection(panel: Panel) -> Selection:
    values = panel.values
    info = panel.sets[values["fm"], values["data"]]
    return Selection(
        Experiment(info, values["classes"], int(values["n"]), recipe_from_values(values), SEEDS[: values["seeds"]]),
        Layout(values["map"], values["neighbors"], values["min_dist"], values["map_seed"]).canonical(),
        second_recipe(values["against"], values),
        panel,
    )

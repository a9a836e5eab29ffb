"""The shared sidebar: draws the controls, and keeps the link in step with them.

A control's options depend only on controls before it. Every value that is not the default is
in the URL, under its own name. A value that is not valid, from an old link or because an
earlier control changed, becomes the nearest valid one, in the URL too, and the page says so.
(Streamlit's `bind="query-params"` drops such values from the URL and knows labels only.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS, Task
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.layouts import Layout
from imprint_core.recipes.presets import PRESETS
from ui.controls.control import Sets, Values
from ui.controls.page_controls import Panel, draw_widget
from ui.controls.recipe import preset_values, recipe_from_values, selected_preset
from ui.controls.second_recipe import second_recipe
from ui.controls.table import CONTROLS
from ui.controls.validation import follow, settled, several, usual, written
from ui.navigation.reruns import still_said
from ui.text.markdown import plain

_OWN_CHOICE = "own choice"
# Where the session keeps what a file of settings says, until it is followed.
TAKEN = "settings_taken"


@dataclass(frozen=True)
class Selection:
    """What is chosen: everything on screen is a function of it.

    Attributes
    ----------
    info : SetInfo
        The embedding set.
    task : Task
        With the first seed.
    recipe : Recipe
    seeds : tuple of int
    layout : Layout
        Of the map.
    other : Recipe or None
        What the recipe is compared with.
    panel : Panel
        The controls that pages draw themselves.
    """

    info: SetInfo
    task: Task
    recipe: Recipe
    seeds: tuple[int, ...]
    layout: Layout
    other: Recipe | None
    panel: Panel

    @cached_property
    def experiment(self) -> Experiment:
        """What the sidebar chooses: everything that results depend on."""
        return Experiment(self.info, self.task.classes, self.task.n_shot, self.recipe, self.seeds)

    @property
    def n(self) -> int:
        """Shots a class; the slider always gives a number."""
        return self.task.n_shot or 0


def sidebar(sets: Sets, page: str) -> tuple[Selection, list[str]]:
    """Draw the sidebar for a page; gives the selection and what had to be put right, a sentence each, in Markdown."""
    state = st.session_state
    query = st.query_params.to_dict()
    notes: list[str] = []
    followed = False
    context = get_script_run_ctx()
    # A query that merely differs may be older than the widgets: keys can be pressed faster than
    # the browser takes over the link of the run before.
    if "followed" not in state or (context is not None and context.is_history_navigation):
        followed = state.followed = True
        notes = follow(query, sets)
    if TAKEN in state:
        followed = True
        settings, said = state.pop(TAKEN)
        notes = said + follow(settings, sets, "file")
    values: Values = {}
    defaults: Values = {}
    choices: dict[str, list[Any]] = {}
    for control in CONTROLS:
        options = choices[control.key] = list(control.options(sets, values))
        default = defaults[control.key] = usual(control, options)
        before = state.get("last_values", {})
        # Streamlit forgets a control that a run did not draw, as one that was over before it came to it.
        if not followed and control.key in state.get("held", ()) and control.key not in state:
            lost = before[control.key]
            state[control.key] = list(lost) if control.kind == "many" else lost
        if not followed and any(before.get(key, values[key]) != values[key] for key in control.about):
            # Assigned, not forgotten: a browser would go on showing what it was.
            state[control.key] = list(default) if control.kind == "many" else default
        if control.kind == "many":
            kept, said = several(control, state.get(control.key, ()), options, sets, values)
            # Options that went with what was chosen before, such as classes of another dataset, go without a word.
            notes += said if control.accepts else []
            options += [v for v in kept if v not in options]
            if kept != list(state.get(control.key, ())):
                state[control.key] = kept
            values[control.key] = tuple(kept)
            continue
        # Assigned only where it has to be: an assignment takes back what a finger has moved since.
        if control.key in state and state[control.key] not in options:
            before = state.get("last_values", {}).get(control.key)
            value, note = settled(control, state[control.key], options, default, sets, values, before)
            notes += [note] if note else []
            if value != state[control.key]:
                state[control.key] = value
        values[control.key] = state.get(control.key, default)
        if values[control.key] not in options:
            # What a person has written is offered, too, as long as it is chosen.
            options.append(values[control.key])
    state.last_values = values.copy()
    _draw(sets, values, choices, page)
    state.held = {control.key for control in CONTROLS if control.key in state}
    changed = (c for c in CONTROLS if not c.hidden(values) and values[c.key] != defaults[c.key])
    link = {c.key: written(values[c.key]) for c in changed}
    if link != query:
        st.query_params.from_dict(link)
    return _select(Panel(sets, values, choices)), still_said([plain(note) for note in notes])


def keep_controls() -> None:
    """Keep the controls' values over a run that ends before they are drawn, as one that goes to another page."""
    for control in CONTROLS:
        if control.key in st.session_state:
            st.session_state[control.key] = st.session_state[control.key]


def _draw(sets: Sets, values: Values, choices: Mapping[str, list[Any]], page: str) -> None:
    """Draw the sidebar's controls that mean something under the values."""
    state = st.session_state
    group = ""
    with st.sidebar:
        for control in CONTROLS:
            if control.hidden(values) or control.page not in ("", page):
                # Streamlit forgets a widget that isn't drawn, unless its value is touched.
                if control.key in state:
                    state[control.key] = state[control.key]
                continue
            if control.page:
                continue
            if control.group != group:
                group = control.group
                st.markdown(f"**{group}**")
                if group == "Recipe":
                    _preset(values)
            draw_widget(control, choices[control.key], sets, values)
            said = control.off(values) or control.remark(values)
            if said:
                st.caption(said)


def _preset(values: Values) -> None:
    """Offer the recipes that have a name, and show which of them is chosen."""
    named = selected_preset(values)
    options = list(PRESETS) if named else [_OWN_CHOICE, *PRESETS]
    if st.session_state.get("preset") != (named or _OWN_CHOICE):
        st.session_state.preset = named or _OWN_CHOICE
    st.selectbox(
        "Preset",
        options,
        format_func=lambda name: PRESETS[name].label if name in PRESETS else "your own choice",
        key="preset",
        on_change=_take_preset,
        help="Recipes that have a name. Choosing one sets everything below; what it does and whose it is stands here "
        "then.",
    )
    if named:
        st.caption(f"{PRESETS[named].help} {PRESETS[named].citation}.")


def _take_preset() -> None:
    if st.session_state.preset in PRESETS:
        st.session_state.update(preset_values(st.session_state.preset))


def _select(panel: Panel) -> Selection:
    values = panel.values
    seeds = SEEDS[: values["seeds"]]
    return Selection(
        panel.sets[values["fm"], values["data"]],
        Task(values["fm"], values["data"], values["classes"], int(values["n"]), seeds[0]),
        recipe_from_values(values),
        seeds,
        Layout(values["map"], values["neighbors"], values["min_dist"], values["map_seed"]).canonical(),
        second_recipe(values["against"], values),
        panel,
    )

"""The shared sidebar: draws the controls, and keeps the link in step with them.

A control's options depend only on controls before it. Every value that is not the default is
in the URL, under its own name. A value that is not valid, from an old link or because an
earlier control changed, becomes the nearest valid one, in the URL too, and the page says so.
(Streamlit's `bind="query-params"` drops such values from the URL and knows labels only.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.presets import PRESETS
from imprint_core.projection import Layout
from imprint_core.recipe import Recipe
from imprint_core.task import SEEDS, Task
from pages.components.again import still_said
from pages.components.control import Control, Sets, Values, as_number, named_option
from pages.components.controls import CONTROLS
from pages.components.other_recipe import other_recipe
from pages.components.panel import Panel, draw_widget
from pages.components.recipe_controls import named_preset, recipe_of, values_of
from pages.components.text import plain

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

    @property
    def n(self) -> int:
        """Shots a class; the slider always gives a number."""
        return self.task.n_shot or 0


def nearest(value: Any, options: Sequence[Any], default: Any) -> Any:
    """The valid option nearest to `value`: itself, the nearest number, or the default."""
    if value in options:
        return value
    numbers = [o for o in options if not isinstance(o, str)]
    number = as_number(value)
    if not numbers or np.isnan(number):
        return default if default in options else options[0]
    if np.isinf(number):
        return max(numbers) if number > 0 else min(numbers)
    return min(numbers, key=lambda o: abs(o - number))


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
        notes = _follow(query, sets)
    if TAKEN in state:
        followed = True
        settings, said = state.pop(TAKEN)
        notes = said + _follow(settings, sets, "file")
    values: Values = {}
    defaults: Values = {}
    choices: dict[str, list[Any]] = {}
    for control in CONTROLS:
        options = choices[control.key] = list(control.options(sets, values))
        default = defaults[control.key] = _default(control, options)
        before = state.get("last_values", {})
        # A run that was overtaken before the page drew its own controls loses them: Streamlit forgets undrawn ones.
        if not followed and state.get("last_page") == page == control.page and control.key not in state:
            lost = before.get(control.key, default)
            if lost != default:
                state[control.key] = list(lost) if control.kind == "many" else lost
        if not followed and any(before.get(key, values[key]) != values[key] for key in control.about):
            state.pop(control.key, None)
        if control.kind == "many":
            kept, said = _several(control, state.get(control.key, ()), options, sets, values)
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
            value, note = _settled(control, state[control.key], options, default, sets, values, before)
            notes += [note] if note else []
            if value != state[control.key]:
                state[control.key] = value
        values[control.key] = state.get(control.key, default)
        if values[control.key] not in options:
            # What a person has written is offered, too, as long as it is chosen.
            options.append(values[control.key])
    state.last_values, state.last_page = dict(values), page
    _draw(sets, values, defaults, choices, page)
    changed = (c for c in CONTROLS if not c.hidden(values) and values[c.key] != defaults[c.key])
    link = {c.key: _written(values[c.key]) for c in changed}
    if link != query:
        st.query_params.from_dict(link)
    return _select(Panel(sets, values, defaults, choices)), still_said([plain(note) for note in notes])


def keep_controls() -> None:
    """Keep the controls' values over a run that ends before they are drawn, as one that goes to another page."""
    for control in CONTROLS:
        if control.key in st.session_state:
            st.session_state[control.key] = st.session_state[control.key]


def _default(control: Control, options: Sequence[Any]) -> Any:
    return () if control.kind == "many" else nearest(control.default, options, control.default)


def _written(value: Any) -> str:
    """A value as the link has it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _settled(
    control: Control,
    was: Any,
    options: Sequence[Any],
    default: Any,
    sets: Sets,
    values: Values,
    before: Any = None,
) -> tuple[Any, str]:
    """The valid value nearest to `was`, and a sentence where that means something else; `before` is the last one."""
    if control.accepts and isinstance(was, str) and was not in options:
        if control.joins and was.strip()[:1] in tuple(control.joins) and isinstance(before, str):
            was = before + was
        try:
            return control.accepts(was, sets, values), ""
        except ImprintError as error:
            kept = default
            if before is not None and before != was:
                with suppress(ImprintError):
                    kept = before if before in options else control.accepts(before, sets, values)
            now = control.show(kept)
            return kept, f"“{was[:60]}”: {error} " + (f"Now {now}." if now else "Ignored.")
    now = nearest(was, options, default)
    return now, "" if now == was else _note(control, was, now, options)


def _several(
    control: Control, asked: Sequence[Any], options: Sequence[Any], sets: Sets, values: Values
) -> tuple[list[Any], list[str]]:
    """Those of several values that are valid, and a sentence on the others."""
    kept: list[Any] = []
    unknown: list[str] = []
    notes = []
    for value in asked:
        if value in options:
            kept.append(value)
        elif control.accepts:
            try:
                kept.append(control.accepts(str(value), sets, values))
            except ImprintError as error:
                notes.append(f"{control.label}: {error} Ignored.")
        else:
            unknown.append(str(value))
    if unknown:
        notes.append(f"{control.label}: {', '.join(unknown)[:60]} is not among them; ignored.")
    return list(dict.fromkeys(kept)), notes


def _draw(sets: Sets, values: Values, defaults: Values, choices: Mapping[str, list[Any]], page: str) -> None:
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
            draw_widget(control, choices[control.key], defaults[control.key], sets, values)
            said = control.off(values) or control.remark(values)
            if said:
                st.caption(said)


def _preset(values: Values) -> None:
    """Offer the recipes that have a name, and show which of them is chosen."""
    recipe = recipe_of(values)
    named = named_preset(recipe, values)
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
        st.session_state.update(values_of(st.session_state.preset))


def _follow(query: Mapping[str, str], sets: Sets, source: str = "link") -> list[str]:
    """Take over the values of a link, or of a file; gives what is wrong with them, a sentence each."""
    notes = []
    query = dict(query)
    if "preset" in query:
        # A short way to write a link: the preset, and what differs from it.
        asked = query.pop("preset")
        wanted = asked.strip().casefold()
        named = next((name for name, p in PRESETS.items() if wanted in (name, p.label.casefold())), "")
        if named:
            query = {k: str(v) for k, v in values_of(named).items()} | query
        else:
            notes.append(f"Preset can't be {asked[:40] or 'empty'}; it is one of {', '.join(PRESETS)}. Ignored.")
    if "lam" in query:
        query["lam_from"] = "own"
    values: Values = {}
    for control in CONTROLS:
        options = list(control.options(sets, values))
        value = _default(control, options)
        if control.key in query and control.kind == "many":
            asked = query[control.key].split(",")
            value, said = _several(control, [named_option(control, t, options) for t in asked], options, sets, values)
            notes += said
        elif control.key in query:
            named = named_option(control, query[control.key], options)
            value, note = _settled(control, named, options, value, sets, values)
            notes += [note] if note else []
        values[control.key] = value
        if control.key in query or control.key in st.session_state:
            st.session_state[control.key] = value
    unknown = [name for name in query if name not in {c.key for c in CONTROLS}]
    if unknown:
        notes.append(f"The {source} has {', '.join(unknown)[:80]}, which this page doesn't know; ignored.")
    return notes


def _note(control: Control, was: Any, now: Any, options: Sequence[Any]) -> str:
    if control.kind == "slider":
        valid = f"from {control.show(options[0])} to {control.show(options[-1])}"
    else:
        valid = "one of " + ", ".join(control.show(o) for o in options)
    name = control.label.split(":")[0]
    try:
        shown = control.show(was)
    except (KeyError, TypeError, ValueError):
        shown = str(was)
    return f"{name} can't be {shown[:40] or 'empty'} here; it is {valid}. Now {control.show(now)}."


def _select(panel: Panel) -> Selection:
    values = panel.values
    seeds = SEEDS[: values["seeds"]]
    return Selection(
        panel.sets[values["fm"], values["data"]],
        Task(values["fm"], values["data"], values["classes"], int(values["n"]), seeds[0]),
        recipe_of(values),
        seeds,
        Layout(values["map"], values["neighbors"], values["min_dist"], values["map_seed"]).canonical(),
        other_recipe(values["against"], panel.sets, values),
        panel,
    )

"""What a link or a file of settings asks for: valid values, and a sentence on each that isn't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import find_preset
from ui.controls.control import Control, Sets, Values, as_number, named_option
from ui.controls.recipe import preset_values
from ui.controls.table import CONTROLS


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


def follow(query: Mapping[str, str], sets: Sets, source: str = "link") -> list[str]:
    """Take over the values of a link, or of a file; gives what is wrong with them, a sentence each."""
    notes = []
    query = dict(query)
    if "preset" in query:
        # A short way to write a link: the preset, and what differs from it.
        asked = query.pop("preset")
        named = find_preset(asked)
        if named:
            query = {k: str(v) for k, v in preset_values(named).items()} | query
        else:
            notes.append(f"Preset can't be {asked[:40] or 'empty'}; it is one of {', '.join(PRESETS)}. Ignored.")
    if "lam" in query:
        query["lam_from"] = "own"
    values: Values = {}
    for control in CONTROLS:
        options = list(control.options(sets, values))
        value = usual(control, options)
        if control.key in query and control.kind == "many":
            asked = query[control.key].split(",")
            value, said = several(control, [named_option(control, t, options) for t in asked], options, sets, values)
            notes += said
        elif control.key in query:
            named = named_option(control, query[control.key], options)
            value, note = settled(control, named, options, value, sets, values)
            notes += [note] if note else []
        values[control.key] = value
        if control.key in query or control.key in st.session_state:
            st.session_state[control.key] = value
    unknown = [name for name in query if name not in {c.key for c in CONTROLS}]
    if unknown:
        notes.append(f"The {source} has {', '.join(unknown)[:80]}, which this page doesn't know; ignored.")
    return notes


def usual(control: Control, options: Sequence[Any]) -> Any:
    """What a control is at before anyone has chosen: its default, or the option next to that."""
    return () if control.kind == "many" else nearest(control.default, options, control.default)


def settled(
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


def several(
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


def written(value: Any) -> str:
    """A value as the link has it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)

"""Valid values of controls from links, settings files and the session, with a sentence on each correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.errors import ImprintError, OutOfRangeError
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import find_preset
from ui.controls.control import Control, Sets, Values, as_number, named_option
from ui.controls.recipe import preset_values
from ui.text.labels import is_of_user


def nearest(value: Any, options: Sequence[Any], default: Any) -> Any:
    """Return the valid option nearest to `value`: itself, the nearest number, or the default."""
    if value in options:
        return value
    numbers = [o for o in options if not isinstance(o, str)]
    number = as_number(value)
    if not numbers or np.isnan(number):
        return default if default in options else options[0]
    if np.isinf(number):
        return max(numbers) if number > 0 else min(numbers)
    return min(numbers, key=lambda o: abs(o - number))


def default_of(control: Control, options: Sequence[Any]) -> Any:
    """Return the control's default, or the option nearest to it."""
    return () if control.kind == "many" else nearest(control.default, options, control.default)


def apply_link(query: Mapping[str, str], controls: Sequence[Control], sets: Sets, source: str = "link") -> list[str]:
    """Set the controls to the values of a link or a settings file; return a sentence on each correction."""
    query, notes = _with_preset(query)
    if "lam" in query:
        query["lam_from"] = "own"
    values: Values = {}
    for control in controls:
        given = control.key in query
        if control.page and not given and control.key not in st.session_state:
            values[control.key] = control.default
            continue
        options = list(control.options(sets, values))
        value = default_of(control, options)
        if given and control.kind == "many":
            texts, excess = _first(control, query[control.key].split(","), options)
            named = [named_option(control, text, options) for text in texts]
            value, corrections = valid_values(control, named, options, sets, values)
            notes += excess + corrections
        elif given:
            named = named_option(control, query[control.key], options)
            value, note = valid_value(control, named, options, value, sets, values)
            notes += [note] if note else []
        values[control.key] = value
        if given or control.key in st.session_state:
            st.session_state[control.key] = value
    unknown = [name for name in query if name not in {c.key for c in controls}]
    if unknown:
        notes.append(f"Unknown parameters in the {source}: {', '.join(unknown)[:80]}. Ignored.")
    return notes


def _with_preset(query: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Replace `preset` in a link by its recipe, on which the link's other values have precedence."""
    query = dict(query)
    text = query.pop("preset", None)
    if text is None:
        return query, []
    name = find_preset(text)
    if not name:
        return query, [f"Preset “{text[:40]}” is not available. Available: {', '.join(PRESETS)}. Ignored."]
    return {k: str(v) for k, v in preset_values(name).items()} | query, []


def valid_value(
    control: Control,
    value: Any,
    options: Sequence[Any],
    default: Any,
    sets: Sets,
    values: Values,
    before: Any = None,
) -> tuple[Any, str]:
    """Return the valid value nearest to `value`, and a sentence if that is another one; `before` is the last one."""
    if control.accepts and isinstance(value, str) and value not in options:
        if control.joins and value.strip()[:1] in tuple(control.joins) and isinstance(before, str):
            value = before + value
        try:
            return _accepted(control, value, sets, values)
        except ImprintError as error:
            fallback = default
            if before is not None and before != value:
                with suppress(ImprintError):
                    fallback = before if before in options else control.accepts(before, sets, values)
            used = control.show(fallback)
            return fallback, f"“{value[:60]}”: {error} " + (f"Using {used}." if used else "Ignored.")
    valid = nearest(value, options, default)
    return valid, "" if valid == value else _correction(control, value, valid, options)


def valid_values(
    control: Control, given: Sequence[Any], options: Sequence[Any], sets: Sets, values: Values
) -> tuple[list[Any], list[str]]:
    """Return the valid ones of several values, and a sentence on the others."""
    valid: list[Any] = []
    unknown: list[str] = []
    distinct, notes = _first(control, given, options)
    for value in distinct:
        if value in options:
            valid.append(value)
        elif control.accepts:
            try:
                accepted, note = _accepted(control, str(value), sets, values)
                valid.append(accepted)
                notes += [f"{control.label}: {note}"] if note else []
            except ImprintError as error:
                notes.append(f"{control.label}: {error} Ignored.")
        else:
            unknown.append(str(value))
    if unknown:
        notes.append(f"{control.label}: {', '.join(unknown)[:60]} is not available. Ignored.")
    return list(dict.fromkeys(valid)), notes


def _first(control: Control, values: Sequence[Any], options: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """Return as many different values as a control can have, and a sentence if there are more."""
    most = len(options) if control.most is None else control.most
    distinct = list(dict.fromkeys(values))
    if len(distinct) <= most:
        return distinct, []
    return distinct[:most], [f"{control.label}: {len(distinct):,} values are too many. Using the first {most}."]


def _accepted(control: Control, text: str, sets: Sets, values: Values) -> tuple[Any, str]:
    """Return the value of a text, and a sentence if a number in it was replaced by the nearest valid one."""
    assert control.accepts  # noqa: S101 - of callers
    try:
        return control.accepts(text, sets, values), ""
    except OutOfRangeError as error:
        if error.nearest is None:
            raise
        # Of a parameter that is written twice, the last value holds.
        value, _ = _accepted(control, f"{text} {error.name}={error.nearest}", sets, values)
        return value, f"{error} Using {error.nearest:g}."


def _correction(control: Control, value: Any, valid: Any, options: Sequence[Any]) -> str:
    name = control.label.split(":")[0]
    try:
        # Labels of uploads are known to all sessions, but are shown to those only whose options have them.
        shown = str(value) if is_of_user(str(value)) else control.show(value)
    except (AttributeError, KeyError, TypeError, ValueError):
        shown = str(value)
    text, used = f"{name} = {str(shown)[:40] or 'empty'}", control.show(valid)
    if control.kind != "slider":
        return f"{text} is not available. Available: {', '.join(map(control.show, options))}. Using {used}."
    if options[0] <= as_number(value) <= options[-1]:
        return f"{text} is not available. Using the nearest value, {used}."
    return f"{text} is out of range ({control.show(options[0])}–{control.show(options[-1])}). Using {used}."


def link_text(value: Any) -> str:
    """Return a value as the link has it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)

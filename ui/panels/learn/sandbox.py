"""The sandbox: points and proxies in two dimensions that a person moves, with k-means step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.evaluation.synthetic import (
    EXAMPLES,
    HIGHEST,
    LOWEST,
    PER_UNIT,
    imprint_placed,
    imprint_points,
    make_example,
)
from imprint_core.figures.style import class_color, class_symbol
from ui.controls.control import Panel
from ui.panels.learn.controls import (
    DIGITS,
    EMPTY,
    MOST_CLASSES,
    MOST_K,
    MOST_POINTS,
    MOST_PROXIES,
    SEPARATOR,
    coordinates,
    decode,
    points_text,
)
from ui.share.copy_link import copy_link
from ui.text.glossary import linked

_KEY, _EXAMPLE, _NUMBER = "sandbox", "sandbox_example", "sandbox_number"
_FOLDER = Path(__file__).parent
_component = st.components.v2.component(
    "imprint_sandbox",
    js="\n".join((_FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in ("sandbox_model", "sandbox")),
    css=(_FOLDER / "sandbox.css").read_text(encoding="utf-8"),
)
_FORM = {
    "lowest": LOWEST,
    "highest": HIGHEST,
    "per_unit": PER_UNIT,
    "digits": DIGITS,
    "separator": SEPARATOR,
    "empty": EMPTY,
}
_LABELS = {name: example.label for name, example in EXAMPLES.items()} | {EMPTY: "No points"}


def show(panel: Panel) -> None:
    """Draw the sandbox."""
    values = panel.values
    if not values["present"]:
        st.markdown(
            linked(
                "Move, paint and remove points and [[proxies|proxy]]. The background shows the predicted class of each "
                "position. The link stores all of it."
            )
        )
    _show_examples(values["points"])
    # Two in a row on a phone.
    with st.container(horizontal=True, gap="small"):
        for key, width in (("sandbox_k", 190), ("sandbox_seed", 140), ("sandbox_norm", 150), ("sandbox_agg", 180)):
            panel.draw(key, width)
    _component(
        key=_KEY,
        data={
            "name": "sandbox",
            "number": st.session_state.get(_NUMBER, 0),
            "points": points_text(values["points"]),
            "proxies": values["proxies"],
            "k": values["sandbox_k"],
            "seed": values["sandbox_seed"],
            "uniform": uniform_numbers(values["sandbox_seed"]),
            "normalised": values["sandbox_norm"] == "l2",
            "nearest": values["sandbox_agg"] == "nearest",
            "colors": [class_color(c) for c in range(MOST_CLASSES)],
            "symbols": [class_symbol(c) for c in range(MOST_CLASSES)],
            "most_points": MOST_POINTS,
            "most_proxies": MOST_PROXIES,
            "form": _FORM,
        },
        on_changed_change=_received,
    )
    _show_check(values)
    copy_link("sandbox-link")


def uniform_numbers(seed: int) -> list[float]:
    """Return the random numbers that k-means++ of this seed uses, in the core as in scikit-learn."""
    trials = 2 + int(np.log(MOST_K))
    return [float(value) for value in np.random.RandomState(seed).uniform(size=1 + (MOST_K - 1) * trials)]


def _show_examples(points: str) -> None:
    st.session_state[_EXAMPLE] = points if points in _LABELS else None

    def load() -> None:
        name = st.session_state[_EXAMPLE]
        if name in _LABELS:
            st.session_state.update(points=name, proxies="")

    st.pills("Examples", list(_LABELS), format_func=_LABELS.__getitem__, key=_EXAMPLE, on_change=load)
    # Always a line, so that nothing below moves after the first change.
    changed = "Changed points. Choose an example to start again."
    st.caption(EXAMPLES[points].help if points in EXAMPLES else "Paint points." if points == EMPTY else changed)


def _received() -> None:
    """Store what the script sent; the run that follows validates the texts and writes them into the link."""
    state = st.session_state.get(_KEY)
    value = state.get("changed") if isinstance(state, dict) else None
    # A browser can send anything.
    message = value if isinstance(value, dict) else {}
    number, points, proxies = (message.get(name) for name in ("number", "points", "proxies"))
    if type(number) is int and isinstance(points, str) and isinstance(proxies, str):
        st.session_state.update({_NUMBER: number, "points": points, "proxies": proxies})


def _show_check(values: dict[str, Any]) -> None:
    """Show how many points the estimator of the core classifies correctly with these settings."""
    points, classes = coordinates(decode(points_text(values["points"])))
    proxies = coordinates(decode(values["proxies"], MOST_PROXIES)) if values["proxies"] else None
    if not len(points) or (proxies and not len(proxies[0])):
        return
    options = values["sandbox_norm"] == "l2", values["sandbox_agg"] == "nearest"
    if proxies:
        model, subject = imprint_placed(*proxies, *options), "With the proxies where you moved them"
    else:
        model = imprint_points(points, classes, values["sandbox_k"], *options, values["sandbox_seed"])
        subject = "After k-means has converged"
    correct = int(np.sum(model.predict(points) == classes))
    noun = "point" if len(points) == 1 else "points"
    text = f"{subject}, `ImprintingClassifier` predicts {correct} of {len(points)} {noun} correctly"
    if values["points"] in EXAMPLES:
        data = make_example(values["points"])
        text += f", and {100 * model.score(data.X_test, data.y_test):.1f} % of {len(data.y_test)} test points"
    st.caption(f"{text}.")

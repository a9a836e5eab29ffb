"""Differences between A and B class by class."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.evaluation.metrics import signed
from imprint_core.figures import comparison
from ui.charts.plot import cached_figure, plot
from ui.charts.record import heading
from ui.panels.compare.ab_sides import Side
from ui.text.markdown import plain


def show_classes(a: Side, b: Side) -> None:
    """Draw the difference in recall of each class."""
    heading("Class by class", "compare-classes")
    names, gains, texts = _gains(a, b)
    plot(
        "compare-classes",
        cached_figure(
            ("classes", a.experiment.key, b.experiment.key),
            lambda: comparison.differences(names, gains, texts, "A", "B"),
        ),
        alt="A − B in points, by class: " + "; ".join(texts[:20]),
        height=min(70 + 26 * len(names), 700),
    )
    st.caption(
        "Difference A − B in the share of correctly classified test samples of each class, mean over seeds. "
        f"{_largest(names, gains)}"
    )


def _gains(a: Side, b: Side) -> tuple[list[str], NDArray[np.float64], list[str]]:
    """For each class: its name, A's recall less B's in points, and a text with both."""
    y, names = a.pool.y_test, a.pool.names
    correct = a.correct.mean(axis=0), b.correct.mean(axis=0)
    classes = np.unique(y)
    recalls = np.array([[100 * float(side[y == c].mean()) for side in correct] for c in classes])
    texts = [f"{names[c]}: A {of_a:.1f} %, B {of_b:.1f} %" for c, (of_a, of_b) in zip(classes, recalls, strict=True)]
    return [names[c] for c in classes], recalls[:, 0] - recalls[:, 1], texts


def _largest(names: list[str], gains: NDArray[np.float64]) -> str:
    """The classes with the largest differences, in Markdown."""
    best, worst = int(np.argmax(gains)), int(np.argmin(gains))
    parts = []
    if gains[best] > 0:
        parts.append(f"Largest advantage of A: {plain(names[best])} ({signed(gains[best])} points)")
    if gains[worst] < 0:
        parts.append(f"largest advantage of B: {plain(names[worst])} ({signed(-gains[worst])} points)")
    text = "; ".join(parts) or "No class differs"
    return f"{text[0].upper()}{text[1:]}."

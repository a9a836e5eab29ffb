"""Accuracies of A and B, their difference with its interval, and McNemar's test of each seed."""

from __future__ import annotations

from typing import Any

import streamlit as st

from imprint_core.evaluation.metrics import signed, summarize
from imprint_core.evaluation.paired_tests import LEVEL, Difference, mcnemar, paired_difference, unpaired_difference
from imprint_core.evaluation.ranking import p_text
from ui.charts.record import caption, heading, record_table, table
from ui.panels.compare.ab_sides import Side, paired, recipe_labels
from ui.text.markdown import plain


def show_numbers(a: Side, b: Side) -> None:
    """Draw the headline."""
    with st.empty(), st.spinner("Imprinting both …"):
        correct = a.correct, b.correct
        difference = paired_difference(*correct) if paired(a, b) else unpaired_difference(*correct)
    grey: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    columns = st.columns(3, gap="medium")
    rows = []
    for column, side, of_side, label in zip(columns, (a, b), correct, recipe_labels(a, b), strict=False):
        run = summarize(100 * of_side.mean(axis=1))
        spread = f"{run.range_text()} % over {run.runs} seeds" if run.range_text() else "equal for all seeds"
        value, details = f"{run.median:.1f} %", f"{side.task}. {side.experiment.recipe}."
        rows.append((f"{side.name}: {label}", value, spread, details))
        column.metric(f"{side.name}: {label}", value, spread, help=plain(details), **grey)
        column.caption(plain(side.task))
    gap = f"{signed(difference.mean)} points"
    interval = f"{100 * LEVEL:.0f} %: {signed(difference.low)} to {signed(difference.high)}"
    columns[2].metric(
        "A − B, mean over seeds",
        gap,
        interval,
        help="Mean difference (the accuracies beside it are medians) with its interval over draws of shots (seeds) and "
        "test samples. A and B have the same test samples."
        if paired(a, b)
        else "A and B have different test samples: the interval is that of two separate means.",
        **grey,
    )
    same = a.experiment == b.experiment
    verdict = "No difference: A and B are the same." if same else _verdict(difference, len(a.experiment.seeds))
    columns[2].caption(f"**{verdict}**" if difference.significant else verdict)
    rows.append(("A − B, mean over seeds", gap, interval, verdict))
    record_table(
        "compare-numbers", ("", "median accuracy, or difference", "over seeds and test samples", "details"), rows
    )


def _verdict(difference: Difference, seeds: int) -> str:
    if not difference.significant:
        return f"Not significant: the {100 * LEVEL:.0f} % interval includes 0."
    better = "A" if difference.mean > 0 else "B"
    least, most = sorted((abs(difference.low), abs(difference.high)))
    draws = "" if seeds == 1 else f" and {seeds} draws of shots"
    return f"{better} is better by {least:.1f} to {most:.1f} points, over these test samples{draws}."


def show_seeds(a: Side, b: Side) -> None:
    """Draw McNemar's test of each seed."""
    heading("Seed by seed, on the same test samples", "compare-seeds")
    rows = []
    for seed, of_a, of_b in zip(a.experiment.seeds, a.correct, b.correct, strict=True):
        test = mcnemar(of_a, of_b)
        p = p_text(test.p).removeprefix("p ").removeprefix("= ")
        accuracies = 100 * float(of_a.mean()), 100 * float(of_b.mean())
        gap = signed(accuracies[0] - accuracies[1])
        rows.append([str(seed), *(f"{value:.1f}" for value in accuracies), gap, str(test.only_a), str(test.only_b), p])
    head = ["seed", "A, %", "B, %", "A − B", "only A correct", "only B correct", "p"]
    table("compare-seeds", head, rows, align="rrrrrrr")
    caption(
        "compare-seeds-caption",
        f"p: exact McNemar test of equal error rates on {len(a.pool.y_test):,} test samples. Tests of different seeds "
        "are not independent: they have the same test samples.",
    )

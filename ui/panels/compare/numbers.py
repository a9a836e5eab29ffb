"""How much A and B differ, and how sure that is: the interval, and McNemar's test seed by seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from imprint_core.evaluation.metrics import signed, summarize
from imprint_core.evaluation.paired_tests import LEVEL, Difference, mcnemar, paired_difference, unpaired_difference
from ui.charts.record import caption, heading, record_table, table
from ui.controls.sidebar import Selection
from ui.panels.compare.ab_sides import Side, alike, paired, recipes_told
from ui.text.markdown import plain


def difference(a: Side, b: Side, seeds: tuple[int, ...]) -> Difference:
    """A less B, paired where it can be."""
    right = a.right(seeds), b.right(seeds)
    return paired_difference(*right) if paired(a, b) else unpaired_difference(*right)


def show_numbers(selection: Selection, a: Side, b: Side) -> None:
    """Draw the headline."""
    seeds = selection.seeds
    with st.empty(), st.spinner("Imprinting both …"):
        found = difference(a, b, seeds)
    grey: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    columns = st.columns(3, gap="medium")
    rows = []
    for column, side, told in zip(columns, (a, b), recipes_told(a, b), strict=False):
        run = summarize(100 * side.right(seeds).mean(axis=1))
        spread = (
            f"{run.low:.1f} to {run.high:.1f} % over {run.runs} seeds" if run.low < run.high else "every seed alike"
        )
        rows.append((f"{side.sign}: {told}", f"{run.median:.1f} %", spread, f"{side.task}. {side.recipe}."))
        column.metric(
            f"{side.sign}: {told}", f"{run.median:.1f} %", spread, help=plain(f"{side.task}. {side.recipe}."), **grey
        )
        column.caption(plain(side.task))
    gap, interval = f"{signed(found.mean)} points", f"{100 * LEVEL:.0f} %: {signed(found.low)} to {signed(found.high)}"
    columns[2].metric(
        "A − B, mean over seeds",
        gap,
        interval,
        help="Mean difference (accuracies beside it are medians) with its interval over draws of shots (seeds) and "
        "over test samples, which are the same for A and B where the images are."
        if paired(a, b)
        else "Other test samples: nothing pairs them, and the interval is of two separate means.",
        **grey,
    )
    verdict = "Nothing differs: A and B are the same." if alike(a, b) else _verdict(found, len(seeds))
    columns[2].caption(f"**{verdict}**" if found.significant else verdict)
    rows.append(("A − B, mean over seeds", gap, interval, verdict))
    record_table(
        "compare-numbers", ("", "median accuracy, or difference", "over seeds and test samples", "what it is"), rows
    )


def _verdict(found: Difference, seeds: int) -> str:
    over = "these test samples" if seeds == 1 else f"{seeds} draws of shots and these test samples"
    if not found.significant:
        return f"Over {over} that may as well be chance: the interval has 0 in it."
    better = "A" if found.mean > 0 else "B"
    least, most = sorted((abs(found.low), abs(found.high)))
    return f"{better} is better by {least:.1f} to {most:.1f} points, over {over}."


def show_seeds(selection: Selection, a: Side, b: Side) -> None:
    """Draw McNemar's test of each seed."""
    heading("Seed by seed, on the same test samples", "compare-seeds")
    rows = []
    seeds = selection.seeds
    for seed, one, other in zip(seeds, a.right(seeds), b.right(seeds), strict=True):
        test = mcnemar(one, other)
        p = f"{test.p:.2g}" if test.p >= 1e-4 else "< 0.0001"
        shares = 100 * float(one.mean()), 100 * float(other.mean())
        gap = signed(shares[0] - shares[1])
        rows.append([str(seed), *(f"{share:.1f}" for share in shares), gap, str(test.only_a), str(test.only_b), p])
    table(
        "compare-seeds", ["seed", "A, %", "B, %", "A − B", "only A right", "only B right", "p"], rows, align="rrrrrrr"
    )
    caption(
        "compare-seeds-told",
        f"p: exact McNemar test that both sides are as likely to be the right one, of {len(a.pool.y_test):,} test "
        "samples. Tests of several seeds are no independent ones: the test samples are the same.",
    )


def gains(a: Side, b: Side, seeds: tuple[int, ...]) -> tuple[list[str], np.ndarray, list[str]]:
    """For each class: its name, A's recall less B's in points, mean over seeds, and a sentence on it."""
    y, names = a.pool.y_test, a.pool.names
    right = a.right(seeds).mean(axis=0), b.right(seeds).mean(axis=0)
    present = np.unique(y)
    of = [tuple(100 * float(own[y == c].mean()) for own in right) for c in present]
    told = [f"{names[c]}: A {one:.1f} %, B {other:.1f} %" for c, (one, other) in zip(present, of, strict=True)]
    return [names[c] for c in present], np.array([one - other for one, other in of]), told


def most_changed(names: list[str], values: np.ndarray) -> str:
    """Which classes gain and lose most, in Markdown."""
    up, down = int(np.argmax(values)), int(np.argmin(values))
    parts = []
    if values[up] > 0:
        parts.append(f"A does most for {plain(names[up])} ({signed(values[up])} points)")
    if values[down] < 0:
        parts.append(f"B does most for {plain(names[down])} ({signed(-values[down])} points)")
    return ("; ".join(parts) or "No class is told apart better or worse") + "."

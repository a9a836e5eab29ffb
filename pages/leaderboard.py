"""Leaderboard: recipes compared over many tasks, with what a test says of their differences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.ranking import ALPHA, FEW_TASKS, Ranking, rank
from imprint_core.figures import comparison
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS, preset_of
from imprint_core.recipes.text import label_of, recipe_of
from imprint_core.sweeps.paper_findings import Finding
from imprint_core.sweeps.paper_results import TABLE_1
from imprint_core.sweeps.sweep_table import MEASURES, Results, Scores, Where
from ui.charts.plot import kept_figure, plot
from ui.charts.record import heading, record_table, table
from ui.compute import sweeps
from ui.compute.progressive import fill
from ui.controls.sidebar import Selection
from ui.navigation.links import hand_over
from ui.panels.leaderboard.controls import tables
from ui.panels.leaderboard.downloads import show_downloads
from ui.panels.leaderboard.fit_times import time_point
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

_MARKS = {True: ":material/check_circle: **holds here**", False: ":material/cancel: **does not hold here**"}


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Leaderboard", anchor=False)
    st.caption(
        "Recipes compared over many tasks, each an FM, a dataset, some of its classes and a number of shots. Which is "
        "best on average, and which differences could as well be chance?"
    )
    _tools(selection)
    values = selection.panel.values
    path = Path(tables()[values["board"]])
    try:
        results = sweeps.table(path, selection.panel.sets)
        tasks = _tasks(selection, results)
        recipes = [recipe_of(name) for name in values["methods"]] or [preset.recipe for preset in PRESETS.values()]
        scores = results.scores(recipes, [w for w in tasks if w.n == values["board_n"]], values["board_measure"])
        if results.stale:
            st.caption(f"{results.stale:,} rows of that table are of embeddings that aren't here; they are left out.")
        _board(selection, recipes, scores)
        _findings(sweeps.checked(path, results, tuple(tasks), int(values["board_n"])))
        show_downloads(path, values["board"], tasks)
    except ImprintError as error:
        st.error(plain(error))


def _tools(selection: Selection) -> None:
    draw = selection.panel.draw
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, width in (("board_n", 240), ("board_measure", 220), ("board_tasks", 240)):
            draw(key, width)
        if len(tables()) > 1:
            draw("board", 200)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, width in (("methods", 360), ("board_fms", 215), ("board_data", 215)):
            draw(key, width)


def _tasks(selection: Selection, results: Results) -> list[Where]:
    values = selection.panel.values
    return [
        where
        for where in results.tasks
        if (not values["board_fms"] or where.fm in values["board_fms"])
        and (not values["board_data"] or where.dataset in values["board_data"])
        and (values["board_tasks"] == "all" or where.classes == "all")
    ]


def _board(selection: Selection, recipes: Sequence[Recipe], scores: Scores) -> None:
    if len(recipes) < 2 or not scores.tasks:
        st.info(
            "Choose two recipes or more that the table has on the same tasks; a task counts where it has all of them. "
            "`python -m imprint_core sweep` adds others.",
            icon=":material/info:",
        )
        return
    ranking, labels = rank(scores.values), [label_of(recipe) for recipe in recipes]
    n, measure = selection.panel.values["board_n"], MEASURES[selection.panel.values["board_measure"]]
    shots = f"{n} shots a class" if n else "all training samples"
    heading(f"{measure.label} over {len(scores.tasks)} tasks at {shots}", "board")
    points = [time_point(selection, recipe) for recipe in recipes]
    fill("board", points, partial(_table, selection, recipes, labels, ranking), "Timing how proxies are made", False)
    _warn(scores)
    heading("Which differences are more than chance", "critical-difference")
    tied = [" and ".join(plain(labels[m]) for m in group) for group in ranking.groups]
    plot(
        "critical-difference",
        kept_figure(
            ("cd", *labels, ranking.ranks.tolist(), ranking.groups),
            lambda: comparison.critical_difference(labels, ranking),
        ),
        alt="Average ranks: "
        + ", ".join(f"{labels[m]} {ranking.ranks[m]:.2f}" for m in ranking.ranks.argsort())
        + ". Not told apart: "
        + ("; ".join(tied) or "none"),
        height=90 + 44 * len(labels),
    )
    st.caption(_test(ranking, len(recipes)))
    with st.expander(f"Every task: {len(scores.tasks)} × {len(recipes)} medians, and p-values of every pair"):
        st.dataframe(_every_task(labels, scores), hide_index=True, width="stretch")
        st.dataframe(_p_values(labels, ranking), hide_index=True, width="stretch")


def _table(
    selection: Selection,
    recipes: Sequence[Recipe],
    labels: Sequence[str],
    ranking: Ranking,
    times: Sequence[Any],
    _: str,
) -> None:
    unit = MEASURES[selection.panel.values["board_measure"]].unit
    head = ["recipe", "average ± std", "average rank", "best on", "to make proxies", "paper: average", "paper: rank"]
    rows = []
    for m in ranking.ranks.argsort(kind="stable"):
        paper = TABLE_1.get(preset_of(recipes[m]))
        accuracy, place = (f"{paper[0]:.2f} %", f"{paper[1]:.2f}") if paper else ("–", "–")
        taken = (
            "…"
            if times[m] is None
            else f"{1000 * times[m]:,.0f} ms"
            if times[m] >= 0.01
            else f"{1000 * times[m]:.1f} ms"
        )
        average = f"{ranking.mean[m]:.1f} ± {ranking.std[m]:.1f}{unit}"
        rows.append([labels[m], average, f"{ranking.ranks[m]:.2f}", str(ranking.wins[m]), taken, accuracy, place])
    table("board", head, rows, names=True)
    info = selection.info
    st.caption(
        "Average and standard deviation over tasks of medians over seeds; equal scores share a rank and are best. "
        f"Making proxies was timed on this machine just now, for {selection.n} shots of each class of the sidebar's "
        f"task ({plain(label_of_fm(info.fm))} on {plain(label_of_dataset(info.dataset))}). The paper's (Table 1): 48 "
        "tasks of ResNet-18, ResNet-50, ViT-B/16 and Swin-B with all training samples, dense ranks."
    )


def _warn(scores: Scores) -> None:
    """What makes tests on these tasks say less than they seem to."""
    tasks, data = len(scores.tasks), {where.dataset for where in scores.tasks}
    if tasks < FEW_TASKS:
        st.warning(
            f"These are only {tasks} task{'s' if tasks > 1 else ''}: so few can hardly tell methods apart, however "
            "much they differ.",
            icon=":material/warning:",
        )
    if tasks > len(data):
        st.info(
            f"The {tasks} tasks are of {len(data)} dataset{'s' if len(data) > 1 else ''}: they share images, classes "
            "and FMs, so they are no independent witnesses, and p-values are smaller than they should be (the paper's "
            "48, too). Read them as a description.",
            icon=":material/info:",
        )


def _test(ranking: Ranking, methods: int) -> str:
    name = "Friedman's test" if methods > 2 else "Wilcoxon's test"
    found = f"{name} that all are alike: p = {ranking.friedman:.2g}."
    if ranking.friedman >= ALPHA:
        return f"{found} It is not rejected, so no pair is looked at, and all are joined."
    joined = "" if ranking.groups else " Here every pair differs."
    return (
        f"{found} Pairs by Wilcoxon's signed-rank test with Holm's correction; a bar joins recipes of which no two "
        f"differ at 5 %.{joined} Recipes that are alike everywhere are tied (Demšar, 2006; Benavoli et al., 2016)."
    )


def _every_task(labels: Sequence[str], scores: Scores) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {
        "FM": [label_of_fm(where.fm) for where in scores.tasks],
        "dataset": [label_of_dataset(where.dataset) for where in scores.tasks],
        "classes": [where.classes for where in scores.tasks],
    }
    return table | {label: scores.values[:, m].round(2).tolist() for m, label in enumerate(labels)}


def _p_values(labels: Sequence[str], ranking: Ranking) -> dict[str, list[Any]]:
    return {"p after Holm": list(labels)} | {
        label: [None if i == m else float(f"{ranking.p[i, m]:.3g}") for i in range(len(labels))]
        for m, label in enumerate(labels)
    }


def _findings(found: Sequence[Finding]) -> None:
    heading("What the paper finds, and whether it is so here", "findings")
    for one in found:
        mark = ":material/help: **can't be told**" if one.holds is None else _MARKS[one.holds]
        st.markdown(f"{mark} · {one.claim} ({one.source})  \n{one.figures}")
    said = {None: "can't be told", True: "holds here", False: "does not hold here"}
    record_table(
        "findings",
        ("what the paper finds", "here", "figures"),
        [(f"{one.claim} ({one.source})", said[one.holds], one.figures.replace("**", "")) for one in found],
    )
    st.caption(
        "Checked on the tasks above, whatever recipes are chosen, on medians over seeds. These FMs, datasets and "
        "numbers of shots are not the paper's: what doesn't hold here need not be wrong there."
    )


if __name__ == "__main__":
    hand_over("leaderboard")

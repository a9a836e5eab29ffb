"""Leaderboard: recipes compared over many tasks, with tests of their differences."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from imprint_core.sweeps.sweep_table import SweepTable, TaskKey
from ui.compute import sweeps
from ui.controls.sidebar import Selection
from ui.navigation.page_switches import hand_over
from ui.panels.leaderboard.controls import compared_recipes, table_paths
from ui.panels.leaderboard.ranking import show_auto, show_downloads, show_findings, show_ranking


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Leaderboard", anchor=False)
    st.caption(
        "Recipes compared over many tasks: FM, dataset, classes and n-shot. Which recipe is best on average, and which "
        "differences are significant?"
    )
    _tools(selection)
    values = selection.panel.values
    path = Path(table_paths()[values["board"]])
    table = sweeps.sweep_table(path, selection.panel.sets)
    tasks = _tasks(selection, table)
    recipes = compared_recipes(table, values)
    scores = table.scores(recipes, [task for task in tasks if task.n == values["board_n"]], values["board_measure"])
    if table.outdated:
        st.caption(f"{table.outdated:,} rows of this table belong to unavailable embeddings and are not used.")
    show_ranking(selection, recipes, scores)
    show_findings(sweeps.findings(path, table, tuple(tasks), int(values["board_n"])))
    show_auto(sweeps.auto_finding())
    show_downloads(path, values["board"], tasks)


def _tools(selection: Selection) -> None:
    draw = selection.panel.draw
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, width in (("board_n", 240), ("board_measure", 220), ("board_tasks", 240)):
            draw(key, width)
        if len(table_paths()) > 1:
            draw("board", 200)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, width in (("methods", 360), ("board_fms", 215), ("board_data", 215)):
            draw(key, width)


def _tasks(selection: Selection, table: SweepTable) -> list[TaskKey]:
    values = selection.panel.values
    return [
        task
        for task in table.tasks
        if (not values["board_fms"] or task.fm in values["board_fms"])
        and (not values["board_data"] or task.dataset in values["board_data"])
        and (values["board_tasks"] == "all" or task.classes == "all")
    ]


if __name__ == "__main__":
    hand_over("leaderboard")

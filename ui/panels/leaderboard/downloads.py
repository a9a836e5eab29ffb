"""Downloads of a sweep's table and of its grid."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from imprint_core.sweeps.grid import GRIDS
from imprint_core.sweeps.sweep_table import SweepTable, TaskKey


def show_downloads(path: Path, name: str, tasks: Sequence[TaskKey]) -> None:
    """Offer the rows of these tasks as CSV, the table as Parquet, and a ready-made grid as JSON."""
    st.markdown("##### Download")
    stamp = path.stat().st_mtime_ns
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "These tasks as CSV", _csv(path, stamp, tuple(tasks)), f"{name}.csv", "text/csv", on_click="ignore"
        )
        st.download_button("Whole table as Parquet", _parquet(path, stamp), f"{name}.parquet", on_click="ignore")
        if name in GRIDS:
            st.download_button(
                "Grid as JSON", json.dumps(GRIDS[name], indent=1), f"{name}.json", "application/json", on_click="ignore"
            )
    grid = name if name in GRIDS else "grid.json"
    st.caption(
        "One row per run: task, recipe, seed, accuracy, macro-F1, NC1. "
        f"`python -m imprint_core sweep {grid} --skip-impossible` makes such a table, resumes after a stop, and stores "
        "it where this page finds it. Every figure of the app can be saved as PNG, SVG and HTML, at its upper right."
    )


# Cached instead of deferred: a deferred download is lost if the page is drawn again after the click.
@st.cache_data(max_entries=8, show_spinner=False)
def _parquet(path: Path, stamp: int) -> bytes:
    return path.read_bytes()


@st.cache_data(max_entries=8, show_spinner=False)
def _csv(path: Path, stamp: int, tasks: tuple[TaskKey, ...]) -> bytes:
    return SweepTable.read(path).to_csv(tasks)

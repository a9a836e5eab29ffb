"""Downloads of a sweep's table and of the grid that makes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from imprint_core.grids import GRIDS
from imprint_core.results import Where


def show_downloads(path: Path, name: str, tasks: Sequence[Where]) -> None:
    """Offer the rows of these tasks as CSV, the whole table as Parquet, and its grid as JSON where it is ready-made."""
    st.markdown("##### Take it with you")

    def rows() -> str:
        return str(rows_of(path, tasks).to_csv(index=False))

    with st.container(horizontal=True, gap="small"):
        st.download_button("These tasks as CSV", rows, f"{name}.csv", "text/csv", on_click="ignore")
        st.download_button("Whole table as Parquet", path.read_bytes, f"{name}.parquet", on_click="ignore")
        if name in GRIDS:
            st.download_button(
                "The grid as JSON",
                json.dumps(GRIDS[name], indent=1),
                f"{name}.json",
                "application/json",
                on_click="ignore",
            )
    grid = name if name in GRIDS else "grid.json"
    st.caption(
        "A row a run: recipe, task, seed, accuracy, macro-F1, NC1. "
        f"`python -m imprint_core sweep {grid} --skip-impossible` "
        "makes such a table, goes on where it was stopped, and puts it where this page finds it. Every picture of this "
        "app offers itself as PNG, SVG and HTML, at its upper right."
    )


def rows_of(path: Path, tasks: Sequence[Where]) -> Any:
    """The rows of these tasks as a data frame."""
    import pandas as pd

    frame = pd.read_parquet(path)
    where = pd.MultiIndex.from_frame(frame[["fm", "dataset", "classes", "n"]])
    return frame[where.isin([tuple(task) for task in tasks])]

"""Downloads of a sweep's table and of the grid that makes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from imprint_core.sweeps.grid import GRIDS
from imprint_core.sweeps.sweep_table import Where


def show_downloads(path: Path, name: str, tasks: Sequence[Where]) -> None:
    """Offer the rows of these tasks as CSV, the whole table as Parquet, and its grid as JSON where it is ready-made."""
    st.markdown("##### Take it with you")
    stamp = path.stat().st_mtime_ns
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "These tasks as CSV", _csv(path, stamp, tuple(tasks)), f"{name}.csv", "text/csv", on_click="ignore"
        )
        st.download_button("Whole table as Parquet", _whole(path, stamp), f"{name}.parquet", on_click="ignore")
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


# At once, for what Streamlit makes at a click is lost where the page is drawn anew meanwhile.
@st.cache_data(max_entries=8, show_spinner=False)
def _whole(path: Path, stamp: int) -> bytes:
    return path.read_bytes()


@st.cache_data(max_entries=8, show_spinner=False)
def _csv(path: Path, stamp: int, tasks: tuple[Where, ...]) -> bytes:
    return rows_of(path, tasks)


def rows_of(path: Path, tasks: Sequence[Where]) -> bytes:
    """The rows of these tasks as CSV."""
    import pyarrow as pa
    import pyarrow.csv as pv
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    wanted = set(tasks)
    where = zip(*(table.column(name).to_pylist() for name in Where._fields), strict=True)
    sink = pa.BufferOutputStream()
    pv.write_csv(table.filter(pa.array([row in wanted for row in where])), sink)
    return bytes(sink.getvalue().to_pybytes())

"""Table of the available embedding sets; a selected set can be explored, verified and removed."""

from __future__ import annotations

import streamlit as st

from imprint_core.embeddings import SetInfo
from imprint_core.embeddings.store import open_set, remove_set, size_of
from imprint_core.errors import ImprintError
from ui.compute import results
from ui.navigation.page_switches import explore_button
from ui.server.classroom import is_teacher
from ui.server.visitor_uploads import is_own_upload, require_removable
from ui.text.markdown import plain
from ui.widgets.jobs import run_action, show_job_error


def show_sets() -> None:
    """Draw the table, and the details of the selected set."""
    sets, _ = results.sets()
    rows = sorted(sets.values(), key=lambda info: (info.bundled, info.path.stem))
    samples = [info.meta["samples"] for info in rows]
    event = st.dataframe(
        {
            "Foundation model": [info.meta["fm"]["label"] for info in rows],
            "Dataset": [info.meta["dataset"]["label"] for info in rows],
            "Classes": [len(results.class_names(info)) for info in rows],
            "Training": [s["train"]["count"] for s in samples],
            "Test": [s["test"]["count"] for s in samples],
            "Dimensions": [info.meta["fm"]["dim"] for info in rows],
            "MB": [size_of(info) / 1e6 for info in rows],
            "Source": [_source(info) for info in rows],
        },
        hide_index=True,
        column_config={
            **{name: st.column_config.NumberColumn(format="localized") for name in ("Training", "Test")},
            "MB": st.column_config.NumberColumn(format="%.1f"),
        },
        height=min(36 * (len(rows) + 1), 400),
        on_select="rerun",
        selection_mode="single-row",
        key="library_sets",
    )
    show_job_error("sets")
    selected = event["selection"]["rows"]
    if not selected:
        st.caption(f"{len(rows)} sets. Select a row to see its sources, and to explore, verify or remove the set.")
    elif selected[0] < len(rows):
        _show_details(rows[selected[0]])


def _source(info: SetInfo) -> str:
    if info.bundled:
        return "bundled"
    if is_own_upload(info):
        return "your upload, until you leave"
    return "this machine, replaces the bundled set" if info.overrides_bundled else "this machine"


def _show_details(info: SetInfo) -> None:
    fm, data, samples = info.meta["fm"], info.meta["dataset"], info.meta["samples"]
    with st.container(border=True):
        st.markdown(f"**{plain(fm['label'])} on {plain(data['label'])}**")
        st.markdown(
            f"- Weights: {plain(fm['weights_origin'])}\n"
            f"- Preprocessing: {plain(fm['transform'])}\n"
            f"- Data: {plain(data['origin'])}\n"
            f"- Samples per class: {_range(samples['train'])} training, {_range(samples['test'])} test\n"
            f"- Tensors: SHA-256 {info.digest[:16]}…"
        )
        explore, verify, remove = st.columns(3)
        with explore:
            explore_button(info)
        if verify.button(
            "Verify checksums", width="stretch", help="Compares the SHA-256 of the file with its sidecar."
        ):
            try:
                open_set(info, (1, 1))
                st.success("Checksums verified.")
            except ImprintError as error:
                st.error(plain(error))
        if info.bundled:
            remove.button("Remove set", disabled=True, width="stretch", help="Bundled sets can't be removed.")
        elif not is_teacher() and not is_own_upload(info):
            remove.button(
                "Remove set", disabled=True, width="stretch", help="In classroom mode the teacher removes sets."
            )
        else:
            with remove.popover("Remove set", width="stretch"):
                st.markdown(f"Delete {size_of(info) / 1e6:.1f} MB from disk? The dataset can be embedded again.")
                st.button("Delete set", on_click=run_action, args=(_remove, info, "sets"), type="primary")


def _remove(info: SetInfo) -> None:
    require_removable(info)
    remove_set(info)


def _range(samples: dict[str, int]) -> str:
    low, high = samples["per_class_least"], samples["per_class_most"]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"

"""Library: which embedding sets there are, and making more."""

from __future__ import annotations

import streamlit as st

from imprint_core.datasets import DATASETS, Dataset, dataset
from imprint_core.datasets.own_images import find_own_images
from imprint_core.embeddings import SetInfo
from imprint_core.embeddings.store import open_set, remove_set, size_of
from imprint_core.errors import ImprintError
from imprint_core.paths import bundled_folder, data_folder, images_folder
from ui.compute import results
from ui.controls.sidebar import Selection
from ui.navigation.links import explore_button, hand_over
from ui.text.markdown import plain
from ui.widgets.fm_choice import about_weights, choose_fm, none_at_hand, weights_upload
from ui.widgets.jobs import begin, show_jobs, show_problem

_PER_CLASS = (20, 50, 100, 200, 300, 500, 1000, 2000, "all")


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Library", anchor=False)
    st.caption(
        "An **embedding set** is what a frozen foundation model made of a dataset's images: one vector each. Making "
        "one takes minutes, once; imprinting on it takes milliseconds. Everything stays on this machine."
    )
    show_problem()
    show_jobs()
    sets, _ = results.sets()
    st.markdown("##### Sets at hand")
    chosen = _table(sets)
    if chosen is not None:
        _details(chosen)
    st.markdown("##### Embed a dataset")
    _embed(selection.info.fm)


def _table(sets: results.Sets) -> SetInfo | None:
    """The table; gives the set whose row is chosen."""
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
            "From": [_from(info) for info in rows],
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
    picked = event["selection"]["rows"]
    if not picked:
        st.caption(
            f"{len(rows)} sets. Choose a row to see what it was made with, to explore it, check it or remove it."
        )
    return rows[picked[0]] if picked and picked[0] < len(rows) else None


def _from(info: SetInfo) -> str:
    if info.bundled:
        return "comes with the app"
    return "this machine, in place of the app's" if _has_bundled(info.path.stem) else "this machine"


def _has_bundled(name: str) -> bool:
    return (bundled_folder() / f"{name}.json").is_file()


def _details(info: SetInfo) -> None:
    fm, data, samples = info.meta["fm"], info.meta["dataset"], info.meta["samples"]
    with st.container(border=True):
        st.markdown(f"**{plain(fm['label'])} on {plain(data['label'])}**")
        st.markdown(
            f"- Weights: {plain(fm['weights_origin'])}\n"
            f"- Preprocessing: {plain(fm['transform'])}\n"
            f"- Data: {plain(data['origin'])}\n"
            f"- Samples a class: {_span(samples['train'])} training, {_span(samples['test'])} test\n"
            f"- Tensors: SHA-256 {info.digest[:16]}…"
        )
        go, check, remove = st.columns(3)
        with go:
            explore_button(info)
        if check.button("Check the files", width="stretch", help="Reads them and compares them with their digest."):
            try:
                open_set(info, (1, 1))
                st.success("The files are whole.")
            except ImprintError as error:
                st.error(plain(error))
        if info.bundled:
            remove.button("Remove", disabled=True, width="stretch", help="It comes with the app.")
        else:
            with remove.popover("Remove", width="stretch"):
                st.markdown(f"Delete {size_of(info) / 1e6:.1f} MB from disk? It can be embedded again.")
                st.button("Delete this set", on_click=_remove, args=(info,), type="primary")


def _span(samples: dict[str, int]) -> str:
    low, high = samples["per_class_least"], samples["per_class_most"]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _remove(info: SetInfo) -> None:
    try:
        remove_set(info)
    except ImprintError as error:
        st.session_state.jobs_problem = str(error)


def _embed(default: str) -> None:
    missing = none_at_hand()
    if missing:
        st.info(missing, icon=":material/cloud_off:")
    left, right = st.columns(2)
    with left:
        fm = choose_fm("library_fm", default)
    with right:
        data = _choose_dataset()
    a, b, c = st.columns([2, 2, 1], vertical_alignment="bottom")
    keep = {"options": list(_PER_CLASS), "persist_state": "session"}
    train = a.select_slider("Training images a class", value=200, key="library_train", **keep)
    test = b.select_slider("Test images a class", value=100, key="library_test", **keep)
    start = c.button("Embed", type="primary", width="stretch", disabled=fm is None or data is None)
    if fm is not None and data is not None:
        if not missing:
            st.caption(about_weights(fm))
        st.caption(_about_data(data))
        there = results.sets()[0].get((fm.name, data.name))
        if there is not None:
            bundled = " The set that comes with the app stays, and is back when yours is removed."
            st.warning(
                f"There is a set of these two already ({there.meta['samples']['train']['count']:,} training samples). "
                "A new one takes its place in every page and link."
                + (bundled if _has_bundled(there.path.stem) else ""),
                icon=":material/info:",
            )
        if start:
            begin(fm, data, train, test)
    if fm is not None:
        weights_upload(fm)


def _choose_dataset() -> Dataset | None:
    own, _ = find_own_images(images_folder())
    labels = {**{name: d.label for name, d in DATASETS.items()}, **{o.name: o.label for o in own}}
    root = data_folder()
    here = [o.name for o in own] + [name for name, d in DATASETS.items() if d.present(root)]
    name = st.selectbox(
        "Dataset",
        here + [name for name in DATASETS if name not in here],
        format_func=lambda name: f"{labels.get(name, name)} · images here" if name in here else labels.get(name, name),
        key="library_data",
        persist_state="session",
        help="Its images. Datasets of your own are added on the page “Your own data”.",
    )
    try:
        return dataset(str(name))
    except ImprintError as error:
        st.error(plain(error))
        return None


def _about_data(data: Dataset) -> str:
    if data.present(data_folder()):
        return f"{plain(data.help)} The images are on this machine."
    where = f"put it into {plain(data_folder())} (or set IMPRINT\\_DATA to the folder that holds it)"
    if data.download:
        return f"Images: not on this machine; {data.download} MB are downloaded when you start, or {where}."
    return f"Images: not on this machine, and no library offers them; {where}."


if __name__ == "__main__":
    hand_over("library")

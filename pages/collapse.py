"""Neural collapse: how collapsed classes are, what that predicts for k, and whether it is so."""

from __future__ import annotations

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.k_selection import RULE
from imprint_core.sweeps.k_selection_study import LABELS, NEAR, found, standing
from ui.charts.record import heading, table
from ui.compute import results
from ui.controls.sidebar import Selection
from ui.navigation.links import hand_over
from ui.panels.collapse.class_measures import show_classes, show_measures
from ui.panels.collapse.merged_classes import show_merging
from ui.panels.collapse.spectra import show_spectra
from ui.panels.collapse.task_scatter import show_tasks
from ui.text.markdown import plain


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Neural collapse, and how many proxies pay", anchor=False)
    st.caption(
        "A class is **collapsed** where the FM puts all its images on one spot: then one proxy says it all. **NC1** "
        "measures how far classes are from that: their spread within, divided by the spread between; at 1 they vary as "
        "much within as between. Merge several classes into one, and it has several spots: does NC1 rise, and with it "
        "what more proxies bring?"
    )
    _tools(selection)
    try:
        heading("Merged classes: accuracy over k, and NC1", "accuracy-by-merging")
        show_merging(selection)
        show_tasks(selection)
        _these(selection)
        _suggestions()
    except ImprintError as error:
        st.error(plain(error))


def _tools(selection: Selection) -> None:
    draw = selection.panel.draw
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, width in (("merge", 260), ("draws", 200), ("merge_n", 160)):
            draw(key, width)
        with st.popover("As published", icon=":material/menu_book:"):
            draw("nc1")
            draw("published")


def _two_classes(selection: Selection) -> bool:
    """Whether there is anything to compare, and says why where there isn't."""
    classes = results.evaluator(selection.experiment).classes
    if len(classes) > 1 and selection.n > 1:
        return True
    st.info("Collapse compares how classes vary: it needs two classes of two shots.", icon=":material/info:")
    return False


def _these(selection: Selection) -> None:
    meta, classes = selection.info.meta, selection.experiment.classes
    which = "" if classes == "all" else f", classes {plain(classes)}"
    st.subheader(
        f"The classes now: {plain(meta['fm']['label'])} on {plain(meta['dataset']['label'])}{which}", anchor=False
    )
    if _two_classes(selection):
        # What moves with every control is drawn first; the table, which takes longer, stands above it all the same.
        table = st.container()
        show_classes(selection)
        heading("What normalisation does to collapse", "spectra")
        show_spectra(selection)
        with table:
            show_measures(selection)


def _suggestions() -> None:
    """How far suggested k's can be trusted."""
    cases = found()
    own = standing(cases, RULE)
    heading("How good a suggested k is", "suggestions")
    rows = []
    for rule, label in LABELS.items():
        of = standing(cases, rule)
        name = f"{label}, the one shown" if rule == RULE else label
        rows.append([name, f"{100 * of.near:.0f} %", f"{of.mean:.2f}", f"{of.late:.1f}"])
    head = ["rule", f"within {NEAR:g} point of the best k", "points short, mean", "95 % are below"]
    table("suggestions", head, rows, strong=list(LABELS).index(RULE))
    st.caption(
        f"Over {len(cases)} pairs of a bundled task and an n-shot, {own.suggestions:,} suggestions, each from the "
        f"shots of one seed alone. The best k is that of the highest median accuracy on the test samples; {NEAR:g} "
        "point of accuracy counts as near. Measured by `python -m imprint_core survey --of suggested-k`."
    )


if __name__ == "__main__":
    hand_over("collapse")

"""Neural collapse, and the number of proxies it suggests."""

from __future__ import annotations

import streamlit as st

from imprint_core.evaluation.k_selection import DEFAULT_RULE
from imprint_core.sweeps.k_selection_study import LABELS, NEAR, bundled_study, standing
from ui.charts.record import heading, table
from ui.compute import results
from ui.controls.sidebar import Selection
from ui.navigation.page_switches import hand_over
from ui.panels.collapse.class_measures import show_class_curves, show_measures
from ui.panels.collapse.merged_classes import show_merged_classes
from ui.panels.collapse.spectra import show_spectra
from ui.panels.collapse.task_scatter import show_all_tasks
from ui.text.markdown import plain


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Neural collapse and the number of proxies", anchor=False)
    st.caption(
        "A class is **collapsed** if the FM maps all its images to nearly the same embedding: then one proxy suffices. "
        "**NC1** measures the distance from collapse: the variance within classes relative to the variance between "
        "class means. A class merged from several classes has several modes. Does NC1 rise, and with it the gain of "
        "more proxies?"
    )
    draw = selection.panel.draw
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, width in (("merge", 260), ("draws", 200), ("merge_n", 160)):
            draw(key, width)
        with st.popover("Published results", icon=":material/menu_book:"):
            draw("nc1")
            draw("published")
    heading("Merged classes: accuracy over k, and NC1", "accuracy-by-merging")
    show_merged_classes(selection)
    show_all_tasks(selection)
    _show_current_classes(selection)
    _show_suggestions()


def _show_current_classes(selection: Selection) -> None:
    experiment, variant = selection.experiment, str(selection.panel.values["nc1"])
    fm, dataset = (plain(experiment.info.meta[part]["label"]) for part in ("fm", "dataset"))
    classes = "" if experiment.classes == "all" else f", classes {plain(experiment.classes)}"
    st.subheader(f"Current classes: {fm} on {dataset}{classes}", anchor=False)
    if len(results.evaluator(experiment).classes) < 2 or experiment.n_shot == 1:
        st.info("NC1 needs at least two classes with two shots each.", icon=":material/info:")
        return
    # Figures that change with every control are drawn before the table above them, which takes longer.
    measures = st.container()
    show_class_curves(experiment, variant)
    heading("Collapse and normalisation", "spectra")
    show_spectra(experiment, variant)
    with measures:
        show_measures(experiment, variant)


def _show_suggestions() -> None:
    """Show how close suggested k's are to the best k."""
    cases = bundled_study()
    heading("Accuracy of the suggested k", "suggestions")
    rows = []
    for rule, label in LABELS.items():
        result = standing(cases, rule)
        name = f"{label} (displayed)" if rule == DEFAULT_RULE else label
        rows.append([name, f"{100 * result.near:.0f} %", f"{result.mean:.2f}", f"{result.late:.1f}"])
    head = ["rule", f"within {NEAR:g} point of the best k", "mean loss (points)", "95th percentile"]
    table("suggestions", head, rows, strong=list(LABELS).index(DEFAULT_RULE))
    st.caption(
        f"{len(cases)} pairs of a bundled task and an n-shot, {standing(cases, DEFAULT_RULE).suggestions:,} "
        "suggestions, each from the shots of one seed. The best k has the highest median test accuracy. Loss: its "
        "accuracy minus that of the suggested k."
    )


if __name__ == "__main__":
    hand_over("collapse")

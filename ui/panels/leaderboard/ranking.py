"""Results of a sweep: the ranking of recipes over tasks, the paper's findings, and downloads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from imprint_core.evaluation.ranking import ALPHA, FEW_TASKS, Ranking, rank
from imprint_core.figures import comparison
from imprint_core.recipes.presets import preset_of
from imprint_core.sweeps.grid import GRIDS
from imprint_core.sweeps.paper_findings import Finding
from imprint_core.sweeps.paper_results import TABLE_1
from imprint_core.sweeps.run_measures import MEASURES
from imprint_core.sweeps.sweep_recipe import SweepRecipe
from imprint_core.sweeps.sweep_table import SweepTable, TaskKey, TaskScores
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import heading, record_table, table
from ui.compute import results
from ui.compute.progressive import Point
from ui.controls.sidebar import Selection
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

_VERDICTS = {None: "not enough runs", True: "holds here", False: "does not hold here"}
_ICONS = {None: ":material/help:", True: ":material/check_circle:", False: ":material/cancel:"}


def show_ranking(selection: Selection, recipes: Sequence[SweepRecipe], scores: TaskScores) -> None:
    """Draw the comparison of recipes on the tasks that have runs of all of them."""
    if len(recipes) < 2 or not scores.tasks:
        st.info(
            "Select two recipes or more with runs on the same tasks of this table. "
            "For tables with other recipes, see the guide, Command line.",
            icon=":material/info:",
        )
        return
    ranking, labels = rank(scores.values), [recipe.label for recipe in recipes]
    n, measure = selection.panel.values["board_n"], MEASURES[selection.panel.values["board_measure"]]
    shots = f"{n} shots per class" if n else "all training samples"
    heading(f"{measure.label} over {len(scores.tasks)} tasks at {shots}", "board")
    points = [_fit_time(selection, recipe) for recipe in recipes]
    make = partial(_table, selection, recipes, labels, ranking, scores.test_samples)
    draw_progressively("board", points, make, "Timing GEN", False)
    _warnings(scores)
    heading("Significant differences", "critical-difference")
    tied = [" and ".join(plain(labels[m]) for m in group) for group in ranking.groups]
    plot(
        "critical-difference",
        comparison.critical_difference(labels, ranking),
        alt="Average ranks: "
        + ", ".join(f"{labels[m]} {ranking.ranks[m]:.2f}" for m in ranking.ranks.argsort())
        + ". Not significantly different: "
        + ("; ".join(tied) or "none"),
        height=90 + 44 * len(labels),
    )
    st.caption(_test(ranking, len(recipes)))
    with st.expander(f"All tasks: {len(scores.tasks)} × {len(recipes)} medians, and p-values of all pairs"):
        st.dataframe(_medians(labels, scores), hide_index=True, width="stretch")
        st.dataframe(_p_values(labels, ranking), hide_index=True, width="stretch")


def _fit_time(selection: Selection, recipe: SweepRecipe) -> Point:
    """Seconds to generate proxies from the first seed's shots of the sidebar's task."""
    experiment = selection.experiment.first_seed.with_(recipe=recipe.for_fm(selection.experiment.info.fm))
    return Point(("fit time", experiment.key), partial(results.fit_seconds, experiment))


def _table(
    selection: Selection,
    recipes: Sequence[SweepRecipe],
    labels: Sequence[str],
    ranking: Ranking,
    test_samples: Sequence[int],
    seconds: Sequence[Any],
) -> None:
    unit = MEASURES[selection.panel.values["board_measure"]].unit
    head = ["recipe", "average ± std", "average rank", "best on", "time of GEN", "paper: average", "paper: rank"]
    rows = []
    for m in ranking.ranks.argsort(kind="stable"):
        paper = TABLE_1.get(preset_of(recipes[m].recipe))
        accuracy, paper_rank = (f"{paper[0]:.2f} %", f"{paper[1]:.2f}") if paper else ("–", "–")
        time = "…" if seconds[m] is None else f"{1000 * seconds[m]:,.{0 if seconds[m] >= 0.01 else 1}f} ms"
        average = f"{ranking.mean[m]:.1f} ± {ranking.std[m]:.1f}{unit}"
        rows.append([labels[m], average, f"{ranking.ranks[m]:.2f}", str(ranking.wins[m]), time, accuracy, paper_rank])
    table("board", head, rows, names=True)
    info, n = selection.experiment.info, selection.experiment.n_shot
    st.caption(
        "Average and standard deviation over tasks of the medians over seeds, each on "
        f"{_span(test_samples)} test samples; equal scores share a rank, and all count as best. GEN was timed on this "
        f"machine just now, with {n} shots per class of the sidebar's task ({plain(label_of_fm(info.fm))} on "
        f"{plain(label_of_dataset(info.dataset))}). Paper (Table 1): 48 tasks of "
        "ResNet-18, ResNet-50, ViT-B/16 and Swin-B with all training samples, dense ranks."
    )


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _warnings(scores: TaskScores) -> None:
    """Warn if tests on these tasks have little power or too small p-values."""
    tasks, data = len(scores.tasks), {task.dataset for task in scores.tasks}
    if tasks < FEW_TASKS:
        st.warning(
            f"Only {tasks} task{'s' if tasks > 1 else ''}: with fewer than {FEW_TASKS}, even large differences are "
            "not significant.",
            icon=":material/warning:",
        )
    if tasks > len(data):
        st.info(
            f"The {tasks} tasks come from {len(data)} dataset{'s' if len(data) > 1 else ''}. Tasks share images and "
            "FMs, so they are not independent; p-values are too small. The same holds for the paper's 48 tasks.",
            icon=":material/info:",
        )


def _test(ranking: Ranking, methods: int) -> str:
    name = "Friedman's test" if methods > 2 else "Wilcoxon's test"
    result = f"{name} of equal recipes: p = {ranking.friedman:.2g}."
    if ranking.friedman >= ALPHA:
        return f"{result} Equality is not rejected at 5 %, so pairs are not tested and one bar joins all recipes."
    all_differ = "" if ranking.groups else " Here all pairs differ significantly."
    return (
        f"{result} Pairs are tested by Wilcoxon's signed-rank test with Holm's correction; a bar joins recipes without "
        f"a significant difference at 5 %.{all_differ} Recipes with identical scores are tied (Demšar, 2006; Benavoli "
        "et al., 2016)."
    )


def _medians(labels: Sequence[str], scores: TaskScores) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "FM": [label_of_fm(task.fm) for task in scores.tasks],
        "dataset": [label_of_dataset(task.dataset) for task in scores.tasks],
        "classes": [task.classes for task in scores.tasks],
        "test samples": list(scores.test_samples),
    }
    return columns | {label: scores.values[:, m].round(2).tolist() for m, label in enumerate(labels)}


def _p_values(labels: Sequence[str], ranking: Ranking) -> dict[str, list[Any]]:
    return {"p after Holm": list(labels)} | {
        label: [None if i == m else float(f"{ranking.p[i, m]:.3g}") for i in range(len(labels))]
        for m, label in enumerate(labels)
    }


def show_findings(findings: Sequence[Finding]) -> None:
    """Draw each finding with its verdict and evidence."""
    heading("Paper findings: do they hold here?", "findings")
    _draw_findings("findings", findings)
    st.caption(
        "Checked on the tasks above, independent of the selected recipes, on medians over seeds. FMs, datasets and "
        "n-shots differ from the paper's: a finding that does not hold here may still hold there."
    )


def show_auto(finding: Finding) -> None:
    """Draw whether Auto is close to the best recipe, on all tasks of its survey."""
    heading("Auto: does it hold here?", "auto")
    _draw_findings("auto", [finding])
    st.caption(
        "From a survey of every bundled set with 1 to 600 shots per class and of merged classes, independent of the "
        "table and the tasks above. All tasks and numbers: `docs/auto.md`."
    )


def _draw_findings(name: str, findings: Sequence[Finding]) -> None:
    for finding in findings:
        verdict = f"{_ICONS[finding.holds]} **{_VERDICTS[finding.holds]}**"
        st.markdown(f"{verdict} · {finding.claim} ({finding.source})  \n{finding.evidence}")
    record_table(
        name,
        ("finding", "here", "evidence"),
        [(f"{f.claim} ({f.source})", _VERDICTS[f.holds], f.evidence.replace("**", "")) for f in findings],
    )


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
    st.caption(
        "One row per run: task, recipe, seed, accuracy, macro-F1, NC1. "
        "To compute such a table, see the guide, Command line; this page then lists it. Every figure of the app can be "
        "saved as PNG, SVG and HTML, at its upper right."
    )


# Cached instead of deferred: a deferred download is lost if the page is drawn again after the click.
@st.cache_data(max_entries=8, show_spinner=False)
def _parquet(path: Path, stamp: int) -> bytes:
    return path.read_bytes()


@st.cache_data(max_entries=8, show_spinner=False)
def _csv(path: Path, stamp: int, tasks: tuple[TaskKey, ...]) -> bytes:
    return SweepTable.read(path).to_csv(tasks)

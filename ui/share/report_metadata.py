"""Configuration, headline results and sources of a report."""

from __future__ import annotations

import platform
from importlib.metadata import version

import streamlit as st

from imprint_core import __version__
from imprint_core.export import PAPER
from ui.compute import collapse, results
from ui.controls.sidebar import Selection
from ui.share.links import is_local, link
from ui.text import descriptions
from ui.text.labels import count_text

# Groups of controls that the other lines of the report cover.
_COVERED_GROUPS = ("Task", "Recipe", "Runs")


def report_metadata(selection: Selection) -> list[tuple[str, str]]:
    """Return names and texts of the report's configuration and headline results."""
    experiment = selection.experiment
    info, fm, data = experiment.info, experiment.info.meta["fm"], experiment.info.meta["dataset"]
    evaluator = results.evaluator(experiment)
    names = [evaluator.pool.names[c] for c in evaluator.classes]
    accuracy, tested = results.evaluation(experiment).summary, count_text(len(evaluator.truth), info)
    how = ", each tested in turn (cross-validation)" if evaluator.pool.resplit else ""
    nc1 = collapse.nc1(experiment)
    merged = descriptions.merged_classes(experiment.classes, results.class_names(info))
    return [
        ("Foundation model", f"{fm['label']}, {fm['dim']} dimensions, frozen. Weights: {fm['weights_origin']}"),
        (
            "Dataset",
            data["origin"] if data["origin"].startswith(data["label"]) else f"{data['label']}. {data['origin']}",
        ),
        ("Classes", merged or f"{len(names)}: {', '.join(names[:20])}{', …' if len(names) > 20 else ''}"),
        ("Shots per class", f"{selection.experiment.n_shot:,}"),
        ("Recipe", f"{experiment.recipe} (NORM pre / post / inf)"),
        ("Accuracy", f"{accuracy.text('{:.1f} %')} on {tested}{how}"),
        ("NC1 of the shots", "–" if nc1 is None else nc1.text("{:.2f}")),
        ("Seeds", ", ".join(map(str, experiment.seeds))),
        *_page_settings(selection),
        ("Link, on this machine only" if is_local() else "Link", link()),
        ("Embeddings", f"SHA-256 {info.digest}"),
        ("Versions", _versions()),
        ("Source", PAPER),
    ]


def _page_settings(selection: Selection) -> list[tuple[str, str]]:
    """Labels and values of the other controls that differ from their defaults."""
    settings = []
    for control in selection.panel.controls:
        value = selection.panel.values[control.key]
        if control.key in st.query_params and (control.group not in _COVERED_GROUPS or control.key == "map"):
            labels = map(control.show, value) if isinstance(value, tuple) else [control.show(value)]
            settings.append((control.label.split(":")[0], ", ".join(labels)))
    return settings


def _versions() -> str:
    packages = ("numpy", "scikit-learn", "plotly", "streamlit")
    python = [f"imprint {__version__}", f"Python {platform.python_version()}"]
    return ", ".join(python + [f"{name} {version(name)}" for name in packages])

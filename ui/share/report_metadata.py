"""What is chosen and what comes of it, in words, for what a person takes away."""

from __future__ import annotations

import platform
from importlib.metadata import version
from urllib.parse import urlencode, urlsplit

import streamlit as st

from imprint_core import __version__
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.export import PAPER
from ui.charts.accuracy_over_k import accuracies
from ui.charts.nc1_over_shots import nc1_at
from ui.compute import results
from ui.controls.sidebar import Selection
from ui.controls.table import CONTROLS
from ui.text import descriptions

# Those that have a line of their own, or are in the recipe's.
_TOLD = ("Task", "Recipe", "Runs")


def link() -> str:
    """The address of what is on screen, as far as the server knows it."""
    query, page = urlencode(st.query_params.to_dict()), st.context.url or ""
    # As browsers write it: without a path there is a slash.
    page += "/" if page.count("/") == 2 else ""
    return f"{page}?{query}" if query else page


def only_here() -> bool:
    """Whether the app's address means this machine on any other."""
    return urlsplit(st.context.url or "").hostname in ("localhost", "127.0.0.1", "::1", None)


def facts(selection: Selection) -> list[tuple[str, str]]:
    """Name and text of everything that a report says beside its pictures."""
    info = selection.info
    fm, data = info.meta["fm"], info.meta["dataset"]
    names = results.evaluator(selection.experiment)
    part = [names.pool.names[c] for c in names.classes]
    accuracy = summarize(accuracies(selection, selection.recipe))
    nc1 = nc1_at(selection, selection.n, "textbook")
    merged = descriptions.classes(selection)
    return [
        ("Foundation model", f"{fm['label']}, {fm['dim']} dimensions, frozen. Weights: {fm['weights_origin']}"),
        (
            "Dataset",
            data["origin"] if data["origin"].startswith(data["label"]) else f"{data['label']}. {data['origin']}",
        ),
        ("Classes", merged or f"{len(part)}: {', '.join(part[:20])}{', …' if len(part) > 20 else ''}"),
        ("Shots a class", f"{selection.n:,}"),
        ("Recipe", f"{selection.recipe} (NORM as pre / post / inf)"),
        ("Accuracy", _told(accuracy, "{:.1f} %") + f" on {len(names.truth):,} test samples"),
        ("NC1 of the shots", "–" if nc1 is None else _told(nc1, "{:.2f}")),
        ("Seeds", ", ".join(map(str, selection.seeds))),
        *_also(selection),
        ("Link, on this machine only" if only_here() else "Link", link()),
        ("Embeddings", f"SHA-256 {info.digest}"),
        ("Versions", _versions()),
        ("Source", PAPER),
    ]


def _told(run: Summary, shown: str) -> str:
    median, low, high = (shown.format(v) for v in (run.median, run.low, run.high))
    if run.runs == 1:
        return f"{median} (1 seed)"
    return f"{median} ({low} to {high} over {run.runs} seeds)" if run.low < run.high else f"{median} ({run.runs} seeds)"


def _also(selection: Selection) -> list[tuple[str, str]]:
    """What else differs from what pages begin with."""
    panel, told = selection.panel, []
    for control in CONTROLS:
        value = panel.values[control.key]
        chosen = control.key in st.query_params and (control.group not in _TOLD or control.key == "map")
        if chosen:
            shown = map(control.show, value) if isinstance(value, tuple) else [control.show(value)]
            told.append((control.label.split(":")[0], ", ".join(shown)))
    return told


def _versions() -> str:
    packages = ("numpy", "scikit-learn", "plotly", "streamlit")
    found = [f"imprint {__version__}", f"Python {platform.python_version()}"]
    return ", ".join(found + [f"{name} {version(name)}" for name in packages])

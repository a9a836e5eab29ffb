"""NC1 of split classes, NC1 per class, and spectra of the variance within and between classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.spectra import STAGES, Spectra
from imprint_core.evaluation.metrics import Summary
from imprint_core.figures.charts import error_bars, log_ticks, nc1_curve, suggestion_mark
from imprint_core.figures.plotly_json import Figure, make_figure, panel_title
from imprint_core.figures.style import ACCENT, CURRENT, FEW_CLASSES, LEGEND, MARGINS, THEME_TEXT, escape, shortened

# Numbers of the axes of four panels; the first has none.
_NUMBERS = ("", "2", "3", "4")


def nc1_over_split(ks: Sequence[int], runs: Sequence[Summary], selected: Collection[int] = ()) -> Figure:
    """Draw NC1 of classes split into k clusters each, with marks at the minimum and at each k that Auto selects."""
    least = int(np.argmin([r.median for r in runs]))
    marked = (ks[least], runs[least], f"minimum at k = {ks[least]}")
    figure = nc1_curve(ks, runs, "NC1 of the clusters", "clusters per class, k", marked)
    medians = {k: run.median for k, run in zip(ks, runs, strict=True) if k in selected}
    if medians:
        figure["data"].append(suggestion_mark(list(medians), list(medians.values()), "Auto, k = %{x}: %{y:.2f}"))
    return figure


def nc1_by_class(names: Sequence[str], runs: Sequence[Summary], all_samples: Sequence[float]) -> Figure:
    """Draw NC1 of each class in descending order.

    `runs` is NC1 of each class's shots over seeds, drawn as bars; `all_samples` that of its training samples, drawn as
    points.
    """
    order = sorted(range(len(names)), key=lambda c: -runs[c].median)
    few, positions = len(names) <= FEW_CLASSES, list(range(len(order)))
    sorted_runs, labels = [runs[c] for c in order], [escape(names[c]) for c in order]
    error_y = error_bars(sorted_runs, thickness=1.2, width=3)
    bars = {
        "type": "bar",
        "x": positions,
        "y": [run.median for run in sorted_runs],
        "marker": {"color": ACCENT},
        "name": "shots",
        "customdata": [(label, run.low, run.high) for label, run in zip(labels, sorted_runs, strict=True)],
        "error_y": {**error_y, "visible": few and error_y["visible"]},
        "hovertemplate": "%{customdata[0]}: %{y:.2f}<br>%{customdata[1]:.2f} to %{customdata[2]:.2f} over seeds"
        "<extra></extra>",
    }
    points = {
        "type": "scatter",
        "x": positions,
        "y": [all_samples[c] for c in order],
        "mode": "markers",
        "name": "all training samples",
        "marker": {"symbol": "diamond", "size": 8 if few else 5, "color": CURRENT},
        "customdata": labels,
        "hovertemplate": "%{customdata}, all training samples: %{y:.2f}<extra></extra>",
    }
    return make_figure(
        [bars, points],
        xaxis={
            "tickvals": positions,
            "ticktext": [escape(shortened(names[c], 14)) for c in order],
            "showticklabels": few,
            "tickangle": -35 if max(map(len, names)) > 2 else 0,
            "title": {"text": "class" if few else f"{len(names)} classes, in descending order"},
        },
        yaxis={"title": {"text": "NC1 of the class"}, "rangemode": "tozero"},
        legend=LEGEND,
        margin=MARGINS,
        bargap=0.35,
    )


def spectra_panels(spectra: Mapping[str, Spectra]) -> Figure:
    """Draw variances along principal directions within and between classes, one panel per stage of `STAGES`."""
    lines = [
        {
            "type": "scatter",
            "x": list(range(1, len(values) + 1)),
            "y": _relative(spectra[stage], values).astype(np.float32),
            "mode": "lines" if len(values) > 1 else "markers",
            "line": {"color": color, "width": 2, "dash": dash},
            "name": label,
            "legendgroup": label,
            "showlegend": stage == next(iter(spectra)),
            "hovertemplate": f"{STAGES[stage].label}, {label}<br>direction %{{x}}: %{{y:.3g}} × the mean variance "
            "within<extra></extra>",
            "xaxis": f"x{number}",
            "yaxis": f"y{number}",
        }
        for number, stage in zip(_NUMBERS, STAGES, strict=True)
        if stage in spectra
        for values, label, color, dash in (
            (spectra[stage].within, "within classes", ACCENT, "solid"),
            (spectra[stage].between, "between class means", CURRENT, "dash"),
        )
    ]
    longest = max(len(s.within) for s in spectra.values())
    # All panels have the same range so that they can be compared; values below a millionth of the largest are left out.
    values = np.concatenate([_relative(s, v) for s in spectra.values() for v in (s.within, s.between)])
    high = float(values.max(initial=1.0))
    low = float(values[values > 1e-6 * high].min(initial=high / 10))
    directions = {"type": "log", "range": [-0.05, np.log10(max(longest, 2)) + 0.05], **log_ticks(1, longest, (1,))}
    variances = {
        "type": "log",
        "dtick": 1,
        "exponentformat": "power",
        "range": [np.log10(low) - 0.2, np.log10(high) + 0.2],
    }
    axes: dict[str, Any] = {}
    titles = []
    for panel, (number, stage) in enumerate(zip(_NUMBERS, STAGES, strict=True)):
        left, top = panel % 2 == 0, panel < 2
        x, y = ([0.0, 0.48] if left else [0.52, 1.0]), ([0.56, 1.0] if top else [0.0, 0.44])
        x_labels = {"showticklabels": False} if top else {"title": {"text": "direction"}}
        y_labels = {"title": {"text": "variance"}} if left else {"showticklabels": False}
        axes[f"xaxis{number}"] = {**directions, **x_labels, "anchor": f"y{number}", "domain": x}
        axes[f"yaxis{number}"] = {**variances, **y_labels, "anchor": f"x{number}", "domain": y}
        if number:
            axes[f"xaxis{number}"]["matches"] = "x"
            axes[f"yaxis{number}"]["matches"] = "y"
        nc1 = f": NC1 {spectra[stage].nc1:.2f}" if stage in spectra else ""
        titles.append(panel_title(STAGES[stage].label + nc1, x, y, color=THEME_TEXT))
    return make_figure(
        lines,
        **axes,
        annotations=titles,
        legend={**LEGEND, "y": 1.08},
        margin={**MARGINS, "t": 44},
        hovermode="closest",
    )


def _relative(spectra: Spectra, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return variances divided by the mean variance within classes: those of a sphere are 1."""
    return values / (spectra.within.sum() / spectra.dim or 1.0)

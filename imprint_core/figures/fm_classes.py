"""Figure of new classes beside those of an FM's own classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imprint_core.evaluation.metrics import Summary
from imprint_core.figures.charts import ACCURACY_AXIS, curve_chart, curve_traces
from imprint_core.figures.plotly_json import Figure, Trace
from imprint_core.figures.style import AMBER, BLUE, PURPLE

_LINES = {"new": ("new classes", BLUE), "old": ("old classes", AMBER), "harmonic_mean": ("harmonic mean", PURPLE)}


def beside_chart(
    ns: Sequence[int], scaled: Mapping[str, Sequence[Summary]], unscaled: Mapping[str, Sequence[Summary]]
) -> Figure:
    """Accuracies over n-shot, with the chosen scale as lines with bands, with plain cosines as dotted lines.

    Parameters
    ----------
    ns : sequence of int
    scaled, unscaled : mapping of str to sequence of Summary
        Over seeds, for each n, by "new", "old" and "harmonic_mean".
    """
    traces: list[Trace] = []
    for key, (name, color) in _LINES.items():
        traces += curve_traces(ns, scaled[key], name, f"{name} %{{y:.1f}} %", color, legendgroup=key)
        traces.append(
            {
                "type": "scatter",
                "x": list(ns),
                "y": [run.median for run in unscaled[key]],
                "mode": "lines",
                "name": "plain cosines",
                "line": {"color": color, "width": 1.5, "dash": "dot"},
                "hovertemplate": f"%{{x}}: {name} with plain cosines %{{y:.1f}} %<extra></extra>",
                "legendgroup": key,
                "showlegend": key == "old",
            }
        )
    return curve_chart(traces, ns, "shots per class, n", ACCURACY_AXIS, (0, 100))

"""A table of the correlation of NC1 with the gain for groups of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imprint_core.evaluation.metrics import signed
from imprint_core.figures.nc1_gain import TaskPoint
from ui.compute.task_curves import correlation_of
from ui.text.markdown import plain

# Heading and field of `Correlation`.
COEFFICIENTS = {"Spearman": "spearman", "Pearson": "pearson", "Pearson, log NC1": "pearson_log"}


def correlation_table(groups: Mapping[str, Sequence[TaskPoint]], coefficients: Mapping[str, str] = COEFFICIENTS) -> str:
    """Return the table in Markdown: name and size of each group, and the coefficients."""
    lines = [f"| tasks | number | {' | '.join(coefficients)} |", "|:--|--:|" + "--:|" * len(coefficients)]
    for name, points in groups.items():
        correlation = correlation_of(points)
        values = [signed(getattr(correlation, field), 2) if correlation else "–" for field in coefficients.values()]
        lines.append(f"| {plain(name)} | {len(points)} | {' | '.join(values)} |")
    return "\n".join(lines)

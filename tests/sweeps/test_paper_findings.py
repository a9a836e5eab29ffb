from dataclasses import asdict

import numpy as np
import pytest

from imprint_core.sweeps.paper_findings import check_findings
from imprint_core.sweeps.sweep_recipe import parse_sweep_recipe
from imprint_core.sweeps.sweep_table import SweepTable, bundled_sweep


@pytest.fixture(scope="module")
def rows():
    """Rows of the bundled table with the parameters of their recipes."""
    rows = SweepTable.read(bundled_sweep()).rows.to_pylist()
    parameters = {text: asdict(parse_sweep_recipe(text).recipe) for text in {row["recipe"] for row in rows}}
    return [{**row, **parameters[row["recipe"]]} for row in rows]


def verdicts(table, n):
    return [finding.holds for finding in check_findings(table, table.tasks, n)]


def test_verdicts_on_the_bundled_table(bundled):
    table = SweepTable.read(bundled_sweep(), bundled)
    # L2, pre and inf, max, all samples, order of GEN, overtaking, NC1.
    assert verdicts(table, 200) == [True, True, False, True, True, True, False]
    assert verdicts(table, 100) == [True, True, False, True, True, True, False]
    # With 20 shots and k = 20 every shot is a proxy, so AGG for k-means proxies can't be checked.
    assert verdicts(table, 20)[2] is None
    assert all(finding.evidence and finding.source for finding in check_findings(table, table.tasks, 200))


def test_the_evidence_has_the_numbers_of_the_table(rows, bundled):
    table = SweepTable.read(bundled_sweep(), bundled)
    accuracies = {}
    for row in rows:
        if row["n"] == 200 and row["agg"] == "max" and row["gen"] == "kmedoids" and row["k"] == 20:
            accuracies.setdefault((row["fm"], row["dataset"], row["classes"]), []).append(row["accuracy"])
    mean = np.mean([np.median(values) for values in accuracies.values()])
    order = check_findings(table, table.tasks, 200)[4]
    assert f"k-medoids {mean:.1f}" in order.evidence
    assert f"over {len(accuracies)} tasks" in order.evidence


def altered(rows, selected, change):
    return SweepTable.from_rows({**row, "accuracy": change(row["accuracy"])} if selected(row) else row for row in rows)


@pytest.mark.parametrize(
    ("number", "selected", "change"),
    [
        (0, lambda r: r["gen"] == "mean" and r["norm_post"] == "l2", lambda a: 0.0),
        (1, lambda r: r["gen"] == "mean" and r["norm_pre"] == "l2" and r["norm_post"] == "l2", lambda a: a - 5),
        (3, lambda r: r["gen"] == "all" and r["m"] == 3 and r["agg"] == "mnn", lambda a: 0.0),
        (4, lambda r: r["gen"] == "fps", lambda a: 100.0),
        (5, lambda r: r["gen"] == "kmeans" and r["k"] == 20 and r["n"] == 5, lambda a: 100.0),
    ],
)
def test_findings_that_hold_fail_with_other_numbers(rows, number, selected, change):
    assert verdicts(altered(rows, selected, change), 200)[number] is False


@pytest.mark.parametrize(
    ("number", "selected", "change"),
    [
        (2, lambda r: r["gen"] == "kmeans" and r["agg"] == "mnn" and r["m"] > 1, lambda a: 0.0),
        (6, lambda r: False, lambda a: a),
    ],
)
def test_findings_that_fail_hold_with_other_numbers(rows, number, selected, change):
    if number == 6:
        # A gain equal to NC1.
        rows = [
            {**row, "accuracy": (row["k"] == 5) * 10 * row["nc1"]} if row["gen"] == "kmeans" and row["k"] < 20 else row
            for row in rows
        ]
    assert verdicts(altered(rows, selected, change), 200)[number] is True


def test_an_empty_table_gives_no_verdict():
    assert verdicts(SweepTable.from_rows([]), 100) == [None] * 7

import numpy as np
import pytest

from imprint_core.sweeps.paper_findings import check
from imprint_core.sweeps.runner import read_table
from imprint_core.sweeps.sweep_table import Results, bundled_results


@pytest.fixture(scope="module")
def rows():
    return read_table(bundled_results())


def verdicts(results, n):
    return [one.holds for one in check(results, results.tasks, n)]


def test_verdicts_on_the_bundled_table(rows, bundled):
    results = Results(rows, bundled)
    # L2, pre and inf, max, all samples, order of GEN, overtaking, NC1.
    assert verdicts(results, 200) == [True, True, False, True, True, True, False]
    assert verdicts(results, 100) == [True, True, False, True, True, True, False]
    # With 20 shots and k = 20 every shot is a proxy: nothing to say of AGG for k-means proxies.
    assert verdicts(results, 20)[2] is None
    assert all(one.figures and one.source for one in check(results, results.tasks, 200))


def test_figures_are_the_tables(rows, bundled):
    results = Results(rows, bundled)
    frame = {}
    for row in rows:
        if row["n"] == 200 and row["agg"] == "max" and row["gen"] == "kmedoids" and row["k"] == 20:
            frame.setdefault((row["fm"], row["dataset"], row["classes"]), []).append(row["accuracy"])
    mean = np.mean([np.median(values) for values in frame.values()])
    order = check(results, results.tasks, 200)[4]
    assert f"k-medoids {mean:.1f}" in order.figures
    assert f"over {len(frame)} tasks" in order.figures


def altered(rows, which, change):
    return Results([{**row, "accuracy": change(row["accuracy"])} if which(row) else row for row in rows])


@pytest.mark.parametrize(
    ("place", "which", "change"),
    [
        (0, lambda r: r["gen"] == "mean" and r["norm_post"] == "l2", lambda a: 0.0),
        (1, lambda r: r["gen"] == "mean" and r["norm_pre"] == "l2" and r["norm_post"] == "l2", lambda a: a - 5),
        (3, lambda r: r["gen"] == "all" and r["m"] == 3 and r["agg"] == "mnn", lambda a: 0.0),
        (4, lambda r: r["gen"] == "fps", lambda a: 100.0),
        (5, lambda r: r["gen"] == "kmeans" and r["k"] == 20 and r["n"] == 5, lambda a: 100.0),
    ],
)
def test_what_holds_would_not_with_other_numbers(rows, place, which, change):
    results = altered(rows, which, change)
    assert verdicts(results, 200)[place] is False


@pytest.mark.parametrize(
    ("place", "which", "change"),
    [
        (2, lambda r: r["gen"] == "kmeans" and r["agg"] == "mnn" and r["m"] > 1, lambda a: 0.0),
        (6, lambda r: False, lambda a: a),
    ],
)
def test_what_does_not_hold_would_with_other_numbers(rows, place, which, change):
    own = rows
    if place == 6:
        # A gain that is NC1 itself.
        own = [
            {**row, "accuracy": (row["k"] == 5) * 10 * row["nc1"]} if row["gen"] == "kmeans" and row["k"] < 20 else row
            for row in rows
        ]
    assert verdicts(altered(own, which, change), 200)[place] is True


def test_nothing_can_be_told_of_an_empty_table():
    assert verdicts(Results([]), 100) == [None] * 7

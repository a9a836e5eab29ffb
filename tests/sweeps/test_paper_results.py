import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from imprint_core.evaluation.class_specs import d_and_draw
from imprint_core.sweeps.paper_results import FMS, TASKS, accuracy_over_k, gain, nc1

POINTS = [(fm, task) for fm in FMS for task in TASKS]
DATASETS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR-10", "combidigits": "CombiDigits"}


def test_every_point_is_there():
    assert len(set(POINTS)) == 56
    for fm, task in POINTS:
        curve = accuracy_over_k(fm, task)
        assert len(curve) == 15
        assert all(0 <= accuracy <= 100 for accuracy in curve)
        assert nc1(fm, task) > 0


@pytest.mark.parametrize("number", [accuracy_over_k, nc1, gain])
@pytest.mark.parametrize(("fm", "task"), [("resnet34", "mnist"), ("resnet18", "usps"), ("resnet18", "11in1")])
def test_other_keys_are_errors(number, fm, task):
    with pytest.raises(KeyError):
        number(fm, task)


def test_tasks_are_datasets_and_d_in_1():
    assert [d_and_draw(task) for task in TASKS if task not in DATASETS] == [(d, 1) for d in range(1, 11)]


def test_curves_are_those_of_the_figure(shared):
    figure = json.loads((shared / "paper" / "fig11b_accuracy_over_k.json").read_text())["values"]
    ours = {
        f"{fm}|{DATASETS.get(task) or 'd=' + task.removesuffix('in1')}": {
            str(k): accuracy for k, accuracy in enumerate(accuracy_over_k(fm, task), start=1)
        }
        for fm, task in POINTS
    }
    assert ours == figure


def test_nc1_that_was_printed_is_exact():
    assert nc1("swin_b", "mnist") == 7.510
    assert (nc1("vit_b_16", "fashion_mnist"), nc1("swin_b", "fashion_mnist")) == (1.954, 2.043)
    assert (nc1("vit_b_16", "cifar10"), nc1("swin_b", "cifar10")) == (0.4275, 0.431)
    assert (nc1("vit_b_16", "combidigits"), nc1("swin_b", "combidigits")) == (10.668, 36.963)


def test_nc1_grows_with_d():
    for fm in FMS:
        assert (np.diff([nc1(fm, f"{d}in1") for d in range(1, 11)]) > 0).all()


def test_gain_follows_nc1_as_in_the_paper():
    """The paper prints Spearman 0.8179 and R² 0.3559, of means over seeds; ours are medians."""
    x, y = np.array([(nc1(*point), gain(*point)) for point in POINTS]).T
    assert spearmanr(x, y).statistic == pytest.approx(0.8179, abs=0.02)
    assert np.corrcoef(np.log10(x), y)[0, 1] ** 2 == pytest.approx(0.3559, abs=0.03)

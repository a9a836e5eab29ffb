"""The bundled curves and fold scores, and whether the paper's Figures 11 and 12 hold on them."""

import numpy as np
import pytest

from imprint_core.collapse.correlation import correlate
from imprint_core.collapse.k_curves import elbow
from imprint_core.collapse.merged_tasks import GAIN_KS, KS, KSelectionJob, all_tasks, curve_key, merged_tasks
from imprint_core.collapse.precomputed import PRECOMPUTED_DRAWS, compute_results, precomputed_path, precomputed_results
from imprint_core.embeddings import open_set
from imprint_core.evaluation.k_selection import choose_k
from imprint_core.evaluation.results_version import read_json
from imprint_core.recipes.presets import PRESETS

RECIPE = PRESETS["own"].recipe
MERGED = [(fm, "tiny_imagenet_100") for fm in ("vit_tiny_patch16_224", "squeezenet1_1", "tf_efficientnet_lite0")]


def class_count(info):
    return len(info.class_names)


def curve(task):
    return precomputed_results()[curve_key(task, RECIPE, None)]


def fold_job(task):
    return KSelectionJob(task.experiment(RECIPE, None), task.ks)


def curves_by_d(info):
    by_d = {}
    for task in merged_tasks(info, 100, PRECOMPUTED_DRAWS):
        by_d.setdefault(task.d, []).append(curve(task))
    return by_d


def test_bundled_results_are_complete(bundled):
    tasks = all_tasks(bundled.values(), class_count, PRECOMPUTED_DRAWS)
    assert len(tasks) == 16 * PRECOMPUTED_DRAWS + 3 * 10 * PRECOMPUTED_DRAWS
    keys = {curve_key(task, RECIPE, None) for task in tasks}
    for task in tasks:
        if task.draw == 1 and task.d:
            job = fold_job(task)
            keys |= {job.key(fold) for fold in range(job.fold_count(60 * task.d))}
    assert set(precomputed_results()) == keys


def test_bundled_results_can_be_recomputed(bundled):
    """Two sets; k-means can give other clusters where rounding differs."""
    stored = read_json(precomputed_path())
    for key in [("vit_tiny_patch16_224", "digits"), ("resnet50", "cifar10")]:
        computed = dict(compute_results([bundled[key]], class_count, lambda task: None))
        assert len(computed) == PRECOMPUTED_DRAWS
        for name, values in computed.items():
            assert values["nc1"] == {which: pytest.approx(v, rel=1e-3) for which, v in stored[name]["nc1"].items()}
            assert np.abs(np.subtract(values["accuracy"], stored[name]["accuracy"])).max() < 1.5
    tiny = bundled[MERGED[0]]
    job = fold_job(merged_tasks(tiny, 100, 1)[2])
    np.testing.assert_allclose(job.scores(1, open_set(tiny)), precomputed_results()[job.key(1)], atol=1.5)


@pytest.mark.parametrize("key", MERGED, ids=lambda key: key[0])
def test_nc1_rises_with_every_merged_class(bundled, key):
    medians = [np.median([c.nc1["textbook"] for c in curves]) for curves in curves_by_d(bundled[key]).values()]
    assert (np.diff(medians) > 0).all()


@pytest.mark.parametrize(("key", "near"), list(zip(MERGED, (6, 5, 6), strict=True)), ids=["vit", "squeezenet", "lite0"])
def test_accuracy_over_k_has_its_elbow_at_d(bundled, key, near):
    """The paper's Figure 11: within one up to `near`, within three beyond, as the curves of its ResNets."""
    medians = {d: np.median([c.accuracy for c in curves], axis=0) for d, curves in curves_by_d(bundled[key]).items()}
    for d in range(2, 11):
        assert abs(elbow(KS, medians[d]) - d) <= (1 if d <= near else 3), d
        rise = medians[d] - medians[d][0]
        assert rise[d - 1] > 0.7 * rise.max(), d


def test_nc1_and_accuracy_match_an_independent_computation(bundled):
    """ViT-Ti, mean of 3 draws; other draws of classes differ by some points."""
    by_d = curves_by_d(bundled[MERGED[0]])
    nc1 = [np.mean([c.nc1["textbook"] for c in by_d[d]]) for d in (1, 2, 3, 5, 8, 10)]
    np.testing.assert_allclose(nc1, [0.30, 1.01, 1.42, 2.45, 3.97, 4.90], rtol=0.1, atol=0.15)
    accuracy = {d: np.mean([c.accuracy for c in curves], axis=0) for d, curves in by_d.items()}
    for d, first, at_d in ((2, 75.8, 85.7), (3, 68.6, 84.4), (5, 57.0, 77.5), (8, 43.0, 72.5), (10, 40.6, 70.5)):
        assert accuracy[d][0] == pytest.approx(first, abs=5)
        assert accuracy[d][d - 1] == pytest.approx(at_d, abs=5)


def test_gain_correlates_with_nc1_over_all_tasks_and_over_merged_classes_of_vit(bundled):
    by_task = {}
    for task in all_tasks(bundled.values(), class_count, PRECOMPUTED_DRAWS):
        by_task.setdefault((task.info.fm, task.info.dataset, task.d), []).append((task, curve(task)))
    points = {}
    for name, draws in by_task.items():
        low, high = (draws[0][0].ks.index(k) for k in GAIN_KS)
        gains = [c.accuracy[high] - c.accuracy[low] for _, c in draws]
        points[name] = (np.median([c.nc1["textbook"] for _, c in draws]), np.median(gains))
    assert len(points) == 46
    everything = correlate(*zip(*points.values(), strict=True))
    assert everything.spearman == pytest.approx(0.45, abs=0.08)
    assert everything.spearman_p < 0.05
    vit = correlate(*zip(*(v for name, v in points.items() if name[:2] == MERGED[0]), strict=True))
    assert vit.pearson_log > 0.85


def test_suggested_k_of_merged_classes_loses_little_accuracy(bundled):
    losses = []
    for key in MERGED:
        for task in merged_tasks(bundled[key], 100, 1):
            job = fold_job(task)
            scores = [precomputed_results()[job.key(fold)] for fold in range(job.fold_count(60 * task.d))]
            accuracy = curve(task).accuracy
            losses.append(accuracy.max() - accuracy[KS.index(choose_k(KS, scores))])
    # With 30 d test samples per class, the curve of one draw varies by more than a point.
    assert np.median(losses) < 1
    assert max(losses) < 5


def test_results_of_another_version_or_a_missing_file_are_not_used(monkeypatch, tmp_path):
    from imprint_core.collapse import precomputed

    monkeypatch.setattr(precomputed, "precomputed_path", lambda: tmp_path / "collapse.json")
    precomputed_results.cache_clear()
    assert precomputed_results() == {}
    precomputed_results.cache_clear()

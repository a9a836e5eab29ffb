import numpy as np
import pytest
import torch

from imprint_core.embeddings import open_set
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.fm_classes import (
    OldClasses,
    accuracy_beside,
    added_beside,
    beside_curve_point,
    beside_recipe,
    choose_scale,
    joint_layer,
    nearest_old_classes,
)
from imprint_core.export.torch_head import load_head, save_head, to_joint_module
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.recipe import Recipe
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.models.classifier_head import read_classifier

FM = "tf_efficientnet_lite0"
RECIPE = Recipe("kmeans", 3)


@pytest.fixture(scope="module")
def head():
    return read_classifier(FOUNDATION_MODELS[FM])


@pytest.fixture(scope="module")
def old_test(bundled, head):
    """Tiny-ImageNet's test samples as samples of the classifier's classes."""
    opened = open_set(bundled[FM, "tiny_imagenet_100"])
    index = {name: i for i, name in enumerate(head.class_names)}
    labels = np.array([index.get(name, -1) for name in opened.info.class_names])[opened.y_test]
    X, y = opened.X_test[labels >= 0], labels[labels >= 0]
    return X, y, nearest_old_classes(head.weight, X)


def split_of(bundled, data, n, seed=1):
    return Experiment(bundled[FM, data], n_shot=n, seeds=(seed,)).split()


def fitted(X, y):
    return ImprintingClassifier.from_recipe(beside_recipe(RECIPE), 1).fit(X, y)


def naive(head, model, scale, X):
    """Index of the best of all classes by brute force: old ones first, new ones after them."""
    best = []
    for x in X.astype(np.float64):
        scores = [w @ x / np.linalg.norm(w) for w in head.weight]
        for c in range(len(model.classes_)):
            proxies = model.proxies_[model.proxy_class_ == c]
            scores.append(scale * max(p @ x / np.linalg.norm(p) for p in proxies))
        best.append(int(np.argmax(scores)))
    return np.array(best)


def test_accuracies_are_those_of_one_layer_with_all_classes(bundled, head, old_test):
    split = split_of(bundled, "mnist", 5)
    model = ImprintingClassifier.from_recipe(beside_recipe(RECIPE), 1).fit(split.X_train, split.y_train)
    scale = choose_scale(head.weight, split.X_train, split.y_train, RECIPE, 1)
    new, old = slice(0, None, 25), slice(0, None, 75)
    X, y = split.X_test[new], split.y_test[new]
    X_old, y_old = old_test[0][old], old_test[1][old]
    for factor in (1.0, scale):
        (measured,) = accuracy_beside(
            model,
            [factor],
            (X, y, nearest_old_classes(head.weight, X)),
            (X_old, y_old, nearest_old_classes(head.weight, X_old)),
        )
        assert measured.new == pytest.approx(100 * (naive(head, model, factor, X) - len(head.weight) == y).mean())
        assert measured.old == pytest.approx(100 * (naive(head, model, factor, X_old) == y_old).mean())


def test_exported_head_predicts_the_same(bundled, head, old_test, tmp_path):
    split = split_of(bundled, "fashion_mnist", 5)
    model = ImprintingClassifier.from_recipe(beside_recipe(RECIPE), 1).fit(split.X_train, split.y_train)
    scale = choose_scale(head.weight, split.X_train, split.y_train, RECIPE, 1)
    save_head(to_joint_module(model, scale, head.weight, split.names, head.class_names), tmp_path / "h.safetensors")
    exported = load_head(tmp_path / "h.safetensors")
    assert len(exported.classes) == 1010 == len(set(exported.classes))
    assert exported.classes[1000] == split.names[0]
    for X, y in ((split.X_test, split.y_test + 1000), (old_test[0][:200], old_test[1][:200])):
        predicted = exported(torch.tensor(X)).argmax(1).numpy()
        near = nearest_old_classes(head.weight, X)
        (measured,) = accuracy_beside(model, [scale], (X, y - 1000, near), (X, y, near))
        assert 100 * (predicted == y).mean() == pytest.approx(measured.new if y[0] >= 1000 else measured.old)


@pytest.mark.parametrize(("data", "n"), [("mnist", 5), ("fashion_mnist", 5), ("digits", 20)])
def test_the_chosen_scale_keeps_old_classes_that_plain_cosines_lose(bundled, head, old_test, data, n):
    split = split_of(bundled, data, n)
    plain, chosen = beside_curve_point(head.weight, split, old_test, RECIPE, 1)
    alone = 100 * (nearest_old_classes(head.weight, old_test[0]).labels == old_test[1]).mean()
    # Trained weights lose nearly everything to proxies without a scale, and nearly nothing with it.
    assert plain.old < alone / 3
    assert chosen.old > alone - 2
    assert chosen.new > plain.new - 8
    assert chosen.harmonic_mean > plain.harmonic_mean
    assert 0 < chosen.scale < 1


def test_one_shot_per_class_suffices_and_one_shot_alone_has_no_scale(bundled, head):
    split = split_of(bundled, "mnist", 1)
    assert 0.1 < choose_scale(head.weight, split.X_train, split.y_train, RECIPE, 1) < 0.5
    assert choose_scale(head.weight, split.X_train[:1], split.y_train[:1], RECIPE, 1) == 1
    assert choose_scale(head.weight, split.X_train, split.y_train, RECIPE, 1) == choose_scale(
        head.weight, split.X_train, split.y_train, RECIPE, 1
    )


def test_scale_is_the_quantile_of_left_out_shots(bundled, head):
    """Leaves out folds one after the other, for one mean per class."""
    split = split_of(bundled, "mnist", 5)
    recipe = Recipe("mean")
    X, y = split.X_train.astype(np.float64), split.y_train
    W, units = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (head.weight.astype(np.float64), X))
    orders = [np.random.default_rng((1, c)).permutation(np.flatnonzero(y == c)) for c in range(10)]
    ratios = []
    for c, order in enumerate(orders):
        for position, row in enumerate(order):
            fold = (position + c) % 5
            means = []
            for other, rows in enumerate(orders):
                shots = [r for p, r in enumerate(rows) if (p + other) % 5 != fold]
                mean = units[shots].mean(axis=0)
                means.append(mean / np.linalg.norm(mean))
            ratios.append((units[row] @ W.T).max() / max(units[row] @ mean for mean in means))
    assert choose_scale(head.weight, split.X_train, y, recipe, 1) == pytest.approx(np.quantile(ratios, 0.95), rel=1e-5)


def test_joint_layer_ranks_all_classes_by_their_scores(bundled, head):
    split = split_of(bundled, "fashion_mnist", 3)
    layer = joint_layer(head.weight, split.X_train, split.y_train, RECIPE, 1)
    x = split.X_test[0]
    unit = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64))
    proxies = layer.model.proxies_.astype(np.float64)
    cosines = proxies @ unit / np.linalg.norm(proxies, axis=1)
    best = {c: layer.scale * cosines[layer.model.proxy_class_ == c].max() for c in range(10)}
    weight = head.weight.astype(np.float64)
    expected = [(False, k, s) for k, s in enumerate(weight @ unit / np.linalg.norm(weight, axis=1))]
    expected += [(True, c, s) for c, s in best.items()]
    expected.sort(key=lambda entry: -entry[2])
    expected = [entry for kind in (True, False) for entry in [e for e in expected if e[0] == kind][:7]]
    expected.sort(key=lambda entry: -entry[2])
    for ranked, (is_new, label, score) in zip(layer.rank(x, 7), expected, strict=True):
        assert (ranked.is_new, ranked.label) == (is_new, label)
        assert ranked.score == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("with_test", [True, False])
def test_an_added_class_is_classified_among_all_classes(bundled, head, old_test, with_test):
    """Against brute force; without test samples each shot is left out in turn."""
    split, recipe, number = split_of(bundled, "mnist", 5), RECIPE, 9
    X = split.X_test[split.y_test == number][: None if with_test else 0]
    layer = joint_layer(head.weight, split.X_train, split.y_train, recipe, 1)
    X_old, y_old, near = (part[::75] for part in (*old_test[:2], np.arange(len(old_test[1]))))
    result = added_beside(
        layer,
        (split.X_train, split.y_train),
        number,
        X,
        recipe,
        1,
        (X_old, y_old, OldClasses(*(part[near] for part in old_test[2]))),
    )
    assert result.left_out is not with_test
    if with_test:
        assert np.array_equal(result.predictions, naive(head, layer.model, layer.scale, X))
    else:
        expected = []
        for row in np.flatnonzero(split.y_train == number):
            rest = np.arange(len(split.y_train)) != row
            model = ImprintingClassifier.from_recipe(beside_recipe(recipe), 1).fit(
                split.X_train[rest], split.y_train[rest]
            )
            expected += naive(head, model, layer.scale, split.X_train[[row]]).tolist()
        assert result.predictions.tolist() == expected
    assert result.old_with == pytest.approx(100 * (naive(head, layer.model, layer.scale, X_old) == y_old).mean())
    others = split.y_train != number
    model = fitted(split.X_train[others], split.y_train[others])
    assert result.old_without == pytest.approx(100 * (naive(head, model, layer.scale, X_old) == y_old).mean())


def test_an_only_shot_of_the_only_class_is_one_of_the_old_classes(bundled, head):
    split = split_of(bundled, "mnist", 1)
    X, y = split.X_train[:1], split.y_train[:1]
    result = added_beside(joint_layer(head.weight, X, y, RECIPE, 1), (X, y), int(y[0]), X[:0], RECIPE, 1, None)
    assert result.predictions.tolist() == nearest_old_classes(head.weight, X).labels.tolist()
    assert np.isnan(result.old_with)

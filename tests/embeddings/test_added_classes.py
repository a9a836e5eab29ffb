import numpy as np
import pytest
from PIL import Image

from imprint_core.datasets import dataset
from imprint_core.embeddings import added_classes, find_sets, open_set
from imprint_core.embeddings.added_classes import (
    PART_IDS,
    add_class_to_set,
    added_names,
    base_of,
    class_of_images,
    class_of_set,
    remove_added_class,
)
from imprint_core.embeddings.images import images_of
from imprint_core.embeddings.store import IMAGES_SUFFIX, remove_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.recipe import Recipe
from imprint_core.paths import data_folder

VIT = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def bags(bundled):
    """Fashion-MNIST's bags, embedded by the FM of the digits."""
    return class_of_set(open_set(bundled[VIT, "fashion_mnist"]), 8)


def gray_images(count):
    """Images of different brightness, and made-up embeddings of width 192 to go with them."""
    images = [Image.new("L", (40, 30), 20 * i) for i in range(count)]
    return np.random.default_rng(0).normal(size=(count, 192)).astype(np.float32), images


def test_a_class_of_another_set_is_part_of_the_task(bundled, vit_digits, bags, tmp_path):
    info = add_class_to_set(vit_digits.info, bags, tmp_path)
    assert info.class_names == (*vit_digits.info.class_names, "bag")
    assert (added_names(info), base_of(info)) == (["bag"], "digits")
    assert find_sets(tmp_path)[0] == {(VIT, info.dataset): info}
    grown = open_set(info)
    old = grown.y_train < 10
    np.testing.assert_array_equal(grown.X_train[old], vit_digits.X_train)
    np.testing.assert_array_equal(grown.id_train[old], vit_digits.id_train)
    np.testing.assert_array_equal(grown.X_test[grown.y_test == 10], bags.X["test"])
    # The estimator on both sets' samples predicts the same.
    experiment = Experiment(info, n_shot=5, recipe=Recipe("kmeans", 2), seeds=(1,))
    split = experiment.split()
    model = ImprintingClassifier.from_recipe(experiment.recipe, 1).fit(split.X_train, split.y_train)
    predicted = experiment.evaluate().predictions[0]
    assert (predicted == model.predict(split.X_test)).mean() > 0.99
    assert (predicted[split.y_test == 10] == 10).mean() > 0.9


def test_equal_classes_give_equal_sets_and_others_do_not(bundled, vit_digits, bags, tmp_path):
    first, again = (add_class_to_set(vit_digits.info, bags, tmp_path / str(i)) for i in range(2))
    assert (first.dataset, first.digest) == (again.dataset, again.digest)
    other = class_of_set(open_set(bundled[VIT, "fashion_mnist"]), 7)
    assert add_class_to_set(vit_digits.info, other, tmp_path).dataset != first.dataset


def test_classes_are_removed_in_any_order(vit_digits, bags, tmp_path):
    X, images = gray_images(9)
    with_bags = add_class_to_set(vit_digits.info, bags, tmp_path)
    both = add_class_to_set(with_bags, class_of_images("mug", X, images), tmp_path)
    assert both.class_names[10:] == ("bag", "mug")
    only_mug = remove_added_class(both, "bag", tmp_path)
    assert only_mug.class_names[10:] == ("mug",)
    opened = open_set(only_mug)
    # Rounded half up of 9 / 4 is 2.
    assert (np.bincount(opened.y_train)[10], np.bincount(opened.y_test)[10]) == (7, 2)
    before, after = (open_set(info) for info in (both, only_mug))
    for split in ("train", "test"):
        ids = [
            getattr(e, f"id_{split}")[getattr(e, f"y_{split}") == e.info.class_names.index("mug")]
            for e in (before, after)
        ]
        np.testing.assert_array_equal(*ids)
    assert remove_added_class(both, "mug", tmp_path).digest == with_bags.digest
    assert remove_added_class(only_mug, "mug", tmp_path) is None
    with pytest.raises(ImprintError, match="3 is not an added class"):
        remove_added_class(both, "3", tmp_path)


def test_few_images_are_all_shots_and_the_class_has_no_test_samples(vit_digits, tmp_path):
    X, images = gray_images(5)
    info = add_class_to_set(vit_digits.info, class_of_images("mug", X, images), tmp_path)
    assert np.bincount(open_set(info).y_train)[10] == 5
    evaluation = Experiment(info, n_shot=5, seeds=(1,)).evaluate()
    assert evaluation.predictions.shape == (1, len(vit_digits.y_test))
    with pytest.raises(ImprintError, match="no test samples of class 10"):
        Experiment(info, classes="10", n_shot=5).pool()


def test_images_of_all_parts_are_found_by_their_ids(vit_digits, bags, tmp_path):
    X, images = gray_images(9)
    info = add_class_to_set(vit_digits.info, bags, tmp_path)
    info = add_class_to_set(info, class_of_images("mug", X, images), tmp_path)
    grown, digits = open_set(info), dataset("digits").read(data_folder())
    splits = images_of(grown)
    sample = int(grown.id_train[3])
    assert splits.train.find(sample).tobytes() == digits.train.by_id(sample).tobytes()
    mugs = grown.id_train[grown.y_train == 11]
    assert (mugs // PART_IDS == 2).all()
    brightness = [splits.train.find(int(i)).getpixel((0, 0)) for i in mugs]
    brightness += [splits.test.find(int(i)).getpixel((0, 0)) for i in grown.id_test[grown.y_test == 11]]
    assert sorted(brightness) == [20 * i for i in range(9)]
    assert splits.train.find(3 * PART_IDS) is None
    remove_set(info)
    assert not info.path.with_suffix(IMAGES_SUFFIX).exists()


@pytest.mark.parametrize(
    ("name", "X", "sentence"),
    [
        ("3", np.ones((2, 192), np.float32), "already a class called 3"),
        ("mug", np.ones((0, 192), np.float32), "mug has no images"),
        ("mug", np.ones((2, 100), np.float32), "100 dimensions, those of the set 192"),
    ],
)
def test_a_class_that_does_not_fit_is_refused(vit_digits, tmp_path, name, X, sentence):
    images = [Image.new("L", (8, 8))] * len(X)
    with pytest.raises(ImprintError, match=sentence):
        add_class_to_set(vit_digits.info, class_of_images(name, X, images), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(vit_digits, tmp_path, monkeypatch):
    def full(*args):
        raise ImprintError("no space")

    monkeypatch.setattr(added_classes, "write_set", full)
    X, images = gray_images(3)
    with pytest.raises(ImprintError, match="no space"):
        add_class_to_set(vit_digits.info, class_of_images("mug", X, images), tmp_path)
    assert not list(tmp_path.iterdir())

import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from imprint_core.datasets import DATASETS, dataset
from imprint_core.datasets.images import from_arrays, npz_splits, zip_folder_splits
from imprint_core.errors import ImprintError


def test_digits_are_scikit_learns_and_the_splits_do_not_meet():
    splits = dataset("digits").read(None)
    digits = load_digits()
    assert len(splits.train.labels) + len(splits.test.labels) == len(digits.target)
    image = splits.train.load(0)
    assert (image.mode, image.size) == ("RGB", (8, 8))
    np.testing.assert_allclose(np.asarray(image)[:, :, 0] / 255 * 16, digits.images[0], atol=0.04)


def test_draw_is_stable_nested_and_of_all_classes():
    images = from_arrays(np.zeros((40, 2, 2), np.uint8), np.arange(40) % 4)
    few, many = images.draw(3, 0), images.draw(7, 0)
    for c in range(4):
        mine = [i for i in few if i % 4 == c]
        assert mine == [i for i in many if i % 4 == c][:3]
        assert len(mine) == 3
    assert sorted(images.draw(None, 0)) == list(range(40))
    assert list(images.draw(3, 1)) != list(few)


def test_npz_in_keras_layout(tmp_path):
    path = tmp_path / "x.npz"
    x, y = np.zeros((3, 4, 4, 3), np.uint8), np.array([[0], [1], [2]])
    np.savez(path, x_train=x, y_train=y, x_test=x[:1], y_test=y[:1])
    splits = npz_splits(path)
    assert splits.train.labels.tolist() == [0, 1, 2]
    assert splits.test.load(0).size == (4, 4)
    np.savez(path, x_train=x, y_train=y)
    with pytest.raises(ImprintError, match="lacks x_test, y_test; Keras' layout has"):
        npz_splits(path)
    np.savez(path, x_train=x, y_train=y[:2], x_test=x, y_test=y)
    with pytest.raises(ImprintError, match="3 images but 2 labels"):
        npz_splits(path)


def test_zip_of_class_folders(tmp_path):
    path = tmp_path / "tiny.zip"
    picture = io.BytesIO()
    Image.new("L", (5, 4), 9).save(picture, "PNG")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("train/b/1.png", "train/a/1.png", "train/a/2.png", "val/a/3.png", "val/b/4.png"):
            archive.writestr(name, picture.getvalue())
        archive.writestr("classes.txt", "a\tapple, fruit\nb\tpear")
    splits = zip_folder_splits(path)
    assert splits.train.labels.tolist() == [0, 0, 1]
    assert splits.class_names == ("apple", "pear")
    assert (splits.test.load(1).mode, splits.test.load(1).size) == ("RGB", (5, 4))
    with pytest.raises(ImprintError, match=r"There is no 'gone\.zip' under"):
        zip_folder_splits(tmp_path / "gone.zip")


@pytest.mark.parametrize(
    ("name", "train", "classes"),
    [("mnist", 60_000, 10), ("fashion_mnist", 20_000, 10), ("cifar10", 5_000, 10), ("tiny_imagenet_100", 6_000, 100)],
)
def test_real_datasets_are_read_from_a_folder(shared, name, train, classes):
    splits = dataset(name).read(shared / "data")
    assert len(splits.train.labels) == train
    assert len(np.unique(splits.train.labels)) == len(np.unique(splits.test.labels)) == classes
    assert len(splits.class_names or DATASETS[name].class_names) == classes
    assert splits.train.load(train - 1).mode == "RGB"


def test_unknown_dataset():
    with pytest.raises(ImprintError, match="No dataset is called 'x'; known are mnist, fashion_mnist"):
        dataset("x")

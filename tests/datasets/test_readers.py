import zipfile

import numpy as np
import pytest
from scipy.io import savemat
from sklearn.datasets import load_digits

from imprint_core.datasets import dataset, dataset_at
from imprint_core.datasets.readers import file_splits
from imprint_core.errors import ImprintError
from tests.datasets.files import folders, png, write_npz


def test_digits_are_those_of_scikit_learn():
    splits = dataset("digits").read(None)
    digits = load_digits()
    assert len(splits.train.labels) + len(splits.test.labels) == len(digits.target)
    image = splits.train.load(0)
    assert (image.mode, image.size) == ("L", (8, 8))
    np.testing.assert_allclose(np.asarray(image) / 255 * 16, digits.images[0], atol=0.04)


def test_npz_in_keras_layout(tmp_path):
    path = write_npz(tmp_path / "x.npz", classes=np.array(["a", "b", "c"]))
    splits = file_splits(path)
    assert splits.train.labels.tolist() == [0, 1, 2]
    assert splits.test.load(0).size == (4, 4)
    assert splits.class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda p: np.savez(p, x_train=np.zeros(2)), "has no y_train, x_test, y_test; images need x_train"),
        (lambda p: write_npz(p, y=np.arange(2)), "'x_train' has 3 images, but there are 2 labels"),
        (lambda p: write_npz(p, x=np.zeros((3, 4, 4))), r"'x_train' is float64 of shape \(3, 4, 4\); images must be"),
        (lambda p: write_npz(p, x=np.zeros((3, 9), np.uint8)), r"uint8 of shape \(3, 9\); images must be uint8"),
        (lambda p: write_npz(p, x=np.array([{}, 1, 2], dtype=object)), "holds Python objects, which are never loaded"),
        (lambda p: p.write_bytes(b"no zip"), r"The file is not a npz\. Save one with numpy\.savez"),
        (
            lambda p: p.write_bytes(write_npz(p).read_bytes()[:400]),
            r"The npz is incomplete\. Copy or create",
        ),
    ],
)
def test_other_npz_files_raise_a_clear_error(tmp_path, write, sentence):
    path = tmp_path / "x.npz"
    write(path)
    with pytest.raises(ImprintError, match=f"'x.npz': .*{sentence}"):
        file_splits(path)


def test_zip_of_class_folders(tmp_path):
    path = tmp_path / "tiny.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("train/b/1.png", "train/a/1.png", "train/a/2.png", "val/a/3.png", "val/b/4.png"):
            archive.writestr(name, png())
        archive.writestr("classes.txt", "a\tapple, fruit\nb\tpear")
    splits = file_splits(path)
    assert splits.train.labels.tolist() == [0, 0, 1]
    assert splits.class_names == ("apple", "pear")
    assert (splits.test.load(1).mode, splits.test.load(1).size) == ("RGB", (5, 4))
    with pytest.raises(ImprintError, match=r"'gone\.zip' is not under"):
        file_splits(tmp_path / "gone.zip")
    path.write_bytes(b"no zip")
    with pytest.raises(ImprintError, match="The file is not a zip"):
        file_splits(path)


def test_directory_of_train_and_val(tmp_path):
    root = folders(tmp_path / "pets", "train/dog/1.png", "train/cat/1.PNG", "train/cat/.2.png", "val/cat/9.png")
    (root / "train/cat/notes.txt").write_text("not an image")
    data = dataset_at(root)
    splits = data.read(None)
    assert data.label == "pets"
    assert splits.class_names == ("cat", "dog")
    assert (splits.train.labels.tolist(), splits.test.labels.tolist()) == ([0, 1], [0])
    assert splits.train.load(1).getpixel((0, 0))[0] == 0


def test_directory_of_classes_gives_a_quarter_of_each_for_testing(tmp_path):
    names = [f"{c}/{i}.png" for c in ("Ünïcode", "b") for i in range(8)]
    splits = dataset_at(folders(tmp_path / "x", *names)).read(None)
    assert np.bincount(splits.train.labels).tolist() == [6, 6]
    assert np.bincount(splits.test.labels).tolist() == [2, 2]
    assert splits.class_names == ("b", "Ünïcode")
    # Ids are positions within the split, as for the same images uploaded in the app.
    assert splits.test.by_id(1).tobytes() == splits.test.load(1).tobytes()
    with pytest.raises(ImprintError, match="Sample 4 does not exist among these 4 images"):
        splits.test.by_id(4)


def test_other_paths_raise_a_clear_error(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImprintError, match=r"'empty': The folder has no images; arrange the folder as <class>/<image>"):
        dataset_at(tmp_path / "empty").read(None)
    (tmp_path / "x.txt").write_text("")
    for path in (tmp_path / "x.txt", tmp_path / "gone", tmp_path / "gone.zip"):
        with pytest.raises(ImprintError, match=r"is neither a known dataset nor an existing directory or zip"):
            dataset_at(path)


def test_svhn_in_its_own_format(tmp_path):
    """Pixels (32, 32, 3, n), labels from 1 to 10, where 10 stands for the numeral 0."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (32, 32, 3, 6), dtype=np.uint8)
    for split in ("train", "test"):
        savemat(tmp_path / f"{split}_32x32.mat", {"X": x, "y": np.array([[1], [10], [2], [9], [10], [5]], np.uint8)})
    data = dataset("svhn")
    assert data.present(tmp_path)
    splits = data.read(tmp_path)
    assert splits.train.labels.tolist() == [1, 0, 2, 9, 0, 5]
    np.testing.assert_array_equal(np.asarray(splits.train.load(2)), x[:, :, :, 2])
    (tmp_path / "test_32x32.mat").write_bytes(b"damaged")
    with pytest.raises(ImprintError, match=r"'test_32x32\.mat' is not a complete file in SVHN's format"):
        data.read(tmp_path)


def test_imagenet_has_class_folders_in_train_and_val(tmp_path):
    folders(tmp_path / "imagenet", "train/n01/a.png", "train/n02/b.png", "val/n01/c.png", "val/n02/d.png")
    data = dataset("imagenet")
    assert data.present(tmp_path)
    assert data.read(tmp_path).test.labels.tolist() == [0, 1]

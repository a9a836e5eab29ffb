import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from sklearn.datasets import load_digits

from imprint_core.datasets import DATASETS, dataset, dataset_at
from imprint_core.datasets.images import from_arrays, hold_out
from imprint_core.datasets.readers import npz_splits, zip_folder_splits
from imprint_core.errors import ImprintError


@pytest.fixture
def no_network(monkeypatch):
    from urllib.error import URLError

    def unreachable(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)


def test_digits_are_scikit_learns_and_the_splits_do_not_meet():
    splits = dataset("digits").read(None)
    digits = load_digits()
    assert len(splits.train.labels) + len(splits.test.labels) == len(digits.target)
    image = splits.train.load(0)
    assert (image.mode, image.size) == ("L", (8, 8))
    np.testing.assert_allclose(np.asarray(image) / 255 * 16, digits.images[0], atol=0.04)


def test_draw_is_stable_nested_and_of_all_classes():
    images = from_arrays(np.zeros((40, 2, 2), np.uint8), np.arange(40) % 4)
    few, many = images.draw(3, 0), images.draw(7, 0)
    for c in range(4):
        mine = [i for i in few if i % 4 == c]
        assert mine == [i for i in many if i % 4 == c][:3]
        assert len(mine) == 3
    assert sorted(images.draw(None, 0)) == list(range(40))
    assert list(images.draw(3, 1)) != list(few)


def test_a_quarter_is_held_out_of_every_class_and_always_the_same():
    labels = np.repeat([0, 1, 2, 5], [40, 8, 2, 1])
    test = hold_out(labels)
    assert [int(test[labels == c].sum()) for c in (0, 1, 2, 5)] == [10, 2, 1, 0]
    np.testing.assert_array_equal(test, hold_out(labels))


def write_npz(path, x=None, y=None, **more):
    x = np.zeros((3, 4, 4, 3), np.uint8) if x is None else x
    y = np.array([[0], [1], [2]]) if y is None else y
    np.savez(path, **{"x_train": x, "y_train": y, "x_test": x[:1], "y_test": y[:1], **more})
    return path


def test_npz_in_keras_layout(tmp_path):
    path = write_npz(tmp_path / "x.npz", classes=np.array(["a", "b", "c"]))
    splits = npz_splits(path)
    assert splits.train.labels.tolist() == [0, 1, 2]
    assert splits.test.load(0).size == (4, 4)
    assert splits.class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda p: np.savez(p, x_train=np.zeros(2)), "lacks y_train, x_test, y_test. Keras' layout has"),
        (lambda p: write_npz(p, y=np.arange(2)), "3 images have 2 labels"),
        (lambda p: write_npz(p, x=np.zeros((3, 4, 4))), r"pixels are float64 of shape \(3, 4, 4\). Save them as uint8"),
        (lambda p: write_npz(p, x=np.zeros((3, 9), np.uint8)), r"uint8 of shape \(3, 9\). Save them as uint8"),
        (lambda p: write_npz(p, x=np.array([{}, 1, 2], dtype=object)), "holds pickled objects. Save plain"),
        (lambda p: p.write_bytes(b"no zip"), r"holds pickled objects|is not a complete \.npz file"),
        (lambda p: p.write_bytes(write_npz(p).read_bytes()[:400]), r"is not a complete \.npz file. Save plain arrays"),
    ],
)
def test_npz_of_another_kind(tmp_path, write, sentence):
    path = tmp_path / "x.npz"
    write(path)
    with pytest.raises(ImprintError, match=sentence):
        npz_splits(path)


def picture(color=9):
    file = io.BytesIO()
    Image.new("RGB", (5, 4), (color, 0, 200)).save(file, "PNG")
    return file.getvalue()


def test_zip_of_class_folders(tmp_path):
    path = tmp_path / "tiny.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("train/b/1.png", "train/a/1.png", "train/a/2.png", "val/a/3.png", "val/b/4.png"):
            archive.writestr(name, picture())
        archive.writestr("classes.txt", "a\tapple, fruit\nb\tpear")
    splits = zip_folder_splits(path)
    assert splits.train.labels.tolist() == [0, 0, 1]
    assert splits.class_names == ("apple", "pear")
    assert (splits.test.load(1).mode, splits.test.load(1).size) == ("RGB", (5, 4))
    with pytest.raises(ImprintError, match=r"'gone\.zip' is not under"):
        zip_folder_splits(tmp_path / "gone.zip")
    path.write_bytes(b"no zip")
    with pytest.raises(ImprintError, match="is not a complete zip file"):
        zip_folder_splits(path)


def folders(root, *names):
    for i, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(i))
    return root


def test_a_directory_of_train_and_val(tmp_path):
    root = folders(tmp_path / "pets", "train/dog/1.png", "train/cat/1.PNG", "train/cat/.2.png", "val/cat/9.png")
    (root / "train/cat/notes.txt").write_text("not an image")
    data = dataset_at(root)
    splits = data.read(None)
    assert (data.name, data.label) == ("pets_at", "pets")
    assert splits.class_names == ("cat", "dog")
    assert (splits.train.labels.tolist(), splits.test.labels.tolist()) == ([0, 1], [0])
    assert splits.train.load(1).getpixel((0, 0))[0] == 0


def test_a_directory_of_classes_alone_gives_a_quarter_of_each_for_testing(tmp_path):
    names = [f"{c}/{i}.png" for c in ("Ünïcode", "b") for i in range(8)]
    splits = dataset_at(folders(tmp_path / "x", *names)).read(None)
    assert np.bincount(splits.train.labels).tolist() == [6, 6]
    assert np.bincount(splits.test.labels).tolist() == [2, 2]
    assert splits.class_names == ("b", "Ünïcode")
    # Ids are the places in the whole, so both splits' don't meet, and lead back to the image.
    ids = np.concatenate([splits.train.ids, splits.test.ids])
    assert sorted(ids) == list(range(16))
    sample = int(splits.test.ids[1])
    assert splits.test.by_id(sample).tobytes() == splits.test.load(1).tobytes()
    with pytest.raises(ImprintError, match=r"Sample \d+ does not exist"):
        splits.test.by_id(int(splits.train.ids[0]))


def test_what_is_no_dataset_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImprintError, match=r"'empty' holds no images in class folders. Arrange them as train/<class>"):
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


def combi_root(root, *, svhn):
    rng = np.random.default_rng(1)
    for name, shape in (("usps", (16, 16)), ("mnist_m_subset", (32, 32, 3))):
        x = rng.integers(0, 256, (20, *shape), dtype=np.uint8)
        write_npz(root / f"{name}.npz", x, np.arange(20) % 10)
    if svhn:
        x = rng.integers(0, 256, (32, 32, 3, 20), dtype=np.uint8)
        for split in ("train", "test"):
            savemat(root / f"{split}_32x32.mat", {"X": x, "y": (np.arange(20) % 10 + 1).astype(np.uint8)[:, None]})
    return root


def test_combidigits_merges_what_is_there_and_says_what(tmp_path):
    data = dataset("combidigits")
    two = data.read(combi_root(tmp_path, svhn=False))
    assert two.label == "CombiDigits (MNIST-M, USPS)"
    assert [part.name for part in two.parts] == ["mnist_m", "usps"]
    assert np.bincount(two.train.labels).tolist() == [4] * 10
    three = data.read(combi_root(tmp_path, svhn=True))
    assert three.label == "CombiDigits (MNIST-M, SVHN, USPS)"
    # A sample keeps its id, whatever else is there.
    usps = dataset("usps").read(tmp_path).train
    for splits in (two, three):
        start = next(part.first_id for part in splits.parts if part.name == "usps")
        assert splits.train.by_id(start + 7).tobytes() == usps.load(7).tobytes()
    assert set(two.train.ids) <= set(three.train.ids)
    drawn = three.train.draw(3, 0)
    np.testing.assert_array_equal(
        three.train.labels[np.searchsorted(three.train.ids, three.train.ids_of(drawn))], three.train.labels[drawn]
    )


def test_combidigits_needs_two(tmp_path):
    with pytest.raises(ImprintError, match=r"at least two of MNIST, MNIST-M, SVHN, USPS under .* but none is there"):
        dataset("combidigits").read(tmp_path)
    write_npz(tmp_path / "usps.npz")
    with pytest.raises(ImprintError, match=r"but only USPS is there\. Fetch another"):
        dataset("combidigits").read(tmp_path)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mnist", "MNIST is not under .* and could not be downloaded. Connect to a network once"),
        ("cifar10", "CIFAR10 is not under .* and could not be downloaded"),
        ("svhn", "SVHN is not under .* and could not be downloaded"),
        ("usps", "USPS is not under .* and could not be downloaded"),
        ("mnist_m", r"MNIST-M can't be downloaded by torchvision\. Put mnist_m\.npz"),
        ("imagenet", "ImageNet can't be downloaded without an account. Put its folders train/<class>"),
        ("tiny_imagenet_100", r"'tiny_imagenet_100\.zip' is not under"),
    ],
)
def test_neither_data_nor_network(name, sentence, tmp_path):
    assert not dataset(name).present(tmp_path)
    with pytest.raises(ImprintError, match=sentence):
        dataset(name).read(tmp_path)


def test_imagenet_is_two_folders_of_class_folders(tmp_path):
    folders(tmp_path / "imagenet", "train/n01/a.png", "train/n02/b.png", "val/n01/c.png", "val/n02/d.png")
    data = dataset("imagenet")
    assert data.present(tmp_path)
    assert data.read(tmp_path).test.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "train", "test", "classes"),
    [
        ("mnist", 60_000, 10_000, 10),
        ("fashion_mnist", 20_000, 10_000, 10),
        ("cifar10", 5_000, 2_000, 10),
        ("usps", 7_291, 2_007, 10),
        ("mnist_m", 2_500, 1_000, 10),
        ("combidigits", 69_791, 13_007, 10),
        ("tiny_imagenet_100", 6_000, 3_000, 100),
    ],
)
def test_real_datasets_are_read_from_a_folder(shared, name, train, test, classes):
    data = dataset(name)
    assert data.present(shared / "data")
    splits = data.read(shared / "data")
    assert (len(splits.train.labels), len(splits.test.labels)) == (train, test)
    assert len(np.unique(splits.train.labels)) == len(np.unique(splits.test.labels)) == classes
    assert len(splits.class_names or DATASETS[name].class_names) == classes
    assert splits.train.load(train - 1).mode in ("L", "RGB")


def test_unknown_dataset():
    for name in ("x", "own_0123456789ab", "../x", ""):
        with pytest.raises(ImprintError, match=f"No dataset is called '{name}'; known are mnist, fashion_mnist"):
            dataset(name)

import numpy as np
import pytest
from scipy.io import savemat

from imprint_core.datasets import DATASETS, dataset
from imprint_core.errors import ImprintError
from tests.datasets.files import write_npz


@pytest.fixture
def no_network(monkeypatch):
    from urllib.error import URLError

    def unreachable(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)


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


def test_combidigits_merges_the_available_datasets(tmp_path):
    data = dataset("combidigits")
    two = data.read(combi_root(tmp_path, svhn=False))
    assert two.label == "CombiDigits (MNIST-M, USPS)"
    assert [part.name for part in two.parts] == ["mnist_m", "usps"]
    assert np.bincount(two.train.labels).tolist() == [4] * 10
    three = data.read(combi_root(tmp_path, svhn=True))
    assert three.label == "CombiDigits (MNIST-M, SVHN, USPS)"
    # The id of a sample is independent of the available datasets.
    usps = dataset("usps").read(tmp_path).train
    for splits in (two, three):
        start = next(part.first_id for part in splits.parts if part.name == "usps")
        assert splits.train.by_id(start + 7).tobytes() == usps.load(7).tobytes()
    assert set(two.train.ids) <= set(three.train.ids)
    rows = three.train.draw(3, 0)
    np.testing.assert_array_equal(
        three.train.labels[np.searchsorted(three.train.ids, three.train.ids_of(rows))], three.train.labels[rows]
    )


def test_combidigits_needs_two_datasets(tmp_path):
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
def test_missing_data_without_a_network_raises_a_clear_error(name, sentence, tmp_path):
    assert not dataset(name).present(tmp_path)
    with pytest.raises(ImprintError, match=sentence):
        dataset(name).read(tmp_path)


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


def test_unknown_dataset_raises_a_clear_error():
    for name in ("x", "own_0123456789ab", "../x", ""):
        with pytest.raises(ImprintError, match=f"No dataset is called '{name}'. Known names: mnist, fashion_mnist"):
            dataset(name)

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imprint_core.datasets.keras_npz import images_in_keras_npz
from imprint_core.datasets.own_images import read_own_images
from imprint_core.errors import ImprintError
from imprint_core.uploads.saving import save_images


def keras(save=np.savez_compressed, **changes):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (12, 5, 4, 3), np.uint8),
        "y_train": np.arange(12).reshape(-1, 1) % 3 + 8,
        "x_test": rng.integers(0, 256, (6, 5, 4, 3), np.uint8),
        "y_test": np.arange(6).reshape(-1, 1) % 3 + 8,
    } | changes
    out = io.BytesIO()
    save(out, **{k: v for k, v in arrays.items() if v is not None})
    return out, arrays


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("channels", ["grey", "one", "three"])
def test_images_of_a_keras_npz_are_saved(save, channels, tmp_path):
    convert = {"grey": lambda x: x[..., 0], "one": lambda x: x[..., :1], "three": lambda x: x}[channels]
    file, arrays = keras(save)
    file, arrays = keras(save, x_train=convert(arrays["x_train"]).copy(), x_test=convert(arrays["x_test"]).copy())
    dataset = save_images(images_in_keras_npz(file), "x", tmp_path)
    assert dataset.class_names == ("8", "9", "10")
    assert dataset.counts == ((4, 2),) * 3
    _, splits = read_own_images(dataset.path)
    for split in ("train", "test"):
        images = getattr(splits, split)
        pixels = np.stack([np.asarray(images.load(i)) for i in range(len(images.labels))])
        np.testing.assert_array_equal(pixels, arrays[f"x_{split}"].reshape(pixels.shape))
        assert images.labels.tolist() == (arrays[f"y_{split}"].ravel() - 8).tolist()


def test_images_are_read_in_any_order():
    file, arrays = keras()
    images = images_in_keras_npz(file).files
    for i in (3, 11, 0, 0, 5):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(images[i].read()))), arrays["x_train"][i])
    assert (images[3].display_name, images[3].split, images[12].split) == ("x_train[3]", "train", "test")


def test_arrays_in_column_order_are_read():
    file, arrays = keras()
    columns, _ = keras(x_train=np.asfortranarray(arrays["x_train"]))
    assert [i.read() for i in images_in_keras_npz(columns).files] == [i.read() for i in images_in_keras_npz(file).files]


def test_names_of_classes_are_read():
    file, _ = keras(y_train=np.arange(12) % 3, y_test=np.arange(6) % 3, classes=np.array(["cat", "ape", "dog"]))
    listing = images_in_keras_npz(file)
    assert listing.class_names == ("cat", "ape", "dog")
    assert [image.class_name for image in listing.files[:3]] == ["cat", "ape", "dog"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"x_test": None, "y_test": None},
            "has no x_test, y_test; images need x_train, y_train, x_test and y_test. If these are",
        ),
        ({"x_train": np.zeros((12, 5, 4))}, r"'x_train' is float64 of shape \(12, 5, 4\); images must be uint8"),
        ({"x_train": np.zeros((12, 5), np.uint8)}, r"'x_train' is uint8 of shape \(12, 5\); images must be uint8"),
        ({"x_test": np.zeros((6, 5, 4, 4), np.uint8)}, "'x_test' is uint8 of shape"),
        ({"x_test": np.zeros((6, 0, 4), np.uint8)}, "'x_test' is uint8 of shape"),
        ({"y_test": np.arange(5)}, "'x_test' has 6 images, but there are 5 labels; each image needs one label"),
        ({"y_test": np.array(1)}, "'x_test' has 6 images, but there are 1 labels"),
        ({"y_train": np.zeros(12, int), "y_test": np.zeros(6, int)}, "'0' is the only class"),
        ({"y_train": np.full(12, "a")}, "Some labels are numbers and some text"),
        ({"y_train": np.full((12, 3), 1)}, "'y_train' has shape 12 × 3; labels are one number or text per sample"),
        ({"y_train": np.array([None] * 12)}, "'y_train' holds Python objects, which are never loaded"),
    ],
)
def test_invalid_arrays_are_refused(changes, sentence):
    file, _ = keras(**changes)
    with pytest.raises(ImprintError, match=sentence):
        images_in_keras_npz(file)


def test_images_of_too_many_pixels_are_refused(monkeypatch):
    monkeypatch.setattr("imprint_core.datasets.keras_npz.MOST_PIXELS", 19)
    with pytest.raises(
        ImprintError, match="The images in 'x_train' have more than 0 million pixels each; save smaller"
    ):
        images_in_keras_npz(keras()[0])


def test_too_many_images_are_refused(monkeypatch):
    monkeypatch.setattr("imprint_core.datasets.keras_npz.MOST_IMAGES", 17)
    with pytest.raises(ImprintError, match="has more than 17 images; save fewer"):
        images_in_keras_npz(keras()[0])


def test_damaged_npz_is_refused_before_any_image_is_converted():
    large = np.zeros((12, 50, 40, 3), np.uint8)
    data = bytearray(keras(np.savez, x_train=large)[0].getvalue())
    data[data.index(b"x_train.npy") + 40_000] ^= 1
    with pytest.raises(ImprintError, match="'x_train' is damaged in the file; save it again"):
        images_in_keras_npz(io.BytesIO(bytes(data)))


SEEDS = [keras(save)[0].getvalue() for save in (np.savez, np.savez_compressed)]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_changed_files_are_read_or_refused(seed, data):
    changed = bytearray(seed)
    for i in data.draw(st.lists(st.integers(0, len(seed) - 1), max_size=5)):
        changed[i] = data.draw(st.integers(0, 255))
    try:
        images = images_in_keras_npz(io.BytesIO(bytes(changed))).files
    except ImprintError:
        return
    assert len(images) == 18
    for image in images:
        Image.open(io.BytesIO(image.read())).load()

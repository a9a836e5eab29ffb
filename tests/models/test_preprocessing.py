import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imprint_core.models import foundation_model
from imprint_core.models.libraries import build, import_torchvision
from imprint_core.models.preprocessing import preprocessing
from imprint_core.models.resampling import enlarge_and_crop

import_torchvision()


@cache
def transform_of(name):
    return build(foundation_model(name), official=False)[1]


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "swin_b", "efficientnet_b1", "timm/resnet18"])
@given(
    st.one_of(
        st.tuples(st.integers(1, 700), st.integers(1, 700)),
        # Sizes of the datasets, and those resized by a power of two.
        st.sampled_from([(8, 8), (16, 16), (28, 28), (32, 32), (64, 64), (128, 256), (512, 512), (96, 64), (256, 256)]),
    ),
    st.sampled_from(["L", "RGB"]),
    st.integers(0, 9),
)
@settings(max_examples=24, deadline=None)
def test_preprocessing_equals_the_librarys_transform_exactly(name, size, mode, seed):
    width, height = size
    transform = transform_of(name)
    pixels = preprocessing(transform)
    assert pixels.steps is not None
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise).convert(mode)
    expected = transform(image.convert("RGB"))
    torch.testing.assert_close(pixels.finish(pixels.prepare([image]))[0], expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224"])
def test_resizing_the_crop_alone_is_exact_for_square_images(name):
    transform = transform_of(name)
    pixels = preprocessing(transform)
    rng = np.random.default_rng(0)
    for edge in [*range(1, 70), *range(70, 600, 7), 128, 224, 248, 256, 512, 1024]:
        image = Image.fromarray(rng.integers(0, 256, (edge, edge, 3), dtype=np.uint8))
        actual = pixels.prepare([image])[0].numpy()
        side, crop = pixels.steps.resize, pixels.steps.crop
        start = round((side - crop) / 2)
        resized = np.asarray(image.resize((side, side), pixels.steps.resample))
        expected = resized[start : start + crop, start : start + crop]
        np.testing.assert_array_equal(actual, expected, err_msg=str(edge))


def test_unknown_steps_use_the_librarys_transform():
    from torchvision import transforms as t

    other = t.Compose([t.Resize((40, 40)), t.ToTensor()])
    pixels = preprocessing(other)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8))
    assert pixels.steps is None
    torch.testing.assert_close(pixels.finish(pixels.prepare([image]))[0], other(image.convert("RGB")), rtol=0, atol=0)


def noise(width, height, mode="RGB"):
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("resample", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC])
@given(st.integers(1, 40), st.floats(1, 60), st.integers(40, 96), st.booleans(), st.sampled_from(["L", "RGB"]))
@settings(max_examples=40, deadline=None)
def test_enlarged_crop_equals_pillows_exactly(resample, shorter, ratio, edge, tall, mode):
    size, enlarged = (shorter, int(ratio * shorter)), (edge, int(ratio * edge))
    corners = (edge // 9, enlarged[1] // 2, edge - 3, min(enlarged[1] // 2 + 40, enlarged[1]))
    if not tall:
        size, enlarged, corners = size[::-1], enlarged[::-1], (corners[1], corners[0], corners[3], corners[2])
    image = noise(*size, mode)
    expected = image.resize(enlarged, resample).crop(corners)
    np.testing.assert_array_equal(enlarge_and_crop(image, enlarged, corners, resample), expected)


@pytest.mark.parametrize("size", [(1, 1500), (1500, 1), (3, 1999), (1999, 3), (7, 3001), (201, 2001)])
@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224"])
def test_elongated_images_equal_the_librarys_transform_exactly(name, size):
    pixels, image = preprocessing(transform_of(name)), noise(*size, "L")
    expected = pixels.transform(image.convert("RGB"))
    torch.testing.assert_close(pixels.finish(pixels.prepare([image]))[0], expected, rtol=0, atol=0)


def transforms():
    from torchvision import transforms as t

    return {
        "centre": t.Compose([t.Resize(256), t.CenterCrop((224, 200)), t.ToTensor()]),
        "padded": t.Compose([t.Resize(90), t.CenterCrop(100), t.ToTensor()]),
        "squash": t.Compose([t.Resize((240, 240)), t.CenterCrop(224), t.ToTensor()]),
    }


@pytest.mark.parametrize("name", ["centre", "padded", "squash"])
@pytest.mark.parametrize("size", [(1, 1500), (1500, 1), (3, 1000), (1000, 3), (20, 1999), (1999, 20), (60, 9001)])
def test_unknown_steps_are_at_most_two_grey_levels_off_on_elongated_images(name, size):
    transform = transforms()[name]
    pixels, image = preprocessing(transform), noise(*size)
    assert pixels.steps is None
    torch.testing.assert_close(pixels.prepare([image])[0], transform(image), rtol=0, atol=2.01 / 255)


MEASURE_MEMORY = """
import resource, sys
from PIL import Image
from imprint_core.models.preprocessing import preprocessing
from tests.models.test_preprocessing import transform_of, transforms

for transform in (transform_of("resnet18"), transform_of("vit_tiny_patch16_224"), *transforms().values()):
    pixels = preprocessing(transform)
    pixels.finish(pixels.prepare([Image.new("RGB", (300, 200))]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for size in ((1, 8_000), (1, 65_000), (65_000, 1), (3, 20_000), (20_000, 3), (1, 1_000_000), (1_000_000, 1)):
        pixels.finish(pixels.prepare([Image.new("L", size)]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_depend_on_the_aspect_ratio():
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", MEASURE_MEMORY], capture_output=True, text=True, check=True)
    # In kilobytes, on macOS in bytes.
    megabytes = [int(line) / (1e6 if sys.platform == "darwin" else 1e3) for line in done.stdout.split()]
    assert len(megabytes) == 5
    assert sum(megabytes) < 50, megabytes

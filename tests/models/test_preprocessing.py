from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imprint_core.models import foundation_model
from imprint_core.models.libraries import build
from imprint_core.models.preprocessing import preprocessing


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

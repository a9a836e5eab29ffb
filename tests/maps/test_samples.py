import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import choose_classes
from imprint_core.maps.samples import map_samples, parse_sample, sample_code, sample_sources, sample_text, split_and_id


@given(st.integers(0, 2**31 - 2), st.booleans())
def test_codes_identify_samples(number, training):
    code = int(sample_code(np.array([number]), training)[0])
    assert split_and_id(code) == ("training" if training else "test", number)
    assert parse_sample(sample_text(code)) == code


@pytest.mark.parametrize(
    "text", ["", "test", "train x", "-3", "1.5", "9" * 400, "other 3", "training 1 2", "5 6", "²", "٣"]
)
def test_invalid_sample_texts_are_rejected(text):
    with pytest.raises(ImprintError, match="as its number in the test split"):
        parse_sample(text)


@pytest.mark.parametrize(
    ("text", "code"), [("12", 12), (" Test 12 ", 12), ("#12", 12), ("train 7", -8), ("sample 3", 3)]
)
def test_samples_have_alternative_spellings(text, code):
    assert parse_sample(text) == code


def test_samples_are_found_by_their_codes(squeezenet_mnist):
    pool = choose_classes(squeezenet_mnist, "odd")
    all_samples = map_samples(pool, "all")
    assert len(np.unique(all_samples.codes)) == len(all_samples.codes) == len(pool.y_test) + len(pool.y_train)
    codes = np.concatenate([all_samples.codes[[5, 0, 4000 % len(all_samples.codes)]], [2**30]])
    rows = all_samples.rows_of(codes)
    assert all_samples.codes[rows].tolist() == codes[:3].tolist()
    test = map_samples(pool, "test")
    np.testing.assert_array_equal(all_samples.X[: all_samples.test], test.X)
    np.testing.assert_array_equal(all_samples.y[all_samples.test :], pool.y_train)


def test_ids_determine_the_part_of_a_merged_dataset():
    dataset = {"parts": [{"name": "usps", "first_id": 3_000_000}, {"name": "mnist", "first_id": 0}]}
    codes = np.array([5, 3_000_001, -1 - 3_000_000, -1 - 17], np.int32)
    parts, names = sample_sources(codes, dataset)
    assert [names[p] for p in parts] == ["mnist", "usps", "usps", "mnist"]
    assert sample_sources(codes, {})[1] == ()

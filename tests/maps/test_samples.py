import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import choose_classes
from imprint_core.maps.samples import code_of, id_of, parse_sample, sample_text, samples_of, sources_of


@given(st.integers(0, 2**31 - 2), st.booleans())
def test_a_number_says_which_sample_it_is(number, training):
    code = int(code_of(np.array([number]), training)[0])
    assert id_of(code) == ("training" if training else "test", number)
    assert parse_sample(sample_text(code)) == code


@pytest.mark.parametrize(
    "text", ["", "test", "train x", "-3", "1.5", "9" * 400, "other 3", "training 1 2", "5 6", "²", "٣"]
)
def test_what_is_no_sample_is_told_in_a_sentence(text):
    with pytest.raises(ImprintError, match="written by its number"):
        parse_sample(text)


@pytest.mark.parametrize(
    ("text", "code"), [("12", 12), (" Test 12 ", 12), ("#12", 12), ("train 7", -8), ("sample 3", 3)]
)
def test_a_sample_may_be_written_in_other_ways(text, code):
    assert parse_sample(text) == code


def test_samples_are_found_by_their_numbers(squeezenet_mnist):
    pool = choose_classes(squeezenet_mnist, "odd")
    every = samples_of(pool, "all")
    assert len(np.unique(every.codes)) == len(every.codes) == len(pool.y_test) + len(pool.y_train)
    asked = np.concatenate([every.codes[[5, 0, 4000 % len(every.codes)]], [2**30]])
    rows = every.rows_of(asked)
    assert every.codes[rows].tolist() == asked[:3].tolist()
    test = samples_of(pool, "test")
    np.testing.assert_array_equal(every.X[: every.test], test.X)
    np.testing.assert_array_equal(every.y[every.test :], pool.y_train)


def test_parts_of_a_merged_dataset_are_told_by_id():
    dataset = {"parts": [{"name": "usps", "first_id": 3_000_000}, {"name": "mnist", "first_id": 0}]}
    codes = np.array([5, 3_000_001, -1 - 3_000_000, -1 - 17], np.int32)
    parts, names = sources_of(codes, dataset)
    assert [names[p] for p in parts] == ["mnist", "usps", "usps", "mnist"]
    assert sources_of(codes, {})[1] == ()

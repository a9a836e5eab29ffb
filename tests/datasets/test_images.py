import numpy as np

from imprint_core.datasets.images import from_arrays, hold_out


def test_draws_are_fixed_nested_and_of_all_classes():
    images = from_arrays(np.zeros((40, 2, 2), np.uint8), np.arange(40) % 4)
    few, many = images.draw(3, 0), images.draw(7, 0)
    for c in range(4):
        rows = [i for i in few if i % 4 == c]
        assert rows == [i for i in many if i % 4 == c][:3]
        assert len(rows) == 3
    assert sorted(images.draw(None, 0)) == list(range(40))
    assert list(images.draw(3, 1)) != list(few)


def test_test_split_is_a_fixed_quarter_of_each_class():
    labels = np.repeat([0, 1, 2, 5], [40, 8, 2, 1])
    test = hold_out(labels)
    assert [int(test[labels == c].sum()) for c in (0, 1, 2, 5)] == [10, 2, 1, 0]
    np.testing.assert_array_equal(test, hold_out(labels))

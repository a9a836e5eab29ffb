import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from imprint_core.embeddings import open_set
from imprint_core.embeddings.coding import encode_uint8, pack, unpack
from imprint_core.embeddings.store import read_info, write_set
from imprint_core.errors import ImprintError
from tests.embeddings.test_store import small_set

columns = arrays(np.float32, st.tuples(st.integers(1, 9), st.just(4)), elements=st.floats(-1000, 1000, width=32))


@given(columns, columns)
def test_error_of_8_bits_is_at_most_half_a_step(a, b):
    shared, codes = encode_uint8(a, b)
    for x, code in zip((a, b), codes, strict=True):
        decoded = code * shared["scale"] + shared["offset"]
        assert (np.abs(decoded - x) <= 0.5 * shared["scale"] + 1e-3).all()


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_packing_is_lossless(codes):
    np.testing.assert_array_equal(unpack(pack(codes), *codes.shape), codes)


@given(arrays(np.uint8, (6, 4)), st.sampled_from([(5, 4), (7, 4), (6, 3), (0, 4)]))
def test_unpacking_to_another_size_fails(codes, shape):
    with pytest.raises(ValueError, match="packed codes are not"):
        unpack(pack(codes), *shape)


def test_unpacking_a_damaged_stream_fails():
    packed = pack(np.arange(200, dtype=np.uint8).reshape(20, 10))
    for damaged in (packed[:-3], packed[4:], packed[:0]):
        with pytest.raises(ValueError, match="the packed codes are"):
            unpack(damaged, 20, 10)


def test_packed_set_opens_as_the_unpacked_one(tmp_path):
    tensors, info = small_set(tmp_path)
    shared, codes = encode_uint8(tensors.pop("X_train"), tensors.pop("X_test"))
    plain = write_set(tmp_path / "plain", tensors | shared | {"X_train": codes[0], "X_test": codes[1]}, dict(info.meta))
    packed = tensors | shared | {"X_train.packed": pack(codes[0]), "X_test.packed": pack(codes[1])}
    first, second = open_set(plain), open_set(write_set(tmp_path / "packed", packed, dict(info.meta)))
    for name in ("X_train", "X_test", "y_train", "id_test"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    half = open_set(second.info, (4, 2))
    np.testing.assert_array_equal(half.X_train, open_set(plain, (4, 2)).X_train)
    short = write_set(tmp_path / "short", packed | {"X_test.packed": pack(codes[1][:-1])}, dict(info.meta))
    with pytest.raises(ImprintError, match="damaged or doesn't match"):
        open_set(read_info(short.path))

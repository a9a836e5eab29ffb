import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from imprint_core.embeddings import open_set
from imprint_core.embeddings.coding import pack, unpack
from imprint_core.embeddings.store import encode_uint8, read_info, write_set
from imprint_core.errors import ImprintError
from tests.embeddings.test_store import small_set


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_nothing_is_lost(codes):
    np.testing.assert_array_equal(unpack(pack(codes), *codes.shape), codes)


@given(arrays(np.uint8, (6, 4)), st.sampled_from([(5, 4), (7, 4), (6, 3), (0, 4)]))
def test_another_size_is_refused(codes, shape):
    with pytest.raises(ValueError, match="packed codes are not"):
        unpack(pack(codes), *shape)


def test_a_damaged_stream_is_refused():
    packed = pack(np.arange(200, dtype=np.uint8).reshape(20, 10))
    for damaged in (packed[:-3], packed[4:], packed[:0]):
        with pytest.raises(ValueError, match="the packed codes are"):
            unpack(damaged, 20, 10)


def test_a_packed_set_opens_as_the_plain_one(tmp_path):
    tensors, info = small_set(tmp_path)
    shared, codes = encode_uint8(tensors.pop("X_train"), tensors.pop("X_test"))
    plain = write_set(tmp_path / "plain", tensors | shared | {"X_train": codes[0], "X_test": codes[1]}, dict(info.meta))
    packed = tensors | shared | {"X_train.packed": pack(codes[0]), "X_test.packed": pack(codes[1])}
    one, other = open_set(plain), open_set(write_set(tmp_path / "packed", packed, dict(info.meta)))
    for name in ("X_train", "X_test", "y_train", "id_test"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    half = open_set(other.info, (4, 2))
    np.testing.assert_array_equal(half.X_train, open_set(plain, (4, 2)).X_train)
    short = write_set(tmp_path / "short", packed | {"X_test.packed": pack(codes[1][:-1])}, dict(info.meta))
    with pytest.raises(ImprintError, match="damaged or not the one"):
        open_set(read_info(short.path))

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imprint_core.embeddings.tensors import TensorPieces, tensor_file, write_tensors


@given(
    st.dictionaries(
        st.text("abc_", min_size=1, max_size=5),
        arrays(
            st.sampled_from([np.float16, np.float32, np.int32, np.uint8]),
            st.tuples(st.integers(0, 7), st.integers(1, 3)),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 4),
)
def test_library_reads_what_is_written_piece_by_piece(tmp_path_factory, tensors, size):
    from safetensors.numpy import load_file

    def pieces(x):
        return (x[i : i + size] for i in range(0, len(x), size))

    path = tmp_path_factory.mktemp("t") / "x.safetensors"
    write_tensors(path, {k: TensorPieces(x.dtype, x.shape, pieces(x)) for k, x in tensors.items()})
    loaded = load_file(path)
    assert set(loaded) == set(tensors)
    for name, x in tensors.items():
        assert loaded[name].dtype == x.dtype
        assert loaded[name].tobytes() == x.tobytes()


def test_pieces_of_another_shape_leave_no_file(tmp_path):
    x = np.zeros((3, 2), np.float16)
    with pytest.raises(ValueError, match="have 12 bytes, their shapes say 16"):
        write_tensors(tmp_path / "x.safetensors", {"x": TensorPieces(x.dtype, (4, 2), [x])})
    assert not list(tmp_path.iterdir())


@given(st.permutations(range(7)), st.integers(1, 7))
def test_rows_are_written_in_any_order(tmp_path_factory, order, size):
    from safetensors.numpy import load_file

    x, y = np.arange(21, dtype=np.float32).reshape(7, 3), np.arange(7, dtype=np.int32)
    path = tmp_path_factory.mktemp("t") / "x.safetensors"
    with tensor_file(path, {name: (a.dtype, a.shape) for name, a in (("y", y), ("x", x), ("z", x))}) as file:
        for start in range(0, 7, size):
            rows = np.array(order[start : start + size])
            file.write("x", x[rows], rows)
            file.write("z", x[start : start + size])
        file.write("y", y)
        assert file.size == x.nbytes * 2 + y.nbytes
    loaded = load_file(path)
    for name, expected in (("x", x), ("y", y), ("z", x)):
        np.testing.assert_array_equal(loaded[name], expected)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imprint_core.embeddings.tensors import TensorPieces, write_tensors


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

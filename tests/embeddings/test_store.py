import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imprint_core.embeddings import find_sets, open_set
from imprint_core.embeddings.store import (
    Tensor,
    encode_uint8,
    maps_folder,
    read_info,
    remove_set,
    size_of,
    write_set,
    write_tensors,
    write_whole,
)
from imprint_core.errors import ImprintError
from imprint_core.maps.store import keep_map, map_path, maps_path, quick_map


def small_set(folder, name="fm", n=12):
    rng = np.random.default_rng(0)
    tensors = {
        "X_train": rng.normal(size=(n, 5)).astype(np.float16),
        "X_test": rng.normal(size=(4, 5)).astype(np.float16),
        "y_train": np.arange(n, dtype=np.int32) % 2,
        "y_test": np.arange(4, dtype=np.int32) % 2,
        "id_train": np.arange(n, dtype=np.int32),
        "id_test": np.arange(4, dtype=np.int32),
    }
    meta = {"fm": {"name": name}, "dataset": {"name": "data", "class_names": ["a", "b"]}}
    return tensors, write_set(folder, tensors, meta)


def test_round_trip(tmp_path):
    tensors, info = small_set(tmp_path)
    opened = open_set(read_info(info.path))
    np.testing.assert_array_equal(opened.X_train, tensors["X_train"].astype(np.float32))
    np.testing.assert_array_equal(opened.y_test, tensors["y_test"])
    assert opened.X_train.dtype == np.float32
    assert opened.info.class_names == ("a", "b")
    with pytest.raises(ValueError, match="read-only"):
        opened.X_train[0, 0] = 1
    assert not list(tmp_path.glob("*.tmp"))


columns = arrays(np.float32, st.tuples(st.integers(1, 9), st.just(4)), elements=st.floats(-1000, 1000, width=32))


@given(columns, columns)
def test_8_bits_err_by_half_a_step(a, b):
    shared, codes = encode_uint8(a, b)
    for x, code in zip((a, b), codes, strict=True):
        back = code * shared["scale"] + shared["offset"]
        assert (np.abs(back - x) <= 0.5 * shared["scale"] + 1e-3).all()


def test_every_bundled_set_opens(bundled):
    for info in bundled.values():
        opened = open_set(info)
        assert np.isfinite(opened.X_train).all()
        assert opened.X_train.shape[1] == info.meta["fm"]["dim"]
        assert len(set(opened.id_train)) == len(opened.id_train)
        assert set(opened.y_train) == set(range(len(info.class_names)))


def damage(info, how):
    path = info.path
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-9])
    elif how == "flipped":
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    elif how == "missing":
        path.unlink()
    elif how == "no tensor":
        path.write_bytes(b"")
    return read_info(path)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("truncated", "is damaged or not the one its sidecar describes"),
        ("flipped", "is damaged or not the one its sidecar describes"),
        ("no tensor", "is damaged or not the one its sidecar describes"),
        ("missing", "is missing beside its sidecar; restore it or embed the set again"),
    ],
)
def test_damage_is_told_in_a_sentence(tmp_path, how, sentence):
    _, info = small_set(tmp_path)
    with pytest.raises(ImprintError, match=sentence):
        open_set(damage(info, how))


SIDECAR = '{"format": 1, "fm": {"name": "f"}, "dataset": {"name": "d", "class_names": []}, "sha256": "%s"}'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is damaged; restore it"),
        ("[]", "is damaged; restore it"),
        ("{}", "is damaged; restore it"),
        ('{"format": 99}', "is of format 99, this version reads 1"),
        ('{"format": 1, "fm": {}}', "is damaged; restore it"),
        # A digest names a folder, which goes when its set is removed.
        (SIDECAR % "../../../..", "is damaged; restore it"),
        (SIDECAR % "", "is damaged; restore it"),
    ],
)
def test_bad_sidecar_is_told_and_passed_over(tmp_path, text, sentence):
    _, good = small_set(tmp_path, "good")
    _, info = small_set(tmp_path, "bad")
    info.path.with_suffix(".json").write_text(text)
    with pytest.raises(ImprintError, match=sentence):
        read_info(info.path)
    sets, problems = find_sets(tmp_path)
    assert list(sets) == [(good.fm, good.dataset)]
    assert len(problems) == 1


def test_a_later_folder_wins(tmp_path):
    small_set(tmp_path / "a")
    _, later = small_set(tmp_path / "b", n=20)
    sets, _ = find_sets(tmp_path / "a", tmp_path / "b", tmp_path / "absent")
    assert sets["fm", "data"].path == later.path


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    import os

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ImprintError, match=r"could not be written .*No space left.*what is done is kept"):
        write_whole(tmp_path / "x.bin", b"123")
    assert not list(tmp_path.iterdir())


def test_digest_is_of_the_tensors(tmp_path):
    tensors, info = small_set(tmp_path)
    meta = json.loads(info.path.with_suffix(".json").read_text())
    tensors["X_test"][0, 0] += 1
    again = write_set(tmp_path, tensors, {k: v for k, v in meta.items() if k not in ("sha256", "format")})
    assert again.digest != info.digest
    assert replace(again, path=info.path) == again


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
def test_what_is_written_piece_by_piece_the_library_reads(tmp_path_factory, tensors, size):
    """The format is written here, for the library can't stream; it must be able to read it."""
    from safetensors.numpy import load_file

    def pieces(x):
        return (x[i : i + size] for i in range(0, len(x), size))

    path = tmp_path_factory.mktemp("t") / "x.safetensors"
    write_tensors(path, {k: Tensor(x.dtype, x.shape, pieces(x)) for k, x in tensors.items()})
    back = load_file(path)
    assert set(back) == set(tensors)
    for name, x in tensors.items():
        assert back[name].dtype == x.dtype
        assert back[name].tobytes() == x.tobytes()


def test_pieces_that_do_not_make_the_tensor_leave_no_file(tmp_path):
    x = np.zeros((3, 2), np.float16)
    with pytest.raises(ValueError, match="have 12 bytes, their shapes say 16"):
        write_tensors(tmp_path / "x.safetensors", {"x": Tensor(x.dtype, (4, 2), [x])})
    assert not list(tmp_path.iterdir())


def sorted_set(folder, sizes):
    """A set as the extraction writes it: by class, in random order within."""
    y = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    X = np.random.default_rng(0).normal(size=(len(y), 3)).astype(np.float16)
    rows = np.arange(len(y), dtype=np.int32)
    tensors = {f"{a}_{s}": v for s in ("train", "test") for a, v in (("X", X), ("y", y), ("id", rows))}
    meta = {"fm": {"name": "fm"}, "dataset": {"name": "data", "class_names": [str(c) for c in range(len(sizes))]}}
    return X, write_set(folder, tensors, meta)


@pytest.mark.parametrize(
    ("sizes", "most", "taken"),
    [([9, 9, 9], 12, [4, 4, 4]), ([2, 20, 5], 15, [2, 8, 5]), ([3, 3], 99, [3, 3]), ([5, 5, 5], 1, [1, 1, 1])],
)
def test_a_part_of_a_large_set_is_opened_evenly(tmp_path, sizes, most, taken):
    X, info = sorted_set(tmp_path, sizes)
    opened = open_set(info, (most, 4))
    assert np.bincount(opened.y_train).tolist() == taken
    assert opened.of == (sum(sizes), sum(sizes))
    # Each class's first, which a smaller part shares.
    np.testing.assert_array_equal(opened.X_train, X[opened.id_train].astype(np.float32))
    for c, count in enumerate(taken):
        start = sum(sizes[:c])
        assert opened.id_train[opened.y_train == c].tolist() == list(range(start, start + count))


def test_a_set_is_removed_whole_and_bundled_ones_stay(tmp_path, bundled, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    _, info = small_set(tmp_path / "sets")
    _, other = small_set(tmp_path / "sets", "other", n=20)
    maps_path(info).write_bytes(b"maps")
    assert size_of(info) + size_of(other) == sum(p.stat().st_size for p in (tmp_path / "sets").iterdir())
    for one in (info, other):
        keep_map(one, base := quick_map(open_set(one), "l2"))
        assert map_path(one, "l2", base.layout).is_file()
    remove_set(info)
    assert not info.files
    assert not maps_folder(info).exists()
    assert map_path(other, "l2", base.layout).is_file()
    remove_set(other)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not (tmp_path / "home" / "maps").exists()
    with pytest.raises(ImprintError, match="ships with the project"):
        remove_set(bundled["resnet50", "mnist"])
    assert bundled["resnet50", "mnist"].path.is_file()

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imprint_core.embeddings import find_sets, open_set
from imprint_core.embeddings.maps import base_map, maps_path, write_maps
from imprint_core.embeddings.store import encode_uint8, read_info, write_set, write_whole
from imprint_core.errors import ImprintError


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


def test_every_bundled_set_has_its_maps(bundled):
    for info in bundled.values():
        opened = open_set(info)
        for method in ("umap", "pca"):
            for norm in ("none", "l2"):
                positions, shown = base_map(opened, method, norm)
                assert shown.label.lower() == method
                assert positions.shape == (len(opened.X_train) + len(opened.X_test), 2)
                assert np.abs(positions).max() == pytest.approx(1, abs=0.01)


def test_a_set_without_maps_gets_a_pca_map(tmp_path):
    _, info = small_set(tmp_path)
    opened = open_set(info)
    positions, shown = base_map(opened, "umap", "l2")
    assert (positions.shape, shown.label) == ((16, 2), "PCA")
    maps_path(info).write_bytes(b"damaged")
    assert base_map(opened, "pca", "l2")[1].label == "PCA"


def test_maps_are_kept(tmp_path):
    _, info = small_set(tmp_path)
    seen = []
    write_maps(open_set(info), seen.append)
    assert len(seen) == 4
    assert base_map(open_set(info), "umap", "l2")[1].label == "UMAP"


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


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is damaged; restore it"),
        ("[]", "is damaged; restore it"),
        ("{}", "is damaged; restore it"),
        ('{"format": 99}', "is of format 99, this version reads 1"),
        ('{"format": 1, "fm": {}}', "is damaged; restore it"),
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

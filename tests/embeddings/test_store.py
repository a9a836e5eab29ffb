import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from imprint_core.embeddings import find_sets, open_set, store
from imprint_core.embeddings.store import (
    EXPLORED,
    EXPLORED_DIMENSIONS,
    maps_folder,
    most_samples,
    move_set,
    read_info,
    remove_set,
    size_of,
    write_set,
)
from imprint_core.errors import ImprintError
from imprint_core.maps.store import load_pca_map, save_map, set_maps_path, user_map_path


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


def test_a_set_is_moved_over_an_earlier_one(tmp_path):
    (tmp_path / "home").mkdir()
    stored = ""
    for n in (12, 14, 14):
        _, info = small_set(tmp_path / "new", n=n)
        moved = move_set(info, tmp_path / "home")
        assert len(open_set(read_info(moved.path)).y_train) == n
        assert not list((tmp_path / "new").iterdir())
        # Maps of the same tensors are kept.
        assert set_maps_path(moved).is_file() == (stored == moved.digest)
        set_maps_path(moved).write_text("maps")
        stored = moved.digest
    (tmp_path / "file").write_text("")
    _, info = small_set(tmp_path / "new")
    with pytest.raises(ImprintError, match=r"could not be written to .*\. Free some space or choose another"):
        move_set(info, tmp_path / "file")


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
        ("truncated", "is damaged or doesn't match its sidecar"),
        ("flipped", "is damaged or doesn't match its sidecar"),
        ("no tensor", "is damaged or doesn't match its sidecar"),
        ("missing", "is missing. Restore it or embed the set again"),
    ],
)
def test_damaged_set_raises_a_clear_error(tmp_path, how, sentence):
    _, info = small_set(tmp_path)
    with pytest.raises(ImprintError, match=sentence):
        open_set(damage(info, how))


SIDECAR = '{"format": 1, "fm": {"name": "f"}, "dataset": {"name": "d", "class_names": []}, "sha256": "%s"}'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is damaged. Restore it"),
        ("[]", "is damaged. Restore it"),
        ("{}", "is damaged. Restore it"),
        ('{"format": 99}', "has format 99; this version reads 1"),
        ('{"format": 1, "fm": {}}', "is damaged. Restore it"),
        # A digest names a folder, which is deleted with the set.
        (SIDECAR % "../../../..", "is damaged. Restore it"),
        (SIDECAR % "", "is damaged. Restore it"),
    ],
)
def test_unreadable_sidecar_is_reported_and_skipped(tmp_path, text, sentence):
    _, good = small_set(tmp_path, "good")
    _, info = small_set(tmp_path, "bad")
    info.path.with_suffix(".json").write_text(text)
    with pytest.raises(ImprintError, match=sentence):
        read_info(info.path)
    sets, problems = find_sets(tmp_path)
    assert list(sets) == [(good.fm, good.dataset)]
    assert len(problems) == 1


def test_later_folder_takes_precedence(tmp_path):
    small_set(tmp_path / "a")
    _, later = small_set(tmp_path / "b", n=20)
    sets, _ = find_sets(tmp_path / "a", tmp_path / "b", tmp_path / "absent")
    assert sets["fm", "data"].path == later.path


def test_digest_depends_on_the_tensors(tmp_path):
    tensors, info = small_set(tmp_path)
    meta = json.loads(info.path.with_suffix(".json").read_text())
    tensors["X_test"][0, 0] += 1
    changed = write_set(tmp_path, tensors, {k: v for k, v in meta.items() if k not in ("sha256", "format")})
    assert changed.digest != info.digest
    assert replace(changed, path=info.path) == changed


def count_reads(monkeypatch):
    reads = []
    read_info = store.read_info
    monkeypatch.setattr(store, "read_info", lambda path: reads.append(path) or read_info(path))
    return reads


def test_sidecars_are_read_again_only_when_they_change(tmp_path, monkeypatch):
    _, info = small_set(tmp_path)
    bad = tmp_path / "bad__data.json"
    bad.write_text("{")
    reads = count_reads(monkeypatch)
    first = find_sets(tmp_path)
    assert len(reads) == 2
    assert len(first[1]) == 1
    assert find_sets(tmp_path) == first
    assert len(reads) == 2
    _, larger = small_set(tmp_path, n=20)
    bad.unlink()
    sets, problems = find_sets(tmp_path)
    assert len(reads) == 3
    assert not problems
    assert sets["fm", "data"].digest == larger.digest != info.digest
    # A file of the same size in the place of another, within the same tick of the clock.
    sidecar = larger.path.with_suffix(".json")
    stat = sidecar.stat()
    other = tmp_path / "other"
    other.write_text(sidecar.read_text().replace('"a"', '"z"'))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(sidecar)
    assert find_sets(tmp_path)[0]["fm", "data"].class_names == ("z", "b")


def test_sidecars_are_read_by_many_threads_at_once(tmp_path):
    for i in range(8):
        small_set(tmp_path, f"fm{i}")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: find_sets(tmp_path), range(32)))
    assert all(result == results[0] for result in results)
    assert len(results[0][0]) == 8


def sorted_set(folder, sizes):
    """A set as the extraction writes it: ordered by class, in random order within a class."""
    y = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    X = np.random.default_rng(0).normal(size=(len(y), 3)).astype(np.float16)
    rows = np.arange(len(y), dtype=np.int32)
    tensors = {f"{a}_{s}": v for s in ("train", "test") for a, v in (("X", X), ("y", y), ("id", rows))}
    meta = {"fm": {"name": "fm"}, "dataset": {"name": "data", "class_names": [str(c) for c in range(len(sizes))]}}
    return X, write_set(folder, tensors, meta)


@pytest.mark.parametrize(
    ("sizes", "most", "counts"),
    [([9, 9, 9], 12, [4, 4, 4]), ([2, 20, 5], 15, [2, 8, 5]), ([3, 3], 99, [3, 3]), ([5, 5, 5], 1, [1, 1, 1])],
)
def test_part_of_a_large_set_has_balanced_classes(tmp_path, sizes, most, counts):
    X, info = sorted_set(tmp_path, sizes)
    opened = open_set(info, (most, 4))
    assert np.bincount(opened.y_train).tolist() == counts
    assert opened.of == (sum(sizes), sum(sizes))
    # The first samples of each class, so that parts are nested.
    np.testing.assert_array_equal(opened.X_train, X[opened.id_train].astype(np.float32))
    for c, count in enumerate(counts):
        start = sum(sizes[:c])
        assert opened.id_train[opened.y_train == c].tolist() == list(range(start, start + count))


def test_pages_open_fewer_samples_of_wide_embeddings(tmp_path):
    _, info = small_set(tmp_path, n=40)
    assert most_samples(info) == EXPLORED
    most = EXPLORED_DIMENSIONS
    for dim, expected in ((most, (20, 4)), (2 * most, (10, 2)), (64 * most, (2, 2))):
        wide = replace(info, meta={**info.meta, "fm": {"name": "fm", "dim": dim}})
        opened = open_set(wide, (20, 4))
        assert (len(opened.y_train), len(opened.y_test)) == expected
        assert len(open_set(wide).y_train) == 40


def test_all_files_of_a_set_are_removed_and_bundled_sets_kept(tmp_path, bundled, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    _, info = small_set(tmp_path / "sets")
    _, other = small_set(tmp_path / "sets", "other", n=20)
    set_maps_path(info).write_bytes(b"maps")
    assert size_of(info) + size_of(other) == sum(p.stat().st_size for p in (tmp_path / "sets").iterdir())
    for stored in (info, other):
        save_map(stored, base := load_pca_map(open_set(stored), "l2"))
        assert user_map_path(stored, "l2", base.layout).is_file()
    remove_set(info)
    assert not info.files
    assert not maps_folder(info).exists()
    assert user_map_path(other, "l2", base.layout).is_file()
    remove_set(other)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not (tmp_path / "home" / "maps").exists()
    with pytest.raises(ImprintError, match="ships with the project"):
        remove_set(bundled["resnet50", "mnist"])
    assert bundled["resnet50", "mnist"].path.is_file()

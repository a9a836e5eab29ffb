import io
import json
import os
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from PIL import Image

from imprint_core.datasets.class_folders import images_in_zip
from imprint_core.datasets.image_files import ImageFile, ImageListing, images_by_class
from imprint_core.datasets.images import hold_out
from imprint_core.datasets.own_images import find_own_images, read_own_images
from imprint_core.errors import ImprintError
from imprint_core.uploads.saving import save_images


def png(shade, size=(3, 2)):
    out = io.BytesIO()
    Image.new("L", size, shade).save(out, "PNG")
    return out.getvalue()


def files_by_class(**counts):
    """Class → that many images, each of a different shade."""
    shades = iter(range(1, 250))
    return {c: [(f"{i:02}.png", png(next(shades))) for i in range(n)] for c, n in counts.items()}


def by_class(files):
    return images_by_class({c: [(name, partial(bytes, data)) for name, data in images] for c, images in files.items()})


def listing(entries):
    return ImageListing(entries, tuple(sorted({e.class_name for e in entries})))


def shades(images):
    return [images.load(i).getpixel((0, 0)) for i in range(len(images.labels))]


def test_saved_images_are_read_unchanged(tmp_path):
    progress = []
    dataset = save_images(
        by_class(files_by_class(b=8, a=5)),
        "My <b>set</b>\n",
        tmp_path / "new",
        lambda *counts: progress.append(counts),
    )
    assert (dataset.label, dataset.class_names, dataset.left_out) == ("My <b>set</b>", ("a", "b"), ())
    assert dataset.counts == ((4, 1), (6, 2))
    assert progress == [*((i, 13) for i in range(13)), (13, 13)]
    assert dataset.path == tmp_path / "new" / f"{dataset.name}.zip"
    assert dataset.name.startswith("own_")
    assert len(dataset.name) == 16
    header, splits = read_own_images(dataset.path)
    assert header == dataset
    assert (splits.class_names, splits.label) == (("a", "b"), "My <b>set</b>")
    # Class b was shaded first, 1 … 8; a has 9 … 13.
    all_shades = shades(splits.train) + shades(splits.test)
    assert sorted(all_shades) == list(range(1, 14))
    labels = [*splits.train.labels, *splits.test.labels]
    assert [int(s <= 8) for s in all_shades] == labels
    assert splits.train.labels.dtype == np.int32
    assert (splits.train.load(0).mode, splits.train.load(0).size) == ("L", (3, 2))
    assert splits.train.draw(2, 0).shape == (4,)


def test_file_has_the_original_bytes_under_numbers(tmp_path):
    files = files_by_class(a=4, b=4)
    dataset = save_images(by_class(files), "x", tmp_path)
    with zipfile.ZipFile(dataset.path) as archive:
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        names = archive.namelist()
        assert sorted(names[:-1]) == [*(f"test/{i:06d}" for i in range(2)), *(f"train/{i:06d}" for i in range(6))]
        data = {archive.read(name) for name in names[:-1]}
        manifest = json.loads(archive.read("manifest.json"))
    assert data == {data for images in files.values() for _, data in images}
    assert manifest == {
        "format": 1,
        "label": "x",
        "class_names": ["a", "b"],
        "train": [0, 0, 0, 1, 1, 1],
        "test": [0, 1],
        "left_out": [],
        "held_out": True,
    }


def test_held_out_quarter_is_always_the_same(tmp_path):
    dataset = save_images(by_class(files_by_class(a=2, b=3, c=6, d=20)), "x", tmp_path / "1")
    assert dataset.counts == ((1, 1), (2, 1), (4, 2), (15, 5))
    header, splits = read_own_images(dataset.path)
    assert header.held_out
    assert splits.held_out
    expected = np.arange(1, 32)[hold_out(np.repeat(range(4), (2, 3, 6, 20)))]
    assert shades(splits.test) == expected.tolist()
    again = save_images(by_class(files_by_class(a=2, b=3, c=6, d=20)), "x", tmp_path / "2")
    assert again.name == dataset.name
    assert again.path.read_bytes() == dataset.path.read_bytes()
    other = files_by_class(a=2, b=3, c=6, d=20)
    other["d"][0] = ("00.png", png(255))
    assert save_images(by_class(other), "x", tmp_path / "2").name != dataset.name


def test_splits_of_a_zip_are_preserved(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, name in enumerate(("train/a/1", "train/b/1", "val/a/1", "val/a/2", "val/b/1")):
            archive.writestr(f"{name}.png", png(i))
    dataset = save_images(images_in_zip(file), "x", tmp_path)
    assert dataset.counts == ((1, 2), (1, 1))
    header, splits = read_own_images(dataset.path)
    assert not header.held_out
    assert not splits.held_out
    assert (shades(splits.train), shades(splits.test)) == ([0, 1], [2, 3, 4])
    assert splits.test.labels.tolist() == [0, 0, 1]


def test_damaged_images_are_skipped_and_reported(tmp_path):
    files = files_by_class(a=3, b=3)
    files["a"].append(("bad\u202e.png", png(9)[:-30]))
    files["b"].insert(0, ("notes.doc", b"hello"))
    dataset = save_images(by_class(files), "x", tmp_path)
    assert dataset.counts == ((2, 1), (2, 1))
    assert [(file.display_name, file.kind) for file in dataset.left_out] == [
        ("a/bad.png", "damaged"),
        ("b/notes.doc", "other"),
    ]
    assert dataset.left_out[0][1] == "The image is damaged or incomplete. Save or copy it again."
    assert dataset.left_out[1][1].startswith("The file is not a readable JPEG, PNG,")
    assert read_own_images(dataset.path)[0].left_out == dataset.left_out


def test_member_damaged_in_the_zip_is_skipped(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("a/1", "a/2", "a/3", "b/1", "b/2"):
            archive.writestr(f"{name}.png", png(7))
    data = bytearray(file.getvalue())
    data[data.index(b"a/2.png") + 20] ^= 1
    dataset = save_images(images_in_zip(io.BytesIO(bytes(data))), "x", tmp_path)
    assert dataset.left_out == (("a/2.png", "The file is damaged inside the zip. Create the zip again.", "damaged"),)
    assert dataset.counts == ((1, 1), (1, 1))


BAD = ("bad.png", b"bad")
AT_LEAST_TWO = "without splits, each class needs at least two"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            {"a": [BAD], "b": [BAD]},
            "None of the files can be used; the first, 'a/bad.png': The file is not a readable",
        ),
        (
            files_by_class(a=2, b=1),
            f"Class 'b' has only one usable image; {AT_LEAST_TWO}, one to train",
        ),
        (
            {**files_by_class(a=2), "b": [BAD, BAD]},
            f"Class 'b' has no usable image; {AT_LEAST_TWO}",
        ),
        (files_by_class(a=2), "'a' is the only class"),
        (files_by_class(a=2, b=0), "Class 'b' has no images; add some or remove the class"),
        ({**files_by_class(a=2), "a ": []}, "Two classes have the visible name 'a'"),
        ({}, "No classes were found"),
    ],
)
def test_too_few_images_are_refused_and_nothing_is_written(files, sentence, tmp_path):
    with pytest.raises(ImprintError, match=sentence):
        save_images(by_class(files), "x", tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_class_must_be_in_both_splits(tmp_path):
    def entries(*names):
        files = [ImageFile(n[-1], "test" if n.startswith("test") else "train", n, lambda: png(1)) for n in names]
        return ImageListing(files, ("a", "b"))

    with pytest.raises(ImprintError, match="Class 'b' has no usable image in the test split; every class must be in"):
        save_images(entries("train/a", "train/b", "test/a"), "x", tmp_path)
    with pytest.raises(ImprintError, match="Class 'a' has no usable image in the training split; every class"):
        save_images(entries("train/b", "test/b", "test/a"), "x", tmp_path)


class Full(io.RawIOBase):
    def write(self, data):
        raise OSError(28, "No space left on device")


def test_full_disk_is_reported_and_nothing_remains(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *a: Full().write(b""))
    with pytest.raises(
        ImprintError, match=r"could not be written to '.*' \(No space left on device\); free some space"
    ):
        save_images(by_class(files_by_class(a=2, b=2)), "x", tmp_path)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImprintError, match="could not be written to"):
        save_images(by_class(files_by_class(a=2, b=2)), "x", tmp_path / "file" / "in")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ZeroDivisionError])
def test_nothing_remains_after_an_interruption(tmp_path, stop):
    reads = iter(range(100))

    def read():
        # Six reads check the images; the seventh is during writing.
        if next(reads) == 6:
            assert len(list(tmp_path.iterdir())) == 1
            raise stop
        return png(1)

    with pytest.raises(stop):
        save_images(listing([ImageFile(c, None, c, read) for c in "aabb"]), "x", tmp_path)
    assert not list(tmp_path.iterdir())


def test_at_most_one_image_is_in_memory(tmp_path):
    size = 2_000_000
    noise = np.random.default_rng(0).integers(0, 256, (1000, size // 1000), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", compress_level=0)
    path = tmp_path / "image"
    path.write_bytes(out.getvalue())
    entries = [ImageFile(c, None, c, path.read_bytes) for c in "ab" * 10]
    tracemalloc.start()
    dataset = save_images(listing(entries), "x", tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dataset.path.stat().st_size > 20 * size
    assert peak < 4 * size


def test_images_load_from_many_threads(tmp_path):
    dataset = save_images(by_class(files_by_class(a=30, b=30)), "x", tmp_path)
    _, splits = read_own_images(dataset.path)
    alone = shades(splits.train)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: splits.train.load(i).getpixel((0, 0)), list(range(len(alone))) * 10))
    assert together == alone * 10


def test_uploaded_datasets_are_found(tmp_path):
    assert find_own_images(tmp_path / "none") == ([], [])
    second = save_images(by_class(files_by_class(a=2, b=2)), "zebra", tmp_path)
    first = save_images(by_class(files_by_class(a=2, b=3)), "Ape", tmp_path)
    (tmp_path / "own_0123456789ab.zip").write_bytes(second.path.read_bytes()[:-5])
    (tmp_path / ".dataset.x.tmp").write_bytes(b"")
    for _ in range(2):
        assert find_own_images(tmp_path) == (
            [first, second],
            ["'own_0123456789ab.zip' is damaged. Delete it and upload the images again."],
        )
    second.path.unlink()
    assert find_own_images(tmp_path)[0] == [first]
    before = first.path.stat().st_mtime_ns
    renamed = save_images(by_class(files_by_class(a=2, b=3)), "Ant, of other length", tmp_path)
    os.utime(renamed.path, ns=(before, before))
    assert (renamed.name, find_own_images(tmp_path)[0]) == (first.name, [renamed])


def rewritten(path, **changes):
    """The file with changes in its manifest, and without the members that are None."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"]) | {k: v for k, v in changes.items() if "/" not in k}
    members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            if changes.get(name, data) is not None:
                archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"label": 3},
        {"class_names": ["a"]},
        {"class_names": ["a", 7]},
        {"train": [0, 1, 0]},
        {"train": [0, 2]},
        {"train": [0, -1]},
        {"train": [0, True]},
        {"train": "01"},
        {"test/000000": None},
        {"format": None},
    ],
)
def test_file_that_contradicts_its_manifest_is_damaged(changes, tmp_path):
    dataset = save_images(by_class(files_by_class(a=2, b=2)), "x", tmp_path)
    with pytest.raises(ImprintError, match=r"'own_\w+\.zip' is damaged. Delete it and upload the images again"):
        read_own_images(rewritten(dataset.path, **changes))


def test_other_formats_and_missing_files_are_reported(tmp_path):
    dataset = save_images(by_class(files_by_class(a=2, b=2)), "x", tmp_path)
    with pytest.raises(ImprintError, match=r"has format 2; this version reads 1\. Upload the images again"):
        read_own_images(rewritten(dataset.path, format=2))
    dataset.path.unlink()
    with pytest.raises(ImprintError, match=f"The images '{dataset.name}' do not exist. Upload them again"):
        read_own_images(dataset.path)


def test_image_damaged_after_saving_is_reported_when_loaded(tmp_path):
    dataset = save_images(by_class(files_by_class(a=2, b=2)), "x", tmp_path)
    data = dataset.path.read_bytes()
    offset = data.index(b"train/000001") + 30
    dataset.path.write_bytes(data[:offset] + b"\0\0\0" + data[offset + 3 :])
    _, splits = read_own_images(dataset.path)
    assert splits.train.load(0).size == (3, 2)
    with pytest.raises(ImprintError, match=r"is damaged\. Delete it and upload the images again"):
        splits.train.load(1)

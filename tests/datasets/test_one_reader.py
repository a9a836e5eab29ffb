"""One reader for folders and zips: both entries (command line and page) give the same classes, counts and reports."""

import io
import unicodedata
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imprint_core.datasets import checked_dataset_at, dataset_at
from imprint_core.datasets.own_images import read_own_images
from imprint_core.errors import ImprintError
from imprint_core.uploads.formats import IMAGE_FORMATS
from imprint_core.uploads.saving import import_file, save_images


def image(number, kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", (8, 6), (number % 256, number // 256 % 256, 90)).save(out, kind)
    return out.getvalue()


def numbered(*names):
    return {name: image(i, "JPEG" if name.endswith(".jpg") else "PNG") for i, name in enumerate(names)}


def write_folder(root, members):
    for name, data in members.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return root


def write_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name) if isinstance(name, str) else name, data)
    return path


def summary(dataset):
    """Name, classes, counts and report of a dataset of the command line."""
    splits = dataset.read(None)
    counts = [np.bincount(i.labels, minlength=len(splits.class_names)).tolist() for i in (splits.train, splits.test)]
    return dataset.name, splits.class_names, [*zip(*counts, strict=True)], splits.left_out


def of_page(path, folder):
    with path.open("rb") as file:
        images = import_file(file, path.suffix[1:], path.stem, folder)
    return images.name, images.class_names, list(images.counts), images.left_out


def both(tmp_path, members):
    """What the command line reads from a folder and from a zip, and the page from the zip; they are equal."""
    of_folder = summary(checked_dataset_at(write_folder(tmp_path / "folder", members), skip_damaged=True))
    path = write_zip(tmp_path / "x.zip", members)
    of_zip = summary(checked_dataset_at(path, skip_damaged=True))
    assert of_folder == of_zip == of_page(path, tmp_path / "images")
    return of_folder[1:]


PETS = [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(3)]


def test_files_of_mac_os_and_windows_are_ignored_and_reported(tmp_path):
    extra = {"__MACOSX/cat/._0.png": b"Mac OS X", "cat/._0.png": b"x", ".DS_Store": b"x", "dog/Thumbs.db": b"x"}
    classes, counts, left_out = both(tmp_path, numbered(*PETS) | extra)
    assert classes == ("cat", "dog")
    assert counts == [(2, 1), (2, 1)]
    assert [(f.display_name, f.kind) for f in left_out] == [
        (".DS_Store", "system"), ("__MACOSX", "system"), ("cat/._0.png", "system"), ("dog/Thumbs.db", "system")
    ]  # fmt: skip


@pytest.mark.parametrize("top", ["", "pets/", "data/pets/"])
def test_folders_at_the_top_are_no_classes(tmp_path, top):
    assert both(tmp_path, numbered(*[top + name for name in PETS]))[0] == ("cat", "dog")


@pytest.mark.parametrize(
    ("train", "test"),
    [("Train", "Test"), ("training", "validation"), ("train", "testing"), ("TRAIN", "VAL"), ("train", "valid")],
)
def test_names_of_splits(tmp_path, train, test):
    members = numbered(
        *[f"{s}/{c}/{i}.png" for s, n in ((train, 3), (test, 2)) for c in ("cat", "dog") for i in range(n)]
    )
    assert both(tmp_path, members) == (("cat", "dog"), [(3, 2), (3, 2)], ())


def test_a_validation_split_beside_a_test_split_and_a_test_split_without_labels(tmp_path):
    three = [f"{s}/{c}/{i}.png" for s in ("train", "val", "test") for c in ("cat", "dog") for i in range(2)]
    classes, counts, left_out = both(tmp_path / "1", numbered(*three))
    assert (classes, counts) == (("cat", "dog"), [(2, 2), (2, 2)])
    assert left_out == (("val", "A validation split; there is a test split.", "other"),)
    flat = [*(f"train/{name}" for name in PETS), "test/1.png", "test/2.png"]
    classes, counts, left_out = both(tmp_path / "2", numbered(*flat))
    assert (classes, counts) == (("cat", "dog"), [(2, 1), (2, 1)])
    assert left_out == (("test", "The split has no class folders, so no labels.", "other"),)


def test_a_class_without_usual_names_is_read_by_its_contents(tmp_path):
    members = numbered(*PETS) | {f"bird/{i}": image(20 + i) for i in range(2)}
    members |= {f"emu/{i}.jfif": image(30 + i, "JPEG") for i in range(2)}
    members |= {f"fox/{i}.avif": image(40 + i, "AVIF") for i in range(2)}
    members |= {"scripts/run": b"#!/bin/sh", "scripts/run.sh": b"#!/bin/sh"}
    classes, _, left_out = both(tmp_path, members)
    assert classes == ("bird", "cat", "dog", "emu", "fox")
    assert [f.display_name for f in left_out] == ["scripts/run", "scripts/run.sh"]


def test_a_class_that_cannot_be_decoded_is_named(tmp_path):
    members = numbered(*PETS) | {f"owl/{i}.heic": b"\0\0\0 ftypheic" + bytes(40) for i in range(3)}
    for path in (write_folder(tmp_path / "f", members), write_zip(tmp_path / "x.zip", members)):
        with pytest.raises(
            ImprintError, match=r"Class 'owl' has no usable image.*'owl/0\.heic': The file is not a read"
        ):
            checked_dataset_at(path, skip_damaged=True)
    with pytest.raises(ImprintError, match=r"Class 'owl' has no usable image.*'owl/0\.heic': The file is not a read"):
        of_page(tmp_path / "x.zip", tmp_path / "images")


def test_damaged_images_are_named_each_on_a_line(tmp_path):
    members = numbered(*PETS) | {
        "cat/9.png": image(9)[:50],
        "dog/7.jpg": b"\xff\xd8\xff\xe0 half",
        "dog/LICENSE": b"text",
    }
    folder = write_folder(tmp_path / "f", members)
    with pytest.raises(ImprintError) as error:
        checked_dataset_at(folder)
    lines = str(error.value).splitlines()
    assert lines[0] == "2 files are damaged:"
    assert [line.split(":")[0] for line in lines[1:3]] == ["cat/9.png", "dog/7.jpg"]
    assert lines[3] == "Repair or remove what is damaged, or add --skip-damaged."
    classes, counts, left_out = both(tmp_path / "both", members)
    assert (classes, counts) == (("cat", "dog"), [(2, 1), (2, 1)])
    assert [(f.display_name, f.kind) for f in left_out] == [
        ("cat/9.png", "damaged"), ("dog/7.jpg", "damaged"), ("dog/LICENSE", "other")
    ]  # fmt: skip
    with pytest.raises(ImprintError, match=r"dog/LICENSE: .*\nRemove what is left out, or omit --strict"):
        checked_dataset_at(folder, skip_damaged=True, strict=True)


def test_empty_folders_are_reported(tmp_path):
    members = numbered(*PETS)
    folder, path = write_folder(tmp_path / "f", members), write_zip(tmp_path / "x.zip", members | {"owl/in/": b""})
    (folder / "owl" / "in").mkdir(parents=True)
    for source in (folder, path):
        assert summary(checked_dataset_at(source))[3] == (("owl/in", "An empty folder.", "other"),)
        with pytest.raises(ImprintError, match=r"owl/in: An empty folder\."):
            checked_dataset_at(source, strict=True)


def test_names_with_commas_are_whole(tmp_path):
    members = numbered(*[f"{c}/{i}.png" for c in ("1,2 mm", "1,5 mm") for i in range(2)])
    assert both(tmp_path / "1", members)[0] == ("1,2 mm", "1,5 mm")
    given = members | {"classes.txt": "\ufeff1,2 mm\tthin, narrow\n1,5 mm\twide".encode()}
    assert both(tmp_path / "2", given)[0] == ("thin", "wide")


def test_strict_allows_hidden_files(tmp_path):
    members = numbered(*PETS) | {".DS_Store": b"x"}
    assert checked_dataset_at(write_folder(tmp_path / "f", members), strict=True).read(None).class_names == (
        "cat",
        "dog",
    )


def test_links_are_followed_or_reported(tmp_path):
    outside = write_folder(tmp_path / "outside", numbered("1.png", "2.png", "3.png"))
    folder = write_folder(tmp_path / "pets", {f"dog/{i}.png": image(50 + i) for i in range(3)})
    (folder / "cat").symlink_to(outside)
    (folder / "dog" / "more.png").symlink_to(outside / "1.png")
    (folder / "dog" / "gone.png").symlink_to(outside / "gone.png")
    (folder / "dog" / "again").symlink_to(folder)
    (folder / "dog" / "itself.png").symlink_to(folder / "dog" / "itself.png")
    (folder / "owl").mkdir()
    classes, counts, left_out = summary(checked_dataset_at(folder))[1:]
    assert (classes, counts) == (("cat", "dog"), [(2, 1), (3, 1)])
    assert left_out == (
        ("dog/again", "A link to a folder that contains it.", "other"),
        ("dog/gone.png", "A broken link.", "other"),
        ("dog/itself.png", "A broken link.", "other"),
        ("owl", "An empty folder.", "other"),
    )


class RawName(zipfile.ZipInfo):
    """A member whose name is stored as its bytes in CP437, without the flag for UTF-8."""

    def _encodeFilenameFlags(self):  # noqa: N802
        return self.filename.encode("cp437"), 0


@pytest.mark.parametrize("encoding", ["cp866", "utf-8"])
def test_zips_of_other_programs_keep_their_names(tmp_path, encoding):
    """WinRAR writes names of a local code page without a flag, and in Unicode in an extra field."""
    names = [f"{c}\\{i}.png" for c in ("кошка", "собака") for i in range(3)]
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(names):
            raw = name.encode(encoding)
            info = RawName(raw.decode("cp437"))
            field = b"\1" + zlib.crc32(raw).to_bytes(4, "little") + name.encode()
            info.extra = b"\x75\x70" + len(field).to_bytes(2, "little") + field if encoding == "cp866" else b""
            archive.writestr(info, image(i))
    assert summary(checked_dataset_at(path))[1] == ("кошка", "собака")
    assert of_page(path, tmp_path / "images")[1] == ("кошка", "собака")


def test_two_unicode_forms_of_a_name_are_one_class(tmp_path):
    cafe = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    members = numbered(*[f"{s}/{c}/{i}.png" for s, c in zip(("train", "test"), cafe, strict=True) for i in range(2)])
    members |= {f"{s}/tea/{i}.png": image(40 + i) for s in ("train", "test") for i in range(2)}
    assert both(tmp_path, members) == (("café", "tea"), [(2, 2), (2, 2)], ())


def test_datasets_are_identified_by_what_they_hold(tmp_path):
    first = write_folder(tmp_path / "a" / "data", numbered(*PETS))
    other = write_folder(tmp_path / "b" / "data", dict(zip(PETS, map(image, range(90, 96)), strict=True)))
    names = {checked_dataset_at(path).name for path in (first, other)}
    assert len(names) == 2
    assert checked_dataset_at(first).label == checked_dataset_at(other).label == "data"
    # Under another name, and with other names of files.
    moved = write_folder(
        tmp_path / "猫と犬", {name.replace(".png", "_.png"): (first / name).read_bytes() for name in PETS}
    )
    assert checked_dataset_at(moved).name == checked_dataset_at(first).name
    assert checked_dataset_at(moved).label == "猫と犬"
    # Two images exchanged between classes.
    cat, dog = first / "cat/0.png", first / "dog/0.png"
    before = checked_dataset_at(first).name
    swapped = cat.read_bytes()
    cat.write_bytes(dog.read_bytes())
    dog.write_bytes(swapped)
    assert checked_dataset_at(first).name != before


def test_keras_labels_are_read_alike(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (12, 5, 4, 3), np.uint8)
    y = np.arange(12) % 3
    labels = {
        "text": np.array(["ape", "bee", "cow"])[y], "column": y[:, None], "signs": y - 1,
        "gaps": np.array([0, 5, 9])[y], "large": y.astype(np.int64) * 10**10, "one-hot": np.eye(3)[y],
        "whole floats": y.astype(np.float32), "bytes": np.array([b"ape", b"bee", b"cow"])[y],
    }  # fmt: skip
    names = {"text": ("ape", "bee", "cow"), "signs": ("-1", "0", "1"), "gaps": ("0", "5", "9")}
    names["bytes"] = names["text"]
    names["large"] = ("0", "10000000000", "20000000000")
    for kind, values in labels.items():
        path = tmp_path / f"{kind}.npz"
        np.savez(path, x_train=x, y_train=values, x_test=x, y_test=values)
        read = summary(checked_dataset_at(path))
        assert read[1:] == (names.get(kind, ("0", "1", "2")), [(4, 4)] * 3, ())
        assert of_page(path, tmp_path / "images") == read
    np.savez(path, x_train=x, y_train=y / 5, x_test=x, y_test=y / 5)
    for read in (checked_dataset_at, lambda path: of_page(path, tmp_path / "images")):
        with pytest.raises(ImprintError, match="fractions or NaN; labels must be whole numbers or text"):
            read(path)


def test_images_of_a_set_are_opened_without_the_files_left_out(tmp_path):
    folder = write_folder(tmp_path / "f", numbered(*PETS) | {"cat/00.png": b"damaged"})
    checked = checked_dataset_at(folder, skip_damaged=True).read(None)
    opened = dataset_at(folder, [f.display_name for f in checked.left_out]).read(None)
    for split in ("train", "test"):
        images, again = getattr(checked, split), getattr(opened, split)
        assert images.labels.tolist() == again.labels.tolist()
        assert [images.load(i).tobytes() for i in range(len(images.labels))] == [
            again.load(i).tobytes() for i in range(len(again.labels))
        ]


NAMES = st.sampled_from(["cat", "Dog", "Café", "Cafe\u0301", "猫", "a b", "10", "9", "train", "test", "ʻōlelo", "<b>"])
SPLIT_PAIRS = st.sampled_from(
    [("", ""), ("train", "test"), ("Train", "Validation"), ("TRAINING", "val"), ("train", ""), ("test", "train")]
)
FILES = st.sampled_from([".png", ".PNG", ".jpg", ".jfif", "", ".heic", ".txt", ".dat"])
CONTENTS = st.sampled_from(["png", "png", "png", "jpeg", "truncated", "text", "empty"])
STRAY = st.sampled_from(
    [
        "README.md",
        ".DS_Store",
        "__MACOSX/._x.png",
        "Thumbs.db",
        "notes/run.sh",
        "LICENSE",
        ".git/HEAD",
        "x.zip",
        "1.png",
    ]
)


@st.composite
def trees(draw):
    """Files of a random tree of classes, splits, names, damage and stray files."""
    counter = iter(range(1, 10_000))
    top = draw(st.sampled_from(["", "pets/", "a/b/"]))
    contents = {
        "png": image, "jpeg": lambda i: image(i, "JPEG"), "truncated": lambda i: image(i)[:50],
        "text": lambda i: b"text %d" % i, "empty": lambda i: b"",
    }  # fmt: skip
    members = {}
    classes = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    for split in dict.fromkeys(draw(SPLIT_PAIRS)):
        for name in classes:
            for _ in range(draw(st.integers(1, 4))):
                number = next(counter)
                deeper = draw(st.sampled_from(["", "", "", "", "", "inner/"]))
                file = f"{split}/{name}/{deeper}{number}{draw(FILES)}".lstrip("/")
                members[top + file] = contents[draw(CONTENTS)](number)
    for stray in draw(st.lists(STRAY, max_size=2)):
        members[top + stray] = b"stray"
    return members


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees())
def test_folders_and_zips_are_read_alike(tmp_path_factory, members):
    """The command line's folder and zip, and the page's zip, here without its process."""
    folder = tmp_path_factory.mktemp("tree")
    write_folder(folder / "f", members)
    read = []
    for path in (folder / "f", write_zip(folder / "f.zip", members)):
        try:
            read.append(summary(checked_dataset_at(path, skip_damaged=True)))
        except ImprintError as error:
            read.append(
                str(error)
                .replace("The folder ", "The zip ")
                .replace("the folder ", "the zip ")
                .replace("'f.zip'", "'f'")
            )
    assert read[0] == read[1]
    with (folder / "f.zip").open("rb") as file:
        if isinstance(read[0], str):
            with pytest.raises(ImprintError) as error:
                save_images(IMAGE_FORMATS["zip"].read(file), "f", folder)
            assert str(error.value) == read[0].removeprefix("'f': ")
        else:
            saved = save_images(IMAGE_FORMATS["zip"].read(file), "f", folder)
            assert (saved.name, saved.class_names, list(saved.counts), saved.left_out) == read[0]
            assert read_own_images(saved.path)[0] == saved
    if isinstance(read[0], tuple):
        _, _, counts, left_out = read[0]
        # Nothing vanishes: each file is an image of a class, below a folder that is left out, or left out itself.
        names = [unicodedata.normalize("NFC", name) for name in members]
        listed = sum(map(sum, counts))
        gone = [n for n in names if any(n == f.display_name or n.startswith(f"{f.display_name}/") for f in left_out)]
        assert listed + len(gone) == len(names)
        assert all(train and test for train, test in counts)

import io
import struct
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.datasets.class_folders import images_in_zip
from imprint_core.datasets.zips import MOST_FILES
from imprint_core.errors import ImprintError


def zipped(members, method=zipfile.ZIP_STORED):
    """A zip as a file; `members` are names, or pairs of a name or ZipInfo and bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for member in members:
            name, data = (member, b"x") if isinstance(member, str) else member
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, data)
    return out


def patched(file, name, field, value, size=4, local=False):
    """The zip with a field of a member's header replaced; `field` counts from the directory's entry."""
    data = bytearray(file.getvalue())
    header = data.index(b"PK\x03\x04") if local else data.index(b"PK\x01\x02")
    while data[header + (30 if local else 46) :][: len(name)] != name.encode():
        header = data.index(b"PK\x03\x04" if local else b"PK\x01\x02", header + 1)
    data[header + field : header + field + size] = value.to_bytes(size, "little")
    return io.BytesIO(bytes(data))


def listed(file):
    return [(e.class_name, e.split, e.display_name) for e in images_in_zip(file).files]


PLAIN = ["a/1.png", "a/2.png", "b/1.png"]
METHOD, CRC, PACKED, UNPACKED = 10, 16, 20, 24  # in an entry of the directory


@pytest.mark.parametrize("wrapping", ["", "set/", "deep/er/"])
def test_class_folders_are_listed(wrapping):
    entries = images_in_zip(zipped([(wrapping + name, name.encode()) for name in reversed(PLAIN)])).files
    assert [(e.class_name, e.split, e.display_name) for e in entries] == [
        ("a", None, wrapping + "a/1.png"),
        ("a", None, wrapping + "a/2.png"),
        ("b", None, wrapping + "b/1.png"),
    ]
    assert [e.read() for e in entries] == [b"a/1.png", b"a/2.png", b"b/1.png"]
    assert entries[0].read() == b"a/1.png"


@pytest.mark.parametrize("test", ["val", "valid", "validation", "test", "Testing"])
@pytest.mark.parametrize("wrapping", ["", "set/"])
def test_folders_of_splits_are_listed(wrapping, test):
    names = [wrapping + n for n in ("train/a/1.png", "train/b/1.png", f"{test}/a/1.png", f"{test}/b/1.png")]
    splits = {(name, split) for _, split, name in listed(zipped(names))}
    assert splits == {(n, "train" if "train" in n else "test") for n in names}


def test_single_split_folder_counts_as_shared_folder():
    assert listed(zipped(["train/a/1.png", "train/b/1.png"])) == [
        ("a", None, "train/a/1.png"),
        ("b", None, "train/b/1.png"),
    ]


@pytest.mark.parametrize("names", [["train", "test"], ["train", "test1"], ["Train", "val", "test"]])
def test_splits_without_class_folders_are_refused(names):
    with pytest.raises(ImprintError, match=r"The splits '.*' have no class folders, so no labels; arrange the zip as"):
        images_in_zip(zipped([f"{name}/{i}.png" for name in names for i in range(2)]))


def test_a_class_may_be_called_train():
    assert [c[:2] for c in listed(zipped(["train/1.png", "bus/1.png"]))] == [("bus", None), ("train", None)]


def test_other_files_are_skipped():
    extra = [
        "__MACOSX/a/._1.png",
        "a/.DS_Store",
        ".git/config",
        "a/Thumbs.db",
        "b/desktop.ini",
        "README.md",
        "a/labels.csv",
        "a/notes.TXT",
        "meta/info.json",
        "LICENSE",
        "run.py",
        "scripts/run.py",
        "scripts/tools/run.py",
        "empty/",
    ]
    assert [name for *_, name in listed(zipped(PLAIN + extra))] == PLAIN
    assert [name for *_, name in listed(zipped(["s/" + n for n in PLAIN + extra]))] == ["s/" + n for n in PLAIN]
    apart = ["test/a/1.png", "test/b/1.png", "train/a/1.png", "train/b/1.png"]
    assert [name for *_, name in listed(zipped([*apart, *extra, "more/a/x.dat", "train/c/x.dat"]))] == apart


def test_files_in_class_folders_are_listed_for_decoding():
    names = ["a/1.heic", "a/2", "a/3.png", "b/1.png"]
    assert [name for *_, name in listed(zipped(names))] == names
    assert [name for *_, name in listed(zipped(["a/1", "b/2"]))] == ["a/1", "b/2"]


def test_names_in_other_scripts_are_read_with_and_without_the_utf_8_flag():
    file = zipped(["猫/1.png", "犬/1.png"])
    assert [c for c, *_ in listed(file)] == ["犬", "猫"]
    data = file.getvalue()
    for local, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := data.find(local, start)) >= 0:
            data = data[: start + flags] + b"\0\0" + data[start + flags + 2 :]
            start += 4
    entries = images_in_zip(io.BytesIO(data)).files
    assert [(e.class_name, e.display_name, e.read()) for e in entries] == [
        ("犬", "犬/1.png", b"x"),
        ("猫", "猫/1.png", b"x"),
    ]


def test_backslashes_separate_folders():
    assert [c for c, *_ in listed(zipped(["a\\1.png", "b\\1.png"]))] == ["a", "b"]


def test_markup_in_names_stays_and_direction_marks_are_removed():
    assert [c for c, *_ in listed(zipped(["<b>*x*/1.png", "s\u202ex/1.png"]))] == ["<b>*x*", "sx"]


LAYOUT = r"arrange the zip as <class>/<image>, or as train/<class>/<image> and test/<class>/<image>\."


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["1.png", "2.png"], rf"'1\.png' is not in a class folder; {LAYOUT}"),
        ([*PLAIN, "3.jpg"], rf"'3\.jpg' is not in a class folder like the others; {LAYOUT}"),
        ([*PLAIN, "a/b/c.png"], rf"'a/b/c\.png' is not in a class folder like the others; {LAYOUT}"),
        (["train/a/1.png", "test/b/1.png", "c/1.png"], "'c/1.png' is not in a class folder like the others"),
        (["train/a/1.png", "test/b/1.png", "dev/a/1.png"], "'dev' is beside splits but is not one; rename it to"),
        (["x/a/1.png", "y/b/1.png"], "'x/a/1.png' is not in a class folder"),
        ([], rf"has no images; {LAYOUT}"),
        (["README.md", "a/", "__MACOSX/1.png"], rf"has no images; {LAYOUT}"),
        (["a/1.png", "a/2.png"], "'a' is the only class"),
        (["train/a/1.png", "test/a/1.png"], "'a' is the only class"),
        (["é/1.png", "e\u0301/1.png"], "'é' is the only class"),
        (["é/1.png", "é\u202e/1.png"], "Two classes have the visible name 'é'"),
        ([f"{i}/1.png" for i in range(1001)], "1,001 classes are too many. Use at most 1,000"),
        *(([*PLAIN, f"a/x.{suffix}"], rf"another archive, 'a/x\.{suffix}'; unpack that one first") for suffix in
          ("zip", "tar", "tar.gz", "tgz", "7z", "rar", "bz2", "XZ")),
        *(([*PLAIN, name], "a name that points outside of it; create it again") for name in
          ("../1.png", "a/../../1.png", "a/..", "/etc/1.png", "//host/1.png", "C:/1.png", "c:1.png",
           "..\\1.png", "a\\..\\..\\1.png", "\\\\host\\1.png", "C:\\1.png")),
    ],
)  # fmt: skip
def test_other_layouts_and_dangerous_names_are_refused(names, sentence):
    with pytest.raises(ImprintError, match=sentence):
        images_in_zip(zipped(names))


def test_name_with_a_null_is_refused():
    file = zipped(["a/1.png", "b/1.png!.exe"])
    with pytest.raises(ImprintError, match="points outside"):
        images_in_zip(io.BytesIO(file.getvalue().replace(b"png!", b"png\0")))


@pytest.mark.parametrize("data", [b"", b"PK", b"\x89PNG\r\n\x1a\n" + bytes(100), b"Rar!\x1a\x07" + bytes(70_000)])
def test_other_files_are_refused(data):
    with pytest.raises(ImprintError, match=r"The file is not a zip\. Create one with your system's tools"):
        images_in_zip(io.BytesIO(data))


def test_truncated_zips_are_refused():
    whole = zipped([(name, bytes(200)) for name in PLAIN]).getvalue()
    for length in (4, 100, len(whole) // 2, len(whole) - 22, len(whole) - 10, len(whole) - 1):
        with pytest.raises(ImprintError, match=r"is incomplete\. Copy or create it again"):
            images_in_zip(io.BytesIO(whole[:length]))
    with pytest.raises(ImprintError, match="is damaged"):
        images_in_zip(io.BytesIO(whole[300:]))


def test_zip_with_a_comment_and_a_prefix_is_read():
    file = zipped(PLAIN)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"a comment " * 1000
    assert [e.read() for e in images_in_zip(io.BytesIO(b"#!/bin/sh\n" + file.getvalue())).files] == [b"x"] * 3


def test_symbolic_links_are_refused():
    link = zipfile.ZipInfo("a/3.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with pytest.raises(ImprintError, match=r"holds a symbolic link\. Replace it by the file"):
        images_in_zip(zipped([*PLAIN, (link, b"/etc/passwd")]))


@pytest.mark.parametrize("flags", [0x1, 0x40 | 0x1, 0x2000])
def test_encrypted_members_are_refused(flags):
    with pytest.raises(ImprintError, match=r"is encrypted\. Create it without a password"):
        images_in_zip(patched(zipped(PLAIN), "a/2.png", 8, flags, 2))


def test_large_files_are_not_read():
    files = images_in_zip(patched(zipped(PLAIN), "a/2.png", UNPACKED, 64_000_001)).files
    with pytest.raises(ImprintError, match="The file exceeds 64 MB; make the image smaller"):
        files[1].read()
    assert files[2].read() == b"x"


def test_total_size_of_an_upload_is_limited(monkeypatch):
    monkeypatch.setattr("imprint_core.datasets.zips.MOST_BYTES", 2_000_000)
    fits = [(f"{c}/1.png", bytes(1_000_000)) for c in "ab"]
    assert len(images_in_zip(zipped(fits), upload=True).files) == 2
    with pytest.raises(ImprintError, match="unpacks to more than 0 GB; upload fewer or smaller files"):
        images_in_zip(zipped([*fits, "a/2.png"]), upload=True)
    assert len(images_in_zip(zipped([*fits, "a/2.png"])).files) == 3


def directory_of(count, declared):
    """A zip that is only a directory of `count` entries and declares another count."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, declared, declared, count * len(entry), 0, 0)
    return io.BytesIO(entry * count + end)


@pytest.mark.parametrize(
    ("count", "declared"), [(MOST_FILES + 1, MOST_FILES + 1), (100_000, 1), (100_000, 65_535), (400_000, 1)]
)
def test_uploads_of_many_files_are_refused(count, declared):
    with pytest.raises(ImprintError, match=r"more than 20,000 files\. Upload fewer"):
        images_in_zip(directory_of(count, declared), upload=True)


def test_largest_allowed_count_of_files_is_read():
    file = zipped([f"{i % 5}/{i}.png" for i in range(MOST_FILES)])
    assert len(images_in_zip(file, upload=True).files) == MOST_FILES


def test_zip64_is_read():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in PLAIN:
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(b"x")
    assert [e.read() for e in images_in_zip(out).files] == [b"x"] * 3
    data = zipped(PLAIN).getvalue()
    end = data.index(b"PK\x05\x06")
    count, size, start = len(PLAIN), *struct.unpack_from("<LL", data, end + 12)
    end_64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    declared = data[end : end + 8] + b"\xff" * 12 + data[end + 20 :]
    assert [e.read() for e in images_in_zip(io.BytesIO(data[:end] + end_64 + locator + declared)).files] == [b"x"] * 3


def test_members_with_shared_bytes_are_refused():
    first = bytes(5_000)
    file = zipped([("a/1.png", first), "a/2.png", "b/1.png"])
    for field in (PACKED, UNPACKED):
        file = patched(file, "a/2.png", field, 5_000)
    file = patched(file, "a/2.png", 42, 0)
    with pytest.raises(ImprintError, match="is damaged"):
        images_in_zip(file)


@pytest.mark.parametrize(
    ("field", "value", "local"),
    [
        (CRC, 1, False),
        (UNPACKED, 10, False),
        (UNPACKED, 900_000, False),
        (PACKED, 5, False),
        (METHOD, 12, False),
        (METHOD, 99, False),
        (42, 7, False),
        (0, 0, True),
        (26, 2, True),
    ],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_member_that_contradicts_the_directory_is_damaged(field, value, local, method):
    content = bytes(range(256)) * 40
    whole = zipped([("a/1.png", content), ("b/1.png", content)], method)
    changed = patched(whole, "a/1.png", field, value, 2 if field in (METHOD, 26) else 4, local)
    entries = images_in_zip(changed).files
    tracemalloc.start()
    with pytest.raises(ImprintError, match=r"damaged inside the zip|unsupported compression method"):
        entries[0].read()
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
    assert entries[1].read() == content


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_of_compression_are_read(method):
    assert [e.read() for e in images_in_zip(zipped(PLAIN, method)).files] == [b"x"] * 3


def test_no_more_than_the_declared_size_is_unpacked():
    """The directory says 1,000 bytes; the stream would unpack to 50 MB."""
    file = zipped([("a/1.png", bytes(50_000_000)), "b/1.png"], zipfile.ZIP_DEFLATED)
    small = patched(patched(file, "a/1.png", UNPACKED, 1_000), "a/1.png", CRC, zlib.crc32(bytes(1_000)))
    entries = images_in_zip(small).files
    tracemalloc.start()
    try:
        assert entries[0].read() == bytes(1_000)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


SEEDS = [zipped([f"{s}/{c}/{i}.png" for s in ("train", "val") for c in "aé" for i in range(2)], m).getvalue()
         for m in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_changed_zips_are_read_or_refused(seed, data):
    changed = bytearray(seed)
    for i in data.draw(st.lists(st.integers(0, len(seed) - 1), max_size=5)):
        changed[i] = data.draw(st.integers(0, 255))
    length = data.draw(st.sampled_from([len(seed), data.draw(st.integers(0, len(seed)))]))
    read_all(bytes(changed[:length]))


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(data):
    read_all(data)
    read_all(data + b"PK\x05\x06" + data[:18].ljust(18, b"\0"))


def read_all(data):
    try:
        entries = images_in_zip(io.BytesIO(data)).files
    except ImprintError:
        return
    assert len({e.class_name for e in entries}) > 1
    for entry in entries:
        try:
            assert len(entry.read()) <= len(data) * 1100
        except ImprintError:
            continue

import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.background.guard import run_guarded
from imprint_core.datasets.images import hold_out
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS
from tests.uploads.files import (
    PARTS,
    RNG,
    X,
    Y,
    arrow,
    convert,
    csv,
    lists,
    npy,
    npz,
    parquet,
    read_embeddings,
    safetensors,
)


def refused(sentence, file, kind="npz", **options):
    with pytest.raises(ImprintError, match=sentence) as caught:
        read_embeddings(file, kind, **options)
    assert str(caught.value).endswith(".")


def check_parts(embeddings):
    assert not embeddings.held_out
    np.testing.assert_array_equal(embeddings.X_train, X[:12])
    np.testing.assert_array_equal(embeddings.X_test, X[12:])
    assert embeddings.y_train.tolist() == Y[:12].tolist()
    assert embeddings.y_test.tolist() == Y[12:].tolist()
    assert [a.dtype for a in (embeddings.X_train, embeddings.X_test, embeddings.y_train, embeddings.y_test)] == [
        np.float32
    ] * 2 + [np.int32] * 2


def check_held_out(embeddings, x=X):
    assert embeddings.held_out
    test = hold_out(Y)
    np.testing.assert_array_equal(embeddings.X_train, x[~test])
    np.testing.assert_array_equal(embeddings.X_test, x[test])
    assert embeddings.y_test.tolist() == Y[test].tolist()
    assert "The file has no split. A quarter of each class, 4 of 20 samples, is the test split." in embeddings.notes


@pytest.mark.parametrize("method", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_npz_with_splits(method, case):
    embeddings = read_embeddings(npz(method, **{case(k): v for k, v in PARTS.items()}, other=np.array([None])), "npz")
    check_parts(embeddings)
    assert (embeddings.class_names, embeddings.notes) == (("0", "1", "2", "3"), ())


@pytest.mark.parametrize(
    "keys",
    [
        ("X", "y"), ("x", "Y"), ("embeddings", "labels"), ("X", "labels"), ("features", "targets"),
        ("Features", "target"), ("embedding", "class"), ("feature", "label"),
    ],
)  # fmt: skip
def test_npz_without_splits_holds_out_a_quarter(keys):
    check_held_out(read_embeddings(npz(**dict(zip(keys, (X, Y), strict=True))), "npz"))


@pytest.mark.parametrize("keys", [("features_{}", "labels_{}"), ("{}_embeddings", "{}_targets"), ("X_{}", "label_{}")])
def test_names_of_splits_are_found(keys):
    arrays = {key.format(s): PARTS[f"{a}_{s}"] for key, a in zip(keys, "Xy", strict=True) for s in ("train", "test")}
    check_parts(read_embeddings(npz(**arrays, X=X), "npz"))
    embeddings = read_embeddings(safetensors(**arrays, other=X, x=X), "safetensors")
    check_parts(embeddings)
    assert sorted(embeddings.left_out) == ["other", "x"]


def test_embeddings_and_labels_are_two_npy_files_in_any_order():
    for labels in (Y, Y[:, None], np.eye(4)[Y], np.eye(4, dtype=bool)[Y]):
        for files in ((npy(X), npy(labels)), (npy(labels), npy(X))):
            check_held_out(read_embeddings(files, "npy"))
    check_held_out(read_embeddings((npy(Y), npy(X[:, :1])), "npy"), X[:, :1])
    refused("'labels' has shape 20 × 6; labels are one number or text per sample", (npy(X), npy(X)), "npy")
    refused("'embeddings' is damaged in the file; save it again", (b"hello", npy(Y)), "npy")
    trap = npy(np.array([Trap()] * 20))
    refused("'labels' holds Python objects, which are never loaded", (npy(X), trap), "npy")
    refused(r"Embeddings in \.npy need two files, of embeddings and of labels, instead of 1; give two", npy(X), "npy")
    refused(r"Embeddings in \.npz need one file instead of 2; give one file", (npz(X=X, y=Y), npy(Y)))


def test_bfloat16_of_numpy_is_read():
    """NumPy has no such type; JAX saves 2 bytes without a meaning."""
    upper = (X.view(np.uint32) >> 16).astype(np.uint16)
    expected = (upper.astype(np.uint32) << 16).view(np.float32)
    check_held_out(read_embeddings(npz(X=upper.view("V2"), y=Y), "npz"), expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.asfortranarray(x),
        lambda x: x.astype(np.float64),
        lambda x: x.astype(">f4"),
        lambda x: x.astype(np.longdouble),
    ],
)
def test_any_storage_of_the_numbers_is_read(change):
    check_parts(read_embeddings(npz(**{k: change(v) if k[0] == "X" else v for k, v in PARTS.items()}), "npz"))


def test_integers_and_half_floats_are_accepted():
    for kind in (np.uint8, np.int64, np.float16):
        x = (np.arange(120).reshape(20, 6)).astype(kind)
        embeddings = read_embeddings(npz(X=x, y=Y), "npz")
        np.testing.assert_array_equal(embeddings.X_train, x[~hold_out(Y)])


def test_blocks_are_joined_in_order():
    """5,000 rows of 300 numbers are two blocks."""
    x = RNG.normal(size=(5_000, 300)).astype(np.float32)
    y = RNG.integers(0, 3, 5_000)
    test = hold_out(y)
    embedding = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), 300)
    for file, kind in (
        (npz(X=x, y=y), "npz"),
        (safetensors(X=x, y=y), "safetensors"),
        (parquet({"y": y, "embedding": embedding}, row_group_size=1_111), "parquet"),
    ):
        embeddings = read_embeddings(file, kind)
        np.testing.assert_array_equal(embeddings.X_train, x[~test])
        np.testing.assert_array_equal(embeddings.X_test, x[test])
        np.testing.assert_array_equal(embeddings.y_train, y[~test])


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array(["b", "a", "d", "c"])[Y], ("a", "b", "c", "d")),
        (np.array([b"b", b"a", b"d", b"\xc3\xa9"])[Y], ("a", "b", "d", "é")),
        (np.array(["10", "9", "-1", "100"])[Y], ("-1", "9", "10", "100")),
        (np.array([7, -5, 1000, 8])[Y], ("-5", "7", "8", "1000")),
        (np.array([2**63, 5, 6, 2**64 - 1], np.uint64)[Y], ("5", "6", str(2**63), str(2**64 - 1))),
        (Y.astype(float) + 1, ("1", "2", "3", "4")),
        (Y[:, None], ("0", "1", "2", "3")),
        (2 * (Y % 2) - 1, ("-1", "1")),
        (np.array([0, 5, 9])[Y % 3], ("0", "5", "9")),
        (np.array([1, 10**10])[Y % 2], ("1", str(10**10))),
        (np.array([0.0, 1e10])[Y % 2], ("0", str(10**10))),
    ],
)
def test_labels_of_any_type_are_read(labels, names):
    embeddings = read_embeddings(npz(X=X, y=labels), "npz")
    assert embeddings.class_names == names
    test = hold_out(np.array([names.index(_text(v)) for v in labels.ravel()]))
    assert [embeddings.class_names[c] for c in embeddings.y_test] == [_text(v) for v in labels.ravel()[test]]


def _text(value):
    value = value.item()
    return value.decode() if isinstance(value, bytes) else str(int(value) if isinstance(value, float) else value)


def test_class_names_are_assigned_by_number():
    names = np.array(["zebra", "ape", "unused", "c\u202eow", "dog"])
    labels = np.array([0, 1, 3, 4])[Y]
    embeddings = read_embeddings(npz(X=X, y=labels, class_names=names), "npz")
    assert embeddings.class_names == ("zebra", "ape", "cow", "dog")
    assert set(zip(embeddings.class_names, np.unique(embeddings.y_train), strict=True)) == set(
        zip(("zebra", "ape", "cow", "dog"), range(4), strict=True)
    )
    metadata = {"class_names": json.dumps(names.tolist())}
    assert read_embeddings(safetensors(metadata, X=X, y=labels), "safetensors").class_names == embeddings.class_names


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, np.int32])
def test_safetensors(kind):
    x = (X * 100).astype(kind)
    arrays = {**PARTS, "X_train": x[:12], "X_test": x[12:]}
    embeddings = read_embeddings(safetensors(**arrays), "safetensors")
    np.testing.assert_array_equal(embeddings.X_train, x[:12].astype(np.float32))
    np.testing.assert_array_equal(embeddings.X_test, x[12:].astype(np.float32))
    check_held_out(read_embeddings(safetensors(x=X, Y=Y, other=X), "safetensors"))


def test_bfloat16_is_the_upper_half_of_a_float():
    upper = (X.view(np.uint32) >> 16).astype(np.uint16)
    data = safetensors(X=upper, y=Y).getvalue().replace(b'"U16"', b'"BF16"')
    (length,) = struct.unpack("<Q", data[:8])
    offset = data.index(b'"BF16"')
    assert offset < 8 + length
    # The header grows by one byte; one space of its padding is removed.
    header = data[8 : 9 + length].replace(b" ", b"", 1).ljust(length)
    embeddings = read_embeddings(io.BytesIO(data[:8] + header[:length] + data[9 + length :]), "safetensors")
    expected = (upper.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(embeddings.X_train, expected[~hold_out(Y)])


TEXTS = pa.array(Y.astype(str))
SPLIT = ["train"] * 12 + ["val"] * 4 + [" Test"] * 4


@pytest.mark.parametrize(
    "columns",
    [
        {"label": Y, "split": SPLIT, "embedding": lists()},
        {"y": TEXTS, "split": pa.array(SPLIT).dictionary_encode(), "embedding": lists(kind=pa.list_(pa.float64()))},
        {"y": TEXTS.cast(pa.large_string()), "split": SPLIT, "embedding": lists()},
        {"label": TEXTS.dictionary_encode(), "split": SPLIT, "embedding": lists(kind=pa.large_list(pa.float32()))},
        {"label": pa.array(Y).dictionary_encode(), "split": SPLIT, "embedding": lists()},
        {"label": Y.astype(float), "split": SPLIT, "embedding": lists(kind=pa.list_(pa.float32(), 6)), "f": X[:, 0]},
        {**{f"f{i}": X[:, i] for i in range(6)}, "y": Y, "split": SPLIT},
    ],
)  # fmt: skip
@pytest.mark.parametrize("rows", [7, 100])
def test_parquet_with_splits(columns, rows):
    embeddings = read_embeddings(parquet(columns, row_group_size=rows), "parquet")
    check_parts(embeddings)
    assert embeddings.class_names == ("0", "1", "2", "3")


def test_numeric_columns_except_labels_and_identifiers_are_the_embedding():
    columns = {
        "id": np.arange(20),
        "label": Y.astype(str),
        "y": Y,
        "file": ["x.png"] * 20,
        "__index_level_0__": np.arange(20),
        **{f"f{i}": X[:, i] for i in range(6)},
        "good": Y > 1,
    }
    embeddings = read_embeddings(parquet(columns), "parquet")
    check_held_out(embeddings)
    assert embeddings.taken == "f0, f1 … f5 (6 columns)"
    assert list(embeddings.left_out) == ["id", "y", "file", "__index_level_0__", "good"]


def test_dimensions_must_be_those_of_the_model():
    assert read_embeddings(npz(X=X, y=Y), "npz", replace(FOUNDATION_MODELS["resnet50"], dim=6)).X_train.shape == (16, 6)
    for file, kind in (
        (npz(X=X, y=Y), "npz"),
        (safetensors(X=X, y=Y), "safetensors"),
        (parquet({"y": Y, "embedding": lists()}), "parquet"),
    ):
        refused(
            "These embeddings have 6 dimensions, but ResNet-50 has 2,048; choose the model that computed them",
            file, kind, fm=FOUNDATION_MODELS["resnet50"],
        )  # fmt: skip


def with_values(x, *changes):
    x = x.astype(np.float64)
    for index, value in changes:
        x[index] = value
    return x


# Arrays and the message that refuses them.
WRONG = [
    ({}, "The file has neither; embeddings need X_train, y_train, X_test and y_test, or X and y"),
    ({"X": X}, "The file has X; embeddings need X_train, y_train, X_test and y_test, or X and y"),
    ({k: v for k, v in PARTS.items() if k != "y_test"}, "The file has X_test, X_train, y_train; embeddings need"),
    ({"X": X[:, 0], "y": Y}, r"'X' has shape \(20,\), but embeddings are a table .*; if these are images, upload"),
    ({"X": X[..., None], "y": Y}, r"'X' has shape \(20, 6, 1\), .*; if these are images, upload them as images"),
    ({"X": X > 0, "y": Y}, "'X' is of type bool; embeddings must be real numbers, such as float32"),
    ({"X": X, "y": Y[:-1]}, "'X' has 20 rows, but there are 19 labels; each row needs one label"),
    ({"X": X, "y": np.array(3)}, "'X' has 20 rows, but there are 1 labels; each row needs one label"),
    ({"X": X[:0], "y": Y[:0]}, "'X' is empty; it needs a row for each sample"),
    ({"X": X[:, :0], "y": Y}, "'X' is empty"),
    ({"X": X, "y": Y * 0}, "'0' is the only class. Give at least two"),
    ({"X": X[:5], "y": Y[:5]},
     "Class '1' has only one usable sample; without splits, each class needs at least two"),
    ({"X": X, "y": np.eye(20)[:, :4]}, "'y' has shape 20 × 4; labels are one number or text per sample"),
    ({"X": X, "y": Y + 0.5}, "'y' has fractions or NaN; labels must be whole numbers or text"),
    ({"X": X, "y": with_values(Y, (3, np.nan))}, "'y' has fractions or NaN"),
    ({"X": X, "y": Y > 1}, "'y' is of type bool; labels must be whole numbers or text"),
    ({**PARTS, "X_test": X[12:, :5]}, "'X_train' has 6 dimensions but 'X_test' 5; both must come from the same"),
    ({**PARTS, "y_test": np.append(Y[12:19], 4)},
     "Class '4' has no usable sample in the training split; every class must be in both splits"),
    ({**PARTS, "y_test": Y[12:] % 2}, "Class '2' has no usable sample in the test split; every class"),
    ({"X": with_values(X, ((7, 1), np.nan), ((9, 0), np.inf)), "y": Y},
     r"2 of 20 rows have NaN or infinite values, the first is row 7 of X \(counted from 0\); remove or correct them"),
    ({**PARTS, "X_test": with_values(X[12:], (3, -np.inf))}, "1 of 20 rows have NaN or .* is row 3 of X_test"),
    ({"X": with_values(X, ((4, 0), 1e39)), "y": Y}, "1 of 20 rows have NaN or .* is row 4 of X "),
    ({"X": np.zeros((1001, 1), np.float32), "y": np.arange(1001)}, "'y' has 1,001 classes; the limit is 1,000"),
    ({"X": np.zeros((2, 65_537), np.float32), "y": Y[:2]}, "have 65,537 dimensions; the limit is 65,536"),
    ({"X": X, "y": Y, "x": X}, "The file has both '.' and '.'; keep one"),
]  # fmt: skip


@pytest.mark.parametrize(("arrays", "sentence"), WRONG)
@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_invalid_arrays_are_refused_with_a_message(arrays, sentence, kind):
    refused(sentence, npz(**arrays) if kind == "npz" else safetensors(**arrays), kind)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"X": X.astype(complex), "y": Y}, "'X' is of type complex128; embeddings must be real numbers"),
        ({"X": X.astype(str), "y": Y}, "'X' is of type <U32; embeddings must be real numbers"),
        ({"X": np.zeros(20, "f4,f4")[:, None], "y": Y}, "'X' is of type .*; embeddings must be real numbers"),
        ({"X": X, "y": Y.astype("M8[s]")}, "'y' is of type datetime64.*; labels must be whole numbers or text"),
        ({"X": X, "y": Y.astype("U1001")}, "'y' has labels of more than 1,000 characters; shorten them"),
        ({"X": X, "y": np.array([b"\xff", b"a"])[Y % 2]}, "'y' has text that is not Unicode; save it as UTF-8"),
        ({"X": X, "y": np.array([2**31, 7], "<u4").view("<U1")[Y % 2]}, "'y' has text that is not Unicode"),
        ({"X": X, "y": np.array(["a", "a\u200b"])[Y % 2]}, "Two classes have the visible name 'a'"),
        ({**PARTS, "y_test": Y[12:].astype(str)}, "Some labels are numbers and some text; use the same kind"),
        ({"X": X, "y": Y, "class_names": np.array(["a", "b"])}, "Label [23] has no name among the 2 class names"),
        ({"X": X, "y": Y - 1, "class_names": np.array(list("abcd"))}, "Label -1 has no name among the 4 class names"),
        (
            {"X": X, "y": Y, "class_names": np.array(list("abca"))},
            "Two class names are equal; use a different name for each class",
        ),
        ({"X": X, "y": Y, "class_names": np.arange(4)}, "'class_names' must be a list of short texts"),
        ({"X": X, "y": Y, "class_names": np.full(1001, "a")}, "'class_names' has 1,001 classes"),
    ],
)
def test_invalid_arrays_of_an_npz_are_refused(arrays, sentence):
    refused(sentence, npz(**arrays))


class Trap:
    def __reduce__(self):
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize("key", ["X", "y", "class_names"])
def test_pickled_objects_are_never_loaded(key):
    trap = np.empty(20, object)
    trap[:] = [Trap()] * 20
    file = npz(**({"X": X, "y": Y} | {key: trap}))
    with pytest.raises(pytest.fail.Exception, match="unpickled"):
        pickle.loads(pickle.dumps(trap))  # noqa: S301
    refused(f"'{key}' holds Python objects, which are never loaded; save plain numbers or text", file)


def test_other_files_are_refused_as_npz():
    for data in (b"", b"PK"):
        refused("The file is not a npz. Save one with numpy.savez", io.BytesIO(data))
    refused("The npz is incomplete", io.BytesIO(npz(X=X, y=Y).getvalue()[:500]))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("X.npy", b"hello")
        archive.writestr("y.npy", b"\x93NUMPY\x01\0\xff\xff{")
    refused("'X' is damaged in the file; save it again", out)


def header(shape="(20, 6)", descr="'<f4'", order="False"):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "data",
    [
        header("(21, 6)") + X.tobytes(),
        header("(-20, -6)") + X.tobytes(),
        header("(10**9, 10**9)") + X.tobytes(),
        header(f"({10**12}, {10**12})") + X.tobytes(),
        header("(20, 6)") + X.tobytes()[:-1],
        header("(20, 6.0)") + X.tobytes(),
        header(descr="'<U0'") + X.tobytes(),
        header(descr="'nonsense'") + X.tobytes(),
        header(descr="'-' * 100") + X.tobytes(),
        header(descr="(" * 5000 + ")" * 5000) + X.tobytes(),
        header(descr="-" * 9000 + "1") + X.tobytes(),
        b"\x93NUMPY\x02\0" + struct.pack("<I", 2**31) + b" " * 30_000,
        b"\x93NUMPY\x03\0" + header()[8:] + X.tobytes(),
    ],
)
def test_false_headers_are_damage(data):
    out = npz(y=Y)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("X.npy", data)
    refused("'X' is damaged in the file; save it again", out)


def test_large_arrays_are_refused_by_their_headers():
    """A gigabyte and more of zeros that take a megabyte in the file, honestly declared or not."""
    head = header("(250000001, 1)")
    for honest in (True, False):
        out = npz(y=Y)
        with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("X.npy", head + bytes(2_000_000))
        data = bytearray(out.getvalue())
        entry = data.rindex(b"PK\x01\x02")
        data[entry + 24 : entry + 28] = (len(head) + 1_000_000_004).to_bytes(4, "little")
        if honest:
            data[entry + 20 : entry + 24] = (2_000).to_bytes(4, "little")
        tracemalloc.start()
        refused("'X' (has 250,000,001 rows, but there are 20 labels|is damaged)", io.BytesIO(bytes(data)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000


@pytest.mark.parametrize("declared", [1_100, 200_000_000])
def test_truncated_arrays_are_refused_in_little_memory(declared):
    """The header and the directory agree; the stream has 1,000 numbers."""
    head = header(f"({declared}, 1)")
    labels = np.arange(declared if declared < 10_000 else 2_000_000, dtype=np.uint8) % 2
    out = npz(np.savez_compressed, y=labels)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", head + bytes(4_000))
    data = bytearray(out.getvalue())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (len(head) + 4 * declared).to_bytes(4, "little")
    tracemalloc.start()
    refused("'X' is damaged in the file; save it again", io.BytesIO(bytes(data)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_labels_without_characters_are_damage():
    out = npz(X=X)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("y.npy", header("(20,)", "'<U0'"))
    refused("'y' is damaged in the file; save it again", out)


def test_first_row_that_is_not_finite_is_reported():
    x = np.zeros((10_000, 300), np.float32)
    x[[11, 5_000, 9_999], 7] = np.nan
    refused(
        "3 of 10,000 rows have NaN or infinite values, the first is row 11 of X ", npz(X=x, y=np.arange(10_000) % 2)
    )


def test_too_many_or_too_wide_rows_are_refused(monkeypatch):
    files = [(npz(X=X, y=Y), "npz"), (parquet({"y": Y, "embedding": lists()}), "parquet")]
    for file, kind in files:
        refused(
            r"20 rows of 6 dimensions need 0\.0 GB; the limit is 0\.0 GB, so save fewer rows",
            file, kind, most_bytes=X.nbytes - 1,
        )  # fmt: skip
    monkeypatch.setattr("imprint_core.uploads.rows.MOST_ROWS", 19)
    for file, kind in files:
        refused("There are 20 rows; the limit is 19, so save fewer", file, kind)


def test_embeddings_are_never_in_memory_together(tmp_path):
    x = np.zeros((40_000, 250), np.float32)
    y = np.arange(40_000) % 4
    embedding = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), 250)
    for file, kind in (
        (npz(X=x, y=y), "npz"),
        (npz(np.savez_compressed, X=x.astype(np.float64), y=y), "npz"),
        (safetensors(X=x, y=y), "safetensors"),
        (parquet({"y": y, "embedding": embedding}), "parquet"),
    ):
        tracemalloc.start()
        convert(tmp_path, (file,), kind)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < x.nbytes / 2, kind


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [20, 6], "data_offsets": [0, 479]},
        {"dtype": "F32", "shape": [20, 6], "data_offsets": [10_000, 10_480]},
        {"dtype": "F32", "shape": [20, 6], "data_offsets": [-480, 0]},
        {"dtype": "F32", "shape": [-20, -6], "data_offsets": [0, 480]},
        {"dtype": "F32", "shape": [20, 6.0], "data_offsets": [0, 480]},
        {"dtype": "F32", "shape": "20", "data_offsets": [0, 480]},
        {"dtype": "F32", "shape": [20, 6]},
        [],
    ],
)
def test_false_safetensors_headers_are_refused(entry):
    refused("The file is not a complete .safetensors file", forged_safetensors(entry), "safetensors")


def test_other_types_of_safetensors_are_refused():
    entry = {"dtype": "F8_E4M3", "shape": [20, 24], "data_offsets": [0, 480]}
    refused("'X' is of the unsupported type F8_E4M3; save it as F32", forged_safetensors(entry), "safetensors")


def forged_safetensors(entry):
    text = json.dumps({"X": entry, "y": {"dtype": "I64", "shape": [20], "data_offsets": [480, 640]}}).encode()
    return io.BytesIO(struct.pack("<Q", len(text)) + text + X.tobytes() + Y.tobytes())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 10) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"{]",
        struct.pack("<Q", 2) + b"\xff\xff",
        struct.pack("<Q", 200_000) + b"[" * 200_000,
        safetensors(X=X, y=Y).getvalue()[:30],
    ],
)
def test_other_files_are_refused_as_safetensors(data):
    refused(
        "The file is not a complete .safetensors file; save it with safetensors' save_file",
        io.BytesIO(data),
        "safetensors",
    )


@pytest.mark.parametrize("names", ["nonsense", '"abcd"', "[1, 2, 3, 4]", "[" * 100_000])
def test_invalid_class_names_in_metadata_are_refused(names):
    file = safetensors({"class_names": names}, X=X, y=Y)
    refused(r'class_names in the metadata must be a JSON list of texts, such as \["cat", "dog"\]', file, "safetensors")


def nested():
    return pa.array([[list(map(float, row))] for row in X])


def gaps(value):
    rows = list(X)
    rows[5] = value
    return pa.array(rows, pa.list_(pa.float32()))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"embedding": lists()}, r"The table has no column 'label' \(or 'y'\); add one with the class of each row"),
        ({"y": Y, "name": Y.astype(str), "id": Y}, "has no embeddings; add a list column 'embedding' or numeric"),
        ({"y": Y, "embedding": X[:, 0]}, "'embedding' is of type float; it must have a list of numbers in each row"),
        ({"y": Y, "embedding": nested()}, "'embedding' is of type list.*; it must have a list of numbers in each row"),
        ({"y": Y, "embedding": gaps(X[0, :5])}, r"rows of different lengths, such as row 5 \(counted from 0\)"),
        ({"y": Y, "embedding": gaps(None)}, "rows of different lengths, such as row 5"),
        ({"y": Y, "embedding": gaps([1.0, None, 2, 3, 4, 5])}, "1 of 20 rows have NaN or .* is row 5 "),
        ({"y": Y, "f": pa.array([1.0, None] * 10)}, "10 of 20 rows have NaN or infinite values, the first is row 1 "),
        ({"y": Y, "f": pa.array([1, None] * 10)}, "10 of 20 rows have NaN or infinite values, the first is row 1 "),
        ({"y": Y, "embedding": pa.array([[]] * 20, pa.list_(pa.float32()))}, "The file has no embeddings"),
        ({"y": Y[:0], "f": X[:0, 0]}, "The file has no embeddings; it needs at least two rows of each class"),
        ({"y": pa.array([1, None] * 10), "f": X[:, 0]}, "Column 'y' has rows without a value; fill or remove them"),
        ({"y": Y + 0.5, "f": X[:, 0]}, "'y' has fractions or NaN; labels must be whole numbers or text"),
        ({"y": Y > 1, "f": X[:, 0]}, "Column 'y' is of type bool; it must be whole numbers or text"),
        ({"y": np.array([b"a", b"b"])[Y % 2], "f": X[:, 0]}, "Column 'y' is of type binary; it must be whole"),
        ({"y": lists(), "f": X[:, 0]}, "Column 'y' is of type list.*; it must be whole numbers or text"),
        ({"y": Y, "split": ["train", "<dev>"] * 10, "f": X[:, 0]}, "Column 'split' has the value '<dev>'; use train"),
        ({"y": Y, "split": ["train", None] * 10, "f": X[:, 0]}, "Column 'split' has rows without a value"),
        ({"y": Y, "split": ["train", "test"] * 10, "f": X[:, 0]}, "Class '1' has no usable sample in the training"),
        ({"y": Y * 0, "f": X[:, 0]}, "'0' is the only class"),
        ({"y": np.arange(1001), "f": np.zeros(1001)}, "'y' has 1,001 classes; the limit is 1,000"),
        (pa.Table.from_arrays([pa.array(Y), pa.array(Y)], ["y", "y"]), "Two columns of the table have the same name"),
    ],
)  # fmt: skip
def test_invalid_tables_are_refused(columns, sentence):
    refused(sentence, parquet(columns), "parquet")


def test_other_files_are_refused_as_parquet():
    whole = parquet({"y": Y, "embedding": lists()}).getvalue()
    for data in (b"", b"PAR1", b"PAR1" * 4, whole[:-3], whole[: len(whole) // 2], whole[50:]):
        refused("The file is damaged or not a table in Parquet's format; write it again", io.BytesIO(data), "parquet")


def test_indices_outside_of_a_dictionary_are_refused():
    """Arrow does not check such a column unless it validates it."""
    labels = pa.DictionaryArray.from_arrays(pa.array(Y.astype(np.int32)), pa.array(["a", "b", "c", "d"]))
    data = parquet({"label": labels, "f": X[:, 0]}, compression="none", use_dictionary=["label"]).getvalue()
    messages = set()
    for i in range(4, 60):
        for value in (0x7F, 0xFF, data[i] ^ 1):
            try:
                embeddings = read_embeddings(io.BytesIO(data[:i] + bytes([value]) + data[i + 1 :]), "parquet")
            except ImprintError as error:
                messages.add(str(error))
            else:
                assert len(embeddings.class_names) <= 4
    assert "The file is damaged or not a table in Parquet's format; write it again." in messages


@pytest.mark.parametrize("coding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_delta_encoded_labels_are_read(coding, version):
    options = {"use_dictionary": False, "column_encoding": {"y": coding}, "data_page_version": version}
    check_held_out(read_embeddings(parquet({"y": TEXTS, "embedding": lists()}, **options), "parquet"))


@pytest.mark.parametrize(
    "options",
    [
        {"data_page_version": "2.0", "compression": "zstd"},
        {"use_dictionary": False, "compression": "gzip", "write_statistics": False},
        {"data_page_size": 32, "write_batch_size": 3, "write_page_index": True, "write_page_checksum": True},
        {"use_dictionary": False, "column_encoding": {"x": "BYTE_STREAM_SPLIT"}},
        {"use_dictionary": False, "column_encoding": {"n": "DELTA_BINARY_PACKED"}, "compression": "none"},
        {"store_schema": False, "version": "1.0", "compression": "brotli"},
        {"bloom_filter_options": {"label": True}},
        {"dictionary_pagesize_limit": 1},
    ],
)
def test_tables_are_read_with_any_writer_options(options):
    n = np.arange(20, dtype=np.int64)
    columns = {"label": TEXTS, "x": X[:, 0], "z": X[:, 1], "n": n, "words": [["a", "b"]] * 20, "at": [{"x": 1}] * 20}
    embeddings = read_embeddings(parquet(columns, row_group_size=8, **options), "parquet")
    np.testing.assert_array_equal(embeddings.X_train, X[:, :2][~hold_out(Y)])
    assert embeddings.taken == "x, z"
    assert list(embeddings.left_out) == ["words", "at", "n"]


def test_long_texts_in_every_row_are_not_in_memory_together():
    label = "x" * 100_000
    columns = {"label": np.array([f"a{label}", f"b{label}"])[Y % 2].tolist() * 200, "f": np.zeros(4_000)}
    file = parquet(columns, store_schema=False, dictionary_pagesize_limit=10**6)
    del columns
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        embeddings = read_embeddings(file, "parquet")
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < 50_000_000
    assert [name[:2] for name in embeddings.class_names] == ["ax", "bx"]


TABLE = {"label": Y.astype(str), "split": SPLIT, "embedding": lists()}
NUMBERS = {"y": Y, "f": X[:, 0], "g": X[:, 1]}
SEEDS = [
    ("npz", npz(X=X, y=Y).getvalue()),
    ("npz", npz(np.savez_compressed, **PARTS).getvalue()),
    ("npz", npz(X=np.asfortranarray(X), y=Y.astype(str), class_names=np.array(list("abcd"))).getvalue()),
    ("safetensors", safetensors({"class_names": '["a", "b", "c", "d"]'}, X=X, y=Y).getvalue()),
]
# Arrow can crash on such files, so that only the guarded process reads them.
TABLE_SEEDS = [
    ("parquet", parquet(TABLE).getvalue()),
    ("parquet", parquet(NUMBERS, compression="gzip").getvalue()),
    ("arrow", arrow(TABLE).getvalue()),
    ("arrow", arrow(NUMBERS, pa.ipc.new_stream, compression="zstd").getvalue()),
    ("feather", arrow(NUMBERS, compression="lz4").getvalue()),
    ("csv", csv(NUMBERS).getvalue()),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_changed_files_are_read_or_refused(seed, data):
    kind, whole = seed
    changed = bytearray(whole)
    for i in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=5)):
        changed[i] = data.draw(st.integers(0, 255))
    length = data.draw(st.sampled_from([len(whole), data.draw(st.integers(0, len(whole)))]))
    read_or_refuse(bytes(changed[:length]), kind)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["npz", "safetensors"]))
def test_random_bytes_raise_nothing_else(data, kind):
    read_or_refuse(data, kind)
    read_or_refuse(struct.pack("<Q", len(data)) + data, kind)


def read_or_refuse(data, kind):
    try:
        embeddings = read_embeddings(io.BytesIO(data), kind)
    except ImprintError:
        return
    assert np.isfinite(embeddings.X_train).all()
    assert np.isfinite(embeddings.X_test).all()
    classes = list(range(len(embeddings.class_names)))
    assert np.unique(embeddings.y_train).tolist() == np.unique(embeddings.y_test).tolist() == classes


def read_or_refuse_files(report, files):
    """Read changed tables, in the guarded process; only a crash leaves some of them."""
    for i, file in enumerate(files):
        report(i)
        try:
            read_or_refuse(Path(file).read_bytes(), Path(file).suffix.removeprefix("."))
        except MemoryError:
            pass
        except Exception as error:
            raise ImprintError(f"unexpected: {error!r}") from error


def changed_tables(rng, count):
    for _ in range(count):
        kind, whole = TABLE_SEEDS[rng.integers(len(TABLE_SEEDS))]
        changed = bytearray(whole)
        for i in rng.integers(len(whole), size=rng.integers(6)):
            changed[i] = rng.integers(256)
        yield kind, bytes(changed[: len(whole) if rng.random() < 0.5 else rng.integers(len(whole) + 1)])
        noise = rng.bytes(rng.integers(300))
        yield "parquet", b"PAR1" + noise + struct.pack("<I", len(noise)) + b"PAR1"


def test_changed_tables_are_read_or_refused_or_crash_alone(tmp_path):
    files = []
    for i, (kind, data) in enumerate(changed_tables(np.random.default_rng(0), 400)):
        files.append(tmp_path / f"{i}.{kind}")
        files[-1].write_bytes(data)
    crashes = 0
    while files:
        done = []
        try:
            run_guarded(read_or_refuse_files, {"files": [str(file) for file in files]}, done.append)
        except ImprintError as error:
            # An unexpected error has another message than a crash.
            assert str(error).startswith("The file could not be read: it is damaged, or needs more memory")  # noqa: PT017
            crashes += 1
            files = files[done[-1] + 1 :]
        else:
            files = []
    assert crashes < 40

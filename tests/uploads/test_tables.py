"""Tables of embeddings: formats, columns that are taken and left out, and leaks."""

import io
import json
import string

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint_core.datasets.images import hold_out
from imprint_core.errors import ImprintError
from tests.uploads.files import RNG, X, Y, arrow, csv, lists, parquet, read_embeddings
from tests.uploads.test_formats import check_held_out, refused

FORMATS = {
    "parquet": (parquet, "parquet"),
    "arrow file": (arrow, "arrow"),
    "arrow stream": (lambda columns: arrow(columns, pa.ipc.new_stream), "arrow"),
    "feather": (lambda columns: arrow(columns, compression="zstd"), "feather"),
    "csv": (csv, "csv"),
    "semicolons": (lambda columns: csv(columns, ";"), "csv"),
    "tabs": (lambda columns: csv(columns, "\t"), "csv"),
}
NUMBERED = {f"f{i}": X[:, i] for i in range(6)}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("labels", [Y, Y.astype(str), Y.astype(float)])
def test_every_format_gives_the_same_embeddings(name, labels):
    write, suffix = FORMATS[name]
    embeddings = read_embeddings(write({"label": labels, **NUMBERED}), suffix)
    check_held_out(embeddings)
    assert embeddings.class_names == ("0", "1", "2", "3")
    assert (embeddings.taken, embeddings.left_out) == ("f0, f1 … f5 (6 columns)", {})


@pytest.mark.parametrize("name", ["parquet", "arrow file", "arrow stream", "feather"])
@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_lists_of_any_float_type_are_read(name, kind):
    write, suffix = FORMATS[name]
    values = [[np.float16(v) if kind == pa.float16() else v for v in row] for row in X]
    embeddings = read_embeddings(write({"Label": Y, "any name": lists(values, pa.list_(kind))}), suffix)
    expected = X.astype(np.float16) if kind == pa.float16() else X
    np.testing.assert_array_equal(embeddings.X_train, expected[~hold_out(Y)].astype(np.float32))


def test_lists_that_can_be_the_embedding_must_be_named():
    other = {"other": lists(X[:, :2]), "label": Y}
    embeddings = read_embeddings(parquet({**other, "Features": lists()}), "parquet")
    check_held_out(embeddings)
    assert embeddings.left_out == {"other": "beside the list column 'Features'"}
    refused(
        "several list columns, such as 'other' and 'more'; name one 'embedding'",
        parquet({**other, "more": lists()}),
        "parquet",
    )


@pytest.mark.parametrize(
    "names",
    [
        [f"{i}" for i in range(6)],
        [f"feature_{i}" for i in range(6)],
        [f"dim_{i:03}" for i in range(6)],
        [f"PC{i}" for i in range(1, 7)],
        [f"x{i}" for i in range(6)],
        [f"emb[{i}]" for i in range(6)],
        [f"clip512-{i}" for i in range(6)],
        list("abcdef"),
    ],
)
def test_numbered_columns_are_taken_in_the_order_of_their_numbers(names):
    order = [3, 0, 5, 1, 4, 2] if names[0] != "a" else range(6)
    columns = {names[i]: X[:, i] for i in order}
    for write, suffix in ((parquet, "parquet"), (csv, "csv")):
        check_held_out(read_embeddings(write({**columns, "width": RNG.normal(size=20), "target": Y}), suffix))


def test_two_equal_groups_of_numbered_columns_are_refused():
    columns = {f"{stem}_{i}": X[:, i] for stem in ("clip", "dino") for i in range(3)}
    refused(
        "two groups of numbered columns, 'clip_0' … and 'dino_0' …; keep one", parquet({**columns, "y": Y}), "parquet"
    )


@pytest.mark.parametrize("names", [("x", "y"), ("X", "Y", "z")])
def test_coordinates_beside_a_label_are_the_embedding(names):
    columns = {name: X[:, i] for i, name in enumerate(names)}
    embeddings = read_embeddings(csv({**columns, "label": Y, "weight": X[:, 5]}), "csv")
    assert embeddings.taken == ", ".join(names)
    assert embeddings.left_out == {"weight": "beside the coordinates x and y"}
    np.testing.assert_array_equal(embeddings.X_train, X[~hold_out(Y), : len(names)])


@pytest.mark.parametrize("index", ["id", "Unnamed: 0", "row", "imageWidth", "file_size", "level_0", ""])
def test_columns_that_describe_a_sample_are_left_out(index):
    check_held_out(read_embeddings(csv({index: RNG.normal(size=20), **NUMBERED, "label": Y}), "csv"))
    named = dict(zip("abcdef", X.T, strict=True))
    embeddings = read_embeddings(csv({index: np.arange(20), **named, "label": Y}), "csv")
    check_held_out(embeddings)
    assert len(embeddings.left_out) == 1


def test_only_one_column_has_the_labels():
    named = dict(zip("abcdef", X.T, strict=True))
    embeddings = read_embeddings(csv({**named, "y": Y + X[:, 0], "Target": Y * 1.5, "label": Y}), "csv")
    check_held_out(embeddings)
    assert list(embeddings.left_out) == ["y", "Target"]


def test_the_index_of_a_pandas_table_is_left_out():
    frame = pd.DataFrame(dict(zip("abcdef", X.T, strict=True))).assign(label=Y)
    for name in ("anything", None):
        frame.index = pd.Index(RNG.normal(size=20), name=name)
        out = io.BytesIO()
        frame.to_parquet(out)
        embeddings = read_embeddings(out, "parquet")
        check_held_out(embeddings)
        assert len(embeddings.left_out) == 1
        assert list(embeddings.left_out.values()) == ["index of the pandas table"]


def test_names_of_a_class_label_are_class_names():
    names = ["zebra", "ape", "cow", "dog"]
    metadata = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    table = pa.table({"label": Y, "embedding": lists()}).replace_schema_metadata({"huggingface": json.dumps(metadata)})
    for write, suffix in (FORMATS[name] for name in ("parquet", "arrow stream")):
        embeddings = read_embeddings(write(table), suffix)
        assert embeddings.class_names == tuple(names)
        check_held_out(embeddings)
    for invalid in ("nonsense", '{"info": 3}', json.dumps({"info": {"features": {"label": {"names": [1]}}}})):
        table = table.replace_schema_metadata({"huggingface": invalid, "pandas": invalid})
        assert read_embeddings(parquet(table), "parquet").class_names == ("0", "1", "2", "3")


def test_wide_tables_are_read_in_groups_of_columns():
    x = RNG.normal(size=(3_000, 150)).astype(np.float32)
    y = np.arange(3_000) % 3
    columns = {f"f{i}": x[:, i] for i in range(150)} | {"label": y}
    test = hold_out(y)
    for write, suffix in (FORMATS[name] for name in ("parquet", "feather", "csv")):
        embeddings = read_embeddings(write(columns), suffix)
        np.testing.assert_array_equal(embeddings.X_train, x[~test])
        np.testing.assert_array_equal(embeddings.X_test, x[test])


def test_constant_columns_are_dead_units_if_they_are_numbered():
    dead = {**NUMBERED, "f3": np.zeros(20)}
    assert read_embeddings(parquet({**dead, "label": Y}), "parquet").X_train.shape[1] == 6
    named = dict(zip("abcdef", dead.values(), strict=True))
    embeddings = read_embeddings(parquet({**named, "label": Y}), "parquet")
    assert embeddings.left_out == {"d": "constant"}


LEAKS = {
    "index": lambda n, y, rng: np.arange(n),
    "float index": lambda n, y, rng: np.arange(n) / n,
    "row number from the end": lambda n, y, rng: np.arange(n, 0, -1),
    "row number of a shuffled table": lambda n, y, rng: np.argsort(np.argsort(y + rng.random(n) / 2)),
    "width": lambda n, y, rng: rng.integers(100, 400, n) + 300 * y,
    "time": lambda n, y, rng: 1.7e9 + np.cumsum(rng.random(n)),
    "time in nanoseconds": lambda n, y, rng: np.int64(1.7e18) + np.cumsum(rng.integers(1, 10**9, n)),
    "times of folders": lambda n, y, rng: 1.6e9 + 1e6 * y + 1e3 * rng.random(n),
    "file size": lambda n, y, rng: rng.integers(1_000, 90_000, n) + 90_000 * y,
    "number of the class": lambda n, y, rng: y + 0.5,
    "rare growth": lambda n, y, rng: np.cumsum(rng.exponential(size=n) ** 4),
}
NAMES = st.one_of(
    st.sampled_from(["id", "index", "f6", "f06", "x6", "6", "dim_6", "a", "Unnamed: 0", "z", "w", "value", "light"]),
    st.text(string.ascii_letters + string.digits + " _-é", min_size=1, max_size=12),
)
STEMS = st.sampled_from([[f"f{i}" for i in range(6)], [str(i) for i in range(6)], ["p", "q", "r", "s", "t", "u"]])


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(LEAKS)), NAMES, STEMS, st.booleans(),
    st.sampled_from(["parquet", "csv", "arrow stream", "feather"]), st.integers(0, 2**32 - 1), st.integers(40, 160),
)  # fmt: skip
def test_columns_that_leak_the_class_are_left_out(leak, name, stems, is_shuffled, form, seed, count):
    """The accuracy of random embeddings, by the nearest mean of a class, stays at chance."""
    rng = np.random.default_rng(seed)
    y = np.sort(np.arange(count) % 4)
    columns = {stem: rng.normal(size=count) for stem in stems if stem != name}
    # Fractions that a shuffled table has in no order could be an embedding.
    shuffled = is_shuffled and leak not in ("float index", "rare growth")
    order = rng.permutation(count) if shuffled else np.arange(count)
    names = [*columns, "label"]
    names.insert(int(rng.integers(len(names) + 1)), name)
    if name.lower() in ("label", *columns):
        return
    values = columns | {"label": y, name: LEAKS[leak](count, y, rng)}
    write, suffix = FORMATS[form]
    embeddings = read_embeddings(write({n: values[n][order] for n in names}), suffix)
    assert embeddings.X_train.shape[1] == len(columns)
    both = np.concatenate([embeddings.X_train, embeddings.X_test])
    expected = np.column_stack([values[n] for n in names if n in columns]).astype(np.float32)
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(expected, axis=0))
    means = np.array([embeddings.X_train[embeddings.y_train == c].mean(axis=0) for c in range(4)])
    predicted = np.linalg.norm(embeddings.X_test[:, None] - means, axis=2).argmin(axis=1)
    accuracy = (predicted == embeddings.y_test).mean()
    assert abs(accuracy - 0.25) < 5.5 * (0.1875 / len(predicted)) ** 0.5


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(12, 400), st.sampled_from(["relu", "codes", "normal"])
)
def test_real_dimensions_are_kept(seed, width, count, values):
    """Dimensions that know the class, dead and sparse units, and codes of 8 bits are no leaks."""
    rng = np.random.default_rng(seed)
    y = np.sort(np.arange(count) % 3)
    x = rng.normal(size=(count, width)) + rng.normal(size=(3, width))[y] * 3
    x = {"relu": np.maximum(x - 2, 0), "codes": np.rint(x * 20), "normal": x}[values].astype(np.float32)
    embeddings = read_embeddings(parquet({**{f"f{i}": x[:, i] for i in range(width)}, "label": y}), "parquet")
    assert embeddings.left_out == {}
    assert embeddings.X_train.shape[1] == width


def test_strict_refuses_what_is_in_doubt():
    columns = {**dict(zip("abcdef", X.T, strict=True)), "label": Y}
    check_held_out(read_embeddings(csv({**columns, "id": np.arange(20)}), "csv", strict=True))
    doubtful = csv({**columns, "g": RNG.integers(0, 9, 20)})
    assert read_embeddings(doubtful, "csv").left_out == {"g": "whole numbers beside fractions"}
    refused(
        r"Column 'g' may not be part of the embedding \(whole numbers beside fractions\)\. Remove it",
        doubtful,
        "csv",
        strict=True,
    )


def test_a_table_of_row_numbers_has_no_embeddings():
    refused(
        r"no embeddings: 'n' is left out \(follows the order of the rows\)",
        csv({"n": np.arange(20), "label": Y}),
        "csv",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The file is damaged or not a table in CSV's format; write it again"),
        ("label,f0\n", "The table has no embeddings; add a list column"),
        ("0.1,0.2\n0.3,0.4\n", r"no column 'label' \(or 'y'\); add one"),
        ("label,f0\na,0.5\nb\n", "The file is damaged or not a table in CSV's format"),
        ("label,f0\na,0.5\nb,nan\na,1\nb,2\n", "1 of 4 rows have NaN or infinite values, the first is row 1 "),
        ("label,f0\na,0.5\nb,\na,1.5\nb,2.25\n", "1 of 4 rows have NaN or infinite values, the first is row 1 "),
        ("label,f0\na,0.5\n,0.25\n", "Column 'label' has rows without a value"),
        ("label,f0\n0.2,0.5\n0.7,0.25\n", "'label' has fractions or NaN; labels must be whole numbers or text"),
        ("label,f0\n" + "a,0.5\nb,0.25\n" * 2_000_000 + "a,x\n", "A column of numbers has text further down"),
    ],
)
def test_invalid_texts_are_refused(text, sentence):
    refused(sentence, io.BytesIO(text.encode()), "csv")


def test_text_of_any_encoding_is_read_or_refused():
    text = "label;f0;f1\né;0.5;1\nb;0.25;2.5\né;3.5;4.5\nb;1.5;1.25\n"
    for encoding in ("utf-8", "utf-8-sig"):
        assert read_embeddings(io.BytesIO(text.encode(encoding)), "csv").class_names == ("b", "é")
    for encoding in ("latin-1", "utf-16"):
        with pytest.raises(ImprintError):
            read_embeddings(io.BytesIO(text.encode(encoding)), "csv")

"""Embeddings in a `.parquet` table."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.names import clean_name
from imprint_core.errors import ImprintError
from imprint_core.uploads.image_files import SPLITS
from imprint_core.uploads.labels import Labels, label_values, too_many
from imprint_core.uploads.parquet_guard import check_pages, damaged_table
from imprint_core.uploads.rows import MOST_DIMENSIONS, Rows, check_size

_LABELS = ("label", "y")
_SPLIT = "split"
_LIST = "embedding"
# Numbers that tell which row it is, not what is in it.
_IDENTIFIERS = re.compile(r"id|index|__index_level_\d+__", re.IGNORECASE)
_BLOCK = 16_000_000
_LIST_ROWS = 1_024
_LABEL_ROWS = 65_536


def parquet_rows(file: BinaryIO) -> Rows:
    """Open a table of embeddings and read its labels.

    Raises
    ------
    ImprintError
        If it is damaged or too large, or its columns can't be used.
    """
    pa = importlib.import_module("pyarrow")
    pq = importlib.import_module("pyarrow.parquet")
    damage = (pa.ArrowException, OSError, ValueError)
    listed = check_pages(file, (*_LABELS, _SPLIT), (_LIST,))
    try:
        table = pq.ParquetFile(file, pre_buffer=False)
        # A long text that every row refers to stays one text.
        texts = [f.name for f in table.schema_arrow if f.name in (*_LABELS, _SPLIT) and _is_text(pa, f.type)]
        table = pq.ParquetFile(file, pre_buffer=False, metadata=table.metadata, read_dictionary=texts)
        return _rows(pa, table, listed, damage)
    except ImprintError:
        raise
    except damage as error:
        raise damaged_table() from error


def _rows(pa: Any, table: Any, listed: int, damage: tuple[type[BaseException], ...]) -> Rows:
    metadata, schema = table.metadata, table.schema_arrow
    check_size(metadata.num_rows, metadata.num_columns)
    check_size(metadata.num_rows, -(-listed // metadata.num_rows) or 1)
    names = schema.names
    if len(set(names)) < len(names):
        raise ImprintError("Two columns of the table have the same name; give each its own.")
    label = next((name for name in _LABELS if name in names), None)
    if label is None:
        raise ImprintError("The table has no column 'label' (or 'y'); add one with each row's class.")
    features, notes = _features(pa, schema)
    for name in (label, _SPLIT) if _SPLIT in names else (label,):
        kind = schema.field(name).type
        if not _is_label(pa, kind.value_type if pa.types.is_dictionary(kind) else kind):
            raise ImprintError(f"Column '{name}' is of type {clean_name(str(kind))}; it must be whole numbers or text.")
    labels, test = _labels(table, label, _SPLIT in names)
    if len(labels.codes) != metadata.num_rows:
        raise damaged_table()
    size = _LIST_ROWS if features == [_LIST] else max(1, _BLOCK // (8 * len(features)))

    def blocks() -> Iterator[NDArray[Any]]:
        start = 0
        try:
            for batch in _batches(table, size, features):
                block = _lists(pa, batch.column(0), start) if features == [_LIST] else _columns(batch)
                start += len(block)
                if block.shape[1] != width or start > metadata.num_rows:
                    raise damaged_table()
                yield block
        except ImprintError:
            raise
        except damage as error:
            raise damaged_table() from error
        if start != metadata.num_rows:
            raise damaged_table()

    width = len(features)
    if features == [_LIST]:
        first = next(_batches(table, 1, features), None)
        width = 0 if first is None else _lists(pa, first.column(0), 0).shape[1]
        check_size(metadata.num_rows, width)
    return Rows([("", labels)], test, width, blocks, None, notes)


def _features(pa: Any, schema: Any) -> tuple[list[str], list[str]]:
    """The columns that hold the embeddings, and a note on those that might have."""
    if _LIST in schema.names:
        kind = schema.field(_LIST).type
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        if not any(is_kind(kind) for is_kind in lists) or not _numeric(pa, kind.value_type):
            raise ImprintError(
                f"Column '{_LIST}' is of type {clean_name(str(kind))}; it must hold a list of numbers in each row."
            )
        return [_LIST], []
    rest = [name for name in schema.names if name not in (*_LABELS, _SPLIT)]
    taken = [n for n in rest if _numeric(pa, schema.field(n).type) and not _IDENTIFIERS.fullmatch(n)]
    if not taken:
        raise ImprintError(f"The table has no embeddings; give it a list column '{_LIST}' or numeric columns.")
    left = [clean_name(n) for n in rest if n not in set(taken)]
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    without = f"; {', '.join(left[:5])}{more} left out" if left else ""
    return taken, [f"{len(taken):,} numeric columns were taken as the embedding{without}."]


def _is_label(pa: Any, kind: Any) -> bool:
    return _numeric(pa, kind) or _is_text(pa, kind)


def _is_text(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _numeric(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _labels(table: Any, label: str, has_split: bool) -> tuple[Labels, NDArray[np.bool_] | None]:
    """Labels and split, read in pieces, so that long texts in each row are never held together."""
    numbers: dict[Any, int] = {}
    codes, test = [], []
    for batch in _batches(table, _LABEL_ROWS, [label, _SPLIT] if has_split else [label]):
        values, places = _encoded(batch.column(batch.schema.names.index(label)), label)
        codes.append(np.array([numbers.setdefault(v, len(numbers)) for v in values], np.int64)[places])
        too_many(len(numbers), label)
        if has_split:
            values, places = _encoded(batch.column(batch.schema.names.index(_SPLIT)), _SPLIT)
            test.append(np.array([_is_test(v) for v in values], bool)[places])
    if not codes:
        raise damaged_table()
    # A column is of one type.
    return Labels(tuple(numbers), np.concatenate(codes)), np.concatenate(test) if has_split else None


def _batches(table: Any, rows: int, columns: list[str]) -> Iterator[Any]:
    for batch in table.iter_batches(rows, columns=columns):
        # Arrow trusts offsets and dictionary places in the file until they are asked about.
        batch.validate(full=True)
        yield batch


def _encoded(column: Any, name: str) -> tuple[tuple[Any, ...], NDArray[np.integer]]:
    """Different values of a column, and which of them each row has."""
    if column.null_count:
        raise ImprintError(f"Column '{name}' has rows without a value; fill them or leave them out.")
    encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
    values = encoded.dictionary
    too_many(len(values), name)
    found = values.to_pylist()
    if any(isinstance(v, float) for v in found):
        found = list(label_values(np.array(found), name))
    return tuple(found), encoded.indices.to_numpy(zero_copy_only=False)


def _is_test(value: object) -> bool:
    split = SPLITS.get(str(value).strip().lower())
    if split is None:
        raise ImprintError(f"Column '{_SPLIT}' says '{clean_name(str(value))}'; it must say train or test.")
    return split == "test"


def _lists(pa: Any, column: Any, start: int) -> NDArray[Any]:
    lengths = importlib.import_module("pyarrow.compute").list_value_length(column)
    sizes = lengths.fill_null(-1).to_numpy(zero_copy_only=False)
    width = int(sizes[0]) if len(sizes) else 0
    if width > MOST_DIMENSIONS:
        check_size(len(sizes), width)
    if (sizes != width).any() or width < 0:
        row = int((sizes != width).argmax()) if width >= 0 else 0
        raise ImprintError(
            f"Column '{_LIST}' has rows of different lengths, such as row {start + row:,} (counted from 0); "
            "all must come from the same model."
        )
    values: NDArray[Any] = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), width)
    return values


def _columns(batch: Any) -> NDArray[Any]:
    # Where a value is missing, Arrow gives NaN, which is told with the others.
    return np.column_stack([column.to_numpy(zero_copy_only=False) for column in batch.columns])

"""Embeddings in a `.parquet` table."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.image_files import SPLITS
from imprint_core.datasets.labels import Labels, check_class_count, label_values
from imprint_core.datasets.names import clean_name
from imprint_core.errors import ImprintError
from imprint_core.uploads.parquet_guard import check_pages, damaged_parquet
from imprint_core.uploads.rows import MOST_DIMENSIONS, LabelledRows, check_size

_LABELS = ("label", "y")
_SPLIT = "split"
_LIST = "embedding"
# Numbers that identify a row and say nothing about its content.
_IDENTIFIERS = re.compile(r"id|index|__index_level_\d+__", re.IGNORECASE)
_BLOCK = 16_000_000
_LIST_ROWS = 1_024
_LABEL_ROWS = 65_536


def parquet_rows(file: BinaryIO) -> LabelledRows:
    """Open a table of embeddings and read its labels."""
    pa = importlib.import_module("pyarrow")
    pq = importlib.import_module("pyarrow.parquet")
    damage = (pa.ArrowException, OSError, ValueError)
    listed = check_pages(file, (*_LABELS, _SPLIT), (_LIST,))
    try:
        table = pq.ParquetFile(file, pre_buffer=False)
        # Dictionary encoding stores a long text once if every row refers to it.
        texts = [f.name for f in table.schema_arrow if f.name in (*_LABELS, _SPLIT) and _is_text(pa, f.type)]
        table = pq.ParquetFile(file, pre_buffer=False, metadata=table.metadata, read_dictionary=texts)
        return _rows(pa, table, listed, damage)
    except ImprintError:
        raise
    except damage as error:
        raise damaged_parquet() from error


def _rows(pa: Any, table: Any, listed: int, damage: tuple[type[BaseException], ...]) -> LabelledRows:
    metadata, schema = table.metadata, table.schema_arrow
    check_size(metadata.num_rows, metadata.num_columns)
    check_size(metadata.num_rows, -(-listed // metadata.num_rows) or 1)
    names = schema.names
    if len(set(names)) < len(names):
        raise ImprintError("Two columns of the table have the same name; rename one.")
    label = next((name for name in _LABELS if name in names), None)
    if label is None:
        raise ImprintError("The table has no column 'label' (or 'y'); add one with the class of each row.")
    features, notes = _features(pa, schema)
    for name in (label, _SPLIT) if _SPLIT in names else (label,):
        kind = schema.field(name).type
        values = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not _numeric(pa, values) and not _is_text(pa, values):
            raise ImprintError(f"Column '{name}' is of type {clean_name(str(kind))}; it must be whole numbers or text.")
    labels, test = _labels(table, label, _SPLIT in names)
    if len(labels.codes) != metadata.num_rows:
        raise damaged_parquet()
    size = _LIST_ROWS if features == [_LIST] else max(1, _BLOCK // (8 * len(features)))

    def blocks() -> Iterator[NDArray[Any]]:
        start = 0
        try:
            for batch in _batches(table, size, features):
                if features == [_LIST]:
                    block = _lists(pa, batch.column(0), start)
                else:
                    # Arrow converts missing values to NaN, which is reported with the others.
                    block = np.column_stack([column.to_numpy(zero_copy_only=False) for column in batch.columns])
                start += len(block)
                if block.shape[1] != width or start > metadata.num_rows:
                    raise damaged_parquet()
                yield block
        except ImprintError:
            raise
        except damage as error:
            raise damaged_parquet() from error
        if start != metadata.num_rows:
            raise damaged_parquet()

    width = len(features)
    if features == [_LIST]:
        first = next(_batches(table, 1, features), None)
        width = 0 if first is None else _lists(pa, first.column(0), 0).shape[1]
        check_size(metadata.num_rows, width)
    return LabelledRows([("", labels)], test, width, blocks, None, notes)


def _features(pa: Any, schema: Any) -> tuple[list[str], list[str]]:
    """Find the columns of the embeddings; add a note about columns that are not used."""
    if _LIST in schema.names:
        kind = schema.field(_LIST).type
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        if not any(is_kind(kind) for is_kind in lists) or not _numeric(pa, kind.value_type):
            raise ImprintError(
                f"Column '{_LIST}' is of type {clean_name(str(kind))}; it must have a list of numbers in each row."
            )
        return [_LIST], []
    candidates = [name for name in schema.names if name not in (*_LABELS, _SPLIT)]
    used = [n for n in candidates if _numeric(pa, schema.field(n).type) and not _IDENTIFIERS.fullmatch(n)]
    if not used:
        raise ImprintError(f"The table has no embeddings; add a list column '{_LIST}' or numeric columns.")
    unused = [clean_name(n) for n in candidates if n not in set(used)]
    more = f" and {len(unused) - 5} more" if len(unused) > 5 else ""
    skipped = f"; skipped: {', '.join(unused[:5])}{more}" if unused else ""
    return used, [f"{len(used):,} numeric columns are the embedding{skipped}."]


def _is_text(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _numeric(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _labels(table: Any, label: str, has_split: bool) -> tuple[Labels, NDArray[np.bool_] | None]:
    """Read labels and split in batches, so long texts in each row are never in memory together."""
    numbers: dict[Any, int] = {}
    labels, test = [], []
    for batch in _batches(table, _LABEL_ROWS, [label, _SPLIT] if has_split else [label]):
        values, codes = _encoded(batch.column(batch.schema.names.index(label)), label)
        labels.append(np.array([numbers.setdefault(v, len(numbers)) for v in values], np.int64)[codes])
        check_class_count(len(numbers), label)
        if has_split:
            values, codes = _encoded(batch.column(batch.schema.names.index(_SPLIT)), _SPLIT)
            test.append(np.array([_is_test(v) for v in values], bool)[codes])
    if not labels:
        raise damaged_parquet()
    # All values of a column have one type.
    return Labels(tuple(numbers), np.concatenate(labels)), np.concatenate(test) if has_split else None


def _batches(table: Any, rows: int, columns: list[str]) -> Iterator[Any]:
    for batch in table.iter_batches(rows, columns=columns):
        # Arrow trusts offsets and dictionary indices in the file unless they are validated.
        batch.validate(full=True)
        yield batch


def _encoded(column: Any, name: str) -> tuple[tuple[Any, ...], NDArray[np.integer]]:
    """Distinct values of a column, and the position of each row's value among them."""
    if column.null_count:
        raise ImprintError(f"Column '{name}' has rows without a value; fill or remove them.")
    encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
    values = encoded.dictionary
    check_class_count(len(values), name)
    distinct = values.to_pylist()
    if any(isinstance(v, float) for v in distinct):
        distinct = list(label_values(np.array(distinct), name))
    return tuple(distinct), encoded.indices.to_numpy(zero_copy_only=False)


def _is_test(value: object) -> bool:
    split = SPLITS.get(str(value).strip().lower())
    if split is None:
        raise ImprintError(f"Column '{_SPLIT}' has the value '{clean_name(str(value))}'; use train or test.")
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

"""Embeddings in tables: `.parquet`, Arrow files and `.csv`, read in a guarded process."""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.arrays import row_ranges
from imprint_core.datasets.image_files import SPLITS
from imprint_core.datasets.labels import Labels, check_class_count, label_values
from imprint_core.datasets.names import clean_name
from imprint_core.errors import ImprintError
from imprint_core.uploads.columns import Columns, ColumnStatistics, Kind, choose_columns, doubtful_columns
from imprint_core.uploads.rows import MOST_DIMENSIONS, LabelledRows, LeftOutColumn, check_size

_BLOCK = 16_000_000
_LABEL_ROWS = 65_536
# Several times a line of the most dimensions.
_TEXT = 4_000_000
_MOST_NAMED = 5


class _Table(NamedTuple):
    """A table: its schema, and some columns in batches of at most so many rows.

    `together` is the number of columns that fit into memory together.
    """

    schema: Any
    batches: Callable[[Sequence[str], int], Iterator[Any]]
    together: int = MOST_DIMENSIONS


def parquet_rows(file: BinaryIO) -> LabelledRows:
    """Open a Parquet table of embeddings and read its labels."""
    return _open(_parquet, file, "Parquet")


def arrow_rows(file: BinaryIO) -> LabelledRows:
    """Open an Arrow table of embeddings, a file (Feather) or a stream, and read its labels."""
    return _open(_arrow, file, "Arrow")


def csv_rows(file: BinaryIO) -> LabelledRows:
    """Open a table of embeddings as text, separated by commas, semicolons or tabs, and read its labels."""
    return _open(_csv, file, "CSV")


def _open(read: Callable[[str], _Table], file: BinaryIO, kind: str) -> LabelledRows:
    with _damage(kind):
        return _rows(read(file.name), kind)


@contextmanager
def _damage(kind: str) -> Iterator[None]:
    """Raise an `ImprintError` where Arrow cannot read a table."""
    pa = importlib.import_module("pyarrow")
    try:
        yield
    except (ImprintError, MemoryError):
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        if "conversion error" in str(error):
            raise ImprintError("A column of numbers has text further down; correct or remove it.") from error
        raise ImprintError(f"The file is damaged or not a table in {kind}'s format; write it again.") from error


def _parquet(path: str) -> _Table:
    pq = importlib.import_module("pyarrow.parquet")
    # Read through buffers: in a memory map, all that was read would stay in memory.
    options: dict[str, Any] = {"pre_buffer": False, "buffer_size": 1_000_000}
    with pq.ParquetFile(path, **options) as first:
        schema, metadata = first.schema_arrow, first.metadata
    # A dictionary has a long text once in memory if every row refers to it; Arrow has none for delta encodings.
    chunks = (metadata.row_group(0).column(i) for i in range(metadata.num_columns if metadata.num_row_groups else 0))
    delta = {chunk.path_in_schema for chunk in chunks if any("DELTA" in name for name in chunk.encodings)}
    options["read_dictionary"] = [f.name for f in schema if _is_text(f.type) and f.name not in delta]

    def batches(columns: Sequence[str], rows: int) -> Iterator[Any]:
        with pq.ParquetFile(path, **options) as file:
            yield from file.iter_batches(rows, columns=list(columns))

    # Each column has a page and a dictionary of about a megabyte in memory.
    return _Table(schema, batches, together=64)


def _arrow(path: str) -> _Table:
    pa = importlib.import_module("pyarrow")
    with pa.memory_map(path) as file:
        try:
            schema, open_table = pa.ipc.open_file(file).schema, pa.ipc.open_file
        except pa.ArrowInvalid:
            file.seek(0)
            schema, open_table = pa.ipc.open_stream(file).schema, pa.ipc.open_stream

    def batches(columns: Sequence[str], rows: int) -> Iterator[Any]:
        # Other columns stay compressed.
        options = pa.ipc.IpcReadOptions(included_fields=[schema.get_field_index(name) for name in columns])
        with pa.memory_map(path) as file:
            table = open_table(file, options=options)
            count = getattr(table, "num_record_batches", None)
            for batch in table if count is None else map(table.get_batch, range(count)):
                selected = batch.select(list(columns))
                yield from (selected.slice(start, rows) for start in range(0, len(selected), rows))
                del batch, selected

    return _Table(schema, batches)


def _csv(path: str) -> _Table:
    pa, csv = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.csv")
    with open(path, "rb") as text:
        header = text.readline(_TEXT)
    parse = csv.ParseOptions(delimiter=max(",;\t", key=lambda separator: header.count(separator.encode())))
    read = csv.ReadOptions(use_threads=False, block_size=_TEXT)

    def open_table(**options: Any) -> Any:
        return csv.open_csv(path, read, parse, csv.ConvertOptions(**options))

    with open_table() as first:
        # Whole numbers at the start can have fractions further down.
        schema = pa.schema([(f.name, pa.float64() if _is_number(f.type) else pa.string()) for f in first.schema])

    def batches(columns: Sequence[str], rows: int) -> Iterator[Any]:
        kinds = {name: schema.field(name).type for name in columns}
        options = {"null_values": [""], "strings_can_be_null": True} if pa.string() in kinds.values() else {}
        with open_table(include_columns=list(columns), column_types=kinds, **options) as table:
            for batch in table:
                yield from (batch.slice(start, rows) for start in range(0, len(batch), rows))

    return _Table(schema, batches)


def _rows(table: _Table, kind: str) -> LabelledRows:
    names = table.schema.names
    if len(set(names)) < len(names):
        raise ImprintError("Two columns of the table have the same name; rename one.")
    columns = choose_columns({f.name: _kind(f.type) for f in table.schema}, _index_columns(table.schema))
    text_or_number = [name for name in (columns.label, columns.split) if name]
    for name in text_or_number:
        if not _is_number(table.schema.field(name).type) and not _is_text(table.schema.field(name).type):
            raise ImprintError(
                f"Column '{name}' is of type {_kind(table.schema.field(name).type).text}; it must be whole numbers or "
                "text."
            )
    labels, test = _labels(table, columns)
    class_names = _class_names(table.schema, columns.label)
    if columns.is_list:
        first = next(table.batches(columns.taken, 1), None)
        width = _lists(first, columns.taken[0], 0).shape[1] if first is not None else 0
        check_size(len(labels.codes), width)
        taken, left_out, blocks = columns.taken, columns.left_out, _list_blocks(table, columns.taken[0], width)
    else:
        doubtful = _doubtful(table, columns, labels)
        taken = tuple(name for name in columns.taken if name not in doubtful)
        if not taken:
            name, reason = next(iter(doubtful.items()))
            raise ImprintError(
                f"The table has no embeddings: '{clean_name(name)}' is left out ({reason}). Add a list column "
                "'embedding' or numeric columns."
            )
        left_out = (*columns.left_out, *(LeftOutColumn(clean_name(n), reason, True) for n, reason in doubtful.items()))
        width = len(taken)
        check_size(len(labels.codes), width)
        blocks = _number_blocks(table, taken, len(labels.codes))

    def guarded() -> Iterator[NDArray[Any]]:
        with _damage(kind):
            yield from blocks()

    return LabelledRows([("", labels)], test, width, guarded, class_names, _named(taken), left_out)


def _named(taken: Sequence[str]) -> str:
    if len(taken) <= _MOST_NAMED:
        return ", ".join(map(clean_name, taken))
    return f"{clean_name(taken[0])}, {clean_name(taken[1])} … {clean_name(taken[-1])} ({len(taken):,} columns)"


def _kind(kind: Any) -> Kind:
    types = importlib.import_module("pyarrow").types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return Kind(clean_name(str(kind)), _is_number(kind), is_list and _is_number(kind.value_type))


def _is_text(kind: Any) -> bool:
    types = importlib.import_module("pyarrow").types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_number(kind: Any) -> bool:
    types = importlib.import_module("pyarrow").types
    return bool(types.is_integer(kind) or types.is_floating(kind))


def _index_columns(schema: Any) -> list[str]:
    """Index columns that pandas stored."""
    with suppress(ValueError, KeyError, TypeError):
        return [n for n in json.loads(schema.metadata[b"pandas"])["index_columns"] if isinstance(n, str)]
    return []


def _class_names(schema: Any, label: str) -> list[str] | None:
    """Class names of a column of Hugging Face's type `ClassLabel`."""
    with suppress(ValueError, KeyError, TypeError):
        names = json.loads(schema.metadata[b"huggingface"])["info"]["features"][label]["names"]
        if _is_number(schema.field(label).type) and all(isinstance(name, str) for name in names):
            return list(names)
    return None


def _labels(table: _Table, columns: Columns) -> tuple[Labels, NDArray[np.bool_] | None]:
    """Read labels and split in batches, so long texts in each row are never in memory together."""
    numbers: dict[Any, int] = {}
    labels, test = [], []
    names = [name for name in (columns.label, columns.split) if name]
    for batch in _batches(table, names, _LABEL_ROWS):
        values, codes = _encoded(batch.column(columns.label), columns.label)
        labels.append(np.array([numbers.setdefault(v, len(numbers)) for v in values], np.int64)[codes])
        check_class_count(len(numbers), columns.label)
        if columns.split:
            values, codes = _encoded(batch.column(columns.split), columns.split)
            test.append(np.array([_is_test(v, columns.split) for v in values], bool)[codes])
    if not labels:
        raise ImprintError("The file has no embeddings; it needs at least two rows of each class.")
    # All values of a column have one type.
    return Labels(tuple(numbers), np.concatenate(labels)), np.concatenate(test) if columns.split else None


def _batches(table: _Table, names: Sequence[str], rows: int) -> Iterator[Any]:
    for batch in table.batches(names, rows):
        # Arrow trusts offsets and dictionary indices in the file unless they are validated.
        batch.validate(full=True)
        yield batch
        # A batch can be large, so it is released before the next one is read; so are all below.
        del batch


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


def _is_test(value: object, name: str) -> bool:
    split = SPLITS.get(str(value).strip().lower())
    if split is None:
        raise ImprintError(f"Column '{name}' has the value '{clean_name(str(value))}'; use train or test.")
    return split == "test"


def _doubtful(table: _Table, columns: Columns, labels: Labels) -> dict[str, str]:
    """Columns of numbers that are left out because of their values."""
    traits: list[dict[str, NDArray[np.bool_]]] = []
    for names in _groups(table, columns.taken):
        statistics = ColumnStatistics(labels.codes)
        for block in _numbers(table, names, len(labels.codes)):
            statistics.add(block.astype(np.float64))
        traits.append(statistics.traits())
    together = {reason: np.concatenate([group[reason] for group in traits]) for reason in traits[0]}
    return doubtful_columns(columns.taken, together, columns.numbered)


def _groups(table: _Table, names: Sequence[str]) -> list[Sequence[str]]:
    return [names[i : i + table.together] for i in range(0, len(names), table.together)]


def _numbers(table: _Table, names: Sequence[str], count: int) -> Iterator[NDArray[Any]]:
    """Blocks of `count` rows of columns of numbers."""
    left = count
    for batch in _batches(table, names, max(1, _BLOCK // (8 * len(names)))):
        left -= len(batch)
        if left < 0:
            break
        # Arrow converts missing values to NaN, which is reported with the others.
        yield np.column_stack([batch.column(name).to_numpy(zero_copy_only=False) for name in names])
        del batch
    if left:
        raise ValueError("columns have different lengths")


def _number_blocks(table: _Table, names: Sequence[str], count: int) -> Callable[[], Iterator[NDArray[Any]]]:
    """Blocks of rows; of a wide table through a file that holds its columns one after another."""

    def blocks() -> Iterator[NDArray[Any]]:
        groups = _groups(table, names)
        if len(groups) == 1:
            yield from _numbers(table, names, count)
            return
        with tempfile.TemporaryFile() as file:
            column = 0
            for group in groups:
                start = 0
                for block in _numbers(table, group, count):
                    with np.errstate(over="ignore"):
                        values = np.ascontiguousarray(block.T, np.float32)
                    for i, part in enumerate(values):
                        file.seek(4 * ((column + i) * count + start))
                        file.write(part.data)
                    start += len(block)
                column += len(group)
            for start, stop in row_ranges((count, len(names)), 4):
                values = np.empty((len(names), stop - start), np.float32)
                for i, part in enumerate(values):
                    file.seek(4 * (i * count + start))
                    file.readinto(part.data)
                yield values.T

    return blocks


def _list_blocks(table: _Table, name: str, width: int) -> Callable[[], Iterator[NDArray[Any]]]:
    def blocks() -> Iterator[NDArray[Any]]:
        start = 0
        for batch in _batches(table, [name], max(1, _BLOCK // (8 * max(width, 1)))):
            block = _lists(batch, name, start).copy()
            if block.shape[1] != width:
                raise _different_lengths(name, start)
            start += len(block)
            del batch
            yield block

    return blocks


def _lists(batch: Any, name: str, start: int) -> NDArray[Any]:
    column = batch.column(name)
    lengths = importlib.import_module("pyarrow.compute").list_value_length(column)
    sizes = lengths.fill_null(-1).to_numpy(zero_copy_only=False)
    width = int(sizes[0]) if len(sizes) else 0
    if width > MOST_DIMENSIONS:
        check_size(len(sizes), width)
    if (sizes != width).any() or width < 0:
        raise _different_lengths(name, start + (int((sizes != width).argmax()) if width >= 0 else 0))
    values: NDArray[Any] = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), width)
    return values


def _different_lengths(name: str, row: int) -> ImprintError:
    return ImprintError(
        f"Column '{name}' has rows of different lengths, such as row {row:,} (counted from 0); all must come from the "
        "same model."
    )

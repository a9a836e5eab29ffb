"""File formats of uploads: one row each, which the pages follow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import BinaryIO, Generic, NamedTuple, TypeVar

from imprint_core.datasets.class_folders import images_in_zip
from imprint_core.datasets.image_files import ImageListing
from imprint_core.datasets.keras_npz import images_in_keras_npz
from imprint_core.errors import ImprintError
from imprint_core.models import FoundationModel
from imprint_core.registry import look_up
from imprint_core.uploads.array_rows import npz_rows, safetensors_rows
from imprint_core.uploads.parquet_rows import parquet_rows
from imprint_core.uploads.rows import LabelledRows, UploadedEmbeddings, load_rows

T = TypeVar("T")


class UploadFormat(NamedTuple, Generic[T]):
    """A file format: the contents of a file in a few words, and in full as Markdown, for pages.

    `read` reads a seekable binary file; it raises an `ImprintError` if it is damaged, too large or laid out otherwise.
    """

    title: str
    layout: str
    read: Callable[[BinaryIO], T]


IMAGE_FORMATS: dict[str, UploadFormat[ImageListing]] = {
    "zip": UploadFormat(
        "class folders",
        "`<class>/<image>`, also in `train/` and `test/`",
        partial(images_in_zip, upload=True),
    ),
    "npz": UploadFormat("Keras' layout", "`x_train, y_train, x_test, y_test`, pixels in uint8", images_in_keras_npz),
}
"""By file suffix; readers list the images of a file."""

_ARRAYS = "`X_train, y_train, X_test, y_test`, or `X, y`, or `embeddings, labels`; optionally `class_names`"
EMBEDDING_FORMATS: dict[str, UploadFormat[LabelledRows]] = {
    "npz": UploadFormat("arrays", _ARRAYS, npz_rows),
    "safetensors": UploadFormat("tensors", f"{_ARRAYS} as JSON in the metadata", safetensors_rows),
    "parquet": UploadFormat(
        "table",
        "a column `label` or `y`, optionally `split`, and a list column `embedding` or a column per dimension",
        parquet_rows,
    ),
}
"""By file suffix; readers open the labelled rows of a file."""


def read_embeddings(file: BinaryIO, suffix: str, fm: FoundationModel | None = None) -> UploadedEmbeddings:
    """Read and check embeddings in a seekable file of one of `EMBEDDING_FORMATS`; names of arrays may be in any case.

    They must have the dimensions of the FM that computed them, if it is given. If the file has no split, a quarter of
    each class is the test split. Raises an `ImprintError` if the file is damaged or too large, or the embeddings cannot
    be used.
    """
    rows = look_up(EMBEDDING_FORMATS, suffix, "embedding format").read(file)
    if fm and fm.dim is not None and rows.width != fm.dim:
        raise ImprintError(
            f"These embeddings have {rows.width:,} dimensions, but {fm.label} has {fm.dim:,}; "
            "choose the model that computed them."
        )
    return load_rows(rows)

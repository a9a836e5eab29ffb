"""File formats of uploads: one row each, which the pages follow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from imprint_core.datasets.class_folders import images_in_zip
from imprint_core.datasets.image_files import ImageListing
from imprint_core.datasets.keras_npz import images_in_keras_npz
from imprint_core.uploads.array_rows import npy_rows, npz_rows, safetensors_rows
from imprint_core.uploads.rows import LabelledRows
from imprint_core.uploads.table_rows import arrow_rows, csv_rows, parquet_rows

T = TypeVar("T")


class UploadFormat(NamedTuple, Generic[T]):
    """A file format: the contents of a file in a few words, and in full as Markdown, for pages.

    `read` reads a binary file, and another one if `second` names its content; it raises an `ImprintError` if a file is
    damaged, too large or laid out otherwise. Readers of embeddings are functions of a module.
    """

    title: str
    layout: str
    read: Callable[..., T]
    second: str = ""


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
_TABLE = "a column `label` or `y`, optionally `split`, and a list column `embedding` or a column per dimension"
EMBEDDING_FORMATS: dict[str, UploadFormat[LabelledRows]] = {
    "npz": UploadFormat("arrays", _ARRAYS, npz_rows),
    "npy": UploadFormat("two arrays", "embeddings, and a second file of labels", npy_rows, "Labels"),
    "safetensors": UploadFormat("tensors", f"{_ARRAYS} as JSON in the metadata", safetensors_rows),
    "arrow": UploadFormat("Arrow", _TABLE, arrow_rows),
    "feather": UploadFormat("Feather", _TABLE, arrow_rows),
    "parquet": UploadFormat("table", _TABLE, parquet_rows),
    "csv": UploadFormat("text", f"{_TABLE}; names of columns in the first line", csv_rows),
}
"""By file suffix; readers open the labelled rows of a file, or of two, in a guarded process."""

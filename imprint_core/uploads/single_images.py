"""Single images that a user uploads, decoded in a guarded process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from imprint_core.background.guard import Limits, run_guarded
from imprint_core.datasets.decoding import decode
from imprint_core.errors import ImprintError
from imprint_core.files import temporary_copies

_LIMITS = Limits(seconds=60)
# Of decoded images, whose shorter sides are limited: a photograph has less than 8 million.
_MOST_PIXELS, _MOST_PIXELS_TOGETHER = 16_000_000, 64_000_000


def decode_uploads(files: Sequence[bytes]) -> list[Image.Image | ImprintError]:
    """Decode image files in a guarded process; for each the image, or the error that says what is wrong with it.

    Raises an `ImprintError` if decoding needs too much memory or time.
    """
    with temporary_copies(files) as paths:
        errors = run_guarded(_decode, {"paths": [str(path) for path in paths]}, limits=_LIMITS)
        return [
            ImprintError(error) if error else Image.fromarray(np.load(path.with_suffix(".npy"), allow_pickle=False))
            for path, error in zip(paths, errors, strict=True)
        ]


def _decode(report: Callable[..., None], paths: Sequence[str]) -> list[str]:
    """Write the pixels of each image beside it, in the guarded process; return an error for each, or nothing."""
    errors = []
    total = 0
    for path in paths:
        try:
            image = decode(Path(path))
            pixels = image.width * image.height
            if pixels > _MOST_PIXELS:
                raise ImprintError("The image is too long and narrow. Crop it.")
            if total + pixels > _MOST_PIXELS_TOGETHER:
                raise ImprintError("The images before it are all that can be read at once. Add it separately.")
            total += pixels
            np.save(path, np.asarray(image))
        except ImprintError as error:
            errors.append(str(error))
        else:
            errors.append("")
    return errors

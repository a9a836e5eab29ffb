"""Downloads of official weights as background jobs."""

from __future__ import annotations

from imprint_core.background.download import Download, run_download
from imprint_core.models.libraries import LIBRARIES
from imprint_core.models.registry import FoundationModel
from imprint_core.paths import weights_folder


def weights_download(fm: FoundationModel) -> Download:
    """The download of an FM's official weights."""
    return Download(
        weights_folder(),
        fm.name,
        ("--fm", fm.name),
        lambda: LIBRARIES[fm.library].partial_downloads(fm),
        fm.megabytes * 1_000_000,
    )


def download_weights(fm: FoundationModel) -> None:
    """Download official weights, in the process that `Download.start` started.

    Raises an `ImprintError` if they are unavailable, or another process downloads them.
    """
    from imprint_core.models.loading import load_model

    library = LIBRARIES[fm.library]
    with run_download(weights_folder(), fm.name):
        if not library.resumes_downloads:
            for file in library.partial_downloads(fm):
                file.unlink(missing_ok=True)
        load_model(fm)

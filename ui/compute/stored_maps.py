"""Stored maps, read once."""

from __future__ import annotations

from imprint_core.embeddings import SetInfo
from imprint_core.maps.layouts import Layout
from imprint_core.maps.store import BaseMap, load_map, load_pca_map
from ui.compute import results
from ui.compute.results import BY_FILE
from ui.server.shared_cache import shared_cache


class _MissingError(Exception):
    """A map that is not stored: errors are not cached, so the next call looks again."""


@shared_cache(100, BY_FILE)
def _stored(info: SetInfo, norm: str, layout: Layout) -> BaseMap:
    stored = load_map(results.embeddings(info), norm, layout)
    if stored is None:
        raise _MissingError
    return stored


def stored_map(info: SetInfo, norm: str, layout: Layout) -> BaseMap | None:
    """Return a map that was computed before; None if it was not."""
    try:
        return _stored(info, norm, layout)
    except _MissingError:
        return None


@shared_cache(50, BY_FILE)
def _pca(info: SetInfo, norm: str) -> BaseMap:
    return load_pca_map(results.embeddings(info), norm)


def available_map(info: SetInfo, norm: str, layout: Layout) -> BaseMap:
    """Return the requested map, or PCA until that is available."""
    return stored_map(info, norm, layout) or _pca(info, norm)

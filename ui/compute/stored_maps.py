"""Base maps as they are kept on disk, read once."""

from __future__ import annotations

import streamlit as st

from imprint_core.embeddings import SetInfo
from imprint_core.maps.layouts import Layout
from imprint_core.maps.store import BaseMap, kept_map, quick_map
from ui.compute import results


class _AbsentError(Exception):
    """A map that isn't kept; nothing that is raised is cached, so it is looked for again."""


@st.cache_resource(max_entries=32, show_spinner=False)
def _kept(key: str, norm: str, layout: Layout, _info: SetInfo) -> BaseMap:
    found = kept_map(results.embeddings(_info), norm, layout)
    if found is None:
        raise _AbsentError
    return found


def kept(info: SetInfo, norm: str, layout: Layout) -> BaseMap | None:
    """A map that has been computed before; None where it has not."""
    try:
        return _kept(results.key_of(info), norm, layout, info)
    except _AbsentError:
        return None


@st.cache_resource(max_entries=8, show_spinner=False)
def _quick(key: str, norm: str, _info: SetInfo) -> BaseMap:
    return quick_map(results.embeddings(_info), norm)


def shown_map(info: SetInfo, norm: str, layout: Layout) -> BaseMap:
    """The map that is asked for, or until it is there a quick one."""
    return kept(info, norm, layout) or _quick(results.key_of(info), norm, info)

"""The configuration as a JSON file, out and in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from imprint_core.errors import ImprintError
from ui.controls.control import Values

VERSION = 1
MOST_BYTES = 65_536


def written(values: Values, keys: Iterable[str], page: str = "") -> bytes:
    """The file that holds these controls' values, and the page that they were seen on."""
    controls = {key: values[key] for key in keys if key in values}
    content = {"imprint": VERSION, **({"page": page} if page else {}), "controls": controls}
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def read(data: bytes) -> tuple[dict[str, str], list[str], str]:
    """The controls' values as a link has them, what is no value, a sentence each, and the page's key or "".

    Raises
    ------
    ImprintError
        If it is no such file.
    """
    if len(data) > MOST_BYTES:
        raise ImprintError(f"The file has {len(data):,} bytes; a configuration has {MOST_BYTES:,} at most.")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ImprintError("The file is no JSON; take one that was downloaded here.") from None
    if not isinstance(content, dict) or "imprint" not in content:
        raise ImprintError("The file is no configuration of this app; take one that was downloaded here.")
    version, controls = content["imprint"], content.get("controls")
    if version != VERSION or isinstance(version, bool):
        raise ImprintError(f"The file is of version {str(version)[:20]}, and this app reads version {VERSION}.")
    if not isinstance(controls, dict):
        raise ImprintError("The file has no “controls”, names with their values; take one that was downloaded here.")
    query, notes = {}, []
    for key, value in controls.items():
        try:
            query[key] = _text(value)
        except TypeError:
            notes.append(f"{key[:40]} in the file is neither a text nor a number, nor a list of those; ignored.")
    page = content.get("page")
    return query, notes, page if isinstance(page, str) else ""


def _text(value: Any) -> str:
    """A value as a link has it."""
    if isinstance(value, list):
        return ",".join(map(_single, value))
    return _single(value)


def _single(value: Any) -> str:
    if not isinstance(value, (str, int, float)):
        raise TypeError
    return str(value)

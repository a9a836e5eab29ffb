"""Settings as a JSON file: writing and reading."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from imprint_core.errors import ImprintError
from ui.controls.control import Values

VERSION = 1
MOST_BYTES = 65_536
_HINT = "Choose a settings file that was downloaded from this app."


def written(values: Values, keys: Iterable[str], page: str = "") -> bytes:
    """Return the file with the values of these controls, and the page ("" for none)."""
    controls = {key: values[key] for key in keys if key in values}
    content = {"imprint": VERSION, **({"page": page} if page else {}), "controls": controls}
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def read(data: bytes) -> tuple[dict[str, str], list[str], str]:
    """Return the values in link form, a note for each ignored value, and the key of the page ("" for none).

    Raises
    ------
    ImprintError
        If the data is not a settings file.
    """
    if len(data) > MOST_BYTES:
        raise ImprintError(f"The file has {len(data):,} bytes; at most {MOST_BYTES:,} are allowed. {_HINT}")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise ImprintError(f"The file is not valid JSON. {_HINT}") from None
    if not isinstance(content, dict) or "imprint" not in content:
        raise ImprintError(f"The file is not a settings file of this app. {_HINT}")
    version, controls = content["imprint"], content.get("controls")
    if version != VERSION or isinstance(version, bool):
        raise ImprintError(f"The file has version {str(version)[:20]}; this app reads version {VERSION}. {_HINT}")
    if not isinstance(controls, dict):
        raise ImprintError(f"The file has no “controls” with names and values. {_HINT}")
    query, notes = {}, []
    for key, value in controls.items():
        try:
            query[key] = _text(value)
        except TypeError:
            notes.append(f"{key[:40]} in the file is not a text, a number or a list of these. Ignored.")
    page = content.get("page")
    return query, notes, page if isinstance(page, str) else ""


def _text(value: Any) -> str:
    """Return a value in link form."""
    if isinstance(value, list):
        return ",".join(map(_single, value))
    return _single(value)


def _single(value: Any) -> str:
    if not isinstance(value, (str, int, float)):
        raise TypeError
    return str(value)

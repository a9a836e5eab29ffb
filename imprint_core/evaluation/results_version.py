"""Version of the algorithms behind stored results, and JSON files that carry it.

A change in sampling (shots, merged classes, validation folds, random proxies) or in evaluation changes every number.
Stored results of another version are not used, so that old and new numbers never appear side by side.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imprint_core.errors import ImprintError

# Increase it whenever sampling or evaluation gives other numbers; tests compare it with a fingerprint of the sampling.
RESULTS_VERSION = "1"


def to_json(results: Any) -> bytes:
    """Results with their version as compact JSON."""
    text = json.dumps({"results_version": RESULTS_VERSION, "results": results}, separators=(",", ":"))
    return (text + "\n").encode()


def read_json(path: Path) -> Any:
    """Results that `to_json` wrote.

    Raises
    ------
    ImprintError
        If the file is missing, damaged, or of another version.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        version, results = stored["results_version"], stored["results"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ImprintError(f"{path.name} is missing or damaged.") from error
    check_version(path, version)
    return results


def check_version(path: Path, version: Any) -> None:
    """Raise an `ImprintError` unless the results in a file are of the current version."""
    if version != RESULTS_VERSION:
        raise ImprintError(f"{path.name} holds results of version {str(version)[:20]}; this is {RESULTS_VERSION}.")

"""What every table of choices has in common: names are looked up, and a wrong one is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from imprint_core.errors import ImprintError

T = TypeVar("T")


def look_up(table: Mapping[str, T], name: str, kind: str) -> T:
    """Entry `name` of `table`.

    Raises
    ------
    ImprintError
        If there is none; the message lists those that are.
    """
    try:
        return table[name]
    except (KeyError, TypeError):
        raise ImprintError(f"No {kind} is called '{name}'; known are {', '.join(table)}.") from None

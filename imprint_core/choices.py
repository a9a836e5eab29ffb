"""What every table of choices has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from imprint_core.errors import ImprintError


class Choice(Protocol):
    """An entry of a table: how it is called, and what it is in one sentence with its source."""

    @property
    def label(self) -> str: ...
    @property
    def help(self) -> str: ...


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

"""Tables of methods: their entries, and a lookup that lists the valid names when one is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from imprint_core.errors import ImprintError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """An entry of a table of methods.

    Attributes
    ----------
    label : str
        Displayed name.
    help : str
        What it does, with the source.
    """

    label: str
    help: str


def look_up(table: Mapping[str, T], name: str, kind: str) -> T:
    """Return the entry `name` of `table`.

    Raises
    ------
    ImprintError
        If there is none; the message lists the valid names.
    """
    try:
        return table[name]
    except (KeyError, TypeError):
        raise ImprintError(f"No {kind} is called '{name}'. Known names: {', '.join(table)}.") from None

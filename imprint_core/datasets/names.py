"""Clean names of uploads for display; they are never used as file names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from imprint_core.errors import ImprintError

MOST_CLASSES = 1_000
MOST_CHARACTERS = 80

# Joiners shape Persian, Indic scripts and emoji; other invisible characters are removed, since they can mislead.
_JOINERS = "\u200c\u200d"
_EDGES = " " + _JOINERS


def clean_name(text: str, most: int = MOST_CHARACTERS) -> str:
    """Clean a name in any script for display; markup is kept, because the page escapes it.

    The result is one line in NFC of at most `most` characters, where an ellipsis replaces the rest. It has no control,
    bidirectional or other invisible characters; each run of white space is a space; "unnamed" where nothing is left.
    """
    # Much longer text is not read completely.
    characters = text[: 50 * most]
    hidden = ("Cc", "Cf", "Cs")
    visible = "".join(c for c in characters if c.isspace() or c in _JOINERS or unicodedata.category(c) not in hidden)
    name = " ".join(unicodedata.normalize("NFC", visible).split()).strip(_EDGES)
    if len(name) > most:
        name = name[: most - 1].strip(_EDGES) + "…"
    return name or "unnamed"


def clean_classes(raw: Iterable[str]) -> dict[str, str]:
    """Map raw class names to clean ones, in the order of class numbers: by name, or by value where all are numbers.

    Raises an `ImprintError` if there are fewer than two or more than `MOST_CLASSES` classes, or two have the same clean
    name.
    """
    distinct = set(raw)
    if len(distinct) > MOST_CLASSES:
        raise ImprintError(f"{len(distinct):,} classes are too many. Use at most {MOST_CLASSES:,}.")
    clean = {name: clean_name(name) for name in distinct}
    names: set[str] = set()
    for name in clean.values():
        if name in names:
            raise ImprintError(f"Two classes have the visible name '{name}'. Give them different names.")
        names.add(name)
    if len(clean) == 1:
        raise ImprintError(f"'{names.pop()}' is the only class. Give at least two classes.")
    if not clean:
        raise ImprintError("No classes were found. Give at least two.")
    numbers = all(name.isascii() and name.removeprefix("-").isdigit() for name in names)
    order = sorted(clean, key=lambda name: (int(clean[name]) if numbers else 0, clean[name]))
    return {name: clean[name] for name in order}

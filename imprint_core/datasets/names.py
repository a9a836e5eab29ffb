"""Names that come with an upload, made fit to be shown; nothing is ever written under one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from imprint_core.errors import ImprintError

MOST_CLASSES = 1_000
MOST_CHARACTERS = 80

# Joiners shape Persian, Indic scripts and emoji; every other invisible character can only mislead.
_JOINERS = "\u200c\u200d"
_EDGES = " " + _JOINERS


def clean_name(text: str, most: int = MOST_CHARACTERS) -> str:
    """Make a name fit to be shown: one line, nothing invisible, not too long.

    Parameters
    ----------
    text : str
        In any script; markup stays as it is, for escaping is the page's business.
    most : int
        Characters to keep; an ellipsis stands for the rest.

    Returns
    -------
    str
        In NFC, without control, bidirectional and other invisible characters, each run of white
        space one space; "unnamed" where nothing is left.
    """
    # No name is that long; what is need not be looked at whole.
    kept = "".join(c for c in text[: 50 * most] if c.isspace() or c in _JOINERS or _visible(c))
    name = " ".join(unicodedata.normalize("NFC", kept).split()).strip(_EDGES)
    if len(name) > most:
        name = name[: most - 1].strip(_EDGES) + "…"
    return name or "unnamed"


def clean_classes(raw: Iterable[str]) -> dict[str, str]:
    """Clean class names, which must stay different.

    Returns
    -------
    dict
        The clean name of each given one, in the order of class numbers: by name, or by number
        where every name is one.

    Raises
    ------
    ImprintError
        If there are fewer than two classes or more than `MOST_CLASSES`, or two of one clean name.
    """
    given = set(raw)
    if len(given) > MOST_CLASSES:
        raise ImprintError(f"There are {len(given):,} classes; {MOST_CLASSES:,} are the most that fit.")
    clean = {name: clean_name(name) for name in given}
    seen: set[str] = set()
    for name in clean.values():
        if name in seen:
            raise ImprintError(f"Two classes would both be called '{name}'; give them names that differ visibly.")
        seen.add(name)
    if len(clean) == 1:
        raise ImprintError(f"There is only one class, '{seen.pop()}'; telling classes apart needs at least two.")
    if not clean:
        raise ImprintError("There is no class; at least two are needed.")
    numbers = all(name.isascii() and name.removeprefix("-").isdigit() for name in seen)
    order = sorted(clean, key=lambda name: (int(clean[name]) if numbers else 0, clean[name]))
    return {name: clean[name] for name in order}


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs")

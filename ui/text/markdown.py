"""Escape foreign text for Markdown."""

from __future__ import annotations

import re

# Characters with a meaning in Markdown, Streamlit directives or TeX.
_MARKS = re.compile(r"[\\`*_{}\[\]()#+\-!|<>$~:&^]")
_NUMBERED = re.compile(r"^(\d+)\.")
# Streamlit replaces these after Markdown is rendered, so that a backslash has no effect: icons and emoji (:name:),
# web addresses, e-mail addresses, and arrows between spaces.
_LATE = re.compile(r":(?=[\w/+-])|@(?=\S)|\bwww(?=\.)|(?<!\S)[<>~-](?=(?:[-=]|->|>)(?!\S))", re.ASCII | re.IGNORECASE)
_JOINER = "\u2060"


def plain(text: object) -> str:
    """Escape text for Markdown and join its lines, such as names of classes, datasets and FMs, or values of a link.

    Puts a backslash before each special character, and an invisible word joiner where Streamlit would still replace
    the text.
    """
    return _NUMBERED.sub(r"\1\.", inline(text))


def inline(text: object) -> str:
    """Escape text within a line, where a leading number does not start a list."""
    line = " ".join(str(text).split())
    return _MARKS.sub(r"\\\g<0>", _LATE.sub(rf"\g<0>{_JOINER}", line))

"""Text that isn't ours, made fit for Markdown."""

from __future__ import annotations

import re

# What means something to Markdown, to Streamlit's directives, or to TeX.
_MARKS = re.compile(r"[\\`*_{}\[\]()#+\-!|<>$~:&^]")
_NUMBERED = re.compile(r"^(\d+)\.")
# Streamlit replaces these in what Markdown has made of the text, so escaping them is too early: icons and emoji
# (:name:), addresses, e-mail, and arrows between spaces.
_LATE = re.compile(r":(?=[\w/+-])|@(?=\S)|\bwww(?=\.)|(?<!\S)[<>~-](?=(?:[-=]|->|>)(?!\S))", re.ASCII | re.IGNORECASE)
_JOINER = "\u2060"


def plain(text: object) -> str:
    """Text as Markdown that shows it as it is, in one line: names of classes, datasets and FMs, and what a link says.

    A backslash before each mark, and an invisible word joiner inside what Streamlit would replace all the same.
    """
    return _NUMBERED.sub(r"\1\.", inline(text))


def inline(text: object) -> str:
    """The same within a line, where a number and a dot begin no list."""
    line = " ".join(str(text).split())
    return _MARKS.sub(r"\\\g<0>", _LATE.sub(rf"\g<0>{_JOINER}", line))

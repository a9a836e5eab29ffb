"""Reads what an AppTest shows."""

from __future__ import annotations

import json


def pictures(app):
    """Figures of a page by name; other custom components have no name."""
    data = [json.loads(e.proto.json or "{}") for e in app.get("bidi_component")]
    return {d["name"]: d for d in data if "name" in d}


def read(app):
    """Markdown and captions as one text, without escapes."""
    return page_text(app).replace("\\", "").replace("\u2060", "")


def page_text(app):
    """Markdown and captions as one text."""
    return " ".join([m.value for m in app.markdown] + [c.value for c in app.caption])

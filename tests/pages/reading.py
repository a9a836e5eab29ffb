"""What an AppTest shows, read for tests."""

from __future__ import annotations

import json


def pictures(app):
    """The data of every picture of the page, by name; others of our components are no pictures."""
    data = [json.loads(e.proto.json or "{}") for e in app.get("bidi_component")]
    return {d["name"]: d for d in data if "name" in d}


def read(app):
    """The same as a person reads it."""
    return said(app).replace("\\", "").replace("\u2060", "")


def said(app):
    """Its Markdown and captions in one text."""
    return " ".join([m.value for m in app.markdown] + [c.value for c in app.caption])

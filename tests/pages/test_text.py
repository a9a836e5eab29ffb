import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.text.markdown import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("T-shirt", r"T\-shirt"),
        ("**a** _b_ `c`", r"\*\*a\*\* \_b\_ \`c\`"),
        ("[x](y)", r"\[x\]\(y\)"),
        ("$x$", r"\$x\$"),
        ("a\n\n# b", r"a \# b"),
        ("1. one", r"1\. one"),
        ("&lt;", r"\&lt;"),
        ("a\\", r"a\\"),
        ("k: 5", r"k\: 5"),
    ],
)
def test_marks_are_escaped(text, shown):
    assert plain(text) == shown


LATE = """:material/home: :material_home: :smile: :+1: :-1: :red[x] :streamlit: http://a.b www.a.b me@a.b
<- -> <-> -- ~= <= >="""


@pytest.mark.parametrize("text", re.split(r"\s", LATE))
def test_what_streamlit_replaces_late_is_broken_up(text):
    unescaped = re.sub(r"\\(.)", r"\1", plain(text))
    assert unescaped != text
    assert unescaped.replace("\u2060", "") == text


@given(st.text())
def test_nothing_is_lost_but_spaces(text):
    back = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", plain(text)).replace("\u2060", "")
    assert back == " ".join(text.split()).replace("\u2060", "")

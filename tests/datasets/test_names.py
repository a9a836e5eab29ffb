import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core.datasets import names
from imprint_core.datasets.names import MOST_CHARACTERS, clean_classes, clean_name
from imprint_core.errors import ImprintError


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("cat", "cat"),
        ("  a \t\n b\r\n", "a b"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("safe\u202egnp.exe", "safegnp.exe"),
        ("\u2066\u2069\u200f\ufeff", "unnamed"),
        ("\u200d \u200c", "unnamed"),
        ("", "unnamed"),
        ("a\0b\x1b[31m", "ab[31m"),
        ("lone\ud800", "lone"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("<b>**猫**</b> $x$ :dog:", "<b>**猫**</b> $x$ :dog:"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
    ],
)
def test_names_are_cleaned_for_display(raw, clean):
    assert clean_name(raw) == clean


@given(st.text(max_size=200))
def test_clean_names_are_unchanged(text):
    name = clean_name(text)
    assert clean_name(name) == name
    assert 0 < len(name) <= MOST_CHARACTERS
    assert name == unicodedata.normalize("NFC", name)
    assert not {unicodedata.category(c) for c in name} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(name) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def test_long_names_are_not_read_completely(monkeypatch):
    read = []

    def category(character):
        read.append(character)
        return "Cf"

    monkeypatch.setattr(names.unicodedata, "category", category)
    assert clean_name("\u202e" * 10**7 + "x") == "unnamed"
    assert len(read) == 50 * MOST_CHARACTERS


def test_classes_are_ordered():
    assert clean_classes([" b", "a", "a"]) == {"a": "a", " b": "b"}
    assert list(clean_classes(["a", " b"]).values()) == ["a", "b"]
    assert list(clean_classes(map(str, range(-1, 12)))) == [str(i) for i in range(-1, 12)]
    assert list(clean_classes(["10", "9", "x"])) == ["10", "9", "x"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["cat", "cat\u200b"], "Two classes have the visible name 'cat'"),
        (["é", "e\u0301"], "Two classes have the visible name 'é'"),
        (["cat"], "'cat' is the only class. Give at least two"),
        ([], "No classes were found. Give at least two"),
        ([str(i) for i in range(1001)], r"1,001 classes are too many. Use at most 1,000"),
    ],
)
def test_indistinct_classes_raise_a_clear_error(names, sentence):
    with pytest.raises(ImprintError, match=sentence):
        clean_classes(names)

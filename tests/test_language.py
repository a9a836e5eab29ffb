"""Texts, comments and identifiers use the glossary's terms and plain English.

`python -m tests.test_language ui/share README.md` lists what is wrong in these files and folders.
"""

import ast
import re
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tests.deprecated_words import DEPRECATED

SUFFIXES = {".py", ".js", ".css", ".md", ".toml", ".txt"}
FOLDERS = ("imprint_core", "ui", "pages", "benchmarks", "docs", "tests", ".streamlit", ".ci")
# This file, and the table of deprecated words.
EXEMPT = {"tests/test_language.py", "tests/deprecated_words.py"}
# Names of libraries that contain a deprecated word.
FOREIGN_NAMES = re.compile(r"showSendToCloud|sendChartToCloud|sendDataToCloud|take_along_axis|\w+\.tell\(\)")
# Between two words of a phrase: spaces, and what continues a comment, a string or an identifier on the next line.
GAP = r"""(?:[\s"'#*_]|//|(?<=["'\s])f(?=["']))+"""
# Identifiers that say nothing of their content.
VAGUE = re.compile(
    "_*(own|found|told|said|there|one|made|kept|here|place|wanted|asked|drawn|judged|seen|laid|on|at|every|it)", re.I
)
JS_NAME = re.compile(r"\b(?:const|let|var|function)\s+(\w+)")


def phrase_pattern() -> re.Pattern[str]:
    phrases = [phrase.strip().split() for forms in DEPRECATED for phrase in forms.split(",")]
    longest_first = sorted((GAP.join(map(re.escape, words)) for words in phrases), key=len, reverse=True)
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(longest_first)})(?![A-Za-z])", re.IGNORECASE)


PATTERN = phrase_pattern()


def files() -> list[str]:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")] + list(ROOT.iterdir())
    named = {
        str(path.relative_to(ROOT)) for path in paths if path.suffix in SUFFIXES or path.name in ("Makefile", "run")
    }
    return sorted(named - EXEMPT)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def deprecated_words(text: str) -> Iterator[str]:
    """Each deprecated phrase with its line number; parts of snake_case and camelCase names count as words."""
    text = FOREIGN_NAMES.sub("", text)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text)
    for match in PATTERN.finditer(spaced):
        yield f"{spaced[: match.start()].count(chr(10)) + 1}: {' '.join(match[0].split())}"


def vague_names(name: str, text: str) -> Iterator[str]:
    """Each variable, parameter, function or class that is called by one of the vague words, with its line number."""
    if name.endswith(".js"):
        for match in JS_NAME.finditer(text):
            if VAGUE.fullmatch(match[1]):
                yield f"{text[: match.start()].count(chr(10)) + 1}: {match[1]} is vague"
    if not name.endswith(".py"):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            identifier = node.id
        elif isinstance(node, ast.arg):
            identifier = node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            identifier = node.name
        else:
            continue
        if VAGUE.fullmatch(identifier):
            yield f"{node.lineno}: {identifier} is vague"


def violations(name: str) -> list[str]:
    text = read(name)
    return [f"{name}:{line}" for line in [*deprecated_words(text), *vague_names(name, text)]]


# Commands are for terminals, not for pages. The three options are in errors that only commands cause: pages never read
# datasets at a path, and always replace sets.
COMMAND = re.compile(
    r"python3? -m|pip install|`(?:imprint|fetch|embed|sweep|survey)\b|[ `]--(?!skip-damaged|strict|replace)[a-z]{2}"
)
# Texts for documents, exported files and terminals.
NOT_ON_PAGES = (
    "imprint_core/cli/",
    "imprint_core/export/",  # The snippet and the model card are used outside the app.
    "imprint_core/sweeps/auto_survey.py",  # Writes docs/auto.md.
    "imprint_core/sweeps/k_selection_study.py",  # Writes docs/suggested_k.md.
    "imprint_core/sweeps/preset_survey.py",  # Writes docs/presets.md.
    "imprint_core/sweeps/runner.py",  # Only commands run sweeps.
)


def texts(text: str) -> Iterator[str]:
    """Each string of a module except docstrings."""
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


PAGE_MODULES = [
    name
    for name in files()
    if name.startswith(("imprint_core/", "ui/", "pages/", "app.py"))
    and name.endswith(".py")
    and not name.startswith(NOT_ON_PAGES)
]


def test_pages_name_no_commands():
    assert [(name, value) for name in PAGE_MODULES for value in texts(read(name)) if COMMAND.search(value)] == []


def test_commands_are_found_in_texts_but_not_in_docstrings():
    assert list(texts('"""`imprint x`"""\nst.write(f"`imprint {x}`")')) == ["`imprint ", "`"]
    assert all(map(COMMAND.search, ("run python -m imprint_core", "`imprint sets`", "give --data-root")))


@pytest.mark.parametrize("name", files())
def test_words_are_plain_and_current(name):
    assert not violations(name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a_told = 1", ["1: told"]),
        ("toldAll toll untold", ["1: told"]),
        ("task_asks tasks", ["1: asks"]),
        ("is at\n    # hand", ["1: at # hand"]),
        ('"ten proxies a "\n    f"class"', ['1: proxies a " f"class']),
        ("k proxies per class", []),
        ("showSendToCloud: false, file.tell()", []),
    ],
)
def test_deprecated_words_are_found_in_texts_and_names(text, words):
    assert list(deprecated_words(text)) == words


if __name__ == "__main__":
    print(
        *(line for name in files() if name.startswith(tuple(sys.argv[1:]) or "") for line in violations(name)), sep="\n"
    )

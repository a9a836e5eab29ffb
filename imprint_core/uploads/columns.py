"""Which columns of a table are the embedding: by their types and names, then by their values.

A row number, a size or a time beside an embedding leaks the class wherever a table is sorted by class, so columns in
doubt are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import gammaln

from imprint_core.datasets.names import clean_name
from imprint_core.errors import ImprintError
from imprint_core.uploads.rows import LeftOutColumn

SPLIT = "split"
_LABELS = ("label", "labels", "y", "target", "targets", "class", "classes", "class_name", "category")
_LISTS = ("embedding", "embeddings", "features", "feature", "vector", "vectors", "emb", "x")
# Words in names of columns that describe a sample but not its content.
_OTHER = re.compile(
    "ids?|idx|index|rows?|row(num|id|number)|nr|unnamed|level|uuid|key|width|height|size|bytes|filesize|timestamp|time|"
    "date|datetime|created|modified|[mca]time|year|month|day|hour|path|file|filename|url|name|split|fold|set|subset|"
    "partition|labels?|targets?|class|classes|category|prob|probability|score|logits?|prediction"
)
_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)", re.DOTALL)
# Stems that decide between two equally large groups of numbered columns.
_STEMS = re.compile("|f|feat|features?|d|dim|e|emb|embeddings?|x|v|vec|vector|z|h|pc|pca|component|latent")
# Fewer rows than this can be in order, or repeat, by chance.
_LEAST_ROWS = 12
# Binary digits of the probability that values in random order grow in all runs of rows of one class.
_LEAST_DIGITS = 40


class Kind(NamedTuple):
    """Type of a column: of numbers, or of lists of numbers, or neither; `text` names it in messages."""

    text: str
    number: bool = False
    list: bool = False


class Columns(NamedTuple):
    """Columns of a table by their names: labels, splits if any, and the embedding, a list or several numbers.

    `numbered`: the names of the embedding's columns differ only in consecutive numbers.
    """

    label: str
    split: str | None
    taken: tuple[str, ...]
    is_list: bool
    numbered: bool
    left_out: tuple[LeftOutColumn, ...]


def choose_columns(kinds: Mapping[str, Kind], index: Iterable[str]) -> Columns:
    """Choose columns by their types and names; `index` are the index columns that pandas stored.

    Raises an `ImprintError` if there are no labels, or no or several columns that can be the embedding.
    """
    by_lower = {name.lower(): name for name in reversed(list(kinds))}
    label = next((by_lower[name] for name in _LABELS if name in by_lower), None)
    if label is None:
        raise ImprintError("The table has no column 'label' (or 'y'); add one with the class of each row.")
    split = by_lower.get(SPLIT)
    left: dict[str, str] = {}
    lists = [name for name, kind in kinds.items() if kind.list]
    named = [by_lower[name] for name in _LISTS if by_lower.get(name) in lists]
    if len(lists) > 1 and not named:
        raise ImprintError(
            f"The table has several list columns, such as '{clean_name(lists[0])}' and '{clean_name(lists[1])}'; name "
            "one 'embedding'."
        )
    if lists:
        taken, numbered = (named or lists)[:1], False
        rest = f"beside the list column '{clean_name(taken[0])}'"
    else:
        wrong = next((by_lower[name] for name in _LISTS[:2] if name in by_lower), None)
        if wrong:
            raise ImprintError(
                f"Column '{clean_name(wrong)}' is of type {kinds[wrong].text}; it must have a list of numbers in each "
                "row."
            )
        coordinates = [by_lower[name] for name in ("x", "y", "z") if name in by_lower]
        coordinates = coordinates if {"x", "y"} <= {name.lower() for name in coordinates} else []
        skipped = {label, split, *index}
        for name, kind in kinds.items():
            if name in skipped:
                left[name] = "index of the pandas table"
            elif not kind.number:
                left[name] = f"of type {kind.text}"
            elif name not in coordinates and _names_no_content(name):
                left[name] = "named like an id, a size, a time or a label"
        taken, numbered = _numbered([name for name in kinds if name not in left], coordinates)
        rest = f"not numbered like '{clean_name(taken[0])}'" if numbered else "beside the coordinates x and y"
    if not taken:
        raise ImprintError("The table has no embeddings; add a list column 'embedding' or numeric columns.")
    left = {name: left.get(name, rest) for name in kinds if name not in (label, split, *taken)}
    return Columns(
        label,
        split,
        tuple(taken),
        bool(lists),
        numbered,
        tuple(LeftOutColumn(clean_name(n), r) for n, r in left.items()),
    )


def _names_no_content(name: str) -> bool:
    """Whether a name such as `image_width`, `imageWidth` or `Unnamed: 0` has a word for an id, a size or the like."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return not name.strip() or name.lower() in _LABELS or any(_OTHER.fullmatch(word.lower()) for word in words)


def _numbered(names: Sequence[str], coordinates: Sequence[str]) -> tuple[list[str], bool]:
    """The largest group of columns whose names differ only in consecutive numbers, or x and y; otherwise all names."""
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for name in names:
        # Digits of other scripts, and numbers too long to convert, are no numbers of columns.
        match = _NUMBERED.fullmatch(name)
        if match and match[2].isascii() and len(match[2]) < 10:
            groups.setdefault((match[1], match[3]), {})[int(match[2])] = name
    complete = [
        (len(group), bool(_STEMS.fullmatch(stem.lower().strip(" _-.:[("))), [group[number] for number in sorted(group)])
        for (stem, _), group in groups.items()
        if len(group) > 1 and max(group) - min(group) == len(group) - 1
    ]
    complete.sort(key=lambda entry: entry[:2], reverse=True)
    if len(complete) > 1 and complete[0][:2] == complete[1][:2]:
        raise ImprintError(
            f"The table has two groups of numbered columns, '{clean_name(complete[0][2][0])}' … and "
            f"'{clean_name(complete[1][2][0])}' …; keep one."
        )
    if complete:
        return complete[0][2], True
    present = [name for name in coordinates if name in names]
    return (present, False) if len(present) > 1 else (list(names), False)


class ColumnStatistics:
    """What the values of columns say about them, collected block by block.

    Parameters
    ----------
    codes : ndarray of shape (n,), int
        The label of each row, as a number.
    """

    def __init__(self, codes: NDArray[np.integer]) -> None:
        self._codes = codes
        self._sizes = np.bincount(codes)
        self._start = 0
        self._last: NDArray[np.float64] | None = None

    @np.errstate(over="ignore", invalid="ignore")
    def add(self, values: NDArray[np.float64]) -> None:
        """Add the next rows (b, c)."""
        if not len(values):
            return
        if self._last is None:
            width = values.shape[1]
            self._first = values[0].copy()
            self._whole = np.ones(width, bool)
            self._low, self._high, self._least = (np.full(width, value) for value in (np.inf, -np.inf, np.inf))
            self._up, self._down, self._equal = (np.zeros(width, np.int64) for _ in range(3))
            self._squares, self._products = np.zeros(width), np.zeros(width)
            self._sums = np.zeros((len(self._sizes), width))
        codes = self._codes[self._start : self._start + len(values)]
        self._whole &= (values == np.floor(values)).all(axis=0)
        self._low = np.minimum(self._low, values.min(axis=0))
        self._high = np.maximum(self._high, values.max(axis=0))
        self._least = np.minimum(self._least, np.abs(values).min(axis=0))
        # Neighbours of one class: where a table is sorted by class, all embeddings of a class are exchangeable.
        before = values[:0] if self._last is None else self._last
        both = np.concatenate([before, values])
        classes = self._codes[self._start - len(before) : self._start + len(values)]
        same = classes[1:] == classes[:-1]
        steps = np.diff(both, axis=0)
        self._up += (steps[same] > 0).sum(axis=0)
        self._down += (steps[same] < 0).sum(axis=0)
        self._equal += ((steps == 0) & (both[1:] != 0)).sum(axis=0)
        shifted = values - self._first
        rows = np.arange(self._start, self._start + len(values)) - len(self._codes) / 2
        self._squares += (shifted**2).sum(axis=0)
        self._products += rows @ shifted
        indices = np.arange(len(values) + 1)
        one_hot = csr_array((np.ones(len(values)), codes, indices), (len(values), len(self._sizes)))
        self._sums += one_hot.T @ shifted
        self._last = values[-1:].copy()
        self._start += len(values)

    def traits(self) -> dict[str, NDArray[np.bool_]]:
        """Traits of columns (c,) that embeddings do not have, by the reason to leave such a column out."""
        enough = self._start >= _LEAST_ROWS
        within = self._squares - (self._sums**2 / np.maximum(self._sizes, 1)[:, None]).sum(axis=0)
        return {
            "constant": self._low == self._high,
            "one value per class": enough & (within <= 1e-9 * self._squares),
            "whole numbers beside fractions": self._whole,
            "follows the order of the rows": self._trend(within),
            "repeated in consecutive rows": enough & (self._equal > self._start / 2),
            "very large numbers, such as times": enough & (self._least >= 1e6),
        }

    def _trend(self, within: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether values grow or fall with the row within the classes."""
        rows = np.arange(self._start) - len(self._codes) / 2
        row_sums = np.bincount(self._codes, rows)
        sizes = np.maximum(self._sizes, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            covariance = self._products - row_sums / sizes @ self._sums
            variance = within * (rows @ rows - (row_sums**2 / sizes).sum())
            r = np.minimum(np.abs(covariance) / np.sqrt(variance), 1 - 1e-12)
            free = float(self._start - np.count_nonzero(self._sizes))
            trend = (r > 0.98) & (np.arctanh(r) * max(free - 2, 0.0) ** 0.5 > 6)
        runs = np.diff(np.flatnonzero(np.diff(self._codes, prepend=-1, append=-1)))
        digits = (gammaln(runs + 1) / np.log(2)).sum()
        # Equal neighbours are a few rounded steps, unlike the many zeros of a sparse unit.
        one_way = (np.minimum(self._up, self._down) == 0) & (2 * (self._up + self._down) > (runs - 1).sum())
        monotone = (digits >= _LEAST_DIGITS) & one_way
        return trend | monotone


def doubtful_columns(names: Sequence[str], traits: Mapping[str, NDArray[np.bool_]], numbered: bool) -> dict[str, str]:
    """Columns to leave out for their values, with the reasons: those with a trait that at most half of them have.

    Numbered columns that are constant are kept: they are dead units.
    """
    doubtful: dict[str, str] = {}
    for reason, has in traits.items():
        if reason.startswith("constant") and numbered:
            continue
        always = reason.startswith("follows")
        if always or 2 * np.count_nonzero(has) <= len(names):
            constant = traits["constant"] if numbered else np.zeros(len(names), bool)
            for i in np.flatnonzero(has & ~constant).tolist():
                doubtful.setdefault(names[i], reason)
    return doubtful

"""Tables of methods and of numbers: an error about an unknown name or a number out of range says what is valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from imprint_core.errors import ImprintError, OutOfRangeError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """An entry of a table of methods.

    Attributes
    ----------
    label : str
        Displayed name.
    help : str
        What it does, with the source.
    """

    label: str
    help: str


def look_up(table: Mapping[str, T], name: str, kind: str) -> T:
    """Return the entry `name` of `table`.

    Raises
    ------
    ImprintError
        If there is none; the message lists the valid names.
    """
    try:
        return table[name]
    except (KeyError, TypeError):
        raise ImprintError(f"No {kind} is called '{name}'. Known names: {', '.join(table)}.") from None


@dataclass(frozen=True)
class Number:
    """The range of a number, `low` to `high` inclusive, wherever it comes from: links, boxes, files, Python.

    Attributes
    ----------
    label : str
        What an error message calls it.
    whole : bool
        Whether it is a whole number.
    on_pages : float
        The largest one that pages compute with; a larger one would take them too long.
    also : tuple
        Valid values outside the range.
    """

    label: str
    low: float
    high: float
    whole: bool = True
    on_pages: float = inf
    also: tuple[str | float, ...] = ()

    def highest(self, on_pages: bool) -> float:
        """Largest valid number, for pages or for Python."""
        return min(self.high, self.on_pages) if on_pages else self.high


NUMBERS = {
    "k": Number("k", 1, 100_000, on_pages=50),
    "m": Number("m", 1, 100_000, on_pages=50),
    "lam": Number("λ", 1e-12, 1e12, whole=False),
    # A smaller one changes no bundled result, and far below it single precision overflows.
    "shrinkage": Number("Shrinkage", 1e-6, 1, whole=False, also=("auto", "ledoit_wolf", 0)),
    "n_shot": Number("n-shot", 1, 10_000_000),
    "seed": Number("The seed", 0, 2**32 - 1),
    "random_state": Number("random_state", 0, 2**32 - 1),
    "n_neighbors": Number("n_neighbors", 1, 100_000),
    "umap_neighbors": Number("n_neighbors", 2, 200),
    "min_dist": Number("min_dist", 0, 0.99, whole=False),
    "recipes": Number("The number of recipes", 1, 10_000, on_pages=20),
}


def check_number(name: str, value: object, on_pages: bool = False) -> None:
    """Raise an error unless `value` is valid for the number `name` of `NUMBERS`.

    Raises
    ------
    OutOfRangeError
        It says what is valid.
    """
    number = NUMBERS[name]
    if isinstance(value, str) and value in number.also:
        return
    low, high = number.low, number.highest(on_pages)
    real = isinstance(value, int) if number.whole else isinstance(value, (int, float))
    if real and not isinstance(value, bool) and (low <= value <= high or value in number.also):  # type: ignore[operator]
        return
    kind = "a whole number" if number.whole else "a number"
    options = [*map(repr, number.also), f"{kind} from {_digits(low)} to {_digits(high)}"]
    valid = ", ".join(options[:-1]) + (" or " if number.also else "") + options[-1]
    nearest = None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        nearest = min(max(value, low), high)
        nearest = round(nearest) if number.whole else float(nearest)
    where = " on pages" if on_pages and high < number.high else ""
    raise OutOfRangeError(f"{number.label} is {_shortened(value)}; it must be {valid}{where}.", name, nearest)


def _digits(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _shortened(value: object) -> str:
    """Return a value of any size in at most 40 characters."""
    try:
        text = repr(value)
    except ValueError:  # An integer with more digits than Python writes.
        return "a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:37]}…"

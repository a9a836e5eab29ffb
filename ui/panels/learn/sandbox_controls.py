"""Controls of the sandbox, and the text form of its points and proxies in the link."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.evaluation.synthetic import EXAMPLES, HIGHEST, LOWEST, PER_UNIT, make_example
from ui.controls.control import Control, Sets, Values

SANDBOX = "sandbox"
# Value of `points` or `proxies` without any.
EMPTY = "none"
MOST_POINTS, MOST_CLASSES, MOST_K = 500, 4, 8
MOST_PROXIES = MOST_CLASSES * MOST_K
# Six bits per character, none of which a link escapes. The last character separates classes.
DIGITS, SEPARATOR = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", "."
_LETTERS, _POSITIONS = 3, HIGHEST - LOWEST + 1


def encode(points: Sequence[tuple[int, int, int]]) -> str:
    """Return positions (x, y) and classes as a text: three characters per point, classes separated by dots."""
    parts = [""] * MOST_CLASSES
    for x, y, number in points:
        code = (x - LOWEST) * _POSITIONS + y - LOWEST
        parts[number] += "".join(DIGITS[code // 64**power % 64] for power in (2, 1, 0))
    return SEPARATOR.join(parts).rstrip(SEPARATOR) or EMPTY


def decode(text: str, most: int = MOST_POINTS, noun: str = "points") -> list[tuple[int, int, int]]:
    """Return the positions and classes of a text of `encode`.

    Raises
    ------
    ImprintError
        If the text is of another form or has too many points or classes.
    """
    parts = [] if text == EMPTY else text.split(SEPARATOR)
    if len(parts) > MOST_CLASSES:
        raise ImprintError(f"This text has {len(parts):,} classes; the sandbox has at most {MOST_CLASSES}.")
    if any(len(part) % _LETTERS or not set(part) <= set(DIGITS) for part in parts) or text == "":
        raise ImprintError(f"This text does not describe {noun} of the sandbox. Copy the whole link.")
    count = sum(map(len, parts)) // _LETTERS
    if count > most:
        raise ImprintError(f"This text has {count:,} {noun}; the sandbox has at most {most}.")
    points = []
    for number, part in enumerate(parts):
        for start in range(0, len(part), _LETTERS):
            code = 0
            for letter in part[start : start + _LETTERS]:
                code = 64 * code + DIGITS.index(letter)
            points.append((code // _POSITIONS + LOWEST, code % _POSITIONS + LOWEST, number))
    return points


def coordinates(points: Sequence[tuple[int, int, int]]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return points (n, 2) and classes (n,) of positions and classes."""
    array = np.array(points, dtype=np.intp).reshape(-1, 3)
    return array[:, :2] / PER_UNIT, array[:, 2]


@cache
def _texts_of_examples() -> dict[str, str]:
    texts = {}
    for name in EXAMPLES:
        data = make_example(name)
        positions = np.rint(data.X_train * PER_UNIT).astype(int).tolist()
        texts[name] = encode([(x, y, c) for (x, y), c in zip(positions, data.y_train.tolist(), strict=True)])
    return texts


def points_text(value: str) -> str:
    """Return the text of the points of a value of the control: an example's, or the value itself."""
    return _texts_of_examples().get(value, value)


def _accept_points(text: str, sets: Sets, values: Values) -> str:
    text = encode(decode(text))
    return next((name for name, points in _texts_of_examples().items() if points == text), text)


def _accept_proxies(text: str, sets: Sets, values: Values) -> str:
    return encode(decode(text, MOST_PROXIES, "proxies"))


def _closed(values: Values) -> bool:
    return bool(values["view"] != SANDBOX)


SANDBOX_CONTROLS = (
    Control(
        "points",
        "Points",
        "An example, or positions and classes of up to 500 points as the sandbox writes them into the link.",
        lambda sets, values: [*EXAMPLES, EMPTY],
        next(iter(EXAMPLES)),
        lambda value: EXAMPLES[value].label if value in EXAMPLES else "no points" if value == EMPTY else "",
        kind="text",
        accepts=_accept_points,
        hidden=_closed,
    ),
    Control(
        "sandbox_k",
        "k: proxies per class",
        "Number of proxies that k-means generates per class (default: 2). With k at or above the number of points of "
        "a class, each point is a proxy.",
        lambda sets, values: list(range(1, MOST_K + 1)),
        2,
        kind="slider",
        hidden=_closed,
    ),
    Control(
        "sandbox_norm",
        "NORM",
        "Normalisation before k-means, of proxies, and at inference: L2 (default) or none everywhere.",
        lambda sets, values: ["l2", "none"],
        "l2",
        lambda value: {"l2": "L2", "none": "none"}[value],
        "segments",
        hidden=_closed,
    ),
    Control(
        "sandbox_agg",
        "AGG",
        "“Max” (default) predicts the class of the proxy with the largest inner product. “Nearest” predicts the class "
        "of the proxy at the smallest Euclidean distance (m-NN with m = 1). With L2, both predict the same.",
        lambda sets, values: ["max", "nearest"],
        "max",
        kind="segments",
        hidden=_closed,
    ),
    Control(
        "sandbox_seed",
        "Seed",
        "Seed of the start of k-means (default: 0). Another start can lead to other clusters.",
        lambda sets, values: list(range(10)),
        0,
        kind="slider",
        hidden=_closed,
    ),
    Control(
        "proxies",
        "Moved proxies",
        "Empty (default): k-means generates the proxies. Otherwise their positions, as the sandbox writes them into "
        "the link.",
        lambda sets, values: [""],
        "",
        kind="text",
        accepts=_accept_proxies,
        reset_by=("sandbox_k", "sandbox_seed"),
        hidden=_closed,
    ),
)

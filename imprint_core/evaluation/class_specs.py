"""Which classes take part, and which of them count as one: subsets, "d in 1", and what a person writes.

A spec is a text: the name of a class set, d in 1 (`3in1`, its second draw `3in1-2`), or classes between commas.
A class is its number or its name in any case. `5-7` is a range: each class by itself, or all of them in a group.
`+` makes a group, and `name=` calls it something: `animals=cat+dog+bird, vehicles=ship+truck, 6-7`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from imprint_core.errors import ImprintError


@dataclass(frozen=True)
class ClassSet:
    """An entry of the table: a choice of classes.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    choose : callable
        Maps the number of classes to the chosen ones.
    """

    label: str
    help: str
    choose: Callable[[int], Sequence[int]]


CLASS_SETS: dict[str, ClassSet] = {
    "all": ClassSet("all", "Every class of the dataset.", range),
    "even": ClassSet("even", "Classes 0, 2, 4, … (paper, tasks).", lambda c: range(0, c, 2)),
    "odd": ClassSet("odd", "Classes 1, 3, 5, … (paper, tasks).", lambda c: range(1, c, 2)),
    "short": ClassSet("first three", "Classes 0, 1 and 2 (paper, tasks).", lambda c: range(min(3, c))),
    "ten": ClassSet("first ten", "Classes 0 to 9.", lambda c: range(min(10, c))),
}

# The paper's twelve tasks (§5.1): name → dataset and class set.
PAPER_TASKS: dict[str, tuple[str, str]] = {
    f"{dataset}-{classes}": (dataset, classes)
    for dataset in ("mnist", "fashion_mnist", "cifar10")
    for classes in ("all", "even", "odd", "short")
}

# Of d in 1 (paper, §5.3): how many classes it makes at most, and how many draws there are of it.
MERGED, DRAWS = 10, 10
_DRAW_SEED = 420

_D_IN_1 = re.compile(r"([0-9]{1,9}) ?in ?1(?: ?- ?([0-9]{1,9}))?")
_NUMBER = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"([0-9]{1,9}) ?- ?([0-9]{1,9})")
_NAME_LENGTH = 30


@dataclass(frozen=True)
class Grouping:
    """Which classes take part, and which of them count as one.

    Equal where it makes equal tasks, however it was written. The classes of a subset keep the dataset's numbers and
    names, so that they look the same in every picture; those of a remapping are numbered anew.

    Attributes
    ----------
    groups : tuple of tuple of int
        The dataset's class numbers in each class that takes part.
    numbers : tuple of int
        What each of these classes is in y, ascending.
    names : tuple of str
        Class names by number in y.
    remapped : bool
        Whether classes are merged or renamed.
    """

    groups: tuple[tuple[int, ...], ...]
    numbers: tuple[int, ...]
    names: tuple[str, ...]
    remapped: bool

    @property
    def number_of(self) -> dict[int, int]:
        """The number in y of each of the dataset's classes that takes part."""
        return {c: number for number, group in zip(self.numbers, self.groups, strict=True) for c in group}

    @property
    def largest(self) -> int:
        """How many classes of the dataset the largest group has."""
        return max(map(len, self.groups))


def parse_classes(spec: str, class_names: Sequence[str]) -> Grouping:
    """Read a spec of classes (see the module).

    Parameters
    ----------
    spec : str
    class_names : sequence of str
        Of the dataset, by class number.

    Raises
    ------
    ImprintError
        If the spec names a class that there is not, one twice, or none; or d is too large.
    """
    text, names = canonical(spec), tuple(class_names)
    if not names:
        raise ImprintError("The dataset has no classes to choose from; embed it again.")
    if text in CLASS_SETS:
        chosen = CLASS_SETS[text].choose(len(names))
        if not chosen:
            raise ImprintError(f"'{text}' leaves no class of {len(names)}; choose other classes.")
        return _grouping([("", (c,)) for c in chosen], names)
    drawn = d_and_draw(text)
    if drawn:
        return _grouping([("", group) for group in d_in_1(*drawn, len(names))], names)
    return _grouping(_written(text, names), names)


def canonical(spec: str) -> str:
    """The usual way to write a spec: class sets and d in 1 by their names, other specs without needless spaces."""
    text = " ".join(spec.split())
    if text.casefold() in CLASS_SETS:
        return text.casefold()
    drawn = d_and_draw(text)
    if drawn:
        d, draw = drawn
        return f"{d}in1" if draw == 1 else f"{d}in1-{draw}"
    return text


def d_and_draw(spec: str) -> tuple[int, int] | None:
    """The d and the number of the draw where the spec is d in 1."""
    found = _D_IN_1.fullmatch(" ".join(spec.casefold().split()))
    return (int(found[1]), int(found[2] or 1)) if found else None


def d_in_1(d: int, draw: int, count: int) -> list[tuple[int, ...]]:
    """Classes of d random classes each ("d in 1", paper §5.3).

    With C classes there are L = min(10, C // d) merged ones; each has d modes, so that accuracy over k has its elbow
    at k = d. A draw is one permutation of the dataset's classes, the same for every d: class i is its part
    [i·d, (i+1)·d), and a larger d takes in all that a smaller one has. The paper draws otherwise (`random.seed(420)`
    over ImageNet's 1000 classes, shuffled anew for each d); that very draw is not reproduced.

    Parameters
    ----------
    d : int
        Classes that become one.
    draw : int
        1 to 10.
    count : int
        Classes of the dataset, C.

    Returns
    -------
    list of tuple of int
        L groups of d class numbers.

    Raises
    ------
    ImprintError
        If L is below 2, or there is no such draw.
    """
    if not 1 <= d <= count // 2:
        right = f"d can be 1 to {count // 2}" if count > 1 else "it takes two classes or more"
        raise ImprintError(f"'{d} in 1' can't be made of {count} classes; {right}.")
    if not 1 <= draw <= DRAWS:
        raise ImprintError(f"There is no draw {draw} of '{d} in 1'; draws are numbered 1 to {DRAWS}.")
    order = np.random.default_rng((_DRAW_SEED, draw)).permutation(count)[: min(MERGED, count // d) * d]
    return [tuple(group) for group in order.reshape(-1, d).tolist()]


def parse_task(text: str) -> tuple[str, str]:
    """Dataset and classes of a task's name: one of `PAPER_TASKS`, `dataset`, or `dataset:classes`.

    Whether there is such a dataset, or such classes in it, is left to those who open it.

    Raises
    ------
    ImprintError
        If nothing stands before or after the colon.
    """
    text = text.strip()
    if text.casefold() in PAPER_TASKS:
        return PAPER_TASKS[text.casefold()]
    dataset, colon, classes = (part.strip() for part in text.partition(":"))
    if not dataset or (colon and not classes):
        raise ImprintError(
            f"'{_short(text)}' is no task; write a dataset, a dataset with its classes such as mnist:even, or one of "
            f"the paper's tasks such as {next(iter(PAPER_TASKS))}."
        )
    return dataset, canonical(classes) if classes else "all"


def joined(names: Sequence[str], length: int = _NAME_LENGTH) -> str:
    """Names as those of one class, "cat + dog", shortened to about `length` characters: "cat + dog + 3 more"."""
    whole = " + ".join(names)
    if len(whole) <= length:
        return whole
    for shown in range(len(names) - 1, 0, -1):
        text = f"{' + '.join(names[:shown])} + {len(names) - shown} more"
        if len(text) <= length:
            return text
    return f"{_short(names[0], length - 6)} + {len(names) - 1} more" if len(names) > 1 else _short(whole, length)


def _grouping(groups: list[tuple[str, tuple[int, ...]]], names: tuple[str, ...]) -> Grouping:
    """Of the given name (or none) and the classes of each group."""
    if all(not given and len(group) == 1 for given, group in groups):
        chosen = tuple(sorted(group[0] for _, group in groups))
        return Grouping(tuple((c,) for c in chosen), chosen, names, remapped=False)
    ordered = tuple(tuple(sorted(group)) for _, group in groups)
    called = tuple(
        given or joined([names[c] for c in group]) for (given, _), group in zip(groups, ordered, strict=True)
    )
    times = Counter(called)
    for given, _ in groups:
        if given and times[given] > 1:
            raise ImprintError(f"Two groups are called '{given}'; give each a name of its own, or join them by '+'.")
    return Grouping(ordered, tuple(range(len(ordered))), called, remapped=True)


def _written(text: str, names: tuple[str, ...]) -> list[tuple[str, tuple[int, ...]]]:
    if not text:
        raise ImprintError("No class is named; write classes such as 0, 2, 5-7 or groups such as 0+1, 2+3.")
    groups: list[tuple[str, tuple[int, ...]]] = []
    seen: set[int] = set()
    for part in text.split(","):
        given, _, members = part.partition("=") if "=" in part else ("", "", part)
        given = given.strip()
        if "=" in part and not given:
            raise ImprintError(f"'{_short(part.strip())}' has no name before its '='; write one there, or no '='.")
        if len(given) > _NAME_LENGTH:
            raise ImprintError(f"The name '{_short(given)}' is too long; {_NAME_LENGTH} characters are the most.")
        runs = [_classes(one.strip(), names) for one in members.split("+")]
        group = tuple(c for run in runs for c in run)
        for c in group:
            if c in seen:
                raise ImprintError(f"Class {_called(c, names)} is named twice; a class can be in one group only.")
            seen.add(c)
        # A range by itself is a short way to write its classes; in a group, or named, it is one.
        groups += [(given, group)] if given or len(runs) > 1 else [("", (c,)) for c in group]
    return groups


def _classes(text: str, names: tuple[str, ...]) -> Sequence[int]:
    """Of a number, a range or a name."""
    if not text:
        raise ImprintError("A class is missing beside a ',', '+' or '='; write its number or its name there.")
    number, span = _NUMBER.fullmatch(text), _RANGE.fullmatch(text)
    if number and int(text) < len(names):
        return [int(text)]
    if span and not number:
        first, last = int(span[1]), int(span[2])
        if first > last:
            raise ImprintError(f"The range {first}-{last} runs backwards; write {last}-{first}.")
        if last < len(names):
            return range(first, last + 1)
    if not number and not span:
        found = list(_named(text, names))
        if len(found) > 1:
            raise ImprintError(
                f"{len(found)} classes are called '{_short(text)}'; write the number, {' or '.join(map(str, found))}."
            )
        if found:
            return found
    example = "" if _NUMBER.fullmatch(names[0]) else f", a name such as '{_short(names[0])}'"
    raise ImprintError(
        f"There is no class '{_short(text)}' here; write a number from 0 to {len(names) - 1}{example}, "
        f"or a class set ({', '.join(CLASS_SETS)}, 2in1)."
    )


def _named(text: str, names: tuple[str, ...]) -> Iterator[int]:
    """The classes of that very name; if there is none, of that name in any case."""
    for fold in (str, str.casefold):
        wanted = fold(text)
        found = [c for c, name in enumerate(names) if fold(" ".join(name.split())) == wanted]
        if found:
            yield from found
            return


def _called(c: int, names: tuple[str, ...]) -> str:
    return str(c) if names[c] == str(c) else f"{c} ({_short(names[c])})"


def _short(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

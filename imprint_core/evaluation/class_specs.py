"""Class specs: texts that select and merge classes of a dataset.

A spec is the name of a class set, "d in 1" (`3in1`, its second draw `3in1-2`), or classes separated by commas. A class
is given by its number or its name, in any case. `5-7` is a range of classes, `+` merges classes into a group, and
`name=` names a group: `animals=cat+dog+bird, vehicles=ship+truck, 6-7`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imprint_core.errors import ImprintError
from imprint_core.registry import Entry


@dataclass(frozen=True)
class ClassSet(Entry):
    """An entry of the table: a subset of the classes.

    Attributes
    ----------
    choose : callable
        Maps the number of classes to the selected class numbers.
    """

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

# "d in 1" (paper, §5.3): the largest number of merged classes, and the number of draws.
MERGED_CLASSES, DRAWS = 10, 10
_DRAW_SEED = 420

_D_IN_1 = re.compile(r"([0-9]{1,9}) ?in ?1(?: ?- ?([0-9]{1,9}))?")
_NUMBER = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"([0-9]{1,9}) ?- ?([0-9]{1,9})")
_NAME_LENGTH = 30


@dataclass(frozen=True)
class Grouping:
    """The selected classes of a dataset, and which of them are merged.

    Groupings are equal if they define the same task. The classes of a subset keep the dataset's numbers and names, so
    that they have the same colours in all figures; merged or renamed classes are numbered from 0.

    Attributes
    ----------
    groups : tuple of tuple of int
        The dataset's class numbers of each selected class.
    numbers : tuple of int
        The number of each selected class in y, ascending.
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
        """The number in y of each selected class of the dataset."""
        return {c: number for number, group in zip(self.numbers, self.groups, strict=True) for c in group}

    @property
    def largest(self) -> int:
        """The number of the dataset's classes in the largest group."""
        return max(map(len, self.groups))


def parse_classes(spec: str, class_names: Sequence[str]) -> Grouping:
    """Parse a class spec (see the module) for a dataset's class names by number.

    Raises
    ------
    ImprintError
        If the spec has an unknown or duplicate class, or none, or if d is too large.
    """
    text, names = canonical(spec), tuple(class_names)
    if not names:
        raise ImprintError("The dataset has no classes to choose from; embed it again.")
    if text in CLASS_SETS:
        chosen = CLASS_SETS[text].choose(len(names))
        if not chosen:
            raise ImprintError(f"'{text}' leaves no class of {len(names)}; choose other classes.")
        return _grouping([("", (c,)) for c in chosen], names)
    merged = d_and_draw(text)
    if merged:
        return _grouping([("", group) for group in d_in_1(*merged, len(names))], names)
    return _grouping(_parse_groups(text, names), names)


def canonical(spec: str) -> str:
    """Return a spec in its usual form: class sets and d in 1 by name, other specs without redundant spaces."""
    text = " ".join(spec.split())
    if text.casefold() in CLASS_SETS:
        return text.casefold()
    merged = d_and_draw(text)
    if merged:
        d, draw = merged
        return f"{d}in1" if draw == 1 else f"{d}in1-{draw}"
    return text


def d_and_draw(spec: str) -> tuple[int, int] | None:
    """Return d and the number of the draw if the spec is "d in 1", otherwise None."""
    match = _D_IN_1.fullmatch(" ".join(spec.casefold().split()))
    return (int(match[1]), int(match[2] or 1)) if match else None


def d_in_1(d: int, draw: int, count: int) -> list[tuple[int, ...]]:
    """Merge random classes of `count`, d each ("d in 1", paper §5.3): groups of d class numbers of a draw from 1 to 10.

    They make L = min(10, count // d) merged classes with d modes each, so accuracy over k has its elbow at k = d.
    A draw is a permutation of the dataset's classes, the same for every d: merged class i consists of its elements
    [i·d, (i+1)·d), so a larger d contains all classes of a smaller one. The paper's draws are not reproduced
    (`random.seed(420)`, and ImageNet's 1000 classes shuffled for each d).

    Raises
    ------
    ImprintError
        If L is below 2, or the draw is out of range.
    """
    if not 1 <= d <= count // 2:
        valid = f"d can be 1 to {count // 2}" if count > 1 else "it takes two classes or more"
        raise ImprintError(f"'{d} in 1' can't be made of {count} classes; {valid}.")
    if not 1 <= draw <= DRAWS:
        raise ImprintError(f"There is no draw {draw} of '{d} in 1'; draws are numbered 1 to {DRAWS}.")
    order = np.random.default_rng((_DRAW_SEED, draw)).permutation(count)[: min(MERGED_CLASSES, count // d) * d]
    return [tuple(group) for group in order.reshape(-1, d).tolist()]


def parse_task(text: str) -> tuple[str, str]:
    """Return dataset and class spec of a task name: one of `PAPER_TASKS`, `dataset`, or `dataset:classes`.

    Whether the dataset and the classes exist is not checked.

    Raises
    ------
    ImprintError
        If there is nothing before or after the colon.
    """
    text = text.strip()
    if text.casefold() in PAPER_TASKS:
        return PAPER_TASKS[text.casefold()]
    dataset, colon, classes = (part.strip() for part in text.partition(":"))
    if not dataset or (colon and not classes):
        raise ImprintError(
            f"'{_short(text)}' is not a task; write a dataset, a dataset with its classes such as mnist:even, or one "
            f"of the paper's tasks such as {next(iter(PAPER_TASKS))}."
        )
    return dataset, canonical(classes) if classes else "all"


def joined(names: Sequence[str], length: int = _NAME_LENGTH) -> str:
    """Join class names, such as "cat + dog", shortened to about `length` characters: "cat + dog + 3 more"."""
    whole = " + ".join(names)
    if len(whole) <= length:
        return whole
    for count in range(len(names) - 1, 0, -1):
        text = f"{' + '.join(names[:count])} + {len(names) - count} more"
        if len(text) <= length:
            return text
    return f"{_short(names[0], length - 6)} + {len(names) - 1} more" if len(names) > 1 else _short(whole, length)


def _grouping(groups: list[tuple[str, tuple[int, ...]]], names: tuple[str, ...]) -> Grouping:
    """Return the grouping of named groups; an empty name stands for the names of the group's classes."""
    if all(not name and len(group) == 1 for name, group in groups):
        chosen = tuple(sorted(group[0] for _, group in groups))
        return Grouping(tuple((c,) for c in chosen), chosen, names, remapped=False)
    ordered = tuple(tuple(sorted(group)) for _, group in groups)
    labels = tuple(name or joined([names[c] for c in group]) for (name, _), group in zip(groups, ordered, strict=True))
    times = Counter(labels)
    for name, _ in groups:
        if name and times[name] > 1:
            raise ImprintError(f"Two groups are called '{name}'; give them different names, or join them by '+'.")
    return Grouping(ordered, tuple(range(len(ordered))), labels, remapped=True)


def _parse_groups(text: str, names: tuple[str, ...]) -> list[tuple[str, tuple[int, ...]]]:
    if not text:
        raise ImprintError("No class is named; write classes such as 0, 2, 5-7 or groups such as 0+1, 2+3.")
    groups: list[tuple[str, tuple[int, ...]]] = []
    assigned: set[int] = set()
    for part in text.split(","):
        name, _, members = part.partition("=") if "=" in part else ("", "", part)
        name = name.strip()
        if "=" in part and not name:
            raise ImprintError(f"'{_short(part.strip())}' has no name before its '='; write one there, or no '='.")
        if len(name) > _NAME_LENGTH:
            raise ImprintError(f"The name '{_short(name)}' is too long; at most {_NAME_LENGTH} characters.")
        runs = [_parse_run(run.strip(), names) for run in members.split("+")]
        group = tuple(c for run in runs for c in run)
        for c in group:
            if c in assigned:
                raise ImprintError(f"Class {_class_label(c, names)} is named twice; a class can be in one group only.")
            assigned.add(c)
        # A range alone stands for separate classes; with a name, or in a group, for a merged class.
        groups += [(name, group)] if name or len(runs) > 1 else [("", (c,)) for c in group]
    return groups


def _parse_run(text: str, names: tuple[str, ...]) -> Sequence[int]:
    """Return the classes of a number, a range or a name."""
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
        matches = _classes_named(text, names)
        if len(matches) > 1:
            numbers = " or ".join(map(str, matches))
            raise ImprintError(f"{len(matches)} classes are called '{_short(text)}'; write the number, {numbers}.")
        if matches:
            return matches
    example = "" if _NUMBER.fullmatch(names[0]) else f", a name such as '{_short(names[0])}'"
    raise ImprintError(
        f"There is no class '{_short(text)}' here; write a number from 0 to {len(names) - 1}{example}, "
        f"or a class set ({', '.join(CLASS_SETS)}, 2in1)."
    )


def _classes_named(text: str, names: tuple[str, ...]) -> list[int]:
    """Return the classes with exactly this name; if there are none, those with this name in any case."""
    for fold in (str, str.casefold):
        matches = [c for c, name in enumerate(names) if fold(" ".join(name.split())) == fold(text)]
        if matches:
            return matches
    return []


def _class_label(c: int, names: tuple[str, ...]) -> str:
    return str(c) if names[c] == str(c) else f"{c} ({_short(names[c])})"


def _short(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

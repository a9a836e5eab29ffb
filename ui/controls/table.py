"""The controls that pages share: widgets, help, validation and the link read this table."""

from __future__ import annotations

import re

from imprint_core.datasets import DATASETS
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import CLASS_SETS, DRAWS, canonical, d_and_draw, parse_classes
from imprint_core.evaluation.task import SEEDS
from imprint_core.models import FOUNDATION_MODELS
from ui.compute import results
from ui.controls.control import STEPS, Control, Sets, Values, controls_of, described
from ui.controls.recipe import RECIPE_CONTROLS
from ui.text.labels import label_of_dataset, label_of_fm, register_labels
from ui.text.markdown import plain

_OFFERED_D = (2, 3, 5, 8, 10)


def _fms(sets: Sets, values: Values) -> list[str]:
    register_labels("fm", sets.values())
    present = {fm for fm, _ in sets}
    return [n for n in FOUNDATION_MODELS if n in present] + sorted(present - set(FOUNDATION_MODELS))


def _datasets(sets: Sets, values: Values) -> list[str]:
    register_labels("dataset", [info for info in sets.values() if info.dataset not in DATASETS])
    order = ["digits", "mnist", "fashion_mnist", "cifar10"]
    present = [d for fm, d in sets if fm == values["fm"]]
    return [d for d in order if d in present] + sorted(d for d in present if d not in order)


def _class_sets(sets: Sets, values: Values) -> list[str]:
    count = len(_names(sets, values))
    if not count:
        return ["all"]
    chosen: dict[tuple[int, ...], str] = {}
    for name, entry in CLASS_SETS.items():
        classes = tuple(entry.choose(count))
        if len(classes) > 1 or len(classes) == count:
            # Of two names of the same classes ("all" and "first ten" of ten) the first is offered.
            chosen.setdefault(classes, name)
    return [*chosen.values(), *(f"{d}in1" for d in _OFFERED_D if count >= 2 * d)]


def _names(sets: Sets, values: Values) -> tuple[str, ...]:
    return results.class_names(sets[values["fm"], values["data"]])


def _show_classes(spec: str) -> str:
    merge = d_and_draw(spec)
    if merge and merge[1] == 1:
        return f"{merge[0]} in 1"
    return CLASS_SETS[spec].label if spec in CLASS_SETS else spec


def _parse_classes(text: str, sets: Sets, values: Values) -> str:
    names, spec = _names(sets, values), canonical(text)
    try:
        parse_classes(spec, names)
    except ImprintError as error:
        # Browsers decode a + that was typed into a link as a space.
        repaired = re.sub(r"(?<![,=+]) (?![,=+])", "+", spec)
        try:
            parse_classes(repaired, names)
        except ImprintError:
            raise error from None
        return repaired
    return spec


def _classes_help(sets: Sets, values: Values) -> str:
    names = _names(sets, values)
    # A name that the grammar cannot represent is replaced by its number.
    words = [str(i) if name[:1].isdigit() or set(name) & set(",+=") else name for i, name in enumerate(names)]
    example = f" For example: {plain(f'pair={words[0]}+{words[1]}, {words[2]}')}" if len(words) > 2 else ""
    return (
        described(CLASS_SETS, "The classes of the task (paper, §5.1: all, even, odd, first three).")
        + "\n- **d in 1**: classes drawn at random are merged, d into one, into at most ten (paper, §5.3). There are "
        f"{DRAWS} draws: 3in1, 3in1\\-2, …\n\nOr write numbers or names separated by commas, 5\\-7 for a range, + to "
        f"merge classes, and = to name a merged class.{example}"
    )


def _classes_remark(values: Values) -> str:
    merge = d_and_draw(values["classes"])
    if not merge or merge[0] == 1:
        return ""
    d, draw = merge
    other = f"{d}in1\\-{draw % DRAWS + 1}"
    return f"Draw {draw} of {DRAWS}: {d} classes each, drawn at random. For another draw write {other}."


def _shots(sets: Sets, values: Values) -> list[int]:
    most = results.most_shots(sets[values["fm"], values["data"]], values["classes"])
    return [*(s for s in STEPS if s < most), most]


_TASK_CONTROLS = controls_of(
    Control(
        "fm",
        "Foundation model (FM)",
        "The frozen, pre-trained model whose embeddings are used (paper, §5.1: ResNet-18 and -50, ViT-B/16, Swin-B).",
        _fms,
        next(iter(FOUNDATION_MODELS)),
        label_of_fm,
    ),
    Control(
        "data",
        "Dataset",
        "The images to classify (paper, §5.1: MNIST, Fashion-MNIST, CIFAR-10), among those embedded by this FM.",
        _datasets,
        "digits",
        label_of_dataset,
        main=True,
    ),
    Control(
        "classes",
        "Classes",
        _classes_help,
        _class_sets,
        "all",
        _show_classes,
        accepts=_parse_classes,
        joins=",+=",
        remark=_classes_remark,
    ),
    Control(
        "n",
        "n: images per class",
        "Number of imprinted images per class, the shots (n-shot; paper, §5.2). They are drawn at random for each seed "
        "and nested: 5 shots are a subset of 10.",
        _shots,
        100,
        str,
        "slider",
        main=True,
    ),
    group="Task",
)

SHARED_CONTROLS = (
    *_TASK_CONTROLS,
    *RECIPE_CONTROLS,
    Control(
        "seeds",
        "Seeds",
        "Number of random seeds for shots and proxies (paper: three in §5.1 and §5.3, five in §5.2). Results are "
        "medians over the seeds, with their range.",
        lambda sets, values: [1, 3, 5, len(SEEDS)],
        5,
        str,
        "segments",
        group="Runs",
    ),
)

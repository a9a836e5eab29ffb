"""The table of the sidebar's controls: widgets, help, validation and the link all read it."""

from __future__ import annotations

from imprint_core.datasets import DATASETS
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.projection import MAP_METHODS
from imprint_core.task import CLASS_SETS, SEEDS
from pages.components.control import STEPS, Control, Sets, Values, described, label_in
from pages.components.recipe_controls import RECIPE_CONTROLS


def _fms(sets: Sets, values: Values) -> list[str]:
    present = {fm for fm, _ in sets}
    return [n for n in FOUNDATION_MODELS if n in present] + sorted(present - set(FOUNDATION_MODELS))


def _datasets(sets: Sets, values: Values) -> list[str]:
    order = ["mnist", "fashion_mnist", "cifar10"]
    present = [d for fm, d in sets if fm == values["fm"]]
    return [d for d in order if d in present] + sorted(d for d in present if d not in order)


def _class_sets(sets: Sets, values: Values) -> list[str]:
    count = len(sets[values["fm"], values["data"]].class_names)
    chosen: dict[tuple[int, ...], str] = {}
    for name, entry in CLASS_SETS.items():
        classes = tuple(entry.choose(count))
        if len(classes) > 1 or count == 1:
            # Of two names for the same classes ("all" and "first ten" of ten) the first stays.
            chosen.setdefault(classes, name)
    return list(chosen.values())


def _shots(sets: Sets, values: Values) -> list[int]:
    most = sets[values["fm"], values["data"]].meta["samples"]["train"]["per_class_most"]
    return [*(s for s in STEPS if s < most), most]


CONTROLS = (
    Control(
        "fm",
        "Task",
        "Foundation model (FM)",
        "The frozen, pre-trained model whose embeddings are used.",
        _fms,
        "squeezenet1_1",
        lambda name: FOUNDATION_MODELS[name].label if name in FOUNDATION_MODELS else name,
    ),
    Control(
        "data",
        "Task",
        "Dataset",
        "The images to be told apart. Those that this FM has embedded are listed.",
        _datasets,
        "mnist",
        lambda name: DATASETS[name].label if name in DATASETS else name,
    ),
    Control(
        "classes",
        "Task",
        "Classes",
        described(CLASS_SETS, "Which classes take part."),
        _class_sets,
        "all",
        label_in(CLASS_SETS),
    ),
    Control(
        "n",
        "Task",
        "n-shot: training samples a class",
        "How many images of each class are imprinted. The shots are drawn at random for each seed, and "
        "nested: the 5 shots are among the 10.",
        _shots,
        100,
        str,
        "slider",
    ),
    *RECIPE_CONTROLS,
    Control(
        "seeds",
        "Runs",
        "Seeds",
        "How often shots and proxies are drawn anew. Numbers are medians over the seeds, with their range.",
        lambda sets, values: [1, 3, 5, len(SEEDS)],
        5,
        str,
        "segments",
    ),
    Control(
        "map",
        "Runs",
        "Map",
        described(MAP_METHODS, "How the embeddings are laid out in two dimensions."),
        lambda sets, values: list(MAP_METHODS),
        "umap",
        label_in(MAP_METHODS),
        "segments",
    ),
)

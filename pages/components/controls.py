"""The table of the sidebar's controls: widgets, help, validation and the link all read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imprint_core.datasets import DATASETS
from imprint_core.embeddings import SetInfo
from imprint_core.generation import GENERATORS
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.normalization import NORMALIZATIONS
from imprint_core.projection import MAP_METHODS
from imprint_core.recipe import K_RANGE
from imprint_core.task import CLASS_SETS, SEEDS

Values = dict[str, Any]
Sets = Mapping[tuple[str, str], SetInfo]

_STEPS = (
    *range(1, 11),
    *range(12, 21, 2),
    *range(25, 51, 5),
    *range(60, 101, 10),
    *range(120, 201, 20),
    *range(250, 501, 50),
    *range(600, 1001, 100),
    2000,
    5000,
)


@dataclass(frozen=True)
class Control:
    """A row of the table.

    Attributes
    ----------
    key : str
        Its name in the URL and the session.
    group : str
        Heading that it stands under.
    label, help : str
        What a person reads.
    options : callable
        Maps the sets at hand and the earlier controls' values to the valid values.
    default : any
        Taken where valid, else the nearest.
    show : callable
        A value's label.
    kind : {"select", "segments", "slider"}
    off : callable
        Why the control has no effect under the earlier values; empty where it has.
    remark : callable
        What its own value means beside the earlier ones, where that may surprise; else empty.
    """

    key: str
    group: str
    label: str
    help: str
    options: Callable[[Sets, Values], Sequence[Any]]
    default: Any
    show: Callable[[Any], str] = str
    kind: str = "select"
    off: Callable[[Values], str] = lambda values: ""
    remark: Callable[[Values], str] = lambda values: ""


def _label_in(table: Mapping[str, Any]) -> Callable[[str], str]:
    return lambda name: str(table[name].label)


def _described(table: Mapping[str, Any], lead: str) -> str:
    return lead + "\n\n" + "\n".join(f"- **{e.label}**: {e.help}" for e in table.values())


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
    return [*(s for s in _STEPS if s < most), most]


def _k_off(values: Values) -> str:
    entry = GENERATORS[values["gen"]]
    if entry.uses_k:
        return ""
    each = "one proxy a class" if values["gen"] == "mean" else "every shot a proxy"
    return f"GEN {entry.label} makes {each}, so k has no effect."


def _post_remark(values: Values) -> str:
    of_unit_length = values["pre"] == "l2" and values["gen"] not in ("mean", "kmeans")
    if values["post"] != "none" or of_unit_length:
        return ""
    return "Proxies keep their lengths, and longer ones win more samples."


def _inf_remark(values: Values) -> str:
    return "AGG max gives the same predictions either way: it compares one sample's similarities only."


def _norm(stage: str, when: str, remark: Callable[[Values], str] = lambda values: "") -> Control:
    return Control(
        stage,
        "Recipe",
        f"NORM {stage}",
        _described(NORMALIZATIONS, f"What is done to {when}."),
        lambda sets, values: list(NORMALIZATIONS),
        "l2",
        _label_in(NORMALIZATIONS),
        "segments",
        remark=remark,
    )


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
        _described(CLASS_SETS, "Which classes take part."),
        _class_sets,
        "all",
        _label_in(CLASS_SETS),
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
    Control(
        "gen",
        "Recipe",
        "GEN: how proxies are made",
        _described(GENERATORS, "How a class's shots become its proxies."),
        lambda sets, values: list(GENERATORS),
        "kmeans",
        _label_in(GENERATORS),
    ),
    Control(
        "k",
        "Recipe",
        "k: proxies a class",
        "How many proxies each class gets (paper, GEN). With k at or above n, every shot is a proxy.",
        lambda sets, values: [s for s in _STEPS if K_RANGE[0] <= s <= K_RANGE[1]],
        5,
        str,
        "slider",
        _k_off,
    ),
    _norm("pre", "embeddings before GEN (paper, NORM_pre)"),
    _norm("post", "proxies after GEN (paper, NORM_post)", _post_remark),
    _norm("inf", "a test embedding before it is compared (paper, NORM_inf)", _inf_remark),
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
        _described(MAP_METHODS, "How the embeddings are laid out in two dimensions."),
        lambda sets, values: list(MAP_METHODS),
        "umap",
        _label_in(MAP_METHODS),
        "segments",
    ),
)

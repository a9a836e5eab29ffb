"""The shared sidebar: one table of controls drives widgets, help, validation and the link.

A control's options depend only on controls before it. Every value that is not the default is
in the URL, under its own name. A value that is not valid, from an old link or because an
earlier control changed, becomes the nearest valid one, in the URL too, and the page says so.
(Streamlit's `bind="query-params"` drops such values from the URL and knows labels only.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from imprint_core.datasets import DATASETS
from imprint_core.embeddings import SetInfo
from imprint_core.generation import GENERATORS
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.normalization import NORMALIZATIONS
from imprint_core.projection import MAP_METHODS
from imprint_core.recipe import K_RANGE, Recipe
from imprint_core.task import CLASS_SETS, SEEDS, Task

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


@dataclass(frozen=True)
class Selection:
    """What is chosen: everything on screen is a function of it.

    Attributes
    ----------
    info : SetInfo
        The embedding set.
    task : Task
        With the first seed.
    recipe : Recipe
    seeds : tuple of int
    map : str
        Key of `MAP_METHODS`.
    """

    info: SetInfo
    task: Task
    recipe: Recipe
    seeds: tuple[int, ...]
    map: str


def nearest(value: Any, options: Sequence[Any], default: Any) -> Any:
    """The valid option nearest to `value`: itself, the nearest number, or the default."""
    if value in options:
        return value
    try:
        number = float(value)
        return min(options, key=lambda o: abs(o - number))
    except (TypeError, ValueError, OverflowError):
        return default if default in options else options[0]


def parse(control: Control, text: str, options: Sequence[Any]) -> Any:
    """The option that `text` names, by its label or its own name in any case, or the text."""
    wanted = text.strip().replace("_", " ").casefold()
    for option in options:
        if wanted in (control.show(option).casefold(), str(option).replace("_", " ").casefold()):
            return option
    return text


def sidebar(sets: Sets) -> tuple[Selection, list[str]]:
    """Draw the sidebar; gives the selection and what had to be put right, a sentence each."""
    state = st.session_state
    query = st.query_params.to_dict()
    notes: list[str] = []
    context = get_script_run_ctx()
    # A query that merely differs may be older than the widgets: keys can be pressed faster than
    # the browser takes over the link of the run before.
    if "followed" not in state or (context is not None and context.is_history_navigation):
        state.followed = True
        notes = _follow(query, sets)
    values: Values = {}
    defaults: Values = {}
    group = ""
    with st.sidebar:
        for control in CONTROLS:
            options = list(control.options(sets, values))
            default = nearest(control.default, options, control.default)
            # Assigned only where it has to be: an assignment takes back what a finger has moved since.
            if control.key in state and state[control.key] not in options:
                was = state[control.key]
                state[control.key] = nearest(was, options, default)
                notes.append(_note(control, was, state[control.key], options))
            if control.group != group:
                group = control.group
                st.markdown(f"**{group}**")
            values[control.key] = _widget(control, options, default, values)
            said = control.off(values) or control.remark(values)
            if said:
                st.caption(said)
            defaults[control.key] = default
    link = {name: str(v) for name, v in values.items() if v != defaults[name]}
    if link != query:
        st.query_params.from_dict(link)
    return _select(sets, values), notes


def _follow(query: Mapping[str, str], sets: Sets) -> list[str]:
    """Take over the values of a link; gives what is wrong with them, a sentence each."""
    notes = []
    values: Values = {}
    for control in CONTROLS:
        options = list(control.options(sets, values))
        value = nearest(control.default, options, control.default)
        if control.key in query:
            named = parse(control, query[control.key], options)
            value = nearest(named, options, value)
            if value != named:
                notes.append(_note(control, named, value, options))
        values[control.key] = value
        if control.key in query or control.key in st.session_state:
            st.session_state[control.key] = value
    unknown = [name for name in query if name not in {c.key for c in CONTROLS}]
    if unknown:
        notes.append(f"The link has {', '.join(unknown)[:80]}, which this page doesn't know; ignored.")
    return notes


def _note(control: Control, was: Any, now: Any, options: Sequence[Any]) -> str:
    if control.kind == "slider":
        valid = f"from {options[0]} to {options[-1]}"
    else:
        valid = "one of " + ", ".join(control.show(o) for o in options)
    name = control.label.split(":")[0]
    try:
        shown = control.show(was)
    except KeyError:
        shown = str(was)
    return f"{name} can't be {shown[:40] or 'empty'} here; it is {valid}. Now {control.show(now)}."


def _widget(control: Control, options: list[Any], default: Any, values: Values) -> Any:
    common: dict[str, Any] = {
        "key": control.key,
        "help": control.help,
        "format_func": control.show,
        "disabled": bool(control.off(values)),
    }
    if control.kind == "slider":
        value = st.select_slider(control.label, options, value=default, **common)
    elif control.kind == "segments":
        value = st.segmented_control(control.label, options, default=default, required=True, width="stretch", **common)
    else:
        value = st.selectbox(control.label, options, index=options.index(default), **common)
    return value


def _select(sets: Sets, values: Values) -> Selection:
    seeds = SEEDS[: values["seeds"]]
    return Selection(
        sets[values["fm"], values["data"]],
        Task(values["fm"], values["data"], values["classes"], int(values["n"]), seeds[0]),
        Recipe(values["gen"], int(values["k"]), values["pre"], values["post"], values["inf"]),
        seeds,
        values["map"],
    )

"""Controls of Compare: the settings of B that differ from A."""

from __future__ import annotations

from imprint_core.recipes.presets import PRESETS
from ui.controls.control import STEPS, Control, Sets, Values, controls_of
from ui.controls.recipe import ALONE, WITHOUT_NORMS, canonical_changes, changes_label
from ui.text.labels import label_of_dataset, label_of_fm

SAME = "same"


def _recipe(text: str, sets: Sets, values: Values) -> str:
    spec = SAME if text.strip().casefold() == SAME else canonical_changes(text, sets, values)
    return SAME if spec == ALONE else spec


def _show_recipe(spec: str) -> str:
    return "same as A" if spec == SAME else "A without NORM" if spec == WITHOUT_NORMS else changes_label(spec)


def _fms(sets: Sets, values: Values) -> list[str]:
    return [SAME, *(fm for fm in dict.fromkeys(fm for fm, _ in sets) if fm != values["fm"])]


def fm_of_b(values: Values) -> str:
    """Name of B's FM."""
    return str(values["fm"] if values["b_fm"] == SAME else values["b_fm"])


def _datasets(sets: Sets, values: Values) -> list[str]:
    available = [data for fm, data in sets if fm == fm_of_b(values)]
    same = [SAME] if values["data"] in available else []
    return [*same, *(data for data in available if data != values["data"])]


def _label(value: str, label: str) -> str:
    return "same as A" if value == SAME else label


COMPARE_CONTROLS = controls_of(
    Control(
        "b",
        "B's recipe",
        "A preset, parameters that differ from A's recipe, or both: k=1, norm_pre=none norm_post=none, or qi "
        "norm_post=none. Type them and press Enter. Default: Qi.",
        lambda sets, values: [SAME, WITHOUT_NORMS, "k=1", "k=5", *PRESETS],
        "qi",
        _show_recipe,
        accepts=_recipe,
    ),
    Control(
        "b_fm",
        "B's FM",
        "Another FM on the same images, so that A and B have the same test samples. Default: same as A.",
        _fms,
        SAME,
        lambda value: _label(value, label_of_fm(value)),
    ),
    Control(
        "b_data",
        "B's dataset",
        "Another dataset with all its classes. Its test samples differ, so only accuracies are compared. Default: same "
        "as A.",
        _datasets,
        SAME,
        lambda value: _label(value, label_of_dataset(value)),
    ),
    Control(
        "b_n",
        "B's n-shot",
        "Shots per class. With the same seed, the smaller set of shots is part of the larger one. Default: same as A.",
        lambda sets, values: [SAME, *STEPS],
        SAME,
        lambda value: _label(value, str(value)),
    ),
    page="compare",
)

"""The controls of the Compare page: what B is where it isn't as A."""

from __future__ import annotations

from imprint_core.recipes.presets import PRESETS
from ui.controls.control import STEPS, Control, Sets, Values
from ui.controls.second_recipe import ALONE, WITHOUT_NORMS, canonical_changes, changes_label
from ui.text.labels import label_of_dataset, label_of_fm

SAME = "same"


def _recipe(text: str, sets: Sets, values: Values) -> str:
    found = SAME if text.strip().casefold() == SAME else canonical_changes(text, sets, values)
    return SAME if found == ALONE else found


def _show_recipe(spec: str) -> str:
    return "as A" if spec == SAME else "as A without any NORM" if spec == WITHOUT_NORMS else changes_label(spec)


def _fms(sets: Sets, values: Values) -> list[str]:
    return [SAME, *(fm for fm in dict.fromkeys(fm for fm, _ in sets) if fm != values["fm"])]


def fm_of_b(values: Values) -> str:
    """Key of B's FM."""
    return str(values["fm"] if values["b_fm"] == SAME else values["b_fm"])


def _datasets(sets: Sets, values: Values) -> list[str]:
    own = [data for fm, data in sets if fm == fm_of_b(values)]
    same = [SAME] if values["data"] in own else []
    return [*same, *(data for data in own if data != values["data"])]


def _as_a(value: str, label: str) -> str:
    return "as A" if value == SAME else label


COMPARE_CONTROLS = (
    Control(
        "b",
        "Compare",
        "B's recipe",
        "A preset, or what differs from the sidebar's recipe, which is A's: k=1, norm_pre=none norm_post=none, or "
        "qi norm_post=none. Write it and press Enter.",
        lambda sets, values: [SAME, WITHOUT_NORMS, *PRESETS],
        "qi",
        _show_recipe,
        accepts=_recipe,
        page="compare",
    ),
    Control(
        "b_fm",
        "Compare",
        "B's FM",
        "Another FM on the same images: the same test samples are compared.",
        _fms,
        SAME,
        lambda value: _as_a(value, label_of_fm(value)),
        page="compare",
    ),
    Control(
        "b_data",
        "Compare",
        "B's dataset",
        "Another dataset has other test samples: accuracies are compared then, and no samples. It has all its classes.",
        _datasets,
        SAME,
        lambda value: _as_a(value, label_of_dataset(value)),
        page="compare",
    ),
    Control(
        "b_n",
        "Compare",
        "B's n-shot",
        "Another number of shots; of the same seed the smaller set lies in the larger one.",
        lambda sets, values: [SAME, *STEPS],
        SAME,
        lambda value: _as_a(value, str(value)),
        page="compare",
    ),
)

"""Controls of Curves."""

from __future__ import annotations

from imprint_core.figures.small_multiples import AXES
from imprint_core.recipes.presets import PRESETS
from imprint_core.registry import NUMBERS
from imprint_core.sweeps.run_measures import MEASURES
from imprint_core.sweeps.sweep_recipe import parse_sweep_recipe
from ui.controls.control import Control, Values, controls_of, described, label_in
from ui.controls.recipe import listed_recipe
from ui.text.labels import label_of_dataset, label_of_fm

# Drawn beside the sidebar's recipe by default.
DEFAULT_RECIPES = ("qi", "whitened")


def axis_of(values: Values) -> str:
    """Key of the x axis in `AXES`: measures of the shots depend on neither k nor λ."""
    return "n" if _of_shots(values) else str(values["over"])


def _of_shots(values: Values) -> bool:
    return MEASURES[values["measure"]].of_shots is not None


def can_overlay(values: Values) -> bool:
    """Whether the paper has curves of this measure and axis."""
    return values["measure"] == "accuracy" and axis_of(values) in ("k", "n")


CURVE_CONTROLS = controls_of(
    Control(
        "measure",
        "Measure",
        described(MEASURES, "Value on the y axis: median over seeds, with a band from the lowest to the highest."),
        lambda sets, values: list(MEASURES),
        "accuracy",
        label_in(MEASURES),
        "segments",
    ),
    Control(
        "over",
        "Over",
        "Parameter on the x axis: k, the proxies per class (paper, §5.3); n-shot, the shots per class (§5.2); or λ, "
        "the ridge penalty of least squares. The others have the sidebar's values. NC1 depends on neither k nor λ, so "
        "its x axis is the n-shot.",
        lambda sets, values: list(AXES),
        "k",
        label_in(AXES),
        "segments",
        hidden=_of_shots,
    ),
    Control(
        "curve_fms",
        "FMs",
        "One chart for each FM and dataset. Default: every FM with embeddings of the dataset.",
        lambda sets, values: sorted({fm for fm, _ in sets}, key=label_of_fm),
        (),
        label_of_fm,
        "many",
        empty="every FM",
    ),
    Control(
        "curve_data",
        "Datasets",
        "Default: the sidebar's dataset. The sidebar's classes apply to its dataset only; others have all classes.",
        lambda sets, values: sorted({data for _, data in sets}, key=label_of_dataset),
        (),
        label_of_dataset,
        "many",
        empty="the sidebar's dataset",
    ),
    Control(
        "curve_recipes",
        "Recipes to compare",
        "One line each; the sidebar's recipe is always the first. Default: "
        f"{' and '.join(PRESETS[name].label for name in DEFAULT_RECIPES)}. Other recipes are written as a preset "
        f"({', '.join(PRESETS)}) and changed parameters: own gen=kmedoids, qi norm\\_post=none, oracle lam=1.",
        lambda sets, values: list(PRESETS),
        (),
        lambda text: parse_sweep_recipe(text).label,
        "many",
        accepts=lambda text, sets, values: listed_recipe(text),
        most=int(NUMBERS["recipes"].on_pages),
        empty=" and ".join(PRESETS[name].label for name in DEFAULT_RECIPES),
    ),
    Control(
        "curve_paper",
        "Overlay published results",
        "The paper's curves (§5.2, Figure 10; §5.3, Figure 11) as dotted lines, for its FMs and datasets.",
        lambda sets, values: [False, True],
        False,
        kind="toggle",
        hidden=lambda values: not can_overlay(values),
    ),
    Control(
        "beside",
        "FM's own classes",
        "Below the curves: the accuracy of the sidebar's classes and of the FM's own 1,000 classes in one layer, over "
        "n-shot (Qi et al., 2018). Default: off.",
        lambda sets, values: [False, True],
        False,
        kind="toggle",
    ),
    page="curves",
)

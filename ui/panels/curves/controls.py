"""The controls of the Curves page."""

from __future__ import annotations

from imprint_core.figures.small_multiples import AXES
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from imprint_core.recipes.text import label_of, name_of, recipe_of
from imprint_core.sweeps.sweep_table import MEASURES
from ui.controls.control import Control, Sets, Values, described, label_in
from ui.text.labels import label_of_dataset, label_of_fm

# Beside the sidebar's recipe, where a person chooses none.
USUAL = ("qi", "whitened")


def axis_of(values: Values) -> str:
    """What the curves go over: NC1 is the shots', whatever k and λ are."""
    return "n" if values["measure"] == "nc1" else str(values["over"])


def of_own_lambda(name: str) -> bool:
    """Whether a recipe's name says its λ, which is the FM's else."""
    return " lam=" in name


def _written(text: str, sets: Sets, values: Values) -> str:
    """The usual name of the recipe that a person writes."""
    recipe = recipe_of(text)
    own = "lam=" in text and GENERATORS[recipe.gen].ridge
    return name_of(recipe) + (f" lam={recipe.lam:g}" if own else "")


def show_recipe(recipe: Recipe, own_lambda: bool) -> str:
    """A recipe in a few words, with λ where that is its own."""
    own = own_lambda and GENERATORS[recipe.gen].ridge
    return label_of(recipe) + (f", λ = {recipe.lam:g}" if own else "")


def _can_match(values: Values) -> bool:
    """Whether the paper has such curves."""
    return values["measure"] == "accuracy" and axis_of(values) in ("k", "n")


CURVE_CONTROLS = (
    Control(
        "measure",
        "Curves",
        "Measure",
        described(MEASURES, "What is drawn; of several seeds the median, with a band from the lowest to the highest."),
        lambda sets, values: list(MEASURES),
        "accuracy",
        label_in(MEASURES),
        "segments",
        page="curves",
    ),
    Control(
        "over",
        "Curves",
        "Over",
        "k is how many proxies a class gets (paper, §5.3), n-shot how many images of it are imprinted (§5.2), λ how "
        "strongly least squares keeps proxies short. What isn't on the axis is the sidebar's. NC1 is measured on the "
        "shots: it depends on neither k nor λ, and is drawn over n-shot.",
        lambda sets, values: list(AXES),
        "k",
        label_in(AXES),
        "segments",
        hidden=lambda values: values["measure"] == "nc1",
        page="curves",
    ),
    Control(
        "curve_fms",
        "Curves",
        "FMs",
        "One panel for each FM and dataset. With none chosen here: every FM that has embedded the dataset.",
        lambda sets, values: sorted({fm for fm, _ in sets}, key=label_of_fm),
        (),
        label_of_fm,
        "many",
        empty="every FM",
        page="curves",
    ),
    Control(
        "curve_data",
        "Curves",
        "Datasets",
        "With none chosen here: the sidebar's. The sidebar's classes are those of its own dataset; others take all.",
        lambda sets, values: sorted({data for _, data in sets}, key=label_of_dataset),
        (),
        label_of_dataset,
        "many",
        empty="the sidebar's",
        page="curves",
    ),
    Control(
        "curve_recipes",
        "Curves",
        "Recipes, beside the sidebar's",
        "A line each; the sidebar's recipe is always the first. With none chosen here: "
        f"{' and '.join(PRESETS[name].label for name in USUAL)}. Or write your own: a preset's name "
        f"({', '.join(PRESETS)}) and what differs from it, as in own gen=kmedoids, qi norm\\_post=none, oracle lam=1.",
        lambda sets, values: list(PRESETS),
        (),
        lambda name: show_recipe(recipe_of(name), of_own_lambda(name)),
        "many",
        accepts=_written,
        empty=" and ".join(PRESETS[name].label for name in USUAL),
        page="curves",
    ),
    Control(
        "curve_paper",
        "Curves",
        "Lay over, as published",
        "The paper's own curves (§5.2, Figure 10; §5.3, Figure 11), dotted, where FM and dataset are among its own.",
        lambda sets, values: [False, True],
        False,
        kind="toggle",
        hidden=lambda values: not _can_match(values),
        page="curves",
    ),
)

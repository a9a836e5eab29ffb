"""Every control explains itself."""

from __future__ import annotations

import pytest

from app import CONTROLS
from ui.controls.recipe import RECIPE_CONTROLS

# What the paper has, and says where: the task, the recipe and the runs, but for what is beyond it or of its code only.
BEYOND = {"shrinkage", "lam", "distance", "vote", "ties"}
OF_THE_PAPER = {"fm", "data", "classes", "n", "seeds", *(c.key for c in RECIPE_CONTROLS)} - BEYOND


@pytest.fixture(scope="module")
def helps(bundled):
    """Each control's help, with the first of the valid values of those before it."""
    values, helps_by_key = {}, {}
    for control in CONTROLS:
        options = list(control.options(bundled, values))
        usual = control.default in options or control.kind in ("many", "text")
        values[control.key] = control.default if usual else options[0]
        helps_by_key[control.key] = control.help if isinstance(control.help, str) else control.help(bundled, values)
    return helps_by_key


def test_every_control_has_a_sentence_of_help(helps):
    assert [key for key, text in helps.items() if len(text.split()) < 3 or "." not in text] == []


def test_help_cites_the_paper(helps):
    assert [key for key in OF_THE_PAPER if "paper" not in helps[key].casefold()] == []
    with_section = ("fm", "data", "classes", "n", "norm_pre", "gen", "k", "norm_post", "norm_inf", "agg", "m")
    assert all("§" in helps[key] for key in with_section)

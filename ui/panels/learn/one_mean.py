"""Lesson 1: one mean per class, and the number of shots."""

from __future__ import annotations

from functools import partial

import streamlit as st

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import band
from imprint_core.evaluation.metrics import signed_difference
from imprint_core.figures.lessons import Line
from ui.compute.results import ONE_MEAN
from ui.controls.control import Sets
from ui.panels.learn import frame

_SHOTS = (1, 2, 3, 5, 10, 20, 50, 100)
_N_AXIS = "shots per class, n"
_BAND_EDGES = (40.0, 60.0, 80.0)
_BANDS = ("below 40 %", "40 to 60 %", "60 to 80 %", "80 % or more")
_GAIN_EDGES = (2.0, 6.0)
_GAINS = ("less than 2 points", "2 to 6 points", "6 points or more")


def show(sets: Sets) -> None:
    """Draw the lesson."""
    experiment = frame.lesson_experiment(sets, "squeezenet1_1", "mnist", ONE_MEAN)
    frame.show_lesson(
        "lesson-1",
        frame.Lesson(
            "A [[foundation model|fm]] was trained on photographs, not on handwritten digits. It stays frozen and maps "
            "each image to a vector, its [[embedding]]. Take a few images of each digit, the [[shots|shot]], and "
            "average their embeddings: this mean is the digit's [[proxy]]. A new image is predicted as the digit of "
            "the most similar proxy. This is [[imprinting]]. Nothing is trained.\n\n"
            f"This lesson: {frame.name_of(experiment)}, ten digits. Random guessing would be correct in one of ten "
            "cases.",
            (
                frame.Question("What is the accuracy with a single image of each digit (n = 1)?", _BANDS),
                frame.Question("How much do 100 images of each digit improve on 20?", _GAINS),
            ),
            "Change [[n]], the number of shots. Every value is added to the curve.",
            partial(frame.try_values, "lesson-1", experiment, "n_shot", "n: shots per digit", _SHOTS, 5, _N_AXIS),
            partial(_show_result, experiment),
            experiment,
        ),
    )


def _show_result(experiment: Experiment) -> frame.Outcome:
    with frame.computing():
        runs = {n: frame.accuracy(experiment, n_shot=n) for n in _SHOTS}
    frame.draw_curves("lesson-1-all", [Line("one mean per class", _SHOTS, list(runs.values()))], _SHOTS, _N_AXIS)
    st.caption(frame.SEEDS_CAPTION)
    first, twenty, hundred = (runs[n].median for n in (1, 20, 100))
    gain = hundred - twenty
    return frame.Outcome(
        (
            (band(first, _BAND_EDGES), f"With one image of each digit the accuracy is {first:.1f} %."),
            (
                band(gain, _GAIN_EDGES),
                f"It rises from {twenty:.1f} % with 20 images to {hundred:.1f} % with 100: "
                f"{signed_difference(hundred, twenty)} points.",
            ),
        ),
        "A few shots place a [[proxy]] well. More shots hardly move it, because the mean converges. The remaining "
        "errors do not come from too few images: one mean can't describe all images of a class. See lesson 2.",
    )

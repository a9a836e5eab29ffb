"""Lesson 1: one mean per class, and the number of shots."""

from __future__ import annotations

from functools import partial

import streamlit as st

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lesson_experiments import band, band_limits
from imprint_core.evaluation.metrics import signed_difference
from imprint_core.export.handout import Drawings, SketchAxes
from imprint_core.figures.lessons import Line, Mark
from ui.compute.results import ONE_MEAN
from ui.controls.control import Sets
from ui.panels.learn import frame, samples

_SHOTS = (1, 2, 3, 5, 10, 20, 50, 100)
_N_AXIS = "shots per class, n"
_BAND_EDGES = (25.0, 50.0, 75.0)
_BANDS = ("below 25 %", "25 to 50 %", "50 to 75 %", "75 % or more")
_GAIN_EDGES = (5.0, 15.0)
_GAINS = ("up to 5 points", "5 to 15 points", "15 points or more")
# Ends of the highest gain's band.
_MOST_GAIN = 25.0


def show(sets: Sets) -> None:
    """Draw the lesson."""
    experiment = frame.lesson_experiment(sets, frame.FM, frame.DATASET, ONE_MEAN)
    first = experiment.with_(n_shot=1)
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
                frame.Question(
                    "The ten images are the shots for n = 1, one per digit. Each is the proxy of its digit. What is "
                    "the accuracy on the test images?",
                    _BANDS,
                ),
                frame.Question("By how much is n = 100 more accurate than n = 20?", _GAINS),
            ),
            "Change [[n]], the number of [[shots|shot]]. Every value is added to the curve. Watch the proxies on the "
            "map: from which n on do they hardly move?",
            partial(
                frame.try_values,
                "lesson-1",
                experiment,
                "n_shot",
                "n: shots per digit",
                _SHOTS,
                1,
                _N_AXIS,
                marks=_first_mark,
            ),
            partial(_show_result, experiment),
            experiment,
            show_first=partial(samples.show_samples, "lesson-1", first, proxies=False),
            drawings=lambda: Drawings(
                samples.printed_images(experiment.info, samples.shot_groups(first)),
                samples.sketch(experiment, "Draw a star where the proxy of each digit will be."),
                SketchAxes(_N_AXIS, _SHOTS),
            ),
        ),
    )


def _first_mark() -> list[Mark]:
    """Return the predicted accuracy with one shot."""
    predicted = frame.predictions("lesson-1")[:1]
    return [Mark(f"{_BANDS[i]} at n = 1", y=band_limits(i, _BAND_EDGES, 0, 100)) for i in predicted]


def _show_result(experiment: Experiment) -> frame.Outcome:
    with frame.computing():
        runs = {n: frame.accuracy(experiment, n_shot=n) for n in _SHOTS}
    first, twenty, hundred = (runs[n].median for n in (1, 20, 100))
    marks = _first_mark()
    for i in frame.predictions("lesson-1")[1:]:
        low, high = band_limits(i, _GAIN_EDGES, 0, _MOST_GAIN)
        limits = min(twenty + low, 100), min(twenty + high, 100)
        marks.append(Mark(f"{_GAINS[i]} more at n = 100", (80, 115), limits))
    line = Line("one mean per class", _SHOTS, list(runs.values()))
    frame.draw_curves("lesson-1-all", [line], _SHOTS, _N_AXIS, marks=marks)
    st.caption(frame.SEEDS_CAPTION)
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

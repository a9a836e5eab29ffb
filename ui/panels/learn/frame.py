"""The frame of every lesson: samples, question, prediction, something to try, result and summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.evaluation.task import SEEDS
from imprint_core.export.handout import Drawings, Handout
from imprint_core.figures.lessons import Line, Mark, curves, mark_predictions, with_predictions
from imprint_core.framework.recipe import Recipe
from ui.charts.plot import plot
from ui.compute import results
from ui.controls.control import Sets
from ui.controls.recipe import recipe_values
from ui.navigation.page_switches import go_to
from ui.navigation.to_top import to_step
from ui.panels.learn.class_predictions import is_reset, show_class, wait_with_class
from ui.panels.learn.controls import title_of
from ui.panels.learn.samples import show_samples
from ui.server import tally
from ui.share.handout import handout_button
from ui.text.glossary import linked, linked_terms, unlinked
from ui.text.labels import count_text, label_of_dataset, label_of_fm
from ui.text.markdown import plain

LESSON_SEEDS = SEEDS[:5]
# The FM and the dataset of most lessons: the app's defaults, whose images are installed.
FM, DATASET = "tf_efficientnet_lite0", "digits"
# In pixels. Longer lines are hard to read.
_TEXT_WIDTH = 860
_CURVE_HEIGHT = 270
# Key of the session: the number of submitted predictions.
_STEPS = "lesson_steps"
SEEDS_CAPTION = f"Median over {len(LESSON_SEEDS)} seeds; the band shows the range."


@dataclass(frozen=True)
class Question:
    """A question and its possible answers."""

    text: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """For each question the index of the correct option and the computed numbers; and the summary, in Markdown."""

    answers: Sequence[tuple[int, str]]
    summary: str


@dataclass(frozen=True)
class Lesson:
    """The parts of a lesson; texts are Markdown with links to the glossary (`glossary.linked`)."""

    introduction: str
    questions: Sequence[Question]
    hint: str
    # Draws one control and its effect.
    show_attempt: Callable[[], None]
    show_result: Callable[[], Outcome]
    # Settings to open in Explore; None if Explore can't show the lesson's data.
    experiment: Experiment | None = None
    # Draws a button after the summary.
    show_end: Callable[[], None] = lambda: None
    # Draws what a student sees before predicting: samples without proxies.
    show_first: Callable[[], None] | None = None
    # Returns what the handout shows.
    drawings: Callable[[], Drawings] = Drawings


@dataclass
class Progress:
    """Predictions, number of correct ones, and tried values of a lesson, stored in the session."""

    predicted: tuple[int, ...] = ()
    correct: int | None = None
    tried: dict[str, set[int]] = field(default_factory=dict)
    # The poll that counts the prediction, in a classroom.
    poll: tally.Poll | None = None


def progress(view: str) -> Progress:
    """Return the progress in a lesson."""
    lessons: dict[str, Progress] = st.session_state.setdefault("lessons", {})
    return lessons.setdefault(view, Progress())


def lesson_experiment(
    sets: Sets, fm: str, dataset: str, recipe: Recipe, n_shot: int = 100, classes: str = "all"
) -> Experiment:
    """Return the experiment of a lesson, which does not depend on the sidebar; an error if its set is missing."""
    if (fm, dataset) not in sets:
        raise ImprintError(
            f"This lesson needs the bundled embeddings {fm}__{dataset}, which are missing. Restore "
            "imprint_core/bundled from the repository."
        )
    return Experiment(sets[fm, dataset], classes, n_shot, recipe, LESSON_SEEDS)


def name_of(experiment: Experiment) -> str:
    """Return FM and dataset in Markdown."""
    return f"{plain(label_of_fm(experiment.info.fm))} on {plain(label_of_dataset(experiment.info.dataset))}"


def accuracy(experiment: Experiment, **changes: Any) -> Summary:
    """Return the accuracy of an experiment with some fields changed, in percent."""
    return summarize(results.evaluation(experiment.with_(**changes)).accuracy)


def show_accuracy(settings: str, percent: float, experiment: Experiment) -> None:
    """Draw an accuracy with the number of test images of the experiment."""
    tested = count_text(len(results.evaluator(experiment).truth), experiment.info)
    st.metric(f"Accuracy with {settings}", f"{percent:.1f} %", f"on {tested}", delta_color="off", delta_arrow="off")


@contextmanager
def computing() -> Iterator[None]:
    """Show a spinner while something is computed."""
    with st.empty(), st.spinner("Imprinting …"):
        yield


def tried(view: str, value: int, line: str = "") -> list[int]:
    """Add a value to those that the user has tried in a lesson, and return all of them."""
    values = progress(view).tried.setdefault(line, set())
    values.add(value)
    return sorted(values)


def predictions(view: str) -> tuple[int, ...]:
    """Return the indices of the options that the student predicted, one per question; empty without a prediction."""
    return progress(view).predicted


def draw_curves(
    name: str,
    lines: Sequence[Line],
    xs: Sequence[int],
    title: str,
    elbow: int | None = None,
    marks: Sequence[Mark] = (),
) -> None:
    """Draw accuracy over k or n, with the student's predictions; `title` ends with the parameter's symbol."""
    symbol, values = title[-1], []
    for line in lines:
        medians = (f"{symbol} = {x} {run.median:.1f} %" for x, run in zip(line.xs, line.runs, strict=True))
        values += [f"{line.name}: {', '.join(medians)}"] if line.xs else []
    alt = with_predictions(f"Accuracy over {symbol}. {'; '.join(values)}", marks)
    plot(name, mark_predictions(curves(lines, xs, title, elbow), marks), alt=alt, height=_CURVE_HEIGHT)


def try_values(
    view: str,
    experiment: Experiment,
    field: str,
    label: str,
    values: Sequence[int],
    start: int,
    title: str,
    marks: Callable[[], Sequence[Mark]],
    kinds: bool = False,
) -> None:
    """Draw a slider for a field of the experiment, the accuracy at all values tried so far, and samples and proxies."""
    symbol = title[-1]
    left, right = two_columns()
    with right:
        current = st.select_slider(label, values, value=start, key=f"{view}-{symbol}")
        xs = tried(view, current)
        with computing():
            runs = [accuracy(experiment, **{field: x}) for x in xs]
        show_accuracy(f"{symbol} = {current}", runs[xs.index(current)].median, experiment)
        draw_curves(f"{view}-tried", [Line("tried values", xs, runs)], values, title, marks=marks())
    with left:
        show_samples(view, experiment.with_(**{field: current}), proxies=True, kinds=kinds)


def two_columns() -> Sequence[DeltaGenerator]:
    """Return two columns: samples, and what concerns them; on a phone one below the other."""
    return st.columns(2, gap="medium")


def show_lesson(view: str, lesson: Lesson) -> None:
    """Draw a lesson up to the user's progress, or in a classroom to that of the class."""
    state = progress(view)
    if state.correct is None and state.poll is not None and is_reset(view, state.poll):
        _restart(view)
        state = progress(view)
    # Below what was read before, the next step would be off the screen.
    introduction = st.expander("Introduction") if state.predicted else st.container()
    with introduction, st.container(horizontal=True, horizontal_alignment="distribute"):
        st.container(width=_TEXT_WIDTH).markdown(linked(lesson.introduction))
        handout_button(view, partial(_handout, view, lesson))
    _heading("Predict")
    area = st.container()
    options = {question.text: question.options for question in lesson.questions}
    revealed = show_class(view, options, partial(_restart, view)) or (state.poll is not None and state.poll.revealed)
    with area:
        if state.predicted:
            _show_predictions(lesson.questions, state)
        elif lesson.show_first is None or revealed:
            # What is displayed first follows with its proxies.
            _show_questions(view, lesson.questions)
        else:
            left, right = two_columns()
            with left:
                lesson.show_first()
            with right:
                _show_questions(view, lesson.questions)
    if not state.predicted and not revealed:
        return
    to_step(st.session_state.get(_STEPS, 0))
    _heading("Try it")
    st.markdown(linked(lesson.hint))
    lesson.show_attempt()
    if state.correct is None and not revealed and not st.session_state.get(f"{view}-reveal"):
        if state.poll is None or not wait_with_class(view, state.poll):
            st.button("Show result", type="primary", key=f"{view}-reveal")
        return
    # Lines and charts as wide as the page are hard to read.
    with st.container(width=_TEXT_WIDTH):
        _show_outcome(view, lesson, state)


def _show_outcome(view: str, lesson: Lesson, state: Progress) -> None:
    _heading("Result")
    verdicts = st.container()
    outcome = lesson.show_result()
    # A teacher can reveal the result without a prediction.
    predictions = state.predicted or (None,) * len(lesson.questions)
    pairs = list(zip(lesson.questions, predictions, outcome.answers, strict=True))
    if state.predicted:
        state.correct = sum(predicted == answer for _, predicted, (answer, _) in pairs)
    with verdicts:
        for question, predicted, (answer, numbers) in pairs:
            _show_verdict(question, predicted, answer, numbers)
    _heading("Summary")
    st.markdown(linked(outcome.summary))
    with st.container(horizontal=True, gap="small"):
        if lesson.experiment is not None:
            st.button(
                "Open in Explore",
                icon=":material/explore:",
                on_click=_open_in_explore,
                args=(lesson.experiment,),
                key="lesson-explore",
            )
        lesson.show_end()
        st.button("Restart lesson", icon=":material/replay:", on_click=_restart, args=(view,), key="lesson-over")


def _handout(view: str, lesson: Lesson) -> Handout:
    texts = [lesson.introduction, *(question.text for question in lesson.questions), lesson.hint]
    return Handout(
        title_of(view),
        unlinked(lesson.introduction),
        [(unlinked(question.text), question.options) for question in lesson.questions],
        unlinked(lesson.hint),
        [(entry.term, entry.text) for entry in linked_terms("\n".join(texts))],
        lesson.drawings(),
    )


def _heading(text: str) -> None:
    st.subheader(text, anchor=False)


def _show_predictions(questions: Sequence[Question], state: Progress) -> None:
    """Draw the predictions, which can't be changed."""
    for question, predicted in zip(questions, state.predicted, strict=True):
        st.markdown(f"{question.text} You predicted: **{question.options[predicted]}**.")


def _show_questions(view: str, questions: Sequence[Question]) -> None:
    answers = [
        st.radio(
            question.text,
            range(len(question.options)),
            index=None,
            format_func=question.options.__getitem__,
            key=f"{view}-question-{i}",
        )
        for i, question in enumerate(questions)
    ]
    st.button(
        "Submit prediction" if len(questions) == 1 else "Submit predictions",
        type="primary",
        disabled=None in answers,
        on_click=_predict,
        args=(view, questions, answers),
        key=f"{view}-predict",
    )


def _predict(view: str, questions: Sequence[Question], answers: Sequence[object]) -> None:
    """Store the prediction, and count it in a classroom; a browser can send anything, also by a disabled button."""
    predicted = tuple(answer for answer in answers if isinstance(answer, int))
    if len(predicted) == len(questions):
        state = progress(view)
        state.predicted, state.poll = predicted, tally.count_prediction(view, predicted)
        st.session_state[_STEPS] = st.session_state.get(_STEPS, 0) + 1


def _show_verdict(question: Question, predicted: int | None, answer: int, numbers: str) -> None:
    if predicted is None:
        st.info(f"Correct is **{question.options[answer]}**. {numbers}", icon=":material/lightbulb:")
        return
    prediction = f"You predicted **{question.options[predicted]}**"
    if predicted == answer:
        st.success(f"{prediction}: correct. {numbers}", icon=":material/check_circle:")
    else:
        st.info(f"{prediction}; correct is **{question.options[answer]}**. {numbers}", icon=":material/lightbulb:")


def _restart(view: str) -> None:
    st.session_state.lessons.pop(view, None)
    for key in [key for key in st.session_state if str(key).startswith(f"{view}-")]:
        del st.session_state[key]


def _open_in_explore(experiment: Experiment) -> None:
    info, state = experiment.info, st.session_state
    state.update(fm=info.fm, data=info.dataset, classes=experiment.classes, n=experiment.n_shot)
    state.update(recipe_values(experiment.recipe))
    go_to("explore")

"""What every lesson has: a question, a prediction, something to try, and what is so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.recipe import Recipe
from ui.compute import results
from ui.controls.control import Sets
from ui.controls.recipe import recipe_values
from ui.navigation.links import go_to
from ui.text.glossary import linked
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

LESSON_SEEDS = SEEDS[:5]
BAND = f"Medians over {len(LESSON_SEEDS)} seeds; the band reaches from the lowest to the highest."


@dataclass(frozen=True)
class Question:
    """What is to be predicted, and between which answers."""

    ask: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What is so.

    Attributes
    ----------
    answers : sequence of (int, str)
        For each question the right option, and what was computed, in Markdown.
    takeaway : str
        In Markdown, with words linked (`glossary.linked`).
    """

    answers: Sequence[tuple[int, str]]
    takeaway: str


@dataclass(frozen=True)
class Setting:
    """What a lesson is about, whatever the sidebar says: a set, classes, shots and a recipe."""

    info: SetInfo
    classes: str
    n: int
    recipe: Recipe

    @property
    def experiment(self) -> Experiment:
        """The setting with the lessons' seeds."""
        return Experiment(self.info, self.classes, self.n, self.recipe, LESSON_SEEDS)

    @property
    def name(self) -> str:
        """The FM and the dataset, for Markdown."""
        return f"{plain(label_of_fm(self.info.fm))} on {plain(label_of_dataset(self.info.dataset))}"

    def accuracy(self, recipe: Recipe, n: int) -> Summary:
        """Over the lessons' seeds, in percent."""
        return summarize(results.evaluation(self.experiment.with_(recipe=recipe, n_shot=n)).accuracy)

    def over_k(self, ks: tuple[int, ...]) -> list[Summary]:
        """Accuracy at each k."""
        at_each: np.ndarray = results.accuracy_over_k(self.experiment, ks)
        return [summarize(runs) for runs in at_each]


@dataclass(frozen=True)
class Lesson:
    """A lesson's parts.

    Attributes
    ----------
    about, hint : str
        What is told before the question, and before trying; in Markdown, with words linked.
    questions : sequence of Question
    attempt : callable
        Draws the control that matters, and what it does.
    reveal : callable
        Draws what is so, and tells it.
    setting : Setting or None
        What Explore is to be set to; None where that has nothing like it.
    """

    about: str
    questions: Sequence[Question]
    hint: str
    attempt: Callable[[], None]
    reveal: Callable[[], Outcome]
    setting: Setting | None = None


@dataclass
class Progress:
    """How far a person is in a lesson, and what was tried; kept for the session."""

    predicted: tuple[int, ...] = ()
    right: int | None = None
    tried: dict[str, set[int]] = field(default_factory=dict)


def progress(view: str) -> Progress:
    """That of a lesson."""
    kept: dict[str, Progress] = st.session_state.setdefault("lessons", {})
    return kept.setdefault(view, Progress())


def setting(sets: Sets, fm: str, dataset: str, recipe: Recipe, n: int = 100, classes: str = "all") -> Setting:
    """A lesson's own.

    Raises
    ------
    ImprintError
        If the set isn't there.
    """
    if (fm, dataset) not in sets:
        raise ImprintError(
            f"This lesson needs the embeddings {fm}__{dataset}, which come with the project; they are not here. "
            "Restore imprint_core/bundled from the repository."
        )
    return Setting(sets[fm, dataset], classes, n, recipe)


@contextmanager
def at_work() -> Iterator[None]:
    """Say that something is being computed, where that takes longer than a moment."""
    with st.empty(), st.spinner("Imprinting …"):
        yield


def tried(view: str, value: int, line: str = "") -> list[int]:
    """All that a person has tried of a lesson's control, with what is chosen now."""
    values = progress(view).tried.setdefault(line, set())
    values.add(value)
    return sorted(values)


def show_lesson(view: str, lesson: Lesson) -> None:
    """Draw a lesson, as far as a person is."""
    st.markdown(linked(lesson.about))
    state = progress(view)
    _ask(view, lesson.questions, state)
    if not state.predicted:
        return
    _heading("Try it")
    st.markdown(linked(lesson.hint))
    lesson.attempt()
    if state.right is None and not st.session_state.get(f"{view}-reveal"):
        st.button("Reveal", type="primary", key=f"{view}-reveal")
        return
    _heading("What is so")
    verdicts = st.container()
    outcome = lesson.reveal()
    state.right = sum(is_so == said for said, (is_so, _) in zip(state.predicted, outcome.answers, strict=True))
    with verdicts:
        for question, said, (is_so, told) in zip(lesson.questions, state.predicted, outcome.answers, strict=True):
            _verdict(question, said, is_so, told)
    _heading("To take away")
    st.markdown(linked(outcome.takeaway))
    with st.container(horizontal=True, gap="small"):
        if lesson.setting is not None:
            st.button(
                "Try it in Explore",
                icon=":material/explore:",
                on_click=_explore,
                args=(lesson.setting,),
                key="lesson-explore",
            )
        st.button("Start this lesson over", icon=":material/replay:", on_click=_over, args=(view,), key="lesson-over")


def _heading(text: str) -> None:
    st.subheader(text, anchor=False)


def _ask(view: str, questions: Sequence[Question], state: Progress) -> None:
    """The questions; a prediction stands once it is made."""
    _heading("Predict")
    if state.predicted:
        for question, said in zip(questions, state.predicted, strict=True):
            st.markdown(f"{question.ask} You predicted: **{question.options[said]}**.")
        return
    answers = [
        st.radio(
            question.ask,
            range(len(question.options)),
            index=None,
            format_func=lambda option, q=question: q.options[option],  # type: ignore[misc]
            key=f"{view}-question-{i}",
        )
        for i, question in enumerate(questions)
    ]
    st.button(
        "That is my prediction" if len(questions) == 1 else "These are my predictions",
        type="primary",
        disabled=None in answers,
        on_click=_predict,
        args=(view, answers),
        key=f"{view}-predict",
    )


def _predict(view: str, answers: list[int]) -> None:
    progress(view).predicted = tuple(answers)


def _verdict(question: Question, said: int, is_so: int, told: str) -> None:
    if said == is_so:
        st.success(f"You predicted **{question.options[said]}**, and so it is. {told}", icon=":material/check_circle:")
    else:
        st.info(
            f"You predicted **{question.options[said]}**; it is **{question.options[is_so]}**. {told}",
            icon=":material/lightbulb:",
        )


def _over(view: str) -> None:
    st.session_state.lessons.pop(view, None)
    for key in [key for key in st.session_state if str(key).startswith(f"{view}-")]:
        del st.session_state[key]


def _explore(own: Setting) -> None:
    values: dict[str, Any] = {"fm": own.info.fm, "data": own.info.dataset, "classes": own.classes, "n": own.n}
    st.session_state.update(values | recipe_values(own.recipe))
    go_to("explore")

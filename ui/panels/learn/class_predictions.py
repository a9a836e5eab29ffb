"""A lesson in a classroom: predictions of the class for the teacher, and students who wait for the result."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from imprint_core.figures.lessons import class_predictions
from ui.charts.plot import plot
from ui.charts.progressive import note_running_figure
from ui.server import tally
from ui.server.classroom import is_classroom, is_teacher
from ui.widgets.jobs import run_action, show_job_error

# Seconds between two looks at the predictions of the class, or for the result.
_INTERVAL = 1.0

# The options of a lesson's questions, by their texts.
Options = dict[str, tuple[str, ...]]


def show_class(lesson: str, options: Options, restart: Callable[[], None]) -> bool:
    """Draw the predictions of the class for the teacher, and return whether the result is revealed.

    For all others nothing is drawn, and False is returned. `restart` clears the teacher's own progress in the lesson.
    """
    if not is_classroom() or not is_teacher():
        return False
    tally.lead(lesson)
    poll = tally.current_poll(lesson)
    revealed = poll.revealed
    st.subheader("Predictions of the class", anchor=False)
    show_job_error("class")
    note_running_figure("class")
    _show_counts(lesson, options, poll, revealed)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Reveal result",
            type="primary",
            disabled=revealed,
            key="class-reveal",
            help="Shows the result to all students who have predicted.",
            on_click=run_action,
            args=(tally.reveal, lesson, "class"),
        )
        st.button(
            "Reset predictions",
            key="class-reset",
            help="Sets all counts to 0. Students who wait for the result predict again.",
            on_click=run_action,
            args=(partial(_reset, restart), lesson, "class"),
        )
    return revealed


def _reset(restart: Callable[[], None], lesson: str) -> None:
    tally.reset(lesson)
    restart()


@st.fragment(run_every=_INTERVAL)
def _show_counts(lesson: str, options: Options, poll: tally.Poll, revealed: bool) -> None:
    if tally.current_poll(lesson) is not poll or poll.revealed != revealed:
        # Another teacher did it.
        st.rerun()
    counts = poll.counts([len(answers) for answers in options.values()])
    total = sum(counts[0])
    if total:
        for number, (question, answers) in enumerate(options.items()):
            st.caption(question)
            values = ", ".join(f"{answer} {count}" for answer, count in zip(answers, counts[number], strict=True))
            plot(
                f"class-{number}",
                class_predictions(answers, counts[number]),
                alt=f"Predictions of {total} students: {values}",
                height=46 * len(answers) + 16,
            )
    students = "1 student has predicted" if total == 1 else f"{total} students have predicted"
    st.markdown(f"{students}." if total else "No predictions yet.")
    if revealed:
        st.caption("The result is revealed. Later predictions are not counted.")


def wait_with_class(lesson: str, poll: tally.Poll) -> bool:
    """Return whether a student whose prediction is counted waits for the teacher; the page reruns when that changes."""
    led = tally.is_led(lesson)
    note_running_figure("class")
    _watch(lesson, poll, led)
    if led:
        st.info(
            "Your prediction is counted. The result appears here when the teacher reveals it.",
            icon=":material/hourglass_top:",
        )
    return led


@st.fragment(run_every=_INTERVAL)
def _watch(lesson: str, poll: tally.Poll, led: bool) -> None:
    if poll.revealed or tally.current_poll(lesson) is not poll or tally.is_led(lesson) != led:
        st.rerun()


def is_reset(lesson: str, poll: tally.Poll) -> bool:
    """Return whether a poll was reset before its result was revealed, and say so: the student predicts again."""
    if poll.revealed or poll is tally.current_poll(lesson):
        return False
    st.toast("The class predicts again.", icon=":material/replay:")
    return True

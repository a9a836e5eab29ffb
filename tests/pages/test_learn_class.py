"""A lesson in a classroom without a browser: what the teacher and students see."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.test_learn import button, keys, marks_of, opened
from ui.server import classroom, tally

KEY = "a-teacher's-key"
LESSON = "lesson-4"
WAITING = "Your prediction is counted. The result appears here when the teacher reveals it."


@pytest.fixture(autouse=True)
def room(tmp_path, monkeypatch):
    """Classroom mode: without a connection, as here, a visitor without the key is a student."""
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(classroom.KEY_VARIABLE, KEY)
    monkeypatch.setattr(tally, "_polls", {})
    monkeypatch.setattr(tally, "_leaders", tally._BySession())


def predicted(option=0, app=None):
    """A student who has predicted, or a given visitor."""
    app = app or opened(None, view=LESSON)
    for radio in app.main.radio:
        radio.set_value(option)
    app.run()
    button(app, f"{LESSON}-predict").click()
    return shown(app)


def teacher():
    return opened(None, view=LESSON, teacher=KEY)


def shown(app):
    app.run()
    assert not app.exception
    assert not app.error
    return app


def pressed(app, key):
    button(app, key).click()
    return shown(app)


def headings(app):
    return [s.value for s in app.subheader]


def infos(app):
    return [i.value for i in app.main.info]


def bars(app):
    """Counts of the charts, by question."""
    data = [json.loads(e.proto.json) for e in app.get("bidi_component")]
    figures = {d["name"]: json.loads(d["figure"]) for d in data if str(d.get("name")).startswith("class-")}
    return [figures[name]["data"][0]["x"] for name in sorted(figures)]


def test_the_teacher_sees_counts_without_names_as_students_predict():
    app = teacher()
    assert "No predictions yet." in [m.value for m in app.main.markdown]
    assert bars(app) == []
    tally.current_poll(LESSON).add("another student", (0, 2))
    shown(app)
    assert "1 student has predicted." in [m.value for m in app.main.markdown]
    predicted(1)
    shown(app)
    assert bars(app) == [[1, 1, 0], [0, 1, 1]]
    assert "2 students have predicted." in [m.value for m in app.main.markdown]
    # Other lessons have other polls.
    pressed(app, "step-previous")
    assert bars(app) == []


def test_students_who_wait_see_the_result_that_the_teacher_reveals():
    app = teacher()
    student = predicted()
    assert headings(student) == ["Predict", "Try it"]
    assert infos(student) == [WAITING]
    assert f"{LESSON}-reveal" not in keys(student)
    # The lesson can be tried meanwhile.
    student.select_slider(key=f"{LESSON}-n").set_value(50)
    assert infos(shown(student)) == [WAITING]
    pressed(app, "class-reveal")
    # The teacher sees the result as well, without a prediction.
    assert headings(app) == ["Predict", "Predictions of the class", "Try it", "Result", "Summary"]
    assert [text.partition("**")[0] for text in infos(app)] == ["Correct is ", "Correct is "]
    assert button(app, "class-reveal").disabled
    # There is no prediction to mark in the teacher's chart.
    assert marks_of(app, f"{LESSON}-all") == ([], [])
    assert len(marks_of(shown(student), f"{LESSON}-all")[0]) == 2
    assert headings(student) == ["Predict", "Try it", "Result", "Summary"]
    assert (len(student.success), len(infos(student))) == (1, 1)
    # The result remains after a reset, which is for those who wait.
    pressed(app, "class-reset")
    assert headings(app) == ["Predict", "Predictions of the class"]
    assert headings(shown(student))[-1] == "Summary"
    # Whoever restarts the lesson is counted again.
    pressed(student, "lesson-over")
    predicted(2, student)
    assert infos(student) == [WAITING]
    assert bars(shown(app)) == [[0, 0, 1], [0, 0, 1]]


def test_a_result_that_was_reset_at_once_reaches_those_who_waited():
    app = teacher()
    student = predicted()
    pressed(app, "class-reveal")
    pressed(app, "class-reset")
    assert headings(shown(student))[-1] == "Summary"


def test_students_who_wait_predict_again_after_a_reset():
    app = teacher()
    student = predicted()
    pressed(app, "class-reset")
    assert headings(shown(student)) == ["Predict"]
    assert [toast.value for toast in student.toast] == ["The class predicts again."]
    assert [radio.value for radio in student.main.radio] == [None, None]
    predicted(1, student)
    assert infos(student) == [WAITING]
    assert bars(shown(app)) == [[0, 1, 0], [0, 1, 0]]


def test_students_alone_and_late_ones_see_the_lesson_as_without_a_classroom():
    alone = predicted()
    assert f"{LESSON}-reveal" in keys(alone)
    # The teacher comes: now the student waits. The teacher opens another lesson: the student goes on.
    app = teacher()
    assert infos(shown(alone)) == [WAITING]
    pressed(app, "step-previous")
    pressed(shown(alone), f"{LESSON}-reveal")
    assert headings(alone)[-1] == "Summary"
    pressed(app, "step-next")
    pressed(app, "class-reveal")
    late = predicted()
    assert not infos(late)
    pressed(late, f"{LESSON}-reveal")
    assert headings(late)[-1] == "Summary"
    assert bars(shown(app)) == [[1, 0, 0], [1, 0, 0]]


def test_a_student_who_has_not_predicted_predicts_first():
    app = teacher()
    student = opened(None, view=LESSON)
    pressed(app, "class-reveal")
    assert headings(shown(student)) == ["Predict"]
    predicted(0, student)
    assert f"{LESSON}-reveal" in keys(student)


def test_the_prediction_of_a_teacher_is_not_counted():
    app = predicted(0, teacher())
    assert "No predictions yet." in [m.value for m in app.main.markdown]
    pressed(app, f"{LESSON}-reveal")
    assert headings(app)[-1] == "Summary"
    assert not tally.current_poll(LESSON).revealed


def test_a_second_teacher_sees_what_the_first_reveals_and_resets():
    first, second = teacher(), teacher()
    pressed(first, "class-reveal")
    assert headings(shown(second))[-1] == "Summary"
    pressed(second, "class-reset")
    assert headings(shown(first)) == ["Predict", "Predictions of the class"]


def test_students_get_no_buttons_of_the_teacher():
    app = predicted()
    assert not {"class-reveal", "class-reset"} & keys(app)
    assert "Predictions of the class" not in headings(app)


def test_actions_of_the_teacher_are_refused_where_they_are_performed():
    poll = tally.current_poll(LESSON)
    app = AppTest.from_function(_act, default_timeout=60).run()
    assert not app.exception
    assert [caption.value for caption in app.caption] == [
        f"{action} needs the teacher's key in classroom mode. Enter the key under Share."
        for action in ("Revealing a result", "Resetting predictions", "Leading a lesson")
    ]
    assert tally.current_poll(LESSON) is poll
    assert not poll.revealed


def _act():
    import streamlit as st

    from ui.server import tally
    from ui.widgets.jobs import run_action

    for action in (tally.reveal, tally.reset, tally.lead):
        run_action(action, "lesson-4")
        st.caption(st.session_state.pop("job_error"))


def test_without_a_classroom_nothing_is_counted(monkeypatch):
    monkeypatch.delenv(classroom.KEY_VARIABLE)
    app = predicted()
    assert headings(app) == ["Predict", "Try it"]
    assert f"{LESSON}-reveal" in keys(app)
    assert tally._polls == {}
    assert not tally.is_led(LESSON)

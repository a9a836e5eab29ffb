"""Predictions of a class: counts, reveal, reset, visitors who leave, and floods."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from imprint_core.errors import ImprintError
from ui.server import classroom, tally
from ui.server.tally import Poll

LESSON = "lesson-4"
SIZES = (3, 3)


@pytest.fixture
def room(monkeypatch):
    """Classroom mode; the visitor can be changed."""
    visitor = SimpleNamespace(session="student", teacher=False, connected={"student", "teacher"}, now=1000.0)

    def enter(session, teacher=False):
        visitor.session, visitor.teacher = session, teacher
        visitor.connected.add(session)

    visitor.enter = enter
    monkeypatch.setenv(classroom.KEY_VARIABLE, "a-teacher's-key")
    monkeypatch.setattr(tally, "_polls", {})
    monkeypatch.setattr(tally, "_leaders", tally._BySession())
    monkeypatch.setattr(tally, "session_id", lambda: visitor.session)
    monkeypatch.setattr(tally, "is_teacher", lambda: visitor.teacher)
    monkeypatch.setattr(classroom, "is_teacher", lambda: visitor.teacher)
    running = SimpleNamespace(is_active_session=lambda session: session in visitor.connected)
    monkeypatch.setattr(tally, "runtime", SimpleNamespace(exists=lambda: True, get_instance=lambda: running))
    monkeypatch.setattr(tally.time, "monotonic", lambda: visitor.now)
    return visitor


def counts():
    return tally.current_poll(LESSON).counts(SIZES)


def test_predictions_are_counted_once_per_session_and_separately_per_lesson(room):
    assert counts() == [[0, 0, 0], [0, 0, 0]]
    for session, prediction in (("a", (0, 1)), ("b", (2, 1)), ("a", (1, 1))):
        room.enter(session)
        assert tally.count_prediction(LESSON, prediction) is tally.current_poll(LESSON)
    assert counts() == [[0, 1, 1], [0, 2, 0]]
    assert tally.current_poll("lesson-1").counts((4,)) == [[0, 0, 0, 0]]


def test_teachers_and_visitors_without_a_classroom_are_not_counted(room, monkeypatch):
    room.enter("teacher", teacher=True)
    assert tally.count_prediction(LESSON, (0, 0)) is None
    room.enter("student")
    monkeypatch.delenv(classroom.KEY_VARIABLE)
    assert tally.count_prediction(LESSON, (0, 0)) is None
    assert sum(counts()[0]) == 0


def test_only_the_teacher_leads_reveals_and_resets(room):
    poll = tally.count_prediction(LESSON, (0, 0))
    for action in (tally.lead, tally.reveal, tally.reset):
        with pytest.raises(ImprintError, match=r"needs the teacher's key in classroom mode\. Enter the key"):
            action(LESSON)
    assert not tally.is_led(LESSON)
    assert tally.current_poll(LESSON) is poll
    assert not poll.revealed
    assert counts()[0] == [1, 0, 0]
    room.enter("teacher", teacher=True)
    tally.lead(LESSON)
    tally.reveal(LESSON)
    assert tally.is_led(LESSON)
    assert poll.revealed
    tally.reset(LESSON)
    assert tally.current_poll(LESSON) is not poll
    assert counts()[0] == [0, 0, 0]


def test_predictions_after_the_result_are_not_counted_until_the_reset(room):
    first = tally.count_prediction(LESSON, (0, 0))
    room.enter("teacher", teacher=True)
    tally.reveal(LESSON)
    room.enter("late")
    assert tally.count_prediction(LESSON, (1, 1)) is None
    room.enter("student")
    assert tally.count_prediction(LESSON, (1, 1)) is None
    assert counts() == [[1, 0, 0], [1, 0, 0]]
    room.enter("teacher", teacher=True)
    tally.reset(LESSON)
    # Whoever waited still gets the result that was revealed.
    assert first.revealed
    room.enter("late")
    assert not tally.count_prediction(LESSON, (1, 1)).revealed
    assert counts() == [[0, 1, 0], [0, 1, 0]]


def test_visitors_who_leave_are_counted_until_they_cannot_come_back(room):
    time_to_live = tally.st.get_option("server.disconnectedSessionTTL")
    for session in ("a", "b"):
        room.enter(session)
        tally.count_prediction(LESSON, (0, 0))
    room.now += 10 * time_to_live
    assert counts()[0] == [2, 0, 0]
    room.connected.discard("a")
    room.now += time_to_live
    assert counts()[0] == [2, 0, 0]
    room.now += 1
    assert counts()[0] == [1, 0, 0]


def test_the_last_lesson_of_each_teacher_is_led_until_the_teacher_leaves(room):
    for session, lesson in (("one", "lesson-1"), ("two", "lesson-2"), ("one", LESSON)):
        room.enter(session, teacher=True)
        tally.lead(lesson)
    assert [tally.is_led(lesson) for lesson in ("lesson-1", "lesson-2", LESSON)] == [False, True, True]
    room.connected.discard("one")
    room.now += tally.st.get_option("server.disconnectedSessionTTL") + 1
    assert [tally.is_led(lesson) for lesson in ("lesson-2", LESSON)] == [True, False]


def test_a_flood_of_sessions_is_bounded(room, monkeypatch):
    monkeypatch.setattr(tally, "_MOST_SESSIONS", 5)
    for i in range(50):
        room.enter(str(i))
        assert bool(tally.count_prediction(LESSON, (0, 0))) == (i < 5)
    assert counts()[0] == [5, 0, 0]
    # Those who are counted can still change their predictions, and others take the place of those who leave.
    room.enter("0")
    assert tally.count_prediction(LESSON, (1, 0))
    room.connected.clear()
    room.now += tally.st.get_option("server.disconnectedSessionTTL") + 1
    room.enter("new")
    assert tally.count_prediction(LESSON, (2, 0))
    assert counts()[0] == [0, 0, 1]


def test_predictions_of_many_threads_are_all_counted(room):
    poll = Poll()
    room.connected |= {str(i) for i in range(200)}

    def predict(i):
        assert poll.add(str(i), (i % 3, 0))
        return sum(poll.counts(SIZES)[0])

    with ThreadPoolExecutor(8) as threads:
        totals = list(threads.map(predict, range(200)))
    assert max(totals) == 200
    assert poll.counts(SIZES) == [[67, 67, 66], [200, 0, 0]]

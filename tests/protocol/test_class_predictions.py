"""Predictions of a class over the protocol: a teacher, students who wait, and forged requests."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.streamlit_client import run_visits, serve, state_of, visit
from imprint_core.cli.serve import KEY_VARIABLE

KEY = "a-teacher's-key"
LESSON = "lesson-4"
# Seconds until a session that has ended is forgotten.
PATIENCE = 40
FIRST, SECOND = (f"{LESSON}-question-{i}" for i in range(2))


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A server in classroom mode, which only the key opens to a teacher."""
    options = ("--server.disconnectedSessionTTL", "1")
    with serve(
        "app.py", *options, **{KEY_VARIABLE: KEY, "IMPRINT_HOME": str(tmp_path_factory.mktemp("home"))}
    ) as server:
        yield server


def bars(page):
    """Counts of the charts, by question."""
    data = [json.loads(element.mixed.json or element.json) for element in page.of_kind("bidi_component")]
    figures = {d["name"]: json.loads(d["figure"]) for d in data if str(d.get("name")).startswith("class-")}
    return [figures[name]["data"][0]["x"] for name in sorted(figures)]


def headings(page):
    return [heading.body for heading in page.of_kind("heading")]


def waits(page):
    return any("The result appears here" in alert.body for alert in page.of_kind("alert"))


async def open_lesson(visitor, view=LESSON, query=""):
    """Open a lesson by its link, as a new session does."""
    return await visitor.run(f"view={view}{query}", page="learn")


async def predict(visitor, option=0):
    options = list(visitor.page.widgets()[FIRST][1].options)
    await visitor.run(widgets={FIRST: options[option], SECOND: options[option]})
    return await visitor.run(widgets={f"{LESSON}-predict": True})


def test_counts_and_the_result_arrive_without_a_rerun_of_the_page(room):
    async def play():
        url = room.url
        async with visit(url) as teacher, visit(url) as first, visit(url) as second, visit(url) as late:
            page = await open_lesson(teacher, query=f"&teacher={KEY}")
            assert bars(page) == []
            assert "No predictions yet." in list(page.texts())
            for student, option in ((first, 0), (second, 2)):
                await open_lesson(student)
                assert waits(await predict(student, option))
            await open_lesson(late)
            # One run of the fragment shows them.
            runs = teacher.runs
            assert bars(await teacher.tick()) == [[1, 0, 1], [1, 0, 1]]
            assert teacher.runs == runs + 1
            assert waits(await first.tick())
            page = await teacher.run(widgets={"class-reveal": True})
            assert "Summary" in headings(page)
            for student in (first, second):
                page = await student.tick()
                assert "Summary" in headings(page)
                assert not page.exceptions + page.errors
            # The browser requests nothing more.
            runs = first.runs
            await first.tick()
            assert first.runs == runs
            page = await predict(late)
            assert not waits(page)
            assert "Summary" not in headings(page)
            assert bars(await teacher.tick()) == [[1, 0, 1], [1, 0, 1]]
            page = await teacher.run(widgets={"class-reset": True})
            assert bars(page) == []

    run_visits(play())


def test_forged_requests_of_a_student_are_refused(room):
    async def play():
        url = room.url
        async with visit(url) as teacher, visit(url) as student, visit(url) as forger:
            # The ids of the teacher's buttons are the same in every session.
            page = await open_lesson(teacher, query=f"&teacher={KEY}")
            forged = [state_of("button", page.widgets()[key][1].id, True) for key in ("class-reveal", "class-reset")]
            await open_lesson(student)
            await predict(student, 1)
            await open_lesson(forger)
            # Answers that are no options, sent with the disabled button.
            for answer in ("", "k = 7", "0", "1", "x" * 10_000):
                page = await forger.run(widgets={FIRST: answer, SECOND: answer, f"{LESSON}-predict": True})
                assert not page.exceptions
            assert bars(await teacher.tick()) == [[0, 1, 0], [0, 1, 0]]
            assert waits(await predict(forger, 2))
            fragments = ["", *forger._progressive]
            for states in (forged, *([state] for state in forged)):
                for fragment in fragments:
                    page = await forger.run(states=tuple(states), fragment=fragment)
                    assert not page.exceptions
                    assert waits(page)
            # Values of the session, as if widgets had them.
            for name in ("teacher_key_given", "$$ID-0123456789abcdef-teacher_key_given"):
                page = await forger.run(states=(WidgetState(id=name, bool_value=True), *forged))
                assert "Predictions of the class" not in headings(page)
            # The same prediction again and again is one prediction.
            for _ in range(3):
                await forger.run(widgets={}, states=tuple(forged))
            assert bars(await teacher.tick()) == [[0, 1, 1], [0, 1, 1]]
            assert waits(await student.tick())
            # The teacher's request is obeyed.
            await teacher.run(states=(forged[0],))
            assert "Summary" in headings(await student.tick())
            await teacher.run(states=(forged[1],))

    run_visits(play())


def test_students_go_on_when_the_teacher_opens_another_lesson_or_leaves(room):
    async def freed(student):
        deadline = time.monotonic() + PATIENCE
        while waits(await student.tick()):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        assert not student.page.exceptions
        return f"{LESSON}-reveal" in student.page.widgets()

    async def play():
        async with visit(room.url) as student:
            async with visit(room.url) as teacher:
                await open_lesson(teacher, query=f"&teacher={KEY}")
                await open_lesson(student)
                assert waits(await predict(student))
                await teacher.run(widgets={"step-next": True})
                assert await freed(student)
                page = await teacher.run(widgets={"step-previous": True})
                assert bars(page) == [[1, 0, 0], [1, 0, 0]]
                assert waits(await student.tick())
                await teacher.run(widgets={"class-reset": True})
                page = await student.tick()
                assert FIRST in page.widgets()
                assert waits(await predict(student))
            assert await freed(student)
        # A student who left is no longer counted.
        async with visit(room.url) as teacher:
            await open_lesson(teacher, query=f"&teacher={KEY}")
            deadline = time.monotonic() + PATIENCE
            while bars(await teacher.tick()):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)

    run_visits(play())

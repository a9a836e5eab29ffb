"""A class over the protocol: forged requests of students, their uploads, and who counts as the teacher."""

from __future__ import annotations

import asyncio
import io
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import connect

from benchmarks.streamlit_client import Server, Visitor, run_visits, serve, state_of, visit
from imprint_core.background.process import read_job
from imprint_core.cli.serve import KEY_VARIABLE, lan_addresses
from imprint_core.embeddings import find_sets
from imprint_core.embeddings.store import SetInfo
from tests.embeddings.test_store import small_set
from tests.pages.test_library import write

KEY = "a-teacher's-key"
# Seconds for what happens in the background.
PATIENCE = 40


@dataclass
class Lesson:
    """A server in classroom mode, which only the key opens to a teacher, and its folder of data."""

    server: Server
    home: Path
    info: SetInfo


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    home = tmp_path_factory.mktemp("class")
    _, info = small_set(home)
    write(info, info.meta["fm"] | {"label": "FM", "dim": 5})
    options = ("--server.disconnectedSessionTTL", "1")
    with serve("app.py", *options, **{KEY_VARIABLE: KEY, "IMPRINT_HOME": str(home)}) as server:
        yield Lesson(server, home, info)


def npz(seed):
    """Embeddings of two classes in a file."""
    X = np.random.default_rng(seed).normal(size=(40, 8)).astype(np.float32)
    file = io.BytesIO()
    np.savez(file, X=X, y=np.arange(40) % 2)
    return file.getvalue()


def buttons(page):
    return {button.label: button for button in page.of_kind("button")}


def press(page, label):
    return state_of("button", buttons(page)[label].id, True)


def options(page, key):
    return list(page.widgets()[key][1].options)


def messages(page):
    return [alert.body.replace("\\", "") for alert in page.of_kind("alert")]


async def select_set(visitor, page, source):
    """Select the row of a set in the Library, as a click does."""
    import pyarrow

    (table,) = page.of_kind("dataframe")
    column = pyarrow.ipc.open_stream(table.arrow_data.data).read_all().to_pydict()["Source"]
    selection = {"selection": {"rows": [column.index(source)], "columns": [], "cells": []}}
    return await visitor.run(states=(WidgetState(id=table.id, string_value=json.dumps(selection)),))


async def save_upload(visitor, seed):
    await visitor.run(page="own_data")
    page = await visitor.upload("own_embeddings", f"upload {seed}.npz", npz(seed))
    return await visitor.run(states=(press(page, "Save embeddings"),))


def uploads(lesson):
    return [info for folder in lesson.home.glob("visitors/*/*/") for info in find_sets(folder)[0].values()]


async def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)


def test_upload_of_a_student_is_invisible_to_another_and_deleted_when_the_student_leaves(lesson):
    async def play():
        async with visit(lesson.server.url) as second:
            async with visit(lesson.server.url) as first:
                page = await save_upload(first, 1)
                assert any(text.startswith("Saved 30 training and 10 test embeddings") for text in messages(page))
                (info,) = uploads(lesson)
                assert info.path.parent.stat().st_mode & 0o77 == 0
                page = await first.run(page="library")
                assert "your upload, until you leave" in list(page.texts())
                link = f"fm={info.fm}&data={info.dataset}"
                page = await first.run(page="explore")
                assert any("8-d" in label for label in options(page, "fm"))
                # Another student sees it neither in lists nor by its link or its names.
                page = await second.run(link, page="explore")
                assert second.query == ""
                assert any(info.dataset in warning.replace("\\", "") for warning in page.warnings)
                assert not any("8-d" in label for label in options(page, "fm"))
                names = [("fm", "Your model (8-d)"), ("data", "upload 1")]
                forged = [state_of("selectbox", page.widgets()[key][1].id, value) for key, value in names]
                page = await second.run(states=tuple(forged))
                assert not page.exceptions
                assert second.query == ""
                for path in ("library", "curves", "compare"):
                    page = await second.run("", page=path)
                    texts = list(page.texts())
                    assert not page.exceptions
                    assert not [text for text in texts if "upload 1" in text or info.dataset in text]
            await wait_until(lambda: not uploads(lesson))
            assert not list(lesson.home.glob("visitors/*/*/"))
            page = await second.run(page="library")
            assert not page.exceptions

    run_visits(play())


def test_class_added_by_a_student_is_a_set_of_this_student_alone(lesson):
    async def play():
        async with visit(lesson.server.url) as other:
            async with visit(lesson.server.url) as student:
                page = await student.run("data=digits&n=5&seeds=1", page="explore")
                page = await student.run(states=(press(page, "Add a class"),))
                dialog = page.fragments[next(p for p in page.fragments if "Imprint class" in str(page.elements[p]))]
                # Of another dataset.
                source = state_of("button_group", page.widgets()["add_source_dialog"][1].id, "Class of another dataset")
                page = await student.run(states=(source,), fragment=dialog)
                page = await student.run(states=(source, press(page, "Imprint class")), fragment=dialog)
                assert not page.exceptions
                assert not page.errors
                assert any("5 shots gave" in text for text in page.texts())
                (info,) = uploads(lesson)
                assert f"data={info.dataset}" in student.query
                page = await other.run(student.query, page="explore")
                assert any(info.dataset in warning.replace("\\", "") for warning in page.warnings)
                assert not [text for text in page.texts() if "airplane" in text and "Available" in text]
                assert "data=" not in other.query
                page = await student.run()
                (label,) = [key for key in page.widgets() if key.startswith("remove_")]
                await student.run(states=(state_of("button", page.widgets()[label][1].id, True),))
                assert not uploads(lesson)
                page = await student.run(states=(press(await student.run(), "Add a class"),))
                await student.run(states=(source, press(page, "Imprint class")), fragment=dialog)
            await wait_until(lambda: not uploads(lesson))

    run_visits(play())


def test_students_can_remove_their_own_upload(lesson):
    async def play():
        async with visit(lesson.server.url) as student:
            await save_upload(student, 2)
            page = await select_set(student, await student.run(page="library"), "your upload, until you leave")
            await student.run(states=(press(page, "Delete set"),))
            assert not uploads(lesson)

    run_visits(play())


def test_quota_gives_one_sentence_and_disturbs_nobody_else(lesson):
    async def play():
        async with visit(lesson.server.url) as student, visit(lesson.server.url) as other:
            for seed in range(10, 15):
                assert "Saved" in messages(await save_upload(student, seed))[-1]
            page = await save_upload(student, 15)
            (sentence,) = page.errors
            assert sentence.startswith("In classroom mode your uploads may be 5 sets of 100 MB in total")
            assert "Saved" in messages(await save_upload(other, 15))[-1]
            assert len(uploads(lesson)) == 6

    run_visits(play())


def test_forged_requests_of_a_student_are_refused(lesson):
    async def play():
        async with visit(lesson.server.url) as teacher, visit(lesson.server.url) as student:
            # The ids of the teacher's buttons are the same in every session.
            page = await teacher.run(f"teacher={KEY}", page="library")
            assert "teacher" not in teacher.query
            page = await select_set(teacher, page, "this machine")
            forged = [press(page, label) for label in ("Embed dataset", "Delete set")]
            page = await teacher.run(page="own_data")
            forged += [state_of("button", button.id, True) for button in page.of_kind("button")]
            page = await student.run(page="library")
            page = await select_set(student, page, "this machine")
            assert buttons(page)["Remove set"].disabled
            for path in ("library", "own_data"):
                for states in (forged, *([state] for state in forged)):
                    page = await student.run(page=path, states=tuple(states))
                    assert not page.exceptions
                    assert "Embed dataset" not in buttons(page)
            # Values of the session, as if widgets had them.
            for name in ("teacher_key_given", "$$ID-0123456789abcdef-teacher_key_given"):
                page = await student.run(page="library", states=(WidgetState(id=name, bool_value=True), *forged))
                assert "Embed dataset" not in buttons(page)
            assert lesson.info.path.is_file()
            assert not list(lesson.home.glob("*.partial"))
            # The same requests of the teacher are obeyed.
            page = await select_set(teacher, await teacher.run(page="library"), "this machine")
            await teacher.run(states=(press(page, "Delete set"),))
            assert not lesson.info.path.exists()

    run_visits(play())


def test_files_in_memory_are_limited_for_each_student(lesson):
    async def play():
        async with visit(lesson.server.url) as student, visit(lesson.server.url) as other:
            await student.run(page="own_data")
            await other.run(page="own_data")
            for number in range(4):
                await student.upload("own_embeddings", f"{number}.npz", bytes(45_000_000))
            with pytest.raises(HTTPError, match="413"):
                await student.upload("own_embeddings", "4.npz", bytes(45_000_000))
            await other.upload("own_embeddings", "0.npz", bytes(45_000_000))

    run_visits(play())


def map_jobs(lesson):
    """Running jobs that compute maps."""
    partials = lesson.home.glob("maps/*/*.partial")
    return [job for job in (read_job(partial.parent, partial.stem) for partial in partials) if job.running]


def test_a_student_cannot_end_the_job_that_another_waits_for(lesson):
    query = "fm=resnet50&data=mnist&n=5&seeds=1&neighbors=50&min_dist=0.8"

    async def play():
        async with visit(lesson.server.url) as first, visit(lesson.server.url) as second:
            for student in (first, second):
                await student.run(query, page="map")
            await wait_until(lambda: map_jobs(lesson))
            await first.run(widgets={"map": "PCA"})
            assert map_jobs(lesson)
            await second.run(widgets={"map": "PCA"})
            assert not map_jobs(lesson)
            # A student who has left no longer waits.
            await second.run(widgets={"map": "UMAP"})
            await wait_until(lambda: map_jobs(lesson))
            async with visit(lesson.server.url) as third:
                await third.run(query, page="map")
            await second.run(widgets={"map": "PCA"})
            assert not map_jobs(lesson)

    run_visits(play())


@pytest.mark.parametrize("key", ["", "x", KEY + "x"])
def test_wrong_key_in_a_link_gives_one_sentence(lesson, key):
    async def play():
        async with visit(lesson.server.url) as student:
            page = await student.run(f"teacher={key}", page="library")
            assert [toast.body.replace("\\", "") for toast in page.of_kind("toast")] == [
                "The teacher's key is wrong. Copy it from the terminal in which the app was started."
            ]
            assert "Embed dataset" not in buttons(page)
            assert student.query == ""

    run_visits(play())


@asynccontextmanager
async def connection(url, **headers):
    """A visitor whose browser or proxy sends these headers."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    address = url.replace("http", "ws") + "/_stcore/stream"
    async with connect(
        address, subprotocols=["streamlit", "none"], additional_headers=fields, max_size=None, ping_interval=None
    ) as socket:
        yield Visitor(socket, url)


def test_browser_on_this_machine_is_the_teacher_and_others_are_not(tmp_path):
    async def may_embed(url, **headers):
        async with connection(url, **headers) as visitor:
            return "Embed dataset" in buttons(await visitor.run(page="library"))

    async def play(server):
        port = server.url.rpartition(":")[2]
        assert await may_embed(server.url)
        assert not await may_embed(server.url, X_Forwarded_For="10.0.0.7")
        assert not await may_embed(server.url, X_Forwarded_For="127.0.0.1")
        assert not await may_embed(server.url, Via="1.1 proxy")
        for address in lan_addresses():
            if ":" not in address:
                assert not await may_embed(f"http://{address}:{port}")
                assert not await may_embed(f"http://{address}:{port}", X_Forwarded_For="127.0.0.1")

    everywhere = ("--server.address", "0.0.0.0")  # noqa: S104
    with serve("app.py", *everywhere, **{KEY_VARIABLE: KEY, "IMPRINT_HOME": str(tmp_path)}) as server:
        run_visits(play(server))


def test_uploads_are_deleted_at_the_end_and_at_the_next_start(tmp_path):
    environment = {KEY_VARIABLE: KEY, "IMPRINT_HOME": str(tmp_path)}
    stored = tmp_path / "visitors"

    async def play(server):
        async with visit(server.url) as student:
            await save_upload(student, 3)
            assert len(list(stored.glob("*/*/own_*.safetensors"))) == 1
            return student

    with serve("app.py", **environment) as server:
        run_visits(play(server))
    assert not list(stored.glob("*/"))
    with serve("app.py", **environment) as server:
        run_visits(play(server))
        server.process.kill()
        server.process.wait()
    assert list(stored.glob("*/"))

    async def look(server):
        async with visit(server.url) as student:
            await student.run(page="library")

    with serve("app.py", **environment) as server:
        run_visits(look(server))
        assert not list(stored.glob("*/"))

"""Classroom mode: who the teacher is, and that the teacher's actions are refused to others where they are performed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.errors import ImprintError
from tests.conftest import ROOT
from tests.embeddings.test_store import small_set
from tests.pages.test_library import write
from ui.server import classroom

KEY = "a-teacher's-key"


@dataclass
class Connection:
    """Address and headers of a browser's connection, as Streamlit reports them."""

    remote_ip: str | None
    headers: list[tuple[str, str]]


def connection(address, host="localhost:8501", **headers):
    return Connection(address, [("host", host), *((name.replace("_", "-"), value) for name, value in headers.items())])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(classroom, "_wrong_keys", {})
    return tmp_path / "home"


@pytest.fixture
def lesson(monkeypatch):
    """Classroom mode. Without a connection, as here, a visitor is a student."""
    monkeypatch.setenv(classroom.KEY_VARIABLE, KEY)


@pytest.fixture
def session(monkeypatch):
    """A new session, for tests that run no app."""
    monkeypatch.setattr(classroom.st, "session_state", {})


def visit(page="library", **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.session_state["goto"] = page
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def labels(app):
    return {button.label for button in app.button}


def test_without_the_mode_every_visitor_may_do_everything():
    assert not classroom.is_classroom()
    assert classroom.is_teacher()
    classroom.require_teacher("Removing a set")
    assert "Embed dataset" in labels(visit())


@pytest.mark.usefixtures("lesson")
def test_student_gets_no_form_of_the_teacher():
    app = visit()
    assert "Embed dataset" not in labels(app)
    assert "In classroom mode the teacher embeds datasets." in [info.value for info in app.info]
    app = visit("own_data")
    assert not {"Save images", "Add class"} & labels(app)
    assert [i.value for i in app.info if "the teacher uploads and embeds images" in i.value]


@pytest.mark.usefixtures("lesson")
def test_key_in_the_link_makes_the_teacher_and_leaves_the_link():
    app = visit(teacher=KEY, data="cifar10")
    assert "Embed dataset" in labels(app)
    assert dict(app.query_params) == {"data": "cifar10"}
    app.session_state["goto"] = "own_data"
    app.run()
    assert "the teacher uploads" not in " ".join(info.value for info in app.info)


@pytest.mark.usefixtures("lesson")
@pytest.mark.parametrize("key", ["", "x", KEY + "x", KEY[:-1], "é", "0" * 100_000])
def test_wrong_key_gives_one_sentence_and_no_rights(key):
    app = visit(teacher=key)
    assert "Embed dataset" not in labels(app)
    assert "teacher" not in app.query_params
    assert [toast.value.replace("\\", "") for toast in app.toast] == [
        "The teacher's key is wrong. Copy it from the terminal in which the app was started."
    ]


@pytest.mark.usefixtures("lesson", "session")
def test_many_wrong_keys_block_their_address_only(monkeypatch):
    address = connection("10.0.0.7")
    clock = [100.0]
    monkeypatch.setattr(classroom, "_client", lambda: address)
    monkeypatch.setattr(classroom.time, "monotonic", lambda: clock[0])
    for _ in range(10):
        with pytest.raises(ImprintError, match="key is wrong"):
            classroom.give_key("x")
    with pytest.raises(ImprintError, match="Too many wrong keys"):
        classroom.give_key(KEY)
    address.remote_ip = "10.0.0.8"
    classroom.give_key(KEY)
    address.remote_ip = "10.0.0.7"
    clock[0] += 60
    classroom.give_key(KEY)
    assert not classroom._wrong_keys


@pytest.mark.usefixtures("lesson", "session")
@pytest.mark.parametrize(
    ("client", "local"),
    [
        (connection("127.0.0.1"), True),
        (connection("127.0.0.1", "127.0.0.1:8501"), True),
        (connection("::1", "[::1]:8501"), True),
        (connection("::1", "localhost"), True),
        (None, False),
        (connection("192.168.1.20"), False),
        (connection("192.168.1.20", "localhost:8501"), False),
        (connection(None), False),
        # A page that resolves its own name to this machine.
        (connection("127.0.0.1", "example.com:8501"), False),
        (connection("127.0.0.1", "localhost.example.com"), False),
        (connection("127.0.0.1", ""), False),
        (connection("127.0.0.1", "[::1"), False),
        # Reverse proxies on this machine.
        (connection("127.0.0.1", x_forwarded_for="10.0.0.7"), False),
        (connection("127.0.0.1", Forwarded="for=10.0.0.7"), False),
        (connection("127.0.0.1", X_Real_IP="127.0.0.1"), False),
        (connection("127.0.0.1", "imprint.example.com"), False),
    ],
)
def test_browser_on_this_machine_is_the_teacher_unless_a_proxy_is_between(client, local, monkeypatch):
    monkeypatch.setattr(classroom, "_client", lambda: client)
    monkeypatch.setattr(classroom.st, "get_option", {"server.address": "192.168.1.5"}.get)
    assert classroom.is_teacher() == local


@pytest.mark.usefixtures("lesson", "session")
@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_only_the_key_counts_where_the_server_is_reached_through_a_proxy(address, monkeypatch):
    monkeypatch.setattr(classroom, "_client", lambda: connection("127.0.0.1"))
    monkeypatch.setattr(classroom.st, "get_option", {"server.address": address}.get)
    assert not classroom.is_teacher()


def actions():
    """Run each action of the teacher; the session stores the errors."""
    from pathlib import Path
    from types import SimpleNamespace

    import streamlit as st

    from imprint_core.datasets import dataset
    from imprint_core.models import foundation_model
    from ui.panels.library import sets
    from ui.panels.own_data import images
    from ui.widgets import downloads, jobs

    target = SimpleNamespace(path=Path("fm__data.safetensors"))
    performed = [sets._remove, images._delete, jobs._stop, jobs._discard, jobs._resume, downloads._stop]
    for action in performed:
        jobs.run_action(action, target)
        st.caption(st.session_state.pop("job_error"))
    jobs.start_embedding(foundation_model("squeezenet1_1"), dataset("digits"), 1, 1)
    images._show_result(*images._save(lambda folder, progress: None))


@pytest.mark.usefixtures("lesson")
def test_each_action_of_the_teacher_is_refused_where_it_is_performed(home):
    app = AppTest.from_function(actions, default_timeout=60).run()
    assert not app.exception
    sentences = [element.value.replace("\\", "") for element in [*app.caption, *app.error]]
    assert len(sentences) == 8
    assert all(s.endswith(" needs the teacher's key in classroom mode. Enter the key under Share.") for s in sentences)
    assert not home.exists()


def details():
    """Draw the details of the user's set, for a visitor who may have come by the teacher's link."""
    from ui.compute import results
    from ui.panels.library.sets import _show_details
    from ui.server.classroom import read_key_of_link

    read_key_of_link()
    for info in results.sets()[0].values():
        if not info.bundled:
            _show_details(info)


@pytest.mark.usefixtures("lesson")
@pytest.mark.parametrize("key", ["", KEY])
def test_student_cannot_remove_a_set_and_the_teacher_can(home, key):
    _, info = small_set(home)
    write(info, info.meta["fm"] | {"label": "FM", "dim": 5})
    app = AppTest.from_function(details, default_timeout=60)
    app.query_params["teacher"] = key
    app.run()
    assert not app.exception
    (remove,) = (button for button in app.button if button.label in ("Remove set", "Delete set"))
    assert remove.disabled == (not key)
    if key:
        remove.click().run()
    assert info.path.exists() == (not key)


@pytest.mark.usefixtures("lesson")
def test_key_is_given_in_the_share_dialog():
    app = visit("explore", fm="vit_tiny_patch16_224", data="digits", seeds="1")
    app.button(key="share").click().run()
    app.text_input(key="teacher_key").input("x")
    next(b for b in app.button if b.label == "Use key").click().run()
    assert ["key is wrong" in error.value for error in app.error] == [True]
    app.text_input(key="teacher_key").input(KEY)
    next(b for b in app.button if b.label == "Use key").click().run()
    assert "You are the teacher of this class." in [caption.value for caption in app.caption]

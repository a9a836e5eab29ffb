import asyncio

import streamlit as st

from ui.server.preload import PreloadScript


def headers_of(content_type, scope="http"):
    sent = []

    async def app(scope, receive, send):
        headers = [(b"content-type", content_type), (b"etag", b"x")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"text"})

    async def send(message):
        sent.append(message)

    asyncio.run(PreloadScript(app, "app/static/x.js")({"type": scope}, None, send))
    assert sent[1] == {"type": "http.response.body", "body": b"text"}
    return dict(sent[0]["headers"])


def test_html_pages_name_the_script(monkeypatch):
    assert headers_of(b"text/html; charset=utf-8")[b"link"] == b"</app/static/x.js>; rel=preload; as=script"
    monkeypatch.setattr(st, "get_option", lambda name: "/class/a/")
    assert headers_of(b"text/html")[b"link"] == b"</class/a/app/static/x.js>; rel=preload; as=script"


def test_other_answers_are_unchanged():
    assert headers_of(b"text/css") == {b"content-type": b"text/css", b"etag": b"x"}
    assert b"link" not in headers_of(b"text/html", "websocket")

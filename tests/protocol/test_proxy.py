"""Two servers behind nginx, with the configuration that docs/deploy.md offers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from benchmarks.streamlit_client import Server, Visitor, run_visits, serve, visit
from tests.conftest import ROOT
from ui.charts.plot import SOURCE

CONFIGURATION = ROOT / "docs/deploy/nginx.conf"
# What Debian's /etc/nginx/nginx.conf contains around it, for a process without privileges.
MAIN = """daemon off; pid nginx.pid; events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; scgi_temp_path scgi; uwsgi_temp_path uwsgi;
    {configuration}
}}
"""


@pytest.fixture(scope="module")
def nginx() -> str:
    path = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        if os.environ.get("IMPRINT_BROWSER_REQUIRED"):
            pytest.fail("tests of the reverse proxy are required, but nginx is missing: apt-get install nginx-light")
        pytest.skip("nginx is missing; on Debian: apt-get install nginx-light")
    return path


@contextmanager
def proxy(nginx: str, *servers: Server) -> Iterator[str]:
    """Run nginx on a free port, without privileges; yield its address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    text = CONFIGURATION.read_text(encoding="utf-8").replace("listen 80;", f"listen 127.0.0.1:{port};")
    for documented, server in zip((":8501", ":8502"), servers, strict=True):
        assert documented in text
        text = text.replace(documented, server.url.removeprefix("http://127.0.0.1"))
    # Not in pytest's folder, which other users cannot enter.
    with tempfile.TemporaryDirectory() as name:
        folder, user = Path(name), {}
        (folder / "nginx.conf").write_text(MAIN.format(configuration=text), encoding="utf-8")
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        with (folder / "errors.log").open("wb") as log:
            process = subprocess.Popen([nginx, "-p", name, "-c", "nginx.conf", "-e", "stderr"], stderr=log, **user)
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                    break
                except OSError:
                    assert process.poll() is None, (folder / "errors.log").read_text()
                    assert time.monotonic() < deadline, "nginx did not start"
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def request(url: str, cookie: str = "", **headers: str) -> Any:
    """The server's response, also if that is an error."""
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers={"Cookie": cookie, **headers}))  # noqa: S310
    except urllib.error.HTTPError as error:
        return error


def server_cookie(url: str, cookie: str = "") -> str:
    """The cookie with the visitor's server, as the browser has it after it has read a page."""
    set_now = [header.split(";")[0] for header in request(url, cookie).headers.get_all("Set-Cookie", [])]
    return next((header for header in set_now if header.startswith("imprint_server=")), cookie)


def session_count(server: Server) -> int:
    lines = request(f"{server.url}/_stcore/metrics").read().decode().splitlines()
    return int(next(line.split()[-1] for line in lines if line.startswith("active_sessions ")))


async def upload_works(visitor: Visitor) -> None:
    """Check that the server which runs the visitor's session has a file that the visitor sends."""
    await visitor.run(page="own_data")
    page = await visitor.upload("own_zip", "notes.zip", b"no zip")
    assert [text.default for text in page.of_kind("text_input")] == ["notes"]


@pytest.fixture(scope="module")
def servers(nginx, tmp_path_factory) -> Iterator[tuple[str, Server, Server]]:
    """The address of the proxy, and the two servers, which share a folder."""
    home = str(tmp_path_factory.mktemp("home"))
    with (
        serve(IMPRINT_HOME=home) as first,
        serve(IMPRINT_HOME=home) as second,
        proxy(nginx, first, second) as url,
    ):
        yield url, first, second


def test_the_proxy_passes_files_and_refuses_what_is_not_for_visitors(servers):
    url, first, _ = servers

    async def visit_from(origin: str) -> None:
        async with visit(url, origin=origin):
            pass

    assert request(f"{first.url}/_stcore/metrics").status == 200
    assert request(f"{url}/_stcore/metrics").status == 404
    assert request(f"{url}/_stcore/upload_file/session/file", **{"Content-Length": str(510 * 2**20)}).status == 413
    run_visits(visit_from(url))
    with pytest.raises(InvalidStatus, match="403"):
        run_visits(visit_from("http://imprint.example"))


def test_visitors_stay_with_a_server_while_it_runs(servers):
    url, first, second = servers

    async def come_and_go() -> None:
        async with AsyncExitStack() as stack:
            visitors: dict[str, list[Visitor]] = {"imprint_server=a": [], "imprint_server=b": []}
            for _ in range(4):
                cookie = server_cookie(url)
                visitors[cookie].append(await stack.enter_async_context(visit(url, cookie=cookie)))
                # There is no reason to change the cookie.
                assert server_cookie(url, cookie) == cookie
            on_first, on_second = visitors.values()
            # The next visitor gets the server with the fewest connections.
            assert len(on_first) == len(on_second) == 2
            assert [session_count(first), session_count(second)] == [2, 2]
            for visitor in (*on_first, *on_second):
                page = await visitor.run("data=digits&k=3")
                assert page.metrics["Accuracy"].endswith(" %")
                assert not page.exceptions + page.errors
                assert request(url + visitor.icon, visitor.cookie).headers["Content-Type"] == "image/png"
            await upload_works(on_first[0])
            await upload_works(on_second[0])
            script = request(f"{url}/{SOURCE}")
            assert int(script.headers["Content-Length"]) > 1_000_000

            first.process.terminate()
            first.process.wait()
            with pytest.raises(ConnectionClosed):
                await on_first[1].run()
            expected = (await on_second[1].run(widgets={"k": 5})).metrics
            # The others' browsers connect again and send their links.
            cookie = server_cookie(url, "imprint_server=a")
            assert cookie == server_cookie(url) == "imprint_server=b"
            moved = await stack.enter_async_context(visit(url, cookie=cookie))
            page = await moved.run("data=digits&k=5")
            assert page.metrics == expected
            await upload_works(moved)

    run_visits(come_and_go())

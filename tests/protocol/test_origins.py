import os
import subprocess
import sys

import pytest
from websockets.exceptions import InvalidStatus

from benchmarks.streamlit_client import Server, recording_environment, run_visits, serve, visit


def open_session(server: Server, address: str, origin: str | None = None) -> None:
    """Open a session as the browser does that shows `address`, and run the script of a page without figures."""

    async def library():
        url = server.url.replace("127.0.0.1", address)
        async with visit(url, origin, host="127.0.0.1") as visitor:
            return await visitor.run(page="library")

    assert run_visits(library()).of_kind("heading")


@pytest.mark.parametrize("options", [(), ("--server.address", "0.0.0.0")], ids=["this machine", "all addresses"])  # noqa: S104
def test_a_page_of_another_origin_is_refused_and_nothing_is_requested(options):
    # The first connection of a new server, before it has run the script.
    with serve("app.py", *options) as server:
        for origin in ("http://attacker.example", "https://127.0.0.1.attacker.example:8501", "null"):
            with pytest.raises(InvalidStatus, match="403"):
                open_session(server, "127.0.0.1", origin)
        assert server.outside_connections() == []
        assert "No runtime found" not in server.log()


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "[::1]"])
def test_the_servers_own_pages_open_sessions(server: Server, address: str):
    open_session(server, address)
    assert server.outside_connections() == []


def test_an_allowed_origin_opens_sessions_and_nothing_is_requested():
    with serve("app.py", "--server.corsAllowedOrigins", "https://classroom.example") as server:
        open_session(server, "127.0.0.1", "https://classroom.example")
        assert server.outside_connections() == []


def test_connections_to_other_machines_are_recorded(tmp_path):
    # An address for documentation, to which no machine answers.
    script = "import socket\nsocket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    subprocess.run([sys.executable, "-c", script], env={**os.environ, **recording_environment(tmp_path)}, check=False)
    assert (tmp_path / "connections").read_text() == "socket.connect 192.0.2.1\n"

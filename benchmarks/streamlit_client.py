"""A visitor of the running app that speaks Streamlit's websocket protocol, and the server process.

A visitor does what Streamlit's page in a browser does: it sends the link and the values of widgets, keeps the elements
that the server sends, and requests the next slice of progressive figures. What it sends need not be valid.

    with serve() as server:
        async with visit(server.url) as visitor:
            page = await visitor.run("fm=resnet50&k=3", page="map")
            page = await visitor.run(widgets={"k": 5})
            print(page.metrics, page.errors)
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
# The field of a widget's state in which the browser sends its value. Components send JSON.
VALUE_FIELDS = {
    "bidi_component": "json_value",
    "button": "trigger_value",
    "button_group": "string_array_value",
    "checkbox": "bool_value",
    "download_button": "trigger_value",
    "multiselect": "string_array_value",
    "number_input": "double_value",
    "radio": "string_value",
    "selectbox": "string_value",
    "slider": "string_array_value",
    "text_area": "string_value",
    "text_input": "string_value",
}
# Seconds without a message after which a server is considered stuck.
PATIENCE = 120.0
_ERROR, _WARNING = 1, 2


@dataclass(frozen=True)
class Server:
    """A running server: its address, process, and the folder of its log."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    def log(self) -> str:
        """What the server printed."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def outside_connections(self) -> list[str]:
        """Hosts that the server looked up, connected to or sent data to, other than this machine."""
        record = self.folder / "connections"
        return record.read_text(encoding="utf-8").splitlines() if record.exists() else []

    def memory(self) -> int:
        """Resident memory in MiB (Linux)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def serve(script: str = "app.py", *options: str, **environment: str) -> Iterator[Server]:
    """Run a script with Streamlit on a free port, without the sets of this machine."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    arguments = ["--server.port", str(port), "--server.headless", "true", *options]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = recording_environment(folder) | {"IMPRINT_HOME": name} | environment
        with (folder / "server.log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", script, *arguments],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            server = Server(f"http://127.0.0.1:{port}", process, folder)
            _wait_until_healthy(server)
            yield server
        finally:
            process.terminate()
            process.wait()


def recording_environment(folder: Path) -> dict[str, str]:
    """Variables with which a Python process records its connections to other machines in `folder`."""
    path = os.pathsep.join([str(ROOT / "benchmarks/audit"), str(ROOT)])
    return {"PYTHONPATH": path, "OUTSIDE_CONNECTIONS": str(folder / "connections")}


def _wait_until_healthy(server: Server) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=1)
            return
        except OSError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {server.log()}") from None
            time.sleep(0.1)


@dataclass
class Page:
    """The elements of a page, by their position."""

    elements: dict[tuple[int, ...], Element] = field(default_factory=dict)
    # The fragment of each element that has one.
    fragments: dict[tuple[int, ...], str] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[Any]:
        """The elements of a kind, such as metric, in their order on the page."""
        return [getattr(self.elements[path], kind) for path in sorted(self.elements) if self.kind(path) == kind]

    def kind(self, path: tuple[int, ...]) -> str:
        return self.elements[path].WhichOneof("type") or ""

    @property
    def exceptions(self) -> list[str]:
        """Uncaught exceptions, with type, message and stack trace."""
        return [
            f"{e.type}: {e.message} {' '.join(line.strip() for line in e.stack_trace)}"
            for e in self.of_kind("exception")
        ]

    @property
    def errors(self) -> list[str]:
        """The texts of error messages."""
        return [alert.body for alert in self.of_kind("alert") if alert.format == _ERROR]

    @property
    def warnings(self) -> list[str]:
        """The texts of warnings."""
        return [alert.body for alert in self.of_kind("alert") if alert.format == _WARNING]

    @property
    def metrics(self) -> dict[str, str]:
        """The values of metrics by their labels."""
        return {metric.label: metric.body for metric in self.of_kind("metric")}

    def widgets(self) -> dict[str, tuple[str, Any]]:
        """Kind and message of every widget with a key, by key."""
        widgets = {}
        for path in sorted(self.elements):
            kind = self.kind(path)
            message = getattr(self.elements[path], kind) if kind else None
            key = widget_key(getattr(message, "id", ""))
            if key:
                widgets[key] = (kind, message)
        return widgets

    def texts(self) -> Iterator[str]:
        """All texts, also those in figures and tables."""
        for path in sorted(self.elements):
            kind = self.kind(path)
            message = getattr(self.elements[path], kind) if kind else None
            if kind == "bidi_component":
                yield from _texts_of_json(_component_data(message))
            elif kind == "dataframe":
                yield from _texts_of_table(message.arrow_data.data)
            elif message is not None:
                yield from _texts_of_message(message)


def widget_key(widget_id: str) -> str:
    """The key that the app gave a widget; empty without one."""
    parts = widget_id.split("-", 2)
    return parts[2] if len(parts) == 3 and parts[0] == "$$ID" and parts[2] != "None" else ""


def _component_data(message: Any) -> str:
    return message.mixed.json if message.WhichOneof("data") == "mixed" else message.json


def _texts_of_json(text: str) -> Iterator[str]:
    """The strings and non-finite numbers of JSON, without the coded arrays of figures."""
    try:
        value = json.loads(text)
    except ValueError:
        if text:
            yield text
        return
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if key not in ("bdata", "source", "regions"):
                # Figures are JSON within JSON.
                yield from _texts_of_json(item if isinstance(item, str) else json.dumps(item))
    elif isinstance(value, str) or value != value:
        yield str(value)


def _texts_of_table(data: bytes) -> Iterator[str]:
    import pyarrow

    for column in pyarrow.ipc.open_stream(data).read_all().to_pydict().values():
        yield from map(str, column)


def _texts_of_message(message: Any) -> Iterator[str]:
    for descriptor, value in message.ListFields():
        if descriptor.name == "id":
            continue
        for item in value if descriptor.is_repeated else [value]:
            if isinstance(item, str):
                yield item
            elif hasattr(item, "ListFields"):
                yield from _texts_of_message(item)


class Visitor:
    """A session of one visitor: the page that it sees, and the link."""

    def __init__(self, connection: ClientConnection, url: str, cookie: str = "") -> None:
        self._connection = connection
        self._url = url
        self.cookie = cookie
        self.session_id = ""
        self.page = Page()
        self.query = ""
        # URL path of the current page, which the server knows by a hash once it has run.
        self.path = ""
        self._hashes: dict[str, str] = {}
        # Address of the page's icon, a file that the server holds for the visitor.
        self.icon = ""
        # Number of runs that have ended.
        self.runs = 0
        # Fragments that the browser is to run again.
        self._progressive: set[str] = set()
        # States of file widgets, which a browser sends with every run.
        self._uploaded: dict[str, WidgetState] = {}

    async def run(
        self,
        query: str | None = None,
        page: str | None = None,
        widgets: Mapping[str, Any] | None = None,
        states: tuple[WidgetState, ...] = (),
        fragment: str = "",
    ) -> Page:
        """Run the script, and return the page.

        Parameters
        ----------
        query : str, optional
            The link's part after the question mark; default: the current one.
        page : str, optional
            URL path of a page; default: the current one.
        widgets : mapping, optional
            Values by the widgets' keys, as the browser sends them.
        states : tuple of WidgetState, optional
            Forged states, sent as they are.
        fragment : str, optional
            The fragment to run; default: the whole page.
        """
        await self.request(query, page, widgets, states, fragment)
        return await self.wait(fragment)

    async def request(
        self,
        query: str | None = None,
        page: str | None = None,
        widgets: Mapping[str, Any] | None = None,
        states: tuple[WidgetState, ...] = (),
        fragment: str = "",
    ) -> None:
        """Request a run without waiting for it; the parameters are those of `run`."""
        self.query = self.query if query is None else query
        self.path = self.path if page is None else page
        message = BackMsg()
        request = message.rerun_script
        request.query_string, request.fragment_id = self.query, fragment
        if self.path in self._hashes:
            request.page_script_hash = self._hashes[self.path]
        else:
            request.page_name = self.path
        present = self.page.widgets()
        for key, value in (widgets or {}).items():
            kind, widget = present[key]
            request.widget_states.widgets.append(state_of(kind, widget.id, value))
        request.widget_states.widgets.extend([*self._uploaded.values(), *states])
        await self._connection.send(message.SerializeToString())

    async def wait(self, fragment: str = "") -> Page:
        """Read messages until a run of the page, or of a fragment, has ended."""
        updated: set[tuple[int, ...]] = set()
        fragments = {fragment} - {""}
        while True:
            message = await self._receive()
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session_id = message.new_session.initialize.session_id
                # A fragment may start a run of the whole page, which ends the repetition of fragments.
                fragments = set(message.metadata.run.fragment_ids)
                if not fragments:
                    self._progressive.clear()
                updated.clear()
            elif kind == "navigation":
                pages = message.navigation.app_pages
                self._hashes = {page.url_pathname: page.page_script_hash for page in pages}
                self._hashes[""] = next(page.page_script_hash for page in pages if page.is_default)
                current = message.navigation.page_script_hash
                self.path = next(path for path, page in self._hashes.items() if page == current)
            elif kind == "page_info_changed":
                self.query = message.page_info_changed.query_string
            elif kind == "page_config_changed":
                self.icon = message.page_config_changed.favicon
            elif kind == "auto_rerun":
                self._progressive.add(message.auto_rerun.fragment_id)
            elif kind == "stop_auto_rerun":
                self._progressive.discard(message.stop_auto_rerun.fragment_id)
            elif kind == "delta":
                path = tuple(message.metadata.delta_path)
                updated.add(path)
                self._apply(path, message.delta)
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue
                self.runs += 1
                self._remove_stale(updated, fragments)
                return self.page

    def _apply(self, path: tuple[int, ...], delta: Any) -> None:
        if delta.WhichOneof("type") == "new_element":
            self.page.elements[path] = delta.new_element
            self.page.fragments[path] = delta.fragment_id
        else:
            # A block replaces an element at its position.
            self.page.elements.pop(path, None)
            self.page.fragments.pop(path, None)

    def _remove_stale(self, updated: set[tuple[int, ...]], fragments: set[str]) -> None:
        """Remove the elements that a run of the page, or of fragments, did not draw again."""
        for path in set(self.page.elements) - updated:
            if not fragments or self.page.fragments[path] in fragments:
                del self.page.elements[path], self.page.fragments[path]

    async def settle(self, seconds: float) -> Page:
        """Run the fragments of progressive figures, as the browser does, until they are complete or the time is up."""
        end = time.monotonic() + seconds
        while self._progressive:
            for fragment in sorted(self._progressive):
                if time.monotonic() > end:
                    return self.page
                if fragment in self._progressive:
                    await self.run(fragment=fragment)
        return self.page

    async def tick(self) -> Page:
        """Run once the fragments that the browser repeats."""
        for fragment in sorted(self._progressive):
            if fragment in self._progressive:
                await self.run(fragment=fragment)
        return self.page

    async def upload(self, key: str, name: str, content: bytes) -> Page:
        """Send a file to the server, select it in the file widget with a key, and run the script."""
        message = BackMsg()
        message.file_urls_request.request_id = name
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self.session_id
        await self._connection.send(message.SerializeToString())
        response = (await self._receive("file_urls_response")).file_urls_response
        urls = response.file_urls[0]
        await asyncio.to_thread(_put, self._url + urls.upload_url, name, content, self.cookie)
        state = WidgetState(id=self.page.widgets()[key][1].id)
        uploaded = state.file_uploader_state_value.uploaded_file_info.add()
        uploaded.name, uploaded.size, uploaded.file_id = name, len(content), urls.file_id
        uploaded.file_urls.CopyFrom(urls)
        self._uploaded[key] = state
        return await self.run()

    async def _receive(self, kind: str = "") -> ForwardMsg:
        """Return the next message, of a kind if one is given."""
        while True:
            message = ForwardMsg()
            raw = await asyncio.wait_for(self._connection.recv(), PATIENCE)
            message.ParseFromString(raw if isinstance(raw, bytes) else raw.encode())
            if not kind or message.WhichOneof("type") == kind:
                return message

    async def send(self, data: bytes) -> None:
        """Send bytes that need not be a message."""
        await self._connection.send(data)


def state_of(kind: str, widget_id: str, value: Any) -> WidgetState:
    """The state of a widget with a value, as the browser sends it."""
    state = WidgetState(id=widget_id)
    name = VALUE_FIELDS[kind]
    if name == "string_array_value":
        values = value if isinstance(value, (list, tuple)) else [value]
        state.string_array_value.data.extend(map(str, values))
    elif name == "json_value":
        state.json_value = value if isinstance(value, str) else json.dumps(value)
    elif name == "string_value":
        state.string_value = str(value)
    else:
        setattr(state, name, value)
    return state


def _put(url: str, name: str, content: bytes, cookie: str) -> None:
    """Upload a file as the browser does, with the token that a page of the same origin can read."""
    origin = "/".join(url.split("/")[:3])
    with urllib.request.urlopen(f"{origin}/_stcore/health") as response:
        cookies = [header.split(";")[0] for header in response.headers.get_all("Set-Cookie")]
    token = next(cookie for cookie in cookies if cookie.startswith("_streamlit_xsrf="))
    boundary = "----imprint"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Cookie": f"{token}; {cookie}",
        "X-Xsrftoken": token.split("=", 1)[1],
    }
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT")).close()


def run_visits(visits: Coroutine[Any, Any, T]) -> T:
    """Run visits and return their result; in a separate thread, because Playwright's event loop may run in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, visits).result()


@asynccontextmanager
async def visit(
    url: str, origin: str | None = None, cookie: str = "", host: str | None = None
) -> AsyncIterator[Visitor]:
    """Open a session at a server's address; `origin` is the page that opens it, by default the server's own.

    `cookie` is what the visitor sends with each request; `host` replaces the address that is connected to.
    """
    async with connect(
        url.replace("http", "ws", 1) + "/_stcore/stream",
        host=host,
        # Streamlit reads the second one as a token.
        subprotocols=["streamlit", "none"],  # type: ignore[list-item]
        origin=origin or url,  # type: ignore[arg-type]
        max_size=None,
        open_timeout=PATIENCE,
        ping_interval=None,
        additional_headers={"Cookie": cookie} if cookie else None,
    ) as connection:
        yield Visitor(connection, url, cookie)

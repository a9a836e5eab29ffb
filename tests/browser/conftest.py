"""The running app in headless Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import ROOT

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
# A desktop screen and a phone.
SCREENS = pytest.mark.parametrize(
    "visit", [{"width": 1280}, {"width": 390, "height": 844}], indirect=True, ids=["1280", "390"]
)
ALL_DRAWN = [
    f'.imprint-plot[data-name="{n}"][data-drawn]' for n in ("map", "confusion", "accuracy-over-k", "nc1-over-shots")
]

# Notes when a page requests a run of the server (field 11 of its message), and when it receives.
NOTE_MESSAGES = """
  window.WebSocket = class extends WebSocket {
    constructor(...where) {
      super(...where);
      this.addEventListener("message", () => { window.receivedAt = performance.now(); });
    }
    send(message) {
      if (message[0] === 0x5a) window.sentAt = performance.now();
      super.send(message);
    }
  };
"""
WAITS = count()
# Nothing changed at 8 looks, 50 ms apart: widgets send a change after 0.2 s. Looks, not time: a page that gets no
# processor time doesn't look either. Each wait starts again.
SETTLED = """(wait) => {
  const state = document.querySelector("[data-testid=stApp]").dataset.testScriptState;
  const { receivedAt = 0, sentAt = 0 } = window;
  const drawn = [...document.querySelectorAll(".imprint-plot")].map((e) => e.dataset.drawn);
  const seen = [wait, state, receivedAt, sentAt, ...drawn].join();
  window.looks = window.lastSeen === seen ? window.looks + 1 : 0;
  window.lastSeen = seen;
  const busy = document.querySelector(".imprint-plot[aria-busy=true]");
  return state === "notRunning" && receivedAt >= sentAt && !busy && window.looks >= 8;
}"""


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            # A loaded machine can keep a browser from answering in time. Such a test is tried once more, and the
            # summary lists it as RERUN; what isn't as expected fails at once.
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=["TimeoutError"]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add the state of the page to the report of a failed test."""
    report = yield
    visit = getattr(item, "funcargs", {}).get("visit")
    if report.when == "call" and report.failed and isinstance(visit, Visit):
        report.sections.append(("page", visit.state()))
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("IMPRINT_BROWSER_REQUIRED"):
            pytest.fail("browser tests are required, but Chromium is missing; on Debian: apt-get install chromium")
        pytest.skip("Chromium is missing; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()


@contextmanager
def serve(script: str = "app.py", **environment: str) -> Iterator[str]:
    """Run the app or another script on a free port; yield its address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    app = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url + "_stcore/health", timeout=1)  # noqa: S310 - local address
            break
        except OSError:
            assert app.poll() is None, "the app ended at once"
            assert time.monotonic() < deadline, "the app did not start"
            time.sleep(0.1)
    try:
        yield url
    finally:
        app.terminate()
        app.wait()


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> Iterator[str]:
    # An empty home, so that sets of this machine are not listed.
    with serve(IMPRINT_HOME=str(tmp_path_factory.mktemp("home"))) as url:
        yield url


class Visit:
    """A browser page with its console errors and requests to other hosts."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        self.outside: list[str] = []
        self._listeners = {
            "pageerror": lambda error: self.errors.append(str(error)),
            "console": lambda m: self.errors.append(m.text) if m.type == "error" else None,
            "request": self._note,
        }
        for event, listener in self._listeners.items():
            page.on(event, listener)

    def end(self) -> None:
        """Stop listening; the tab is used again."""
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)

    def leave(self, address: str) -> None:
        """Prepare the tab for the next visit: without permissions, cookies, storage, and a pointer over the page."""
        self.end()
        page = self.page
        page.context.clear_permissions()
        page.context.clear_cookies()
        # A small page of the same server: the browser's process, which has compiled the scripts, goes on.
        page.goto(address + "_stcore/health")
        page.evaluate("localStorage.clear(), sessionStorage.clear()")
        page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        page.mouse.move(0, 0)

    def _note(self, request):
        if not request.url.startswith((self.address, "data:", "blob:", self.address.replace("http", "ws"))):
            self.outside.append(request.url)

    def errors_of_ours(self) -> list[str]:
        """Console errors, except for Streamlit's requests of missing files at a page's path."""
        return [error for error in self.errors if "404" not in error]

    def open(self, query: str = "") -> Page:
        self.page.goto(self.address + query)
        self.wait()
        return self.page

    def wait(self) -> None:
        for selector in ALL_DRAWN:
            self.page.wait_for_selector(selector, timeout=60_000)

    def settle(self) -> None:
        """Wait until the server has answered, the script has ended, and no figure changes any more."""
        self.page.wait_for_function(SETTLED, arg=next(WAITS), polling=50, timeout=60_000)

    def pictures_fit(self) -> None:
        """Check that every figure is drawn, has a text alternative, and fits the screen."""
        for plot in self.page.query_selector_all(".imprint-plot"):
            assert plot.query_selector(".main-svg")
            assert plot.get_attribute("aria-label")
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # Streamlit's main pane scrolls separately.
        pane = "document.querySelector('[data-testid=stMain]')"
        assert self.page.evaluate(f"{pane}.scrollWidth <= {pane}.clientWidth + 1")
        overflowing = self.page.evaluate(
            """[...document.querySelectorAll('.imprint-plot .main-svg')].filter((e) => {
              const r = e.getBoundingClientRect();
              return r.width > 0 && (r.right > innerWidth + 1 || r.left < -1);
            }).length"""
        )
        assert overflowing == 0

    def pictures_fit_in_both(self) -> None:
        """Check the figures in the light and the dark theme."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            self.settle()
            self.pictures_fit()

    def state(self) -> str:
        """Return what the page shows, for the report of a failure."""
        return str(
            self.page.evaluate(
                """() => [
                  location.href,
                  document.querySelector("[data-testid=stApp]")?.dataset.testScriptState,
                  `${performance.now()}, last request ${window.sentAt}, last answer ${window.receivedAt}`,
                  ...[...document.querySelectorAll(".imprint-plot")].map((e) => e.outerHTML.match(/<[^>]*>/)[0]),
                  document.body.innerText.slice(0, 3000),
                ].join("\\n")"""
            )
        )

    def accuracy(self) -> str:
        return self.page.locator("[data-testid=stMetricValue]").first.inner_text()

    def search(self) -> str:
        return str(self.page.evaluate("location.search"))


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A context for all visits, which caches the scripts of Streamlit and Plotly."""
    shared = browser.new_context()
    shared.add_init_script(NOTE_MESSAGES)
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def tab(context: BrowserContext) -> Page:
    """A tab for all visits: a page that is opened again in it needs half the time that a new tab needs."""
    return context.new_page()


@pytest.fixture
def visit(tab: Page, address: str, request) -> Iterator[Visit]:
    """A page; parametrise indirectly with {"width", "height", "scheme"} for another screen."""
    screen = getattr(request, "param", {})
    tab.set_viewport_size({"width": screen.get("width", 1280), "height": screen.get("height", 900)})
    tab.emulate_media(color_scheme=screen.get("scheme", "light"))
    visit = Visit(tab, address)
    yield visit
    visit.leave(address)


@pytest.fixture(scope="session")
def other_tab(browser: Browser) -> Iterator[Page]:
    """A tab of another person: nothing is shared with `tab`."""
    context = browser.new_context()
    context.add_init_script(NOTE_MESSAGES)
    page = context.new_page()
    page.set_viewport_size({"width": 1280, "height": 900})
    yield page
    context.close()


@pytest.fixture
def other_visit(other_tab: Page, address: str) -> Iterator[Visit]:
    """A page of the same app that another person opens."""
    visit = Visit(other_tab, address)
    yield visit
    visit.leave(address)


@pytest.fixture(scope="session")
def offline_tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def offline_visit(offline_tab: Page) -> Iterator[Visit]:
    """A downloaded file in a browser without a network."""
    visit = Visit(offline_tab, "file://")
    yield visit
    visit.end()

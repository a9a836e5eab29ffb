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


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


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
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("request", self._note)

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
        """Wait until the script has ended and no figure changed for 0.7 s."""
        self.page.wait_for_timeout(200)
        self.page.wait_for_function(
            """() => {
              const now = [...document.querySelectorAll('.imprint-plot')].map((e) => e.dataset.drawn).join()
                + document.querySelector('[data-testid=stApp]').dataset.testScriptState;
              if (window.lastSeen !== now) { window.lastSeen = now; window.since = performance.now(); }
              return performance.now() - window.since > 700 && !now.includes('running');
            }""",
            timeout=60_000,
        )

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

    def accuracy(self) -> str:
        return self.page.locator("[data-testid=stMetricValue]").first.inner_text()

    def search(self) -> str:
        return str(self.page.evaluate("location.search"))


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A context for all visits, which caches the scripts of Streamlit and Plotly."""
    shared = browser.new_context()
    yield shared
    shared.close()


@pytest.fixture
def visit(context: BrowserContext, address: str, request) -> Iterator[Visit]:
    """A page; parametrise indirectly with {"width", "height", "scheme"} for another screen."""
    screen = getattr(request, "param", {})
    page = context.new_page()
    page.set_viewport_size({"width": screen.get("width", 1280), "height": screen.get("height", 900)})
    page.emulate_media(color_scheme=screen.get("scheme", "light"))
    visit = Visit(page, address)
    yield visit
    # The next visit starts without permissions, cookies and storage.
    context.clear_permissions()
    context.clear_cookies()
    if page.url.startswith(address):
        page.evaluate("localStorage.clear(), sessionStorage.clear()")
    page.close()

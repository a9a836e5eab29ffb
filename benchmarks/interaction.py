"""Response times of the running app in a browser.

Starts the app, opens it in headless Chromium, and measures

- the time from process start to the first figure;
- the time from a key press on the k and n-shot sliders to the new accuracy (on Explore), to the map with moved
  proxies, and to the last changed figure, for values that were not computed before; with --cached for values that
  were.

    python -m benchmarks.interaction [--page map|collapse|curves|compare|leaderboard] [--cached]
        [--link "fm=ResNet-50"] [--chromium /usr/bin/chromium]
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# The path of each page, and the figure that it draws last.
PAGES = {
    "explore": ("", "nc1-over-shots"),
    "map": ("map", "confusion-first"),
    "collapse": ("collapse", "spectra"),
    "curves": ("curves", "curves-vit_tiny_patch16_224-digits"),
    "compare": ("compare", "compare-tasks"),
    "leaderboard": ("leaderboard", "critical-difference"),
}
# A change is visible in the next frame.
WATCH = """() => {
  window.watch = {};
  const later = (name) => requestAnimationFrame(() => { watch[name] = performance.now(); });
  for (const kind of ['keydown', 'pointerdown']) {
    document.addEventListener(kind, () => {
      window.watch = { key: performance.now(), pictures: [] };
    }, true);
  }
  new MutationObserver((changes) => {
    for (const change of changes) {
      const element = change.target.nodeType === 1 ? change.target : change.target.parentElement;
      if (!element) continue;
      if (change.attributeName === 'data-drawn') {
        const name = element.dataset.name;
        requestAnimationFrame(() => watch.pictures.push([name, performance.now()]));
      }
      const metric = document.querySelector('[data-testid=stMetricValue]');
      if (metric && metric.contains(element) && !watch.accuracy) later('accuracy');
    }
  }).observe(document.body, {
    subtree: true, childList: true, characterData: true, attributes: true,
    attributeFilter: ['data-drawn'],
  });
}"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def percentile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(q * (len(ordered) - 1)))]


def first_of(pictures: list[tuple[str, float]]) -> dict[str, float]:
    """Time of the first change of each figure."""
    first: dict[str, float] = {}
    for name, t in pictures:
        first[name] = min(t, first.get(name, t))
    return first


def moves(page: Page, label: str, key: str, count: int, settle: float) -> list[dict[str, float]]:
    """Press `key` on a slider `count` times; return the times of each press in seconds."""
    slider = page.get_by_role("slider", name=label)
    slider.focus()
    rows = []
    for _ in range(count):
        before = slider.input_value()
        page.keyboard.press(key)
        time.sleep(settle)
        watch = page.evaluate("() => watch")
        if slider.input_value() == before or not watch["pictures"]:
            continue
        rows.append(
            {
                # NaN if the rounded accuracy did not change.
                "accuracy": (watch["accuracy"] - watch["key"]) / 1000 if "accuracy" in watch else float("nan"),
                "map": min((t - watch["key"] for n, t in watch["pictures"] if n == "map"), default=float("nan")) / 1000,
                "pictures": max(first_of(watch["pictures"]).values(), default=0.0) / 1000 - watch["key"] / 1000,
                # Progressive figures change more than once.
                "settled": max(t - watch["key"] for _, t in watch["pictures"]) / 1000,
                "changed": len({name for name, _ in watch["pictures"]}),
            }
        )
    return rows


def clicks(page: Page, labels: list[str], count: int, settle: float) -> list[dict[str, float]]:
    """Click the buttons with these labels in turn; return the times of each click in seconds."""
    rows = []
    for i in range(count):
        page.get_by_test_id("stMain").get_by_role("radio", name=labels[i % len(labels)], exact=True).click()
        time.sleep(settle)
        watch = page.evaluate("() => watch")
        if watch["pictures"]:
            seconds = (max(first_of(watch["pictures"]).values()) - watch["key"]) / 1000
            changed = len({name for name, _ in watch["pictures"]})
            rows.append({"pictures": seconds, "changed": changed})
    return rows


def report(name: str, rows: list[dict[str, float]]) -> None:
    if not rows:
        print(f"{name}: no figure changed")
        return
    print(f"{name}: {len(rows)} moves, {statistics.mean(r['changed'] for r in rows):.1f} figures changed")
    labels = {
        "accuracy": "new accuracy",
        "map": "map",
        "pictures": "last changed figure",
        "settled": "last change of any figure, progressive ones included",
    }
    for what, label in labels.items():
        values = [r[what] for r in rows if what in r and r[what] == r[what]]
        if values:
            print(
                f"  to the {label}: "
                f"median {statistics.median(values):.2f} s, 95th percentile {percentile(values, 0.95):.2f} s, "
                f"largest {max(values):.2f} s ({len(values)} changes)"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--page", choices=tuple(PAGES), default="explore")
    parser.add_argument("--link", default="", help="query string to open the app with")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--settle", type=float, default=2.0, help="seconds between key presses")
    parser.add_argument("--cached", action="store_true", help="move between values that were computed before")
    options = parser.parse_args()
    path, last = PAGES[options.page]
    port = free_port()
    started = time.perf_counter()
    app = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=options.chromium, args=CHROMIUM_ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            while True:
                try:
                    page.goto(f"http://127.0.0.1:{port}/{path}?{options.link}")
                    break
                except Error:
                    if app.poll() is not None or time.perf_counter() - started > 60:
                        raise
                    time.sleep(0.05)
            page.wait_for_selector(".imprint-plot[data-drawn]", timeout=60000)
            print(f"process start to first figure: {time.perf_counter() - started:.1f} s")
            page.wait_for_selector(f'.imprint-plot[data-name="{last}"][data-drawn]')
            time.sleep(3)
            page.evaluate(WATCH)
            if options.page == "leaderboard":
                report("n-shot and measure of the table", clicks(page, ["5", "20", "200", "Macro-F1", "100"], 20, 1.0))
                return
            k, n = "k: proxies per class", "n: images per class"
            if options.cached:
                for slider, forward, back in ((k, "ArrowRight", "ArrowLeft"), (n, "ArrowLeft", "ArrowRight")):
                    moves(page, slider, forward, 4, 8.0)
                    keys = [back, forward] * 3
                    report(slider, [row for key in keys for row in moves(page, slider, key, 4, options.settle)])
                return
            # k stays below n: above it every shot is a proxy, and little changes.
            rows = {"k": moves(page, k, "ArrowRight", 16, options.settle), "n-shot": []}
            moves(page, n, "End", 1, options.settle)
            rows["k"] += moves(page, k, "ArrowLeft", 15, options.settle)
            rows["n-shot"] += moves(page, n, "ArrowLeft", 20, options.settle)
            rows["k"] += moves(page, k, "ArrowRight", 6, options.settle)
            for name, times in rows.items():
                report(name, times)
            report("both", rows["k"] + rows["n-shot"])
            print(json.dumps(rows))
            browser.close()
    finally:
        app.terminate()
        app.wait()


if __name__ == "__main__":
    main()

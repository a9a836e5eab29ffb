"""Take the screenshots of README.md.

Start the app, then run `python docs/screenshots.py http://localhost:8501`.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDE, PHONE = (1280, 1480), (390, 2700)
EXPLORE = [
    ("explore-1280-light", "", WIDE, "light"),
    ("explore-1280-dark", "", WIDE, "dark"),
    ("explore-390-light", "", PHONE, "light"),
    ("explore-390-dark", "", PHONE, "dark"),
    ("whitened-1280-light", "?preset=whitened", WIDE, "light"),
]
MAPS = [
    ("map-1280-light", "?data=digits&sample=429&regions=True", (1280, 1480), "light"),
    ("compare-1280-light", "?data=digits&against=k%3D1&color=right&shots=False&lines=True", (1280, 900), "light"),
    ("map-390-dark", "?data=digits&sample=429", (390, 2700), "dark"),
]
COLLAPSE = [
    ("collapse-1280-light", "?fm=vit_tiny_patch16_224", (1280, 1250), "light"),
    ("collapse-390-dark", "?fm=vit_tiny_patch16_224", (390, 2700), "dark"),
]
OTHERS = [
    ("curves-1280-light", "curves", "curves-resnet50-mnist", "?data=mnist&curve_paper=True", (1280, 760), "light"),
    ("whatif-1280-light", "compare", "compare-tasks", "?data=digits&n=50&k=20", (1280, 1380), "light"),
    ("leaderboard-1280-light", "leaderboard", "critical-difference", "?data=digits&board_n=200", (1280, 1500), "light"),
    ("learn-1280-light", "learn", "", "?view=lesson-2", (1280, 1000), "light"),
    ("sandbox-1280-light", "learn", "", "?view=sandbox", (1280, 1000), "light"),
    ("present-1280-light", "", "nc1-over-shots", "?view=present", (1280, 1000), "light"),
    ("leaderboard-390-dark", "leaderboard", "critical-difference", "?data=digits", (390, 2700), "dark"),
]
LOWER = (1280, 900)


def main() -> None:
    address = sys.argv[1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        pages = [("", "nc1-over-shots", p) for p in EXPLORE] + [("map", "confusion-first", p) for p in MAPS]
        pages += [("collapse", "spectra", p) for p in COLLAPSE]
        pages += [(path, last, (name, *rest)) for name, path, last, *rest in OTHERS]
        for path, last, (name, query, (w, h), scheme) in pages:
            context = browser.new_context(viewport={"width": w, "height": h}, color_scheme=scheme)
            page = context.new_page()
            page.goto(f"{address}/{path}{query}")
            if last:
                page.wait_for_selector(f'.imprint-plot[data-name="{last}"][data-drawn]')
            page.wait_for_timeout(4000)
            page.screenshot(path=Path(__file__).parent / f"{name}.png")
            context.close()
        context = browser.new_context(viewport={"width": LOWER[0], "height": LOWER[1]})
        page = context.new_page()
        # The images of digits are always available.
        page.goto(f"{address}/?data=digits")
        for link, tab, ready, name in (
            ("Library", "", "[data-testid=stDataFrame] canvas", "library"),
            ("Your own data", "Try an image", '.imprint-plot[data-name="near-proxies"][data-drawn]', "trying"),
        ):
            page.get_by_role("link", name=link).click()
            if tab:
                page.get_by_role("tab", name=tab).click()
            page.locator(ready).first.wait_for()
            page.wait_for_timeout(1500)
            page.screenshot(path=Path(__file__).parent / f"{name}-1280-light.png")
        context.close()
        browser.close()


if __name__ == "__main__":
    main()

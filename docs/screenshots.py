"""Take the README's pictures of the running app.

make app &   then   .venv/bin/python docs/screenshots.py http://localhost:8501
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGES = {"explore": ""}
SCREENS = {"1280": (1280, 1480), "390": (390, 2700)}


def main() -> None:
    address = sys.argv[1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for page_name, path in PAGES.items():
            for width, (w, h) in SCREENS.items():
                for scheme in ("light", "dark"):
                    context = browser.new_context(viewport={"width": w, "height": h}, color_scheme=scheme)
                    page = context.new_page()
                    page.goto(f"{address}/{path}")
                    page.wait_for_selector('.imprint-plot[data-name="nc1-over-shots"][data-drawn]')
                    page.wait_for_timeout(1500)
                    page.screenshot(path=Path(__file__).parent / f"{page_name}-{width}-{scheme}.png")
                    context.close()
        browser.close()


if __name__ == "__main__":
    main()

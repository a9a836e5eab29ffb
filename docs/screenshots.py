"""Take the README's pictures of the running app.

make app &   then   .venv/bin/python docs/screenshots.py http://localhost:8501
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDE, PHONE = (1280, 1480), (390, 2700)
PICTURES = [
    ("explore-1280-light", "", WIDE, "light"),
    ("explore-1280-dark", "", WIDE, "dark"),
    ("explore-390-light", "", PHONE, "light"),
    ("explore-390-dark", "", PHONE, "dark"),
    ("whitened-1280-light", "?preset=whitened", WIDE, "light"),
]


def main() -> None:
    address = sys.argv[1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for name, path, (w, h), scheme in PICTURES:
            context = browser.new_context(viewport={"width": w, "height": h}, color_scheme=scheme)
            page = context.new_page()
            page.goto(f"{address}/{path}")
            page.wait_for_selector('.imprint-plot[data-name="nc1-over-shots"][data-drawn]')
            page.wait_for_timeout(1500)
            page.screenshot(path=Path(__file__).parent / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()

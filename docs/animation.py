"""Record the animation of README.md, from Explore at 1280 × 720.

Start the app, then run `python docs/animation.py http://localhost:8501`.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

SIZE, WIDTH = {"width": 1280, "height": 720}, 960
# Seconds that a frame is displayed; the last frame longer.
SECONDS, LAST = 1.4, 3.0


def scenes(page: Page):
    """Perform one step at a time."""
    proxies = page.get_by_role("slider", name="k: proxies per class")
    shots = page.get_by_role("slider", name="n: images per class")

    def press(slider, key, times=1):
        slider.focus()
        for _ in range(times):
            slider.press(key)

    yield press(shots, "Home")
    yield press(shots, "ArrowRight", 4)
    press(shots, "End")
    yield press(shots, "ArrowLeft", 2)
    yield press(proxies, "ArrowRight")
    yield press(proxies, "ArrowRight", 3)
    yield press(proxies, "ArrowRight", 5)
    yield page.get_by_role("button", name="No normalisation").click()
    yield page.get_by_role("button", name="Undo").click()


def main() -> None:
    frames = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(f"{sys.argv[1]}/?k=1&n=1")
        page.wait_for_selector('.imprint-plot[data-name="nc1-over-shots"][data-drawn]')
        for _ in scenes(page):
            page.wait_for_timeout(4000)
            image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            frames.append(image.resize((WIDTH, WIDTH * SIZE["height"] // SIZE["width"]), Image.Resampling.LANCZOS))
        browser.close()
    durations = [round(1000 * SECONDS)] * (len(frames) - 1) + [round(1000 * LAST)]
    frames[0].save(
        Path(__file__).parent / "explore.webp",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        quality=80,
        method=6,
    )


if __name__ == "__main__":
    main()

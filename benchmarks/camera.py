"""Response time of the page Camera, and the server's memory while it runs.

Starts the app, opens the page in headless Chromium with a video as its camera, records two classes, and measures the
time from the capture of a frame in the browser to its bars in the page, predictions per second, and memory.

    python -m benchmarks.camera [--seconds 30] [--fm tf_efficientnet_lite0]
    python -m benchmarks.camera --calibration      calibration errors of the bundled tasks instead
    python -m benchmarks.camera --drawings         accuracy of MNIST's proxies on drawings instead
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.fake_camera import SCENE, chromium_arguments, write_video
from benchmarks.interaction import CHROMIUM_ARGUMENTS, percentile
from benchmarks.streamlit_client import serve
from imprint_core import PRESETS, find_sets, open_set
from imprint_core.datasets import dataset
from imprint_core.framework.recipe import Recipe
from imprint_core.models import foundation_model
from imprint_core.models.loading import load_model
from imprint_core.paths import bundled_folder, data_folder
from imprint_core.recognition.calibration import expected_calibration_error, probabilities
from imprint_core.recognition.drawings import mnist_image
from imprint_core.recognition.recognizer import fit_recognizer

_REPORT = 30.0
# Notes the delay of each frame, which the page's script writes.
WATCH = """(box) => {
  window.delays = [];
  new MutationObserver(() => window.delays.push(parseFloat(box.dataset.delay)))
    .observe(box, { attributes: true, attributeFilter: ["data-delay"] });
}"""


def record(page: Page) -> None:
    """Start the camera and record a class of each scene for two seconds."""
    page.get_by_role("button", name="Start camera").click(timeout=60_000)
    page.get_by_role("button", name="Stop camera").wait_for()
    status, video = page.locator(".stage .status"), page.locator("video")
    while status.inner_text():
        time.sleep(0.1)
    for scene in (0, 1):
        for expected in (1 - scene, scene):
            while video.evaluate(SCENE) != expected:
                time.sleep(0.05)
        page.get_by_role("button", name=f"Hold to record Class {scene + 1}").hover()
        page.mouse.down()
        page.wait_for_timeout(2000)
        page.mouse.up()


def measure(fm: str, seconds: float, chromium: str) -> None:
    """Print delays, predictions per second and memory."""
    with tempfile.TemporaryDirectory() as folder, serve() as server, sync_playwright() as playwright:
        video = Path(folder) / "scenes.y4m"
        write_video(video, 3)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*CHROMIUM_ARGUMENTS, *chromium_arguments(video)]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        start = time.monotonic()
        page.goto(f"{server.url}/camera?fm={fm}")
        record(page)
        print(f"two classes recorded {time.monotonic() - start:.1f} s after the page was requested")
        page.locator(".camera").evaluate(WATCH)
        start, memory, delays = time.monotonic(), [server.memory()], list[float]()
        while (passed := time.monotonic() - start) < seconds:
            page.wait_for_timeout(1000 * min(_REPORT, seconds - passed))
            delays += page.evaluate("window.delays.splice(0)")
            heap = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
            memory.append(server.memory())
            print(f"{time.monotonic() - start:6.0f} s  server {memory[-1]} MiB, script {heap:.0f} MiB", flush=True)
        print(
            f"{fm}: {len(delays) / seconds:.1f} predictions per second; frame to bars: median "
            f"{statistics.median(delays):.0f} ms, 95th percentile {percentile(delays, 0.95):.0f} ms, "
            f"largest {max(delays):.0f} ms; memory {memory[0]} to {memory[-1]} MiB"
        )
        browser.close()


def calibration() -> None:
    """Print the expected calibration error on the bundled tasks of ten classes, for three recipes."""
    recipes = {"k-means, k = 20": Recipe(), "k-means, k = 5": Recipe(k=5), "mean": Recipe(gen="mean", k=1)}
    for (fm, data), info in find_sets(bundled_folder())[0].items():
        embeddings = open_set(info)
        if len(info.class_names) > 10:
            continue
        for n in (20, 100):
            rng = np.random.default_rng(n)
            rows = [rng.permutation(np.flatnonzero(embeddings.y_train == c))[:n] for c in range(10)]
            X, y = embeddings.X_train[np.concatenate(rows)], embeddings.y_train[np.concatenate(rows)]
            for name, recipe in recipes.items():
                recognizer = fit_recognizer(recipe, X, y, most=200)
                scores = recognizer.model.decision_function(embeddings.X_test)
                predicted = probabilities(scores, recognizer.temperature)
                error = expected_calibration_error(predicted, embeddings.y_test)
                print(f"{fm:22} {data:14} n = {n:3}  {name:16} {error:.3f}", flush=True)


def drawings(fm: str, count: int = 50) -> None:
    """Print the accuracy of MNIST's proxies on its test digits, drawn as on the pad: large, moved, white on black.

    MNIST's images must be available (docs/guide.md).
    """
    images = dataset("mnist").read(data_folder()).test
    rng, digits, labels = np.random.default_rng(0), [], []
    for c in range(10):
        for row in np.flatnonzero(images.labels == c)[:count]:
            edge = int(rng.integers(100, 200))
            digit = images.load(int(row)).convert("L").resize((edge, edge), Image.Resampling.BICUBIC)
            pad = Image.new("RGB", (256, 256))
            x, y = rng.integers(0, 256 - edge, 2)
            pad.paste((255, 255, 255), (int(x), int(y)), digit.point(lambda value: 255 * (value > 110)))
            digits.append(pad)
            labels.append(c)
    network, data = load_model(foundation_model(fm)), open_set(find_sets(bundled_folder())[0][fm, "mnist"])
    prepared, unprepared = (network.embed(X) for X in ([mnist_image(digit) for digit in digits], digits))
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.permutation(np.flatnonzero(data.y_train == c))[:50] for c in range(10)])
    for preset in ("own", "whitened"):
        recognizer = fit_recognizer(PRESETS[preset].recipe, data.X_train[rows], data.y_train[rows])
        accuracies = [
            100 * (recognizer.model.predict(X) == y).mean()
            for X, y in ((data.X_test, data.y_test), (prepared, labels), (unprepared, labels))
        ]
        unknown = 100 * np.mean([recognizer.recognize(x).unknown for x in prepared])
        print(
            f"{fm}, {preset}: test images {accuracies[0]:.1f} %, drawings {accuracies[1]:.1f} %, without preparation "
            f"{accuracies[2]:.1f} %; unknown drawings {unknown:.1f} %"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--fm", default="tf_efficientnet_lite0")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--calibration", action="store_true")
    parser.add_argument("--drawings", action="store_true")
    arguments = parser.parse_args()
    if arguments.calibration:
        calibration()
    elif arguments.drawings:
        drawings(arguments.fm)
    else:
        measure(arguments.fm, arguments.seconds, arguments.chromium)


if __name__ == "__main__":
    main()

"""Camera in a browser whose camera is a video of two scenes."""

from __future__ import annotations

import io
import re
import shutil
import time

import pytest
from PIL import Image

from benchmarks.fake_camera import SCENE, chromium_arguments, write_video
from tests.browser.conftest import ARGUMENTS, Visit, serve


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    home = str(tmp_path_factory.mktemp("home"))
    # A new user's machine: the weights are those that the requirements install.
    with serve(IMPRINT_HOME=home, IMPRINT_WEIGHTS=home, HOME=home) as url:
        yield url


@pytest.fixture
def camera_visit(browser, address, tmp_path):
    """A visit with a camera."""
    write_video(tmp_path / "scenes.y4m", 1.8)
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    arguments = [*ARGUMENTS, *chromium_arguments(tmp_path / "scenes.y4m")]
    launched = browser.browser_type.launch(executable_path=path, args=arguments)
    page = launched.new_page(viewport={"width": 1280, "height": 900})
    yield Visit(page, address)
    launched.close()


def wait_for_scene(page, scene):
    """Wait until a scene starts."""
    for expected in (1 - scene, scene):
        page.wait_for_function(f"(scene) => ({SCENE})(SHOWN()) === scene".replace("SHOWN()", FIND), arg=expected)


# The component is in a shadow root.
FIND = """[...document.querySelectorAll("*")].flatMap((e) => [...(e.shadowRoot?.querySelectorAll("video") ?? [])])[0]"""


def test_two_recorded_scenes_are_distinguished_live_in_three_clicks_and_thirty_seconds(camera_visit):
    page, start = camera_visit.page, time.monotonic()
    page.goto(camera_visit.address + "camera")
    page.get_by_role("button", name="Start camera").click(timeout=60_000)
    # Ready: neither the model nor the camera is being started.
    page.get_by_role("button", name="Stop camera").wait_for()
    status = page.locator(".stage .status")
    page.wait_for_function("(e) => e.textContent === ''", arg=status.element_handle(), timeout=30_000)
    for scene in (0, 1):
        wait_for_scene(page, scene)
        page.get_by_role("button", name=f"Hold to record Class {scene + 1}").hover()
        page.mouse.down()
        page.wait_for_timeout(1200)
        # Several proxies per class need several shots; a loaded machine embeds few in this time.
        page.locator(".class").nth(scene).get_by_text(re.compile(r"^([3-9]|\d{2,}) shots$")).wait_for()
        page.mouse.up()
    for scene in (0, 1):
        wait_for_scene(page, scene)
        page.locator(".camera .label").get_by_text(f"Class {scene + 1}", exact=True).wait_for(timeout=1500)
        share = page.locator(".bar").nth(scene).locator(".share")
        assert int(share.inner_text().removesuffix(" %")) > 80
    assert time.monotonic() - start < 30

    # Proxies, map and measures change with k.
    measures = page.locator(".measured")
    assert re.search(r"Leave-one-out accuracy\s*100 %", measures.inner_text())
    proxies = page.locator("svg text")
    before = proxies.count()
    slider = page.get_by_test_id("stSidebar").get_by_role("slider").first
    slider.press("Home")
    page.wait_for_function(
        "([find, before]) => eval(find).length < before",
        arg=[FIND.replace('"video"', '"svg text"').removesuffix("[0]"), before],
        timeout=10_000,
    )

    # A drawing is not the camera's scene, and its class can be recorded, renamed and removed.
    page.get_by_role("button", name="Drawing pad").click()
    box = page.locator("canvas.pad").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Add class").click()
    page.get_by_role("button", name="Hold to record Class 3").click()
    row = page.locator(".class").nth(2)
    row.get_by_text("1 shot").wait_for()
    row.get_by_role("textbox").fill("<b>line</b>")
    row.get_by_role("textbox").press("Enter")
    page.locator(".bar").get_by_text("<b>line</b>").wait_for()
    row.locator(".shot").click()
    row.get_by_text("0 shots").wait_for()
    assert not camera_visit.outside
    assert not camera_visit.errors_of_ours()


def png(width, height):
    file = io.BytesIO()
    Image.new("RGB", (width, height), "green").save(file, "PNG")
    return file.getvalue()


# What browsers do on an address without a secure context, without permission, and if another tab holds the camera.
MISSING = "Object.defineProperty(navigator, 'mediaDevices', {value: undefined, configurable: true})"
REFUSED = """(name) => Object.defineProperty(navigator, "mediaDevices", {
  configurable: true,
  value: { getUserMedia: () => Promise.reject(new DOMException("", name)) },
})"""
# A camera that always shows one colour.
STREAM = """(color) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const context = canvas.getContext("2d");
  const draw = () => { context.fillStyle = color; context.fillRect(0, 0, 64, 64); };
  draw();
  setInterval(draw, 50);
  const stream = canvas.captureStream(20);
  window.track = stream.getVideoTracks()[0];
  Object.defineProperty(navigator, "mediaDevices", {
    configurable: true, value: { getUserMedia: () => Promise.resolve(stream) },
  });
}"""
REFUSALS = [
    (MISSING, None, "Open the app as http://localhost or over https"),
    (REFUSED, "NotAllowedError", "Allow it in the address bar"),
    (REFUSED, "NotFoundError", "No camera was found"),
    (REFUSED, "NotReadableError", "Another program or tab uses the camera"),
]


def test_without_a_camera_sentences_say_what_to_do_and_files_are_recorded(visit):
    page = visit.page
    page.goto(visit.address + "camera")
    power, status = page.get_by_role("button", name="Start camera"), page.locator(".stage .status")
    power.wait_for(timeout=60_000)
    for script, name, sentence in REFUSALS:
        page.evaluate(script, name)
        power.click()
        status.get_by_text(sentence).wait_for(timeout=30_000)
    files = page.locator(".class input[type=file]").first
    huge = {"name": "huge.png", "mimeType": "image/png", "buffer": png(6000, 4000)}
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no image"}
    files.set_input_files([huge, text])
    page.locator(".class").first.get_by_text("1 shot").wait_for(timeout=30_000)
    page.locator(".notice").get_by_text("notes.txt is not an image").wait_for()
    page.get_by_role("button", name="Hold to record Class 1").click()
    status.get_by_text("Start the camera first").wait_for()
    # A covered camera, one that hangs, and one that is unplugged.
    for color, sentence in (("#000", "The camera's picture is black"), ("#a40", "")):
        page.evaluate(STREAM, color)
        power.click()
        page.get_by_role("button", name="Stop camera").wait_for()
        if sentence:
            status.get_by_text(sentence).wait_for()
            page.get_by_role("button", name="Stop camera").click()
    page.wait_for_function("(e) => e.textContent === ''", arg=status.element_handle())
    page.wait_for_timeout(400)
    page.evaluate("{ const now = performance.now.bind(performance); performance.now = () => now() + 6000 }")
    status.get_by_text("has not changed for 5 seconds").wait_for()
    page.evaluate("window.track.stop(); window.track.dispatchEvent(new Event('ended'))")
    status.get_by_text("The camera has stopped").wait_for()
    # Without a camera: recorded frames, in two clicks.
    page.get_by_role("button", name="Recorded frames").click()
    page.get_by_role("button", name="Cat").wait_for()
    page.get_by_role("button", name="Hold to record Class 2").click()
    page.locator(".class").nth(1).get_by_text("1 shot").wait_for()
    visit.pictures_fit()
    assert not visit.outside

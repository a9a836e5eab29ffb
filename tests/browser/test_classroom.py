"""A class in two browsers: the teacher on this machine, a student with a phone."""

from __future__ import annotations

import io

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from imprint_core.cli.serve import ADDRESS_VARIABLE, KEY_VARIABLE, lan_addresses
from tests.browser.conftest import Visit, serve
from tests.browser.test_share import QUICK, dialog

KEY = "a-teacher's-key"
# What the terminal and the wall show; nothing connects to it.
SHARED = "http://class.example:8501"


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The address of a server in classroom mode, for browsers on this machine."""
    environment = {KEY_VARIABLE: KEY, ADDRESS_VARIABLE: SHARED, "IMPRINT_HOME": str(tmp_path_factory.mktemp("class"))}
    with serve(STREAMLIT_SERVER_ADDRESS="0.0.0.0", **environment) as address:  # noqa: S104
        yield address


@pytest.fixture
def opened(browser, lesson):
    """Open a page of the app in another browser context."""
    contexts = []

    def visit(address, query, **options):
        contexts.append(browser.new_context(**options))
        visit = Visit(contexts[-1].new_page(), address)
        visit.page.goto(address + query)
        visit.page.get_by_role("heading", level=1).first.wait_for(timeout=60_000)
        return visit

    yield visit
    for context in contexts:
        context.close()


def qr_code(share):
    """The text that a camera reads from the dialog."""
    picture = share.get_by_role("img", name="QR code of the link")
    expect(picture).to_be_visible(timeout=20_000)
    picture.scroll_into_view_if_needed()
    pixels = np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("L"))
    (code,) = zxingcpp.read_barcodes(pixels)
    return code.text


def test_share_of_the_teacher_has_the_class_address_as_link_and_qr_code(lesson, opened):
    teacher = opened(lesson, f"?{QUICK}&k=7", permissions=["clipboard-read", "clipboard-write"])
    teacher.settle()
    share = dialog(teacher.page)
    for scheme in ("light", "dark"):
        teacher.page.emulate_media(color_scheme=scheme)
        teacher.page.wait_for_function(f"getComputedStyle(document.querySelector('.stApp')).colorScheme === '{scheme}'")
        teacher.settle()
        assert qr_code(share) == f"{SHARED}/{teacher.search()}"
    share.get_by_role("button", name="Copy link").click()
    expect(share.get_by_text("Copied")).to_be_visible()
    assert teacher.page.evaluate("navigator.clipboard.readText()") == f"{SHARED}/{teacher.search()}"
    expect(share.get_by_text("You are the teacher of this class.")).to_be_visible()
    assert not teacher.errors_of_ours()


def test_student_with_a_phone_sees_no_form_of_the_teacher_until_the_key_is_given(lesson, opened):
    addresses = [address for address in lan_addresses() if ":" not in address]
    if not addresses:
        pytest.skip("this machine has no address on a network, from which a browser would count as a student's")
    address = lesson.replace("127.0.0.1", addresses[0])
    student = opened(address, "library", viewport={"width": 390, "height": 844})
    expect(student.page.get_by_text("In classroom mode the teacher embeds datasets.")).to_be_visible()
    expect(student.page.get_by_role("button", name="Embed dataset")).to_have_count(0)
    share = dialog(student.page)
    # The student's own address is the one of the class.
    assert qr_code(share) == f"{address}library"
    for key, answer in (("wrong", "The teacher's key is wrong."), (KEY, "You are the teacher of this class.")):
        share.get_by_role("textbox", name="Teacher's key").fill(key)
        share.get_by_role("button", name="Use key").click()
        expect(share.get_by_text(answer)).to_be_visible(timeout=20_000)
    student.pictures_fit()
    student.page.keyboard.press("Escape")
    expect(student.page.get_by_role("button", name="Embed dataset")).to_be_attached(timeout=20_000)


def test_teachers_link_leaves_no_key_in_the_address_bar(lesson, opened):
    visit = opened(lesson, f"library?teacher={KEY}")
    expect(visit.page.get_by_role("button", name="Embed dataset")).to_be_visible(timeout=20_000)
    visit.page.wait_for_function("!location.search.includes('teacher')")

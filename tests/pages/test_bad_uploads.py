"""Invalid uploads on the page: one error, nothing is saved, the upload stays."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from imprint_core.datasets.own_images import find_own_images, read_own_images
from imprint_core.embeddings import find_sets
from imprint_core.paths import images_folder
from tests.datasets.test_class_folders import PLAIN, UNPACKED, directory_of, patched, zipped
from tests.datasets.test_decoding import encoded, exif, picture, png
from tests.pages.test_library import button, home, page_text, weights  # noqa: F401
from tests.pages.test_own_data import on_tab, own_data, upload
from tests.uploads.files import PARTS, X, Y, npz
from tests.uploads.test_formats import Trap, with_values

pytestmark = pytest.mark.usefixtures("home")


def link():
    info = zipfile.ZipInfo("a/3.png")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return zipped([*PLAIN, (info, b"/etc/passwd")])


def patched_all(file, field, value):
    for name in zipfile.ZipFile(file).namelist():
        file = patched(file, name, field, value)
    return file


ZIPS = {
    "../ names": (lambda: zipped([*PLAIN, "../1.png"]), "points outside of it"),
    "absolute names": (lambda: zipped([*PLAIN, "/etc/1.png"]), "points outside of it"),
    "links": (link, "holds a symbolic link"),
    "nested archives": (lambda: zipped([*PLAIN, "a/x.zip"]), "contains another archive"),
    "100,000 entries": (lambda: directory_of(100_000, 1), "more than 20,000 files"),
    "a lying size": (lambda: patched(zipped(PLAIN), "a/2.png", UNPACKED, 64_000_001), "None of the files can be used"),
    "a bomb": (
        lambda: zipped([("a/1.png", bytes(60_000_000)), "b/1.png"], zipfile.ZIP_DEFLATED),
        "None of the files can be used",
    ),
    "a bomb of many files": (
        lambda: patched_all(zipped([f"{c}/{i}.png" for c in "ab" for i in range(20)]), UNPACKED, 60_000_000),
        "unpacks to more than 2 GB",
    ),
    "one class": (lambda: zipped(["a/1.png", "a/2.png"]), "is the only class"),
    "nothing that is an image": (lambda: zipped(PLAIN), "None of the files can be used"),
    "no zip": (lambda: io.BytesIO(b"GIF89a"), "is not a zip"),
}


@pytest.mark.parametrize("what", ZIPS)
def test_invalid_zips_are_refused(what):
    make, sentence = ZIPS[what]
    app = upload(own_data(), "own_zip", "../../x.zip", make().getvalue())
    assert not app.exception
    assert len(app.error) == 1
    assert sentence in app.error[0].value.replace("\\", "")
    assert not images_folder().exists() or not list(images_folder().iterdir())
    # The upload, its error and the page remain, and the file is not read again.
    assert app.file_uploader(key="own_zip").value.name.endswith("x.zip")
    app.run()
    assert len(app.error) == 1


EMBEDDINGS = {
    "pickled objects": (lambda: npz(X=np.array([Trap()] * 4), y=Y[:4]), "holds Python objects, which are never loaded"),
    "NaN": (lambda: npz(X=with_values(X, ((7, 1), np.nan)), y=Y), "1 of 20 rows have NaN or infinite values"),
    "infinity": (lambda: npz(X=with_values(X, ((7, 1), np.inf)), y=Y), "1 of 20 rows have NaN or infinite values"),
    "labels too few": (lambda: npz(X=X, y=Y[:-1]), "'X' has 20 rows, but there are 19 labels"),
    "one class": (lambda: npz(X=X, y=Y * 0), "is the only class"),
    "widths that differ": (lambda: npz(**{**PARTS, "X_test": X[12:, :5]}), "6 dimensions but 'X_test' 5"),
    "images": (lambda: npz(X=X[..., None], y=Y), "if these are images"),
    "half a file": (lambda: io.BytesIO(npz(**PARTS).getvalue()[:300]), ""),
}


@pytest.mark.parametrize("what", EMBEDDINGS)
def test_invalid_embeddings_are_refused(home, what, capsys):  # noqa: F811
    make, sentence = EMBEDDINGS[what]
    app = upload(own_data(), "own_embeddings", "x.npz", make().getvalue())
    button(app, "Save embeddings").click().run()
    assert not app.exception
    assert len(app.error) == 1
    assert sentence in app.error[0].value.replace("\\", "")
    assert not find_sets(home)[0]
    assert "unpickled" not in capsys.readouterr().out


def test_damaged_images_are_skipped_and_unusual_ones_saved():
    """Two classes of unusual images; only unreadable ones are skipped."""
    wide = Image.new("RGB", (40, 20), "red")
    sixteen = Image.fromarray(np.full((9, 9), 40_000, np.uint16))
    animated = io.BytesIO()
    wide.save(animated, "GIF", save_all=True, append_images=[Image.new("RGB", (40, 20), "blue")])
    odd = {
        "cmyk.jpg": encoded(picture("CMYK"), "JPEG"),
        "palette.png": encoded(picture("P")),
        "sixteen.png": encoded(sixteen),
        "animated.gif": animated.getvalue(),
        "turned.jpg": encoded(wide, "JPEG", exif=exif(6)),
        "grey.png": encoded(picture("L")),
        "truncated.jpg": encoded(wide.resize((400, 300)), "JPEG")[:900],
        "huge.png": png(60_000, 60_000),
        "<b>no.png": b"not an image",
    }
    members = [(f"{name}/{file}", data) for name in ("*odd*", "ʻōlelo") for file, data in odd.items()]
    app = upload(own_data(), "own_zip", "x.zip", zipped(members).getvalue())
    assert not app.exception
    assert not [e.value for e in app.error]
    (dataset,), _ = find_own_images(images_folder())
    assert sum(map(sum, dataset.counts)) == 12
    warning = next(w.value for w in app.warning if "Left out " in w.value)
    assert warning.startswith("Left out 6 files")
    assert "\\<b\\>no" in warning
    assert "\\*odd\\*" in page_text(app)
    # A photograph that was taken upright is upright.
    _, splits = read_own_images(dataset.path)
    sizes = {splits.train.load(i).size for i in range(len(splits.train.labels))}
    sizes |= {splits.test.load(i).size for i in range(len(splits.test.labels))}
    assert (20, 40) in sizes


IMAGES = {
    "truncated": encoded(Image.new("RGB", (400, 300), "red"), "JPEG")[:900],
    "huge": png(60_000, 60_000),
    "no image": b"%PDF-1.7",
}


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("what", IMAGES)
def test_invalid_image_is_one_error(what):
    app = own_data(fm="squeezenet1_1", data="digits")
    app.session_state["try_source"] = "upload"
    on_tab(app, "Try an image")
    upload(app, "try_file", "x.png", IMAGES[what])
    assert not app.exception
    assert len(app.error) == 1
    assert app.error[0].value.endswith(".")

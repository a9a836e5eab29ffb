"""Uploads of images that are made to fill memory: one sentence, and the caller's memory hardly grows."""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imprint_core.errors import ImprintError
from imprint_core.uploads.saving import import_file
from imprint_core.uploads.single_images import decode_uploads
from tests.datasets.test_class_folders import UNPACKED, directory_of, patched, zipped
from tests.datasets.test_decoding import encoded, png
from tests.datasets.test_one_reader import PETS, image, numbered
from tests.uploads.bombs import npy_header, npz_of

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
pytestmark = pytest.mark.skipif(not RESET.exists(), reason="Only Linux says how much memory a process used at most.")


def peak():
    return 1000 * int(next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")).split()[1])


def growth(function, *arguments):
    """What the function gives or raises, and by how many bytes this process's memory grew at most."""
    RESET.write_text("5")
    before = peak()
    try:
        result = function(*arguments)
    except ImprintError as error:
        result = error
    return result, peak() - before


def npz(**arrays):
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def pets(**more):
    return zipped([*numbered(*PETS).items(), *more.items()], zipfile.ZIP_DEFLATED).getvalue()


def forged_npz():
    """The header declares 3 GB of pixels, and the directory agrees."""
    zeros = np.zeros((2, 8, 8), np.uint8)
    data = npz(x_train=zeros, y_train=np.arange(2), x_test=zeros, y_test=np.arange(2))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["x_train.npy"] = members["x_train.npy"].replace(b"(2, 8, 8), }      ", b"(50000000, 8, 8), }")
    file = zipped([*members.items()])
    return patched(file, "x_train.npy", UNPACKED, 3_200_000_128).getvalue()


def zeros_npz():
    labels, images = np.arange(1_700) % 2, npy_header("(1700, 1000, 1000)", "'|u1'")
    zeros = np.zeros((2, 1000, 1000), np.uint8)
    return npz_of("x_train", [images, *[bytes(10**8)] * 17], y_train=labels, x_test=zeros, y_test=labels[:2])


def tiff_bomb():
    out = io.BytesIO()
    Image.new("L", (30_000, 30_000)).save(out, "TIFF", compression="tiff_adobe_deflate")
    return out.getvalue()


ZIPS = {
    "a million entries": lambda: directory_of(1_000_000, 65_535).getvalue(),
    "a damaged end": lambda: pets()[:-40],
}


@pytest.mark.parametrize("what", ZIPS)
def test_hostile_zips_are_one_sentence(what, tmp_path):
    file = io.BytesIO(ZIPS[what]())
    result, bytes_more = growth(import_file, file, "zip", "x", tmp_path)
    assert isinstance(result, ImprintError)
    assert str(result).count("\n") == 0
    assert bytes_more < 200_000_000
    assert not list(tmp_path.iterdir())


MEMBERS = {
    "huge.png": lambda: png(60_000, 60_000),
    "bomb.tiff": tiff_bomb,
    "text.png": lambda: image(1)[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000))) + image(1)[33:],
    "zeros.png": lambda: bytes(60_000_000),
}


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


@pytest.mark.parametrize("name", MEMBERS)
def test_hostile_images_in_a_zip_are_left_out(name, tmp_path):
    file = io.BytesIO(pets(**{f"cat/{name}": MEMBERS[name]()}))
    result, bytes_more = growth(import_file, file, "zip", "x", tmp_path)
    assert [f.display_name for f in result.left_out] == [f"cat/{name}"]
    assert result.counts == ((2, 1), (2, 1))
    assert bytes_more < 200_000_000


@pytest.mark.parametrize("make", [forged_npz, zeros_npz])
def test_hostile_arrays_are_one_sentence(make, tmp_path):
    file = io.BytesIO(make())
    result, bytes_more = growth(import_file, file, "npz", "x", tmp_path)
    assert isinstance(result, ImprintError)
    assert bytes_more < 200_000_000


@pytest.mark.parametrize("size", [(1, 65_000), (65_000, 1), (7_900, 8_000), (60_000, 60_000), (900, 60_000)])
def test_single_images_need_little_memory(size):
    data = png(*size) if size[0] * size[1] > 64_000_000 else encoded(Image.new("RGB", size, "red"))
    (result,), bytes_more = growth(decode_uploads, [data])
    assert bytes_more < 200_000_000
    if isinstance(result, Image.Image):
        assert result.size[0] * result.size[1] <= 16_000_000
    else:
        assert str(result).startswith(("The image has more than 64 million pixels", "The image is too long and narrow"))

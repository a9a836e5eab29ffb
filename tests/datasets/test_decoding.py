import io
import struct
import tracemalloc
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imprint_core.datasets.decoding import LEAST_SIDE, MOST_PIXELS, decode
from imprint_core.errors import ImprintError

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (8, 12, 3), np.uint8)


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(mode="RGB"):
    return Image.fromarray(COLOURS).convert(mode)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def png(width, height, bits=8, colour=0, rows=b""):
    """A PNG whose header may declare any size."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "PPM"])
def test_colours_are_unchanged(kind, tmp_path):
    data = encoded(picture(), kind, **({"lossless": True} if kind == "WEBP" else {}))
    image = decode(data)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), COLOURS)
    (tmp_path / "a").write_bytes(data)
    np.testing.assert_array_equal(np.asarray(decode(tmp_path / "a")), COLOURS)


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey_stays_grey(mode):
    source = picture("L").convert(mode)
    image = decode(encoded(source))
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), np.asarray(source.convert("L")))
    assert decode(encoded(picture("L"), "JPEG")).mode == "L"


def test_transparent_pixels_are_composed_with_white():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (200, 100, 0, 255)
    pixels[0, 1] = (200, 100, 0, 0)
    pixels[1, 0] = (200, 100, 0, 51)
    pixels = np.asarray(decode(encoded(Image.fromarray(pixels)))).tolist()
    assert pixels == [[[200, 100, 0], [255, 255, 255]], [[244, 224, 204], [255, 255, 255]]]
    grey = Image.fromarray(np.array([[[7, 255], [7, 0]]], np.uint8))
    assert grey.mode == "LA"
    assert np.asarray(decode(encoded(grey))).tolist() == [[7, 255]]


def test_transparent_entry_of_a_palette_is_white():
    image = Image.new("P", (2, 1), 0)
    image.putpalette([250, 0, 0, 0, 250, 0])
    image.putpixel((1, 0), 1)
    assert np.asarray(decode(encoded(image))).tolist() == [[[250, 0, 0], [0, 250, 0]]]
    assert np.asarray(decode(encoded(image, transparency=1))).tolist() == [[[250, 0, 0], [255, 255, 255]]]


def test_grey_with_a_transparent_shade_stays_grey():
    data = encoded(Image.fromarray(np.array([[9, 10]], np.uint8)), transparency=9)
    assert (decode(data).mode, np.asarray(decode(data)).tolist()) == ("L", [[255, 10]])


def test_cmyk_and_ycbcr_become_rgb():
    flat = Image.new("RGB", (32, 32), (220, 40, 60))
    for mode, kind in (("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF")):
        image = decode(encoded(flat.convert(mode), kind))
        assert image.mode == "RGB"
        np.testing.assert_allclose(np.asarray(image)[16, 16], (220, 40, 60), atol=3)


def test_sixteen_bits_are_scaled_and_not_clipped():
    values = np.array([[0, 257, 25_700, 65_535]])
    rows = b"\0" + values.astype(">u2").tobytes()
    scaled = [[0, 1, 100, 255]]
    assert np.asarray(decode(png(4, 1, bits=16, rows=rows))).tolist() == scaled
    assert np.asarray(decode(encoded(Image.fromarray(values.astype(np.uint16)), "TIFF"))).tolist() == scaled
    assert np.asarray(decode(b"P5 4 1 65535\n" + values.astype(">u2").tobytes())).tolist() == scaled
    assert np.asarray(decode(encoded(Image.fromarray(values.astype(np.int32)), "TIFF"))).tolist() == scaled


@pytest.mark.parametrize(
    ("values", "scaled"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 10.2, 255.0], [0, 10, 255]),
        ([-2.0, 0.0, 2.0], [0, 128, 255]),
        ([0.0, 500.0, 1000.0], [0, 128, 255]),
        ([np.nan, 0.5, np.inf], [0, 128, 0]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
    ],
)
def test_floats_are_scaled(values, scaled):
    data = encoded(Image.fromarray(np.array([values], np.float32)), "TIFF")
    assert np.asarray(decode(data)).tolist() == [scaled]


def test_all_of_many_rows_are_scaled():
    values = (np.arange(3_000_000) % 65_536).astype(">u2")
    for width in (1, 1_500_000):
        image = decode(b"P5 %d %d 65535\n" % (width, 3_000_000 // width) + values.tobytes())
        np.testing.assert_array_equal(np.asarray(image).ravel(), np.rint(values / 257))


def test_32_bits_are_stretched():
    for values in ([[0, 10**9, 2 * 10**9]], [[-7, 0, 7]]):
        data = encoded(Image.fromarray(np.array(values, np.int32)), "TIFF")
        assert np.asarray(decode(data)).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (6, 4), c) for c in ((250, 0, 0), (0, 250, 0))]
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert np.asarray(image)[2, 3].tolist() == [250, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_upright(orientation):
    # Stored images whose EXIF orientation turns them to COLOURS.
    stored = {
        1: COLOURS,
        2: COLOURS[:, ::-1],
        3: COLOURS[::-1, ::-1],
        4: COLOURS[::-1],
        5: COLOURS.swapaxes(0, 1),
        6: np.rot90(COLOURS),
        7: COLOURS[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(COLOURS, -1),
    }[orientation]
    source = Image.fromarray(np.ascontiguousarray(stored))
    for kind in ("PNG", "TIFF"):
        image = decode(encoded(source, kind, exif=exif(orientation)))
        np.testing.assert_array_equal(np.asarray(image), COLOURS)


def test_exif_of_a_jpeg_turns_upright():
    source = Image.fromarray(np.kron(COLOURS, np.ones((16, 16, 1), np.uint8)))
    turned = source.transpose(Image.Transpose.ROTATE_90)
    image = decode(encoded(turned, "JPEG", quality=95, subsampling=0, exif=exif(6)))
    assert image.size == source.size
    assert np.abs(np.asarray(image, int) - np.asarray(source, int)).mean() < 5


# Pillow raises an error for the first (in a WebP), ignores the second, and reads the third as a text.
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize(("position", "broken"), [(0, b"\xff" * 8), (4, b"\x7f\0\0\0"), (12, b"\0\2")])
def test_damaged_exif_leaves_the_image(kind, position, broken):
    whole = encoded(picture(), kind, exif=exif(6))
    position += whole.index(b"MM\0*")
    changed = whole[:position] + broken + whole[position + len(broken) :]
    if kind == "PNG":  # whose chunks have checksums
        chunk = changed.index(b"eXIf")
        end = chunk + 4 + int.from_bytes(changed[chunk - 4 : chunk], "big")
        changed = changed[:end] + struct.pack(">I", zlib.crc32(changed[chunk:end])) + changed[end + 4 :]
    assert decode(whole).size == (8, 12)
    np.testing.assert_array_equal(np.asarray(decode(changed)), np.asarray(decode(encoded(picture(), kind))))


def test_large_jpeg_is_decoded_at_a_fraction_also_when_turned():
    ramp = np.broadcast_to(np.linspace(0, 255, 4200, dtype=np.uint8), (2 * LEAST_SIDE + 2, 4200))
    source = Image.fromarray(np.ascontiguousarray(ramp))
    image = decode(encoded(source, "JPEG", exif=exif(6)))
    assert image.size == (LEAST_SIDE + 1, 2100)
    expected = source.resize((2100, LEAST_SIDE + 1)).transpose(Image.Transpose.ROTATE_270)
    assert np.abs(np.asarray(image, int) - np.asarray(expected, int)).max() <= 3


@pytest.mark.parametrize("side", [LEAST_SIDE, 2 * LEAST_SIDE - 1])
def test_jpeg_keeps_its_size_where_half_would_be_too_small(side):
    assert decode(encoded(Image.new("L", (side, 2100)), "JPEG")).size == (side, 2100)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_incomplete_files_are_refused(kind):
    data = encoded(picture(), kind)
    for part in (len(data) // 2, 20):
        with pytest.raises(ImprintError, match=r"damaged or incomplete|not a readable JPEG"):
            decode(data[:part])


def test_broken_checksum_is_refused():
    data = bytearray(encoded(picture()))
    data[data.index(b"IDAT") + 10] ^= 0xFF
    with pytest.raises(ImprintError, match=r"damaged or incomplete\. Save or copy it again"):
        decode(bytes(data))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", encoded(picture(), "ICO")]
)
def test_other_formats_are_refused(data):
    with pytest.raises(
        ImprintError, match=r"not a readable JPEG, PNG, WebP, GIF, BMP, TIFF, PPM or AVIF image\. Save it"
    ):
        decode(data)


def test_lab_is_refused():
    with pytest.raises(ImprintError, match=r"LAB colours are not supported\. Save the image as RGB"):
        decode(encoded(Image.new("LAB", (3, 3)), "TIFF"))


def test_missing_file(tmp_path):
    with pytest.raises(ImprintError, match="can't be opened"):
        decode(tmp_path / "gone.png")


# Pillow warns about the second and refuses the third.
@pytest.mark.parametrize("side", [8_001, 10_000, 50_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bombs_are_refused_by_their_header(side):
    bombs = [
        png(side, side, rows=bytes(10**6)),
        b"P5 %d %d 255\n" % (side, side),
        b"GIF89a" + struct.pack("<HH", side, side) + encoded(picture("P"), "GIF")[10:],
    ]
    tracemalloc.start()
    for bomb in bombs:
        with pytest.raises(ImprintError, match=r"more than 64 million pixels\. Reduce its size"):
            decode(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert side**2 > MOST_PIXELS
    assert peak < 5_000_000


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_bomb_warning_as_error_is_the_same_sentence():
    with pytest.raises(ImprintError, match="more than 64 million pixels"):
        decode(png(10_000, 10_000))


SEEDS = [
    *(encoded(picture(m), exif=exif(6)) for m in ("1", "L", "P", "RGB", "RGBA")),
    *(encoded(picture(m), "JPEG", exif=exif(6)) for m in ("L", "RGB", "CMYK")),
    *(encoded(picture(), kind) for kind in ("WEBP", "BMP", "PPM")),
    *(encoded(picture(m), "TIFF") for m in ("1", "P", "F", "I", "LAB")),
    encoded(picture("P"), "GIF"),
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
@pytest.mark.filterwarnings("ignore")
def test_any_file_gives_an_image_or_a_clear_error(seed, data):
    changed = bytearray(seed)
    for position in data.draw(st.lists(st.integers(0, len(seed) - 1), max_size=6)):
        changed[position] = data.draw(st.integers(0, 255))
    length = data.draw(st.sampled_from([len(seed), data.draw(st.integers(0, len(seed)))]))
    try:
        image = decode(bytes(changed[:length]))
    except ImprintError:
        return
    assert image.mode in ("L", "RGB")
    image.getpixel((image.width - 1, image.height - 1))


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"GIF89a", b"P6 "])
)
@pytest.mark.filterwarnings("ignore")
def test_random_bytes_raise_no_other_error(data, magic):
    with suppress(ImprintError):
        decode(magic + data)

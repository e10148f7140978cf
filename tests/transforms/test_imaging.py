import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from schemas.errors import Code, RejectedError
from tests.builders import astronaut, make_image, make_jpeg, make_pixels, six_persons
from transforms.imaging import FORMATS, checked_size, decode, thumbnail

MAX_PIXELS = 10_000_000
# Exact after decoding, where the format can.
EXACT = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "BMP": {},
    "TIFF": {},
}
each_format = pytest.mark.parametrize("fmt", FORMATS)


def within(max_pixels, encoded):
    checked_size(encoded, max_pixels)
    return decode(encoded)


def refusal(encoded, max_pixels=MAX_PIXELS):
    with pytest.raises(RejectedError) as refused:
        within(max_pixels, encoded)
    assert refused.value.code is Code.INVALID_IMAGE
    return refused.value.detail


def assert_near(pixels, expected, tolerance):
    assert (pixels.shape, pixels.dtype) == (expected.shape, np.uint8)
    assert np.abs(pixels.astype(int) - expected).max() <= tolerance


def png_header(width, height):
    """A PNG of that size without a single pixel."""

    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def lossless_jpeg(pixels):
    """A JPEG of differences to the pixel at the left, each as its length in 4 bits and itself."""

    def segment(mark, content):
        return bytes([0xFF, mark]) + struct.pack(">H", len(content) + 2) + content

    def code(difference):
        length = int(abs(difference)).bit_length()
        value = difference if difference > 0 else difference + (1 << length) - 1
        return f"{length:04b}" + (f"{value:0{length}b}" if length else "")

    left = np.full(pixels.shape, 128)
    left[:, 1:], left[1:, 0] = pixels[:, :-1], pixels[:-1, 0]
    bits = "".join(map(code, (pixels - left).ravel().tolist()))
    bits += "1" * (-len(bits) % 8)
    content = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    height, width = pixels.shape[:2]
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"R\x11\0G\x11\0B\x11\0"
    lengths = b"\0" + bytes([0, 0, 0, 9, *[0] * 12, *range(9)])
    scan = segment(0xDA, b"\3R\0G\0B\0\1\0\0") + content
    return b"\xff\xd8" + segment(0xC3, frame) + segment(0xC4, lengths) + scan + b"\xff\xd9"


class TestWhatIsDecoded:
    @each_format
    def test_each_format_gives_rgb(self, fmt):
        pixels = decode(make_image(fmt=fmt, **EXACT[fmt]))
        assert_near(pixels, make_pixels(), 4 if fmt == "JPEG" else 0)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_pixels_are_upright(self, fmt, orientation):
        encoded = make_image(60, 42, fmt, orientation=orientation, **EXACT[fmt])
        assert_near(decode(encoded), make_pixels(60, 42), 4 if fmt == "JPEG" else 0)

    @pytest.mark.parametrize(
        ("mode", "fmt", "tolerance"),
        [
            pytest.param("CMYK", "JPEG", 8, id="CMYK JPEG"),
            pytest.param("CMYK", "TIFF", 0, id="CMYK TIFF"),
            pytest.param("RGBA", "PNG", 0, id="RGBA PNG"),
            pytest.param("RGBA", "WEBP", 0, id="RGBA WebP"),
            pytest.param("RGBA", "TIFF", 0, id="RGBA TIFF"),
            pytest.param("P", "PNG", 60, id="palette PNG"),
            pytest.param("P", "BMP", 60, id="palette BMP"),
        ],
    )
    def test_other_colours_become_rgb(self, mode, fmt, tolerance):
        encoded = make_image(mode=mode, fmt=fmt, **EXACT[fmt])
        assert_near(decode(encoded), make_pixels(), tolerance)

    @pytest.mark.parametrize("fmt", ["JPEG", "PNG", "BMP", "TIFF"])
    def test_grey_becomes_rgb(self, fmt):
        grey = np.asarray(Image.fromarray(make_pixels()).convert("L"))
        pixels = decode(make_image(mode="L", fmt=fmt, **EXACT[fmt] | {"subsampling": -1}))
        assert_near(pixels, np.repeat(grey[:, :, None], 3, axis=2), 4 if fmt == "JPEG" else 0)

    def test_16_bits_become_8(self):
        _, png = cv2.imencode(".png", make_pixels()[:, :, ::-1].astype(np.uint16) * 257)
        assert_near(decode(png.tobytes()), make_pixels(), 0)

    def test_the_first_of_several_pictures_is_taken(self):
        other = Image.fromarray(make_pixels(seed=1))
        for fmt in ("TIFF", "WEBP", "PNG"):
            encoded = make_image(fmt=fmt, save_all=True, append_images=[other], **EXACT[fmt])
            assert_near(decode(encoded), make_pixels(), 0)

    def test_a_phones_jpeg_with_a_second_picture_is_a_jpeg(self):
        encoded = make_image(fmt="MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
        assert decode(encoded).shape == (48, 64, 3)

    def test_real_photos(self):
        assert decode(astronaut()).shape == (512, 512, 3)
        assert decode(six_persons()).shape == (886, 1280, 3)


class TestWhatIsNot:
    @pytest.mark.parametrize(
        "fmt", ["GIF", "JPEG2000", "ICO", "PPM"], ids=["GIF", "JPEG 2000", "ICO", "PPM"]
    )
    def test_another_format(self, fmt):
        assert refusal(make_image(fmt=fmt)) == "format_not_supported"

    @pytest.mark.parametrize("brand", [b"heic", b"avif", b"mif1"])
    def test_a_phones_own_format(self, brand):
        assert refusal(b"\0\0\0\x18ftyp" + brand + bytes(100)) == "format_not_supported"

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"\0" * 1000, id="zeros"),
            pytest.param(b"<!DOCTYPE html><html><body>404</body></html>", id="HTML"),
            pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="SVG"),
            pytest.param(b"%PDF-1.7\n", id="PDF"),
            pytest.param(b'{"error": "gone"}', id="JSON"),
            pytest.param(b"PK\x03\x04" + bytes(100), id="ZIP"),
            pytest.param(np.random.default_rng(0).bytes(5000), id="noise"),
        ],
    )
    def test_no_image(self, content):
        assert refusal(content) == "not_an_image"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
class TestTruncated:
    @each_format
    def test_a_cut_anywhere(self, fmt):
        encoded = make_image(fmt=fmt)
        ends = {16, 30, 60, 100, len(encoded) // 2, len(encoded) - 100, len(encoded) - 3}
        assert {end: refusal(encoded[:end]) for end in ends} == dict.fromkeys(ends, "truncated")

    @pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
    @pytest.mark.parametrize("missing", [1, 2])
    def test_a_jpeg_may_lack_its_end_marker(self, progressive, missing):
        encoded = make_jpeg(progressive=progressive)
        pixels = decode(encoded[:-missing])
        np.testing.assert_array_equal(pixels, decode(encoded))

    @pytest.mark.parametrize("missing", [4, 10, 100, 1000])
    def test_a_jpeg_may_lack_no_more(self, missing):
        # OpenCV decodes it where the marker is put back, and makes up what is missing.
        assert refusal(six_persons()[:-missing]) == "truncated"
        assert refusal(make_jpeg(progressive=True, width=300, height=300)[:-missing]) == "truncated"

    def test_what_follows_the_end_does_not_matter(self):
        assert decode(make_jpeg() + b"trailer").shape == (48, 64, 3)


class TestSize:
    def test_as_many_pixels_as_allowed(self):
        assert checked_size(make_jpeg(64, 48), 64 * 48) == (64, 48)
        assert refusal(make_jpeg(64, 48), 64 * 48 - 1) == "too_many_pixels"

    def test_the_header_alone_is_looked_at(self, monkeypatch):
        monkeypatch.delattr(cv2, "imdecode")
        assert refusal(png_header(100_000, 100_000)) == "too_many_pixels"
        assert refusal(png_header(2**31 - 1, 2**31 - 1)) == "too_many_pixels"

    def test_a_jpeg_goes_over_its_pixels_some_times(self, monkeypatch):
        jpeg = make_jpeg(progressive=True)
        assert checked_size(jpeg, 64 * 48) == (64, 48)
        last = jpeg.rindex(b"\xff\xda")
        often = jpeg[:last] + jpeg[last:-2] * 1000 + jpeg[-2:]
        assert checked_size(often, 64 * 48 * 100) == (64, 48)
        assert decode(often).shape == (48, 64, 3)
        monkeypatch.delattr(cv2, "imdecode")
        assert refusal(often, 64 * 48) == "too_many_pixels"


class TestReduced:
    @pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("reduction", [2, 4, 8])
    def test_each_pixel_stands_for_a_square(self, reduction, orientation, progressive):
        saving = EXACT["JPEG"] | {"progressive": progressive, "orientation": orientation}
        pixels = decode(make_image(160, 96, **saving), reduction)
        squares = make_pixels(160, 96).reshape(96 // reduction, reduction, -1, reduction, 3)
        assert pixels.shape == (96 // reduction, 160 // reduction, 3)
        assert np.abs(pixels - squares.mean(axis=(1, 3))).mean() < 8

    def test_sides_are_rounded_up(self):
        shapes = [decode(make_jpeg(65, 41), each).shape[:2] for each in (1, 2, 4, 8)]
        assert shapes == [(41, 65), (21, 33), (11, 17), (6, 9)]

    def test_a_lossless_jpeg_has_one_scale(self):
        pixels = make_pixels(40, 24)
        for reduction in (1, 2, 4, 8):
            np.testing.assert_array_equal(decode(lossless_jpeg(pixels), reduction), pixels)

    @pytest.mark.parametrize("mode", ["L", "CMYK"])
    def test_other_colours_become_rgb(self, mode):
        jpeg = make_image(128, 96, mode=mode, quality=95)
        squares = decode(jpeg).reshape(24, 4, 32, 4, 3).mean(axis=(1, 3))
        assert np.abs(decode(jpeg, 4) - squares).mean() < 8


@pytest.mark.parametrize("kind", ["text", "profile"])
def test_a_png_with_megabytes_of_data_about_it(kind):
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile", "x" * 3_000_000, zip=True)
    about = {"pnginfo": text} if kind == "text" else {"icc_profile": bytes(3_000_000)}
    assert_near(within(MAX_PIXELS, make_image(fmt="PNG", **about)), make_pixels(), 0)


@pytest.mark.parametrize("compression", ["lzma", "zstd"])
def test_a_whole_tiff_that_opencv_does_not_decode_is_not_told_as_cut(compression):
    """To copy it once more would not help."""
    file = io.BytesIO()
    Image.fromarray(make_pixels(64, 48)).save(file, "TIFF", compression=compression)
    assert refusal(file.getvalue()) == "format_not_supported"
    assert refusal(file.getvalue()[:-50]) == "truncated"


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_a_damaged_jpeg_ends_as_it_does_in_full(reduction, progressive):
    jpeg = make_jpeg(300, 300, progressive=progressive)
    for missing in (1, 2):
        np.testing.assert_array_equal(decode(jpeg[:-missing], reduction), decode(jpeg, reduction))
    for end in (-4, -10, -100, -1000, len(jpeg) // 2):
        with pytest.raises(RejectedError) as refused:
            decode(jpeg[:end], reduction)
        assert refused.value.detail == "truncated"


class TestThumbnail:
    pixels = make_pixels(1000, 800)

    @pytest.mark.parametrize(
        ("box", "size"),
        [
            pytest.param((100.0, 100.0, 200.0, 180.0), (150, 120), id="with its margin"),
            pytest.param((200.0, 200.0, 600.0, 700.0), (212, 256), id="made smaller"),
            pytest.param((-50.0, -80.0, 100.0, 120.0), (138, 170), id="cut at the left and top"),
            pytest.param((940.0, 740.0, 1100.0, 900.0), (100, 100), id="cut right and below"),
            pytest.param((10.0, 10.0, 10.0, 10.0), (1, 1), id="a box of nothing"),
            pytest.param((0.0, 400.0, 1000.0, 401.0), (256, 1), id="a box of a line"),
        ],
    )
    def test_size(self, box, size):
        with Image.open(io.BytesIO(thumbnail(self.pixels, box))) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", size)

    def test_colours(self):
        with Image.open(io.BytesIO(thumbnail(self.pixels, (100, 100, 300, 300)))) as image:
            red, green, blue = np.asarray(image).reshape(-1, 3).mean(axis=0)
        assert red > 200
        assert max(green, blue) < 60


def test_what_follows_a_picture_is_not_looked_at():
    """A phone's moving photo has a film there, in which two bytes are now and then a scan's."""
    photo = make_image(400, 300)
    with_film = photo + b"\xff\xda" * 500
    assert checked_size(with_film, 130_000) == checked_size(photo, 130_000) == (400, 300)
    np.testing.assert_array_equal(decode(with_film), decode(photo))

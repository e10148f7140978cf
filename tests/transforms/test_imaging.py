import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from schemas.errors import Code, RejectedError
from tests.builders import astronaut, make_image, make_jpeg, make_pixels, six_persons
from transforms.imaging import FORMATS, decode, thumbnail

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


def refusal(encoded, max_pixels=MAX_PIXELS):
    with pytest.raises(RejectedError) as refused:
        decode(encoded, max_pixels)
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


class TestWhatIsDecoded:
    @each_format
    def test_each_format_gives_rgb(self, fmt):
        pixels = decode(make_image(fmt=fmt, **EXACT[fmt]), MAX_PIXELS)
        assert_near(pixels, make_pixels(), 4 if fmt == "JPEG" else 0)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_pixels_are_upright(self, fmt, orientation):
        encoded = make_image(60, 42, fmt, orientation=orientation, **EXACT[fmt])
        assert_near(decode(encoded, MAX_PIXELS), make_pixels(60, 42), 4 if fmt == "JPEG" else 0)

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
        assert_near(decode(encoded, MAX_PIXELS), make_pixels(), tolerance)

    @pytest.mark.parametrize("fmt", ["JPEG", "PNG", "BMP", "TIFF"])
    def test_grey_becomes_rgb(self, fmt):
        grey = np.asarray(Image.fromarray(make_pixels()).convert("L"))
        pixels = decode(
            make_image(mode="L", fmt=fmt, **EXACT[fmt] | {"subsampling": -1}), MAX_PIXELS
        )
        assert_near(pixels, np.repeat(grey[:, :, None], 3, axis=2), 4 if fmt == "JPEG" else 0)

    def test_16_bits_become_8(self):
        _, png = cv2.imencode(".png", make_pixels()[:, :, ::-1].astype(np.uint16) * 257)
        assert_near(decode(png.tobytes(), MAX_PIXELS), make_pixels(), 0)

    def test_the_first_of_several_pictures_is_taken(self):
        other = Image.fromarray(make_pixels(seed=1))
        for fmt in ("TIFF", "WEBP", "PNG"):
            encoded = make_image(fmt=fmt, save_all=True, append_images=[other], **EXACT[fmt])
            assert_near(decode(encoded, MAX_PIXELS), make_pixels(), 0)

    def test_a_phones_jpeg_with_a_second_picture_is_a_jpeg(self):
        encoded = make_image(fmt="MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
        assert decode(encoded, MAX_PIXELS).shape == (48, 64, 3)

    def test_real_photos(self):
        assert decode(astronaut(), MAX_PIXELS).shape == (512, 512, 3)
        assert decode(six_persons(), MAX_PIXELS).shape == (886, 1280, 3)


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
        pixels = decode(encoded[:-missing], MAX_PIXELS)
        np.testing.assert_array_equal(pixels, decode(encoded, MAX_PIXELS))

    @pytest.mark.parametrize("missing", [4, 10, 100, 1000])
    def test_a_jpeg_may_lack_no_more(self, missing):
        # OpenCV decodes it where the marker is put back, and makes up what is missing.
        assert refusal(six_persons()[:-missing]) == "truncated"
        assert refusal(make_jpeg(progressive=True, width=300, height=300)[:-missing]) == "truncated"

    def test_what_follows_the_end_does_not_matter(self):
        assert decode(make_jpeg() + b"trailer", MAX_PIXELS).shape == (48, 64, 3)


class TestSize:
    def test_as_many_pixels_as_allowed(self):
        assert decode(make_jpeg(64, 48), 64 * 48).shape == (48, 64, 3)
        assert refusal(make_jpeg(64, 48), 64 * 48 - 1) == "too_many_pixels"

    def test_the_header_alone_is_looked_at(self, monkeypatch):
        monkeypatch.delattr(cv2, "imdecode")
        assert refusal(png_header(100_000, 100_000)) == "too_many_pixels"
        assert refusal(png_header(2**31 - 1, 2**31 - 1)) == "too_many_pixels"

    def test_a_jpeg_goes_over_its_pixels_some_times(self, monkeypatch):
        jpeg = make_jpeg(progressive=True)
        assert decode(jpeg, 64 * 48).shape == (48, 64, 3)
        last = jpeg.rindex(b"\xff\xda")
        often = jpeg[:last] + jpeg[last:-2] * 1000 + jpeg[-2:]
        assert decode(often, 64 * 48 * 100).shape == (48, 64, 3)
        monkeypatch.delattr(cv2, "imdecode")
        assert refusal(often, 64 * 48) == "too_many_pixels"


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
    np.testing.assert_array_equal(decode(with_film, 130_000), decode(photo, 130_000))

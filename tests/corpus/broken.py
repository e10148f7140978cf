"""Images that are cut, or whose bits were changed on the way."""

import random
from collections.abc import Iterator

from tests.corpus.case import (
    FORMATS,
    NOT_AN_IMAGE,
    OK,
    TRUNCATED,
    Case,
    encoded,
    images,
    small_photo,
)

# By where they break: the parts of a file that its format guards by a checksum, or cannot do
# without, are found out; of pixels alone nobody knows.
_GUARDED = ("PNG",)
_PLAIN = ("BMP", "TIFF")


def cases() -> list[Case]:
    """Gives cuts at many places, and flipped bits."""
    whole = {fmt: encoded(fmt) for fmt in FORMATS}
    rng = random.Random(5)
    return [
        *images(TRUNCATED, _cuts(whole)),
        *images(NOT_AN_IMAGE, ((f"{fmt} from its middle", _rest(whole[fmt])) for fmt in FORMATS)),
        *images(NOT_AN_IMAGE, ((f"{fmt} of another mark", _marked(whole[fmt])) for fmt in FORMATS)),
        *images(TRUNCATED, _flips(whole, _GUARDED, rng)),
        *images(OK, _flips(whole, _PLAIN, rng)),
        *images(OK, [("JPEG without its end", small_photo()[:-2])]),
        *images(OK, [("JPEG, half its end", small_photo()[:-1])]),
        *images(OK, [(f"{fmt} with a tail", whole[fmt] + bytes(1_000)) for fmt in FORMATS]),
    ]


def noise(number: int) -> list[bytes]:
    """Gives images of bits flipped anywhere: how they end depends on the decoder."""
    rng = random.Random(6)
    whole = [encoded(fmt) for fmt in FORMATS]
    return [_flipped(whole[n % len(whole)], rng, 0, 1, 1 + n % 9) for n in range(number)]


def _cuts(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for fmt, image in whole.items():
        for share in (0.02, 0.1, 0.25, 0.5, 0.75, 0.9):
            yield f"{fmt} cut at {share:.0%}", image[: int(len(image) * share)]
        yield f"{fmt} cut after its mark", image[:16]
        yield f"{fmt} without its last 20 bytes", image[:-20]


def _rest(image: bytes) -> bytes:
    return image[len(image) // 2 :]


def _marked(image: bytes) -> bytes:
    return bytes([image[0] ^ 0x10]) + image[1:]


def _flips(
    whole: dict[str, bytes], formats: tuple[str, ...], rng: random.Random
) -> Iterator[tuple[str, bytes]]:
    for fmt in formats:
        for number in (1, 2, 3):
            yield f"{fmt}, {number} bits flipped", _flipped(whole[fmt], rng, 0.2, 0.9, number)


def _flipped(image: bytes, rng: random.Random, start: float, end: float, bits: int) -> bytes:
    content = bytearray(image)
    for _ in range(bits):
        content[rng.randrange(int(len(image) * start), int(len(image) * end))] ^= (
            1 << rng.randrange(8)
        )
    return bytes(content)

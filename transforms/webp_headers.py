"""What the chunks of a WebP hold beside its picture. Source: RFC 9649, section 2."""

import struct

_FIRST_CHUNK = 12
_CHUNK = struct.Struct("<4sI")  # name, bytes of content
_EXIF, _PREFIX_OF_JPEG = b"EXIF", b"Exif\0\0"


def with_plain_exif(encoded: bytes) -> bytes:
    """Gives the same WebP with EXIF that OpenCV reads, so that the picture is turned upright.

    Some encoders leave there what EXIF begins with in a JPEG. It moves behind, and nothing else
    does, for places within EXIF count from what follows it.
    """
    at = _FIRST_CHUNK
    while at + _CHUNK.size <= len(encoded):
        name, size = _CHUNK.unpack_from(encoded, at)
        start = at + _CHUNK.size
        if name == _EXIF:
            content = encoded[start : start + size]
            plain = content.removeprefix(_PREFIX_OF_JPEG)
            filler = bytes(len(content) - len(plain))
            return encoded[:start] + plain + filler + encoded[start + size :]
        at = start + size + size % 2
    return encoded

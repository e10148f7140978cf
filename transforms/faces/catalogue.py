"""The packs that `--pack` knows, by name."""

from schemas.errors import UsageError
from transforms.faces.base import Pack
from transforms.faces.opencv_zoo import OpenCvZoo

DEFAULT_PACK = "opencv-zoo"

PACKS = {DEFAULT_PACK: OpenCvZoo()}


def find_pack(name: str) -> Pack:
    """Gives the pack, its weights present and of the right digest."""
    pack = PACKS.get(name)
    if pack is None:
        raise UsageError(f"pack {name!r} is not known; expected one of: {', '.join(PACKS)}")
    pack.check()
    return pack

"""The packs that `--pack` knows: one by its name, others by the folder that holds them."""

from schemas.errors import UsageError
from schemas.options import DEFAULT_PACK, Inference
from transforms.faces.base import Pack
from transforms.faces.insightface_pack import find_insightface
from transforms.faces.opencv_zoo import OpenCvZoo

_INSIGHTFACE = "insightface:"
_DEFAULT_INFERENCE = Inference()


def find_pack(name: str, inference: Inference = _DEFAULT_INFERENCE) -> Pack:
    """Gives the pack, its weights present and usable. Raises UsageError."""
    if name == DEFAULT_PACK:
        pack = OpenCvZoo(inference=inference)
        pack.check()
        return pack
    if name.startswith(_INSIGHTFACE):
        return find_insightface(name.removeprefix(_INSIGHTFACE), inference)
    raise UsageError(
        f"pack {name!r} is not known; expected {DEFAULT_PACK}, or {_INSIGHTFACE}NAME or "
        f"{_INSIGHTFACE}DIR for a pack of the InsightFace library"
    )

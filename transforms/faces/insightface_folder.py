"""Where a pack of the InsightFace library lies: any folder, or one that it knows by name."""

import os
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def find_folder(name: str) -> Path:
    """Gives the folder of `--pack insightface:NAME`, fetched where the library can. UsageError."""
    if name and os.path.isdir(direct := os.path.expanduser(name)):
        if not os.access(direct, os.R_OK | os.X_OK):
            raise UsageError(f"pack insightface:{name}: the folder cannot be read")
        return Path(direct).absolute()
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"pack insightface:{name}: no such folder; expected insightface:DIR, a folder with the "
            "pack's .onnx files, or insightface:NAME, as buffalo_l"
        )
    folder = Path(os.path.expanduser("~/.insightface/models"), name)
    if not os.path.isdir(folder):
        _download(name, folder)
    return folder


def _download(name: str, folder: Path) -> None:
    """Lets the library fetch and unpack it; the folder is there only when whole."""
    from insightface.utils import ensure_available  # loads much that other packs do not need

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # It says on stdout what it does, where we have results only.
        with TemporaryDirectory(dir=folder.parent) as staging, redirect_stdout(sys.stderr):
            os.rename(ensure_available("models", name, root=staging), folder)
    except Exception as error:  # of requests, of zipfile, of the disk
        if os.path.isdir(folder):
            return  # somebody else's download was faster
        raise UsageError(
            f"pack insightface:{name}: there is no folder {folder}, and the InsightFace library "
            f"could not download it ({type(error).__name__}); fetch {name}.zip of its model zoo "
            f"where there is a network and unpack it there, or give a folder that holds the "
            "pack's .onnx files: --pack insightface:DIR"
        ) from error

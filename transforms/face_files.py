"""The images that `face_uri` names: nothing outside the root and the allowed schemes is read."""

import errno
import os
import posixpath
import stat
from dataclasses import dataclass

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schemas.errors import Code, Detail, RejectedError

_MAX_URI_BYTES = 4096  # what Linux takes, and a limit to the steps of resolving a path
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

# No such file, or not for us. Other errors (a timeout, too many open files) say nothing of it.
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, ValueError)
_ABSENT_MARKS = {
    "errno": (errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL),
    "code": (403, 404),  # GCS and S3
    "status_code": (403, 404),  # Azure
    "exception": ("AccessControlException", "FileNotFoundException"),  # HDFS
}


@dataclass(frozen=True, slots=True)
class FaceFiles:
    """Where images named by `face_uri` may lie.

    root: a folder, or "" for that of the input file; schemes: of URIs that may be read.
    """

    root: str = ""
    schemes: frozenset[str] = frozenset()

    def read(self, uri: str, folder: str, max_bytes: int) -> bytes:
        """Gives the bytes of the file. folder: that of the input file.

        Raises RejectedError(INVALID_IMAGE) with `uri_not_allowed`, `uri_not_found` or
        `too_many_bytes`. Errors that say nothing of the file go through.
        """
        root = self.root or folder
        scheme, is_uri, _ = uri.partition("://")
        if scheme.lower() not in self.schemes if is_uri else uri.startswith("/"):
            raise _rejected(Detail.URI_NOT_ALLOWED)
        try:
            if "\0" in uri or len(uri.encode()) > _MAX_URI_BYTES:  # or has a lone surrogate
                raise ValueError
            if is_uri or "://" in root:
                content = _read_uri(uri if is_uri else _below(root, uri), max_bytes)
            else:
                content = _read_local(os.path.realpath(root), uri, max_bytes)
        except Exception as error:
            if not _is_absent(error):
                raise
            raise _rejected(Detail.URI_NOT_FOUND) from None
        if len(content) > max_bytes:
            raise _rejected(Detail.TOO_MANY_BYTES)
        return content


def _read_local(top: str, path: str, max_bytes: int) -> bytes:
    """Gives at most one byte more than allowed. top: a real path."""
    place = os.path.realpath(os.path.join(top, path))
    if os.path.commonpath([place, top]) != top:
        raise _rejected(Detail.URI_NOT_ALLOWED)
    # To open a FIFO or a device can have effects. Behind a loop, links were not followed.
    found = os.lstat(place)
    if not stat.S_ISREG(found.st_mode) or os.path.realpath(place, strict=True) != place:
        raise _rejected(Detail.URI_NOT_FOUND)
    descriptor = os.open(place, _FLAGS)
    try:
        # Swapped since, it or a folder above it? What is new can have the old one's number.
        opened = os.fstat(descriptor)
        same = os.path.samestat(opened, found) and stat.S_ISREG(opened.st_mode)
        if not same or _place_of(descriptor, place) != place:
            raise _rejected(Detail.URI_NOT_FOUND)
        if opened.st_size > max_bytes:
            raise _rejected(Detail.TOO_MANY_BYTES)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(max_bytes + 1)
    finally:
        os.close(descriptor)


def _place_of(descriptor: int, place: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # no /proc
        return os.path.realpath(place)


def _read_uri(uri: str, max_bytes: int) -> bytes:
    scheme, _, rest = uri.partition("://")
    if FileSystems.get_scheme(uri) != scheme:  # Beam would take it for a local path
        raise _rejected(Detail.URI_NOT_ALLOWED)
    place = f"{scheme.lower()}://{rest}"
    with FileSystems.open(place, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return bytes(file.read(max_bytes + 1))


def _below(root: str, path: str) -> str:
    inside = posixpath.normpath(path)
    if inside.split("/")[0] == "..":
        raise _rejected(Detail.URI_NOT_ALLOWED)
    if inside == ".":
        raise _rejected(Detail.URI_NOT_FOUND)
    return root + inside if root.endswith("/") else f"{root}/{inside}"


def _is_absent(error: Exception) -> bool:
    marked = any(getattr(error, name, None) in marks for name, marks in _ABSENT_MARKS.items())
    return marked or isinstance(error, _ABSENT)


def _rejected(detail: str) -> RejectedError:
    return RejectedError(Code.INVALID_IMAGE, detail)

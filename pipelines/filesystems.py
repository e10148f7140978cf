"""Filesystems that Beam reaches for inputs and images: S3, Google's, HDFS and others."""

from importlib.util import find_spec

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from pipelines.config import EnrollConfig
from pipelines.option_values import face_schemes
from schemas.errors import UsageError

_S3 = "s3"


def check_schemes(config: EnrollConfig) -> None:
    """Raises UsageError where Beam, as it is installed and told, cannot read images of these."""
    for option, scheme in face_schemes(config.face_root, config.face_schemes):
        place = f"{scheme}://any"
        try:
            FileSystems.get_filesystem(place)
            if scheme == _S3 and find_spec("boto3") is None:  # Beam looks for it on use only
                raise ImportError("boto3 is not installed")
        except Exception as error:  # each filesystem has its own; none is a crash of ours
            raise UsageError(
                f"{option}: Beam cannot read {scheme}://: {reason(error, place)}; expected some "
                'as gs, s3 or hdfs, with what Beam needs for it (README, "Input")'
            ) from error


def reason(error: Exception, place: str) -> Exception:
    """Gives what Beam wrapped in an error of its own, in which it tells all places at once."""
    while isinstance(error, BeamIOError) and place in (error.exception_details or {}):
        error = error.exception_details[place]
    return error

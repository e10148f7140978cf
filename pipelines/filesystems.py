"""Filesystems that Beam reaches for inputs and images: S3, Google's, HDFS and others."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.config import EnrollConfig
from pipelines.option_values import face_schemes
from schemas.errors import UsageError

_S3 = "s3"
_OPTIONS = ("s3_", "hdfs_")
# Those of Beam's options that are keys.
KEYS = {
    "s3_access_key_id",
    "s3_secret_access_key",
    "s3_session_token",
    "azure_connection_string",
}


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


def filesystem_options(options: PipelineOptions) -> Mapping[str, Any]:
    """Gives the options that tell how filesystems are reached, without their keys.

    They go into the graph, which a runner shows: workers have keys in their environment.
    """
    given = options.get_all_options(drop_default=True)
    return {
        name: value
        for name, value in given.items()
        if name.startswith(_OPTIONS) and name not in KEYS
    }


def reason(error: Exception, place: str) -> Exception:
    """Gives what Beam wrapped in an error of its own, in which it tells all places at once."""
    while isinstance(error, BeamIOError) and place in (error.exception_details or {}):
        error = error.exception_details[place]
    return error

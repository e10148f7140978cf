"""Everything that decides an enrollment, in one frozen object."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from pipelines.option_values import (
    check_face_places,
    parse_columns,
    parse_duration,
    parse_schemes,
    parse_size,
)
from schemas.errors import UsageError
from schemas.ids import check_collection_name
from schemas.inputs import PARQUET_FIELDS
from schemas.options import (
    DEFAULT_PACK,
    DEFAULT_STORE,
    EngineName,
    FaceStorageType,
    Inference,
    MultipleFaces,
    OnDuplicateId,
    Precision,
    Rules,
)
from transforms.person_metadata import is_text
from transforms.stores.connect import DEFAULT_RETRY_FOR_S
from transforms.worker import cores

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RejectedLimit:
    """How many rejected rows a run may have and still exit 0: a number, or a share of all."""

    number: float
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> "RejectedLimit":
        """Reads `20` or `2.5%`."""
        percent = text.endswith("%")
        try:
            number = float(text.removesuffix("%")) if percent else int(text)
        except ValueError:
            number = -1
        if not 0 <= number <= (100 if percent else float("inf")):
            raise UsageError(f"--max-rejected: {text!r}; expected a count as 20, or as 2.5%")
        return cls(number, percent)

    def __str__(self) -> str:
        """Gives what was read."""
        return f"{self.number:g}%" if self.percent else f"{self.number}"

    def allows(self, rejected: int, rows: int) -> bool:
        """True where so many of so many rows are within the limit."""
        if not self.percent:
            return rejected <= self.number
        return 100 * rejected <= Fraction(str(self.number)) * rows  # exactly what was written


@dataclass(frozen=True, slots=True)
class EnrollConfig:
    """The options of `enroll`, checked when it is made. Beam's own stay as they were given.

    collection, face_storage_type: of person rows; None where all inputs are bodies.
    """

    inputs: tuple[str, ...]
    run_dir: str
    collection: str | None = None
    face_storage_type: FaceStorageType | None = None
    store: str = DEFAULT_STORE
    pack: str = DEFAULT_PACK
    inference: Inference = field(default_factory=Inference)
    workers: int = field(default_factory=cores)
    rules: Rules = field(default_factory=Rules)
    max_row_bytes: int = 64_000_000
    columns: Mapping[str, str] = field(default_factory=dict)
    face_root: str = ""
    face_schemes: tuple[str, ...] = ()
    on_duplicate_id: OnDuplicateId = OnDuplicateId.LAST
    keep_rejected: bool = False
    limit: int | None = None
    max_rejected: RejectedLimit | None = None
    retry_for_s: float = DEFAULT_RETRY_FOR_S
    beam_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.inputs:
            raise UsageError("no INPUT given; expected files, folders or globs")
        if (self.collection is None) != (self.face_storage_type is None):
            raise UsageError(
                "--collection and --face-storage-type belong together: give both for person rows, "
                "and neither where all inputs are request bodies"
            )
        if self.collection is not None:
            check_collection_name(self.collection)
        for text in (self.face_root, *self.columns.values(), *self.beam_options):
            if not is_text(text):  # the manifest tells them
                raise UsageError(f"{text!r}: expected UTF-8")
        check_face_places(self.face_root, self.face_schemes)
        if not is_text(self.run_dir) or not self.run_dir:
            raise UsageError(f"--run-dir {self.run_dir!r}: expected the name of a folder, in UTF-8")
        if "://" in self.run_dir:
            raise UsageError(f"--run-dir {self.run_dir}: expected a local folder")
        if any(each in str(self.run_folder) for each in "*?["):
            raise UsageError(
                f"--run-dir {self.run_dir}: its path holds one of * ? [, which Beam takes for a "
                "glob; name another folder"
            )
        if self.workers < 1:
            raise UsageError(f"--workers: {self.workers}; expected 1 or more")
        for name, value in (
            ("--max-row-bytes", self.max_row_bytes),
            ("--max-image-bytes", self.rules.max_image_bytes),
            ("--max-image-pixels", self.rules.max_image_pixels),
            ("--limit", 1 if self.limit is None else self.limit),
        ):
            if value < 1:
                raise UsageError(f"{name}: {value}; expected 1 or more")
        if self.retry_for_s < 0:
            raise UsageError(f"--retry-for: {self.retry_for_s:g}s; expected 0s or more")
        for name in self.columns.keys() - set(PARQUET_FIELDS):
            raise UsageError(
                f"--column {name}=...: no such field; expected one of {', '.join(PARQUET_FIELDS)}"
            )

    @property
    def run_folder(self) -> Path:
        """The run's folder, from wherever a worker was started."""
        return Path(self.run_dir).absolute()


def config_of(values: Mapping[str, Any], beam_options: Sequence[str] = ()) -> EnrollConfig:
    """Gives the config of the command line's values, as they were written there."""
    max_rejected, storage = values["max_rejected"], values["face_storage_type"]
    return EnrollConfig(
        inputs=tuple(values["inputs"]),
        run_dir=values["run_dir"],
        collection=values["collection"],
        face_storage_type=None if storage is None else FaceStorageType(storage),
        store=values["store"],
        pack=values["pack"],
        inference=Inference(EngineName(values["engine"]), Precision(values["precision"])),
        workers=cores() if values["workers"] is None else values["workers"],
        rules=Rules(
            multiple_faces=MultipleFaces(values["multiple_faces"]),
            max_image_bytes=_read("--max-image-bytes", parse_size, values["max_image_bytes"]),
            max_image_pixels=_read("--max-image-pixels", parse_size, values["max_image_pixels"]),
        ),
        max_row_bytes=_read("--max-row-bytes", parse_size, values["max_row_bytes"]),
        columns=parse_columns(values["column"]),
        face_root=values["face_root"] or "",
        face_schemes=parse_schemes(values["face_schemes"] or ""),
        on_duplicate_id=OnDuplicateId(values["on_duplicate_id"]),
        keep_rejected=values["keep_rejected"],
        limit=values["limit"],
        max_rejected=None if max_rejected is None else RejectedLimit.parse(str(max_rejected)),
        retry_for_s=_read("--retry-for", parse_duration, values["retry_for"]),
        beam_options=tuple(beam_options),
    )


def _read(name: str, parse: Callable[[str], T], text: object) -> T:
    try:
        return parse(str(text))
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error

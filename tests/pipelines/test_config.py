from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import runner
from pipelines.config import EnrollConfig, RejectedLimit, config_of
from schemas.errors import Code, RefusedError, UsageError
from schemas.options import (
    EngineName,
    FaceStorageType,
    Inference,
    MultipleFaces,
    OnDuplicateId,
    Precision,
    Rules,
)
from transforms.worker import cores

# As click gives them, with its defaults.
ARGUMENTS = ["people.parquet", "--collection=staff", "--face-storage-type=NoStorage"]
VALUES = runner.enroll.make_context("enroll", [*ARGUMENTS, "--run-dir=runs/1"]).params


def config(**values):
    return config_of(VALUES | values)


def test_the_command_lines_defaults_are_the_configs():
    required = (("people.parquet",), "runs/1", "staff", FaceStorageType.NO_STORAGE)
    assert config() == EnrollConfig(*required)
    assert config().workers == cores()


def test_every_value_arrives():
    given = config_of(
        VALUES
        | {
            "inputs": ("a.jsonl", "b.jsonl"),
            "collection": "guests",
            "face_storage_type": "StoreThumbnails",
            "run_dir": "runs/2",
            "store": "http://qdrant:6333",
            "pack": "other",
            "engine": "openvino",
            "precision": "bfloat16",
            "workers": 3,
            "multiple_faces": "largest",
            "max_rejected": "2.5%",
            "retry_for": "2m",
            "max_image_bytes": "1KiB",
            "max_image_pixels": 7,
            "max_row_bytes": "1MB",
            "column": ("person_id=EMP_NO", "face=PHOTO"),
            "face_root": str(Path(__file__).parent),
            "face_schemes": "",
            "on_duplicate_id": "first",
            "keep_rejected": True,
            "limit": 5,
        },
        ["--runner=FlinkRunner"],
    )
    assert given == EnrollConfig(
        inputs=("a.jsonl", "b.jsonl"),
        collection="guests",
        face_storage_type=FaceStorageType.THUMBNAILS,
        run_dir="runs/2",
        store="http://qdrant:6333",
        pack="other",
        inference=Inference(EngineName.OPENVINO, Precision.BFLOAT16),
        workers=3,
        rules=Rules(MultipleFaces.LARGEST, 1024, 7),
        max_row_bytes=1_000_000,
        columns={"person_id": "EMP_NO", "face": "PHOTO"},
        face_root=str(Path(__file__).parent),
        on_duplicate_id=OnDuplicateId.FIRST,
        keep_rejected=True,
        limit=5,
        max_rejected=RejectedLimit(2.5, percent=True),
        retry_for_s=120.0,
        beam_options=("--runner=FlinkRunner",),
    )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"inputs": ()}, "no INPUT given; expected files, folders or globs"),
        ({"workers": 0}, "--workers: 0; expected 1 or more"),
        ({"workers": -1}, "--workers: -1; expected 1 or more"),
        ({"max_row_bytes": "0"}, "--max-row-bytes: 0; expected 1 or more"),
        ({"max_image_bytes": "0.1"}, "--max-image-bytes: 0; expected 1 or more"),
        ({"max_image_pixels": "0"}, "--max-image-pixels: 0; expected 1 or more"),
        (
            {"max_row_bytes": "lots"},
            "--max-row-bytes: 'lots'; expected a size such as 20MB, 64MiB or 50M",
        ),
        (
            {"retry_for": "soon"},
            "--retry-for: 'soon'; expected a duration such as 120s, 2m or 1h",
        ),
        (
            {"column": ("name=NAME",)},
            "--column name=...: no such field; expected one of person_id, person_name, metadata, "
            "face_base_64, face, face_uri, vector",
        ),
        ({"column": ("face=caf\udce9",)}, r"'caf\udce9': expected UTF-8"),
        ({"face_root": "caf\udce9"}, r"'caf\udce9': expected UTF-8"),
        ({"limit": 0}, "--limit: 0; expected 1 or more"),
        ({"face_root": "nowhere"}, "--face-root nowhere: no such folder"),
        (
            {"face_schemes": "file"},
            "--face-schemes: file:// is not read; name a local folder as --face-root",
        ),
        *(
            (
                {"face_schemes": text},
                f"--face-schemes: {text!r} is no scheme; expected some as gs,s3",
            )
            for text in ("gs;s3", "g s", "['gs']", "3s", "gs://")
        ),
        (
            {"collection": None},
            "--collection and --face-storage-type belong together: give both for person rows, and "
            "neither where all inputs are request bodies",
        ),
        ({"max_rejected": "many"}, "--max-rejected: 'many'; expected a count as 20, or as 2.5%"),
        (
            {"run_dir": "runs/[1]"},
            "--run-dir runs/[1]: its path holds one of * ? [, which Beam takes for a glob; name "
            "another folder",
        ),
    ],
)
def test_what_cannot_mean_anything_is_refused(values, why):
    with pytest.raises(UsageError) as refused:
        config(**values)
    assert str(refused.value) == why


def test_a_collections_name_is_checked():
    with pytest.raises(RefusedError) as refused:
        config(collection="a/b")
    assert refused.value.code is Code.INVALID_COLLECTION_NAME


def test_the_run_folder_is_the_same_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config().run_folder == tmp_path / "runs/1"


def test_a_config_does_not_change():
    with pytest.raises(FrozenInstanceError):
        config().collection = "other"


class TestRejectedLimit:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0", RejectedLimit(0)),
            ("20", RejectedLimit(20)),
            ("0%", RejectedLimit(0.0, percent=True)),
            ("2.5%", RejectedLimit(2.5, percent=True)),
            ("100%", RejectedLimit(100.0, percent=True)),
        ],
    )
    def test_is_a_number_or_a_share(self, text, expected):
        assert RejectedLimit.parse(text) == expected

    @pytest.mark.parametrize("text", ["", "%", "-1", "-1%", "101%", "2.5", "nan%", "inf%", "5 %%"])
    def test_is_nothing_else(self, text):
        with pytest.raises(UsageError) as refused:
            RejectedLimit.parse(text)
        assert str(refused.value) == f"--max-rejected: {text!r}; expected a count as 20, or as 2.5%"

    @pytest.mark.parametrize(
        ("text", "rejected", "rows", "allowed"),
        [
            ("0", 0, 100, True),
            ("0", 1, 100, False),
            ("20", 20, 20, True),
            ("20", 21, 10_000, False),
            ("2.5%", 25, 1000, True),
            ("2.5%", 26, 1000, False),
            ("0.57%", 57, 10_000, True),  # of floats, a little less
            ("0.57%", 58, 10_000, False),
            ("4.35%", 261, 6_000, True),
            ("0%", 0, 0, True),
            ("100%", 7, 7, True),
        ],
    )
    def test_allows_so_many(self, text, rejected, rows, allowed):
        assert RejectedLimit.parse(text).allows(rejected, rows) is allowed

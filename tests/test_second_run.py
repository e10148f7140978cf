"""What a second run does, and what the storage types keep."""

import base64
import hashlib
import io
from pathlib import Path

from PIL import Image

from tests.command import Muster, outcomes
from tests.payloads import group_photo, people, portraits, write_lines


def test_only_what_changed_is_written(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    rows = people(16)
    path = write_lines(tmp_path / "in.jsonl", rows)
    assert muster.enroll("first", path).json["enrolled"] == 16
    before = muster.stored(*(each["person_id"] for each in rows))

    rows[0] |= {"person_name": "Renamed"}
    rows[1] |= {"metadata": {"team": "red"}}
    rows[2] |= {"face_base_64": rows[3]["face_base_64"]}
    rows[4] |= {"face_base_64": base64.b64encode(group_photo()).decode()}
    rows[5] |= {"face_base_64": "&&&&"}
    second = muster.enroll("second", write_lines(path, rows))

    assert second.json == {
        "rows_read": 16,
        "enrolled": 0,
        "updated": 3,
        "unchanged": 11,
        "rejected": {"ERR_INVALID_IMAGE": 1, "ERR_MULTIPLE_FACES": 1},
    }
    after = muster.stored(*before)
    for person_id, point in before.items():
        same = dict(point.payload) == dict(after[person_id].payload)
        assert same == (person_id not in {"id-0000", "id-0001", "id-0002"}), person_id
    assert after["id-0000"].payload["person_name"] == "Renamed"
    assert after["id-0001"].payload["metadata"] == {"team": "red"}
    assert float(after["id-0002"].vector @ after["id-0003"].vector) > 0.9999


def test_unchanged_needs_no_model(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    path = write_lines(tmp_path / "in.jsonl", people(4))
    muster.enroll("first", path)
    muster.enroll("second", path)
    assert set(muster.report("first")["stages"]) >= {"decode", "detect", "embed", "upsert"}
    assert set(muster.report("second")["stages"]) == {"check", "look_up"}


def test_other_rules_look_again(muster: Muster, tmp_path: Path) -> None:
    """From `center` to `reject`: what is rejected now leaves what is stored."""
    muster.create()
    rows = people(2)
    rows[1] |= {"face_base_64": base64.b64encode(group_photo()).decode()}
    path = write_lines(tmp_path / "in.jsonl", rows)
    assert muster.enroll("center", path, "--multiple-faces", "center").json["enrolled"] == 2
    before = muster.stored("id-0001")["id-0001"].payload

    muster.enroll("reject", path)

    assert outcomes(muster.records("reject")) == {
        "id-0000": ("OK", "updated"),
        "id-0001": ("ERR_MULTIPLE_FACES", "6"),
    }
    assert muster.stored("id-0001")["id-0001"].payload == before


def test_what_each_storage_type_keeps(muster: Muster, tmp_path: Path) -> None:
    """Changing the type on a second run changes what is kept."""
    muster.create()
    photo = portraits()[6]
    rows = people(7)[6:]
    path = write_lines(tmp_path / "in.jsonl", rows)
    kept = {}
    for storage, action in (
        ("StoreFullImage", "enrolled"),
        ("StoreThumbnails", "updated"),
        ("NoStorage", "updated"),
    ):
        muster.enroll(storage, path, storage=storage)
        assert outcomes(muster.records(storage)) == {"id-0006": ("OK", action)}
        kept[storage] = muster.stored("id-0006")["id-0006"].payload
        assert kept[storage]["face_storage_type"] == storage
        assert kept[storage]["face_digest"] == hashlib.sha256(photo).hexdigest()

    assert base64.b64decode(kept["StoreFullImage"]["image"]) == photo
    assert "thumbnail" not in kept["StoreFullImage"]
    assert "image" not in kept["StoreThumbnails"]
    with Image.open(io.BytesIO(base64.b64decode(kept["StoreThumbnails"]["thumbnail"]))) as thumb:
        x1, y1, x2, y2 = kept["StoreThumbnails"]["box"]
        assert thumb.format == "JPEG"
        assert abs(thumb.width - 1.5 * (x2 - x1)) < 3
        assert abs(thumb.height - 1.5 * (y2 - y1)) < 3
        assert max(thumb.size) <= 256
    assert kept["NoStorage"].keys() & {"image", "thumbnail"} == set()

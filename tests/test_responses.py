"""What the mirrored server would have answered, through the real command."""

import base64
import json
from pathlib import Path
from typing import Any

from tests.command import Muster
from tests.payloads import body, group_photo, people, portraits, row, write_json, write_lines

MALFORMED = {
    "code": "ERR_UNPROCESSABLE_CONTENT",
    "message": (
        "The posted JSON is malformed or contains fields that are not of the correct type."
    ),
}


def responses(muster: Muster, run: str, *inputs: Path) -> list[dict[str, Any]]:
    enrolled = muster("enroll", *inputs, "--store", muster.store, "--run-dir", muster.folder / run)
    assert enrolled.code in (0, 4), enrolled.stderr
    told = muster("responses", muster.folder / run)
    assert (told.code, told.stderr) == (0, "")
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_bodies_of_three_sizes(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    large = people(25)
    large[3] = row("six", group_photo())
    large[17] = row("none", b"no image")
    large[24] |= {"person_name": None}
    single, pair = row("single", portraits()[0]), [row("a", portraits()[1]), row("b", b"")]
    lines = write_lines(
        tmp_path / "z.jsonl",
        [body(pair), body([]), body(pair, "nowhere"), b'{"persons": [', body([], "nowhere")],
    )
    files = [
        lines,
        write_json(tmp_path / "a.json", body(large)),
        write_json(tmp_path / "b.json", body([single])),
    ]
    told = responses(muster, "run", *files)
    assert [(each["source"], each["request"]) for each in told] == [
        *((str(lines), n) for n in range(5)),
        (str(files[1]), 0),
        (str(files[2]), 0),
    ]
    of_pair, empty, refused, malformed, empty_refused, of_large, of_single = (
        each["response"] for each in told
    )
    not_found = {
        "code": "ERR_NOT_FOUND",
        "message": "The requested entity could not be found.",
    }
    assert (empty, refused, malformed, empty_refused) == ([], not_found, MALFORMED, not_found)
    assert [each["code"] for each in of_pair] == ["OK", "ERR_INVALID_IMAGE"]
    assert [each["code"] for each in of_single] == ["OK"]
    bad = {3: "ERR_MULTIPLE_FACES", 17: "ERR_INVALID_IMAGE", 24: MALFORMED["code"]}
    assert [each["code"] for each in of_large] == [bad.get(n, "OK") for n in range(25)]
    for number, each in enumerate(of_large):
        assert each.keys() == {"code", "message", "metadata"}
        assert each["metadata"]["person_id"] == large[number]["person_id"]
        assert all(isinstance(value, str) for value in each["metadata"].values())


def test_the_vendors_example(muster: Muster, tmp_path: Path) -> None:
    muster.create("MyCollection")
    example: dict[str, Any] = {
        "collection_name": "MyCollection",
        "face_storage_type": "StoreFullImage",
        "persons": [
            {
                "person_id": f"JD{n}",
                "person_name": f"{name} Doe",
                "face_base_64": base64.b64encode(image).decode(),
                "metadata": {"DOB": "2000-01-01"},
            }
            for n, (name, image) in enumerate(
                [("John", b"First image"), ("Jane", b"Second image")], 1
            )
        ],
    }
    [told] = responses(muster, "printed", write_json(tmp_path / "a.json", example))
    assert [(each["code"], each["metadata"]["detail"]) for each in told["response"]] == [
        ("ERR_INVALID_IMAGE", "not_an_image")
    ] * 2
    for person, photo in zip(example["persons"], portraits(), strict=False):
        person["face_base_64"] = base64.b64encode(photo).decode()
    [told] = responses(muster, "real", write_json(tmp_path / "a.json", example))
    assert [
        (each["code"], each["message"], each["metadata"]["person_id"]) for each in told["response"]
    ] == [
        ("OK", "The person was enrolled.", "JD1"),
        ("OK", "The person was enrolled.", "JD2"),
    ]

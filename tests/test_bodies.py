"""`PUT /persons` bodies, through the real command."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.command import Finished, Muster, outcomes
from tests.payloads import body, group_photo, people, row, write_json, write_lines

UNPROCESSABLE = "ERR_UNPROCESSABLE_CONTENT"


def enroll_bodies(muster: Muster, run: str, *arguments: object) -> Finished:
    return muster("enroll", *arguments, "--store", muster.store, "--run-dir", muster.folder / run)


def without_place(records: Any) -> dict[str, Any]:
    return {
        each["metadata"]["person_id"]: (
            each["code"],
            each["message"],
            {
                key: value
                for key, value in each["metadata"].items()
                if key not in {"source", "row", "request"}
            },
        )
        for each in records
    }


@pytest.fixture
def persons() -> list[dict[str, Any]]:
    """Ten persons, two of whom cannot be enrolled."""
    good = people(8)
    return [*good[:4], row("six", group_photo()), *good[4:], row("bad", b"no image")]


def test_a_person_of_a_body_ends_as_the_same_row_does(
    muster: Muster, tmp_path: Path, persons: list[dict[str, Any]]
) -> None:
    muster.create()
    ids = [each["person_id"] for each in persons]
    rows = write_lines(tmp_path / "rows.jsonl", persons)
    assert muster.enroll("rows", rows).code == 0
    expected, vectors = without_place(muster.records("rows")), muster.stored(*ids)
    indented = json.dumps(body(persons), indent=2).encode()
    small = [body(persons[n : n + 2]) for n in range(0, 10, 2)]
    inputs = {
        "one": write_json(tmp_path / "one.json", body(persons)),
        "indented": write_json(tmp_path / "indented.json", indented),
        "lines": write_lines(tmp_path / "bodies.jsonl", small),
    }
    for name, path in inputs.items():
        muster("collections", "delete", "people", "--yes", "--store", muster.store)
        muster.create()
        assert enroll_bodies(muster, name, path).code == 0
        records = muster.records(name)
        assert without_place(records) == expected
        assert {each["metadata"]["source"] for each in records} == {str(path)}
        places = {
            each["metadata"]["person_id"]: (each["metadata"]["request"], each["metadata"]["row"])
            for each in records
        }
        assert places == {
            each: (str(n // 2), str(n % 2)) if name == "lines" else ("0", str(n))
            for n, each in enumerate(ids)
        }
        stored = muster.stored(*ids)
        assert stored.keys() == vectors.keys()
        for each, point in stored.items():
            assert (point.vector == vectors[each].vector).all()
            assert point.payload | {"updated_at": ""} == vectors[each].payload | {"updated_at": ""}


def test_bodies_for_several_collections(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    muster.create("guests")
    someone = people(2)
    lines = write_lines(
        tmp_path / "bodies.jsonl",
        [body(someone, storage="StoreFullImage"), body(someone[:1], collection="guests")],
    )
    done = enroll_bodies(muster, "run", lines)
    assert done.code == 0
    assert done.json == {
        "rows_read": 3,
        "enrolled": 3,
        "updated": 0,
        "unchanged": 0,
        "rejected": {},
    }
    shown = muster("collections", "list", "--store", muster.store).json
    assert shown == [{"name": "guests", "num_persons": 1}, {"name": "people", "num_persons": 2}]
    stored = muster.stored("id-0000")["id-0000"].payload
    assert stored["image"] == someone[0]["face_base_64"]


DEEP = b"[" * 200_000 + b"]" * 200_000
GOOD = people(1)[0]

# What stands in the body, what its records say (code, row, detail), and the exit code.
REFUSED: dict[str, tuple[Any, list[tuple[str, str | None, str | None]], int]] = {
    "truncated": (json.dumps(body([GOOD])).encode()[:-3], [(UNPROCESSABLE, None, "not_json")], 4),
    "empty": (b"", [(UNPROCESSABLE, None, "not_json")], 4),
    "not_json": (b"no json", [(UNPROCESSABLE, None, "not_json")], 4),
    "an_array": ([GOOD], [(UNPROCESSABLE, None, "not_json")], 4),
    "persons_a_dict": (body({"a": GOOD}), [(UNPROCESSABLE, None, "persons")], 4),
    "persons_missing": (body(None), [(UNPROCESSABLE, None, "persons")], 4),
    "too_deep": (
        b'{"x": ' + DEEP + b', "persons": []}',
        [(UNPROCESSABLE, None, "too_deep")],
        4,
    ),
    "no_such_collection": (body([GOOD], "nowhere"), [("ERR_NOT_FOUND", "0", None)], 4),
    "no_collection_name": (
        body([GOOD], "a b"),
        [("ERR_INVALID_COLLECTION_NAME", "0", None)],
        4,
    ),
    "collection_a_number": (body([GOOD], 7), [(UNPROCESSABLE, "0", "collection_name")], 4),
    "collection_missing": (body([GOOD], None), [(UNPROCESSABLE, "0", "collection_name")], 4),
    "unknown_storage": (
        body([GOOD, GOOD], storage="StoreAll"),
        [(UNPROCESSABLE, "0", "face_storage_type"), (UNPROCESSABLE, "1", "face_storage_type")],
        4,
    ),
    "no_persons": (body([]), [], 0),
    "wrong_types_of_a_person": (
        body(
            [
                GOOD,
                GOOD | {"person_id": 7},
                GOOD | {"person_id": "b", "person_name": ["x"]},
                GOOD | {"person_id": "c", "metadata": "x"},
                GOOD | {"person_id": "d", "face_base_64": 1},
                3,
                GOOD | {"person_id": "\ud800"},
                GOOD | {"person_id": "\udfff"},
            ]
        ),
        [
            ("OK", "0", None),
            (UNPROCESSABLE, "1", "person_id"),
            (UNPROCESSABLE, "2", "person_name"),
            (UNPROCESSABLE, "3", "metadata"),
            (UNPROCESSABLE, "4", "face_base_64"),
            (UNPROCESSABLE, "5", "not_json"),
            (UNPROCESSABLE, "6", "person_id"),
            (UNPROCESSABLE, "7", "person_id"),
        ],
        0,
    ),
    "a_deep_person": (
        json.dumps(body([GOOD, "deep"])).encode().replace(b'"deep"', DEEP),
        [("OK", "0", None), (UNPROCESSABLE, "1", "too_deep")],
        0,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_what_a_body_can_have_wrong(muster: Muster, tmp_path: Path, case: str, suffix: str) -> None:
    content, expected, code = REFUSED[case]
    if suffix == ".jsonl" and case == "empty":
        pytest.skip("such a line is no body")
    muster.create()
    path = write_json(tmp_path / f"body{suffix}", content)
    if suffix == ".jsonl" and case == "an_array":
        path.write_bytes(b"[1]")
    done = enroll_bodies(muster, "run", path)
    assert done.code == code, done
    found = [_seen(each) for each in muster.records("run")]
    assert sorted(found, key=str) == sorted(expected, key=str)
    account = json.loads(done.stdout.splitlines()[-1])
    assert account["rows_read"] == len(expected)
    if code == 4:
        refusal = json.loads(done.stdout.splitlines()[0])
        assert refusal.keys() == {"code", "message"}
        assert refusal["code"] == expected[0][0]


def _seen(record: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    metadata = record["metadata"]
    assert metadata["request"] == "0"
    return record["code"], metadata.get("row"), metadata.get("detail")


def test_a_body_that_lacks_its_persons_is_told_from_a_row(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    lines = [body([GOOD]), body(None)]
    done = enroll_bodies(muster, "run", write_lines(tmp_path / "a.jsonl", lines))
    assert done.code == 0
    [_, lacking] = muster.records("run")
    assert (lacking["code"], lacking["metadata"]) == (
        UNPROCESSABLE,
        {
            "collection_name": "people",
            "source": str(tmp_path / "a.jsonl"),
            "request": "1",
            "detail": "persons",
        },
    )


def test_odd_names_and_numbers_of_unknown_fields(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    odd = json.dumps(body([GOOD], more=1)).replace('"more": 1', f'"\\ud800": 1{"0" * 5000}')
    assert enroll_bodies(muster, "run", write_json(tmp_path / "a.json", odd.encode())).code == 0
    assert muster.report("run")["unknown_fields"] == ["?"]


def test_a_dry_run_tells_that_every_body_is_refused(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    path = write_json(tmp_path / "a.json", body([GOOD], "nowhere"))
    said = enroll_bodies(muster, "run", path, "--dry-run")
    assert said.code == 4
    assert said.json["requests_refused"] == said.json["would"]["reject"] == {"ERR_NOT_FOUND": 1}


def test_what_stands_last_counts_as_well(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    last = {"persons": [GOOD], "face_storage_type": "NoStorage", "collection_name": "people"}
    assert enroll_bodies(muster, "run", write_json(tmp_path / "a.json", last)).code == 0
    assert outcomes(muster.records("run")) == {"id-0000": ("OK", "enrolled")}


def test_a_bad_body_spares_the_others(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    lines = [body([GOOD], "nowhere"), b'{"persons": [{', body(people(2))]
    done = enroll_bodies(muster, "run", write_lines(tmp_path / "a.jsonl", lines))
    assert done.code == 0
    assert done.json["rejected"] == {"ERR_NOT_FOUND": 1, UNPROCESSABLE: 1}
    assert done.json["enrolled"] == 2
    report = muster.report("run")
    assert (report["requests"], report["requests_refused"], report["all_refused"]) == (
        3,
        {"ERR_NOT_FOUND": 1, UNPROCESSABLE: 1},
        False,
    )


def test_another_packs_collection(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    stamp = Path(muster.store, "people", "collection.json")
    stamp.write_text(stamp.read_text().replace("49f000ec", "00000000"))
    done = enroll_bodies(muster, "run", write_json(tmp_path / "a.json", body([GOOD])))
    assert done.code == 4
    assert [each["code"] for each in muster.records("run")] == ["ERR_MODEL_MISMATCH"]


class TestWhoseCollection:
    def test_rows_need_one(self, muster: Muster, tmp_path: Path) -> None:
        done = enroll_bodies(muster, "run", write_lines(tmp_path / "a.jsonl", people(1)))
        assert done.code == 2
        assert "a.jsonl holds person rows: give --collection" in done.stderr

    @pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
    def test_bodies_alone_have_their_own(self, muster: Muster, tmp_path: Path, name: str) -> None:
        """Of `.json` alone it is told first, whether there is such a collection or not."""
        if name == "a.jsonl":
            muster.create()
        done = muster.enroll("run", write_json(tmp_path / name, body([GOOD])))
        assert done.code == 2
        assert "all inputs are request bodies" in done.stderr
        assert not (tmp_path / "run").exists()

    def test_it_is_for_the_rows_where_there_are_both(self, muster: Muster, tmp_path: Path) -> None:
        muster.create()
        muster.create("guests")
        someone = people(3)
        mixed = write_lines(tmp_path / "a.jsonl", [someone[0], body(someone[1:], "guests")])
        assert muster.enroll("run", mixed).code == 0
        places = {
            each["metadata"]["person_id"]: (
                each["metadata"]["collection_name"],
                each["metadata"].get("request"),
                each["metadata"]["row"],
            )
            for each in muster.records("run")
        }
        assert places == {
            "id-0000": ("people", None, "0"),
            "id-0001": ("guests", "1", "0"),
            "id-0002": ("guests", "1", "1"),
        }

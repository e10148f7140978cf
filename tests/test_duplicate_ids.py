"""The same person_id more than once in a run."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.config import EnrollConfig
from pipelines.enroll import run
from schemas.ids import point_id
from schemas.options import FaceStorageType, OnDuplicateId
from tests.builders import make_jpeg
from tests.command import COLLECTION, Muster
from tests.fakes import NullPack
from tests.payloads import body, people, portraits, row, write_json, write_lines
from transforms.stores.connect import connected, store_spec

IDS = [f"id-{n}" for n in range(5)]


def write_inputs(folder: Path) -> tuple[list[Path], dict[str, list[str]]]:
    """Gives three files, and for each id the names it has, in input order."""
    image = make_jpeg()
    names: dict[str, list[str]] = {each: [] for each in IDS}

    def person(person_id: str) -> dict[str, Any]:
        names[person_id].append(f"{person_id} the {len(names[person_id])}.")
        return row(person_id, image, person_name=names[person_id][-1])

    first = write_lines(folder / "a.jsonl", [person(each) for each in [*IDS[:4], *IDS[:4]] * 20])
    bodies = [body([person(each) for each in IDS[1:3]]) for _ in range(30)]
    second = write_lines(folder / "b.jsonl", bodies)
    last = write_json(folder / "c.json", body([person(IDS[1]), person(IDS[4])]))
    return [first, second, last], names


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("policy", OnDuplicateId)
def test_the_winner_is_the_same_with_any_number_of_workers(
    tmp_path: Path, policy: OnDuplicateId, workers: int
) -> None:
    inputs, names = write_inputs(tmp_path)
    store = store_spec(str(tmp_path / "store"))
    with connected(store) as handle:
        handle.create_collection(COLLECTION, NullPack().stamp)
    config = EnrollConfig(
        inputs=tuple(map(str, inputs)),
        run_dir=str(tmp_path / "run"),
        collection=COLLECTION,
        face_storage_type=FaceStorageType.NO_STORAGE,
        workers=workers,
        on_duplicate_id=policy,
    )
    report = run(config, pack=NullPack(), store=store)
    with connected(store) as handle:
        found = {each: handle.get(COLLECTION, point_id(each)) for each in IDS}
    stored = {key: point.payload["person_name"] for key, point in found.items() if point}
    place = {OnDuplicateId.LAST: -1, OnDuplicateId.FIRST: 0}
    if policy is OnDuplicateId.REJECT:
        assert stored == {IDS[4]: names[IDS[4]][0]}
    else:
        assert stored == {each: names[each][place[policy]] for each in IDS}
    total = sum(map(len, names.values()))
    assert report.account.rows_read == total
    assert report.account.enrolled == len(stored)
    assert report.account.rejected == {"ERR_DUPLICATE_ID": total - len(stored)}
    assert {each.name for each in (tmp_path / "run").iterdir()} == {
        ".lock", "manifest.json", "report.json", "results",
    }  # fmt: skip


@pytest.mark.parametrize("policy", ["last", "first", "reject"])
def test_losers_name_the_winner(muster: Muster, tmp_path: Path, policy: str) -> None:
    muster.create()
    photo = portraits()[0]
    first = write_lines(tmp_path / "a.jsonl", [row("x", photo), b"", row("y", photo)])
    second = write_json(tmp_path / "b.json", body([row("z", photo), row("x", photo)]))
    options = [] if policy == "last" else ["--on-duplicate-id", policy]
    assert muster.enroll("run", first, second, *options).code == 0
    here, there = f"{first} row 0", f"{second} request 0 row 1"
    lost = {
        (each["metadata"]["source"], each["metadata"]["row"]): each["metadata"]["detail"]
        for each in muster.records("run")
        if each["code"] == "ERR_DUPLICATE_ID"
    }
    assert (
        lost
        == {
            "last": {(str(first), "0"): there},
            "first": {(str(second), "1"): here},
            "reject": {(str(first), "0"): there, (str(second), "1"): here},
        }[policy]
    )
    assert muster.report("run")["account"]["enrolled"] == (2 if policy == "reject" else 3)


def test_a_winner_that_is_rejected_leaves_the_others_duplicates(
    muster: Muster, tmp_path: Path
) -> None:
    muster.create()
    lines = write_lines(tmp_path / "a.jsonl", [*people(1), row("id-0000", b"no image")])
    assert muster.enroll("run", lines).code == 0
    codes = [each["code"] for each in muster.records("run")]
    assert codes == ["ERR_DUPLICATE_ID", "ERR_INVALID_IMAGE"]
    assert muster.stored("id-0000") == {}


def test_ids_of_other_collections_and_of_refused_bodies_do_not_count(
    muster: Muster, tmp_path: Path
) -> None:
    muster.create()
    muster.create("guests")
    [someone] = people(1)
    bodies = [
        body([someone]),
        body([someone], "guests"),
        body([someone], "nowhere"),
        body([someone], storage="All"),
    ]
    lines = write_lines(tmp_path / "a.jsonl", bodies)
    assert muster("enroll", lines, "--store", muster.store, "--run-dir", tmp_path / "r").code == 0
    assert [each["code"] for each in muster.records("r")] == [
        "OK",
        "OK",
        "ERR_NOT_FOUND",
        "ERR_UNPROCESSABLE_CONTENT",
    ]


def test_ids_that_differ_by_case_or_normalisation_are_two(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    photo = portraits()[0]
    ids = ["ä", "a\u0308", "Ä", "x", "X", "x "]
    lines = write_lines(tmp_path / "a.jsonl", [row(each, photo) for each in ids])
    assert muster.enroll("run", lines).json["enrolled"] == len(ids)


def test_a_dry_run_tells_of_duplicates(muster: Muster, tmp_path: Path) -> None:
    muster.create()
    [someone] = people(1)
    lines = write_lines(tmp_path / "a.jsonl", [someone, someone])
    said = muster.enroll("run", lines, "--dry-run").json
    assert said["would"]["reject"] == {"ERR_DUPLICATE_ID": 1}
    assert said["would"]["enroll_or_reject"] == 1
    assert not (tmp_path / "run").exists()

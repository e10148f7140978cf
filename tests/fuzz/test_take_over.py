"""A run folder in any state: left alone, or taken over with nothing of its dead run in it."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from pipelines.enroll import run
from schemas.errors import UsageError
from tests.builders import make_image
from tests.command import read_records
from tests.fakes import NullPack, NullStoreSpec
from tests.fuzz.effort import effort
from tests.payloads import row, write_lines
from tests.pipelines.test_enroll import make_config

MANIFEST = json.dumps({"inputs": [], "options": {}, "pack": {}, "store": {}})
RECORD = json.dumps({"code": "OK", "metadata": {"source": "x", "action": "enrolled"}})
FILES = {
    ".lock": [""],
    ".manifest.json.partial": ["", MANIFEST[:20]],
    "manifest.json": [MANIFEST, MANIFEST, MANIFEST, MANIFEST[:30], "", "[]", "\0"],
    "results/results-00000-of-00002.jsonl": [RECORD + "\n", RECORD[:9], ""],
    "rejected/rows-1.jsonl": ["{}\n"],
    ".run-1/results/results-00000-of-00001.jsonl": [RECORD + "\n"],
    ".run-1/results/beam-temp-results-1/part.jsonl": [RECORD],
    ".run-1/rejected/rows-2.jsonl.partial": ["{"],
    ".run-1/alive": ["1.5"],
    ".run-1/stop": ["", "the store"],
    ".run-2/losers": ["", "no database"],
    ".report.json.partial": ["{"],
}
rare = {"report.json": ["{}", ""], "notes.txt": ["mine"]}
states = st.tuples(
    st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in FILES.items()}),
    st.one_of(
        st.just({}),
        st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in rare.items()}),
    ),
).map(lambda both: both[0] | both[1])


def may_be_taken(state: dict[str, str]) -> bool:
    """True for what this run may begin in, by the README."""
    is_run = ".lock" in state and state.get("manifest.json") == MANIFEST
    return "report.json" not in state and (
        is_run or state.keys() <= {".lock", ".manifest.json.partial"}
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        each.relative_to(folder).as_posix(): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }


@effort(12)
@given(states, st.integers(0, 3), st.booleans())
def test_any_state(state: dict[str, str], people: int, keep_rejected: bool) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in state.items():
            (folder / "run" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "run" / path).write_text(text)
        rows = [row(f"id-{n}", make_image(32, 24)) for n in range(people)]
        write_lines(folder / "in.jsonl", [*rows, b"rubbish"])
        before = contents(folder)
        config = make_config(folder, workers=1, keep_rejected=keep_rejected)
        try:
            report = run(config, NullPack(), NullStoreSpec())
        except UsageError:
            assert not may_be_taken(state)
            assert contents(folder) == before
            return
        assert may_be_taken(state)
        assert report.taken_over == ("manifest.json" in state)
        assert report.account.enrolled == people
        assert len(read_records(folder / "run")) == report.account.rows_read == people + 1
        left = {each.name for each in (folder / "run").iterdir() if "partial" not in each.name}
        expected = {".lock", "manifest.json", "report.json", "results"}
        expected |= {"rejected"} if keep_rejected else set()
        assert left == expected | ({"notes.txt"} & state.keys())  # which is not ours to remove
        assert len(list((folder / "run").glob("results/*"))) == 1
        assert len(list((folder / "run").glob("rejected/*"))) == keep_rejected

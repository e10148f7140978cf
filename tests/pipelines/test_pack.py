"""Writing the Parquet; where the entries come from is tested in test_pack_sources."""

import os
import stat

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import pack as module
from pipelines.pack import Entry, Packed, Problem, Source, pack, summary
from schemas.errors import UsageError
from tests.payloads import portraits

MAP = pa.map_(pa.string(), pa.string())


def entry(path, person_id="id", name="", metadata=()):
    return Entry(person_id, name, metadata, str(path), f"place of {person_id}")


def packed(out, *found):
    return pack(Source(lambda: iter(found)), out)


def refusal(out, *found):
    with pytest.raises(UsageError) as refused:
        packed(out, *found)
    return str(refused.value)


def groups(path):
    """Gives rows and bytes of each row group."""
    metadata = pq.ParquetFile(path).metadata
    found = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    return [(each.num_rows, each.total_byte_size) for each in found]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo"
    path.write_bytes(portraits()[0])
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.parquet"


def test_rows_are_written_as_they_are(out, photo, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"not an image")
    pairs = (("team", "blåbær"), ("город", "Київ"))
    found = [entry(photo, "Größe/ä\n", "林 \N{GRINNING FACE}", pairs), entry(other)]

    assert packed(out, *found) == Packed(rows=2, row_groups=1)

    table = pq.read_table(out)
    assert table.schema.equals(
        pa.schema(
            [
                ("person_id", pa.string()),
                ("person_name", pa.string()),
                ("metadata", MAP),
                ("face", pa.binary()),
            ]
        )
    )
    assert table.to_pylist() == [
        {
            "person_id": "Größe/ä\n",
            "person_name": "林 \N{GRINNING FACE}",
            "metadata": list(pairs),
            "face": portraits()[0],
        },
        {"person_id": "id", "person_name": "", "metadata": [], "face": b"not an image"},
    ]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["other", "out.parquet", "photo"]


def test_images_stand_in_the_file_once_and_plain(out, photo):
    packed(out, entry(photo))
    face = pq.ParquetFile(out).metadata.row_group(0).column(4)
    assert (face.path_in_schema, face.compression) == ("face", "UNCOMPRESSED")
    assert face.statistics is None
    assert not face.has_dictionary_page
    assert out.read_bytes().count(portraits()[0]) == 1


def test_row_groups_are_filled_up_to_32_mb(out, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(os.urandom(1_000_000))
    assert packed(out, *[entry(image)] * 70) == Packed(rows=70, row_groups=3)
    assert [rows for rows, _ in groups(out)] == [31, 31, 8]
    assert all(31_000_000 < size <= 32_000_000 for _, size in groups(out)[:2])


def test_a_larger_image_is_alone_in_its_group(out, tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"1")
    large.write_bytes(os.urandom(33_000_000))
    packed(out, *[entry(each) for each in (small, small, large, small, large)])
    assert [rows for rows, _ in groups(out)] == [2, 1, 1, 1]


@settings(deadline=None)  # files are written
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8"), max_size=9),
            st.lists(st.tuples(st.text(max_size=9), st.just("значение" * 5)), max_size=9),
            st.sampled_from([1, 300, 40_000, 150_000]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_no_group_of_several_rows_is_too_large(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("groups")
    for size in {size for _, _, size in rows}:
        (folder / str(size)).write_bytes(b"x" * size)
    found = [entry(folder / str(size), name * 50, name, tuple(m)) for name, m, size in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GROUP_BYTES", 110_000)  # of which the room for headers is 100_000
        result = packed(folder / "out.parquet", *found)
    written = groups(folder / "out.parquet")
    assert result == Packed(len(rows), len(written))
    assert sum(number for number, _ in written) == len(rows)
    assert all(size <= 110_000 for number, size in written if number > 1)


def test_all_problems_are_told_at_once(out, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(1_000_000_001)
    names = ("none", "empty", "fifo", ".", "/dev/null", "loop", "huge", "nul\0")
    found = [entry(tmp_path / each, ascii(each)) for each in names]
    assert refusal(out, Problem("the first"), *found).splitlines() == [
        "nothing was packed:",
        "  the first",
        "  place of 'none': no such file",
        "  place of 'empty': empty",
        "  place of 'fifo': not a regular file",
        "  place of '.': not a regular file",
        "  place of '/dev/null': not a regular file",
        "  place of 'loop': cannot be read: Too many levels of symbolic links",
        "  place of 'huge': larger than 1,000,000,000 bytes",
        "  place of 'nul\\x00': no lawful path",
    ]
    assert not out.exists()


@pytest.mark.parametrize(("number", "last"), [(20, "  19"), (23, "  and 3 further problems")])
def test_twenty_problems_are_told(out, number, last):
    lines = refusal(out, *[Problem(str(n)) for n in range(number)]).splitlines()
    assert lines[1:21] == [f"  {n}" for n in range(20)]
    assert lines[-1] == last


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_image_that_may_not_be_read(out, photo):
    photo.chmod(0)
    assert "place of id: cannot be read: Permission denied" in refusal(out, entry(photo))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("out.csv", "{0}: expected a name that ends in .parquet"),
        (".parquet", "{0}: expected a name that ends in .parquet"),
        ("there.parquet", "{0} exists; name a new one"),
        ("link.parquet", "{0} exists; name a new one"),
        ("no/out.parquet", "{0}: there is no folder {0.parent}; make it first"),
        ("photo/out.parquet", "{0}: there is no folder {0.parent}; make it first"),
        ("o" * 247 + ".parquet", "{0} cannot be written: File name too long"),
    ],
)
def test_where_no_payload_can_be_written(tmp_path, photo, name, why):
    (tmp_path / "there.parquet").write_bytes(b"mine")
    (tmp_path / "link.parquet").symlink_to("nowhere")
    before = sorted(os.listdir(tmp_path))
    assert refusal(tmp_path / name, entry(photo)) == why.format(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "there.parquet").read_bytes() == b"mine"


@pytest.mark.parametrize("change", [os.unlink, lambda path: os.truncate(path, 0)])
def test_an_image_that_goes_away_meanwhile(out, photo, tmp_path, change):
    last = tmp_path / "last"
    last.write_bytes(b"1")
    looked = []

    def found():
        looked.append(True)
        yield entry(photo, "first")
        if len(looked) == 2:
            assert stat.S_IMODE((tmp_path / ".out.parquet.partial").stat().st_mode) == 0o600
            change(last)
        yield entry(last, "last")

    with pytest.raises(UsageError, match=r"changed meanwhile: place of last: (no such file|empty)"):
        pack(Source(found), out)
    assert {"photo"} <= set(os.listdir(tmp_path)) <= {"photo", "last"}


def test_a_source_that_changes_meanwhile(out, photo, tmp_path):
    passes = iter([[entry(photo)], [entry(photo), Problem("line 3: not UTF-8")]])
    with pytest.raises(UsageError, match="changed meanwhile: line 3: not UTF-8"):
        pack(Source(lambda: iter(next(passes))), out)
    assert os.listdir(tmp_path) == ["photo"]


def test_what_a_killed_one_left_is_written_over(out, photo, tmp_path):
    (tmp_path / ".out.parquet.partial").write_bytes(b"x" * 10_000_000)
    assert packed(out, entry(photo)).rows == 1
    assert pq.read_table(out)["person_id"].to_pylist() == ["id"]
    assert sorted(os.listdir(tmp_path)) == ["out.parquet", "photo"]


def test_two_at_once_do_not_mix(out, photo):
    looked = []

    def found():
        looked.append(True)
        if len(looked) == 2:
            assert refusal(out, entry(photo)) == f"{out}: another process is writing it"
        yield entry(photo)

    assert pack(Source(found), out).rows == 1
    assert pq.read_table(out).num_rows == 1


def test_what_another_wrote_meanwhile_stays(out, photo, tmp_path):
    def found():
        out.write_bytes(b"another's")
        yield entry(photo)

    with pytest.raises(UsageError, match="exists; name a new one"):
        pack(Source(found), out)
    assert out.read_bytes() == b"another's"
    assert sorted(os.listdir(tmp_path)) == ["out.parquet", "photo"]


@pytest.mark.parametrize(
    ("source", "result", "expected"),
    [
        (Source(iter), Packed(600, 2), ["x.parquet: 600 rows in 2 row groups"]),
        (
            Source(iter, 1, 1),
            Packed(1, 1),
            [
                "x.parquet: 1 row in 1 row group, 1 other file skipped",
                "1 person with several images: `muster enroll` takes the last of each, unless "
                "--on-duplicate-id tells it otherwise",
            ],
        ),
    ],
)
def test_the_summary(source, result, expected):
    assert list(summary("x.parquet", source, result)) == expected

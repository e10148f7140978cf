import csv
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pipelines.pack import Entry, Problem
from pipelines.pack_sources import source_of
from schemas.errors import UsageError
from schemas.ids import is_person_id

EXPECTED = (
    "expected person_id (or id), person_name (or name), face_uri (or path) and any others, each "
    "named and once"
)
BAD_ID = "is no lawful id: 1 to 512 bytes of UTF-8 without U+0000"

NO_TEXT = "the header is not UTF-8; expected a CSV, or a folder of images"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*paths):
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")


def found(path):
    """Gives (id, path) of each entry, or the text of a problem."""
    each = source_of(Path(path)).found()
    return [x.text if isinstance(x, Problem) else (x.person_id, x.path) for x in each]


def manifest(*lines, name="people.csv", end="\n"):
    """Writes a CSV of these lines; bytes are written as they are."""
    texts = [line if isinstance(line, bytes) else line.encode() for line in lines]
    Path(name).write_bytes(b"".join(text + end.encode() for text in texts))
    return name


def refusal(path):
    with pytest.raises(UsageError) as refused:
        list(source_of(Path(path)).found())
    return str(refused.value)


# Folders


def test_ids_from_files_on_top_and_from_folders_below(here):
    write("in/Б.JPG", "in/a.b.Jpeg", "in/ann/2.png", "in/ann/1.webp", "in/x/y/zoë/p.TIFF")
    write("in/c.tif", "in/d.bmp", "in/notes.txt", "in/ann/raw.gif", "in/jpg", "in/.jpg")
    write("in/.hidden/p.jpg", "in/ann/.p.jpg")
    source = source_of(Path("in/"))
    assert list(source.found()) == [
        Entry("a.b", "a.b", (), "in/a.b.Jpeg", "in/a.b.Jpeg"),
        Entry("ann", "ann", (), "in/ann/1.webp", "in/ann/1.webp"),
        Entry("ann", "ann", (), "in/ann/2.png", "in/ann/2.png"),
        Entry("c", "c", (), "in/c.tif", "in/c.tif"),
        Entry("d", "d", (), "in/d.bmp", "in/d.bmp"),
        Entry("zoë", "zoë", (), "in/x/y/zoë/p.TIFF", "in/x/y/zoë/p.TIFF"),
        Entry("Б", "Б", (), "in/Б.JPG", "in/Б.JPG"),
    ]
    assert (source.skipped, source.several) == (3, 1)


@pytest.mark.parametrize("root", [".", "{0}", "../{0.name}/."])
def test_any_name_of_the_folder(here, root):
    write("a.jpg", "b/c.jpg")
    assert [person_id for person_id, _ in found(root.format(here))] == ["a", "b"]


@pytest.mark.parametrize(
    ("paths", "one", "other", "person_id"),
    [
        (["in/x.jpg", "in/x.png"], "in/x.jpg", "in/x.png", "x"),
        (["in/a/x/1.jpg", "in/a/x/2.jpg", "in/x.png"], "in/a/x", "in/x.png", "x"),
        (["in/a/é/1.jpg", "in/b/é/1.jpg", "in/b/é/2.jpg"], "in/a/é", "in/b/é", "é"),
        (["in/a/1.jpg", "in/a/a/1.jpg"], "in/a", "in/a/a", "a"),
    ],
)
def test_an_id_from_two_places_may_be_two_people(here, paths, one, other, person_id):
    write(*paths)
    assert found("in")[0] == (
        f"{one} and {other}: both give the id {person_id}, and may be two people; rename one"
    )
    assert len(found("in")) == 1 + len(paths)


def test_links_are_followed_but_not_in_circles(here):
    write("away/p.jpg", "q.jpg")
    Path("in/ann").mkdir(parents=True)
    Path("in/bob").symlink_to("../away")
    Path("in/cy.png").symlink_to("../q.jpg")
    Path("in/ann/up").symlink_to("..")
    Path("away/self").symlink_to(".")
    assert found("in") == [("bob", "in/bob/p.jpg"), ("cy", "in/cy.png")]


def test_a_broken_link_is_left_for_the_check(here):
    write("in/a.jpg")
    Path("in/bob").symlink_to("nowhere")
    assert found("in") == [("a", "in/a.jpg"), ("bob", "in/bob")]
    assert source_of(Path("in")).skipped == 0


def test_a_folder_without_images(here):
    write("in/a.gif")
    assert found("in") == [
        "in: no images; expected files *.jpg, *.jpeg, *.jfif, *.png, *.webp, *.bmp, *.tif, *.tiff"
    ]


def test_a_name_that_is_no_id(here):
    try:
        write(os.fsdecode(b"in/caf\xe9.jpg"))
    except OSError:
        pytest.skip("this filesystem takes UTF-8 only")
    assert found("in")[0] == rf"'in/caf\udce9.jpg': its name {BAD_ID}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_folder_that_cannot_be_listed(here):
    write("in/a.jpg", "in/b/c.jpg")
    Path("in/b").chmod(0)
    assert found("in") == ["in/b: cannot be listed: Permission denied", ("a", "in/a.jpg")]


# CSV


def test_a_csv(here):
    path = manifest(
        "name,team,id,Größe,path",
        'Zoë "Z" Ünal,blue,7,,photos/7.jpg',
        "",
        '"multi\nline",,8,"1,80",/tmp/8.jpg',
        name="sub.csv",
    )
    assert list(source_of(Path(path)).found()) == [
        Entry("7", 'Zoë "Z" Ünal', (("team", "blue"),), "photos/7.jpg", "sub.csv line 2: "
              "photos/7.jpg"),
        Entry("8", "multi\nline", (("Größe", "1,80"),), "/tmp/8.jpg", "sub.csv line 5: "
              "/tmp/8.jpg"),
    ]  # fmt: skip


def test_paths_start_at_the_csv(here):
    Path("in").mkdir()
    path = manifest("id,name,path", "1,,../p.jpg", "2,,/p.jpg", name="in/people")
    assert found(path) == [("1", "in/../p.jpg"), ("2", "/p.jpg")]


def test_a_separator_within_quotes_separates_nothing(here):
    assert found(manifest('id,name,path,"a;b;c;d;e"', "1,x,a.jpg,y")) == [("1", "a.jpg")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\r\n"])
def test_dialects(here, delimiter, end, before):
    cells = [["person_id", "person_name", "face_uri"], ["1", "Ä", "ä.jpg"], ["2", "", "b;,.jpg"]]
    cells[2][2] = f'"{cells[2][2]}"'
    lines = [delimiter.join(each) for each in cells]
    path = Path("people.csv")
    path.write_bytes(before + end.join(lines).encode())
    assert found(path) == [("1", "ä.jpg"), ("2", "b;,.jpg")]


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        ("id,name,foto", "3 columns, of which known: 'id', 'name'"),
        ("Ann Smith,7,a.jpg", "3 columns, of which known: none"),
        ("ID, name ,path", "3 columns, of which known: 'ID', ' name ', 'path'"),
        ("id,name,path,person_id", "4 columns, of which known: 'id', 'name', 'path', 'person_id'; "
         "nameless or there before: column 4"),
        ("id,team,name,path,team,path", "6 columns, of which known: 'id', 'name', 'path', 'path'; "
         "nameless or there before: column 5, 6"),
        ("id,name,path,", "4 columns, of which known: 'id', 'name', 'path'; nameless or there "
         "before: column 4"),
        ("", "0 columns, of which known: none"),
    ],
)  # fmt: skip
def test_columns_that_cannot_be_told(here, header, seen):
    path = manifest(header)
    assert refusal(path) == f"people.csv line 1: the header has {seen}; {EXPECTED}"


@pytest.mark.parametrize(
    ("line", "problems"),
    [
        ("1,Ann", ["2 cells; the header has 4"]),
        ("1,Ann,a.jpg", ["3 cells; the header has 4"]),
        ("1,Ann,a.jpg,x,y", ["5 cells; the header has 4"]),
        ("  ", ["1 cells; the header has 4"]),
        (b"1,\xc4nn,a.jpg,", ["not UTF-8"]),
        (b"1,\xed\xb0\x80,a.jpg,", ["not UTF-8"]),
        ("1,Ann,,x", ["the path is empty"]),
        (",Ann,,x", [f"the id {BAD_ID}", "the path is empty"]),
        ("1\0,Ann,,x", [f"the id {BAD_ID}", "the path is empty"]),
        (f"{'é' * 257},Ann,,x", [f"the id {BAD_ID}", "the path is empty"]),
        ('1,"An"n,a.jpg,x', ["',' expected after '\"'"]),
        (f"1,{'x' * 131_073},a.jpg,", ["field larger than field limit (131072)"]),
    ],
    ids=range(12),
)
def test_rows_that_cannot_be_packed(here, line, problems):
    """Each is told with its line, and what follows is read."""
    path = manifest("id,name,path,team", "", line, "2,Bo,b.jpg,x")
    assert found(path) == [*(f"people.csv line 3: {each}" for each in problems), ("2", "b.jpg")]


def test_the_image_of_a_bad_row_is_checked_as_well(here):
    path = manifest("id,name,path", ",,photos/x.jpg")
    [problem, entry] = source_of(Path(path)).found()
    assert problem == Problem(f"people.csv line 2: the id {BAD_ID}")
    assert entry.place == "people.csv line 2: photos/x.jpg"


@pytest.mark.parametrize("path", ['"a.jpg\n2,Ann Smith,b.jpg"', "Ann Smith" * 50, "Ann\tSmith"])
def test_a_cell_that_may_hold_more_than_a_path_is_not_told(here, path):
    [entry] = source_of(Path(manifest("id,name,path", f"1,,{path}"))).found()
    assert entry.place in ("people.csv line 2: the image", "people.csv line 3: the image")


def test_a_quote_that_is_never_closed(here):
    path = manifest("id,name,path", "1,Ann,a.jpg", '2,"Bo,b.jpg', "3,Cy,c.jpg")
    assert found(path) == [("1", "a.jpg"), "people.csv line 4: unexpected end of data"]


def test_a_csv_without_rows(here):
    assert found(manifest("id,name,path", "")) == ["people.csv: no rows after the header"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "people.csv: empty"),
        ("id,näme,path\n".encode("latin-1"), f"people.csv line 1: {NO_TEXT}"),
        ("id,name,path\n".encode("utf-16"), f"people.csv line 1: {NO_TEXT}"),
        (b'id,"name,path\n1,,a\n', "people.csv line 2: unexpected end of data"),
        (b"id,name,path\n1,," + b"x" * 4_000_000,
         "people.csv: a line is longer than 4,000,000 characters; is it a CSV?"),
    ],
    ids=range(5),
)  # fmt: skip
def test_what_is_no_csv(here, content, why):
    Path("people.csv").write_bytes(content)
    assert refusal("people.csv") == why


def test_what_is_no_file(here):
    os.mkfifo("fifo")
    assert refusal("fifo") == "fifo: not a regular file"
    assert refusal("/dev/zero") == "/dev/zero: not a regular file"
    assert refusal("none\n.csv") == r"'none\n.csv': no such file"


def test_a_csv_is_not_held_in_memory(here):
    path = manifest("id,name,path", *(f"{n},{'Ann' * 30},a.jpg" for n in range(30_000)))
    tracemalloc.start()
    assert sum(1 for _ in source_of(Path(path)).found()) == 30_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000 < Path(path).stat().st_size


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
IDS = TEXT.filter(is_person_id)
TAKEN = ("id", "name", "path", "team", "person_id", "person_name", "face_uri")
COLUMNS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1).filter(
    lambda name: name not in TAKEN
)
PATHS = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=20)


@settings(deadline=None)  # files are written
@given(
    rows=st.lists(st.tuples(IDS, TEXT, PATHS, TEXT, TEXT), min_size=1, max_size=8),
    column=COLUMNS,
    delimiter=st.sampled_from(",;\t"),
    style=st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL)]),
    mark=st.sampled_from(["utf-8", "utf-8-sig"]),
)
@example([("\ufeff", '"', "\r", "\u2028", " ;\0")], '"', ";", ("\n", csv.QUOTE_ALL), "utf-8")
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory, rows, column, delimiter, style, mark
):
    end, quoting = style
    path = tmp_path_factory.mktemp("csv") / "people.csv"
    header = ["id", "name", "path", "team", column]
    assume(delimiter == max(",;\t", key=delimiter.join(header).count))
    with open(path, "w", encoding=mark, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
        writer.writerows([header, *rows])
    expected = [
        (
            person_id,
            name,
            tuple(pair for pair in (("team", team), (column, value)) if pair[1]),
            f"{path.parent}/{image}",
        )
        for person_id, name, image, team, value in rows
    ]
    read = list(source_of(path).found())
    assert [(e.person_id, e.person_name, e.metadata, e.path) for e in read] == expected

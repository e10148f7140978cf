import os

import pytest

from pipelines.find_inputs import FoundInputs, find_inputs, form_of
from schemas.errors import UsageError
from schemas.inputs import Form


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a few files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("in/b.jsonl", "in/B.parquet", "in/a.ndjson.gz", "in/sub/a.jsonl", "in/notes.txt"):
        (tmp_path / name).write_bytes(b"12345")
    return tmp_path


def paths(*arguments):
    return [path for path, _, _ in find_inputs(arguments).files]


def refusal(*arguments):
    with pytest.raises(UsageError) as refused:
        find_inputs(arguments)
    return str(refused.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.parquet", Form.PARQUET),
        ("a.jsonl", Form.JSONL),
        ("a.ndjson", Form.JSONL),
        ("a.jsonl.gz", Form.JSONL),
        ("a.ndjson.zst", Form.JSONL),
        ("gs://bucket/a.b.jsonl", Form.JSONL),
        ("a.parquet.gz", None),
        ("a.json", Form.JSON),
        ("a.json.gz", None),
        ("a.gz", None),
        ("a.csv", None),
        ("parquet", None),
        ("a.PARQUET", None),
    ],
)
def test_the_suffix_tells_the_form(path, expected):
    assert form_of(path) is expected


def test_a_file(folder):
    found = find_inputs(["in/b.jsonl"])
    assert found == FoundInputs((("in/b.jsonl", Form.JSONL, 5),), ())


def test_a_folder_is_read_by_path_bytes(folder):
    found = find_inputs(["in"])
    assert found.files == (
        ("in/B.parquet", Form.PARQUET, 5),
        ("in/a.ndjson.gz", Form.JSONL, 5),
        ("in/b.jsonl", Form.JSONL, 5),
        ("in/sub/a.jsonl", Form.JSONL, 5),
    )
    assert found.skipped == ("in/notes.txt",)


def test_a_glob(folder):
    assert paths("in/*.jsonl") == ["in/b.jsonl"]
    assert paths("in/[ab].*") == ["in/a.ndjson.gz", "in/b.jsonl"]
    assert find_inputs(["in/*t*"]).skipped == ("in/notes.txt",)


def test_a_folder_that_a_glob_matches_is_read(folder):
    """As a shell would hand it over."""
    assert paths("in/*") == ["in/B.parquet", "in/a.ndjson.gz", "in/b.jsonl", "in/sub/a.jsonl"]
    assert paths("*n") == paths("in")
    assert paths("in/**/b*") == ["in/b.jsonl"]


def test_arguments_keep_their_order(folder):
    expected = ["in/sub/a.jsonl", "in/b.jsonl", "in/B.parquet", "in/a.ndjson.gz"]
    assert paths("in/sub", "in/b.jsonl", "in") == expected


def test_a_file_named_twice_is_read_once(folder):
    (folder / "link.jsonl").symlink_to("in/b.jsonl")
    (folder / "again").symlink_to("in", target_is_directory=True)
    twice = ["in/b.jsonl", "./in/b.jsonl", str(folder / "in/b.jsonl"), "link.jsonl", "in/b.*"]
    assert paths(*twice, "again/b.jsonl") == ["in/b.jsonl"]


@pytest.mark.parametrize("name", ["in[1]", "in*", "a?", "[a-z]"])
def test_a_name_may_look_like_a_glob(folder, name):
    (folder / name).mkdir()
    (folder / name / "c[1]*.jsonl").write_bytes(b"")
    expected = [f"{name}/c[1]*.jsonl"]
    assert paths(name) == expected
    assert paths(*expected) == expected


def test_what_is_no_regular_file_is_refused(folder):
    os.mkfifo(folder / "in/pipe.jsonl")
    why = "input in/pipe.jsonl: is not a regular file; remove it or name others"
    assert refusal("in") == refusal("in/*.jsonl") == why
    assert refusal("in/pipe.jsonl") == ("input in/pipe.jsonl: is not a regular file, nor a folder")


@pytest.mark.parametrize("name", ["in/notes.txt", "in/none"])
def test_what_is_no_input_is_refused(folder, name):
    (folder / "in/none").write_bytes(b"")
    assert refusal(name) == (
        f"input {name}: its suffix is not one of .parquet, .json, .jsonl, .jsonl.gz, "
        ".jsonl.zst, .ndjson, .ndjson.gz, .ndjson.zst; "
        "`muster pack` makes a payload of a folder of photos, or of a CSV"
    )


@pytest.mark.parametrize("argument", ["photos", "photos/*"])
def test_photos_are_no_payload(folder, argument):
    """Nothing to read is not the same as nothing to do."""
    (folder / "photos").mkdir()
    for name in ("a.jpg", "b.csv"):
        (folder / "photos" / name).write_bytes(b"x")
    assert refusal("in/b.jsonl", argument) == (
        f"input {argument}: of its 2 files none is named as a payload (*.parquet, *.json, "
        "*.jsonl, *.jsonl.gz, *.jsonl.zst, *.ndjson, *.ndjson.gz, *.ndjson.zst, and not .* or _*); "
        "`muster pack` makes a payload of a folder of photos, or of a CSV"
    )


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("nothing.jsonl", "no such file or folder"),
        ("in/nothing", "no such file or folder"),
        ("in/*.csv", "the glob matches no file"),
        ("empty", "the folder is empty, but for what runs and stores wrote"),
    ],
)
def test_what_names_nothing_is_refused(folder, argument, why):
    (folder / "empty").mkdir()
    assert refusal("in/b.jsonl", argument) == f"input {argument}: {why}"


def test_a_link_to_nothing_is_refused(folder):
    (folder / "in" / "gone.jsonl").symlink_to("nowhere")
    for argument in ("in", "in/*.jsonl", "**/*.jsonl"):
        assert refusal(argument) == (
            "input in/gone.jsonl: cannot be read: No such file or directory"
        )


def test_a_filesystem_that_beam_does_not_know_is_refused(folder):
    assert refusal("nowhere://bucket/a.jsonl").startswith(
        "input nowhere://bucket/a.jsonl: cannot be listed: Unable to get filesystem"
    )


def test_a_url_of_a_local_file_is_refused(folder):
    assert refusal(f"file://{folder}/in/b.jsonl") == (
        f"input file://{folder}/in/b.jsonl: file:// is not read; name the local path"
    )


def test_a_name_that_no_record_could_tell_is_refused(folder):
    try:
        (folder / "in" / os.fsdecode(b"caf\xe9.jsonl")).write_bytes(b"")
    except OSError:
        pytest.skip("this filesystem takes UTF-8 only")
    assert refusal("in") == r"input 'in/caf\udce9.jsonl': its name is not UTF-8; rename it"


@pytest.mark.parametrize("pattern", ["*.jsonl", "i*/b.jsonl", "**/b.jsonl", "./in/*.jsonl"])
def test_relative_globs(tmp_path, monkeypatch, pattern):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "in/b.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}\n")
    [(path, _, _)] = find_inputs([pattern]).files
    assert path.endswith(("a.jsonl", "b.jsonl"))


def test_linked_folders_are_read_once_and_our_own_are_not(tmp_path):
    for name in ("data/a.jsonl", "runs/1/results/results-00000-of-00001.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("{}\n")
    for name in ("manifest.json", ".lock"):
        (tmp_path / "runs" / "1" / name).touch()
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path / "data")
    (inside / "runs").symlink_to(tmp_path / "runs")
    (inside / "loop").symlink_to(inside)
    found = find_inputs([str(inside)])
    assert [path for path, _, _ in found.files] == [str(inside / "link" / "a.jsonl")]
    assert found.skipped == ()


def test_of_two_ways_to_a_folder_the_first_by_path_bytes_is_taken(tmp_path):
    for number in range(8):  # a disk has its own order of them
        folder = tmp_path / f"{number}"
        (folder / "m").mkdir(parents=True)
        (folder / "m" / "in.jsonl").touch()
        for name in ("z", "a", "n"):
            (folder / name).symlink_to("m")
        assert [path for path, _, _ in find_inputs([str(folder)]).files] == [f"{folder}/a/in.jsonl"]


@pytest.mark.parametrize("argument", ["data", "d*", "data/**", "**/*.json*"])
def test_hidden_names_are_passed_over(tmp_path, monkeypatch, argument):
    """As Spark leaves them behind, and macOS."""
    monkeypatch.chdir(tmp_path)
    hidden = ["data/._a.jsonl", "data/_temporary/0/a.jsonl", "data/sub/.cache/_x/a.jsonl"]
    for name in (*hidden, "data/a.jsonl", "data/sub/b_.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_inputs([argument])
    assert [path for path, _, _ in found.files] == ["data/a.jsonl", "data/sub/b_.jsonl"]
    folders = ["data/._a.jsonl", "data/_temporary", "data/sub/.cache"]
    assert list(found.skipped) == (hidden if "**" in argument else folders)
    assert paths("data/_temporary/0") == paths("data/_*/**") == ["data/_temporary/0/a.jsonl"]
    assert paths("data/**/._*") == paths("data/._a.jsonl") == ["data/._a.jsonl"]
    assert paths("data//**") == paths("data") == ["data/a.jsonl", "data/sub/b_.jsonl"]
    assert paths("data", "data/._a.jsonl") == [*paths("data"), "data/._a.jsonl"]
    assert refusal("data/sub/.cache") == (
        "input data/sub/.cache: of its 1 files none is named as a payload (*.parquet, *.json, "
        "*.jsonl, *.jsonl.gz, *.jsonl.zst, *.ndjson, *.ndjson.gz, *.ndjson.zst, and not .* or _*); "
        "`muster pack` makes a payload of a folder of photos, or of a CSV"
    )


def test_folders_that_lead_to_each_other_are_gone_through_once(tmp_path, monkeypatch):
    """By each of their ways it would take a minute."""
    monkeypatch.chdir(tmp_path)
    names = [f"{n}" for n in range(8)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "in.jsonl").touch()
        for other in {*names} - {name}:
            (tmp_path / name / other).symlink_to(f"../{other}")
    (tmp_path / "0" / "top").symlink_to("..")
    assert paths("0/") == paths("0")
    assert len(paths(".")) == len(paths("*")) == len(names)


@pytest.mark.parametrize(
    ("argument", "unlisted"),
    [
        ("data", "data"),
        ("data/**", "data/a/"),
        ("data/**/in.jsonl", "data/a/"),
        ("data/*/*.jsonl", "data/a/"),
        ("*/*/in.jsonl", "data/"),
    ],
)
def test_folders_that_cannot_be_listed_are_told(tmp_path, monkeypatch, argument, unlisted):
    """As those of another user; glob passes over them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "b").mkdir()
    (tmp_path / "data" / "b" / "in.jsonl").touch()
    scandir, denied = os.scandir, unlisted.rstrip("/") if argument != "data" else "data/a"

    def of_another(path="."):
        if str(path).rstrip("/") == denied:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", of_another)
    assert refusal(argument).startswith(f"input {unlisted}: cannot be listed: [Errno 13]")


@pytest.mark.parametrize("argument", ["data", "data/**", "data/*/*.jsonl"])
def test_a_disks_own_folder_is_nobodys(tmp_path, monkeypatch, argument):
    monkeypatch.chdir(tmp_path)
    for name in ("lost+found", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data" / "b" / "in.jsonl").touch()
    scandir = os.scandir

    def of_root(path="."):
        if "lost+found" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", of_root)
    assert paths(argument) == ["data/b/in.jsonl"]


@pytest.fixture
def data_with_a_run(tmp_path, monkeypatch):
    """The current folder: rows beside the run that read them, and the store that it wrote to."""
    monkeypatch.chdir(tmp_path)
    names = ("a.jsonl", "runs/1/rejected/a.jsonl", "runs/1/manifest.json", "runs/1/.lock",
             "store/people/collection.json", "store/people/segments/1/segment.json")  # fmt: skip
    for name in names:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    return tmp_path


@pytest.mark.parametrize("pattern", ["data/**", "**/*.json*", "data/**/*.jsonl", "d*/**/a*"])
def test_a_glob_through_all_folders_passes_over_our_own(data_with_a_run, pattern):
    """What a run rejected would count against the row that was mended since."""
    for top in ("", f"{data_with_a_run}/"):
        assert paths(top + pattern) == [f"{top}data/a.jsonl"]


@pytest.mark.parametrize("pattern", ["data/runs/*/rejected/*", "data/runs/1/rejected/**"])
def test_a_glob_may_spell_out_our_own(data_with_a_run, pattern):
    assert paths(pattern) == ["data/runs/1/rejected/a.jsonl"]


@pytest.mark.parametrize("argument", ["data", "data/**"])
def test_a_body_named_as_the_stamp_of_a_collection_is_a_body(data_with_a_run, argument):
    (data_with_a_run / "data" / "bodies").mkdir()
    for name in ("collection.json", "monday.json"):
        (data_with_a_run / "data" / "bodies" / name).touch()
    assert paths(argument) == [
        "data/a.jsonl",
        "data/bodies/collection.json",
        "data/bodies/monday.json",
    ]

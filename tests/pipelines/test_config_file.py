import pytest

from pipelines.config_file import read_config_file
from schemas.errors import UsageError

OPTIONS = {"inputs": True, "column": True, "max_rejected": False, "limit": False, "quiet": False}


@pytest.fixture
def read(tmp_path):
    """Gives what a file of this text holds."""

    def write_and_read(text):
        (tmp_path / "job.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_config_file(str(tmp_path / "job.yaml"), OPTIONS)

    return write_and_read


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("max-rejected: 5%", {"max_rejected": "5%"}),
        ("max_rejected: 2.5", {"max_rejected": "2.5"}),
        ("limit: 7\nquiet: true", {"limit": "7", "quiet": "true"}),
        *(
            (f"limit: {each}", {"limit": each})
            for each in ("2024_01", "007", "1:30", "0x10", "1e3")
        ),
        *((f"limit: {each}", {"limit": each}) for each in ("no", "nullable", "2026-11-29", "none")),
        ("limit: 2.5", {"limit": "2.5"}),
        ("limit: true", {"limit": "true"}),
        ('limit: "a: b"', {"limit": "a: b"}),
        ("limit:\nquiet: ~", {}),
        ("inputs: a.jsonl", {"inputs": ["a.jsonl"]}),
        ("inputs: [a.jsonl, 7, ~]\ncolumn: []", {"inputs": ["a.jsonl", "7"], "column": []}),
    ],
)
def test_values_are_what_a_command_line_would_have(read, text, values):
    assert read(text) == values


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "max-rejcted: 1",
            "no option 'max-rejcted'; expected some of column, inputs, limit, max-rejected, quiet",
        ),
        ("7: 1", "no option '7'; expected some of column, inputs, limit, max-rejected, quiet"),
        ("- x", "expected `option: value` lines"),
        ("a: [", "cannot be read as YAML: expected the node content, but found '<stream end>'"),
        (b"\xff\xfe\xff", "cannot be read as YAML: not plain text"),
        ("[" * 5000, "cannot be read as YAML: not plain text"),
    ],
)
def test_what_is_no_config_is_refused(read, tmp_path, text, why):
    with pytest.raises(UsageError) as refused:
        read(text)
    assert str(refused.value) == f"--config {tmp_path}/job.yaml: {why}"


@pytest.mark.parametrize("text", ["limit: [1, 2]", "limit: {a: 1}"])
def test_several_values_for_one_are_refused(read, tmp_path, text):
    with pytest.raises(UsageError) as refused:
        read(text)
    assert str(refused.value) == (
        f"--config {tmp_path}/job.yaml: limit: expected one value, as on the command line, not "
        "several"
    )


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError) as refused:
        read_config_file(str(tmp_path / "none.yaml"), OPTIONS)
    assert str(refused.value) == (
        f"--config {tmp_path}/none.yaml: cannot be read as YAML: No such file or directory"
    )

import gc
import io
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transforms.inputs import parquet_footers
from transforms.inputs.parquet_footers import check_footer, read_footer
from transforms.inputs.parquet_rows import iter_row_group, open_parquet, to_rows
from transforms.inputs.streams import DAMAGE


def written():
    """Gives a file with statistics and sizes in its footer, and where that begins."""
    table = pa.table({"person_id": ["a", "b"] * 20, "ok": [True] * 40, "face": [b"x"] * 40})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=20, write_page_index=True)
    content = file.getvalue()
    return content, len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def test_readers_share_what_was_made_of_a_footer():
    content, _ = written()
    first = read_footer(io.BytesIO(content))
    assert read_footer(io.BytesIO(content)) is first
    assert (first.metadata.num_rows, first.schema.names) == (40, ["person_id", "ok", "face"])


def test_a_file_that_was_replaced_has_a_footer_of_its_own(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(written()[0])
    with path.open("rb") as file:
        before = read_footer(file)
    pq.write_table(pa.table({"person_id": ["a", "c"] * 20}), path)
    with path.open("rb") as file:
        assert read_footer(file).schema.names == ["person_id"]
    assert before.schema.names == ["person_id", "ok", "face"]


def test_readers_that_begin_at_once_make_one_footer(monkeypatch):
    content, _ = written()
    made, begin = [], threading.Barrier(4)

    def made_slowly(file):
        made.append(file)
        time.sleep(0.05)
        return []

    monkeypatch.setattr(parquet_footers, "nested_texts", made_slowly)

    def read(_):
        begin.wait()
        return read_footer(io.BytesIO(content))

    with ThreadPoolExecutor(4) as threads:
        footers = list(threads.map(read, range(4)))
    assert len({id(each) for each in footers}) == len(made) == 1


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\xff" * 8, b"\xff\xff\xff\x7fPAR1"])
def test_what_has_no_footer_is_damage(content):
    with pytest.raises(DAMAGE):
        read_footer(io.BytesIO(content))


def test_a_whole_footer_passes():
    check_footer(io.BytesIO(written()[0]))


def test_a_footer_that_ends_a_process_is_told(monkeypatch):
    """A flipped byte can do so; here the process ends for certain."""
    ends = "transforms.inputs.parquet_footers._look"
    monkeypatch.setattr(ends, lambda _: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(pa.ArrowInvalid, match="the footer is damaged"):
        check_footer(io.BytesIO(written()[0]))


def test_the_child_leaves_garbage_alone(monkeypatch):
    """What an earlier job left may wait for threads that a child does not have: here it ends it."""
    parent, fork = os.getpid(), os.fork

    class Garbage:
        def __init__(self):
            self.itself = self

        def __del__(self):
            if os.getpid() != parent:
                os._exit(1)

    def fork_into_collecting():
        child = fork()
        if child == 0:
            gc.enable()
            gc.set_threshold(1)
        return child

    monkeypatch.setattr(os, "fork", fork_into_collecting)
    content, _ = written()
    gc.disable()  # it must still be there when the child begins
    try:
        Garbage()
        check_footer(io.BytesIO(content))
    finally:
        gc.enable()


def test_row_groups_may_call_a_column_otherwise_than_the_schema_does():
    """Found by the fuzzer: the schema's name for it is the one that counts."""
    metadata = pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string()))
    file = io.BytesIO()
    pq.write_table(pa.table({"metadata": metadata}), file, store_schema=False)
    before = file.getvalue()
    content = before.replace(b"key_value", b"key_valuf", 1)
    assert content.count(b"key_value") == before.count(b"key_value") - 1 > 0
    with open_parquet(io.BytesIO(content)) as opened:
        paths = [each.path for each in opened.footer.nested]
        assert paths == ["metadata.key_valuf.key", "metadata.key_valuf.value"]
        [(_, batch)] = iter_row_group(opened, 0, ["metadata"], 64)
    assert to_rows(batch, {"metadata": "metadata"}) == [{"metadata": (("a", "b"),)}]


def test_whatever_byte_of_a_footer_is_flipped_this_process_lives():
    content, start = written()
    passed = 0
    for place in random.Random(0).sample(range(start, len(content) - 8), 60):
        broken = bytearray(content)
        broken[place] ^= 0xFF
        try:
            check_footer(io.BytesIO(broken))
            passed += 1
        except (*DAMAGE, UnicodeDecodeError):
            continue
    assert 0 < passed < 60

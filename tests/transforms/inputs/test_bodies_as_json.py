"""Bodies against a parser that holds all of them."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.transforms.inputs.test_bodies import BOM, join, scan
from transforms.inputs.bodies import may_be_body


class Pairs(list):
    """An object, with keys that stand twice."""


def refuse(constant):
    raise ValueError(constant)


def is_lawful(content):
    """What the scanner must find, by a parser that holds all of it."""
    try:
        text = content.removeprefix(BOM).decode()
        root = json.loads(text, object_pairs_hook=Pairs, parse_constant=refuse)
    except ValueError:
        return False
    if not isinstance(root, Pairs):
        return False
    persons = [value for key, value in root if key == "persons"]
    return [type(each) for each in persons] == [list]


leaves = st.sampled_from(
    [
        b"1",
        b"-0.5e3",
        b"null",
        b'"a"',
        rb'"\""',
        rb'"\\"',
        rb'"\ud800"',
        b"NaN",
        b"01",
        b'"\xc3\xa9"',
    ]
)
some_values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: b"[" + b" , ".join(each) + b"]")
        | st.lists(inner, max_size=3).map(
            lambda each: b"{" + b",\n".join(b'"%d": %s' % pair for pair in enumerate(each)) + b"}"
        )
    ),
    max_leaves=5,
)
keys = st.sampled_from(
    [b"persons", b"collection_name", b"face_storage_type", b"x", rb"\u0070ersons", b"persons "]
)
persons_fields = st.lists(some_values, max_size=4).map(
    lambda each: b'"persons":[' + b",".join(each) + b"]"
)
fields = st.tuples(keys, some_values).map(lambda each: b'"%s" : %s' % each) | persons_fields
bodies = st.tuples(st.lists(fields, max_size=3), persons_fields, st.lists(fields, max_size=2)).map(
    lambda each: join(*each[0], each[1], *each[2])
)


@st.composite
def mutated(draw):
    """A body that may have lost some of its bytes, or have got others."""
    content = draw(st.sampled_from([b"", b"", BOM, b" "])) + draw(bodies)
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 2)))
        inserted = draw(
            st.sampled_from([b"", b'"', b",", b"]", b"}", b"{", b"\\", b"\xff", b" ", b"1"])
        )
        content = content[:start] + inserted + content[end:]
    return content


@settings(max_examples=400, deadline=None)
@given(mutated() | bodies)
@example(b'{"persons":[]}')
def test_malformed_is_what_a_parser_refuses(content):
    body, persons = scan(content)
    assert body.head.malformed == (not is_lawful(content))
    assert may_be_body(content) or not body.has_persons
    if not body.head.malformed:
        raw = b"[" + b",".join(persons) + b"]"
        root = json.loads(content.removeprefix(BOM), object_pairs_hook=Pairs)
        assert json.loads(raw, object_pairs_hook=Pairs) == dict(root)["persons"]
        assert body.persons == len(persons)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_body_or_malformed(content):
    assert scan(content)[0].head.malformed == (not is_lawful(content))

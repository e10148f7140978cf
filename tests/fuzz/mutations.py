"""Bytes that were good, and then had something done to them."""

from collections.abc import Sequence

from hypothesis import strategies as st


@st.composite
def mutated(draw: st.DrawFn, originals: Sequence[bytes], steps: int = 4) -> bytes:
    """Gives one of the originals with bits flipped, pieces cut, doubled, moved or overwritten."""
    content = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, steps))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([1, 1, 2, 4, 16, 200, 10_000])))
        match draw(st.sampled_from(["flip", "cut", "double", "set", "insert", "end"])):
            case "flip" if start < len(content):
                content[start] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[start:end]
            case "double":
                content[start:start] = content[start:end]
            case "set":
                filler = draw(st.sampled_from([b"\0", b"\xff", b"\x7f", b"\x80"]))
                content[start:end] = filler * (end - start)
            case "insert":
                content[start:start] = draw(st.binary(max_size=8))
            case "end":
                del content[start:]
    return bytes(content)

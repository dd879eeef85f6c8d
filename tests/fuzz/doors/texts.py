"""Text and bytes that were damaged after they were written, as files and on standard input."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from kvcalc.bundle import bundled, bundled_claims
from tests.fuzz.attempt import Attempt
from tests.fuzz.doors.commands import LLAMA, SMALL, reading
from tests.fuzz.doors.configurations import of_family, published, trees
from tests.fuzz.doors.own import BESIDE, model_trees
from tests.fuzz.trees import as_text
from tests.fuzz.values import SECRETS, as_json

PIECES = (
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\n", b"\t", b" ", b"#", b"-", b"?", b"|"),
    *(b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x80", b"\xf4\x90\x80\x80", b"\x1b[2J"),
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"0x1F", b"1_000", b"1" * 5_000, b"1e-9"),
    *(b"null", b"~", b"true", b"'", b"''", b"\\ud83d", b"\\u0000", b"\\ude00", b"/**/", b"//"),
    *(
        b"&a ",
        b"*a",
        b"<<: *a",
        b"!!python/object/apply:os.system ['id']",
        b"!!binary aGk=",
        b"---",
    ),
    *(b"!!int '1'", b"%YAML 9.9\n", b"...\n", b"2026-01-01", b"1:30:00", b"0o17", b".inf", b"= "),
    *(b"[" * 150, b"{a: " * 150, b'{"a":' * 1_200, b"- " * 300, b"  " * 500, b"\r\n", b"\xc2\x85"),
    *(b"&b [*a,*a,*a,*a,*a,*a,*a,*a,*a]", b"&a [x,x,x,x,x,x,x,x]", b"&c [*b,*b,*b,*b,*b,*b,*b,*b]"),
    *(b"\xe2\x80\xa8", b"\xe2\x80\xae", b"'\xf0\x9f\x98\x80'", b"name: x", b'"name": "x",', b",,"),
)


@cache
def _written() -> tuple[bytes, ...]:
    files = (*bundled().values(), *bundled_claims().values())
    short = [text for path in files if len(text := path.read_bytes()) < 4_000]
    return (
        *short,
        *map(as_json, (*published()[::3], *of_family("jamba"))),
        as_json(SMALL),
        as_json(LLAMA),
        b"",
        b"{}",
        b"[]",
    )


@st.composite
def damaged(draw: DrawFn) -> bytes:
    """A file with a few bytes changed, put in, taken out or doubled."""
    text = draw(st.sampled_from(_written()))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(text)))
        end = at + draw(st.sampled_from((0, 0, 1, 1, 2, 8, 40)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3) | st.just(text[at:end] * 2))
        text = text[:at] + piece + text[end:]
    return text


def texts() -> SearchStrategy[Attempt]:
    """Damaged files of any kind, under names that promise any kind."""
    names = st.sampled_from(
        ("config.json", "x.json", "m.yaml", "m", "x.gguf", "params.json", "a.bin")
    )
    return st.builds(
        lambda command, name, text: Attempt((*command, name), {**SECRETS, name: text}, model=name),
        reading,
        names,
        damaged(),
    )


def piped() -> SearchStrategy[Attempt]:
    """The same on standard input, and data that were changed."""
    data = st.one_of(
        damaged(),
        trees().map(as_json),
        st.builds(lambda tree, flow: as_text(tree, flow=flow), model_trees(), st.booleans()),
        st.binary(max_size=60),
    )
    commands = reading | st.sampled_from((("show", "-"), ("compare", "token"), ("check", "-")))
    return st.builds(
        lambda command, text: Attempt((*command, "-"), BESIDE, stdin=text), commands, data
    )

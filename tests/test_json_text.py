"""JSON that is no YAML is read by its own rules: every part in its place, no key twice."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvcalc import InputError
from kvcalc.document import parse, parse_json
from kvcalc.errors import Place
from tests.conftest import Cli, ModelFile
from tests.problems import Wrong, must_tell

EMOJI = r'"_name": "\ud83d\ude00"'
"""One character as two escapes, which YAML does not have."""
LONG_KEY = f'"{"k" * 1_025}": 1'
"""YAML's keys end after 1,024 characters."""
LLAMA = '"model_type": "llama"', '"hidden_size": 64', '"num_attention_heads": 8'


def config(*lines: str) -> str:
    return "{\n" + ",\n".join(f"  {line}" for line in lines) + "\n}\n"


TWICE = [
    pytest.param(
        config('"num_hidden_layers": 2', EMOJI, '"num_hidden_layers": 4'),
        [Wrong(4, 3, "'num_hidden_layers' is given twice", "first in line 2, column 3")],
        id="beside an emoji in escapes",
    ),
    pytest.param(
        config(LONG_KEY, '"a": 1', '"b": {"c": 1, "c": 2}', '"a": 2'),
        [
            Wrong(4, 17, "'c' is given twice", "first in line 4, column 9"),
            Wrong(5, 3, "'a' is given twice", "first in line 3, column 3"),
        ],
        id="beside a key of 1,025 characters",
    ),
    pytest.param(
        config(LONG_KEY, LONG_KEY),
        [Wrong(3, 3, f"'{'k' * 60}...' is given twice", "first in line 2, column 3")],
        id="a key of 1,025 characters itself, cut short",
    ),
    pytest.param(
        r'{"a": 1, "\u0061": 2, "😀": 1, "\ud83d\ude00": 2}',
        [
            Wrong(1, 10, "'a' is given twice", "first in line 1, column 2"),
            # {"a": 1, and a space are 9 characters, "\u0061": 2, 13 more, the bare emoji's 8
            Wrong(1, 31, "'😀' is given twice", "first in line 1, column 23"),
        ],
        id="written in two ways",
    ),
    pytest.param(
        '{"a": 1, "b": 1,\n"a": 2, "a": 3}',
        [
            Wrong(2, 1, "'a' is given twice", "first in line 1, column 2"),
            Wrong(2, 9, "'a' is given twice", "first in line 1, column 2"),
        ],
        id="three times",
    ),
    pytest.param(
        '{"a":\t1,\n\t"a"\n\t:\t2, "x": ["\u2028\u0085\x7f"],\n"x": NaN}',
        [
            Wrong(2, 2, "'a' is given twice", "first in line 1, column 2"),
            Wrong(4, 1, "'x' is given twice", "first in line 3, column 7"),
        ],
        id="among tabs, colons of their own lines, and what ends a line in YAML alone",
    ),
]


@pytest.mark.parametrize(("text", "wrong"), TWICE)
def test_a_key_that_stands_twice_is_refused(text: str, wrong: list[Wrong]) -> None:
    document = parse_json("c.json", text.encode())
    with pytest.raises(InputError) as caught:
        document.read_by(lambda: document)
    must_tell(caught.value, "c.json", wrong)


def test_a_configuration_with_a_key_twice_is_refused(model_file: ModelFile, cli: Cli) -> None:
    layers = '"num_hidden_layers": 2', '"num_hidden_layers": 4'
    path = model_file(config(*LLAMA, layers[0], EMOJI, layers[1], '"kv_slots": 7'), "config.json")
    ran = cli("show", path)
    assert (ran.code, ran.out) == (2, "")
    assert f"{path}:7:3: 'num_hidden_layers' is given twice, first in line 5, column 3" in ran.err
    assert f"{path}:8:3: " in ran.err


@pytest.mark.parametrize("beside", [EMOJI, LONG_KEY, r'"path": "a\/b"', '"x": [NaN, -Infinity]'])
def test_other_problems_stand_where_they_are(beside: str, model_file: ModelFile) -> None:
    lines = ['"model_type": "llama"', beside, '"text": "]}, {\\" [\\\\"', '"num_kv_cache": 7']
    text = config(*lines)
    document = parse_json("c.json", text.encode())
    assert document.position(("num_kv_cache",)) == (5, 3)
    nested = parse_json("c.json", b'{"a": [\n [1, 2],\n\n  {"b": -1.5e3, "c":\n true}]}')
    assert nested.position(("a", 0)) == (2, 2)
    assert nested.position(("a", 1)) == (4, 3)
    assert nested.position(("a", 1, "c")) == (4, 17)
    assert nested.position(("a", 1, "d")) == (4, 3)


def test_places_of_what_was_skipped_and_of_what_was_looked_into() -> None:
    text = '{"a": {"b": [1, {"c": 2}],\n "d": 3},\n "e": "\\"]", "f": {"a": 1, "a": 2}}'
    document = parse_json("c.json", text.encode())
    for path, place in [
        (("f", "a"), (3, 20)),
        (("a", "b", 1, "c"), (1, 18)),
        (("a", "d"), (2, 2)),
        (("a", "b", 2), (1, 8)),
        (("e",), (3, 2)),
        (("a", "b", 1, "none"), (1, 17)),
        (("f", "none"), (3, 14)),
    ]:
        assert document.position(path) == place, path


WRONG = [
    pytest.param('{"a": 1,}', 1, 9, "not JSON", id="a comma too many"),
    pytest.param(config(r'"a": "\ud83d"'), 2, 8, r"\ud83d is half a character", id="half"),
    pytest.param(config(r'"\uDE00": 1'), 2, 3, r"\ude00 is half a character", id="half a key"),
    pytest.param(config('"a": -' + "9" * 5_000), 2, 8, "a number of 5,000 digits", id="digits"),
    pytest.param("1" * 5_000 + "a: {", 1, 1, "a number of 5,000 digits", id="digits and letters"),
    pytest.param(
        config('"a": ' + "9" * 5_000 + '.5, "b": ' + "8" * 4_400 + ".x"),
        2,
        5_017,
        "a number of 4,400 digits",
        id="digits behind a fraction",
    ),
    pytest.param('{"a":\n' + "[" * 101 + "]" * 101 + "}", 2, 100, "100 levels", id="deep"),
    pytest.param("[" * 100_000, 1, 101, "100 levels", id="deep and unfinished"),
    pytest.param('{"a":\n[' + "1," * 500_000 + "1]}", 1, 1, "more than 500,000 values", id="many"),
    pytest.param("[" + "{}," * 500_000 + '"', 1, 1, "more than 500,000 values", id="many objects"),
    pytest.param('{"a": "\t"}', 1, 8, "not JSON: Invalid control character", id="a tab in a text"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), WRONG)
def test_what_is_no_json_is_refused_in_its_place(
    text: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse_json("c.json", text.encode())
    must_tell(caught.value, "c.json", [Wrong(line, column, message)])


def test_commas_and_brackets_in_a_text_are_no_values() -> None:
    # 1 + 499,998 + the text; the signs: one brace, 499,999 commas and those in the text
    text = '{"a": [' + "0," * 499_998 + r'"\"' + ",[{" * 300_000 + r'\\"]}'
    assert len(parse_json("c.json", text.encode()).data["a"]) == 499_999


@pytest.mark.parametrize("wrong", [r'"b": "\ud83d"', '"b": ' + "[" * 101 + "]" * 101])
def test_it_is_refused_on_standard_input_too(wrong: str) -> None:
    with pytest.raises(InputError, match=r"-:3:\d+: (the escape|nested)"):
        parse("-", config('"a": 1', wrong).encode())


def test_utf_16_says_what_to_do() -> None:
    with pytest.raises(InputError) as caught:
        parse_json("c.json", "{}".encode("utf-16"))
    must_tell(caught.value, "c.json", [Wrong(0, 0, "UTF-16", "save it as UTF-8")])


def test_a_byte_order_mark_moves_nothing() -> None:
    document = parse_json("c.json", b'\xef\xbb\xbf{"a": 1}')
    assert (document.data, document.position(("a",))) == ({"a": 1}, (1, 2))


@pytest.mark.parametrize("beside", [EMOJI, LONG_KEY, '"x": [NaN, -Infinity]', '"x"\n:\n1'])
def test_json_is_read_as_json_on_standard_input_too(beside: str, cli: Cli) -> None:
    text = config('"name": "M"', '"layers": 2', '"dtype": "bf16"', beside)
    document = parse("-", text.encode())
    assert document.data["layers"] == 2
    assert document.in_braces
    again = text.replace("{", '{"layers": 4,', 1)
    ran = cli("show", "-", stdin=again)
    assert ran.code == 2
    assert "-:3:3: 'layers' is given twice, first in line 1, column 2" in ran.err


def test_braces_that_are_no_json_stay_yaml() -> None:
    assert parse("m.yaml", b"{name: M, layers: 2,}").data == {"name": "M", "layers": 2}


def test_a_long_list_of_modules_takes_no_time() -> None:
    names = [f"model.layers.{layer}.experts.{n}" for layer in range(90) for n in range(250)]
    raw = json.dumps({"a": 1, "ignore": names, "b": names[:10]}, indent=1).encode()
    assert 700_000 < len(raw) < 1_000_000
    started = time.perf_counter()
    document = parse_json("c.json", raw)
    read = time.perf_counter()
    assert document.position(("b",)) == (22_505, 2)
    placed = time.perf_counter()
    assert read - started < 1
    assert placed - read < 5


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def paths_of(data: object, above: Place = ()) -> Iterator[tuple[Place, object]]:
    """Every place in the data, and what stands there: a key, or an item of a list."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield (*above, key), key
            yield from paths_of(value, (*above, key))
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield (*above, number), item
            yield from paths_of(item, (*above, number))


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(VALUES, st.booleans(), st.sampled_from([None, 0, 3, "\t"]))
def test_every_part_of_any_json_is_where_it_is_said_to_be(
    data: object, ascii_only: bool, indent: int | str | None
) -> None:
    text = json.dumps(data, ensure_ascii=ascii_only, indent=indent)
    document = parse_json("c.json", text.encode())
    lines = text.split("\n")
    for path, expected in paths_of(data):
        line, column = document.position(path)
        rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
        found, _ = json.JSONDecoder().raw_decode(rest)
        assert repr(found) == repr(expected)


BROKEN = [
    ('{"model_type": "llama", "num_hid', "1:25: not JSON: Unterminated string"),
    ('{"model_type": "llama", "a": 1,}', "1:32: not JSON"),
    ('\ufeff{"model_type": "llama",\r\n "a": 1,}', "2:9: not JSON"),
    ('{"model_type": "llama"} and more', "1:25: not JSON: Extra data"),
    ('{"model_type": "llama"}\n{"model_type": "llama"}\n', "2:1: not JSON: Extra data"),
    ('{"model_type": "llama", "num_hidden_layers": NaN}', "num_hidden_layers is nan"),
    ('[{"model_type": "llama"}]', ": this is JSON that holds a list"),
    ('[{"model_type": "llama"},]', "1:26: not JSON"),
    (config(LLAMA[0], LLAMA[1], EMOJI, LLAMA[1]), "5:3: 'hidden_size' is given twice"),
]


@pytest.mark.parametrize(("text", "told"), BROKEN)
def test_json_is_refused_alike_by_every_door(
    text: str, told: str, model_file: ModelFile, cli: Cli, tmp_path: Path
) -> None:
    path = model_file(text, "config.json")
    by_path = cli("show", path)
    assert told in by_path.err
    assert cli("show", "-", stdin=text).err == by_path.err.replace(path, "-")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(text.encode(),))
    writer.start()
    assert cli("show", str(pipe)).err == by_path.err.replace(path, str(pipe))
    writer.join()


OWN = "layers: 2, dtype: bf16, attention: {kind: mha, heads: 2, head_dim: 4}}"


@pytest.mark.parametrize(
    "text",
    [
        "{name: X, " + OWN,
        '{"name": X, ' + OWN,
        '{\n  "name": "X", # a comment\n' + OWN,
        '{"name": "X", "layers": 2, "dtype": "bf16", '
        '"attention": {"kind": "mha", "heads": 2, "head_dim": 4,},}',
    ],
)
def test_yaml_in_braces_is_yaml(text: str, model_file: ModelFile, cli: Cli) -> None:
    """2 layers x (K and V) x 2 heads x 4 x 2 B are 64 B a token."""
    for asked, stdin in (model_file(text), None), (model_file(text, "model"), None), ("-", text):
        answer = json.loads(cli("show", asked, "-c", "1", "--json", stdin=stdin).out)
        assert answer["stored_bytes"] == 64

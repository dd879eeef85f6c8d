"""How much of a JSON text is looked at for the places of what is wrong in it."""

from __future__ import annotations

import pytest

from kvcalc.document import parse, parse_json
from kvcalc.errors import InputError


def test_what_stands_too_far_off_is_told_of_where_it_begins() -> None:
    many = "".join(f'"a{n}": 1, ' for n in range(50_000))
    document = parse_json("c.json", ('{"x": 1,\n "big": {' + many + '"z": 1},\n "y": 2}').encode())
    assert document.position(("big", "a49999")) == (2, 10 + len(many) - len('"a49999": 1, '))
    assert document.position(("big", "z")) == (2, 2)
    assert document.position(("y",)) == (3, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('["' + r'\ud83d",' + r'"\ud83d",' * 1_000 + "1]", "half a character"),
        ('{"a": 1' + ', "a": 1' * 1_001 + "}", "'a' is given twice"),
    ],
)
def test_of_very_many_wrong_texts_the_first_is_told(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        parse("c.json", text.encode()).read_by(lambda: 1)
    (problem,) = caught.value.problems
    assert told in problem.message
    assert problem.message.endswith(", the first of more than 1,000")


@pytest.mark.parametrize(
    "text",
    [
        # quotes in a text without an end: each could begin one
        '{"a": [' + "9" * 5_000 + ', "' + r"\"" * 200_000,
        '{"a": [' + "1," * 500_001 + '"' + r"\"" * 200_000,
    ],
)
def test_a_text_without_an_end(text: str) -> None:
    with pytest.raises(InputError, match=r"5,000 digits|more than 500,000 values"):
        parse_json("c.json", text.encode())

"""The refusals of a folder of configurations, told by their causes."""

from __future__ import annotations

import pytest

from tests.configurations import problems_of
from tests.conformance.transformers.causes import by_cause, cause_of

KNOWN = {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64}
HEADS = {"num_attention_heads": 8, "num_key_value_heads": 2}


@pytest.mark.parametrize(
    ("config", "cause", "named"),
    [
        ({**KNOWN, **HEADS, "kv_pool": 2}, "an unknown field in a known family", ("kv_pool",)),
        # what is missing may be missing for the type alone
        (
            {**KNOWN, "model_type": "new", "num_attention_heads": 8, "kv_pool": 2},
            "an unknown model_type",
            ("new",),
        ),
        ({**HEADS, "num_hidden_layers": 2, "kv_pool": 2}, "an unknown model_type", ()),
        ({**KNOWN, **HEADS, "layer_types": ["odd"] * 2}, "an unknown kind of layer", ("odd",)),
        (
            {"model_type": "another", "num_hidden_layers": 2, "num_attention_heads": 8}
            | {"num_key_value_heads": 2},
            "a missing field",
            ("hidden_size",),
        ),
        (
            {**KNOWN, **HEADS, "num_layers": 3},
            "fields that contradict each other",
            ("num_hidden_layers",),
        ),
        (
            {**KNOWN, "num_attention_heads": "8"},
            "a value that cannot be, or is not known",
            ("num_attention_heads",),
        ),
    ],
)
def test_a_refusal_has_the_first_of_its_causes(
    config: dict[str, object], cause: str, named: tuple[str, ...]
) -> None:
    messages = [problem.message for problem in problems_of(config)]
    assert cause_of(messages) == (cause, named)


def test_each_refusal_is_counted_once_and_the_most_frequent_names_come_first() -> None:
    refusals = [
        ["a is not a field that kvcalc knows in llama", "b is missing"],
        ["b is not a field that kvcalc knows in qwen3", "c is not a field that kvcalc knows in x"],
        ["b is not a field that kvcalc knows in qwen2"],
        ["hidden_size is missing"],
    ]
    assert list(by_cause(refusals)) == [
        "    3 refused for an unknown field in a known family: b (2), a, c",
        "    1 refused for a missing field: hidden_size",
    ]


def test_no_more_names_than_a_line_has_room_for() -> None:
    refusals = [[f"field_{n} is not a field that kvcalc knows in llama"] for n in range(10)]
    (line,) = by_cause(refusals)
    assert line.endswith("field_7, 2 more")


def test_nothing_refused_is_nothing_told() -> None:
    assert list(by_cause([])) == []

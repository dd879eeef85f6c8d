"""The `engines:` block of a model file: what an engine keeps in the place of an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

import kvcalc
from kvcalc import InputError
from kvcalc.attention.heads import GQA, MHA
from kvcalc.attention.mla import MLA
from kvcalc.formats import FP8, uniform
from kvcalc.model import ENGINES

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme
    from tests.conftest import ModelFile

LAYERED = """\
name: Model
heads: 32
head_dim: 128
dtype: bf16
layers: { count: 4, list: [local*3, global] }
attention:
  local: { kind: gqa, kv_heads: 8, window: 128 }
  global: { kind: gqa, kv_heads: 8 }
"""

FLAT = """\
name: Model
heads: 32
head_dim: 128
layers: 4
dtype: bf16
attention: { kind: gqa, kv_heads: 8, window: 128 }
"""


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("", {}),
        ("engines: {}", {}),
        ("engines: null", {}),
        ("engines: { transformers: {} }", {"transformers": {}}),
        # heads and head_dim are the model's
        (
            "engines: { transformers: { local: { kind: gqa, kv_heads: 8, window: 129 } } }",
            {"transformers": {"local": GQA(heads=32, head_dim=128, kv_heads=8, window=129)}},
        ),
        # or its own, and the dtype too
        (
            "engines: { transformers: { local: { kind: mha, heads: 4, dtype: fp8 } } }",
            {"transformers": {"local": MHA(heads=4, head_dim=128, dtype=uniform(FP8))}},
        ),
        # another kind altogether, and for several entries
        (
            "engines:\n  transformers:\n    global: { kind: mla, latent_dim: 512, rope_dim: 64 }\n"
            "    local: { kind: gqa, groups: 8 }",
            {
                "transformers": {
                    "global": MLA(heads=32, head_dim=128, latent_dim=512, rope_dim=64),
                    "local": GQA(heads=32, head_dim=128, kv_heads=8),
                }
            },
        ),
        (
            "source_length: 7\nengines: { transformers: { local: { kind: mha, cross: true } } }",
            {"transformers": {"local": MHA(heads=32, head_dim=128, cross=True, source_length=7)}},
        ),
    ],
)
def test_what_the_block_says(
    block: str, expected: dict[str, dict[str, Scheme]], model_file: ModelFile
) -> None:
    assert kvcalc.load(model_file(LAYERED + block)).engines == expected


def test_a_flat_entry_goes_by_its_kind(model_file: ModelFile) -> None:
    block = "engines: { transformers: { gqa: { kind: gqa, kv_heads: 8, window: 129 } } }"
    model = kvcalc.load(model_file(FLAT + block))
    instead = GQA(heads=32, head_dim=128, kv_heads=8, window=129)
    assert model.engines == {"transformers": {"gqa": instead}}


def test_an_entry_that_only_mtp_layers_keep_may_be_named(model_file: ModelFile) -> None:
    text = LAYERED.replace("[local*3, global]", "[local*4]") + "mtp: { count: 1, list: [global] }\n"
    block = "engines: { transformers: { global: { kind: mha } } }"
    assert list(kvcalc.load(model_file(text + block)).engines["transformers"]) == ["global"]


def test_it_changes_no_byte_of_the_model_itself(model_file: ModelFile) -> None:
    block = "engines: { transformers: { local: { kind: mha } } }"
    plain, told = (kvcalc.load(model_file(text)) for text in (LAYERED, LAYERED + block))
    assert plain.cache.contents == told.cache.contents
    assert plain.stored(1_000) == told.stored(1_000)


def test_the_engines_that_may_be_named() -> None:
    assert ENGINES == ("transformers",)


class Wrong(NamedTuple):
    """One problem as it must be told: its place, and words from what it says and advises."""

    line: int
    column: int
    message: str
    hint: str = ""


LINE = 9
"""The first line after LAYERED."""

PROBLEMS: dict[str, tuple[str, list[Wrong]]] = {
    "no mapping": ("engines: 5", [Wrong(LINE, 1, "engines is 5", "")]),
    "an unknown engine": (
        "engines: { transfomers: { local: { kind: mha } } }",
        [Wrong(LINE, 12, "unknown field 'transfomers'", "did you mean transformers?")],
    ),
    "an unknown entry": (
        "engines: { transformers: { locl: { kind: mha } } }",
        [Wrong(LINE, 28, "no attention entry is called 'locl'", "did you mean local")],
    ),
    "an unknown kind": (
        "engines: { transformers: { local: { kind: mhaa } } }",
        [Wrong(LINE, 37, "unknown kind 'mhaa'", "mha")],
    ),
    "no kind": (
        "engines: { transformers: { local: { kv_heads: 8 } } }",
        [Wrong(LINE, 28, "local has no kind", "{kind: gqa, kv_heads: 8}")],
    ),
    "no entry": (
        "engines: { transformers: { local: 5 } }",
        [Wrong(LINE, 28, "local has no kind", "")],
    ),
    "no entries": (
        "engines: { transformers: 5 }",
        [Wrong(LINE, 12, "transformers is 5; it must be a mapping of fields", "")],
    ),
    "an unknown field": (
        "engines: { transformers: { local: { kind: gqa, kv_heads: 8, windw: 9 } } }",
        [Wrong(LINE, 61, "unknown field 'windw'", "did you mean window")],
    ),
    "a field out of bounds": (
        "engines: { transformers: { local: { kind: gqa, kv_heads: 0 } } }",
        [Wrong(LINE, 48, "kv_heads is 0; it must be at least 1", "")],
    ),
    "a scheme that cannot be": (
        "engines: { transformers: { local: { kind: gqa, kv_heads: 7 } } }",
        [Wrong(LINE, 48, "7 kv_heads (groups) do not divide 32 query heads", "would divide")],
    ),
    "a missing field": (
        "engines: { transformers: { local: { kind: mla, rope_dim: 64 } } }",
        [Wrong(LINE, 28, "missing field 'latent_dim'", "")],
    ),
    "all at once, those of a well-formed entry too": (
        """\
engines:
  sglang: { local: { kind: mha } }
  transformers:
    locl: { kind: gqa, kv_heads: 7 }
    global: { kind: gqa, kv_heads: 7, windw: 9 }
    local: { kind: nothing }
max_context: none
""",
        [
            Wrong(10, 3, "unknown field 'sglang'"),
            Wrong(12, 5, "no attention entry is called 'locl'", "did you mean local"),
            Wrong(12, 24, "7 kv_heads (groups) do not divide 32 query heads"),
            Wrong(13, 26, "7 kv_heads (groups) do not divide 32 query heads"),
            Wrong(13, 39, "unknown field 'windw'"),
            Wrong(14, 14, "unknown kind 'nothing'"),
            Wrong(15, 1, "max_context"),
        ],
    ),
}


@pytest.mark.parametrize(("block", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_every_problem_is_told_in_its_place(
    block: str, expected: list[Wrong], model_file: ModelFile
) -> None:
    with pytest.raises(InputError) as caught:
        kvcalc.load(model_file(LAYERED + block))
    found = caught.value.problems
    assert [(p.line, p.column) for p in found] == [(w.line, w.column) for w in expected]
    for problem, wrong in zip(found, expected, strict=True):
        assert wrong.message in problem.message
        assert wrong.hint in problem.hint


def test_an_unknown_entry_is_not_told_of_where_attention_is_broken(model_file: ModelFile) -> None:
    text = FLAT.replace("{ kind: gqa, kv_heads: 8, window: 128 }", "5")
    block = "engines: { transformers: { gqa: { kind: gqa, kv_heads: 8 } } }"
    with pytest.raises(InputError) as caught:
        kvcalc.load(model_file(text + block))
    assert [problem.line for problem in caught.value.problems] == [6]


@pytest.mark.parametrize(
    ("reads", "message"),
    [
        ("{ top_k: 4, top_k_blocks: 4 }", "reads is neither"),
        ("{ pool: 4 }", "reads is neither"),
        ("{ top_k_blocks: 4 }", "reads is neither"),
        ("{}", "reads is neither"),
    ],
)
def test_what_a_step_reads_is_said_one_way(reads: str, message: str, model_file: ModelFile) -> None:
    tensor = f"{{ name: k, role: k, width: 8, reads: {reads} }}"
    text = f"name: m\nlayers: 1\ndtype: bf16\nattention: {{ kind: custom, tensors: [{tensor}] }}\n"
    with pytest.raises(InputError) as caught:
        kvcalc.load(model_file(text))
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (4, text.splitlines()[3].index("reads") + 1)
    assert message in problem.message


def test_an_entry_may_be_called_kind(model_file: ModelFile) -> None:
    text = LAYERED.replace("local", "kind")
    assert list(kvcalc.load(model_file(text)).attention) == ["kind", "global"]

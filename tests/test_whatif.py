"""Rows of `compare MODEL`, rule by rule: which there are, what they are called, what they keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import kvcalc
from kvcalc.attention.base import Scheme, Shape
from kvcalc.attention.compressed import HCA, SharedKV
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.sparse import DSA
from kvcalc.cache import CacheTensor
from kvcalc.errors import InvalidValue
from kvcalc.extents import Every, Fixed, ReadWrite, Window
from kvcalc.formats import BF16, FP8, parse_layout, uniform
from kvcalc.model import Layer, Model
from kvcalc.question import Question
from kvcalc.whatif import Rows, rows_of

MHA_32 = MHA(heads=32, head_dim=128)
MHA_71 = MHA(heads=71, head_dim=64)
GQA_8 = GQA(heads=64, head_dim=128, kv_heads=8)
MQA_71 = MQA(heads=71, head_dim=64)
V3 = MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64)
V32 = DSA(
    heads=128,
    head_dim=128,
    latent_dim=512,
    rope_dim=64,
    index_heads=64,
    index_dim=128,
    top_k=2048,
)
MAMBA = Custom(
    tensors=(
        CacheTensor("state", "state", 1_024, Fixed(), heads=16, reads=ReadWrite()),
        CacheTensor("conv", "conv", 3, Fixed(), heads=100, reads=ReadWrite()),
    )
)
"""16 x 1,024 x 4 B of state and 100 x 3 x 2 B of convolution: 66,136 B."""


def model(
    attention: Scheme | Mapping[str, Scheme],
    layers: int | tuple[Layer, ...] = 1,
    *,
    shape: Shape | None = None,
    compare: Mapping[str, Mapping[str, Any]] | None = None,
) -> Model:
    entries = {attention.kind: attention} if isinstance(attention, Scheme) else attention
    order = (tuple(entries),) * layers if isinstance(layers, int) else layers
    return Model("M", uniform(BF16), entries, order, shape=shape, compare=compare or {})


def table(rows: Rows, context: int = 1) -> list[tuple[str, int, bool]]:
    return [(row.name, row.cache.stored(context), row.native) for row in rows.rows]


@pytest.mark.parametrize(
    ("subject", "context", "mha", "gqa", "mqa"),
    [
        pytest.param(model(GQA(heads=32, head_dim=128, kv_heads=8, window=4096), 2),
            10_000, 2 * 10_000 * 2 * 32 * 128 * 2, 2 * 10_000 * 2 * 8 * 128 * 2,
            2 * 10_000 * 2 * 1 * 128 * 2,
            id="a what-if has no window"),
        pytest.param(model(GQA(heads=40, head_dim=128, kv_heads=8, chunk=8192), 1),
            10_000, 10_000 * 2 * 40 * 128 * 2, 10_000 * 2 * 8 * 128 * 2, 10_000 * 2 * 1 * 128 * 2,
            id="nor a chunk"),
        pytest.param(model(GQA(heads=64, key_dim=192, value_dim=128, kv_heads=4)),
            1, 64 * (192 + 128) * 2, 4 * (192 + 128) * 2, 1 * (192 + 128) * 2,
            id="K and V widths of the layer"),
        pytest.param(model(MLA(heads=64, nope_dim=192, value_dim=256, latent_dim=512, rope_dim=64)),
            1, 64 * (192 + 256) * 2, 8 * (192 + 256) * 2, 1 * (192 + 256) * 2,
            id="K of an MLA is its nope_dim"),
        pytest.param(model({"wide": GQA(heads=16, head_dim=256, kv_heads=4),
              "narrow": GQA(heads=8, head_dim=64, kv_heads=4)},
             (("wide",), ("narrow",), ("narrow",))),
            1, 2 * 16 * 256 * 2 + 2 * (2 * 8 * 64 * 2), 2 * 4 * 256 * 2 + 2 * (2 * 4 * 64 * 2),
            2 * 1 * 256 * 2 + 2 * (2 * 1 * 64 * 2),
            id="each layer has its own heads"),
        pytest.param(model({"mla": V3}, (("mla", "mla"),) * 2),
            1, 2 * 2 * (2 * 128 * 128 * 2), 2 * 2 * (2 * 8 * 128 * 2), 2 * 2 * (2 * 1 * 128 * 2),
            id="mla+mla is two"),
        pytest.param(model({"ssm": MAMBA, "gqa": GQA_8}, (("ssm", "gqa"),) * 3),
            1, 3 * (2 * 64 * 128 * 2), 3 * (2 * 8 * 128 * 2), 3 * (2 * 1 * 128 * 2),
            id="a state beside attention is not one"),
        pytest.param(model({"ssm": MAMBA, "gqa": GQA_8}, (("ssm",), ("ssm",), ("gqa",)),
             shape=Shape(64, 128, 128)),
            1, 3 * (2 * 64 * 128 * 2), 3 * (2 * 8 * 128 * 2), 3 * (2 * 1 * 128 * 2),
            id="a layer with a state alone is one, on the model's heads"),
        pytest.param(model({"ssm": MAMBA, "scan": MAMBA}, (("ssm", "scan"),),
             shape=Shape(64, 128, 128)),
            1, 2 * 64 * 128 * 2, 2 * 8 * 128 * 2, 2 * 1 * 128 * 2,
            id="a layer with two states is one"),
        pytest.param(model(MAMBA, 2, shape=Shape(4, 64, 64)),
            1, 2 * (2 * 4 * 64 * 2), 2 * (2 * 2 * 64 * 2), 2 * (2 * 1 * 64 * 2),
            id="a state's own 16 heads never count"),
        pytest.param(model({"gqa": GQA_8}, (("gqa",), (), ("gqa",), ())),
            1, 2 * (2 * 64 * 128 * 2), 2 * (2 * 8 * 128 * 2), 2 * (2 * 1 * 128 * 2),
            id="a layer without a cache stays without one"),
        pytest.param(model(Custom(tensors=(CacheTensor("latent", "latent", 512, Every()),),
              heads=16, head_dim=64), shape=Shape(64, 128, 128)),
            1, 2 * 16 * 64 * 2, 2 * 8 * 64 * 2, 2 * 1 * 64 * 2,
            id="a custom layer has its own heads"),
        pytest.param(model(Custom(tensors=(CacheTensor("latent", "latent", 512, Every()),)),
             shape=Shape(64, 128, 128)),
            1, 2 * 64 * 128 * 2, 2 * 8 * 128 * 2, 2 * 1 * 128 * 2,
            id="or the model's"),
        pytest.param(model(Custom(tensors=MAMBA.tensors, heads=16, head_dim=64),
             shape=Shape(64, 128, 128)),
            1, 2 * 16 * 64 * 2, 2 * 8 * 64 * 2, 2 * 1 * 64 * 2,
            id="a layer with a state alone has its own heads too"),
        pytest.param(model({"half": GQA(heads=64, head_dim=128, kv_heads=8, dtype=uniform(FP8)),
              "full": GQA(heads=64, head_dim=128, kv_heads=8)}, (("half",), ("full",))),
            1, 2 * 64 * 128 * 1 + 2 * 64 * 128 * 2, 2 * 8 * 128 * 1 + 2 * 8 * 128 * 2,
            2 * 1 * 128 * 1 + 2 * 1 * 128 * 2,
            id="each layer has its own dtype"),
        pytest.param(model({"own": GQA(heads=8, head_dim=256, kv_heads=2),
              "reader": GQA(heads=8, head_dim=256, kv_heads=2, shared=True)},
             (("own",), ("reader",), ("reader",))),
            1, 3 * (2 * 8 * 256 * 2), 3 * (2 * 2 * 256 * 2), 3 * (2 * 1 * 256 * 2),
            id="a shared cache too"),
        pytest.param(model({"self": GQA(heads=20, head_dim=64, kv_heads=4),
              "cross": GQA(heads=20, head_dim=64, kv_heads=4, cross=True, source_length=1_500)},
             (("self", "cross"),) * 2),
            448, 2 * (448 + 1_500) * 2 * 20 * 64 * 2, 2 * (448 + 1_500) * 2 * 4 * 64 * 2,
            2 * (448 + 1_500) * 2 * 1 * 64 * 2,
            id="cross attention goes over the source length"),
    ],
)  # fmt: skip
def test_what_ifs_stand_in_the_place_of_every_attention(
    subject: Model, context: int, mha: int, gqa: int, mqa: int
) -> None:
    rows = rows_of(subject)
    stored = {
        name: row.cache.stored(context)
        for name in ("mha", "gqa", "mqa")
        if (row := rows.find(name))
    }
    assert stored == {"mha": mha, "gqa": gqa, "mqa": mqa}


def test_a_state_that_has_query_heads_needs_none_of_the_models() -> None:
    rows = rows_of(model(Custom(tensors=MAMBA.tensors, heads=16, head_dim=64)))
    assert [row.name for row in rows.rows] == ["mha", "gqa", "mqa", "native"]


def test_layers_with_states_keep_what_they_keep_in_the_models_own_row() -> None:
    subject = model(
        {"ssm": MAMBA, "gqa": GQA_8},
        (("ssm",), ("ssm", "gqa")),
        shape=Shape(64, 128, 128),
    )
    own = rows_of(subject).find("native")
    assert own is not None
    assert own.cache.stored(10) == 2 * 66_136 + 10 * 2 * 8 * 128 * 2
    assert own.cache.fixed(10) == 2 * (16 * 1_024 * 4 + 100 * 3 * 2)
    assert own.cache.read(10) == 2 * 2 * 66_136 + 10 * 2 * 8 * 128 * 2


@pytest.mark.parametrize(
    ("subject", "rows"),
    [
        pytest.param(
            model(V3, 61, compare={"gqa": {"kv_heads": 16}}),
            [
                ("mha", 61 * 2 * 128 * 128 * 2, False),
                ("gqa", 61 * 2 * 16 * 128 * 2, False),
                ("mqa", 61 * 2 * 1 * 128 * 2, False),
                ("mla-expanded", 61 * 128 * (192 + 128) * 2, False),
                ("mla", 61 * (512 + 64) * 2, True),
            ],
            id="DeepSeek-V3",
        ),
        pytest.param(
            model(V32, 61),
            [
                ("mha", 61 * 2 * 128 * 128 * 2, False),
                ("gqa", 61 * 2 * 8 * 128 * 2, False),
                ("mqa", 61 * 2 * 1 * 128 * 2, False),
                ("mla-expanded", 61 * 128 * (192 + 128) * 2, False),
                ("dsa", 61 * ((512 + 64) * 2 + 128 + 4), True),
            ],
            id="DeepSeek-V3.2: index keys left out of mla-expanded",
        ),
        pytest.param(
            model({"dense": GQA_8, "mla": V3}, (("dense",), ("mla",), ("mla",))),
            [
                ("mha", 2 * 64 * 128 * 2 + 2 * (2 * 128 * 128 * 2), False),
                ("gqa", 3 * (2 * 8 * 128 * 2), False),
                ("mqa", 3 * (2 * 1 * 128 * 2), False),
                ("mla-expanded", 2 * 8 * 128 * 2 + 2 * (128 * (192 + 128) * 2), False),
                ("native", 2 * 8 * 128 * 2 + 2 * ((512 + 64) * 2), True),
            ],
            id="mla-expanded leaves the other layers as they are",
        ),
        pytest.param(
            model({"mla": V3, "dsa": V32}, (("mla",), ("dsa",))),
            [
                ("mha", 2 * (2 * 128 * 128 * 2), False),
                ("gqa", 2 * (2 * 8 * 128 * 2), False),
                ("mqa", 2 * (2 * 1 * 128 * 2), False),
                ("mla-expanded", 2 * (128 * (192 + 128) * 2), False),
                ("native", 1_152 + 1_152 + 132, True),
            ],
            id="one mla-expanded for all kinds of latent",
        ),
        pytest.param(
            model(
                GQA_8,
                2,
                compare={
                    "mla": {"latent_dim": 512, "rope_dim": 64},
                    "custom": {"tensors": (CacheTensor("x", "k", 100, Every()),)},
                },
            ),
            [
                ("mha", 2 * (2 * 64 * 128 * 2), False),
                ("gqa", 2 * (2 * 8 * 128 * 2), True),
                ("mqa", 2 * (2 * 1 * 128 * 2), False),
                ("mla", 2 * ((512 + 64) * 2), False),
                ("custom", 2 * (100 * 2), False),
            ],
            id="compare: names any kind",
        ),
        pytest.param(
            model(
                V3,
                compare={
                    "custom": {"tensors": (CacheTensor("x", "k", 100, Every()),)},
                    "dsa": {
                        "latent_dim": 512,
                        "rope_dim": 64,
                        "index_heads": 64,
                        "index_dim": 128,
                        "top_k": 2048,
                    },
                },
            ),
            [
                ("mha", 2 * 128 * 128 * 2, False),
                ("gqa", 2 * 8 * 128 * 2, False),
                ("mqa", 2 * 1 * 128 * 2, False),
                ("mla-expanded", 128 * (192 + 128) * 2, False),
                ("custom", 100 * 2, False),
                ("dsa", 1_152 + 132, False),
                ("mla", 1_152, True),
            ],
            id="in the order of the file, the model's own last",
        ),
        pytest.param(
            model(MHA(heads=8, head_dim=64)),
            [
                ("mha", 2 * 8 * 64 * 2, True),
                ("gqa", 2 * 4 * 64 * 2, False),
                ("mqa", 2 * 1 * 64 * 2, False),
            ],
            id="groups are fewer than the heads",
        ),
        pytest.param(
            model(
                {"a": MHA(heads=12, head_dim=64), "b": MHA(heads=8, head_dim=64)},
                (("a",), ("b",)),
            ),
            [
                ("mha", 2 * 12 * 64 * 2 + 2 * 8 * 64 * 2, True),
                ("gqa", 2 * (2 * 4 * 64 * 2), False),
                ("mqa", 2 * (2 * 1 * 64 * 2), False),
            ],
            id="groups divide the heads of every layer",
        ),
        pytest.param(
            model(GQA(heads=12, head_dim=64, kv_heads=3)),
            [
                ("mha", 2 * 12 * 64 * 2, False),
                ("gqa", 2 * 3 * 64 * 2, True),
                ("mqa", 2 * 1 * 64 * 2, False),
            ],
            id="the model's own groups come before the largest that divides",
        ),
        pytest.param(
            model(MQA_71, 32),
            [("mha", 32 * 2 * 71 * 64 * 2, False), ("mqa", 32 * 2 * 1 * 64 * 2, True)],
            id="Falcon-7B: no number from 2 to 8 divides 71",
        ),
        pytest.param(
            model(MHA(heads=2, head_dim=64)),
            [("mha", 2 * 2 * 64 * 2, True), ("mqa", 2 * 1 * 64 * 2, False)],
            id="two heads have no groups but 1 and 2",
        ),
    ],
)
def test_rows_in_order(subject: Model, rows: list[tuple[str, int, bool]]) -> None:
    assert table(rows_of(subject)) == rows


def test_a_missing_gqa_row_is_noted() -> None:
    assert rows_of(model(GQA_8)).notes == ()
    (note,) = rows_of(model(MHA_71)).notes
    assert "gqa" in note
    assert "71" in note


def test_a_gqa_row_that_is_asked_for_needs_no_note() -> None:
    rows = rows_of(model(MHA_71, compare={"gqa": {"kv_heads": 71}}))
    assert rows.notes == ()
    assert rows.rows[0].names == ("mha", "gqa")


def test_a_what_if_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidValue, match="do not divide 71 query heads"):
        rows_of(model(MHA_71, compare={"gqa": {"kv_heads": 8}}))


def test_a_what_if_takes_the_widths_that_it_names() -> None:
    rows = rows_of(model(GQA_8, compare={"mha": {"head_dim": 64}}))
    assert table(rows)[0] == ("mha", 2 * 64 * 64 * 2, False)


def test_own_groups_that_another_layer_cannot_have_do_not_stop_the_answer() -> None:
    rows = rows_of(
        model({"gqa": GQA_8, "ssm": MAMBA}, (("gqa",), ("ssm",)), shape=Shape(12, 64, 64))
    )
    mha = rows.find("mha")
    assert mha is not None
    assert mha.cache.stored(1) == 2 * 64 * 128 * 2 + 2 * 12 * 64 * 2


MODEL_FILE = """
name: M
heads: 64
head_dim: 128
layers: 2
dtype: bf16
attention: { kind: gqa, kv_heads: 8 }
"""
MLA_FIELDS = "{ latent_dim: 512, rope_dim: 64 }"
DSA_FIELDS = "{ latent_dim: 512, rope_dim: 64, index_heads: 64, index_dim: 128, top_k: 2048 }"


@pytest.mark.parametrize(
    ("what_ifs", "names"),
    [
        (f"  mla: {MLA_FIELDS}\n  dsa: {DSA_FIELDS}\n", ["mla", "dsa"]),
        (f"  dsa: {DSA_FIELDS}\n  mla: {MLA_FIELDS}\n", ["dsa", "mla"]),
    ],
)
def test_what_a_file_asks_for_keeps_its_order(
    tmp_path: Path, what_ifs: str, names: list[str]
) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{MODEL_FILE}compare:\n{what_ifs}", encoding="utf-8")
    rows = rows_of(kvcalc.load(str(path)))
    assert [row.name for row in rows.rows] == ["mha", "gqa", "mqa", *names]


@pytest.mark.parametrize(
    "what_if",
    ["{ mla: { rope_dim: 64 } }", "{ gqa: {} }", "{ gqa: { groups: null } }", "{ custom: {} }"],
)
def test_a_what_if_that_lacks_a_field_is_an_error_of_the_file(tmp_path: Path, what_if: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{MODEL_FILE}compare: {what_if}\n", encoding="utf-8")
    with pytest.raises(kvcalc.InputError):
        kvcalc.load(str(path))


@pytest.mark.parametrize(
    ("subject", "name", "label"),
    [
        (model(V3, 2), "mla", "mla"),
        (model(V32, 2), "dsa", "dsa"),
        (model(GQA_8, 2), "gqa", "gqa, 8 groups"),
        (model(MHA_32, 2), "mha", "mha"),
        (model(MQA_71, 2), "mqa", "mqa"),
        (model({"gqa": GQA_8}, (("gqa",), ())), "gqa", "gqa, 8 groups"),
        (model({"a": V3, "b": V3}, (("a",), ("b",))), "mla", "mla"),
        (model(GQA(heads=32, head_dim=128, kv_heads=8, window=4096)), "native", "native"),
        (model(GQA(heads=32, head_dim=128, kv_heads=8, chunk=4096)), "native", "native"),
        (model(MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64, window=512)), "native",
         "native"),
        (model({"a": GQA_8, "b": GQA(heads=64, head_dim=64, kv_heads=4)}, (("a",), ("b",))),
         "native", "native"),
        (model({"a": GQA_8, "b": GQA(heads=64, head_dim=64, kv_heads=8)}, (("a",), ("b",))), "gqa",
         "gqa, 8 groups"),
        (model({"local": GQA(heads=64, head_dim=128, kv_heads=8, window=128), "global": GQA_8},
          (("local",), ("global",))), "native", "native"),
        (model({"ssm": MAMBA, "gqa": GQA_8}, (("ssm", "gqa"),)), "native", "native"),
        (model({"mla": V3}, (("mla", "mla"),)), "native", "native"),
        (model(MAMBA, shape=Shape(64, 128, 128)), "native", "native"),
        (model({"own": GQA_8, "reader": GQA(heads=64, head_dim=128, kv_heads=8, shared=True)},
          (("own",), ("reader",))), "native", "native"),
        (model(MHA(heads=20, head_dim=64, shared=True)), "native", "native"),
        (model(MHA(heads=20, head_dim=64, cross=True, source_length=1_500)), "mha", "mha"),
    ],
)  # fmt: skip
def test_the_models_own_row(subject: Model, name: str, label: str) -> None:
    rows = rows_of(subject)
    (own,) = (row for row in rows.rows if row.native)
    assert (own.name, own.label) == (name, label)
    assert own.answers_to(name)
    assert rows.find("native") is own
    assert rows.names[-1] == "native"


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        pytest.param(model(MHA_32),
            [("mha",), ("gqa",), ("mqa",)],
            id="the model's own is the mha row"),
        pytest.param(model(GQA(heads=64, head_dim=128, kv_heads=64)),
            [("mha", "gqa"), ("mqa",)],
            id="as many groups as heads are mha"),
        pytest.param(model(GQA(heads=64, head_dim=128, kv_heads=1)),
            [("mha",), ("mqa", "gqa")],
            id="one group is mqa"),
        pytest.param(model(MHA_32, compare={"gqa": {"kv_heads": 1}}),
            [("mha",), ("mqa", "gqa")],
            id="one group asked for is mqa"),
        pytest.param(model(MHA(heads=1, head_dim=64)),
            [("mha", "mqa")],
            id="one head is all of them"),
        pytest.param(model(GQA_8, compare={"gqa": {"kv_heads": 16}}),
            [("mha",), ("gqa-16",), ("mqa",), ("gqa",)],
            id="other groups than the model's own"),
        pytest.param(model(GQA_8, compare={"gqa": {"kv_heads": 8}}),
            [("mha",), ("gqa",), ("mqa",)],
            id="the model's own groups"),
        pytest.param(model(GQA_8, compare={"gqa": {"kv_heads": 1}}),
            [("mha",), ("mqa", "gqa-1"), ("gqa",)],
            id="other groups that are mqa"),
        pytest.param(model(GQA_8, compare={"gqa": {"kv_heads": 64}}),
            [("mha", "gqa-64"), ("mqa",), ("gqa",)],
            id="other groups that are mha"),
        pytest.param(model(GQA(heads=64, head_dim=128, kv_heads=8, window=4096)),
            [("mha",), ("gqa", "no-window"), ("mqa",), ("native",)],
            id="a windowed gqa is not the full one"),
        pytest.param(model(GQA(heads=64, head_dim=128, kv_heads=8, window=4096),
             compare={"gqa": {"kv_heads": 4}}),
            [("mha",), ("gqa-4",), ("mqa",), ("no-window",), ("native",)],
            id="other groups than a windowed gqa's"),
        pytest.param(model(V3, compare={"mla": {"latent_dim": 512, "rope_dim": 64}}),
            [("mha",), ("gqa",), ("mqa",), ("mla-expanded",), ("mla",)],
            id="the model's own latent asked for"),
        pytest.param(model(V3, compare={"mla": {"latent_dim": 256, "rope_dim": 64}}),
            [("mha",), ("gqa",), ("mqa",), ("mla-expanded",), ("mla-256",), ("mla",)],
            id="another latent"),
        pytest.param(model(MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=0)),
            [("mha", "mla-expanded"), ("gqa",), ("mqa",), ("mla",)],
            id="a latent without RoPE expands to mha"),
    ],
)  # fmt: skip
def test_the_same_tensors_are_one_row(subject: Model, names: list[tuple[str, ...]]) -> None:
    rows = rows_of(subject)
    assert [row.names for row in rows.rows] == names
    for row in rows.rows:
        for name in row.names:
            assert rows.find(name) is row


KOBOLDCPP = "gemma-4-31b: 50 layers of 16 x 256 under a window of 1,024, 10 of 4 x 512"
LOCAL = GQA(heads=32, head_dim=256, kv_heads=16, window=1_024)
GLOBAL = GQA(heads=32, head_dim=512, kv_heads=4)
CHUNKED = GQA(heads=40, head_dim=128, kv_heads=8, chunk=8_192)
SINKING = GQA(heads=32, head_dim=128, kv_heads=8, window=2_048, sink=4)
OWN_512 = GQA(heads=8, head_dim=256, kv_heads=2, window=512)
READER_512 = GQA(heads=8, head_dim=256, kv_heads=2, window=512, shared=True)
V4_WINDOW = SharedKV(heads=64, head_dim=512, rope_dim=64, window=128)
V4_HCA = HCA(heads=64, head_dim=512, rope_dim=64, window=128, compress=128)
CUSTOM_WINDOW = Custom(
    tensors=(CacheTensor("k", "k", 64, Window(128)),), heads=8, head_dim=64
)  # KIVI's residual, say: what its author wrote is what it keeps


@pytest.mark.parametrize(
    ("subject", "context", "stored", "growth", "read", "source"),
    [
        (model({"local": LOCAL, "global": GLOBAL},
            ((("local",),) * 5 + (("global",),)) * 10),
         40_960, 40_960 * (50 * 2 * 16 * 256 * 2 + 10 * 2 * 4 * 512 * 2), 901_120,
         40_960 * 901_120, KOBOLDCPP),
        (model({"chunk": CHUNKED, "full": GQA(heads=40, head_dim=64, kv_heads=8)},
            (("chunk",),) * 3 + (("full",),)),
         10_000, 10_000 * (3 * 2 * 8 * 128 * 2 + 2 * 8 * 64 * 2), 3 * 4_096 + 2_048,
         10_000 * 14_336, "a chunk is off, too"),
        (model(SINKING, 2, compare={"gqa": {"kv_heads": 4}}),
         10_000, 10_000 * 2 * 2 * 8 * 128 * 2, 8_192, 10_000 * 8_192, "and its sinks"),
        (model({"own": OWN_512, "reader": READER_512}, (("own",), ("reader",), ("reader",))),
         1_000, 1_000 * 2 * 2 * 256 * 2, 2_048, 3 * 1_000 * 2_048,
         "a shared cache is stored once and read by all"),
        (model(MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64, window=512), 2),
         1_000, 1_000 * 2 * (512 + 64) * 2, 2_304, 1_000 * 2_304, "a latent stays one"),
        (model({"ssm": MAMBA, "local": LOCAL}, (("ssm", "local"),) * 2),
         2_000, 2 * 66_136 + 2_000 * 2 * 2 * 16 * 256 * 2, 2 * 16_384,
         2 * 2 * 66_136 + 2_000 * 32_768, "states stay"),
    ],
)  # fmt: skip
def test_the_models_own_tensors_without_their_windows(
    subject: Model, context: int, stored: int, growth: int, read: int, source: str
) -> None:
    row = rows_of(subject).find("no-window")
    assert row is not None
    amounts = row.cache.at(context)
    assert (amounts.stored, amounts.read) == (stored, read), source
    assert amounts.growth == growth, source
    assert not row.native
    assert row.model.architecture is None


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (model(GQA_8), "there is none"),
        (model({"ssm": MAMBA, "gqa": GQA_8}, (("ssm", "gqa"),)), "states have none"),
        (model({"swa": V4_WINDOW, "hca": V4_HCA}, (("swa",), ("hca",))),
         "a compressed cache needs its own"),
        (model(CUSTOM_WINDOW), "a tensor's own window is what its author wrote"),
        (model(MAMBA), "a model without query heads shows its own row alone"),
    ],
)  # fmt: skip
def test_no_row_without_windows_where(subject: Model, why: str) -> None:
    assert rows_of(subject).find("no-window") is None, why


def test_a_latent_under_a_window_has_a_row_of_each_form() -> None:
    rows = rows_of(model(MLA(heads=8, head_dim=64, latent_dim=512, rope_dim=64, window=512)))
    names = [row.name for row in rows.rows]
    assert names == ["mha", "gqa", "mqa", "mla-expanded", "no-window", "native"]


def test_rows_with_equal_bytes_and_other_tensors_stay_apart() -> None:
    window = model(GQA(heads=64, head_dim=128, kv_heads=8, window=4096))
    rows = rows_of(window)
    gqa, own = rows.find("gqa"), rows.find("native")
    assert gqa is not None
    assert own is not None
    assert gqa is not own
    assert gqa.cache.stored(4096) == own.cache.stored(4096) == 4096 * 2 * 8 * 128 * 2


@pytest.mark.parametrize(
    ("subject", "what_if", "own"),
    [
        (model(V3, compare={"mla": {"latent_dim": 512, "rope_dim": 32}}), (512 + 32) * 2,
         ("mla", (512 + 64) * 2)),
        (model(MHA_32, compare={"mha": {"value_dim": 64}}), 32 * (128 + 64) * 2,
         ("mha", 32 * (128 + 128) * 2)),
        (model(GQA_8, compare={"gqa": {"kv_heads": 8, "value_dim": 64}}), 8 * (128 + 64) * 2,
         ("gqa", 8 * (128 + 128) * 2)),
    ],
)  # fmt: skip
def test_a_what_if_of_the_models_own_kind_is_told_apart(
    subject: Model, what_if: int, own: tuple[str, int]
) -> None:
    rows = rows_of(subject)
    names = [name for row in rows.rows for name in row.names]
    assert len(set(names)) == len(names)
    found = rows.find("native")
    assert found is not None
    assert (found.name, found.cache.stored(1)) == own
    (other,) = (row for row in rows.rows if row.name == f"{own[0]}-what-if")
    assert other.cache.stored(1) == what_if


def test_no_row_answers_to_a_name_that_none_has() -> None:
    assert rows_of(model(V3)).find("gqa-16") is None


@pytest.mark.parametrize(
    "subject",
    [
        model(MAMBA, 2),
        model(Custom(tensors=(CacheTensor("latent", "latent", 512, Every()),)), 2),
        model({"ssm": MAMBA}, (("ssm",), ())),
    ],
)
def test_a_model_without_query_heads_shows_its_own_row_and_says_why(subject: Model) -> None:
    rows = rows_of(subject)
    (own,) = rows.rows
    assert own.native
    assert own.cache == subject.cache
    (note,) = rows.notes
    assert "no query heads" in note


@pytest.mark.parametrize(
    ("subject", "kv_dtype", "rows"),
    [
        pytest.param(model(V3, 61),
            "fp8", [("mha", 61 * 2 * 128 * 128 * 1, ()), ("gqa", 61 * 2 * 8 * 128 * 1, ()),
             ("mqa", 61 * 2 * 1 * 128 * 1, ()), ("mla-expanded", 61 * 128 * (192 + 128) * 1, ()),
             ("mla", 61 * (512 + 64) * 1, ())],
            id="one format for all"),
        pytest.param(model(V3, 61),
            "fp8_ds_mla", [("mha", 61 * 2 * 128 * 128 * 2, ("k", "v")),
             ("gqa", 61 * 2 * 8 * 128 * 2, ("k", "v")), ("mqa", 61 * 2 * 1 * 128 * 2, ("k", "v")),
             ("mla-expanded", 61 * 128 * (192 + 128) * 2, ("k", "v")),
             ("mla", 61 * (512 + 4 * 4 + 64 * 2), ())],
            id="keys and values are not named by a latent's layout"),
        pytest.param(model(V32, 61),
            "fp8_ds_mla", [("mha", 61 * 2 * 128 * 128 * 2, ("k", "v")),
             ("gqa", 61 * 2 * 8 * 128 * 2, ("k", "v")), ("mqa", 61 * 2 * 1 * 128 * 2, ("k", "v")),
             ("mla-expanded", 61 * 128 * (192 + 128) * 2, ("k", "v")),
             ("dsa", 61 * (656 + 132), ())],
            id="656 + 132 B"),
        pytest.param(model(GQA_8, compare={"mla": {"latent_dim": 512, "rope_dim": 64}}),
            "q8_0/q4_0", [("mha", 64 * (4 * 34 + 4 * 18), ()), ("gqa", 8 * (4 * 34 + 4 * 18), ()),
             ("mqa", 1 * (4 * 34 + 4 * 18), ()), ("mla", (512 + 64) * 2, ("latent", "rope"))],
            id="a latent is not named by a K/V pair"),
    ],
)  # fmt: skip
def test_roles_that_a_layout_does_not_name_keep_the_models_dtype(
    subject: Model, kv_dtype: str, rows: list[tuple[str, int, tuple[str, ...]]]
) -> None:
    found = rows_of(subject.adapted(Question(kv_dtype=parse_layout(kv_dtype)))).rows
    assert [(row.name, row.cache.stored(1)) for row in found] == [row[:2] for row in rows]
    for row, (_, _, unnamed) in zip(found, rows, strict=True):
        if not unnamed:
            assert row.notes == ()
            continue
        (note,) = row.notes
        assert kv_dtype in note
        assert ", ".join(unnamed) in note
        assert "bf16" in note


WITHOUT_WINDOWS = """
expect:
  no-window/native@40960: 8.8x
  no-window.growth@40960: 901.120 kB
"""


def test_gemma_4_without_its_windows(tmp_path: Path) -> None:
    rows = {row.scheme: row for row in kvcalc.compare("gemma-4-31b", context=40_960).rows}
    full, own = rows["no-window"], rows["native"]
    # 50 layers of 2 x 16 x 256 x 2 B and 10 of 2 x 4 x 512 x 2 B against 10 and a full window
    assert full.stored == 40_960 * (50 * 16_384 + 10 * 8_192) == 40_960 * 901_120
    assert own.stored == 40_960 * 81_920 + 1_024 * 50 * 16_384 == 3_355_443_200 + 838_860_800
    assert full.growth == 901_120
    assert Fraction(full.stored, own.stored) == Fraction("8.8")
    path = tmp_path / "gemma-4.yaml"
    path.write_text(kvcalc.to_yaml("gemma-4-31b") + WITHOUT_WINDOWS, encoding="utf-8")
    assert [result.ok for result in kvcalc.check(str(path)).results] == [True, True]
    assert kvcalc.compare(str(path), baseline="no-window").baseline == "no-window"


def test_no_window_that_a_file_states_besides_counts_in_what_has_none() -> None:
    layered = model({"local": LOCAL, "global": GLOBAL}, (("local",), ("global",)))
    asked = kvcalc.compare(
        replace(layered, stated_window=100), context=5_000, engine="transformers"
    )
    rows = {row.scheme: row for row in asked.rows}
    # a local layer of 2 x 16 x 256 x 2 B, a global one of 2 x 4 x 512 x 2 B, 5,000 tokens in both
    assert rows["no-window"].stored == 5_000 * (16_384 + 8_192)
    assert rows["no-window"].reserved == rows["no-window"].stored
    # the local one keeps 1,023 of its window of 1,024, the global one 99 of that stated
    assert rows["native"].reserved == 1_023 * 16_384 + 99 * 8_192


def test_equal_heads_without_windows_are_the_gqa_row() -> None:
    # Gemma 3 27B has 16 x 128 in every layer: 62 x 2 x 16 x 128 x 2 B
    rows = rows_of(kvcalc.load("gemma-3-27b"))
    gqa = rows.find("no-window")
    assert gqa is rows.find("gqa")
    assert gqa is not None
    assert gqa.cache.growth(40_960) == 507_904

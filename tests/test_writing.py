"""Models written as YAML, and read back: the same model, as a person would have written it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kvcalc.attention.base import Shape
from kvcalc.attention.compressed import CSA
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA, MHA
from kvcalc.attention.mla import MLA
from kvcalc.attention.recurrent import KDA, Mamba2
from kvcalc.attention.sparse import DSA
from kvcalc.bundle import bundled
from kvcalc.cache import CacheTensor
from kvcalc.catalog import load
from kvcalc.document import parse
from kvcalc.errors import UsageError
from kvcalc.expect import parse_expectation
from kvcalc.extents import (
    Beyond,
    Chunk,
    Every,
    Fixed,
    ReadWrite,
    TopBlocks,
    TopK,
    Window,
)
from kvcalc.formats import BF16, FP8, FP8_KEY, FP32, LAYOUTS, Format, Layout, parse_layout, uniform
from kvcalc.model import Architecture, Model, Source
from kvcalc.question import question
from kvcalc.schema.reading.model import read_model
from kvcalc.schema.writing.model import to_yaml

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme
    from kvcalc.model import Layer

quick = settings(derandomize=True, max_examples=60, deadline=None, database=None)

STORED = uniform(BF16)
CONTEXTS = (1, 100, 4_097, 131_072)


def read(text: str, file: str = "") -> Model:
    """The model of a text that has no problem."""
    document = parse(file or "model.yaml", text.encode())
    assert not document.problems
    return read_model(document.data, file, document.line)


def without_lines(model: Model) -> Model:
    """The model without what depends on the lines of its file."""
    expect = tuple(replace(expectation, line=0) for expectation in model.expect)
    return replace(model, expect=expect, notes=())


@pytest.mark.parametrize("name", bundled())
def test_a_bundled_model_comes_back(name: str) -> None:
    model = load(name)
    back = read(to_yaml(model, ["a comment"]), model.file)
    assert without_lines(back) == without_lines(model)
    assert back.cache.contents == model.cache.contents
    for context in CONTEXTS:
        assert back.stored(context) == model.stored(context)
        assert back.read(context) == model.read(context)


@pytest.mark.parametrize("name", bundled())
def test_only_long_texts_make_long_lines(name: str) -> None:
    lines = to_yaml(load(name)).splitlines()
    assert [
        la for la in lines if len(la) > 100 and not la.lstrip(" -").startswith(("from", "says"))
    ] == []


UNIFORM = Model(
    name="DeepSeek-V3",
    vendor="DeepSeek",
    dtype=STORED,
    shape=Shape(128, 128, 128),
    attention={"mla": MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64)},
    layers=(("mla",),) * 61,
    mtp=(("mla",),),
    compare={"gqa": {"kv_heads": 16}, "mqa": {}},
    expect=(parse_expectation("mha/mla", "57x"), parse_expectation("mla.stored@128K", "9.21 GB")),
    stated_window=4_096,
    unstated=("local_layer_ids",),
    max_context=163_840,
    weight_bytes=688_586_727_753,
    confidence="published",
    sources=(Source("a: b", "num_hidden_layers 61", "2026-11-24"), Source("config.json")),
    notes=("cache in bf16: the file's dtype", "second"),
)

LAYERED = Model(
    name="Gemma 3 27B",
    dtype=STORED,
    shape=Shape(32, 128, 128),
    attention={
        "local": GQA(heads=32, head_dim=128, kv_heads=16, window=1_024),
        "global": GQA(heads=32, head_dim=128, kv_heads=16),
    },
    # 62 = 10 x 6 + 2: cut in the eleventh turn
    layers=((("local",),) * 5 + (("global",),)) * 10 + (("local",),) * 2,
)

HYBRID = Model(
    name="1e5",
    dtype=STORED,
    attention={
        "yes": MHA(heads=8, head_dim=64),
        "mamba": Mamba2(
            state_heads=24, state_head_dim=128, state_dim=256, state_groups=1, conv_kernel=4
        ),
        "unused": MHA(heads=1, head_dim=1),
    },
    layers=((), ("yes", "mamba"), ("mamba",), ("mamba",), ("yes",), ()),
)

TENSORS = Model(
    name="Hand-made",
    dtype=STORED,
    attention={
        "custom": Custom(
            tensors=(
                CacheTensor("latent", "latent", 512, Every(), reads=TopK(2_048, 4), macs=9),
                CacheTensor("key", "index", 128, Every(4, 4), format=FP8_KEY),
                CacheTensor("k", "k", 64, Every(16, 32), 8, FP8, TopBlocks(16, 128), True),
                CacheTensor("state", "state", 16_384, Fixed(2), 32, FP32, ReadWrite()),
                CacheTensor("shift", "shift", 4, Window(7)),
                CacheTensor("old", "v", 64, Beyond(128), reads=ReadWrite()),
                CacheTensor("new", "v", 64, Chunk(128)),
                CacheTensor("far", "v", 64, Window(128, 4)),
            )
        )
    },
    layers=(("custom",),) * 3,
)

INDEXED = Model(
    name="Indexed",
    dtype=STORED,
    shape=Shape(64, 128, 128),
    attention={
        "dsa": DSA(
            heads=64,
            nope_dim=128,
            value_dim=192,
            latent_dim=512,
            rope_dim=64,
            index_heads=32,
            index_dim=128,
            index_dtype=FP8_KEY,
            top_k=2_048,
        ),
        "gqa": GQA(heads=72, head_dim=128, kv_heads=8, window=128, sink=4, dtype=uniform(FP8)),
        "csa": CSA(
            heads=64,
            head_dim=512,
            rope_dim=64,
            compress=4,
            window=128,
            index_heads=64,
            index_dim=128,
            top_k=1_024,
            index_dtype=BF16,
            index_scale="none",
        ),
    },
    layers=(("dsa",), ("gqa",), ("csa",)),
    architecture=Architecture("glm_moe_dsa"),
)

WRITTEN = {
    "uniform": (
        UNIFORM,
        """\
# kvcalc import x
# cache in bf16: the file's dtype
# second
name: DeepSeek-V3
vendor: DeepSeek
heads: 128
head_dim: 128
layers: 61
dtype: bf16
attention: { kind: mla, latent_dim: 512, rope_dim: 64 }
mtp: 1
compare:
  gqa: { kv_heads: 16 }
  mqa: {}
expect:
  mha/mla: 57x
  mla.stored@128K: 9.21 GB
stated_window: 4096
unstated: [local_layer_ids]
max_context: 163840
weight_bytes: 688586727753
confidence: published
sources:
  - from: "a: b"
    says: num_hidden_layers 61
    read: 2026-11-24
  - from: config.json
""",
    ),
    "layered": (
        LAYERED,
        """\
# kvcalc import x
name: Gemma 3 27B
heads: 32
head_dim: 128
layers: { count: 62, pattern: [local*5, global] }
dtype: bf16
attention:
  local: { kind: gqa, kv_heads: 16, window: 1024 }
  global: { kind: gqa, kv_heads: 16 }
""",
    ),
    "hybrid": (
        HYBRID,
        """\
# kvcalc import x
name: "1e5"
heads: 8
layers: { count: 6, list: [none, yes+mamba, mamba*2, "yes", none] }
dtype: bf16
attention:
  "yes": { kind: mha, head_dim: 64 }
  mamba: { kind: mamba2, state_heads: 24, state_head_dim: 128, state_dim: 256, state_groups: 1,
           conv_kernel: 4 }
""",
    ),
    "tensors": (
        TENSORS,
        """\
# kvcalc import x
name: Hand-made
layers: 3
dtype: bf16
attention:
  kind: custom
  tensors:
    - { name: latent, role: latent, width: 512, reads: { top_k: 2048, pool: 4 }, macs: 9 }
    - { name: key, role: index, width: 128, dtype: fp8, scale: fp32, every: 4 }
    - { name: k, role: k, heads: 8, width: 64, dtype: fp8, every: { stride: 16, first: 32 },
        reads: { top_k_blocks: 16, block_size: 128 }, shared: true }
    - { name: state, role: state, heads: 32, width: 16384, dtype: fp32, fixed: 2 }
    - { name: shift, role: shift, width: 4, window: 7, reads: all }
    - { name: old, role: v, width: 64, beyond: 128, reads: read_write }
    - { name: new, role: v, width: 64, chunk: 128 }
    - { name: far, role: v, width: 64, window: 128, sink: 4 }
""",
    ),
    "indexed": (
        INDEXED,
        """\
# kvcalc import x
name: Indexed
architecture: glm_moe_dsa
heads: 64
head_dim: 128
layers: { count: 3, list: [dsa, gqa, csa] }
dtype: bf16
attention:
  dsa: { kind: dsa, latent_dim: 512, rope_dim: 64, index_heads: 32, index_dim: 128, top_k: 2048,
         index_scale: fp32, value_dim: 192 }
  gqa: { kind: gqa, heads: 72, kv_heads: 8, window: 128, sink: 4, dtype: fp8 }
  csa: { kind: csa, head_dim: 512, index_heads: 64, index_dim: 128, rope_dim: 64, compress: 4,
         top_k: 1024, index_dtype: bf16, index_scale: none, window: 128 }
""",
    ),
}

written = pytest.mark.parametrize(("model", "text"), WRITTEN.values(), ids=WRITTEN)


@written
def test_a_model_as_a_person_would_write_it(model: Model, text: str) -> None:
    assert to_yaml(model, ["kvcalc import x"]) == text


@written
def test_what_was_written_comes_back(model: Model, text: str) -> None:
    back = read(text)
    assert back.layers == model.layers
    assert back.mtp == model.mtp
    assert back.shape == model.shape
    assert back.sources == model.sources
    assert back.compare == model.compare
    assert back.cache.contents == model.cache.contents
    assert back.architecture == model.architecture
    assert [back.stored(context) for context in CONTEXTS] == [
        model.stored(context) for context in CONTEXTS
    ]


@pytest.mark.parametrize(
    ("entries", "top", "own"),
    [
        # what all have is said once; beside heads, head_dim would be the what-ifs' too
        ([MHA(heads=8, head_dim=64)], "heads: 8\n", "{ kind: mha, head_dim: 64 }"),
        (
            [MHA(heads=8, head_dim=64), MHA(heads=4, head_dim=64)],
            "head_dim: 64\n",
            "{ kind: mha, heads: 8 }",
        ),
        (
            [MHA(heads=8, head_dim=64), MHA(heads=4, head_dim=32)],
            "layers: { count: 2, list: [e0, e1] }\n",
            "{ kind: mha, heads: 8, head_dim: 64 }",
        ),
        (
            [MHA(heads=8, key_dim=64, value_dim=32), MHA(heads=8, head_dim=32, cross=True)],
            "heads: 8\n",
            "{ kind: mha, key_dim: 64, value_dim: 32 }",
        ),
        (
            [MHA(heads=8, head_dim=9, source_length=7), MHA(heads=8, head_dim=9, source_length=7)],
            "source_length: 7\n",
            "{ kind: mha, head_dim: 9 }",
        ),
    ],
)
def test_what_is_said_once_for_all_entries(entries: list[Scheme], top: str, own: str) -> None:
    attention = {f"e{number}": scheme for number, scheme in enumerate(entries)}
    model = Model("m", STORED, attention, tuple((name,) for name in attention))
    text = to_yaml(model)
    assert top in text
    assert f"  e0: {own}\n" in text
    assert read(text).attention == attention
    assert read(text).shape is None


A, B, AB, NONE = ("a",), ("b",), ("a", "b"), ()


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((A, B, A, B), "{ count: 4, pattern: [a, b] }"),
        ((A, B, A, B, A), "{ count: 5, pattern: [a, b] }"),
        ((A, A, B, A, A, B, A), "{ count: 7, pattern: [a*2, b] }"),
        # it does not come twice: no pattern
        ((A, A, B, A), "{ count: 4, list: [a*2, b, a] }"),
        ((A, B, B, B, A), "{ count: 5, list: [a, b*3, a] }"),
        ((A, B, B, A, B, A, A, B), "{ count: 8, list: [a, b*2, a, b, a*2, b] }"),
        ((AB, AB, AB), "{ count: 3, pattern: [a+b] }"),
        ((AB, NONE, NONE), "{ count: 3, list: [a+b, none*2] }"),
        ((B, A, NONE) * 2, "{ count: 6, pattern: [b, a, none] }"),
        ((AB,), "{ count: 1, list: [a+b] }"),
    ],
)
def test_the_order_of_layers(layers: tuple[Layer, ...], expected: str) -> None:
    model = Model("m", STORED, {n: MHA(heads=2, head_dim=8) for n in "ab"}, layers)
    assert f"layers: {expected}\n" in to_yaml(model)
    assert read(to_yaml(model)).layers == layers


def test_one_entry_that_not_every_layer_keeps() -> None:
    model = Model("m", STORED, {"mha": MHA(heads=2, head_dim=8)}, (("mha",), ()), mtp=(("mha",),))
    text = to_yaml(model)
    assert "layers: { count: 2, list: [mha, none] }\n" in text
    assert "attention: { kind: mha, head_dim: 8 }\n" in text
    assert (read(text).layers, read(text).mtp) == (model.layers, model.mtp)


@quick
@given(st.lists(st.sampled_from([A, B, AB, NONE]), min_size=1, max_size=40))
def test_any_order_of_layers_comes_back(layers: list[Layer]) -> None:
    order = (*layers, A)
    model = Model("m", STORED, {n: MHA(heads=2, head_dim=8) for n in "ab"}, order, mtp=(B, *layers))
    back = read(to_yaml(model))
    assert (back.layers, back.mtp) == (model.layers, model.mtp)


ODD = ["yes", "null", "~", "1e5", "0x1f", "010", "12:30", "a:b", "#x", "-", "?", "kind", "[a]"]
ODD += ["{a}", "'", '"', "a,b", "<<", "=", "é", "名", "&a", "!a", "%a", "@a", "`a", "2026-11-24"]
ODD += [
    "|",
    ">",
    "true",
    ".5",
    "1_000",
    "\\n",
    "---",
    "...",
    "a#b",
    "layers",
    ".inf",
    "none1",
]
SPEAKABLE = st.text(min_size=1, max_size=12).filter(
    lambda name: not any(c in "*+" or c.isspace() for c in name) and name != "none"
)


@quick
@given(st.lists(st.one_of(st.sampled_from(ODD), SPEAKABLE), min_size=1, max_size=4, unique=True))
def test_odd_names_of_entries_come_back(names: list[str]) -> None:
    mha = MHA(heads=2, head_dim=8)
    layers = (*((name,) for name in names), tuple(names))
    model = Model("m", STORED, dict.fromkeys(names, mha), layers)
    back = read(to_yaml(model))
    assert (back.layers, back.attention) == (layers, model.attention)


@pytest.mark.parametrize("name", ODD)
def test_every_odd_name_comes_back(name: str) -> None:
    model = Model(name, STORED, {name: MHA(heads=2, head_dim=8)}, ((name,), ()), vendor=name)
    back = read(to_yaml(model))
    assert (back.name, back.vendor, list(back.attention)) == (name, name, [name])
    # another reader of YAML takes it for text as well
    assert yaml.safe_load(to_yaml(model))["vendor"] == name


@quick
@given(st.text(min_size=1), st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_any_text_comes_back(name: str, vendor: str, says: str, notes: list[str]) -> None:
    model = Model(
        name,
        STORED,
        {"mha": MHA(heads=2, head_dim=8)},
        (("mha",),),
        vendor=vendor,
        sources=(Source(name, says),),
        notes=tuple(notes),
    )
    back = read(to_yaml(model, notes))
    assert (back.name, back.vendor, back.sources) == (name, vendor, model.sources)


@pytest.mark.parametrize(
    ("note", "lines"),
    [
        ("a: b", ["# a: b"]),
        ("", ["#"]),
        ("two\nlines", ["# two lines"]),
        ("\x07 bell", ["# \\x07 bell"]),
        ("word " * 30, ["# " + " ".join(["word"] * 19), "#   " + " ".join(["word"] * 11)]),
        ("x" * 120, ["# " + "x" * 120]),
    ],
)
def test_notes_become_comments(note: str, lines: list[str]) -> None:
    model = Model("m", STORED, {"mha": MHA(heads=2, head_dim=8)}, (("mha",),), notes=(note,))
    assert to_yaml(model).splitlines()[: len(lines) + 1] == [*lines, "name: m"]


@pytest.mark.parametrize(
    "name",
    ["bf16", "6bit", "q8_0/q4_0", "fp16", "fp8_per_token_head"],
)
def test_a_dtype_is_written_by_its_name(name: str) -> None:
    stored = parse_layout(name)
    model = Model("m", stored, {"mha": MHA(heads=8, head_dim=64, dtype=stored)}, (("mha",),))
    assert f"dtype: {name}\n" in to_yaml(model)
    assert to_yaml(model).count("dtype") == 1
    assert read(to_yaml(model)).dtype == stored


def test_a_layout_is_written_by_its_name() -> None:
    scheme = MLA(heads=8, head_dim=128, latent_dim=512, rope_dim=64, dtype=LAYOUTS["fp8_ds_mla"])
    model = Model("m", STORED, {"mla": scheme}, (("mla",),) * 2)
    assert ", dtype: fp8_ds_mla }" in to_yaml(model)
    assert read(to_yaml(model)).attention == model.attention


def test_a_long_list_of_layers_is_wrapped() -> None:
    names = [f"entry_{number}" for number in range(20)]
    model = Model(
        "m",
        STORED,
        {name: KDA(state_heads=1, key_dim=1, value_dim=1, conv_kernel=0) for name in names},
        tuple((name,) for name in names),
    )
    lines = to_yaml(model).splitlines()[1:6]
    assert lines[:3] == ["layers:", "  count: 20", "  list:"]
    assert lines[3].startswith("    [entry_0, entry_1,")
    assert lines[4].startswith("     entry_10, ")
    assert read(to_yaml(model)).layers == model.layers


MHA_MODEL = Model("m", STORED, {"mha": MHA(heads=8, head_dim=64)}, (("mha",),))
STATE = CacheTensor("s", "state", 4, Fixed(0))


def of(**entries: Scheme) -> Model:
    """A model with these entries, a layer for each."""
    return Model("m", STORED, entries, tuple((name,) for name in entries))


def named(*layers: Layer) -> Model:
    """A model with entries of these names, and one layer more."""
    attention = {name: MHA(heads=8, head_dim=64) for layer in layers for name in layer}
    return Model("m", STORED, attention, (*layers, ()))


def tensor(kept: CacheTensor) -> Model:
    return of(custom=Custom(tensors=(kept,)))


OWN = Format("own", 8)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (named(("a b",)), "'a b' cannot be named in layers"),
        (named(("a*5",)), "'a*5' cannot be named in layers"),
        (named(("a+b",)), "'a+b' cannot be named in layers"),
        (named(("none",)), "'none' cannot be named in layers"),
        (named(("x" * 1_001,)), "cannot be named in layers"),
        (replace(MHA_MODEL, layers=()), "it has no layers"),
        (replace(MHA_MODEL, layers=((),)), "none of its layers keeps anything"),
        (replace(MHA_MODEL, shape=Shape(8, 64, 32)), "more than one width"),
        (MHA_MODEL.adapted(question(kv_dtype="fp8")), "as a question asked"),
        (replace(MHA_MODEL, dtype=Layout("own")), "'own' cannot be written"),
        (replace(MHA_MODEL, dtype=Layout("bf16")), "'bf16' cannot be written"),
        (tensor(replace(STATE, extent=Fixed(), format=OWN)), "'own' cannot be written"),
        (tensor(STATE), "entries 0 whatever T cannot be written"),
        (
            of(kda=KDA(state_heads=1, key_dim=1, value_dim=1, conv_kernel=0, state_dtype=OWN)),
            "'own' cannot be written",
        ),
        (
            of(dsa=replace(INDEXED.attention["dsa"], index_scale=FP32)),  # type: ignore[call-arg]
            "with one scale more cannot be written",
        ),
        (
            replace(
                of(custom=Custom(tensors=(replace(STATE, extent=Fixed()),), head_dim=3)),
                shape=Shape(8, 64, 64),
            ),
            "a custom entry without heads of its own cannot be written",
        ),
    ],
)
def test_what_yaml_has_no_words_for_is_refused(model: Model, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        to_yaml(model)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("architecture", "line"),
    [
        (None, ""),
        (Architecture("llama"), "architecture: llama\n"),
        (Architecture("1e5"), 'architecture: "1e5"\n'),
        (
            Architecture("gemma3", inner="gemma3_text"),
            "architecture: { model_type: gemma3, inner: gemma3_text }\n",
        ),
        (Architecture("deepseek2", "gguf"), "architecture: { gguf: deepseek2 }\n"),
    ],
)
def test_the_architecture_stands_after_the_vendor(
    architecture: Architecture | None, line: str
) -> None:
    model = replace(of(mha=MHA(heads=8, head_dim=64)), vendor="Me", architecture=architecture)
    text = to_yaml(model)
    assert f"vendor: Me\n{line}heads: 8\n" in text
    assert read(text).architecture == architecture


def test_an_entry_takes_the_widths_of_the_file_over() -> None:
    """An importer knows K and V apart: what is head_dim's own is not said again."""
    mla = MLA(heads=8, nope_dim=128, value_dim=128, latent_dim=512, rope_dim=64)
    model = replace(of(mla=mla), shape=Shape(8, 128, 128))
    assert "attention: { kind: mla, latent_dim: 512, rope_dim: 64 }\n" in to_yaml(model)
    assert read(to_yaml(model)).attention["mla"].shape == mla.shape

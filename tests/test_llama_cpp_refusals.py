"""What llama.cpp refuses, what it tells of, and what it takes where one might think otherwise.

Sums are as in test_llama_cpp.py, at 4,096 tokens unless said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc.errors import UsageError
from kvcalc.model import Architecture
from tests.headers import INDEX, heads, model_of, ssm
from tests.test_llama_cpp import COMPRESSORS, Q8, T, shown

if TYPE_CHECKING:
    import pathlib

    from kvcalc.question import Setting
    from tests.conftest import Cli


def model(**fields: Any) -> dict[str, Any]:
    """A small model of 4 layers: 2 x 64 twice, 512 B a token and layer."""
    given = {"name": "small", "dtype": "bf16", "heads": 8, "head_dim": 64, "layers": 4}
    return {**given, "attention": {"kind": "gqa", "kv_heads": 2}, **fields}


def mixed(**schemes: dict[str, Any]) -> dict[str, Any]:
    """The same with layers of several kinds in turn."""
    return model(attention=schemes, layers={"count": 4, "pattern": list(schemes)})


def custom(*tensors: dict[str, Any]) -> dict[str, Any]:
    return model(attention={"kind": "custom", "tensors": list(tensors)})


GQA = {"kind": "gqa", "kv_heads": 2}
CHUNK, SHORT = {**GQA, "chunk": 4096}, {**GQA, "window": 100}
MLA = {"kind": "mla", "latent_dim": 512, "rope_dim": 64}
DSA = {**MLA, "kind": "dsa", "index_heads": 64, "index_dim": 128, "index_dtype": "fp8"}
KEY = {"name": "k", "role": "k", "heads": 2, "width": 64}
VALUE = {**KEY, "name": "v", "role": "v"}
MAMBA = {"kind": "mamba1", "inner_dim": 128, "state_dim": 16, "conv_kernel": 4}
V4 = {"rope_dim": 64, "window": 128, "heads": 8, "head_dim": 512}
CSA = {"kind": "csa", **V4, "index_heads": 64, "index_dim": 128, "top_k": 512}
UNLIKE = r"different K \(q8_0\) and V \(f16\) cache types"
OFF: dict[str, Setting] = {"flash_attn": "off"}
NO_FLASH = r"quantized V cache \(q8_0\) requires flash_attn to be enabled; "
FLOATS = "name f16, bf16 or f32"

REFUSED: tuple[tuple[str | dict[str, Any], dict[str, Any], str], ...] = (
    # the loader's full layer is the first of four
    (
        {**mixed(a=SHORT, b=SHORT, c=SHORT, full=GQA), "architecture": "smallthinker"},
        {},
        "one layer in 4 of smallthinker for full, .*; layer 1 of small is otherwise",
    ),
    # latents, and DeepSeek-V4's entries, are keys alone, of one type
    ("deepseek-r1", {"settings": {"type_k": "q8_0"}}, UNLIKE),
    ("deepseek-r1", {"kv_dtype": "q8_0/f16"}, UNLIKE),
    ("glm-5.3-flash", {"settings": {"type_k": "q8_0"}}, UNLIKE),
    ("dots3-note", {"settings": {"type_k": "q8_0"}}, UNLIKE),
    ("deepseek-v4-flash", {"settings": {"type_k": "q8_0"}}, UNLIKE),
    ("deepseek-v4-flash", {"mtp": True, "settings": {"type_k_draft": "q8_0"}}, UNLIKE),
    ("glm-4.7-flash", {"mtp": True, "settings": {"type_k_draft": "q8_0"}}, UNLIKE),
    ("llama-3.1-8b", {"draft": "deepseek-v2-lite", "settings": {"type_k_draft": "q8_0"}}, UNLIKE),
    # blocks of 32 elements
    (
        "phi-2",
        {"kv_dtype": "q8_0"},
        "K cache type q8_0 with .+ 32 does not divide n_embd_head_k=80",
    ),
    ("phi-2", {"settings": {"type_v": "q4_0"}}, f"V cache type q4_0 .+ n_embd_head_v=80; {FLOATS}"),
    ("phi-2", {"settings": {"type_k": "q8_0", **OFF}}, "does not divide n_embd_head_k=80"),
    (model(attention={**MLA, "rope_dim": 48}), {"kv_dtype": "q8_0"}, "n_embd_head_k=560"),
    (
        model(attention={**MLA, "latent_dim": 528, "rope_dim": 48}),
        {"kv_dtype": "q8_0"},
        "n_embd_head_v=528",
    ),
    (
        model(attention={**DSA, "index_dim": 80, "top_k": 64}),
        {"kv_dtype": "q8_0"},
        f"refuses q8_0: a row of 80 elements is not in blocks of 32; {FLOATS}",
    ),
    (
        model(attention={"kind": "shared_kv", **V4, "head_dim": 80}),
        {"kv_dtype": "q8_0"},
        "n_embd_head_k=80",
    ),
    (
        mixed(full=GQA, mla={**MLA, "rope_dim": 48}),
        {"mtp": False, "settings": {"type_k": "q5_0", "type_v": "q5_0"}},
        "n_embd_head_k=560",
    ),
    # values in blocks are never transposed
    ("llama-3.1-8b", {"kv_dtype": "q8_0", "settings": OFF}, f"{NO_FLASH}leave .+ out, or {FLOATS}"),
    ("deepseek-r1", {"kv_dtype": "q8_0", "settings": OFF}, NO_FLASH),
    ("mamba2-2.7b", {"kv_dtype": "q8_0", "settings": OFF}, NO_FLASH),
    (model(architecture="grok-1"), {"kv_dtype": "q8_0"}, NO_FLASH + FLOATS),
    # whose file says no width of a value
    ("kimi-linear-48b", {"kv_dtype": "q8_0"}, r"how wide a value is \(attention.value_length\)"),
    # types that it has not
    (
        "llama-3.1-8b",
        {"kv_dtype": "fp8"},
        "llama.cpp has no cells in fp8: --kv-dtype takes f16, bf",
    ),
    ("llama-3.1-8b", {"kv_dtype": "fp8_ds_mla"}, "no cells in fp8_ds_mla"),
    ("llama-3.1-8b", {"kv_dtype": "q8_0/int8"}, "no cells in int8"),
    ("llama-3.1-8b", {"kv_dtype": "turboquant_k8v4"}, "no cells in fp8"),
    ("llama-3.1-8b", {"settings": {"type_k": "q6_0"}}, "type_k is 'q6_0'; did you mean q8_0"),
    ("llama-3.1-8b", {"draft": "llama-3.2-1b", "draft_kv_dtype": "fp8"}, "no cells in fp8"),
    # said twice
    (
        "llama-3.1-8b",
        {"kv_dtype": "q8_0", "settings": {"type_k": "q4_0"}},
        "type_k is q4_0, and --kv-dtype says q8_0: leave one of the two out",
    ),
    (
        "llama-3.1-8b",
        {"kv_dtype": "q8_0/q4_0", "settings": {"type_v": "q8_0"}},
        "type_v is q8_0, and --kv-dtype says q4_0",
    ),
    (
        "llama-3.1-8b",
        {"draft": "llama-3.2-1b", "draft_kv_dtype": "q8_0", "settings": {"type_v_draft": "f16"}},
        "type_v_draft is f16, and --draft-kv-dtype says q8_0",
    ),
    # slots and cells
    ("llama-3.1-8b", {"settings": {"n_parallel": 257}}, "is 257: llama.cpp has at most 256 slots"),
    (
        "llama-3.1-8b",
        {"settings": {"n_parallel": 4, "n_batch": 3}},
        "refuses to start: a batch of 3 tokens is less than n_parallel 4",
    ),
    ("llama-3.1-8b", {"settings": {"n_parallel": 4, "n_ctx": 3}}, "a batch of 3 tokens"),
    # padded to 256 these are 2^32
    ("llama-3.1-8b", {"settings": {"n_ctx": 2**32 - 1}}, "n_ctx would be 4,294,967,296, more than"),
    ("llama-3.1-8b", {"settings": {"n_ubatch": -1}}, "n_ubatch is -1"),
    ("llama-3.1-8b", {"settings": {"n_seq_max": 2}}, "llama.cpp has no setting 'n_seq_max'"),
    # GPUs
    (
        "llama-3.1-8b",
        {"tp": 2},
        "whole layers to each GPU .+ name their number by --pp, .+ --tp out",
    ),
    ("llama-3.1-8b", {"dp": 2}, "leave --dp out"),
    ("llama-3.1-8b", {"tp": 2, "dcp": 2}, "leave --tp out"),
    ("llama-3.1-8b", {"pp": 33}, "32 layers do not make 33 GPUs' shares"),
    (
        "llama-3.1-8b",
        {"draft": "llama-3.2-1b", "pp": 2},
        "on which of several GPUs llama.cpp has a draft is not modelled",
    ),
    # what it has no cache for
    (
        "deepseek-v3.2",
        {"index_dtype": "fp8"},
        "index keys in the type of keys: leave --index-dtype",
    ),
    (model(layers=513), {}, "models of at most 512 layers, and small has 513"),
    (model(layers=512, architecture="hy_v3", mtp=1), {"mtp": True}, "and small has 513"),
    (
        model(attention={**GQA, "window": 16, "sink": 4}),
        {},
        "llama.cpp keeps no attention sinks beside a window",
    ),
    (
        mixed(near={**GQA, "window": 16}, far={**GQA, "window": 32}),
        {},
        "one length of window for all layers that have one; small has 16 and 32 tokens",
    ),
    (
        model(attention={"kind": "csa2_swa", **V4}),
        {},
        "keeps no entries such as those of DeepSeek-V4.1",
    ),
    (
        model(attention={**CSA, "compress": 8}),
        {},
        "an entry per 4 tokens with an index, and per 128 without, not per 8",
    ),
    (model(attention={**CSA, "compress": 128}), {}, "not per 128"),
    (model(attention={"kind": "hca", **V4, "compress": 4}), {}, "not per 4"),
    (
        model(attention={**DSA, "top_k": 64, "latents": "shared"}),
        {},
        "no layers that read the latents of others",
    ),
    (
        custom(KEY, VALUE, {"name": "x", "role": "compressed", "width": 64}),
        {},
        "no cache for x, a compressed tensor",
    ),
    (custom({**KEY, "every": 4}, VALUE), {}, "no cache for k, a k tensor"),
    (custom(KEY, {**VALUE, "fixed": 8}), {}, "no cache for v, a v tensor"),
    # models that it does not run
    (
        "whisper-large-v3",
        {},
        r"llama.cpp b11434 has no architecture for Whisper large-v3 \(whisper\)",
    ),
    ("zamba2-2.7b", {}, r"no architecture for Zamba2-2.7B \(zamba2\): it runs no such model"),
    ("deepseek-v4.1-flash", {}, r"\(deepseek_v41_text\): it runs no such model"),
    ("llama-3.1-8b", {"draft": "zamba2-2.7b"}, "no architecture for Zamba2"),
    # MTP that it has no graph for, or no layers of
    ("glm-5.3-flash", {"mtp": True}, "no graph of 1 MTP layers in glm5-next; leave --mtp out"),
    ("dots3-note", {"mtp": True}, "no graph of 1 MTP layers in dots3note"),
    ("hy4-preview", {"mtp": True}, "no graph of 1 MTP layers in hy_v4"),
    (model(architecture="glm4_moe", mtp=2), {"mtp": True}, "no graph of 2 MTP layers in glm4moe"),
    ("deepseek-v3", {"mtp": True}, "its converter leaves the MTP layers of DeepSeek-V3 out"),
)


@pytest.mark.parametrize(("given", "asked", "told"), REFUSED)
def test_what_is_refused(given: str | dict[str, Any], asked: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        shown(given, T, **asked)


ORDERS = (
    # the loader's full layer is the last of so many, or the first; all layers move up by one
    ("gemma-3-27b", 6, 5),
    ("gpt-oss-20b", 2, 1),
    ("llama-4-scout", 4, 3),
    ("gemma-2-27b", 2, 1),
)


@pytest.mark.parametrize(("name", "period", "layer"), ORDERS)
def test_windows_in_other_layers_than_the_loader_takes_are_refused(
    name: str, period: int, layer: int
) -> None:
    own = kvcalc.load(name)
    moved = replace(own, layers=(*own.layers[1:], own.layers[0]))
    told = f"one layer in {period} of .* for full, .*; layer {layer} of .* is otherwise"
    with pytest.raises(UsageError, match=told):
        shown(moved, T)
    # a GGUF file says which
    named = Architecture("olmo2", "gguf")
    assert shown(replace(moved, architecture=named), T).reservation


def test_an_index_of_unknown_width_is_refused(tmp_path: pathlib.Path) -> None:
    """Its loader has an index in each layer that attends (llama-model.cpp, QWEN4EXP)."""
    keys = {**heads(4, 2048, 16, 2, 256), **ssm(4096, 128, 32, 16), **INDEX}
    with pytest.raises(UsageError, match="index keys in every layer of qwen4exp that attends"):
        shown(model_of(tmp_path, "qwen4exp", keys), T)


def test_a_latent_without_the_width_of_its_heads_is_kept_as_these(tmp_path: pathlib.Path) -> None:
    """DeepSeek-V2-Lite as once converted: 27 layers of 16 keys of 192, and 16 values of 128."""
    old = {"attention.key_length": 192, "attention.value_length": 128}
    keys = {**heads(27, 2048, 16, 16), **old, "attention.kv_lora_rank": 512}
    found = model_of(tmp_path, "deepseek2", {**keys, "rope.dimension_count": 64})
    assert shown(found, T).reserved == 1_132_462_080 == T * 27 * 16 * (192 + 128) * 2
    answer = shown(found, T, settings={"type_k": "q8_0"})
    assert answer.reserved == 813_957_120 == T * 27 * 16 * (6 * Q8 + 128 * 2)


def test_a_refusal_is_an_error_of_the_command(cli: Cli) -> None:
    found = cli("show", "phi-2", "--engine", "llama.cpp", "--kv-dtype", "q8_0")
    assert (found.code, found.out) == (2, "")
    assert "K cache type q8_0 with block size 32 does not divide n_embd_head_k=80; " in found.err


NOTED: tuple[tuple[str | dict[str, Any], dict[str, Any], int, str], ...] = (
    # what a dtype has no effect on: 64 states
    ("mamba2-2.7b", {"kv_dtype": "q8_0/q4_0"}, 171_900_928, "type_k and type_v change nothing"),
    # without an architecture windows are windows: 16 + 512, of 768 cells
    (
        model(attention={**GQA, "window": 16}),
        {},
        768 * 4 * 512,
        "no architecture is named: counted",
    ),
    (
        "mistral-large-3",
        {},
        T * 61 * 1152,
        "counted as one of llama.cpp's without rules of their own",
    ),
    # two lengths that are not applied
    (
        {**mixed(near={**GQA, "window": 16}, far={**GQA, "window": 32}), "architecture": "llama"},
        {},
        T * 4 * 512,
        "does not apply the windows of llama",
    ),
    ("t5-small", {"context": 512}, 512 * 6 * 2048, "as many layers as the encoder has"),
    # settings that it sets otherwise for what they say nothing of
    (
        "llama-3.1-8b",
        {"settings": {"n_rs_seq": 2}},
        T * 32 * 4096,
        "n_rs_seq is 0: llama.cpp rolls no",
    ),
    (
        model(architecture="grok-1"),
        {"settings": {"flash_attn": "on"}},
        T * 4 * 512,
        "flash_attn is off: llama.cpp has none for grok",
    ),
    ("deepseek-r1", {}, T * 61 * 1152, "counted as llama.cpp's GGUF architecture deepseek2"),
)


@pytest.mark.parametrize(("given", "asked", "reserved", "told"), NOTED)
def test_what_is_told(
    given: str | dict[str, Any], asked: dict[str, Any], reserved: int, told: str
) -> None:
    answer = shown(given, **{"context": T, **asked})
    assert answer.reserved == reserved
    assert any(told in note for note in answer.notes)


ACCEPTED: tuple[tuple[str | dict[str, Any], dict[str, Any], int], ...] = (
    # values of every head, and an index whose rows have values too
    ("minicpm3-4b", {"settings": {"type_k": "q8_0"}}, T * 62 * 40 * (96 // 32 * Q8 + 64 * 2)),
    (
        "minimax-m3",
        {"settings": {"type_k": "q8_0"}},
        T * (60 * 4 + 57) * (4 * Q8 + 128 * 2),
    ),
    # 768 cells of a window, and entries, all in blocks; compressors in f32
    (
        "deepseek-v4-flash",
        {"kv_dtype": "q8_0"},
        (768 * 43 * 16 + 1024 * 21 * (16 + 4) + 256 * 20 * 16) * Q8 + COMPRESSORS,
    ),
    # values of 2 x 256 in windows are padded to the 2 x 512 of the others
    (
        "gemma-4-e4b",
        {"settings": OFF},
        T * 4 * 4096 + 1024 * 20 * (512 + 1024) * 2,
    ),
    # an index keeps its own values of 128
    ("minimax-m3", {"settings": OFF}, T * (60 * 2 * 512 + 57 * 2 * 128) * 2),
    ("minicpm3-4b", {"settings": OFF}, T * 62 * 40 * (96 + 64) * 2),
    # blocks of keys alone, without flash attention
    ("llama-3.1-8b", {"settings": {"type_k": "q8_0", **OFF}}, T * 32 * (32 * Q8 + 1024 * 2)),
    (model(architecture="grok-1"), {"settings": {"type_k": "q8_0"}}, T * 4 * (4 * Q8 + 128 * 2)),
    # what is a key and a value at once is kept twice in a dflash draft: 128 + 512, of 768
    (
        model(attention={"kind": "shared_kv", **V4}, architecture="muse_glimmer_assistant"),
        {"settings": {"type_k": "q8_0"}},
        768 * 4 * (16 * Q8 + 512 * 2),
    ),
    # a layer without attention has none, and is in the log
    (
        model(layers={"count": 4, "pattern": ["main", "none"]}, attention={"main": GQA}),
        {},
        T * 1024,
    ),
    # windows that a loader states itself (src/models/): chunks of 8,192, and 512 a step; 4,096
    (
        {**mixed(a=CHUNK, b=CHUNK, c=CHUNK, full=GQA), "architecture": "llama4"},
        {"context": 16_384},
        (3 * 8704 + 16_384) * 512,
    ),
    (
        {**mixed(full=GQA, a=SHORT, b=SHORT, c=SHORT), "architecture": "smallthinker"},
        {"context": 16_384},
        (16_384 + 3 * 4608) * 512,
    ),
    # and the 20 layers of Gemma 3n that keep a cache, whichever share one
    (
        model(
            attention={"full": GQA, "slides": {**GQA, "window": 512}},
            layers={"count": 24, "list": ["slides*19", "full", "slides*4"]},
            architecture="gemma3n",
        ),
        {},
        (19 * 1024 + T) * 512,
    ),
    (
        model(
            attention={
                "slides": {**GQA, "window": 512},
                "reads": {**GQA, "window": 512, "shared": True},
                "full": {**GQA, "shared": True},
            },
            layers={"count": 24, "list": ["slides*8", "reads*11", "full", "reads*4"]},
            architecture="gemma3n",
        ),
        {},
        (19 * 1024 + T) * 512,
    ),
    # an index tensor by tensor
    (
        custom(KEY, VALUE, {"name": "i", "role": "index", "width": 32, "every": 4}),
        {},
        T * 4 * (512 + 64),
    ),
)


@pytest.mark.parametrize(("given", "asked", "reserved"), ACCEPTED)
def test_what_is_kept(given: str | dict[str, Any], asked: dict[str, Any], reserved: int) -> None:
    answer = shown(given, **{"context": T, **asked})
    assert answer.reserved == reserved
    assert answer.reservation
    assert answer.stored + sum(term.bytes for term in answer.reservation.terms) == reserved


def test_grok_has_no_flash_attention() -> None:
    answer = shown(model(architecture="grok-1"), T)
    assert answer.query.settings["flash_attn"] == "off"

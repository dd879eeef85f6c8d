"""GGUF headers as llama.cpp itself saves them, those of drafts, and what becomes of other keys.

Bytes are by hand, as in test_gguf.py. Rules are those of llama.cpp as vendored in llama-cpp-python
0.3.36: src/models/*.cpp (load_arch_hparams), src/llama-model-saver.cpp (what it saves).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvcalc.attention.base import Shape
from kvcalc.errors import InvalidValue
from kvcalc.importers.assembly import Origin
from kvcalc.importers.gguf import read_gguf
from tests.headers import (
    BASE,
    INDEX,
    PATTERN,
    WINDOW,
    heads,
    latent,
    model_of,
    problems_of,
    read,
    refused,
    ssm,
    write,
)
from tests.test_gguf import CASES

if TYPE_CHECKING:
    import pathlib

    from tests.headers import Keys

UNUSED_WINDOW = "llama.cpp does not use it here and keeps every token"
RECURRENT, KPOOL = "attention.recurrent_layers", "attention.indexer.kpool"
DOTS3: Keys = next(case[2] for case in CASES if case[0] == "dots3note")
KDA: Keys = {"ssm.conv_kernel": 4, "kda.head_dim": 128}

TOLD: list[tuple[str, str, Keys, int, int, str]] = [
    # the fourth of four attends to everything: (23 x 100 + 7 x 1,000) x 8 x (64 + 64) x 2
    ("exaone4 of 30 layers", "exaone4", {**heads(30, 2048, 32, 8, 64), WINDOW: 100}, 1000,
     19_046_400, UNUSED_WINDOW),
    # LFM2-8B-A1B's layers: 3 x 2 x 2,048 x 2 + 100 x 8 x (64 + 64) x 2
    ("lfm2moe", "lfm2moe", {**heads(4, 2048, 32, [0, 0, 8, 0]), "shortconv.l_cache": 3,
      WINDOW: 100}, 1000, 229_376, UNUSED_WINDOW),
    # SmallThinker-21B's: the first of four attends to everything: (1,000 + 3 x 100) x 4 x 256 x 2
    ("smallthinker", "smallthinker", {**heads(4, 2560, 28, 4, 128), WINDOW: 100}, 1000, 2_662_400,
     "a window of 100 tokens; llama.cpp takes 4,096 whatever is stated"),
    # attention, Mamba-2, attention with a feed-forward width, which is an MLP to llama.cpp:
    # 1,000 x 8 x 256 x 2 + 8,192 x 128 x 4 + 3 x (8,192 + 2 x 8 x 128) x 2
    ("nemotron_h", "nemotron_h", {**heads(3, 4096, 32, [8, 0, 8], 128), **ssm(8192, 128, 128, 8),
      "feed_forward_length": [0, 0, 21504]}, 1000, 8_351_744,
     "a layer with KV heads and a feed-forward width is an MLP, as llama.cpp has it"),
    # an index key for every token: 576 x 2 + 128 + 4 = 1,284
    ("deepseek32", "deepseek32", {**latent(1, 128, 512, 64, 192, 128), **INDEX, KPOOL: 4}, 1000,
     1_284_000, "attention.indexer.kpool pools nothing in deepseek32, as llama.cpp has it"),
    ("glm-dsa", "glm-dsa", {**latent(1, 64, 512, 64, 256, 256), **INDEX, KPOOL: 4}, 1000,
     1_284_000, "kpool pools nothing in glm-dsa"),
    # 2 x 576 x 2 + 132 = 2,436
    ("hy_v4", "hy_v4", {**latent(2, 32, 512, 64, 256, 256), **INDEX, KPOOL: 4,
      "attention.indexer.types": [1, 0]}, 1000, 2_436_000, "kpool pools nothing in hy_v4"),
    # 16 x 1,152 + 132 for 16 tokens
    ("glm5-next", "glm5-next", {**latent(1, 64, 512, 64, 192, 128), **INDEX, KPOOL: 16}, 1600,
     1_856_400, "an index key per 16 tokens; llama.cpp keeps those of every token"),
    # one entry as key and value over a window: 3 x 128 x 512 x 2
    ("dflash for DeepSeek-V4", "dflash", {**heads(3, 4096, 64, 1, 512), "rope.dimension_count": 64,
      "hyper_connection.count": 4, WINDOW: 128}, 1000, 393_216,
     "llama.cpp keeps a value beside each entry, which is a key and a value at once"),
    # 1,000 x (1,152 + 132) + 512 x 1,088 x 2
    ("dots3note", "dots3note", {**DOTS3, KPOOL: 4}, 1000, 2_398_112,
     "kpool pools nothing in dots3note"),
]  # fmt: skip
"""What the model keeps and llama.cpp keeps otherwise, with the note that says so."""


@pytest.mark.parametrize(
    ("arch", "keys", "context", "stored", "note"), [t[1:] for t in TOLD], ids=[t[0] for t in TOLD]
)
def test_what_llama_cpp_keeps_otherwise_is_told(
    tmp_path: pathlib.Path, arch: str, keys: Keys, context: int, stored: int, note: str
) -> None:
    model = model_of(tmp_path, arch, keys)
    assert model.stored(context) == stored
    assert any(note in said for said in model.notes)


NOT_TOLD: list[tuple[str, str, Keys, int, int]] = [
    # 64 layers and one of multi-token prediction: (48 x 100 + 16 x 1,000) x 8 x (64 + 64) x 2
    ("exaone4 of 64 layers", "exaone4",
     {**heads(65, 2048, 32, 8, 64), WINDOW: 100, "nextn_predict_layers": 1}, 1000, 42_598_400),
    # as lfm2moe above
    ("lfm2", "lfm2", {**heads(4, 2048, 32, [0, 0, 8, 0]), "shortconv.l_cache": 3, WINDOW: 100},
     1000, 229_376),
    # within its window: 4 x 1,000 x 4 x 256 x 2
    ("smallthinker", "smallthinker", {**heads(4, 2560, 28, 4, 128), WINDOW: 4096}, 1000,
     8_192_000),
    # a pool of one token is none
    ("deepseek32", "deepseek32", {**latent(1, 128, 512, 64, 192, 128), **INDEX, KPOOL: 1}, 1000,
     1_284_000),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arch", "keys", "context", "stored"), [n[1:] for n in NOT_TOLD], ids=[n[0] for n in NOT_TOLD]
)
def test_what_llama_cpp_keeps_as_the_model_does(
    tmp_path: pathlib.Path, arch: str, keys: Keys, context: int, stored: int
) -> None:
    model = model_of(tmp_path, arch, keys)
    assert model.stored(context) == stored
    assert not any("llama.cpp" in note for note in model.notes[1:])


WITHOUT: list[tuple[str, str, Keys, int]] = [
    # 2 x (8,192 x 128 x 4 + 3 x (8,192 + 2 x 1 x 128) x 2)
    ("granitehybrid", "granitehybrid", {**heads(2, 4096, 32, 0), **ssm(8192, 128, 128, 1)},
     8_489_984),
    # 2 x (8,192 x 16 x 4 + 3 x 8,192 x 2)
    ("jamba", "jamba", {**heads(2, 4096, 0, 0), **ssm(8192, 16, 256)}, 1_146_880),
    # 2 x 2 x 2,048 x 2
    ("lfm2", "lfm2", {**heads(2, 2048, 32, [0, 0], 64), "shortconv.l_cache": 3}, 16_384),
    # 2 x (8,192 x 128 x 4 + 3 x (8,192 + 2 x 8 x 128) x 2)
    ("nemotron_h", "nemotron_h", {**heads(2, 4096, 32, 0, 128), **ssm(8192, 128, 128, 8),
      "feed_forward_length": 0}, 8_511_488),
    # 2 x (32 x 128 x 128 x 4 + 3 x 32 x 384 x 2)
    ("kimi-linear", "kimi-linear", {**latent(2, 32, 512, 64, 192, 128), **KDA,
      "attention.head_count_kv": 0}, 4_341_760),
    # every layer that attends slides, and has the width of those that do not, if any did:
    # 2 x 2,048 x 2 + 100 x 8 x (64 + 64) x 2
    ("lfm2 that slides", "lfm2", {**heads(2, 2048, 32, [0, 8], 64), "shortconv.l_cache": 3,
      WINDOW: 100, "attention.key_length_swa": 64, "attention.value_length_swa": 64}, 212_992),
    # 2 x 1,000 x 8 x 256 x 2: here it is the states that no layer has
    ("granitehybrid without states", "granitehybrid",
     {**heads(2, 4096, 32, 8, 128), **ssm(8192, 128, 128, 1)}, 8_192_000),
    # a layer without attention has no heads, and as many states as the others have heads:
    # 1,000 x 576 x 2 + 32 x 128 x 128 x 4 + 3 x 32 x 384 x 2
    ("kimi-k3", "kimi-k3", {**latent(2, [32, 0], 512, 64, 192, 128), **KDA,
      "attention.head_count_kv": [1, 0]}, 3_322_880),
]  # fmt: skip
"""Hybrids of which one half is missing, at 1,000 tokens."""


@pytest.mark.parametrize(
    ("arch", "keys", "stored"), [w[1:] for w in WITHOUT], ids=[w[0] for w in WITHOUT]
)
def test_a_hybrid_without_one_of_its_halves(
    tmp_path: pathlib.Path, arch: str, keys: Keys, stored: int
) -> None:
    assert model_of(tmp_path, arch, keys).stored(1000) == stored


def test_heads_by_layer_are_the_models_too(tmp_path: pathlib.Path) -> None:
    """What-ifs put them on the layers without any."""
    keys = {**heads(2, 4096, [0, 32], [0, 8], 128), **ssm(8192, 128, 128, 1)}
    assert model_of(tmp_path, "granitehybrid", keys).shape == Shape(32, 128, 128)


UNUSED_KEYS = (
    *("decoder_block_count", "nextn_predict_layers", "leading_dense_block_count"),
    *("attention.kv_lora_rank", "attention.q_lora_rank", "attention.kv_lora_rank_swa"),
    *("attention.key_length_mla", "attention.value_length_mla"),
    *("attention.key_length_mla_swa", "attention.value_length_mla_swa"),
    *(f"attention.indexer.{key}" for key in ("head_count", "key_length", "top_k", "block_size")),
    *("attention.indexer.kpool", "attention.indexer.local_blocks", "attention.compress_ratios"),
    *("hyper_connection.count", "hash_layer_count", "attn_res.block_size", "n_deepstack_layers"),
    *(f"ssm.{key}" for key in ("inner_size", "conv_kernel", "state_size", "time_step_rank")),
    *("ssm.group_count", "kda.head_dim", "wkv.head_size", "shortconv.l_cache"),
    *("posnet.embedding_length", "posnet.block_count", "convnext.embedding_length"),
    *("convnext.block_count", "dense_2_feat_in", "attention.sliding_window"),
)
"""What llama.cpp saves of every model, as 0 where it has none of it."""

OWN_WINDOW = ("gemma2", "exaone4", "llama4")
"""Architectures whose window is known without a key: saved with it."""

SAVED: dict[str, Keys] = {
    **{name: {RECURRENT: 1} for name in ("mamba", "mamba2", "rwkv7", "falcon-h1")},
    "arwkv7": {RECURRENT: 1, "token_shift_count": 1},
    "jamba": {RECURRENT: [1, 1, 1, 1, 0, 1, 1, 1] * 4},
    "plamo2": {RECURRENT: [1, 0]},
    "lfm2": {RECURRENT: [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1]},
    "nemotron_h": {RECURRENT: [1, 0, 0, 1]},
    "kimi-linear": {RECURRENT: [1, 1, 1, 0]},
    "glm5-next": {RECURRENT: [1, 1, 1, 0], "attention.indexer.types": [0, 0, 0, 1]},
    **{name: {RECURRENT: [1, 1, 1, 0]} for name in ("qwen4exp", "qwen4exp dense")},
    "qwen3next": {RECURRENT: [1, 1, 1, 0] * 12},
    "minimax-01": {RECURRENT: [1, 1, 1, 1, 1, 1, 1, 0]},
    "GLM-5": {"attention.indexer.types": 1},
    "hy_v4": {"attention.compress_ratios": [0, 0]},
    "deepseek4": {PATTERN: [1, 1, 1]},
}
"""What is saved besides by the name of a case, as the library itself wrote it (but for plamo2 and
glm5-next, from its source)."""


def as_saved(name: str, arch: str, keys: Keys) -> Keys:
    """The keys as llama.cpp saves them: unused ones 0, lists of like items as one, some twice."""
    unused: Keys = dict.fromkeys(UNUSED_KEYS, 0)
    unused |= {"token_shift_count": 2, RECURRENT: 0, "attention.indexer.types": 0}
    if arch in OWN_WINDOW:
        del unused[WINDOW]
    widths = {f"attention.{side}_length": 0 for side in ("key", "value")} | keys
    unused |= {
        f"attention.{s}_length_swa": widths[f"attention.{s}_length"] for s in ("key", "value")
    }
    return {**unused, **keys, **SAVED.get(name, {})}


@pytest.mark.parametrize(
    ("name", "arch", "keys", "context", "stored"), CASES, ids=[case[0] for case in CASES]
)
def test_a_file_that_llama_cpp_saved(
    tmp_path: pathlib.Path, name: str, arch: str, keys: Keys, context: int, stored: int
) -> None:
    plain = model_of(tmp_path, arch, keys)
    saved = model_of(tmp_path, arch, as_saved(name, arch, keys))
    assert saved.stored(context) == stored
    assert set(saved.notes) <= set(plain.notes)


def test_an_unknown_architecture_that_llama_cpp_saved(tmp_path: pathlib.Path) -> None:
    """Plain attention as of qwen3tts, which kvcalc did not know: 2 x 8 x (128 + 128) x 2."""
    keys = {**heads(2, 1024, 8, 8, 128), "attention.causal": True}
    model = model_of(tmp_path, "newcomer", as_saved("", "newcomer", keys))
    assert model.stored(1000) == 8_192_000


DRAFTS: list[tuple[str, str, Keys, int, int]] = [
    # one layer: 8 x (128 + 128) x 2 = 4,096
    ("EAGLE-3 for DeepSeek-V3", "eagle3", {**heads(1, 7168, 56, 8, 128),
      "target_layers": [1, 29, 57], "target_hidden_size": 7168, "norm_before_residual": True},
     1000, 4_096_000),
    # 5 x 8 x (128 + 128) x 2 = 20,480
    ("DFlash for Qwen3-8B", "dflash", {**heads(5, 4096, 32, 8, 128), "block_size": 16,
      "target_layers": [2, 10, 18, 26, 34]}, 4096, 83_886_080),
    # four of five slide: (4 x 2,048 + 4,096) x 8 x (128 + 128) x 2
    ("DFlash with a window", "dflash", {**heads(5, 5120, 32, 8, 128), "block_size": 16,
      "target_layers": [1], WINDOW: 2048, PATTERN: [True, True, True, True, False],
      "conv_kernel_size": 4, "conv_group_size": 64, "selector_rank": 64, "selector_top_k": 8},
     4096, 50_331_648),
    # one entry as key and value over a window: 3 x 128 x 512 x 2
    ("DSpark for DeepSeek-V4-Flash", "dflash", {**heads(3, 4096, 64, 1, 512), **INDEX,
      "hyper_connection.count": 4, "rope.dimension_count": 64, WINDOW: 128, "block_size": 5,
      "attention.compress_ratios": [0, 0, 0], "attention.output_lora_rank": 1024,
      "target_layers": [20, 30, 40], "sample_from_anchor": True}, 4096, 393_216),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arch", "keys", "context", "stored"), [d[1:] for d in DRAFTS], ids=[d[0] for d in DRAFTS]
)
def test_a_draft_has_caches_of_its_own(
    tmp_path: pathlib.Path, arch: str, keys: Keys, context: int, stored: int
) -> None:
    model = model_of(tmp_path, arch, keys)
    assert model.stored(context) == stored
    assert any("drafts for another model" in note for note in model.notes)


def test_layers_of_prediction_in_a_file_of_their_own(tmp_path: pathlib.Path) -> None:
    """convert_hf_to_gguf.py --mtp: the keys are the whole model's, the tensors the last layer's.

    GLM-4.5's layer: 8 x (128 + 128) x 2 = 4,096 a token; the whole has 3 of 4,096 without it.
    """
    keys = {**heads(4, 5120, 96, 8, 128), "nextn_predict_layers": 1}
    alone = model_of(tmp_path, "glm4moe", keys, tensors=((16,),), first_block=3)
    assert alone.stored(1000) == 4_096_000
    assert any("multi-token prediction alone" in note for note in alone.notes)
    whole = model_of(tmp_path, "glm4moe", keys, tensors=((16,),) * 4)
    assert whole.stored(1000) == 12_288_000
    assert not any("alone" in note for note in whole.notes)


def test_keys_without_a_word_of_a_cache_are_told_in_one_note(tmp_path: pathlib.Path) -> None:
    keys = {**heads(1, 1024, 8, 8, 128), "flavour": 3, "router.colour": "blue"}
    model = model_of(tmp_path, "llama", keys)
    assert model.stored(1000) == 1000 * 8 * 256 * 2
    told = [note for note in model.notes if "passed over" in note]
    assert [note.partition(": ")[2] for note in told] == ["llama.flavour, llama.router.colour"]


def test_a_key_that_says_no_is_told_whatever_its_words(tmp_path: pathlib.Path) -> None:
    keys = {**heads(1, 1024, 8, 8, 128), "memory.slots": 0, "attention.kv_pruned": False}
    model = model_of(tmp_path, "llama", keys)
    assert any("llama.memory.slots, llama.attention.kv_pruned" in note for note in model.notes)


STRANGE: list[tuple[str, str, Keys, str]] = [
    ("a word of a cache", "llama", {"memory.slots": 4}, "llama.memory.slots is not a key"),
    # known elsewhere, it says something that is not read here
    ("another's key", "llama", {"num_loops": 2}, "llama.num_loops is not a key"),
    ("another's list", "qwen2", {RECURRENT: [1, 0]},
     "qwen2.attention.recurrent_layers is not a key"),
    ("another's draft", "llama", {"target_layers": [1]}, "llama.target_layers is not a key"),
    # no copy of the width of every layer
    ("a width of its own", "falcon-h1", {**ssm(1536, 128, 24, 1), "attention.key_length_swa": 64},
     "falcon-h1.attention.key_length_swa is not a key"),
    ("other token shifts", "llama", {"token_shift_count": 3},
     "llama.token_shift_count is not a key"),
    ("a strange architecture", "newcomer", {"flavour": 3}, "newcomer.flavour could change"),
    ("a strange architecture's 0", "newcomer", {"flavour": 0}, "newcomer.flavour could change"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arch", "more", "message"), [s[1:] for s in STRANGE], ids=[s[0] for s in STRANGE]
)
def test_a_key_that_could_change_the_cache(
    tmp_path: pathlib.Path, arch: str, more: Keys, message: str
) -> None:
    problems = problems_of(tmp_path, arch, {**heads(2, 1024, 8, 8, 128), **more})
    assert any(message in problem.message for problem in problems)


IGNORED: list[tuple[str, Keys, str]] = [
    ("llama", {"memory.slots": 4, "flavour": 3}, "llama.memory.slots"),
    ("llama", {RECURRENT: [1, 0]}, "llama.attention.recurrent_layers"),
    ("newcomer", {WINDOW: 8}, "newcomer.attention.sliding_window"),
]


@pytest.mark.parametrize(("arch", "more", "key"), IGNORED)
def test_a_key_is_ignored_by_the_name_that_its_refusal_says(
    tmp_path: pathlib.Path, arch: str, more: Keys, key: str
) -> None:
    path = write(tmp_path / "model.gguf", arch, {**BASE, **heads(2, 1024, 8, 8, 128), **more})
    assert [problem.hint.partition("--ignore ")[2] for problem in refused(path)] == [key]
    model = read_gguf(path, Origin(str(path), ignored=(key, "llama.elsewhere")))
    assert model.stored(1000) == 2 * 1000 * 8 * 256 * 2
    assert model.ignored == (key,)
    assert f"ignored, as asked: {key}" in model.notes
    assert f"ignored, as asked: {key}" in model.sources[0].says
    assert f"{arch}.block_count" in model.stated  # to tell what `llama.elsewhere` may have meant


@pytest.mark.parametrize(
    "key",
    [
        *("llama.block_count", "llama.attention.key_length", "general.architecture"),
        *("llama.context_length", "llama.attention.causal"),
    ],
)
def test_a_key_that_is_read_cannot_be_ignored(tmp_path: pathlib.Path, key: str) -> None:
    keys = {**BASE, **heads(2, 1024, 8, 8, 128), "attention.causal": True}
    path = write(tmp_path / "model.gguf", "llama", keys)
    with pytest.raises(InvalidValue) as caught:
        read_gguf(path, Origin(str(path), ignored=(key,)))
    text = f"{key} is read, and cannot be ignored"
    assert text in [problem.message for problem in caught.value.problems]


def test_the_heads_of_what_ifs_are_read_too(tmp_path: pathlib.Path) -> None:
    keys = {**BASE, **heads(2, 1024, 8), **ssm(2048, 16, 64)}
    path = write(tmp_path / "model.gguf", "mamba", keys)
    assert read(path).shape is not None
    with pytest.raises(InvalidValue, match="head_count is read, and cannot be ignored"):
        read_gguf(path, Origin(str(path), ignored=("mamba.attention.head_count",)))


def test_a_draft_that_reads_the_cache_of_its_target(tmp_path: pathlib.Path) -> None:
    problems = problems_of(tmp_path, "gemma4-assistant", heads(4, 256, 4, 2, 256))
    assert "reads the cache of the model that it drafts for" in problems[0].message

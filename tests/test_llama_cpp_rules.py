"""What llama.cpp does with states, MTP layers, drafts and GPUs, what fits, and Ollama's defaults.

Sums are as in test_llama_cpp.py, at 4,096 tokens unless said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import kvcalc
from kvcalc.errors import UsageError
from tests.headers import INDEX, heads, model_of, ssm
from tests.test_llama_cpp import CELL, COMPRESSORS, GDN, K32, K128, Q4, Q8, T, lines, shown
from tests.test_llama_cpp_refusals import DSA, GQA, MAMBA, MLA, model

if TYPE_CHECKING:
    import pathlib

    from kvcalc.question import Setting


def test_an_index_of_pooled_keys(tmp_path: pathlib.Path) -> None:
    """Qwen4's: 1 of 4 layers attends, 2 x 256 twice, and its index has rows of 2 x 128; three
    states, one with 3 x 3 x 4 x 2,048 of n-grams; two unlike types, as its cache has values."""
    ngrams = {"layers": [1], "ngram_size": 3, "conv_kernel": 4, "heads_per_ngram": 8}
    keys = {
        **heads(5, 2048, 16, 2, 256),
        **ssm(4096, 128, 32, 16),
        **INDEX,
        "nextn_predict_layers": 1,
        "attention.compress_ratios": [0, 0, 0, 16, 16],
        "hyper_connection.count": 4,
        "hyper_connection.low_rank": 320,
        "embedding_length_per_layer_input": 2048,
        **{f"ple.{name}": value for name, value in ngrams.items()},
    }
    found = model_of(tmp_path, "qwen4exp", keys)
    settings: dict[str, Setting] = {"type_k": "q8_0", "n_rs_seq": 2}
    states = 3 * (3 * GDN + 4 * 3 * 3 * 4 * 2048)
    own = T * (16 * Q8 + 512 * 2 + 8 * Q8) + states
    answer = shown(found, T, settings=settings)
    assert answer.reserved == own
    # 3 x 3 x 98,304 = 0.84 MiB of convolutions, 3 x 3 x 2 of states, 3 x 294,912 of n-grams
    assert lines(answer)[1:] == (
        "llama_memory_recurrent: size =   19.69 MiB (     1 cells,   4 layers,  1 seqs  2 rs_seq), "
        "R (f32):    0.84 MiB, S (f32):   18.00 MiB, P (f32):    0.84 MiB",
        # 4,096 x 8 x 34 = 1.0625
        "llama_kv_cache: size =    1.06 MiB (  4096 cells,   1 layers,  1/1 seqs), "
        "K (q8_0):    1.06 MiB, V (f16):    0.00 MiB",
    )
    # its MTP layer has an index there too, in types of its own, and a line of no states
    answer = shown(found, T, mtp=True, settings=settings)
    assert answer.reserved == own + T * (2 * 512 + 256) * 2
    assert lines(answer)[3:] == (
        "llama_kv_cache: size =    8.00 MiB (  4096 cells,   1 layers,  1/1 seqs), "
        "K (f16):    4.00 MiB, V (f16):    4.00 MiB",
        "llama_memory_recurrent: size =    0.00 MiB (     1 cells,   4 layers,  1 seqs  0 rs_seq), "
        "R (f32):    0.00 MiB, S (f32):    0.00 MiB, P (f32):    0.00 MiB",
        "llama_kv_cache: size =    2.00 MiB (  4096 cells,   1 layers,  1/1 seqs), "
        "K (f16):    2.00 MiB, V (f16):    0.00 MiB",
    )


def test_nothing_is_rolled_back_where_there_are_no_states(tmp_path: pathlib.Path) -> None:
    """An LFM2 of attention alone: 4 layers of 8 x 64 twice, and a line of no states."""
    keys = {**heads(4, 2048, 32, 8, 64), "shortconv.l_cache": 3}
    answer = shown(model_of(tmp_path, "lfm2", keys), T, settings={"n_rs_seq": 2})
    assert answer.reserved == T * 4 * 2 * 512 * 2
    assert lines(answer)[1] == (
        "llama_memory_recurrent: size =    0.00 MiB (     1 cells,   4 layers,  1 seqs  0 rs_seq), "
        "R (f32):    0.00 MiB, S (f32):    0.00 MiB, P (f32):    0.00 MiB"
    )


# the types of a context of MTP layers are its own, f16; the cells are the model's
LING = 35 * 4 * (32 * 128 * 128 + 3 * 3 * 4096)
V4_FLASH = 768 * 43 * 1024 + 1024 * 21 * (1024 + 256) + 256 * 20 * 1024 + COMPRESSORS
QWEN35 = 48 * 4 * (48 * 128 * 128 + 3 * 10_240)
NEMOTRON = 40 * 4 * (128 * 64 * 128 + 3 * (8192 + 2 * 8 * 128))
MTP: tuple[tuple[str, dict[str, Any], int], ...] = (
    # 46 layers and one: 8 x 128 twice
    ("glm-4.5-air", {}, T * 47 * 4096),
    ("glm-4.5-air", {"kv_dtype": "q8_0"}, T * (46 * 64 * Q8 + 4096)),
    ("glm-4.5-air", {"settings": {"type_k_draft": "q4_0"}}, T * (46 * 4096 + 32 * Q4 + 2048)),
    ("glm-4.5-air", {"settings": {"n_parallel": 2}}, 2 * T * 47 * 4096),
    # latents alone, without an index
    ("glm-4.7-flash", {}, T * 48 * 1152),
    ("deepseek-v3.2", {}, T * (61 * (576 + 128) + 576) * 2),
    # a key and a value of DeepSeek-V4's window; slots that share n_ctx share it: 4 x 128 + 512
    ("deepseek-v4-flash", {}, V4_FLASH + 768 * 2 * 1024),
    (
        "deepseek-v4-flash",
        {"settings": {"n_ctx": T, "n_parallel": 4, "kv_unified": True}},
        4 * V4_FLASH + 1024 * 2 * 1024,
    ),
    # no states of theirs, and none to roll back
    ("qwen3-next-80b-a3b", {}, T * 13 * 2048 + 36 * GDN),
    ("qwen3.5-27b", {"settings": {"n_rs_seq": 3}}, T * 17 * 4096 + 4 * QWEN35),
    ("nemotron-3-super-120b-fp8", {}, T * 9 * 1024 + NEMOTRON),
    # the trunk of Ling 3 keeps the layer of its MTP too: 7 + 1, and the one again
    ("ling-3.0-flash", {"mtp": False}, T * 8 * 1152 + LING),
    ("ling-3.0-flash", {}, T * 9 * 1152 + LING),
    # three in windows of 128 + 512, of 768: 8 x (192 + 128)
    ("mimo-v2-flash", {}, (T * 9 * 4 * 320 + 768 * (39 + 3) * 8 * 320) * 2),
    ("step-3.7-flash", {}, T * 12 * 4096 + 1024 * (33 + 3) * 4096),
)


@pytest.mark.parametrize(("name", "asked", "reserved"), MTP)
def test_layers_of_prediction_have_a_context(
    name: str, asked: dict[str, Any], reserved: int
) -> None:
    answer = shown(name, T, **{"mtp": True, **asked})
    assert answer.reserved == reserved
    assert answer.reservation
    assert answer.stored + sum(term.bytes for term in answer.reservation.terms) == reserved


@pytest.mark.parametrize(
    ("of", "log"),
    [
        # 4,096 and 128 + 512, of 768 cells, of 2 x 64 twice: 2 MiB, or 0.375
        (
            "far",
            (
                "llama_kv_cache: size =    2.00 MiB (  4096 cells,   1 layers,  1/1 seqs), "
                "K (f16):    1.00 MiB, V (f16):    1.00 MiB",
                "llama_kv_cache: size =    0.00 MiB (   768 cells,   0 layers,  1/1 seqs), "
                "K (f16):    0.00 MiB, V (f16):    0.00 MiB",
            ),
        ),
        (
            "near",
            (
                "llama_kv_cache: size =    0.00 MiB (  4096 cells,   0 layers,  1/1 seqs), "
                "K (f16):    0.00 MiB, V (f16):    0.00 MiB",
                "llama_kv_cache: size =    0.38 MiB (   768 cells,   1 layers,  1/1 seqs), "
                "K (f16):    0.19 MiB, V (f16):    0.19 MiB",
            ),
        ),
    ],
)
def test_where_windows_are_applied_there_are_two_caches(of: str, log: tuple[str, ...]) -> None:
    attention = {"near": {**GQA, "window": 128}, "far": GQA}
    layers = {"count": 4, "pattern": ["near*3", "far"]}
    fields = {"architecture": "cohere2_moe", "attention": attention, "layers": layers}
    found = model(**fields, mtp={"count": 1, "list": [of]})
    assert lines(shown(found, T, mtp=True))[2:] == log


# 80 layers of 8 x 128 twice, and 16 of 8 x 64
DRAFTS: tuple[tuple[dict[str, Any], int], ...] = (
    ({}, T * (80 * 4096 + 16 * 2048)),
    ({"kv_dtype": "q8_0"}, T * (80 * 64 * Q8 + 16 * 2048)),
    ({"draft_kv_dtype": "q8_0/q4_0"}, T * (80 * 4096 + 16 * 16 * (Q8 + Q4))),
    ({"settings": {"type_v_draft": "q4_0"}}, T * (80 * 4096 + 16 * (1024 + 16 * Q4))),
    ({"settings": {"n_ctx": 1000, "n_parallel": 3}}, 3 * 512 * (80 * 4096 + 16 * 2048)),
)


@pytest.mark.parametrize(("asked", "reserved"), DRAFTS)
def test_a_draft_has_as_many_cells_as_the_model(asked: dict[str, Any], reserved: int) -> None:
    answer = shown("llama-3.1-70b", T, draft="llama-3.2-1b", **asked)
    assert answer.reserved == reserved
    assert len(lines(answer)) == 2
    assert answer.reservation
    assert answer.stored + sum(term.bytes for term in answer.reservation.terms) == reserved


SPLIT: tuple[tuple[str, int, tuple[int, ...]], ...] = (
    # layer i of n goes to GPU i x G // (n + 1), as the output is a layer more
    ("llama-3.1-8b", 2, (17, 15)),
    ("llama-3.1-8b", 3, (11, 11, 10)),
    ("llama-3.1-8b", 4, (9, 8, 8, 7)),
    ("llama-3.1-8b", 8, (5, 4, 4, 4, 4, 4, 4, 3)),
    ("deepseek-r1", 2, (31, 30)),
    ("deepseek-r1", 3, (21, 21, 19)),
    ("deepseek-r1", 4, (16, 15, 16, 14)),
    ("deepseek-r1", 8, (8, 8, 7, 8, 8, 8, 8, 6)),
    ("llama-3.1-70b", 2, (41, 39)),
    ("llama-3.1-70b", 3, (27, 27, 26)),
    ("llama-3.1-70b", 4, (21, 20, 20, 19)),
    ("llama-3.1-70b", 8, (11, 10, 10, 10, 10, 10, 10, 9)),
    # the file has a layer of MTP behind its 61: n is 62
    ("deepseek-v3.2", 2, (32, 29)),
    ("deepseek-v3.2", 4, (16, 16, 16, 13)),
)
BYTES = {"llama-3.1-8b": 4096, "llama-3.1-70b": 4096, "deepseek-r1": 1152, "deepseek-v3.2": 1408}


@pytest.mark.parametrize(("name", "gpus", "cut"), SPLIT)
def test_whole_layers_go_to_each_gpu(name: str, gpus: int, cut: tuple[int, ...]) -> None:
    answer = shown(name, T, pp=gpus)
    assert answer.reserved == max(cut) * T * BYTES[name]
    assert answer.reserved_total == sum(cut) * T * BYTES[name]
    first = f"a GPU of stage 1 of {gpus} (layers 1 to {cut[0]}), the fullest of {gpus}"
    assert str(answer.rank) == first
    again = shown(name, T, pp=gpus, pp_layers=cut)
    assert (again.reserved, str(again.rank)) == (answer.reserved, first)


CUT: tuple[tuple[str, dict[str, Any], int, int, str], ...] = (
    # those that are asked for
    ("llama-3.1-8b", {"pp": 2, "pp_layers": (10, 22)}, T * 22 * 4096, T * 32 * 4096, "11 to 32"),
    # layer 5 is the first that attends to all, 11 and 17 the next: of layers 1 to 15 two, and 13 in
    # windows; from 25 on layers read the caches of others, wherever these are
    (
        "gemma-4-e4b",
        {"pp": 3},
        T * 2 * 4096 + 1024 * 13 * 2048,
        T * 4 * 4096 + 1024 * 20 * 2048,
        "1 to 15",
    ),
    (
        "gemma-4-e4b",
        {"pp": 2, "pp_layers": (6, 36)},
        T * 3 * 4096 + 1024 * 15 * 2048,
        T * 4 * 4096 + 1024 * 20 * 2048,
        "7 to 42",
    ),
    # a quarter of 48 layers attends; the first 25 have 6 of these and 19 states
    (
        "qwen3-next-80b-a3b",
        {"pp": 2, "mtp": False},
        T * 6 * 2048 + 19 * GDN,
        T * 12 * 2048 + 36 * GDN,
        "1 to 25",
    ),
    # MTP layers are behind the others: of 23 layers 6 attend, and the MTP's; 17 states
    (
        "qwen3-next-80b-a3b",
        {"pp": 2, "mtp": True, "context": K32},
        K32 * 7 * 2048 + 17 * GDN,
        K32 * 13 * 2048 + 36 * GDN,
        "26 to 49",
    ),
    # 22 of 43 layers, and 21: the first two of all have windows alone, and from the 23rd on 11 have
    # entries per 4 tokens and 10 per 128
    (
        "deepseek-v4-flash",
        {"pp": 2},
        768 * 21 * 1024
        + 1024 * 11 * 1280
        + 256 * 10 * 1024
        + 2 * 4 * (11 * 8 * 1024 + 10 * 128 * 512 + 11 * 8 * 256),
        V4_FLASH,
        "23 to 43",
    ),
)


@pytest.mark.parametrize(("name", "asked", "reserved", "total", "layers"), CUT)
def test_a_gpu_has_what_its_layers_keep(
    name: str, asked: dict[str, Any], reserved: int, total: int, layers: str
) -> None:
    answer = shown(name, **{"context": T, **asked})
    assert (answer.reserved, answer.reserved_total) == (reserved, total)
    assert answer.reservation
    assert answer.stored + sum(term.bytes for term in answer.reservation.terms) == reserved
    assert f"(layers {layers})" in str(answer.rank)


def test_ollama_goes_by_cells() -> None:
    """gpt-oss-20b: 128 + 512, 1,024 or 2,048 tokens; the last 12 x 2,048 x 2,304 B, 54.00 MiB."""
    for context, batch, cells in (
        (4096, 512, 768),
        (4097, 1024, 1280),
        (K32, 1024, 1280),
        (K32 + 1, 2048, 2304),
        (K128, 2048, 2304),
    ):
        answer = shown("gpt-oss-20b", context, engine="ollama")
        assert answer.reserved == CELL * (-(-context // 256) * 256 + cells)
        assert {answer.query.settings[name] for name in ("n_batch", "n_ubatch")} == {batch}
    assert lines(answer)[1] == (
        "llama_kv_cache: size =   54.00 MiB (  2304 cells,  12 layers,  1/1 seqs), "
        "K (f16):   27.00 MiB, V (f16):   27.00 MiB"
    )
    told = "ollama takes smaller batches where memory is short, which changes what windows keep"
    assert told in answer.notes
    assert not any("llama-server" in note for note in answer.notes)


@pytest.mark.parametrize(
    ("given", "cells"),
    [
        # all slots' cells decide: 2 x 4,096 are more than 4,096
        ({"n_parallel": 2}, 2 * (T + 1280)),
        ({"n_batch": 512}, T + 768),
        ({"n_ubatch": 2048}, T + 768),
        ({"n_ubatch": 2048, "n_batch": 2048}, T + 2304),
        ({"n_ubatch": 64}, T + 256),
    ],
)
def test_ollama_takes_a_batch_that_is_said(given: dict[str, Setting], cells: int) -> None:
    assert shown("gpt-oss-20b", T, engine="ollama", settings=given).reserved == CELL * cells


@pytest.mark.parametrize(
    "name", ["qwen3.5-27b", "qwen3-next-80b-a3b", "lfm2-1.2b", "nemotron-h-56b"]
)
def test_ollama_has_one_slot_for_some(name: str) -> None:
    with pytest.raises(UsageError, match="n_parallel is 2: ollama has at most 1 slot for "):
        shown(name, T, engine="ollama", settings={"n_parallel": 2})
    assert shown(name, T, engine="ollama").reserved == shown(name, T).reserved
    (row,) = kvcalc.fit(name, memory="64GiB", context=T, engine="ollama").rows
    assert row.largest_batch == 1
    assert "ollama has at most 1 slots" in row.notes


# llama-3.1-8b keeps 131,072 B a token
SERVED: tuple[tuple[int, str, dict[str, Setting], int, int], ...] = (
    # slots of 3,000 in 3,072 cells, 384 MiB: as many as fit, or are asked for; one of 9,600 / 256
    (3000, "1200MiB", {}, 3, 9472),
    (3000, "1200MiB", {"n_parallel": 3}, 3, 3072),
    (3000, "1200MiB", {"n_parallel": 4}, 0, 2304),
    # 10,000 cells, padded to 10,240, are 3 x 3,584 or 4 x 2,560
    (3000, "40GiB", {"n_ctx": 10_000}, 3, 10_240),
    (3000, "40GiB", {"n_ctx": 10_000, "n_parallel": 4}, 0, 2560),
    (3000, "40GiB", {"n_ctx": 10_000, "kv_unified": True}, 3, 10_240),
    # a batch has a token of every slot
    (3000, "40GiB", {"n_batch": 3}, 3, 327_680),
    (3000, "300MiB", {"n_batch": 3}, 0, 2304),
    # two of these would be more cells than it counts
    (3_000_000_000, "1GiB", {}, 0, 8192),
)


@pytest.mark.parametrize(("context", "memory", "given", "batch", "longest"), SERVED)
def test_what_a_memory_serves(
    context: int, memory: str, given: dict[str, Setting], batch: int, longest: int
) -> None:
    (row,) = kvcalc.fit(
        "llama-3.1-8b", memory=memory, context=context, engine="llama.cpp", settings=given
    ).rows
    assert (row.largest_batch, row.largest_context) == (batch, longest)
    assert (row.report is None) == (batch == 0)
    if row.report:
        assert row.report.concurrency == batch


def test_a_memory_serves_as_many_slots_as_there_can_be() -> None:
    """A state is of 2.56 MiB: 256 of these, whatever the memory."""
    (row,) = kvcalc.fit("mamba2-2.7b", memory="1TiB", context=T, engine="llama.cpp").rows
    assert row.largest_batch == 256
    assert "llama.cpp has at most 256 slots" in row.notes


quick = settings(derandomize=True, max_examples=40, deadline=None, database=None)

SCHEMES: dict[str, dict[str, Any]] = {
    "full": GQA,
    "near": {**GQA, "window": 100},
    "latent": MLA,
    "wide": {**GQA, "head_dim": 128},
    "state": MAMBA,
    "both": {**DSA, "top_k": 64},
}
MODELS = st.lists(st.sampled_from(list(SCHEMES)), min_size=1, max_size=4).map(
    lambda names: model(
        attention={name: SCHEMES[name] for name in names},
        layers={"count": len(names), "list": names},
    )
)
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "n_parallel": st.integers(1, 9),
        "kv_unified": st.booleans(),
        "n_ubatch": st.sampled_from([0, 1, 256, 512, 1024]),
        "swa_full": st.booleans(),
        "flash_attn": st.sampled_from(["auto", "off"]),
        "n_rs_seq": st.integers(0, 3),
    },
)
CONTEXTS = st.integers(9, 20_000)


@quick
@given(MODELS, ASKED, CONTEXTS, st.data())
def test_terms_add_up(
    given: dict[str, Any], asked: dict[str, Setting], context: int, data: st.DataObject
) -> None:
    dtype = data.draw(st.sampled_from(["f16", "f32", "q8_0"]))
    assume(dtype != "q8_0" or asked.get("flash_attn") != "off")
    gpus, batch = data.draw(st.integers(1, given["layers"]["count"])), data.draw(st.integers(1, 3))
    answer = shown(given, context, batch=batch, kv_dtype=dtype, pp=gpus, settings=asked)
    assert answer.reservation
    terms = sum(term.bytes for term in answer.reservation.terms)
    assert answer.stored + terms == answer.reserved
    alone = shown(given, context, kv_dtype=dtype, settings=asked)
    assert alone.reserved == (answer.reserved_total if gpus > 1 else answer.reserved)


@quick
@given(MODELS, ASKED, CONTEXTS, st.integers(1, 2000))
def test_more_tokens_never_take_less(
    given: dict[str, Any], asked: dict[str, Setting], context: int, more: int
) -> None:
    few, many = (shown(given, size, settings=asked).reserved for size in (context, context + more))
    assert few is not None
    assert many is not None
    assert few <= many


def _fits(given: dict[str, Any], context: int, asked: dict[str, Setting], memory: int) -> bool:
    try:
        reserved = shown(given, context, settings=asked).reserved
    except UsageError:  # fewer tokens than slots, or more cells than it counts
        return False
    assert reserved is not None
    return reserved <= memory


@quick
@given(MODELS, ASKED, CONTEXTS, st.integers(10**4, 10**8))
def test_what_fits_is_the_most_that_fits(
    given: dict[str, Any], asked: dict[str, Setting], context: int, memory: int
) -> None:
    (row,) = kvcalc.fit(
        given, memory=memory, context=context, engine="llama.cpp", settings=asked
    ).rows
    most, longest = row.largest_batch, row.largest_context
    assert most is not None
    if "n_parallel" in asked:
        assert most == (asked["n_parallel"] if _fits(given, context, asked, memory) else 0)
    else:
        slots = [{**asked, "n_parallel": n} for n in (most, most + 1) if n > 0]
        held = [_fits(given, context, one, memory) for one in slots]
        assert held == ([True] if most else []) + [False]
    assert longest is not None
    assert longest == 0 or _fits(given, longest, asked, memory)
    assert not _fits(given, longest + 1, asked, memory)

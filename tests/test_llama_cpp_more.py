"""What llama.cpp's loader reads otherwise than a configuration says, at 4,096 tokens.

Sums are as in test_llama_cpp.py. The library (b11434) stops at the header that its converter writes
of what is refused, or keeps other layers; two are of weights that do not fit such a header.
"""

from __future__ import annotations

from typing import Any

import pytest

from kvcalc.errors import UsageError
from tests.configurations import loaded
from tests.test_llama_cpp import T, shown
from tests.test_llama_cpp_refusals import custom

F, S = "full_attention", "sliding_attention"
GPT_OSS = {"model_type": "gpt_oss", "num_hidden_layers": 4, "hidden_size": 512, "head_dim": 64}
GPT_OSS |= {"num_attention_heads": 8, "num_key_value_heads": 2, "sliding_window": 128}
GEMMA3 = {**GPT_OSS, "model_type": "gemma3_text", "num_hidden_layers": 6}
GEMMA4 = {**GEMMA3, "model_type": "gemma4_text", "num_hidden_layers": 8, "global_head_dim": 128}
GEMMA4 |= {"num_kv_shared_layers": 3}
GEMMA3N = {**GEMMA3, "model_type": "gemma3n_text", "num_hidden_layers": 25}
GEMMA3N |= {"num_kv_shared_layers": 5}
STARCODER = {"model_type": "gpt_bigcode", "n_layer": 2, "n_embd": 512, "n_head": 8}
PHI = {"model_type": "phi", "num_hidden_layers": 2, "hidden_size": 512, "num_attention_heads": 8}
PATTERN = "takes layers of {} to have windows, whatever a file says: .* has none"
READS = "its layers {} a window behind layer {} read the cache of layer {}, which is none of these"

REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    # every second layer slides, whatever the header says; of Gemma 4 it asserts that some do
    ({**GPT_OSS, "layer_types": [F] * 4}, PATTERN.format("gpt-oss")),
    ({**GEMMA4, "layer_types": [F] * 8}, PATTERN.format("gemma4")),
    # 8 - 3 keep a cache: a full one reads that of the 5th, one with a window that of the 4th
    ({**GEMMA4, "layer_types": [S, F, S, S, S, S, S, F]}, READS.format("without", 5, 5)),
    ({**GEMMA4, "layer_types": [S, S, S, F, F, S, S, F]}, READS.format("with", 5, 4)),
    # 20 do, whatever the file says
    ({**GEMMA3N, "layer_types": [*[S] * 18, F, S, *[S] * 4, F]}, READS.format("without", 20, 20)),
    # the converter writes one KV head, or as many as there are heads
    ({**STARCODER, "multi_query": False}, r"no architecture for .* \(gpt_bigcode\)"),
    ({**PHI, "num_key_value_heads": 2}, r"no architecture for .* \(phi\)"),
)

ANSWERED: tuple[tuple[dict[str, Any], int], ...] = (
    # 128 and 512 are 640 cells, in 256s 768: two layers, and two of all tokens; 512 B
    ({**GPT_OSS, "layer_types": [S, F, S, F]}, (2 * 768 + 2 * T) * 512),
    # 4 of the first 5 slide, the full one is twice as wide
    ({**GEMMA4, "layer_types": [S, S, S, S, F, S, S, F]}, 4 * 768 * 512 + T * 1024),
    # 19 of the first 20 slide
    ({**GEMMA3N, "layer_types": [*[S] * 19, F, *[S] * 4, F]}, (19 * 768 + T) * 512),
    ({**STARCODER, "multi_query": True}, T * 2 * 2 * 64 * 2),
    (PHI, T * 2 * 2 * 512 * 2),
)


@pytest.mark.parametrize(("config", "says"), REFUSED)
def test_what_the_loader_reads_otherwise_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        shown(loaded(config), T)


@pytest.mark.parametrize(("config", "reserved"), ANSWERED)
def test_what_it_reads_as_it_is_said(config: dict[str, Any], reserved: int) -> None:
    assert shown(loaded(config), T).reserved == reserved


def test_windows_that_a_converted_file_may_have_are_told_of() -> None:
    """6 layers that keep every token, 512 B; the loader has five of them slide, if it has a key."""
    answer = shown(loaded({**GEMMA3, "layer_types": [F] * 6}), T)
    assert answer.reserved == 6 * T * 512
    assert answer.reservation
    assert answer.reservation.notes[1] == (
        "counted without windows: llama.cpp applies them in 5 of 6 layers of gemma3, "
        "unless a converted file has them off"
    )


STATE = {"name": "s", "role": "state", "heads": 2, "width": 64}
INDEX_KEYS = {"name": "i", "role": "index", "width": 64}
KEYS = {"name": "k", "role": "k", "heads": 2, "width": 64}
STRANGE = (
    (custom(STATE), "no cache for s, a state tensor of"),
    (
        custom({**STATE, "role": "conv", "window": 4}),
        r"no cache for s, a conv tensor of min\(T, 4\)",
    ),
    (custom(KEYS, INDEX_KEYS, {**INDEX_KEYS, "name": "j", "every": 4}), "one cache for index keys"),
)


@pytest.mark.parametrize(("given", "says"), STRANGE)
def test_tensors_of_custom_schemes_that_it_has_no_cache_for(
    given: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        shown(given, T)

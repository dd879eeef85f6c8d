"""A window that a file states and switches off: the model attends to all, an engine may not.

transformers 5.24.0, cache_utils.py, get_layer_types_and_kwargs: the cache goes by
`config.layer_types`, else every layer has `config.sliding_window`, whatever `use_sliding_window`
says; a class that knows the flag (models/qwen2) nulls the window itself. Each figure below was
also measured on transformers' own cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import kvcalc
from kvcalc.attention.base import Scheme
from kvcalc.attention.heads import MHA
from kvcalc.attention.recurrent import RGLRU, Mamba1, ShortConv
from kvcalc.engines.transformers.rules import LISTED
from kvcalc.formats import BF16, uniform
from kvcalc.model import Architecture, Model
from tests.configurations import loaded, refused

OFF = {"use_sliding_window": False, "sliding_window": 16}
# 3 layers x K and V x 2 KV heads x 10 x 2 B
SMALL = {
    "num_hidden_layers": 3,
    "hidden_size": 66,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 10,
}
TOKEN = 3 * 2 * 2 * 10 * 2
SWITCHED_OFF = "is stated and switched off"


def read(model_type: str, *parts: Mapping[str, Any]) -> Model:
    config: dict[str, Any] = {"model_type": model_type, **SMALL}
    for part in parts:
        config |= part
    return loaded(config)


def stored(model: Model, tokens: int = 100, source: int | None = None) -> int:
    return kvcalc.show(model, tokens, kv_dtype="bf16", source_length=source).stored


def kept(model: Model, tokens: int = 100, source: int | None = None) -> int | None:
    asked: dict[str, Any] = {"kv_dtype": "bf16", "source_length": source}
    return kvcalc.show(model, tokens, engine="transformers", **asked).reserved


class Case(NamedTuple):
    """A file with a window that is off, and the tokens that transformers keeps of 100.

    noted  whether the file's window is told as one that nobody applies
    """

    name: str
    fields: Mapping[str, Any]
    kept: int
    noted: bool = True


CASES = (
    Case("llama", OFF, 15),
    Case("llama", {**OFF, "max_window_layers": 2}, 15),
    Case("llama", {**OFF, "layer_types": None}, 15),
    Case("llama", {**OFF, "sliding_window": 200}, 100),
    Case("llama", {**OFF, "sliding_window": 101}, 100),
    Case("llama", {**OFF, "sliding_window": 16.0}, 15),
    # keys[:, :, -1 + 1 :, :] keeps all, keys[:, :, 0 + 1 :, :] all but the first
    Case("llama", {**OFF, "sliding_window": 1}, 100),
    Case("llama", {**OFF, "sliding_window": 0}, 99),
    # off by itself, whatever says whether there is one
    Case("llama", {"sliding_window": 0}, 99),
    Case("llama", {"sliding_window": False}, 99),
    Case("llama", {**OFF, "sliding_window": None}, 100, False),
    Case("llama", {"use_sliding_window": False}, 100, False),
    # layers that are listed are what they are
    Case("llama", {**OFF, "layer_types": ["full_attention"] * 3}, 100, False),
    Case("granite", OFF, 15),
    Case("olmo2", OFF, 15),
    # classes that have no fields for a window, whatever their relatives have
    Case("qwen3_vl_text", OFF, 15),
    Case("qwen3_vl_moe_text", OFF, 15),
    Case("qwen3_omni_moe_text", {**OFF, "max_window_layers": 1}, 15),
    # self.sliding_window = self.sliding_window if self.use_sliding_window else None
    Case("qwen2", OFF, 100, False),
    Case("qwen2", {**OFF, "max_window_layers": 1}, 100, False),
    Case("qwen2_moe", {**OFF, "max_window_layers": 1}, 100, False),
    Case("qwen2_vl", OFF, 100, False),
    Case("qwen2_5_vl", OFF, 100, False),
    Case("qwen3", OFF, 100, False),
    Case("qwen3_moe", OFF, 100, False),
    # no class of transformers': the cache is made of whatever the file says
    Case("somebodys_own", OFF, 15),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.kept}")
def test_a_window_that_is_off(case: Case) -> None:
    model = read(case.name, case.fields)
    assert stored(model) == TOKEN * 100
    assert kept(model) == TOKEN * case.kept
    assert any(SWITCHED_OFF in note for note in model.notes) == case.noted


@pytest.mark.parametrize("name", ["mistral", "mixtral", "phi3", "starcoder2"])
def test_a_class_that_slides_whatever_the_flag_says(name: str) -> None:
    model = read(name, OFF)
    per_token = kvcalc.show(model, 1).stored
    assert (stored(model), kept(model)) == (per_token * 16, per_token * 15)
    assert not any(SWITCHED_OFF in note for note in model.notes)


def test_two_names_of_one_window() -> None:
    """configuration_recurrent_gemma.py: attribute_map makes of sliding_window the other."""
    sizes = {"num_hidden_layers": 3, "lru_width": 15}
    for fields in ({"sliding_window": 16}, {"attention_window_size": 16}, OFF):
        model = read("recurrent_gemma", sizes, fields)
        # layer 2 attends; the others keep a state and 3 columns of 15, fp32 and bf16
        assert stored(model) == 80 * 16 + 2 * (15 * 4 + 3 * 15 * 2)
    both = {"sliding_window": 16, "attention_window_size": 8}
    text = refused({"model_type": "recurrent_gemma", **SMALL, **sizes, **both})
    assert "attention_window_size is 8, but sliding_window is 16" in text


def test_it_is_told_without_an_engine_and_with_one() -> None:
    model = read("llama", OFF, {"_name_or_path": "a/Small"})
    (note,) = [note for note in kvcalc.show(model, 100).notes if SWITCHED_OFF in note]
    assert note.startswith("Small: sliding_window 16 is stated and switched off: every layer")
    own = "transformers has its own way with Small: the window that its file states and switches"
    for tokens, bites in ((100, True), (15, False)):
        told = kvcalc.show(model, tokens, engine="transformers").notes
        assert any(found.startswith(own) for found in told) == bites


def test_the_terms_lead_from_the_ideal_to_what_is_kept() -> None:
    answer = kvcalc.show(read("llama", OFF), 100, kv_dtype="bf16", engine="transformers")
    assert answer.reservation is not None
    assert [(term.rule, term.bytes) for term in answer.reservation.terms] == [
        ("the window that its file states and switches off", TOKEN * (15 - 100))
    ]


def test_latents_are_cut_too() -> None:
    sizes = {"kv_lora_rank": 20, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8}
    model = read("deepseek_v3", sizes, OFF)
    # 3 layers x (20 + 4) x 2 B
    assert (stored(model), kept(model)) == (144 * 100, 144 * 15)


@pytest.mark.parametrize(("source", "crossed"), [(7, 7), (15, 15), (64, 15)])
def test_so_is_what_an_encoder_hands_over(source: int, crossed: int) -> None:
    """EncoderDecoderCache is two caches of the same configuration."""
    small = {"d_model": 66, "decoder_layers": 3, "decoder_attention_heads": 6}
    model = loaded({"model_type": "bart", **small, **OFF})
    # 3 layers x K and V x 66 x 2 B
    assert stored(model, source=source) == 792 * (100 + source)
    assert kept(model, source=source) == 792 * (15 + crossed)


def test_a_prompt_that_is_cut_with_its_tokens_is_refused() -> None:
    small = {"num_hidden_layers": 3, "hidden_size": 66, "num_attention_heads": 6, "dim_head": 11}
    model = loaded({"model_type": "cpmant", **small, "prompt_length": 32, **OFF})
    # 3 layers x K and V x 66 x 2 B
    assert stored(model) == 792 * (32 + 100)
    with pytest.raises(kvcalc.UsageError, match="cuts the learned prompt of cpmant"):
        kept(model)


def test_a_rule_of_the_models_own_goes_first() -> None:
    old = {"num_layers": 3, "hidden_size": 66, "num_heads": 6, "attention_types": [[["local"], 3]]}
    model = loaded({"model_type": "gpt_neo", **old, "window_size": 8, **OFF})
    # 3 layers x K and V x 66 x 2 B: windows of 8, kept whole, and cut at the other window
    assert (stored(model), kept(model)) == (792 * 8, 792 * 15)
    several = {"num_kv_heads": 2, "new_decoder_architecture": True}
    falcon = read("falcon", several, {"head_dim": None, "num_key_value_heads": None}, OFF)
    # 3 layers x K and V x 11 x 2 B, of 2 KV heads and of all 6
    assert (stored(falcon), kept(falcon)) == (132 * 2 * 100, 132 * 6 * 15)


@pytest.mark.parametrize("name", sorted(LISTED))
def test_a_class_that_lists_its_layers_keeps_them_whole(name: str) -> None:
    full = MHA(heads=2, head_dim=10)
    for architecture, tokens in (
        (Architecture(name), 100),
        (Architecture("a_wrapper", inner=name), 100),
        (Architecture(name, inner="llama"), 15),
        (Architecture(name, "gguf"), 15),
        (None, 15),
    ):
        model = Model(
            "one",
            uniform(BF16),
            {"a": full},
            (("a",),),
            stated_window=16,
            architecture=architecture,
        )
        assert kept(model) == 2 * 2 * 10 * 2 * tokens


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "bamba", "attn_layer_indices": [0, 2]},
        {"model_type": "jamba", "num_hidden_layers": 8},
        {"model_type": "qwen3_next"},
        {"model_type": "qwen3_5_text"},
        {"model_type": "lfm2", "full_attn_idxs": [2]},
        {"model_type": "falcon_h1"},
        {"model_type": "minimax"},
        {"model_type": "deepseek_v32"},
        {"model_type": "zamba2"},
    ],
    ids=lambda config: config["model_type"],
)
def test_a_hybrid_is_what_it_is_without_that_window(config: Mapping[str, Any]) -> None:
    model, same = loaded({**config, **OFF}), loaded(config)
    assert stored(model) == stored(same)
    assert kept(model) == kept(same)


def test_inside_a_wrapper() -> None:
    inner = {"model_type": "llama", **SMALL, **OFF}
    model = loaded({"model_type": "llava", "text_config": inner})
    assert (stored(model), kept(model)) == (TOKEN * 100, TOKEN * 15)
    inner = {"model_type": "qwen2", **SMALL, **OFF}
    model = loaded({"model_type": "llava", "text_config": inner})
    assert kept(model) == TOKEN * 100


def test_a_wrapper_that_transformers_does_not_know_keeps_as_the_model_inside() -> None:
    """3 layers of phi3, whose window counts: 16 tokens in the ideal, 15 in transformers."""
    inner = {"model_type": "phi3", **SMALL, "head_dim": None, "sliding_window": 16}
    model = loaded({"model_type": "maira2", "text_config": inner})
    # 3 layers x K and V x 2 KV heads x 11 x 2 B
    assert (stored(model), kept(model)) == (264 * 16, 264 * 15)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sliding_window": 16}, "sliding_window is not a field"),
        ({"sliding_window": 16, "use_sliding_window": None}, "sliding_window is not a field"),
        ({"sliding_window": 16, "use_sliding_window": True}, "use_sliding_window is not a field"),
        ({**OFF, "sliding_window": -1}, "sliding_window is -1"),
        ({**OFF, "sliding_window": "16"}, "sliding_window is '16'"),
    ],
)
def test_a_window_that_nobody_switched_off_says_something(
    fields: Mapping[str, Any], words: str
) -> None:
    assert words in refused({"model_type": "llama", **SMALL, **fields})


@pytest.mark.parametrize("name", ["qwen2", "qwen3", "qwen2_moe", "smollm3"])
def test_no_layer_slides_where_windows_are_off(name: str) -> None:
    kinds = ["full_attention", "full_attention", "sliding_attention"]
    text = refused({"model_type": name, **SMALL, **OFF, "layer_types": kinds})
    assert "layer_types lists sliding layers, but use_sliding_window is false" in text


F, S = "full_attention", "sliding_attention"


@pytest.mark.parametrize(
    "name",
    [
        *("qwen2", "qwen2_moe", "qwen2_vl_text", "qwen2_5_vl_text", "qwen2_5_omni_text"),
        *("qwen3", "dots1"),
    ],
)
@pytest.mark.parametrize(("kinds", "wide", "narrow"), [([S, F, F], 2, 1), ([F, F, F], 3, 0)])
def test_layers_that_are_listed_go_before_max_window_layers(
    name: str, kinds: list[str], wide: int, narrow: int
) -> None:
    """`if self.layer_types is None` comes before the rule of max_window_layers in every class."""
    on = {} if name == "dots1" else {"use_sliding_window": True}
    fields = {**on, "sliding_window": 16, "max_window_layers": 2, "layer_types": kinds}
    model = read(name, fields)
    per_layer = kvcalc.show(model, 1).stored // 3
    assert stored(model) == per_layer * (wide * 100 + narrow * 16)
    assert kept(model) == per_layer * (wide * 100 + narrow * 15)


YAML = """\
name: Small
architecture: llama
layers: 3
dtype: bf16
stated_window: 16
attention: {kind: gqa, heads: 6, kv_heads: 2, head_dim: 10}
"""


def test_a_file_of_our_own_says_it_too(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(YAML, encoding="utf-8")
    model = kvcalc.load(str(path))
    assert model.stated_window == 16
    assert (stored(model), kept(model)) == (TOKEN * 100, TOKEN * 15)


@pytest.mark.parametrize("value", [-1, "16", 10**12 + 1, 1.5, True])
def test_a_window_that_none_can_be(value: object, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(YAML.replace(" 16", f" {value!r}"), encoding="utf-8")
    with pytest.raises(kvcalc.InputError) as caught:
        kvcalc.load(str(path))
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (5, 1)
    assert "stated_window" in problem.message


def test_no_what_if_has_the_window_of_the_models_own_file() -> None:
    model = read("llama", OFF)
    rows = kvcalc.compare(model, context=100, kv_dtype="bf16", engine="transformers").rows
    # 3 layers x K and V x heads x 10 x 2 B
    assert {row.scheme: row.reserved for row in rows} == {
        "mha": 120 * 6 * 100,
        "gqa": 120 * 2 * 15,
        "mqa": 120 * 100,
    }


class Narrow(NamedTuple):
    """A layer whose window, chunk or convolution is one wide; B after 100 tokens."""

    scheme: Scheme
    architecture: str
    ideal: int
    kept: int


NARROW = (
    # update_conv_state pads to the kernel: a column, where the ideal remembers none
    Narrow(Mamba1(inner_dim=64, state_dim=16, conv_kernel=1), "mamba", 4096, 4096 + 64 * 2),
    Narrow(Mamba1(inner_dim=64, state_dim=16, conv_kernel=0), "mamba", 4096, 4096),
    Narrow(ShortConv(channels=64, conv_kernel=1), "lfm2", 0, 64 * 2),
    # modeling_recurrent_gemma.py makes a column less of its own
    Narrow(RGLRU(channels=64, conv_kernel=1), "recurrent_gemma", 64 * 4, 64 * 4),
    # keys[:, :, -1 + 1 :, :] is everything
    Narrow(MHA(heads=2, head_dim=10, window=1), "mistral", 80, 80 * 100),
    Narrow(MHA(heads=2, head_dim=10, chunk=1), "llama4_text", 80, 80 * 100),
    Narrow(MHA(heads=2, head_dim=10, window=2), "mistral", 80 * 2, 80),
)


@pytest.mark.parametrize("case", NARROW, ids=lambda case: f"{case.architecture}-{case.kept}")
def test_what_is_one_wide(case: Narrow) -> None:
    architecture = Architecture(case.architecture)
    model = Model("one", uniform(BF16), {"a": case.scheme}, (("a",),), architecture=architecture)
    answer = kvcalc.show(model, 100, engine="transformers")
    assert (answer.stored, answer.reserved) == (case.ideal, case.kept)


@pytest.mark.parametrize("model_type", ["mistral", "mixtral", "phi3", "starcoder2", "qwen3_moe"])
@pytest.mark.parametrize(
    "more",
    [
        {"attention_chunk_size": 16},
        {"per_layer_config": {"1": {"attention_chunk_size": 16}}},
    ],
    ids=["everywhere", "one layer"],
)
def test_a_chunk_that_no_layer_is_known_to_have(model_type: str, more: Mapping[str, Any]) -> None:
    """transformers keeps 15 tokens of a layer for it, where its class lists no kinds of layers."""
    config = {"model_type": model_type, **SMALL, "sliding_window": None, **more}
    assert "attention_chunk_size" in refused(config)


@pytest.mark.parametrize("nothing", [None, 0, False])
def test_a_chunk_of_nothing_is_none(nothing: object) -> None:
    model = read("mistral", {"sliding_window": None, "attention_chunk_size": nothing})
    assert stored(model) == TOKEN * 100


@pytest.mark.parametrize(
    ("everywhere", "one", "tokens"),
    [(None, 16, 100 + 16 + 100), (32, 16, 32 + 16 + 32), (32, None, 32 + 100 + 32)],
)
def test_a_layer_slides_by_its_own_window(
    everywhere: int | None, one: int | None, tokens: int
) -> None:
    own = {"sliding_window": everywhere, "per_layer_config": {"1": {"sliding_window": one}}}
    assert stored(read("mistral", own)) == TOKEN // 3 * tokens


def test_windows_of_layers_that_are_switched_off() -> None:
    own = {"per_layer_config": {"1": {"sliding_window": 8}}}
    text = refused({"model_type": "llama", **SMALL, **OFF, **own})
    assert "per_layer_config gives layers another sliding_window" in text

"""Numbers as files write them: with a point, as text, for one of several parts, twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import kvcalc
from kvcalc.model import DEFAULT_CONTEXT
from tests.configurations import loaded, refused

LLAMA: Mapping[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
POSITIONS = "max_position_embeddings"
IMPLAUSIBLE = "is no plausible number of tokens: not used"


@pytest.mark.parametrize(
    "value", [4096, 4096.0, "4096", pytest.param("0004096", id="text with zeros")]
)
def test_a_longest_context_is_a_number_however_it_is_written(value: object) -> None:
    model = loaded({**LLAMA, POSITIONS: value})
    assert model.max_context == model.default_context == 4096
    assert not any(IMPLAUSIBLE in note for note in model.notes)


@pytest.mark.parametrize("value", [None, 0, 0.0, False, "", [], {}])
def test_what_says_nothing_of_a_longest_context(value: object) -> None:
    model = loaded({**LLAMA, POSITIONS: value})
    assert model.max_context is None
    assert not any(IMPLAUSIBLE in note for note in model.notes)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (-1, "-1"),
        (4096.5, "4096.5"),
        (float("inf"), "inf"),
        (True, "True"),
        # what a tokenizer says that has no limit
        (10**30, "1" + 30 * "0"),
        (1e30, "1e+30"),
        ("4k", "'4k'"),
        ("-4096", "'-4096'"),
        ("9" * 5000, "'" + 56 * "9" + "..."),
        ([4096], "[4096]"),
    ],
)
def test_what_is_no_context_is_told(value: object, told: str) -> None:
    model = loaded({**LLAMA, POSITIONS: value})
    assert (model.max_context, model.default_context) == (None, DEFAULT_CONTEXT)
    assert f"{POSITIONS} {told} {IMPLAUSIBLE}" in model.notes
    # what is not used may stand beside what is
    other = loaded({**LLAMA, POSITIONS: value, "n_positions": 512})
    assert other.max_context == 512
    assert f"{POSITIONS} {told} {IMPLAUSIBLE}" in other.notes


def test_the_innermost_part_that_has_one_says_how_long() -> None:
    inner = {**LLAMA, POSITIONS: "2048"}
    assert loaded({"model_type": "llava", "text_config": inner}).max_context == 2048
    around = {"model_type": "llava", "text_config": LLAMA, POSITIONS: 1024.0}
    assert loaded(around).max_context == 1024


SEQ2SEQ = {"d_model": 64, "decoder_layers": 2, "decoder_attention_heads": 4}


@pytest.mark.parametrize(
    ("model_type", "fields", "longest"),
    [
        # configuration_whisper.py, configuration_speech_to_text.py: positions of the decoder
        ("whisper", {"max_source_positions": 1500, "max_target_positions": 448}, 448),
        ("whisper", {"max_source_positions": 1500}, None),
        ("whisper", {"max_target_positions": "448", POSITIONS: 9}, 448),
        ("speech_to_text", {"max_source_positions": 6000, "max_target_positions": 1024}, 1024),
        # configuration_led.py
        (
            "led",
            {"max_encoder_position_embeddings": 16384, "max_decoder_position_embeddings": 1024},
            1024,
        ),
        # both sides have as many
        ("bart", {POSITIONS: 1024}, 1024),
        ("pegasus_x", {POSITIONS: 16384}, 16384),
    ],
)
def test_a_decoder_says_how_long_it_is(
    model_type: str, fields: Mapping[str, Any], longest: int | None
) -> None:
    model = loaded({"model_type": model_type, **SEQ2SEQ, **fields})
    assert model.max_context == longest
    assert model.default_context == (longest or DEFAULT_CONTEXT)


@pytest.mark.parametrize(
    ("model_type", "fields", "longest"),
    [
        # llama-cpp-python 0.3.36, conversion/chatglm.py 140, bloom.py 25 and openelm.py 56
        ("chatglm", {"kv_channels": 16, "seq_length": 32768}, 32768),
        ("chatglm", {"position_encoding_2d": True, "max_sequence_length": 2048}, 2048),
        ("bloom", {"seq_length": 2048}, 2048),
        (
            "openelm",
            {
                "num_transformer_layers": 2,
                "model_dim": 64,
                "num_query_heads": 4,
                "num_kv_heads": 4,
                "head_dim": 16,
                "max_context_length": 2048,
                "rope_max_length": 4096,
            },
            2048,
        ),
    ],
)
def test_the_longest_context_under_a_familys_own_name(
    model_type: str, fields: Mapping[str, Any], longest: int
) -> None:
    own = {} if model_type == "openelm" else {"hidden_size": 64, "n_layer": 2, "n_head": 4}
    model = loaded({"model_type": model_type, **own, **fields})
    assert model.max_context == longest
    assert not any("max_context_length" in note for note in model.notes)


def test_half_of_a_number_that_is_written_with_a_point() -> None:
    """configuration_longcat_flash.py: num_hidden_layers counts both attentions of a layer."""
    longcat = {"model_type": "longcat_flash", "hidden_size": 512, "num_attention_heads": 8}
    for layers in (6, 6.0):
        model = loaded({**longcat, "num_hidden_layers": layers})
        # 3 layers x 2 x (512 + 64) x 2 B
        assert kvcalc.show(model, 1000, kv_dtype="bf16").stored == 3 * 2 * 576 * 2 * 1000
    assert "it must be a whole number" in refused({**longcat, "num_hidden_layers": 6.5})


@pytest.mark.parametrize("name", [n for n, value in LLAMA.items() if isinstance(value, int)])
def test_a_number_with_a_point_is_the_same_number(name: str) -> None:
    same = loaded({**LLAMA, name: float(LLAMA[name])})
    assert same.stored(1000) == loaded(LLAMA).stored(1000) == 2 * 2 * 2 * 16 * 2 * 1000
    assert same.layers == loaded(LLAMA).layers


def test_two_names_of_one_number_need_not_be_written_alike() -> None:
    model = loaded({**LLAMA, "n_layer": 2.0})
    assert len(model.layers) == 2
    assert "contradict" in refused({**LLAMA, "n_layer": 3.0})


@pytest.mark.parametrize("keys", [("1", "01"), ("001", "1"), ("1", "01", "001")])
def test_a_layer_that_is_named_twice(keys: tuple[str, ...]) -> None:
    own = {key: {"num_key_value_heads": 4 - n} for n, key in enumerate(keys)}
    text = refused({**LLAMA, "per_layer_config": own})
    for key in keys[1:]:
        assert f"per_layer_config names layer 1 twice, as {keys[0]!r} and as {key!r}" in text


@pytest.mark.parametrize("key", ["2", "-1", "1.0", "\u0661", "9" * 5000])
def test_a_layer_that_is_none(key: str) -> None:
    text = refused({**LLAMA, "per_layer_config": {key: {"num_key_value_heads": 1}}})
    assert f"per_layer_config names layer '{key[:59]}" in text
    assert "which is none" in text


def test_a_layer_that_is_named_once() -> None:
    own = {"00": {"num_key_value_heads": 4}, "01": {"num_key_value_heads": 1}}
    # K and V x (4 + 1) KV heads x 16 x 2 B
    assert loaded({**LLAMA, "per_layer_config": own}).stored(1000) == 2 * 5 * 16 * 2 * 1000


def test_no_column_is_written_as_no_tensor(tmp_path: Any) -> None:
    """models/zaya: the taps of both convolutions but one each, and a part of V's last input."""
    zaya = {"model_type": "zaya", "num_hidden_layers": 1, "cca_time0": 1, "cca_time1": 1}
    model = loaded(zaya)
    path = tmp_path / "zaya.yaml"
    path.write_text(kvcalc.to_yaml(model), encoding="utf-8")
    # K and V x 2 KV heads x 128 x 2 B x 100, and 2 x 128 / 2 x 2 B
    kept = 1024 * 100 + 256
    assert model.stored(100) == kvcalc.load(str(path)).stored(100) == kept


FACTORS: list[tuple[Mapping[str, Any], str]] = [
    ({"model_type": "mamba"}, "expand"),
    ({"model_type": "xlstm"}, "qk_dim_factor"),
    ({"model_type": "deepseek_v4", "num_hidden_layers": 1, "compress_ratios": [0]},
     "partial_rotary_factor"),
]  # fmt: skip


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, -1, 0, True, "2"])
@pytest.mark.parametrize(("config", "name"), FACTORS, ids=str)
def test_a_factor_is_a_number_above_0(config: Mapping[str, Any], name: str, value: object) -> None:
    text = refused({**config, name: value})
    assert f"{name} is " in text
    assert "it must be a number above 0, up to 1,000,000" in text


def test_too_many_layers_leave_every_other_field_known() -> None:
    heads = {"num_attention_heads": 8, "num_key_value_heads": 2, "hidden_size": 64}
    text = refused({"model_type": "llama", "num_hidden_layers": 10_001, **heads})
    assert text == "num_hidden_layers is more than 10,000"


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (2, 2.0, True),
        (2.0, 2, True),
        ([2, 2], [2.0, 2], True),
        ([2.0, 2], [2, 2.0], True),
        (2, 4.0, False),
        (2, [2, 2], False),
        ([2, 2], [2, 4.0], False),
        (2, 2.5, False),
        (1, True, False),
        ([1, 1], [True, 1], False),
        (2, "2", False),
    ],
)
def test_two_names_of_one_field(one: Any, other: Any, agree: bool) -> None:
    config = {**LLAMA, "num_key_value_heads": one, "num_kv_heads": other}
    if agree:
        # 2 layers x (2 + 2) x 16 x 2 B = 256 B a token
        assert loaded(config).stored(1) == 256
    else:
        assert "num_key_value_heads is " in (text := refused(config))
        assert "they contradict each other" in text


@pytest.mark.parametrize(("own", "agree"), [(4.0, True), (4, True), (True, False), (2, False)])
def test_two_names_of_one_field_in_one_layer(own: Any, agree: bool) -> None:
    layer = {"num_key_value_heads": 4, "num_kv_heads": own}
    config = {**LLAMA, "per_layer_config": {"1": layer}}
    if agree:
        # ((2 + 2) + (4 + 4)) x 16 x 2 B = 384 B a token
        assert loaded(config).stored(1) == 384
    else:
        assert "they contradict each other" in refused(config)


@pytest.mark.parametrize(("outside", "agree"), [(2.0, True), (2, True), (True, False)])
def test_one_field_around_the_language_model(outside: Any, agree: bool) -> None:
    inner = {**LLAMA, "num_key_value_heads": 1 if outside is True else 2}
    config = {"model_type": "llava", "text_config": inner, "num_key_value_heads": outside}
    if agree:
        assert loaded(config).stored(1) == 256
    else:
        assert "num_key_value_heads is True outside" in refused(config)

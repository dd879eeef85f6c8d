"""Published configurations, held to what transformers keeps of them: facts in real_files.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import kvcalc

TABLE = Path(__file__).parent / "real_files.yaml"
KINDS = {
    "F": "full_attention",
    "S": "sliding_attention",
    "L": "linear_attention",
    "C": "conv",
}
"""The letters of layer_types."""


class File(NamedTuple):
    """What a published file says of its cache, and what that cache is."""

    name: str
    fields: dict[str, Any]
    kept: dict[int, int]
    stored: dict[int, int]
    refused: bool


def _written_out(fields: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            value = _written_out(value)
        elif name == "layer_types" and isinstance(value, str):
            value = [KINDS[letter] for letter in value]
        elif name == "no_rope_layers" and isinstance(value, str):
            value = [int(digit) for digit in value]
        out[name] = value
    return out


def _files() -> list[File]:
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return [
        File(
            f"{repository.partition('@')[0]}/{name}",
            _written_out(row["fields"]),
            row.get("kept", {}),
            row.get("stored", {}),
            row.get("refused", False),
        )
        for repository, rows in table.items()
        for name, row in rows.items()
    ]


FILES = _files()
READ = [file for file in FILES if not file.refused]
REFUSED = [file for file in FILES if file.refused]


def written(file: File, folder: Path) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(file.fields), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("file", READ, ids=lambda file: file.name)
def test_a_published_file_is_read_and_right(file: File, tmp_path: Path) -> None:
    model = kvcalc.load(written(file, tmp_path))
    for context, size in file.stored.items():
        assert kvcalc.show(model, context, kv_dtype="bf16").stored == size
    for context, size in file.kept.items():
        answer = kvcalc.show(model, context, kv_dtype="bf16", engine="transformers")
        assert answer.reserved == size


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.name)
def test_what_has_no_cache_that_is_known_is_refused(file: File, tmp_path: Path) -> None:
    with pytest.raises(kvcalc.KvcalcError):
        kvcalc.load(written(file, tmp_path))


def test_every_row_has_a_fact() -> None:
    for file in FILES:
        assert file.refused != bool(file.kept or file.stored), file.name


@pytest.mark.parametrize(
    ("name", "context", "by_hand"),
    [
        # layers x K and V x KV heads x width x bytes x tokens
        ("inference-sim/inference-sim/llama-3.1-8b-instruct", 1000, 32 * 2 * 8 * 128 * 2 * 1000),
        ("sgl-project/ome/gemma_7b", 5000, 28 * 2 * 16 * 256 * 2 * 5000),
        ("sgl-project/SpecForge/qwen3.6-27b-dspark", 1000, 5 * 2 * 8 * 128 * 2 * 1000),
        ("sgl-project/SpecForge/deepseek-v3-671b-eagle3", 5000, 1 * 2 * 8 * 128 * 2 * 5000),
        # a window of 512 tokens, of which transformers keeps 511
        ("sgl-project/SpecForge/gemma3-1b-eagle3", 5000, 1 * 2 * 1 * 256 * 2 * 511),
        # 18 full layers, and 18 that slide over 128 tokens
        (
            "AI-Hypercomputer/maxtext/gpt_oss_120b_dict",
            5000,
            2 * 8 * 64 * 2 * (18 * 5000 + 18 * 127),
        ),
        # a latent of 512 and one RoPE key of 64 in each of four layers
        ("intel/intel-extension-for-pytorch/deepseekv3", 1000, 4 * (512 + 64) * 2 * 1000),
        # six full layers, ten convolutions of 2,048 channels that keep three columns
        (
            "jwalin-shah/voice-engine-swift/lfm2-1.2b-mlx-4bit",
            1000,
            6 * 2 * 8 * 64 * 2 * 1000 + 10 * 2048 * 3 * 2,
        ),
        # 48 layers of 4,096 channels: four columns of a convolution, and a state 16 wide in fp32
        ("fla-org/flame/mamba_1b", 64, 48 * 4096 * (4 * 2 + 16 * 4)),
        # of 32 layers six look at a picture alone (3, 8, .. 28), and none has been given
        (
            "aws-neuron/neuronx-distributed-inference/resources_multi_modal",
            1000,
            26 * 2 * 8 * 128 * 2 * 1000,
        ),
    ],
)
def test_what_was_measured_is_the_sum_written_out(name: str, context: int, by_hand: int) -> None:
    file = next(file for file in FILES if file.name == name)
    assert {**file.kept, **file.stored}[context] == by_hand

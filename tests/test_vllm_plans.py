"""429 plans and refusals of vLLM 0.33.0's own planner, on a CPU with the GPU described by stubs.

`vllm_plans.csv` has a line for each: what was asked, bytes of one sequence (of the dearest stage),
and the two numbers of the log for so many GiB; `refused` where vLLM does. 8,192 tokens a step and
an H100 unless its settings say otherwise.
"""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from tests.conftest import Cli

with (Path(__file__).parent / "vllm_plans.csv").open(encoding="utf-8", newline="") as lines:
    PLANS = list(csv.DictReader(lines))

WINDOWS = {"kind": "gqa", "kv_heads": 8, "window": 32_768}
GDN = {"kind": "gdn", "key_heads": 16, "state_heads": 32, "key_dim": 128, "value_dim": 128}
OTHERWISE: dict[str, dict[str, Any]] = {
    # a window in every layer, as its config.json says; the release interleaves them
    "ministral-8b-2410": {
        "architecture": "mistral",
        "heads": 32,
        "head_dim": 128,
        "layers": 36,
        "attention": WINDOWS,
    },
    # class defaults: no indexer is set
    "qwen4-exp-class-default": {
        "architecture": {"model_type": "qwen4_exp", "inner": "qwen4_exp_text"},
        "heads": 16,
        "head_dim": 256,
        "layers": {"count": 40, "pattern": ["gdn*3", "full"]},
        "attention": {
            "gdn": {**GDN, "conv_kernel": 4},
            "full": {"kind": "gqa", "kv_heads": 2},
        },
    },
    # class defaults: index keys pooled by 16, where the checkpoint's are by 4
    "glm-5.3-flash": {
        "architecture": {"model_type": "glm5_next", "inner": "glm5_next_text"},
        "heads": 64,
        "head_dim": 256,
        "layers": {"count": 45, "pattern": ["kda*3", "dsa"]},
        "attention": {
            "kda": {
                "kind": "kda",
                "state_heads": 64,
                "key_dim": 128,
                "value_dim": 128,
                "conv_kernel": 4,
            },
            "dsa": {
                "kind": "dsa",
                "latent_dim": 512,
                "rope_dim": 0,
                "index_heads": 32,
                "index_dim": 128,
                "top_k": 2_048,
                "index_every": 16,
            },
        },
    },
    "longcat-flash-lite-sparse": {
        "architecture": "longcat_flash_lite_sparse",
        "heads": 32,
        "head_dim": 128,
        "layers": 28,
        "attention": {"kind": "mla", "latent_dim": 512, "rope_dim": 64},
    },
}
"""Models as the configurations that vLLM was asked for have them, where the bundled ones differ."""


@cache
def model_of(name: str) -> kvcalc.Model:
    """The model of a line."""
    if name not in OTHERWISE:
        return kvcalc.load(name)
    return kvcalc.load({"name": name, "dtype": "bf16", **OTHERWISE[name]})


def asked(line: dict[str, str]) -> dict[str, Any]:
    """What a line asks."""
    settings = dict(word.split("=") for word in line["settings"].split())
    return {
        "context": int(line["context"] or 131_072),
        "engine": "vllm",
        "kv_dtype": line["kv_dtype"] or "auto",
        "mtp": "num_speculative_tokens" in settings,
        "settings": {"max_num_batched_tokens": "8192", **settings},
        "tp": int(line["tp"] or 1),
        "pp": int(line["pp"] or 1),
        "dcp": int(line["dcp"] or 1),
    }


NAMES = [" ".join(word for word in line.values() if word) for line in PLANS]


@pytest.mark.parametrize("line", PLANS, ids=NAMES)
def test_a_plan(line: dict[str, str]) -> None:
    model, memory = model_of(line["model"]), f"{line['memory_gib']}GiB"
    if line["reserved"] == "refused":
        with pytest.raises(UsageError):
            kvcalc.fit(model, memory=memory, **asked(line))
        return
    (row,) = kvcalc.fit(model, memory=memory, **asked(line)).rows
    assert row.reserved == int(line["reserved"])
    assert row.report
    assert row.report.capacity_tokens == int(line["tokens"])
    assert round(row.report.concurrency, 4) == float(line["concurrency"])


BUNDLED = [line for line in PLANS if line["model"] not in OTHERWISE and line["reserved"].isdigit()]


@pytest.mark.parametrize("line", BUNDLED[:: len(BUNDLED) // 20])
def test_the_command_line_says_the_same(line: dict[str, str], cli: Cli) -> None:
    asking = asked(line)
    args = ["fit", line["model"], "--engine", "vllm", "--memory", f"{line['memory_gib']}GiB"]
    for name in ("context", "tp", "pp", "dcp"):
        args += [f"--{name}", str(asking[name])]
    args += ["--kv-dtype", line["kv_dtype"]] if line["kv_dtype"] else []
    args += ["--mtp"] if asking["mtp"] else []
    for name, value in asking["settings"].items():
        args += ["-E", f"{name}={value}"]
    (row,) = json.loads(cli(*args, "--json").out)["rows"]
    assert row["reserved_bytes"] == int(line["reserved"])
    report = row["engine_report"]
    assert report["capacity_tokens"] == int(line["tokens"])
    assert round(report["concurrency"], 4) == float(line["concurrency"])


def test_every_plan_is_there() -> None:
    assert len(PLANS) == 429
    assert sum(line["reserved"] == "refused" for line in PLANS) == 13

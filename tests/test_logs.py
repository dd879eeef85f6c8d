"""What a server's log says otherwise than it is asked, and a log that comes through a pipe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kvcalc
from kvcalc.budget.ledger import read_ledger

WORKERS = """\
(Worker_TP0 pid=1) INFO [gpu_worker.py:298] Available KV cache memory: 55.15 GiB
(Worker_TP1 pid=2) INFO [gpu_worker.py:298] Available KV cache memory: 55.15 GiB
(EngineCore_DP0 pid=3) INFO [kv_cache_utils.py:864] GPU KV cache size: 903,504 tokens
(EngineCore_DP0 pid=3) INFO [kv_cache_utils.py:868] Maximum concurrency for 16,384 tokens per \
request: 55.14x
(Worker_TP0 pid=1) INFO [gpu_worker.py:391] Free memory on device (78.66/79.11 GiB) on startup. \
Desired GPU memory utilization is (0.9, 71.27 GiB). Actual usage is 14.08 GiB for weight, 1.97 GiB \
for peak activation, 0.07 GiB for non-torch memory, and 0.67 GiB for CUDAGraph memory. Current kv \
cache memory in use is 59212694937 bytes.
"""
"""59,212,694,937 B are 56,469.6 blocks of 16 x 65,536 B, half of Llama 3.1 8B: 903,504 tokens."""
OTHERS = "its layout, dtypes, settings or version are others"
# on one GPU they are 28,234 blocks, and of fp8 on two 112,939
LOGGED: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({"tp": 2}, ()),
    ({"tp": 2, "context": "16K"}, ()),
    (
        {},
        (
            "it names 2 ranks, and asked is of 1 GPU: say how they share the model, such as --tp",
            f"it has room for 903,504 tokens, and Llama 3.1 8B as asked for 451,744: {OTHERS}",
        ),
    ),
    (
        {"tp": 2, "kv_dtype": "fp8"},
        (f"it has room for 903,504 tokens, and Llama 3.1 8B as asked for 1,807,024: {OTHERS}",),
    ),
    # the server of the log takes 16,384
    ({"tp": 4, "settings": {"max_model_len": 8192}}, ("it names 2 ranks, and asked is of 4 GPUs",)),
    ({"tp": 2, "gpu": "h100"}, ()),
    (
        {"tp": 2, "gpu": "b200"},
        ("its GPU has 79.11 GiB, and NVIDIA B200 178.35 GiB: it is of another",),
    ),
    ({"tp": 2, "engine": None}, ()),
    (
        {"pp": 2, "engine": "llama.cpp"},
        ("it is a log of vllm, and asked is of llama.cpp, which leaves other sizes",),
    ),
)


@pytest.mark.parametrize(("asked", "told"), LOGGED)
def test_what_a_log_says_otherwise_is_noted(
    asked: dict[str, Any], told: tuple[str, ...], tmp_path: Path
) -> None:
    log = tmp_path / "vllm.log"
    log.write_text(WORKERS, encoding="utf-8")
    answer = kvcalc.fit("llama-3.1-8b", ledger=log, **{"engine": "vllm", "context": 8192, **asked})
    notes = [note.removeprefix(f"{log}: ") for note in answer.notes if note.startswith(str(log))]
    assert len(notes) == len(told)
    assert all(note.startswith(begun) for note, begun in zip(notes, told, strict=True))


def test_a_log_comes_through_standard_input_once(tmp_path: Path) -> None:
    def ran(*args: str, text: str = WORKERS) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kvcalc", "fit", *args]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    found = ran("llama-3.1-8b", "--ledger", "-", "--tp", "2", "-c", "8K", "--json")
    assert found.returncode == 0
    document = json.loads(found.stdout)
    assert document["query"]["ledger"] == "-"
    assert document["rows"][0]["cache_bytes_available"] == 59_212_694_937
    for twice in (("-",), ("llama-3.1-8b", "--draft", "-")):
        found = ran(*twice, "--ledger", "-")
        assert (found.returncode, found.stdout) == (2, "")
        assert found.stderr == (
            "Error: - is named twice, and standard input can be read once: name a file\n"
        )
    found = ran("llama-3.1-8b", "--ledger", "-", text="")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("-: no line of it says what is left for the cache")
    # a path of that name is a file
    with pytest.raises(kvcalc.InputError, match="cannot be read: No such file"):
        kvcalc.fit("llama-3.1-8b", ledger=Path("-"))


LEFT = "INFO [gpu_worker.py:298] Available KV cache memory: 10.65 GiB\n"
POOL = "KV Cache is allocated. #tokens: 9, KV size: 160.63 GB\n"


@pytest.mark.parametrize(
    ("text", "ranks"),
    [
        (LEFT, None),
        (f"(EngineCore_DP0 pid=1) {LEFT}", None),
        (f"(Worker_TP0 pid=1) {LEFT}", None),  # of how many it is one nobody knows
        (f"(Worker_TP0_EP0 pid=1) {LEFT}(Worker_TP3_EP3 pid=4) {LEFT}", 4),
        (f"(Worker_PP1_TP3 pid=1) {LEFT}", 8),
        (f"(EngineCore_DP7 pid=1) {LEFT}", 8),
        (f"(Worker_DP1_TP10 pid=1) {LEFT}", 22),
        (f"(VllmWorker rank=1 pid=1) {LEFT}", 2),
        (f"[2026-05-24 00:52:54] {POOL}", None),
        (f"[2026-05-24 00:52:54 TP0] {POOL}[2026-05-24 00:52:54 TP7] {POOL}", 8),
        (f"[2026-05-24 00:52:54 DP3 TP3 EP3] {POOL}", 4),
        (f"[2026-05-24 00:52:54 PP1 TP3] {POOL}", 8),
    ],
)
def test_the_ranks_that_a_log_names(text: str, ranks: int | None) -> None:
    assert read_ledger(text, "log").ranks == ranks

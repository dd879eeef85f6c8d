"""Ollama: llama.cpp by the defaults that its source states (v0.33.0-rc2, fb30760, 2026-08-21).

llm/llama_server.go starts llama-server with `-c`, `-np`, `-b` and `-ub`, so that slots never share
cells; server/sched.go says how many tokens a batch has and which architectures have one slot. It
brings llama.cpp b10488; what is counted is the version that the engine beside this one models.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.engines.llama_cpp.launcher import Launcher
from kvcalc.engines.llama_cpp.planning import plan_of
from kvcalc.engines.llama_cpp.settings import SETTINGS as OWN
from kvcalc.engines.llama_cpp.settings import VERSION as LIBRARY

if TYPE_CHECKING:
    from kvcalc.engines.llama_cpp.plan import LlamaPlan
    from kvcalc.model import Model
    from kvcalc.question import Question

VERSION = f"0.33.0-rc2 with llama.cpp {LIBRARY}"

BATCHES = ((4096, 512), (32_768, 1024), (32_769, 2048))
"""server/sched.go:870."""
BY_CELLS = "512 up to n_ctx 4096, 1024 up to 32768, else 2048"
DEFAULTS = {"n_batch": BY_CELLS, "n_ubatch": BY_CELLS}

SETTINGS = tuple(replace(one, default=DEFAULTS.get(one.name, one.default)) for one in OWN)

OLLAMA = Launcher(
    "ollama",
    SETTINGS,
    BATCHES,
    # server/sched.go:497
    frozenset(
        """
        lfm2 lfm2moe nemotron_h nemotron_h_moe qwen35 qwen35moe qwen3next qwen3vl qwen3vlmoe
        """.split()  # noqa: SIM905
    ),
    "ollama takes smaller batches where memory is short: windows keep less then",
    server=False,
)


def plan(model: Model, question: Question) -> LlamaPlan:
    """How llama.cpp keeps a model as Ollama starts it. Raises UsageError."""
    return plan_of(model, question, OLLAMA)

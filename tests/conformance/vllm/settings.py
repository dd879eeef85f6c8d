"""What is asked of both: a setting in vLLM's own names, and grids of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

Value = bool | int | str


@dataclass(frozen=True)
class Setting:
    """How a server is started; what is not said is left to vLLM, and to kvcalc, by default.

    context  max_model_len; None is the longest that the model is made for
    options  everything else, by the names that both take it by
    """

    tp: int = 1
    pp: int = 1
    dcp: int = 1
    kv_dtype: str = "auto"
    context: int | None = None
    memory_gib: int = 40
    options: dict[str, Value] = field(default_factory=dict)

    def as_asked(self) -> dict[str, Any]:
        """The setting as the planner reads it."""
        asked = asdict(self)
        if (context := asked.pop("context")) is not None:
            asked["options"]["max_model_len"] = context
        return asked

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self._said()) or "as it is"

    def _said(self) -> Iterator[tuple[str, Value]]:
        for own in fields(self):
            value = getattr(self, own.name)
            if own.name != "options" and value != own.default:
                yield own.name, value
        yield from self.options.items()


STEADY: dict[str, Value] = {
    "max_num_batched_tokens": 1,
    "max_num_seqs": 1,
    "async_scheduling": False,
}
"""One token in flight: what decoding keeps, once no prompt is being read."""

NO_PREFIXES: dict[str, Value] = {"enable_prefix_caching": False}
WIDE_STATES: dict[str, Value] = {"mamba_ssm_cache_dtype": "float32"}

SMALL = (
    Setting(),
    Setting(kv_dtype="fp8", tp=2),
    Setting(pp=2),
    Setting(options=STEADY),
)

FULL = (
    *(Setting(kv_dtype=dtype, tp=tp) for dtype in ("auto", "fp8") for tp in (1, 2, 4, 8)),
    *(Setting(pp=stages) for stages in (2, 4)),
    Setting(kv_dtype="fp8", tp=2, pp=2),
    Setting(context=5_003),
    Setting(options=STEADY),
    Setting(options={"async_scheduling": False}),
    Setting(kv_dtype="fp8", options={"max_num_batched_tokens": 2_048}),
    Setting(options={"block_size": 64}),
    Setting(options=NO_PREFIXES),
    Setting(kv_dtype="fp8", tp=2, options=NO_PREFIXES),
    Setting(options=WIDE_STATES),
    Setting(tp=4, options={**WIDE_STATES, **NO_PREFIXES}),
    Setting(tp=4, dcp=4),
    Setting(tp=8, dcp=8),
    Setting(kv_dtype="fp8", tp=8, dcp=2),
    Setting(options={"num_speculative_tokens": 1}),
    Setting(kv_dtype="fp8", options={"num_speculative_tokens": 3}),
)

GRIDS = {"small": SMALL, "full": FULL}

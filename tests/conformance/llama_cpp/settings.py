"""What is asked of both: settings of a context, by the names that kvcalc takes, and grids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Value = bool | int | str

OWN_NAMES = {"n_parallel": "n_seq_max"}
"""What llama.cpp's options call otherwise than the structure that they end in."""


@dataclass(frozen=True)
class Setting:
    """How a context is made; what is not said is left to both, by default.

    n_ctx    cells, as `-c` of llama-server has it: all slots together
    type_k   and type_v: what keys and values are stored in
    mtp      a context of the MTP layers alone
    options  everything else, by the names of llama.cpp's options
    """

    n_ctx: int
    type_k: str = "f16"
    type_v: str = "f16"
    mtp: bool = False
    options: dict[str, Value] = field(default_factory=dict)

    @classmethod
    def recorded(cls, settings: Mapping[str, Any]) -> Setting:
        """The setting that a row of recorded answers was asked with."""
        rest = dict(settings)
        n_ctx, mtp = rest.pop("n_ctx"), bool(rest.pop("ctx_type", 0))
        key, value = (rest.pop(name, "f16") for name in ("type_k", "type_v"))
        ours = {own: name for name, own in OWN_NAMES.items()}
        return cls(n_ctx, key, value, mtp, {ours.get(name, name): rest[name] for name in rest})

    def as_asked(self) -> dict[str, Any]:
        """The setting as the library reads it."""
        asked: dict[str, Any] = {"n_ctx": self.n_ctx, "type_k": self.type_k, "type_v": self.type_v}
        asked |= {"ctx_type": 1} if self.mtp else {}
        return asked | {OWN_NAMES.get(name, name): value for name, value in self.options.items()}

    def arguments(self) -> list[str]:
        """The setting as kvcalc reads it."""
        kinds = [self.type_k] if self.type_k == self.type_v else [self.type_k, self.type_v]
        given = ["-c", str(self.n_ctx), "-E", f"n_ctx={self.n_ctx}"]
        given += ["--kv-dtype", "/".join(kinds)] if kinds != ["f16"] else []
        given += ["--mtp"] if self.mtp else []
        for name, value in self.options.items():
            given += ["-E", f"{name}={str(value).lower()}"]
        return given

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self._said())

    def _said(self) -> Iterator[tuple[str, Value]]:
        yield "n_ctx", self.n_ctx
        for name in ("type_k", "type_v"):
            if (kind := getattr(self, name)) != "f16":
                yield name, kind
        if self.mtp:
            yield "mtp", True
        yield from self.options.items()


UNIFIED: dict[str, Value] = {"n_parallel": 4, "kv_unified": True}
"""What llama-server starts with."""

SMALL = (
    Setting(32_768),
    Setting(5_000, options={"n_parallel": 3}),
    Setting(32_768, "q8_0", "q4_0"),
)

FULL = (
    *(Setting(cells) for cells in (4_096, 32_768, 131_072)),
    Setting(5_000, options={"n_parallel": 3}),
    Setting(32_768, options=UNIFIED),
    Setting(32_768, options={"n_parallel": 4}),
    Setting(32_768, options={"n_ubatch": 2_048}),
    Setting(32_768, options={"swa_full": True}),
    Setting(32_768, options={"flash_attn": "off"}),
    Setting(32_768, "q8_0", "q8_0"),
    Setting(32_768, "q8_0", "q4_0"),
    Setting(32_768, "q8_0", "q8_0", options={"flash_attn": "off"}),
    Setting(4_096, options={"n_rs_seq": 4}),
    Setting(4_096, options={"n_rs_seq": 4, **UNIFIED}),
)

GRIDS = {"small": SMALL, "full": FULL}

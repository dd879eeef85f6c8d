"""Attention schemes, one file per family, and the table of kinds that YAML may name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme

_HOMES = {
    "mha": "heads.MHA",
    "gqa": "heads.GQA",
    "mqa": "heads.MQA",
    "mfa": "heads.MFA",
    "mla": "mla.MLA",
    "dsa": "sparse.DSA",
    "block_sparse": "sparse.BlockSparse",
    "shared_kv": "compressed.SharedKV",
    "hca": "compressed.HCA",
    "csa": "compressed.CSA",
    "csa2_swa": "compressed.CSA2Window",
    "csa2": "compressed.CSA2",
    "mamba1": "recurrent.Mamba1",
    "mamba2": "recurrent.Mamba2",
    "gdn": "recurrent.GatedDeltaNet",
    "kda": "recurrent.KDA",
    "lightning": "recurrent.Lightning",
    "shortconv": "recurrent.ShortConv",
    "rglru": "recurrent.RGLRU",
    "rwkv7": "recurrent.RWKV7",
    "mlstm": "recurrent.MLSTM",
    "custom": "custom.Custom",
}


@cache
def _scheme(kind: str) -> type[Scheme]:
    module, _, name = _HOMES[kind].partition(".")
    scheme: type[Scheme] = getattr(import_module(f"{__name__}.{module}"), name)
    return scheme


class _Kinds(Mapping[str, "type[Scheme]"]):
    """A family's file is imported when one of its kinds is asked for."""

    def __getitem__(self, kind: str) -> type[Scheme]:
        return _scheme(kind)

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)

    def __contains__(self, kind: object) -> bool:
        return kind in _HOMES


KINDS: Mapping[str, type[Scheme]] = _Kinds()
"""By `kind`, in the order in which their rows stand in a table."""

BESIDE = ("mha", "gqa", "mqa")
"""The kinds that stand beside any model unasked."""

PREFERRED = ("mha", "mqa", "gqa")
"""Which name a row goes by where several fit, by the contract of `compare`."""

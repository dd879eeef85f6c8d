"""Attention schemes, one file per family, and the table of kinds that YAML may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.attention.compressed import CSA, HCA, SharedKV
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA, MFA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.recurrent import (
    KDA,
    MLSTM,
    RGLRU,
    RWKV7,
    GatedDeltaNet,
    Lightning,
    Mamba1,
    Mamba2,
    ShortConv,
)
from kvcalc.attention.sparse import DSA, BlockSparse

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme

_SCHEMES: tuple[type[Scheme], ...] = (
    MHA,
    GQA,
    MQA,
    MFA,
    MLA,
    DSA,
    BlockSparse,
    SharedKV,
    HCA,
    CSA,
    Mamba1,
    Mamba2,
    GatedDeltaNet,
    KDA,
    Lightning,
    ShortConv,
    RGLRU,
    RWKV7,
    MLSTM,
    Custom,
)

KINDS: dict[str, type[Scheme]] = {scheme.kind: scheme for scheme in _SCHEMES}
"""By `kind`, in the order in which their rows stand in a table."""

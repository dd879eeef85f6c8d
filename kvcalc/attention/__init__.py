"""Attention schemes, one file per family, and the table of kinds that YAML may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcalc.attention.custom import Custom
from kvcalc.attention.dsa import DSA
from kvcalc.attention.heads import GQA, MHA, MQA
from kvcalc.attention.mla import MLA

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme

KINDS: dict[str, type[Scheme]] = {
    scheme.kind: scheme
    for scheme in (
        MHA,
        GQA,
        MQA,
        MLA,
        DSA,
        Custom,
    )
}
"""By `kind`, in the order in which their rows stand in a table."""

__all__ = ["DSA", "GQA", "KINDS", "MHA", "MLA", "MQA", "Custom"]

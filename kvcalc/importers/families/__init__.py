"""The table of families: who reads which `model_type`, each named in one place."""

from __future__ import annotations

from kvcalc.importers.families.cohere import COHERE
from kvcalc.importers.families.compressed import COMPRESSED
from kvcalc.importers.families.convolution import CONVOLUTION
from kvcalc.importers.families.custom import CUSTOM
from kvcalc.importers.families.encoders import ENCODERS
from kvcalc.importers.families.heads import HEADS
from kvcalc.importers.families.latent import LATENT
from kvcalc.importers.families.linear import LINEAR_ATTENTION
from kvcalc.importers.families.mamba import MAMBA
from kvcalc.importers.families.plain import PLAIN
from kvcalc.importers.families.recurrent import RECURRENT
from kvcalc.importers.families.special import SPECIAL
from kvcalc.importers.families.windowed import WINDOWED

TABLE = (
    *PLAIN,
    *CUSTOM,
    *WINDOWED,
    *COHERE,
    *LATENT,
    *COMPRESSED,
    *LINEAR_ATTENTION,
    *MAMBA,
    *CONVOLUTION,
    *RECURRENT,
    *ENCODERS,
    *SPECIAL,
    *HEADS,
)

FAMILIES = {name: family for family in TABLE for name in family.types}
"""By `model_type`."""

MARKS = {mark: family for family in TABLE for mark in family.marks}
"""By fields that only one family has together, for files without `model_type`."""

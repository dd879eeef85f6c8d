"""Tensors written straight into YAML, for schemes that have no class (yet)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from kvcalc.attention.base import Scheme, Shape
from kvcalc.attention.bounds import Count
from kvcalc.cache import CacheTensor


@dataclass(frozen=True, kw_only=True)
class Custom(Scheme):
    """Whatever its author wrote: the tensors of one layer, one by one."""

    kind: ClassVar[str] = "custom"

    tensors: Annotated[tuple[CacheTensor, ...], "the tensors that one layer keeps"]
    heads: Annotated[Count | None, "query heads, for the what-if rows"] = None
    head_dim: Annotated[Count | None, "width of one head, for the what-if rows"] = None

    @property
    def shape(self) -> Shape | None:
        if self.heads is None or self.head_dim is None:
            return None
        return Shape(self.heads, self.head_dim, self.head_dim, self.dtype)

    def expand(self) -> tuple[CacheTensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.role != "carry")

    def left_over(self) -> tuple[CacheTensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.role == "carry")

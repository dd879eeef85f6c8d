"""Attention that keeps a key and a value per KV head: MHA, GQA, MQA, MFA."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Annotated, ClassVar

from kvcalc.attention.base import KeyedAttention, Offer, Scheme
from kvcalc.attention.bounds import Count
from kvcalc.cache import CacheTensor
from kvcalc.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class _PerHead(KeyedAttention):
    """K [kv heads, key_dim] and V [kv heads, value_dim] per token."""

    key_dim: Annotated[Count | None, "width of one key head, where it is not head_dim"] = None

    @property
    @abstractmethod
    def stored_heads(self) -> int:
        """Key/value heads that are kept."""

    def entries(self) -> tuple[CacheTensor, ...]:
        shape, heads = self.shape, self.stored_heads
        return (
            CacheTensor(
                "k", "k", shape.key_dim, self.extent, heads, macs=self.heads * shape.key_dim
            ),
            CacheTensor(
                "v", "v", shape.value_dim, self.extent, heads, macs=self.heads * shape.value_dim
            ),
        )


class MHA(_PerHead):
    """Multi-head attention: every query head keeps its own key and value.

    Vaswani et al. 2017, arXiv 1706.03762, section 3.2.2.
    """

    kind: ClassVar[str] = "mha"

    @property
    def stored_heads(self) -> int:
        return self.heads


@dataclass(frozen=True, kw_only=True)
class GQA(_PerHead):
    """Grouped-query attention: `kv_heads` groups of query heads share a key and a value each.

    Ainslie et al. 2023, arXiv 2305.13245, section 2.2; kv_heads is the paper's number of groups G.
    """

    kind: ClassVar[str] = "gqa"
    aliases: ClassVar[Mapping[str, str]] = {"groups": "kv_heads"}

    kv_heads: Annotated[Count, "key/value heads, the number of groups G in the GQA paper"]

    def problems(self) -> Sequence[Problem]:
        if self.heads % self.kv_heads:
            text = f"{self.kv_heads} kv_heads (groups) do not divide {self.heads} query heads"
            hint = (
                "groups means the number of key/value heads (G in the GQA paper), not the query "
                f"heads in a group: {_nearest_divisors(self.heads, self.kv_heads)} would divide"
            )
            return [Problem(text, hint, ("kv_heads",)), *super().problems()]
        return super().problems()

    @property
    def stored_heads(self) -> int:
        return self.kv_heads

    @property
    def variant(self) -> str:
        return str(self.kv_heads)

    @property
    def detail(self) -> str:
        return f", {self.kv_heads} group{'s' if self.kv_heads > 1 else ''}"

    @classmethod
    def offered(cls, native: Sequence[Scheme], heads: Sequence[int]) -> Offer:
        own = {scheme.kv_heads if isinstance(scheme, GQA) else 0 for scheme in native}
        if len(own) == 1 and 0 not in own and not any(h % next(iter(own)) for h in heads):
            return {"kv_heads": own.pop()}
        fitting = [n for n in range(2, 9) if all(h % n == 0 and n < h for h in heads)]
        if not fitting:
            counts = ", ".join(str(h) for h in sorted(set(heads)))
            return f"no gqa row: no number of groups from 2 to 8 divides {counts} query heads"
        return {"kv_heads": fitting[-1]}


def _nearest_divisors(heads: int, wanted: int) -> str:
    small = [n for n in range(1, isqrt(heads) + 1) if heads % n == 0]
    divisors = sorted({*small, *(heads // n for n in small)})
    below = [n for n in divisors if n < wanted][-1:]
    above = [n for n in divisors if n > wanted][:1]
    return " or ".join(str(n) for n in below + above)


class MQA(_PerHead):
    """Multi-query attention: one key and one value, shared by all query heads.

    Shazeer 2019, arXiv 1911.02150, section 3.
    """

    kind: ClassVar[str] = "mqa"

    @property
    def stored_heads(self) -> int:
        return 1


class MFA(MQA):
    """Multi-matrix factorization attention: many wide query heads over one key and one value.

    The query's low-rank factors are not cached. Step-3, arXiv 2507.19427, section 3.
    """

    kind: ClassVar[str] = "mfa"

"""Layers that remember in a state of fixed size: state-space models, linear attention, gated RNNs.

The ideal keeps states in fp32 and convolutions in the model's dtype, unless `state_dtype` pins the
state. A convolution of `conv_kernel` taps remembers conv_kernel - 1 columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

from kvcalc.attention.base import Scheme
from kvcalc.attention.bounds import Count, CountOrZero
from kvcalc.cache import CacheTensor
from kvcalc.extents import Fixed, ReadWrite
from kvcalc.formats import FP32, Format

ConvKernel = Annotated[CountOrZero, "taps of the short convolution before the state; 0: none"]


@dataclass(frozen=True, kw_only=True)
class Recurrent(Scheme):
    """What all of them share: a state that is read and written back at every step."""

    passes: ClassVar[int] = 2
    """Multiply-adds per element of the state and step: one to update it, one to read it out."""

    state_dtype: Annotated[Format | None, "dtype of the state, where the model pins it"] = None

    def plain(self) -> Self:
        return replace(super().plain(), state_dtype=self.state_dtype or FP32)

    def state(self, heads: int, width: int, name: str = "state") -> CacheTensor:
        """A recurrent state of `heads` x `width` elements."""
        return CacheTensor(
            name,
            "state",
            width,
            Fixed(),
            heads,
            self.state_dtype,
            ReadWrite(),
            macs=self.passes * heads * width,
        )


def conv(parts: int, kernel: int, width: int = 1, name: str = "conv") -> tuple[CacheTensor, ...]:
    """The last `kernel` - 1 inputs of a causal convolution, a column per token.

    Its channels are `parts` x `width`, of which ranks take whole parts: single channels, unless
    some belong together. One of a single tap remembers none, but is there: an engine may keep a
    column of it.
    """
    if not kernel:
        return ()
    columns, channels = Fixed(kernel - 1), parts * width
    return (CacheTensor(name, "conv", width, columns, parts, reads=ReadWrite(), macs=channels),)


@dataclass(frozen=True, kw_only=True)
class Mamba1(Recurrent):
    """Selective state space: state [inner_dim, state_dim], convolution over inner_dim channels.

    Gu and Dao 2023, arXiv 2312.00752, section 3.
    """

    kind: ClassVar[str] = "mamba1"

    inner_dim: Annotated[Count, "channels (expand x hidden size)"]
    state_dim: Annotated[Count, "state per channel, N"]
    conv_kernel: ConvKernel

    def expand(self) -> tuple[CacheTensor, ...]:
        return (self.state(self.inner_dim, self.state_dim), *conv(self.inner_dim, self.conv_kernel))


@dataclass(frozen=True, kw_only=True)
class Mamba2(Recurrent):
    """State-space duality: state [state_heads, state_head_dim, state_dim].

    The convolution covers x, B and C: state_heads x state_head_dim + 2 x state_groups x state_dim
    channels. They are two tensors, as ranks split x by heads, and B with C by groups. Dao and Gu
    2024, arXiv 2405.21060, sections 6 and 7; split in 8.1.
    """

    kind: ClassVar[str] = "mamba2"

    state_heads: Annotated[Count, "heads of the state"]
    state_head_dim: Annotated[Count, "width of one head, P"]
    state_dim: Annotated[Count, "state per channel, N"]
    state_groups: Annotated[Count, "groups that share B and C"]
    conv_kernel: ConvKernel

    def expand(self) -> tuple[CacheTensor, ...]:
        return (
            self.state(self.state_heads, self.state_head_dim * self.state_dim),
            *conv(self.state_heads, self.conv_kernel, self.state_head_dim, "conv_x"),
            *conv(self.state_groups, self.conv_kernel, 2 * self.state_dim, "conv_bc"),
        )


@dataclass(frozen=True, kw_only=True)
class GatedDeltaNet(Recurrent):
    """Gated DeltaNet: state [state_heads, value_dim, key_dim], convolution over Q, K and V.

    Yang et al. 2024, arXiv 2412.06464, section 3; transformers 5.24.0, models/qwen3_next.
    """

    kind: ClassVar[str] = "gdn"
    passes: ClassVar[int] = 3  # the delta rule looks a key up before it corrects the state

    key_heads: Annotated[Count, "query and key heads"]
    state_heads: Annotated[Count, "value heads, which own the state"]
    key_dim: Annotated[Count, "width of one key head"]
    value_dim: Annotated[Count, "width of one value head"]
    conv_kernel: ConvKernel

    def expand(self) -> tuple[CacheTensor, ...]:
        channels = 2 * self.key_heads * self.key_dim + self.state_heads * self.value_dim
        state = self.state(self.state_heads, self.value_dim * self.key_dim)
        return (state, *conv(channels, self.conv_kernel))


@dataclass(frozen=True, kw_only=True)
class KDA(Recurrent):
    """Kimi delta attention: state [state_heads, key_dim, value_dim], convolutions for Q, K, V.

    Kimi Linear, arXiv 2510.26692, section 3.
    """

    kind: ClassVar[str] = "kda"
    passes: ClassVar[int] = 3  # the delta rule looks a key up before it corrects the state

    state_heads: Annotated[Count, "heads of the state"]
    key_dim: Annotated[Count, "width of one key head"]
    value_dim: Annotated[Count, "width of one value head"]
    conv_kernel: ConvKernel

    def expand(self) -> tuple[CacheTensor, ...]:
        channels = self.state_heads * (2 * self.key_dim + self.value_dim)
        state = self.state(self.state_heads, self.key_dim * self.value_dim)
        return (state, *conv(channels, self.conv_kernel))


@dataclass(frozen=True, kw_only=True)
class Lightning(Recurrent):
    """Lightning attention: the KV product [state_heads, key_dim, value_dim] and nothing else.

    Qin et al. 2024, arXiv 2401.04658, section 3; MiniMax-01, arXiv 2501.08313, section 2.
    """

    kind: ClassVar[str] = "lightning"

    state_heads: Annotated[Count, "heads of the state"]
    key_dim: Annotated[Count, "width of one key head"]
    value_dim: Annotated[Count, "width of one value head"]

    def expand(self) -> tuple[CacheTensor, ...]:
        return (self.state(self.state_heads, self.key_dim * self.value_dim),)


@dataclass(frozen=True, kw_only=True)
class ShortConv(Scheme):
    """A gated short convolution alone, over `channels`.

    LFM2: transformers 5.24.0, models/lfm2/modeling_lfm2.py, Lfm2ShortConv.
    """

    kind: ClassVar[str] = "shortconv"

    channels: Annotated[Count, "channels of the convolution"]
    conv_kernel: Annotated[Count, "taps of the convolution"]

    def expand(self) -> tuple[CacheTensor, ...]:
        return conv(self.channels, self.conv_kernel)


@dataclass(frozen=True, kw_only=True)
class RGLRU(Recurrent):
    """Real-gated linear recurrent unit: one state per channel, behind a short convolution.

    Griffin, De et al. 2024, arXiv 2402.19427, section 2.4.
    """

    kind: ClassVar[str] = "rglru"
    passes: ClassVar[int] = 1  # the state is the output

    channels: Annotated[Count, "width of the recurrence (lru_width)"]
    conv_kernel: ConvKernel

    def expand(self) -> tuple[CacheTensor, ...]:
        return (self.state(self.channels, 1), *conv(self.channels, self.conv_kernel))


@dataclass(frozen=True, kw_only=True)
class RWKV7(Recurrent):
    """State [state_heads, state_head_dim, state_head_dim], and the last input of two token shifts.

    Peng et al. 2025, arXiv 2503.14456, section 4: time mixing and channel mixing shift once each.
    """

    kind: ClassVar[str] = "rwkv7"
    passes: ClassVar[int] = 3  # the delta rule looks a key up before it corrects the state

    state_heads: Annotated[Count, "heads of the state"]
    state_head_dim: Annotated[Count, "width of one head"]
    hidden_dim: Annotated[Count, "width of the residual stream that the token shifts keep"]

    def expand(self) -> tuple[CacheTensor, ...]:
        shift = CacheTensor(
            "shift", "shift", self.hidden_dim, Fixed(2), reads=ReadWrite(), macs=self.hidden_dim
        )
        return (self.state(self.state_heads, self.state_head_dim**2), shift)


@dataclass(frozen=True, kw_only=True)
class MLSTM(Recurrent):
    """mLSTM: matrix memory [key_dim, value_dim], normaliser [key_dim] and stabiliser per head.

    xLSTM, Beck et al. 2024, arXiv 2405.04517, section 2.3.
    """

    kind: ClassVar[str] = "mlstm"

    state_heads: Annotated[Count, "heads of the state"]
    key_dim: Annotated[Count, "width of one query or key head"]
    value_dim: Annotated[Count, "width of one value head"]

    def expand(self) -> tuple[CacheTensor, ...]:
        return (
            self.state(self.state_heads, self.key_dim * self.value_dim, "memory"),
            self.state(self.state_heads, self.key_dim, "normaliser"),
            self.state(self.state_heads, 1, "stabiliser"),
        )

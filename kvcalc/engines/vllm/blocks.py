"""How many tokens a block has: what the attention backends of a GPU take, and what a state needs.

vllm/platforms/cuda.py has the backends by priority, interface.py (from line 690) what they make of
the size of a block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from kvcalc.engines.vllm.dtypes import bytes_of
from kvcalc.engines.vllm.settings import ALIGN, AUTO
from kvcalc.engines.vllm.states import exports, state_spec, whole_spec
from kvcalc.engines.vllm.target import has_state
from kvcalc.errors import UsageError
from kvcalc.parallel.tensors import heads_of_rank

if TYPE_CHECKING:
    from kvcalc.cache import CacheTensor
    from kvcalc.engines.vllm.target import Target

DEFAULT, KERNEL = 16, 16
SPARSE = 64
WIDEST = 512
MLA_LEAST = 128
POOLED_KERNEL = 32
"""Index keys of one kernel block of a pooled index."""
PREFIX_WIDTHS = (256, 512)
ENDS = 2
"""Layers at either end that packed dtypes leave in the model's own."""
HALF_BYTES = 2
NGRAMS = 9 * 8_192 * HALF_BYTES
"""Bytes of Qwen4's convolution of n-grams, of the class's own sizes."""

BACKENDS = {
    "FLASH_ATTN": 16,
    "FLASHINFER": 16,
    "TRITON_ATTN": 16,
    "FLASH_ATTN_MLA": 16,
    "TRITON_MLA": 16,
    "FLASHINFER_MLA": 32,
    "FLASHMLA": 64,
    "CUTLASS_MLA": 128,
}
"""The least tokens of a block that each takes; those for latents have MLA in their names."""


@dataclass(frozen=True)
class Sizing:
    """The size of a block of one model. Raises UsageError where there is none."""

    target: Target

    @cached_property
    def block(self) -> int:
        """Tokens of a block of attention."""
        block = self._holding_states if self.target.hybrid else self.least
        return self._holding_unpacked(block) if self._mixed else block

    @cached_property
    def page(self) -> int:
        """Bytes of a block of one layer of attention, as states, and skipped layers, are padded."""
        return self.block * (self._pair if self._mixed else self.one)

    @cached_property
    def least(self) -> int:
        """The block that is asked for, or the least that every backend takes."""
        asked = self.target.settings.block_size or self.target.rules.block
        return asked or _least(self.target)

    @cached_property
    def skipped(self) -> frozenset[str]:
        """Layers that stay in the model's dtype: those asked for, and the ends with packed dtypes.

        Not in hybrids (quantization/turboquant/config.py, get_boundary_skip_layers).
        """
        target, asked = self.target, self.target.settings.skip
        if not target.dtype.packed or target.hybrid or not target.attends:
            return asked
        trunk = len(target.model.layers) - target.model.predicting
        kept = min(ENDS, trunk // 2)
        return asked | {str(n) for n in (*range(kept), *range(trunk - kept, trunk))}

    @cached_property
    def one(self) -> int:
        """Bytes of a token in one layer of attention, as the planner takes them for all layers."""
        return bytes_of(self._entries, self.target.dtype.layout)

    @cached_property
    def _entries(self) -> list[CacheTensor]:
        """What one layer of attention keeps of a token on a rank."""
        scheme = next(scheme for scheme in self.target.own_schemes if not has_state(scheme))
        if self.target.latents:
            return [tensor for tensor in scheme.kept if tensor.role in ("latent", "rope")]
        pair = [t for t in (scheme.expanded or scheme).kept if t.role in ("k", "v")]
        return [replace(t, heads=heads_of_rank(t, self.target.ranks.tp)) for t in pair]

    @cached_property
    def _holding_states(self) -> int:
        """As many tokens as take the bytes of a state, in the steps that all backends take."""
        target, state = self.target, self._largest_state
        block = self._holding(state)
        without = target.is_of("qwen4_exp") and not any(map(target.is_whole, target.schemes))
        if without and block != self._holding(max(state, NGRAMS)):
            text = "blocks hold a state of n-grams, whose sizes are not known without such layers"
            raise UsageError(f"vllm: {text}; ask for a smaller --tp")
        return block

    def _holding(self, state: int) -> int:
        step = max(self.least, DEFAULT)
        if self.target.latents:
            step = max(step, MLA_LEAST)
        step = math.lcm(step, self._export or 1)
        block = step * -(-state // (step * self.one))
        pooled = POOLED_KERNEL * self.target.pools if self.target.sparse else 1
        # of the backends' own blocks, whatever is asked for (interface.py:1060)
        kernels = math.lcm(_least(self.target), pooled)
        return max(kernels * -(-block // kernels), self.least)

    @cached_property
    def _largest_state(self) -> int:
        target = self.target
        # of the class: kimi_linear's says what is set, and its layers do not
        rules = replace(target.rules, states_follow=target.rules.blocks_follow)
        keeping = (rules, target.settings, target.ranks.tp)
        states = [scheme for scheme in target.schemes if has_state(scheme)]
        whole = [scheme for scheme in states if target.is_whole(scheme)]
        found = [state_spec(s, s.kept, *keeping).content for s in states if s not in whole]
        beside = (target.sharded_state, rules, target.settings)
        return max(found + [whole_spec(s.kept[0], *beside)[0].content for s in whole])

    @cached_property
    def _export(self) -> int | None:
        """Between how many tokens all states can be exported; None where that is not done."""
        target = self.target
        if target.settings.mode != ALIGN:
            return None
        states = [s for s in target.schemes if has_state(s) and not target.is_whole(s)]
        found = [exports(scheme, target.rules, target.settings) for scheme in states]
        return None if None in found else math.lcm(*(each for each in found if each))

    @cached_property
    def _mixed(self) -> bool:
        """Whether layers may be left in the model's own dtype (interface.py:821)."""
        if self.skipped and self.target.dtype.packed and self.target.hybrid:
            text = "packed layers beside states and layers that are left out"
            raise UsageError(f"vllm: {text} are not modelled; leave kv_cache_dtype_skip_layers out")
        return bool(self.skipped) and self.target.dtype.quantized and self.target.attends

    @cached_property
    def _pair(self) -> int:
        """Bytes of a token as if kept as a key and a value, which latents are not."""
        return 2 * self.one if self.target.latents else self.one

    def _holding_unpacked(self, block: int) -> int:
        """As many tokens as take the bytes of a kernel's block in the model's own dtype."""
        elements = sum((tensor.heads or 1) * tensor.width for tensor in self._entries)
        # what is packed counts as a byte an element here, whatever it is packed to
        one = elements if self.target.dtype.packed else self._pair
        sides, kernel = (2, _least(self.target)) if self.target.latents else (1, KERNEL)
        return block * -(-sides * HALF_BYTES * elements * kernel // (block * one))


def _least(target: Target) -> int:
    """The least block that every backend takes, of those that a GPU has."""
    gpu, backend = target.settings.gpu, target.settings.backend
    if backend != AUTO:
        if target.latents != backend.endswith("MLA") or target.sparse:
            text = f"attention_backend {backend} is not for what {target.model.name} attends with"
            raise UsageError(f"vllm: {text}; leave it out")
        return BACKENDS[backend]
    if target.sparse:
        if gpu.family < 9:
            text = f"no backend of the {gpu.name} has sparse latents; -E gpu=h100 and later have"
            raise UsageError(f"vllm refuses to start: {text}")
        return SPARSE
    quantized = target.dtype.quantized
    if target.latents:
        if gpu.family == 10:
            return 32
        return 64 if quantized and gpu.family == 9 else DEFAULT
    wide = target.widest
    hopper = gpu.family == 9 and quantized and wide == WIDEST
    prefixes = gpu.family == 10 and target.image_prefixes and wide in PREFIX_WIDTHS
    return 64 if hopper or prefixes else DEFAULT

"""How many tokens a block has: what the attention backends of a GPU take, and what a state needs.

vllm/platforms/cuda.py has the backends by priority, interface.py (from line 690) what they make of
the size of a block.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from kvcalc.engines.vllm.attending import readers_of
from kvcalc.engines.vllm.dtypes import PER_HEAD, bytes_of
from kvcalc.engines.vllm.kv_backends import COMPOSITE
from kvcalc.engines.vllm.settings import ALIGN
from kvcalc.engines.vllm.states import exports, state_spec, whole_spec
from kvcalc.engines.vllm.target import has_state, is_window
from kvcalc.errors import UsageError
from kvcalc.parallel.tensors import heads_of_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.cache import CacheTensor, Role
    from kvcalc.engines.vllm.attending import Reader
    from kvcalc.engines.vllm.target import Target
    from kvcalc.model import Layer, Model

DEFAULT = 16
MLA_LEAST = 128
POOLED_KERNEL = 32
"""Index keys of one kernel block of a pooled index."""
ENDS = 2
"""Layers at either end that packed dtypes leave in the model's own."""
HALF_BYTES = 2
NGRAMS = 9 * 8_192 * HALF_BYTES
"""Bytes of Qwen4's convolution of n-grams, of the class's own sizes."""
KEY_AND_VALUE: tuple[Role, ...] = ("k", "v")


@dataclass(frozen=True)
class Sizing:
    """The size of a block of one model. Raises UsageError where there is none."""

    target: Target

    @cached_property
    def block(self) -> int:
        """Tokens of a block of attention."""
        block = self._holding_states if self.target.hybrid else self.least
        if not self._some_unpacked:
            return block
        # interface.py:880-936: as many tokens as take a kernel's block in the model's own dtype
        most = HALF_BYTES * self._elements * min(self.readers[0].sizes, default=DEFAULT)
        return block * -(-most // (block * self._packed))

    @cached_property
    def page(self) -> int:
        """Bytes of a block of one layer of attention, as states are padded."""
        return self.block * (self._packed if self._some_unpacked else self.one)

    @cached_property
    def padded(self) -> int | None:
        """What windows are padded to where some layers stay in the model's dtype."""
        return self.page if self._some_unpacked else None

    @cached_property
    def least(self) -> int:
        """The block that is asked for, or the least that every backend takes."""
        readers = self.readers
        asked = self.target.settings.block_size or self.target.rules.block
        return asked or _common(readers)

    @cached_property
    def readers(self) -> tuple[Reader, ...]:
        """What reads each kind of layer. Raises UsageError where nothing does."""
        return readers_of(self.target, self.skips)

    @cached_property
    def _some_unpacked(self) -> bool:
        found = bool(self.skipped and self.target.dtype.quantized and self.readers)
        if found and self.target.dtype.packed and self.target.hybrid:
            text = "packed layers beside states and layers that are left out"
            raise UsageError(f"vllm: {text} are not modelled; leave kv_cache_dtype_skip_layers out")
        return found

    @cached_property
    def _pair(self) -> list[CacheTensor]:
        """Keys and values of one width, as interface.py:852-861 takes all layers to have."""
        key = next(t for t in self._entries if t.role != "rope")
        width = sum(t.width for t in self._entries) if self.target.latents else self.target.widest
        return [replace(key, name=role, role=role, width=width) for role in KEY_AND_VALUE]

    @cached_property
    def _elements(self) -> int:
        return sum((tensor.heads or 1) * tensor.width for tensor in self._pair)

    @cached_property
    def _packed(self) -> int:
        """Bytes of the same as the first layer's backend packs them, else one for each element."""
        target, first = self.target, self.readers[0].backend
        if first in COMPOSITE and target.dtype.name in PER_HEAD:
            text = "its backends pack tokens unlike, and some layers stay in the model's own dtype"
            raise UsageError(f"vllm refuses to start: {text}")
        if target.latents or target.dtype.asked not in first.dtypes:
            return self._elements
        return bytes_of(self._pair, target.dtype.layout)

    def skips(self, number: int, model: Model, layer: Layer) -> bool:
        """Whether a layer is left in the model's dtype."""
        if not self.target.rules.skips:
            return False
        windows = any(is_window(model.attention[name]) for name in layer)
        return str(number) in self.skipped or ("sliding_window" in self.skipped and windows)

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
        kernels = math.lcm(pooled, *(min(reader.sizes) for reader in self.readers))
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


def _common(readers: Sequence[Reader]) -> int:
    """The least block that every backend reads (interface.py:699-740)."""
    if not readers or all(reader.fits(DEFAULT) for reader in readers):
        return DEFAULT
    sizes = (reader.sizes for reader in readers)
    found = sorted({math.lcm(*some) for some in itertools.product(*sizes)})
    return next(size for size in found if all(reader.fits(size) for reader in readers))

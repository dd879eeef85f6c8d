"""A model as vLLM is told of it: rules, settings, what it attends with, and in which dtype."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from kvcalc.attention.recurrent import KDA
from kvcalc.cache import STATE_ROLES
from kvcalc.engines.vllm.architectures import STATES_ALONE, named_in, rules_of, types_of
from kvcalc.engines.vllm.dtypes import E4M3, FP8, FP8_DS_MLA, PER_HEAD, TOLD_APART, dtype_of
from kvcalc.engines.vllm.gpus import HOPPER, WORKSTATION
from kvcalc.engines.vllm.settings import settings_of
from kvcalc.extents import Every, Window
from kvcalc.parallel.ranks import ranks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.attention.base import Scheme
    from kvcalc.cache import CacheTensor
    from kvcalc.engines.vllm.architectures import Rules
    from kvcalc.engines.vllm.dtypes import Dtype
    from kvcalc.engines.vllm.settings import Settings
    from kvcalc.model import Model
    from kvcalc.parallel.ranks import Ranks
    from kvcalc.question import Question

BOTH_WAYS = frozenset(["bagel", "gemma3", "molmo2", "moondream3", "paligemma"])
"""Types of models with images whose tokens attend to each other both ways."""
VIDEO = 32 * (70 + 8)
"""Tokens of a video of Gemma 4: frames, and what is around each (models/gemma4_mm.py:295)."""
DS_MLA_WIDTH = 576
"""Elements of the latent and RoPE key that fp8_ds_mla is laid out for."""


@dataclass(frozen=True)
class Target:
    """A model and a question, and all that follows for the whole model. Raises UsageError."""

    model: Model
    question: Question

    @cached_property
    def ranks(self) -> Ranks:
        """The GPUs."""
        return ranks_of(self.question)

    @cached_property
    def rules(self) -> Rules:
        """What is otherwise for its architecture."""
        return rules_of(self.model)

    @cached_property
    def settings(self) -> Settings:
        """The settings as resolved for this model."""
        drafted = int(self.model.draft is not None)
        if self.question.mtp:
            # config/speculative.py:1598: as many as the file has
            drafted = max(1, self.model.predicting)
        crosses = any(scheme.crosses for scheme in self.schemes)
        hybrids = types_of(self.model) and not named_in(self.model, STATES_ALONE)
        caches = bool(self.attends or hybrids) and not crosses
        return settings_of(
            self.question,
            caches_prefixes=caches,
            drafted=drafted,
            whole=crosses,
            least=VIDEO if self._takes_videos else 0,
        )

    @property
    def _takes_videos(self) -> bool:
        """Whether a step has to hold a video, as its tokens attend to each other both ways."""
        types = types_of(self.model)
        return self.is_of("gemma4") and self.image_prefixes and not types[0].endswith("_text")

    @cached_property
    def own_schemes(self) -> tuple[Scheme, ...]:
        """The schemes of its layers, as they are kept."""
        return tuple(map(self.as_kept, self.model.schemes))

    @cached_property
    def schemes(self) -> tuple[Scheme, ...]:
        """The same, and those of its draft."""
        drafts = self.model.draft.schemes if self.model.draft else ()
        return self.own_schemes + drafts

    def as_kept(self, scheme: Scheme) -> Scheme:
        """A scheme without its index or window, or of other widths, as an architecture has it."""
        if self.keeps_whole(scheme):
            others = (own for own in self.model.schemes if not has_state(own))
            return next((own for own in others if not is_window(own)), scheme)
        if not self.rules.index:
            return scheme.dense or scheme
        if not (self.rules.kda_of_rope and isinstance(scheme, KDA)):
            return scheme
        tensors = (tensor for other in self.model.schemes for tensor in other.kept)
        rope = next((t.width for t in tensors if t.role == "rope"), scheme.key_dim)
        return replace(scheme, key_dim=rope, value_dim=rope)

    def keeps_whole(self, scheme: Scheme) -> bool:
        """Whether its window is not applied, as the file does not say which layers have one.

        models/inkling/configs.py:100.
        """
        return "local_layer_ids" in self.model.unstated and is_window(scheme)

    @cached_property
    def attends(self) -> bool:
        """Whether any layer has attention, and not a state alone."""
        return not all(map(has_state, self.schemes))

    @cached_property
    def hybrid(self) -> bool:
        """Whether some layers have states, and some attention."""
        return self.attends and any(map(has_state, self.schemes)) and not self.is_of("inkling")

    def is_of(self, family: str) -> bool:
        """Whether the name of its type begins so."""
        return any(name.startswith(family) for name in types_of(self.model))

    def tensors(self, *roles: str) -> Iterator[CacheTensor]:
        """The tensors of these roles, of every scheme."""
        return (t for scheme in self.schemes for t in scheme.kept if t.role in roles)

    def has(self, role: str) -> bool:
        """Whether it keeps, or reads, a tensor of this role."""
        return any(True for _ in self.tensors(role))

    @cached_property
    def latents(self) -> bool:
        """Whether it is kept as latents."""
        return self.rules.latents and self.has("latent")

    @cached_property
    def sparse(self) -> bool:
        """Whether an index picks latents."""
        return self.latents and self.has("index")

    @cached_property
    def packs(self) -> bool:
        """Whether its blocks lie outside layers, so that pages of unlike bytes share one."""
        averaged = self.is_of("qwen4_exp") and self.has("index")
        return averaged or any(map(self.is_of, ("deepseek_v4", "glm5_next", "dots3_note")))

    def is_whole(self, scheme: Scheme) -> bool:
        """Whether every rank keeps all of it: Qwen4's convolution of n-grams."""
        return self.is_of("qwen4_exp") and any(t.role == "shift" for t in scheme.kept)

    @cached_property
    def sharded_state(self) -> Scheme:
        """The state that ranks share."""
        return next(s for s in self.schemes if has_state(s) and not self.is_whole(s))

    @cached_property
    def dtype(self) -> Dtype:
        """The dtype of the cache; of sparse latents, what the backend of a GPU makes of it."""
        asked = dtype_of(self.model, self.rules, self.settings.gpu, sparse=self.sparse)
        if self.is_of("inkling") and asked.name in PER_HEAD:
            # models/inkling/nvidia/attention.py:183: a byte an element, and no scales
            return replace(asked, layout=FP8)
        if not self.sparse or self.rules.own_backend or self.latent_width != DS_MLA_WIDTH:
            return asked
        family = self.settings.gpu.family
        # FlashMLA is asked first, and knows fp8 by this name alone (flashmla_sparse.py:95)
        plain = asked.layout == FP8 and asked.layout.spelt not in TOLD_APART
        on_hopper = family == HOPPER and plain
        # mla_attention.py:371
        packed = asked.asked in E4M3 or not self.model.kv_dtype
        elsewhere = family == WORKSTATION and packed
        return replace(asked, layout=FP8_DS_MLA) if on_hopper or elsewhere else asked

    @cached_property
    def latent_width(self) -> int:
        """Elements of a latent and its RoPE key."""
        kept = next(s.kept for s in self.schemes if any(t.role == "latent" for t in s.kept))
        return sum(tensor.width for tensor in kept if tensor.role in ("latent", "rope"))

    @property
    def widest_latents(self) -> list[CacheTensor]:
        """The latent and RoPE key of the scheme whose are widest."""
        each = ([t for t in s.kept if t.role in ("latent", "rope")] for s in self.schemes)
        return max(each, key=lambda row: sum(tensor.width for tensor in row))

    @cached_property
    def widest(self) -> int:
        """Elements of the widest head."""
        kept = (s if self.latents else s.expanded or s for s in self.schemes)
        return max((t.width for s in kept for t in s.kept if t.role == "k"), default=0)

    @cached_property
    def pools(self) -> int:
        """Tokens of which an index keeps one key."""
        extents = [tensor.extent for tensor in self.tensors("index")]
        return max((e.stride for e in extents if isinstance(e, Every)), default=1)

    @cached_property
    def image_prefixes(self) -> bool:
        """Whether tokens of an image attend to each other both ways.

        transformers_utils/model_arch_config_convertor.py:358; of Gemma 4, its larger models: those
        without, of the same type, are the ones whose layers share caches.
        """
        if BOTH_WAYS & set(types_of(self.model)):
            return True
        return self.is_of("gemma4") and not any(
            tensor.shared for scheme in self.schemes for tensor in scheme.kept
        )


def has_state(scheme: Scheme) -> bool:
    """Whether a layer of it keeps a state."""
    return any(tensor.role in STATE_ROLES for tensor in scheme.kept)


def is_window(scheme: Scheme) -> bool:
    """Whether a layer of it keeps a window and nothing else."""
    return all(isinstance(tensor.extent, Window) for tensor in scheme.kept)

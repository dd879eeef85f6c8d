"""A model as the engine sees it: layers in order, each with the schemes it keeps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from kvcalc.attention.base import Attention
from kvcalc.cache import ENTRY_ROLES, Cache, Group, Storage
from kvcalc.errors import UsageError
from kvcalc.units import check_batch, check_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from kvcalc.attention.base import Scheme, Shape
    from kvcalc.expect import Expectation
    from kvcalc.formats import Format, Layout

DEFAULT_CONTEXT = 131_072

ENGINES: tuple[str, ...] = ("transformers",)
"""The engines that `Model.engines` may speak of."""

Layer = tuple[str, ...]
"""The names of the attention entries that one layer keeps; () keeps nothing."""


@dataclass(frozen=True)
class Source:
    """What was really read: where, what it says, and when (an ISO date)."""

    origin: str
    says: str = ""
    read: str = ""


@dataclass(frozen=True)
class Architecture:
    """Which code runs a model: Hugging Face's outermost `model_type`, or a GGUF's architecture.

    inner  the `model_type` of the language model inside a wrapper, where it is another
    """

    name: str
    dialect: Literal["huggingface", "gguf"] = "huggingface"
    inner: str = ""


@dataclass(frozen=True)
class Change:
    """What a question changes in a model: storage, MTP layers, the length of the source."""

    kv_dtype: Layout | None = None
    index_dtype: Format | None = None
    mtp: bool = False
    source_length: int | None = None


NO_CHANGE = Change()


@dataclass(frozen=True)
class Model:
    """A model's cache-relevant facts. `layers` names entries of `attention`, in layer order."""

    name: str
    dtype: Layout
    attention: Mapping[str, Scheme]
    layers: tuple[Layer, ...] = field(repr=False)
    shape: Shape | None = None
    """Heads and widths for what-ifs in layers that have none of their own."""
    compare: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What-if schemes to set beside the model's own: fields by kind."""
    mtp: tuple[Layer, ...] = ()
    """Multi-token-prediction layers behind the others, counted only where they are asked for."""
    expect: tuple[Expectation, ...] = ()
    vendor: str = ""
    max_context: int | None = None
    parameters: int | None = None
    active_parameters: int | None = None
    weight_bytes: int | None = None
    confidence: str = ""
    sources: tuple[Source, ...] = ()
    file: str = ""
    notes: tuple[str, ...] = ()
    """What a reader of the numbers should know: what was inferred, what was not used."""
    engines: Mapping[str, Mapping[str, Scheme]] = field(default_factory=dict)
    """What an engine is known to keep in the place of an attention entry, by engine and entry."""
    architecture: Architecture | None = None
    """Which code runs it; None where that is not known, as of a what-if."""
    kv_dtype: Layout | None = None
    index_dtype: Format | None = None

    @property
    def default_context(self) -> int:
        """The context answered for where none is asked."""
        return min(DEFAULT_CONTEXT, self.max_context or DEFAULT_CONTEXT)

    @cached_property
    def cache(self) -> Cache:
        """What one sequence keeps, like layers together, in the order they first come."""
        counts = Counter(name for layer in self.layers for name in layer)
        return Cache(
            tuple(self.group(name, layers, self.attention[name]) for name, layers in counts.items())
        )

    def group(self, name: str, layers: int, scheme: Scheme) -> Group:
        """So many layers of a scheme, stored as this model stores its own."""
        return Group(name, layers, self.storage(scheme).settle(scheme.expand()))

    def storage(self, scheme: Scheme) -> Storage:
        """How this model stores the tensors of a scheme."""
        return Storage(scheme.dtype or self.dtype, self.kv_dtype, self.index_dtype)

    def adapted(self, change: Change, stored_by_an_engine: bool = False) -> Model:
        """The same model with a question's changes.

        Raises UsageError where `kv_dtype` does not fit what the model keeps, unless an engine
        stores it, which may use that dtype for more than the ideal does.
        """
        attention, engines = self.attention, self.engines
        if change.source_length is not None:
            attention = _over(attention, change.source_length)
            engines = {name: _over(own, change.source_length) for name, own in engines.items()}
        model = replace(
            self,
            attention=attention,
            engines=engines,
            layers=self.layers + (self.mtp if change.mtp else ()),
            kv_dtype=change.kv_dtype,
            index_dtype=change.index_dtype,
        )
        if change.kv_dtype is not None and not stored_by_an_engine:
            _must_fit(model, change.kv_dtype)
        return model

    def stored(self, context: int, batch: int = 1) -> int:
        """Bytes of live cache state of `batch` sequences after `context` tokens each."""
        return check_batch(batch) * self.cache.stored(check_tokens(context))

    def growth(self, context: int) -> Fraction:
        """Bytes per token of one sequence's tensors still growing just after `context` tokens."""
        return self.cache.growth(check_tokens(context))

    def fixed(self, context: int, batch: int = 1) -> int:
        """Bytes of what no longer grows at `context` tokens: full windows, states."""
        return check_batch(batch) * self.cache.fixed(check_tokens(context))

    def read(self, context: int, batch: int = 1) -> int:
        """Bytes of cache that one decode step moves at `context` tokens."""
        return check_batch(batch) * self.cache.read(check_tokens(context))


def _over(attention: Mapping[str, Scheme], source_length: int) -> dict[str, Scheme]:
    """The same entries with another length of the source."""
    return {
        name: replace(scheme, source_length=source_length)
        if isinstance(scheme, Attention)
        else scheme
        for name, scheme in attention.items()
    }


def _must_fit(model: Model, layout: Layout) -> None:
    named, left = 0, []
    for scheme in {model.attention[name] for layer in model.layers for name in layer}:
        tensors = scheme.expand()
        unnamed = model.storage(scheme).unnamed(tensors)
        left += [role for role in unnamed if role in ("latent", "rope")]
        named += len({t.role for t in tensors if t.role in ENTRY_ROLES} - set(unnamed))
    if left and "/" in layout.name:
        text = f"{layout.name} is a pair for K and V; {model.name} keeps a latent instead"
        raise UsageError(f"{text}: name one dtype")
    if not named:
        text = f"{layout.name} changes nothing in {model.name}"
        raise UsageError(f"{text}: it names no tensor that the model keeps per token")

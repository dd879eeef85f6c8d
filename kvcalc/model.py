"""A model as an engine sees it: layers in order, each with the schemes it keeps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import cycle, islice
from pathlib import PurePath
from typing import TYPE_CHECKING

from kvcalc.cache import ENTRY_ROLES, Cache, Group, Storage
from kvcalc.errors import UsageError, checked
from kvcalc.units import check_batch, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction
    from typing import Any, Literal

    from kvcalc.attention.base import Scheme, Shape
    from kvcalc.expect import Expectation
    from kvcalc.formats import Format, IndexFormat, Layout
    from kvcalc.question import Question

DEFAULT_CONTEXT = 131_072
MAX_LAYERS = 10_000
MAX_ENTRIES = 1_000
"""Of attention that differs, however many layers are alike; published models have a dozen."""

PARAMETERS = ("parameters", "active_parameters", "expert_parameters", "mtp_parameters")
FACTS = ("max_context", *PARAMETERS, "weight_bytes")
"""Numbers of a model that its cache does not depend on; each may be left unsaid."""

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
class Model:
    """A model's cache-relevant facts. `layers` names entries of `attention`, in layer order."""

    name: str
    dtype: Layout
    attention: Mapping[str, Scheme]
    layers: tuple[Layer, ...] = field(repr=False)
    shape: Shape | None = None
    """Heads and widths for what-ifs in layers that have none of their own."""
    stated_window: int | None = None
    """A window that its file states and the model does not apply; an engine may go by it."""
    unstated: tuple[str, ...] = ()
    """Fields of its file that it leaves out and that engines fill in, each in its own way."""
    compare: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What-if schemes to set beside the model's own: fields by kind."""
    mtp: tuple[Layer, ...] = ()
    """Multi-token-prediction layers behind the others, counted only where they are asked for."""
    predicting: int = field(default=0, repr=False)
    """How many of the last layers are of multi-token prediction, as asked for."""
    expect: tuple[Expectation, ...] = ()
    vendor: str = ""
    max_context: int | None = None
    parameters: int | None = None
    active_parameters: int | None = None
    expert_parameters: int | None = None
    """Parameters of routed experts in all layers, neither shared experts' nor routers'."""
    mtp_parameters: int | None = None
    """Those of the multi-token-prediction layers, which `parameters` counts."""
    weight_bytes: int | None = None
    weights: Mapping[str, int] = field(default_factory=dict)
    """Parameters by the dtype they are published in, where that is not one for all."""
    weight_dtype: Format | None = None
    """The dtype they are published in, where that is one but for small tensors."""
    hub: tuple[str, ...] = ()
    """The repositories `org/name` of a hub that it stands for."""
    confidence: str = ""
    sources: tuple[Source, ...] = ()
    file: str = ""
    notes: tuple[str, ...] = ()
    """What a reader of the numbers should know: what was inferred, what was not used."""
    outdated: Mapping[str, str] = field(default_factory=dict)
    """Which of the notes is untrue beside a question's own setting, by that setting's name."""
    architecture: Architecture | None = None
    """Which code runs it; None where that is not known, as of a what-if."""
    ignored: tuple[str, ...] = ()
    """Fields of somebody else's file that were left out of it, as asked."""
    stated: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """All fields of that file, where one was to be left out that it has not."""
    kv_dtype: Layout | None = None
    index_dtype: IndexFormat | None = None
    draft: Model | None = None
    """The model that drafts for it: its cache is kept too, beside this one's own."""

    @property
    def slug(self) -> str:
        """What its file is called, without folders and `.yaml`."""
        return PurePath(self.file).name.removesuffix(".yaml")

    @property
    def default_context(self) -> int:
        """The context answered for where none is asked: what it and its draft can do."""
        drafts = self.draft.default_context if self.draft else DEFAULT_CONTEXT
        return min(DEFAULT_CONTEXT, self.max_context or DEFAULT_CONTEXT, drafts)

    @cached_property
    def cache(self) -> Cache:
        """What one sequence keeps, like layers together, in the order they first come.

        A draft's groups come last, named `draft.` and what they are called in it.
        """
        counts: Counter[str] = Counter()
        for layer, layers in Counter(self.layers).items():
            for name in layer:
                counts[name] += layers
        own = [self.group(name, layers, self.attention[name]) for name, layers in counts.items()]
        drafts = self.draft.cache.groups if self.draft else ()
        return Cache((*own, *(replace(group, name=f"draft.{group.name}") for group in drafts)))

    @cached_property
    def schemes(self) -> tuple[Scheme, ...]:
        """The schemes that its layers keep, each once, in the order they first come."""
        names = dict.fromkeys(name for layer in dict.fromkeys(self.layers) for name in layer)
        return tuple(dict.fromkeys(self.attention[name] for name in names))

    def group(self, name: str, layers: int, scheme: Scheme) -> Group:
        """So many layers of a scheme, stored as this model stores its own."""
        storage = self.storage(scheme)
        left_over = storage.settle(scheme.left_over())
        return Group(name, layers, storage.settle(scheme.kept), left_over)

    def storage(self, scheme: Scheme) -> Storage:
        """How this model stores the tensors of a scheme."""
        return Storage(scheme.dtype or self.dtype, self.kv_dtype, self.index_dtype)

    def adapted(self, question: Question) -> Model:
        """The same model with a question's changes.

        Raises UsageError where `kv_dtype` does not fit what the model keeps, unless an engine
        stores it, which may use that dtype for more than the ideal does; and where MTP layers or a
        draft are spoken of that it does not have.
        """
        attention, source = self.attention, question.source_length
        if source is not None:
            attention = {name: scheme.over(source) for name, scheme in attention.items()}
        layers, draft = self.layers + self._predicting(question), self._drafting(question)
        own, asked = (self.kv_dtype, self.index_dtype), (question.kv_dtype, question.index_dtype)
        if source is None and layers == self.layers and own == asked and draft is self.draft:
            return self
        model = replace(
            self,
            attention=attention,
            layers=layers,
            mtp=self.mtp if layers == self.layers else (),
            predicting=len(layers) - len(self.layers),
            kv_dtype=question.kv_dtype,
            index_dtype=question.index_dtype,
            draft=draft,
        )
        if question.kv_dtype is not None and question.engine is None:
            _must_fit(model, question.kv_dtype)
        return model

    def _predicting(self, question: Question) -> tuple[Layer, ...]:
        """The MTP layers that count: all, or so many as are asked for."""
        wanted = question.mtp_layers
        if wanted is None:
            return self.mtp if question.mtp else ()
        if not self.mtp:
            text = f"{self.name} has no MTP layers that its file knows of, so not {wanted:,}"
            raise UsageError(f"{text}; leave them out, or state mtp: {wanted} in a YAML file of it")
        if wanted > MAX_LAYERS:
            raise UsageError(f"{wanted:,} MTP layers: ask for at most {MAX_LAYERS:,}")
        # beyond the last they begin again, as in TensorRT-LLM at a43cf9e (modeling_deepseekv3.py:
        # MTP layer n is the checkpoint's n % num_nextn_predict_layers)
        return tuple(islice(cycle(self.mtp), wanted))

    def _drafting(self, question: Question) -> Model | None:
        if self.draft:
            try:
                return self.draft.adapted(question.of_draft)
            except UsageError as error:
                raise UsageError(f"draft: {error}") from None
        if question.draft_kv_dtype is not None:
            raise UsageError("a draft's dtype is asked for, and no draft: add --draft MODEL")
        return None

    def stored(self, context: int | str, batch: int = 1) -> int:
        """Bytes of live cache state of `batch` sequences after `context` tokens each.

        The context is a number, or text such as `128K`, here and below.
        """
        return _sequences(batch) * self.cache.stored(_tokens(context))

    def growth(self, context: int | str) -> Fraction:
        """Bytes per token of one sequence's tensors still growing just after `context` tokens."""
        return self.cache.growth(_tokens(context))

    def fixed(self, context: int | str, batch: int = 1) -> int:
        """Bytes of what no longer grows at `context` tokens: full windows, states."""
        return _sequences(batch) * self.cache.fixed(_tokens(context))

    def read(self, context: int | str, batch: int = 1) -> int:
        """Bytes of cache that one decode step moves at `context` tokens."""
        return _sequences(batch) * self.cache.read(_tokens(context))


def _tokens(context: int | str) -> int:
    return checked("context", tokens_of, context)


def _sequences(batch: int) -> int:
    return checked("batch", check_batch, batch)


def _must_fit(model: Model, layout: Layout) -> None:
    named, left = 0, []
    for scheme in model.schemes:
        tensors = scheme.kept
        unnamed = model.storage(scheme).unnamed(tensors)
        left += [role for role in unnamed if role not in ("k", "v")]
        named += len({t.role for t in tensors if t.role in ENTRY_ROLES} - set(unnamed))
    if left and "/" in layout.name:
        text = f"{layout.name} is a pair for K and V; {model.name} keeps a latent instead"
        one = next(side for side in layout.name.split("/") if side != "auto")
        raise UsageError(f"{text}: name one dtype, such as {one}")
    if not named and model.schemes:
        text = f"{layout.name} changes nothing in {model.name}"
        raise UsageError(f"{text}: it names no tensor that the model keeps per token")

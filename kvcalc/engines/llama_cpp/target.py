"""A model as a context is made for it: its architecture's rules, the settings, its layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvcalc.attention.compressed import SharedKV
from kvcalc.engines.llama_cpp.architectures import CACHELESS, rules_of
from kvcalc.engines.llama_cpp.converted import LOADS, architecture_of, drops_mtp
from kvcalc.engines.llama_cpp.layers import elements, window_of
from kvcalc.engines.llama_cpp.settings import NAME, VERSION, settings_of
from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvcalc.attention.base import Scheme
    from kvcalc.engines.llama_cpp.architectures import Rules
    from kvcalc.engines.llama_cpp.launcher import Launcher
    from kvcalc.engines.llama_cpp.settings import Settings
    from kvcalc.model import Layer, Model
    from kvcalc.question import Question

KEY, VALUE = "attention.key_length_mla", "attention.value_length"
"""GGUF keys of latents: without the first they are kept as the keys and values of every head, and
without the second nobody knows whether blocks divide a value."""


@dataclass(frozen=True)
class Target:
    """A model as a context is made for it.

    architecture       the GGUF architecture that it is of; None where it names none at all
    trunk, predicting  its layers, without those of multi-token prediction, and those
    in_file            whether those are in the file of the model, and not in one of their own
    """

    model: Model
    architecture: str | None
    rules: Rules
    settings: Settings
    trunk: tuple[Layer, ...]
    predicting: tuple[Layer, ...]
    in_file: bool = True

    @property
    def blocks(self) -> int:
        """Layers of the file."""
        return len(self.trunk) + (len(self.predicting) if self.in_file else 0)

    @property
    def no_value(self) -> bool:
        """Whether its file does not say how wide the value of a latent is, which decides blocks."""
        named = self.model.architecture
        if named is None or self.rules.latent_value or self.rules.expands:
            return False
        return VALUE in self.model.unstated if named.dialect == "gguf" else self.rules.no_value

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """Of all its layers, of prediction or not."""
        names = dict.fromkeys(name for layer in (*self.trunk, *self.predicting) for name in layer)
        return tuple(self.model.attention[name] for name in names)

    @property
    def compresses(self) -> bool:
        """Whether it keeps DeepSeek-V4's entries, which are keys alone."""
        return not self.rules.kv_twice and any(isinstance(one, SharedKV) for one in self.schemes)

    @property
    def window(self) -> int | None:
        """Tokens of its windows; None without. Raises UsageError where they differ, if applied."""
        sizes = {size for scheme in self.schemes if (size := window_of(scheme))}
        if len(sizes) > 1 and self.rules_here.windows:
            told = " and ".join(f"{size:,}" for size in sorted(sizes))
            text = f"{NAME} has one length of window for all layers that have one"
            raise UsageError(f"{text}; {self.model.name} has {told} tokens")
        return self.rules.window or max(sizes) if sizes else None

    @property
    def rules_here(self) -> Rules:
        """The rules, without windows in a model for which the loader does not apply them."""
        at = self.rules.slides_at
        return self.rules if at in (None, len(self.trunk)) else replace(self.rules, windows=False)

    @property
    def widest(self) -> int | None:
        """Elements that a value is padded to; None where values are as they come."""
        if not self.settings.transposed:
            return None
        schemes = (s.expanded or s if self.rules.expands else s for s in self.schemes)
        return max((elements(scheme.kept, "v") for scheme in schemes), default=0)


def target_of(model: Model, question: Question, launcher: Launcher) -> Target:
    """A model, as a context is made for it. Raises UsageError."""
    architecture = architecture_of(model)
    _refuse_class(model, architecture)
    rules = rules_of(architecture)
    if KEY in model.unstated:
        rules = replace(rules, expands=True)
    _refuse_order(model, rules, architecture)
    settings = settings_of(question, rules, launcher, architecture)
    trunk = len(model.layers) - model.predicting
    behind = model.layers[trunk:] or model.mtp
    gguf = model.architecture is not None and model.architecture.dialect == "gguf"
    return Target(
        model,
        architecture,
        rules,
        settings,
        model.layers[:trunk],
        behind,
        in_file=gguf or (rules.mtp_in_file and not drops_mtp(model, architecture)),
    )


def _refuse_class(model: Model, architecture: str | None) -> None:
    """Raises UsageError for a model that it has no architecture for, or no cache."""
    named = model.architecture
    if named is not None and architecture not in LOADS:
        text = (
            f"{NAME} {VERSION} has no architecture for {model.name} ({named.inner or named.name})"
        )
        raise UsageError(f"{text}: it runs no such model")
    if architecture in CACHELESS:
        text = f"{NAME} {VERSION} keeps no cache of {architecture}, which sees a whole text at once"
        raise UsageError(f"{text}: leave the engine out")


def _refuse_order(model: Model, rules: Rules, architecture: str | None) -> None:
    """Raises UsageError for windows in other layers than the loader takes for those that slide."""
    if model.architecture is None or model.architecture.dialect == "gguf":
        return
    windows = {name for name, scheme in model.attention.items() if window_of(scheme)}
    trunk = model.layers[: len(model.layers) - model.predicting]
    slides = [bool(windows & set(layer)) for layer in trunk]
    if rules.slides and not any(slides):
        text = f"{NAME} takes layers of {architecture} to have windows, whatever a file says"
        raise UsageError(f"{text}: {model.name} has none")
    full = 0 if rules.full_first else rules.period - 1
    wrong = (
        i for i, own in enumerate(slides) if rules.period and (i % rules.period != full) != own
    )
    number = next(wrong, None) if any(slides) else None
    if number is not None:
        text = f"{NAME} takes one layer in {rules.period} of {architecture} for full, and converted"
        text += f" files do not say which; layer {number + 1:,} of {model.name} is otherwise"
        raise UsageError(f"{text}: it would be kept wrongly")
    if rules.shares:
        _refuse_readers(model, rules.keeps, slides)


def _refuse_readers(model: Model, keeps: int | None, slides: Sequence[bool]) -> None:
    """Raises UsageError for layers that would read a cache of the other kind (llama-model.cpp).

    A layer that keeps none reads that of the last that does, or, over a window, of that before it.
    """
    if keeps is None:
        keeping = [not _reads(model, layer) for layer in model.layers[: len(slides)]]
        keeps = keeping.index(False) if False in keeping else len(slides)
    for window, read in ((False, keeps - 1), (True, keeps - 2)):
        if window in slides[keeps:] and (read < 0 or slides[read] != window):
            kind = "with a window" if window else "without a window"
            text = f"{NAME} has its layers {kind} behind layer {keeps:,} read the cache of layer"
            text += f" {read + 1:,}, which is none of these"
            raise UsageError(f"{text}: it stops at {model.name}")


def _reads(model: Model, layer: Layer) -> bool:
    return all(tensor.shared for name in layer for tensor in model.attention[name].kept)

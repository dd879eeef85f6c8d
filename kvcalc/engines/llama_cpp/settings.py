"""llama.cpp's own settings that decide bytes, under its own names, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from kvcalc.engines.llama_cpp.types import FLOATS, TYPES, types_of
from kvcalc.engines.settings import Declared, read
from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvcalc.engines.llama_cpp.architectures import Rules
    from kvcalc.engines.llama_cpp.launcher import Launcher
    from kvcalc.formats import Layout
    from kvcalc.question import Question, Setting

NAME, VERSION = "llama.cpp", "b11434"
PAD = 256
"""Of cells: llama-context.cpp for n_ctx, llama-kv-cache-iswa.cpp for windows."""
MAX_SLOTS = 256
"""LLAMA_MAX_SEQ (llama-cparams.h)."""
MAX_CELLS = 2**32 - 1
"""n_ctx is a number of 32 bits."""
AUTO, ON, OFF = "auto", "on", "off"

SETTINGS = (
    Declared(
        "n_ctx",
        "the context asked for, times n_parallel",
        "cells (tokens) of all slots together, padded to 256",
        int,
        also=("--ctx-size",),
    ),
    Declared(
        "n_parallel",
        1,
        "slots: sequences that are kept at once",
        int,
        also=("-np", "--parallel", "n_seq_max", "num_parallel", "OLLAMA_NUM_PARALLEL"),
    ),
    Declared(
        "kv_unified",
        False,
        "whether the slots share all cells, instead of an equal part for each",
        bool,
        also=("-kvu",),
    ),
    Declared(
        "n_batch",
        2048,
        "tokens of a batch, of which a step takes at most all",
        int,
        also=("--batch-size", "num_batch"),
    ),
    Declared(
        "n_ubatch",
        512,
        "tokens of a step: so many are kept beside a window; 0 is as many as n_batch",
        int,
        least=0,
        also=("-ub", "--ubatch-size", "num_batch"),
    ),
    Declared("swa_full", False, "whether windows keep every token", bool),
    Declared(
        "flash_attn",
        AUTO,
        "off pads values to those of the widest layer, and refuses quantized ones",
        (AUTO, ON, OFF),
        also=("-fa", "--flash-attention", "OLLAMA_FLASH_ATTENTION"),
    ),
    Declared(
        "type_k",
        "f16, or what --kv-dtype says",
        "type of keys, and of latents",
        TYPES,
        also=("-ctk", "--cache-type-k"),
    ),
    Declared(
        "type_v",
        "f16, or what --kv-dtype says",
        "type of values",
        TYPES,
        also=("-ctv", "--cache-type-v"),
    ),
    Declared(
        "type_k_draft",
        "f16, or what --draft-kv-dtype says",
        "type of keys in the context of a draft, or of MTP layers",
        TYPES,
        also=("-ctkd", "--cache-type-k-draft", "--spec-draft-type-k"),
    ),
    Declared(
        "type_v_draft",
        "f16, or what --draft-kv-dtype says",
        "type of values in the context of a draft, or of MTP layers",
        TYPES,
        also=("-ctvd", "--cache-type-v-draft", "--spec-draft-type-v"),
    ),
    Declared(
        "n_rs_seq",
        0,
        "steps that recurrent states can be rolled back: so many more are kept",
        int,
        least=0,
    ),
)

OPTIONS = {
    "num_ctx": "--context",
    "context_length": "--context",
    "ollama_context_length": "--context",
    "cache_type": "--kv-dtype",
    "kv_cache_type": "--kv-dtype",
    "ollama_kv_cache_type": "--kv-dtype",
    "split_mode": "--pp",
    "tensor_split": "--pp-layers",
    "model_draft": "--draft",
}
"""What is no setting here, but an option of kvcalc: `num_ctx` is of one slot, `n_ctx` of all."""


def padded(cells: int) -> int:
    """So many cells, or the least more that are whole 256s."""
    return -(-cells // PAD) * PAD


@dataclass(frozen=True)
class Room:
    """What a context has room for, as it is made of the settings for some length of sequences.

    cells     n_ctx_seq: of one slot, or of all where these share them
    slots     n_seq_max
    streams   how many times there are so many cells
    beside    n_ubatch as it is used: tokens that are kept beside a window
    """

    cells: int
    slots: int
    streams: int
    beside: int

    @property
    def n_ctx(self) -> int:
        """Cells in all."""
        return self.cells * self.streams

    def window(self, size: int, slots: int) -> int:
        """Cells of a window of so many tokens that so many slots share."""
        return padded(min(self.cells, size * slots + self.beside))


@dataclass(frozen=True)
class Settings:
    """The settings as resolved.

    n_ctx      None where it follows the context
    n_batch, n_ubatch  None where they follow n_ctx, by the launcher's rule
    """

    n_ctx: int | None
    n_parallel: int
    kv_unified: bool
    n_batch: int | None
    n_ubatch: int | None
    swa_full: bool
    flash_attn: str
    type_k: str
    type_v: str
    type_k_draft: str
    type_v_draft: str
    n_rs_seq: int
    launcher: Launcher

    def _steps(self, n_ctx: int) -> tuple[int, int]:
        """n_batch and n_ubatch for so many cells."""
        batch, step = self.n_batch, self.n_ubatch
        usual = self.launcher.batch(n_ctx) if batch is None or step is None else 0
        return (usual if batch is None else batch), (usual if step is None else step)

    def room(self, context: int) -> Room:
        """For sequences of so many tokens (llama-context.cpp:231). Raises UsageError."""
        slots, n_ctx = self.n_parallel, self.n_ctx or context * self.n_parallel
        batch, step = self._steps(n_ctx)
        batch = min(n_ctx, batch)
        if batch < slots:  # llama-context.cpp:2275
            text = f"a batch of {batch:,} tokens is less than n_parallel {slots:,}"
            raise UsageError(f"{NAME} refuses to start: {text}; raise n_batch, or n_ctx")
        whole = padded(n_ctx)
        cells = whole if self.kv_unified else padded(whole // slots)
        room = Room(cells, slots, 1 if self.kv_unified else slots, min(batch, step or batch))
        if room.n_ctx > MAX_CELLS:
            text = f"n_ctx would be {room.n_ctx:,}"
            raise UsageError(f"{NAME} has no such context: {text}, more than {MAX_CELLS:,}")
        return room

    @property
    def of_draft(self) -> Settings:
        """Of the context of a draft, or of MTP layers (common/speculative.cpp:2527)."""
        types = {"type_k": self.type_k_draft, "type_v": self.type_v_draft}
        return replace(self, n_rs_seq=0, type_k=types["type_k"], type_v=types["type_v"])

    @property
    def transposed(self) -> bool:
        """Whether values are kept transposed, in rows as wide as those of the widest layer."""
        return self.flash_attn == OFF

    @property
    def quantized(self) -> tuple[bool, bool]:
        """Whether keys are in blocks, and whether values are."""
        return self.type_k not in FLOATS, self.type_v not in FLOATS

    def told(self, context: int | None) -> dict[str, Setting]:
        """All settings by their names; None is one that follows one of several contexts."""
        told: dict[str, Setting] = {one.name: getattr(self, one.name) for one in SETTINGS}
        n_ctx = self.n_ctx or (context and context * self.n_parallel)
        if n_ctx:
            told["n_ctx"] = self.room(context or n_ctx).n_ctx
            told["n_batch"], told["n_ubatch"] = self._steps(n_ctx)
        return told


def settings_of(
    question: Question, rules: Rules, launcher: Launcher, architecture: str | None
) -> Settings:
    """The settings of a question, for an architecture and its rules.

    Raises UsageError for what cannot be.
    """
    given = read(launcher.name, launcher.declared, question.settings, OPTIONS)
    usual: dict[str, Setting] = {one.name: one.default for one in SETTINGS}
    follows = dict.fromkeys(("n_batch", "n_ubatch") if launcher.batches else ())
    taken = {**usual, "n_ctx": None, **follows, **given}
    own = _types("--kv-dtype", question.kv_dtype, given)
    drafted = _types("--draft-kv-dtype", question.draft_kv_dtype, given, "_draft")
    return Settings(
        n_ctx=cast("int | None", taken["n_ctx"]),
        n_parallel=_slots(cast("int", taken["n_parallel"]), launcher, architecture),
        kv_unified=bool(taken["kv_unified"]),
        n_batch=cast("int | None", taken["n_batch"]),
        n_ubatch=cast("int | None", taken["n_ubatch"]),
        swa_full=bool(taken["swa_full"]),
        flash_attn=OFF if rules.no_flash else str(taken["flash_attn"]),
        type_k=own[0],
        type_v=own[1],
        type_k_draft=drafted[0],
        type_v_draft=drafted[1],
        n_rs_seq=cast("int", taken["n_rs_seq"]) if rules.rolls_back else 0,
        launcher=launcher,
    )


def most_slots(launcher: Launcher, architecture: str | None) -> int:
    """How many slots there can be."""
    return 1 if architecture in launcher.one_slot else MAX_SLOTS


def _slots(asked: int, launcher: Launcher, architecture: str | None) -> int:
    most = most_slots(launcher, architecture)
    if asked > most:
        of = f" for {architecture}" if most == 1 else ""
        text = f"n_parallel is {asked:,}: {launcher.name} has at most {most:,}"
        raise UsageError(f"{text} slot{'s' if most > 1 else ''}{of}")
    return asked


def _types(
    option: str, layout: Layout | None, given: Mapping[str, Setting], of: str = ""
) -> tuple[str, str]:
    """The types of keys and values, by a dtype or by their own names. Raises UsageError."""
    found = []
    for name, asked in zip((f"type_k{of}", f"type_v{of}"), types_of(layout), strict=True):
        own = cast("str | None", given.get(name))
        if own and asked and own != asked:
            text = f"{name} is {own}, and {option} says {asked}"
            raise UsageError(f"{text}: leave one of the two out")
        found.append(own or asked or "f16")
    return found[0], found[1]

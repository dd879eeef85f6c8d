"""What is asked: context, batch, what is changed in a model, the engine. One value, made once.

A setting more is a line in `Asked`, a line in `Question`, and how it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from kvcalc.errors import UsageError, WrongArgument, briefly, checked, did_you_mean
from kvcalc.formats import parse_index_format, parse_kv_dtype
from kvcalc.mix import mix_of
from kvcalc.units import (
    MAX_TOKENS,
    check_batch,
    check_beams,
    check_layers,
    grouped,
    parse_tokens,
    tokens_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, Unpack

    from kvcalc.formats import IndexFormat, Layout

    T = TypeVar("T")


Setting = int | bool | str | None
"""A value of an engine's setting; None, in an answer, is one that nobody needs there."""

MAX_RANKS = 10_000
"""Of one kind of parallelism; no cluster has so many."""


class Asked(TypedDict, total=False):
    """A question's settings as people write them, and as documents echo them.

    A number of tokens may be text (`128K`), and is echoed as a number.
    """

    kv_dtype: str | None
    index_dtype: str | None
    mtp: bool
    mtp_layers: int | None
    source_length: int | str | None
    engine: str | None
    draft_kv_dtype: str | None
    tp: int
    pp: int
    dp: int
    dcp: int
    pp_layers: Sequence[int] | str | None
    settings: Mapping[str, Setting]
    shared_prefix: int | str | None
    beams: int


@dataclass(frozen=True)
class Question:
    """What changes an answer.

    context        tokens per sequence; None asks for what the models themselves can do
    batch          sequences
    kv_dtype       how keys, values and latents are stored: `fp8`, `fp8_ds_mla`, `q8_0/q4_0`;
                   `auto` is the model's own
    index_dtype    how index keys are; `none` leaves them out
    mtp            whether multi-token-prediction layers count too
    mtp_layers     how many of them do; None is as many as the model has
    source_length  tokens that cross attention looks back at
    engine         whose keeping of the cache is added
    draft_kv_dtype how a draft's keys, values and latents are stored
    tp, pp, dp     ranks that share heads, stages of layers, copies that share the sequences
    dcp            of the tp ranks, how many share a sequence's tokens
    pp_layers      layers of each stage; None cuts as evenly as can be
    settings       the engine's own, by its own names; in an answer, all of them as resolved
    shared_prefix  tokens that all sequences begin with, and keep once
    beams          of each sequence
    ignored        fields of somebody else's files that are left out of them
    """

    context: int | None = None
    batch: int = 1
    kv_dtype: Layout | None = None
    index_dtype: IndexFormat | None = None
    mtp: bool = False
    mtp_layers: int | None = None
    source_length: int | None = None
    engine: str | None = None
    draft_kv_dtype: Layout | None = None
    tp: int = 1
    pp: int = 1
    dp: int = 1
    dcp: int = 1
    pp_layers: tuple[int, ...] | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    shared_prefix: int | None = None
    beams: int = 1
    ignored: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """The context of a question that has one. Raises UsageError."""
        if self.context is None:
            raise UsageError("the question names no context")
        return self.context

    @property
    def of_draft(self) -> Question:
        """What is asked of a draft: its storage is its own, the tokens and the engine the same."""
        own = Question(self.context, self.batch, kv_dtype=self.draft_kv_dtype)
        return replace(own, source_length=self.source_length, engine=self.engine)

    def echo(self) -> dict[str, Any]:
        """The question as a document shows it: formats by their names."""
        values = ((one.name, getattr(self, one.name)) for one in fields(self))
        told = {name: getattr(value, "name", value) for name, value in values}
        stages = None if self.pp_layers is None else list(self.pp_layers)
        settings = dict(self.settings) if self.engine else None
        return {**told, "pp_layers": stages, "settings": settings, "ignored": list(self.ignored)}


NOTHING_ASKED = Question()


def question(
    context: int | str | None = None,
    batch: int = 1,
    ignored: Sequence[str] = (),
    **asked: Unpack[Asked],
) -> Question:
    """The question that these settings ask. Raises WrongArgument where one of them cannot be."""
    if isinstance(context, list | tuple):
        raise WrongArgument("context", "several contexts are for compare alone: name one")
    if checked("context", mix_of, context) is not None:
        raise WrongArgument("context", "a mix of lengths is for fit alone: name one")
    if context is not None:
        context = checked("context", tokens_of, context)
    checked("batch", check_batch, batch)
    settings: dict[str, Any] = {name: _read(name, value) for name, value in asked.items()}
    if settings.get("mtp_layers") is not None:
        settings["mtp"] = True
    if settings.get("pp_layers") and settings.get("pp", 1) == 1:
        settings["pp"] = len(settings["pp_layers"])
    return Question(context, batch, ignored=tuple(dict.fromkeys(ignored)), **settings)


def _read(name: str, value: object) -> Any:
    """A setting as a question has it."""
    if name not in _READ:
        hint = did_you_mean(name, (*_READ, "context", "batch", "draft", "ignore"))
        raise WrongArgument(name, f"there is no argument {name!r}; {hint}")
    if value is None and name not in _NEVER_NONE:
        return None
    return checked(name, _READ[name], value)


def _flag(mtp: bool) -> bool:
    if not isinstance(mtp, bool):
        raise ValueError(f"mtp is true or false, not {briefly(mtp)}; mtp_layers is their number")
    return mtp


def _dtype(read: Callable[[str], T]) -> Callable[[object], T]:
    def dtype(name: object) -> T:
        if not isinstance(name, str):
            raise ValueError(f"a dtype is a name, not {briefly(name)}")
        return read(name)

    return dtype


def _engine(name: object) -> str:
    if not isinstance(name, str):
        raise ValueError(f"an engine is a name, not {briefly(name)}")
    return name


def _tokens(of: str, tokens: int | str) -> int:
    """So many tokens, or none."""
    if isinstance(tokens, str):
        return 0 if tokens.strip() == "0" else parse_tokens(tokens)
    if isinstance(tokens, bool) or not isinstance(tokens, int):
        raise ValueError(f"{of} {briefly(tokens)} is not a whole number of tokens")
    if not 0 <= tokens <= MAX_TOKENS:
        raise ValueError(f"{of} {grouped(tokens)}: it is between 0 and {MAX_TOKENS:,} tokens")
    return tokens


def _ranks(number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"{briefly(number)} is not a whole number of ranks")
    if not 1 <= number <= MAX_RANKS:
        raise ValueError(f"{grouped(number)} ranks: it is between 1 and {MAX_RANKS:,}")
    return number


def _stages(layers: Sequence[int] | str) -> tuple[int, ...]:
    """Layers of each stage: `11,11,12,11`, or the numbers."""
    how = "write the layers of each stage, such as 11,11,12,11"
    parts = layers.split(",") if isinstance(layers, str) else layers
    try:
        numbers = tuple(_layers(part) if isinstance(part, str) else part for part in parts)
    except (TypeError, ValueError):
        raise ValueError(f"{briefly(layers)} is no list of layers; {how}") from None
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in numbers)
    if not numbers or not whole or min(numbers) < 1 or max(numbers) > MAX_TOKENS:
        raise ValueError(f"{briefly(layers)} is no list of layers; {how}")
    if len(numbers) > MAX_RANKS:
        raise ValueError(f"{len(numbers):,} stages: there are at most {MAX_RANKS:,}")
    return numbers


def _layers(text: str) -> int:
    number = text.strip()
    if not (number.isascii() and number.isdecimal()):
        raise ValueError(text)
    return int(number)


def _settings(given: Mapping[str, Setting]) -> dict[str, Setting]:
    """Settings as they are given: an engine knows which it has, and reads them."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ValueError(f"{briefly(given)} is no dict of settings by their names")
    return dict(given)


_NEVER_NONE = frozenset({"mtp", "tp", "pp", "dp", "dcp", "settings", "beams"})

_READ: dict[str, Callable[[Any], Any]] = {
    "kv_dtype": _dtype(parse_kv_dtype),
    "index_dtype": _dtype(parse_index_format),
    "mtp": _flag,
    "mtp_layers": check_layers,
    "source_length": partial(_tokens, "source length"),
    "shared_prefix": partial(_tokens, "shared prefix"),
    "beams": check_beams,
    "engine": _engine,
    "draft_kv_dtype": _dtype(parse_kv_dtype),
    **dict.fromkeys(("tp", "pp", "dp", "dcp"), _ranks),
    "pp_layers": _stages,
    "settings": _settings,
}
"""How the settings are read. Each raises ValueError."""

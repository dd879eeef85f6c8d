"""The keys of JSON documents: what each is called, what it holds, and how it is taken.

Within one `schema_version` keys are only ever added. Bytes are integers; a per-token figure and a
ratio have an exact "num/den" string beside them; null stands for what does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from operator import attrgetter
from typing import Any

from kvcalc import __version__

SCHEMA_VERSION = 1


class Key:
    """One key of a document: by default the attribute of the same name.

    holds  a type, a document, [either] for a list of them, {str: either} for any number by their
           names, a tuple for any of several, text for that very text; or a function that returns
           one of these, called for a schema alone
    of     an attribute, `a.b.c` for one further in, or a function
    says   what a schema tells of it
    """

    __slots__ = ("holds", "name", "of", "says")

    def __init__(
        self, name: str, holds: Any, of: str | Callable[[Any], Any] = "", says: str = ""
    ) -> None:
        self.name, self.holds, self.says = name, holds, says
        self.of: Callable[[Any], Any] = of if callable(of) else attrgetter(of or name)


class Each(Key):
    """A key that holds a list: a document for each of the things that it takes."""

    __slots__ = ("document", "things")

    def __init__(
        self, name: str, document: JsonObject, of: str | Callable[[Any], Any] = ""
    ) -> None:
        super().__init__(name, [document], of)
        self.document, self.things = document, self.of
        self.of = lambda thing: list(self.records(thing))

    def records(self, thing: Any) -> Iterator[dict[str, Any]]:
        """The same one by one, for an answer that is long."""
        return map(self.document, self.things(thing))


class JsonObject:
    """A JSON object: its keys in order, called with what it tells of.

    `name` and `says` are what a schema calls it and tells of it.
    """

    __slots__ = ("keys", "name", "says")

    def __init__(self, name: str, says: str, *keys: Key) -> None:
        self.name, self.says, self.keys = name, says, keys

    def __call__(self, thing: Any) -> dict[str, Any]:
        """The document of one thing."""
        return taken(self.keys, thing)

    @property
    def header(self) -> tuple[str, ...]:
        """The names of its keys."""
        return tuple(key.name for key in self.keys)


def taken(keys: tuple[Key, ...], thing: Any) -> dict[str, Any]:
    """What each key takes from a thing."""
    return {key.name: key.of(thing) for key in keys}


VERSION = Key("kvcalc_version", str, lambda _: __version__, "Of the kvcalc that answered.")


def envelope(kind: str) -> tuple[Key, Key, Key]:
    """The keys with which the document of an answer begins."""
    schema_version = Key("schema_version", int, lambda _: SCHEMA_VERSION)
    return schema_version, Key("kind", kind, lambda _: kind), VERSION


def queried(name: str, says: str, *more: Key) -> Key:
    """The key of what was asked: the settings of a question, and what one answer has besides."""

    def described() -> JsonObject:
        # a setting's type stands where the setting does
        from typing import get_type_hints

        from kvcalc.question import Asked, Setting

        settings = {"context": int, "batch": int, **get_type_hints(Asked), "ignored": [str]}
        # asked for in words, too, and echoed as numbers
        settings |= dict.fromkeys(("source_length", "shared_prefix"), int | None)
        settings |= {"pp_layers": ([int], type(None))}
        settings["settings"] = ({str: Setting}, type(None))
        own = (Key(*setting) for setting in settings.items() if setting[0] not in names)
        return JsonObject(name, says, *own, *keys)

    keys = (DRAFT, *more)
    names = {key.name for key in keys}
    return Key("query", described, lambda answer: {**answer.query.echo(), **taken(keys, answer)})


def number(value: Fraction) -> int | float:
    """A fraction as JSON has it, whole where it is whole."""
    return value.numerator if value.denominator == 1 else float(value)


def maybe_number(value: Fraction | None) -> int | float | None:
    """The same of what may not be known."""
    return None if value is None else number(value)


def as_fraction(value: Fraction | None) -> str | None:
    """The exact twin of a number."""
    return None if value is None else f"{value.numerator}/{value.denominator}"


def _terms(thing: Any) -> list[dict[str, Any]] | None:
    return None if thing.reservation is None else [TERM(term) for term in thing.reservation.terms]


def _rank(thing: Any) -> dict[str, Any] | None:
    return None if thing.rank is None else RANK(thing.rank)


def _total(quantity: str) -> Callable[[Any], int | None]:
    return lambda thing: None if thing.total is None else getattr(thing.total, quantity)


def _reported(held: Any) -> dict[str, Any] | None:
    return None if held is None or held.report is None else REPORT(held.report)


STORED = Key("stored_bytes", int, "stored")
GROWTH = (
    Key("bytes_per_token", int | float, lambda measured: number(measured.growth)),
    Key("bytes_per_token_exact", str, lambda measured: as_fraction(measured.growth)),
)
FIXED = Key("fixed_bytes", int, "fixed")
READ = Key("read_bytes_per_step", int, "read")
FLOPS = Key("attention_flops_per_step", int | None, "flops")
TERM = JsonObject(
    "TermDocument",
    "By how many bytes one rule of an engine differs from what is stored.",
    Key("rule", str),
    Key("bytes", int),
)
RANK = JsonObject(
    "RankDocument",
    "The GPU that figures are of: its pipeline stage of so many, with layers `first` to `last`.",
    Key("stage", int),
    Key("stages", int),
    Key("first", int),
    Key("last", int),
)
RESERVED = (
    Key("reserved_bytes", int | None, "reserved", "What the engine charges; null without one."),
    Key("reserved_terms", ([TERM], type(None)), _terms, "What leads there from `stored_bytes`."),
)
POOL = Key("pool_bytes", int | None, "pool", "What the engine's pool costs beside that.")
RANK_OF = Key(
    "rank", (RANK, type(None)), _rank, "The fullest GPU, which figures are of; null on one."
)
STORED_TOTAL = Key(
    "stored_bytes_total", int | None, _total("stored"), "Over all GPUs; null on one."
)
RESERVED_TOTALS = (
    Key("reserved_bytes_total", int | None, "reserved_total"),
    Key("pool_bytes_total", int | None, "pool_total"),
)
PLACED = (
    POOL,
    RANK_OF,
    STORED_TOTAL,
    Key("fixed_bytes_total", int | None, _total("fixed")),
    Key("read_bytes_per_step_total", int | None, _total("read")),
    *RESERVED_TOTALS,
)
REPORT = JsonObject(
    "EngineReportDocument",
    "What the engine itself would log.",
    Key("capacity_tokens", int),
    Key("concurrency", float, says="In the engine's own arithmetic."),
    Key("log", [str], lambda report: list(report.log)),
)
ENGINE_REPORT = Key(
    "engine_report",
    (REPORT, type(None)),
    lambda thing: _reported(thing.reservation),
    "Null where it depends on the memory, or the engine logs nothing of the kind.",
)
FITTED_REPORT = Key(
    "engine_report",
    (REPORT, type(None)),
    _reported,
    "Of so much memory; null without an engine, or where it logs nothing of the kind.",
)
ENGINE_VERSION = Key("engine_version", str | None, says="The version that is modelled.")
SOURCE = JsonObject(
    "SourceDocument",
    "What was read, and when.",
    Key("origin", str),
    Key("says", str),
    Key("read", str),
)
DRAFT = Key("draft", str | None, says="The model whose cache is added as groups of its own.")
NOTES = Key("notes", [str], lambda thing: list(thing.notes))

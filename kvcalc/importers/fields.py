"""A configuration's fields: read by name, checked, and remembered as read."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from kvcalc.errors import Problem
from kvcalc.importers.family import As
from kvcalc.importers.findings import PLACEHOLDER, Named
from kvcalc.importers.values import (
    MAX_NUMBER,
    alike,
    is_number,
    layer_number,
    list_of,
    short,
    whole,
)
from kvcalc.importers.vocabulary import STANDARD

COUNTS = ("layers", "mtp_layers")
"""Numbers that no layer has of its own."""

WINDOWS = ("window", "attention_chunk_size")
"""Numbers that are switched off by 0 as by null; a head of no width, say, is an error."""

MAX_FACTOR = 1_000_000
"""By how much a width may be multiplied: JSON knows numbers that are infinite, or none at all."""


@dataclass
class Fields(Named):
    """The fields of one configuration, in a family's words.

    `data` is what the file says, `defaults` what the family's class fills in where it says
    nothing. A short name ("heads") stands for all names of ALIASES and of the family.
    Problems are collected, not raised: what is wrong is answered with PLACEHOLDER.
    """

    number: int | None = None
    """Which layer's these are; None of the whole file's."""
    apart: bool = False
    """Whether this layer has something of its own, so that others of its kind may differ."""
    used: set[str] = field(default_factory=set)
    spared: set[str] = field(default_factory=set)
    """Those of `used` that nobody has read: the family knows them to leave the cache alone."""
    asked: set[str] = field(default_factory=set)
    """Those that were asked after and were not there: the answer would be another with them."""
    filled: dict[str, Any] = field(default_factory=dict)
    """Fields that the file leaves to the family's class, with what that fills in."""
    groups: dict[str, Fields] = field(default_factory=dict)
    """The nested objects that were looked into, by name."""

    @property
    def layer(self) -> int | None:
        """The number of the layer; who goes by it may find another thing in the next one."""
        self.apart = True
        return self.number

    def at(self, layer: int) -> Fields:
        """The same fields as one layer sees them: lists and `per_layer_config` are per layer."""
        own = self.once("per_layer_config", self._by_layer).get(layer, {})
        if not isinstance(own, dict):
            text = f"is {short(own)} for layer {layer}; it must be an object"
            self.wrong("per_layer_config", text)
            own = {}
        if not own:
            return replace(self, number=layer)
        # a view: there may be as many fields as there are layers
        data = ChainMap(own, cast("dict[str, Any]", self.data))
        return replace(self, data=data, number=layer, apart=True)

    def each(self, name: str) -> list[int | None]:
        """A number as each layer has it."""
        layers = range(self.count("layers"))
        if isinstance(self.get(name), list) or self.once("per_layer_config", self._by_layer):
            return [self.at(layer).optional(name) for layer in layers]
        return [self.optional(name)] * len(layers)

    def _by_layer(self) -> dict[int | None, Any]:
        """What `per_layer_config` says of each layer, by its number; of two the first counts."""
        stated = self.data.get("per_layer_config")
        if not isinstance(stated, dict):
            return {}
        self.used.add("per_layer_config")
        return {layer_number(key): stated[key] for key in reversed(stated)}

    def but(self, **changed: Any) -> Fields:
        """The same configuration where some fields say something else."""
        return replace(self, data={**self.data, **changed}, kept={})

    def scratch(self) -> Fields:
        """The same fields, to find out what a reader uses: its problems and notes are dropped."""
        made = Counter[str]()
        return replace(self, filled={}, problems={}, placeholders=made, notes={}, kept={})

    def get(self, name: str) -> Any:
        """The value under any of its names, the family's default, or None."""
        names = self.names_of(name)
        self.used.update(names)
        self.spared.difference_update(names)
        given = [n for n in names if self.data.get(n) is not None]
        if len(given) > 1:
            self._refuse_contradiction(given)
        if given:
            return whole(self.data[given[0]])
        default = self.defaults.get(name)
        if isinstance(default, As):
            other = self.get(default.name)
            return other // default.over if is_number(other) else other
        if any(n in self.data for n in names):
            return None  # null is said on purpose: no default takes its place
        if default is not None:
            self.filled[names[0]] = default
        return default

    def _refuse_contradiction(self, names: Sequence[str]) -> None:
        """Names of one field must all say the same."""
        first, *others = values = [self.data[name] for name in names]
        # lists are the same objects in each layer, and as long as there are layers
        same = ("alike", *map(id, values))
        if not self.once(same, lambda: all(alike(first, other) for other in others)):
            texts = [f"{name} is {short(value)}" for name, value in zip(names, values, strict=True)]
            self.problem(f"{', but '.join(texts)}: they contradict each other", names[0])

    def has(self, name: str) -> bool:
        """Whether the file itself says something under this name."""
        names = self.names_of(name)
        found = any(self.data.get(n) is not None for n in names)
        self.asked.update(() if found else names)
        return found

    @property
    def read(self) -> set[str]:
        """The names that the answer depends on, or would if the file had them."""
        return (self.used - self.spared) | self.asked

    def optional(self, name: str, least: int = 1) -> int | None:
        """A whole number, or None where neither the file nor the family has one.

        A window of 0, false or of nothing is none: no model sees no token.
        """
        if name in WINDOWS and self.get(name) in (0, "", [], {}):
            return None
        return self._number(name, least)

    def _number(self, name: str, least: int) -> int | None:
        value = self.get(name)
        if isinstance(value, list) and self.number is not None and name not in COUNTS:
            value = self._item(name, value, self.number)
        if value is None:
            return None
        number = whole(value)
        if is_number(number) and number >= least:
            return number
        large = isinstance(number, int) and number > MAX_NUMBER
        bounds = f"at most {MAX_NUMBER:,}" if large else f"a whole number from {least} on"
        return self.placeholder(name, f"is {short(number)}; it must be {bounds}")

    def count(self, name: str, least: int = 1) -> int:
        """A whole number that must be there."""
        value = self._number(name, least)
        if value is None:
            names = self.names_of(name)
            text = f"{self.prefix}{names[0]} is missing"
            also = f" (or {', '.join(names[1:])})" if len(names) > 1 else ""
            self.add(Problem(text, f"set {names[0]}{also}", self.where))
            self.placeholders[f"{self.prefix}{names[0]}"] += 1
            return PLACEHOLDER
        return value

    def factor(self, name: str) -> int | float:
        """A number by which a width is multiplied, which need not be whole."""
        value = self.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and 0 < value <= MAX_FACTOR:
            return float(value) if isinstance(value, float) else int(value)
        text = f"is {short(value)}; it must be a number above 0, up to {MAX_FACTOR:,}"
        return self.placeholder(name, text)

    def flag(self, name: str, default: bool = False) -> bool:
        """A truth value; null and absent are the default."""
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(name, f"is {short(value)}; it must be true or false")
            return default
        return value

    def word(self, name: str) -> str | None:
        """A text, or None."""
        value = self.get(name)
        if value is None or isinstance(value, str):
            return value
        self.wrong(name, f"is {short(value)}; it must be a text")
        return None

    def items(self, name: str, kind: type = int, per_layer: bool = False) -> list[Any] | None:
        """A list of `kind`, one per layer if asked for; None where there is none."""
        value = self.get(name)
        if value is None:
            return None
        # layer after layer may ask for a list of all layers
        found = self.once(("items", id(value), kind), lambda: list_of(kind, value))
        if found is None:
            self.wrong(name, f"is {short(value)}; it must be a list of {_PLURAL[kind]}")
        elif per_layer and len(found) < self.count("layers"):
            text = f"has {len(found):,} items for {self.count('layers'):,} layers"
            self.wrong(name, f"{text}: they contradict each other")
            return None
        return found

    def group(self, name: str) -> Fields:
        """The fields of a nested object, held to account like others; empty where it is absent."""
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            self.wrong(name, f"is {short(value)}; it must be an object")
        known = self.groups.get(name)
        inner = Fields(
            value if isinstance(value, dict) else {},
            where=(*self.where, name),
            used=known.used if known else set(),
            spared=known.spared if known else set(),
            asked=known.asked if known else set(),
            problems=self.problems,
            placeholders=self.placeholders,
            notes=self.notes,
            prefix=f"{name}.",
        )
        self.groups[name] = inner
        return inner

    def spare(self, *names: str) -> None:
        """Fields that leave this family's cache alone."""
        for name in names:
            new = set(self.names_of(name)) - self.used
            self.spared |= new
            self.used |= new

    def unread(self, silent: bool = False) -> list[str]:
        """Fields that say something and that nobody has read.

        With `silent`, those too that say nothing: a misspelt null may have let a default in.
        """
        return [
            name
            for name, value in self.data.items()
            if name not in self.used
            and ((silent and name not in STANDARD) or value not in (None, [], {}, ""))
        ]

    def _item(self, name: str, values: Sequence[Any], layer: int) -> Any:
        self.apart = True
        layers, most = self.once("lengths", self._lengths)
        fits = layers <= len(values) <= most or self.unreadable("layers")
        if not (values and fits):
            return self.placeholder(name, f"has {len(values):,} items for {layers:,} layers")
        return values[min(layer, len(values) - 1)]

    def _lengths(self) -> tuple[int, int]:
        """How many items a list must have at least, one per layer, and may have with the MTP's."""
        layers = self.count("layers")
        return layers, layers + (self.optional("mtp_layers", least=0) or 0)


_PLURAL = {int: "whole numbers", str: "texts", dict: "objects", list: "lists"}

"""A configuration's fields: read by name, checked, and remembered as read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from kvcalc.errors import InvalidValue, Place, Problem
from kvcalc.importers.family import As
from kvcalc.importers.values import MAX_NUMBER, alike, is_number, list_of, short, whole
from kvcalc.importers.vocabulary import ALIASES, STANDARD

COUNTS = ("layers", "mtp_layers")
"""Numbers that no layer has of its own."""

WINDOWS = ("window", "attention_chunk_size")
"""Numbers that are switched off by 0 as by null; a head of no width, say, is an error."""

MAX_FACTOR = 1_000_000
"""By how much a width may be multiplied: JSON knows numbers that are infinite, or none at all."""

PLACEHOLDER = 1
"""Stands for a number that is missing or wrong, so that one run shows every problem."""


@dataclass
class Fields:
    """The fields of one configuration, in a family's words.

    `data` is what the file says, `defaults` what the family's class fills in where it says
    nothing. A short name ("heads") stands for all names of ALIASES and of the family.
    Problems are collected, not raised: what is wrong is answered with PLACEHOLDER.
    """

    data: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    where: Place = ()
    layer: int | None = None
    used: set[str] = field(default_factory=set)
    spared: set[str] = field(default_factory=set)
    """Those of `used` that nobody has read: the family knows them to leave the cache alone."""
    asked: set[str] = field(default_factory=set)
    """Those that were asked after and were not there: the answer would be another with them."""
    filled: dict[str, Any] = field(default_factory=dict)
    """Fields that the file leaves to the family's class, with what that fills in."""
    problems: list[Problem] = field(default_factory=list)
    placeholders: Counter[str] = field(default_factory=Counter)
    """The fields that PLACEHOLDER stands for, and how often it was taken for them."""
    notes: list[str] = field(default_factory=list)
    groups: dict[str, Fields] = field(default_factory=dict)
    """The nested objects that were looked into, by name."""
    prefix: str = ""
    """What goes before the name of a field in a message, for nested objects."""

    def at(self, layer: int) -> Fields:
        """The same fields as one layer sees them: lists and `per_layer_config` are per layer."""
        own: Any = {}
        if isinstance(self.data.get("per_layer_config"), dict):
            self.used.add("per_layer_config")
            per_layer = self.data["per_layer_config"]
            own = next((v for k, v in per_layer.items() if layer_number(k) == layer), {})
        if not isinstance(own, dict):
            text = f"is {short(own)} for layer {layer}; it must be an object"
            self.wrong("per_layer_config", text)
            own = {}
        return replace(self, data={**self.data, **own}, layer=layer)

    def scratch(self) -> Fields:
        """The same fields, to find out what a reader uses: its problems and notes are dropped."""
        return replace(self, filled={}, problems=[], placeholders=Counter(), notes=[])

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Take the problems of a scheme that cannot be for problems of this configuration.

        One that was made with PLACEHOLDER has them of what is missing or wrong, which is told.
        """
        before = self.placeholders.total()
        try:
            yield
        except InvalidValue as error:
            for problem in error.problems if self.placeholders.total() == before else ():
                said = (n for word in problem.path for n in self.names_of(str(word)))
                place = (n for n in said if n in self.data)
                self._add(replace(problem, path=(*self.where, *[*place][:1])))

    def names_of(self, name: str) -> tuple[str, ...]:
        """All names that a file may use for a field."""
        return self.names.get(name) or ALIASES.get(name) or (name,)

    def get(self, name: str) -> Any:
        """The value under any of its names, the family's default, or None."""
        names = self.names_of(name)
        self.used.update(names)
        self.spared.difference_update(names)
        given = {n: whole(self.data[n]) for n in names if self.data.get(n) is not None}
        first = next(iter(given.values()), None)
        if any(not alike(value, first) for value in given.values()):
            texts = [f"{n} is {short(value)}" for n, value in given.items()]
            self.problem(f"{', but '.join(texts)}: they contradict each other", next(iter(given)))
        if given:
            return first
        default = self.defaults.get(name)
        if isinstance(default, As):
            other = self.get(default.name)
            return other // default.over if is_number(other) else other
        if any(n in self.data for n in names):
            return None  # null is said on purpose: no default takes its place
        if default is not None:
            self.filled[names[0]] = default
        return default

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
        if isinstance(value, list) and self.layer is not None and name not in COUNTS:
            value = self._item(name, value, self.layer)
        if value is None:
            return None
        number = whole(value)
        if not is_number(number) or number < least:
            large = isinstance(number, int) and number > MAX_NUMBER
            bounds = f"up to {MAX_NUMBER:,}" if large else f"from {least} on"
            text = f"is {short(number)}; it must be a whole number {bounds}"
            return self._placeholder(name, text)
        return int(number)

    def count(self, name: str, least: int = 1) -> int:
        """A whole number that must be there."""
        value = self._number(name, least)
        if value is None:
            names = self.names_of(name)
            text = f"{self.prefix}{names[0]} is missing"
            also = f" (or {', '.join(names[1:])})" if len(names) > 1 else ""
            self._add(Problem(text, f"set {names[0]}{also}", self.where))
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
        return self._placeholder(name, text)

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
        found = list_of(kind, value)
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

    def wrong(self, name: str, text: str) -> None:
        """A problem with the value of one field."""
        said = self._said(name)
        if f"{self.prefix}{said}" not in self.placeholders:
            self.problem(f"{self.prefix}{said} {text}", said)

    def _said(self, name: str) -> str:
        """The name that the file uses for a field."""
        names = self.names_of(name)
        return next((n for n in names if self.data.get(n) is not None), names[0])

    def _placeholder(self, name: str, text: str) -> int:
        """PLACEHOLDER for a value that is no number, and the problem that it is none.

        What a family finds wrong with the field after that, it finds of the placeholder.
        """
        said = self._said(name)
        self.problem(f"{self.prefix}{said} {text}", said)
        self.placeholders[f"{self.prefix}{said}"] += 1
        return PLACEHOLDER

    def unreadable(self, name: str) -> bool:
        """Whether PLACEHOLDER stands for a field that was read."""
        return any(f"{self.prefix}{n}" in self.placeholders for n in self.names_of(name))

    def problem(self, text: str, name: str, hint: str = "") -> None:
        """A problem at one field."""
        self._add(Problem(text, hint, (*self.where, name)))

    def _add(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def note(self, text: str) -> None:
        """Something that a reader of the numbers should know."""
        if text not in self.notes:
            self.notes.append(text)

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
        layers, mtp = self.count("layers"), self.optional("mtp_layers", least=0) or 0
        if not layers <= len(values) <= layers + mtp and not self.unreadable("layers"):
            return self._placeholder(name, f"has {len(values):,} items for {layers:,} layers")
        return values[min(layer, len(values) - 1)] if values else PLACEHOLDER


_PLURAL = {int: "whole numbers", str: "texts", dict: "objects", list: "lists"}


def layer_number(key: object) -> int | None:
    """The layer that a key of `per_layer_config` names, by a number that may begin with zeros."""
    return int(str(key)) if re.fullmatch("[0-9]{1,9}", str(key)) else None

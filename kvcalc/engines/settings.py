"""An engine's own settings: what each is called, what it may be, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from kvcalc.errors import UsageError, briefly, did_you_mean
from kvcalc.question import Setting

MAX_NUMBER = 10**12
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
ON, OFF = ("true", "1", "on", "yes"), ("false", "0", "off", "no")


@dataclass(frozen=True)
class Declared:
    """One setting of an engine, by its own name.

    default  what it is where nothing is said, in words where that depends
    help     what it decides
    takes    the values that it may have; or int, bool, str for any of these
    also     what else it is called: options of servers, and the names that others have for it
    """

    name: str
    default: Setting
    help: str
    takes: type | tuple[str, ...]
    least: int = 1
    also: tuple[str, ...] = ()

    def is_called(self, name: str) -> bool:
        """Whether a name is one of its others, with dashes or without, in capitals or not."""
        return _plain(name) in map(_plain, self.also)

    @property
    def values(self) -> tuple[str, ...]:
        """What it may be, as the command line takes it; empty where that is no list."""
        if isinstance(self.takes, tuple):
            return self.takes
        return (ON[0], OFF[0]) if self.takes is bool else ()

    def read(self, given: Setting) -> Setting:
        """A value as Python or the command line gives it. Raises UsageError."""
        if self.takes is bool:
            return self._switch(given)
        if self.takes is int:
            return self._number(given)
        if not isinstance(given, str) or not given:
            raise UsageError(f"{self.name} is {briefly(given)}: it is text")
        if isinstance(self.takes, tuple) and given not in self.takes:
            hint = did_you_mean(given, self.takes)
            raise UsageError(f"{self.name} is {briefly(given)}; {hint}")
        return given

    def _switch(self, given: Setting) -> bool:
        if isinstance(given, bool):
            return given
        word = str(given).lower()
        if word in ON or word in OFF:
            return word in ON
        raise UsageError(f"{self.name} is {briefly(given)}: it is true or false")

    def _number(self, given: Setting) -> int:
        number = given
        if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 20:
            number = int(given)
        if isinstance(number, bool) or not isinstance(number, int):
            raise UsageError(f"{self.name} is {briefly(given)}: it is a whole number")
        if not self.least <= number <= MAX_NUMBER:
            text = f"{self.name} is {briefly(number)}"
            raise UsageError(f"{text}: it is between {self.least} and {MAX_NUMBER:,}")
        return number


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()


def read(
    engine: str,
    declared: Sequence[Declared],
    given: Mapping[str, Setting],
    options: Mapping[str, str] = NO_OPTIONS,
) -> dict[str, Setting]:
    """The settings that are given, by name; None leaves one to its default, as not to name it.

    options  those of kvcalc that say what an engine has a name of its own for, by that name

    Raises UsageError for one that is not the engine's.
    """
    known = {one.name: one for one in declared}
    for name in given:
        if name not in known:
            if not known:
                raise UsageError(f"{engine} has no settings: leave {briefly(name)} out")
            text = f"{engine} has no setting {briefly(name)}"
            if _plain(name) in options:
                raise UsageError(f"{text}: it is {options[_plain(name)]} here")
            raise UsageError(f"{text}; {_instead(engine, name, declared)}")
    return {name: known[name].read(value) for name, value in given.items() if value is not None}


def _instead(engine: str, name: str, declared: Sequence[Declared]) -> str:
    """Which settings may be meant, and where all are."""
    meant = [one.name for one in declared if one.is_called(name)]
    hint = f"did you mean {' or '.join(meant)}?"
    if not meant:
        hint = did_you_mean(name, [one.name for one in declared])
    where = f"kvcalc list --engine {engine} shows all"
    return f"{hint} {where}" if hint.endswith("?") else where

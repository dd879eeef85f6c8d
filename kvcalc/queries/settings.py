"""The settings of an engine, which are its own: what each is called, decides, and may be."""

from __future__ import annotations

from dataclasses import dataclass

from kvcalc.answer import Answer
from kvcalc.engines import engine_of
from kvcalc.engines.settings import Declared
from kvcalc.errors import UsageError, briefly


@dataclass(frozen=True, repr=False)
class EngineSettings(Answer):
    """The settings that an engine declares, and the version that it models."""

    engine: str
    version: str
    settings: tuple[Declared, ...]

    def with_word(self, word: str) -> EngineSettings:
        """Those alone that have a word in a name or their help. Raises UsageError without one."""
        wanted = word.lower()
        found = tuple(
            s for s in self.settings if wanted in " ".join((s.name, s.help, *s.also)).lower()
        )
        if not found:
            text = f"no setting of {self.engine} has {briefly(word)} in a name or its help"
            raise UsageError(f"{text}; kvcalc list --engine {self.engine} shows them all")
        return EngineSettings(self.engine, self.version, found)


def list_settings(engine: str) -> EngineSettings:
    """Describe each setting of an engine. Raises UsageError where there is no such engine."""
    module = engine_of(engine)
    return EngineSettings(engine, module.VERSION, tuple(module.SETTINGS))

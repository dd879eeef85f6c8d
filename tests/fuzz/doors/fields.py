"""The names of fields of configurations: all that the importer knows, those of a family first."""

from __future__ import annotations

import ast
import contextlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import kvcalc
from kvcalc.errors import KvcalcError
from kvcalc.importers.assembly import Origin
from kvcalc.importers.huggingface import read_config
from tests.fuzz.doors.commands import LLAMA

IMPORTERS = Path(kvcalc.__file__).parent / "importers"
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)+|[a-z]{3,20}")


@cache
def words() -> tuple[str, ...]:
    """Whatever the source of the importers has that looks like the name of a field."""
    found: set[str] = set()
    for path in sorted(IMPORTERS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(word for word in node.value.split() if _FIELD.fullmatch(word))
            elif isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
    return tuple(sorted(found))


class _Watched(dict[str, Any]):
    """Remembers which of its fields were asked for."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)


def _asked(model_type: str) -> set[str]:
    watched = _Watched({**LLAMA, "model_type": model_type})
    with contextlib.suppress(KvcalcError):
        read_config(watched, Origin("config.json"))
    return watched.asked


@cache
def fields(model_type: str) -> SearchStrategy[str]:
    """A family's own fields, most often; else those that any family has, or any name."""
    asked, usual = _asked(model_type), _asked("llama")
    own = sorted(asked - usual) or sorted(usual)
    near, any_ = st.sampled_from(own), st.sampled_from(sorted(usual))
    return st.one_of(near, near, near, any_, any_, st.sampled_from(words()))

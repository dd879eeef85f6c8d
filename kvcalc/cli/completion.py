"""What a shell completes: names that stand in tables or are files', of which none is read.

Where a MODEL may be a path, the files and folders here stand beside the names. A word that begins
no name is left to the shell, which knows better how paths are completed and quoted.
"""

import os
import re
from collections.abc import Iterable

import typer

from kvcalc.engines import ENGINES, engine_of

_PLAIN = re.compile(r"[A-Za-z0-9._+-]+")
"""Names that no shell takes for anything else."""
SETTING = ("-E", "--engine-setting")
_NAMED = "_KVCALC_COMPLETE_SETTING"
"""The setting of which bash completes the value, which is a word of its own there."""


def answer(app: typer.Typer) -> None:
    """Tell a shell the words that it may complete, and exit; nobody reads what goes wrong there."""
    try:
        _take_equals_apart()
        app(prog_name="kvcalc")
    except Exception:
        raise SystemExit(1) from None


def models(incomplete: str) -> list[str]:
    """Where a model is to be named."""
    from kvcalc.bundle import bundled

    return _beside_files(bundled(), incomplete)


def checkable(incomplete: str) -> list[str]:
    """Where what is to be checked is named, a model or claims."""
    from kvcalc.bundle import bundled, bundled_claims

    return _beside_files([*bundled(), *bundled_claims()], incomplete)


def kv_dtypes(incomplete: str) -> list[str]:
    """Where a dtype of the cache is to be named, or one for the keys and one for the values."""
    from kvcalc.formats import LAYOUTS
    from kvcalc.formats.names import AUTO

    key, slash, value = incomplete.rpartition("/")
    names = [*_formats(residual=not slash), *(() if slash else (AUTO, *LAYOUTS))]
    return [f"{key}{slash}{name}" for name in sorted({*names}) if name.startswith(value)]


def index_dtypes(incomplete: str) -> list[str]:
    """Where a dtype of index keys is to be named."""
    from kvcalc.formats import NONE

    names = sorted({NONE, *_formats(residual=False)})
    return [name for name in names if name.startswith(incomplete)]


def gpus(incomplete: str) -> list[str]:
    """Where a kind of GPU is to be named."""
    from kvcalc.bundle import files_of

    return _beside_files(files_of("gpus"), incomplete)


def engines(incomplete: str) -> list[str]:
    """Where an engine is to be named."""
    return [name for name in ENGINES if name.startswith(incomplete)]


def settings(context: typer.Context, incomplete: str) -> list[str]:
    """Where a setting of the engine that is named before is to be set, to one of its values."""
    named = context.params.get("engine")
    if named not in ENGINES:
        return []
    declared = {one.name: one.values for one in engine_of(named).SETTINGS}
    if before := os.environ.get(_NAMED):
        return [one for one in declared.get(before, ()) if one.startswith(incomplete)]
    name, equals, value = incomplete.partition("=")
    if equals:
        return [f"{name}={one}" for one in declared.get(name, ()) if one.startswith(value)]
    names = [known for known in declared if known.startswith(name)]
    if len(names) == 1:  # bash ends a word that is the only one, and a value is to come
        return [f"{names[0]}={one}" for one in declared[names[0]] or ("",)]
    return [f"{known}=" for known in names]


def commands(context: typer.Context, incomplete: str) -> list[str]:
    """Where a command is to be named."""
    root = context.find_root()
    names = root.command.list_commands(root)  # type: ignore[attr-defined]
    return [name for name in names if name.startswith(incomplete)]


def _take_equals_apart() -> None:
    """Leave out the sign of --units=si, which bash makes a word of its own and typer fails at."""
    words = os.environ.get("COMP_WORDS", "").split("\n")
    at = int(os.environ.get("COMP_CWORD") or 0)
    signs = [n for n, word in enumerate(words[:at]) if word == "=" and words[n - 1][:2] == "--"]
    for n in reversed(signs):
        del words[n]
    at = _take_settings_apart(words, at - len(signs))
    os.environ["COMP_WORDS"] = "\n".join(words)
    os.environ["COMP_CWORD"] = str(at)


def _take_settings_apart(words: list[str], at: int) -> int:
    """Leave out the name and the sign of -E gpu=h100, and say which word the last then is."""
    signs = [n for n, word in enumerate(words[: at + 1]) if word == "=" and words[n - 2] in SETTING]
    for n in reversed(signs):
        if n == at:
            words.insert(n + 1, "")
            at += 1
        if n + 1 == at:
            os.environ[_NAMED] = words[n - 1]
        del words[n - 1 : n + 1]
        at -= 2
    return at


def _formats(*, residual: bool) -> list[str]:
    """All names of formats, those that keep some tokens in another dtype among them or not."""
    from kvcalc.formats import ALIASES, FORMATS

    names = [name for name, stored in FORMATS.items() if residual or not stored.residual]
    return [*names, *(alias for alias, meant in ALIASES.items() if meant in names)]


def _beside_files(names: Iterable[str], word: str) -> list[str]:
    found = {name for name in names if name.startswith(word)}
    return sorted(found | _entries(word)) if found else []


def _entries(word: str) -> set[str]:
    """The files and folders here that begin with a word; hidden ones begin no name."""
    try:
        with os.scandir() as entries:
            return {
                f"{entry.name}/" if entry.is_dir() else entry.name
                for entry in entries
                if entry.name.startswith(word)
                and entry.name[0] != "."
                and _PLAIN.fullmatch(entry.name)
            }
    except OSError:
        return set()

"""What `list --engine` prints: a line per setting that the engine declares."""

from __future__ import annotations

from kvcalc.engines.settings import Declared
from kvcalc.queries.settings import EngineSettings
from kvcalc.question import Setting
from kvcalc.render import Style
from kvcalc.render.keys import Each, JsonObject, Key, envelope
from kvcalc.render.placed import in_words
from kvcalc.render.records import Records
from kvcalc.render.sheets import Sheet, text

SETTING = JsonObject(
    "SettingDocument",
    "One setting of `kvcalc list --engine`, by the engine's own name.",
    Key("name", str),
    Key("default", Setting, says="Where nothing is said; in words where it depends."),
    Key("type", str, lambda setting: _type(setting), "What it is given as."),
    Key("values", [str], lambda setting: list(setting.values), "Empty where that is no list."),
    Key("least", int | None, lambda setting: _least(setting), "Of a number, the least there is."),
    Key("help", str),
    Key("also", [str], lambda setting: list(setting.also), "What else it is called."),
)
SETTINGS = Each("settings", SETTING)
ENGINE, MODELLED = Key("engine", str), Key("engine_version", str, "version", "That is modelled.")
RECORDS = Records(
    SETTINGS,
    (ENGINE.name, MODELLED.name),
    lambda answer: lambda _: {ENGINE.name: answer.engine, MODELLED.name: answer.version},
)
DOCUMENT = JsonObject(
    "SettingsDocument",
    "`kvcalc list --engine NAME`.",
    *envelope("settings"),
    ENGINE,
    MODELLED,
    SETTINGS,
)


def sheet(answer: EngineSettings, style: Style) -> Sheet:
    """The settings in the order of the engine; no table where it has none."""
    found, engine = answer.settings, f"{answer.engine} {answer.version}"
    if not found:
        return Sheet(f"{engine} has no settings of its own", ())
    others = any(one.also for one in found)
    columns = (
        text("setting", (one.name for one in found)),
        text("default", (in_words(one.default) for one in found), folds=10),
        text("values", (_told(one) for one in found), 1, folds=12),
        text("what it decides", (one.help for one in found), folds=20),
        *([text("also", (", ".join(s.also) for s in found), 2, folds=12)] if others else []),
    )
    how = "-E setting=value changes one, beside --engine; the default holds where none is given"
    return Sheet(f"Settings of {engine}", columns, below=(how,))


def _type(setting: Declared) -> str:
    kind = setting.takes if isinstance(setting.takes, type) else str
    return {int: "integer", bool: "boolean"}.get(kind, "string")


def _least(setting: Declared) -> int | None:
    return setting.least if setting.takes is int else None


def _told(setting: Declared) -> str:
    if setting.takes is int:
        return f"{setting.least:,} or more"
    return ", ".join(setting.values) or "text"

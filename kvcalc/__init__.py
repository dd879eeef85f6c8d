"""kvcalc: KV-cache memory, exact to the byte.

>>> import kvcalc
>>> kvcalc.load("deepseek-v3").stored(131072)
9210691584
>>> [str(row.ratio) for row in kvcalc.compare("deepseek-v3").rows]
['1', '8', '128', '4/5', '512/9']
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing has it, whose import takes longer than all of `--version`
if TYPE_CHECKING:
    from typing import Any

    from kvcalc.api import (
        check,
        compare,
        diff,
        dtypes,
        fit,
        gpus,
        json_schema,
        load,
        models,
        settings,
        show,
        to_yaml,
    )
    from kvcalc.errors import InputError, InvalidValue, KvcalcError, UsageError
    from kvcalc.model import Model

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "InvalidValue",
    "KvcalcError",
    "Model",
    "UsageError",
    "__version__",
    "check",
    "compare",
    "diff",
    "dtypes",
    "fit",
    "gpus",
    "json_schema",
    "load",
    "models",
    "settings",
    "show",
    "to_yaml",
]

_ERRORS = ("InputError", "InvalidValue", "KvcalcError", "UsageError")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def __getattr__(name: str) -> Any:
    # imported on first use, so that `kvcalc --version` loads neither pydantic nor yaml
    if name not in __all__:
        raise AttributeError(f"module 'kvcalc' has no attribute {name!r}")
    from importlib import import_module

    home = "errors" if name in _ERRORS else "model" if name == "Model" else "api"
    return getattr(import_module(f"kvcalc.{home}"), name)

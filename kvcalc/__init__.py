"""kvcalc: KV-cache memory, exact to the byte.

>>> import kvcalc
>>> kvcalc.load("deepseek-v3").stored(131072)
9210691584
>>> [str(row.ratio) for row in kvcalc.compare("deepseek-v3").rows]
['1', '8', '128', '4/5', '512/9']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvcalc.api import check, compare, load, show
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
    "load",
    "show",
]

_HOMES = {
    "check": "kvcalc.api",
    "compare": "kvcalc.api",
    "load": "kvcalc.api",
    "show": "kvcalc.api",
    "InputError": "kvcalc.errors",
    "InvalidValue": "kvcalc.errors",
    "KvcalcError": "kvcalc.errors",
    "UsageError": "kvcalc.errors",
    "Model": "kvcalc.model",
}


def __getattr__(name: str) -> Any:
    # imported on first use, so that `kvcalc --version` loads neither pydantic nor yaml
    if name not in _HOMES:
        raise AttributeError(f"module 'kvcalc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

"""Configuration classes that published checkpoints bring themselves.

vLLM reads such a file with code from the checkpoint's own repository, which is not at hand. These
classes stand in (stub 10): they hold the file's fields as they are, and compute nothing.
"""

from __future__ import annotations

from typing import Any

OWN_CLASSES = ("mimo_v2", "nemotron-nas", "minimax_m3")
"""Model types whose class is the checkpoint's own, a plain one."""


def register() -> None:
    """Make transformers read the model types above, and MiMo's first, a Qwen2 by another name."""
    from transformers import AutoConfig, PretrainedConfig, Qwen2Config

    def plain(config: Any, name: str) -> Any:
        value = PretrainedConfig.__getattribute__(config, name)
        # the blocks of a Nemotron found by a search are objects with attributes
        return _objects(value) if name == "block_configs" else value

    for kind in OWN_CLASSES:
        fields = {
            "model_type": kind,
            "max_position_embeddings": 131_072,
            "__getattribute__": plain,
        }
        _register(AutoConfig, type(f"{kind}_config", (PretrainedConfig,), fields))
    _register(AutoConfig, type("mimo_config", (Qwen2Config,), {"model_type": "mimo"}))


def _register(auto: Any, config: Any) -> None:
    # a release of transformers that has the type itself knows it best
    try:
        auto.register(config.model_type, config)
    except ValueError:
        return


class _Fields(dict[str, Any]):
    """A mapping whose keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)


def _objects(value: Any) -> Any:
    if isinstance(value, dict):
        return _Fields({key: _objects(item) for key, item in value.items()})
    return [_objects(item) for item in value] if isinstance(value, list) else value

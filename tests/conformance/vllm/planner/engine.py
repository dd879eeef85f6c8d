"""From a folder with a config.json to what vLLM plans for it, by vLLM's own steps.

The engine core runs as it does in a server: it asks the workers for the specifications of their
layers, forms groups, and divides the memory. Only the workers are this module's (stub 9): each
builds its stage of the model without weights, and says that it has the memory that was asked about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from vllm import EngineArgs
from vllm.config import set_current_vllm_config
from vllm.model_executor.model_loader.utils import initialize_model
from vllm.model_executor.models import registry
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.utils.torch_utils import set_default_torch_dtype
from vllm.v1.core import kv_cache_planning, kv_cache_utils
from vllm.v1.engine.core import EngineCore
from vllm.v1.worker.gpu.attn_utils import get_kv_cache_spec
from vllm.v1.worker.worker_base import WorkerBase
from vllm.v1.worker.workspace import init_workspace_manager

from tests.conformance.vllm.planner.gpus import GIB
from tests.conformance.vllm.planner.ranks import OnMeta, take_place

MOST_MEMORY = 1 << 20
"""GiB at which it is no longer for want of memory that a sequence does not fit."""

TOO_SMALL = "To serve at least one request"


def _here(inspect: Callable[[], Any]) -> Any:
    return inspect()


# stub 8: model classes are looked at in this process, where the stubs are, and not in a new one
registry._run_in_subprocess = _here


class Workers:
    """The executor that the engine core asks: one worker a stage, none of which ever runs."""

    def __init__(self, config: Any, memory: int) -> None:
        self.config, self.memory = config, memory
        self.backends: Counter[str] = Counter()
        self.layouts: list[list[str]] = []
        self.plans: list[Any] = []
        """What the engine core told each stage to set aside."""

    def get_kv_cache_specs(self) -> list[Any]:
        return [self._stage(stage) for stage in range(self._parallel.pipeline_parallel_size)]

    def get_supported_kv_cache_layouts(self) -> list[list[str]]:
        return self.layouts

    def set_kv_cache_layout(self, name: str, interleave: int) -> None:
        WorkerBase.set_kv_cache_layout(SimpleNamespace(vllm_config=self.config), name, interleave)

    def determine_available_memory(self) -> list[int]:
        return [self.memory] * len(self.layouts)

    def initialize_from_config(self, plans: list[Any]) -> None:
        self.plans = plans

    def compile_or_warm_up_model(self) -> None:
        return None

    @property
    def _parallel(self) -> Any:
        return self.config.parallel_config

    def _stage(self, stage: int) -> Any:
        config, sizes = self.config, self._parallel
        config.compilation_config.static_forward_context.clear()
        take_place(
            sizes.tensor_parallel_size,
            sizes.pipeline_parallel_size,
            sizes.decode_context_parallel_size,
            stage,
        )
        init_workspace_manager(torch.device("meta"))
        with (
            set_default_torch_dtype(config.model_config.dtype),
            OnMeta(),
            torch.device("meta"),
            set_current_vllm_config(config),
        ):
            built = _build(config, last=stage == sizes.pipeline_parallel_size - 1)
        current_platform.update_block_size_for_backend(config)
        with set_current_vllm_config(config):
            specs = get_kv_cache_spec(config)
            worker = SimpleNamespace(vllm_config=config)
            self.layouts.append(WorkerBase.get_supported_kv_cache_layouts(worker))
            for layer in config.compilation_config.static_forward_context.values():
                if hasattr(layer, "get_attn_backend"):
                    self.backends[layer.get_attn_backend().get_name()] += 1
        del built
        return specs


def _build(config: Any, last: bool) -> list[Any]:
    """The models of a stage; the draft's layers join the last stage's, as its runner loads them."""
    models = [initialize_model(vllm_config=config)]
    speculative = config.speculative_config
    if last and speculative and speculative.draft_model_config:
        layers = config.compilation_config.static_forward_context
        own = set(layers)
        draft = speculative.apply_draft_overrides(config)
        models.append(
            initialize_model(vllm_config=draft, model_config=speculative.draft_model_config)
        )
        for name in set(layers) - own:
            layers[name].is_draft_layer = True
    return models


def plan(folder: str, setting: dict[str, Any]) -> dict[str, Any]:
    """What vLLM plans for one configuration and setting.

    The memory is doubled until a sequence fits, and the answer says how much it came to.
    Raises whatever vLLM raises.
    """
    memory = setting["memory_gib"]
    while True:
        try:
            return _plan(folder, setting, memory)
        except ValueError as error:
            if TOO_SMALL not in str(error) or memory > MOST_MEMORY:
                raise
            memory *= 2


def _plan(folder: str, setting: dict[str, Any], memory: int) -> dict[str, Any]:
    config = _arguments(folder, setting).create_engine_config(UsageContext.OPENAI_API_SERVER)
    workers = Workers(config, memory * GIB)
    said: list[str] = []
    kv_cache_utils.logger.info_once = lambda text, *values, **_: said.append(text % values)
    core = SimpleNamespace(
        model_executor=workers, collective_rpc=None, available_gpu_memory_for_kv_cache=-1
    )
    with set_current_vllm_config(config):
        scheduled = EngineCore._initialize_kv_caches(core, config)
        stages = [_stage_plan(config, stage) for stage in workers.plans]
    return {
        "reserved_bytes": [stage["bytes_per_block"] * _blocks(stage) for stage in stages],
        "num_blocks": scheduled.num_blocks,
        "tokens": config.cache_config.kv_cache_size_tokens,
        "concurrency": config.cache_config.kv_cache_max_concurrency,
        "log": [line for line in said if "KV cache size" in line],
        "memory_gib": memory,
        "stages": stages,
        "resolved": _resolved(config, workers),
    }


def _blocks(stage: dict[str, Any]) -> int:
    return sum(group["blocks_per_request"] for group in stage["groups"])


def _arguments(folder: str, setting: dict[str, Any]) -> Any:
    options = dict(setting["options"])
    if drafted := options.pop("num_speculative_tokens", None):
        options["speculative_config"] = {"method": "mtp", "num_speculative_tokens": drafted}
    several = setting["tp"] * setting["pp"] > 1
    return EngineArgs(
        model=folder,
        skip_tokenizer_init=True,
        load_format="dummy",
        dtype="bfloat16",
        kv_cache_dtype=setting["kv_dtype"],
        tensor_parallel_size=setting["tp"],
        pipeline_parallel_size=setting["pp"],
        decode_context_parallel_size=setting["dcp"],
        distributed_executor_backend="mp" if several else None,
        **options,
    )


def _stage_plan(config: Any, stage: Any) -> dict[str, Any]:
    return {
        "bytes_per_block": kv_cache_planning._pool_bytes_per_block(config, stage.kv_cache_groups),
        "groups": [_group(config, group) for group in stage.kv_cache_groups],
    }


def _group(config: Any, group: Any) -> dict[str, Any]:
    spec = group.kv_cache_spec
    needed = -(-spec.max_memory_usage_bytes(config) // spec.page_size_bytes)
    layers = spec.kv_cache_specs.values() if hasattr(spec, "kv_cache_specs") else [spec]
    kinds = {(type(layer).__name__, layer.block_size, layer.page_size_bytes) for layer in layers}
    return {
        "layers": len(group.layer_names),
        "blocks_per_request": needed,
        "specs": [
            {"kind": kind, "block_size": block, "page_bytes": page}
            for kind, block, page in sorted(kinds)
        ],
    }


def _resolved(config: Any, workers: Workers) -> dict[str, Any]:
    cache, scheduler = config.cache_config, config.scheduler_config
    return {
        "architecture": config.model_config.architecture,
        "max_model_len": config.model_config.max_model_len,
        "kv_cache_dtype": cache.cache_dtype,
        "block_size": cache.block_size,
        "enable_prefix_caching": cache.enable_prefix_caching,
        "mamba_cache_mode": cache.mamba_cache_mode,
        "max_num_batched_tokens": scheduler.max_num_batched_tokens,
        "async_scheduling": scheduler.async_scheduling,
        "in_flight": config.max_in_flight_tokens,
        "layout": cache.kv_cache_layout,
        "backends": dict(workers.backends),
    }

"""GGUF files written for tests with the gguf package, and what reading them gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest

from kvcalc.errors import InvalidValue, Problem
from kvcalc.importers.assembly import Origin
from kvcalc.importers.gguf import read_gguf

if TYPE_CHECKING:
    import pathlib

    from kvcalc.model import Model

    Keys = dict[str, Any]

BASE: Keys = {"context_length": 131072, "attention.layer_norm_rms_epsilon": 1e-5}


def write(
    path: pathlib.Path,
    arch: str,
    keys: Keys,
    *,
    general: Keys | None = None,
    tensors: tuple[tuple[int, ...], ...] = (),
    first_block: int = 0,
    endianess: gguf.GGUFEndian = gguf.GGUFEndian.LITTLE,
) -> pathlib.Path:
    """A GGUF file with these keys, and fp16 tensors of these shapes that are never written."""
    writer = gguf.GGUFWriter(path, arch, endianess=endianess)
    named = {f"{arch}.{key}": value for key, value in keys.items()}
    for key, value in {**(general or {}), **named}.items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int) and value >= 0:
            writer.add_uint32(key, value)
        elif isinstance(value, int):
            writer.add_int32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, list):
            writer.add_array(key, value)
        else:
            writer.add_string(key, value)
    for number, shape in enumerate(tensors, first_block):
        size = int(np.prod(shape)) * 2
        writer.add_tensor_info(f"blk.{number}.weight", shape, np.dtype(np.float16), size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    return path


def read(path: pathlib.Path) -> Model:
    return read_gguf(path, Origin(str(path)))


def model_of(tmp_path: pathlib.Path, arch: str, keys: Keys, **rest: Any) -> Model:
    return read(write(tmp_path / "model.gguf", arch, {**BASE, **keys}, **rest))


def refused(path: pathlib.Path) -> tuple[Problem, ...]:
    with pytest.raises(InvalidValue) as caught:
        read(path)
    return caught.value.problems


def problems_of(tmp_path: pathlib.Path, arch: str, keys: Keys, **rest: Any) -> tuple[Problem, ...]:
    problems = refused(write(tmp_path / "model.gguf", arch, {**BASE, **keys}, **rest))
    assert all(problem.hint for problem in problems)
    return problems


def heads(layers: int, hidden: int, heads: Any, kv: Any = None, width: int = 0) -> Keys:
    """The keys of attention; a width only where the file states one."""
    keys = {"block_count": layers, "embedding_length": hidden, "attention.head_count": heads}
    if kv is not None:
        keys["attention.head_count_kv"] = kv
    if width:
        keys |= {"attention.key_length": width, "attention.value_length": width}
    return keys


def latent(layers: int, heads_: Any, rank: int, rope: int, key: int, value: int) -> Keys:
    """The keys of latent attention as llama.cpp caches it."""
    return {
        **heads(layers, 7168, heads_, 1),
        "rope.dimension_count": rope,
        "attention.kv_lora_rank": rank,
        "attention.q_lora_rank": 1536,
        "attention.key_length": rank + rope,
        "attention.value_length": rank,
        "attention.key_length_mla": key,
        "attention.value_length_mla": value,
    }


def ssm(inner: int, state: int, rank: int, groups: int | None = None) -> Keys:
    keys = {"ssm.conv_kernel": 4, "ssm.inner_size": inner, "ssm.state_size": state}
    keys["ssm.time_step_rank"] = rank
    return keys if groups is None else {**keys, "ssm.group_count": groups}


INDEXER = {"head_count": 64, "key_length": 128, "top_k": 2048}
INDEX: Keys = {f"attention.indexer.{key}": value for key, value in INDEXER.items()}
WINDOW, PATTERN = "attention.sliding_window", "attention.sliding_window_pattern"

"""A GGUF header in memory, made by the functions of gguf.h: no file is ever written."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

from tests.conformance.llama_cpp.library.structures import TYPES

UINT32, INT32, FLOAT32, BOOL, UINT64 = 4, 5, 6, 7, 10
"""enum gguf_type, of arrays."""

WIDE = ("ple.layer_multipliers", "ple.head_offsets", "ple.head_vocab_sizes")
"""Arrays that llama.cpp wants 64 bits wide."""

BARE = ("general.", "tokenizer.", "xielu.")
"""What keys begin with that have no architecture before them."""

VOCABULARY = {"tokenizer.ggml.model": "none", "tokenizer.ggml.token_type_count": 2}
"""No words, and the two token types that an encoder must have."""


class Header:
    """The keys of a model, and the names of tensors, each once."""

    def __init__(
        self, base: ctypes.CDLL, pool: int, architecture: str, keys: Mapping[str, Any]
    ) -> None:
        self.architecture = architecture
        self.layers = int(keys.get("block_count", 0))
        self._keys = keys
        self._base, self._pool = base, pool
        self._tensors: set[str] = set()
        for name in ("gguf_init_empty", "ggml_new_tensor_1d"):
            getattr(base, name).restype = ctypes.c_void_p
        self.address = ctypes.c_void_p(base.gguf_init_empty())
        self.put("general.architecture", architecture)
        for key, value in {**VOCABULARY, **keys}.items():
            self.put(key if key.startswith(BARE) else f"{architecture}.{key}", value)

    def put(self, key: str, value: Any) -> None:
        """Write a key as llama.cpp's converter would: counts unsigned, the rest as they are."""
        base, name = self._base, key.encode()
        if isinstance(value, list):
            self._put_array(name, value)
        elif isinstance(value, bool):
            base.gguf_set_val_bool(self.address, name, ctypes.c_bool(value))
        elif isinstance(value, int):
            put = base.gguf_set_val_u32 if value >= 0 else base.gguf_set_val_i32
            put(self.address, name, ctypes.c_int32(value))
        elif isinstance(value, float):
            base.gguf_set_val_f32(self.address, name, ctypes.c_float(value))
        else:
            base.gguf_set_val_str(self.address, name, str(value).encode())

    def _put_array(self, name: bytes, values: list[Any]) -> None:
        kind, made = _array(name.decode(), values)
        items = (made * len(values))(*values)
        size = ctypes.c_size_t(len(values))
        self._base.gguf_set_arr_data(self.address, name, kind, items, size)

    def alike(self, layer: int) -> list[int]:
        """The layers of which the keys say what they say of one."""
        return [other for other in range(self.layers) if self._kind(other) == self._kind(layer)]

    def _kind(self, layer: int) -> tuple[Any, ...]:
        lists = [value for value in self._keys.values() if isinstance(value, list)]
        dense = layer < self._keys.get("leading_dense_block_count", 0)
        return (dense, *(values[layer] for values in lists if len(values) >= self.layers))

    def name(self, tensor: str) -> bool:
        """Name a tensor; whether it had no such name yet."""
        if tensor in self._tensors:
            return False
        self._tensors.add(tensor)
        kind = TYPES["i32" if "tid2eid" in tensor else "f32"]
        pool, base = ctypes.c_void_p(self._pool), self._base
        made = ctypes.c_void_p(base.ggml_new_tensor_1d(pool, kind, ctypes.c_int64(1)))
        base.ggml_set_name(made, tensor.encode())
        base.gguf_add_tensor(self.address, made)
        return True


def _array(name: str, values: list[Any]) -> tuple[int, Any]:
    """An array's type, in GGUF and in C."""
    if all(isinstance(value, bool) for value in values):
        return BOOL, ctypes.c_bool
    if any(isinstance(value, float) for value in values):
        return FLOAT32, ctypes.c_float
    if name.endswith(WIDE):
        return UINT64, ctypes.c_uint64
    if any(value < 0 for value in values):
        return INT32, ctypes.c_int32
    return UINT32, ctypes.c_uint32

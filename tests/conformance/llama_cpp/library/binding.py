"""llama.cpp's library: a model from the keys of a header alone, and what a context of it takes.

llama_model_init_from_user makes every tensor of a header's model by itself, and with no_alloc
nothing is ever given memory; llama_get_memory_breakdown then says what a context's memory takes.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.conformance.llama_cpp.library.header import Header
from tests.conformance.llama_cpp.library.structures import (
    FLASH_ATTENTION,
    TYPES,
    ContextParams,
    LogCallback,
    ModelParams,
    PoolParams,
    SetTensor,
)

_SPLIT = {"ssm_conv1d.weight": ("attn_qkv.weight", "attn_gate.weight")}
_BIASED = {"ssm_conv1d.weight": ("ssm_conv1d.bias",)}
COMPANIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "phi3": {"attn_norm.weight": ("attn_qkv.weight",)},
    "glm-dsa": {
        "attn_norm.weight": (
            *("indexer.k_norm.weight", "indexer.k_norm.bias", "indexer.proj.weight"),
            *("indexer.attn_k.weight", "indexer.attn_q_b.weight"),
        )
    },
    **dict.fromkeys(("qwen3next", "qwen35", "qwen35moe"), _SPLIT),
    **dict.fromkeys(("falcon-h1", "nemotron_h", "nemotron_h_moe", "granitehybrid"), _BIASED),
}
"""Tensors that a loader takes or leaves and its graph needs, by the one beside which they are."""

MISSING_TENSOR = re.compile(r"missing tensor '(.+?)'")
LAYER = re.compile(r"blk\.(\d+)\.(.*)")
TOO_MANY = "wrong number of tensors"
LAST = 6
"""Lines of the log that say why there is no model."""

NODE_CONTEXT_BYTES = 6
"""Words into a node of the breakdown's std::map: colour, parent, left, right, key, {model, ...}."""


class Library:
    """The libraries in a folder, loaded once in a process."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[str] = []
        self._base = _opened(folder, "libggml-base")
        ggml = _opened(folder, "libggml")
        self._llama = _opened(folder, "libllama")
        self.names_every_tensor = any(folder.glob("libllama.v*.so"))
        """Whether a header must name all tensors, as in the build of the npm package."""
        self._log = LogCallback(self._noted)
        self._keep = SetTensor(lambda tensor, data: None)
        self._llama.llama_log_set(self._log, None)
        self._base.ggml_log_set(self._log, None)
        if (cpu := folder / "libggml-cpu-x64.so").exists():
            ggml.ggml_backend_load.restype = ctypes.c_void_p
            ggml.ggml_backend_load(str(cpu).encode())
        self._declared()
        self._llama.llama_backend_init()

    def _noted(self, level: int, text: bytes, data: object) -> None:
        self.lines.append(text.decode("utf-8", "replace"))

    def _declared(self) -> None:
        llama, address = self._llama, ctypes.c_void_p
        llama.llama_model_default_params.restype = ModelParams
        llama.llama_context_default_params.restype = ContextParams
        llama.llama_model_init_from_user.restype = address
        llama.llama_model_init_from_user.argtypes = [address, SetTensor, address, ModelParams]
        llama.llama_init_from_model.restype = address
        llama.llama_init_from_model.argtypes = [address, ContextParams]
        llama.llama_free.argtypes = [address]
        self._base.ggml_init.restype = address
        self._base.ggml_init.argtypes = [PoolParams]

    def said(self) -> list[str]:
        """The lines logged since the last call that begins anew."""
        return "".join(self.lines).splitlines()

    def model(self, architecture: str, keys: Mapping[str, Any]) -> int | None:
        """The model of a header, or None, of which the log says why."""
        found = self._named(self._header(architecture, keys), everywhere=True)
        if found is None and TOO_MANY in "".join(self.lines[-LAST:]):
            return self._named(self._header(architecture, keys), everywhere=False)
        return found

    def _header(self, architecture: str, keys: Mapping[str, Any]) -> Header:
        pool = self._base.ggml_init(PoolParams(1 << 26, None, True))
        header = Header(self._base, pool, architecture, keys)
        if not self.names_every_tensor and architecture == "deepseek4":
            for layer in range(header.layers):  # a table of token ids, which must not be floats
                header.name(f"blk.{layer}.ffn_gate_tid2eid.weight")
        return header

    def _named(self, header: Header, everywhere: bool) -> int | None:
        """The model, with tensors named as the library misses them, one after another.

        everywhere  at once in all layers that look alike: a guess, which it may refuse
        """
        while True:
            params = self._llama.llama_model_default_params()
            params.no_alloc = params.load_mtp = True
            self.lines.clear()
            found = self._llama.llama_model_init_from_user(header.address, self._keep, None, params)
            missing = None if found else MISSING_TENSOR.search("".join(self.lines[-LAST:]))
            if missing is None or not header.name(missing[1]):
                return int(found) if found else None
            for name in _beside(header, missing[1], everywhere):
                header.name(name)

    def context(self, model: int, settings: Mapping[str, Any]) -> int | None:
        """What the memory of a context takes, in bytes; None where it is refused."""
        params = self._llama.llama_context_default_params()
        params.n_threads = params.n_threads_batch = 1
        params.swa_full = False  # as llama-cli and llama-server have it
        for name, value in settings.items():
            if name == "flash_attn":
                params.flash_attn_type = FLASH_ATTENTION[value]
            else:
                setattr(params, name, TYPES[value] if name in ("type_k", "type_v") else value)
        self.lines.clear()
        context = self._llama.llama_init_from_model(model, params)
        if not context:
            return None
        taken = self._taken(context)
        self._llama.llama_free(context)
        return taken

    def _taken(self, context: int) -> int:
        """The sum over llama_get_memory_breakdown's std::map, walked as libstdc++ lays it out."""
        call = self._llama["_Z26llama_get_memory_breakdownPK13llama_context"]
        call.restype, call.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p]
        tree = (ctypes.c_uint64 * 6)()
        call(ctypes.addressof(tree), context)
        total, nodes = 0, [tree[2]]
        while nodes:
            if node := nodes.pop():
                words = (ctypes.c_uint64 * 8).from_address(node)
                total += words[NODE_CONTEXT_BYTES]
                nodes += [words[2], words[3]]
        return total


def _beside(header: Header, name: str, everywhere: bool) -> Iterator[str]:
    """What else is named with a tensor: its like in other layers, and what their graph needs."""
    matched = LAYER.fullmatch(name)
    if matched is None:
        if name.endswith("c.blk.0.attn_q.weight"):  # T5's encoder and decoder
            yield name.replace("attn_q", "attn_rel_b")
        return
    layer, suffix = int(matched[1]), matched[2]
    for other in header.alike(layer) if everywhere else [layer]:
        for each in (suffix, *COMPANIONS.get(header.architecture, {}).get(suffix, ())):
            yield f"blk.{other}.{each}"


def _opened(folder: Path, name: str) -> ctypes.CDLL:
    """`libllama.v0.5.0.so` in the npm package, `libllama.so` where it was built."""
    path = min(folder.glob(f"{name}.v*.so"), default=folder / f"{name}.so")
    return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)

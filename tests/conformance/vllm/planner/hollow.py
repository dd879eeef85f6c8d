"""Names without code: what stands for packages that need a GPU, or a compiler, to be imported.

Stub 1, hollow packages. vLLM imports CUDA kernels, and looks whether their packages are there, to
choose a backend. Here each imports, each of its names is hollow, and nothing in it computes. An
H100's installation has them all, so vLLM chooses as it does there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any

GPU_PACKAGES = ("cutlass", "cutlass_library", "quack", "tilelang", "tvm", "tvm_ffi", "cuda", "nvtx")
"""Compilers of kernels and their bindings, which vLLM requires on CUDA."""

OPTIONAL_PACKAGES = (
    *("flashinfer", "humming", "tokenspeed_mla", "numba", "torchvision", "cv2"),
    *("xgrammar", "llguidance", "lmformatenforcer", "outlines_core"),
)
"""Hollow where they are not installed: other kernels, images, and guided decoding."""

COMPILED_MODULES = (
    *("vllm._C_stable_libtorch", "vllm._moe_C_stable_libtorch", "vllm._qutlass_C"),
    *("vllm._flashkda_C", "vllm._flashmla_C", "vllm._flashmla_extension_C"),
    *("vllm._deepselect_C", "vllm.cumem_allocator", "vllm.spinloop", "vllm.fs_io_C"),
    *("vllm.vllm_flash_attn._vllm_fa2_C", "vllm.vllm_flash_attn._vllm_fa3_C"),
    "vllm.third_party.deep_gemm",
)
"""vLLM's own compiled modules, which its wheel has and this environment leaves out."""

OPERATORS = "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod lshift rshift"
COMPARISONS = "or ror and rand lt gt le ge"


class Hollow:
    """A name of a hollow package: a base class, a decorator, an annotation, never a value."""

    def __init__(self, name: str) -> None:
        self._hollow = name

    def __getattr__(self, name: str) -> Any:
        return _attribute(f"{self._hollow}.{name}", name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if len(arguments) == 1 and not keywords and isinstance(arguments[0], FunctionType | type):
            return arguments[0]  # it decorates, and leaves as it is what it decorates
        return Hollow(f"{self._hollow}()")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()

    def __instancecheck__(self, instance: object) -> bool:
        return False

    def __subclasscheck__(self, subclass: type) -> bool:
        return False

    def __getitem__(self, key: object) -> Hollow:
        return self

    def __index__(self) -> int:
        return 1  # the size of a kernel's workspace

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __enter__(self) -> Hollow:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _itself(self: Hollow, other: object) -> Hollow:
    return self


for _name in f"{OPERATORS} {COMPARISONS}".split():
    setattr(Hollow, f"__{_name}__", _itself)


def _attribute(full: str, name: str) -> Hollow:
    # Python asks for names of its own, which a hollow one must lack; MLIR's are ordinary names
    if name.startswith("__") and "mlir" not in name:
        raise AttributeError(full)
    return Hollow(full)


class HollowModule(ModuleType):
    """A module whose every name is hollow, and which says that its version is new enough."""

    __version__ = "99.0"
    __path__: MutableSequence[str] = []  # noqa: RUF012  # as the base class has it

    def __getattr__(self, name: str) -> Any:
        value = _attribute(f"{self.__name__}.{name}", name)
        setattr(self, name, value)
        return value


class _Finder(MetaPathFinder, Loader):
    """Imports hollow modules, whatever else is installed by their names."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if any(f"{fullname}.".startswith(f"{name}.") for name in self._names):
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return HollowModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__path__ = []


def hollow_packages() -> None:
    """Stub 1: make the packages importable; before vLLM is imported."""
    absent = [name for name in OPTIONAL_PACKAGES if find_spec(name) is None]
    sys.meta_path.insert(0, _Finder((*GPU_PACKAGES, *absent, *COMPILED_MODULES)))


def complete_packages(cdiv: Callable[[int, int], int]) -> None:
    """Stub 2: say what a hollow package cannot; once torch and vLLM have looked for themselves.

    Triton is there, with its two functions that are plain arithmetic; its kernels are hollow.
    FlashInfer is as new as the one that vLLM requires, which reads latents without RoPE, and
    DeepSeek-V4's on 12.x.
    """
    import vllm.triton_utils as names
    import vllm.triton_utils.importing as importing
    import vllm.utils.flashinfer as flashinfer

    triton = HollowModule("triton")
    language = HollowModule("triton.language")
    for name, value in {
        "cdiv": cdiv,
        "next_power_of_2": lambda number: 1 << (number - 1).bit_length(),
        "language": language,
    }.items():
        setattr(triton, name, value)
    flashinfer.has_flashinfer_sm90_nope_mla = lambda: True
    flashinfer.has_flashinfer_sparse_mla_sm120_config = lambda heads, picked: True
    names.HAS_TRITON = importing.HAS_TRITON = True
    names.triton, names.tl = triton, language

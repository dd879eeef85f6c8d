"""Model folders: indexes that name what they should not, links, pipes, weights, odd names."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.fuzz.attempt import SECRET, Attempt, Content, Fifo, Link, Sparse
from tests.fuzz.doors.commands import LLAMA, SMALL, reading
from tests.fuzz.doors.configurations import QUANTIZED, trees
from tests.fuzz.doors.headers import file
from tests.fuzz.doors.texts import damaged
from tests.fuzz.values import LOUD, ODD, SECRETS, as_json

TARGETS = (
    *("/dev/zero", "/dev/null", "/dev/stdin", "../token", "../home", "/etc", "loop", "nosuch", "/"),
    *("../../outside/token", "../../outside", "/proc/self/mem", "config.json", "."),
)
WEIGHTS = (
    *("model.safetensors", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
    *("pytorch_model.bin", "consolidated.00.pth", "adapter_model.safetensors", "x.safetensors"),
    *("model-00001-of-99999.safetensors", "tf_model.h5", "training_args.bin"),
)
FILES = (
    *("config.json", "config.json", "model.safetensors.index.json", "hf_quant_config.json"),
    *("pytorch_model.bin.index.json", "adapter_config.json", "params.json", "model.yaml"),
    *("m.gguf", "m-00001-of-00002.gguf", "mmproj.gguf", "generation_config.json", "recipe.yaml"),
    *("tokenizer.json", "sub/config.json", "snapshots/a/config.json", *WEIGHTS),
)

SIZES = (0, 1, 100, 10**9, 2**40)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize "


@st.composite
def _index(draw: DrawFn) -> bytes:
    """An index of weights with what it maps, and the bytes that it states."""
    names = st.sampled_from((*WEIGHTS, *TARGETS, *LOUD, "", "x" * 300, "\ud800"))
    mapped: Any = draw(st.dictionaries(st.sampled_from("abcd"), names | ODD, max_size=4))
    index: dict[str, Any] = {"weight_map": draw(st.just(mapped) | ODD)}
    if draw(st.booleans()):
        index["metadata"] = draw(st.builds(lambda size: {"total_size": size}, ODD) | ODD)
    return as_json(index)


def _quantized() -> SearchStrategy[bytes]:
    values = st.sampled_from(QUANTIZED) | ODD
    return st.builds(lambda value: as_json({"quantization": value}), values) | values.map(as_json)


@st.composite
def _content(draw: DrawFn, name: str) -> Content:
    way = draw(st.integers(0, 11))
    if way == 0:
        return Link(draw(st.sampled_from(TARGETS)))
    if way == 1:
        return Fifo()
    if way == 2:
        return draw(damaged())
    if name.endswith("index.json"):
        return draw(_index())
    if name.startswith("hf_quant"):
        return draw(_quantized())
    if name.endswith(".gguf"):
        return draw(file())
    if name in WEIGHTS:
        size = str(draw(st.sampled_from((*SIZES, "9" * 5_000, "x"))))
        pointer = LFS + size.encode()
        ways: tuple[Content, ...] = (Sparse(b"x", draw(st.sampled_from(SIZES))), pointer)
        return draw(st.sampled_from(ways))
    if name.endswith(".json"):
        return draw(st.sampled_from((as_json(LLAMA), b"{}")) | trees().map(as_json))
    return as_json(SMALL)


@st.composite
def folders(draw: DrawFn) -> Attempt:
    """A folder of some files, and a command that reads it."""
    folder = draw(st.sampled_from(("d", "d", "d", "ev\x1b[31mil", "a b", "d\udcff", "é")))
    named = draw(st.lists(st.sampled_from(FILES), min_size=1, max_size=5, unique=True))
    files: dict[str, Content] = {f"{folder}/{name}": draw(_content(name)) for name in named}
    files |= {f"{folder}/notes.txt": SECRET.encode()}
    return Attempt((*draw(reading), folder), {**SECRETS, **files})

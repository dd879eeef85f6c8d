"""A folder that holds a model, and files that are none: what to read, and what to say instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvcalc.errors import InputError, Problem
from kvcalc.importers.bounded import (
    CONFIG,
    configurations_in_snapshots,
    json_of,
    names_in,
    size_of,
)
from kvcalc.importers.recognition import is_config
from kvcalc.importers.vocabulary import HEADS_ALONE

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
QUANTIZED = "hf_quant_config.json"
"""How a model is quantized, as ModelOpt writes it beside config.json."""

INDEXES = (INDEX, "pytorch_model.bin.index.json")
"""Of the weights of a model. Where WEIGHTS is there as well as the second of them, transformers
loads that: what the other names may be in another dtype."""
LFS = b"version https://git-lfs.github.com/spec/v1"
PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})$")
"""What a file of weights in several parts is called, without its suffix."""


def config_of(folder: Path) -> Path:
    """The configuration in a model folder: config.json, else the only GGUF, else the only YAML.

    Raises InputError where there is none, or more than one that could be meant.
    """
    names = names_in(folder)
    configs = [CONFIG] if CONFIG in names else []
    # a YAML beside either is most often a recipe of quantization or training
    found = [*configs, *_ggufs(folder, names)] or [
        name for name in names if name.lower().endswith((".yaml", ".yml"))
    ]
    if len(found) == 1:
        return folder / found[0]
    if found:
        text = f"more than one file here could be meant: {_listed(found)}"
        hint = f"name the file, such as {folder / found[0]}"
        raise InputError([Problem(text, hint, file=str(folder))])
    raise InputError([_nothing(folder, names)])


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _ggufs(folder: Path, names: Sequence[str]) -> list[str]:
    """The GGUF files that hold a language model, a split one by its first part."""
    found: dict[str, None] = {}
    for name in names:
        # llama.cpp keeps the image encoder of a model in a file of its own, beside it
        if not name.lower().endswith(".gguf") or "mmproj" in name.lower():
            continue
        path = Path(name)
        part = PART.match(path.stem)
        first = f"{part['stem']}-00001-of-{part['total']}{path.suffix}" if part else name
        found[first] = None
    here = set(names)
    missing = [first for first in found if first not in here]
    if missing:
        text = f"the first part of a split GGUF is not here: {missing[0]}"
        raise InputError([Problem(text, "put all parts into the folder", file=str(folder))])
    return list(found)


def _listed(names: Sequence[str]) -> str:
    if len(names) > 3:
        names = [*names[:2], f"{len(names) - 2} more"]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _nothing(folder: Path, names: Sequence[str]) -> Problem:
    text = "no configuration in this folder: no config.json, no GGUF and no YAML"
    if snapshot := _snapshot(folder):
        hint = f"in the cache of the hub it stands in a snapshot: name {snapshot}"
        return Problem(text, hint, file=str(folder))
    adapter = json_of(folder / "adapter_config.json")
    if isinstance(adapter, dict):
        return Problem(text, f"this is {_ADAPTER.what}: {_base(adapter)}", file=str(folder))
    hint = way_out(names) or "name the file, or the folder it is in"
    return Problem(text, hint, file=str(folder))


def _snapshot(folder: Path) -> Path | None:
    """A snapshot with a configuration, of the first that are found, in a folder of the cache."""
    found = [path for path in configurations_in_snapshots(folder) if size_of(path) is not None]
    return max(found).parent if found else None


def way_out(names: Iterable[str]) -> str:
    """What to do about a folder or repository of these files, which has no configuration."""
    here = set(names)
    known = [name for name in _BY_NAME if name in here]
    elsewhere = next((name for name in known if _BY_NAME[name].hint != _BESIDE), None)
    if elsewhere is not None:
        return f"{elsewhere} is {_BY_NAME[elsewhere].what}: {_BY_NAME[elsewhere].hint}"
    weights = sorted(name for name in here if Path(name).suffix.lower() in _WEIGHTS)
    if weights:
        return f"there are only weights ({weights[0]}): put the model's config.json beside them"
    return f"{known[0]} is {_BY_NAME[known[0]].what}: it takes a config.json" if known else ""


@dataclass(frozen=True)
class _Kind:
    """A kind of file that is no model configuration: what it is, and what to read instead."""

    what: str
    hint: str


_BESIDE = "name the folder it is in, or the config.json beside it"
_BASE = "read the base model that it belongs to"
_ID = re.compile(r"\w[\w.-]{0,95}(/\w[\w.-]{0,95})?", re.ASCII)
"""What a model of the hub is called; anything else in its place is not shown."""

_ADAPTER = _Kind("a LoRA or PEFT adapter", _BASE)
_PARAMS = _Kind(
    "the params.json of the makers' own code, which kvcalc does not read",
    "read the config.json of the same model",
)
_PIPELINE = _Kind(
    "a part of a diffusers pipeline, which keeps no KV cache",
    "if its text encoder is meant, name text_encoder/config.json",
)
_SENTENCES = _Kind("settings of sentence-transformers", _BESIDE)
_TOKENIZER = _Kind("a tokenizer", _BESIDE)
_GENERATION = _Kind("settings of generation (how to sample)", _BESIDE)
_PROCESSOR = _Kind("settings of a preprocessor", _BESIDE)
_QUANTIZATION = _Kind("settings of quantization alone", _BESIDE)
_INDEX = _Kind("an index of weight files", _BESIDE)

_BY_NAME = {
    "adapter_config.json": _ADAPTER,
    "params.json": _PARAMS,
    "model_index.json": _PIPELINE,
    "modules.json": _SENTENCES,
    "config_sentence_transformers.json": _SENTENCES,
    "sentence_bert_config.json": _SENTENCES,
    "generation_config.json": _GENERATION,
    "preprocessor_config.json": _PROCESSOR,
    "processor_config.json": _PROCESSOR,
    QUANTIZED: _QUANTIZATION,
    "tokenizer_config.json": _TOKENIZER,
    "tokenizer.json": _TOKENIZER,
    "special_tokens_map.json": _TOKENIZER,
    **dict.fromkeys(INDEXES, _INDEX),
}

_BY_FIELDS = (
    ({"dim", "n_layers", "n_heads"}, _PARAMS),
    ({"weight_map"}, _INDEX),
    ({"_class_name"}, _PIPELINE),
    ({"_diffusers_version"}, _PIPELINE),
    ({"word_embedding_dimension"}, _SENTENCES),
    ({"quantization", "producer"}, _QUANTIZATION),
    ({"tokenizer_class"}, _TOKENIZER),
    ({"added_tokens_decoder"}, _TOKENIZER),
    ({"added_tokens", "pre_tokenizer"}, _TOKENIZER),
    ({"image_processor_type"}, _PROCESSOR),
    ({"feature_extractor_type"}, _PROCESSOR),
    ({"processor_class"}, _PROCESSOR),
    ({"_from_model_config"}, _GENERATION),
    ({"do_sample"}, _GENERATION),
    ({"transformers_version", "eos_token_id"}, _GENERATION),
)
"""Fields that a kind of file has, all of a row; the first row that fits decides."""

_OWN = ("attention", "layers", "claims")
_TYPES = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def refusal(name: str, data: object) -> Problem | None:
    """Why JSON cannot be read as a model, or None where it may be a configuration.

    name  the file's path or name, which tells some kinds apart; ask before `is_config`, as
          params.json and the parts of a diffusers pipeline look much like configurations
    """
    kind = _BY_NAME.get(name.replace("\\", "/").rpartition("/")[2])
    if not isinstance(data, dict):
        held = f"JSON that holds {_TYPES.get(type(data), 'a number')}"
        return _no_config(name, kind.what if kind else held, kind.hint if kind else _BESIDE)
    if not data:
        return _no_config(name, "an empty object", "was the file fetched in full?")
    if "peft_type" in data or ("base_model_name_or_path" in data and HEADS_ALONE not in data):
        return _no_config(name, _ADAPTER.what, _base(data))
    if "model_type" in data or "architectures" in data or any(field in data for field in _OWN):
        return None
    kind = kind or next((kind for fields, kind in _BY_FIELDS if fields <= set(data)), None)
    # transformers 2 wrote how to sample into configurations that state no model_type yet
    if kind and not (kind is _GENERATION and is_config(data)):
        return _no_config(name, kind.what, kind.hint)
    if is_config(data):
        return None
    text = "this is no model configuration: it has no model_type and no number of layers"
    return Problem(text, "a config.json as transformers writes it has both", file=name)


def no_model(data: object) -> Problem:
    """Why what was parsed is no model of anybody's; nothing of it is shown."""
    hint = "a model file begins with name:, layers:, dtype: and attention:"
    if not isinstance(data, dict):
        held = _TYPES.get(type(data), "a number")
        return Problem(f"this is no model: it holds {held}, not a mapping of fields", hint)
    if "claims" in data:
        return Problem("this is a file of claims, not a model", "kvcalc check reads it")
    one = next((name for name in ("layers", "attention") if name in data), None)
    lacks = f"{one} and nothing else of one" if one else "neither layers nor attention"
    return Problem(f"this is no model: it has {lacks}", hint)


def _base(adapter: Mapping[str, Any]) -> str:
    base = adapter.get("base_model_name_or_path")
    return f"{_BASE}: {base}" if isinstance(base, str) and _ID.fullmatch(base) else _BASE


def _no_config(name: str, what: str, hint: str) -> Problem:
    return Problem(f"this is {what}, not a model configuration", hint, file=name)


_PAGES = (b"<!doctype html", b"<html")
_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_PYTORCH = (".bin", ".pt", ".pth", ".ckpt")
_WEIGHTS = {
    ".safetensors": "safetensors",
    **dict.fromkeys(_PYTORCH, "PyTorch"),
    ".onnx": "ONNX",
    ".npz": "NumPy",
    ".npy": "NumPy",
    ".h5": "Keras",
    ".msgpack": "Flax",
}
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z")
_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf")


def weight_file(path: Path, head: bytes) -> Problem | None:
    """Why a file of weights or an archive cannot be read, or None where it may be something else.

    head  the first bytes of the file, 512 or more; nothing is unpacked and nothing unpickled
    """
    name, suffix = str(path), _suffix(path)
    if head.startswith(LFS):
        text = "this is a pointer of git LFS, not the file itself"
        return Problem(text, f"fetch it: git lfs pull --include '{path.name}'", file=name)
    if head.lstrip().lower().startswith(_PAGES):
        text = "this is a web page, not the file that it shows"
        return Problem(text, "download the raw file: on the hub, /resolve/ for /blob/", file=name)
    if suffix == ".json" and not head.strip():
        return Problem("the file is empty", "download or copy it again", file=name)
    format_ = _WEIGHTS.get(suffix) or _by_magic(head, archive=suffix in _ARCHIVES)
    if format_:
        text = f"this is a weight file ({format_}), not a configuration"
        return Problem(text, "name the folder it is in, or its config.json", file=name)
    if suffix in _ARCHIVES or head.startswith(_PACKED) or head[257:262] == b"ustar":
        hint = "unpack it, then name the folder or its config.json"
        return Problem("this is an archive, not a configuration", hint, file=name)
    return None


def _by_magic(head: bytes, *, archive: bool) -> str:
    """The format of weights whose first bytes are these, whatever they are called."""
    # a safetensors file begins with the length of its JSON header, then the header
    if len(head) > 9 and head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") < 2**32:
        return "safetensors"
    if head.startswith(_PICKLES):
        return "pickle"
    if head.startswith(b"PK\x03\x04") and not archive and b"/data.pkl" in head[:512]:
        return "PyTorch"
    if head.startswith(b"\x93NUMPY"):
        return "NumPy"
    return "HDF5" if head.startswith(b"\x89HDF\r\n") else ""

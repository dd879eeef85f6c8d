"""Folders that hold a model, and files that are none: what is read, and what is said instead."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvcalc.errors import InputError, Problem
from kvcalc.importers.files import config_of, refusal, way_out, weight_file
from kvcalc.importers.weights import stated_bytes, weight_bytes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Files = dict[str, bytes | int]
"""Files by name: their content, or so many bytes of it."""

PART = "model-0000{}-of-00003.safetensors"
PARTS: Files = {PART.format(1): 1000, PART.format(2): 2000, PART.format(3): 4000}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4976698672\n"


def folder_of(path: Path, files: Mapping[str, bytes | int]) -> Path:
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(content) if isinstance(content, int) else content)
    return path


def index(size: object = None, *names: str, key: str = "total_size") -> bytes:
    metadata = {} if size is None else {key: size}
    weight_map = {f"tensor {number}": name for number, name in enumerate(names)}
    return json.dumps({"metadata": metadata, "weight_map": weight_map}).encode()


def problem_of(folder: Path) -> Problem:
    with pytest.raises(InputError) as caught:
        config_of(folder)
    [problem] = caught.value.problems
    assert problem.file == str(folder)
    return problem


# Which file is the configuration


@pytest.mark.parametrize(
    ("names", "config"),
    [
        (["config.json"], "config.json"),
        (["config.json", *PARTS, "tokenizer.json", "README.md"], "config.json"),
        (["config.json", "recipe.yaml"], "config.json"),
        (["config.json", "mmproj-F16.gguf"], "config.json"),
        (["m.gguf"], "m.gguf"),
        (["M.GGUF"], "M.GGUF"),
        (["m.gguf", "README.md", "recipe.yaml"], "m.gguf"),
        (["m.gguf", "mmproj-m-f16.gguf"], "m.gguf"),
        (["m-00002-of-00002.gguf", "m-00001-of-00002.gguf"], "m-00001-of-00002.gguf"),
        (["model.yaml"], "model.yaml"),
        (["model.yml", "params.json"], "model.yml"),
    ],
)
def test_a_folder_is_read_by_its_one_configuration(
    tmp_path: Path, names: list[str], config: str
) -> None:
    folder = folder_of(tmp_path, dict.fromkeys(names, b"{}"))
    assert config_of(folder) == folder / config


@pytest.mark.parametrize(
    ("names", "listed", "example"),
    [
        (["config.json", "m.gguf"], "config.json and m.gguf", "config.json"),
        (["m-Q4.gguf", "m-Q8.gguf"], "m-Q4.gguf and m-Q8.gguf", "m-Q4.gguf"),
        (["a.gguf", "b.gguf", "c.gguf"], "a.gguf, b.gguf and c.gguf", "a.gguf"),
        (["a.gguf", "b.gguf", "c.gguf", "d.gguf"], "a.gguf, b.gguf and 2 more", "a.gguf"),
        (
            ["a-00001-of-00002.gguf", "a-00002-of-00002.gguf", "b.gguf"],
            "a-00001-of-00002.gguf and b.gguf",
            "a-00001-of-00002.gguf",
        ),
        (["a.yaml", "b.yml"], "a.yaml and b.yml", "a.yaml"),
    ],
)
def test_two_that_could_be_meant_are_both_named(
    tmp_path: Path, names: list[str], listed: str, example: str
) -> None:
    problem = problem_of(folder_of(tmp_path, dict.fromkeys(names, b"{}")))
    assert problem.message == f"more than one file here could be meant: {listed}"
    assert problem.hint == f"name the file, such as {tmp_path / example}"


BASE = b'{"peft_type": "LORA", "base_model_name_or_path": "org/base"}'


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({}, "name the file, or the folder it is in"),
        ({"README.md": 1}, "name the file, or the folder it is in"),
        ({"config.json/inside": 1}, "name the file, or the folder it is in"),
        (
            {"params.json": 1, "consolidated.safetensors": 1},
            "params.json is the params.json of the makers' own code, which kvcalc does not read: "
            "read the config.json of the same model",
        ),
        (
            {"adapter_config.json": BASE, "adapter_model.safetensors": 1},
            "this is a LoRA or PEFT adapter: read the base model that it belongs to: org/base",
        ),
        (
            {"adapter_config.json": b"{"},
            "adapter_config.json is a LoRA or PEFT adapter: read the base model that it belongs to",
        ),
        (
            {"model_index.json": 1, "unet/config.json": 1},
            "model_index.json is a part of a diffusers pipeline, which keeps no KV cache: if its "
            "text encoder is meant, name text_encoder/config.json",
        ),
        (
            {"tokenizer_config.json": 1, "special_tokens_map.json": 1},
            "tokenizer_config.json is a tokenizer: it takes a config.json",
        ),
        (
            {**PARTS, "tokenizer.json": 1},
            "there are only weights (model-00001-of-00003.safetensors): "
            "put the model's config.json beside them",
        ),
        (
            {"snapshots/0123/config.json": b"{}", "refs/main": b"0123"},
            "in the cache of the hub it stands in a snapshot: name {folder}/snapshots/0123",
        ),
    ],
)
def test_a_folder_without_configuration_says_what_is_there(
    tmp_path: Path, files: Files, hint: str
) -> None:
    problem = problem_of(folder_of(tmp_path, files))
    looked_for = "no config.json, no GGUF and no YAML"
    assert problem.message == f"no configuration in this folder: {looked_for}"
    assert problem.hint == hint.format(folder=tmp_path)


def test_a_split_gguf_without_its_first_part_is_told_of(tmp_path: Path) -> None:
    problem = problem_of(folder_of(tmp_path, {"m-00002-of-00002.gguf": 1}))
    text = "the first part of a split GGUF is not here: m-00001-of-00002.gguf"
    assert (problem.message, problem.hint) == (text, "put all parts into the folder")


def test_what_is_no_folder_cannot_be_read(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "none").message.startswith("cannot be read: No such file")
    file = tmp_path / "file"
    file.write_text("")
    assert problem_of(file).message.startswith("cannot be read: Not a directory")


def test_links_are_followed_and_broken_ones_left(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"blobs/a": b"{}", "snapshot/README.md": 1}) / "snapshot"
    os.symlink(folder / "nothing", folder / "model.gguf")
    os.symlink(tmp_path / "blobs" / "a", folder / "config.json")
    assert config_of(folder) == folder / "config.json"


def test_nothing_is_said_of_a_listing_that_tells_nothing() -> None:
    assert way_out(["README.md", ".gitattributes"]) == ""


# What the weights take

INDEX = "model.safetensors.index.json"
BIN_INDEX = "pytorch_model.bin.index.json"
CONSOLIDATED: Files = {"consolidated.safetensors": 7100}


@pytest.mark.parametrize(
    ("files", "size"),
    [
        # what an index states is taken, whether the files are there or not
        ({INDEX: index(6900, *PARTS)}, 6900),
        ({INDEX: index(6900, *PARTS), **PARTS}, 6900),
        ({INDEX: index(6900.0, *PARTS)}, 6900),
        ({BIN_INDEX: index(6800)}, 6800),
        ({INDEX: index(6900), BIN_INDEX: index(6800)}, 6900),
        # 1000 + 2000 + 4000, where it states none
        ({INDEX: index(None, *PARTS), **PARTS}, 7000),
        ({INDEX: index("6900", *PARTS), **PARTS, **CONSOLIDATED}, 7000),
        ({INDEX: index(6900.5, *PARTS), **PARTS}, 7000),
        ({INDEX: index(-1, *PARTS), **PARTS}, 7000),
        ({INDEX: index(True, *PARTS), **PARTS}, 7000),
        ({INDEX: index(6900, *PARTS, key="total_parameters"), **PARTS}, 7000),
        ({INDEX: b'{"weight_map": {"a": "one.safetensors"}}', "one.safetensors": 300}, 300),
        ({INDEX: index(None, *PARTS), PART.format(1): 1000}, None),
        ({INDEX: index(None, *PARTS)}, None),
        ({INDEX: index(None), **PARTS}, None),
        ({INDEX: b'{"metadata": 3, "weight_map": ["a"]}', **PARTS}, None),
        ({INDEX: b'{"weight_map": {"a": 3}}', **PARTS}, None),
        # an index that is none is left out
        ({INDEX: b"{", **PARTS}, 7000),
        ({INDEX: POINTER, **PARTS}, 7000),
        ({INDEX: b"[1]", BIN_INDEX: index(6800)}, 6800),
        # of one model in two formats transformers loads the one file of safetensors
        ({"model.safetensors": 3400, BIN_INDEX: index(6800)}, 3400),
        ({"model.safetensors": 3400, INDEX: index(3300), BIN_INDEX: index(6800)}, 3300),
        ({"adapter_model.safetensors": 34, BIN_INDEX: index(6800)}, 6800),
    ],
)
def test_an_index_states_the_size_of_the_weights(
    tmp_path: Path, files: Files, size: int | None
) -> None:
    assert weight_bytes_of(folder_of(tmp_path, files)) == size


@pytest.mark.parametrize(
    ("files", "size"),
    [
        ({}, None),
        ({"config.json": 300, "m.gguf": 5000}, None),
        ({"model.safetensors": 5000}, 5000),
        (PARTS, 7000),
        # the same weights in another form are not counted twice
        ({**PARTS, **CONSOLIDATED}, 7000),
        ({"model.safetensors": 5000, "consolidated.safetensors": 5100}, 5000),
        ({"model.safetensors": 5000, "pytorch_model.bin": 5100}, 5000),
        ({"model.safetensors": 5000, **PARTS}, 5000),
        ({"model.safetensors": 5000, "adapter_model.safetensors": 30}, 5000),
        (CONSOLIDATED, 7100),
        ({"consolidated.00.safetensors": 300, "consolidated.01.safetensors": 400}, 700),
        ({"weights.safetensors": 300}, 300),
        ({"pytorch_model.bin": 5100, "training_args.bin": 600}, 5100),
        (
            {
                "pytorch_model-00001-of-00002.bin": 300,
                "pytorch_model-00002-of-00002.bin": 400,
                "optimizer.bin": 9000,
            },
            700,
        ),
        # not clear, or not all there
        ({"a.safetensors": 300, "b.safetensors": 300}, None),
        ({PART.format(1): 1000, PART.format(3): 4000}, None),
        ({"pytorch_model-00001-of-00002.bin": 300}, None),
        ({"adapter_model.safetensors": 30}, None),
        ({"training_args.bin": 600}, None),
        ({"model.safetensors": 0}, None),
        # a clone without git LFS has the sizes alone: 4,976,698,672 bytes each
        ({"model.safetensors": POINTER}, 4_976_698_672),
        ({PART.format(n): POINTER for n in (1, 2, 3)}, 14_930_096_016),
        ({"model.safetensors": POINTER.replace(b"size", b"bytes")}, None),
        ({"model.safetensors": b"version 3"}, 9),
    ],
)
def test_files_are_added_up_where_they_are_one_complete_set(
    tmp_path: Path, files: Files, size: int | None
) -> None:
    assert weight_bytes_of(folder_of(tmp_path, files)) == size


def test_a_folder_that_is_not_there_has_no_weights(tmp_path: Path) -> None:
    assert weight_bytes_of(tmp_path / "none") is None
    assert stated_bytes(tmp_path / "none") is None


# JSON that is no model configuration

NAME_THE_FOLDER = "name the folder it is in, or the config.json beside it"
SAMPLING = {"eos_token_id": 2, "do_sample": True, "transformers_version": "4.57.0"}


@pytest.mark.parametrize(
    ("name", "data", "what", "hint"),
    [
        (
            "adapter_config.json",
            {"peft_type": "LORA", "r": 16, "base_model_name_or_path": "org/base"},
            "a LoRA or PEFT adapter",
            "read the base model that it belongs to: org/base",
        ),
        (
            "-",
            {"peft_type": "PREFIX_TUNING", "num_layers": 32, "num_attention_heads": 32},
            "a LoRA or PEFT adapter",
            "read the base model that it belongs to",
        ),
        (
            "m/params.json",
            {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "head_dim": 128},
            "the params.json of the makers' own code, which kvcalc does not read",
            "read the config.json of the same model",
        ),
        ("tokenizer_config.json", {"tokenizer_class": "A"}, "a tokenizer", NAME_THE_FOLDER),
        ("t.json", {"added_tokens_decoder": {}}, "a tokenizer", NAME_THE_FOLDER),
        (
            "t.json",
            {"version": "1.0", "added_tokens": [], "pre_tokenizer": {}, "model": {}},
            "a tokenizer",
            NAME_THE_FOLDER,
        ),
        (
            "special_tokens_map.json",
            {"bos_token": "<s>"},
            "a tokenizer",
            NAME_THE_FOLDER,
        ),
        (
            "generation_config.json",
            {"max_length": 20},
            "settings of generation (how to sample)",
            NAME_THE_FOLDER,
        ),
        ("-", SAMPLING, "settings of generation (how to sample)", NAME_THE_FOLDER),
        (
            "-",
            {"image_processor_type": "A", "image_mean": [0.5]},
            "settings of a preprocessor",
            NAME_THE_FOLDER,
        ),
        ("processor_config.json", {"a": 1}, "settings of a preprocessor", NAME_THE_FOLDER),
        (
            "model.safetensors.index.json",
            {"metadata": {"total_size": 1}, "weight_map": {}},
            "an index of weight files",
            NAME_THE_FOLDER,
        ),
        ("i.json", {"weight_map": {}}, "an index of weight files", NAME_THE_FOLDER),
        (
            "hf_quant_config.json",
            {"producer": {"name": "modelopt"}, "quantization": {"kv_cache_quant_algo": "FP8"}},
            "settings of quantization alone",
            NAME_THE_FOLDER,
        ),
        (
            "model_index.json",
            {"_class_name": "FluxPipeline", "_diffusers_version": "0.30.0"},
            "a part of a diffusers pipeline, which keeps no KV cache",
            "if its text encoder is meant, name text_encoder/config.json",
        ),
        (
            "transformer/config.json",
            {"_class_name": "FluxTransformer2DModel", "num_layers": 19, "num_attention_heads": 24},
            "a part of a diffusers pipeline, which keeps no KV cache",
            "if its text encoder is meant, name text_encoder/config.json",
        ),
        (
            "modules.json",
            [{"idx": 0, "type": "sentence_transformers.models.Transformer"}],
            "settings of sentence-transformers",
            NAME_THE_FOLDER,
        ),
        (
            "1_Pooling/config.json",
            {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True},
            "settings of sentence-transformers",
            NAME_THE_FOLDER,
        ),
        ("c.json", [1], "JSON that holds a list", NAME_THE_FOLDER),
        ("c.json", "text", "JSON that holds a text", NAME_THE_FOLDER),
        ("c.json", 3.5, "JSON that holds a number", NAME_THE_FOLDER),
        ("c.json", True, "JSON that holds true or false", NAME_THE_FOLDER),
        ("c.json", None, "JSON that holds null", NAME_THE_FOLDER),
        ("config.json", {}, "an empty object", "was the file fetched in full?"),
    ],
)
def test_json_of_another_kind_is_named(name: str, data: object, what: str, hint: str) -> None:
    assert refusal(name, data) == Problem(
        f"this is {what}, not a model configuration", hint, (), name
    )


@pytest.mark.parametrize("data", [{"a": 1}, {"num_hidden_layers": 2}, {"num_heads": 2}])
def test_any_other_json_is_no_configuration(data: object) -> None:
    problem = refusal("c.json", data)
    text = "this is no model configuration: it has no model_type and no number of layers"
    assert problem == Problem(
        text, "a config.json as transformers writes it has both", (), "c.json"
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("config.json", {"model_type": "llama", "tokenizer_class": "A", "do_sample": True}),
        ("config.json", {"architectures": ["A"], "transformers_version": "4", "eos_token_id": 2}),
        ("config.json", {"text_config": {"num_hidden_layers": 2}}),
        ("config.json", {"d_model": 2560, "n_layer": 64, "vocab_size": 50277}),
        # transformers 2: no model_type yet, and how to sample beside the layers
        ("config.json", {"n_layer": 24, "n_head": 16, "do_sample": False, "eos_token_ids": 0}),
        ("params.json", {"model_type": "llama"}),
        ("model.json", {"name": "m", "layers": 2, "dtype": "bf16", "attention": {"kind": "mla"}}),
        ("model.json", {"name": "m", "attention": {"kind": "mla"}}),
        ("claims.json", {"claims": []}),
    ],
)
def test_what_may_be_a_configuration_is_left_to_its_reader(name: str, data: object) -> None:
    assert refusal(name, data) is None


# Weight files

ZIP = b"PK\x03\x04" + bytes(26)
TORCH = ZIP + b"archive/data.pkl" + bytes(400)
SAFETENSORS = (64).to_bytes(8, "little") + b'{"__metadata__":{}}'
TAR = bytes(257) + b"ustar\x0000" + bytes(247)


@pytest.mark.parametrize(
    ("name", "head", "format_"),
    [
        ("model.safetensors", b"", "safetensors"),
        ("model.safetensors", SAFETENSORS, "safetensors"),
        ("model", SAFETENSORS, "safetensors"),
        ("MODEL.SAFETENSORS", SAFETENSORS, "safetensors"),
        ("pytorch_model.bin", TORCH, "PyTorch"),
        ("pytorch_model.bin", b"\x80\x02}q\x00", "PyTorch"),
        ("consolidated.00.pth", TORCH, "PyTorch"),
        ("m.pt", TORCH, "PyTorch"),
        ("m.ckpt", TORCH, "PyTorch"),
        ("model", TORCH, "PyTorch"),
        ("model", b"\x80\x04\x95\x00", "pickle"),
        ("m.onnx", b"\x08\x07", "ONNX"),
        ("m.npz", ZIP, "NumPy"),
        ("model", b"\x93NUMPY\x01", "NumPy"),
        ("tf_model.h5", b"\x89HDF\r\n\x1a\n", "Keras"),
        ("model", b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("flax_model.msgpack", b"\x83", "Flax"),
    ],
)
def test_a_weight_file_sends_to_its_folder(name: str, head: bytes, format_: str) -> None:
    text = f"this is a weight file ({format_}), not a configuration"
    hint = "name the folder it is in, or its config.json"
    assert weight_file(Path(name), head) == Problem(text, hint, (), name)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("m.zip", ZIP),
        ("m.zip", TORCH),
        ("m", ZIP),
        ("m.tar", TAR),
        ("m.nemo", TAR),
        ("m.tar.gz", b"\x1f\x8b\x08"),
        ("m", b"\x1f\x8b\x08"),
        ("m.tar.zst", b"\x28\xb5\x2f\xfd"),
        ("m.7z", b"7z\xbc\xaf\x27\x1c"),
    ],
)
def test_an_archive_is_not_unpacked(name: str, head: bytes) -> None:
    hint = "unpack it, then name the folder or its config.json"
    problem = Problem("this is an archive, not a configuration", hint, (), name)
    assert weight_file(Path(name), head) == problem


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "m.gguf"])
def test_a_pointer_of_git_lfs_is_to_be_fetched(name: str) -> None:
    hint = f"fetch it: git lfs pull --include '{name}'"
    problem = Problem("this is a pointer of git LFS, not the file itself", hint, (), f"m/{name}")
    assert weight_file(Path("m") / name, POINTER) == problem


@pytest.mark.parametrize("name", ["config.json", "model.yaml", "m.gguf", "model.safetensors"])
@pytest.mark.parametrize("head", [b"<!doctype html>\n<html>", b"\n<!DOCTYPE html>", b"<HTML lang"])
def test_a_web_page_is_no_file_of_a_model(name: str, head: bytes) -> None:
    hint = "download the raw file: on the hub, /resolve/ for /blob/"
    problem = Problem("this is a web page, not the file that it shows", hint, (), name)
    assert weight_file(Path(name), head) == problem


@pytest.mark.parametrize("head", [b"", b" \n"])
def test_an_empty_configuration_is_to_be_fetched_again(head: bytes) -> None:
    problem = Problem("the file is empty", "download or copy it again", (), "config.json")
    assert weight_file(Path("config.json"), head) == problem


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("config.json", b'{"model_type": "llama"}'),
        ("model.yaml", b"name: Model\n"),
        ("m.gguf", b"GGUF\x03\x00\x00\x00"),
        ("model", b""),
        ("model", b"{"),
        ("model", b'12345678{"a": 1}'),
        ("model", bytes(8) + b"{}"),
    ],
)
def test_what_may_be_read_is_left_alone(name: str, head: bytes) -> None:
    assert weight_file(Path(name), head) is None

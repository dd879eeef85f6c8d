"""What stands beside config.json on the hub: sizes of weights, ModelOpt's file, GGUF files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from kvcalc.importers.bounded import INDEX_BYTES
from kvcalc.importers.files import PART
from kvcalc.importers.hub.ggufs import download, gguf_sets, smallest
from kvcalc.importers.hub.memory import MOST
from kvcalc.importers.hub.sizes import mapped_bytes, weight_bytes
from tests.hub_fetch import LLAMA, Fetch, index, kvcalc_of
from tests.hub_server import COMMIT, Answer, Hub, Request

INDEX = "model.safetensors.index.json"
PT_INDEX = "pytorch_model.bin.index.json"
COLD = ["HEAD config.json", "HEAD config.json", "GET config.json", "GET files"]
WARM = ["HEAD config.json"]
NOT_TOLD = "the hub does not tell how large its files are"


class Sizes(NamedTuple):
    """Files of a repository, and the bytes of its weights, or why they are not known."""

    files: dict[str, int | None]
    expected: int | None
    why: str = ""


@pytest.mark.parametrize(
    "case",
    [
        Sizes({}, None),
        Sizes({"config.json": 9, "README.md": 9}, None),
        Sizes({"model.safetensors": 100}, 100),
        Sizes({"pytorch_model.bin": 100}, 100),
        Sizes({"pytorch_model.bin": 100, "model.safetensors": 90}, 90),
        # two parts of one set: 60 + 40
        Sizes(
            {"model-00001-of-00002.safetensors": 60, "model-00002-of-00002.safetensors": 40}, 100
        ),
        Sizes(
            {"model-00001-of-00002.safetensors": 60},
            None,
            "which files are one set cannot be told",
        ),
        # the same weights twice, as Mistral ships them
        Sizes({"consolidated.safetensors": 70, "model.safetensors": 100}, 100),
        Sizes({"a.safetensors": 1, "b.safetensors": 2}, None, "which files are one set cannot"),
        Sizes({"training_args.bin": 5}, None),
        Sizes({"model.safetensors": None}, None, NOT_TOLD),
        Sizes({"original/model.safetensors": 100}, None),
        Sizes({"m-Q4_K_M.gguf": 50}, 50),
        Sizes({"m-Q4_K_M.gguf": None}, None, NOT_TOLD),
        # 30 + 20, and the image encoder beside is no part of it
        Sizes(
            {
                "Q4/m-00001-of-00002.gguf": 30,
                "Q4/m-00002-of-00002.gguf": 20,
                "mmproj-f16.gguf": 7,
            },
            50,
        ),
        Sizes({"m-Q4.gguf": 50, "m-Q8.gguf": 90}, None, "there are 2 sets of them, as GGUF"),
        Sizes({"m-Q4.gguf": 50, "model.safetensors": 200}, 200),
    ],
    ids=lambda case: " ".join(case.files),
)
def test_the_bytes_of_weights_from_a_listing(case: Sizes) -> None:
    size, why = weight_bytes(case.files)
    assert size == case.expected
    assert (case.why in why) if case.expected is None else True
    assert bool(why) >= bool(case.why)


@pytest.mark.parametrize(
    ("weight_map", "expected"),
    [
        ({"a": "1.bin", "b": "2.bin", "c": "1.bin"}, 30),  # 10 + 20, each file once
        ({"a": "1.bin", "b": "3.bin"}, None),
        ({"a": "1.bin", "b": 2}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_bytes_of_the_files_that_an_index_names(
    weight_map: object, expected: int | None
) -> None:
    files = {"1.bin": 10, "2.bin": 20, "4.bin": 40}
    assert mapped_bytes({"weight_map": weight_map}, files) == expected


# Asked of a hub


def test_one_file_of_weights_is_known_by_its_size_alone(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, **{"model.safetensors": b"w"})
    hub.sizes["model.safetensors"] = 548_105_171
    first = fetch("hf:org/m")
    assert (first.weight_bytes, first.notes) == (548_105_171, ())
    assert hub.asked() == COLD
    assert fetch("hf:org/m") == first
    assert hub.asked() == WARM
    assert fetch(f"hf:org/m@{COMMIT}") == first
    assert hub.asked() == []


def test_an_index_of_pytorch_is_read_too(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, **{PT_INDEX: index(77)})
    first = fetch("hf:org/m")
    assert first.weight_bytes == 77
    assert hub.asked() == [*COLD, f"HEAD {PT_INDEX}", f"GET {PT_INDEX}"]
    assert fetch("hf:org/m") == first
    assert hub.asked() == WARM


def test_an_index_of_pytorch_beside_safetensors_is_not_asked_for(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, **{PT_INDEX: index(77), "model.safetensors": b"123"})
    assert fetch("hf:org/m").weight_bytes == 3
    assert hub.asked() == COLD


def test_an_index_that_states_no_size_still_names_the_files(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index={"weight_map": {"a": "1.bin", "b": "2.bin"}})
    hub.repositories["org/m"].commits[COMMIT] |= {"1.bin": b"123", "2.bin": b"12345"}
    assert fetch("hf:org/m")[:2] == (LLAMA, 8)  # 3 + 5


def test_weights_as_gguf_beside_a_configuration(hub: Hub, fetch: Fetch) -> None:
    parts = {f"q/m-0000{n}-of-00002.gguf": bytes(10 * n) for n in (1, 2)}
    hub.add("org/m", config=LLAMA, **parts)
    first = fetch("hf:org/m")
    assert (first.weight_bytes, first.notes) == (30, ())  # 10 + 20
    hub.asked()
    assert fetch("hf:org/m") == first
    assert hub.asked() == WARM


def test_an_index_that_is_too_large_is_not_fetched(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index=index(9), **{"model.safetensors": b"12"})
    hub.sizes[INDEX] = INDEX_BYTES + 1
    assert fetch("hf:org/m")[:2] == (LLAMA, 2)  # the bytes of the only file
    assert hub.asked() == COLD


def test_a_mirror_without_listings_is_asked_for_each_file(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index=index(9))
    hub.lists = False
    assert fetch("hf:org/m")[:2] == (LLAMA, 9)
    asked = hub.asked()
    assert asked[:4] == COLD
    assert asked[4:] == [
        "HEAD hf_quant_config.json",
        f"HEAD {INDEX}",
        f"HEAD {INDEX}",
        f"GET {INDEX}",
    ]


def test_a_cache_that_remembers_nothing_is_no_error(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    hub.add("org/m", config=LLAMA, **{"model.safetensors": b"123"})
    assets = tmp_path / "assets"
    assets.write_text("a file, where a folder should be")
    for _ in range(2):
        found = fetch("hf:org/m", HF_ASSETS_CACHE=str(assets))
        assert (found.weight_bytes, found.notes) == (3, ())
    assert hub.asked() == [*COLD, *WARM, "GET files"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": "b"}', b"[" * 9999, b" " * MOST])
def test_a_memory_that_is_none_is_made_anew(
    content: bytes, hub: Hub, fetch: Fetch, tmp_path: Path
) -> None:
    hub.add("org/m", config=LLAMA, **{"model.safetensors": b"123"})
    fetch("hf:org/m")
    [kept] = (tmp_path / "home" / "assets").rglob(f"{COMMIT}.json")
    kept.write_bytes(content)
    hub.asked()
    assert fetch("hf:org/m").weight_bytes == 3
    assert hub.asked() == [*WARM, "GET files"]
    assert json.loads(kept.read_bytes()) == {"model.safetensors": 3}


# How a model is quantized

MODEL = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 512,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "torch_dtype": "bfloat16",
    "intermediate_size": 64,
}
FP8 = {
    "producer": {"name": "modelopt", "version": "0.29"},
    "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"},
}


def test_the_dtype_of_a_cache_is_that_of_the_same_folder(
    hub: Hub, fetch: Fetch, tmp_path: Path
) -> None:
    hub.add("nv/m", config=MODEL, **{"hf_quant_config.json": FP8})
    folder = tmp_path / "m"
    folder.mkdir()
    for name, body in hub.repositories["nv/m"].commits[COMMIT].items():
        (folder / name).write_bytes(body)
    # 2 layers x 2 x 2 KV heads x 128 x 1 B
    for reference in ("hf:nv/m", str(folder)):
        ran = kvcalc_of(hub, tmp_path / "home", "show", reference, "--json")
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["bytes_per_token"] == 2 * 2 * 2 * 128 * 1
    quant = [f"{method} hf_quant_config.json" for method in ("HEAD", "GET")]
    assert hub.asked() == [*COLD, *quant]
    assert fetch("hf:nv/m").quantized == FP8
    assert hub.asked() == WARM


def test_what_is_not_known_of_a_quantization_is_told(
    hub: Hub, fetch: Fetch, tmp_path: Path
) -> None:
    hub.add("nv/m", config=MODEL, index=index(5))
    hub.add("nv/odd", config=MODEL, **{"hf_quant_config.json": b"<html>"})
    note = "hf_quant_config.json beside it is not JSON: not read"
    assert fetch("hf:nv/odd").notes == (note,)
    fetch("hf:nv/m")
    for kept in (tmp_path / "home" / "assets").rglob("*.json"):
        kept.unlink()  # as in a cache that was filled by somebody else
    unread = "hf_quant_config.json, which may name the cache's dtype, was not looked for"
    found = fetch("hf:nv/m", HF_HUB_OFFLINE="1")
    assert found.notes == ("read from the cache: HF_HUB_OFFLINE is set", unread)
    assert found.weight_bytes == 5


def test_a_quantization_that_is_there_and_cannot_be_read_is_no_guess(
    hub: Hub, fetch: Fetch, tmp_path: Path
) -> None:
    hub.add("nv/m", config=MODEL, **{"hf_quant_config.json": FP8})
    usual = hub.answer

    def answer(request: Request) -> Answer:
        gone = request.path.endswith("hf_quant_config.json")
        return Answer(403, {}) if gone else usual(request)

    hub.answer = answer  # type: ignore[method-assign]
    found = fetch("hf:nv/m")
    assert found.message.startswith("hf_quant_config.json beside its config.json")
    assert found.hint == "fetch it: hf download --force-download nv/m hf_quant_config.json"


# GGUF files


def test_which_gguf_files_belong_together() -> None:
    names = [
        "m-Q8_0.gguf",
        "m-Q4_K_M.GGUF",
        *(f"BF16/m-BF16-0000{n}-of-00003.gguf" for n in (2, 1, 3)),
        "half-00001-of-00002.gguf",
        "mmproj-m-F16.gguf",
        "imatrix.gguf",
        "m-imatrix.gguf",
        "README.md",
    ]
    first = "BF16/m-BF16-00001-of-00003.gguf"
    sets = gguf_sets(names)
    assert list(sets) == [first, "m-Q4_K_M.GGUF", "m-Q8_0.gguf"]
    assert sets[first] == [f"BF16/m-BF16-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    sizes = {**dict.fromkeys(sets[first], 3), "m-Q4_K_M.GGUF": 8, "m-Q8_0.gguf": 10}
    assert smallest(sets, sizes) == "m-Q4_K_M.GGUF"  # 8, of 3 x 3, 8 and 10
    assert smallest(sets, {}) == first


def test_a_command_fetches_all_parts_of_a_split_file_and_no_other() -> None:
    from fnmatch import fnmatch
    from shlex import split

    first = "UD [Q4]/it's-00001-of-00002.gguf"
    words = split(download("org/m-GGUF", "main", first))
    assert words[:4] == ["hf", "download", "org/m-GGUF", "--include"]
    assert words[5:7] == ["--local-dir", "m-GGUF,"]
    assert words[-1] == f"m-GGUF/{first}"
    assert PART.match(Path(first).stem)
    assert all(fnmatch(f"UD [Q4]/it's-0000{n}-of-00002.gguf", words[4]) for n in (1, 2))
    assert not fnmatch("UD Q/it's-00001-of-00002.gguf", words[4])
    assert not fnmatch("UD [Q4]/it's-00001-of-00003.gguf", words[4])


def test_a_repository_of_split_gguf_files_says_how_to_have_all_parts(
    hub: Hub, fetch: Fetch
) -> None:
    parts = {f"Q2/m-0000{n}-of-00002.gguf": bytes(3) for n in (1, 2)}
    hub.add("org/m", **parts, **{"m-Q8.gguf": bytes(9)})
    found = fetch("hf:org/m")
    assert found.message == "org/m has no config.json, but GGUF files"
    assert found.hint == (
        "download the smallest of 2: hf download org/m --include 'Q2/m-*-of-00002.gguf' "
        "--local-dir m, then name m/Q2/m-00001-of-00002.gguf"
    )

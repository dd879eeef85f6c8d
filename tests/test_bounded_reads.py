"""A model's folder costs a limited read, whatever its files are and whatever they name."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvcalc.errors import InputError
from kvcalc.importers import bounded, weights
from kvcalc.importers.files import config_of
from kvcalc.importers.weights import stated_bytes, weight_bytes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Cli, Process

INDEX = "model.safetensors.index.json"
LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "torch_dtype": "bfloat16",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder beside a file of 5,000 bytes, and with one of 700 in a folder of its own."""
    made = tmp_path / "m"
    (made / "sub").mkdir(parents=True)
    (made / "config.json").write_text(json.dumps(LLAMA))
    (made / "sub" / "a.safetensors").write_bytes(bytes(700))
    (tmp_path / "elsewhere").write_bytes(bytes(5000))
    return made


def index(*names: object, **metadata: object) -> str:
    return json.dumps({"metadata": metadata, "weight_map": dict(enumerate(names))})


@pytest.mark.parametrize(
    "name",
    [
        "/dev/zero",
        "/etc/hostname",
        "../elsewhere",
        "sub/../../elsewhere",
        "../m/sub/a.safetensors",
        "{folder}/sub/a.safetensors",
        "/",
        "..",
        ".",
        "",
        "sub",
        "sub/none",
        "a\0b",
        "\ud800",
        "x" * 5000,
        "pipe",
        "zero",
        "itself",
        7,
        None,
    ],
)
def test_weights_are_regular_files_below_the_folder(name: object, folder: Path, cli: Cli) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "itself").symlink_to("itself")
    named = name.format(folder=folder) if isinstance(name, str) else name
    (folder / INDEX).write_text(index("sub/a.safetensors", named))
    assert weight_bytes_of(folder) is None
    ran = cli("show", str(folder), "--json")
    assert (ran.code, json.loads(ran.out)["weight_bytes"]) == (0, None)


def test_weights_in_a_folder_of_their_own_and_in_links_are_counted(folder: Path) -> None:
    # 700 of the file in a folder of its own, and as many of a link to it
    (folder / "b.safetensors").symlink_to("sub/a.safetensors")
    (folder / INDEX).write_text(index("sub/a.safetensors", "./b.safetensors"))
    assert weight_bytes_of(folder) == 1400


@pytest.mark.parametrize(
    ("link", "target", "named"),
    [
        ("w.safetensors", "elsewhere", "w.safetensors"),
        ("there", ".", "there/elsewhere"),
        ("model.safetensors", "elsewhere", None),
    ],
)
def test_links_lead_to_no_weights_elsewhere(
    folder: Path, link: str, target: str, named: str | None
) -> None:
    (folder / link).symlink_to(folder.parent / target)
    if named:
        (folder / INDEX).write_text(index(named))
    assert weight_bytes_of(folder) is None


def test_a_snapshot_of_the_hub_s_cache_is_all_links(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "0a"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    names = ("config.json", INDEX, "a.safetensors")
    for name, content in zip(
        names, (json.dumps(LLAMA), index("a.safetensors"), "12345"), strict=True
    ):
        (blobs / name).write_text(content)
        (snapshot / name).symlink_to(Path("../../blobs") / name)
    assert config_of(snapshot) == snapshot / "config.json"
    assert weight_bytes_of(snapshot) == 5


# A pipe would be waited for: those runs are programs of their own, which end in any case


def fifo(path: Path) -> None:
    os.mkfifo(path)


def zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def itself(path: Path) -> None:
    path.symlink_to(path.name)


def directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("made", [fifo, zero, itself, directory])
@pytest.mark.parametrize(
    "name", [INDEX, "pytorch_model.bin.index.json", "model.safetensors", "hf_quant_config.json"]
)
def test_what_is_no_file_is_not_read(
    name: str, made: Callable[[Path], None], folder: Path, cli: Cli, process: Process
) -> None:
    made(folder / name)
    ran = (process if made is fifo else cli)("show", str(folder), "--json")
    assert (ran.code, json.loads(ran.out)["weight_bytes"]) == (0, None)


@pytest.mark.parametrize("made", [fifo, zero, itself, directory])
@pytest.mark.parametrize("name", ["config.json", "m.gguf", "m.yaml", "adapter_config.json"])
def test_nor_is_it_a_configuration(
    name: str, made: Callable[[Path], None], tmp_path: Path, cli: Cli, process: Process
) -> None:
    made(tmp_path / name)
    ran = (process if made is fifo else cli)("show", str(tmp_path))
    assert (ran.code, ran.out) == (2, "")
    assert f"{tmp_path}: no configuration in this folder" in ran.err


def test_a_folder_of_snapshots_that_leads_to_itself_is_none(tmp_path: Path) -> None:
    itself(tmp_path / "snapshots")
    with pytest.raises(InputError, match="no configuration in this folder"):
        config_of(tmp_path)


@pytest.mark.parametrize("size", [10**16 + 1, 10**4000, 1e300, float("inf"), float("nan"), 0])
def test_a_size_that_no_file_may_state_is_none(size: float, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(index(total_size=size))
    assert stated_bytes(tmp_path / INDEX) is None
    assert weight_bytes_of(tmp_path) is None


def test_what_weighs_more_than_a_file_may_state_is_not_told(folder: Path) -> None:
    names = [f"{number}.safetensors" for number in range(1200)]
    for name in names:
        with (folder / name).open("wb") as file:
            file.truncate(2**43)  # 1,200 x 8,796,093,022,208 is more than 10**16
    (folder / INDEX).write_text(index(*names))
    assert weight_bytes_of(folder) is None
    (folder / INDEX).write_text(index(*names[:2]))
    assert weight_bytes_of(folder) == 2**44


def test_every_read_has_a_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / INDEX).write_text(index(total_size=6900))
    assert weight_bytes_of(folder) == 6900
    monkeypatch.setattr(weights, "INDEX_BYTES", (folder / INDEX).stat().st_size - 1)
    assert weight_bytes_of(folder) is None
    assert stated_bytes(folder / INDEX) is None


def test_so_have_the_values_of_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / INDEX).write_text(index(*["sub/a.safetensors"] * 8))
    # metadata and the map, and 8 in that
    monkeypatch.setattr(bounded, "MAX_VALUES", 9)
    assert weight_bytes_of(folder) == 700
    monkeypatch.setattr(bounded, "MAX_VALUES", 8)
    assert weight_bytes_of(folder) is None


@pytest.mark.parametrize(("beside", "size"), [("x", 6900), ("\u00e9", None), ("\\u00e9", None)])
def test_a_large_index_is_plain_ascii(
    beside: str, size: int | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '{"metadata": {"total_size": 6900, "x": "' + beside + '"}}'
    (folder / INDEX).write_text(text, encoding="utf-8")
    assert weight_bytes_of(folder) == 6900
    monkeypatch.setattr(bounded, "CONFIG_BYTES", 20)
    assert weight_bytes_of(folder) == size


def test_so_have_the_files_of_a_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (folder / f"model-0000{number + 1}-of-00003.safetensors").write_bytes(bytes(100))
    assert weight_bytes_of(folder) == 300
    monkeypatch.setattr(weights, "MAX_PARTS", 2)
    assert weight_bytes_of(folder) is None
    (folder / INDEX).write_text(index(*(f"sub/{number}" for number in range(3))))
    assert weight_bytes_of(folder) is None


def test_so_have_the_entries_of_a_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.setattr(bounded, "MAX_FILES", 2)
    assert cli("show", str(folder)).code == 0
    (folder / "one more").write_text("")
    ran = cli("show", str(folder))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"{folder}: more than 2 files in this folder\n  name the file\n"
    assert weight_bytes_of(folder) is None


def test_so_have_the_links_in_a_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.setattr(bounded, "MAX_LINKS", 1)
    itself(folder / "one")
    assert cli("show", str(folder)).code == 0
    itself(folder / "two")
    ran = cli("show", str(folder))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"{folder}: more than 1 links in this folder\n  name the file\n"


@pytest.mark.parametrize("base", ["/home/me/secret", "a/b/c", "two words", "", "x" * 97, 7, ["a"]])
def test_only_what_may_be_an_id_is_named_as_a_base(base: object, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": base})
    )
    with pytest.raises(InputError) as caught:
        config_of(tmp_path)
    assert str(caught.value).endswith("read the base model that it belongs to")

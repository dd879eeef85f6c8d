"""The weights of a split GGUF: the tensors of all parts by their headers, or that one is missing.

llama.cpp as vendored in llama-cpp-python 0.3.36: src/llama-model-loader.cpp (what a part must say).
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from tests.headers import heads, model_of, read, write
from tests.test_gguf import ARCHITECTURE, ARRAY, UINT32, header, pair

if TYPE_CHECKING:
    import pathlib

    from tests.headers import Keys

UINT8 = 0
LLAMA: Keys = heads(2, 1024, 8, 2, 128)
RAW = [
    pair(f"llama.{key}".encode(), UINT32, struct.pack("<I", value)) for key, value in LLAMA.items()
]

SHAPES = (((16, 16),), ((32, 16), (8,)), ((4, 4),))
"""Of fp16 tensors in three parts: 512 + 1,024 + 16 + 32 = 1,584 bytes."""


def part(folder: pathlib.Path, number: int, **stated: int) -> pathlib.Path:
    """One part of three, its weights there."""
    split = {"split.no": number, "split.count": 3, "split.tensors.count": 4}
    split |= {f"split.{key}": value for key, value in stated.items()}
    keys = LLAMA if number == 0 else {}
    name = folder / f"m-{number + 1:05}-of-00003.gguf"
    write(name, "llama", keys, general=split, tensors=SHAPES[number])
    with name.open("ab") as file:
        file.write(bytes(2_000))
    return name


def test_the_weights_of_a_split_model(tmp_path: pathlib.Path) -> None:
    first, _, _ = (part(tmp_path, number) for number in range(3))
    model = read(first)
    assert model.weight_bytes == 1_584
    assert not any("weights" in note for note in model.notes)


def test_a_folder_of_parts_has_the_weights_of_the_gguf(tmp_path: pathlib.Path) -> None:
    """Whatever lies beside them."""
    for number in range(3):
        part(tmp_path, number)
    assert kvcalc.load(str(tmp_path)).weight_bytes == 1_584
    (tmp_path / "model.safetensors").write_bytes(bytes(5_000))
    assert kvcalc.load(str(tmp_path)).weight_bytes == 1_584


def test_parts_may_be_called_in_capitals(tmp_path: pathlib.Path) -> None:
    for number in range(3):
        path = part(tmp_path, number)
        path.rename(path.with_suffix(".GGUF"))
    assert kvcalc.load(tmp_path).weight_bytes == 1_584


def test_the_parts_of_a_cache_of_the_hub(tmp_path: pathlib.Path) -> None:
    """Links to files in one other folder, which are called otherwise there."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for number in range(3):
        path = part(snapshot, number)
        path.rename(blobs / f"blob{number}")
        path.symlink_to(f"../../blobs/blob{number}")
    assert read(snapshot / "m-00001-of-00003.gguf").weight_bytes == 1_584


def _remove(path: pathlib.Path) -> None:
    path.unlink()


def _link(path: pathlib.Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _link_to_itself(path: pathlib.Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _pipe(path: pathlib.Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _another(path: pathlib.Path) -> None:
    part(path.parent, 2).rename(path)


def _without_all(path: pathlib.Path) -> None:
    part(path.parent, 1, count=2)


def _shortened(path: pathlib.Path) -> None:
    os.truncate(path, 50)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_remove, "the file cannot be read: No such file or directory"),
        (_link, "it lies in another folder"),
        (_link_to_itself, ""),
        (_pipe, "this is not a file that can be read"),
        (_another, "its split.no is 2, not 1"),
        (_without_all, "its split.count is 2, not 3"),
        (_shortened, "the file ends in the middle of its GGUF header"),
    ],
)
def test_a_part_that_does_not_fit(tmp_path: pathlib.Path, change: Any, why: str) -> None:
    first, second, _ = (part(tmp_path, number) for number in range(3))
    change(second)
    model = read(first)
    assert model.weight_bytes is None
    (note,) = (note for note in model.notes if "weights' bytes are not known" in note)
    assert note.startswith(f"m-00002-of-00003.gguf: {why}")


def test_parts_that_lack_a_tensor(tmp_path: pathlib.Path) -> None:
    first, _, third = (part(tmp_path, number) for number in range(3))
    write(third, "llama", {}, general={"split.no": 2, "split.count": 3})
    model = read(first)
    assert model.weight_bytes is None
    text = "split.tensors.count is 4, the parts hold 3: the weights' bytes are not known"
    assert text in model.notes


@pytest.mark.parametrize("count", ["3", 3.0, -3, True])
def test_an_odd_number_of_parts(tmp_path: pathlib.Path, count: Any) -> None:
    general, path = {"split.count": count}, tmp_path / "m-00001-of-00003.gguf"
    model = read(write(path, "llama", LLAMA, general=general, tensors=((16, 16),)))
    assert model.weight_bytes is None
    assert any("split.count is" in note for note in model.notes)


def test_more_parts_than_there_can_be_take_no_time(tmp_path: pathlib.Path) -> None:
    general, path = {"split.count": 4_000_000_000}, tmp_path / "m-00001-of-00003.gguf"
    model = read(write(path, "llama", LLAMA, general=general, tensors=((16, 16),)))
    text = "one file of 4,000,000,000: the weights' bytes are not known from it alone"
    assert text in model.notes


def test_a_model_that_was_merged_is_whole(tmp_path: pathlib.Path) -> None:
    """gguf-split --merge leaves a count of 0."""
    model = model_of(
        tmp_path, "llama", LLAMA, general={"split.count": 0, "split.no": 0}, tensors=((16, 16),)
    )
    assert model.weight_bytes == 512


def test_the_limits_hold_for_all_parts_together(tmp_path: pathlib.Path) -> None:
    """Two headers of 60 million bytes each are more than 100 million."""
    first, second, _ = (part(tmp_path, number) for number in range(3))
    half = pair(b"tokenizer.s", ARRAY, struct.pack("<IQ", UINT8, 60_000_000))
    for path, number in ((first, 0), (second, 1)):
        split = (("no", number), ("count", 3))
        own = [pair(f"split.{k}".encode(), UINT32, struct.pack("<I", v)) for k, v in split]
        rest = (ARCHITECTURE, *RAW) if number == 0 else ()
        path.write_bytes(header(*own, *rest, half))
        os.truncate(path, 61_000_000)
    model = read(first)
    assert model.weight_bytes is None
    assert any(
        "claims more than 100,000,000 bytes, which are not read; without it" in note
        for note in model.notes
    )

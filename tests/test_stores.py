"""Models where other programs keep them: the cache of the hub, and Ollama's store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import kvcalc
from tests.headers import heads, write

COMMITS = ("0" * 40, "1" * 40)
CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "hidden_size": 1024,
    "torch_dtype": "bfloat16",
}
HEXES = "ab" * 32


def cached(tmp_path: Path, *commits: str, main: str = "") -> Path:
    """A model's folder as the hub's client makes it: its files are links to blobs."""
    folder = tmp_path / "hub" / "models--org--Name-8B"
    (folder / "blobs").mkdir(parents=True)
    (folder / "snapshots").mkdir()
    for number, commit in enumerate(commits):
        blob = folder / "blobs" / f"b{number}"
        blob.write_text(json.dumps({**CONFIG, "num_hidden_layers": 4 + number}))
        (folder / "snapshots" / commit).mkdir()
        (folder / "snapshots" / commit / "config.json").symlink_to(blob)
    if main:
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text(main)
    return folder


@pytest.mark.parametrize(
    ("commits", "main", "layers"),
    [(COMMITS, COMMITS[0], 4), (COMMITS, COMMITS[1], 5), (COMMITS[:1], "", 4)],
    ids=["main is the first", "main is the last", "one, and no branch"],
)
def test_a_folder_of_the_hubs_cache_is_what_main_leads_to(
    tmp_path: Path, commits: tuple[str, ...], main: str, layers: int
) -> None:
    model = kvcalc.load(cached(tmp_path, *commits, main=main))
    assert (model.name, len(model.layers)) == ("Name-8B", layers)


def test_what_lies_beside_snapshots_is_none(tmp_path: Path) -> None:
    folder = cached(tmp_path, COMMITS[0])
    (folder / "snapshots" / ".DS_Store").write_text("")
    assert kvcalc.load(folder).name == "Name-8B"


@pytest.mark.parametrize("inside", ["", "config.json"])
def test_a_snapshot_is_called_as_its_repository(tmp_path: Path, inside: str) -> None:
    folder = cached(tmp_path, COMMITS[0], main=COMMITS[0])
    assert kvcalc.load(folder / "snapshots" / COMMITS[0] / inside).name == "Name-8B"


@pytest.mark.parametrize("main", ["", "2" * 40, "../../../elsewhere"])
def test_of_several_snapshots_without_a_branch_none_is_guessed(tmp_path: Path, main: str) -> None:
    folder = cached(tmp_path, *COMMITS, main=main)
    with pytest.raises(kvcalc.InputError) as caught:
        kvcalc.load(folder)
    (problem,) = caught.value.problems
    assert problem.message == "2 snapshots are here, and no branch leads to one of them"
    assert problem.hint == f"name one, such as {folder / 'snapshots' / COMMITS[1]}"


def test_a_folder_of_the_cache_without_a_snapshot_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(kvcalc.InputError, match="no configuration in this folder"):
        kvcalc.load(cached(tmp_path))


def store(tmp_path: Path, manifest: Any, *, pulled: bool = True) -> tuple[Path, Path]:
    """Ollama's store with one model: its manifest, and its blob."""
    blobs = tmp_path / "models" / "blobs"
    blobs.mkdir(parents=True)
    blob = blobs / f"sha256-{HEXES}"
    if pulled:
        write(blob, "llama", heads(4, 1024, 8, 2), general={"general.name": "Little Llama"})
    path = tmp_path / "models" / "manifests" / "registry.ollama.ai" / "library" / "llama3.1" / "8b"
    path.parent.mkdir(parents=True)
    path.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    return path, blob


def manifest(digest: object = f"sha256:{HEXES}") -> dict[str, Any]:
    kinds = {"template": "sha256:" + "cd" * 32, "model": digest}
    layers = [
        {"mediaType": f"application/vnd.ollama.image.{k}", "digest": d} for k, d in kinds.items()
    ]
    return {"schemaVersion": 2, "config": {"digest": "sha256:" + "ef" * 32}, "layers": layers}


def test_a_blob_and_the_manifest_that_leads_to_it_are_the_same_model(tmp_path: Path) -> None:
    path, blob = store(tmp_path, manifest())
    for model in (kvcalc.load(path), kvcalc.load(blob)):
        assert (model.name, len(model.layers)) == ("Little Llama", 4)
        # 4 layers, key and value, 2 heads x 128, fp16
        assert model.growth(1) == 4 * 2 * 2 * 128 * 2


def test_a_model_that_is_not_pulled_says_how(tmp_path: Path) -> None:
    path, blob = store(tmp_path, manifest(), pulled=False)
    with pytest.raises(kvcalc.InputError) as caught:
        kvcalc.load(path)
    (problem,) = caught.value.problems
    assert problem.message.endswith(f"are not in {blob.parent}")
    assert problem.hint == "pull the model again with `ollama pull`"


@pytest.mark.parametrize(
    "given",
    [
        manifest("sha256:../../secret"),
        manifest(7),
        {"layers": "none"},
        {"layers": [1, {"mediaType": "other"}]},
        "{",
        "[]",
        "name: not a manifest\n",
    ],
)
def test_what_is_no_manifest_is_read_as_any_file(tmp_path: Path, given: Any) -> None:
    path, _ = store(tmp_path, given)
    with pytest.raises(kvcalc.InputError) as caught:
        kvcalc.load(path)
    assert {problem.file for problem in caught.value.problems} == {str(path)}


def test_claims_do_not_follow_a_manifest_out_of_their_folder(tmp_path: Path) -> None:
    path, _ = store(tmp_path, manifest())
    claims = path.parent / "claims.yaml"
    text = "claims:\n  - { id: a, quote: q, source: s, model: 8b, says: { gqa.growth: 1 kB } }\n"
    claims.write_text(text)
    with pytest.raises(kvcalc.InputError):
        kvcalc.check(claims)

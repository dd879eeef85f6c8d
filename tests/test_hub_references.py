"""What names a model of the hub, what does not, and that nothing secret in it is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvcalc.catalog import load
from kvcalc.errors import InputError
from kvcalc.importers.hub.reference import asked_of
from kvcalc.importers.recognition import is_hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SITE = "https://huggingface.co"


@pytest.mark.parametrize(
    ("reference", "repository", "revision"),
    [
        ("hf:org/name", "org/name", "main"),
        ("HF:org/name", "org/name", "main"),
        ("Hf:org/name@v1", "org/name", "v1"),
        ("hf:org/name/", "org/name", "main"),
        ("hf:gpt2", "gpt2", "main"),
        ("hf:gpt2@main", "gpt2", "main"),
        ("hf:org/name#files", "org/name", "main"),
        ("hf:models/org/name", "org/name", "main"),
        # the source that an answer names can be asked for again
        (f"hf:org/name@{COMMIT}:config.json", "org/name", COMMIT),
        ("hf:org/name/config.json", "org/name", "main"),
        ("hf://org/name", "org/name", "main"),
        ("HF://org/name/", "org/name", "main"),
        ("hf://org/name@v1", "org/name", "v1"),
        ("hf://org/name@refs/pr/3", "org/name", "refs/pr/3"),
        ("hf://org/name@refs/pr/3/config.json", "org/name", "refs/pr/3"),
        ("hf://org/name@a/branch", "org/name", "a/branch"),
        ("hf://models/org/name", "org/name", "main"),
        ("hf://models/org/name@v1/config.json", "org/name", "v1"),
        ("hf://org/name/config.json", "org/name", "main"),
        (f"{SITE}/org/name", "org/name", "main"),
        (f"{SITE}/org/name/", "org/name", "main"),
        (f"{SITE}/gpt2", "gpt2", "main"),
        (f"{SITE}/org/name#model-card", "org/name", "main"),
        (f"{SITE}/org/name@v1", "org/name", "v1"),
        (f"{SITE}/org/name/tree/main", "org/name", "main"),
        (f"{SITE}/org/name/tree/main/", "org/name", "main"),
        (f"{SITE}/org/name/tree", "org/name", "main"),
        (f"{SITE}/org/name/tree/refs%2Fpr%2F3", "org/name", "refs/pr/3"),
        (f"{SITE}/org/name/tree/refs/pr/3", "org/name", "refs/pr/3"),
        (f"{SITE}/org/name/commit/{COMMIT}", "org/name", COMMIT),
        (f"{SITE}/org/name/blob/{COMMIT}/config.json", "org/name", COMMIT),
        (f"{SITE}/org/name/raw/v1/config.json", "org/name", "v1"),
        (f"{SITE}/org/name/resolve/v1/config.json?download=true", "org/name", "v1"),
        (f"{SITE}/gpt2/blob/main/config.json", "gpt2", "main"),
        ("http://huggingface.co/org/name", "org/name", "main"),
        ("HTTPS://HuggingFace.co/org/Name", "org/Name", "main"),
        ("https://www.huggingface.co/org/name", "org/name", "main"),
        ("https://huggingface.co:443/org/name", "org/name", "main"),
        ("https://hf.co/org/name", "org/name", "main"),
        ("huggingface.co/org/name", "org/name", "main"),
        ("huggingface.co/org/name/tree/v1", "org/name", "v1"),
        ("hf.co/org/name", "org/name", "main"),
        (f"https://user:secret@{SITE[8:]}/org/name", "org/name", "main"),
        (f"{SITE}/org/name?token=secret", "org/name", "main"),
        ("https://hub.local:8080/models-of/us/org/name/tree/v1", "org/name", "v1"),
        ("hub.local:8080/models-of/us/org/name", "org/name", "main"),
    ],
)
def test_what_is_the_same_reference(
    reference: str, repository: str, revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://me:secret@hub.local:8080/models-of/us/")
    assert is_hub(reference)
    asked = asked_of(reference)
    assert (asked.repository, asked.revision) == (repository, revision)
    assert "secret" not in asked.reference


GGUF = "hf download org/name m-Q4.gguf --local-dir name, then name name/m-Q4.gguf"
PARTS = (
    "hf download org/name --include 'Q4/m-*-of-00003.gguf' --revision v1 --local-dir name, "
    "then name name/Q4/m-00001-of-00003.gguf"
)
WRITE = "write hf:org/name"


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        (f"{SITE}/datasets/org/name", "this is a dataset, not a model", "write hf:"),
        (f"{SITE}/spaces/org/name/tree/main", "this is a space, not a model", "write hf:"),
        (f"{SITE}/api/models/org/name", "this is for programs, not a model", "write hf:"),
        ("hf://datasets/org/name", "this is a dataset, not a model", "write hf:"),
        ("hf:buckets/org/name", "this is a bucket, not a model", "write hf:"),
        ("https://example.com/org/name", "and example.com is not it", "download the file"),
        ("https://huggingface.co.example.com/o/n", "huggingface.co.example.com is not", "hf:"),
        ("https://huggingface.co:8443/org/name", "huggingface.co:8443 is not it", "hf:"),
        ("https://hf.co@example.com/org/name", "and example.com is not it", "hf:"),
        ("http://", "kvcalc reads no web address but the hub's", "hf:"),
        (f"{SITE}/", "'' is no name of a repository", "write hf:organisation/name"),
        (f"{SITE}/org/name/blob/main/m-Q4.gguf", "not 'm-Q4.gguf'", GGUF),
        (f"{SITE}/org/name/resolve/main/m.safetensors", "not 'm.safetensors'", WRITE),
        (f"{SITE}/org/name/resolve/v1/Q4/m-00002-of-00003.gguf", "00003.gguf'", PARTS),
        (f"{SITE}/org/name/tree/main/original", "not 'original'", WRITE),
        (f"{SITE}/org/name/blob/main/original/config.json", "not 'original/config.json'", WRITE),
        (f"{SITE}/org/name/discussions/3", "not 'discussions/3'", WRITE),
        (f"{SITE}/org/name/tree/..%2f..", "'../..' is no name of a revision", "name a branch"),
        (f"{SITE}/org/na%0ame", "is no name of a repository", "write hf:organisation/name"),
        ("hf:org/name:Q4_K_M", "not 'Q4_K_M'", "a GGUF is read from a path, once"),
        ("hf:org/name/m-Q4.gguf", "not 'm-Q4.gguf'", GGUF),
        ("hf://org/name@v1/Q4/m-00001-of-00003.gguf", "not 'Q4/m-00001-of-00003.gguf'", PARTS),
        ("hf:org/name:m-Q4.gguf", "not 'm-Q4.gguf'", GGUF),
        ("hf:org/name/more", "not 'more'", WRITE),
    ],
)
def test_what_is_no_model_of_the_hub_is_refused_with_the_way_out(
    reference: str, message: str, hint: str
) -> None:
    assert is_hub(reference)
    with pytest.raises(InputError) as caught:
        asked_of(reference)
    [problem] = caught.value.problems
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    "reference",
    ["org/name", "model.yaml", "./hf:org/name", "huggingface.co", "qwen3-8b", "a/huggingface.co/b"],
)
def test_what_names_no_hub(reference: str) -> None:
    assert not is_hub(reference)


def test_a_folder_that_is_called_as_a_host_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("huggingface.co/org/name")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"is": "no model"}')
    with pytest.raises(InputError) as caught:
        load(str(folder))
    assert "this is no model configuration" in str(caught.value)


SECRET = "s3cr3t-of-mine"


@pytest.mark.parametrize(
    "reference",
    [
        f"https://user:{SECRET}@example.com/org/name",
        f"https://{SECRET}@example.com/org/name",
        f"https://user:pa/{SECRET}@huggingface.co/org/name",
        f"https://user:pa?{SECRET}@huggingface.co/org/name",
        f"https://user:pa#{SECRET}@huggingface.co/org/name",
        f"https://user:pa@{SECRET}@example.com/org/name",
        f"https://user:{SECRET}@[huggingface.co/org/name",
        f"https://user:{SECRET}@huggingface.co/datasets/org/name",
        f"https://huggingface.co/datasets/org/name?token={SECRET}",
        f"user:{SECRET}@huggingface.co/org/name/m.gguf",
        f"hf:org/na me?token={SECRET}",
    ],
)
def test_nothing_secret_of_a_reference_is_shown(reference: str) -> None:
    for form in ("-o", "--json"):
        arguments = ["show", reference] if form == "-o" else ["show", reference, form]
        ran = subprocess.run(
            [sys.executable, "-m", "kvcalc", *arguments],
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert ran.returncode == 2
        assert SECRET not in ran.stdout + ran.stderr

"""A file that is no model shows nothing of itself, whatever door it comes through.

Claims come from strangers: what they may name is below their folder or the working directory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kvcalc
from kvcalc import InputError

if TYPE_CHECKING:
    from tests.conftest import Cli, Process

TOKEN = "S3CR3T"
"""Part of all that must not be shown: values, names of keys, of anchors and of tags."""

SECRETS: dict[str, str | bytes] = {
    "a line": f"{TOKEN}-abcdefghijklmnopqrst",
    "an environment": f"# {TOKEN}\n{TOKEN}_KEY={TOKEN}\nexport B='{TOKEN}'\n",
    "an ini": f"[{TOKEN}]\naws_access_key_id = AKIA{TOKEN}\naws_secret_access_key = {TOKEN}/+\n",
    "a private key": f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,{TOKEN}\n\n{TOKEN}+/=\n",
    "a netrc": f"machine {TOKEN}.org\n  login {TOKEN}\n  password {TOKEN}\n",
    "an npmrc": f"//{TOKEN}.org/:_authToken={TOKEN}\n{TOKEN}=true\n",
    "git's credentials": f"https://user:{TOKEN}@{TOKEN}.org\n",
    "a kubeconfig": f"apiVersion: v1\nkind: Config\nusers:\n- name: {TOKEN}\n  user: {TOKEN}\n",
    "a kubeconfig in tabs": f"apiVersion: v1\n{TOKEN}:\n\t- name: {TOKEN}\n",
    "gh's hosts": f"{TOKEN}.com:\n    oauth_token: gho_{TOKEN}\n    user: {TOKEN}\n",
    "docker's": json.dumps({"auths": {f"{TOKEN}.io": {"auth": TOKEN}}, TOKEN: TOKEN}),
    "a compose file": f"name: {TOKEN}\nservices: {{ {TOKEN}: {{ image: {TOKEN} }} }}\n",
    "a named object": json.dumps({"name": TOKEN, "dtype": TOKEN, TOKEN: TOKEN}),
    "an adapter": json.dumps({"peft_type": "LORA", "base_model_name_or_path": f"/home/{TOKEN}"}),
    "a list": f"- {TOKEN}\n- {TOKEN}: {TOKEN}\n",
    "a list in brackets": json.dumps([TOKEN, {TOKEN: TOKEN}]),
    "a text in quotes": json.dumps(TOKEN),
    "an object of nothing": f"{{{TOKEN}}}",
    "an alias": f"password: *{TOKEN}\n",
    "an anchor twice": f"a: &{TOKEN} 1\nb: &{TOKEN} 2\nc: *{TOKEN}\n",
    "a tag": f"password: !{TOKEN} x\n",
    "a tag of YAML's": f"password: !!{TOKEN} x\n",
    "a tag of Python's": f"password: !!python/object/apply:{TOKEN} [x]\n",
    "a tag's handle": f"password: !{TOKEN}!x x\n",
    "a tag in angles": f"password: !<{TOKEN}\n",
    "a directive": f"%{TOKEN} {TOKEN}\n---\na: b\n",
    "a key twice": f"{TOKEN}: 1\n{TOKEN}: 2\n",
    "a key twice in an object": f'{{"{TOKEN}": 1, "{TOKEN}": 2}}',
    "keys that are no text": f"1{TOKEN}: x\n34567890123: x\n[{TOKEN}]: x\n",
    "two documents": f"a: {TOKEN}\n--- {TOKEN}\n",
    "a colon too many": f"{TOKEN}: {TOKEN}: {TOKEN}\n",
    "quotes that do not end": f"'{TOKEN}\n{TOKEN}: {TOKEN}",
    "an escape that is none": f'"\\q{TOKEN}"',
    "an object that does not end": f'{{"{TOKEN}": "{TOKEN}", {TOKEN}',
    "half a character": f'{{"{TOKEN}": "{TOKEN}\\ud83d"}}',
    "a merge": f"<<: {TOKEN}\n",
    "a merge of several": f"a: &a {{ {TOKEN}: 1 }}\n{TOKEN}: {{ <<: [*a, *a] }}\n",
    "digits": f'{{"{TOKEN}": {"7" * 5000}}}',
    "levels": f"{TOKEN}: {'[' * 200}{TOKEN}{']' * 200}",
    "Latin-1": f"{TOKEN}: caf\xe9 {TOKEN}\n".encode("latin-1"),
    "UTF-16": f"{TOKEN}: {TOKEN}\n".encode("utf-16"),
    "binary": b"\x00\x01" + TOKEN.encode() * 3,
    "a control": f"{TOKEN}: \x07{TOKEN}\n",
    "functions with layers": f"service: {TOKEN}\nlayers: {{ {TOKEN}: {{ path: {TOKEN} }} }}\n",
    "an image's manifest": json.dumps({"layers": [{"digest": TOKEN}], TOKEN: TOKEN}),
    "attention": f"attention: {TOKEN}\n{TOKEN}: {TOKEN}\n",
    "a web page": f"<html><title>{TOKEN}</title>",
}
NAMES = ("model.json", "model.yaml", "config.json", "model.gguf")
LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "torch_dtype": "bfloat16",
}
CLAIM = "{ id: %s, quote: q, source: { from: x, read: 2026-01-01, primary: true }, %s }"


def claims(*wanted: str) -> str:
    """A file of claims, each with what it says of its models."""
    lines = [CLAIM % (f"c{number}", text) for number, text in enumerate(wanted)]
    return "claims:\n" + "".join(f"  - {line}\n" for line in lines)


def about(reference: str) -> str:
    """Claims that name a model in every place where they may."""
    named = json.dumps(reference)
    return claims(
        f"model: {named}, expect: {{ mha/mla: 57x }}",
        f"of: {{ a: {{ model: {named} }}, b: {{ model: deepseek-v3 }} }}, expect: {{ a/b: 1x }}",
        "model: deepseek-v3, expect: { mha/mla: 57x }, holds_if: { model: " + named + " }",
        f"model: {named}, evidence: a price",
    )


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("secret", SECRETS)
def test_no_door_shows_what_is_in_a_file_that_is_no_model(
    secret: str, tmp_path: Path, cli: Cli
) -> None:
    file = written(tmp_path / "home" / "file", SECRETS[secret])
    one = written(tmp_path / "claims.yaml", about("home/file"))
    for words in (
        ["show", str(file)],
        ["compare", "deepseek-v3", str(file)],
        ["check", str(file)],
        ["import", str(file)],
        ["import", "deepseek-v3", "--diff", str(file)],
        ["show", "deepseek-v3", "--draft", str(file)],
        ["check", str(one)],
        ["check", str(one), "--allow-outside"],
    ):
        ran = cli(*words)
        assert (ran.code, ran.out) == (2, ""), words
        assert ran.err, words
        assert TOKEN not in ran.err, words


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("secret", SECRETS)
def test_nor_does_one_that_is_called_as_a_model_or_stands_in_a_folder(
    secret: str, name: str, tmp_path: Path, cli: Cli
) -> None:
    file = written(tmp_path / name, SECRETS[secret])
    for named in (file, tmp_path):
        ran = cli("show", str(named))
        assert (ran.code, ran.out) == (2, "")
        assert ran.err
        assert TOKEN not in ran.err


@pytest.mark.parametrize("secret", SECRETS)
def test_nor_does_the_python_door(secret: str, tmp_path: Path) -> None:
    file = written(tmp_path / "file", SECRETS[secret])
    with pytest.raises(InputError) as caught:
        kvcalc.load(str(file))
    told = f"{caught.value} {caught.value!r} {caught.value.problems}"
    assert TOKEN not in told


@pytest.mark.parametrize("command", ["show", "check"])
@pytest.mark.parametrize("secret", [s for s in SECRETS if isinstance(SECRETS[s], str)])
def test_nor_does_standard_input(secret: str, command: str, cli: Cli) -> None:
    content = SECRETS[secret]
    assert isinstance(content, str)
    ran = cli(command, "-", stdin=content)
    assert (ran.code, ran.out) == (2, "")
    assert TOKEN not in ran.err


@pytest.mark.parametrize("beside", ["hf_quant_config.json", "model.safetensors.index.json"])
@pytest.mark.parametrize("secret", SECRETS)
def test_nor_does_a_file_beside_a_configuration(
    secret: str, beside: str, tmp_path: Path, cli: Cli
) -> None:
    written(tmp_path / "m" / "config.json", json.dumps(LLAMA))
    written(tmp_path / "m" / beside, SECRETS[secret])
    ran = cli("show", str(tmp_path / "m"), "--explain")
    assert TOKEN not in ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello\n", ":1:1: this is no model: it holds a text, not a mapping of fields"),
        ("\n - hello\n", ":2:2: this is no model: it holds a list, not a mapping of fields"),
        ("7\n", ":1:1: this is no model: it holds a number, not a mapping of fields"),
        ("name: CI\non: push\n", ":1:1: this is no model: it has neither layers nor attention"),
        ("layers: 2\n", ":1:1: this is no model: it has layers and nothing else of one"),
        ("claims: []\n", ":1:1: this is a file of claims, not a model"),
        ("a: b: c\n", ":1:5: not YAML: mapping values are not allowed in this context"),
        ("a: *b\n", ":1:4: not YAML: found undefined alias"),
        ("a: [b\n", "not YAML: did not find expected ',' or ']'"),
        ("a: !b c\n", ":1:4: a tag"),
    ],
)
def test_it_is_said_what_is_wrong_and_where(content: str, said: str, tmp_path: Path) -> None:
    file = written(tmp_path / "file", content)
    with pytest.raises(InputError) as caught:
        kvcalc.load(str(file))
    assert said in str(caught.value)


# What claims may name

MODEL = "name: M\nlayers: 2\nheads: 4\nhead_dim: 16\ndtype: bf16\nattention: { kind: mha }\n"
RATIO = "expect: { mha/mqa: 4x }"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of claims, a model in each, and one outside of both."""
    written(tmp_path / "outside" / "m.yaml", MODEL)
    written(tmp_path / "outside" / "config.json", json.dumps(LLAMA))
    written(tmp_path / "here" / "m.yaml", MODEL)
    written(tmp_path / "here" / "claims" / "m.yaml", MODEL)
    written(tmp_path / "here" / "claims" / "sub" / "m.yaml", MODEL)
    written(tmp_path / "here" / "claims" / "llama" / "config.json", json.dumps(LLAMA))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here" / "claims"


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


INSIDE = ["m.yaml", "./m.yaml", "sub/m.yaml", "sub/../m.yaml", "../m.yaml", "../claims/m.yaml"]


@pytest.mark.parametrize("reference", [*INSIDE, "llama", "sub/../llama/config.json", "sub"])
def test_claims_may_name_what_is_below_them_or_here(reference: str, here: Path) -> None:
    written(here / "c.yaml", claims(f"model: {reference}, {RATIO}"))
    for name in ("claims/c.yaml", str(here / "c.yaml")):
        assert kvcalc.check(name).passed == 1


def test_claims_may_name_bundled_models_and_absolute_paths_inside(here: Path) -> None:
    named = (f"model: {here / 'm.yaml'}, {RATIO}", "model: deepseek-v3, expect: { mha/mla: 57x }")
    written(here / "c.yaml", claims(*named))
    assert kvcalc.check("claims/c.yaml").passed == 2


def test_links_that_stay_inside_are_followed(here: Path) -> None:
    blob = written(here / "hub" / "blobs" / "0a", json.dumps(LLAMA))
    link(here / "hub" / "snapshots" / "1b" / "config.json", Path("../../blobs") / blob.name)
    link(here / "other.yaml", here.parent / "m.yaml")
    named = (f"model: hub/snapshots/1b, {RATIO}", f"model: other.yaml, {RATIO}")
    written(here / "c.yaml", claims(*named))
    assert kvcalc.check("claims/c.yaml").passed == 2


OUTSIDE = [
    "../../outside/m.yaml",
    "../../outside",
    "../../outside/none.yaml",
    "../../none/m.yaml",
    "../../outside/../here/claims/m.yaml",
    "../../none/../here/claims/m.yaml",
    "../..",
    "sub/../../../outside/m.yaml",
    "/etc/hostname",
    "/etc/none",
    "/dev/stdin",
    "/dev/zero",
    "/proc/self/environ",
    "-",
    "hf:org/name",
    "file.yaml",  # a link to the model outside
    "folder/m.yaml",  # by a link to its folder
    "folder",
    "none.yaml",  # a link to what is not there
    "nowhere/m.yaml",  # by a link to no folder
    "nowhere/../outside/m.yaml",
    "linked",  # a folder whose config.json is elsewhere
    "weights",  # a folder whose index is elsewhere
    "cache",  # a folder of snapshots, of which one is elsewhere
    "cached",  # the same, where one's configuration is
    "uncached",  # and where it is nowhere
    "steps",  # a folder with a link that no system follows to its end
]


@pytest.mark.parametrize("reference", OUTSIDE)
def test_claims_may_name_nothing_else(reference: str, here: Path, cli: Cli) -> None:
    outside = here.parents[1] / "outside"
    link(here / "file.yaml", outside / "m.yaml")
    link(here / "folder", outside)
    link(here / "none.yaml", outside / "nothing")
    link(here / "nowhere", here.parents[1] / "none")
    link(here / "linked" / "config.json", outside / "config.json")
    written(here / "weights" / "config.json", json.dumps(LLAMA))
    link(here / "weights" / "model.safetensors.index.json", outside / "index")
    link(here / "cache" / "snapshots" / "0a", outside)
    link(here / "cached" / "snapshots" / "0a" / "config.json", outside / "config.json")
    link(here / "uncached" / "snapshots" / "0a" / "config.json", outside / "nothing")
    for number in range(3000):  # os.path.realpath would follow them all
        link(here / "steps" / f"l{number}", Path(f"none/../l{number + 1}"))
    written(here / "c.yaml", about(reference))
    ran = cli("check", "claims/c.yaml")
    assert (ran.code, ran.out) == (2, "")
    text = f"{reference!r} is no bundled model and not below this file's folder or the"
    places = [line.split(": ", 1) for line in ran.err.splitlines() if line.startswith("claims/")]
    assert [place.split(":")[1] for place, _ in places] == ["2", "3", "4", "5"]
    assert {said for _, said in places} == {f"{text} working directory, links followed"}
    assert ran.err.count("--allow-outside") == 4


@pytest.mark.parametrize(
    "reference", ["../../outside/m.yaml", "../../outside/config.json", "folder", "linked"]
)
def test_who_trusts_them_may_let_them(reference: str, here: Path, cli: Cli) -> None:
    outside = here.parents[1] / "outside"
    (outside / "m.yaml").rename(outside / "other")
    written(outside / "m.yaml", MODEL)
    link(here / "folder", outside)
    link(here / "linked" / "config.json", outside / "config.json")
    written(here / "c.yaml", claims(f"model: {reference}, {RATIO}"))
    assert cli("check", "claims/c.yaml").code == 2
    assert cli("check", "claims/c.yaml", "--allow-outside").code == 0
    assert kvcalc.check("claims/c.yaml", allow_outside=True).passed == 1


def test_claims_on_standard_input_stand_in_the_working_directory(here: Path, cli: Cli) -> None:
    ran = cli("check", "-", stdin=claims(f"model: m.yaml, {RATIO}", f"model: claims, {RATIO}"))
    assert "more than one file" not in ran.err
    assert ran.code == 0, ran.err
    ran = cli("check", "-", stdin=about("../outside/m.yaml"))
    assert ran.code == 2
    assert ran.err.count("-:") == 4
    assert "is no bundled model" in ran.err


def test_claims_through_a_pipe_stand_there_too(here: Path, process: Process) -> None:
    content = claims(f"model: m.yaml, {RATIO}").encode()
    assert process("check", "/dev/stdin", stdin=content, cwd=here).code == 0
    refused = process("check", "/dev/stdin", stdin=about("fd/0").encode(), cwd=here)
    assert refused.code == 2
    assert "no file" in refused.err


def test_a_file_as_standard_input_stands_there_too(here: Path) -> None:
    (here / "claims.yaml").write_text(claims(f"model: m.yaml, {RATIO}", f"model: fd/0, {RATIO}"))
    command = [sys.executable, "-m", "kvcalc", "check", "/dev/stdin"]
    with (here / "claims.yaml").open() as content:
        ran = subprocess.run(
            command, stdin=content, cwd=here, capture_output=True, text=True, check=False
        )
    assert ran.returncode == 2
    assert ran.stderr.count("/dev/stdin:") == 1
    assert "'fd/0'" in ran.stderr


def test_a_file_called_as_standard_input_is_no_way_to_it(here: Path, cli: Cli) -> None:
    written(here.parent / "-", MODEL)
    written(here.parent / "c.yaml", claims(f"model: ./-, {RATIO}"))
    assert cli("check", "c.yaml", stdin="").code == 0


def test_a_pipe_is_not_waited_for(here: Path, process: Process) -> None:
    os.mkfifo(here / "pipe.yaml")
    written(here / "c.yaml", about("pipe.yaml"))
    ran = process("check", "claims/c.yaml", cwd=here.parent)
    assert ran.code == 2
    assert ran.err.count("pipe.yaml: this is not a file") == 4


def test_the_top_of_the_file_system_vouches_for_nothing(
    here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    ran = cli("check", "-", stdin=claims("model: deepseek-v3, expect: { mha/mla: 57x }"))
    assert ran.code == 0
    ran = cli("check", "-", stdin=claims(f"model: {str(here / 'm.yaml')[1:]}, {RATIO}"))
    assert ran.code == 2
    assert "is no bundled model" in ran.err


def test_bundled_claims_may_be_links_to_where_they_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = written(tmp_path / "kept" / "m.yaml", MODEL)
    written(tmp_path / "configs" / "claims" / "c.yaml", claims(f"model: models/m.yaml, {RATIO}"))
    link(tmp_path / "configs" / "claims" / "models" / "m.yaml", kept)
    monkeypatch.setattr("kvcalc.catalog.configs", lambda: tmp_path / "configs")
    assert kvcalc.check("c").passed == 1


# Folders that are shut or gone


def test_what_may_not_be_looked_at_is_not_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    def shut(path: Path, **_: object) -> os.stat_result:
        if "configs" in path.parts:
            return os.stat(path)
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", shut)
    for name in (str(tmp_path / "m.yaml"), "org/name", "model"):
        ran = cli("show", name)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == f"{name}: cannot be read: Permission denied\n"


def test_a_working_directory_that_is_gone_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    (tmp_path / "gone").mkdir()
    written(tmp_path / "claims" / "m.yaml", MODEL)
    one = written(tmp_path / "claims" / "c.yaml", claims(f"model: m.yaml, {RATIO}"))
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert cli("show", "deepseek-v3").code == 0
    assert cli("check", str(one)).code == 0
    bundled = claims("model: deepseek-v3, expect: { mha/mla: 57x }")
    assert cli("check", "-", stdin=bundled).code == 0
    assert cli("check", "-", stdin=about(str(one))).code == 2
    assert cli("show", "m.yaml").code == 2


@pytest.mark.parametrize(
    "address",
    [
        f"https://me:{TOKEN}@host/org/m?token={TOKEN}",
        f"https://{TOKEN}@host/org/m#{TOKEN}",
        f"https:/me:{TOKEN}@host/org/m",
    ],
)
def test_nothing_private_of_an_address_is_shown(address: str, here: Path, cli: Cli) -> None:
    written(here / "c.yaml", claims(f'model: "{address}", {RATIO}'))
    for ran in (cli("check", "claims/c.yaml"), cli("show", address)):
        assert ran.code == 2
        assert TOKEN not in ran.out + ran.err
        assert "org/m" in ran.err

"""What `check` finds of folders and of several files: what is checked, skipped and broken."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import kvcalc
from kvcalc import gathering
from kvcalc.expect import parse_expectation
from tests.test_folders import folder_of

if TYPE_CHECKING:
    from tests.conftest import Cli

HELD = """\
name: Held
heads: 8
head_dim: 64
layers: 2
dtype: bf16
attention: { kind: gqa, kv_heads: 2 }
"""
MODEL = f"{HELD}expect:\n  mha/gqa: 4x\n"
REFUTED = f"{HELD}expect:\n  mha/gqa: 5x\n"
CLAIM = """\
claims:
  - id: a
    quote: a quote
    source: { from: a paper, read: 2026-11-24, primary: true }
    model: deepseek-v3
    expect: { mha/mla: 57x }
"""
WRONG = CLAIM.replace("57x", "57y")
LLAMA = '{"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "strange_kv": 3}'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(here: Path, **files: str) -> None:
    folder_of(here, {name: text.encode() for name, text in files.items()})


def results(answer: kvcalc.Checked) -> list[tuple[str, bool]]:
    return [(result.file, result.ok) for result in answer.results]


def skipped(answer: kvcalc.Checked) -> dict[str, str]:
    return {one.file: one.why for one in answer.skipped}


# what a folder holds


def test_all_files_below_a_folder_are_checked_in_order(here: Path) -> None:
    written(
        here,
        **{"b.YAML": MODEL, "a.yml": CLAIM, "sub/deep/c.json": json.dumps({"claims": []})},
        **{"sub/d.yaml": REFUTED, "sub/e.json": '{"name": "x"}', "notes.txt": MODEL},
        **{"sub/deep/f.json": json.dumps({"claims": [{"id": "a", "quote": "b"}]})},
    )
    with pytest.raises(kvcalc.InputError) as raised:
        kvcalc.check(".")
    assert {problem.file for problem in raised.value.problems} == {"sub/deep/f.json"}
    (here / "sub/deep/f.json").unlink()
    answer = kvcalc.check(".")
    assert results(answer) == [("a.yml", True), ("b.YAML", True), ("sub/d.yaml", False)]
    assert skipped(answer) == {
        "sub/e.json": gathering.FOREIGN,
        "sub/deep/c.json": gathering.FOREIGN,
    }
    assert results(kvcalc.check(str(here / "sub"))) == [(str(here / "sub/d.yaml"), False)]
    assert results(kvcalc.check("sub", "b.YAML")) == [("sub/d.yaml", False), ("b.YAML", True)]
    assert results(kvcalc.check(Path("sub"))) == [("sub/d.yaml", False)]


def test_a_model_in_json_is_one(here: Path) -> None:
    data = dict(name="J", heads=8, head_dim=64, layers=2, dtype="bf16", expect={"mha/gqa": "4x"})
    written(here, **{"m.json": json.dumps({**data, "attention": {"kind": "gqa", "kv_heads": 2}})})
    assert results(kvcalc.check(".")) == [("m.json", True)]


FOREIGN = {
    "a template": "name: {{ .Values.name }}\nlayers: {{ .Values.layers }}\n",
    "claims of a token": "claims: { sub: me }\n",
    "claims by name": "claims: [sub, email]\n",
    "claims that are no mappings of ours": "claims: [{ id: sub, type: text }]\n",
    "broken claims of a token": "claims: [sub\n",
    "a recipe": "layers: 12\nheads: 8\ndropout: 0.1\n",
    "a recipe that names its attention": "layers: 12\nheads: 8\nattention: flash\n",
    "several documents": "kind: Pod\n---\nkind: Service\nlayers: 3\n",
    "a key twice": "layers: 3\nlayers: 4\n",
    "nothing": "",
    "a comment": "# claims: none\n",
    "a list": "- layers: 3\n  attention: {}\n",
    "no text": "layers: \xff\n",
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_others_is_skipped(text: str, here: Path) -> None:
    (here / "other.yaml").write_bytes(text.encode("latin-1"))
    written(here, **{"config.json": LLAMA, "tokenizer.json": '{"added_tokens": [', "m.yaml": MODEL})
    answer = kvcalc.check(".")
    assert results(answer) == [("m.yaml", True)]
    assert skipped(answer) == dict.fromkeys(
        ["config.json", "other.yaml", "tokenizer.json"], gathering.FOREIGN
    )


BROKEN = {
    "a figure": (WRONG, "yaml", 6, 15),
    "a model": (MODEL.replace("heads: 8", "heads: 0"), "yaml", 2, 1),
    "a model without expect": (HELD.replace("heads: 8", "heads: 0"), "yaml", 2, 1),
    "a model without attention": ("heads: 8\nlayers: 2\nexpect: { mha/gqa: 4x }\n", "yaml", 1, 1),
    "YAML": (MODEL.replace("{ kind", "{{ kind"), "yaml", 7, 1),
    "YAML of claims": (CLAIM.replace("57x }", "57x"), "yaml", 7, 1),
    "JSON": ('{"layers": 2, "heads": 8, "attention": {,', "json", 1, 41),
    "a key twice": (f"{MODEL}heads: 8\n", "yaml", 9, 1),
    "not UTF-8": (f"{MODEL}name: \xff\n", "yaml", 9, 7),
    "UTF-16": (MODEL.encode("utf-16").decode("latin-1"), "yaml", 0, 0),
}


@pytest.mark.parametrize(("text", "suffix", "line", "column"), BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize("named", [True, False])
def test_a_broken_file_is_told_and_the_others_are_checked(
    text: str, suffix: str, line: int, column: int, named: bool, here: Path, cli: Cli
) -> None:
    written(here, **{"a.yaml": MODEL, "z.yaml": CLAIM})
    (here / f"m.{suffix}").write_bytes(text.encode("latin-1"))
    ran = cli("check", *(("a.yaml", f"m.{suffix}", "z.yaml") if named else (".",)), "--json")
    document = json.loads(ran.out)
    assert ran.code == 2
    assert [result["file"] for result in document["results"]] == ["a.yaml", "z.yaml"]
    error = document["errors"][0]
    assert error["file"] == f"m.{suffix}"
    assert error["line"] == (line or None)
    if column:
        assert error["column"] == column
    assert f"m.{suffix}:{line}:" in ran.err or not line
    plain = cli("check", "." if not named else f"m.{suffix}")
    assert (plain.code, plain.out) == (2, "")


# links, hidden files, what cannot be read


def test_links_are_told_and_not_followed(here: Path) -> None:
    outside = here / "outside"
    written(here, **{"outside/o.yaml": MODEL, "in/m.yaml": MODEL, "in/sub/n.yaml": MODEL})
    inside = here / "in"
    (inside / "around").symlink_to("..")
    (inside / "sub/itself").symlink_to("itself")
    (inside / "out").symlink_to(outside)
    (inside / "l.yaml").symlink_to(outside / "o.yaml")
    answer = kvcalc.check("in")
    assert results(answer) == [("in/m.yaml", True), ("in/sub/n.yaml", True)]
    links = ["in/around", "in/l.yaml", "in/out", "in/sub/itself"]
    assert skipped(answer) == dict.fromkeys(links, gathering.LINK)
    # who names a link means what it leads to
    assert results(kvcalc.check("in/out", "in/l.yaml")) == [
        ("in/out/o.yaml", True),
        ("in/l.yaml", True),
    ]


def test_hidden_files_and_folders_are_passed_over_unless_they_are_named(here: Path) -> None:
    written(here, **{".kv/m.yaml": MODEL, ".h.yaml": MODEL, "m.yaml": MODEL})
    assert results(kvcalc.check(".")) == [("m.yaml", True)]
    assert results(kvcalc.check(".kv", ".h.yaml")) == [(".kv/m.yaml", True), (".h.yaml", True)]


def test_what_is_no_file_is_not_waited_for(here: Path) -> None:
    written(here, **{"m.yaml": MODEL})
    os.mkfifo(here / "pipe.yaml")
    (here / "folder.yaml").mkdir()
    assert results(kvcalc.check(".")) == [("m.yaml", True)]


def test_too_many_files_are_refused(here: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.setattr(gathering, "MAX_FILES", 5)
    written(here, **{f"d/{n}/m.yaml": MODEL for n in range(2)})
    assert len(kvcalc.check("d").results) == 2
    written(here, **{f"d/{n}/m.yaml": MODEL for n in range(4)})
    ran = cli("check", "d")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "d: more than 5 files in this folder and below it\n  name a folder further down\n"
    )


def test_a_folder_that_cannot_be_read_is_an_error(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(here, **{"m.yaml": MODEL, "sub/n.yaml": MODEL, "z/n.yaml": MODEL})
    scan = os.scandir

    def scandir(path: str) -> Any:
        if path == "sub":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    answer = kvcalc.check(".", keep_going=True)
    assert results(answer) == [("m.yaml", True), ("z/n.yaml", True)]
    assert [str(problem) for problem in answer.errors] == ["sub: cannot be read: Permission denied"]


# what is skipped


def test_what_is_skipped_is_counted_and_told(here: Path, cli: Cli) -> None:
    written(here, **{f"d/{n}.yaml": HELD for n in range(5)}, **{"m.yaml": MODEL, "o.yml": "a: 1\n"})
    ran = cli("check", "m.yaml", "d", "o.yml")
    assert ran.code == 0
    assert ran.out.endswith("\n1 passed, 0 failed, 6 skipped\n")
    assert ran.err == (
        "note: skipped 5 files (d/0.yaml, d/1.yaml, d/2.yaml and 2 more): no expect\n"
        "note: skipped o.yml: not a file of kvcalc\n"
    )
    quiet = cli("check", "m.yaml", "d", "o.yml", "-q")
    assert (quiet.code, quiet.out, quiet.err) == (0, ran.out, "")
    document = json.loads(cli("check", ".", "--json").out)
    assert document["skipped"][-1] == {"file": "d/4.yaml", "why": "no expect"}
    assert len(document["skipped"]) == 6
    assert cli("check", "m.yaml", "d/0.yaml", "d/1.yaml").err == (
        "note: skipped 2 files (d/0.yaml, d/1.yaml): no expect\n"
    )
    assert cli("check", "deepseek-v3", "llama-3.1-8b", "o.yml").code == 0


NOTHING_LEFT = {
    "an empty folder": (("empty",), "no file of kvcalc is in there: nothing to check"),
    "a model without expect": (("h.yaml",), "h.yaml has no expect: nothing to check"),
    "its folder": (("d",), "d/h.yaml has no expect: nothing to check"),
    "files of others": (("o",), "nothing to check: skipped o/c.yaml: not a file of kvcalc"),
    "several": (
        ("d", "o", "h.yaml"),
        "nothing to check: skipped 2 files (d/h.yaml, h.yaml): no expect; "
        "skipped o/c.yaml: not a file of kvcalc",
    ),
    "a named file of others": (("o/c.yaml",), "o/c.yaml:1:1: this is no model"),
    "a configuration": (("config.json",), "config.json:1:68: strange_kv is not a field"),
    "a folder that is not there": (("nosuch/",), "nosuch"),
}


@pytest.mark.parametrize(("names", "said"), NOTHING_LEFT.values(), ids=NOTHING_LEFT)
def test_nothing_left_to_check_is_2(
    names: tuple[str, ...], said: str, here: Path, cli: Cli
) -> None:
    written(here, **{"h.yaml": HELD, "d/h.yaml": HELD, "o/c.yaml": "a: 1\n", "config.json": LLAMA})
    (here / "empty").mkdir()
    ran = cli("check", *names)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_named_file_is_not_taken_for_somebody_elses_lightly(here: Path, cli: Cli) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 49\n"
    written(here, **{"m.yaml": MODEL, "empty.yaml": " ", "claims.yaml": "claims: {}\n"})
    written(here, **{"lfs.yaml": pointer})
    for name, said in (("empty", "empty"), ("claims", "claims"), ("lfs", "pointer of git LFS")):
        ran = cli("check", "m.yaml", f"{name}.yaml")
        assert (ran.code, ran.out) == (2, ""), name
        assert said in ran.err


# what makes no sense as asked, and -k


def test_what_has_no_answer_has_its_place(here: Path) -> None:
    written(here, **{"m.yaml": MODEL})
    asked = replace(kvcalc.load("m.yaml"), expect=(parse_expectation("mha/gqa-3", "1x", 8),))
    answer = kvcalc.check("m.yaml", asked, keep_going=True)
    assert results(answer) == [("m.yaml", True)]
    (error,) = answer.errors
    assert (error.file, error.line) == ("m.yaml", 8)
    with pytest.raises(kvcalc.UsageError) as raised:
        kvcalc.check("m.yaml", asked)
    assert str(raised.value) == str(error)
    assert str(error).startswith("m.yaml:8: mha/gqa-3: no row is called 'gqa-3'")


def test_errors_stay_whatever_is_selected(here: Path, cli: Cli) -> None:
    written(here, **{"m.yaml": MODEL, "w.yaml": WRONG})
    document = json.loads(cli("check", ".", "-k", "nosuch", "--json").out)
    assert (document["results"], len(document["errors"])) == ([], 1)


def test_what_is_to_be_ignored_is_not_asked_for_in_what_is_broken(here: Path, cli: Cli) -> None:
    written(here, **{"m.yaml": MODEL, "w.yaml": WRONG})
    document = json.loads(cli("check", ".", "--ignore", "x", "--json").out)
    assert len(document["errors"]) == 1
    assert "there is no field 'x' to ignore" in cli("check", "m.yaml", "--ignore", "x").err

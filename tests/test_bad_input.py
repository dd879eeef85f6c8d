"""What is wrong with a file: every problem, in its place, in words that help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kvcalc
from kvcalc import InputError
from tests.problems import ANYWHERE, Wrong, edited, must_tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Cli, ModelFile, Process, Terminal

FLAT = """\
name: Model
heads: 32
head_dim: 128
layers: 4
dtype: bf16
attention:
  kind: gqa
  kv_heads: 8
"""

LAYERED = """\
name: Model
heads: 32
head_dim: 128
dtype: bf16
layers: { count: 4, list: [local*3, global] }
attention:
  local: { kind: gqa, kv_heads: 8, window: 1024 }
  global: { kind: gqa, kv_heads: 8 }
"""

CUSTOM = """\
name: Model
layers: 4
dtype: bf16
attention:
  kind: custom
  tensors:
    - name: latent
      role: latent
      width: 512
"""


def flat(old: str, new: str) -> str:
    return edited(FLAT, old, new)


def layered(old: str, new: str) -> str:
    return edited(LAYERED, old, new)


MISSING = {
    "name": (flat("name: Model\n", ""), [Wrong(1, 1, "'name'", "name: ")]),
    "layers": (flat("layers: 4\n", ""), [Wrong(1, 1, "'layers'", "layers: ")]),
    "dtype": (flat("dtype: bf16\n", ""), [Wrong(1, 1, "'dtype'", "dtype: bf16")]),
    "attention": (
        flat("attention:\n  kind: gqa\n  kv_heads: 8\n", ""),
        [Wrong(1, 1, "'attention'", "kind: gqa")],
    ),
    "heads": (flat("heads: 32\n", ""), [Wrong(5, 1, "gqa needs heads", "whole model")]),
    "head_dim": (flat("head_dim: 128\n", ""), [Wrong(5, 1, "gqa needs head_dim", "key_dim")]),
    "heads and head_dim": (
        flat("heads: 32\nhead_dim: 128\n", ""),
        [Wrong(4, 1, "gqa needs heads"), Wrong(4, 1, "gqa needs head_dim")],
    ),
    "kv_heads": (flat("  kv_heads: 8\n", ""), [Wrong(6, 1, "kv_heads (or groups)")]),
    "kind": (flat("  kind: gqa\n", ""), [Wrong(6, 1, "no kind", "kind: gqa")]),
    "kind, misspelt": (flat("kind: gqa", "knd: gqa"), [Wrong(6, 1, "kind", "kind")]),
    "latent_dim and rope_dim": (
        flat("  kind: gqa\n  kv_heads: 8\n", "  kind: mla\n"),
        [Wrong(6, 1, "'latent_dim'"), Wrong(6, 1, "'rope_dim'")],
    ),
    "count": (layered("count: 4, ", ""), [Wrong(5, 1, "'count'", "count: ")]),
    "pattern or list": (
        layered(", list: [local*3, global]", ""),
        [Wrong(5, 1, "pattern", "pattern: [")],
    ),
    "tensors": (
        CUSTOM.split("  tensors:")[0],
        [Wrong(4, 1, "'tensors'")],
    ),
    "from": (FLAT + "sources:\n  - says: heads 32\n", [Wrong(10, 5, "'from'")]),
    "rope_dim of a what-if": (
        FLAT + "compare:\n  mla: { latent_dim: 512 }\n",
        [Wrong(10, 3, "rope_dim")],
    ),
    "all fields of a what-if": (
        FLAT + "compare:\n  mla:\n",
        [Wrong(10, 3, "latent_dim"), Wrong(10, 3, "rope_dim")],
    ),
    "all but layers and dtype": (
        "layers: 4\ndtype: bf16\n",
        [Wrong(1, 1, "'name'"), Wrong(1, 1, "'attention'")],
    ),
    # files of some other kind, of which nothing is shown
    "all but the layers": ("layers: 4\n", [Wrong(1, 1, "it has layers and nothing", "name:")]),
    "nothing but a name": ("name: Me\n", [Wrong(1, 1, "neither layers nor attention", "name:")]),
}

UNKNOWN = {
    "field": (FLAT + "vendr: Me\n", [Wrong(9, 1, "'vendr'", "vendor")]),
    "field for a needed one": (
        flat("layers: 4", "layer: 4"),
        [Wrong(1, 1, "'layers'"), Wrong(4, 1, "'layer'", "did you mean layers")],
    ),
    "field of an entry": (FLAT + "  windw: 4\n", [Wrong(9, 3, "'windw'", "window")]),
    "field of another kind": (FLAT + "  latent_dim: 512\n", [Wrong(9, 3, "'latent_dim'")]),
    "field of one entry of several": (
        layered("window: 1024", "windw: 1024"),
        [Wrong(7, 36, "'windw'", "window")],
    ),
    "field of layers": (
        layered("count: 4", "count: 4, patern: [local]"),
        [Wrong(5, 21, "'patern'", "did you mean pattern")],
    ),
    "field of a source": (
        FLAT + "sources:\n  - { from: a paper, sais: heads 32 }\n",
        [Wrong(10, 22, "'sais'", "did you mean says")],
    ),
    "field of a what-if": (
        FLAT + "compare:\n  gqa: { group: 4 }\n",
        [Wrong(10, 10, "'group'", "groups")],
    ),
    "field of a tensor": (CUSTOM + "      widht: 512\n", [Wrong(10, 7, "'widht'", "width")]),
    "field of a stride": (
        CUSTOM + "      every: { strde: 4, first: 4 }\n",
        [Wrong(10, 7, "'stride'"), Wrong(10, 16, "'strde'", "did you mean stride")],
    ),
    "field that is a number": (FLAT + "7: Me\n", [Wrong(9, 1, "7")]),
    "field that is null": (FLAT + "null: Me\n", [Wrong(9, 1, "")]),
    "kind": (flat("kind: gqa", "kind: gqqa"), [Wrong(7, 3, "unknown kind 'gqqa'", "gqa")]),
    "kind like no other": (flat("kind: gqa", "kind: xyz"), [Wrong(7, 3, "kind 'xyz'", "mla")]),
    "kind with fields of its own": (
        flat("  kind: gqa\n  kv_heads: 8\n", "  kind: mlla\n  latent_dim: 512\n  rope_dim: 64\n"),
        [Wrong(7, 3, "unknown kind 'mlla'", "did you mean mla")],
    ),
    "kind of one entry of several": (
        layered("global: { kind: gqa", "global: { kind: gqqa"),
        [Wrong(8, 13, "unknown kind 'gqqa'", "gqa")],
    ),
    "kind of a what-if": (
        FLAT + "compare:\n  mlaa: { latent_dim: 512, rope_dim: 64 }\n",
        [Wrong(10, 3, "'mlaa'", "mla")],
    ),
    "dtype": (flat("bf16", "bf61"), [Wrong(5, 1, "'bf61'", "bf16")]),
    "dtype of an entry": (FLAT + "  dtype: fp88\n", [Wrong(9, 3, "'fp88'", "fp8")]),
    "role": (edited(CUSTOM, "role: latent", "role: latnt"), [Wrong(8, 7, "latnt", "latent")]),
    "reads": (CUSTOM + "      reads: al\n", [Wrong(10, 7, "reads", "all")]),
    "index_scale": (
        edited(FLAT, "  kind: gqa\n  kv_heads: 8\n", "  kind: dsa\n")
        + "  latent_dim: 512\n  rope_dim: 64\n  index_heads: 4\n  index_dim: 128\n  top_k: 16\n"
        + "  index_scale: fp23\n",
        [Wrong(13, 3, "index_scale: unknown dtype 'fp23'", "fp32")],
    ),
    "engines": (FLAT + "engines: {}\n", [Wrong(9, 1, "'engines'")]),
    "field of an architecture": (
        FLAT + "architecture: { modeltype: llama }\n",
        [Wrong(9, 1, "'model_type'", "gguf: "), Wrong(9, 17, "'modeltype'", "did you mean model_")],
    ),
    "field of a GGUF's architecture": (
        FLAT + "architecture: { gguf: gemma3, inner: gemma3_text }\n",
        [Wrong(9, 31, "'inner'", "known: gguf")],
    ),
    "confidence": (
        FLAT + "confidence: publishd\n",
        [Wrong(9, 1, "'publishd'", "did you mean published")],
    ),
}

TYPES = {
    "heads, a word": (flat("32", "many"), [Wrong(2, 1, "heads is 'many'", "a whole number")]),
    "heads, in quotes": (flat("32", "'32'"), [Wrong(2, 1, "heads is '32'", "a whole number")]),
    "heads, a fraction": (flat("32", "32.5"), [Wrong(2, 1, "heads is 32.5", "a whole number")]),
    "heads, with a point": (flat("32", "32.0"), [Wrong(2, 1, "heads is 32.0", "a whole number")]),
    "heads, true": (flat("32", "true"), [Wrong(2, 1, "heads is", "a whole number")]),
    "heads, a list": (flat("32", "[32]"), [Wrong(2, 1, "heads is [32]", "a whole number")]),
    "heads, not a number": (flat("32", ".nan"), [Wrong(2, 1, "heads is", "a whole number")]),
    "heads, infinite": (flat("32", ".inf"), [Wrong(2, 1, "heads is", "a whole number")]),
    "heads, octal": (flat("32", "032"), [Wrong(2, 1, "heads is '032'", "a whole number")]),
    "name, a number": (flat("Model", "7"), [Wrong(1, 1, "name is 7", "quotes")]),
    "name, empty": (flat("Model", "''"), [Wrong(1, 1, "name is ''", "not be empty")]),
    "layers, a word": (flat("layers: 4", "layers: four"), [Wrong(4, 1, "layers", "layers: ")]),
    "layers, a fraction": (flat("layers: 4", "layers: 4.5"), [Wrong(4, 1, "layers", "layers: ")]),
    "layers, a list": (flat("layers: 4", "layers: [a]"), [Wrong(4, 1, "layers", "count: ")]),
    "pattern, a word": (
        layered("list: [local*3, global]", "pattern: local"),
        [Wrong(5, 21, "pattern is 'local'", "a list")],
    ),
    "pattern, a number in it": (
        layered("list: [local*3, global]", "pattern: [local, 3]"),
        [Wrong(5, 38, "3", "quotes")],
    ),
    "mtp, a word": (FLAT + "mtp: one\n", [Wrong(9, 1, "mtp is neither a number", "layers: ")]),
    "architecture, a number": (
        FLAT + "architecture: 7\n",
        [Wrong(9, 1, "architecture is 7", "quotes")],
    ),
    "architecture, empty": (FLAT + "architecture: ''\n", [Wrong(9, 1, "not be empty")]),
    "model_type, empty": (
        FLAT + "architecture: { model_type: '' }\n",
        [Wrong(9, 17, "model_type is ''", "not be empty")],
    ),
    "name of an entry, empty": (
        layered("  local: { kind", "  '': { kind").replace("local*3", "global*3"),
        [Wrong(7, 3, "a name in attention is empty", "give it one")],
    ),
    "tensors of a what-if, null": (
        FLAT + "compare:\n  custom: { tensors: null }\n",
        [Wrong(10, 13, "custom needs tensors")],
    ),
    "dtype, a number": (flat("bf16", "16"), [Wrong(5, 1, "16 is not a dtype", "bf16")]),
    "attention, a word": (
        flat("attention:\n  kind: gqa\n  kv_heads: 8\n", "attention: gqa\n"),
        [Wrong(6, 1, "attention has no kind", "kind: gqa")],
    ),
    "kind, a number": (flat("kind: gqa", "kind: 7"), [Wrong(7, 3, "kind '7'", "gqa")]),
    "compare, a list": (FLAT + "compare: [gqa]\n", [Wrong(9, 1, "compare", "a mapping")]),
    "expect, a list": (FLAT + "expect: [mha/gqa]\n", [Wrong(9, 1, "expect", "a mapping")]),
    "sources, a word": (FLAT + "sources: mine\n", [Wrong(9, 1, "sources is 'mine'", "a list")]),
    "read, no date": (
        FLAT + "sources:\n  - { from: a paper, read: yesterday }\n",
        [Wrong(10, 22, "read", "write a date as")],
    ),
    "read, no day of the year": (
        FLAT + "sources:\n  - { from: a paper, read: 2026-13-45 }\n",
        [Wrong(10, ANYWHERE, "")],
    ),
    "max_context, no unit": (
        FLAT + "max_context: 128Q\n",
        [Wrong(9, 1, "max_context: '128Q'", "128k or 128K")],
    ),
    "tensors, none": (
        CUSTOM.split("  tensors:")[0] + "  tensors: []\n",
        [Wrong(6, 3, "tensors is []", "not be empty")],
    ),
    "every, a word": (CUSTOM + "      every: two\n", [Wrong(10, 7, "every is 'two'", "number")]),
    "what-if kv_heads, null": (
        FLAT + "compare:\n  gqa: { kv_heads: null }\n",
        [Wrong(10, ANYWHERE, "kv_heads")],
    ),
    "the file, a list": ("- name\n", [Wrong(1, 1, "it holds a list", "a mapping")]),
    "the file, a word": ("hello\n", [Wrong(1, 1, "it holds a text", "a mapping")]),
}

HUGE = "1" + "0" * 5000

NUMBERS = {
    "zero heads": (flat("32", "0"), [Wrong(2, 1, "heads is 0", "at least 1")]),
    "negative heads": (flat("32", "-32"), [Wrong(2, 1, "heads is -32", "at least 1")]),
    "many heads": (flat("32", "1000001"), [Wrong(2, 1, "1,000,001", "at most 1,000,000")]),
    "heads of thirty zeros": (
        flat("32", "1" + "0" * 30),
        [Wrong(2, 1, "heads is 1,000,000,", "at most 1,000,000")],
    ),
    "heads of five thousand zeros": (flat("32", HUGE), [Wrong(2, ANYWHERE, "")]),
    "zero head_dim": (flat("128", "0"), [Wrong(3, 1, "head_dim is 0", "at least 1")]),
    "zero layers": (flat("layers: 4", "layers: 0"), [Wrong(4, 1, "layers is 0", "at least 1")]),
    "negative layers": (flat("layers: 4", "layers: -4"), [Wrong(4, 1, "-4", "at least 1")]),
    "many layers": (
        flat("layers: 4", "layers: 10001"),
        [Wrong(4, 1, "layers is 10,001", "at most 10,000")],
    ),
    "zero count": (layered("count: 4", "count: 0"), [Wrong(5, 11, "count is 0", "at least 1")]),
    "zero kv_heads": (
        flat("kv_heads: 8", "kv_heads: 0"),
        [Wrong(8, 3, "kv_heads is 0", "at least 1")],
    ),
    "many kv_heads": (
        flat("kv_heads: 8", "kv_heads: 1000001"),
        [Wrong(8, 3, "kv_heads is 1,000,001", "at most 1,000,000")],
    ),
    "zero window": (FLAT + "  window: 0\n", [Wrong(9, 3, "window is 0", "at least 1")]),
    "zero sink": (FLAT + "  window: 8\n  sink: 0\n", [Wrong(10, 3, "sink is 0", "at least 1")]),
    "long window": (
        FLAT + "  window: 1000000000001\n",
        [Wrong(9, 3, "window is 1,000,000,000,001", "at most 1,000,000,000,000")],
    ),
    "zero max_context": (FLAT + "max_context: 0\n", [Wrong(9, 1, "max_context is 0", "1")]),
    "long max_context": (
        FLAT + "max_context: 1000000000001\n",
        [Wrong(9, 1, "1,000,000,000,001", "1,000,000,000,000")],
    ),
    "zero width": (edited(CUSTOM, "512", "0"), [Wrong(9, 7, "width is 0", "at least 1")]),
    "great width": (
        edited(CUSTOM, "512", "1000000001"),
        [Wrong(9, 7, "width is 1,000,000,001", "at most 1,000,000,000")],
    ),
    "zero every": (CUSTOM + "      every: 0\n", [Wrong(10, 7, "every is 0", "at least 1")]),
    "zero latent_dim of a what-if": (
        FLAT + "compare:\n  mla: { latent_dim: 0, rope_dim: 64 }\n",
        [Wrong(10, 10, "latent_dim is 0", "at least 1")],
    ),
    "zero tokens in expect": (FLAT + "expect:\n  mha/gqa@0: 4x\n", [Wrong(10, 3, "0 tokens")]),
}

TOGETHER = {
    "kv_heads that do not divide": (
        flat("kv_heads: 8", "kv_heads: 7"),
        [Wrong(8, 3, "7 kv_heads", "4 or 8")],
    ),
    "groups that do not divide": (
        flat("kv_heads: 8", "groups: 7"),
        [Wrong(8, 3, "groups", "4 or 8")],
    ),
    "more kv_heads than heads": (
        flat("kv_heads: 8", "kv_heads: 64"),
        [Wrong(8, 3, "64 kv_heads", "32")],
    ),
    "groups of a what-if": (
        FLAT + "compare:\n  gqa: { groups: 7 }\n",
        [Wrong(10, 10, "7", "4 or 8")],
    ),
    "groups and kv_heads": (
        FLAT + "  groups: 8\n",
        [Wrong(9, 3, "groups and kv_heads mean the same", "keep one")],
    ),
    "groups and kv_heads of a what-if": (
        FLAT + "compare:\n  gqa: { groups: 8, kv_heads: 8 }\n",
        [Wrong(10, 10, "groups and kv_heads mean the same", "keep one")],
    ),
    "window and chunk": (
        FLAT + "  window: 4\n  chunk: 4\n",
        [Wrong(10, 3, "window and chunk", "keep one")],
    ),
    "a sink without a window": (
        FLAT + "  sink: 4\n",
        [Wrong(9, 3, "a sink needs a window", "set")],
    ),
    "a sink beside a chunk": (
        FLAT + "  chunk: 8\n  sink: 4\n",
        [Wrong(10, 3, "a sink needs a window", "set window")],
    ),
    "a tensor's sink without a window": (
        CUSTOM + "      chunk: 4\n      sink: 4\n",
        [Wrong(11, 7, "tensor 'latent' has a sink but no window", "set window")],
    ),
    "every and window": (
        CUSTOM + "      every: 4\n      window: 4\n",
        [Wrong(11, 7, "every and window", "keep one")],
    ),
    "scale without dtype": (CUSTOM + "      scale: fp32\n", [Wrong(10, 7, "scale", "dtype: fp8")]),
}

LAYERS = {
    "list too short": (
        layered("local*3", "local*2"),
        [Wrong(5, 21, "3 layers, count says 4", "equal")],
    ),
    "list too long": (
        layered("local*3", "local*4"),
        [Wrong(5, 21, "5 layers, count says 4", "equal")],
    ),
    "pattern and list": (
        layered("count: 4,", "count: 4, pattern: [local],"),
        [Wrong(5, 1, "either a pattern or a list", "pattern: [")],
    ),
    "a number for several entries": (
        layered("layers: { count: 4, list: [local*3, global] }", "layers: 4"),
        [Wrong(5, 1, "several entries", "pattern: [local, global]")],
    ),
    "name of no entry": (
        layered("[local*3, global]", "[local*3, globl]"),
        [Wrong(5, 37, "'globl'", "global")],
    ),
    "no item": (layered("[local*3, global]", "[]"), [Wrong(5, 21, "list is []", "not be empty")]),
    "item of another shape": (
        layered("[local*3, global]", "[local*3, global x]"),
        [Wrong(5, 37, "'global x'", "name*5")],
    ),
    "item no times": (
        layered("[local*3, global]", "[local*0, global*4]"),
        [Wrong(5, 28, "'local*0'", "1 to 10,000")],
    ),
    "item a billion times": (
        layered("[local*3, global]", "[local*999999999, global]"),
        [Wrong(5, 28, "999,999,999 times", "1 to 10,000")],
    ),
    "entry in no layer": (
        layered("[local*3, global]", "[local*4]"),
        [Wrong(8, 3, "no layer uses 'global'", "layers")],
    ),
    "entry in no layer but none": (
        flat("layers: 4", "layers: { count: 4, pattern: [none] }"),
        [Wrong(6, ANYWHERE, "no layer uses")],
    ),
}

EXPECT = {
    "unknown scheme": ("mha/gqaa: 4x", [Wrong(10, 3, "no row", "gqa")]),
    "unknown first scheme": ("mhaa/gqa: 4x", [Wrong(10, 3, "no row", "mha")]),
    "unknown scheme of a size": ("gqaa.growth: 4 kB", [Wrong(10, 3, "no row", "gqa")]),
    "unknown quantity": ("gqa.grwth: 4 kB", [Wrong(10, 3, "'grwth'", "growth")]),
    "a number without a unit": ("mha/gqa: 4", [Wrong(10, 3, "4 has no unit", "57x")]),
    "text without a unit": ("mha/gqa: '4'", [Wrong(10, 3, "'4' has no unit", "x for a ratio")]),
    "unknown unit": ("mha/gqa: 4y", [Wrong(10, 3, "unknown unit 'y'", "kB")]),
    "a ratio with a unit of size": ("mha/gqa: 4 kB", [Wrong(10, 3, "is a ratio", "57x")]),
    "a size as a ratio": ("gqa.growth: 4x", [Wrong(10, 3, "is a size", "kB")]),
    "a scheme alone": ("gqa: 4 kB", [Wrong(10, 3, "'gqa'", "a.growth")]),
    "a context that is none": ("mha/gqa@long: 4x", [Wrong(10, 3, "'long'", "128k or 128K")]),
    "a negative figure": ("mha/gqa: -4x", [Wrong(10, 3, "'-4x'", "57x")]),
    "true": ("mha/gqa: true", [Wrong(10, 3, "no unit", "57x")]),
    "a list": ("mha/gqa: [4x]", [Wrong(10, 3, "4x", "57x")]),
    "a number for a name": ("1: 4x", [Wrong(10, 3, "1", "quotes")]),
}

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + inner] * 10)}]\n"
    for inner, name in zip("abcdefgh", "bcdefghi", strict=True)
)

YAML = {
    "key twice": (FLAT + "heads: 16\n", [Wrong(9, 1, "'heads' is given twice", "line 2")]),
    "key twice in an entry": (
        FLAT + "  kv_heads: 4\n",
        [Wrong(9, 3, "'kv_heads' is given twice", "line 8")],
    ),
    "expectation twice": (
        FLAT + "expect:\n  mha/gqa: 4x\n  mha/gqa: 5x\n",
        [Wrong(11, 3, "'mha/gqa' is given twice", "line 10")],
    ),
    "two keys twice": (
        FLAT + "dtype: fp8\nheads: 16\n",
        [Wrong(9, 1, "'dtype'", "line 5"), Wrong(10, 1, "'heads'", "line 2")],
    ),
    "anchors that blow up": (BOMB + FLAT, [Wrong(ANYWHERE, ANYWHERE, "100,000", "anchors")]),
    "an anchor in itself": (FLAT + "x: &x [*x]\n", [Wrong(ANYWHERE, ANYWHERE, "anchors")]),
    "an anchor that is not there": (FLAT + "vendor: *x\n", [Wrong(9, 9, "alias")]),
    "nested too deep": ("a: " + "[" * 5000 + "]" * 5000, [Wrong(1, ANYWHERE, "nest")]),
    "tab before a field": (
        flat("  kv_heads", "\tkv_heads"),
        [Wrong(8, 1, "tab", "spaces")],
    ),
    "tab before all fields": (
        flat("  kind: gqa\n  kv_heads", "\tkind: gqa\n\tkv_heads"),
        [Wrong(7, 1, "tab", "spaces")],
    ),
    "unfinished": (FLAT + "sources: [\n", [Wrong(10, 1, "not YAML")]),
    "colon too many": (FLAT + "vendor: a: b\n", [Wrong(9, 10, "not YAML")]),
    "a Python object": (
        FLAT + "vendor: !!python/object/apply:os.getcwd []\n",
        [Wrong(9, 9, "tag")],
    ),
    "two documents": (FLAT + "---\n" + FLAT, [Wrong(9, 1, "another document")]),
    "a control character": (FLAT + "vendor: a\x07b\n", [Wrong(9, 10, "character")]),
    "a list for a key": (FLAT + "? [a]\n: b\n", [Wrong(9, 3, "key")]),
}

SEVERAL = {
    "in file order, not in ours": (
        "vendr: Me\n" + flat("kv_heads: 8", "kv_heads: 7").replace("bf16", "bf61"),
        [
            Wrong(1, 1, "'vendr'", "vendor"),
            Wrong(6, 1, "'bf61'", "bf16"),
            Wrong(9, 3, "7 kv_heads", "4 or 8"),
        ],
    ),
    "one in every field": (
        "name: 7\n"
        "heads: 0\n"
        "head_dim: -1\n"
        "layers: 10001\n"
        "dtype: bf61\n"
        "attention: { kind: gqqa }\n"
        "vendr: Me\n"
        "max_context: 0\n"
        "confidence: high\n"
        "sources: mine\n"
        "expect: { mha/gqa: 4 }\n"
        "compare: { mlaa: {} }\n",
        [
            Wrong(1, 1, "name is 7"),
            Wrong(2, 1, "heads is 0"),
            Wrong(3, 1, "head_dim is -1"),
            Wrong(4, 1, "layers is 10,001"),
            Wrong(5, 1, "'bf61'"),
            Wrong(6, 14, "'gqqa'"),
            Wrong(7, 1, "'vendr'"),
            Wrong(8, 1, "max_context is 0"),
            Wrong(9, 1, "'high'", "published"),
            Wrong(10, 1, "sources is 'mine'"),
            Wrong(11, 11, "4 has no unit"),
            Wrong(12, 12, "'mlaa'", "mla"),
        ],
    ),
    "in layers and in each entry": (
        layered("local*3", "local*2")
        .replace("local: { kind: gqa", "local: { kind: gqqa")
        .replace("global: { kind: gqa, kv_heads: 8", "global: { kind: gqa, kv_heads: 7"),
        [
            Wrong(5, 21, "3 layers, count says 4"),
            Wrong(7, 12, "'gqqa'"),
            Wrong(8, 24, "7 kv_heads"),
        ],
    ),
    "two of one entry": (
        flat("kv_heads: 8", "kv_heads: 7") + "  window: 0\n",
        [Wrong(8, 3, "7 kv_heads"), Wrong(9, 3, "window is 0")],
    ),
    "two of one entry that exclude": (
        flat("kv_heads: 8", "kv_heads: 7") + "  window: 4\n  chunk: 4\n",
        [Wrong(8, 3, "7 kv_heads"), Wrong(10, 3, "window and chunk")],
    ),
    "two of the items": (
        layered("[local*3, global]", "[local*0, globl*4]"),
        [Wrong(5, 28, "'local*0'"), Wrong(5, 37, "'globl'", "global")],
    ),
    "two what-ifs": (
        FLAT + "compare:\n  gqa: { groups: 7 }\n"
        "  mla: { latent_dim: 512, rope_dim: 64, window: 4, chunk: 4 }\n",
        [Wrong(10, 10, "7", "4 or 8"), Wrong(11, 52, "window and chunk")],
    ),
    "one in each what-if, and the rows that are left": (
        FLAT + "compare:\n  mlaa: {}\n  gqa: { groups: 7 }\n  mla: { latent_dim: 0, rope_dim: 8 }\n"
        "expect:\n  mha/mla: 4x\n",
        [Wrong(10, 3, "'mlaa'"), Wrong(11, 10, "7", "4 or 8"), Wrong(12, 10, "latent_dim is 0")],
    ),
    "in the layers and in those of mtp": (
        layered("local*3", "local*2") + "mtp: { count: 1, list: [globl] }\n",
        [Wrong(5, 21, "3 layers"), Wrong(9, 25, "'globl'", "global")],
    ),
    "a what-if and expectations": (
        FLAT + "compare:\n  gqa: { groups: 7 }\nexpect:\n  gqa.growth: 4x\n",
        [Wrong(10, 10, "7", "4 or 8"), Wrong(12, 3, "is a size")],
    ),
    "two schemes of an expectation": (
        FLAT + "expect:\n  mhaa/gqaa: 4x\n",
        [Wrong(10, 3, "'mhaa'", "mha"), Wrong(10, 3, "'gqaa'", "gqa")],
    ),
    "a key twice and another": (
        flat("bf16", "bf61") + "heads: 16\n",
        [Wrong(5, 1, "'bf61'"), Wrong(9, 1, "'heads' is given twice")],
    ),
}

FILES = {
    "empty": (b"", [Wrong(0, 0, "empty", "name:")]),
    "blank": (b"\n\n", [Wrong(0, 0, "empty", "name:")]),
    "a comment": (b"# heads: 32\n", [Wrong(0, 0, "empty", "name:")]),
    "a line of dashes": (b"---\n", [Wrong(ANYWHERE, ANYWHERE, "empty")]),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", [Wrong(ANYWHERE, ANYWHERE, "binary")]),
    "binary, though ASCII": (b"name: \0\n", [Wrong(ANYWHERE, ANYWHERE, "binary")]),
    "Latin-1": (
        b"name: Model\nheads: 32\nvendor: caf\xe9\n",
        [Wrong(3, 12, "not UTF-8", "save it as UTF-8")],
    ),
    "UTF-16": ("name: Model\n".encode("utf-16"), [Wrong(ANYWHERE, ANYWHERE, "", "UTF-8")]),
    "a megabyte of comment": (b"#" * 1_000_001, [Wrong(0, 0, "larger than 1,000,000 bytes")]),
}


TABLES: dict[str, Mapping[str, tuple[str | bytes, list[Wrong]]]] = {
    "missing": MISSING,
    "unknown": UNKNOWN,
    "type": TYPES,
    "number": NUMBERS,
    "together": TOGETHER,
    "layers": LAYERS,
    "expect": {n: (f"{FLAT}expect:\n  {e}\n", wrong) for n, (e, wrong) in EXPECT.items()},
    "yaml": YAML,
    "several": SEVERAL,
    "file": FILES,
}

CASES = [
    pytest.param(content, wrong, id=f"{table}: {name}")
    for table, rows in TABLES.items()
    for name, (content, wrong) in rows.items()
]


@pytest.mark.parametrize(("content", "wrong"), CASES)
def test_every_problem_is_told_in_its_place(
    content: str | bytes, wrong: list[Wrong], model_file: ModelFile
) -> None:
    path = model_file(content)
    with pytest.raises(InputError) as caught:
        kvcalc.load(path)
    must_tell(caught.value, path, wrong)


@pytest.mark.parametrize("table", TABLES)
def test_the_command_line_tells_all_files_of_a_table_at_once(
    table: str, model_file: ModelFile, cli: Cli
) -> None:
    rows = TABLES[table].values()
    paths = [model_file(content, f"{n}.yaml") for n, (content, _) in enumerate(rows)]
    ran = cli("compare", *paths, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    told = [ran.err.count(f"{path}:") for path in paths]
    assert told == [len(wrong) for _, wrong in rows]
    assert ran.err.endswith(f"\n{sum(told)} problems\n")


@pytest.mark.parametrize("word", ["groups", "kv_heads"])
def test_groups_that_do_not_divide_explain_both_readings(word: str, model_file: ModelFile) -> None:
    with pytest.raises(InputError) as caught:
        kvcalc.load(model_file(flat("kv_heads: 8", f"{word}: 7")))
    (problem,) = caught.value.problems
    assert "groups means the number of key/value heads" in problem.hint
    assert "not the query heads in a group" in problem.hint


def test_a_misspelt_kind_blames_no_field(model_file: ModelFile) -> None:
    with pytest.raises(InputError) as caught:
        kvcalc.load(model_file(flat("kind: gqa", "kind: gqqa") + "  window: 0\n"))
    assert [problem.message for problem in caught.value.problems] == ["unknown kind 'gqqa'"]


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("depseek-v3", "'depseek-v3'", "did you mean deepseek-v3"),
        ("depseek-v3.yaml", "'depseek-v3.yaml'", "did you mean deepseek-v3"),
        ("zzz", "'zzz'", ""),
        ("nowhere/deepseek-v3.yaml", "nowhere/deepseek-v3.yaml: no such file", ""),
        ("x" * 5000, "xxx", ""),
    ],
)
def test_a_model_that_is_not_there(name: str, message: str, hint: str, cli: Cli) -> None:
    ran = cli("compare", name)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert hint in ran.err


def test_a_folder_is_told_what_to_name_instead(model_file: ModelFile, cli: Cli) -> None:
    one, other = model_file(FLAT, "one.yaml"), model_file(FLAT, "other.yaml")
    folder = str(Path(one).parent)
    ran = cli("compare", folder)
    assert (ran.code, ran.out) == (2, "")
    assert f"{folder}: more than one file here could be meant" in ran.err
    assert "name the file" in ran.err
    assert one in ran.err
    assert "other.yaml" in ran.err
    Path(other).unlink()
    assert cli("compare", folder).code == 0


def test_several_files_are_told_of_at_once(model_file: ModelFile, cli: Cli) -> None:
    first = model_file(flat("32", "0"), "first.yaml")
    sound = model_file(FLAT, "sound.yaml")
    second = model_file(flat("bf16", "bf61") + "vendr: Me\n", "second.yaml")
    ran = cli("compare", first, sound, second, "no-such-model")
    assert (ran.code, ran.out) == (2, "")
    places = [f"{first}:2:1: ", f"{second}:5:1: ", f"{second}:9:1: ", "'no-such-model'"]
    found = [ran.err.find(place) for place in places]
    assert -1 not in found
    assert found == sorted(found)
    assert sound not in ran.err
    assert ran.err.endswith("4 problems\n")


@pytest.mark.parametrize("command", ["compare", "show", "check"])
def test_every_command_refuses_a_bad_file(command: str, model_file: ModelFile, cli: Cli) -> None:
    path = model_file(flat("32", "0"))
    ran = cli(command, path)
    assert (ran.code, ran.out) == (2, "")
    assert f"{path}:2:1: heads is 0" in ran.err


def test_standard_input_is_a_file_called_dash(cli: Cli) -> None:
    ran = cli("show", "-", stdin=flat("32", "0"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("-:2:1: heads is 0")


def test_nothing_on_standard_input(cli: Cli) -> None:
    ran = cli("show", "-", stdin="")
    assert (ran.code, ran.out) == (2, "")
    assert "-: the file is empty" in ran.err


def test_a_terminal_as_standard_input_says_what_to_do(terminal: Terminal) -> None:
    ran = terminal("show", "-", on=("stdin",))
    assert (ran.code, ran.out) == (2, "")
    assert "standard input is a terminal" in ran.err
    assert "pipe a model file into it" in ran.err


REAL = [
    pytest.param(SEVERAL["one in every field"][0], 12, id="a problem in every field"),
    pytest.param(YAML["anchors that blow up"][0], 1, id="anchors that blow up"),
]


@pytest.mark.parametrize(("content", "count"), REAL)
def test_the_program_itself(
    content: str | bytes, count: int, model_file: ModelFile, process: Process
) -> None:
    path = model_file(content)
    ran = process("compare", path)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    assert ran.err.count(f"{path}:") == count


def test_problems_told_to_nobody_end_quietly(process: Process, model_file: ModelFile) -> None:
    ran = process("compare", model_file(flat("32", "0")), closed="stderr")
    assert (ran.code, ran.out, ran.err) == (2, "", "")


def test_an_unknown_field_of_the_mtp_layers_is_told(model_file: ModelFile) -> None:
    with pytest.raises(InputError) as caught:
        kvcalc.load(model_file(f"{FLAT}mtp: {{ count: 1, patern: [gqa] }}\n"))
    assert "unknown field 'patern'" in str(caught.value)

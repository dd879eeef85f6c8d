"""kvcalc's own files, changed: models as they are bundled, and claims about them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from kvcalc.bundle import bundled, bundled_claims
from tests.fuzz.attempt import SECRET, Attempt, Content, Fifo, Link
from tests.fuzz.doors.commands import LLAMA, SMALL, reading
from tests.fuzz.trees import as_text, changed
from tests.fuzz.values import SECRETS, as_json

REFERENCES = (
    *("llama-3.1-8b", "deepseek-v3", "token", "home/.env", "home/env.yaml", "home/auth.json"),
    *("home/list.json", "home/broken.yaml", "home/key.json", "../outside/token", "-", "", ".", "/"),
    *("../outside/env.yaml", "../outside", "small.yaml", "config.json", "sub", "hf:org/name"),
    *("/dev/zero", "/dev/null", "/etc/hostname", "pipe", "link", "loop", "claims.yaml", "x" * 300),
    *("small.yaml\x00", "a\x1b[31mb", "\ud800", "~/.netrc", "file:///etc/passwd", "zero"),
)

DIRECT = tuple(name for name in REFERENCES if name != "pipe")
"""What may be named by who asks, who may well wait for a pipe."""

BESIDE: dict[str, Content] = {
    **SECRETS,
    "small.yaml": as_json(SMALL),
    "config.json": as_json(LLAMA),
    "sub/config.json": as_json(LLAMA),
    "sub/token": SECRET.encode(),
    "pipe": Fifo(),
    "link": Link("../outside/token"),
    "zero": Link("/dev/zero"),
    "loop": Link("loop"),
}
"""What a claims file may name, and what it may not."""


def _data(path: Path) -> Any:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return json.loads(json.dumps(yaml.load(path.read_text(encoding="utf-8"), loader), default=str))


@cache
def model_bases() -> tuple[Any, ...]:
    """The bundled models, and custom tensors."""
    tensors: list[dict[str, Any]] = [
        {"name": "a", "role": "latent", "width": 64, "every": 3, "macs": 10},
        {"name": "c", "role": "carry", "width": 64, "fixed": 1},
    ]
    custom = {"name": "C", "layers": 1, "dtype": "bf16"}
    own = ({**custom, "attention": {"kind": "custom", "tensors": tensors}}, SMALL)
    return (*own, *(_data(path) for path in bundled().values()))


@cache
def claim_bases() -> tuple[Any, ...]:
    """Each bundled claim alone, as short files find more."""
    claims = [claim for path in bundled_claims().values() for claim in _data(path)["claims"]]
    return tuple(
        {"questions": [{"ask": "?", "answer": "!", "claims": [claim["id"]]}], "claims": [claim]}
        for claim in claims[::5]
    )


def _keys(bases: tuple[Any, ...]) -> tuple[str, ...]:
    found: set[str] = set()
    todo = list(bases)
    while todo:
        node = todo.pop()
        found.update(map(str, node) if isinstance(node, dict) else ())
        todo += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return tuple(sorted(found))


@cache
def _words() -> tuple[str, ...]:
    more = ("window", "chunk", "sink", "shared", "cross", "source_length", "every", "fixed", "mtp")
    return (
        *_keys(model_bases()),
        *more,
        "first",
        "macs",
        "top_k",
        "tensors",
        "reads",
        "draft",
        "weights",
        "hub",
    )


HINTS: dict[str, Any] = {
    "layers": (1, 2, 10_000, 10_001, {"count": 4, "pattern": ["local*1", "global"]}, 10**8),
    "pattern": (["local*5", "global"], ["local*99999999"], ["a*0"], ["*"], [["a", "b"]]),
    "list": ([["a", "b"]], ["a*10000"], ["local*10001"], ["a"] * 10_000),
    "kind": ("mha", "gqa", "mla", "dsa", "csa", "mamba2", "custom", "gqq", "kda", "rwkv7"),
    "dtype": ("bf16", "fp8", "nvfp4", "6bit", "q8_0/q4_0", "fp8_ds_mla", "17bit", "0bit"),
    "every": (1, 7, 9_973, 999_983, 10**21),
    "expect": (
        {"mha/mla: 1x": 1},
        {"native.growth": "1 kB"},
        {"native.stored": "up to 4 GB"},
        {"native/native": "nearly 1x"},
        {"a/b": "2x"},
        {"a/b": "up to 75%"},
        {"x@1": "1e999 B"},
    ),
    "evidence": ("so", {"from": "a", "at": "b", "says": "c", "read": "2026-11-24"}, [], [{}]),
    "weights": ({"fp8": 5}, {"fp8": "6.6e11"}, {"x": 1}, {}),
    "hub": (["a/b"], ["a"], []),
    "model": REFERENCES,
    "verdict": ("confirmed", "refuted", "holds-if", "supported", "contradicted", "x"),
}


def model_trees() -> SearchStrategy[Any]:
    """A model file as data."""
    return changed(model_bases(), st.sampled_from(_words()), HINTS)


def models() -> SearchStrategy[Attempt]:
    """A model file, as YAML or in braces."""
    return st.builds(
        lambda command, tree, flow, name: Attempt(
            (*command, name), {name: as_text(tree, flow=flow)}, model=name
        ),
        reading,
        model_trees(),
        st.booleans(),
        st.sampled_from(("m.yaml", "m.yml", "m.json", "m")),
    )


@st.composite
def claims(draw: DrawFn) -> Attempt:
    """A claims file among files that are no models, and the command that checks it."""
    keys = st.sampled_from((*_keys(claim_bases()), "model", "context", "kv_dtype", "evidence"))
    tree = draw(changed(claim_bases(), keys, HINTS))
    if draw(st.booleans()):
        _name_a_file(draw, tree)
    text = as_text(tree, flow=draw(st.booleans()))
    form = draw(
        st.sampled_from(
            ((), ("--json",), ("-f", "junit"), ("-f", "github"), ("-f", "markdown"), ("-k", "a"))
        )
    )
    return Attempt(("check", "claims.yaml", *form), {"claims.yaml": text, **BESIDE})


def _name_a_file(draw: DrawFn, tree: Any) -> None:
    found = tree.get("claims") if isinstance(tree, dict) else None
    for claim in found if isinstance(found, list) else ():
        if isinstance(claim, dict):
            claim.pop("of", None)
            claim["model"] = draw(st.sampled_from(REFERENCES))

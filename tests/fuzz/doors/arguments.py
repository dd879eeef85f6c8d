"""Command lines: options from the vocabulary and from nowhere, with strange values."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.fuzz.attempt import Attempt
from tests.fuzz.doors.own import BESIDE, DIRECT
from tests.fuzz.running import COMMAND
from tests.fuzz.values import FLOATS, INTEGERS, LOUD, WORDS, once_in

_ALL: dict[str, Any] = getattr(COMMAND, "commands", {})
COMMANDS = tuple(_ALL)
READERS = ("show", "compare", "fit", "check", "import")
_OPTIONS = {
    name: [o.opts[-1] for o in command.params if o.opts[0].startswith("-")]
    for name, command in _ALL.items()
}
_TAKES = {
    name
    for command in _ALL.values()
    for option in command.params
    for name in option.opts
    if name.startswith("-") and not getattr(option, "is_flag", False)
}
"""Options that take a value."""
OPTIONS = tuple(sorted({name for names in _OPTIONS.values() for name in names}))
"""Of all commands."""

PLACES = ("out.txt", "", ".", "/dev/null", "/dev/full", "nosuch/out.txt", "config.json", "home")
"""Where an answer may be written to: nowhere that matters."""

VALUES = (
    *(
        "table",
        "json",
        "jsonl",
        "csv",
        "markdown",
        "github",
        "junit",
        "sarif",
        "si",
        "iec",
        "bytes",
    ),
    *("stored", "read", "growth", "flops", "transformers", "vllm", "mha", "native", "1000", "128K"),
    *("1e3", "0", "-1", "1_000", "٣", "¹", "128 k", "1.5k", "9" * 40, "9" * 5_000, "inf", "nan"),
    *("fp8", "fp8_ds_mla", "q8_0/q4_0", "q8_0/", "/", "6bit", "999bit", "int4_per_token_head"),
    *(
        "model",
        "claims",
        "output",
        "hf:",
        "hf:a/b@c",
        "hf:../..",
        "HF:a/b",
        "hf://a/b",
        "hf:a\x1bb",
    ),
    *("https://huggingface.co/a/b", "https://user:hunter2@huggingface.co/a/b", "kv_x0", "head_dim"),
    *(*LOUD, *WORDS, *map(str, FLOATS), *(str(n) for n in INTEGERS), "\udcff\udc80", "\ud800"),
)
APT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("-f", "--format"), ("table", "json", "jsonl", "csv", "markdown", "github")),
    **dict.fromkeys(("-c", "--context"), ("1", "1000", "128K", "1.5k", "1_000", "1e3", "9" * 40)),
    **dict.fromkeys(("-b", "--batch"), ("1", "3", "0", "-1", "٣", "9" * 5_000, "1000000")),
    **dict.fromkeys(("--kv-dtype", "--draft-kv-dtype"), ("fp8", "q8_0/q4_0", "auto", "nvfp4")),
    **dict.fromkeys(("--draft", "--diff"), ("llama-3.2-1b", "small.yaml", "config.json", "token")),
    **dict.fromkeys(("-o", "--output"), PLACES),
    "--memory": ("40GiB", "1kB", "79.2GiB", "0GB", "-1GB", "40", "40G", "9" * 5_000 + "B", ""),
    "--units": ("si", "iec", "bytes"),
    "--metric": ("stored", "read", "growth", "flops"),
    "--baseline": ("mha", "native", "gqa", "small"),
    "--engine": ("transformers", "x"),
    "--index-dtype": ("none", "fp8", "bf16"),
    "--mtp-layers": ("0", "1", "3", "99999"),
    "--source-length": ("0", "7", "128K"),
    "--shared-prefix": ("0", "7", "1K"),
    "--beams": ("1", "2", "8"),
}
MODELS = st.sampled_from(("llama-3.1-8b", "small.yaml", "config.json", "sub", "deepseek-v3"))
ALPHABET = st.characters(exclude_characters="/\x00", exclude_categories=())
TEXT = st.sampled_from(VALUES) | st.sampled_from(DIRECT) | st.text(ALPHABET, max_size=8)
_WRITES = re.compile(r"-[a-z]*o|--ou?t?p?u?t?.*")


@st.composite
def arguments(draw: DrawFn) -> Attempt:
    """A command with its own options or any, and values that are apt or not."""
    # what reads every bundled file takes a hundred times as long, and comes less often
    name = draw(st.sampled_from(READERS) if draw(st.integers(0, 7)) else st.sampled_from(COMMANDS))
    own = [option for option in _OPTIONS[name] if draw(once_in(4))]
    args = [] if draw(once_in(30)) else [name]
    if name in READERS and not draw(once_in(40 if name == "check" else 10)):
        args.append(draw(MODELS) if draw(st.integers(0, 3)) else draw(TEXT))
    if name == "schema":
        args.append(draw(st.sampled_from(("model", "claims", "output")) | TEXT))
    for option in own:
        args.append(option)
        if option in APT:
            args.append(draw(TEXT) if draw(once_in(4)) else draw(st.sampled_from(APT[option])))
        elif option in _TAKES:
            args.append(draw(TEXT))
    if draw(once_in(4)):
        stray = draw(st.lists(st.sampled_from(OPTIONS) | TEXT, max_size=3))
        args += stray
    stdin = draw(st.sampled_from((b"", b"{}", b"a: 1")))
    return Attempt(tuple(_safe(args)), BESIDE, stdin=stdin)


def _safe(args: list[str]) -> list[str]:
    """The same, with nothing written outside of the folder."""
    out: list[str] = []
    for number, arg in enumerate(args):
        before = args[number - 1] if number else ""
        if _WRITES.fullmatch(before) and (arg.startswith("/") or ".." in arg or "~" in arg):
            arg = arg if arg in PLACES else "out.txt"
        if re.match(r"-[a-z]*o.|--o.*=", arg) and not arg.startswith("--output") and "/" in arg:
            arg = "-oout.txt"
        out.append(arg)
    return out

"""Files of strangers that would do harm: what each of them has to come to."""

from __future__ import annotations

import json
import resource
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.conftest import PROGRAM, TIMEOUT, Ran, environment
from tests.fuzz.attempt import Attempt, Content, Fifo, Link, Sparse

if TYPE_CHECKING:
    from tests.conftest import Cli, Terminal

MEMORY, SECONDS = 1_000_000_000, 20
"""Of address space and of CPU: what takes more is killed, and so the test fails."""

# 2 layers x K and V x 2 heads x 16 x 2 B = 256 B a token
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
MHA: dict[str, Any] = {
    "name": "M",
    "heads": 8,
    "head_dim": 64,
    "dtype": "bf16",
    "layers": 2,
    "attention": {"kind": "mha"},
}
SECRET = "not-a-real-secret-abcdefghijklmnopqrst"
LOUD = "ev\x1b]0;PWNED\x07\x1b[31mil"
ANSWERED, REFUSED, EITHER = (0,), (2,), (0, 2)


class Row(NamedTuple):
    """An input, the command that reads it, and what has to come of it.

    says    words that have to be there, on either stream
    stored  the bytes of an answer in JSON, if one may come
    holds   further keys of that answer
    """

    name: str
    files: Mapping[str, Content]
    command: str
    codes: tuple[int, ...]
    says: tuple[str, ...] = ()
    stored: int | None = None
    holds: Mapping[str, Any] = {}
    stdin: bytes = b""


def config(**fields: Any) -> dict[str, Content]:
    return {"c.json": json.dumps(fields).encode()}


def yaml(**fields: Any) -> dict[str, Content]:
    return {"m.yaml": json.dumps(fields).encode()}


def claims(model: str) -> bytes:
    source = {"from": "x", "read": "2026-01-01", "primary": True}
    claim = {"id": "a", "quote": "q", "source": source, "model": model}
    return json.dumps({"claims": [{**claim, "expect": {"mha/native": "1x"}}]}).encode()


def folder(index: Content) -> dict[str, Content]:
    return {"d/config.json": json.dumps(LLAMA).encode(), "d/model.safetensors.index.json": index}


def named(*weights: str) -> bytes:
    return json.dumps({"weight_map": {str(n): name for n, name in enumerate(weights)}}).encode()


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def gguf(*pairs: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs)


def word(key: str, value: str) -> bytes:
    return text(key.encode()) + struct.pack("<I", 8) + text(value.encode())


def loops(layers: int, count: int) -> bytes:
    """A header of an architecture whose layers are gone through several times."""
    numbers = {
        "block_count": layers,
        "context_length": 4_096,
        "embedding_length": 512,
        "attention.head_count": 8,
        "attention.head_count_kv": 2,
        "num_loops": count,
    }
    keys = (text(f"nanbeige.{k}".encode()) + struct.pack("<II", 4, n) for k, n in numbers.items())
    return gguf(word("general.architecture", "nanbeige"), *keys)


def entries(count: int, **each: Any) -> dict[str, Any]:
    """A model with an entry for each layer, whose windows or latents differ."""
    key, rest = each.pop("key"), each
    attention = {f"e{n}": {**rest, key: n + 1} for n in range(count)}
    return {**MHA, "layers": {"count": count, "list": list(attention)}, "attention": attention}


def primes(low: int, high: int) -> list[int]:
    sieve = bytearray([1]) * high
    for n in range(2, int(high**0.5) + 1):
        sieve[n * n :: n] = bytes(len(sieve[n * n :: n]))
    return [n for n in range(low, high) if sieve[n]]


def strides() -> list[dict[str, Any]]:
    """Tensors with an entry every p tokens: the common denominator has over 4,300 digits."""
    every = primes(900_000, 1_000_000)[:800]
    return [{"name": f"t{p}", "role": "latent", "width": 1, "every": p} for p in every]


def nested(depth: int) -> bytes:
    return b'{"model_type": "llama", "num_hidden_layers": ' + b"[" * depth + b"]" * depth + b"}"


def two_lists(kinds: int) -> dict[str, Any]:
    """10,000 layers of 1, 2, .. KV heads, so many kinds of them in turn."""
    heads = [n % kinds + 1 for n in range(10_000)]
    return {
        "model_type": "openelm",
        "num_transformer_layers": 10_000,
        "model_dim": 64,
        "head_dim": 2,
        "num_kv_heads": heads,
        "num_query_heads": [4 * n for n in heads],
    }


ZAMBA2 = {
    "model_type": "zamba2",
    "num_hidden_layers": 10_000,
    "hybrid_layer_ids": list(range(10_000)) * 30,
}
STATES = {"kind": "custom", "tensors": [
    {"name": "a", "role": "latent", "width": 64, "macs": 10},
    {"name": "c", "role": "carry", "width": 64, "fixed": 1, "macs": 1_000},
]}  # fmt: skip

# 2 layers x 2 x 2 x 16 x 2 B x 1,000 tokens
SMALL = 256_000
UNKNOWN_WEIGHTS: dict[str, Any] = dict(stored=256_000, holds={"weight_bytes": None})
SHOW = "show c.json -c 1000 --json"
SHOW_YAML = "show m.yaml"
SHOW_FOLDER = "show d -c 1000 --json"

ROWS = (
    # what is no model is not quoted, wherever it lies
    Row(
        "a claim names a token below its folder",
        {"claims.yaml": claims("home/token"), "home/token": f"{SECRET}\n".encode()},
        "check claims.yaml", REFUSED, ("home/token",),
    ),
    Row(
        "a claim names a token outside",
        {"c/claims.yaml": claims("../../token"), "../token": f"{SECRET}\n".encode()},
        "check c/claims.yaml", REFUSED, ("../../token", "--allow-outside"),
    ),
    Row(
        "a claim names a file of settings outside",
        {"c/claims.yaml": claims("../../env.yaml"), "../env.yaml": f"k: {SECRET}\n".encode()},
        "check c/claims.yaml", REFUSED, ("--allow-outside",),
    ),
    Row(
        "a claim names a model outside",
        {"c/claims.yaml": claims("../../m.yaml"), "../m.yaml": yaml(**MHA)["m.yaml"]},
        "check c/claims.yaml", REFUSED, ("--allow-outside",),
    ),
    Row(
        "and may where that is allowed",
        {"c/claims.yaml": claims("../../m.yaml"), "../m.yaml": yaml(**MHA)["m.yaml"]},
        "check c/claims.yaml --allow-outside", ANSWERED, ("confirmed",),
    ),
    # weights are regular files below the folder
    Row("an index names a device", folder(named("/dev/zero")), SHOW_FOLDER, EITHER,
        **UNKNOWN_WEIGHTS),
    Row("an index names the folder above", folder(named("../..")), SHOW_FOLDER, EITHER,
        **UNKNOWN_WEIGHTS),
    Row("an index names a file above",
        {**folder(named("../w.safetensors")), "w.safetensors": b"x" * 500}, SHOW_FOLDER, EITHER,
        **UNKNOWN_WEIGHTS),
    Row("an index is a link to a device", folder(Link("/dev/zero")), SHOW_FOLDER, EITHER,
        **UNKNOWN_WEIGHTS),
    Row("an index is a pipe", folder(Fifo()), SHOW_FOLDER, EITHER, **UNKNOWN_WEIGHTS),
    # a family's own repetition
    Row("hrm_text, 10^8 cycles", config(model_type="hrm_text", H_cycles=10**8), SHOW, REFUSED,
        ("10,000",)),
    Row("hrm_text, 20,000 cycles", config(model_type="hrm_text", H_cycles=20_000), SHOW, REFUSED,
        ("10,000",)),
    Row("inkling2, 10^8 passes",
        config(model_type="inkling2_loop_text", loop_num_passes=10**8), SHOW, REFUSED),
    Row("dory, 10^21 loops", config(model_type="dory", n_recurrent_loops=10**21), SHOW, REFUSED,
        ("n_recurrent_loops",)),
    Row("dory, 2^70 loops", config(model_type="dory", n_recurrent_loops=2**70), SHOW, REFUSED,
        ("n_recurrent_loops",)),
    Row("nanbeige, 1,000 layers 1,000 times", {"m.gguf": loops(1_000, 1_000)}, "show m.gguf",
        REFUSED, ("10,000",)),
    Row("nanbeige, 2,000 layers 10,000 times", {"m.gguf": loops(2_000, 10_000)}, "show m.gguf",
        REFUSED, ("10,000",)),
    # numbers of other types
    # half of 6 layers, with two attentions each: 6 x (512 + 64) x 2 B x 1,000 tokens
    Row("longcat, 6.0 layers",
        config(model_type="longcat_flash", num_hidden_layers=6.0, hidden_size=512,
               num_attention_heads=8), SHOW, ANSWERED, stored=6_912_000),
    Row("layers as 2 and as 2.0", config(**LLAMA, n_layer=2.0), SHOW, ANSWERED, stored=SMALL),
    Row("mamba, expand NaN", config(model_type="mamba", expand=float("nan")), SHOW, REFUSED,
        ("expand",)),
    Row("mamba, expand Infinity", config(model_type="mamba", expand=float("inf")), SHOW, REFUSED,
        ("expand",)),
    Row("mamba, expand 1e308", config(model_type="mamba", expand=1e308, hidden_size=4_096), SHOW,
        REFUSED, ("expand",)),
    Row("xlstm, qk_dim_factor NaN", config(model_type="xlstm", qk_dim_factor=float("nan")), SHOW,
        REFUSED, ("qk_dim_factor",)),
    Row("deepseek_v4, partial_rotary_factor NaN",
        config(model_type="deepseek_v4", compress_ratios=[0, 4, 128], num_hidden_layers=3,
               partial_rotary_factor=float("nan")), SHOW, REFUSED, ("partial_rotary_factor",)),
    Row("granitemoehybrid, mamba_expand Infinity",
        config(model_type="granitemoehybrid", mamba_expand=float("inf")), SHOW, REFUSED,
        ("mamba_expand",)),
    Row("mimo_v2_flash, a mapping among its layers",
        config(model_type="mimo_v2_flash", num_hidden_layers=2, hybrid_layer_pattern=[{}, []]),
        SHOW, REFUSED, ("hybrid_layer_pattern",)),
    Row("layer_types is a mapping", config(**LLAMA, layer_types={"0": "full_attention"}), SHOW,
        REFUSED, ("layer_types",)),
    Row("a layer's number has 5,000 digits",
        config(**LLAMA, per_layer_config={"9" * 5_000: {"num_key_value_heads": 1}}), SHOW, REFUSED,
        ("per_layer_config",)),
    # the text of JSON
    Row("a key twice, beside half an emoji each",
        {"c.json": b'{"model_type": "llama", "num_hidden_layers": 32, "num_hidden_layers": 16, '
                   b'"hidden_size": 64, "num_attention_heads": 4, "pad_token": "\\ud83d\\ude00"}'},
        SHOW, REFUSED, ("num_hidden_layers", "twice")),
    Row("an emoji on standard input", {}, "show - -c 1000 --json", ANSWERED, stored=SMALL,
        stdin=json.dumps({**LLAMA, "pad_token": "\U0001f600"}).encode()),
    Row("an emoji in a file", config(**LLAMA, pad_token="\U0001f600"), SHOW, ANSWERED,
        stored=SMALL),
    Row("lists 970 levels deep", {"c.json": nested(970)}, SHOW, REFUSED, ("nested",)),
    Row("lists 968 levels deep", {"c.json": nested(968)}, SHOW, REFUSED, ("nested",)),
    Row("lists 99 levels deep", {"c.json": nested(98)}, SHOW, REFUSED, ("num_hidden_layers",)),
    # as much as anybody cares to write
    Row("10,000 unknown fields", config(**LLAMA, **{f"kv_u{n}": 1 for n in range(10_000)}), SHOW,
        REFUSED, ("kv_u0", "10,000")),
    Row("30,000 unknown fields", config(**LLAMA, **{f"kv_u{n}": 1 for n in range(30_000)}), SHOW,
        REFUSED, ("kv_u0", "30,000")),
    Row("20,000 expectations", yaml(**MHA, expect={f"a{n}/b{n}": "2x" for n in range(20_000)}),
        SHOW_YAML, REFUSED, ("0,000",)),
    Row("20,000 keys", yaml(**MHA, **{f"k{n}": 1 for n in range(20_000)}), SHOW_YAML, REFUSED,
        ("20,00",)),
    Row("8,000 entries of no kind",
        yaml(**{**MHA, "attention": {f"e{n}": {"kind": "gqq"} for n in range(8_000)}}), SHOW_YAML,
        REFUSED, ("8,00",)),
    # 5,000 layers x 2 x 8 x 64 x 2 B x 1 token
    Row("5,000 entries", yaml(**entries(5_000, key="window", kind="gqa", kv_heads=8)),
        f"{SHOW_YAML} -c 1 --json", EITHER, stored=10_240_000),
    # 1,000 layers x 2 x 8 x 64 x 2 B x 1 token
    Row("1,000 entries", yaml(**entries(1_000, key="window", kind="gqa", kv_heads=8)),
        f"{SHOW_YAML} -c 1 --json", ANSWERED, stored=2_048_000),
    # at 131,072: windows of 1 to 1,000 tokens, together 500,500 x 2,048 B;
    # latents of 1 to 1,000 and 4 of RoPE, together (500,500 + 4,000) x 2 B x 131,072
    Row("the difference of 1,000 entries and 1,000",
        {**yaml(**entries(1_000, key="window", kind="gqa", kv_heads=8)),
         "n.yaml": json.dumps(entries(1_000, key="latent_dim", kind="mla", rope_dim=4)).encode()},
        "import m.yaml --diff n.yaml", (1,), ("1,025,024,000 B and 132,251,648,000 B",)),
    # K and V x 2 x 2 B x 10 x (1 + .. + 1,000) heads
    Row("10,000 layers with two lists", config(**two_lists(1_000)), "show c.json -c 1 --json",
        ANSWERED, stored=40_040_000),
    Row("10,000 layers with two lists, none alike", config(**two_lists(10_000)), "show c.json",
        REFUSED, ("10,000 caches that differ",)),
    # a layer: K and V x 32 x 160 x 2 B, a state of 8 x 640 x 64 x 4 B, and of a convolution over
    # 5,120 + 2 x 64 channels three columns in 2 B
    Row("zamba2, 300,000 ids", config(**ZAMBA2), "show c.json -c 1 --json", EITHER,
        stored=10_000 * (20_480 + 1_310_720 + 31_488)),
    # no entry within 1,000 tokens
    Row("a growth of over 4,300 digits",
        yaml(name="P", layers=1, dtype="bf16", attention={"kind": "custom", "tensors": strides()}),
        f"{SHOW_YAML} -c 1000 --json", EITHER, stored=0),
    Row("the same in a table",
        yaml(name="P", layers=1, dtype="bf16", attention={"kind": "custom", "tensors": strides()}),
        "compare m.yaml -c 1000", EITHER),
    # lengths that lie, in files that are large and empty
    Row("a text of 2 GB",
        {"m.gguf": Sparse(
            gguf(word("general.architecture", "llama"),
                 text(b"general.name") + struct.pack("<IQ", 8, 2_000_000_000)), 2_100_000_000)},
        "show m.gguf", REFUSED),
    Row("50 million empty texts",
        {"m.gguf": Sparse(
            gguf(word("general.architecture", "llama"),
                 text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 50_000_000)),
            401_000_000)},
        "show m.gguf", REFUSED),
    # the lines of a sum add up: 1,000 tokens x 10 multiply-adds x 2; nothing is counted of what
    # is carried on, neither its bytes nor its work
    Row("what is carried on computes nothing",
        yaml(name="C", layers=1, dtype="bf16", attention=STATES),
        f"{SHOW_YAML} -c 1000 --metric flops --explain", ANSWERED,
        ("= 20,000 FLOPs", "flops = 20,000\n")),
    # what acts on a terminal
    Row("a field's name acts on a terminal", config(**LLAMA, **{f"kv_{LOUD}": 5}), SHOW, REFUSED,
        (r"kv_ev\x1b]0;PWNED\x07\x1b[31mil",)),
    Row("a model's name acts on a terminal", yaml(**{**MHA, "name": LOUD}), SHOW_YAML, ANSWERED,
        (r"ev\x1b]0;PWNED\x07\x1b[31mil",)),
)  # fmt: skip

BOUNDED = (
    *("device", "pipe", "cycles", "passes", "loops", "times", "ids", "layers with two lists"),
    *("2 GB", "50 million", "entries", "expectations", "20,000 keys", "unknown fields", "digits"),
)
"""Words of the names of rows that would hang, or eat memory, if they went wrong."""


def limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))


def bounded(*args: str, cwd: Path, stdin: bytes) -> Ran:
    """Run the program with no more than some memory and time."""
    done = subprocess.run(
        [*PROGRAM, *args],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=environment(),
        timeout=TIMEOUT,
        check=False,
        preexec_fn=limits,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_strangers_file_does_no_harm(
    row: Row, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    Attempt(files=row.files).write_into(here)
    args = row.command.split()
    if any(word in row.name for word in BOUNDED):
        ran = bounded(*args, cwd=here, stdin=row.stdin)
    else:
        monkeypatch.chdir(here)
        ran = cli(*args, stdin=row.stdin.decode())
    told = ran.out + ran.err
    assert ran.code in row.codes, told[-2_000:]
    for words in row.says:
        assert words in told
    for words in (SECRET, "Traceback", "did not foresee", "\x1b", "\x07"):
        assert words not in told
    if ran.code == 0 and row.stored is not None:
        answer = json.loads(ran.out)
        assert answer["stored_bytes"] == row.stored
        assert {key: answer[key] for key in row.holds} == row.holds


@pytest.mark.parametrize(
    ("content", "code"),
    [(config(**LLAMA, **{f"kv_{LOUD}": 5}), 2), (yaml(**{**MHA, "name": LOUD}), 0)],
)
def test_names_do_nothing_on_a_terminal(
    content: Mapping[str, Content], code: int, terminal: Terminal, tmp_path: Path
) -> None:
    Attempt(files=content).write_into(tmp_path)
    (path,) = tmp_path.iterdir()
    ran = terminal("show", str(path), on=("stdout", "stderr"))
    assert ran.code == code
    assert r"ev\x1b]0;PWNED\x07\x1b[31mil" in ran.out
    assert "\x07" not in ran.out
    assert "\x1b]" not in ran.out
    assert "\x1b[31m" not in ran.out

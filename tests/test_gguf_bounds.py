"""GGUF headers that claim what no model has: refused in a line, whatever room the file has for it.

Limits and what real files have stand in kvcalc/importers/gguf/limits.py. Bytes are by hand.
"""

from __future__ import annotations

import io
import os
import pathlib
import struct
from typing import TYPE_CHECKING, Any

import pytest

from kvcalc.errors import InputError
from kvcalc.importers.gguf.limits import Allowance, Unreadable
from kvcalc.importers.gguf.walk import Walk
from tests.headers import (
    INDEX,
    PATTERN,
    WINDOW,
    heads,
    latent,
    model_of,
    problems_of,
    read,
    refused,
    ssm,
)
from tests.test_gguf import ARCHITECTURE, ARRAY, STRING, UINT32, header, pair, text

if TYPE_CHECKING:
    from tests.headers import Keys

UINT8, BOOL, FLOAT64, UINT64 = 0, 7, 12, 10
LLAMA: Keys = heads(2, 1024, 8, 2, 128)
"""2 layers x 2 KV heads x (128 + 128) x 2 = 2,048 a token."""

RAW = [
    pair(f"llama.{key}".encode(), UINT32, struct.pack("<I", value)) for key, value in LLAMA.items()
]


def array(kind: int, count: int, items: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + items


def tensor(*shape: int, kind: int = 0, name: bytes = b"w") -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0)


def one_tensor(*shape: int, kind: int = 0) -> bytes:
    body = header(ARCHITECTURE, *RAW, tensor(*shape, kind=kind), tensors=1)
    return body[:16] + struct.pack("<Q", 1 + len(RAW)) + body[24:]


LONG = b"x" * 1_000_000
CLAIMS: list[tuple[str, bytes, int, str]] = [
    ("2 GB of a name", header(pair(b"general.name", STRING, struct.pack("<Q", 2**31))),
     2**31 + 1000, "the GGUF header claims more than 100,000,000 bytes"),
    ("2 GB of a template",
     header(pair(b"tokenizer.chat_template", STRING, struct.pack("<Q", 2**31))), 2**31 + 1000,
     "the GGUF header claims more than 100,000,000 bytes"),
    ("50 million empty tokens",
     header(ARCHITECTURE, pair(b"tokenizer.tokens", ARRAY, array(STRING, 50_000_000))),
     401_000_000, "the GGUF header claims more than 100,000,000 bytes"),
    ("1.5 million tokens and one", header(pair(b"tokenizer.t", ARRAY, array(STRING, 1_500_001))),
     17_000_000, "the GGUF header claims more than 1,500,000 texts in arrays"),
    ("one text too long", header(pair(b"general.name", STRING, struct.pack("<Q", 1_000_001))),
     2_000_000, "the value of 'general.name' claims 1,000,001 bytes, more than 1,000,000"),
    ("one token too long",
     header(pair(b"tokenizer.t", ARRAY, array(STRING, 1, struct.pack("<Q", 1_000_001)))),
     2_000_000, "a token claims 1,000,001 bytes, more than 1,000,000"),
    ("a key too long", header(struct.pack("<Q", 65_536), pairs_claimed=1), 2_000_000,
     "a key claims 65,536 bytes, more than 65,535"),
    ("100 million tokens' scores", header(pair(b"tokenizer.s", ARRAY, array(UINT32, 10**8))), 10**9,
     "the GGUF header claims more than 100,000,000 bytes"),
    ("too many texts in all",
     header(*(pair(f"general.{n}".encode(), STRING, text(LONG)) for n in range(10))), 0,
     "the GGUF header claims more than 10,000,000 bytes of keys, names and texts"),
    ("too many items in all",
     header(*(pair(f"a{n}".encode(), ARRAY, array(UINT8, 10_000, bytes(10_000)))
              for n in range(101))), 0,
     "the GGUF header claims more than 100,000 items in arrays"),
    ("neither true nor false", header(pair(b"a", BOOL, b"\x02")), 0,
     "the value of 'a' is neither true nor false"),
    ("neither in an array", header(pair(b"a", ARRAY, array(BOOL, 2, b"\x01\x02"))), 0,
     "the value of 'a' is neither true nor false"),
    ("a key that is no text", header(pair(b"a\xff", BOOL, b"\x01")), 0, "is no UTF-8"),
    ("a long key twice", header(*[pair(b"k" * 100, BOOL, b"\x01")] * 2), 0,
     f"the key '{'k' * 57}...' stands in it twice"),
    *((f"alignment {value!r}", header(pair(b"general.alignment", kind, value)), 0,
       f"general.alignment is {said}, which is no power of two")
      for kind, value, said in (
        (UINT32, struct.pack("<I", 0), "0"), (UINT32, struct.pack("<I", 48), "48"),
        (BOOL, b"\x01", "True"), (STRING, text(b"32"), "32"))),
    ("a dimension of 2**63", one_tensor(2**63), 0, "claims 9,223,372,036,854,775,808 elements"),
    ("2**64 elements", one_tensor(2**32, 2**32), 0, "claims 18,446,744,073,709,551,616 elements"),
    ("weights of 2**64 bytes", one_tensor(2**62), 0,
     "the GGUF header claims more than 10,000,000,000,000,000 bytes of weights"),
    ("an empty tensor of 2**64 - 1", one_tensor(2**64 - 1, 0), 0, "the tensor 'w' claims"),
    ("a tensor twice", header(tensor(8), tensor(8), tensors=2, pairs_claimed=0), 0,
     "the tensor 'w' stands in it twice"),
    # Q4_0 has blocks of 32
    ("half a block", one_tensor(48, 2, kind=2), 0,
     "'w' has rows of 48 elements, which blocks of 32 do not divide"),
]  # fmt: skip
"""What a header claims, how large the file is, and what is wrong."""


@pytest.mark.parametrize(
    ("content", "size", "message"), [c[1:] for c in CLAIMS], ids=[c[0] for c in CLAIMS]
)
def test_a_claim_that_no_model_makes(
    tmp_path: pathlib.Path, content: bytes, size: int, message: str
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    if size:
        os.truncate(path, size)  # sparse: it takes no room
    with pytest.raises(InputError) as caught:
        read(path)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert len(problem.message) < 200
    assert problem.hint


def test_what_real_files_have_is_read(tmp_path: pathlib.Path) -> None:
    """A tokenizer.json of 2 MB as a value, a key of 65,535 bytes, an array of 10,001 items."""
    path = tmp_path / "model.gguf"
    vocabulary = pair(b"tokenizer.huggingface.json", STRING, text(LONG + LONG))
    odd = pair(b"x" * 65_535, ARRAY, array(UINT8, 10_001, bytes(10_001)))
    path.write_bytes(header(ARCHITECTURE, vocabulary, odd, *RAW))
    assert read(path).stored(1000) == 2_048_000


@pytest.mark.parametrize(
    ("shape", "kind", "stored"),
    [
        ((32, 4), 0, 512),  # 32 x 4 x 4
        ((), 0, 4),  # a single number
        ((32, 4), 2, 72),  # 4 blocks of 18
        ((32, 0), 0, None),
    ],
)
def test_the_bytes_of_a_tensor(
    tmp_path: pathlib.Path, shape: tuple[int, ...], kind: int, stored: int | None
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(one_tensor(*shape, kind=kind) + bytes(1000))
    assert read(path).weight_bytes == stored


def test_a_file_that_becomes_shorter_while_it_is_read() -> None:
    for step, count in ((Walk.take, 8), (Walk.skip_texts, 1)):
        with pytest.raises(Unreadable, match="ends in the middle"):
            step(Walk(io.BytesIO(b"12"), 100, Allowance()), count)


def test_only_a_file_is_read(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    for path in (tmp_path, tmp_path / "pipe.gguf", pathlib.Path("/dev/zero")):
        with pytest.raises(InputError, match="not a file that can be read"):
            read(path)


MAMBA: Keys = {**heads(4, 768, 0), **ssm(1536, 16, 48)}
LOOPED = {**heads(1000, 1024, 8, 2, 128), "num_loops": 1000}
DELTA: Keys = {**heads(4, 2048, 16, 2, 256), **ssm(4096, 128, 32, 16)}

TOO_MANY: list[tuple[str, str, Keys, str]] = [
    ("loops of layers", "nanbeige", LOOPED,
     "nanbeige.num_loops is 1,000, which makes 1,000,000 of nanbeige.block_count 1,000: more than"),
    ("no loop", "nanbeige", {**LLAMA, "num_loops": 0}, "nanbeige.num_loops is 0"),
    ("a router more", "graniteswitch", heads(10_000, 1024, 8, 2, 128),
     "graniteswitch.block_count makes 10,001 layers, more than 10,000"),
    ("layers of a decoder", "t5", {**LLAMA, "decoder_block_count": 10_001},
     "t5.decoder_block_count is 10,001, more than 10,000"),
    ("a decoder without layers", "t5", {**LLAMA, "decoder_block_count": 0},
     "t5.decoder_block_count is 0"),
    ("prediction in loops", "nanbeige", {**LLAMA, "num_loops": 2, "nextn_predict_layers": 1},
     "nanbeige.nextn_predict_layers counts layers of prediction among others"),
    ("prediction in a decoder", "t5",
     {**heads(10, 512, 8), "decoder_block_count": 3, "nextn_predict_layers": 5},
     "t5.nextn_predict_layers counts layers of prediction among others"),
    ("no interval", "qwen3next", {**DELTA, "full_attention_interval": 0},
     "qwen3next.full_attention_interval is 0"),
    ("all the layers there could be", "llama", {**LLAMA, "block_count": 2**32 - 1},
     "llama.block_count is 4,294,967,295, more than 10,000"),
    ("all layers of prediction", "llama", {**LLAMA, "nextn_predict_layers": 2**32 - 1},
     "llama.nextn_predict_layers leaves none of 2 layers"),
    ("more shared than there are", "gemma3n",
     {**LLAMA, WINDOW: 8, "attention.shared_kv_layers": 2**32 - 1}, "none would keep a cache"),
    ("a pattern for more layers", "mimo2",
     {**LLAMA, WINDOW: 8, PATTERN: [True, False, True]}, "has 3 items for 2 layers"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arch", "keys", "message"), [t[1:] for t in TOO_MANY], ids=[t[0] for t in TOO_MANY]
)
def test_layers_that_cannot_be(tmp_path: pathlib.Path, arch: str, keys: Keys, message: str) -> None:
    problems = problems_of(tmp_path, arch, keys)
    assert any(message in problem.message for problem in problems)


def test_loops_as_many_as_there_may_be(tmp_path: pathlib.Path) -> None:
    """10,000 x 2 x (128 + 128) x 2."""
    model = model_of(tmp_path, "nanbeige", {**LOOPED, "num_loops": 10})
    assert len(model.layers) == 10_000
    assert model.stored(1) == 10_240_000


KIMI: Keys = {**latent(2, 32, 512, 64, 192, 128), "ssm.conv_kernel": 4, "kda.head_dim": 128}
KV, TYPES = "attention.head_count_kv", "attention.indexer.types"

VALUES: list[tuple[str, str, Keys, str]] = [
    ("a text for a pattern", "llama", {**LLAMA, WINDOW: 8, PATTERN: "full"},
     "sliding_window_pattern holds 'full'; it must be true or false, or a whole number from 0"),
    ("texts", "llama", {**LLAMA, KV: ["a", "b"]}, "head_count_kv is 'a'"),
    ("not a number", "llama", {**LLAMA, "attention.head_count": float("nan")}, "head_count is nan"),
    ("endless", "llama", {**LLAMA, "context_length": float("inf")}, "context_length is inf"),
    ("no width", "llama", {**LLAMA, "attention.key_length": 0}, "attention.key_length is 0"),
    ("no width of values", "llama", {**LLAMA, "attention.value_length": False},
     "attention.value_length is False"),
    ("too wide", "llama", {**LLAMA, "attention.key_length": 1_000_001},
     "attention.key_length holds 1000001; it must be a whole number from 0 to 1,000,000"),
    ("no array of layers", "llama", {**LLAMA, "embedding_length": [1024]},
     "embedding_length has 1 items for 2 layers"),
    ("a vocabulary of heads", "llama", {**LLAMA, KV: [2] * 10_001},
     "attention.head_count_kv is <10,001 items>"),
    # a latent has no KV heads; the key tells where there is one
    ("half a KV head", "kimi-linear", {**KIMI, KV: [0.5, 0.0]}, "head_count_kv holds 0.5"),
    ("KV heads below none", "kimi-linear", {**KIMI, KV: [-1, 0]}, "head_count_kv holds -1"),
    ("KV heads by a text", "kimi-linear", {**KIMI, KV: "all"}, "head_count_kv holds 'all'"),
    ("flags for KV heads", "kimi-linear", {**KIMI, KV: [True, False]}, "head_count_kv holds True"),
    ("widths by a text", "nemotron_h",
     {**heads(2, 4096, 32, [8, 0], 128), **ssm(8192, 128, 128, 8), "feed_forward_length": "x"},
     "feed_forward_length holds 'x'"),
    ("indexers by a text", "glm-dsa", {**latent(1, 64, 512, 64, 256, 256), **INDEX, TYPES: "full"},
     "attention.indexer.types holds 'full'"),
    ("shifts", "rwkv7", {**heads(1, 1024, 0), "wkv.head_size": 64, "token_shift_count": 10**7},
     "token_shift_count holds 10000000"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arch", "keys", "message"), [v[1:] for v in VALUES], ids=[v[0] for v in VALUES]
)
def test_a_value_that_cannot_be(
    tmp_path: pathlib.Path, arch: str, keys: Keys, message: str
) -> None:
    problems = problems_of(tmp_path, arch, keys)
    assert any(message in problem.message for problem in problems)


@pytest.mark.parametrize("value", [2.0, [2, 2], [2.0, 2.0]])
def test_a_whole_number_however_it_is_written(tmp_path: pathlib.Path, value: Any) -> None:
    assert model_of(tmp_path, "llama", {**LLAMA, KV: value}).stored(1000) == 2_048_000


RAW_VALUES: list[tuple[str, bytes, int, bytes, str]] = [
    ("64 bits", KV.encode(), UINT64, struct.pack("<Q", 2**63), "9223372036854775808; it must be"),
    ("far below", KV.encode(), FLOAT64, struct.pack("<d", -1e308), "is -1"),
    ("an empty text", b"attention.key_length", STRING, text(b""), "attention.key_length is ''"),
    ("an empty text for a window", WINDOW.encode(), STRING, text(b""), f"{WINDOW} holds ''"),
    ("an empty array", b"embedding_length", ARRAY, array(UINT32, 0), "length has 0 items"),
]  # fmt: skip
"""Values that the gguf package does not write."""


@pytest.mark.parametrize(
    ("key", "kind", "value", "message"), [v[1:] for v in RAW_VALUES], ids=[v[0] for v in RAW_VALUES]
)
def test_a_value_that_nobody_writes(
    tmp_path: pathlib.Path, key: bytes, kind: int, value: bytes, message: str
) -> None:
    path, full = tmp_path / "model.gguf", b"llama." + key
    others = (own for own in RAW if text(full) not in own)
    path.write_bytes(header(ARCHITECTURE, *others, pair(full, kind, value)))
    found = [problem.message for problem in refused(path) if key.decode() in problem.message]
    assert any(message in text for text in found)


NAMES = ["x" * 65, "two words", "\x1b[31m", "", "a\u202eb"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_architecture_has(tmp_path: pathlib.Path, name: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(header(pair(b"general.architecture", STRING, text(name.encode())), *RAW))
    (problem,) = refused(path)
    assert "it must be a name such as llama" in problem.message
    assert len(problem.message) < 120
    assert all(line.isprintable() for line in str(problem).splitlines())


def test_a_long_type_is_cut(tmp_path: pathlib.Path) -> None:
    (problem,) = problems_of(tmp_path, "llama", LLAMA, general={"general.type": "x" * 1000})
    assert len(problem.message) < 150


def test_a_long_name_is_cut(tmp_path: pathlib.Path) -> None:
    model = model_of(tmp_path, "llama", LLAMA, general={"general.name": "x" * 1000})
    assert model.name == "x" * 197 + "..."


def test_of_many_keys_the_first_are_told(tmp_path: pathlib.Path) -> None:
    keys = {**LLAMA, **{f"flavour{n}": 1 for n in range(60)}, f"flavour{'x' * 80}": 1}
    model = model_of(tmp_path, "llama", keys)
    (note,) = (note for note in model.notes if "passed over" in note)
    assert "llama.flavour49, and 11 more" in note
    (problem,) = problems_of(tmp_path, "llama", {**LLAMA, f"kv_{'x' * 1000}": 1})
    assert len(problem.message) < 300


def test_layers_alike_are_read_once_and_others_by_themselves(tmp_path: pathlib.Path) -> None:
    """5,000 x (2 + 4) x (128 + 128) x 2."""
    keys = {**LLAMA, "block_count": 10_000, KV: [2, 4] * 5_000}
    assert model_of(tmp_path, "llama", keys).stored(1) == 15_360_000

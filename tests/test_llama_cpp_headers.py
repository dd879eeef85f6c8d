"""GGUF headers that are rare, or odd, as llama.cpp b11434 allocates for them: bytes by hand.

The library itself was asked for each of them. Types are f16, 2 B, and states f32, 4 B.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import kvcalc
from kvcalc.errors import InputError, UsageError
from tests.headers import BASE, INDEX, PATTERN, WINDOW, heads, latent, ssm, write

if TYPE_CHECKING:
    import pathlib

    from kvcalc.model import Model
    from kvcalc.question import Setting
    from tests.headers import Keys

MTP = "nextn_predict_layers"
RECURRENT = "attention.recurrent_layers"
NARROW: Keys = {"attention.key_length_swa": 32, "attention.value_length_swa": 32}
GDN = ssm(256, 16, 4, 2)
"""A convolution of 3 x (256 + 2 x 2 x 16) and a state of 16 x 256: 20,224 B."""


class Row(NamedTuple):
    """What is allocated for a header; `log` is what the last line says of layers and of slots."""

    what: str
    arch: str
    keys: Keys
    context: int
    settings: dict[str, Setting]
    reserved: int
    log: str
    mtp: bool = False


# a layer of 2 heads of 64, 256 cells: 256 x 2 x 128 x 2 = 131,072
ROWS = (
    # two lines of the MTP context, one of them of no layer:
    # 1,024 cells, and as many of the window, 512 + 512: 524,288 each, and 524,288 of MTP
    Row("MTP beside windows", "mimo2",
        {**heads(3, 256, 4, 2, 64), WINDOW: 512, PATTERN: [1, 0, 0], MTP: 1}, 1024, {},
        1_572_864, "(  1024 cells,   0 layers,  1/1 seqs)", mtp=True),
    # attention of MTP layers too, and no states of theirs: 3 x 131,072
    # and 2 x (3 x (512 + 2 x 16) + 16 x 512) x 4 = 78,592
    Row("states of MTP layers", "falcon-h1",
        {**heads(3, 256, 4, 2, 64), **ssm(512, 16, 4, 1), MTP: 1}, 256, {},
        471_808, "(     1 cells,   2 layers,  1 seqs  0 rs_seq)"),
    # the cells of as many layers as the encoder has: 5 x 256 x 8 x (64 + 64) x 2
    Row("a short decoder", "t5", {**heads(5, 512, 8, 8, 64), "decoder_block_count": 3}, 256, {},
        2_621_440, "(   256 cells,   5 layers,  1/1 seqs)"),
    # 2 x 131,072, and nothing to roll back
    Row("no state", "qwen35", {**heads(2, 256, 4, 2, 64), **GDN, "full_attention_interval": 1},
        256, {"n_rs_seq": 2}, 262_144, "(     1 cells,   2 layers,  1 seqs  0 rs_seq)"),
    # the widths of windows are not applied either: 2 x 131,072
    Row("widths of unused windows", "phi3", {**heads(2, 256, 4, 2), WINDOW: 512, **NARROW},
        256, {}, 262_144, "(   256 cells,   2 layers,  1/1 seqs)"),
    # 131,072, and 3 x 256 x 2 x 64 x 2 = 196,608
    Row("widths of chunks", "llama4", {**heads(4, 256, 4, 2), **NARROW},
        256, {}, 327_680, "(   256 cells,   3 layers,  1/1 seqs)"),
    # an index beside the layer of MTP too, which no filter takes out: 3 x 131,072 for attention;
    # of 2 layers that are not dense a key of 32 and a value of 64: 2 x 256 x 96 x 2
    Row("an index of MTP layers", "minimax-m3",
        {**heads(3, 256, 4, 2, 64), "attention.indexer.head_count": 2,
         "attention.indexer.key_length": 32, "attention.indexer.top_k": 16,
         "attention.indexer.block_size": 4, "leading_dense_block_count": 1, MTP: 1}, 256, {},
        491_520, "(   256 cells,   2 layers,  1/1 seqs)"),
    # a layer of MTP attends, whatever the array says of it: 131,072 + 20,224, and 131,072
    Row("MTP said to be recurrent", "qwen35",
        {**heads(3, 256, 4, 2, 64), **GDN, RECURRENT: [True, False, True], MTP: 1}, 256, {},
        282_368, "(   256 cells,   1 layers,  1/1 seqs)", mtp=True),
)  # fmt: skip


def loaded(tmp_path: pathlib.Path, arch: str, keys: Keys) -> Model:
    return kvcalc.load(str(write(tmp_path / "model.gguf", arch, {**BASE, **keys})))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_headers(tmp_path: pathlib.Path, row: Row) -> None:
    model = loaded(tmp_path, row.arch, row.keys)
    answer = kvcalc.show(
        model, context=row.context, engine="llama.cpp", settings=row.settings, mtp=row.mtp
    )
    assert answer.reservation is not None
    assert answer.reservation.bytes == row.reserved
    assert answer.stored + sum(term.bytes for term in answer.reservation.terms) == row.reserved
    assert answer.reservation.report is not None
    assert row.log in answer.reservation.report.log[-1]


NO_ENGINE: tuple[tuple[str, Keys, str], ...] = (
    # llama-arch.cpp has its name, and llama-model.cpp no class for it
    ("gptj", {}, "has no architecture for model .gptj."),
    ("llama9", {}, "has no architecture for model .llama9."),
    ("clef", {**GDN, "full_attention_interval": 2}, "keeps no cache of clef"),
)


@pytest.mark.parametrize(("arch", "keys", "told"), NO_ENGINE)
def test_what_llama_cpp_keeps_no_cache_of(
    tmp_path: pathlib.Path, arch: str, keys: Keys, told: str
) -> None:
    model = loaded(tmp_path, arch, {**heads(2, 256, 4, 2), **keys})
    assert kvcalc.show(model, context=256).stored > 0
    with pytest.raises(UsageError, match=told):
        kvcalc.show(model, context=256, engine="llama.cpp")


DOTS3: dict[str, Any] = {
    **latent(2, 4, 512, 64, 192, 128), **INDEX, WINDOW: 512, PATTERN: [1, 0],
    "attention.kv_lora_rank_swa": 256, "attention.key_length_swa": 320,
    "attention.key_length_mla_swa": 192, "attention.value_length_mla_swa": 128,
}  # fmt: skip
V4: dict[str, Any] = {
    **heads(3, 512, 8, 1, 64), **INDEX, "rope.dimension_count": 32, WINDOW: 128, MTP: 1,
}  # fmt: skip

REFUSED: tuple[tuple[str, Keys, str], ...] = (
    # llama.cpp would keep an index of a layer that never reads one
    ("dots3note", {**DOTS3, "attention.indexer.types": [1, 1]}, "an indexer"),
    # and, in the model's own context, entries of a layer that compresses none
    ("deepseek4", {**V4, "attention.compress_ratios": [0, 4, 128]}, "layers of prediction"),
    # it asserts that some layer slides where the file states a window
    (
        "gemma3",
        {**heads(2, 256, 4, 2), WINDOW: 512, PATTERN: [0, 0]},
        "no layer that has the window",
    ),
    ("cohere2moe", {**heads(1, 256, 4, 2), WINDOW: 512}, "block_count leaves no layer"),
    # layers 2 and 3 read layer 1, and over a window layer 0
    (
        "gemma4",
        {
            **heads(4, 256, 4, 2),
            WINDOW: 512,
            PATTERN: [0, 1, 1, 0],
            "attention.shared_kv_layers": 2,
        },
        "has full_attention layers read layer 1",
    ),
    # only a width tells a layer of prediction from one that attends
    (
        "nemotron_h_moe",
        {
            **heads(3, 256, 4, [0, 2, 2], 64),
            **ssm(512, 16, 4, 1),
            MTP: 1,
            "feed_forward_length": [0, 0, 0],
        },
        "feed_forward_length is 0",
    ),
    # it has an index in every layer, and reads no list of them
    (
        "deepseek32",
        {**latent(2, 4, 512, 64, 192, 128), **INDEX, "attention.indexer.types": [1, 0]},
        "attention.indexer.types",
    ),
)


@pytest.mark.parametrize(("arch", "keys", "told"), REFUSED, ids=[row[0] for row in REFUSED])
def test_headers_that_llama_cpp_reads_otherwise(
    tmp_path: pathlib.Path, arch: str, keys: Keys, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        loaded(tmp_path, arch, keys)


def test_too_little_memory_is_none_that_fits_whatever_the_batch(tmp_path: pathlib.Path) -> None:
    """A slot of 256 cells takes 262,144 B; a ninth would want a batch of more than 8."""
    model = loaded(tmp_path, "llama", heads(2, 256, 4, 2))
    for memory, most in ((262_143, 0), (262_144, 1), (2**30, 8)):
        found = kvcalc.fit(
            model, memory=memory, context=256, engine="llama.cpp", settings={"n_batch": 8}
        )
        assert found.rows[0].largest_batch == most

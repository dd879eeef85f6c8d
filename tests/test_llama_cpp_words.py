"""What is said of llama.cpp and Ollama: names of settings, notes, terms, and what fits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import kvcalc
from kvcalc.engines import engine_of
from kvcalc.engines.llama_cpp import terms
from kvcalc.engines.llama_cpp.settings import OPTIONS, SETTINGS
from tests.headers import heads, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cli

LLAMA = "llama-3.1-8b"
LLAMA_CPP, OLLAMA = ("--engine", "llama.cpp"), ("--engine", "ollama")
CELL = 32 * 2 * 8 * 128 * 2
"""Llama 3.1 8B: layers x a key and a value of 8 heads x 128 in f16, B per cell."""


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("-np", "n_parallel=VALUE"),
        ("--parallel", "n_parallel=VALUE"),
        ("-fa", "flash_attn=VALUE"),
        ("--flash-attn", "flash_attn=VALUE"),
        ("--swa-full", "swa_full=true"),
        ("-ub", "n_ubatch=VALUE"),
        ("--ubatch-size", "n_ubatch=VALUE"),
        ("-kvu", "kv_unified=true"),
        ("--kv-unified", "kv_unified=true"),
        ("-no-kvu", "kv_unified=false"),
        ("--no-kv-unified", "kv_unified=false"),
        ("--spec-draft-type-k", "type_k_draft=VALUE"),
        ("--spec-draft-type-v", "type_v_draft=VALUE"),
        ("--num-batch", "n_batch=VALUE"),
    ],
)
def test_an_option_of_llama_cpp_is_a_setting(option: str, said: str, cli: Cli) -> None:
    for engine in ("llama.cpp", "ollama"):
        for args in ((option, "4"), (f"{option}=4",)):
            ran = cli("show", LLAMA, "--engine", engine, *args)
            told = f"Error: there is no {option}: it is a setting of an engine's own; say --engine"
            assert (ran.code, ran.out) == (2, "")
            assert ran.err == f"{told} {engine} -E {said}\n"
    assert f"say --engine llama.cpp -E {said}\n" in cli("show", LLAMA, option).err


@pytest.mark.parametrize("option", ["-sm", "--split-mode", "-ts", "--tensor-split"])
def test_how_layers_are_split_has_options_of_its_own(option: str, cli: Cli) -> None:
    ran = cli("show", LLAMA, *LLAMA_CPP, option, "1,1")
    assert "--pp says to how many, --pp-layers how many layers each has" in ran.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(
            (name, "did you mean n_parallel? kvcalc list --engine ollama shows all")
            for name in ("n_seq_max", "parallel", "np", "OLLAMA_NUM_PARALLEL", "n_paralel")
        ),
        ("ubatch_size", "did you mean n_ubatch? "),
        ("num_batch", "did you mean n_batch or n_ubatch? "),
        ("cache_type_k", "did you mean type_k? "),
        ("ctkd", "did you mean type_k_draft? "),
        ("ctx_size", "did you mean n_ctx? "),
        ("fa", "did you mean flash_attn? "),
        ("unified", "did you mean kv_unified? "),
    ],
)
def test_another_name_of_a_setting(name: str, said: str, cli: Cli) -> None:
    ran = cli("show", LLAMA, *OLLAMA, "-E", f"{name}=1")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"Error: ollama has no setting '{name}'; {said}")


@pytest.mark.parametrize(
    ("name", "option"),
    [*OPTIONS.items(), ("OLLAMA_KV_CACHE_TYPE", "--kv-dtype"), ("tensor-split", "--pp-layers")],
)
def test_what_is_an_option_of_kvcalc(name: str, option: str, cli: Cli) -> None:
    ran = cli("show", LLAMA, *LLAMA_CPP, "-E", f"{name}=1")
    assert ran.err == f"Error: llama.cpp has no setting '{name}': it is {option} here\n"
    assert option in cli("show", "--help").out


def test_no_setting_is_called_as_another_is() -> None:
    names = {one.name for one in SETTINGS}
    for one in SETTINGS:
        assert not any(one.is_called(name) for name in (*names - {one.name}, *OPTIONS))


def test_the_settings_are_found_by_what_else_they_are_called(cli: Cli) -> None:
    for engine in ("llama.cpp", "ollama"):
        told = json.loads(cli("list", "--engine", engine, "OLLAMA_NUM", "--json").out)
        assert [one["name"] for one in told["settings"]] == ["n_parallel"]
        assert "-np" in told["settings"][0]["also"]


@pytest.mark.parametrize(
    ("name", "meant"), [("llamacpp", "llama.cpp"), ("llama-cpp", "llama.cpp"), ("olama", "ollama")]
)
def test_an_engine_that_is_spelt_otherwise(name: str, meant: str, cli: Cli) -> None:
    ran = cli("show", LLAMA, "--engine", name)
    assert ran.err.startswith(f"Error: unknown engine '{name}'; did you mean {meant}")


def test_the_log_is_printed_as_it_is(cli: Cli) -> None:
    """Between fences in Markdown, which would fold its blanks, and before the sums."""
    line = "\nllama_kv_cache: size = 1024.00 MiB (  8192 cells,  32 layers,  1/1 seqs), "
    shown = ("show", LLAMA, "-c", "8192", *LLAMA_CPP)
    assert f"\n```{line}" in cli(*shown, "-f", "markdown").out
    assert f" n_rs_seq=0\n{line}" in cli(*shown).out
    out = cli(*shown, "--explain").out
    assert f"\n{line}" in out.partition("\nstored at T = ")[0]


def test_ollama_says_whose_bytes_are_counted(cli: Cli) -> None:
    version = f"0.33.0-rc2 with llama.cpp {engine_of('llama.cpp').VERSION}"
    assert cli("show", LLAMA, *OLLAMA).out.splitlines()[0].endswith(f"reserved by ollama {version}")
    assert kvcalc.show(LLAMA, engine="ollama").to_dict()["engine_version"] == version


ARCHITECTURE = "counted as llama.cpp's GGUF architecture"
LACKS = "a slot has 16,384 cells, and a sequence of 32,768 tokens does not fit"


@pytest.mark.parametrize(
    ("model", "asked", "notes"),
    [
        (LLAMA, {}, [f"{ARCHITECTURE} llama"]),
        (LLAMA, {"engine": "ollama"}, [f"{ARCHITECTURE} llama"]),
        (
            LLAMA,
            {"batch": 8},
            [
                f"{ARCHITECTURE} llama",
                "n_parallel is 1, for a batch of 8 sequences: what is reserved is the same "
                "whatever the batch",
            ],
        ),
        (LLAMA, {"batch": 4, "settings": {"n_parallel": 4}}, [f"{ARCHITECTURE} llama"]),
        # 4 layers x 4,096 B x 32,768 cells + 20 x 2,048 B x (4 x 512 + 512) cells of windows
        (
            "gemma-4-e4b",
            {},
            [
                f"{ARCHITECTURE} gemma4",
                "llama-server's defaults, 4 slots that share n_ctx 32,768, allocate 641,728,512 B",
            ],
        ),
        ("gemma-4-e4b", {"settings": {"kv_unified": False}}, [f"{ARCHITECTURE} gemma4"]),
        (
            "gemma-4-e4b",
            {"engine": "ollama"},
            [
                f"{ARCHITECTURE} gemma4",
                "ollama takes smaller batches where memory is short: windows keep less then",
            ],
        ),
        # a file of it has them, and no filter takes them out of the model's own context
        (
            "ling-3.0-flash",
            {"settings": {"n_parallel": 1}},
            [
                f"{ARCHITECTURE} bailingmoe3",
                "llama.cpp keeps the 1 MTP layer(s) of bailingmoe3 in any case",
            ],
        ),
        (
            LLAMA,
            {"settings": {"n_ctx": 16_384}},
            [f"{ARCHITECTURE} llama", f"{LACKS}: raise n_ctx"],
        ),
        (
            LLAMA,
            {"settings": {"n_ctx": 32_768, "n_parallel": 2}},
            [
                f"{ARCHITECTURE} llama",
                "n_parallel is 2: what is reserved is of all slots",
                f"{LACKS}: raise n_ctx, or lower n_parallel",
            ],
        ),
        *(
            (
                "gemma-4-e4b",
                {"engine": "ollama", "settings": settings},
                [f"{ARCHITECTURE} gemma4"],
            )
            for settings in ({"swa_full": True}, {"n_ubatch": 512})
        ),
    ],
)
def test_what_is_told_beside_the_figure(
    model: str, asked: dict[str, object], notes: list[str]
) -> None:
    question = {"engine": "llama.cpp", **asked}
    assert list(kvcalc.show(model, "32K", **question).notes) == notes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "batch", "settings", "expected"),
    [
        # 1 slot for 8 sequences of 8,192 tokens: seven are not kept
        (LLAMA, 8, {}, {terms.SLOTS: -7 * 8192 * CELL}),
        (LLAMA, 2, {"n_parallel": 4}, {terms.SLOTS: 2 * 8192 * CELL}),
        # 3 slots of 8,192 cells are asked for, and n_ctx for two: 16,384 / 3 in 256s is 5,632
        (
            LLAMA,
            1,
            {"n_parallel": 3, "n_ctx": 16_384},
            {terms.SLOTS: 2 * 8192 * CELL, terms.CELLS: 3 * (5_632 - 8_192) * CELL},
        ),
        # 20 layers of windows of 512 tokens, 2 x 2 x 256 x 2 B each: 512 more, or all 8,192
        ("gemma-4-e4b", 1, {}, {terms.BESIDE: 20 * 2048 * 512}),
        # 49 of 80 layers attend: the others have values of 8 x 128 too
        ("nemotron-super-49b", 1, {"flash_attn": "off"}, {terms.PADDED: 31 * 8192 * 2048}),
        ("gemma-4-e4b", 1, {"swa_full": True}, {terms.AT_LENGTH: 20 * 2048 * (8_192 - 512)}),
    ],
)
def test_the_terms_say_which_rule_it_is(
    model: str, batch: int, settings: dict[str, int | str], expected: dict[str, int]
) -> None:
    answer = kvcalc.show(model, 8192, batch, engine="llama.cpp", settings=settings)
    assert answer.reservation
    found = {term.rule: term.bytes for term in answer.reservation.terms}
    assert found == expected
    assert answer.stored + sum(found.values()) == answer.reservation.bytes


def test_states_to_roll_back_to_are_a_term_of_their_own() -> None:
    """Two slots, each with three states more: 2 x 3 of what one has."""
    settings = {"n_parallel": 2, "n_rs_seq": 3}
    answer = kvcalc.show("nemotron-3-nano-30b", 8192, engine="llama.cpp", settings=settings)
    one = kvcalc.show("nemotron-3-nano-30b", 8192, engine="llama.cpp")
    assert answer.reservation
    assert one.reservation
    found = {term.rule: term.bytes for term in answer.reservation.terms}
    assert found[terms.SLOTS] == one.reservation.bytes
    states = one.reservation.bytes - 8192 * one.growth
    assert found[terms.STEPS] == 2 * 3 * states
    assert terms.ALIGNED not in found


def test_what_fits_is_told_as_slots(cli: Cli) -> None:
    """Llama 3.1 8B at 8,192 tokens takes 1 GiB a slot."""
    ran = cli("fit", LLAMA, "-c", "8192", "--memory", "5.5GiB", *LLAMA_CPP)
    said = "sequences are slots: 5 are n_parallel=5 n_ctx=40960, as logged; reserved is of one"
    assert f"note: Llama 3.1 8B: {said}\n" in ran.err
    assert "(  8192 cells,  32 layers,  5/5 seqs)" in ran.out
    for args in (("--memory", "1.5GiB"), ("--memory", "5.5GiB", "-E", "n_parallel=4")):
        assert "are slots" not in cli("fit", LLAMA, "-c", "8192", *args, *LLAMA_CPP).err


@pytest.mark.parametrize(
    ("model", "engine", "said"),
    [
        ("gpt2", "llama.cpp", "llama.cpp has at most 256 slots for it"),
        ("qwen3-next-80b-a3b", "ollama", "ollama has at most 1 slot for it"),
    ],
)
def test_no_more_than_there_are_slots(model: str, engine: str, said: str) -> None:
    (row,) = kvcalc.fit(model, memory="400GiB", context="1K", engine=engine).rows
    assert said in row.notes


def test_the_terms_come_from_what_is_stored_to_what_is_allocated() -> None:
    """First what one sequence's rows are made otherwise by, then how many of them there are."""
    answer = kvcalc.show("deepseek-v4-flash", 8192, engine="llama.cpp", settings={"n_parallel": 2})
    assert answer.reservation
    assert [term.rule for term in answer.reservation.terms] == [
        terms.TYPES, terms.SLOTS, terms.CELLS, terms.BESIDE, terms.COMPRESSORS,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "rule", "layers", "per_token"),
    [
        # the layer of prediction keeps a latent of 512 and a RoPE key of 64 in f16
        ("ling-3.0-flash", terms.BESIDE_THESE, 1, (512 + 64) * 2),
        # T5 small keeps 6 layers of 8 x 64 in what crosses, of 512 tokens, in fp32
        ("t5-small", terms.NOT_KEPT, -6, 0),
    ],
)
def test_layers_that_are_kept_or_not(model: str, rule: str, layers: int, per_token: int) -> None:
    answer = kvcalc.show(model, 8192, engine="llama.cpp")
    assert answer.reservation
    (first, *_) = answer.reservation.terms
    of_crossing = 2 * 8 * 64 * 512 * 4
    assert (first.rule, first.bytes) == (rule, layers * (8192 * per_token or of_crossing))


def test_a_gguf_file_has_an_architecture_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "model.gguf", "llama", heads(2, 4096, 32, 8) | {"context_length": 8192})
    answer = kvcalc.show(path, 8192, engine="llama.cpp")
    assert answer.reservation
    assert answer.reservation.notes == ()
    assert answer.reservation.bytes == 2 * 8192 * (CELL // 32)
    assert answer.reservation.report
    assert answer.reservation.report.log == (
        "llama_kv_cache: size =   64.00 MiB (  8192 cells,   2 layers,  1/1 seqs), "
        "K (f16):   32.00 MiB, V (f16):   32.00 MiB",
    )

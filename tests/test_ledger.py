"""What servers print of their memory, as they print it, and what is read from it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from kvcalc.budget import ledger as ledgers
from kvcalc.budget.estimate import Estimate
from kvcalc.budget.ledger import Amount, Ledger, ledger_of, read_ledger
from kvcalc.errors import InputError

HALF = 5_368_710  # of 0.01 GiB: 0.005 x 2^30 = 5,368,709.12
TO_FIT = "Replace gpu_memory_utilization config with `--kv-cache-memory="


def gib(number: str, within: int = HALF) -> Amount:
    return Amount(round(Fraction(number) * 2**30), within)


def mib(number: str, within: int = 5_243) -> Amount:
    return Amount(int(Fraction(number) * 2**20), within)


FORM_A = f"""\
(EngineCore_DP0 pid=31) INFO 09-23 18:12:30 [gpu_model_runner.py:2392] Model loading took 14.0786 \
GiB and 3.20 seconds
(EngineCore_DP0 pid=31) INFO 09-23 18:12:34 [gpu_worker.py:298] Available KV cache memory: 55.15 GiB
(EngineCore_DP0 pid=31) INFO 09-23 18:12:34 [kv_cache_utils.py:864] GPU KV cache size: 451,744 \
tokens
(EngineCore_DP0 pid=31) INFO 09-23 18:12:39 [gpu_worker.py:391] Free memory on device (78.66/79.19 \
GiB) on startup. Desired GPU memory utilization is (0.9, 71.27 GiB). Actual usage is 14.08 GiB for \
weight, 1.97 GiB for peak activation, 0.07 GiB for non-torch memory, and 0.67 GiB for CUDAGraph \
memory. {TO_FIT}58333988249` to fit into requested memory, or `--kv-cache-memory=66273897472` to \
fully utilize gpu memory. Current kv cache memory in use is 59212694937 bytes.
"""
"""71.27 - 14.08 - 0.07 - 1.97 = 55.15; the bytes are 55.1461 GiB."""

FORM_B = f"""\
(Worker_TP0_EP0 pid=41) INFO 08-20 17:20:27 [gpu_model_runner.py:5347] Model loading took 106.69 \
GiB memory and 2278.9 seconds
(Worker_TP0_EP0 pid=41) INFO 08-20 17:22:36 [gpu_model_runner.py:6737] Estimated CUDA graph memory:\
 4.99 GiB total
(Worker_TP0_EP0 pid=41) INFO 08-20 17:22:37 [gpu_worker.py:560] Available KV cache memory: 50.62 GiB
(Worker_TP2_EP2 pid=43) INFO 08-20 17:28:08 [gpu_worker.py:857] Free memory on device \
(181.84/184.31 GiB) on startup. Desired GPU memory utilization is (0.92, 169.56 GiB). Actual usage \
is 106.69 GiB for weight, 6.31 GiB for peak activation, 0.95 GiB for non-torch memory, and 4.13 GiB\
 for CUDAGraph memory. {TO_FIT}55124106138` (51.34 GiB) to fit into requested memory, or \
`--kv-cache-memory=68302635520` (63.61 GiB) to fully utilize gpu memory. Current kv cache memory in\
 use is 50.62 GiB.
"""
"""169.56 - 106.69 - 0.95 - 6.31 - 4.99 = 50.62."""

FORM_C = """\
(EngineCore pid=9) INFO 10-06 17:00:11 [model_runner.py:407] Model loading took 15.0 GiB memory and\
 5.4 seconds
(EngineCore pid=9) INFO 10-06 17:00:33 [gpu_worker.py:692] Available KV cache memory: 56.21 GiB
(EngineCore pid=9) INFO 10-06 17:00:33 [kv_cache_utils.py:2464] GPU KV cache size: 460,496 tokens, \
Maximum concurrency for 131,072 tokens per request: 3.51x
(EngineCore pid=9) INFO 10-06 17:00:41 [gpu_worker.py:955] Free memory on device (78.84/79.25 GiB)\
 on startup. Desired GPU memory utilization is (0.92, 72.91 GiB). Actual usage is 15.26 GiB for \
consumed memory (weights + non-torch), 1.44 GiB for peak activation, and 0.23 GiB for CUDAGraph \
memory. Current kv cache memory in use is 56.21 GiB.
"""
"""72.91 - 15.26 - 1.44 = 56.21."""

EXPECTED = """\
INFO 10-06 17:00:20 [model_runner.py:907] Estimated CUDA graph memory: 0.2 GiB total
"""
THREE_RANKS = """\
(Worker_TP0_EP0 pid=1) INFO [gpu_worker.py:624] Available KV cache memory: 17.79 GiB
(Worker_TP1_EP1 pid=2) INFO [gpu_worker.py:624] Available KV cache memory: 17.73 GiB
(Worker_TP2_EP2 pid=3) INFO [gpu_worker.py:624] Available KV cache memory: 18.04 GiB
"""
TWO_RANKS_TO_THE_BYTE = """\
(Worker_TP0 pid=1) INFO [gpu_worker.py:298] Available KV cache memory: 10.65 GiB
(Worker_TP1 pid=2) INFO [gpu_worker.py:298] Available KV cache memory: 10.64 GiB
(Worker_TP0 pid=1) INFO Current kv cache memory in use is 11436138508 bytes.
(Worker_TP1 pid=2) INFO Current kv cache memory in use is 11423138508 bytes.
"""
"""11,423,138,508 / 2^30 = 10.6386 and 11,436,138,508 / 2^30 = 10.6507."""

V0 = """\
INFO 03-13 08:56:39 [model_runner.py:1146] Model loading took 3.3414 GB and 0.742108 seconds
INFO 03-13 08:56:40 [worker.py:267] the current vLLM instance can use total_gpu_memory (7.75GiB) x \
gpu_memory_utilization (0.90) = 6.97GiB
INFO 03-13 08:56:40 [worker.py:267] model weights take 3.34GiB; non_torch_memory takes 0.04GiB; \
PyTorch activation peak memory takes 1.39GiB; the rest of the memory reserved for KV Cache is \
2.20GiB.
"""
"""6.97 - 3.34 - 0.04 - 1.39 = 2.20."""


def read(text: str) -> Ledger:
    return read_ledger(text, "")


def test_to_the_byte() -> None:
    assert read(FORM_A) == Ledger(
        "vllm",
        Amount(59_212_694_937),
        line=4,
        total=gib("79.19"),
        utilization=Fraction(9, 10),
        weights=gib("14.08"),
        overhead=gib("0.07"),
        activations=gib("1.97"),
        graphs=gib("0.67"),
        tokens=451_744,
    )


def test_how_exact_it_is() -> None:
    """50.62 GiB are 54,352,811,131 B, give or take 0.005 GiB."""
    assert read(FORM_A).left.is_exact
    assert read(FORM_A).available == 59_212_694_937
    rounded = read_ledger(FORM_B, "vllm.log")
    assert not rounded.left.is_exact
    assert rounded.estimate_of_available == Estimate(
        54_347_442_421, 54_352_811_131, 54_358_179_841, "known", "as vllm says in vllm.log:3"
    )


def test_an_estimate_of_graphs_that_is_taken_off_by_itself() -> None:
    assert read(FORM_B) == Ledger(
        "vllm",
        gib("50.62"),
        line=3,
        total=gib("184.31"),
        utilization=Fraction(92, 100),
        weights=gib("106.69"),
        overhead=gib("0.95"),
        activations=gib("6.31"),
        estimate=gib("4.99"),
        graphs=gib("4.13"),
        ranks=3,  # the last that is named is TP2
    )


def test_weights_and_the_rest_together() -> None:
    ledger = read(FORM_C)
    assert ledger == Ledger(
        "vllm",
        gib("56.21"),
        line=2,
        total=gib("79.25"),
        utilization=Fraction(92, 100),
        weights=gib("15"),
        consumed=gib("15.26"),
        activations=gib("1.44"),
        graphs=gib("0.23"),
        tokens=460_496,
        longest=131_072,
    )
    within = "the 0.20 GiB expected of graphs are within the activations"
    moved = Ledger(**{**vars(ledger), "line": 3, "notes": (within,)})
    assert read(EXPECTED + FORM_C) == moved


def test_the_first_engine() -> None:
    assert read(V0) == Ledger(
        "vllm",
        gib("2.2"),
        line=3,
        total=gib("7.75"),
        utilization=Fraction(9, 10),
        weights=gib("3.34"),
        overhead=gib("0.04"),
        activations=gib("1.39"),
    )


@pytest.mark.parametrize(
    ("text", "available", "line", "notes"),
    [
        ("Available KV cache memory: 8.0 GiB\n", gib("8"), 1, ()),
        ("\nreserved 30.0 GiB memory for KV Cache as specified by it", gib("30"), 2, ()),
        (
            "non-default args: {'model': 'm', 'kv_cache_memory_bytes': 32212254720}\n"
            "reserved 30.0 GiB memory for KV Cache as specified by kv_cache_memory_bytes config",
            Amount(30 * 2**30),
            1,
            (),
        ),
        (
            "ValueError: To serve at least one request with the model's max seq len (204800), "
            "(6.56 GiB KV cache is needed, which is larger than the available KV cache memory "
            "(5.42 GiB). Based on",
            gib("5.42"),
            1,
            (),
        ),
        (
            THREE_RANKS,
            gib("17.73"),
            2,
            ("ranks say that they have 17.73 GiB to 18.04 GiB: the least is read",),
        ),
        (
            TWO_RANKS_TO_THE_BYTE,
            Amount(11_423_138_508),
            4,
            ("ranks say that they have 10.64 GiB to 10.65 GiB: the least is read",),
        ),
        (
            "\x1b[1;36m(EngineCore_0)\x1b[0;0m INFO Available KV \x1b[0mcache memory: 1.5 GiB",
            gib("1.5"),
            1,
            (),
        ),
        ("vllm-1  | 2026-05-14 12:43 | Available KV cache memory: 4.58 GiB", gib("4.58"), 1, ()),
        ("0/67\r1/67\r2/67\r\nAvailable KV cache memory: 4.58 GiB\r\n", gib("4.58"), 2, ()),
    ],
)
def test_what_is_left(text: str, available: Amount, line: int, notes: tuple[str, ...]) -> None:
    ledger = read(text)
    assert (ledger.left, ledger.line, ledger.notes) == (available, line, notes)


@pytest.mark.parametrize(
    ("text", "available", "line", "note"),
    [
        (
            "non-default args: {'model': 'm'}\nAvailable KV cache memory: 9.1 GiB\n"
            "non-default args: {'model': 'm'}\nAvailable KV cache memory: 9.2 GiB\n",
            "9.2",
            4,
            "2 starts are in the log: the last that says it is read",
        ),
        (
            "Initializing a V1 LLM engine\nAvailable KV cache memory: 9.1 GiB\n"
            "Initializing a V1 LLM engine\nand no more",
            "9.1",
            2,
            "2 starts are in the log: the last that says it is read",
        ),
        (
            "(EngineCore_DP0) Initializing a V1 LLM engine\nAvailable KV cache memory: 9.1 GiB\n"
            "(EngineCore_DP1) Initializing a V1 LLM engine\nAvailable KV cache memory: 9.3 GiB\n",
            "9.1",
            2,
            "ranks say that they have 9.10 GiB to 9.30 GiB: the least is read",
        ),
    ],
)
def test_a_server_that_was_started_again(text: str, available: str, line: int, note: str) -> None:
    ledger = read(text)
    assert (ledger.left, ledger.line, ledger.notes) == (gib(available), line, (note,))


def test_the_last_start_says_what_it_was_told() -> None:
    text = "non-default args: {'gpu_memory_utilization': 0.85}\nAvailable KV cache memory: 9 GiB"
    assert read(text).utilization == Fraction(85, 100)
    told = "The current --gpu-memory-utilization=0.9200 is equivalent to less"
    assert read(f"{text}\n{told}").utilization == Fraction(92, 100)


def test_a_sum_that_does_not_close_is_told() -> None:
    other = FORM_B.replace("6.31 GiB for peak", "5.31 GiB for peak")
    rest = "169.56 GiB less weights, overhead and activations are 56.61 GiB"
    note = f"{rest}, and 50.62 GiB are said: what differs is not in the log"
    assert read(other).notes == (note,)
    unexplained = FORM_C.replace("72.91", "73.91")
    assert len(read(unexplained).notes) == 1


def test_lines_that_were_wrapped() -> None:
    wrapped = FORM_A.replace("Current kv cache memory", "\n  Current kv\n  cache memory")
    assert read(wrapped).left == Amount(59_212_694_937)
    assert read(wrapped).activations == gib("1.97")


SGLANG = """\
[2026-05-24 00:52:30] server_args=ServerArgs(model_path='m', mem_fraction_static=0.7, tp_size=1)
[2026-05-24 00:52:54] Load weight end. elapsed=5.10 s, type=Q, avail mem=9.26 GB, mem usage=5.98 GB.
[2026-05-24 00:52:55] Mamba Cache is allocated. max_mamba_cache_size: 360, conv_state size: \
0.99GB, ssm_state size: 50.77GB\x20
[2026-05-24 00:52:56] KV Cache is allocated. dtype: torch.bfloat16, #tokens: 228520, K size: 3.49 \
GB, V size: 3.49 GB
[2026-05-24 00:52:57] Capture cuda graph end. Time elapsed: 1.20 s. mem usage=0.21 GB. avail mem=2.
[2026-05-24 00:52:58] max_total_num_tokens=228520, chunked_prefill_size=2048
"""
FILLED = "what its pools take is read as what it has: it fills that with them"


def test_sglang_by_its_pools() -> None:
    """0.99 + 50.77 + 3.49 + 3.49 = 58.74, four numbers that are rounded."""
    assert read(SGLANG) == Ledger(
        "sglang",
        sum((gib("50.77"), gib("3.49"), gib("3.49")), gib("0.99")),
        line=4,
        utilization=Fraction(7, 10),
        weights=gib("5.98"),
        graphs=gib("0.21"),
        tokens=228_520,
        notes=(FILLED,),
    )


@pytest.mark.parametrize(
    ("text", "available", "notes"),
    [
        ("Memory profiling: available_gpu_memory=9.00 GB, rest_memory=7.25 GB", gib("7.25"), ()),
        (
            "DSV4 memory calculation: bytes_per_full_token=7705.45, available_bytes=11.89 GB, c=1",
            gib("11.89"),
            (),
        ),
        (
            "[x TP0] KV Cache is allocated. #tokens: 9, KV size: 160.63 GB\n"
            "[x TP1] KV Cache is allocated. #tokens: 9, KV size: 160.60 GB\n",
            gib("160.6"),
            (FILLED,),
        ),
        (
            "server_args=ServerArgs(a)\nKV Cache is allocated. #tokens: 9, KV size: 1.50 GB\n"
            "server_args=ServerArgs(a)\nKV Cache is allocated. #tokens: 9, KV size: 2.50 GB\n",
            gib("2.5"),
            (FILLED, "2 starts are in the log: the last is read"),
        ),
    ],
)
def test_sglang(text: str, available: Amount, notes: tuple[str, ...]) -> None:
    assert (read(text).left, read(text).notes) == (available, notes)


LLAMA_CPP = """\
build: 6710 (74b8fc17) with cc for x86_64-linux-gnu
common_memory_breakdown_print: |   - CUDA0 (RTX 5090)   | 32606 = 30330 + (21832 = 16386 + 4950 + \
495) + -19555 |
common_params_fit_impl: projected to use 21832 MiB of device memory vs. 30330 MiB of free device \
memory
llama_kv_cache: size = 9999.00 MiB (131072 cells,  16 layers,  4/1 seqs)
common_params_fit_impl: will leave 8497 >= 1024 MiB of free device memory, no changes needed
load_tensors:   CPU_Mapped model buffer size =   682.03 MiB
load_tensors:        CUDA0 model buffer size = 16386.00 MiB
llama_kv_cache:      CUDA0 KV buffer size =  4352.00 MiB
llama_kv_cache: size = 4352.00 MiB (131072 cells,  16 layers,  4/1 seqs), K (q8_0): 2176.00 MiB
llama_memory_recurrent:      CUDA0 RS buffer size =   598.50 MiB
llama_memory_recurrent: size =  598.50 MiB (     4 cells,  65 layers,  4 seqs), R (f32): 22.50 MiB
sched_reserve:      CUDA0 compute buffer size =   495.00 MiB
sched_reserve:  CUDA_Host compute buffer size =   276.00 MiB
"""
KEPT = "what its cache takes: no line says what else is free on its devices"


def test_llama_cpp_by_what_it_leaves() -> None:
    """4,352 + 598.5 MiB that the cache takes, and 8,497 - 1,024 = 7,473 MiB beside it."""
    assert read(LLAMA_CPP) == Ledger(
        "llama.cpp",
        mib("12423.5", 2 * 5_243 + 2 * 2**20),
        line=11,
        total=mib("32606"),
        weights=mib("16386"),
        activations=mib("495"),
        notes=("what its cache takes and what `--fit` says is left beside it",),
    )


@pytest.mark.parametrize(
    ("text", "available", "notes"),
    [
        ("llama_kv_cache_init: KV self size  = 1024.00 MiB, K (f16)", mib("1024"), (KEPT,)),
        (
            "llama_kv_cache_unified_iswa: creating non-SWA KV cache, size = 8192 cells\n"
            "llama_kv_cache_unified: size =  160.00 MiB (  8192 cells,   5 layers,  1/1 seqs)\n"
            "llama_kv_cache_unified: size =  600.00 MiB (  3072 cells,  25 layers,  1/1 seqs)\n",
            mib("760", 2 * 5_243),
            (KEPT,),
        ),
        (
            "llama_kv_cache:      CUDA0 KV buffer size =  512.00 MiB\n"
            "llama_kv_cache:      CUDA1 KV buffer size =  512.00 MiB\n"
            "llama_kv_cache: size = 1024.00 MiB (8192 cells, 32 layers, 1/1 seqs)",
            mib("1024"),
            ("what its cache takes on all of 2 devices",),
        ),
        (
            "build_info: b9849-799fcc04a\nllama_kv_cache: size = 1024.00 MiB (8192 cells)\n"
            "build_info: b9849-799fcc04a\nllama_kv_cache: size = 2048.00 MiB (8192 cells)\n",
            mib("2048"),
            (KEPT, "2 starts are in the log: the last is read"),
        ),
    ],
)
def test_llama_cpp(text: str, available: Amount, notes: tuple[str, ...]) -> None:
    assert (read(text).left, read(text).notes) == (available, notes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "server.log: no line of it says what is left for the cache\n  looked for: 'Avail"),
        (
            "Initializing a V1 LLM engine (v0.33.0) with config: ...",
            "server.log: it is of a server's start, and no line of it says what is left",
        ),
        (
            "\n\nAvailable KV cache memory: -1.25 GiB",
            "server.log:3: the server has -1.25 GiB for the cache: nothing is left\n  give a",
        ),
    ],
)
def test_a_log_that_does_not_say_it(text: str, says: str) -> None:
    with pytest.raises(InputError) as error:
        read_ledger(text, "server.log")
    assert str(error.value).startswith(says)


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "vllm.log"
    log.write_text(FORM_A, encoding="utf-8")
    assert ledger_of(log) == read_ledger(FORM_A, str(log))
    log.write_text(FORM_A, encoding="utf-16")
    assert ledger_of(str(log)) == read_ledger(FORM_A, str(log))
    log.write_bytes(b"\xff Available KV cache memory: 8.0 GiB \xff")
    assert ledger_of(log).left == gib("8")
    monkeypatch.setattr(ledgers, "LOG_BYTES", 60)
    log.write_text(f"Available KV cache memory: 8.0 GiB\n{'x' * 100}", encoding="utf-8")
    assert ledger_of(log).notes == ("of the log, the first 60 characters are read",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"GGUF\3\0\0\0", "is no text"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_files_that_are_no_log(content: bytes | None, says: str, tmp_path: Path) -> None:
    log = tmp_path / "model.gguf"
    if content is not None:
        log.write_bytes(content)
    with pytest.raises(InputError) as error:
        ledger_of(log)
    assert [problem.message for problem in error.value.problems] == [says]
    assert error.value.problems[0].file == str(log)


def test_a_path_that_cannot_be() -> None:
    with pytest.raises(InputError, match="cannot be read: embedded null byte"):
        ledger_of("vllm\0.log")


@pytest.mark.parametrize(
    "line",
    [
        "Available KV cache memory: 1.5 GiB",
        "Available KV cache memory:",
        "Free memory on device (1/2 GiB) on startup. Desired GPU memory utilization is (",
        "non-default args: {",
        "KV Cache is allocated. " + "size: " * 60,
        "llama_kv_cache: size = ",
        "\x1b[",
        " ",
    ],
)
def test_megabytes_of_what_almost_matches_take_no_while(line: str) -> None:
    """A second of a slow machine, where backtracking would take hours."""
    text = line * (2_000_000 // len(line))
    try:
        assert read(text).available > 0
    except InputError:
        assert line != "Available KV cache memory: 1.5 GiB"

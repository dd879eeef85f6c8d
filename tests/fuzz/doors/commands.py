"""Commands that read a model, as the doors of files use them."""

from __future__ import annotations

from hypothesis import strategies as st

SMALL = {
    "name": "Small",
    "heads": 8,
    "head_dim": 64,
    "layers": 2,
    "dtype": "bf16",
    "attention": {"kind": "gqa", "kv_heads": 2},
}
LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}

READING: tuple[tuple[str, ...], ...] = (
    *(("show",), ("show", "--json"), ("show", "--explain"), ("show", "-c", "1000", "-b", "3")),
    *(("show", "--per-layer", "-f", "csv"), ("show", "-f", "jsonl"), ("show", "-f", "markdown")),
    *(("show", "--metric", "flops", "--explain"), ("show", "--mtp"), ("show", "--mtp-layers", "3")),
    *(("show", "--engine", "transformers", "--explain"), ("show", "-c", "1", "--json")),
    *(("show", "--kv-dtype", "fp8"), ("show", "--kv-dtype", "q8_0/q4_0"), ("show", "-q", "--mtp")),
    *(("show", "--index-dtype", "none"), ("show", "--source-length", "7"), ("compare",)),
    *(("compare", "--json"), ("compare", "--metric", "read"), ("compare", "-f", "csv")),
    *(("compare", "deepseek-v3", "--metric", "flops"), ("compare", "-f", "markdown"), ("import",)),
    *(("import", "--diff", "llama-3.1-8b"), ("import", "--diff", "llama-3.1-8b", "--json")),
    *(("show", "--draft", "llama-3.2-1b"), ("show", "llama-3.1-8b", "--draft"), ("check",)),
    *(("check", "--json"), ("check", "-f", "junit"), ("check", "-f", "github")),
    *(("fit", "--memory", "1GB"), ("fit", "--memory", "40GiB", "--json", "-c", "1000")),
    *(
        ("fit", "--engine", "transformers", "--memory", "1MB"),
        ("fit", "--memory", "1PB", "-f", "csv"),
    ),
    *(("show", "--ignore", "kv_x0"), ("show", "--kv-dtype", "nvfp4", "--metric", "read")),
)

reading = st.sampled_from(READING)


def asked(command: tuple[str, ...], model: str) -> tuple[str, ...]:
    """The command line with the model where it takes one."""
    return (*command, model)

"""A server's own account of its memory, read from the log of its start.

    ledger_of("vllm.log").available     # bytes that it has left for the cache of a GPU

`lines` has what is read into and how; `vllm`, `sglang` and `llama_cpp` what each server prints.
"""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path

from kvcalc.budget.ledger import llama_cpp, sglang, vllm
from kvcalc.budget.ledger.lines import Amount, Ledger, Log
from kvcalc.errors import InputError, Problem

__all__ = ["LOG_BYTES", "Amount", "Ledger", "ledger_in", "ledger_of", "read_ledger"]

LOG_BYTES = 32_000_000
"""Of a log, from its beginning: servers say it within some thousand lines."""
READERS = (vllm.ledger, sglang.ledger, llama_cpp.ledger)
LOOKED_FOR = (
    "looked for: 'Available KV cache memory: ... GiB' or 'Current kv cache memory in use is ...'"
    " of vLLM, 'KV Cache is allocated. ...' of SGLang, 'llama_kv_cache: size = ... MiB' of"
    " llama.cpp; the log has to reach from the start to where the server is ready"
)


def ledger_of(path: str | Path) -> Ledger:
    """What a log's file says; of a longer one, its beginning. Raises InputError."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(LOG_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError([Problem(f"cannot be read: {reason}", file=str(path))]) from None
    return ledger_in(content, str(path))


def ledger_in(content: bytes, file: str) -> Ledger:
    """What a log says whose bytes were read. Raises InputError."""
    return read_ledger(_text_of(content, file), file)


def read_ledger(text: str, file: str) -> Ledger:
    """What a log says; of a longer one, its beginning.

    Raises InputError where no line of it says what is left for the cache, or says that nothing is.
    """
    log = Log.of(text[:LOG_BYTES])
    found = next((ledger for ledger in (read(log) for read in READERS) if ledger), None)
    if found is None:
        begun = "it is of a server's start, and " if vllm.STARTED in log.text else ""
        message = f"{begun}no line of it says what is left for the cache"
        raise InputError([Problem(message, LOOKED_FOR, file=file)])
    if found.available <= 0:
        message = f"the server has {found.left} for the cache: nothing is left"
        advice = "give a log of one that started, or leave the log out and have it estimated"
        raise InputError([Problem(message, advice, file=file, line=found.line)])
    found = replace(found, file=file)
    if len(text) > LOG_BYTES:
        return found.noting(f"of the log, the first {LOG_BYTES:,} characters are read")
    return found


def _text_of(content: bytes, file: str) -> str:
    """A log as text: UTF-8, or UTF-16 as some shells write it."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        raise InputError([Problem("is no text", "give a server's log", file=file)])
    return content.decode("utf-8", "replace")

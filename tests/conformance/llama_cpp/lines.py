"""The lines of llama.cpp's log that say what memory takes."""

from __future__ import annotations

import re
from collections.abc import Iterable

SIZE = re.compile(r"^(llama_kv_cache|llama_memory_recurrent)\w*: size = .*MiB \(")


def sizes(lines: Iterable[str]) -> list[str]:
    """Those that name a size and how it comes about, without spaces around."""
    return [line.strip() for line in lines if SIZE.match(line.strip())]

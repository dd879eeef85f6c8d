"""Which GPU keeps the cache of which layer: split-mode layer (llama-model.cpp, load_tensors)."""

from __future__ import annotations

from collections import Counter

from kvcalc.errors import WrongArgument


def layers_of_devices(gpus: int, layers: int, blocks: int) -> tuple[int, ...]:
    """How many layers each of so many like GPUs has, by their free memory, which is the same.

    blocks  of the file: the layers, and those of multi-token prediction behind them

    The output counts as one layer more: layer i of n goes to the first GPU g of G, from 0, for
    which i / (n + 1) < (g + 1) / G.
    """
    if layers < gpus:
        text = f"{layers:,} layers do not make {gpus:,} GPUs' shares"
        raise WrongArgument("pp", f"{text}: ask for no more than there are layers")
    held = Counter(layer * gpus // (blocks + 1) for layer in range(layers))
    return tuple(held[gpu] for gpu in range(gpus))

"""llama.cpp b11434: what a context allocates, from a model's layers to the lines of its log.

It allocates once, when a context is made, for so many cells (tokens) and slots (sequences):

    gemma-4-e4b   4 layers attend to all, 20 to a window of 512, 18 read the caches of others
    n_ctx         32,768 cells, padded to 256; each slot has its share, unless all share them
    window        512 + n_ubatch 512 = 1,024 cells, padded to 256
    rows          2 heads x 512 of a key and of a value; 2 x 256 in windows; f16

    llama_kv_cache: size =  512.00 MiB ( 32768 cells,   4 layers,  1/1 seqs), K (f16): ...
    llama_kv_cache: size =   40.00 MiB (  1024 cells,  20 layers,  1/1 seqs), K (f16): ...

A cell of a layer is a row of keys in `type_k` and one of values in `type_v`; latents are a key
alone. Recurrent states are in f32, one for each slot, and for each step that may be rolled back.
Several GPUs take whole layers: what is allocated in all stays as it is.

To find one's way:
    settings, types, launcher what is asked for, and what it comes to; the types of cells
    converted, architectures  whose rules a model goes by, and what is otherwise for each
    target                    a model as a context is made for it
    layers                    what one layer keeps, in llama.cpp's rows
    cells, states             the caches that a context has, and their lines
    memories                  which caches a model gets, and in which order
    planning, plan, devices   from a model to its plan, what that answers, layers over GPUs
    terms, notes              from where its bytes come, what a reader should know
    refusals                  what llama.cpp refuses to start with
    ollama                    the same library by Ollama's defaults
"""

from __future__ import annotations

from kvcalc.engines.llama_cpp.planning import plan
from kvcalc.engines.llama_cpp.settings import SETTINGS, VERSION

__all__ = ["SETTINGS", "VERSION", "plan"]

"""vLLM 0.33.0: what its planner sets aside, from a model's layers to the two numbers of its log.

It keeps a cache in blocks of one pool. A block has a page of so many tokens for each layer of a
group. Layers of one kind are a group, or several where there are more of them than of another kind;
each group has its own table of the blocks that hold a sequence, and any group can use any block:

    gemma-3-27b   10 layers attend to all, 52 to a window of 1,024: groups of 10 at most, 1 + 6
    page          16 tokens x 8,192 B (16 heads x 128 elements of a key and a value, in bf16)
    block         10 pages, 1,310,720 B

    pool          | 0: null | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | ...

    attend to all   1   8  15  ...      ceil(T / 16) blocks
    windows 1       2   9  16  ...      1,089 at most, of each of the six
    windows 2       3  10  17  ...
    ...
    windows 6       7  14  21  ...

    T = 131,072   8,192 + 6 x 1,089 = 14,726 blocks: 19,301,662,720 B

A window keeps its last tokens and all in flight, of a step that runs and of the next one, and a
block more, as the first of them may be the last of a block: ceil((1,023 + 2 x 8,192) / 16) + 1.
Groups of 9 and 8 windows leave 1 and 2 pages of each block empty, which are padding layers.

Where pages are of unlike bytes, the smaller take more tokens to a block, or are padded to the
largest; a state is one page whatever its length, and attention takes as many tokens to a block as
the bytes of a state hold. What a sequence reserves is the sum of its tables' blocks.

To find one's way:
    gpus, settings, dtypes      what is asked for, and what it comes to
    architectures, served       what one model has otherwise, and which are not served at all
    target                      a model and a question, and what follows for all of it
    attending, choosing         which backend reads a layer; backends, kv_backends, mla_backends
    blocks                      how many tokens a block has
    caches, states              what one layer keeps, as specs; drafting, and the layouts of single
                                models: deepseek_v4, dots3_note, glm5_next, inkling, qwen4_exp
    groups, packing             which layers share a table, and how large a block is; strides
    prefixes                    what sequences with the same first tokens keep once
    planning, plan, terms       from a model to its plan, what that answers, from where bytes come
    refusals                    what vLLM refuses to start with
"""

from __future__ import annotations

from kvcalc.engines.vllm.gpus import gpu_named
from kvcalc.engines.vllm.planning import plan
from kvcalc.engines.vllm.settings import SETTINGS, VERSION

__all__ = ["SETTINGS", "VERSION", "gpu_named", "plan"]

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

Where layers need pages of unlike bytes, the smaller take more tokens to a block, or are padded; a
state is one page whatever its length. `gpus`, `settings` and `dtypes` say what is asked for,
`architectures` what one model has otherwise; `caches` and `states` make a spec of each layer,
`blocks` finds how many tokens a block has, `groups` and `packing` put layers together, `plan`
counts, and `terms` tells from where each byte comes.
"""

from __future__ import annotations

from kvcalc.engines.vllm.planning import plan
from kvcalc.engines.vllm.settings import SETTINGS, VERSION

__all__ = ["SETTINGS", "VERSION", "plan"]

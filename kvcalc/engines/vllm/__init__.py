"""vLLM 0.33.0: what its planner sets aside, from a model's layers to the two numbers of its log.

It keeps a cache in blocks of one pool. A block is a page of so many tokens for every layer of a
group; layers that need blocks for the same tokens are one group, and each group has its own table:

    gemma-3-27b     10 layers attend to all, 52 to a window: groups of 10 at most, 1 + 6 of them

    pool            [null][  0 ][  1 ][  2 ][  3 ] ...             a block: 10 pages of 16 tokens
                             |     |     |     `-- windows, group 3: block 0
    table of full            0     4     5 ...     ceil(T / 16)
    table of windows 1       1     6 ...           ceil((window - 1 + in flight) / 16) + 1
    table of windows 2       2 ...                 8 or 9 layers: the rest of a block is padding

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

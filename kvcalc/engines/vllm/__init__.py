"""vLLM 0.33.0: what its planner sets aside, from a model's layers to the two numbers of its log.

It keeps a cache in blocks of one pool. A block has a page of so many tokens for every layer of a
group: layers that need blocks for the same tokens. Each group of a sequence has a table of its own:

    gemma-3-27b: 10 layers attend to all, 52 to a window of 1,024. A group has 10 layers, as the
    smaller kind has: one of full attention, six of windows, with 8 or 9 layers and padding

    pool           [ null ][  1  ][  2  ][  3  ][  4  ][  5  ] ...   10 pages of 16 tokens each
    full               .      1      .      .      4      .          ceil(T / 16) blocks
    windows 1 of 6     .      .      2      .      .      5          of the window and the tokens
    windows 2 of 6     .      .      .      3      .      .          in flight, and one block more

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
                                models: deepseek_v4, glm5_next, inkling, qwen4_exp
    groups, packing             which layers share a table, and how large a block is
    planning, plan, terms       from a model to its plan, what that answers, from where bytes come
    refusals                    what vLLM refuses to start with
"""

from __future__ import annotations

from kvcalc.engines.vllm.planning import plan
from kvcalc.engines.vllm.settings import SETTINGS, VERSION

__all__ = ["SETTINGS", "VERSION", "plan"]

"""vLLM's own settings that decide bytes, under its own names, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from kvcalc.engines.settings import Declared, read
from kvcalc.engines.vllm.gpus import ALSO, GPUS
from kvcalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvcalc.engines.vllm.gpus import Gpu
    from kvcalc.question import Question, Setting

NAME, VERSION = "vllm", "0.33.0"
AUTO = "auto"
ALIGN, NONE = "align", "none"

BACKENDS = (
    *(AUTO, "FLASH_ATTN", "FLASHINFER", "TRITON_ATTN", "FLEX_ATTENTION"),
    *("FLASH_ATTN_MLA", "FLASHMLA", "TRITON_MLA", "FLASHINFER_MLA", "CUTLASS_MLA"),
)

SETTINGS = (
    Declared(
        "gpu",
        "h100",
        "decides the attention backends, hence the size of a block and the width of fp8, and the "
        "default of max_num_batched_tokens",
        (*GPUS, *ALSO),
    ),
    Declared(
        "block_size",
        "16, or the least that the backends of the GPU take",
        "tokens of one block of attention; hybrids enlarge it until a state fits",
        int,
    ),
    Declared(
        "max_num_batched_tokens",
        "16384 on GPUs of 160 GiB, 8192 of 70 GiB but the A100 and GB10, else 2048",
        "tokens of one step: so many, of each batch in flight, are kept beside a window",
        int,
    ),
    Declared(
        "max_num_seqs",
        "1024 on GPUs of 70 GiB but the A100 and GB10, else 256; max_num_batched_tokens at most",
        "sequences that run at once: no more are served, whatever fits",
        int,
    ),
    Declared("async_scheduling", True, "whether one batch more is in flight", bool),
    Declared(
        "enable_prefix_caching",
        "true, but for models of states alone and with an encoder",
        "decides mamba_cache_mode",
        bool,
    ),
    Declared(
        "mamba_cache_mode",
        "align with prefix caching, none without",
        "whether a sequence keeps a second state, at the end of a block, and one of a prompt; "
        "enable_prefix_caching decides it, whatever is given",
        (NONE, ALIGN),
    ),
    Declared(
        "mamba_cache_dtype",
        AUTO,
        "of convolutions, and of states whose dtype nothing else says: auto is the model's",
        (AUTO, "float32", "float16", "bfloat16"),
    ),
    Declared(
        "mamba_ssm_cache_dtype",
        AUTO,
        "of recurrent states: auto is the model's dtype, fp32 for KDA and Nemotron-H, and what its "
        "file says for Qwen3.5",
        (AUTO, "float32", "float16", "bfloat16"),
    ),
    Declared(
        "attention_backend",
        AUTO,
        "auto takes the first of the GPU's; another may take blocks of another size",
        BACKENDS,
    ),
    Declared(
        "gdn_prefill_backend",
        AUTO,
        "of Gated DeltaNet: flashinfer, auto on Hopper and Blackwell, keeps a state of the prompt",
        (AUTO, "flashinfer", "cutedsl", "triton"),
    ),
    Declared(
        "kda_prefill_backend",
        AUTO,
        "of KDA in Kimi-K3 and GLM-5.3-Flash: flashkda, auto on Hopper and Blackwell, keeps a "
        "state of the prompt",
        (AUTO, "flashkda", "flashinfer", "triton"),
    ),
    Declared(
        "kv_cache_dtype_skip_layers",
        "none; with turboquant the first and the last two",
        "layers that keep the model's dtype, by number from 0, and `sliding_window` for all with a "
        "window: 0,1,sliding_window",
        str,
    ),
    Declared(
        "num_gpu_blocks_override",
        "as many as the memory holds",
        "blocks of the pool, whatever the memory",
        int,
    ),
    Declared(
        "max_model_len",
        "the context asked for",
        "the longest sequence, of which the log speaks",
        int,
    ),
    Declared(
        "num_speculative_tokens",
        "as many as MTP layers, 1 with a draft, else 0",
        "tokens drafted per step: states keep as many columns and blocks more",
        int,
        least=0,
    ),
)


@dataclass(frozen=True)
class Settings:
    """The settings as resolved; what depends on the model is left open as None until it is known.

    batched      max_num_batched_tokens, as given or by default
    whole        whether a prompt has to fit into one step: by default a step is as long as one
    speculative  num_speculative_tokens, 0 where nothing drafts
    skip         kv_cache_dtype_skip_layers
    """

    gpu: Gpu
    block_size: int | None
    batched: int
    sequences: int
    asynchronous: bool
    prefix_caching: bool
    mode: str
    conv_dtype: str
    state_dtype: str
    backend: str
    gdn_backend: str
    kda_backend: str
    skip: frozenset[str]
    blocks: int | None
    max_model_len: int | None
    speculative: int
    whole: bool = False
    batched_given: bool = False

    def step(self, context: int) -> int:
        """Tokens of one step, for sequences of so many. Raises UsageError where that is too few."""
        longest = self.max_model_len or context
        if not self.whole or longest <= self.batched:
            return self.batched
        if self.batched_given:
            text = f"max_num_batched_tokens {self.batched:,} is less than {longest:,} tokens"
            raise UsageError(f"vllm refuses to start: {text}, and a prompt is not cut up here")
        return longest  # engine/arg_utils.py:3194: no default is less than such a prompt

    def in_flight(self, batched: int, pp: int) -> int:
        """Tokens that are scheduled and not yet settled (config/vllm.py, max_in_flight_tokens)."""
        return batched * (pp + 1 if self.asynchronous else pp)

    def following(self, context: int | None) -> dict[str, Setting]:
        """Those that follow the context; None where there are several contexts."""
        longest = self.max_model_len or context
        follows = self.whole and not self.batched_given
        batched = None if follows and longest is None else self.step(longest or 0)
        return {"max_num_batched_tokens": batched, "max_model_len": longest}

    def told(self, block_size: int | None, skip: frozenset[str]) -> dict[str, Setting]:
        """All settings by their names, as resolved."""
        return {
            "gpu": self.gpu.name,
            "block_size": block_size,
            "max_num_batched_tokens": self.batched,
            "max_num_seqs": self.sequences,
            "async_scheduling": self.asynchronous,
            "enable_prefix_caching": self.prefix_caching,
            "mamba_cache_mode": self.mode,
            "mamba_cache_dtype": self.conv_dtype,
            "mamba_ssm_cache_dtype": self.state_dtype,
            "attention_backend": self.backend,
            "gdn_prefill_backend": self.gdn_backend,
            "kda_prefill_backend": self.kda_backend,
            "kv_cache_dtype_skip_layers": ",".join(sorted(skip, key=_by_number)) or None,
            "num_gpu_blocks_override": self.blocks,
            "max_model_len": self.max_model_len,
            "num_speculative_tokens": self.speculative,
        }


def _by_number(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (10**6, name)


def settings_of(
    question: Question, *, caches_prefixes: bool, drafted: int, whole: bool, least: int
) -> Settings:
    """The settings of a question, for a model of which is known what these say.

    caches_prefixes  whether a server caches prefixes of such a model unless told otherwise
    drafted          tokens that its MTP layers or its draft draft at a time unless told, 0 without
    whole            whether a prompt has to fit into one step
    least            tokens that a step holds by default, whatever the GPU

    Raises UsageError for what cannot be, or cannot be together.
    """
    given = read(NAME, SETTINGS, question.settings)
    name = str(given.get("gpu", "h100"))
    gpu = GPUS[ALSO.get(name, name)]
    asked = _number(given, "max_num_batched_tokens")
    batched = asked or max(gpu.batched_tokens, least)
    caching = bool(given.get("enable_prefix_caching", caches_prefixes))
    return Settings(
        gpu=gpu,
        block_size=_number(given, "block_size"),
        batched=batched,
        sequences=_sequences(given, gpu, batched),
        asynchronous=bool(given.get("async_scheduling", True)),
        prefix_caching=caching,
        # whatever mode is given (model_executor/models/config.py:762, 780)
        mode=ALIGN if caching else NONE,
        conv_dtype=str(given.get("mamba_cache_dtype", AUTO)),
        state_dtype=str(given.get("mamba_ssm_cache_dtype", AUTO)),
        backend=str(given.get("attention_backend", AUTO)),
        gdn_backend=str(given.get("gdn_prefill_backend", AUTO)),
        kda_backend=str(given.get("kda_prefill_backend", AUTO)),
        skip=_skipped(given),
        blocks=_number(given, "num_gpu_blocks_override"),
        max_model_len=_number(given, "max_model_len"),
        speculative=_speculative(given, drafted),
        whole=whole,
        batched_given=asked is not None,
    )


def _sequences(given: Mapping[str, Setting], gpu: Gpu, batched: int) -> int:
    sequences = _number(given, "max_num_seqs") or min(gpu.sequences, batched)
    if sequences > batched:
        text = f"max_num_seqs {sequences:,} is more than max_num_batched_tokens {batched:,}"
        raise UsageError(f"{text}, and {NAME} needs one token of each sequence in a step")
    return sequences


def _speculative(given: Mapping[str, Setting], drafted: int) -> int:
    asked = _number(given, "num_speculative_tokens")
    if asked and not drafted:
        raise UsageError("num_speculative_tokens: nothing drafts them; add --mtp, or --draft MODEL")
    if asked == 0 and drafted:
        raise UsageError("num_speculative_tokens is 0: leave --mtp, or --draft, out")
    return drafted if asked is None else asked


def _number(given: Mapping[str, Setting], name: str) -> int | None:
    return cast("int | None", given.get(name))


def _skipped(given: Mapping[str, Setting]) -> frozenset[str]:
    words = str(given.get("kv_cache_dtype_skip_layers", "")).split(",")
    names = frozenset(word.strip() for word in words if word.strip())
    for name in sorted(names):
        if name != "sliding_window" and not (name.isascii() and name.isdigit()):
            text = f"kv_cache_dtype_skip_layers has {name!r}"
            raise UsageError(f"{text}: it is a layer's number from 0, or sliding_window")
    return frozenset(str(int(name)) if name.isdigit() else name for name in names)

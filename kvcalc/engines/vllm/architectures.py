"""What vLLM 0.33.0 does otherwise for one architecture, by `model_type`.

Names with and without `_text` or `_vl` are one. Files are below vllm/ of the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kvcalc.engines.vllm.gpus import BLACKWELL, HOPPER, WORKSTATION

if TYPE_CHECKING:
    from kvcalc.model import Model

Pins = Literal["fp32", "its file's", "its file's or fp32"]


@dataclass(frozen=True)
class Rules:
    """What is otherwise for one architecture.

    latents       MLA is kept as latents; else it is expanded to keys and values of every head
    window_more   tokens by which its windows are longer than its file's
    own_dtype     the model's dtype whatever is asked for
    block         tokens of a block, whatever the backends take
    blackwell_fp8 on Blackwell, auto is fp8
    states        the dtype of states where the setting is auto; without it the model's
    states_follow whether a setting decides that, and blocks_follow whether for the size of a block
    exports       a prefill's state is exported: a block more in align mode, on these generations
    export_align  tokens between which it can be exported
    prefills      what else than Triton can be set to prefill its KDA; None where nothing is asked
    never_exports whether its DeltaNet is not
    kda_of_rope   KDA's heads are as wide as the RoPE key of its latents
    mtp_window    its MTP layer has a window, as other layers of it
    stages        whether it can be cut into pipeline stages
    index         whether its index is kept, and picks what a step reads
    tower         heads of its vision tower, where ranks have to share these too
    sinks         whether its attention has sinks, which not every backend takes
    alibi         whether it has ALiBi's slopes
    soft_cap      whether its logits are capped, which not every backend takes
    own_backend   whether its class brings its backend along, and none is looked for
    skips         whether layers can be left in the model's dtype
    packs         whether TurboQuant finds the layers that attend to all
    """

    latents: bool = False
    window_more: int = 0
    own_dtype: bool = False
    block: int | None = None
    blackwell_fp8: bool = False
    states: Pins | None = None
    states_follow: bool = True
    blocks_follow: bool = True
    exports: tuple[int, ...] = ()
    export_align: int = 1
    prefills: tuple[str, ...] | None = None
    never_exports: bool = False
    kda_of_rope: bool = False
    mtp_window: bool = False
    stages: bool = True
    tower: int = 0
    sinks: bool = False
    alibi: bool = False
    soft_cap: bool = False
    index: bool = True
    own_backend: bool = False
    skips: bool = True
    packs: bool = True


PLAIN = Rules()
LATENTS = Rules(latents=True)
NEMOTRON = Rules(states="its file's or fp32")
QWEN = Rules(states="its file's")
ONE_STAGE = Rules(stages=False)

_RULES: Mapping[str, Rules] = {
    # transformers_utils/model_arch_config_convertor.py, is_deepseek_mla; mistral4 goes through the
    # Transformers backend, which takes latents wherever kv_lora_rank is stated (config/model.py)
    **dict.fromkeys(
        [
            "deepseek_v2",
            "deepseek_v3",
            "deepseek_v32",
            "deepseek_v41",
            "axk1",
            "glm4_moe_lite",
            "longcat_flash",
            "pangu_ultra_moe",
            "kimi_k2",
            "kimi_k25",
            "hy_v4",
            "mistral4",
            "deepseek_vl_v2",
            "mistral3",
            "youtu",
        ],
        LATENTS,
    ),
    "deepseek_v4": Rules(latents=True, block=256, mtp_window=True, own_backend=True),
    "dots3_note": Rules(latents=True, own_backend=True, mtp_window=True),
    "glm_moe_dsa": Rules(latents=True, blackwell_fp8=True),
    # models/glm5next/common/kda.py: FlashKDA exports a prefill's states every 16 tokens
    "glm5_next": Rules(
        latents=True,
        blackwell_fp8=True,
        states="fp32",
        exports=(HOPPER, BLACKWELL, WORKSTATION),
        export_align=16,
        prefills=("flashkda",),
    ),
    # models/kimi_k3/nvidia/kda.py, and mla.py:318 of its layers that attend
    "kimi_k3": Rules(
        latents=True,
        states="fp32",
        exports=(HOPPER, BLACKWELL, WORKSTATION),
        export_align=16,
        prefills=("flashkda", "flashinfer"),
        skips=False,
    ),
    # layers/mamba/gdn/kimi_gdn_linear_attn.py:162: fp32 whatever is set
    "kimi_linear": Rules(
        latents=True, states="fp32", states_follow=False, prefills=(), skips=False
    ),
    # models/bailing_moe_v3.py:152, 675: KDA's heads are as wide as the RoPE key, as head_dim is
    # what transformers' configuration makes of it
    # (648: and their states fp32 whatever is set)
    "bailing_hybrid": Rules(
        latents=True, states="fp32", states_follow=False, blocks_follow=False, kda_of_rope=True
    ),
    # models/commandr.py:244, cohere2_moe.py:256: a window of one token more
    "cohere2": Rules(window_more=1),
    "cohere2_moe": Rules(window_more=1),
    # models/falcon.py:173: its attention is told nothing of the cache's dtype
    "falcon": Rules(own_dtype=True),
    # which attend with sinks (models/gpt_oss.py:186, granite.py:234, granitemoe.py:223, flint)
    **dict.fromkeys(("gpt_oss", "granite_swa", "granitemoe_swa", "flint"), Rules(sinks=True)),
    "bloom": Rules(alibi=True),
    "gemma2": Rules(soft_cap=True),
    "vaultgemma": Rules(soft_cap=True),
    # models/glm4_1v.py: the vision towers of all releases have 12 heads, which ranks share
    "glm4v": Rules(tower=12),
    "glm4v_moe": Rules(tower=12),
    # without a class of its own: the Transformers backend keeps the latents, and no index
    "axk2": Rules(latents=True, index=False),
    "minimax_m3": Rules(block=128, own_backend=True),
    # models/config.py: states are fp32 unless the file says mamba_ssm_cache_dtype
    "nemotron_h": NEMOTRON,
    "nemotron_h_puzzle": NEMOTRON,
    # models/config.py: mamba_ssm_dtype of the file
    "qwen3_5": QWEN,
    "qwen3_5_moe": QWEN,
    "olmo_hybrid": Rules(never_exports=True),
    "mimo_v2": Rules(mtp_window=True),
    "mimo_v2_flash": Rules(mtp_window=True),
    # which implement no SupportsPP (model_executor/models), and the wrappers that do not
    **dict.fromkeys("gemma3n mamba2 mamba_ssm whisper hrm dory".split(), ONE_STAGE),  # noqa: SIM905
    **dict.fromkeys("aria idefics3 smolvlm paddleocr phi4mm nemotron_parse".split(), ONE_STAGE),  # noqa: SIM905
    # quantization/turboquant/config.py:236: layer_types or layers_block_type would tell them
    "falcon_h1": Rules(packs=False),
    "qwen4_exp": Rules(packs=False),
    "zamba2": Rules(stages=False, packs=False),
}

STATES_ALONE = frozenset(["mamba", "mamba2", "mamba_ssm", "falcon_mamba"])
"""Types whose class has no attention (IsAttentionFree); others are hybrids, whatever they list."""


def types_of(model: Model) -> tuple[str, ...]:
    """The `model_type`s of a model, the outermost first; none where that is not known."""
    named = model.architecture
    if named is None or named.dialect != "huggingface":
        return ()
    return tuple(name for name in (named.name, named.inner) if name)


def rules_of(model: Model) -> Rules:
    """What is otherwise for a model."""
    names = types_of(model)
    if not names:
        return LATENTS
    for name in names:
        for known in (name, plain(name)):
            if known in _RULES:
                return _RULES[known]
    return PLAIN


def plain(name: str) -> str:
    for end in ("_text", "_vl"):
        name = name.removesuffix(end)
    return name


def named_in(model: Model, known: frozenset[str]) -> bool:
    """Whether one of the types of a model is among those known."""
    return bool({*types_of(model), *map(plain, types_of(model))} & known)

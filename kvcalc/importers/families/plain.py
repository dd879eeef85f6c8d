"""Families in which every layer keeps a key and a value per KV head, of every token.

Numbers are the defaults of the class in transformers 5.24.0 (models/<family>/configuration_*.py).
"""

from __future__ import annotations

from functools import partial

from kvcalc.attention.base import Scheme
from kvcalc.importers.family import Family
from kvcalc.importers.fields import Fields
from kvcalc.importers.harmless import OFF
from kvcalc.importers.parts import MULTI, Heads, full, hidden_over, keyed
from kvcalc.importers.schedules import FULL, same
from kvcalc.importers.values import short
from kvcalc.importers.vocabulary import ALIASES

plain = partial(Family, parts={FULL: full()}, schedule=same())
"""A family of full attention in every layer."""


def _every_head(f: Fields) -> tuple[Scheme, ...]:
    """All heads keep their own; a file may say so."""
    if f.optional("kv_heads") not in (None, f.count("heads")):
        f.wrong("kv_heads", "is not num_attention_heads, and the code knows no other number")
    return full(MULTI)(f)


multi = partial(Family, parts={FULL: _every_head}, schedule=same())
"""The same, from before KV heads could be fewer than query heads."""


def _inside(f: Fields, name: str, *unused: str) -> Fields:
    """A nested object of fields; saved by the class, it has those of the base class too."""
    inner = f.group(name)
    inner.spare("model_type", *unused, *(other for other in OFF if not inner.data.get(other)))
    return inner


def _falcon(f: Fields) -> tuple[Scheme, ...]:
    """`multi_query` decides, and with it the old decoder has one KV head whatever num_kv_heads is.

    The new decoder keeps groups.
    """
    heads = f.count("heads")
    width = hidden_over(f, heads)
    groups = f.optional("kv_heads") or heads
    if not f.flag("new_decoder_architecture"):
        groups = 1 if f.flag("multi_query") else heads
    elif f.get("kv_heads") == 1 and heads > 1:
        f.wrong("kv_heads", "is 1, as no published model with new_decoder_architecture has it")
    return (keyed(heads, groups, width, width),)


def _refined_web(f: Fields) -> tuple[Scheme, ...]:
    """Falcon's first name: n_head_kv groups where that is stated, else `multi_query` decides."""
    heads = f.count("heads")
    kept = f.optional("kv_heads") or (1 if f.flag("multi_query") else heads)
    width = hidden_over(f, heads)
    return (keyed(heads, kept, width, width),)


def _mpt(f: Fields) -> tuple[Scheme, ...]:
    """`attn_config` may ask for fewer KV heads, which transformers' class does not know."""
    inner = _inside(f, "attn_config", "prefix_lm", "qk_ln", "attn_uses_sequence_id", "alibi")
    inner.spare("attn_impl", "alibi_bias_max", "rope", "is_encoder_decoder")
    kind = inner.word("attn_type")
    if kind not in (None, "multihead_attention"):
        text = f"attn_type of attn_config is {short(kind)}; multihead_attention alone is known"
        inner.problem(text, "attn_type")
    return full(MULTI)(f)


def _bigcode(f: Fields) -> tuple[Scheme, ...]:
    """`multi_query` alone decides between one KV head and all of them."""
    heads = f.count("heads")
    width = hidden_over(f, heads)
    return (keyed(heads, 1 if f.flag("multi_query") else heads, width, width),)


def _dbrx(f: Fields) -> tuple[Scheme, ...]:
    """The number of KV heads stands in `attn_config`."""
    heads = f.count("heads")
    inner = _inside(f, "attn_config", "is_encoder_decoder")
    groups = inner.optional("kv_n_heads") or f.count("dbrx_kv_heads")
    width = hidden_over(f, heads)
    return (keyed(heads, groups, width, width),)


def _jetmoe(f: Fields) -> tuple[Scheme, ...]:
    """Attention experts: each of the experts that a token takes has the KV heads once."""
    groups = f.count("kv_heads")
    heads = groups * f.count("num_experts_per_tok")
    width = f.count("kv_channels")
    return (keyed(heads, groups, width, width),)


def _hunyuan_v1(f: Fields) -> tuple[Scheme, ...]:
    """Its files still speak of sharing caches and of latents, which the class does not know."""
    for name in ("use_cla", "use_mla"):
        if f.flag(name):
            f.wrong(name, "is true, which the class does not know")
    return full()(f)


def _gpt2(f: Fields) -> tuple[Scheme, ...]:
    """All heads. SantaCoder, which has one KV head, calls itself gpt2 too."""
    if f.flag("multi_query"):
        f.wrong("multi_query", "is true, which the class of gpt2 does not know")
    return _every_head(f)


bigcode = partial(
    plain,
    defaults=dict(layers=12, hidden=768, heads=12, multi_query=True),
    parts={FULL: _bigcode},
    unused=("kv_heads", "runner_max_sequence_length", "pad_key_length", "attention_bias_in_fp32"),
)
"""GPT-2 with one KV head."""

ernie = partial(plain, unused=("compression_ratio", "fuse_attention_ffn"))
"""Its compression_ratio is read by no class: the positions were once to be divided by it."""

# fmt: off
KOSMOS = dict(layers=("layers", "num_hidden_layers"), hidden=("embed_dim", "hidden_size"),
    heads=("attention_heads", "num_attention_heads"))

HUNYUAN = ("add_classification_head", "anyres_pooling_size", "cla_share_factor", "pool_type",
    "group_limited_greedy")
"""What is said of pictures, of a classifier, of experts, and of a sharing that is off."""

AS_SEQ_LENGTH = {"max_context": ("seq_length", *ALIASES["max_context"])}
"""Where the longest context is called so, as llama.cpp's conversion (0.3.36) takes it."""

PLAIN = (
    plain("apertus", "apertus1p5_text", defaults=dict(layers=32, hidden=4096, heads=32)),
    plain("arcee", defaults=dict(layers=32, hidden=2560, heads=32)),
    plain("aria_text", defaults=dict(layers=32, hidden=4096, heads=32)),
    multi("biogpt", defaults=dict(layers=24, hidden=1024, heads=16)),
    plain("bitnet", defaults=dict(layers=30, hidden=2560, heads=20, kv_heads=5)),
    multi("bloom", defaults=dict(layers=2, hidden=64, heads=8), names=AS_SEQ_LENGTH,
        unused=("offset_alibi", "skip_bias_add")),
    multi("codegen", defaults=dict(layers=28, hidden=4096, heads=16), unused=("rotary_dim",)),
    plain("chameleon", defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=32),
        unused=("swin_norm", "vq_config")),
    plain("cohere", defaults=dict(layers=40, hidden=8192, heads=64)),
    plain("cosmos3_edge_text",
        defaults=dict(layers=28, hidden=2048, heads=16, kv_heads=8, head_dim=128)),
    multi("ctrl", defaults=dict(layers=48, hidden=1280, heads=16)),
    plain("dbrx", defaults=dict(layers=24, hidden=2048, heads=16, dbrx_kv_heads=1),
        parts={FULL: _dbrx}, unused=("kv_heads",)),
    plain("deepseek_ocr2_text", defaults=dict(layers=32, hidden=4096, heads=32)),
    plain("diffllama", defaults=dict(layers=16, hidden=2048, heads=32), unused=("lambda_std_dev",)),
    plain("emu3_text_model", defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8)),
    ernie("ernie4_5", defaults=dict(layers=18, hidden=1024, heads=16, kv_heads=2, head_dim=128)),
    ernie("ernie4_5_moe", "ernie4_5_vl_moe_text",
        defaults=dict(layers=28, hidden=2560, heads=20, kv_heads=4), mtp=FULL),
    plain("exaone", defaults=dict(layers=32, hidden=4096, heads=32, kv_heads=8)),
    plain("falcon", defaults=dict(layers=32, hidden=4544, heads=71, multi_query=True),
        parts={FULL: _falcon},
        unused=("alibi", "multi_query", "kv_heads", "new_decoder_architecture")),
    plain("RefinedWeb", "RefinedWebModel", parts={FULL: _refined_web},
        unused=("alibi", "multi_query")),
    plain("flex_olmo", defaults=dict(layers=32, hidden=4096, heads=32)),
    plain("gemma", defaults=dict(layers=28, hidden=3072, heads=16, kv_heads=16, head_dim=256),
        unused=("use_bidirectional_attention",)),
    multi("git", defaults=dict(layers=6, hidden=768, heads=12),
        unused=("num_image_with_embedding",)),
    plain("glm", "glm4", defaults=dict(layers=40, hidden=4096, heads=32, kv_heads=2, head_dim=128)),
    plain("glm4_moe", "glm4v_moe_text", "glm4v_moe",
        defaults=dict(layers=46, hidden=4096, heads=96, kv_heads=8), mtp=FULL),
    plain("glm4v_text", "glm4v", defaults=dict(layers=40, hidden=4096, heads=32, kv_heads=2),
        parts={FULL: full(Heads(head_dim=""))}, unused=("head_dim",)),
    plain("glm_ocr_text", defaults=dict(layers=16, hidden=1024, heads=16, kv_heads=8), mtp=FULL),
    multi("gpt2", "gpt-sw3", defaults=dict(layers=12, hidden=768, heads=12), parts={FULL: _gpt2},
        marks=(("n_embd", "n_head", "n_layer", "n_positions"),)),
    bigcode("gpt_bigcode"),
    multi("gpt_neox", defaults=dict(layers=44, hidden=6144, heads=64)),
    multi("gpt_neox_japanese", defaults=dict(layers=32, hidden=2560, heads=32)),
    multi("gptj", defaults=dict(layers=28, hidden=4096, heads=16), unused=("rotary_dim",)),
    plain("granite", "granitemoe", "granitemoeshared",
        defaults=dict(layers=32, hidden=4096, heads=32)),
    plain("granite4_vision_text", defaults=dict(layers=32, hidden=4096, heads=32)),
    plain("granite_docling_text", defaults=dict(layers=28, hidden=1024, heads=16, kv_heads=4)),
    plain("helium", defaults=dict(layers=24, hidden=2560, heads=20, kv_heads=20, head_dim=128)),
    plain("hunyuan_v1_dense", "hunyuan_v1_moe", "hunyuan_vl_text",
        defaults=dict(layers=32, hidden=4096, heads=32), parts={FULL: _hunyuan_v1},
        unused=HUNYUAN),
    plain("hy_v3", defaults=dict(layers=80, hidden=4096, heads=64, kv_heads=8, head_dim=128),
        mtp=FULL),
    plain("hyperclovax", defaults=dict(layers=32, hidden=4096, heads=32)),
    plain("internlm2", defaults=dict(layers=32, hidden=4096, heads=32)),
    plain("internlm3", defaults=dict(layers=48, hidden=4096, heads=32, kv_heads=2, head_dim=128)),
    plain("iquestcoder", defaults=dict(layers=80, hidden=5120, heads=40, kv_heads=8, head_dim=128)),
    plain("jais2", defaults=dict(layers=32, hidden=3328, heads=26)),
    plain("jetmoe",
        defaults=dict(layers=12, hidden=2048, kv_heads=16, kv_channels=128, num_experts_per_tok=2),
        parts={FULL: _jetmoe}, unused=("heads",)),
    multi("kosmos_2_text_model", defaults=dict(layers=24, hidden=2048, heads=32), names=KOSMOS),
    multi("kosmos_2_5_text_model", defaults=dict(layers=24, hidden=1536, heads=16), names=KOSMOS),
    plain("llama", defaults=dict(layers=32, hidden=4096, heads=32), unused=("rope_dim",)),
    plain("molmo2_text", unused=("rope_scaling_layers",),
        defaults=dict(layers=36, hidden=4096, heads=32, kv_heads=8, head_dim=128)),
    plain("mpt", defaults=dict(layers=24, hidden=2048, heads=16), parts={FULL: _mpt}),
    plain("nanochat", defaults=dict(layers=12, hidden=768, heads=6)),
    plain("nemotron", defaults=dict(layers=32, hidden=6144, heads=48)),
    plain("olmo", "olmo2", defaults=dict(layers=32, hidden=4096, heads=32)),
    plain("olmoe", defaults=dict(layers=16, hidden=2048, heads=16)),
    multi("openai-gpt", defaults=dict(layers=12, hidden=768, heads=12)),
    multi("opt", defaults=dict(layers=12, hidden=768, heads=12)),
    ernie("paddleocr_vl_text", "paddleocr_vl",
        defaults=dict(layers=18, hidden=1024, heads=16, kv_heads=2, head_dim=128)),
    multi("persimmon", "fuyu", defaults=dict(layers=36, hidden=4096, heads=64)),
    plain("phi", defaults=dict(layers=24, hidden=2048, heads=32)),
    plain("sarvam_moe", defaults=dict(layers=19, hidden=4096, heads=64, kv_heads=4, head_dim=64)),
    plain("seed_oss", defaults=dict(layers=64, hidden=4096, heads=80, kv_heads=8, head_dim=128)),
    plain("solar_open", defaults=dict(layers=48, hidden=4096, heads=64, kv_heads=8, head_dim=128)),
    plain("stablelm", defaults=dict(layers=32, hidden=2560, heads=32, kv_heads=32)),
    plain("xglm", defaults=dict(layers=24, hidden=1024, heads=16), parts={FULL: full(MULTI)},
        names={"heads": ("attention_heads", "num_attention_heads")}),
)
# fmt: on

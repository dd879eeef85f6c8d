"""Which GGUF architecture llama.cpp's converter makes of a model, by its class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import kvcalc
from kvcalc.bundle import bundled
from kvcalc.engines.llama_cpp.converted import CONVERTED, architecture_of
from kvcalc.model import Architecture
from tests.configurations import LLAMA, loaded

# conversion/<file>.py of llama.cpp b11434, the name that its class registers, the GGUF architecture
# of that class (gguf-py/gguf/constants.py), and the `model_type` that files of it state
REGISTERED = """
afmoe AfmoeForCausalLM afmoe: afmoe
arctic ArcticForCausalLM arctic: arctic
baichuan BaichuanForCausalLM baichuan: baichuan
bailingmoe BailingMoeForCausalLM bailingmoe: bailing_moe
bailingmoe BailingMoeV2ForCausalLM bailingmoe2: bailing_moe_v2
bailingmoe SarvamMoEForCausalLM bailingmoe2: sarvam_moe
bailingmoe3 BailingMoeV3ForCausalLM bailingmoe3: bailing_hybrid
bert BertModel bert: bert
bert CamembertModel bert: camembert
bert RobertaModel bert: roberta
bert XLMRobertaModel bert: xlm-roberta
bitnet BitNetForCausalLM bitnet: bitnet
bloom BloomForCausalLM bloom: bloom
chameleon ChameleonForConditionalGeneration chameleon: chameleon
chatglm ChatGLMModel chatglm: chatglm
chatglm GlmForCausalLM chatglm: glm
codeshell CodeShellForCausalLM codeshell: codeshell
cogvlm CogVLMForCausalLM cogvlm: cogvlm
command_r Cohere2ForCausalLM cohere2: cohere2
command_r Cohere2MoeForCausalLM cohere2moe: cohere2_moe
command_r CohereForCausalLM command-r: cohere
dbrx DbrxForCausalLM dbrx: dbrx
deci DeciLMForCausalLM deci: deci nemotron-nas
deepseek DeepseekForCausalLM deepseek: deepseek
deepseek DeepseekOCRForCausalLM deepseek2: deepseek_vl_v2
deepseek DeepseekOCRForCausalLM deepseek2-ocr: deepseek-ocr
deepseek DeepseekV2ForCausalLM deepseek2: deepseek_v2
deepseek DeepseekV32ForCausalLM deepseek32: deepseek_v32
deepseek DeepseekV3ForCausalLM deepseek2: deepseek_v3 kimi_k2
deepseek DeepseekV4ForCausalLM deepseek4: deepseek_v4
deepseek KimiK25ForConditionalGeneration deepseek2: kimi_k25
deepseek KimiVLForConditionalGeneration deepseek2: kimi_vl
deepseek YoutuForCausalLM deepseek2: youtu
dots1 Dots1ForCausalLM dots1: dots1
dots3 Dots3NoteForCausalLM dots3note: dots3_note dots3_note_text
ernie Ernie4_5ForCausalLM ernie4_5: ernie4_5
ernie Ernie4_5_MoeForCausalLM ernie4_5-moe: ernie4_5_moe
ernie PaddleOCRVLForConditionalGeneration paddleocr: paddleocr_vl paddleocr_vl_text
exaone Exaone4ForCausalLM exaone4: exaone4
exaone Exaone4_5_ForConditionalGeneration exaone4: exaone4_5 exaone4_5_text
exaone ExaoneForCausalLM exaone: exaone
exaone ExaoneMoeForCausalLM exaone-moe: exaone_moe
falcon FalconForCausalLM falcon: falcon
falcon RWForCausalLM falcon: RefinedWeb RefinedWebModel
falcon_h1 FalconH1ForCausalLM falcon-h1: falcon_h1
gemma Gemma2ForCausalLM gemma2: gemma2
gemma Gemma3ForCausalLM gemma3: gemma3_text
gemma Gemma3ForConditionalGeneration gemma3: gemma3
gemma Gemma3nForCausalLM gemma3n: gemma3n_text
gemma Gemma3nForConditionalGeneration gemma3n: gemma3n
gemma Gemma4AssistantForCausalLM gemma4-assistant: gemma4_assistant
gemma Gemma4ForCausalLM gemma4: gemma4_text
gemma Gemma4ForConditionalGeneration gemma4: gemma4
gemma Gemma4UnifiedAssistantForCausalLM gemma4-assistant: gemma4_unified_assistant
gemma Gemma4UnifiedForConditionalGeneration gemma4: gemma4_unified gemma4_unified_text
gemma GemmaForCausalLM gemma: gemma
glm Glm4ForCausalLM glm4: glm4
glm Glm4MoeForCausalLM glm4moe: glm4_moe
glm Glm4MoeLiteForCausalLM deepseek2: glm4_moe_lite
glm Glm4vForConditionalGeneration glm4: glm4v glm4v_text
glm Glm4vMoeForConditionalGeneration glm4moe: glm4v_moe glm4v_moe_text
glm Glm5NextForConditionalGeneration glm5-next: glm5_next glm5_next_text
glm GlmMoeDsaForCausalLM glm-dsa: glm_moe_dsa
glm GlmOcrForConditionalGeneration glm4: glm_ocr glm_ocr_text
glm SolarOpenForCausalLM glm4moe: solar_open
gpt2 GPT2LMHeadModel gpt2: gpt-sw3 gpt2
gpt_oss GptOssForCausalLM gpt-oss: gpt_oss
gptneox GPTNeoXForCausalLM gptneox: gpt_neox
granite BambaForCausalLM granitehybrid: bamba
granite GraniteForCausalLM granite: granite
granite GraniteMoeForCausalLM granitemoe: granitemoe
granite GraniteMoeHybridForCausalLM granitehybrid: granitemoehybrid
granite GraniteMoeSWAForCausalLM granite_swa: granitemoe_swa
granite GraniteMoeSharedForCausalLM granitemoe: granitemoeshared
granite GraniteSWAForCausalLM granite_swa: granite_swa
grok Grok1ForCausalLM grok: grok-1
grovemoe GroveMoeForCausalLM grovemoe: grove_moe
hrm_text HrmTextForCausalLM hrm_text: hrm_text
hunyuan HYV3ForCausalLM hy_v3: hy_v3
hunyuan HunYuanDenseV1ForCausalLM hunyuan-dense: hunyuan_v1_dense
hunyuan HunYuanMoEV1ForCausalLM hunyuan-moe: hunyuan_v1_moe
hunyuan HunYuanVLForConditionalGeneration hunyuan_vl: hunyuan_vl hunyuan_vl_text
hy_v4 HYV4ForCausalLM hy_v4: hy_v4
internlm InternLM2ForCausalLM internlm2: internlm2
internlm InternLM3ForCausalLM llama: internlm3
jais JAISLMHeadModel jais: jais
jais Jais2ForCausalLM jais2: jais2
jamba JambaForCausalLM jamba: jamba
januspro JanusForConditionalGeneration llama: janus
kimi_k3 KimiK3ForConditionalGeneration kimi-k3: kimi_k3
kimi_linear KimiLinearForCausalLM kimi-linear: kimi_linear
laguna LagunaForCausalLM laguna: laguna
lfm2 Lfm2ForCausalLM lfm2: lfm2
lfm2 Lfm2MoeForCausalLM lfm2moe: lfm2_moe
llada LLaDAMoEModelLM llada-moe: llada_moe
llada LLaDAModelLM llada: llada
llama ApertusForCausalLM apertus: apertus
llama ArceeForCausalLM arcee: arcee
llama IQuestCoderForCausalLM llama: iquestcoder
llama Llama4ForCausalLM llama4: llama4 llama4_text
llama LlamaForCausalLM llama: llama
llama LlavaForConditionalGeneration llama: llava
llama MistralForCausalLM llama: ministral mistral
llama MixtralForCausalLM llama: mixtral
llama SmolLM3ForCausalLM smollm3: smollm3
llama VoxtralForConditionalGeneration llama: voxtral
maincoder MaincoderForCausalLM maincoder: maincoder
mamba FalconMambaForCausalLM mamba: falcon_mamba
mamba Mamba2ForCausalLM mamba2: mamba2
mamba MambaForCausalLM mamba: mamba
mamba MambaLMHeadModel mamba: mamba_ssm
mellum MellumForCausalLM mellum: mellum
mimo MiMoV2FlashForCausalLM mimo2: mimo_v2_flash
mimo MiMoV2ForCausalLM mimo2: mimo_v2
minicpm MiniCPM3ForCausalLM minicpm3: minicpm3
minicpm MiniCPMForCausalLM minicpm: minicpm
minicpm MiniCPMV4_6ForConditionalGeneration qwen35: minicpmv4_6
minimax MiniMaxM1ForCausalLM minimax-01: minimax_m1
minimax MiniMaxM2ForCausalLM minimax-m2: minimax_m2
minimax MiniMaxM3SparseForCausalLM minimax-m3: minimax_m3
minimax MiniMaxM3SparseForConditionalGeneration minimax-m3: minimax_m3_vl minimax_m3_vl_text
minimax MiniMaxText01ForCausalLM minimax-01: minimax_text_01
mistral3 Ministral3ForCausalLM mistral3: ministral3
mistral3 Mistral3ForConditionalGeneration mistral3: mistral3
mistral3 Mistral3ForConditionalGeneration mistral4: mistral4
mpt MPTForCausalLM mpt: mpt
muse_glimmer MuseGlimmerAssistantModel dflash: muse_glimmer_assistant
muse_glimmer MuseGlimmerForConditionalGeneration muse-glimmer: muse_glimmer muse_glimmer_text
nemotron NemotronForCausalLM nemotron: nemotron
nemotron NemotronHForCausalLM nemotron_h: nemotron_h
olmo OLMoForCausalLM olmo: hf_olmo
olmo Olmo2ForCausalLM olmo2: olmo2
olmo Olmo3ForCausalLM olmo2: olmo3
olmo OlmoForCausalLM olmo: olmo
olmo OlmoeForCausalLM olmoe: olmoe
olmo SeedOssForCausalLM seed_oss: seed_oss
openelm OpenELMForCausalLM openelm: openelm
orion OrionForCausalLM orion: orion
pangu PanguEmbeddedForCausalLM pangu-embedded: PanguEmbedded
phi Phi3ForCausalLM phi3: phi3
phi PhiForCausalLM phi2: phi
phi PhiMoEForCausalLM phimoe: phimoe
plamo Plamo2ForCausalLM plamo2: plamo2
plamo Plamo3ForCausalLM plamo3: plamo3
plamo PlamoForCausalLM plamo: plamo
plm PLMForCausalLM plm: plm
qwen AudioFlamingo3ForConditionalGeneration qwen2: audioflamingo3
qwen DotsOCRForCausalLM qwen2: dots_ocr
qwen QWenLMHeadModel qwen: qwen
qwen Qwen2AudioForConditionalGeneration qwen2: qwen2_audio
qwen Qwen2ForCausalLM qwen2: qwen2
qwen Qwen2MoeForCausalLM qwen2moe: qwen2_moe
qwen Qwen3ForCausalLM qwen3: qwen3
qwen Qwen3MoeForCausalLM qwen3moe: qwen3_moe
qwen Qwen3NextForCausalLM qwen3next: qwen3_next
qwen Qwen3_5ForCausalLM qwen35: qwen3_5 qwen3_5_text
qwen Qwen3_5MoeForCausalLM qwen35moe: qwen3_5_moe qwen3_5_moe_text
qwen3vl Qwen3ASRForConditionalGeneration qwen3vl: qwen3_asr
qwen3vl Qwen3OmniMoeForConditionalGeneration qwen3vlmoe: qwen3_omni_moe qwen3_omni_moe_text
qwen3vl Qwen3VLForConditionalGeneration qwen3vl: qwen3_vl qwen3_vl_text
qwen3vl Qwen3VLMoeForConditionalGeneration qwen3vlmoe: qwen3_vl_moe qwen3_vl_moe_text
qwen4exp Qwen4ExpForCausalLM qwen4exp: qwen4_exp qwen4_exp_text
qwenvl Qwen2VLForConditionalGeneration qwen2vl: qwen2_vl qwen2_vl_text
qwenvl Qwen2_5OmniModel qwen2vl: qwen2_5_omni qwen2_5_omni_text
qwenvl Qwen2_5_VLForConditionalGeneration qwen2vl: qwen2_5_vl qwen2_5_vl_text
refact GPTRefactForCausalLM refact: gpt_refact
rwkv RWKV7ForCausalLM rwkv7: rwkv7
rwkv Rwkv6ForCausalLM rwkv6: rwkv6
smallthinker SmallThinkerForCausalLM smallthinker: smallthinker
stablelm StableLMEpochForCausalLM stablelm: stablelm_epoch
stablelm StableLmForCausalLM stablelm: stablelm
starcoder GPTBigCodeForCausalLM starcoder: gpt_bigcode
starcoder Starcoder2ForCausalLM starcoder2: starcoder2
step3 Step3p5ForCausalLM step35: step3p5
step3 Step3p7ForConditionalGeneration step35: step3p7
t5 MT5ForConditionalGeneration t5: mt5
t5 T5ForConditionalGeneration t5: t5
t5 UMT5ForConditionalGeneration t5: umt5
xverse XverseForCausalLM xverse: xverse
"""


def test_each_type_becomes_what_its_class_does() -> None:
    rows = [line.split(": ") for line in REGISTERED.strip().splitlines()]
    assert {kind: row.split()[2] for row, kinds in rows for kind in kinds.split()} == CONVERTED


# bundled models that name an architecture of which conversion/__init__.py has no class
NO_CLASS = """
a.x-k2 baichuan-m1-14b deepseek-v4.1-flash hunyuan-large inkling inkling-2-mini inkling-2-small
inkling-small kolibri-1 mimo-7b muse-spark-816b opt-66b phi-4-mini-flash
recurrentgemma-2b step-3 whisper-large-v3 xlstm-7b zamba2-2.7b
""".split()  # noqa: SIM905  a list would take a page


def test_bundled_models_without_a_class() -> None:
    models = {name: kvcalc.load(name) for name in bundled()}
    named = {name: model for name, model in models.items() if model.architecture is not None}
    assert {name for name in named if architecture_of(named[name]) is None} == set(NO_CLASS)


LATENT = {"kind": "mla", "latent_dim": 64, "rope_dim": 16}
HEADS = {"kind": "gqa", "kv_heads": 2}
MAMBA1 = {"kind": "mamba1", "inner_dim": 128, "state_dim": 16, "conv_kernel": 4}
MAMBA2 = {
    "kind": "mamba2",
    "state_heads": 2,
    "state_head_dim": 64,
    "state_dim": 16,
    "state_groups": 1,
    "conv_kernel": 4,
}
STATE = {"state_heads": 2, "key_dim": 64, "value_dim": 64}
KDA = {"kind": "kda", **STATE, "conv_kernel": 4}
LIGHTNING = {"kind": "lightning", **STATE}


def model(architecture: Any, attention: dict[str, Any], **fields: Any) -> kvcalc.Model:
    """A small model of 4 layers."""
    given = {"name": "small", "dtype": "bf16", "heads": 8, "head_dim": 64, "layers": 4}
    return kvcalc.load({**given, "architecture": architecture, "attention": attention, **fields})


def inside(name: str, inner: str) -> dict[str, str]:
    return {"model_type": name, "inner": inner}


BY_CONTENTS: tuple[tuple[Any, dict[str, Any], str | None], ...] = (
    ({"gguf": "any-of-tomorrow"}, HEADS, "any-of-tomorrow"),
    ("llama", HEADS, "llama"),
    ("of_tomorrow", HEADS, None),
    # a text inside something else: the text's class, where it has one
    (inside("internvl_chat", "internlm2"), HEADS, "internlm2"),
    (inside("gemma3", "gemma3_text"), HEADS, "gemma3"),
    (inside("kimi_k25", "deepseek_v3"), LATENT, "deepseek2"),
    (inside("step3_vl", "step3_text"), HEADS, None),
    # and not its class, where what is around it has its own (base.py, mistral3.py)
    (inside("kimi_k3", "kimi_linear"), KDA, "kimi-k3"),
    ("kimi_linear", KDA, "kimi-linear"),
    (inside("mistral3", "mistral"), HEADS, "mistral3"),
    (inside("mistral3", "ministral3"), HEADS, "mistral3"),
    (inside("mistral3", "mistral4"), LATENT, "mistral4"),
    # one model_type and two architectures
    ("bailing_hybrid", KDA, "bailingmoe3"),
    ("bailing_hybrid", LIGHTNING, None),
    (inside("deepseek_vl_v2", "deepseek_v2"), LATENT, "deepseek2"),
    (inside("deepseek_vl_v2", "deepseek_v2"), {"kind": "mha"}, "deepseek2-ocr"),
    ("granitemoehybrid", MAMBA2, "granitehybrid"),
    ("granitemoehybrid", HEADS, "granite"),
    ("mamba_ssm", MAMBA1, "mamba"),
    ("mamba_ssm", MAMBA2, "mamba2"),
    ("nemotron_h", MAMBA2, "nemotron_h"),
)


@pytest.mark.parametrize(("architecture", "attention", "expected"), BY_CONTENTS)
def test_by_contents(architecture: Any, attention: dict[str, Any], expected: str | None) -> None:
    assert architecture_of(model(architecture, attention)) == expected


def test_a_model_of_no_architecture() -> None:
    assert architecture_of(replace(loaded(LLAMA), architecture=None)) is None


@pytest.mark.parametrize(
    "fields",
    [{"parameters": 30_000, "active_parameters": 3_000}, {"mtp": 1}],
    ids=["experts", "mtp"],
)
def test_nemotron_h_of_experts(fields: dict[str, Any]) -> None:
    assert architecture_of(model("nemotron_h", HEADS, **fields)) == "nemotron_h_moe"


def test_mtp_layers_that_are_asked_for_still_tell_of_experts() -> None:
    asked = replace(loaded(LLAMA), architecture=Architecture("nemotron_h"), predicting=1)
    assert architecture_of(asked) == "nemotron_h_moe"

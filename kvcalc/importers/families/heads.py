"""Draft heads that have a `model_type` of their own; the rest are read as the model they are like.

Numbers are the defaults of vLLM's classes (transformers_utils/configs/medusa.py,
mlp_speculator.py; both up to 0.10) and of transformers 5.24.0 (models/muse_glimmer_assistant).
"""

from __future__ import annotations

from kvcalc.importers.families.windowed import STANDARD
from kvcalc.importers.family import Family
from kvcalc.importers.parts import none
from kvcalc.importers.schedules import FULL, SLIDING, same
from kvcalc.importers.vocabulary import HEADS_ALONE

_NOTHING = "its heads work on the target's last hidden state, and keep no cache of their own"

# fmt: off
HEADS = (
    Family("medusa", parts={FULL: none}, schedule=same(), marks=((HEADS_ALONE,),),
        defaults=dict(layers=1), note=_NOTHING,
        unused=("heads", HEADS_ALONE, "medusa_num_layers", "base_model_name_or_path", "max_paths",
            "topk", "truncated_vocab_size", "original_lm_head", "medusa_fc_bias", "logit_scale")),
    Family("mlp_speculator", parts={FULL: none}, schedule=same(),
        names={"layers": ("n_predict",)}, defaults=dict(layers=3), note=_NOTHING,
        unused=("emb_dim", "inner_dim", "n_candidates", "num_layers", "scale_input", "tie_weights",
            "tie_wts", "top_k_tokens_per_head")),
    Family("muse_glimmer_assistant", parts=STANDARD, schedule=same(SLIDING),
        defaults=dict(layers=5, hidden=6656, heads=32, kv_heads=8, head_dim=128, window=2048)),
)
# fmt: on

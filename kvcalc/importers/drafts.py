"""Draft heads: which layers they have, and what these keep.

A head keeps keys and values of its own layers alone, of every token of the context that they may
look back at: DFlash's of the target's hidden states, EAGLE's of those beside the token. Read off
SpecForge 0.2.0 (modeling/draft), vLLM 0.33.0 (models/*eagle*.py, qwen3_dflash.py), speculators
0.9.0 (models/*/config.py) and transformers 5.24.0 (cache_utils.py, DFlashCache).
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

from kvcalc.errors import InvalidValue
from kvcalc.importers.draft_marks import KNOWN, is_mtp, marked_by, types_of
from kvcalc.importers.layers import mtp_layers_of
from kvcalc.importers.parts import windowed
from kvcalc.importers.schedules import FULL, LINEAR, SLIDING
from kvcalc.importers.values import is_number, short, whole
from kvcalc.importers.vocabulary import ALIASES
from kvcalc.model import MAX_LAYERS

if TYPE_CHECKING:
    from kvcalc.attention.base import Scheme
    from kvcalc.importers.family import Family
    from kvcalc.importers.fields import Fields
    from kvcalc.importers.levels import Levels

_BORROWS = ("gemma4_assistant", "gemma4_unified_assistant")
"""Heads whose layers all read the cache of their target, which their files need not say."""

_OWN = ("eagle_config", "dflash_config")
"""Objects with fields of the head, each of which is held to account."""

_LEFT_OVER = ("add_classification_head", "cla_share_factor", "pool_type", "use_cla")
"""What AngelSlim's heads take over from Hunyuan's own files, where `use_cla` says no."""

Layers = list[tuple["Scheme", ...]]
"""What each layer keeps, in order."""


def settled(family: Family, fields: Fields, levels: Levels) -> tuple[Family, Fields]:
    """The family and the fields of a draft head; both as they are where the file is none."""
    _say_what_medusa_is(family, fields)
    if not set(_BORROWS).isdisjoint(types_of(levels)):
        fields = _that_borrows(fields)
    mark = marked_by(levels)
    if not mark:
        return family, fields
    fields.note(f"read as a draft head, by {mark}: its own layers alone, none of its target's")
    fields.spare(*(name for name in KNOWN if name in fields.data))
    if not fields.data.get("use_cla"):
        fields.spare(*_LEFT_OVER)
    for name in _OWN:
        fields.group(name).spare(*KNOWN)
    _refuse_another_width(fields)
    if not is_mtp(levels):
        _refuse_what_a_class_fills_in(family, fields)
    _say_how_many_layers(mark, fields)
    fields = _with_own_windows(fields)
    kinds = fields.data.get("layer_types")
    if isinstance(kinds, list) and SLIDING in kinds:
        fields.spare("use_sliding_window")  # the list says it layer by layer
        family = _that_slides(family)
    return family, fields


def own_layers(
    levels: Levels, family: Family, fields: Fields, layers: Layers
) -> tuple[Layers, Layers]:
    """A model's layers, and those of its MTP; a file of MTP alone has these for its layers.

    Such a file may state how many layers its target has, as if they were its own. Raises
    InvalidValue where it does, and nothing tells what the MTP layers keep.
    """
    mtp = mtp_layers_of(family, fields)
    if not is_mtp(levels):
        return layers, mtp
    count = len(mtp) or _stated_outside(levels) or 1
    if len(layers) <= count:
        return layers, []
    if not mtp and set(family.parts) == {FULL}:
        mtp = layers[:count]
    elif not mtp:
        fields.wrong("layers", f"is {len(layers)}: the target's, and not of its MTP head alone")
        raise InvalidValue(list(fields.problems))
    fields.note("read as an MTP head: its own layers alone, none of its target's")
    return mtp, []


def _stated_outside(levels: Levels) -> int:
    """How many MTP layers the outermost configuration states, for one inside that does not."""
    stated = (whole(levels[-1][1].get(name)) for name in ALIASES["mtp_layers"])
    return next((n for n in stated if is_number(n) and n > 0), 0)


def _that_borrows(fields: Fields) -> Fields:
    """The fields of a head whose layers are all shared, as its class fills in."""
    if fields.data.get("num_kv_shared_layers"):
        return fields
    return fields.but(num_kv_shared_layers=fields.count("layers"))


def _say_what_medusa_is(family: Family, fields: Fields) -> None:
    """Heads of Medusa are linear layers on the last hidden state: they keep nothing."""
    named = [name for name in fields.data if name == "medusa" or name.startswith("medusa_")]
    fields.spare(*named)
    if named and family.name != "medusa":
        fields.note("Medusa's heads keep no cache: what is counted is the model's own")


def _say_how_many_layers(mark: str, fields: Fields) -> None:
    """EAGLE-3's first classes have one layer; engines build as many as the file states."""
    stated = fields.data.get("num_hidden_layers")
    if re.search(r"Eagle3", mark) and stated not in (None, 1) and not fields.problems:
        text = f"num_hidden_layers is counted as stated, {stated}"
        fields.note(f"{text}: SpecForge's and AngelSlim's EAGLE-3 build one, vLLM and SGLang all")


def _refuse_another_width(fields: Fields) -> None:
    """DFlare may state its target's hidden_size, and its own as draft_hidden_size."""
    if fields.has("draft_hidden_size"):
        fields.spare("draft_hidden_size")
        if not fields.has("head_dim") and fields.get("draft_hidden_size") != fields.get("hidden"):
            text = "is not hidden_size, and no head_dim says how wide the heads are"
            fields.wrong("draft_hidden_size", text)


def _refuse_what_a_class_fills_in(family: Family, fields: Fields) -> None:
    """The attention of a head is its own: no latent or state is, but those that its file states."""
    if "kv_lora_rank" in fields.defaults and not fields.has("kv_lora_rank"):
        fields.wrong("kv_lora_rank", "is missing, and nothing else says what this head attends to")
    if LINEAR in family.parts and not fields.has("layer_kinds"):
        fields.wrong(
            "layer_kinds", "is missing, and nothing else says which layers of this head attend"
        )


def _with_own_windows(fields: Fields) -> Fields:
    """The fields with the windows that `dflash_config` states instead of the usual ones.

    With use_swa every layer slides unless layer_types says which; swa_window_size is the window.
    """
    own, kinds = fields.group("dflash_config"), fields.data.get("layer_types")
    modes, mode = ("gqa", "mha"), own.word("attention_mode")
    if mode not in (None, *modes):
        own.wrong("attention_mode", f"is {short(mode)}; {' and '.join(modes)} alone are known")
    everywhere, window = own.flag("use_swa"), own.optional("swa_window_size")
    slides = isinstance(kinds, list) and SLIDING in kinds
    if not (everywhere or (slides and window)):
        return fields
    stated = fields.data.get("sliding_window")
    if None not in (window, stated) and window != stated:
        own.wrong("swa_window_size", f"is {window}, but sliding_window is {short(stated)}")
    kinds = kinds if slides else [SLIDING] * min(fields.count("layers"), MAX_LAYERS)
    return fields.but(layer_types=kinds, sliding_window=window or stated, use_sliding_window=True)


def _that_slides(family: Family) -> Family:
    """The family with a kind of layer that slides, which a head may have where its base has none.

    The layers of a DFlash head are its own, whatever model lends it the names of its fields.
    """
    if SLIDING in family.parts or set(family.parts) != {FULL}:
        return family
    own = copy.copy(family)
    own.parts = {**family.parts, SLIDING: windowed()}
    return own

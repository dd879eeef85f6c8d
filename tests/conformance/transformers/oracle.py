"""What transformers really keeps: the bytes of its cache after one prefill, on the meta device.

No weights and no memory are needed: tensors on the meta device have shapes and dtypes alone. Every
floating-point tensor that the returned cache holds is counted once, its integer counters are not.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForSeq2SeqLM,
    PreTrainedConfig,
    PreTrainedModel,
    masking_utils,
)

SOURCE_TOKENS = 64
"""Tokens that an encoder sees, where a model has one."""

FACTORIES = (AutoModelForSeq2SeqLM, AutoModelForCausalLM, AutoModelForImageTextToText)


class NotMeasurableError(Exception):
    """transformers cannot build or run this model on the meta device, or returns no cache."""


def quiet() -> None:
    """No warnings; and masks that ask what a tensor's values are hear that nothing is padded."""
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    masking_utils.is_tracing = lambda *_: True
    masking_utils.fast_all = lambda *_: True
    PreTrainedModel.warn_if_padding_and_no_attention_mask = lambda *_: None
    torch.distributions.Distribution.set_default_validate_args(False)


class Oracle:
    """A model without weights, to be asked for the size of its cache.

    Raises NotMeasurableError where transformers cannot build it.
    """

    def __init__(self, config: PreTrainedConfig) -> None:
        self.source = 0
        """Tokens that cross attention looks back at, once a cache has been measured."""
        try:
            self.model = _build(config)
        except Exception as error:
            raise NotMeasurableError(_said(error)) from error

    def measure(self, context: int) -> int:
        """Bytes in the cache after a prefill of `context` tokens, in bf16.

        Raises NotMeasurableError.
        """
        try:
            with torch.no_grad(), torch.device("meta"):
                cache = self._run(torch.zeros(1, context, dtype=torch.long))
        except Exception as error:
            raise NotMeasurableError(_said(error)) from error
        crosses = getattr(cache, "cross_attention_cache", None)
        crossed = crosses is not None and next(_tensors(crosses, set()), None) is not None
        self.source = SOURCE_TOKENS if crossed else 0
        tensors = list(_tensors(cache, set()))
        if not tensors:
            raise NotMeasurableError(f"its {type(cache).__name__} holds no tensor")
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def _run(self, tokens: torch.Tensor) -> Any:
        inputs: dict[str, Any] = {"input_ids": tokens, "use_cache": True}
        if self.model.config.is_encoder_decoder:
            source = torch.zeros(1, SOURCE_TOKENS, dtype=torch.long)
            inputs = {"input_ids": source, "decoder_input_ids": tokens, "use_cache": True}
        output = self.model(**inputs)
        return getattr(output, "cache", None) or output.past_key_values


def _build(config: PreTrainedConfig) -> Any:
    """The first kind of model that a configuration can be built as."""
    first = None
    for factory in FACTORIES:
        if type(config) in factory._model_mapping:
            with torch.device("meta"):
                try:
                    return factory.from_config(config, dtype=torch.bfloat16).eval()
                except Exception as error:
                    first = first or error
    raise first or NotMeasurableError(f"no model class for {type(config).__name__}")


def _tensors(value: Any, seen: set[int]) -> Iterator[torch.Tensor]:
    """Every floating-point tensor inside a cache, however deep, once."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item, seen)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item, seen)
    elif type(value).__module__.startswith("transformers.") and not isinstance(
        value, PreTrainedConfig | type
    ):
        yield from _tensors(vars(value), seen)


def _said(error: Exception) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 140 else f"{text[:137]}..."

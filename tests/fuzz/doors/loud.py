"""Names that act on a terminal, in every place that has a name, through every format."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.fuzz.attempt import Attempt
from tests.fuzz.doors.commands import LLAMA
from tests.fuzz.trees import as_text
from tests.fuzz.values import LOUD, as_json

QUIET = ("a", "M", "b c", "x|y", "<&>", "]]>", '"', "`", "::error::x", "=1+1", "%0A", "\\", "#")
NAMES = st.sampled_from((*LOUD, *QUIET))
ANY = NAMES | st.text(st.characters(exclude_characters="/\x00"), min_size=1, max_size=6)

FORMS = ("table", "json", "jsonl", "csv", "markdown")
MORE = (*FORMS, "github", "junit", "sarif")


@st.composite
def _model(draw: DrawFn) -> dict[str, Any]:
    entry = draw(ANY)
    tensors = [{"name": draw(ANY), "role": "latent", "width": 64}]
    kinds = ({"kind": "gqa", "kv_heads": 2}, {"kind": "custom", "tensors": tensors})
    return {
        "name": draw(ANY),
        "vendor": draw(ANY),
        "heads": 8,
        "head_dim": 64,
        "layers": {"count": 2, "list": [entry, entry]},
        "dtype": "bf16",
        "attention": {entry: draw(st.sampled_from(kinds))},
        "sources": [{"from": draw(ANY), "says": draw(ANY), "read": "2026-01-01"}],
        "expect": {draw(st.sampled_from(("native.growth", "native.read"))): "1 kB"},
    }


@st.composite
def _claims(draw: DrawFn, model: str) -> dict[str, Any]:
    source = {"from": draw(ANY), "read": "2026-01-01", "primary": True}
    claim = {"id": draw(ANY), "quote": draw(ANY), "source": source, "model": model}
    return {"claims": [{**claim, "expect": {"mha/gqa": "4x"}, "note": draw(ANY)}]}


@st.composite
def loud(draw: DrawFn) -> Attempt:
    """A model, a configuration or claims with such names, in a file with such a name."""
    name = draw(st.sampled_from(("m", "m", *LOUD[:3], "n|m", "n`m")))
    what = draw(st.integers(0, 4))
    if what == 0:
        config = {
            **LLAMA,
            draw(ANY): draw(ANY),
            f"kv_{draw(ANY)}": draw(st.sampled_from((5, 0, 0))),
        }
        config["model_type"] = draw(st.sampled_from(("llama", "llama", draw(ANY))))
        name, text, command = f"{name}.json", as_json(config), draw(_commands())
        return Attempt((*command, name), {name: text})
    model = draw(_model())
    if draw(st.booleans()):
        model["expect"] = {draw(ANY): draw(ANY)}
        del model[draw(st.sampled_from(("vendor", "expect", "expect", "sources")))]
    files = {f"{name}.yaml": as_text(model, flow=draw(st.booleans()))}
    if what == 1:
        files["c.yaml"] = as_text(draw(_claims(f"{name}.yaml")), flow=draw(st.booleans()))
        return Attempt(("check", "c.yaml", "-f", draw(st.sampled_from(MORE))), files)
    return Attempt((*draw(_commands()), f"{name}.yaml"), files)


@st.composite
def _commands(draw: DrawFn) -> tuple[str, ...]:
    form = ("-f", draw(st.sampled_from(FORMS)))
    more = ("-f", draw(st.sampled_from(MORE)))
    return draw(
        st.sampled_from(
            (
                *(("show", *form), ("show", "--explain", *form), ("show", "--per-layer", *form)),
                *(("compare", *form), ("compare", "llama-3.1-8b", *form), ("check", *more)),
                *(("import",), ("import", "--diff", "llama-3.1-8b", *form), ("show", "-k")),
                ("compare", "--baseline", draw(ANY), *form),
                ("show", "--engine", draw(ANY), *form),
            )
        )
    )

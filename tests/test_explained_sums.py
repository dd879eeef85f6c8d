"""What `--explain` writes out: in every sum the lines come to the total, and to their products."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvcalc
from kvcalc.expect import QUANTITIES, Quantity
from kvcalc.render.explain import explain
from kvcalc.schema.reading.model import read_model
from kvcalc.units import exact
from tests.conftest import Cli, ModelFile

COUNTS = st.integers(1, 3_000)
EXTENTS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"every": COUNTS}),
    st.fixed_dictionaries({"every": st.fixed_dictionaries({"stride": COUNTS, "first": COUNTS})}),
    st.fixed_dictionaries({"window": COUNTS}, optional={"sink": COUNTS}),
    st.fixed_dictionaries({"chunk": COUNTS}),
    st.fixed_dictionaries({"beyond": COUNTS}),
    st.fixed_dictionaries({"fixed": COUNTS}),
)
READS = st.one_of(
    st.sampled_from(["all", "read_write"]),
    st.fixed_dictionaries({"top_k": COUNTS}, optional={"pool": COUNTS}),
    st.fixed_dictionaries({"top_k_blocks": COUNTS, "block_size": COUNTS}),
)
ROLES = st.sampled_from(["k", "v", "latent", "rope", "index", "state", "conv", "shift", "carry"])


@st.composite
def tensors(draw: st.DrawFn) -> dict[str, Any]:
    names = {"name": st.sampled_from(["a", "b", "c"]), "role": ROLES, "width": COUNTS}
    optional = {"heads": COUNTS, "reads": READS, "shared": st.booleans(), "macs": COUNTS}
    formats = {"dtype": st.sampled_from(["fp8", "fp32"])}
    said: dict[str, Any] = draw(st.fixed_dictionaries(names, optional={**optional, **formats}))
    return {**said, **draw(EXTENTS)}


ENTRIES = st.fixed_dictionaries(
    {"kind": st.just("custom"), "tensors": st.lists(tensors(), min_size=1, max_size=4)}
)
LAYERS = st.lists(st.sampled_from(["x", "y", "x+y", "y*3"]), min_size=1, max_size=4)


def number(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))


@given(x=ENTRIES, y=ENTRIES, layers=LAYERS, context=COUNTS, batch=st.integers(1, 3))
def test_the_lines_come_to_the_total(
    x: Any, y: Any, layers: list[str], context: int, batch: int
) -> None:
    entries = {"x": x, "y": y}
    order = {"count": 20, "pattern": [*layers, "x", "y"]}
    data = {"name": "N", "layers": order, "dtype": "bf16", "attention": entries}
    answer = kvcalc.show(read_model(data, "", lambda _: 0), context, batch)
    for quantity in QUANTITIES:
        heading, *lines, total = _block(explain(answer, quantity))
        assert quantity in heading.replace("FLOPs", "flops")
        values = [re.fullmatch(r"  \S+  .+  = +(\S+) (?:B|FLOPs)", line) for line in lines]
        found = [value[1] for value in values if value]
        assert len(found) == len(lines) == len(answer.lines)
        assert total.removesuffix(" B") == f"  {quantity} = {_total(found)}"
        amount = answer.amounts.of(quantity)
        assert amount == (None if "unknown" in found else sum(map(number, found)))


def _block(lines: tuple[str, ...]) -> list[str]:
    return list(lines[: lines.index("")])


def _total(found: list[str]) -> str:
    if "unknown" in found:
        return "unknown"
    return exact(sum(map(number, found), Fraction(0)))


CARRY = """\
name: C
layers: 1
dtype: bf16
attention:
  kind: custom
  tensors:
    - { name: a, role: latent, width: 64, macs: 10 }
    - { name: c, role: carry, width: 64, fixed: 1, macs: 1000 }
"""
"""At 1,000 tokens: 1,000 x 2 x 10 = 20,000 FLOPs, and 1,000 x 64 x 2 B = 128,000 B.

The left-over's own 2,000 FLOPs and 128 B are no part of what a cache keeps, in no line and no sum.
"""


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("stored", "128,000 B"),
        ("growth", "128 B"),
        ("read", "128,000 B"),
        ("flops", "20,000 FLOPs"),
    ],
)
def test_a_left_over_is_in_no_line_and_in_no_total(
    metric: Quantity, value: str, model_file: ModelFile, cli: Cli
) -> None:
    path = model_file(CARRY)
    out = cli("show", path, "-c", "1000", "--metric", metric, "--explain").out
    assert len(re.findall(rf"^  custom\.a .* = {value}$", out, re.MULTILINE)) == 1
    assert f"  {metric} = {value.removesuffix(' FLOPs')}\n" in out
    assert "custom.c" not in out

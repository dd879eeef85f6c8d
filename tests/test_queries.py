"""compare, show, check and list: what each answers, at which context, and with which notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from kvcalc.attention.base import Scheme, Shape
from kvcalc.attention.compressed import HCA
from kvcalc.attention.custom import Custom
from kvcalc.attention.heads import GQA, MHA, MQA
from kvcalc.attention.mla import MLA
from kvcalc.attention.sparse import DSA
from kvcalc.cache import CacheTensor
from kvcalc.claim import Claim, Side, Statement, Verdict
from kvcalc.errors import UsageError
from kvcalc.expect import Quantity, parse_expectation
from kvcalc.extents import Every, Fixed, ReadWrite
from kvcalc.formats import BF16, FP16, parse_index_format, parse_layout, uniform
from kvcalc.model import DEFAULT_CONTEXT, Layer, Model, Source
from kvcalc.queries import check as checking
from kvcalc.queries import compare as comparing
from kvcalc.queries import show as showing
from kvcalc.queries.check import Checked
from kvcalc.queries.compare import Comparison
from kvcalc.queries.crossover import crossover
from kvcalc.queries.listing import list_models
from kvcalc.queries.show import Breakdown
from kvcalc.queries.verdict import verdict_on
from kvcalc.question import NOTHING_ASKED, Question, question
from kvcalc.units import MAX_BATCH, MAX_TOKENS


def model(
    name: str,
    attention: Mapping[str, Scheme],
    layers: tuple[Layer, ...],
    expect: Mapping[str, str] | None = None,
    **facts: Any,
) -> Model:
    expectations = tuple(
        parse_expectation(entry, printed, line)
        for line, (entry, printed) in enumerate((expect or {}).items(), start=10)
    )
    return Model(name, uniform(BF16), attention, layers, expect=expectations, **facts)


def show(
    model: Model, context: int | None = None, batch: int = 1, change: Question = NOTHING_ASKED
) -> Breakdown:
    question(context, batch)
    return showing.show(model, replace(change, context=context, batch=batch))


def compare(
    models: Sequence[Model],
    context: int | None = None,
    batch: int = 1,
    metric: Quantity = "stored",
    baseline: str | None = None,
    change: Question = NOTHING_ASKED,
) -> Comparison:
    question(context, batch)
    asked = replace(change, context=context, batch=batch)
    return comparing.compare(models, asked, metric, baseline)


LATENT = model(
    "Latent",
    {"mla": MLA(heads=128, head_dim=128, latent_dim=512, rope_dim=64)},
    (("mla",),) * 61,
    compare={"gqa": {"kv_heads": 16}},
    max_context=163_840,
    file="models/latent.yaml",
)
SPARSE = model(
    "Sparse",
    {
        "dsa": DSA(
            heads=128,
            head_dim=128,
            latent_dim=512,
            rope_dim=64,
            index_heads=64,
            index_dim=128,
            top_k=2048,
        )
    },
    (("dsa",),) * 61,
    file="sparse.yaml",
)
LAYERED = model(
    "Layered",
    {
        "local": GQA(heads=32, head_dim=128, kv_heads=16, window=1024),
        "global": GQA(heads=32, head_dim=128, kv_heads=16),
    },
    (("local",), ("local",), ("global",)),
    max_context=8_192,
)
SHORT = model("Short", {"mqa": MQA(heads=71, head_dim=64)}, (("mqa",),), max_context=2_048)
STATE = model(
    "State",
    {
        "ssm": Custom(
            tensors=(CacheTensor("state", "state", 1_024, Fixed(), heads=16, reads=ReadWrite()),)
        )
    },
    (("ssm",),) * 2,
)
"""16 x 1,024 x 4 B in each of two layers: 131,072 B."""


@pytest.mark.parametrize(
    ("subject", "context", "stored", "growth", "fixed", "read"),
    [
        (LATENT, 1, 70_272, 70_272, 0, 70_272),
        (LATENT, 4_096, 4_096 * 70_272, 70_272, 0, 4_096 * 70_272),
        (SPARSE, 4_096, 4_096 * 78_324, 78_324, 0, 61 * (132 * 4_096 + 1_152 * 2_048)),
        (LAYERED, 1_000, 1_000 * 3 * 8_192, 3 * 8_192, 0, 1_000 * 3 * 8_192),
        (LAYERED, 5_000, 5_000 * 8_192 + 1_024 * 2 * 8_192, 8_192, 1_024 * 2 * 8_192,
         5_000 * 8_192 + 1_024 * 2 * 8_192),
        (STATE, 5_000, 131_072, 0, 131_072, 2 * 131_072),
    ],
    ids=lambda value: value.name if isinstance(value, Model) else None,
)  # fmt: skip
@pytest.mark.parametrize("batch", [1, 8])
def test_the_four_quantities_of_a_model(
    subject: Model, context: int, batch: int, stored: int, growth: int, fixed: int, read: int
) -> None:
    assert subject.stored(context, batch) == batch * stored
    assert subject.growth(context) == growth
    assert subject.fixed(context, batch) == batch * fixed
    assert subject.read(context, batch) == batch * read
    answer = show(subject, context, batch)
    assert (answer.stored, answer.fixed) == (batch * stored, batch * fixed)
    assert (answer.growth, answer.read) == (Fraction(growth), batch * read)


@pytest.mark.parametrize("context", [0, -1, MAX_TOKENS + 1])
def test_a_model_has_no_size_at_a_context_that_cannot_be(context: int) -> None:
    for quantity in (LATENT.stored, LATENT.growth, LATENT.fixed, LATENT.read):
        with pytest.raises(ValueError, match="a context is between 1 and"):
            quantity(context)


@pytest.mark.parametrize(
    ("subject", "context"),
    [(LATENT, 131_072), (LAYERED, 8_192), (SHORT, 2_048), (STATE, 131_072)],
)
def test_the_default_context_is_131072_or_the_models_own_if_less(
    subject: Model, context: int
) -> None:
    assert subject.default_context == context
    assert show(subject).query == Question(context, 1)
    assert compare([subject]).query == Question(context, 1)
    assert list_models([subject]).models[0].context == context


def test_several_models_share_the_smallest_default() -> None:
    assert DEFAULT_CONTEXT == 131_072
    assert compare([LATENT, LAYERED, SHORT]).query.context == 2_048
    assert compare([LATENT, LAYERED]).query.context == 8_192
    assert compare([LATENT, LAYERED], context=100_000).query.context == 100_000


@pytest.mark.parametrize(("context", "batch"), [(0, 1), (-5, 1), (MAX_TOKENS + 1, 1)])
def test_a_context_out_of_bounds_is_a_usage_error(context: int, batch: int) -> None:
    with pytest.raises(UsageError, match="a context is between 1 and"):
        compare([LATENT], context, batch)
    with pytest.raises(UsageError, match="a context is between 1 and"):
        show(LATENT, context, batch)


@pytest.mark.parametrize("batch", [0, -1, MAX_BATCH + 1])
def test_a_batch_out_of_bounds_is_a_usage_error(batch: int) -> None:
    with pytest.raises(UsageError, match="batch"):
        compare([LATENT], batch=batch)
    with pytest.raises(UsageError, match="batch"):
        show(LATENT, batch=batch)


def test_a_context_beyond_the_models_own_is_answered_with_a_note() -> None:
    assert show(SHORT, 2_048).notes == ()
    assert show(STATE, 10**9).notes == ()
    (note,) = show(SHORT, 2_049).notes
    assert "2,049" in note
    assert "2,048" in note
    notes = compare([LATENT, LAYERED, SHORT], context=9_000).notes
    assert len(notes) == 2
    assert "Layered" in notes[0]
    assert "Short" in notes[1]


def test_the_lines_of_show_add_up() -> None:
    answer = show(LAYERED, 5_000, 4)
    assert [
        (line.group, line.layers, line.settled.tensor.name, line.entries, line.stored, line.read)
        for line in answer.lines
    ] == [
        ("local", 2, "k", 1_024, 4 * 2 * 1_024 * 4_096, 4 * 2 * 1_024 * 4_096),
        ("local", 2, "v", 1_024, 4 * 2 * 1_024 * 4_096, 4 * 2 * 1_024 * 4_096),
        ("global", 1, "k", 5_000, 4 * 5_000 * 4_096, 4 * 5_000 * 4_096),
        ("global", 1, "v", 5_000, 4 * 5_000 * 4_096, 4 * 5_000 * 4_096),
    ]
    assert [line.growth for line in answer.lines] == [0, 0, 4_096, 4_096]
    assert sum(line.stored for line in answer.lines) == answer.stored
    assert sum(line.growth for line in answer.lines) == answer.growth
    assert sum(line.read for line in answer.lines) == answer.read


@pytest.mark.parametrize(
    ("metric", "baseline", "ratios"),
    [
        ("stored", None, ["1", "8", "128", "4/5", "512/9"]),
        ("growth", None, ["1", "8", "128", "4/5", "512/9"]),
        ("read", None, ["1", "8", "128", "4/5", "512/9"]),
        ("stored", "mqa", ["1/128", "1/16", "1", "1/160", "4/9"]),
        ("stored", "mla-expanded", ["5/4", "10", "160", "1", "640/9"]),
        ("stored", "mla", ["9/512", "9/64", "9/4", "9/640", "1"]),
        ("stored", "native", ["9/512", "9/64", "9/4", "9/640", "1"]),
        ("stored", "MLA", ["9/512", "9/64", "9/4", "9/640", "1"]),
    ],
)
def test_ratios_are_the_baselines_bytes_over_the_rows(
    metric: Quantity, baseline: str | None, ratios: list[str]
) -> None:
    answer = compare([LATENT], metric=metric, baseline=baseline)
    assert [row.ratio for row in answer.rows] == [Fraction(ratio) for ratio in ratios]


@pytest.mark.parametrize(
    ("baseline", "named"),
    [(None, "mha"), ("mqa", "mqa"), ("native", "mla"), ("Mla-Expanded", "mla-expanded")],
)
def test_the_baseline_is_echoed_by_its_rows_name(baseline: str | None, named: str) -> None:
    assert compare([LATENT], baseline=baseline).baseline == named


@pytest.mark.parametrize(
    ("metric", "by_hand"),
    [
        ("stored", Fraction(70_272, 78_324)),
        ("growth", Fraction(70_272, 78_324)),
        ("read", Fraction(61 * 1_152 * 131_072, 61 * (132 * 131_072 + 1_152 * 2_048))),
    ],
)
def test_another_metric_compares_another_quantity(metric: Quantity, by_hand: Fraction) -> None:
    answer = compare([LATENT, SPARSE], metric=metric)
    assert answer.metric == metric
    assert [row.ratio for row in answer.rows] == [1, by_hand]


def test_a_ratio_to_nothing_is_none_and_of_nothing_is_zero() -> None:
    assert [r.ratio for r in compare([LATENT, STATE], metric="growth").rows] == [1, None]
    assert [r.ratio for r in compare([STATE, LATENT], metric="growth").rows] == [None, 0]


def test_rows_of_one_model() -> None:
    answer = compare([LATENT], 4_096, 8)
    assert [(row.scheme, row.native) for row in answer.rows] == [
        ("mha", False),
        ("gqa", False),
        ("mqa", False),
        ("mla-expanded", False),
        ("mla", True),
    ]
    assert {row.model for row in answer.rows} == {"Latent"}
    own = answer.rows[-1]
    assert own.stored == own.read == 8 * 4_096 * 70_272
    assert own.growth == 70_272
    assert own.fixed == 0
    assert answer.query == Question(4_096, 8)
    assert answer.models == (LATENT,)


def test_notes_of_the_rows_are_notes_of_the_answer() -> None:
    assert compare([LATENT]).notes == ()
    assert len(compare([SHORT]).notes) == 1
    assert len(compare([SHORT], 4_096).notes) == 2
    assert "no query heads" in compare([STATE]).notes[0]


def test_a_model_without_query_heads_is_its_own_baseline() -> None:
    answer = compare([STATE])
    (row,) = answer.rows
    assert answer.baseline == row.scheme == "native"
    assert row.ratio == 1


def test_rows_of_several_models() -> None:
    answer = compare([LATENT, LAYERED, SHORT], 4_096, 2)
    assert [(row.model, row.scheme) for row in answer.rows] == [
        ("Latent", "mla"),
        ("Layered", "native"),
        ("Short", "mqa"),
    ]
    assert [row.stored for row in answer.rows] == [
        2 * 4_096 * 70_272,
        2 * (4_096 * 8_192 + 1_024 * 2 * 8_192),
        2 * 4_096 * 2 * 64 * 2,
    ]
    assert answer.baseline == "Latent"
    assert answer.rows[0].ratio == 1
    assert answer.rows[2].ratio == Fraction(70_272, 256)
    assert answer.expect == ()


@pytest.mark.parametrize("baseline", ["Layered", "layered", "b", "b.yaml"])
def test_a_model_is_a_baseline_by_its_name_or_file(baseline: str) -> None:
    answer = compare([LATENT, replace(LAYERED, file="b.yaml")], baseline=baseline)
    assert answer.baseline == "Layered"
    assert answer.rows[1].ratio == 1


def test_equal_names_are_told_apart_by_their_file() -> None:
    one, two = replace(LATENT, file="a/x.yaml"), replace(LATENT, file="b/x.yaml")
    answer = compare([one, two, SPARSE], baseline="b/x.yaml")
    assert [row.model for row in answer.rows] == [
        "Latent (a/x.yaml)",
        "Latent (b/x.yaml)",
        "Sparse",
    ]
    assert answer.baseline == "Latent (b/x.yaml)"


@pytest.mark.parametrize(
    ("models", "baseline", "hint"),
    [
        ([LATENT], "mqq", "did you mean mqa"),
        ([LATENT], "Sparse", "known"),
        ([LATENT, SPARSE], "sparce", "did you mean"),
        ([LATENT, SPARSE], "mha", "no row is called"),
    ],
)
def test_a_baseline_that_is_no_row_is_a_usage_error(
    models: list[Model], baseline: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=hint) as raised:
        compare(models, baseline=baseline)
    assert repr(baseline) in str(raised.value)


@pytest.mark.parametrize(
    ("subject", "entry", "printed", "computed", "text", "verdict", "by_hand"),
    [
        (LATENT, "mha/mla", "57x", "512/9", "56.89x", "confirmed", "32,768 / 576"),
        (LATENT, "mha/mla", "58x", "512/9", "56.89x", "refuted", "[57.5, 58.5)"),
        (LATENT, "mha/mla", "57.0x", "512/9", "56.889x", "refuted", "[56.95, 57.05)"),
        (LATENT, "mha/mqa", "128x", "128", "128x", "confirmed", "128 heads / 1"),
        (LATENT, "mha/mla", "98.2%", "503/512", "98.242%", "confirmed", "1 - 576 / 32,768"),
        (LATENT, "mha/mla", "98.3%", "503/512", "98.242%", "refuted", "1 - 576 / 32,768"),
        (LATENT, "mha/mqa", "99.2%", "127/128", "99.219%", "confirmed", "1 - 1 / 128"),
        (LATENT, "mla/mha", "98.2%", "-503/9", "-5,588.889%", "refuted", "1 - 512 / 9"),
        (LATENT, "mla.growth", "70.272 kB", "70272", "70.272 kB", "confirmed", "61 x 1,152"),
        (LATENT, "mla.growth", "70.271 kB", "70272", "70.272 kB", "refuted", "61 x 1,152"),
        (LATENT, "native.growth", "70.3 kB", "70272", "70.272 kB", "confirmed", "61 x 1,152"),
        (LATENT, "mla.stored", "9.21 GB", "9210691584", "9.2107 GB", "confirmed",
         "131,072 x 70,272 at the default context"),
        (LATENT, "mla.stored@4096", "274.5 MiB", "287834112", "274.5 MiB", "confirmed",
         "4,096 x 70,272 = 274.5 x 2^20"),
        (LAYERED, "native.stored", "83.9 MB", "83886080", "83.886 MB", "confirmed",
         "8,192 x 8,192 + 2 x 1,024 x 8,192 at its own 8,192 tokens"),
        (LAYERED, "native.growth@1", "24.576 kB", "24576", "24.576 kB", "confirmed", "3 x 8,192"),
        (LAYERED, "mha/native@512", "2x", "2", "2x", "confirmed", "32 / 16 below the window"),
        (LAYERED, "mha/native", "5x", "24/5", "4.80x", "confirmed", "2 x 3 x 8,192 / 10,240"),
        (SPARSE, "dsa.read@128K", "1.199 GB", "1199308800", "1.19931 GB", "confirmed",
         "61 x (132 x 131,072 + 1,152 x 2,048)"),
        (STATE, "native.growth", "0 B", "0", "0 B", "confirmed", "a state does not grow"),
    ],
)  # fmt: skip
def test_an_expectation_is_judged(
    subject: Model,
    entry: str,
    printed: str,
    computed: str,
    text: str,
    verdict: str,
    by_hand: str,
) -> None:
    (result,) = checking.expected(replace(subject, expect=(parse_expectation(entry, printed, 12),)))
    assert result.computed == Fraction(computed), by_hand
    assert (result.verdict, result.computed_text) == (verdict, text)
    assert result.ok is (verdict == "confirmed")


EMPTY = Custom(
    tensors=(CacheTensor("k", "k", 64, Every(4, 4)),),
    heads=4,
    head_dim=64,
)


@pytest.mark.parametrize("entry", ["custom/mha@3", "mha/custom@3"])
def test_a_division_by_nothing_is_undefined_and_refuted(entry: str) -> None:
    printed = "1%" if entry.startswith("custom") else "1x"
    subject = model("Empty", {"custom": EMPTY}, (("custom",),), {entry: printed})
    (result,) = checking.expected(subject)
    assert result.computed is None
    assert (result.verdict, result.computed_text, result.ok) == ("refuted", "undefined", False)


def test_an_expectation_of_no_row_is_a_usage_error() -> None:
    subject = replace(LATENT, expect=(parse_expectation("mha/gqa-16", "8x"),))
    with pytest.raises(UsageError, match="no row is called 'gqa-16'"):
        checking.expected(subject)


HELD = replace(
    LATENT,
    expect=(parse_expectation("mha/mla", "57x", 12), parse_expectation("mha/mqa", "127x", 13)),
)
UNNAMED = replace(HELD, file="")


def test_every_expectation_of_a_model_has_a_result() -> None:
    answer = Checked(
        (*checking.expected(HELD), *checking.expected(LAYERED), *checking.expected(UNNAMED))
    )
    assert [(r.id, r.file, r.line, r.ok) for r in answer.results] == [
        ("latent:mha/mla", "models/latent.yaml", 12, True),
        ("latent:mha/mqa", "models/latent.yaml", 13, False),
        ("Latent:mha/mla", "", 12, True),
        ("Latent:mha/mqa", "", 13, False),
    ]
    assert (answer.passed, answer.failed) == (2, 2)


def test_compare_shows_what_check_says_whatever_it_is_asked() -> None:
    asked = compare([HELD], context=1_000, batch=8, metric="read", baseline="mqa")
    assert asked.expect == checking.expected(HELD)
    assert [result.ok for result in asked.expect] == [True, False]


@pytest.mark.parametrize(
    ("quantity", "context", "size"),
    [
        ("stored", 5_000, 5_000 * 8_192 + 1_024 * 2 * 8_192),
        ("growth", 5_000, 8_192),
        ("read", 5_000, 5_000 * 8_192 + 1_024 * 2 * 8_192),
    ],
)
def test_quantities_by_name(quantity: Quantity, context: int, size: int) -> None:
    assert LAYERED.cache.amount(quantity, context) == size


def test_a_listing_has_each_model_at_its_own_context() -> None:
    listing = list_models([LATENT, LAYERED, SHORT, STATE])
    assert [(m.model.name, m.attention, m.context, m.fixed) for m in listing.models] == [
        ("Latent", "mla", 131_072, 0),
        ("Layered", "native", 8_192, 2 * 1_024 * 8_192),
        ("Short", "mqa", 2_048, 0),
        ("State", "native", 131_072, 131_072),
    ]
    assert [m.growth for m in listing.models] == [70_272, 8_192, 256, 0]


def test_like_layers_stand_together_in_the_order_they_first_come() -> None:
    subject = model(
        "Mixed",
        {
            "b": MHA(heads=2, head_dim=64),
            "a": MHA(heads=2, head_dim=64, dtype=uniform(FP16)),
        },
        (("a",), ("b", "a"), (), ("a",)),
        shape=Shape(2, 64, 64),
    )
    assert [
        (group.name, group.layers, {t.format.name for t in group.tensors})
        for group in subject.cache.groups
    ] == [("a", 3, {"fp16"}), ("b", 1, {"bf16"})]


def test_a_question_without_a_context_is_filled_before_it_is_answered() -> None:
    with pytest.raises(UsageError, match="names no context"):
        _ = NOTHING_ASKED.tokens


def test_a_question_is_echoed_whole() -> None:
    asked = question(
        10,
        2,
        kv_dtype="q8_0/q4_0",
        index_dtype="fp8",
        mtp_layers=3,
        source_length=0,
        draft_kv_dtype="6bit",
    )
    assert asked.echo() == {
        "context": 10, "batch": 2, "kv_dtype": "q8_0/q4_0", "index_dtype": "fp8 + fp32 scale",
        "mtp": True, "mtp_layers": 3, "source_length": 0, "engine": None,
        "draft_kv_dtype": "6bit", "ignored": [], "tp": 1, "pp": 1, "dp": 1, "dcp": 1,
        "pp_layers": None, "settings": None, "shared_prefix": None, "beams": 1,
    }  # fmt: skip
    spread = question(tp=8, pp_layers="30, 31", dp=2, dcp=4, engine="x", settings={"block": 64})
    told = {"tp": 8, "pp": 2, "dp": 2, "dcp": 4, "pp_layers": [30, 31], "settings": {"block": 64}}
    assert spread.echo().items() >= told.items()


@pytest.mark.parametrize("asked", [{"kv_dtype": "fp8"}, {"context": 1_000, "batch": 3}])
def test_what_a_file_is_held_to_is_judged_as_the_file_has_it(asked: dict[str, Any]) -> None:
    held = replace(HELD, expect=(parse_expectation("mla.growth", "70.272 kB"),))
    (result,) = compare([held], change=question(**asked)).expect
    assert (result.computed, result.ok) == (Fraction(61 * (512 + 64) * 2), True)


def changed(**changes: Any) -> Question:
    if "kv_dtype" in changes:
        changes["kv_dtype"] = parse_layout(changes["kv_dtype"])
    if "index_dtype" in changes:
        changes["index_dtype"] = parse_index_format(changes["index_dtype"])
    return Question(**changes)


LATENT_MTP = replace(LATENT, mtp=(("mla",),))
CROSS = model(
    "Cross",
    {
        "self": MHA(heads=20, head_dim=64),
        "cross": MHA(heads=20, head_dim=64, cross=True, source_length=1_500),
    },
    (("self", "cross"),) * 2,
)
UNKNOWN_SOURCE = model(
    "Translator",
    {"self": MHA(heads=8, head_dim=64), "cross": MHA(heads=8, head_dim=64, cross=True)},
    (("self", "cross"),),
)
COMPRESSED = model(
    "Compressed",
    {"hca": HCA(heads=64, head_dim=512, rope_dim=64, window=128, compress=128)},
    (("hca",),),
)
GROUPED = model("Grouped", {"gqa": GQA(heads=32, head_dim=128, kv_heads=8)}, (("gqa",),) * 32)
HYBRID = model(
    "Hybrid",
    {"gqa": GQA(heads=32, head_dim=128, kv_heads=8), "ssm": STATE.attention["ssm"]},
    (("gqa",), ("ssm",)),
    shape=Shape(32, 128, 128),
)


@pytest.mark.parametrize(
    ("subject", "change", "by_hand", "stored", "source"),
    [
        (LATENT, {}, 61 * (512 + 64) * 2, 70_272, "as the file says"),
        (LATENT, {"kv_dtype": "fp8"}, 61 * (512 + 64) * 1, 35_136, "plain fp8"),
        (LATENT, {"kv_dtype": "fp8_ds_mla"}, 61 * 656, 40_016, "512 + 4 x 4 + 64 x 2"),
        (LATENT, {"kv_dtype": "nvfp4_ds_mla"}, 61 * 352, 21_472, "256 + 32 + 64"),
        (LATENT_MTP, {"mtp": True}, 62 * 1_152, 71_424, "one MTP layer more"),
        (LATENT_MTP, {}, 61 * 1_152, 70_272, "MTP layers only where asked for"),
        (SPARSE, {"kv_dtype": "fp8_ds_mla"}, 61 * (656 + 132), 48_068, "index keys as they are"),
        (SPARSE, {"kv_dtype": "nvfp4_ds_mla"}, 61 * (352 + 132), 29_524, "vLLM"),
        (SPARSE, {"kv_dtype": "fp8"}, 61 * (576 + 132), 43_188, "TRT-LLM"),
        (SPARSE, {"index_dtype": "bf16"}, 61 * (1_152 + 256), 85_888, "transformers"),
        (SPARSE, {"index_dtype": "fp8"}, 61 * (1_152 + 132), 78_324, "its own"),
        (GROUPED, {"kv_dtype": "q8_0"}, 32 * 2 * 8 * (4 * 34), 69_632, "llama.cpp"),
        (GROUPED, {"kv_dtype": "q8_0/q4_0"}, 32 * 8 * (136 + 72), 53_248, "llama.cpp, a pair"),
        (GROUPED, {"kv_dtype": "fp8_per_token_head"}, 32 * 2 * 8 * 132, 67_584, "vLLM"),
        (HYBRID, {"kv_dtype": "fp8"}, 2 * 8 * 128 + 16 * 1_024 * 4, 67_584, "states as they are"),
        (CROSS, {}, 2 * (1 + 1_500) * 5_120, 15_370_240, "1,500 of the file"),
        (CROSS, {"source_length": 100}, 2 * (1 + 100) * 5_120, 1_034_240, "100 asked for"),
        (CROSS, {"source_length": 0}, 2 * (1 + 0) * 5_120, 10_240, "no source"),
    ],
)
def test_what_a_question_changes_in_a_model(
    subject: Model, change: dict[str, Any], by_hand: int, stored: int, source: str
) -> None:
    asked = changed(**change)
    assert subject.adapted(asked).stored(1) == by_hand == stored, source
    assert show(subject, 1, change=asked).stored == stored
    answer = compare([subject], 1, change=asked)
    assert answer.query == replace(asked, context=1)
    assert [row.stored for row in answer.rows if row.native] == [stored]


@pytest.mark.parametrize(
    ("subject", "kv_dtype", "said"),
    [
        (GROUPED, "fp8_ds_mla", "fp8_ds_mla changes nothing in Grouped"),
        (STATE, "fp8", "fp8 changes nothing in State"),
        (LATENT, "q8_0/q4_0", "a pair for K and V; Latent keeps a latent instead"),
        (SPARSE, "q8_0/q4_0", "a pair for K and V; Sparse keeps a latent instead"),
        (model("Small", {"mla": MLA(heads=8, head_dim=64, latent_dim=256, rope_dim=32)},
          (("mla",),)), "fp8_ds_mla", "elements, not of 256"),
    ],
)  # fmt: skip
def test_a_layout_that_does_not_fit_is_a_usage_error(
    subject: Model, kv_dtype: str, said: str
) -> None:
    change = changed(kv_dtype=kv_dtype)
    with pytest.raises(UsageError, match=said):
        show(subject, 1, change=change)
    with pytest.raises(UsageError, match=said):
        compare([subject, GROUPED], 1, change=change)


@pytest.mark.parametrize(
    ("subject", "change", "said"),
    [
        (LATENT, {}, []),
        (LATENT, {"kv_dtype": "fp8"}, []),
        (LATENT, {"mtp": True}, ["no MTP layers"]),
        (LATENT_MTP, {"mtp": True}, ["1 MTP layer"]),
        (LATENT, {"index_dtype": "bf16"}, ["no index keys"]),
        (SPARSE, {"index_dtype": "bf16"}, []),
        (LATENT, {"source_length": 100}, ["no cross attention"]),
        (CROSS, {"source_length": 100}, []),
        (CROSS, {"source_length": 0}, []),
        (UNKNOWN_SOURCE, {}, ["cross attention is not counted"]),
        (UNKNOWN_SOURCE, {"source_length": 100}, []),
        (COMPRESSED, {}, ["left-over"]),
    ],
)
def test_notes_on_what_a_question_changes(
    subject: Model, change: dict[str, Any], said: list[str]
) -> None:
    for answer in (
        show(subject, 1, change=changed(**change)),
        compare([subject], 1, change=changed(**change)),
        compare([GROUPED, subject], 1, change=changed(**change)),
    ):
        notes = [note for note in answer.notes if subject.name in note]
        assert len(notes) == len(said)
        for note, words in zip(notes, said, strict=True):
            assert words in note


def test_roles_that_a_layout_leaves_are_a_note_on_show_too() -> None:
    mixed = model(
        "Mixed",
        {
            "mla": MLA(heads=8, head_dim=64, latent_dim=512, rope_dim=64),
            "gqa": GQA(heads=8, head_dim=64, kv_heads=2),
        },
        (("mla",), ("gqa",)),
    )
    (note,) = show(mixed, 1, change=changed(kv_dtype="fp8_ds_mla")).notes
    assert "k, v" in note


def test_show_leaves_out_what_is_not_counted() -> None:
    names = [line.settled.tensor.name for line in show(COMPRESSED, 1_000).lines]
    assert names == ["kv", "kv_rope", "compressed", "compressed_rope"]


@pytest.mark.parametrize(
    ("subject", "context", "batch", "by_hand", "flops"),
    [
        (LATENT, 8_192, 1, 61 * 2 * (2 * 128 * 512 + 128 * 64) * 8192, 139_183_783_936),
        (LATENT, 8_192, 2, 2 * 61 * 2 * (2 * 128 * 512 + 128 * 64) * 8192, 278_367_567_872),
        (GROUPED, 100, 1, 32 * 2 * (2 * 32 * 128) * 100, 52_428_800),
    ],
)
def test_operations_of_a_step(
    subject: Model, context: int, batch: int, by_hand: int, flops: int
) -> None:
    answer = show(subject, context, batch)
    assert answer.flops == by_hand == flops
    assert sum(line.flops or 0 for line in answer.lines) == flops
    (own,) = (row for row in compare([subject], context, batch).rows if row.native)
    assert own.flops == flops


def test_unknown_operations_have_no_ratio() -> None:
    assert show(STATE, 1).flops is None
    assert [line.flops for line in show(STATE, 1).lines] == [None]
    answer = compare([GROUPED, STATE], 1, metric="flops")
    assert [(row.flops, row.ratio) for row in answer.rows] == [(32 * 2 * 8_192, 1), (None, None)]
    assert [row.ratio for row in compare([STATE, GROUPED], 1, metric="flops").rows] == [None, None]


def claim(stated: Statement | None, expected: Verdict = "confirmed", **facts: Any) -> Claim:
    return Claim("it", "so they say", Source("a paper"), True, stated, expected=expected, **facts)


TWICE = Side(LATENT, question=Question(batch=2))


def at(context: int) -> Side:
    return Side(LATENT, question=Question(context))


def about(entry: str, printed: str, side: Side) -> Statement:
    return Statement(parse_expectation(entry, printed), {"": side}, side.question.context)


@pytest.mark.parametrize(
    ("entry", "printed", "sides", "context", "computed", "verdict", "by_hand"),
    [
        ("a/b", "0.90x", {"a": Side(LATENT), "b": Side(SPARSE)}, None, "70272/78324", "confirmed",
         "0.8972"),
        ("a/b", "0.9x", {"a": Side(LATENT, scheme="mqa"), "b": Side(SPARSE)}, None, "31232/78324",
         "refuted", "0.3988"),
        ("a.stored", "18.42 GB", {"a": TWICE}, None, "18421383168", "confirmed",
         "2 x 131,072 x 70,272"),
        ("a.growth", "70.272 kB", {"a": TWICE}, None, "70272", "confirmed",
         "of one sequence"),
        ("a.stored", "2.30 GB", {"a": Side(LATENT)}, 32_768, "2302672896", "confirmed",
         "32,768 x 70,272"),
        ("a.stored@1000", "70.272 MB", {"a": Side(LATENT)}, 32_768, "70272000", "confirmed",
         "1,000 x 70,272"),
        ("a/b", "2x", {"a": at(2_000), "b": at(1_000)}, None,
         "2", "confirmed", "2,000 / 1,000"),
        ("a/b", "549x", {"a": Side(LATENT), "b": Side(SHORT)}, None, "70272/256", "refuted",
         "274.5 at the 2,048 tokens that both can do"),
        ("a.stored/b.stored", "4x", {"a": at(8_192), "b": Side(SHORT)}, None,
         "1098", "refuted", "8,192 x 70,272 / (2,048 x 256)"),
        ("a/b", "1.76x",
         {"a": Side(LATENT), "b": Side(LATENT, question=changed(kv_dtype="fp8_ds_mla"))}, None,
         "1152/656", "confirmed", "1.756"),
        ("a.flops", "1 GFLOPs", {"a": Side(STATE)}, None, None, "refuted", "unknown"),
    ],
)  # fmt: skip
def test_a_claim_about_named_sides(
    entry: str,
    printed: str,
    sides: dict[str, Side],
    context: int | None,
    computed: str | None,
    verdict: Verdict,
    by_hand: str,
) -> None:
    statement = Statement(parse_expectation(entry, printed), sides, context)
    result = verdict_on(claim(statement, verdict))
    assert result.computed == (None if computed is None else Fraction(computed)), by_hand
    assert (result.verdict, result.ok) == (verdict, True)
    assert result.printed == printed


def test_a_row_that_is_not_there_refutes_nothing() -> None:
    statement = Statement(parse_expectation("a.growth", "1 B"), {"a": Side(STATE, scheme="mha")})
    with pytest.raises(UsageError, match="no row is called 'mha'; known: native"):
        verdict_on(claim(statement))


@pytest.mark.parametrize(
    ("subject", "verdict"),
    [
        (claim(about("mha/mla", "57x", Side(LATENT))), "confirmed"),
        (claim(about("mha/mla", "58x", Side(LATENT))), "refuted"),
        (claim(about("mla.stored", "4.61 GB", Side(LATENT, question=changed(kv_dtype="fp8")))),
         "confirmed"),
        (claim(about("mha/mla", "57x", Side(LATENT)), ships="mla"), "confirmed"),
        (claim(about("mha/gqa", "8x", Side(LATENT)), ships="gqa"), "misattributed"),
        (claim(about("mha/gqa", "8x", Side(LATENT)), ships="kda"), "misattributed"),
        (claim(Statement(parse_expectation("a.growth", "70 kB"), {"a": Side(LATENT)}), ships="x"),
         "confirmed"),
        (claim(about("mla.growth", "35.1 kB", Side(LATENT)),
          assumed=about("mla.growth", "35.1 kB", Side(LATENT, question=changed(kv_dtype="fp8")))),
         "holds-if"),
        (claim(about("mla.growth", "36.0 kB", Side(LATENT)),
          assumed=about("mla.growth", "36.0 kB", Side(LATENT, question=changed(kv_dtype="fp8")))),
         "refuted"),
        (claim(None, evidence="nothing to compute"), "not-computable"),
    ],
)  # fmt: skip
def test_the_verdict_on_a_claim_is_computed_and_not_read(subject: Claim, verdict: Verdict) -> None:
    for expected in ("confirmed", "refuted"):
        result = verdict_on(replace(subject, expected=expected))
        assert result.verdict == verdict
        assert result.ok is (verdict == expected)


def test_a_claim_without_a_figure_prints_none() -> None:
    result = verdict_on(claim(None, "not-computable", note="no number in it"))
    assert (result.printed, result.computed, result.computed_text) == ("", None, "")
    assert (result.ok, result.note) == (True, "no number in it")


def sparse(top_k: int = 10, index_heads: int = 1, index_parameters: int | None = None) -> DSA:
    """Dense: 2 x (2 x 2 x 4) = 32 per token. Here: 32 x min(T, top_k) + 2 x index_heads x T."""
    return DSA(
        heads=2,
        head_dim=1,
        latent_dim=4,
        rope_dim=0,
        index_heads=index_heads,
        index_dim=1,
        top_k=top_k,
        index_parameters=index_parameters,
    )


def test_from_which_context_on_a_sparse_step_costs_less_and_half() -> None:
    subject = model("Sparse", {"dsa": sparse()}, (("dsa",),), active_parameters=100)
    facts = crossover(subject)
    assert facts is not None
    assert facts.costs_less == 11, "2 T + 320 <= 32 T from 10.67 on"
    assert facts.halves == 30, "2 x (200 + 2 T + 320) <= 200 + 32 T from 840 / 28 on"
    assert facts.halves_with_projections is None
    assert "below 11 " in str(facts)
    assert " 30 " in str(facts)


def test_the_indexers_projections_count_where_their_size_is_known() -> None:
    subject = model(
        "Sparse", {"dsa": sparse(index_parameters=70)}, (("dsa",),), active_parameters=100
    )
    facts = crossover(subject)
    assert facts is not None
    assert facts.halves == 30
    assert facts.halves_with_projections == 40, "2 x (200 + 140 + 2 T + 320) <= 200 + 32 T"
    assert "40 (+10)" in str(facts)


@pytest.mark.parametrize(
    "subject",
    [
        model("Unsized", {"dsa": sparse()}, (("dsa",),)),
        replace(LATENT, active_parameters=100),
        replace(STATE, active_parameters=100),
    ],
)
def test_no_crossover_without_sparse_attention_or_a_known_size(subject: Model) -> None:
    assert crossover(subject) is None


def test_no_crossover_where_operations_are_unknown() -> None:
    subject = model(
        "Unknown",
        {"dsa": sparse(), "ssm": STATE.attention["ssm"]},
        (("dsa",), ("ssm",)),
        active_parameters=100,
    )
    assert crossover(subject) is None


def test_a_half_that_is_never_reached_is_not_claimed() -> None:
    subject = model("Costly", {"dsa": sparse(index_heads=8)}, (("dsa",),), active_parameters=100)
    facts = crossover(subject)
    assert facts is not None
    assert facts.costs_less == 20, "16 T + 320 <= 32 T from 20 on"
    assert facts.halves is None, "2 x 16 T never is below 32 T"
    assert "never half" in str(facts)
    assert f"{MAX_TOKENS:,}" not in str(facts)


def test_an_index_that_costs_more_than_it_saves_is_said_to() -> None:
    subject = model("Costly", {"dsa": sparse(index_heads=20)}, (("dsa",),), active_parameters=100)
    facts = crossover(subject)
    assert facts is not None
    assert (facts.costs_less, facts.halves) == (None, None), "40 T never is below 32 T"
    assert "never" in str(facts)
    assert f"{MAX_TOKENS:,}" not in str(facts)


def test_derived_facts_follow_a_claims_own_note() -> None:
    subject = model("Sparse", {"dsa": sparse()}, (("dsa",),), active_parameters=100)
    result = verdict_on(claim(None, note="They say half.", about=Side(subject)))
    assert result.note == f"They say half. {crossover(subject)}"
    assert verdict_on(claim(None, note="They say half.", about=Side(LATENT))).note == (
        "They say half."
    )


def test_a_listing_of_those_with_a_word() -> None:
    listing = list_models([LATENT, LAYERED])
    kept = listing.with_word(LATENT.name.upper())
    assert ([m.model for m in kept.models], kept.word) == ([LATENT], LATENT.name.upper())
    with pytest.raises(UsageError, match="no model has 'unheard' in its name"):
        listing.with_word("unheard")

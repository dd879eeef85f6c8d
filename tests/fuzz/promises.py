"""What holds of every run, whatever was read: each promise says how an outcome broke it, or ""."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import kvcalc
from kvcalc.errors import KvcalcError
from kvcalc.render import WITH_ERRORS
from tests.fuzz.attempt import SECRET, Attempt
from tests.fuzz.running import SECONDS, Outcome, ran

RISE = 100_000_000
"""Bytes by which one input may raise the peak of memory."""

CONTEXTS = (1, 2, 63, 64, 65, 1_000, 4_096, 131_072, 10_000_000)
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
FORMATS = ("table", "json", "jsonl", "csv", "markdown", "github", "junit", "sarif")
AGAIN = (("show",), ("compare",), ("fit",), ("check",))
"""Commands that are asked for their document, too."""

Promise = Callable[[Attempt, Outcome], str]


def broken(attempt: Attempt, outcome: Outcome) -> list[str]:
    """What an outcome has broken: the same text for the same cause."""
    if outcome.error is not None:
        return [f"{type(outcome.error).__name__} at {outcome.place}"]
    return [text for promise in PROMISES if (text := promise(attempt, outcome))]


def is_steady(text: str) -> bool:
    """Whether a finding comes back each time: time and memory may not."""
    return not text.startswith(("slow", "memory", "Stopped", "MemoryError"))


def _in_time(attempt: Attempt, outcome: Outcome) -> str:
    if outcome.seconds <= SECONDS or ran(attempt).seconds <= SECONDS:
        return ""
    return f"slow: over {SECONDS:g} s in {outcome.slow_in or 'many places'}"


def _in_memory(attempt: Attempt, outcome: Outcome) -> str:
    return f"memory: the peak rose in {_question(attempt)}" if outcome.grown > RISE else ""


def _exit_code(attempt: Attempt, outcome: Outcome) -> str:
    says_no = {"check", "fit", "--diff"}.intersection(attempt.args)
    known = (0, 1, 2) if says_no else (0, 2)
    return "" if outcome.code in known else f"exit code {outcome.code} of {_question(attempt)}"


def _words(attempt: Attempt, outcome: Outcome) -> str:
    beside = "check" in attempt.args and _format(attempt.args) in WITH_ERRORS
    if outcome.code == 2 and outcome.out and not beside:
        return f"exit code 2 with an answer, of {_question(attempt)}"
    if outcome.code == 2 and not outcome.err.strip():
        return f"exit code 2 without a word, of {_question(attempt)}"
    return ""


def _nothing_secret(attempt: Attempt, outcome: Outcome) -> str:
    shown = SECRET in outcome.out or SECRET in outcome.err
    return f"a secret is shown by {_question(attempt)}" if shown else ""


def _quiet_errors(attempt: Attempt, outcome: Outcome) -> str:
    if "Traceback" in outcome.err or "did not foresee" in outcome.err:
        return f"a traceback on standard error of {_question(attempt)}"
    found = CONTROLS.search(outcome.err.replace("\t", " "))
    return f"{found[0]!a} on standard error of {_question(attempt)}" if found else ""


def _quiet_answers(attempt: Attempt, outcome: Outcome) -> str:
    if attempt.call or _format(attempt.args) in ("json", "jsonl"):
        return ""
    found = CONTROLS.search(outcome.out)
    return f"{found[0]!a} in the answer of {_question(attempt)}" if found else ""


def _well_formed(attempt: Attempt, outcome: Outcome) -> str:
    if attempt.call or "-o" in attempt.args or not outcome.out:
        return ""
    try:
        for answer in _parsed(_format(attempt.args), outcome.out):
            if wrong := [*_wrong_numbers(answer)]:
                return f"{wrong[0]} in the answer of {_question(attempt)}"
    except (ValueError, csv.Error, ET.ParseError) as error:
        return f"{type(error).__name__}: the answer of {_question(attempt)} cannot be parsed"
    return ""


def _parsed(kind: str, text: str) -> Iterator[Any]:
    if kind in ("json", "sarif") and text.startswith(("{", "[")):
        yield json.loads(text, parse_constant=_no_constant)
    elif kind == "jsonl":
        yield from (json.loads(line, parse_constant=_no_constant) for line in text.split("\n")[:-1])
    elif kind == "csv":
        widths = {len(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True)}
        if len(widths) > 1:
            raise ValueError("rows of several widths")
    elif kind == "junit":
        ET.fromstring(text)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _wrong_numbers(value: Any, key: str = "") -> Iterator[str]:
    """The keys of bytes and counts that are no whole numbers from 0."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _wrong_numbers(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _wrong_numbers(inner, key)
    elif key.endswith("_bytes") and not (value is None or _is_count(value)):
        yield f"{key} is {value!r}"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _the_same_in_json(attempt: Attempt, outcome: Outcome) -> str:
    asked = [arg for arg in attempt.args if arg in ("--json", "-f", "-o")]
    # of one in four, as it is run again for this; schema has one form, import with --diff two
    sample = zlib.crc32(repr(attempt).encode(errors="replace")) % 4 == 0
    if asked or not sample or attempt.args[:1] not in AGAIN:
        return ""
    again = ran(replace(attempt, args=(*attempt.args, "--json")))
    if again.error is not None:
        return f"{type(again.error).__name__} at {again.place}, with --json"
    same = again.code == outcome.code
    return "" if same else f"--json changes exit code {outcome.code} to {again.code}"


def _no_fall(attempt: Attempt, outcome: Outcome) -> str:
    if not attempt.model or outcome.code != 0:
        return ""
    try:
        model = kvcalc.load(attempt.model)
    except KvcalcError:
        return ""  # it has taken --ignore
    stored = [model.stored(tokens) for tokens in CONTEXTS]
    whole = all(map(_is_count, stored))
    return "" if whole and stored == sorted(stored) else "stored bytes fall as tokens come"


def _format(args: tuple[str, ...]) -> str:
    """The format that was asked for last."""
    asked = "table"
    for before, arg in zip(("", *args), args, strict=False):
        asked = arg if before in ("-f", "--format") and arg in FORMATS else asked
    return "json" if "--json" in args else asked


def _question(attempt: Attempt) -> str:
    if attempt.call:
        return f"{attempt.call.function}()"
    return f"{''.join(attempt.args[:1])[:20]!a} as {_format(attempt.args)}"


PROMISES: tuple[Promise, ...] = (
    *(_exit_code, _words, _nothing_secret, _quiet_errors, _quiet_answers, _well_formed),
    *(_the_same_in_json, _no_fall, _in_time, _in_memory),
)

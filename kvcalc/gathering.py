"""What `check` is given: models and claims, in files and in all that lie below folders.

What holds nothing to check is skipped, and told; a broken file keeps no other from being checked.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from kvcalc import catalog
from kvcalc.claim import Claim
from kvcalc.document import Document, parse, read_bytes
from kvcalc.errors import InputError, Problem, Unanswerable
from kvcalc.importers.bounded import MAX_FILES, size_of
from kvcalc.importers.files import weight_file
from kvcalc.importers.recognition import is_hub
from kvcalc.model import Model
from kvcalc.opening import HEAD, exists, is_own
from kvcalc.queries.check import Checked, Skipped, expected
from kvcalc.queries.verdict import verdict_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvcalc.catalog import Reference
    from kvcalc.opening import Ignored
    from kvcalc.queries.check import Result

    Given = Model | Claim | Reference

SUFFIXES = (".yaml", ".yml", ".json")
LINK, FOREIGN, NOTHING = "a link, not followed", "not a file of kvcalc", "no expect"

CLAIM = {"id", "quote", "source", "expect", "verdict"}
"""Fields of a claim, two of which tell it from what other programs call so."""
_MARK = re.compile(rb"""\b(?:claims|layers|attention)["']?\s*:""")
"""One of these stands in every file of kvcalc's own."""
_KEY = re.compile(rb"""\b(\w+)["']?\s*:""")
_KEY_OF_ALL = re.compile(rb"""^["']?(\w+)["']?[ \t]*:""", re.MULTILINE)
_KEY_OF_CLAIM = re.compile(rb"""\b(?:quote|expect|verdict)["']?\s*:""")


@dataclass(frozen=True)
class Gathered:
    """What is to be checked, what is not and why, and what is wrong with the rest."""

    things: tuple[Model | Claim, ...]
    skipped: tuple[Skipped, ...] = ()
    errors: tuple[Problem, ...] = ()

    @property
    def models(self) -> list[Model]:
        """The models that are spoken of."""
        claims = [thing.stated for thing in self.things if isinstance(thing, Claim)]
        sides = [side.model for stated in claims if stated for side in stated.sides.values()]
        return [*(thing for thing in self.things if isinstance(thing, Model)), *sides]

    @property
    def lack(self) -> str:
        """Why there is nothing to check; empty where there is something, or something wrong."""
        if self.things or self.errors:
            return ""
        if not self.skipped:
            return "no file of kvcalc is in there: nothing to check"
        if len(self.skipped) == 1 and self.skipped[0].why == NOTHING:
            return f"{self.skipped[0].file} has no expect: nothing to check"
        return f"nothing to check: {'; '.join(Checked((), skipped=self.skipped).told)}"


def bundled() -> Gathered:
    """Every bundled model and claim. Raises InputError."""
    models, claims = catalog.load_bundled()
    return Gathered((*models, *claims))


def gathered(given: Sequence[Given], ignored: Ignored, allow_outside: bool) -> Gathered:
    """What things are, references name and folders hold, each in its order."""
    reader = _Reader(ignored, allow_outside)
    found = [one for thing in given for one in reader.read(thing)]
    if not any(isinstance(one, Model | Claim) for one in found):
        # who names a file and no other means it, and is told what is wrong with it
        found = [again for one in found for again in reader.insist(one, given)]
    return Gathered(
        tuple(one for one in found if isinstance(one, Model | Claim)),
        tuple(one for one in found if isinstance(one, Skipped)),
        tuple(one for one in found if isinstance(one, Problem)),
    )


def judged(found: Gathered, *, keep_going: bool) -> tuple[tuple[Result, ...], tuple[Problem, ...]]:
    """The results of all things, and all that is wrong.

    Raises Unanswerable for what makes no sense, unless the others are to be answered then.
    """
    results: list[Result] = []
    errors = [*found.errors]
    for thing in found.things:
        try:
            results += expected(thing) if isinstance(thing, Model) else (verdict_on(thing),)
        except Unanswerable as error:
            if not keep_going:
                raise
            errors.append(error.problem)
    return tuple(results), tuple(errors)


Read = Model | Claim | Skipped | Problem
"""What comes of what is given: something to check, or why it is not checked."""


@dataclass(frozen=True)
class _Reader:
    ignored: Ignored
    allow_outside: bool

    def read(self, thing: Given) -> Iterator[Read]:
        if isinstance(thing, Model | Claim):
            yield from _held(thing)
        elif not isinstance(thing, str) or _is_hub(thing):
            yield from self._reference(thing)
        elif os.path.isdir(thing):
            for found in _below(thing):
                yield from self._file(found) if isinstance(found, str) else (found,)
        elif thing.endswith(SUFFIXES) and size_of(Path(thing)) is not None:
            yield from self._file(thing, named=True)
        else:
            yield from self._reference(thing)

    def insist(self, one: Read, given: Sequence[object]) -> Iterator[Read]:
        """The same, but for a file that was named: that is read, whatever it seems to be."""
        named = isinstance(one, Skipped) and one.why == FOREIGN and one.file in given
        yield from self._reference(one.file) if named and isinstance(one, Skipped) else (one,)

    def _reference(self, reference: Reference) -> Iterator[Read]:
        try:
            found = catalog.load_checkable(
                reference, self.ignored, allow_outside=self.allow_outside
            )
            yield from _held(found)
        except InputError as error:
            yield from error.problems

    def _file(self, name: str, *, named: bool = False) -> Iterator[Read]:
        try:
            document = _own(name, named=named)
            if document is None:
                yield Skipped(name, FOREIGN)
                return
            found = catalog.checkable_of(document, self.ignored, allow_outside=self.allow_outside)
            yield from _held(found)
        except InputError as error:
            yield from error.problems


def _is_hub(reference: str) -> bool:
    return is_hub(reference, there=exists(Path(reference)))


def _held(found: Model | Claim | tuple[Claim, ...]) -> Iterator[Read]:
    if isinstance(found, Model) and not found.expect:
        yield Skipped(found.file or found.name, NOTHING)
        return
    yield from found if isinstance(found, tuple) else (found,)


def _below(folder: str) -> Iterator[str | Skipped | Problem]:
    """The files of a folder and of all below it that may be kvcalc's own, hidden ones apart.

    Links are told and not followed: they may lead out, or back to where they are.
    """
    todo, seen = [folder], 0
    while todo:
        here = todo.pop()
        deeper: list[str] = []
        try:
            with os.scandir(here) as entries:
                found = sorted(islice(entries, MAX_FILES + 1 - seen), key=attrgetter("name"))
            for entry in found:
                path = str(Path(entry.path))
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink():
                    yield Skipped(path, LINK)
                elif entry.is_dir(follow_symlinks=False):
                    deeper.append(path)
                elif entry.name.lower().endswith(SUFFIXES) and entry.is_file(follow_symlinks=False):
                    yield path
        except OSError as error:
            yield Problem(f"cannot be read: {error.strerror or error}", file=here)
            continue
        todo += reversed(deeper)
        seen += len(found)
        if seen > MAX_FILES:
            text = f"more than {MAX_FILES:,} files in this folder and below it"
            yield Problem(text, "name a folder further down", file=folder)
            return


def _own(name: str, *, named: bool) -> Document | None:
    """What a file holds; None where it is not of kvcalc. Raises InputError.

    named  whether it is in question itself, and not as one of a folder: the benefit of the doubt
    """
    path = Path(name)
    raw = read_bytes(path)
    if named and (pointer := weight_file(path, raw[:HEAD])):
        raise InputError([pointer])
    if named and not raw.strip():
        return parse(name, raw, path.parent)
    # as UTF-16 has it, so that it is told what is wrong with that
    text = raw.replace(b"\0", b"")
    if not _MARK.search(text):
        return None
    try:
        document = parse(name, raw, path.parent)
    except InputError:
        if _seems_own(text):
            raise
        return None
    return document if _is_own(document.data, named=named) else None


def _is_own(data: object, *, named: bool) -> bool:
    """Whether data are a model with what makes one, or claims that look like some."""
    if not isinstance(data, dict):
        return False
    claims = data.get("claims")
    if named:
        return "claims" in data or is_own(data)
    if isinstance(claims, list):
        return any(isinstance(claim, dict) and len(CLAIM & set(claim)) > 1 for claim in claims)
    return is_own(data) and ("expect" in data or isinstance(data.get("attention"), dict))


def _seems_own(text: bytes) -> bool:
    """The same of text that cannot be parsed, by what seem to be its keys."""
    braces = text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))
    keys = {key.decode() for key in (_KEY if braces else _KEY_OF_ALL).findall(text)}
    if "claims" in keys and _KEY_OF_CLAIM.search(text):
        return True
    return is_own(dict.fromkeys(keys)) and bool({"expect", "attention"} & keys)

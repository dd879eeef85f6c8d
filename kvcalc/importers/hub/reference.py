"""References to the hub, such as hf:org/name@revision or a pasted web address, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from kvcalc.errors import InputError, Problem
from kvcalc.importers.bounded import CONFIG
from kvcalc.importers.hub.ggufs import download
from kvcalc.importers.hub.links import Link, link_of, revision_and_file, without_secrets
from kvcalc.importers.recognition import HUB

MAIN = "main"

_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_REVISION = re.compile(r"(?!.*\.\.)[\w.-][\w./+-]*", re.ASCII)
_START = re.compile(r"hf:(?://)?", re.IGNORECASE)
_FILES = (".json", ".gguf", ".safetensors", ".bin")
_KINDS = {
    "datasets": "a dataset",
    "spaces": "a space",
    "kernels": "a kernel",
    "buckets": "a bucket",
    "collections": "a collection",
    "papers": "a paper",
    "api": "for programs",
}


@dataclass(frozen=True)
class Asked:
    """A reference taken apart.

    reference  as it was given, without name and password, query and fragment
    """

    reference: str
    repository: str
    revision: str

    def problem(self, message: str, hint: str) -> Problem:
        return Problem(message, hint, file=self.reference)

    def fetching(self, file: str) -> str:
        """What to type to have a file of it in the client's cache, the hub's whatever is there."""
        at = f" --revision {self.revision}" if self.revision != MAIN else ""
        return f"hf download --force-download {self.repository} {file}{at}"

    @property
    def short(self) -> str:
        """The same, as kvcalc writes it: hf:org/name@revision."""
        return f"{HUB}{self.repository}" + f"@{self.revision}" * (self.revision != MAIN)


def asked_of(reference: str) -> Asked:
    """What a reference asks for. Raises InputError where it is none."""
    shown = without_secrets(reference)
    start = _START.match(shown)
    link = _of_models(_id(shown[start.end() :]) if start else link_of(shown))
    asked = Asked(shown, link.repository, link.revision or MAIN)
    kind = link.repository.partition("/")[0]
    if kind in _KINDS and "/" in link.repository:
        hint = f"write {HUB}organisation/name of a model"
        raise InputError([asked.problem(f"this is {_KINDS[kind]}, not a model", hint)])
    if link.revision is not None and not _REVISION.fullmatch(link.revision):
        what = f"{link.revision!r} is no name of a revision"
        text = what if link.revision else "nothing after the @"
        raise InputError([asked.problem(text, "name a branch, a tag or a commit after the @")])
    if not _REPOSITORY.fullmatch(link.repository):
        raise InputError([misnamed(asked)])
    if link.file not in ("", CONFIG):
        raise InputError([_of_a_file(asked, link.file)])
    return asked


def _id(text: str) -> Link:
    """What stands after hf: or hf://, such as org/name, org/name@revision, org/name:file."""
    repository, at, revision = text.partition("@")
    if not at and "://" not in text:
        repository, _, file = text.partition(":")
        return Link(repository, None, file)
    file = ""
    if revision.lower().endswith(_FILES):  # else it may be a branch with slashes in its name
        revision, file = revision_and_file(re.split("[/:]", revision))
    return Link(repository, revision.rstrip("/") if at else None, file)


def _of_models(link: Link) -> Link:
    """The same without `models/` before it, a slash at its end, and with a file for a path."""
    parts = link.repository.split("/")
    if parts[0] == "models" and len(parts) > 2:
        parts = parts[1:]
    if len(parts) < 3 or "" in parts[:2] or "://" in link.repository:
        return replace(link, repository="/".join(parts))
    more = [part for part in parts[2:] if part]
    file = "/".join([*more, *([link.file] if link.file else [])])
    return replace(link, repository="/".join(parts[:2]), file=file)


def misnamed(asked: Asked) -> Problem:
    """What is wrong with a name that no repository can have."""
    text = f"{asked.repository!r} is no name of a repository"
    hint = f"write {HUB}organisation/name, with @revision where not {MAIN} is meant"
    return asked.problem(text, hint)


def _of_a_file(asked: Asked, file: str) -> Problem:
    """Why a file, or a quantization, of a repository is not read, and how it can be."""
    text = f"of a repository on the hub only its {CONFIG} is read, not {file!r}"
    if file.lower().endswith(".gguf"):
        return asked.problem(text, download(asked.repository, asked.revision, file))
    gguf = "" if "." in file else "; a GGUF is read from a path, once it is downloaded"
    return asked.problem(text, f"write {asked.short}{gguf}")

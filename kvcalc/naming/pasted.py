"""A pasted name taken apart: a bare one, one with an organisation, one of Ollama's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kvcalc.importers.recognition import host_and_path

SUFFIX = ".yaml"
LATEST = ":latest"
"""A tag of Ollama's that leads to one size or another."""

_OLLAMA = re.compile(
    r"(?:https?://)?(?:(?:registry\.|www\.)?ollama\.(?:com|ai)/)?library/|"
    r"(?:https?://)?(?:registry\.|www\.)?ollama\.(?:com|ai)/(?=[^/]+$)|ollama/(?=[^/]+$)",
    re.IGNORECASE,
)
_LITELLM = re.compile(r"^huggingface/(?=[^/]+/[^/]+$)", re.IGNORECASE)
_START = re.compile(r"hf:(?://)?", re.IGNORECASE)
_CACHED = re.compile(r"models--(?P<organisation>[\w.-]+?)--(?P<name>[\w.-]+)", re.ASCII)
_ID = re.compile(r"(?P<organisation>\w[\w.-]*)/(?P<name>\w[\w.-]*)(?P<rest>[@:/].*)?", re.ASCII)
_AT_MAIN = re.compile(r"/(?:(?:tree|blob|resolve|raw)/main(?:/.*)?|config\.json)?|:config\.json")
_MAIN = ("", "@main", LATEST)
_LONGEST = 300
"""Characters of a name; a longer one is none, and to look for its end takes a while."""
_QUOTES = " \t\r\n\"'`<>"
_QUERY = re.compile(r"(?<=/)([^?#]*)[?#].*", re.DOTALL)
"""What follows the path of an address, also where its scheme was left out."""
_REPOSITORY = re.compile(r"[-_]gguf:", re.IGNORECASE)
"""Of a repository's name, and a file's of it: a name of Ollama's has no such end."""


@dataclass(frozen=True)
class Pasted:
    """What a name says.

    organisation  whose it is on a hub; "" where it does not say
    revision      @revision or :tag of a hub's model, as it stands
    sized         whether it is one of Ollama's with a tag, which must say more than how it is
                  stored: `deepseek-r1:latest` is not the model that `deepseek-r1` is
    """

    name: str
    organisation: str = ""
    revision: str = ""
    sized: bool = False

    @property
    def id(self) -> str:
        return f"{self.organisation}/{self.name}" if self.organisation else self.name

    @property
    def of_main(self) -> bool:
        return self.revision in _MAIN


def unquoted(reference: str) -> str:
    """A name without the quotes, brackets and blanks around it."""
    return reference.strip(_QUOTES)


def pasted_of_hub(reference: str) -> Pasted | None:
    """The model of a reference to the hub; None where it is none of its models."""
    if len(reference) > _LONGEST:
        return None
    start = _START.match(reference)
    path = reference[start.end() :] if start else host_and_path(reference)[1]
    path = re.split(r"[?#]", path.strip("/").removeprefix("models/"), maxsplit=1)[0]
    known = _ID.fullmatch(path)
    if known is None:
        return None
    rest = known["rest"] or ""
    revision = "" if _AT_MAIN.fullmatch(rest) else rest
    return Pasted(known["name"], known["organisation"], revision)


def pasted(reference: str) -> Pasted | None:
    """A name taken apart; None of a path that can be nothing else, and of other addresses."""
    if len(reference) > _LONGEST:
        return None
    text = re.sub(r"\s*/\s*", "/", _QUERY.sub(r"\1", unquoted(reference))).rstrip("/")
    if cached := _CACHED.fullmatch(text):
        return Pasted(cached["name"], cached["organisation"])
    text = _LITELLM.sub("", text)
    if ollama := _OLLAMA.match(text):
        text = text[ollama.end() :]
        return Pasted(text if ":" in text else f"{text}{LATEST}", sized=True)
    known = _ID.fullmatch(text)
    if known and not (known["rest"] or "").startswith("/"):
        return Pasted(known["name"], known["organisation"], known["rest"] or "")
    if "/" in text or "\\" in text or text.startswith((".", "~")):
        return None
    text = text.removesuffix(SUFFIX)
    return Pasted(text, sized=":" in text and not _REPOSITORY.search(text))

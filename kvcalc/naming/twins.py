"""Which bundled file a pasted name means, if it means one: never a fine-tune's base.

With an organisation it is a repository that a bundled file lists, or a copy of one by its maker or
by one who repacks, under the same name but for how the weights are stored. Without, it is folded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kvcalc.naming.folding import Shorter, begins, folded, folded_both_ways, may_be, shorter
from kvcalc.naming.index import Bundled, Repository
from kvcalc.naming.pasted import LATEST, Pasted

_REPACKERS = (
    *("bartowski", "casperhansen", "cpatonn", "gaunernst", "ggml-org", "hugging-quants"),
    *("intel", "lmstudio-community", "maziyarpanahi", "mlx-community", "mradermacher"),
    *("neuralmagic", "quantfactory", "quanttrio", "redhatai", "second-state", "thebloke"),
    "unsloth",
)
"""Organisations that store other people's models otherwise, and keep their names."""

_STORE_CACHES = ("amd", "nvidia")
"""Those whose copies in fewer bits may ask for keys and values in fewer, too, and whose names do
not tell: of them the files are what answers."""
_FEW_BITS = re.compile(r"fp[48]", re.IGNORECASE)
"""What such a copy's name has in it."""

_SIZE = re.compile(r"(\d{1,5})b", re.IGNORECASE)
_SIXTEEN_BITS = ("bf16", "fp16")
"""Dtypes that a copy has, too; a file in fp32 or fp8 stands for what it lists alone."""

_BASE = "-base"


@dataclass(frozen=True)
class Twin:
    """A bundled file, and how it was found.

    stored_otherwise  whether the name is of weights that are stored otherwise than the file's
    other_weights     the same of a repository that the file lists, whose KV dtype was read
    of_base           whether it is the base model of one that the file is of
    """

    bundled: Bundled
    how: str
    stored_otherwise: bool = False
    other_weights: bool = False
    of_base: bool = False

    @property
    def note(self) -> str:
        return f"bundled {self.bundled.name}, {self.how}"

    @property
    def unread_dtype(self) -> str:
        """What to say where `stored_otherwise`, unless a dtype is asked for."""
        dtype = self.bundled.dtype
        text = f"the cache is counted in {dtype}, as {self.bundled.name} has it"
        return f"{text}; a KV dtype that the quantized files may state was not read"


def twins(pasted: Pasted, known: Sequence[Bundled]) -> list[Twin]:
    """The bundled files that a name may mean: one, several, or none."""
    if pasted.organisation:
        return _by_id(pasted, known) if _is_of_main(pasted) else []
    return _by_name(pasted, known)


def nearest(pasted: Pasted, known: Iterable[Bundled]) -> list[str]:
    """The bundled files with a name that begins as a bare one does."""
    tries = [folded(one.name) for one in shorter(pasted.name.removesuffix(LATEST), tuned=True)]

    def near(one: Bundled) -> bool:
        own = one.names.union(*(repository.names for repository in one.hub))
        return any(begins(begun, name) for begun in tries for name in own)

    return [one.name for one in known if near(one)]


def of_other_sizes(pasted: Pasted, known: Iterable[Bundled]) -> list[str]:
    """The bundled files that are called as what stands before the tag of one of Ollama's."""
    family, tag, _ = pasted.name.partition(":")
    return [one.name for one in known if tag and folded(family) in one.names]


def _is_of_main(pasted: Pasted) -> bool:
    """Whether no other revision is named: a tag may say how the weights are stored."""
    tag = pasted.revision.removeprefix(":")
    stored = [one.name for one in shorter(f"x-{tag}", tuned=False)][-1] == "x"
    return pasted.of_main or (tag != pasted.revision and stored)


def _by_id(pasted: Pasted, known: Iterable[Bundled]) -> list[Twin]:
    wanted, maker = pasted.id.lower(), pasted.organisation.lower()
    pairs = [(one, repository) for one in known for repository in one.hub]
    stored = pasted.revision.startswith(":") and not pasted.of_main
    listed = {one: repository for one, repository in pairs if repository.id.lower() == wanted}
    if listed:
        how = "by its hub id"
        return [Twin(one, how, stored, *_of(one, own)) for one, own in listed.items()]
    for less in shorter(pasted.name, tuned=False):
        name, found = folded(less.name), dict[Bundled, Twin]()
        # of several that fit, the last is told: the one that is written so
        for one, repository in sorted(pairs, key=lambda pair: pair[1].folded == name):
            if one.dtype in _SIXTEEN_BITS and _copies(maker, name, less, repository):
                how = f"by the hub id {repository.id}, which {pasted.id} stores otherwise"
                copied = f"by the hub id {repository.id}, of which {pasted.id} is a copy"
                found[one] = Twin(one, how if less.stored else copied, less.stored or stored)
        if found:
            return [*found.values()]
    return []


def _copies(maker: str, wanted: str, less: Shorter, repository: Repository) -> bool:
    """Whether a maker's name is that of a repository, but for how the weights are stored."""
    if maker in _STORE_CACHES:
        return False
    if maker == repository.organisation:
        return less.stored and wanted in repository.names
    if maker not in _REPACKERS:
        return False
    # some write `google_gemma-3-27b-it` for google/gemma-3-27b-it
    return wanted in repository.names or wanted in folded_both_ways(repository.id)


def _by_name(pasted: Pasted, known: Sequence[Bundled]) -> list[Twin]:
    tries = [one for one in shorter(pasted.name, tuned=True) if ":" in one.name or not pasted.sized]
    for alike in (_is, may_be):
        for less in tries:
            found = [twin for one in known if (twin := _called(less, one, alike))]
            if found:
                return found
    sized = (twin for less in tries for one in known if (twin := _sized(less, one)))
    return list(dict.fromkeys(sized))


def _sized(less: Shorter, one: Bundled) -> Twin | None:
    """A bundled file, where it is called as what stands before a tag that is its size: x:671b."""
    name, _, tag = less.name.partition(":")
    size = _SIZE.fullmatch(tag)
    if size is None or folded(name) not in one.names or one.dtype not in _SIXTEEN_BITS:
        return None
    is_so_large = round(one.parameters / 10**9) == int(size[1])
    return Twin(one, "by its name and size", less.stored) if is_so_large else None


def _is(given: str, known: str) -> bool:
    return given == known


def _called(less: Shorter, one: Bundled, alike: Callable[[str, str], bool]) -> Twin | None:
    """A bundled file, where one of its names is that one."""
    wanted = folded(less.name)
    if not wanted or (less.left_out and one.dtype not in _SIXTEEN_BITS):
        return None
    if _FEW_BITS.search(less.left_out) and any(r.organisation in _STORE_CACHES for r in one.hub):
        return None
    without = f" without {less.left_out}" if less.left_out else ""
    if less.tuned:
        without += ", which is none that the file lists: its longest context may be another"
    if any(alike(wanted, name) for name in one.names):
        return Twin(one, f"by its name{without}", less.stored)
    for repository in one.hub:
        if any(alike(wanted, name) for name in repository.names):
            how = f"by the name of {repository.id}{without}"
            return Twin(one, how, less.stored, *_of(one, repository))
    return None


def _of(one: Bundled, repository: Repository) -> tuple[bool, bool]:
    """Whether a repository's name says of its weights what that of a file's first does not, and
    whether it alone of the two is of a base model."""
    first = one.hub[0]
    base = _BASE in repository.id.lower() and _BASE not in first.id.lower()
    return _storage(repository) != _storage(first), base


def _storage(repository: Repository) -> str:
    """How the weights are stored, as the end of a name says: its longest that does."""
    name = repository.id.lower()
    return name.removeprefix([less.name for less in shorter(name, tuned=False)][-1])

"""Imports point one way: the syntax tree of every module is read and held to one table."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import kvcalc

PACKAGE = Path(kvcalc.__file__).parent
MODULES = {
    ".".join(("kvcalc", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

ORDER = (
    {"printable"},
    {"errors"},
    {"units", "formats"},
    {"figures"},
    {"expect", "extents", "mix"},
    {"question"},
    {"amounts"},
    {"cache"},
    {"sharing"},
    {"attention"},
    {"model"},
    {"parallel"},
    {"hardware", "whatif"},
    {"budget"},
    {"machine"},
    {"claim"},
    {"schema"},
    {"engines"},
    {"queries"},
)
"""From the ground up: a part imports from the levels below its own, and from itself."""


def below(*parts: str) -> set[str]:
    """All that is on a lower level than each of these."""
    levels = [number for number, level in enumerate(ORDER) if level & set(parts)]
    return set().union(*ORDER[: min(levels)])


CORE = {part: below(part) for level in ORDER for part in level}
UP_TO_SCHEMA = below("schema") | {"schema"}
UP_TO_QUERIES = below("queries") | {"queries"}
RESULTS = UP_TO_QUERIES - {"whatif", "schema"}
MAY_IMPORT = {
    **CORE,
    "queries": CORE["queries"] | {"answer", "naming"},
    "budget": {"errors", "formats", "cache", "hardware", "model", "parallel", "units"},
    "answer": {"printable", "render"},
    "yamltext": {"errors", "printable"},
    "jsonplaces": {"errors"},
    "jsontext": {"errors", "jsonplaces", "printable", "yamltext"},
    "given": {"document", "errors", "jsontext", "yamltext"},
    "document": {"errors", "jsonplaces", "jsontext", "printable", "yamltext"},
    "importers": UP_TO_SCHEMA,
    "inside": {"importers"},
    "naming": {"document", "errors", "importers", "model"},
    "opening": UP_TO_SCHEMA | {"document", "importers", "naming"},
    "bundle": set(),
    "catalog": UP_TO_SCHEMA
    | {"bundle", "devices", "document", "given", "importers", "inside", "naming", "opening"},
    "devices": UP_TO_SCHEMA | {"bundle", "document", "naming", "opening"},
    "hardware": {"model"},
    "arguments": {"errors", "model", "units"},
    "references": {"arguments", "budget", "catalog", "errors", "hardware", "model", "opening"},
    "gathering": UP_TO_QUERIES | {"catalog", "document", "importers", "opening"},
    "render": RESULTS | {"kvcalc"},
    "publish": UP_TO_SCHEMA | {"render"},
    "api": UP_TO_QUERIES
    | {"arguments", "bundle", "catalog", "devices", "gathering", "publish"}
    | {"references"},
    "cli": {"errors", "printable", "units", "formats", "expect", "engines", "bundle", "mix"}
    | {"render", "kvcalc"},
    "kvcalc": {"api", "errors", "model"},
    "__main__": {"cli", "printable", "kvcalc"},
}
MAY_NAME = {**MAY_IMPORT, "render": UP_TO_QUERIES | {"kvcalc"}}
"""The same for imports under `if TYPE_CHECKING`: render may name all that is below it."""
UPWARD = "kvcalc.answer"
"""An answer prints itself: the one module that imports from above, once that is asked for."""

OTHERS = {
    "kvcalc.yamltext": {"yaml"},
    "kvcalc.cli": {"typer"},
    "kvcalc.render.terminal": {"rich"},
    "kvcalc.schema.forms": {"pydantic_core"},
    "kvcalc.schema.reading": {"pydantic_core"},
    "kvcalc.schema.writing.text": {"yaml"},
    "kvcalc.importers.hub": {"huggingface_hub", "httpx", "requests"},
    "kvcalc.importers.gguf": {"gguf"},
}
"""Which modules, or modules of a package, import from outside the standard library."""

CLI_AT_THE_TOP = {"kvcalc", "cli", "engines", "errors", "printable", "expect", "typer"}


@dataclass(frozen=True)
class Import:
    """One imported module: where, and whether it is loaded at run time, and when."""

    target: str
    line: int
    types_only: bool
    in_function: bool

    @property
    def part(self) -> str:
        return part_of(self.target)

    @property
    def ours(self) -> bool:
        return self.target.split(".")[0] == "kvcalc"


def part_of(module: str) -> str:
    """The first name below kvcalc; the package itself is `kvcalc`, another package its own name."""
    names = module.split(".")
    return names[1] if names[0] == "kvcalc" and len(names) > 1 else names[0]


def imports_of(path: Path) -> list[Import]:
    return list(_imports(ast.parse(path.read_text(encoding="utf-8")), False, False))


def _imports(node: ast.AST, types_only: bool, in_function: bool) -> Iterator[Import]:
    for target in _targets(node):
        assert isinstance(node, ast.Import | ast.ImportFrom)
        yield Import(target, node.lineno, types_only, in_function)
    in_function |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    guard = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    guarded = node.body if isinstance(node, ast.If) and guard else []
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, types_only or child in guarded, in_function)


def _targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = "." * node.level + (node.module or "")
        named = [f"{base}.{alias.name}" for alias in node.names]
        return [target if target in MODULES else base for target in named]
    return []


everywhere = pytest.mark.parametrize("module", MODULES)


@everywhere
def test_every_module_has_its_place(module: str) -> None:
    assert part_of(module) in MAY_IMPORT


def test_every_place_has_its_module() -> None:
    parts = {part_of(module) for module in MODULES}
    assert set(MAY_IMPORT).union(*MAY_IMPORT.values()) == parts


@everywhere
def test_imports_are_absolute(module: str) -> None:
    assert [found for found in imports_of(MODULES[module]) if found.target.startswith(".")] == []


@everywhere
def test_imports_point_one_way(module: str) -> None:
    part = part_of(module)
    wrong = [
        found
        for found in imports_of(MODULES[module])
        if found.ours
        and found.part != part
        and found.part not in (MAY_NAME if found.types_only else MAY_IMPORT).get(part, set())
    ]
    assert wrong == []


def test_what_is_printed_takes_the_version_alone_from_the_top() -> None:
    taken = [
        ast.unparse(node)
        for module, path in MODULES.items()
        if part_of(module) == "render"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(target == "kvcalc" for target in _targets(node))
    ]
    assert set(taken) == {"from kvcalc import __version__"}


def test_what_imports_from_above_does_so_inside_functions() -> None:
    ours = [found for found in imports_of(MODULES[UPWARD]) if found.ours]
    assert ours
    assert all(found.in_function for found in ours)


@everywhere
def test_other_packages_stay_in_their_rooms(module: str) -> None:
    allowed = OTHERS.get(module, set()) | OTHERS.get(module.rpartition(".")[0], set())
    wrong = [
        found
        for found in imports_of(MODULES[module])
        if not found.ours
        and found.part not in sys.stdlib_module_names
        and found.part not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) == "cli"])
def test_the_command_line_imports_what_is_heavy_inside_functions(module: str) -> None:
    wrong = [
        found
        for found in imports_of(MODULES[module])
        if not found.in_function
        and not found.types_only
        and found.part not in CLI_AT_THE_TOP | sys.stdlib_module_names
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["kvcalc", "kvcalc.__main__"])
def test_the_way_in_imports_nothing_at_the_top(module: str) -> None:
    wrong = [
        found
        for found in imports_of(MODULES[module])
        if found.ours and not found.in_function and not found.types_only
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        ("import kvcalc.units", [("units", False, False)]),
        ("from kvcalc import units", [("units", False, False)]),
        ("from kvcalc import __version__", [("kvcalc", False, False)]),
        ("from kvcalc.queries import check", [("queries", False, False)]),
        ("from kvcalc.cache import Cache, Every", [("cache", False, False)] * 2),
        ("import yaml, rich.table", [("yaml", False, False), ("rich", False, False)]),
        ("def f():\n    import kvcalc.api", [("api", False, True)]),
        ("class C:\n    import kvcalc.api", [("api", False, False)]),
        ("if TYPE_CHECKING:\n    import kvcalc.api", [("api", True, False)]),
        ("if typing.TYPE_CHECKING:\n    import kvcalc.api", [("api", True, False)]),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import kvcalc.api", [("api", False, False)]),
        ("try:\n    import kvcalc.api\nexcept ImportError:\n    pass", [("api", False, False)]),
    ],
)
def test_how_a_syntax_tree_is_read(
    tmp_path: Path, source: str, imports: list[tuple[str, bool, bool]]
) -> None:
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    found = imports_of(path)
    assert [(one.part, one.types_only, one.in_function) for one in found] == imports


def test_a_part_may_not_import_from_its_own_level_or_above() -> None:
    for number, level in enumerate(ORDER):
        for part in level:
            assert CORE[part].isdisjoint(set().union(*ORDER[number:]))
    assert {"catalog", "cli", "api"}.isdisjoint(MAY_IMPORT["render"] | MAY_NAME["render"])

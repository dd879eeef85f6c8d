"""GPU files: the bundled ones, those of users, and what they are called."""

from __future__ import annotations

import csv
import io
import json
import re
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kvcalc
from kvcalc import catalog, devices
from kvcalc.bundle import bundled_gpus
from kvcalc.hardware import Gpu

if TYPE_CHECKING:
    from tests.conftest import Cli

GIB = 2**30
FILES = bundled_gpus()
every_gpu = pytest.mark.parametrize("slug", FILES)

NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e\d+)?")

OWN = """\
name: Ours
vendor: Us
memory: 22.5GiB
bandwidth: 1.5 TB/s
link: 32GB/s
capability: "12.1"
also: [ours-one, "5090"]
sources:
  - from: a label
    says: 24 GB
    read: 2026-11-27
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "ours.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


# what drivers report, in GiB and by hand; Metal says megabytes, of 10^6 B
@pytest.mark.parametrize(
    ("slug", "memory", "bandwidth", "link"),
    [
        ("h100", 79.18 * GIB, 3_350, 64),
        ("h100-nvl", 93.09 * GIB, 3_900, 64),
        ("h200", 139.8 * GIB, 4_800, 64),
        ("l40s", 44.42 * GIB, 864, 32),
        ("rtx-pro-6000", 94.97 * GIB, 1_792, 64),
        ("rtx-5090", 31.36 * GIB, 1_792, 64),
        ("rtx-3090", 23.56 * GIB, 936, 32),
        ("gb10", 119.63 * GIB, 273, None),
        ("mi300x", 191.69 * GIB, 5_300, 64),
        ("mi250x", 63.98 * GIB, 3_277 / 2, 36),
        ("b300", 267.69 * GIB, 7_750, 128),
        ("gb200", 184.31 * GIB, 8_000, 450),
        ("gaudi-3", 128 * GIB, 3_700, None),
        ("tpu-v7", 94.75 * GIB, 7_380 / 2, None),
        ("m4-max-128gb", 103_079_220_000, 546, None),
        ("m1-16gb", 11_453_250_000, 68, None),
    ],
)
def test_what_a_gpu_has(slug: str, memory: float, bandwidth: float, link: int | None) -> None:
    gpu = catalog.gpu(slug)
    assert (gpu.slug, gpu.memory) == (slug, int(memory))
    assert gpu.bandwidth == bandwidth * 10**9
    assert gpu.link == (None if link is None else link * 10**9)


@pytest.mark.parametrize(
    ("slug", "capability"),
    [
        ("a100-40gb", 80),
        ("rtx-3090", 86),
        ("l4", 89),
        ("h20", 90),
        ("b200", 100),
        ("gb300", 103),
        ("rtx-5090", 120),
        ("gb10", 121),
        ("mi355x", None),
        ("gaudi-2", None),
        ("m5-16gb", None),
    ],
)
def test_the_capability_of_cuda(slug: str, capability: int | None) -> None:
    assert catalog.gpu(slug).capability == capability


@every_gpu
def test_every_number_of_a_bundled_file_has_its_source(slug: str) -> None:
    gpu = catalog.gpu(slug)
    assert all(source.origin and source.says and source.read for source in gpu.sources)
    said = [Fraction(number) for source in gpu.sources for number in NUMBER.findall(source.says)]
    units = [Fraction(10) ** power for power in (0, 6, 9, 12)] + [Fraction(2) ** 20, Fraction(GIB)]
    told = {floor(number * unit) for number in said for unit in units}
    assert gpu.memory in told
    for rate in filter(None, (gpu.bandwidth, gpu.link)):
        # of a card or a chip with two devices both have twice what one has
        assert told & {rate, 2 * rate if "two" in gpu.name else rate}
    if gpu.capability is not None:
        assert {Fraction(gpu.capability), Fraction(gpu.capability, 10)} & set(said)


@every_gpu
def test_what_a_bundled_file_says_can_be(slug: str) -> None:
    gpu = catalog.gpu(slug)
    assert 8 * GIB < gpu.memory < 512 * GIB
    assert 60 * 10**9 < gpu.bandwidth <= 8 * 10**12
    assert gpu.link is None or 10 * 10**9 < gpu.link < gpu.bandwidth
    assert not (gpu.shared and gpu.link)
    assert (gpu.capability is not None) == (gpu.vendor == "NVIDIA")


@every_gpu
def test_a_bundled_file_leads_an_editor_to_the_schema(slug: str) -> None:
    first = FILES[slug].read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../gpu.schema.json"
    assert (FILES[slug].parent / "../gpu.schema.json").is_file()


def test_the_text_of_a_file_has_all_of_its_names() -> None:
    words = devices._words()
    for gpu in devices.all_gpus():
        assert all(FILES[gpu.slug] in words[name.lower()] for name in (gpu.slug, *gpu.also))
        assert words[gpu.name.lower()] == (FILES[gpu.slug],)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("h100", "h100"),
        ("H100-SXM", "h100"),
        ("h100 sxm", "h100"),
        ("h100.yaml", "h100"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("nvidia h200", "h200"),
        ("'h200'", "h200"),
        ("5090", "rtx-5090"),
        ("RTX 5090", "rtx-5090"),
        ("A100 80GB", "a100-80gb"),
        ("NVIDIA A100-SXM4-80GB", "a100-80gb"),
        ("dgx spark", "gb10"),
        ("MI300X", "mi300x"),
        ("m4 max 128gb", "m4-max-128gb"),
        ("strix halo", "strix-halo"),
        ("ironwood", "tpu-v7"),
    ],
)
def test_what_a_gpu_is_called(name: str, slug: str) -> None:
    assert catalog.gpu(name).slug == slug


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("h201", "no file and no bundled GPU is called 'h201'\n  did you mean h20 or h200?"),
        ("zzz", "no file and no bundled GPU is called 'zzz'\n  kvcalc list --gpus shows"),
        ("a100", "'a100' may be any of 2 bundled GPUs\n  name one: a100-40gb, a100-80gb"),
        ("M4 Max", "'M4 Max' may be any of 3 bundled GPUs\n  name one: m4-max-128gb, m4-max-48gb"),
        ("mi355", "no file and no bundled GPU is called 'mi355'\n  did you mean mi355x?"),
        ("nvidia", "'nvidia' may be any of 20 bundled GPUs\n  name one: a10, a100-40gb"),
        ("", "'' names no GPU\n  kvcalc list --gpus"),
        ("-", "'-' names no GPU\n  kvcalc list --gpus"),
        ("./h100.yaml", "h100.yaml: cannot be read: No such file or directory"),
        ("./h100", "h100: cannot be read: No such file or directory"),
        ("elsewhere/h100.yaml", "elsewhere/h100.yaml: cannot be read: No such file or directory"),
        ("../models/gpt2", "no file and no bundled GPU is called '../models/gpt2'"),
        ("nosuch/ours.yaml", "nosuch/ours.yaml: cannot be read: No such file or directory"),
    ],
)
def test_what_no_gpu_is_called(name: str, told: str) -> None:
    with pytest.raises(kvcalc.InputError) as raised:
        catalog.gpu(name)
    assert str(raised.value).startswith(told)


def test_a_bundled_gpu_is_found_without_a_look_at_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_look() -> dict[str, Path]:
        raise AssertionError

    monkeypatch.setattr(devices, "bundled_gpus", no_look)
    assert catalog.gpu("H200").slug == "h200"


def test_a_file_of_a_user(own: Path) -> None:
    gpu = catalog.gpu(str(own))
    (source,) = gpu.sources
    assert (source.origin, source.says, source.read) == ("a label", "24 GB", "2026-11-27")
    assert gpu == Gpu(
        slug="ours",
        name="Ours",
        vendor="Us",
        memory=22 * GIB + GIB // 2,
        bandwidth=1_500_000_000_000,
        link=32_000_000_000,
        capability=121,
        also=("ours-one", "5090"),
        sources=(source,),
        file=str(own),
    )


def test_a_file_in_this_folder_wins_over_a_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "h200").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert catalog.gpu("h200").name == "Ours"
    (tmp_path / "h100").mkdir()
    assert catalog.gpu("h100").name == "NVIDIA H100 80GB SXM"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: Ours", "name: ''", "1:1: name is ''; it must not be empty"),
        ("name: Ours", "name: 5", "1:1: name is 5; it must be text; put it in quotes"),
        ("vendor: Us\n", "", "1:1: missing field 'vendor'\n  write for example vendor: NVIDIA"),
        ("memory: 22.5GiB\n", "", "1:1: missing field 'memory'\n  write for example memory: 139"),
        ("bandwidth: 1.5 TB/s\n", "", "1:1: missing field 'bandwidth'\n  write for example"),
        ("22.5GiB", "24", "3:1: memory: '24' has no unit; write it like 24GiB, of 2^30 B each"),
        ("22.5GiB", "24 Gb", "3:1: memory: unknown unit 'Gb'; write it like 24GiB"),
        ("22.5GiB", "0GiB", "3:1: memory: 0 B is no memory: give 1 B to"),
        ("22.5GiB", "-24GiB", "3:1: memory: -25,769,803,776 B is no memory"),
        ("22.5GiB", "[24GiB]", "3:1: memory: write it like 139.8GiB"),
        ("22.5GiB", "true", "3:1: memory: write it like 139.8GiB"),
        ("1.5 TB/s", "1.5TB", "4:1: bandwidth: '1.5TB' is no bandwidth; write it"),
        ("1.5 TB/s", "1.5/s", "4:1: bandwidth: '1.5/s' has no unit"),
        ("1.5 TB/s", "1500", "4:1: bandwidth: '1500' is no bandwidth"),
        ("1.5 TB/s", "1.5TB/h", "4:1: bandwidth: '1.5TB/h' is no bandwidth"),
        ("link: 32GB/s", "link: 32GB", "5:1: link: '32GB' is no bandwidth"),
        ("link: 32GB/s", "shared: true\nlink: 1GB/s", "6:1: link: its memory is the host's"),
        ("link: 32GB/s", "shared: yes!", "5:1: shared is 'yes!'; it must be true or false"),
        ('"12.1"', "12.1", "6:1: capability: write a CUDA capability in quotes, such as"),
        ('"12.1"', '"12"', "6:1: capability: write a CUDA capability in quotes"),
        ('"5090"', "5090", "7:18: also is 5,090; it must be text; put it in quotes"),
        ("2026-11-27", "yesterday", "11:5: read: write a date as 2026-11-24"),
        ("from: a label", "form: a label", "9:5: unknown field 'form'\n  did you mean from?"),
        ("link:", "memory_is: guessed\nlink:", "5:1: memory_is cannot be 'guessed'\n  known:"),
        ("link:", "lnik:", "5:1: unknown field 'lnik'\n  did you mean link?"),
        ("link:", "name:", "5:1: 'name' is given twice, first in line 1, column 1"),
    ],
)
def test_what_is_wrong_with_a_file(old: str, new: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    assert OWN.count(old) == 1
    path.write_text(OWN.replace(old, new), encoding="utf-8")
    with pytest.raises(kvcalc.InputError) as raised:
        catalog.gpu(str(path))
    assert f"{path}:{told}" in str(raised.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("memory: 80\nbandwith: 3TB/s\nlink: 64GB\n", encoding="utf-8")
    with pytest.raises(kvcalc.InputError) as raised:
        catalog.gpu(str(path))
    lines = str(raised.value).splitlines()
    told = [line.partition(": ")[2] for line in lines if line.startswith(str(path))]
    # in the file's order; what is missing stands where the file begins
    assert [text.partition(";")[0] for text in told] == [
        "missing field 'name'",
        "missing field 'vendor'",
        "memory: '80' has no unit",
        "missing field 'bandwidth'",
        "unknown field 'bandwith'",
        "link: '64GB' is no bandwidth",
    ]
    assert lines[-1] == "6 problems"


@pytest.mark.parametrize("text", ["token: sk-secret\n", "[1, 2]\n", "", "secret\n"])
def test_of_another_file_nothing_is_shown(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(kvcalc.InputError) as raised:
        catalog.gpu(str(path))
    assert "secret" not in str(raised.value)


def test_the_list_as_json(cli: Cli) -> None:
    told = json.loads(cli("list", "--gpus", "--json").out)
    assert told["kind"] == "gpus"
    assert [gpu["slug"] for gpu in told["gpus"]] == sorted(FILES)
    (found,) = (gpu for gpu in told["gpus"] if gpu["slug"] == "trainium-2")
    assert found == {
        "name": "AWS Trainium2, one chip",
        "slug": "trainium-2",
        "vendor": "AWS",
        "memory_bytes": 96 * GIB,
        "memory_is": "nominal",
        "bandwidth_bytes_per_second": 2_900_000_000_000,
        "link_bytes_per_second": None,
        "shared": False,
        "capability": None,
        "also": ["trainium2", "trn2"],
        "sources": found["sources"],
    }
    assert set(found["sources"][0]) == {"origin", "says", "read"}


@pytest.mark.parametrize(
    ("word", "slugs"),
    [
        ("h100", ["h100", "h100-nvl", "h100-pcie"]),
        ("INTEL", ["gaudi-2", "gaudi-3"]),
        ("m4 max", ["m4-max-128gb", "m4-max-48gb", "m4-max-64gb"]),
        ("spark", ["gb10"]),
    ],
)
def test_a_word_of_a_gpu(word: str, slugs: list[str], cli: Cli) -> None:
    told = json.loads(cli("list", "--gpus", word, "--json").out)["gpus"]
    assert [gpu["slug"] for gpu in told] == slugs
    assert [gpu.slug for gpu in kvcalc.gpus(word).gpus] == slugs
    rows = list(csv.DictReader(io.StringIO(cli("list", "--gpus", word, "-f", "csv").out)))
    assert [row["slug"] for row in rows] == slugs
    lines = cli("list", "--gpus", word, "-f", "jsonl").out.splitlines()
    assert [json.loads(line)["slug"] for line in lines] == slugs
    for form in ("markdown", "table"):
        out = cli("list", "--gpus", word, "-f", form).out
        assert all(slug in out for slug in slugs)
        assert "mi300x" not in out


def test_what_the_table_says(cli: Cli) -> None:
    lines = cli("list", "--gpus", "google").out.splitlines()
    start = "Google tpu-v5e Google TPU v5e, one chip 15.75 GiB 819 GB/s 15 GB/s v5e, "
    assert " ".join(lines[1].split()).startswith(start)
    assert lines[-1] == "3 GPUs; memory as a process sees it"
    assert "shared" in cli("list", "--gpus", "gb10").out
    assert "12.1" in cli("list", "--gpus", "gb10").out
    assert cli("list", "--gpus", "gb10").out.endswith("\n1 GPU; memory as a process sees it\n")
    nominal = cli("list", "--gpus", "aws").out
    assert "96.00 GiB*" in nominal
    assert "* what its vendor calls it" in nominal


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("zzz",), "no GPU has 'zzz' in a name of its own or its vendor's; kvcalc list --gpus"),
        (("--dtypes",), "--dtypes and --gpus list different things: leave one of them out"),
        (("--engine", "vllm"), "--engine and --gpus list different things: leave one of them out"),
    ],
)
def test_what_cannot_be_listed(args: tuple[str, ...], told: str, cli: Cli) -> None:
    ran = cli("list", "--gpus", *args)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err

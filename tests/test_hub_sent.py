"""What is sent to a hub: watched at the server, and held to the list in the README."""

from __future__ import annotations

import re
from pathlib import Path

from tests.hub_fetch import LLAMA, Fetch, index
from tests.hub_server import COMMIT, TOKEN, Hub, Request

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
AGENT = {"AI_AGENT": "some-agent", "AGENT": "some-agent"}
QUANT = {"quantization": {"quant_algo": "FP8"}}


def rows(header: str) -> list[list[str]]:
    """The cells of a table of the README, below the row that begins so."""
    lines = README.partition(f"\n{header}")[2].splitlines()[2:]
    table = lines[: next(n for n, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def paths() -> list[str]:
    """The requests of the README in their order, such as `GET /ORG/NAME/...`."""
    return [f"{method} {words(row[1])[0]}" for row in rows("| sent ") for method in words(row[0])]


def path(request: Request) -> str:
    """A request as the README writes it."""
    named = request.path.replace(COMMIT, "COMMIT").replace("org/m", "ORG/NAME")
    return f"{request.method} {named.replace('/main/', '/REVISION/')}"


def names(request: Request) -> set[str]:
    return {name.lower() for name, _ in request.headers}


def test_the_readme_lists_every_request_and_every_header(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index=index(9), **{"hf_quant_config.json": QUANT})
    first = fetch("hf:org/m", HF_TOKEN=TOKEN, **AGENT)
    assert (first.weight_bytes, first.quantized) == (9, QUANT)
    assert [path(request) for request in hub.requests] == paths()
    listed = {name.lower() for row in rows("| header ") for name in words(row[0])}
    # older clients do not have the hub count
    assert set().union(*map(names, hub.requests)) | {"x-hf-download-counter"} == listed
    sent = [dict(request.headers) for request in hub.requests]
    agents = {value for one in sent for name, value in one.items() if name.lower() == "user-agent"}
    assert agents == {"kvcalc"}
    assert {request.token for request in hub.requests} == {TOKEN}

    hub.requests.clear()
    assert fetch("hf:org/m", **AGENT) == first
    assert [path(request) for request in hub.requests] == paths()[:1]
    assert [request.token for request in hub.requests] == [""]

    hub.requests.clear()
    assert fetch(f"hf:org/m@{COMMIT}", **AGENT) == first
    assert hub.requests == []


def test_a_storage_is_not_shown_the_token(hub: Hub, fetch: Fetch) -> None:
    files = {"config": LLAMA, "index": index(9), "hf_quant_config.json": QUANT}
    repository = hub.add("org/m", **files)
    repository.stored_elsewhere = repository.private = True
    assert fetch("hf:org/m", HF_TOKEN=TOKEN).weight_bytes == 9
    stored = [request for request in hub.requests if request.path.startswith("/storage/")]
    others = [request for request in hub.requests if request not in stored]
    assert [request.method for request in stored] == ["GET"] * 3
    assert not any("authorization" in names(request) for request in stored)
    assert {request.token for request in others} == {TOKEN}


def test_a_refused_repository_is_asked_for_once(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA).gated = True
    assert "is gated" in fetch("hf:org/m", **AGENT).message
    assert [path(request) for request in hub.requests] == paths()[:1]
    assert "authorization" not in names(hub.requests[0])


def test_a_pasted_address_of_another_host_than_the_endpoint_is_asked_at_the_endpoint(
    hub: Hub, fetch: Fetch
) -> None:
    hub.add("org/m", config=LLAMA)
    url = "https://huggingface.co/org/m/blob/main/config.json?token=secret"
    assert fetch(url).config == LLAMA
    assert [path(request) for request in hub.requests] == [*paths()[:4]]


def test_the_client_is_left_as_it_was() -> None:
    from huggingface_hub import constants

    from kvcalc.importers.hub.client import discreet

    before = constants.HF_HUB_DISABLE_TELEMETRY, constants.HF_HUB_DISABLE_XET
    with discreet():
        assert (constants.HF_HUB_DISABLE_TELEMETRY, constants.HF_HUB_DISABLE_XET) == (True, True)
    assert before == (constants.HF_HUB_DISABLE_TELEMETRY, constants.HF_HUB_DISABLE_XET)

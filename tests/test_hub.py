"""The hub as a source: the real client, in a process of its own, against a hub of ours.

The client reads its variables as it is imported, so each call is a program with its own.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

import kvcalc.importers.hub
from kvcalc.errors import InputError
from tests.hub_fetch import LLAMA, NOBODY, WITHOUT_CLIENT, Fetch, Told, index, kvcalc_of
from tests.hub_server import COMMIT, OLDER, TOKEN, Answer, Hub

ONCE = ["HEAD config.json", "HEAD config.json", "GET config.json", "GET files"]
INDEX_ONCE = ["HEAD model.safetensors.index.json", "GET model.safetensors.index.json"]


# What is found


def test_a_repository_gives_its_configuration_weights_and_commit(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/Model-7B", config=LLAMA, index=index(1234), **{"model.safetensors": b"weights"})
    source = f"hf:org/Model-7B@{COMMIT}:config.json"
    assert fetch("hf:org/Model-7B") == Told(LLAMA, 1234, "Model-7B", source)
    assert hub.asked() == ONCE + INDEX_ONCE


def test_an_old_name_has_no_organisation(hub: Hub, fetch: Fetch) -> None:
    hub.add("gpt2", config=LLAMA)
    assert fetch("hf:gpt2") == Told(LLAMA, None, "gpt2", f"hf:gpt2@{COMMIT}:config.json")
    assert hub.asked() == ONCE


@pytest.mark.parametrize(
    ("revision", "layers"),
    [
        ("main", 2),
        ("v1.0", 1),
        ("refs/pr/3", 1),
        (COMMIT, 2),
        (OLDER, 1),
    ],
)
def test_a_revision_is_a_branch_a_tag_or_a_commit(
    hub: Hub, fetch: Fetch, revision: str, layers: int
) -> None:
    repository = hub.add("org/m", config={"num_hidden_layers": 2}, index=index(2000))
    repository.commits[OLDER] = {
        "config.json": b'{"num_hidden_layers": 1}',
        "model.safetensors.index.json": json.dumps(index(1000)).encode(),
    }
    repository.branches |= {"v1.0": OLDER, "refs/pr/3": OLDER}
    found = fetch(f"hf:org/m@{revision}")
    assert found.config == {"num_hidden_layers": layers}
    assert found.weight_bytes == 1000 * layers
    assert found.source == f"hf:org/m@{COMMIT if layers == 2 else OLDER}:config.json"


def test_a_branch_that_moved_is_read_anew(hub: Hub, fetch: Fetch) -> None:
    repository = hub.add("org/m", config={"n": 2})
    repository.commits[OLDER] = {"config.json": b'{"n": 1}'}
    repository.branches["main"] = OLDER
    assert fetch("hf:org/m").config == {"n": 1}
    repository.branches["main"] = COMMIT
    assert fetch("hf:org/m").config == {"n": 2}


def test_a_repository_that_was_renamed_is_followed(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/new", config=LLAMA, index=index(9))
    hub.add("org/old").moved = "org/new"
    assert fetch("hf:org/old")[:3] == (LLAMA, 9, "old")


def test_a_body_may_come_from_a_storage_elsewhere(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index=index(9)).stored_elsewhere = True
    assert fetch("hf:org/m", HF_TOKEN=TOKEN)[:2] == (LLAMA, 9)
    stored = [request for request in hub.requests if request.path.startswith("/storage")]
    assert [(request.method, request.token) for request in stored] == [("GET", ""), ("GET", "")]


@pytest.mark.parametrize("size", [None, 0, -1, "many", True])
def test_an_index_that_states_no_size_is_told_of(hub: Hub, fetch: Fetch, size: object) -> None:
    hub.add("org/m", config=LLAMA, index=index(size))
    note = "the size of the weights is not known: model.safetensors.index.json does not state it"
    assert fetch("hf:org/m")[:5] == (LLAMA, None, "m", f"hf:org/m@{COMMIT}:config.json", (note,))


def test_the_advice_of_the_hub_is_not_passed_on(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA)
    usual = hub.answer
    advice = {"X-HF-Warning": "unauthenticated; Please set a HF_TOKEN"}

    def answer(request: object) -> Answer:
        status, headers, body = usual(request)  # type: ignore[arg-type]
        return Answer(status, {**headers, **advice}, body)

    hub.answer = answer  # type: ignore[method-assign]
    assert fetch("hf:org/m").config == LLAMA


# The cache


def test_what_is_cached_is_asked_for_but_not_fetched_again(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index=index(7))
    first = fetch("hf:org/m")
    hub.asked()
    assert fetch("hf:org/m") == first
    assert hub.asked() == ["HEAD config.json"]


def test_that_there_is_no_index_is_cached_too(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA)
    first = fetch("hf:org/m")
    hub.asked()
    assert fetch("hf:org/m") == first
    assert hub.asked() == ["HEAD config.json"]


def test_a_commit_in_the_cache_is_not_asked_for(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index=index(7))
    first = fetch(f"hf:org/m@{COMMIT}")
    hub.asked()
    assert fetch(f"hf:org/m@{COMMIT}") == first
    assert hub.asked() == []


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_the_cache_is_read(hub: Hub, fetch: Fetch, variable: str) -> None:
    hub.add("org/m", config=LLAMA, index=index(7))
    first = fetch("hf:org/m")
    hub.asked()
    again = fetch("hf:org/m", **{variable: "1"})
    assert again == first._replace(notes=("read from the cache: HF_HUB_OFFLINE is set",))
    assert hub.asked() == []


def test_a_hub_out_of_reach_is_told_of_where_the_cache_stands_in(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index=index(7))
    first = fetch("hf:org/m")
    again = fetch("hf:org/m", HF_ENDPOINT=NOBODY)
    [note] = again.notes
    assert note.startswith(f"read from the cache: {NOBODY} cannot be reached: ")
    assert again._replace(notes=()) == first


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_hub_that_refuses_is_told_of_where_the_cache_stands_in(
    hub: Hub, fetch: Fetch, status: int
) -> None:
    hub.add("org/m", config=LLAMA)
    first = fetch("hf:org/m")
    hub.always = Answer(status, {})
    again = fetch("hf:org/m")
    assert [note.partition(":")[0] for note in again.notes] == ["read from the cache"]
    assert again._replace(notes=()) == first


def test_the_size_of_the_weights_is_not_known_where_only_config_json_is_cached(
    hub: Hub, fetch: Fetch, tmp_path: Path
) -> None:
    hub.add("org/m", config=LLAMA, index=index(7))
    fetch("hf:org/m")
    for file in (tmp_path / "home").rglob("model.safetensors.index.json"):
        file.unlink()
    unread = "the size of the weights is not known: model.safetensors.index.json could not be read"
    offline = "read from the cache: HF_HUB_OFFLINE is set"
    again = fetch("hf:org/m", HF_HUB_OFFLINE="1")
    assert (again.config, again.weight_bytes, again.notes) == (LLAMA, None, (offline, unread))


def test_a_revision_that_is_gone_is_not_read_from_the_cache(hub: Hub, fetch: Fetch) -> None:
    repository = hub.add("org/m", config=LLAMA)
    repository.branches["old"] = COMMIT
    assert fetch("hf:org/m@old").config == LLAMA
    del repository.branches["old"]
    assert fetch("hf:org/m@old").message == "org/m has no revision 'old'"


# Tokens


def test_the_token_is_sent(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index=index(7)).private = True
    assert fetch("hf:org/m", HF_TOKEN=TOKEN).config == LLAMA
    assert {request.token for request in hub.requests} == {TOKEN}


def test_a_token_from_a_login_is_sent(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    hub.add("org/m", config=LLAMA).gated = True
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "token").write_text(TOKEN)
    assert fetch("hf:org/m").config == LLAMA


# What is refused

LOG_IN = "log in with `hf auth login` or set HF_TOKEN"


class Refused(NamedTuple):
    """A call, and words that its one sentence and its way out must have."""

    reference: str
    message: str
    hint: str
    asked: tuple[str, ...] = ("HEAD config.json",)
    env: tuple[tuple[str, str], ...] = ()


@pytest.mark.parametrize(
    "case",
    [
        Refused("hf:org/none", "there is no org/none at {url}, or it is private", LOG_IN),
        Refused("hf:org/private", "there is no org/private at {url}, or it is private", LOG_IN),
        Refused(
            "hf:org/gated",
            "org/gated is gated: its files are for those who accepted its licence",
            f"accept it at {{url}}/org/gated, then {LOG_IN}",
        ),
        Refused(
            "hf:org/private",
            "{url} answers 401 Invalid credentials in Authorization header",
            "the token is wrong or old",
            env=(("HF_TOKEN", "hf_another"),),
        ),
        Refused(
            "hf:org/m@nowhere",
            "org/m has no revision 'nowhere'",
            "its branches and commits are at {url}/org/m/tree/main",
        ),
        Refused(
            "hf:org/gguf",
            "org/gguf has no config.json, but GGUF files",
            "download the smallest of 2: hf download org/gguf m-Q4_K_M.gguf --local-dir gguf, "
            "then name gguf/m-Q4_K_M.gguf",
            ("HEAD config.json", "GET files"),
        ),
        Refused(
            "hf:org/lora",
            "org/lora has no config.json",
            "adapter_config.json is a LoRA or PEFT adapter: read the base model",
            ("HEAD config.json", "GET files"),
        ),
        Refused(
            "hf:org/empty",
            "org/empty has no config.json",
            "name a repository that has one",
            ("HEAD config.json", "GET files"),
        ),
        Refused(
            "hf:org/m",
            "org/m is not in the cache, and HF_HUB_OFFLINE is set",
            "unset HF_HUB_OFFLINE to fetch it into {home}",
            (),
            (("HF_HUB_OFFLINE", "1"),),
        ),
        Refused(
            "hf:org/m",
            f"{NOBODY} cannot be reached: ",
            "check the connection, the proxy and HF_ENDPOINT",
            (),
            (("HF_ENDPOINT", NOBODY),),
        ),
        Refused(
            "hf:org/m",
            "hub.local cannot be reached: ",
            "check the connection, the proxy and HF_ENDPOINT",
            (),
            (("HF_ENDPOINT", "hub.local"),),
        ),
        Refused(
            "hf:org/html",
            "the config.json of org/html is not JSON",
            "to fetch it again: hf download --force-download org/html config.json",
            tuple(ONCE[:3]),
        ),
    ],
    ids=lambda case: case.reference,
)
def test_a_refusal_says_what_is_wrong_and_the_way_out(
    hub: Hub, fetch: Fetch, case: Refused, tmp_path: Path
) -> None:
    hub.add("org/m", config=LLAMA)
    hub.add("org/private", config=LLAMA).private = True
    hub.add("org/gated", config=LLAMA).gated = True
    hub.add("org/html", config=b"<html>log in to the proxy first</html>")
    hub.add("org/empty")
    hub.add("org/lora", **{"adapter_config.json": {"peft_type": "LORA"}})
    hub.add("org/gguf", **{"m-Q8_0.gguf": b"GGUF", "m-Q4_K_M.gguf": b"GGUF", "README.md": b"#"})
    found = fetch(case.reference, **dict(case.env))
    filled = {"url": hub.url, "home": tmp_path / "home" / "hub"}
    assert case.message.format(**filled) in found.message
    assert case.hint.format(**filled) in found.hint
    assert hub.asked() == list(case.asked)


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (Answer(500, {}), "answers 500 Internal Server Error", "try again later"),
        (Answer(503, {}, b"<html>"), "answers 503 Service Unavailable", "try again later"),
        (Answer(599, {}), "answers 599", "try again later"),
        (Answer(429, {}), "answers 429 Too Many Requests", "wait a little"),
        (Answer(403, {}), "answers 403 Forbidden", "with a token that may read it"),
        (Answer(401, {}), "or it is private", LOG_IN),
        (Answer(404, {}, b"no such page"), "answers 404 Not Found", "check HF_ENDPOINT"),
        (Answer(200, {}, b"<html>"), "does not answer as a hub does", "check HF_ENDPOINT"),
        (Answer(200, {"ETag": '"a"'}, b"{}"), "does not answer as a hub does", "the proxy"),
        (
            Answer(403, {"X-Error-Message": "Access to this resource is disabled."}),
            "answers 403 Access to this resource is disabled",
            "token",
        ),
    ],
    ids=lambda value: value.status if isinstance(value, Answer) else "",
)
def test_an_answer_of_another_kind_is_asked_for_once(
    hub: Hub, fetch: Fetch, answer: Answer, message: str, hint: str
) -> None:
    hub.always = answer
    found = fetch("hf:org/m")
    assert message in found.message
    assert hint in found.hint
    assert hub.asked() == ["HEAD config.json"]


def test_a_redirect_without_end_ends(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/a").moved = "org/b"
    hub.add("org/b").moved = "org/a"
    found = fetch("hf:org/a")
    assert found.message.startswith(f"{hub.url} cannot be reached: ")
    assert "HF_ENDPOINT" in found.hint


def test_a_hub_that_says_nothing_is_left_after_its_timeout(hub: Hub, fetch: Fetch) -> None:
    hub.silent = threading.Event()
    try:
        found = fetch("hf:org/m", HF_HUB_ETAG_TIMEOUT="1")
    finally:
        hub.silent.set()
    assert found.message.startswith(f"{hub.url} cannot be reached: ")
    assert "timed out" in found.message
    assert hub.asked() == ["HEAD config.json"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("hf:", "'' is no name of a repository"),
        ("hf:org/", "'org/' is no name of a repository"),
        ("hf:/name", "'/name' is no name of a repository"),
        ("hf:https://huggingface.co/org/name", "is no name of a repository"),
        ("hf:../name", "'../name' is no name of a repository"),
        ("hf:org/a--b", "'org/a--b' is no name of a repository"),
        ("hf:org/a b", "'org/a b' is no name of a repository"),
        ("hf:org/name.git", "'org/name.git' is no name of a repository"),
        ("hf:org/café", "'org/café' is no name of a repository"),
        ("hf:@main", "'' is no name of a repository"),
        ("hf:org/name@", "nothing after the @"),
        ("hf:org/name@../../x", "'../../x' is no name of a revision"),
        ("hf:org/name@/x", "'/x' is no name of a revision"),
        ("hf:org/name@a b", "'a b' is no name of a revision"),
        ("hf:org/name@a@b", "'a@b' is no name of a revision"),
    ],
)
def test_a_malformed_reference_is_told_of_before_anything_is_asked(
    reference: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError) as caught:
        kvcalc.importers.hub.fetch(reference)
    [problem] = caught.value.problems
    assert message in problem.message
    assert problem.hint.startswith(("write hf:organisation/name", "name a branch"))
    assert problem.file == reference


def test_without_the_client_the_extra_is_named(fetch: Fetch) -> None:
    found = fetch("hf:org/m", WITHOUT_CLIENT)
    assert found.message == "hf: needs the package huggingface_hub, which is not installed"
    assert found.hint == "pip install 'kvcalc[hub]'"


def test_an_endpoint_that_is_no_address_is_told_of(fetch: Fetch) -> None:
    found = fetch("hf:org/m", HF_ENDPOINT="http://[nothing")
    assert found.message
    assert "HF_ENDPOINT" in found.hint


def test_a_cache_that_cannot_be_used_is_named(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    hub.add("org/m", config=LLAMA)
    home = tmp_path / "a-file"
    home.write_text("")
    found = fetch("hf:org/m", HF_HOME=str(home))
    assert found.message.startswith("the cache of the hub cannot be used: ")
    assert str(home) in found.message
    assert found.hint == "set HF_HOME to a folder that can be written"


# From the command line


def readme_commands() -> list[list[str]]:
    """The commands of the README that ask the hub."""
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    lines = [line.split() for line in readme.splitlines() if line.startswith("kvcalc ")]
    return [words[1:] for words in lines if any(word.startswith("hf:") for word in words)]


@pytest.mark.parametrize("arguments", readme_commands(), ids=" ".join)
def test_the_commands_of_the_readme_run(arguments: list[str], hub: Hub, tmp_path: Path) -> None:
    # 36 layers x 2 x 8 KV heads x 128 x 2 B
    config = {
        "model_type": "qwen3",
        "num_hidden_layers": 36,
        "hidden_size": 4096,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "use_sliding_window": False,
        "torch_dtype": "bfloat16",
    }
    hub.add("Qwen/Qwen3-8B", config=config, index=index(16_381_470_720))
    ran = kvcalc_of(hub, tmp_path, *arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    told = answer if arguments[0] == "show" else answer["rows"][0]
    assert told["bytes_per_token"] == 36 * 2 * 8 * 128 * 2
    assert told["model"] == "Qwen3-8B"


def test_what_was_read_is_named_to_the_commit(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/Model-7B", config=LLAMA)
    ran = kvcalc_of(hub, tmp_path, "import", "hf:org/Model-7B")
    assert f'from: "hf:org/Model-7B@{COMMIT}:config.json"' in ran.stdout


def test_a_repository_that_is_not_there_is_told_of_in_one_sentence(
    hub: Hub, tmp_path: Path
) -> None:
    ran = kvcalc_of(hub, tmp_path, "show", "hf:org/none")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("hf:org/none: ")
    assert "Traceback" not in ran.stderr


def test_a_refused_field_is_named_with_the_repository(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/Odd", config={**LLAMA, "kv_nonsense": 3})
    ran = kvcalc_of(hub, tmp_path, "show", "hf:org/Odd")
    assert ran.returncode == 2
    assert "hf:org/Odd" in ran.stderr
    assert "kv_nonsense" in ran.stderr

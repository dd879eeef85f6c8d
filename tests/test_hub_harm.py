"""Hubs that answer as none should: one short problem, exit 2, and nothing secret in it."""

from __future__ import annotations

import gzip
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from kvcalc.document import MAX_JSON_BYTES
from kvcalc.importers.bounded import CONFIG_BYTES
from kvcalc.importers.hub.secrets import MOST, scrubbed
from tests.hub_fetch import LLAMA, NOBODY, Fetch, index, kvcalc_of
from tests.hub_server import COMMIT, Answer, Hub, Request

SECRET = "s3cr3t-of-mine"
TOKEN = "hf_" + "aB3" * 11
KNOWN = {"ETag": '"a"', "X-Repo-Commit": COMMIT}
ESCAPES = "\x1b]0;owned\x07\x1b[2Jred \u202etxt"


def refused(hub: Hub, home: Path, **env: str) -> str:
    """What is said where a model of the hub is shown, which must be one problem and no more."""
    ran = kvcalc_of(hub, home, "show", "hf:org/m", **env)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("hf:org/m: ")
    assert ran.stderr.count("\n") == 2
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr) < 800
    assert not {"\x1b", "\x07", "\u202e"} & set(ran.stderr)
    assert SECRET not in ran.stderr
    assert TOKEN not in ran.stderr
    return ran.stderr


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(304, {}), "it names no commit"),
        (Answer(304, KNOWN), "the config.json of org/m is not JSON"),
        (Answer(200, {"ETag": '"a"', "X-Repo-Commit": "../../../up"}, b"{}"), "it names no commit"),
        (
            Answer(302, {"Location": "/org/m/resolve/main/config.json"}),
            "cannot be reached: one request leads to the same again",
        ),
        (Answer(302, {"Location": "/" + "x" * 60_000}), "cannot be reached: "),
        (Answer(302, {"Location": f"/a?{SECRET}={TOKEN}"}), "cannot be reached: "),
        (Answer(302, {"Location": "http://[nothing"}), "cannot be reached: "),
        (Answer(400, {"X-Error-Message": "no " * 20_000}), "answers 400 no no"),
        (Answer(403, {"X-Error-Message": f"{ESCAPES[:-5]} {TOKEN}"}), r"answers 403 \x1b]0;owned"),
        (Answer(404, {"X-Error-Code": "RevisionNotFound"}), "has no revision 'main'"),
        (Answer(500, {}, b"\0" * 10), "answers 500"),
        (Answer(200, {**KNOWN, "Content-Length": "many"}, b"{}"), ""),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Answer) else "",
)
def test_an_odd_answer_is_one_problem(
    answer: Answer, message: str, hub: Hub, tmp_path: Path
) -> None:
    hub.always = answer
    assert message in refused(hub, tmp_path)


def test_a_configuration_of_the_same_size_as_one_from_a_path() -> None:
    assert CONFIG_BYTES == MAX_JSON_BYTES


def test_a_configuration_that_is_said_to_be_huge_is_not_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.always = Answer(200, {**KNOWN, "Content-Length": "9000000000"})
    assert "the config.json of org/m is larger than 8,000,000 bytes" in refused(hub, tmp_path)
    assert hub.asked() == ["HEAD config.json"]


def chunked(handler: BaseHTTPRequestHandler, request: Request) -> bool:
    """Answers without a length, and without an end to its body."""
    handler.send_response(200)
    for name, value in {**KNOWN, "Transfer-Encoding": "chunked", "Connection": "close"}.items():
        handler.send_header(name, value)
    handler.end_headers()
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    try:
        for _ in range(100 if request.method == "GET" else 0):
            handler.wfile.write(piece)
    except OSError:
        pass  # the client has hung up
    handler.close_connection = True
    return True


def zipped(handler: BaseHTTPRequestHandler, request: Request) -> bool:
    """Answers with a small body that unpacks to a large one."""
    body = gzip.compress(b" " * 100_000_000) if request.method == "GET" else b""
    handler.send_response(200)
    packed = {"Content-Encoding": "gzip", "Content-Length": str(len(body))} if body else {}
    for name, value in {**KNOWN, **packed, "Connection": "close"}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True
    return True


@pytest.mark.parametrize("by_hand", [chunked, zipped])
def test_a_body_without_end_is_left_where_it_is_too_large(
    by_hand: object, hub: Hub, tmp_path: Path
) -> None:
    hub.by_hand = by_hand  # type: ignore[assignment]
    assert "the config.json of org/m is larger than 8,000,000 bytes" in refused(hub, tmp_path)
    files = [path for path in (tmp_path / "hub").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < CONFIG_BYTES


def test_a_large_configuration_in_the_cache_is_not_read(
    hub: Hub, fetch: Fetch, tmp_path: Path
) -> None:
    hub.add("org/m", config=LLAMA)
    kept = Path(tmp_path / "home/hub/models--org--m/snapshots" / COMMIT / "config.json")
    fetch("hf:org/m")
    with kept.open("ab") as file:
        file.truncate(50_000_000)
    assert "is larger than 8,000,000 bytes" in fetch("hf:org/m").message


def test_a_body_of_another_length_than_was_said_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/m", config=LLAMA)
    usual = hub.answer

    def answer(request: Request) -> Answer:
        status, headers, body = usual(request)
        return Answer(status, headers, body if request.method == "GET" else body + b" ")

    hub.answer = answer  # type: ignore[method-assign]
    assert "Consistency check failed" in refused(hub, tmp_path)


def test_a_hub_that_hangs_up_is_one_problem(hub: Hub, tmp_path: Path) -> None:
    def hang_up(handler: BaseHTTPRequestHandler, request: Request) -> bool:
        handler.close_connection = True
        return True

    hub.by_hand = hang_up
    assert "cannot be reached: Server disconnected" in refused(hub, tmp_path)


def reset(handler: BaseHTTPRequestHandler, request: Request) -> bool:
    """Breaks off within the body."""
    if request.method == "GET":
        handler.send_response(200)
        handler.send_header("Content-Length", "5000")
        handler.end_headers()
        handler.wfile.write(b"{")
        handler.close_connection = True
    return request.method == "GET"


def busy(handler: BaseHTTPRequestHandler, request: Request) -> bool:
    """Tells a client to wait for a day."""
    if request.method == "GET":
        handler.send_response(429)
        handler.send_header("Retry-After", "86400")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
    return request.method == "GET"


@pytest.mark.parametrize(
    ("by_hand", "message"),
    [(reset, "peer closed connection"), (busy, "answers 429 Too Many Requests")],
)
def test_a_download_is_tried_once_and_not_waited_for(
    by_hand: object, message: str, hub: Hub, tmp_path: Path
) -> None:
    hub.add("org/m", config=LLAMA)
    hub.by_hand = by_hand  # type: ignore[assignment]
    assert message in refused(hub, tmp_path)
    assert hub.asked() == ["HEAD config.json", "HEAD config.json", "GET config.json"]


def test_an_index_that_is_refused_is_asked_for_once(hub: Hub, fetch: Fetch) -> None:
    hub.add("org/m", config=LLAMA, index=index(9))
    usual = hub.answer
    hub.answer = lambda request: (  # type: ignore[method-assign]
        Answer(503, {}) if "index" in request.path else usual(request)
    )
    unread = "the size of the weights is not known: model.safetensors.index.json could not be read"
    assert fetch("hf:org/m").notes == (unread,)
    assert hub.asked()[-2:] == ["GET files", "HEAD model.safetensors.index.json"]


def test_a_hub_without_tls_is_one_problem(hub: Hub, tmp_path: Path) -> None:
    said = refused(hub, tmp_path, HF_ENDPOINT=hub.url.replace("http://", "https://"))
    assert "SSL" in said


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b'{"id": "a", "siblings": 3}', b'{"id": "a", "siblings": [{}]}',
     b'{"id": "a", "siblings": [{"rfilename": 3, "size": "x"}]}', b"[" * 100_000],
    ids=lambda body: body[:40].decode(),
)  # fmt: skip
def test_a_listing_that_is_none_keeps_nothing_from_being_counted(
    body: bytes, hub: Hub, fetch: Fetch
) -> None:
    hub.add("org/m", config=LLAMA, index=index(9))
    usual = hub.answer

    def answer(request: Request) -> Answer:
        is_listing = request.path.startswith("/api/")
        return Answer(200, {}, body) if is_listing else usual(request)

    hub.answer = answer  # type: ignore[method-assign]
    found = fetch("hf:org/m")
    assert found.config == LLAMA
    assert fetch("hf:org/m") == found


# Secrets


@pytest.mark.parametrize(
    "env",
    [
        {"HF_ENDPOINT": NOBODY.replace("//", f"//user:{SECRET}@")},
        {"HF_ENDPOINT": NOBODY.replace("//", f"//{SECRET}@")},
        {"HF_ENDPOINT": f"{NOBODY}?token={SECRET}"},
        {"HF_ENDPOINT": f"http://user:{SECRET}@[nothing"},
        {"HF_ENDPOINT": f"http://user:{SECRET}@host\u2100/x"},
        {"HF_ENDPOINT": f"ftp://user:{SECRET}@host"},
        {"HF_ENDPOINT": f"user:{SECRET}@host"},
        {"HTTP_PROXY": f"http://user:{SECRET}@127.0.0.1:9", "NO_PROXY": ""},
        {"HTTP_PROXY": f"odd://user:{SECRET}@127.0.0.1:9", "NO_PROXY": ""},
        {"HTTP_PROXY": f"http://user:{SECRET}@127.0.0.1:port", "NO_PROXY": ""},
        {"HF_TOKEN": f"hf_{SECRET}é"},
        {"HF_TOKEN": f"hf_{SECRET} \x1b[2J"},
    ],
    ids=lambda env: " ".join(f"{name} {value[:30]!r}" for name, value in env.items()),
)
def test_a_secret_of_the_environment_is_not_shown(
    env: dict[str, str], hub: Hub, tmp_path: Path
) -> None:
    refused(hub, tmp_path, **env)


@pytest.mark.parametrize("mark", ["\0", "\0\n'", "é"])
def test_a_token_that_no_header_may_have_is_not_shown(mark: str, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"hf_{mark}{SECRET}{mark}more", encoding="utf-8")
    assert "the token cannot be sent" in refused(hub, tmp_path)


def test_a_secret_of_the_environment_is_in_no_note(hub: Hub, tmp_path: Path) -> None:
    config = {**LLAMA, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 4}
    hub.add("org/m", config=config)
    kvcalc_of(hub, tmp_path, "show", "hf:org/m")
    endpoint = NOBODY.replace("//", f"//user:{SECRET}@")
    for form in ("table", "json", "csv", "markdown"):
        arguments = ("show", "hf:org/m", "-f", form)
        ran = kvcalc_of(hub, tmp_path, *arguments, HF_ENDPOINT=endpoint, HF_TOKEN=TOKEN)
        assert ran.returncode == 0
        assert "read from the cache" in ran.stdout + ran.stderr
        assert SECRET not in ran.stdout + ran.stderr


def test_a_password_of_the_endpoint_is_sent_to_it(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/m", config={**LLAMA, "kv_odd": 3})
    endpoint = hub.url.replace("//", f"//user:{SECRET}@")
    assert "kv_odd" in kvcalc_of(hub, tmp_path, "show", "hf:org/m", HF_ENDPOINT=endpoint).stderr
    sent = {dict(request.headers)["Authorization"].partition(" ")[0] for request in hub.requests}
    assert sent == {"Basic"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("over\nlines\tand  spaces", "over lines and spaces"),
        (f"at https://user:{SECRET}@host/path failed", "at https://host/path failed"),
        (f"at https://{SECRET}@host failed", "at https://host failed"),
        (f"netloc 'user:{SECRET}@host' is odd", "netloc 'host' is odd"),
        ("at https://host/a?X-Amz-Signature=abc#d now", "at https://host/a now"),
        (f"Illegal header value b'Bearer {TOKEN}\\n'", "Illegal header value b'Bearer ***"),
        (f"token {TOKEN} is old", "token *** is old"),
        ("hf_jwt_abc.def is old", "*** is old"),
        ("hf_quant_config.json and hf_hub_download", "hf_quant_config.json and hf_hub_download"),
        ("\x1b[31mred\u202e", "\\x1b[31mred\\u202e"),
        ("x" * 9999, "x" * MOST + "..."),
        ("-:" * 9999, "-:" * (MOST // 2) + "..."),
        ("mine is p%40ssw0rd, p@ssw0rd", "mine is ***, ***"),
    ],
)
def test_what_is_hidden_of_a_text(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:p%40ssw0rd@proxy:8080")
    assert scrubbed(text) == shown


def test_the_token_itself_is_hidden_in_whatever_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", "an odd one")
    (tmp_path / "token").write_text("another\n")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    assert scrubbed("you sent an odd one or another") == "you sent *** or ***"

"""A hub of our own on 127.0.0.1, which speaks to the real client as the public one does."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLDER = "fedcba9876543210fedcba9876543210fedcba98"
TOKEN = "hf_a_token_that_may"


class Request(NamedTuple):
    """One request as it came in."""

    method: str
    path: str
    token: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Answer(NamedTuple):
    """One answer: its status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Repository:
    """Files by commit, the branches that lead there, and who may read them."""

    commits: dict[str, dict[str, bytes]]
    branches: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    private: bool = False
    gated: bool = False
    moved: str = ""
    stored_elsewhere: bool = False
    """Whether the bodies come by a redirect to the address of a storage, as of large files."""


@dataclass
class Hub:
    """The repositories, and every request so far."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    always: Answer | None = None
    """What it answers to whatever is asked, where that is set."""
    silent: threading.Event | None = None
    """What it waits for before it answers, where that is set."""
    lists: bool = True
    """Whether it tells what files there are, which a plain mirror does not."""
    sizes: dict[str, int] = field(default_factory=dict)
    """How large files are called in a listing, by their path."""
    by_hand: Callable[[BaseHTTPRequestHandler, Request], bool] | None = None
    """What answers in its own way, where it says that it has."""

    def add(self, name: str, **files: object) -> Repository:
        """A repository whose main branch has these files; `config` stands for config.json."""
        bodies = {_file(name): _body(content) for name, content in files.items()}
        self.repositories[name] = Repository({COMMIT: bodies})
        return self.repositories[name]

    def asked(self) -> list[str]:
        """The method and the file of each request since the last time, such as `GET x.json`."""
        lines = [f"{one.method} {_last(one.path)}" for one in self.requests]
        self.requests.clear()
        return lines

    def answer(self, request: Request) -> Answer:
        """What the hub says to a request."""
        if self.always is not None:
            return self.always
        path = unquote(request.path.partition("?")[0]).strip("/")
        if path.startswith("storage/"):
            return self._stored(path)
        if path.startswith("api/models/"):
            return self._listing(request, path.removeprefix("api/models/"))
        name, _, rest = path.partition("/resolve/")
        repository = self.repositories.get(name)
        if request.token and request.token != TOKEN:
            return _error(401, "", "Invalid credentials in Authorization header")
        if repository is None or (repository.private and not request.token):
            return _error(401, "RepoNotFound", "Invalid username or password.")
        if repository.moved:
            to = request.path.replace(name, repository.moved, 1)
            return Answer(307, {"Location": to})
        if repository.gated and not request.token:
            text = f"Access to model {name} is restricted. You must have access to it."
            return _error(401, "GatedRepo", text)
        return self._file(repository, rest)

    def _file(self, repository: Repository, rest: str) -> Answer:
        known = [*repository.branches, *repository.commits]
        revision = next((name for name in known if rest.startswith(f"{name}/")), None)
        if revision is None:
            return _error(404, "RevisionNotFound", "Invalid rev id")
        file = rest.removeprefix(f"{revision}/")
        commit = repository.branches.get(revision, revision)
        body = repository.commits[commit].get(file)
        if body is None:
            return _error(404, "EntryNotFound", "Entry not found", commit)
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        headers = {"ETag": etag, "X-Repo-Commit": commit, "Content-Type": "text/plain"}
        if repository.stored_elsewhere:
            headers["X-Linked-Etag"] = etag
            headers["X-Linked-Size"] = str(len(body))
            name = next(n for n, known in self.repositories.items() if known is repository)
            # another host to the client, which shows it neither the token nor a second HEAD
            there = self.url.replace("127.0.0.1", "localhost")
            headers["Location"] = f"{there}/storage/{name}/{commit}/{file}"
            return Answer(302, headers)
        return Answer(200, headers, body)

    def _stored(self, path: str) -> Answer:
        _, organisation, name, commit, file = path.split("/", 4)
        return Answer(200, {}, self.repositories[f"{organisation}/{name}"].commits[commit][file])

    def _listing(self, request: Request, path: str) -> Answer:
        name, _, revision = path.partition("/revision/")
        repository = self.repositories.get(name)
        if not self.lists:
            return Answer(404, {}, b"no such page")
        if repository is None or (repository.private and not request.token):
            return _error(401, "RepoNotFound", "Invalid username or password.")
        if repository.moved:
            return Answer(307, {"Location": request.path.replace(name, repository.moved, 1)})
        commit = repository.branches.get(revision or "main", revision)
        with_sizes = request.path.endswith("blobs=true")
        files = [
            {"rfilename": file} | ({"size": self.sizes.get(file, len(body))} if with_sizes else {})
            for file, body in repository.commits[commit].items()
        ]
        data = {"id": name, "modelId": name, "sha": commit, "siblings": files}
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(data).encode())


def _last(path: str) -> str:
    """The file that a path ends in; of a listing, that it is one."""
    return "files" if path.startswith("/api/models/") else path.rpartition("/")[2]


def _file(name: str) -> str:
    known = {"config": "config.json", "index": "model.safetensors.index.json"}
    return known.get(name, name)


def _body(content: object) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def _error(status: int, code: str, message: str, commit: str = "") -> Answer:
    headers = {"X-Error-Code": code, "X-Error-Message": message, "X-Repo-Commit": commit}
    return Answer(status, {name: value for name, value in headers.items() if value})


@contextmanager
def running() -> Iterator[Hub]:
    """A hub that answers while this lasts, at its `url`."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._reply(with_body=False)

        def do_GET(self) -> None:
            self._reply(with_body=True)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: what was asked is in `hub.requests`."""

        def _reply(self, *, with_body: bool) -> None:
            kind, _, token = self.headers.get("Authorization", "").partition(" ")
            token = token if kind == "Bearer" else ""
            request = Request(self.command, self.path, token, tuple(self.headers.items()))
            hub.requests.append(request)
            if hub.silent is not None:
                hub.silent.wait(30)
            if hub.by_hand is not None and hub.by_hand(self, request):
                return
            status, headers, body = hub.answer(request)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

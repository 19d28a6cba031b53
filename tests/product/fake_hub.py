"""A Hub of the calls that publishing makes, on loopback, with ways to fail."""

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeHub:
    """Attributes:
    endpoint: http://127.0.0.1:PORT.
    fail: part of a path -> status to answer with, or "hang up".
    calls: (method, path, body) in order. files: repository -> path -> bytes.
    """

    def __init__(self) -> None:
        self.fail: dict[str, int | str] = {}
        self.calls: list[tuple[str, str, dict]] = []
        self.files: dict[str, dict[str, bytes]] = {}
        self.commits = 0
        self.tokens: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve("GET", b"")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        for words, how in self.hub.fail.items():
            if words in self.path and how == "hang up":
                # in the middle of what is sent
                self.rfile.read(length // 2)
                self.close_connection = True
                self.connection.close()
                return
        self._serve("POST", self.rfile.read(length))

    def _serve(self, method: str, body: bytes) -> None:
        hub, path = self.hub, self.path.split("?")[0]
        hub.tokens.add(self.headers.get("Authorization", ""))
        lines = [json.loads(line) for line in body.splitlines() if line]
        hub.calls.append((method, path, lines[0] if lines else {}))
        for words, status in hub.fail.items():
            if words in path and isinstance(status, int):
                self._answer(status, {"error": "no"})
                return
        if path == "/api/repos/create":
            kind = lines[0].get("type", "model")
            name = f"{lines[0]['organization']}/{lines[0]['name']}"
            hub.files.setdefault(f"{kind}s/{name}", {".gitattributes": b""})
            self._answer(200, {"url": f"{hub.endpoint}/{name}", "id": name})
        elif path == "/api/validate-yaml":
            self._answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in path:
            modes = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                for one in lines[0]["files"]
            ]
            self._answer(200, {"files": modes})
        elif "/commit/" in path:
            self._commit(path, lines)
        elif "/branch/" in path:
            self._answer(200, {})
        else:
            kind, owner, name = path.removeprefix("/api/").split("/")[:3]
            files = hub.files.get(f"{kind}/{owner}/{name}")
            if files is None:
                self._answer(404, {"error": "Repository not found"})
            elif "/tree/" in path:
                told = [
                    {"type": "file", "path": k, "size": len(v), "oid": "0" * 40}
                    for k, v in files.items()
                ]
                self._answer(200, told)
            else:
                siblings = [{"rfilename": one} for one in files]
                told = {"id": f"{owner}/{name}", "sha": "1" * 40, "siblings": siblings}
                self._answer(200, {**told, "private": False, "tags": [], "downloads": 0})

    def _commit(self, path: str, lines: list[dict]) -> None:
        kind, owner, name = path.removeprefix("/api/").split("/")[:3]
        files = self.hub.files[f"{kind}/{owner}/{name}"]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self.hub.commits += 1
        url = f"{self.hub.endpoint}/{owner}/{name}/commit/{'1' * 40}"
        self._answer(200, {"commitUrl": url, "commitOid": "1" * 40, "success": True})

    def _answer(self, status: int, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def fake_hub():
    """A `FakeHub` that serves until the end of the block."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

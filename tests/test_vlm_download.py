"""Downloads against a hub on this machine that breaks off, lies about what it sends, or is not there."""

import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

pytest.importorskip("huggingface_hub", reason="pip install 'diascribe[vlm]'")
COMMIT = "a" * 40
HEAD = json.dumps({"a": {"dtype": "U8", "shape": [24_000_000], "data_offsets": [0, 24_000_000]}}).encode()
WEIGHTS = struct.pack("<Q", len(HEAD)) + HEAD + bytes(24_000_000)
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS, "unused.gguf": b"x" * 9}
CODE = """
from vlm.weights import download, find
told = []
try:
    print("folder", download("me/tiny", lambda done, total: told.append((done, total))))
except Exception as error:
    print(type(error).__name__, error, "|", error.hint)
print("found", find("me/tiny") is not None, "told", len(told), max(told, default=None))
"""


@pytest.fixture
def hub():
    """A hub with one model. cut: bytes of the weights after which the first answer breaks off; junk: sent instead."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            if self.path.startswith(("/api/models/me/tiny", "/api/models/sentence-transformers/tiny")):
                self.server.revisions.add(unquote(self.path).partition("/revision/")[2].partition("?")[0])
                rows = [{"rfilename": name, "size": len(data)} for name, data in FILES.items()]
                tree = [{"type": "file", "path": name, "size": len(data), "oid": "0"} for name, data in FILES.items()]
                data = tree if "/tree/" in self.path else {"id": "me/tiny", "sha": COMMIT, "siblings": rows}
                self.send(200, json.dumps(data).encode(), {"content-type": "application/json"}, body=body)
                return
            name = self.path.rsplit("/", 1)[1]
            if name not in FILES:
                self.send(404, b"", {"x-error-code": "EntryNotFound"}, body=body)
                return
            whole = FILES[name]
            etag = hashlib.sha256(whole).hexdigest() if name.endswith("safetensors") else "b" * 40
            headers = {"etag": f'"{etag}"', "x-repo-commit": COMMIT, "accept-ranges": "bytes"}
            asked = re.match(r"bytes=(\d+)-", self.headers.get("range", ""))
            start = int(asked[1]) if asked else 0
            if body:
                self.server.asked.append((name, start))
            data = self.server.junk if self.server.junk and name.endswith("safetensors") else whole
            if start:
                headers["content-range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
            self.send(206 if start else 200, data[start:], headers, body=body, name=name)

        def send(self, status, data, headers, *, body, name=""):
            self.send_response(status)
            for key, value in {**headers, "content-length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if not body:
                return
            if name.endswith("safetensors") and self.server.cut:
                self.wfile.write(data[: self.server.cut])
                self.server.cut = 0
                self.close_connection = True
                self.wfile.flush()
                self.connection.shutdown(2)
                return
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.cut, server.junk, server.revisions = [], 0, b"", set()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def fetch(hub, cache, code=CODE, **more):
    env = {**os.environ, "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HUB_CACHE": str(cache)}
    env |= {"PYTHONPATH": ".", "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1"} | more
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=200, check=True,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    return done.stdout


def test_a_download_that_breaks_off_goes_on_where_it_was(hub, tmp_path):
    hub.cut = 15_000_000  # the client keeps whole chunks of 10 MB
    said = fetch(hub, tmp_path)
    assert said.startswith("folder")
    assert "found True" in said
    asked = [start for name, start in hub.asked if name == "model.safetensors"]
    assert asked[0] == 0
    assert asked[-1] > 0
    assert "unused.gguf" not in [name for name, _ in hub.asked]
    assert "told 0" not in said


def test_what_is_fetched_is_held_against_its_digest(hub, tmp_path):
    hub.junk = WEIGHTS[:-1] + b"x"
    said = fetch(hub, tmp_path)
    assert said.startswith("DiascribeError me/tiny was fetched but is damaged")
    assert "diascribe models remove me/tiny" in said


def test_a_hub_without_the_model_is_told(hub, tmp_path):
    before = dict(FILES)
    FILES.clear()
    try:
        said = fetch(hub, tmp_path)
    finally:
        FILES.update(before)
    assert "found False" in said
    assert "DiascribeError" in said


def test_a_revision_is_fetched_and_found_beside_the_main_one(hub, tmp_path):
    code = CODE.replace("me/tiny", "me/tiny@refs/pr/70") + "print(find('me/tiny@main'), find('me/tiny@refs/pr/71'))"
    said = fetch(hub, tmp_path, code)
    assert "found True" in said
    assert said.splitlines()[-1] == "None None"
    assert "refs/pr/70" in hub.revisions
    assert (tmp_path / "models--me--tiny" / "refs" / "refs" / "pr" / "70").read_text() == COMMIT


def test_the_model_of_the_embedder_is_fetched_checked_and_removed_by_the_same_commands(hub, tmp_path):
    code = "from pipeline.cli import main\nimport sys\nmain(['models', *sys.argv[1:]])"

    def command(*words, **more):
        name = f"import sys; sys.argv[1:] = {list(words)!r}\n"
        return fetch(
            hub, tmp_path, name + f"try:\n exec({code!r})\nexcept SystemExit as left: print('left', left.code)", **more
        )

    more = {"DIASCRIBE_CLIP_MODEL": "tiny"}
    assert "state: absent" in command("info", "clip", **more)
    assert command("download", "clip", **more, HF_HUB_OFFLINE="1").strip() == "left 1"
    assert COMMIT in command("download", "clip", **more)
    assert "state: here" in command("info", "clip", **more)
    assert any(line.startswith("clip ") and " here " in line for line in command("list", **more).splitlines())
    assert "0.02 GB freed" in command("remove", "clip", **more)
    hub.junk = WEIGHTS[:-1] + b"x"
    assert command("download", "clip", **more).strip() == "left 1"

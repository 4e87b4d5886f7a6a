"""An OpenAI-compatible server that follows a script, and what it was asked: for tests of engines and of the service."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def event(text=None, finish=None, **more):
    delta = {"content": text} if text is not None else {}
    return "data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}], **more}) + "\n\n"


def streamed(*texts, finish="stop", usage=None):
    """An answer, piece by piece; a number is a pause in seconds."""
    end = [event(usage=usage)] if usage else []
    pieces = [text if isinstance(text, float) else event(text) for text in texts]
    return (200, "text/event-stream", [*pieces, event(finish=finish), *end, "data: [DONE]\n\n"])


@contextlib.contextmanager
def model_server() -> Iterator[ThreadingHTTPServer]:
    """`script` holds its answers (status, type, pieces), `seen` the bodies of requests, `url` its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            status, kind, pieces = self.server.script.pop(0)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for piece in pieces:
                    if isinstance(piece, float):
                        time.sleep(piece)
                    else:
                        self.wfile.write(piece.encode())
                        self.wfile.flush()
                return
            self.server.broken += 1

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.script, http.seen, http.broken = [], [], 0
        http.url = f"http://127.0.0.1:{http.server_port}/v1"
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield http
        http.shutdown()

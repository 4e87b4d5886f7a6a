"""An OpenAI-compatible server as an engine, against a real HTTP server that follows a script, faults and all."""

import base64
import io
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from diagram.errors import EngineError, EngineUnavailableError, InputError, MissingDependencyError
from vlm.engine import Message
from vlm.engines.openai_compatible import OpenAICompatible, is_local

pytest.importorskip("httpx", reason="pip install 'diascribe[server]'")
ASK = [Message("system", ("Be brief.",)), Message("user", ("What?", Image.new("RGBA", (60, 40))))]
SCHEMA = {"type": "object"}
PICTURE = Path(__file__).parent.parent / "data" / "train" / "en-gcd-mermaid10-default.png"


def event(text=None, finish=None, **more):
    delta = {"content": text} if text is not None else {}
    return "data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}], **more}) + "\n\n"


def streamed(*texts, finish="stop", end="data: [DONE]\n\n"):
    return (
        200,
        "text/event-stream",
        [event(text) for text in texts] + ([event(finish=finish)] if finish else []) + [end],
    )


@pytest.fixture
def server():
    """A server; `script` holds its answers (status, type, pieces), `seen` the requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.server.seen.append((self.path, dict(self.headers), body))
            status, kind, pieces, *headers = self.server.script.pop(0)
            self.send_response(status)
            self.send_header("content-type", kind)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            for piece in pieces:
                if isinstance(piece, float):
                    time.sleep(piece)
                else:
                    self.wfile.write(piece.encode())
                    self.wfile.flush()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.script, http.seen = [], []
        http.url = f"http://127.0.0.1:{http.server_port}/v1"
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield http
        http.shutdown()


def engine(server, **more):
    return OpenAICompatible(server.url, "tiny", "secret", **{"timeout": 5.0, "pause": 0.01, **more})


def test_a_reply_is_streamed_and_the_request_is_right(server):
    server.script = [
        streamed("Hel", "lo", end=event(usage={"prompt_tokens": 7, "completion_tokens": 2}) + "data: [DONE]\n\n")
    ]
    pieces = []
    reply = engine(server).generate(ASK, schema=SCHEMA, max_tokens=9, on_text=pieces.append)
    assert (reply.text, reply.finish, pieces) == ("Hello", "stop", ["Hel", "lo"])
    assert (reply.prompt_tokens, reply.tokens) == (7, 2)
    assert reply.notes == ("the server did not keep to the schema",)
    path, headers, body = server.seen[0]
    assert path == "/v1/chat/completions"
    assert {name.lower(): value for name, value in headers.items()}["authorization"] == "Bearer secret"
    assert (body["model"], body["max_tokens"], body["messages"][0]["content"]) == ("tiny", 9, "Be brief.")
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    url = body["messages"][1]["content"][1]["image_url"]["url"]
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert picture.size == (60, 40)
    assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_large_pictures_are_shrunk(server):
    server.script = [streamed("ok")]
    engine(server, max_pixels=5000).generate([Message("user", (Image.new("RGB", (1000, 500)),))])
    url = server.seen[0][2]["messages"][0]["content"][0]["image_url"]["url"]
    width, height = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size
    assert width * height <= 5000
    assert abs(width / height - 2) < 0.1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_by_itself_is_tried_again(server, status):
    server.script = [(status, "application/json", ['{"error": {"message": "busy"}}'])] * 2 + [streamed("ok")]
    assert engine(server).generate(ASK).text == "ok"
    assert len(server.seen) == 3


def test_an_overloaded_server_is_given_up_in_the_end(server):
    server.script = [(500, "text/plain", ["broken"])] * 3
    with pytest.raises(EngineUnavailableError, match="500 broken") as raised:
        engine(server, retries=2).generate(ASK)
    assert raised.value.retryable
    assert len(server.seen) == 3


def test_the_pause_that_a_server_asks_for_is_kept(server):
    server.script = [(429, "text/plain", ["slow down"], ("retry-after", "0.3")), streamed("ok")]
    start = time.monotonic()
    assert engine(server).generate(ASK).text == "ok"
    assert time.monotonic() - start >= 0.3


@pytest.mark.parametrize(("status", "hint"), [(401, "SERVER_KEY"), (404, "SERVER_MODEL")])
def test_refusals_are_not_tried_again_and_say_what_to_do(server, status, hint):
    server.script = [(status, "application/json", ['{"error": {"message": "no"}}'])]
    with pytest.raises(EngineError, match=f"{status} no") as raised:
        engine(server).generate(ASK)
    assert hint in raised.value.hint
    assert not raised.value.retryable


def test_a_server_without_json_schema_is_asked_more_loosely_and_that_is_remembered(server):
    refusal = (400, "application/json", ['{"detail": "response_format is not supported"}'])
    server.script = [refusal, refusal, streamed("{}"), streamed("{}")]
    one = engine(server)
    reply = one.generate(ASK, schema=SCHEMA)
    assert reply.notes == ("the server has no json_schema; used: none",)
    one.generate(ASK, schema=SCHEMA)
    kinds = [body.get("response_format", {}).get("type") for _, _, body in server.seen]
    assert kinds == ["json_schema", "json_object", None, None]


def test_a_stream_that_is_cut_gives_what_came_or_is_tried_again(server):
    server.script = [streamed("half", finish=None, end=""), streamed(finish=None, end=""), streamed("whole")]
    reply = engine(server).generate(ASK)
    assert (reply.text, reply.finish) == ("half", "length")
    assert "broke off" in reply.notes[0]
    assert engine(server).generate(ASK).text == "whole"


@pytest.mark.parametrize("answer", ["data: {oops\n\n", "data: [1]\n\n"])
def test_a_malformed_stream_is_an_error(server, answer):
    server.script = [(200, "text/event-stream", [answer])]
    with pytest.raises(EngineUnavailableError, match="server's answer"):
        engine(server, retries=0).generate(ASK)


def test_an_error_in_the_stream_is_told(server):
    server.script = [(200, "text/event-stream", ['data: {"error": {"message": "CUDA out of memory"}}\n\n'])]
    with pytest.raises(EngineError, match="out of memory"):
        engine(server).generate(ASK)


def test_a_slow_server_is_given_up(server):
    server.script = [(200, "text/event-stream", [1.5, event("late")])]
    with pytest.raises(EngineUnavailableError, match=r"no answer in 0\.3 s"):
        engine(server, timeout=0.3, retries=0).generate(ASK)


def test_a_server_that_does_not_stream_is_understood(server):
    answer = {
        "choices": [{"message": {"content": "whole"}, "finish_reason": "length"}],
        "usage": {"completion_tokens": 3},
    }
    server.script = [(200, "application/json", [json.dumps(answer)])]
    reply = engine(server).generate(ASK)
    assert (reply.text, reply.finish, reply.tokens) == ("whole", "length", 3)


def test_cancelling_ends_at_the_next_piece(server):
    server.script = [streamed("a", "b", "c")]
    cancel = threading.Event()
    reply = engine(server).generate(ASK, on_text=lambda _: cancel.set(), cancel=cancel)
    assert (reply.text, reply.finish) == ("a", "cancelled")


def test_no_server_at_all():
    with pytest.raises(EngineUnavailableError) as raised:
        OpenAICompatible("http://127.0.0.1:9/v1", "tiny", retries=1, pause=0.01).generate(ASK)
    assert "does the server run" in raised.value.hint


def test_other_machines_must_be_allowed():
    for host in ("localhost", "127.0.0.5", "::1", "x.localhost"):
        assert is_local(host)
    for url in ("https://api.example.com/v1", "http://192.168.1.5:8000/v1", "http://localhost.example.com/v1"):
        with pytest.raises(InputError, match="another machine"):
            OpenAICompatible(url, "m")
        OpenAICompatible(url, "m", allow_remote=True)
    with pytest.raises(InputError, match="not the address"):
        OpenAICompatible("localhost:8000", "m")


def test_describe_uses_the_server_and_says_what_both_saw(server, tmp_path, monkeypatch):
    from pipeline.describe import describe
    from pipeline.settings import Settings

    rows = [[1, "terminator", "Start", 0, [2]], [2, "process", "Dance", 0, []]]
    answer = json.dumps({"kind": "flowchart", "language": "en", "lanes": [], "nodes": rows})
    server.script = [streamed(answer[:40], answer[40:])]
    settings = Settings(engine="auto", server_url=server.url, server_model="tiny", examples=0)
    found = describe(PICTURE, settings)
    assert found.engine == "hybrid (tiny at 127.0.0.1)"
    assert "model" in found.evidence.values()
    assert any("Dance" in warning for warning in found.warnings)
    assert "lines" in server.seen[0][2]["messages"][1]["content"][0]["text"]


def test_auto_falls_back_on_the_built_in_reader_where_the_server_fails(server):
    from pipeline.describe import describe
    from pipeline.settings import Settings

    server.script = [(401, "text/plain", ["who are you?"])] * 2
    found = describe(PICTURE, Settings(server_url=server.url, examples=0))
    assert found.engine == "vision"
    assert "read without the model" in found.warnings[0]
    with pytest.raises(EngineError):
        describe(PICTURE, Settings(engine="hybrid", server_url=server.url, examples=0))


def test_words_are_drawn_by_the_server_and_by_the_rules_where_it_fails(server):
    from pipeline.draw import Studio, make_drafter
    from pipeline.settings import Settings

    rows = [[1, "start", "Order", 0, [2]], [2, "task", "Bake", 0, []]]
    answer = json.dumps({"kind": "bpmn", "language": "en", "lanes": [], "nodes": rows})
    server.script = [streamed(answer), (401, "text/plain", ["no"])]
    drafter = make_drafter(Settings(server_url=server.url))
    with Studio("native", drafter=drafter) as studio:
        drawn = studio.draw("An order comes in, then we bake.", "json")
        assert [node.text for node in drawn.diagram.nodes] == ["Order", "Bake"]
        drawn = studio.draw("1. Take the order.\n2. Bake the cake.", "json")
        assert drawn.diagram.nodes
        assert "drawn without the model" in drawn.warnings[0]


def test_auto_means_the_built_in_reader_where_there_is_no_model(monkeypatch, tmp_path):
    from pipeline.engines import choose, make_engine
    from pipeline.settings import Settings

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    settings = Settings(server_url="")
    assert choose(settings).engine == "vision"
    with pytest.raises(MissingDependencyError) as raised:
        make_engine(settings)
    for way in ("models download", "DIASCRIBE_SERVER_URL", "DIASCRIBE_ALLOW_REMOTE"):
        assert way in raised.value.hint


def test_a_question_is_answered_by_the_server(server, monkeypatch, capsys):
    from pipeline.cli import main

    monkeypatch.setenv("DIASCRIBE_SERVER_URL", server.url)
    server.script = [streamed("Two ", "steps.")]
    with pytest.raises(SystemExit) as left:
        main(["ask", str(PICTURE), "Сколько шагов?"])
    assert left.value.code == 0
    assert capsys.readouterr().out == "Two steps.\n"
    assert "отвечаешь" in server.seen[0][2]["messages"][0]["content"]


def test_questions_one_after_another_are_remembered(server, monkeypatch, capsys):
    from pipeline.cli import main

    monkeypatch.setenv("DIASCRIBE_SERVER_URL", server.url)
    monkeypatch.setattr("sys.stdin", io.StringIO("What is it?\n\nAnd then?\n"))
    server.script = [streamed("A loop."), streamed("It ends.")]
    with pytest.raises(SystemExit) as left:
        main(["ask", str(PICTURE)])
    assert left.value.code == 0
    assert capsys.readouterr().out == "A loop.\nIt ends.\n"
    second = server.seen[1][2]["messages"]
    assert [turn["role"] for turn in second] == ["system", "user", "assistant", "user"]
    assert (second[2]["content"], second[3]["content"]) == ("A loop.", "And then?")
